//! A build without the feature `kafka` writes nothing to Kafka.

use std::io;

use crate::output::options::ReceiverOptions;
use crate::output::{Acceptance, Output, OutputPart};

struct NotBuilt;

/// Returns an output that fails. A configuration with such a URL is refused before.
pub(super) fn output(_: &str, _: &ReceiverOptions) -> Box<dyn Output> {
    Box::new(NotBuilt)
}

impl Output for NotBuilt {
    fn write(&mut self, _: u64, _: &[OutputPart]) -> io::Result<Acceptance> {
        Err(io::Error::other("this build cannot write to Kafka"))
    }
}
