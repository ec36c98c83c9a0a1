//! The rules of linarite: pure functions over plain values.
//!
//! What a directory holds ([`tenant`], [`user`], [`device`]), when others see it ([`replication`]) and who does
//! ([`visibility`]), what a join, a leave, a disable or a deletion does to it ([`registration`], [`revocation`]), and who
//! may sign in, use a grant or reach a resource, and why not ([`signin`], [`grant`], [`conditional`], [`access`]). What the documents leave open is a
//! setting ([`tenant::Settings`]), whose default follows from the year that is emulated ([`era`]). Every way to say no is a
//! variant in [`refusal`]. Nothing here does I/O, reads a clock, draws a number or knows a wire format.

pub mod access;
pub mod assertion;
pub mod conditional;
pub mod deletion;
pub mod device;
pub mod duration;
pub mod era;
pub mod federation;
pub mod grant;
pub mod ids;
pub mod instant;
pub mod management;
pub mod refusal;
pub mod registration;
pub mod replication;
pub mod revocation;
pub mod second_factor;
pub mod signin;
pub mod tenant;
pub mod user;
pub mod visibility;
pub mod vouched;
