//! Which endpoints of a federation server are on, and what is wrong with its metadata: as the world's settings and the
//! faults that run say.

use std::collections::{BTreeMap, BTreeSet};

use crate::faults::MexDefect;
use crate::services::call::Call;
use crate::world::federation_settings::{FederationEndpoint, TrustKind, TrustVersion};

/// The endpoints of a federation server that answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Endpoints {
    off: BTreeSet<FederationEndpoint>,
    /// Those that a fault switched off, and which one.
    by_fault: BTreeMap<FederationEndpoint, String>,
    /// What a fault does to the metadata exchange document, and which one.
    mex: Option<(MexDefect, String)>,
}

impl Endpoints {
    /// Whether this one is on.
    pub(super) fn has(&self, endpoint: FederationEndpoint) -> bool {
        !self.off.contains(&endpoint) && !self.by_fault.contains_key(&endpoint)
    }

    /// Whether this one answers a call. A fault that switched it off has struck then.
    pub(super) fn answers(&self, call: &Call, endpoint: FederationEndpoint) -> bool {
        if let Some(fault) = self.by_fault.get(&endpoint) {
            call.note("fault", fault.as_str());
        }
        self.has(endpoint)
    }

    /// The WS-Trust endpoints that answer, in the order that metadata lists them.
    pub(super) fn trust(&self) -> impl Iterator<Item = (TrustVersion, TrustKind)> + '_ {
        all_trust().filter(|(version, kind)| self.has(FederationEndpoint::Trust(*version, *kind)))
    }

    /// The endpoints as metadata shows them to a call, and what else is wrong with the document. A fault that changes
    /// it has struck then.
    pub(super) fn shown(mut self, call: &Call) -> (Self, Option<MexDefect>) {
        let unlisted =
            self.by_fault.iter().find(|(at, _)| matches!(at, FederationEndpoint::Trust(..)));
        if let Some((_, fault)) = unlisted {
            call.note("fault", fault.as_str());
        }
        let Some((defect, fault)) = self.mex.take() else { return (self, None) };
        call.note("fault", fault);
        if defect == MexDefect::NoPasswordEndpoint {
            let takes_password = |(_, kind): &(_, TrustKind)| *kind == TrustKind::UserName;
            let hidden = all_trust().filter(takes_password);
            self.off.extend(hidden.map(|(v, kind)| FederationEndpoint::Trust(v, kind)));
        }
        (self, Some(defect))
    }
}

fn all_trust() -> impl Iterator<Item = (TrustVersion, TrustKind)> {
    let kinds = [TrustKind::Windows, TrustKind::Certificate, TrustKind::UserName];
    kinds
        .into_iter()
        .flat_map(|kind| TrustVersion::ALL.into_iter().rev().map(move |version| (version, kind)))
}

/// The endpoints at the host of a call: the one place that says which are on. Of domains that share a server, one that
/// is off for any of them is off.
pub(super) fn of_host(call: &Call) -> Endpoints {
    let mut found = Endpoints::default();
    for federation in call.world.federations().iter().filter(|f| f.host == call.link.host) {
        found.off.extend(federation.settings.disabled.iter().copied());
        let defects = call.world.faults.federation(&federation.domain, call.now());
        let Some(fault) = defects.fault else { continue };
        for endpoint in defects.disabled {
            found.by_fault.entry(endpoint).or_insert_with(|| fault.clone());
        }
        if let (Some(mex), None) = (defects.mex, &found.mex) {
            found.mex = Some((mex, fault));
        }
    }
    found
}
