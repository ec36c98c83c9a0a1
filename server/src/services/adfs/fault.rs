//! How a federation server says no: SOAP 1.2 faults as AD FS words them, pages, and plain HTTP errors.
//!
//! Codes and texts come from `server/data/wstrust.toml`. Known clients need subcode and reason, both; the status of a
//! wrong password is 500, as it really is, although one client then refuses to ask again for a minute.

use http::StatusCode;
use linarite_core::refusal::FederationRefusal;

use super::names::SECURITY;
use crate::journal::Kind;
use crate::services::call::Call;
use crate::services::envelope;
use crate::services::reply::{Reply, empty, escape, with_body};
use crate::services::tables::{TrustRow, fill};
use crate::world::federation_settings::TrustVersion;

pub(super) use crate::services::soap::SOAP_XML;

/// A refusal with what fills its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) reason: &'static str,
    name: String,
}

impl From<FederationRefusal> for Refused {
    fn from(refusal: FederationRefusal) -> Self {
        Self::wire(refusal.reason())
    }
}

impl From<String> for Refused {
    /// What a reader of SOAP has against a message.
    fn from(what: String) -> Self {
        Self::malformed(what)
    }
}

impl Refused {
    /// A refusal by its word in the table.
    pub(super) const fn wire(reason: &'static str) -> Self {
        Self { reason, name: String::new() }
    }

    /// Fills `{name}` of the text, with as much as fits on a line.
    pub(super) fn with(mut self, name: impl AsRef<str>) -> Self {
        self.name = name.as_ref().chars().filter(|c| !c.is_control()).take(200).collect();
        self
    }

    /// A message that is not what it should be.
    pub(super) fn malformed(what: impl AsRef<str>) -> Self {
        Self::wire("message-malformed").with(what)
    }

    fn row<'a>(&self, call: &'a Call) -> Option<&'a TrustRow> {
        call.world.tables.trust(self.reason)
    }

    /// The HTTP status of this refusal.
    pub(super) fn status(&self, call: &Call) -> StatusCode {
        self.row(call)
            .and_then(|row| StatusCode::from_u16(row.status).ok())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// What a page says of it.
    pub(super) fn page_text(&self, call: &Call) -> String {
        let row = self.row(call);
        let text = row.map_or("", |row| row.page.as_deref().unwrap_or(row.text.as_str()));
        fill(text, &[("name", &self.name)])
    }

    /// Notes the refusal in the journal.
    pub(super) fn note(&self, call: &Call) {
        call.note("reason", self.reason);
        if !self.name.is_empty() {
            call.note("detail", self.name.as_str());
        }
        let told = [
            "reason",
            "detail",
            "operation",
            "endpoint",
            "user",
            "computer",
            "certificate",
            "audience",
        ];
        call.record(Kind::FederationDenied, call.chosen_facts(&told));
    }

    /// The refusal as a fault of an endpoint of this version; `relates_to` is the id of the message.
    pub(super) fn fault(
        &self,
        call: &Call,
        version: TrustVersion,
        relates_to: Option<&str>,
    ) -> Reply {
        self.note(call);
        let Some(row) = self.row(call) else { return empty(StatusCode::INTERNAL_SERVER_ERROR) };
        let vocabulary = if row.vocabulary == "security" { SECURITY } else { version.namespace() };
        let text = fill(&row.text, &[("name", &self.name)]);
        let subcode = Some((vocabulary, row.subcode.as_str()));
        let body = envelope::soap_fault(&row.code, subcode, &text, relates_to);
        with_body(self.status(call), SOAP_XML, body)
    }

    /// The refusal as the plain page of a web server that never got as far as the service.
    pub(super) fn plain(&self, call: &Call) -> Reply {
        self.note(call);
        let text = escape(&self.page_text(call));
        let html = format!(
            "<!DOCTYPE html><html lang=\"en\"><head><title>{text}</title></head><body><h2>{text}</h2></body></html>"
        );
        with_body(self.status(call), "text/html; charset=utf-8", html)
    }
}
