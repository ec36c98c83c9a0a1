//! The emulated services of linarite, embeddable in a Rust test.
//!
//! A request walks one way: [`edge`] takes the socket, `services` speak the protocol, [`directory`] loads, lets the rules
//! of `linarite-core` decide and writes, and [`journal`] holds what came in, what went out, and why. A [`world::World`]
//! owns all state; [`Emulator`] puts one behind its listeners.

pub mod clock;
pub mod control;
pub mod directory;
pub mod due;
pub mod edge;
mod emulator;
pub mod entropy;
pub mod explain;
pub mod faults;
mod finished;
mod form;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod journal;
mod json;
pub mod keys;
pub mod services;
pub mod world;

pub use emulator::{Builder, CA_DOMAINS, Emulator, StartError};
