//! Effects that services and the directory carry out themselves: they ask here what is wrong, and note the fault's id on
//! their call (`call.note("fault", id)`), by which the dispatcher counts and journals the strike.

use linarite_core::instant::Instant;

use super::check::{signed_millis, span};
use super::model::{FederationEndpoint, MexDefect, SignatureDefect};
use super::{Faults, Running};

/// What is wrong with the federation server of a domain; nothing by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FederationDefects {
    /// The fault that makes it so. To be noted on the call (`call.note("fault", id)`) where a defect shows.
    pub fault: Option<String>,
    /// Endpoints that are switched off.
    pub disabled: Vec<FederationEndpoint>,
    /// What is wrong with the metadata exchange document.
    pub mex: Option<MexDefect>,
    /// From when assertions count: milliseconds from now, negative before it.
    pub not_before: Option<i64>,
    /// Until when assertions count: milliseconds from now, negative before it.
    pub not_on_or_after: Option<i64>,
    /// What is wrong with the signature of assertions.
    pub signature: Option<SignatureDefect>,
    /// Another audience.
    pub audience: Option<String>,
    /// Another issuer.
    pub issuer: Option<String>,
    /// Another immutable id.
    pub immutable_id: Option<String>,
    /// By how many milliseconds the server's clock is ahead; negative: behind.
    pub clock_offset: i64,
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
            || self.clock_offset != 0
    }
}

impl Faults {
    /// What is wrong with the federation server of this domain. The first fault that concerns it counts.
    pub fn federation(&self, domain: &str, now: Instant) -> FederationDefects {
        let offset = |text: &Option<String>| text.as_deref().and_then(signed_millis);
        self.in_force(now, |running| {
            let federation = running.fault.federation.as_ref()?;
            if federation.domain.as_ref().is_some_and(|only| !only.eq_ignore_ascii_case(domain)) {
                return None;
            }
            Some(FederationDefects {
                fault: Some(running.id.clone()),
                disabled: federation.disable_endpoints.clone(),
                mex: federation.mex,
                not_before: offset(&federation.assertion.not_before),
                not_on_or_after: offset(&federation.assertion.not_on_or_after),
                signature: federation.assertion.signature,
                audience: federation.assertion.audience.clone(),
                issuer: federation.assertion.issuer.clone(),
                immutable_id: federation.assertion.immutable_id.clone(),
                clock_offset: offset(&federation.clock_offset).unwrap_or(0),
            })
        })
        .unwrap_or_default()
    }

    /// The fault that hides a record from other calls, if one does: the record was made while the fault ran, less than
    /// its lag ago.
    pub fn invisible(&self, made: Instant, now: Instant) -> Option<String> {
        if !self.any() {
            return None;
        }
        let begun = self.begun;
        self.state()
            .running
            .iter()
            .find(|running| {
                let lag = match (&running.fault.invisible, &running.fault.directory) {
                    (Some(invisible), _) => span(&invisible.lasting),
                    (None, Some(directory)) => directory.replication_lag.as_deref().and_then(span),
                    (None, None) => None,
                };
                lag.is_some_and(|lag| now < made + lag)
                    && running.started <= made
                    && running.in_window(begun, made)
            })
            .map(|running| running.id.clone())
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
