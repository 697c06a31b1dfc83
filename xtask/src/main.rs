//! The project's chores: `cargo xtask TASK`.
fn main() {}
