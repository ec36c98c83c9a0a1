//! The exchanges of a journal as HAR 1.2, for browsers' network panes and other viewers.
//!
//! Every text passes the redactor. What HAR has no member for begins with an underscore: the world, the request id, and
//! world time (section 8 of the scenario reference). Left out: pages, cookies as lists of their own (they are in the
//! headers), and the version of HTTP, which the journal does not keep.

use std::sync::Arc;

use linarite_core::instant::{Instant, Span};
use serde::Serialize;

use super::redact::Redactor;
use super::{Event, Exchange, Headers};
use crate::clock::rfc3339;
use crate::form;
use crate::keys::encoding::to_standard;

/// A HAR document.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Har {
    /// Its only member.
    pub log: Log,
}

/// The log of a HAR document.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Log {
    /// Version of the format: 1.2.
    pub version: &'static str,
    /// Who wrote it.
    pub creator: Creator,
    /// The exchanges, in the order in which they began.
    pub entries: Vec<Entry>,
}

/// Who wrote a HAR document.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Creator {
    /// The program.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
}

/// An exchange.
#[derive(Clone, Debug, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Real time when it began, RFC 3339.
    pub started_date_time: String,
    /// How long it took, in milliseconds.
    pub time: f64,
    /// What came in.
    pub request: Request,
    /// What went out.
    pub response: Response,
    /// Nothing is known of caches.
    pub cache: Cache,
    /// Where the time went.
    pub timings: Timings,
    /// The world that it came to.
    #[serde(rename = "_world")]
    pub world: String,
    /// Number of the event in the journal.
    #[serde(rename = "_seq")]
    pub seq: u64,
    /// The request id that the client got.
    #[serde(rename = "_request", skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// World time, RFC 3339.
    #[serde(rename = "_virtualTime")]
    pub virtual_time: String,
    /// Why it was refused, when it was.
    #[serde(rename = "_reason", skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// An empty object.
#[expect(clippy::empty_structs_with_brackets, reason = "HAR wants an object here")]
#[derive(Clone, Debug, Default, Serialize, PartialEq)]
pub struct Cache {}

/// Where the time of an exchange went, in milliseconds; -1 is "does not apply".
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Timings {
    /// Waiting for a connection.
    pub blocked: f64,
    /// Looking up the name.
    pub dns: f64,
    /// Connecting.
    pub connect: f64,
    /// Sending.
    pub send: f64,
    /// Waiting for the answer.
    pub wait: f64,
    /// Receiving.
    pub receive: f64,
    /// TLS.
    pub ssl: f64,
}

/// A name and a value.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Pair {
    /// The name.
    pub name: String,
    /// The value, redacted.
    pub value: String,
}

/// What came in.
#[derive(Clone, Debug, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// The method.
    pub method: String,
    /// The absolute URL, redacted.
    pub url: String,
    /// Not kept; empty.
    pub http_version: &'static str,
    /// In the headers; empty here.
    pub cookies: Vec<Pair>,
    /// The headers.
    pub headers: Vec<Pair>,
    /// The parameters of the query, decoded.
    pub query_string: Vec<Pair>,
    /// The body, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post_data: Option<PostData>,
    /// Not kept; -1.
    pub headers_size: i64,
    /// Bytes of the body, as far as they are kept.
    pub body_size: i64,
}

/// The body of a request.
#[derive(Clone, Debug, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PostData {
    /// Its content type; empty when the client gave none.
    pub mime_type: String,
    /// The body, redacted.
    pub text: String,
    /// `base64` when it is no text.
    #[serde(rename = "_encoding", skip_serializing_if = "Option::is_none")]
    pub encoding: Option<&'static str>,
}

/// What went out.
#[derive(Clone, Debug, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Its usual words.
    pub status_text: String,
    /// Not kept; empty.
    pub http_version: &'static str,
    /// In the headers; empty here.
    pub cookies: Vec<Pair>,
    /// The headers.
    pub headers: Vec<Pair>,
    /// The body.
    pub content: Content,
    /// Where the client is sent; empty when nowhere.
    #[serde(rename = "redirectURL")]
    pub redirect_url: String,
    /// Not kept; -1.
    pub headers_size: i64,
    /// Bytes of the body, as far as they are kept.
    pub body_size: i64,
}

