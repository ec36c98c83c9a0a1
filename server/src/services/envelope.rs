//! The envelopes of errors, each printed in one place: for the service whose shape it is, and for a fault that speaks in
//! that service's stead.
//!
//! Section 0 and 6 of the error notes, 4.5 and 12 of the device registration notes. What is said (codes, texts, statuses)
//! is the caller's: a refusal with its row, or a fault.

use http::header::{HeaderMap, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use serde_json::{Map, Value, json};

use super::call::Call;
use super::soap::{self, ADDRESSING};
use super::tables::{StsRow, fill};
use crate::clock::format;

/// The content type of Graph.
pub const GRAPH_JSON: &str = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8";

/// The content type of Azure AD Graph.
pub const AADGRAPH_JSON: &str =
    "application/json;odata=minimalmetadata;streaming=true;charset=utf-8";

/// The moment of an error of sign-in, as its text and its `timestamp` show it.
pub fn sign_in_time(call: &Call) -> String {
    format(call.now(), "%Y-%m-%d %H:%M:%SZ")
}

/// What a request is told of an error of sign-in.
#[derive(Clone, Debug)]
pub struct SignInWords {
    /// The word of the error, in the version of the protocol that the request speaks.
    pub error: String,
    /// The word below it.
    pub suberror: Option<String>,
    /// The text, filled.
    pub text: String,
}

/// The words of a row for this request. `values` fill what they name; the rest comes from what is known of the request.
pub fn sign_in_words(call: &Call, row: &StsRow, values: &[(&str, &str)]) -> SignInWords {
    let now = sign_in_time(call);
    let facts = call.facts();
    let known = [
        ("tenant", call.world.tenant.name.as_str()),
        ("now", now.as_str()),
        ("user", facts.text("user").unwrap_or("of this grant")),
        ("name", ""),
        ("resource", facts.text("resource").unwrap_or_default()),
        ("state", "unregistered"),
    ];
    let values: Vec<(&str, &str)> = values.iter().chain(&known).copied().collect();
    let v2 = call.path.to_ascii_lowercase().contains("/v2.0/");
    let suberror = row.suberror_v2.as_ref().filter(|_| v2).or(row.suberror.as_ref());
    SignInWords {
        error: row.error_v2.as_ref().filter(|_| v2).unwrap_or(&row.error).clone(),
        suberror: suberror.cloned(),
        text: fill(&row.text, &values),
    }
}

/// The description of an error of sign-in: code and text, and the ids on lines of their own.
pub fn sign_in_description(call: &Call, code: u32, text: &str) -> String {
    format!(
        "AADSTS{code}: {text}\r\nTrace ID: {}\r\nCorrelation ID: {}\r\nTimestamp: {}",
        call.request_id,
        call.correlation_id,
        sign_in_time(call)
    )
}

/// An error of sign-in, as JSON.
pub fn sign_in(
    call: &Call,
    code: u32,
    error: &str,
    suberror: Option<&str>,
    text: &str,
) -> Map<String, Value> {
    let mut body = Map::new();
    let mut member = |name: &str, value: Value| body.insert(name.to_owned(), value);
    member("error", error.into());
    member("error_description", sign_in_description(call, code, text).into());
    member("error_codes", json!([code]));
    member("timestamp", sign_in_time(call).into());
    member("trace_id", call.request_id.to_string().into());
    member("correlation_id", call.correlation_id.to_string().into());
    let page = call.url("login.microsoftonline.com", &format!("/error?code={code}"));
    member("error_uri", page.into());
    if let Some(suberror) = suberror {
        member("suberror", suberror.into());
    }
    body
}

/// An error of device registration, in the generation of JSON that the request asks for.
pub fn registration(call: &Call, code: &str, subcode: Option<&str>, message: &str) -> Value {
    let time = format(call.now(), "%m-%d-%Y %H:%M:%SZ");
    if call.query_value("api-version").as_deref() == Some("2.0") {
        let operation = match call.method.as_str() {
            "POST" => "DeviceJoin",
            "PUT" => "DeviceRenew",
            "DELETE" => "DeviceDelete",
            _ => "Discover",
        };
        json!({
            "code": code,
            "subcode": subcode,
            "message": message,
            "operation": operation,
            "requestid": call.request_id.to_string(),
            "time": time,
        })
    } else {
        json!({
            "ErrorType": code,
            "Message": message,
            "TraceId": call.request_id.to_string(),
            "Time": time,
        })
    }
}

/// An error of Graph.
pub fn graph(call: &Call, code: &str, message: &str) -> Value {
    json!({ "error": {
        "code": code,
        "message": message,
        "innerError": {
            "date": format(call.now(), "%Y-%m-%dT%H:%M:%S"),
            "request-id": call.request_id.to_string(),
            "client-request-id": call.correlation_id.to_string(),
        },
    }})
}

/// An error of Azure AD Graph.
pub fn aadgraph(call: &Call, code: &str, message: &str) -> Value {
    json!({ "odata.error": {
        "code": code,
        "message": { "lang": "en", "value": message },
        "requestId": call.request_id.to_string(),
        "date": format(call.now(), "%Y-%m-%dT%H:%M:%S"),
    }})
}

/// The request ids that every answer of Graph bears.
pub fn graph_ids(call: &Call, headers: &mut HeaderMap) {
    for (name, id) in [("request-id", call.request_id), ("client-request-id", call.correlation_id)]
    {
        if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}

/// The request id and the version that every answer of Azure AD Graph bears.
pub fn aadgraph_ids(call: &Call, headers: &mut HeaderMap) {
    if let Ok(value) = HeaderValue::from_str(&call.request_id.to_string()) {
        headers.insert(HeaderName::from_static("request-id"), value);
    }
    headers.insert(HeaderName::from_static("dataserviceversion"), HeaderValue::from_static("3.0;"));
}

/// Where a token for the resource with this application id is to be had, and more about the one that came.
pub fn challenge(call: &Call, app_id: &str, more: &str, headers: &mut HeaderMap) {
    let authority = call.url("login.microsoftonline.com", "/common/oauth2/authorize");
    let text = format!(
        "Bearer realm=\"\", authorization_uri=\"{authority}\", client_id=\"{app_id}\"{more}"
    );
    if let Ok(value) = HeaderValue::from_str(&text) {
        headers.insert(WWW_AUTHENTICATE, value);
    }
}

/// A SOAP 1.2 fault as AD FS words it. `subcode` is a namespace and a name in it.
pub fn soap_fault(
    code: &str,
    subcode: Option<(&str, &str)>,
    reason: &str,
    relates_to: Option<&str>,
) -> String {
    let names = subcode
        .map(|(vocabulary, name)| (format!(" xmlns:a=\"{vocabulary}\""), format!("a:{name}")));
    let subcode = names.as_ref().map(|(names, name)| (names.as_str(), name.as_str()));
    let body = soap::fault(&format!("s:{code}"), subcode, reason, "");
    soap::envelope(&format!("{ADDRESSING}/soap/fault"), relates_to, "", &body)
}
