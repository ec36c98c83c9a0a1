//! The emulated services. Each speaks one protocol: it parses the wire, asks the directory, prints the answer.
//!
//! No service holds a rule, none imports another; what two of them share is a rule (core), a key (keys), a table (data)
//! or a way to read a request ([`call`]) and to write an answer ([`reply`]).

pub mod adfs;
pub mod call;
pub mod drs;
pub mod graph;
pub mod reply;
pub mod resource;
pub mod sts;
pub mod tables;
pub mod token;

use axum::Router;

use crate::world::{Service, Stock};

/// The routers of all services, and what worlds have in common: made once and used for every world.
#[derive(Clone, Debug)]
pub struct Services {
    adfs: Router,
    drs: Router,
    graph: Router,
    resource: Router,
    sts: Router,
    stock: Stock,
}

impl Services {
    /// Builds the routers.
    pub fn new() -> Self {
        Self {
            adfs: adfs::router(),
            drs: drs::router(),
            graph: graph::router(),
            resource: resource::router(),
            sts: sts::router(),
            stock: Stock::default(),
        }
    }

    /// What worlds have in common.
    pub const fn stock(&self) -> &Stock {
        &self.stock
    }

    /// The router of a service.
    pub const fn router(&self, service: Service) -> &Router {
        match service {
            Service::Adfs => &self.adfs,
            Service::Drs => &self.drs,
            Service::Graph => &self.graph,
            Service::Resource => &self.resource,
            Service::Sts => &self.sts,
        }
    }
}

impl Default for Services {
    fn default() -> Self {
        Self::new()
    }
}