/// The body of a response.
#[derive(Clone, Debug, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Content {
    /// Bytes of it, as far as they are kept.
    pub size: i64,
    /// Its content type; empty when there is none.
    pub mime_type: String,
    /// The body, redacted.
    pub text: String,
    /// `base64` when it is no text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<&'static str>,
}

/// The exchanges among these events of a world as a HAR document.
pub fn har(world: &str, events: &[Arc<Event>], redactor: &Redactor) -> Har {
    let mut begun: Vec<(Instant, &Event, &Exchange)> = events
        .iter()
        .filter_map(|event| {
            let exchange = event.exchange.as_ref()?;
            let took = Span::from_millis(i64::try_from(exchange.micros() / 1000).unwrap_or(0));
            Some((event.real - took, event.as_ref(), exchange))
        })
        .collect();
    begun.sort_by_key(|(start, event, _)| (*start, event.seq));
    let entries = begun
        .into_iter()
        .map(|(start, event, exchange)| entry(world, start, event, exchange, redactor))
        .collect();
    let creator = Creator { name: "linarite", version: env!("CARGO_PKG_VERSION") };
    Har { log: Log { version: "1.2", creator, entries } }
}

fn entry(
    world: &str,
    start: Instant,
    event: &Event,
    exchange: &Exchange,
    redactor: &Redactor,
) -> Entry {
    let time = milliseconds(exchange.micros());
    Entry {
        started_date_time: rfc3339(start),
        time,
        request: request(exchange, redactor),
        response: response(exchange, redactor),
        cache: Cache {},
        timings: Timings {
            blocked: -1.0,
            dns: -1.0,
            connect: -1.0,
            send: 0.0,
            wait: time,
            receive: 0.0,
            ssl: -1.0,
        },
        world: world.to_owned(),
        seq: event.seq,
        request_id: event.request.clone(),
        virtual_time: rfc3339(event.at),
        reason: event.fields.text("reason").map(str::to_owned),
    }
}

fn milliseconds(micros: u64) -> f64 {
    // More than an hour is no length of an exchange that matters to the microsecond.
    f64::from(u32::try_from(micros).unwrap_or(u32::MAX)) / 1000.0
}

fn request(exchange: &Exchange, redactor: &Redactor) -> Request {
    let (text, encoding) = body(exchange.request_body(), redactor);
    Request {
        method: exchange.method().as_str().to_owned(),
        url: redactor.redact(exchange.url()),
        http_version: "",
        cookies: Vec::new(),
        headers: headers(exchange.request_headers(), redactor),
        query_string: query(exchange.url(), redactor),
        post_data: (!exchange.request_body().is_empty()).then(|| PostData {
            mime_type: content_type(exchange.request_headers()),
            text,
            encoding,
        }),
        headers_size: -1,
        body_size: size(exchange.request_body()),
    }
}

fn response(exchange: &Exchange, redactor: &Redactor) -> Response {
    let (text, encoding) = body(exchange.response_body(), redactor);
    let location = exchange.response_headers().get("location");
    Response {
        status: exchange.status().as_u16(),
        status_text: exchange.status().canonical_reason().unwrap_or_default().to_owned(),
        http_version: "",
        cookies: Vec::new(),
        headers: headers(exchange.response_headers(), redactor),
        content: Content {
            size: size(exchange.response_body()),
            mime_type: content_type(exchange.response_headers()),
            text,
            encoding,
        },
        redirect_url: location.map(|to| redactor.redact(to)).unwrap_or_default(),
        headers_size: -1,
        body_size: size(exchange.response_body()),
    }
}

fn headers(headers: Headers<'_>, redactor: &Redactor) -> Vec<Pair> {
    headers
        .iter()
        .map(|(name, value)| Pair {
            name: name.to_owned(),
            value: redactor.header(name, &String::from_utf8_lossy(value)),
        })
        .collect()
}

fn query(url: &str, redactor: &Redactor) -> Vec<Pair> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    form::pairs(query)
        .map(|(name, value)| Pair {
            value: redactor.member(&name, &value),
            name: redactor.redact(&name),
        })
        .collect()
}

/// A body as redacted text, or as base64 when it is no text.
fn body(body: &[u8], redactor: &Redactor) -> (String, Option<&'static str>) {
    match std::str::from_utf8(body) {
        Ok(text) => (redactor.redact(text), None),
        // A text that was cut inside a character is still one.
        Err(cut) if cut.error_len().is_none() => {
            (redactor.redact(&String::from_utf8_lossy(body)), None)
        }
        Err(_) => (redactor.redact(&to_standard(body)), Some("base64")),
    }
}

