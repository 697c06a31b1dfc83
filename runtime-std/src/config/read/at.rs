//! A value of a configuration with its line.

/// A value with its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At<T> {
    /// The line, counted from 1; 0 for an argument.
    pub line: usize,
    /// The value.
    pub value: T,
}

impl<T> At<T> {
    /// Returns the value of an argument, which has no line.
    pub const fn argument(value: T) -> Self {
        Self { line: 0, value }
    }
}
