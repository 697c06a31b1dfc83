//! Formats a pause.

use std::fmt;
use std::time::Duration;

/// Formats a pause in seconds, or in milliseconds if it is less than a second.
pub(super) struct Pause(pub(super) Duration);

impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            0 => write!(f, "{} ms", self.0.as_millis()),
            seconds => write!(f, "{seconds} s"),
        }
    }
}
