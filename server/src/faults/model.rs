//! Faults as data: what scenario files, the control API and `linarite serve --fault FILE` all write.
//!
//! A fault is a match, a scope and exactly one effect. Lengths of time are texts like `3s` or `1h 30m`. What the types
//! cannot hold (one effect only, host alone for connection faults) is checked when a fault is started.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A fault: which exchanges it strikes, when, and what happens to them. Exactly one effect is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Fault {
    /// Which exchanges; all of them when absent.
    #[serde(rename = "match", skip_serializing_if = "Match::is_any")]
    pub matching: Match,
    /// From when until when, counted in world time from the start of the world: `[+10m, +15m]`. The end is outside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<[String; 2]>,
    /// Strikes at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// Only these of the exchanges that match, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nth: Option<Vec<u64>>,
    /// The share of matching exchanges that it strikes, from 0 to 1; which ones follows from the seed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// The handler runs first and its answer is lost: what was asked is done, and the client believes that it failed.
    #[serde(skip_serializing_if = "is_false")]
    pub after: bool,
    /// Effect: a canned answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply: Option<CannedReply>,
    /// Effect: an error of sign-in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aadsts: Option<Aadsts>,
    /// Effect: an error of device registration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drs: Option<DrsError>,
    /// Effect: a SOAP 1.2 fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub soap_fault: Option<SoapFault>,
    /// Effect: an error of Graph.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub graph: Option<GraphError>,
    /// Effect: the answer is altered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mutate: Option<Mutate>,
    /// Effect: the answer comes late, or the world's clock moves on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay: Option<Delay>,
    /// Effect: the body trickles, at so many bytes a second: `2KB/s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slow: Option<String>,
    /// Effect: no answer for so long, then the connection closes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hang: Option<Hang>,
    /// Effect: the connection is reset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset: Option<Reset>,
    /// Effect: the connection is closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub close: Option<Close>,
    /// Effect: so many bytes of a longer body, then the connection closes. A body that is not longer arrives whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncate: Option<u64>,
    /// Effect: bytes that are no HTTP, then the connection closes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub garbage: Option<bool>,
    /// Effect: too many requests (429).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttle: Option<Throttle>,
    /// Effect on connections: TLS fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsFault>,
    /// Effect on connections: the proxy cannot reach the host (502 or 504).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreachable: Option<u16>,
    /// Effect: the federation server has a defect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub federation: Option<FederationFault>,
    /// Effect: the directory takes no changes, or shows new records late.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<DirectoryFault>,
    /// Effect: other calls do not see a new record for a while.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invisible: Option<Invisible>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks in this form")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// Which exchanges a fault strikes. Texts are compared without regard to case; `*` stands for any characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Match {
    /// The host, such as `sts.fabrikam.test` or `*.windows.net`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The path without its query, such as `/*/oauth2/v2.0/token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// What is asked for: `join`, `leave`, `token`, `user-realm`, `mex` and so on; `linarite faults` lists them all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The device id, as far as the request says it in its path, its client certificate or its token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// The user principal name, as far as the request says it in its path, its form, its SOAP body or its token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Headers and their values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub header: BTreeMap<String, String>,
    /// What the body holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<BodyMatch>,
}

impl Match {
    /// Whether it takes everything.
    pub fn is_any(&self) -> bool {
        *self == Self::default()
    }
}

/// What a body holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BodyMatch {
    /// This text, letter by letter, as it is sent (a form is percent-encoded).
    pub contains: String,
}

/// A canned answer. At most one of `body`, `json` and `body_file` is given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CannedReply {
    /// HTTP status, 200 to 599.
    pub status: u16,
    /// Headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The body, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The body, as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<Value>,
    /// A file with the body, as text, beside the file that this fault stands in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_file: Option<String>,
}

/// An error of sign-in: its number, or its number and words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Aadsts {
    /// The number; words and status are those of the table, or plain ones for a number that is not there.
    Code(u32),
    /// The number with its words.
    Worded(AadstsWords),
}

/// An error of sign-in in full.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AadstsWords {
    /// The number behind `AADSTS`.
    pub code: u32,
    /// `error` of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// `suberror` of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suberror: Option<String>,
    /// The text behind the number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// HTTP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

/// An error of device registration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DrsError {
    /// `code`, or `ErrorType` of the older shape.
    pub code: String,
    /// `subcode` of the newer shape.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subcode: Option<String>,
    /// The message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// HTTP status; 400 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

/// A SOAP 1.2 fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SoapFault {
    /// `s:Sender` or `s:Receiver`.
    pub code: String,
    /// Such as `wst:FailedAuthentication`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subcode: Option<String>,
    /// The reason, for people.
    pub reason: String,
    /// HTTP status; 500 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

