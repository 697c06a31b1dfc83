//! The sources of a world.

use estreamer_core::wire::InitialTimestamp;

use crate::server::Server;

/// The names of the sources.
pub(crate) const SOURCES: [&str; 2] = ["a", "b"];

/// A source.
pub(crate) struct Source {
    pub(crate) server: Server,
    /// What the user asks for.
    pub(crate) ask: InitialTimestamp,
    /// Whether the configuration has it.
    pub(crate) is_configured: bool,
    /// Whether a connection was made: what is stored from then on is promised.
    pub(crate) is_asked: bool,
    /// Whether its clock was set back: from then on nothing is promised.
    pub(crate) is_set_back: bool,
}
