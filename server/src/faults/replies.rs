//! Answers that faults give in a service's place, in the shape that the service itself has for errors and printed where
//! the service prints its own ([`envelope`]).
//!
//! Words and status of an AADSTS number come from `server/data/aadsts.toml` where it has the number; for any other one
//! they are plain and assumed.

use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use serde_json::Value;

use super::check::span;
use super::matching::Seen;
use super::model::{Aadsts, CannedReply, DrsError, GraphError, SoapFault, Throttle, ThrottleText};
use crate::services::call::Call;
use crate::services::envelope;
use crate::services::reply::uncached;
use crate::services::soap::{ADDRESSING, SECURITY, SOAP_XML, id_of};
use crate::world::Service;

/// What an error says that was given no words.
const PLANTED: &str = "An error that a fault of the test asks for.";

/// The vocabulary that subcodes of SOAP faults come from when they do not say another.
const TRUST: &str = "http://docs.oasis-open.org/ws-sx/ws-trust/200512";

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
    let user = Seen::new(call, Service::Sts).user();
    let user: Vec<(&str, &str)> = user.iter().map(|user| ("user", user.as_str())).collect();
    let own = row.map(|row| envelope::sign_in_words(call, row, &user));
    let own = own.as_ref();
    let word = words.and_then(|w| w.error.clone()).or_else(|| own.map(|own| own.error.clone()));
    let text = words.and_then(|w| w.text.clone()).or_else(|| own.map(|own| own.text.clone()));
    let suberror =
        words.and_then(|w| w.suberror.clone()).or_else(|| own.and_then(|own| own.suberror.clone()));
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
        text.as_deref().unwrap_or(PLANTED),
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
    call.note("aadsts", code);
    let body = envelope::sign_in(call, code, error, suberror, text);
    private(as_json(number, &Value::Object(body)))
}

/// As the services mark their own refusals.
fn private(mut answer: Answer) -> Answer {
    uncached(answer.headers_mut());
    answer
}

/// An error of device registration, in the generation of JSON that the request asks for.
pub(super) fn drs(call: &Call, error: &DrsError) -> Answer {
    let message = error.message.as_deref().unwrap_or(PLANTED);
    let body = envelope::registration(call, &error.code, error.subcode.as_deref(), message);
    private(as_json(error.status.unwrap_or(400), &body))
}

/// A SOAP 1.2 fault, worded as a federation server words it, that relates to the message it answers.
pub(super) fn soap(call: &Call, fault: &SoapFault) -> Answer {
    let code = fault.code.strip_prefix("s:").unwrap_or(&fault.code);
    let subcode = fault.subcode.as_deref().map(|subcode| {
        let (prefix, name) = subcode.split_once(':').unwrap_or(("wst", subcode));
        let vocabulary = match prefix {
            "wsse" | "o" => SECURITY,
            "wsa" | "a" => ADDRESSING,
            _ => TRUST,
        };
        (vocabulary, name)
    });
    let body = envelope::soap_fault(code, subcode, &fault.reason, id_of(&call.body).as_deref());
    with_type(fault.status.unwrap_or(500), SOAP_XML, body.into_bytes())
}

/// An error of Graph, in the shape of the one of the two that is asked.
pub(super) fn graph(call: &Call, service: Service, error: &GraphError) -> Answer {
    let number = error.status.unwrap_or(500);
    let message = error.message.as_deref().unwrap_or(PLANTED);
    let (mut answer, app_id) = if service == Service::AadGraph {
        let body = envelope::aadgraph(call, &error.code, message).to_string();
        let mut answer = with_type(number, envelope::AADGRAPH_JSON, body.into_bytes());
        envelope::aadgraph_ids(call, answer.headers_mut());
        (answer, "00000002-0000-0000-c000-000000000000")
    } else {
        let body = envelope::graph(call, &error.code, message).to_string();
        let mut answer = with_type(number, envelope::GRAPH_JSON, body.into_bytes());
        envelope::graph_ids(call, answer.headers_mut());
        (answer, "00000003-0000-0000-c000-000000000000")
    };
    if number == 401 {
        envelope::challenge(call, app_id, "", answer.headers_mut());
    }
    answer
}

/// Too many requests.
pub(super) fn throttled(call: &Call, service: Service, throttle: &Throttle) -> Answer {
    const WORDS: &str = "Too many requests. Try again later.";
    let plain = || with_type(429, "text/plain; charset=utf-8", WORDS.as_bytes().to_vec());
    let mut answer = match (throttle.text, service) {
        (None, Service::Sts) => {
            let text =
                "The server has terminated the request because of an excessive request rate.";
            sign_in_error(call, 429, 90055, "temporarily_unavailable", None, text)
        }
        (None, Service::Drs) => {
            let error = DrsError {
                code: "TooManyRequests".to_owned(),
                subcode: None,
                message: Some(WORDS.to_owned()),
                status: Some(429),
            };
            drs(call, &error)
        }
        (None, Service::Graph | Service::AadGraph | Service::Resource) => {
            let error = GraphError {
                code: "TooManyRequests".to_owned(),
                message: Some(WORDS.to_owned()),
                status: Some(429),
            };
            graph(call, service, &error)
        }
        // These have no words of their own for it.
        (Some(ThrottleText::Plain), _) | (None, Service::Adfs | Service::Mdm | Service::Portal) => {
            plain()
        }
    };
    if let Some(after) = throttle.retry_after.as_deref().and_then(span) {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(after.seconds()));
    }
    answer
}
