//! The harness of linarite.

pub mod expect;
pub mod scenario;
