//! End to end: the server behind its listeners, the emulated Windows client and plain HTTP clients in front of them.
//!
//! Every test starts a world of its own on free ports, with a seed and a manual clock. Nothing sleeps, nothing is shared.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "helpers of tests fail by panicking, say loudly what they skip, and pass over what does not concern them"
)]

mod bad_grant;
mod bad_join;
mod begun;
mod conditional;
mod down_level;
mod faces;
mod faults;
mod federation;
mod hybrid;
mod ledger;
mod mdm;
mod model_directory;
mod model_views;
mod model_wire;
mod noise;
mod revocation;
mod roads;
mod state;
mod story;
mod support;
mod verify;
