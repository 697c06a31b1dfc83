//! The `estreamer` program.
fn main() {}