/// An error of Graph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GraphError {
    /// `error.code`.
    pub code: String,
    /// `error.message`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// HTTP status; 500 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

/// Changes to an answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Mutate {
    /// Members of a JSON body, by path (`value.0.id`); what is not there is added.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub json: BTreeMap<String, Value>,
    /// Texts of elements of an XML body, by local name (`Address`); every element of that name without child elements.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub xml: BTreeMap<String, String>,
    /// Headers and their new values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub header: BTreeMap<String, String>,
    /// What is taken out: members of the JSON body by path, headers as `header:NAME`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub drop: Vec<String>,
    /// Another status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

/// A delay in real time, or a jump of the world's clock before the handler runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Delay {
    /// Real time: `3s`.
    Real(String),
    /// World time.
    Virtual(VirtualDelay),
}

/// A jump of the world's clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VirtualDelay {
    /// World time: `5m`.
    #[serde(rename = "virtual")]
    pub by: String,
}

/// No answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hang {
    /// For how long, in real time.
    #[serde(rename = "for")]
    pub lasting: String,
}

/// When a connection is reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Reset {
    /// `true`: when a request that matches has come. Over HTTP/2 every stream of its connection goes down with it.
    Exchange(bool),
    /// As soon as the host is known.
    Connection(AtAccept),
}

/// As soon as the host of a connection is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AtAccept {
    /// As soon as the host is known.
    Accept,
}

/// When a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Close {
    /// Before the first byte of the answer.
    Before,
    /// Behind its headers.
    AfterHeaders,
    /// Behind half of its body.
    MidBody,
}

/// Too many requests (429).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Throttle {
    /// `Retry-After`, as a length of time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<String>,
    /// The form of the body: the service's own error by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<ThrottleText>,
}

/// The form of a throttled answer's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ThrottleText {
    /// Plain text, as a gateway in front of the service says it.
    Plain,
}

/// How TLS fails.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TlsFault {
    /// What is wrong with the certificate, or what happens in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<BadCertificate>,
    /// The lowest version that is spoken: `1.2` or `1.3`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_version: Option<TlsVersion>,
}

/// What is wrong with the certificate of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BadCertificate {
    /// Another CA made it.
    UntrustedCa,
    /// It ran out in 2001.
    Expired,
    /// It counts from 2099 on.
    NotYetValid,
    /// It is another host's.
    WrongName,
    /// No certificate comes, but a fatal alert.
    HandshakeAlert,
    /// No certificate comes: the connection closes behind the client's hello.
    CloseEarly,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TlsVersion {
    /// TLS 1.2.
    #[serde(rename = "1.2")]
    V12,
    /// TLS 1.3.
    #[serde(rename = "1.3")]
    V13,
}

/// Defects of a federation server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FederationFault {
    /// The federated domain; all of them when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Endpoints that are switched off, in the words of a world's federation settings: `mex`, `passive`, `metadata`,
    /// `usernamemixed`, `windowstransport`, `certificatemixed`, `13`, `2005`, or pairs such as `13/usernamemixed`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub disable_endpoints: Vec<String>,
    /// What is wrong with the metadata exchange document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mex: Option<MexDefect>,
    /// What is wrong with assertions.
    #[serde(skip_serializing_if = "AssertionFault::is_sound")]
    pub assertion: AssertionFault,
    /// By how much the server's clock is ahead (`30m`) or behind (`-30m`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_offset: Option<String>,
}

/// What is wrong with a metadata exchange document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MexDefect {
    /// It is an HTML page.
    Html,
    /// It begins with a DTD.
    Dtd,
    /// It names no endpoint that takes a password.
    NoPasswordEndpoint,
}

/// What is wrong with assertions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AssertionFault {
    /// From when they count, from now: `-2h`, `10m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<String>,
    /// Until when they count, from now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_on_or_after: Option<String>,
    /// What is wrong with the signature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<SignatureDefect>,
    /// Another audience.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// Another issuer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Another immutable id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub immutable_id: Option<String>,
}

impl AssertionFault {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        *self == Self::default()
    }
}

/// What is wrong with a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SignatureDefect {
    /// There is none.
    None,
    /// Another key made it.
    WrongKey,
    /// What it covers was changed afterwards.
    Corrupt,
}

/// Defects of the directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DirectoryFault {
    /// Nothing can be joined, changed or deleted.
    #[serde(skip_serializing_if = "is_false")]
    pub read_only: bool,
    /// How long other calls do not see a record that was made meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replication_lag: Option<String>,
}

/// A new record that other calls do not see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Invisible {
    /// For how long, in world time, from when it was made.
    #[serde(rename = "for")]
    pub lasting: String,
}
