//! Answers that faults give in a service's place, in the shape that the service itself has for errors.
//!
//! Words and status of an AADSTS number come from `server/data/aadsts.toml` where it has the number; for any other one
//! they are plain and assumed.

use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::check::span;
use super::model::{Aadsts, CannedReply, DrsError, GraphError, SoapFault, Throttle, ThrottleText};
use crate::clock::format;
use crate::services::call::Call;
use crate::services::reply::escape;
use crate::world::Service;

/// An answer as the edge takes it.
pub(super) type Answer = Response<Vec<u8>>;

fn status(number: u16) -> StatusCode {
    StatusCode::from_u16(number).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn with_type(number: u16, content_type: &'static str, body: Vec<u8>) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status(number);
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

fn as_json(number: u16, value: &Value) -> Answer {
    with_type(number, "application/json; charset=utf-8", value.to_string().into_bytes())
}

/// The canned answer.
pub(super) fn canned(reply: &CannedReply) -> Answer {
    let mut answer = match (&reply.json, &reply.body) {
        (Some(value), _) => as_json(reply.status, value),
        (None, Some(text)) => {
            with_type(reply.status, "text/plain; charset=utf-8", text.clone().into_bytes())
        }
        (None, None) => {
            let mut empty = Answer::default();
            *empty.status_mut() = status(reply.status);
            empty
        }
    };
    for (name, value) in &reply.headers {
        if let (Ok(name), Ok(value)) =
            (HeaderName::try_from(name.as_str()), HeaderValue::from_str(value))
        {
            answer.headers_mut().insert(name, value);
        }
    }
    answer
}

/// An error of sign-in.
pub(super) fn aadsts(call: &Call, error: &Aadsts) -> Answer {
    let (code, words) = match error {
        Aadsts::Code(code) => (*code, None),
        Aadsts::Worded(words) => (words.code, Some(words)),
    };
    let row = call.world.tables.sts_by_code(code);
    let word = words.and_then(|w| w.error.clone()).or_else(|| row.map(|row| row.error.clone()));
    let text = words.and_then(|w| w.text.clone()).or_else(|| row.map(|row| row.text.clone()));
    let suberror =
        words.and_then(|w| w.suberror.clone()).or_else(|| row.and_then(|row| row.suberror.clone()));
    let number = words.and_then(|w| w.status).or_else(|| row.map(|row| row.status));
    // The numbers of passing trouble that clients know and try again.
    let passing = matches!(code, 90006 | 90024 | 90033 | 90055 | 90090);
    let plain = if passing { "temporarily_unavailable" } else { "invalid_grant" };
    sign_in_error(
        call,
        number.unwrap_or(if passing { 503 } else { 400 }),
        code,
        word.as_deref().unwrap_or(plain),
        suberror.as_deref(),
        text.as_deref().unwrap_or("An error that a fault of the test asks for."),
    )
}

fn sign_in_error(
    call: &Call,
    number: u16,
    code: u32,
    error: &str,
    suberror: Option<&str>,
    text: &str,
) -> Answer {
    let now = format(call.now(), "%Y-%m-%d %H:%M:%SZ");
    let description = format!(
        "AADSTS{code}: {text}\r\nTrace ID: {}\r\nCorrelation ID: {}\r\nTimestamp: {now}",
        call.request_id, call.correlation_id
    );
    let mut body = json!({
        "error": error,
        "error_description": description,
        "error_codes": [code],
        "timestamp": now,
        "trace_id": call.request_id.to_string(),
        "correlation_id": call.correlation_id.to_string(),
        "error_uri": call.url("login.microsoftonline.com", &format!("/error?code={code}")),
    });
    if let (Some(suberror), Value::Object(members)) = (suberror, &mut body) {
        members.insert("suberror".to_owned(), suberror.into());
    }
    call.note("aadsts", code);
    as_json(number, &body)
}

/// An error of device registration, in the generation of JSON that the request asks for.
pub(super) fn drs(call: &Call, error: &DrsError) -> Answer {
    let message = error.message.as_deref().unwrap_or("An error that a fault of the test asks for.");
    let time = format(call.now(), "%m-%d-%Y %H:%M:%SZ");
    let body = if call.query_value("api-version").as_deref() == Some("2.0") {
        json!({
            "code": error.code,
            "subcode": error.subcode,
            "message": message,
            "operation": match call.method.as_str() {
                "POST" => "DeviceJoin",
                "PUT" => "DeviceRenew",
                "DELETE" => "DeviceDelete",
                _ => "Discover",
            },
            "requestid": call.request_id.to_string(),
            "time": time,
        })
    } else {
        json!({
            "ErrorType": error.code,
            "Message": message,
            "TraceId": call.request_id.to_string(),
            "Time": time,
        })
    };
    as_json(error.status.unwrap_or(400), &body)
}

/// A SOAP 1.2 fault, worded as a federation server words it.
pub(super) fn soap(fault: &SoapFault) -> Answer {
    let subcode = fault.subcode.as_ref().map_or_else(String::new, |subcode| {
        let namespaces = "xmlns:wst=\"http://docs.oasis-open.org/ws-sx/ws-trust/200512\" xmlns:a=\"http://www.w3.org/2005/08/addressing\"";
        format!("<s:Subcode><s:Value {namespaces}>{}</s:Value></s:Subcode>", escape(subcode))
    });
    let body = format!(
        "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"><s:Body><s:Fault><s:Code><s:Value>{}</s:Value>{subcode}</s:Code><s:Reason><s:Text xml:lang=\"en-US\">{}</s:Text></s:Reason></s:Fault></s:Body></s:Envelope>",
        escape(&fault.code),
        escape(&fault.reason)
    );
    with_type(fault.status.unwrap_or(500), "application/soap+xml; charset=utf-8", body.into_bytes())
}

/// An error of Graph.
pub(super) fn graph(call: &Call, error: &GraphError) -> Answer {
    let number = error.status.unwrap_or(500);
    let message = error.message.as_deref().unwrap_or("An error that a fault of the test asks for.");
    let date = format(call.now(), "%Y-%m-%dT%H:%M:%S");
    if call.world.service(&call.link.host) == Some(Service::AadGraph) {
        let message = json!({ "lang": "en", "value": message });
        let id = call.request_id.to_string();
        let envelope =
            json!({ "code": error.code, "message": message, "requestId": id, "date": date });
        return as_json(number, &json!({ "odata.error": envelope }));
    }
    let body = json!({ "error": {
        "code": error.code,
        "message": message,
        "innerError": {
            "date": date,
            "request-id": call.request_id.to_string(),
            "client-request-id": call.correlation_id.to_string(),
        },
    }});
    let mut answer = as_json(number, &body);
    let headers = answer.headers_mut();
    for (name, id) in [("request-id", call.request_id), ("client-request-id", call.correlation_id)]
    {
        if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    if number == 401 {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"\""));
    }
    answer
}

/// Too many requests.
pub(super) fn throttled(call: &Call, service: Service, throttle: &Throttle) -> Answer {
    const WORDS: &str = "Too many requests. Try again later.";
    let mut answer = match (throttle.text, service.word()) {
        (None, "sts") => {
            let text =
                "The server has terminated the request because of an excessive request rate.";
            sign_in_error(call, 429, 90055, "temporarily_unavailable", None, text)
        }
        (None, "drs") => {
            let error = DrsError {
                code: "TooManyRequests".to_owned(),
                subcode: None,
                message: Some(WORDS.to_owned()),
                status: Some(429),
            };
            drs(call, &error)
        }
        (None, "graph" | "aadgraph" | "resource") => {
            let error = GraphError {
                code: "TooManyRequests".to_owned(),
                message: Some(WORDS.to_owned()),
                status: Some(429),
            };
            graph(call, &error)
        }
        // A federation server has no words of its own for it.
        (Some(ThrottleText::Plain) | None, _) => {
            with_type(429, "text/plain; charset=utf-8", WORDS.as_bytes().to_vec())
        }
    };
    if let Some(after) = throttle.retry_after.as_deref().and_then(span) {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(after.seconds()));
    }
    answer
}

/// What a change is told while the directory is read-only.
pub(super) fn read_only(call: &Call, service: Service) -> Answer {
    const REASON: &str = "directory-read-only";
    call.note("reason", REASON);
    let tables = &call.world.tables;
    match (service, tables.drs(REASON), tables.graph(REASON)) {
        (Service::Drs, Some(row), _) => {
            let error = DrsError {
                code: row.code.clone(),
                subcode: row.subcode.clone(),
                message: Some(row.message.clone()),
                status: Some(row.status),
            };
            drs(call, &error)
        }
        (_, _, Some(row)) => {
            let error = GraphError {
                code: row.code.clone(),
                message: Some(row.message.clone()),
                status: Some(row.status),
            };
            graph(call, &error)
        }
        (_, _, None) => as_json(503, &Value::Null),
    }
}
