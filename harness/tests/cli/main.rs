//! The command `linarite` as a user meets it: exit codes, environment of clients, reports, and a server that is killed.
//!
//! Each test has a folder of its own, with links to the worlds and scenarios of the project, and a home of its own, so that
//! nothing of the user's is read or written.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "helpers of tests fail by panicking and say loudly what they skip"
)]

mod clients;
mod due;
mod durable;
mod endings;
mod reports;
mod runs;
mod support;
mod tools;
