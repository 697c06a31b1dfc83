//! What the program `estreamer` shares with the library. It is not part of the interface.

pub use crate::count::Count;
pub use crate::explain::identity_remedy;
pub use crate::format::{Converted, Converter, MappingRow, mapping};
#[cfg(feature = "archive")]
pub use crate::input::decompressed;
pub use crate::input::{Input, read, text};
pub use crate::thread::spawn;
pub use crate::trouble::Words;

/// Facts of certificates in words.
pub mod certificate {
    pub use crate::certificate::*;
}
