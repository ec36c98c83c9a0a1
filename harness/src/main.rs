//! The linarite command.
fn main() {}
