//! The harness of linarite: scenario files, the runner that drives clients through them, and the command line.
//!
//! [`scenario`] reads files, [`expect`] judges values, [`run`] carries scenarios out and tells what happens as a stream of
//! events, [`report`] renders that stream, [`cli`] is the command.

pub mod cli;
pub mod docs;
pub mod expect;
pub mod explain;
pub mod faq;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod report;
pub mod room;
pub mod run;
pub mod scenario;
