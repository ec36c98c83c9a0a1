//! The scenario format: files to a typed model with positions, references, lints, JSON Schema.
//!
//! A file goes this way: [`yaml`] makes a tree of [`node`]s in which everything knows its place;
//! [`decode`] reads the typed [`model`] from it; [`lint`] walks it for what types cannot say. The
//! tree of the world is merged in [`world`]. References ([`expr`]) are replaced when a step runs.
//!
//! Follows the scenario format, version 1. Leaves out running anything: see `run/`.

pub mod capture;
pub mod decode;
pub mod expr;
pub mod finding;
mod lint;
mod load;
pub mod model;
pub mod node;
pub(crate) mod project;
mod rows;
pub mod schema;
pub mod suggest;
pub mod time;
mod world;
pub mod yaml;

pub use finding::{Finding, Severity, Source, Span};
pub use load::{Loaded, Scenario, load, load_action};
pub use node::{Key, Kind, Node};
pub use project::{NotText, Project};
pub use rows::Row;
pub use schema::scenario_schema;
pub use world::{WORLD_KEYS, World, load_world};

#[cfg(test)]
mod tests;
