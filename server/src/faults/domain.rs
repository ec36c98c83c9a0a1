//! Effects that services and the directory carry out themselves: they ask here what is wrong, and note the fault's id on
//! their call (`call.note("fault", id)`), by which the dispatcher counts and journals the strike.

use std::collections::BTreeSet;

use linarite_core::ids::DeviceId;
use linarite_core::instant::{Instant, Offset};
use linarite_core::replication::{Lag, Made};

use super::model::{MexDefect, SignatureDefect};
use super::{Faults, Running};
use crate::world::federation_settings::{FederationEndpoint, endpoints_of};
use crate::world::file::parse_offset;

/// What is wrong with the federation server of a domain; nothing by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FederationDefects {
    /// The fault that makes it so. To be noted on the call (`call.note("fault", id)`) where a defect shows.
    pub fault: Option<String>,
    /// Endpoints that are switched off.
    pub disabled: BTreeSet<FederationEndpoint>,
    /// What is wrong with the metadata exchange document.
    pub mex: Option<MexDefect>,
    /// From when assertions count, from the server's now.
    pub not_before: Option<Offset>,
    /// Until when assertions count, from the server's now.
    pub not_on_or_after: Option<Offset>,
    /// What is wrong with the signature of assertions.
    pub signature: Option<SignatureDefect>,
    /// Another audience.
    pub audience: Option<String>,
    /// Another issuer.
    pub issuer: Option<String>,
    /// Another immutable id.
    pub immutable_id: Option<String>,
    /// By how much the server's clock is ahead, beside what the world's settings say.
    pub clock_offset: Offset,
}

impl FederationDefects {
    /// Whether assertions are not as they should be.
    pub fn spoils_assertions(&self) -> bool {
        self.not_before.is_some()
            || self.not_on_or_after.is_some()
            || self.signature.is_some()
            || self.audience.is_some()
            || self.issuer.is_some()
            || self.immutable_id.is_some()
            || self.clock_offset != Offset::ZERO
    }
}

impl Faults {
    /// What is wrong with the federation server of this domain. The first fault that concerns it counts.
    pub fn federation(&self, domain: &str, now: Instant) -> FederationDefects {
        let offset = |text: &Option<String>| text.as_deref().and_then(parse_offset);
        self.in_force(now, |running| {
            let federation = running.fault.federation.as_ref()?;
            if federation.domain.as_ref().is_some_and(|only| !only.eq_ignore_ascii_case(domain)) {
                return None;
            }
            Some(FederationDefects {
                fault: Some(running.id.clone()),
                disabled: federation
                    .disable_endpoints
                    .iter()
                    .flat_map(|word| endpoints_of(word))
                    .collect(),
                mex: federation.mex,
                not_before: offset(&federation.assertion.not_before),
                not_on_or_after: offset(&federation.assertion.not_on_or_after),
                signature: federation.assertion.signature,
                audience: federation.assertion.audience.clone(),
                issuer: federation.assertion.issuer.clone(),
                immutable_id: federation.assertion.immutable_id.clone(),
                clock_offset: offset(&federation.clock_offset).unwrap_or_default(),
            })
        })
        .unwrap_or_default()
    }

    /// Takes note of a record or a key that is made now, for the faults that hold it back from other calls.
    pub fn made(&self, device: DeviceId, what: Made, now: Instant) {
        if !self.any() {
            return;
        }
        let begun = self.begun;
        for running in self.state().running.iter_mut().filter(|r| r.in_window(begun, now)) {
            if let Some(lag) = &mut running.lag {
                lag.made(device, what, now);
            }
        }
    }

    /// The devices whose records other calls do not see now, each with the fault that holds it back.
    pub fn unseen_records(&self, now: Instant) -> Vec<(String, DeviceId)> {
        self.unseen(|lag| lag.hidden_records(now).collect())
    }

    /// The devices whose keys sign-in does not find now, each with the fault that holds it back.
    pub fn unseen_keys(&self, now: Instant) -> Vec<(String, DeviceId)> {
        self.unseen(|lag| lag.hidden_keys(now).collect())
    }

    fn unseen(&self, hidden: impl Fn(&Lag) -> Vec<DeviceId>) -> Vec<(String, DeviceId)> {
        if !self.any() {
            return Vec::new();
        }
        let state = self.state();
        let lags = state.running.iter().filter_map(|r| Some((&r.id, r.lag.as_ref()?)));
        lags.flat_map(|(id, lag)| hidden(lag).into_iter().map(|device| (id.clone(), device)))
            .collect()
    }

    /// The fault that makes the directory read-only, if one does.
    pub fn read_only(&self, now: Instant) -> Option<String> {
        self.in_force(now, |running| {
            let read_only = running.fault.directory.as_ref()?.read_only;
            read_only.then(|| running.id.clone())
        })
    }

    /// The first running fault inside its window that says something.
    fn in_force<T>(&self, now: Instant, says: impl Fn(&Running) -> Option<T>) -> Option<T> {
        if !self.any() {
            return None;
        }
        let begun = self.begun;
        self.state().running.iter().filter(|r| r.in_window(begun, now)).find_map(says)
    }
}
