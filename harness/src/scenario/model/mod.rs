//! The typed model of scenario, world and action files. Every map of the format is one struct whose
//! optional fields are its keys; each knows its place.

mod actions;
mod expect;
mod file;
mod resolve;
mod step;

pub use actions::*;
pub use expect::*;
pub use file::*;
pub use resolve::*;
pub use step::*;