fn content_type(headers: Headers<'_>) -> String {
    headers.get("content-type").unwrap_or_default().to_owned()
}

fn size(body: &[u8]) -> i64 {
    i64::try_from(body.len()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Fields, Kind, Spoken};
    use bytes::Bytes;
    use http::HeaderMap;
    use serde_json::Value;

    fn event(seq: u64, ended: i64, micros: u64, body: &'static [u8]) -> Arc<Event> {
        let mut headers = HeaderMap::new();
        headers.insert("cookie", "a=hush".parse().unwrap());
        let location = "https://c.test/?code=hush".parse().unwrap();
        let exchange = Exchange::of(&Spoken {
            method: &http::Method::POST,
            url: &["https://h.test/p?code=hush&q=a+b%26&empty&password"],
            request_headers: &headers,
            request_body: &Bytes::from_static(body),
            status: http::StatusCode::FOUND,
            response_headers: &[(http::header::LOCATION, location)].into_iter().collect(),
            response_body: &Bytes::new(),
            micros,
        });
        Arc::new(Event {
            seq,
            at: Instant::from_seconds(0),
            real: Instant::from_millis(ended),
            kind: Kind::Http,
            request: None,
            fields: Fields::default(),
            exchange: Some(exchange),
        })
    }

    fn printed(events: &[Arc<Event>]) -> Vec<Value> {
        let har = serde_json::to_value(har("w", events, &Redactor::default())).unwrap();
        har["log"]["entries"].as_array().unwrap().clone()
    }

    #[test]
    fn entries_are_in_the_order_in_which_they_began() {
        let events = [
            event(1, 5000, 1_000_000, b""),
            event(2, 4500, 0, b""),
            event(3, 6000, 2_500_000, b""),
        ];
        let entries = printed(&events);
        let begun: Vec<_> =
            entries.iter().map(|e| e["startedDateTime"].as_str().unwrap()).collect();
        let expected = ["1970-01-01T00:00:03.5Z", "1970-01-01T00:00:04Z", "1970-01-01T00:00:04.5Z"];
        assert_eq!(begun, expected);
        assert_eq!(entries[0]["_seq"], 3);
    }

    #[test]
    fn every_time_is_positive_or_minus_one_and_they_add_up() {
        for micros in [0, 999, 1_000_000, u64::MAX] {
            let entry = printed(&[event(1, 0, micros, b"")]).remove(0);
            let timings = entry["timings"].as_object().unwrap();
            let times: Vec<f64> = timings.values().map(|time| time.as_f64().unwrap()).collect();
            assert!(times.iter().all(|time| *time >= 0.0 || (*time + 1.0).abs() < f64::EPSILON));
            let sum: f64 = times.iter().filter(|time| **time >= 0.0).sum();
            assert!((sum - entry["time"].as_f64().unwrap()).abs() < f64::EPSILON);
        }
    }

    #[test]
    fn queries_are_decoded_and_nothing_secret_is_printed() {
        let entry = printed(&[event(1, 0, 0, b"password=hush")]).remove(0);
        let query: Vec<_> = entry["request"]["queryString"]
            .as_array()
            .unwrap()
            .iter()
            .map(|pair| (pair["name"].as_str().unwrap(), pair["value"].as_str().unwrap()))
            .collect();
        assert_eq!(query[1..], [("q", "a b&"), ("empty", ""), ("password", "")]);
        assert!(query[0].1.starts_with("‹code:"));
        assert!(
            entry["response"]["redirectURL"]
                .as_str()
                .unwrap()
                .starts_with("https://c.test/?code=‹code:")
        );
        assert!(!entry.to_string().contains("hush"));
    }

    #[test]
    fn a_body_that_is_no_text_is_base64_and_a_cut_one_is_text() {
        let post = |body| printed(&[event(1, 0, 0, body)]).remove(0)["request"]["postData"].clone();
        assert_eq!(
            (&post(b"\xff\x00x")["text"], &post(b"\xff\x00x")["_encoding"]),
            (&"/wB4".into(), &"base64".into())
        );
        assert_eq!(post(b"caf\xc3")["text"], "caf\u{fffd}");
        assert_eq!(post(b""), Value::Null);
    }
}
