//! The machine's event log: what its registration and its sign-in left there (device-registration.md 17).
//!
//! Kept are 304 to 307 of the registration log, 1081, 1084 and 1088 of the sign-in log, and 102, 103 and 200 of the log of
//! older systems. The texts are short; what
//! Windows puts into them stands in `data` under the names that its own texts use. The newest 200 are kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::hresult;
use crate::outcome::Failure;

/// The log of device registration.
const REGISTRATION: &str = "Microsoft-Windows-User Device Registration/Admin";

/// The log of the sign-in.
const SIGN_IN: &str = "Microsoft-Windows-AAD/Operational";

/// The log of older systems.
const WORKPLACE_JOIN: &str = "Microsoft-Workplace Join/Admin";

/// How many events are kept.
const KEPT: usize = 200;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The log's name.
    pub log: String,
    /// The event's number in that log.
    pub id: u32,
    /// When, by the machine's clock: milliseconds since 1970.
    pub at_ms: i64,
    /// One sentence for people.
    pub message: String,
    /// The details by name, such as `Exit code` and `Server error`.
    pub data: BTreeMap<String, String>,
}

/// The newest events, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct EventLog(Vec<Event>);

impl EventLog {
    pub(crate) fn all(&self) -> &[Event] {
        &self.0
    }

    fn add(&mut self, event: Event) {
        if self.0.len() >= KEPT {
            self.0.remove(0);
        }
        self.0.push(event);
    }

    /// Automatic registration failed in a phase; `kind` is `sync` or `fed`, or empty when it did not come to that.
    pub(super) fn registration_failed(
        &mut self,
        at_ms: i64,
        phase: &str,
        kind: &str,
        failure: &Failure,
    ) {
        let id = match phase {
            "join" => 304,
            "auth" => 305,
            _ => 307,
        };
        let mut data = details(failure);
        data.insert("errorPhase".to_owned(), phase.to_owned());
        data.insert("Registration type".to_owned(), kind.to_owned());
        let message = format!("Automatic registration failed in the {phase} phase.");
        self.add(Event { log: REGISTRATION.to_owned(), id, at_ms, message, data });
    }

    /// Registration of an older system failed: discovery without an answer (102) or with an HTTP error (103), or for want
    /// of room for another device (200). The log has no number for what goes wrong elsewhere, and keeps nothing of it.
    pub(super) fn workplace_join_failed(&mut self, at_ms: i64, phase: &str, failure: &Failure) {
        let (id, what) = match (phase, failure.info.http_status) {
            _ if failure.hresult == hresult::DSREG_QUOTA => (200, "the user has too many devices"),
            ("discover", Some(_)) => (103, "discovery was answered with an HTTP error"),
            ("discover", None) => (102, "discovery failed"),
            _ => return,
        };
        let mut data = details(failure);
        if let Some(status) = failure.info.http_status {
            data.insert("HTTP status".to_owned(), status.to_string());
        }
        let message = format!("Workplace Join failed: {what}.");
        self.add(Event { log: WORKPLACE_JOIN.to_owned(), id, at_ms, message, data });
    }

    /// The newest failure of an older system's registration.
    pub(crate) fn newest_of_workplace_join(&self) -> Option<&Event> {
        self.0.iter().rev().find(|event| event.log == WORKPLACE_JOIN)
    }

    /// Automatic registration succeeded.
    pub(super) fn registered(&mut self, at_ms: i64, kind: &str, device_id: &str) {
        let data = BTreeMap::from([
            ("Registration type".to_owned(), kind.to_owned()),
            ("Device ID".to_owned(), device_id.to_owned()),
        ]);
        let message = "Automatic registration succeeded.".to_owned();
        self.add(Event { log: REGISTRATION.to_owned(), id: 306, at_ms, message, data });
    }

    /// A sign-in got no primary refresh token.
    pub(super) fn sign_in_failed(&mut self, at_ms: i64, upn: &str, failure: &Failure) {
        let (id, what) = match (failure.info.http_status, failure.hresult) {
            (None, _) if failure.info.winhttp.is_some() => (1084, "a network error"),
            (_, hresult::WSTRUST_REQUEST_FAILED) => (1088, "an error of the federation server"),
            _ => (1081, "an error of the token service"),
        };
        let mut data = details(failure);
        data.insert("User".to_owned(), upn.to_owned());
        let message = format!("The sign-in ended with {what}.");
        self.add(Event { log: SIGN_IN.to_owned(), id, at_ms, message, data });
    }
}

fn details(failure: &Failure) -> BTreeMap<String, String> {
    let info = &failure.info;
    let server = info.code.clone().or_else(|| info.oauth.clone()).unwrap_or_default();
    BTreeMap::from([
        ("Exit code".to_owned(), hresult::printed(failure.hresult)),
        ("Server error".to_owned(), server),
        ("Server message".to_owned(), info.message.replace('\r', "")),
        ("Correlation ID".to_owned(), info.request_id.clone().unwrap_or_default()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_keeps_the_newest_two_hundred() {
        let mut log = EventLog::default();
        for at_ms in 0..201 {
            log.registered(at_ms, "sync", "x");
        }
        assert_eq!(log.all().len(), 200);
        assert_eq!(log.all()[0].at_ms, 1);
    }

    #[test]
    fn each_phase_and_each_cause_has_its_number() {
        let mut log = EventLog::default();
        let mut failure = Failure::new(0x801c_03f2, "gone");
        for phase in ["join", "auth", "discover", "pre-check"] {
            log.registration_failed(0, phase, "sync", &failure);
        }
        log.sign_in_failed(0, "dave@fabrikam.test", &failure);
        failure.info.winhttp = Some(12007);
        log.sign_in_failed(0, "dave@fabrikam.test", &failure);
        failure = Failure::new(hresult::WSTRUST_REQUEST_FAILED, "fault");
        log.sign_in_failed(0, "dave@fabrikam.test", &failure);
        let ids: Vec<u32> = log.all().iter().map(|event| event.id).collect();
        assert_eq!(ids, [304, 305, 307, 307, 1081, 1084, 1088]);
        assert_eq!(log.all()[0].data["Exit code"], "0x801c03f2 (DSREG_E_DIRECTORY_FAILURE)");
    }
}
