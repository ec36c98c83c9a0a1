//! How the enrolment service says no: a SOAP fault whose subcode and detail come from `server/data/mdm.toml`.

use http::StatusCode;
use linarite_core::refusal::{AccessRefusal, EnrolRefusal};

use crate::directory::DirectoryError;
use crate::journal::Kind;
use crate::services::call::Call;
use crate::services::reply::{Reply, empty, escape, with_body};
use crate::services::soap::{self, SOAP_XML};
use crate::services::tables::{EnrolRow, fill};
use crate::services::wstep::{ENROLLMENT, Unread};

/// The action of a fault.
const ACTION: &str = "http://schemas.microsoft.com/windows/pki/2009/01/enrollment/IWindowsDeviceEnrollmentService/RequestSecurityTokenWindowsDeviceEnrollmentServiceErrorFault";

/// A refusal with what fills its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) reason: &'static str,
    name: String,
}

impl From<EnrolRefusal> for Refused {
    fn from(refusal: EnrolRefusal) -> Self {
        Self::wire(refusal.reason())
    }
}

impl From<String> for Refused {
    /// What a reader of SOAP has against a message.
    fn from(what: String) -> Self {
        Self::malformed(what)
    }
}

impl From<AccessRefusal> for Refused {
    fn from(refusal: AccessRefusal) -> Self {
        Self::from(EnrolRefusal::AuthenticationRefused).with(refusal.reason())
    }
}

impl From<Unread> for Refused {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Message(what) => Self::malformed(what),
            Unread::CertificateRequest(what) => {
                Self::from(EnrolRefusal::CertificateRequestRefused).with(what)
            }
        }
    }
}

impl From<DirectoryError> for Refused {
    fn from(error: DirectoryError) -> Self {
        tracing::error!(%error, "an enrolment failed");
        EnrolRefusal::ServerFailed.into()
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
        Self::from(EnrolRefusal::MessageRefused).with(what)
    }

    fn row<'a>(&self, call: &'a Call) -> Option<&'a EnrolRow> {
        call.world.tables.enrol(self.reason)
    }

    /// What is said of it.
    pub(super) fn text(&self, call: &Call) -> String {
        self.row(call).map(|row| fill(&row.text, &[("name", &self.name)])).unwrap_or_default()
    }

    /// Notes it in the journal, as an event of its own.
    pub(super) fn note(&self, call: &Call) {
        call.note("reason", self.reason);
        let mut fields = call.chosen_facts(&["reason", "operation", "user", "device"]);
        if !self.name.is_empty() {
            call.note("detail", self.name.as_str());
            fields.insert("detail", self.name.as_str());
        }
        call.record(Kind::EnrolDenied, fields);
    }

    /// The refusal as a fault; `relates_to` is the id of the message.
    pub(super) fn fault(&self, call: &Call, relates_to: Option<&str>) -> Reply {
        self.note(call);
        let Some(row) = self.row(call) else { return empty(StatusCode::INTERNAL_SERVER_ERROR) };
        let text = self.text(call);
        let (prefix, subcode) = row.subcode.split_once(':').unwrap_or(("s", row.subcode.as_str()));
        let names = match prefix {
            "a" => {
                " xmlns:a=\"http://schemas.microsoft.com/net/2005/12/windowscommunicationfoundation/dispatcher\""
            }
            _ => "",
        };
        let detail = row.error_type.as_ref().map_or_else(String::new, |kind| {
            format!(
                "<s:Detail><DeviceEnrollmentServiceError xmlns=\"{ENROLLMENT}\"><ErrorType>{}</ErrorType><Message>{}</Message><TraceId>{}</TraceId></DeviceEnrollmentServiceError></s:Detail>",
                escape(kind),
                escape(&text),
                call.request_id,
            )
        });
        let subcode = format!("{prefix}:{subcode}");
        let body = soap::fault("s:Receiver", Some((names, &subcode)), &text, &detail);
        let body = soap::envelope(ACTION, relates_to, &soap::activity(call), &body);
        with_body(StatusCode::INTERNAL_SERVER_ERROR, SOAP_XML, body)
    }

    /// The refusal as the plain page of a web server that never got as far as the service.
    pub(super) fn plain(&self, call: &Call) -> Reply {
        self.note(call);
        let text = escape(&self.text(call));
        let html = format!(
            "<!DOCTYPE html><html lang=\"en\"><head><title>{text}</title></head><body><h2>{text}</h2></body></html>"
        );
        with_body(StatusCode::NOT_FOUND, "text/html; charset=utf-8", html)
    }
}
