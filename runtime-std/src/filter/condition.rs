//! A condition on the fields of an event.

use std::fmt;
use std::str::FromStr;

use super::node::Node;
use super::parse::{self, ConditionError};

/// A condition on the fields of an event, such as `ResponderPort = 443 and not User exists`.
/// It is displayed so that it reads back the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition(pub(super) Node);

impl Condition {
    /// Returns the names of the fields that it reads; a name may come several times.
    pub fn fields(&self) -> Vec<&str> {
        let mut fields = Vec::new();
        self.0.fields(&mut fields);
        fields
    }
}

impl FromStr for Condition {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<Self, ConditionError> {
        parse::node(text).map(Self)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
