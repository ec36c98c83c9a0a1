//! How sign-in says no: as JSON, as a page, or by a redirect. Codes and texts come from `server/data/aadsts.toml`.
//!
//! The envelope is section 0 of the error notes: the description carries trace id, correlation id and timestamp, each on a
//! line of its own.

use http::StatusCode;
use linarite_core::device::{KnownDevice, TrustType};
use linarite_core::ids::PolicyId;
use linarite_core::refusal::{AssertionRefusal, GrantRefusal, PolicyRefusal, SessionRefusal};
use serde_json::json;

use crate::directory::Denied;
use crate::journal::Kind;
use crate::services::call::Call;
use crate::services::envelope;
use crate::services::reply::{Reply, empty, private_json};

/// Characters of a client's own words that an answer repeats.
const LONGEST: usize = 256;

/// A refusal with what fills its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) reason: &'static str,
    values: Vec<(&'static str, String)>,
    /// The policies of conditional access that are not fulfilled: id and name.
    policies: Vec<(String, String)>,
}

/// A refusal as the client sees it.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) code: u32,
    pub(super) error: String,
    pub(super) suberror: Option<String>,
    pub(super) status: StatusCode,
    /// The text behind the code, without the lines of ids.
    pub(super) text: String,
    /// Code, text and the lines of ids.
    pub(super) description: String,
    pub(super) timestamp: String,
}

impl From<SessionRefusal> for Refused {
    fn from(refusal: SessionRefusal) -> Self {
        Self::wire(refusal.reason())
    }
}

impl From<GrantRefusal> for Refused {
    fn from(refusal: GrantRefusal) -> Self {
        Self::wire(refusal.reason())
    }
}

impl From<AssertionRefusal> for Refused {
    fn from(refusal: AssertionRefusal) -> Self {
        Self::wire(refusal.reason())
    }
}

impl From<Denied> for Refused {
    fn from(denied: Denied) -> Self {
        let mut refused = Self::from(denied.refusal);
        let named = |(id, name): (PolicyId, String)| (id.to_string(), name);
        refused.policies = denied.policies.into_iter().map(named).collect();
        if let Some(KnownDevice::Present(device)) = denied.device.as_deref() {
            refused = refused
                .with("device", device.device_id.to_string())
                .with("device_name", device.display_name.as_str())
                .with("platform", device.os.as_str());
        }
        refused.with("state", state(denied.device.as_deref()))
    }
}

/// The state of a device in a word, as the page of a refusal names it.
fn state(device: Option<&KnownDevice>) -> &'static str {
    match device {
        Some(KnownDevice::Present(device)) if device.registered.is_some() => {
            match (device.trust, device.management.compliant) {
                (_, Some(true)) => "compliant",
                (TrustType::ServerAd, _) => "domain_joined",
                (TrustType::AzureAd | TrustType::Workplace, _) => "registered",
            }
        }
        Some(KnownDevice::Present(_) | KnownDevice::Deleted(_)) | None => "unregistered",
    }
}

impl Refused {
    /// Whether a policy of conditional access is behind it.
    pub(super) const fn is_of_policy(&self) -> bool {
        !self.policies.is_empty()
    }

    /// Whether the user could go on by proving a second factor.
    pub(super) fn asks_second_factor(&self) -> bool {
        self.reason == PolicyRefusal::SecondFactorRequired.reason()
    }

    /// A particular that it was filled with.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str())
    }

    /// A refusal by its word in the table.
    pub(super) const fn wire(reason: &'static str) -> Self {
        Self { reason, values: Vec::new(), policies: Vec::new() }
    }

    /// Fills `{name}` of the text.
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        let mut value = value.into();
        if let Some((end, _)) = value.char_indices().nth(LONGEST) {
            value.truncate(end);
        }
        self.values.push((name, value));
        self
    }

    /// What a parameter that is not there is told.
    pub(super) fn missing(parameter: &str) -> Self {
        Self::wire("parameter-missing").with("name", parameter)
    }

    /// The refusal as this client sees it; `None` only for a word without a row, which no table that loaded has.
    pub(super) fn shown(&self, call: &Call) -> Option<Shown> {
        let row = call.world.tables.sts(self.reason)?;
        let values: Vec<(&str, &str)> =
            self.values.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let envelope::SignInWords { error, suberror, text } =
            envelope::sign_in_words(call, row, &values);
        Some(Shown {
            code: row.code,
            error,
            suberror,
            status: StatusCode::from_u16(row.status).unwrap_or(StatusCode::BAD_REQUEST),
            description: envelope::sign_in_description(call, row.code, &text),
            text,
            timestamp: envelope::sign_in_time(call),
        })
    }

    /// Notes the refusal in the journal, with its reason.
    pub(super) fn note(&self, call: &Call, shown: &Shown) {
        call.note("reason", self.reason);
        call.note("aadsts", shown.code);
        if self.is_of_policy() {
            let names: Vec<&str> = self.policies.iter().map(|(_, name)| name.as_str()).collect();
            call.note("policies", names);
        }
        let told =
            ["reason", "aadsts", "grant", "client_id", "user", "device", "resource", "policies"];
        let mut fields = call.chosen_facts(&told);
        fields.insert("correlation_id", format_args!("{}", call.correlation_id));
        fields.insert("text", shown.text.as_str());
        call.record(Kind::TokenDenied, fields);
    }

    /// The refusal as JSON.
    pub(super) fn reply(&self, call: &Call) -> Reply {
        let Some(shown) = self.shown(call) else {
            return empty(StatusCode::INTERNAL_SERVER_ERROR);
        };
        self.note(call, &shown);
        let suberror = shown.suberror.as_deref();
        let mut body = envelope::sign_in(call, shown.code, &shown.error, suberror, &shown.text);
        if self.is_of_policy() {
            body.insert("claims".to_owned(), self.challenge().into());
        }
        private_json(shown.status, &body)
    }

    /// The claims that a client has to ask for again, once its user has done what is missing: a text of JSON.
    fn challenge(&self) -> String {
        let ids: Vec<&str> = self.policies.iter().map(|(id, _)| id.as_str()).collect();
        json!({ "access_token": { "capolids": { "essential": true, "values": ids } } }).to_string()
    }
}
