//! The emulated services. Each speaks one protocol: it parses the wire, asks the directory, prints the answer.
//!
//! No service holds a rule, none imports another; what two of them share is a rule (core), a key (keys), a table (data)
//! or a way to read a request ([`call`]), to write an answer ([`reply`]) or to carry out a change ([`change`]).

pub mod aadgraph;
pub mod adfs;
pub mod call;
pub mod change;
pub mod drs;
pub mod envelope;
pub mod graph;
pub mod listing;
pub mod mdm;
pub mod page_token;
pub mod portal;
pub mod reply;
pub mod resource;
pub mod sealed;
pub mod soap;
pub mod sts;
pub mod tables;
pub mod token;
pub mod wstep;

use axum::Router;
use http::StatusCode;

use self::call::Call;
use self::reply::Reply;
use crate::world::{Service, Stock};

/// The routers of all services, and what worlds have in common: made once and used for every world.
#[derive(Clone, Debug)]
pub struct Services {
    aadgraph: Router,
    adfs: Router,
    drs: Router,
    graph: Router,
    mdm: Router,
    portal: Router,
    resource: Router,
    sts: Router,
    stock: Stock,
}

impl Services {
    /// Builds the routers.
    pub fn new() -> Self {
        Self {
            aadgraph: aadgraph::router(),
            adfs: adfs::router(),
            drs: drs::router(),
            graph: graph::router(),
            mdm: mdm::router(),
            portal: portal::router(),
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
            Service::AadGraph => &self.aadgraph,
            Service::Adfs => &self.adfs,
            Service::Drs => &self.drs,
            Service::Graph => &self.graph,
            Service::Mdm => &self.mdm,
            Service::Portal => &self.portal,
            Service::Resource => &self.resource,
            Service::Sts => &self.sts,
        }
    }
}

/// What a service says of a body that was too long to be read.
pub(crate) fn too_large(service: Service, call: &Call) -> Reply {
    match service {
        Service::AadGraph => aadgraph::too_large(call),
        Service::Adfs => adfs::too_large(call),
        Service::Drs => drs::too_large(call),
        Service::Graph => graph::too_large(call),
        Service::Mdm => mdm::too_large(call),
        Service::Portal => portal::too_large(call),
        Service::Resource => resource::too_large(call),
        Service::Sts => sts::too_large(call),
    }
}

/// What a service says of a change while the directory is read-only.
pub(crate) fn read_only(service: Service, call: &Call) -> Reply {
    match service {
        Service::Drs => drs::read_only(call),
        Service::Mdm => mdm::read_only(call),
        Service::Portal => portal::read_only(call),
        Service::AadGraph => aadgraph::read_only(call),
        Service::Graph => graph::read_only(call),
        // These change nothing.
        Service::Adfs | Service::Resource | Service::Sts => {
            reply::empty(StatusCode::SERVICE_UNAVAILABLE)
        }
    }
}

impl Default for Services {
    fn default() -> Self {
        Self::new()
    }
}
