//! Worlds: what a world file describes, and the running thing that it becomes.
//!
//! A [`World`] is everything that one tenant's requests need: clock, chance, directory, keys, journal. Nothing of it that
//! changes is shared with another world; the services, their routers and a [`Stock`] are.

pub mod apps;
mod build;
pub mod federation;
pub mod federation_settings;
pub mod file;
pub mod mdm_settings;
pub mod policies;
mod running;
mod settings;
mod stock;

pub use build::{WorldPlan, WorldProblem, clock_of, operating_system, plan};
pub use federation::Federation;
pub use running::{
    ENROLLMENT_HOST, MANAGEMENT_PORTAL, Service, Start, World, WorldError, WorldKeys,
    document_from_yaml,
};
pub use stock::Stock;
