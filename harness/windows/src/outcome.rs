//! What an act of the client comes to: like a process it has an exit code and an output, and beside them what a scenario
//! wants to compare without reading text.
//!
//! The exit code is 0 for success and 1 for anything else (assumed: the documents give no exit codes; the one that public
//! traces show, for a join that had nothing to do, is 1). The number of the failure is the HRESULT.

use serde::{Deserialize, Serialize};

use crate::hresult;

/// The result of one act.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// 0 when the act succeeded. Only this decides: a leave whose delete the service refused has `exit` 0 and an `error`.
    pub exit: i32,
    /// What the tool prints; lines end with LF (Windows writes CR LF).
    pub output: String,
    /// The HRESULT, or the logon status of a failed sign-in (`0xc0...`).
    pub hresult: Option<u32>,
    /// What went wrong, taken apart.
    pub error: Option<ErrorInfo>,
    /// The tokens received, for `token`.
    pub tokens: Option<Tokens>,
}

/// A failure, in the words of whoever reported it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorInfo {
    /// The number behind `AADSTS`.
    pub aadsts: Option<u32>,
    /// The registration service's `ErrorType` or `code`; the subcode (else the code) of a federation server's SOAP fault.
    pub code: Option<String>,
    /// The registration service's subcode.
    pub subcode: Option<String>,
    /// The registration service's `operation`.
    pub operation: Option<String>,
    /// OAuth's `error`.
    pub oauth: Option<String>,
    /// OAuth's `suberror`.
    pub suberror: Option<String>,
    /// One sentence for people; the service's own text when it sent one.
    pub message: String,
    /// The HTTP status, when an answer came.
    pub http_status: Option<u16>,
    /// The `WinHTTP` error, when none came: 12002, 12007, 12029, 12030, 12175.
    pub winhttp: Option<u32>,
    /// The `client-request-id` that was sent, to find the exchange in the journal.
    pub request_id: Option<String>,
    /// `METHOD URL` of the exchange that failed.
    pub exchange: Option<String>,
}

/// Tokens as the token service gave them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// The access token, compact.
    pub access_token: String,
    /// The refresh token.
    pub refresh_token: Option<String>,
    /// The id token, compact.
    pub id_token: Option<String>,
    /// Usually `Bearer`.
    pub token_type: Option<String>,
    /// Seconds from now.
    pub expires_in: Option<i64>,
    /// The scopes granted.
    pub scope: Option<String>,
}

impl Tokens {
    /// The claims of the access token, unverified; nothing when it is not a JWT.
    pub fn claims(&self) -> Option<serde_json::Value> {
        crate::jose::claims(&self.access_token)
    }

    /// The claims of the id token, unverified.
    pub fn id_claims(&self) -> Option<serde_json::Value> {
        self.id_token.as_deref().and_then(crate::jose::claims)
    }
}

impl Outcome {
    pub(crate) fn done(output: impl Into<String>) -> Self {
        Self { output: output.into(), ..Self::default() }
    }

    /// Nothing printed, nothing reported, and not done: how Windows treats the built-in administrator (FAQ A27).
    pub(crate) fn silent_refusal() -> Self {
        Self { exit: 1, ..Self::default() }
    }

    pub(crate) fn not_emulated(what: &str) -> Self {
        Failure::new(hresult::NOT_IMPLEMENTED, format!("not emulated: {what}")).into()
    }
}

/// How a step of an act fails inside this crate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) hresult: u32,
    /// The status of the lock screen, where it does not follow from the answer's HTTP status.
    pub(crate) logon: Option<u32>,
    pub(crate) info: Box<ErrorInfo>,
}

impl Failure {
    pub(crate) fn new(hresult: u32, message: impl Into<String>) -> Self {
        let info = ErrorInfo { message: message.into(), ..ErrorInfo::default() };
        Self { hresult, logon: None, info: Box::new(info) }
    }

    /// The same failure with another number, for the places where Windows translates.
    pub(crate) fn with_hresult(mut self, hresult: u32) -> Self {
        self.hresult = hresult;
        self
    }

    /// The same failure with a lock screen status of its own.
    pub(crate) fn with_logon(mut self, status: u32) -> Self {
        self.logon = Some(status);
        self
    }

    /// The same failure, with what was being done put in front of its message.
    pub(crate) fn during(mut self, what: &str) -> Self {
        self.info.message = format!("{what}: {}", self.info.message);
        self
    }
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        let message = failure.info.message.replace('\r', "");
        let output = format!("{message}\nerror {}\n", hresult::printed(failure.hresult));
        Self {
            exit: 1,
            output,
            hresult: Some(failure.hresult),
            error: Some(*failure.info),
            tokens: None,
        }
    }
}
