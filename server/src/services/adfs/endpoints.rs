//! Which endpoints of a federation server are on.

use std::collections::BTreeSet;

use crate::services::call::Call;
use crate::world::World;
use crate::world::federation_settings::{FederationEndpoint, TrustKind, TrustVersion};

/// The endpoints of a federation server that answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoints {
    off: BTreeSet<FederationEndpoint>,
}

impl Endpoints {
    /// Whether this one answers.
    pub(super) fn has(&self, endpoint: FederationEndpoint) -> bool {
        !self.off.contains(&endpoint)
    }

    /// The WS-Trust endpoints that answer, in the order that metadata lists them.
    pub(super) fn trust(&self) -> impl Iterator<Item = (TrustVersion, TrustKind)> + '_ {
        let kinds = [TrustKind::Windows, TrustKind::Certificate, TrustKind::UserName];
        let all = kinds.into_iter().flat_map(|kind| {
            TrustVersion::ALL.into_iter().rev().map(move |version| (version, kind))
        });
        all.filter(|(version, kind)| self.has(FederationEndpoint::Trust(*version, *kind)))
    }
}

/// The one place that says which endpoints of a domain's federation server are on.
pub(super) fn endpoints(world: &World, domain: &str) -> Endpoints {
    let found = world.federation(domain);
    Endpoints { off: found.map(|f| f.settings.disabled.clone()).unwrap_or_default() }
}

/// The endpoints at the host of a call. Of domains that share a server, one that is off for any of them is off.
pub(super) fn of_host(call: &Call) -> Endpoints {
    let here = call.world.federations().iter().filter(|f| f.host == call.link.host);
    Endpoints { off: here.flat_map(|f| endpoints(&call.world, &f.domain).off).collect() }
}
