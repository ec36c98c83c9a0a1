//! Ways to write an answer: compact JSON, text, HTML, a redirect.
//!
//! JSON is compact on purpose: a known client tells clear answers from encrypted ones by their first two bytes.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

/// What a handler returns.
pub type Reply = Response;

/// An answer with a body of this type.
pub fn with_body(status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Reply {
    let mut reply = Response::new(body.into());
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}

/// All of a body. Those of services are in one piece already.
pub async fn whole(mut body: Body) -> Bytes {
    let first = match body.frame().await {
        Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
        Some(Err(_)) | None => return Bytes::new(),
    };
    if body.is_end_stream() {
        return first;
    }
    let rest = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    if rest.is_empty() { first } else { [first, rest].concat().into() }
}

/// A value as compact JSON. Most answers fit what is set aside at first; growing step by step costs more than printing.
pub fn print(value: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let mut printed = Vec::with_capacity(8192);
    serde_json::to_writer(&mut printed, value)?;
    Ok(printed)
}

/// Compact JSON.
pub fn json(status: StatusCode, value: &impl Serialize) -> Reply {
    match print(value) {
        Ok(body) => with_body(status, "application/json; charset=utf-8", body),
        Err(error) => {
            tracing::error!(%error, "an answer could not be printed");
            empty(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

/// JSON that no cache may keep, as token answers must not be.
pub fn private_json(status: StatusCode, value: &impl Serialize) -> Reply {
    let mut reply = json(status, value);
    uncached(reply.headers_mut());
    reply
}

/// JSON that is printed already, and that no cache may keep.
pub fn private_printed(status: StatusCode, printed: String) -> Reply {
    let mut reply = with_body(status, "application/json; charset=utf-8", printed);
    uncached(reply.headers_mut());
    reply
}

/// Marks an answer as one that no cache may keep.
pub fn uncached(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store, no-cache"));
    headers.insert(HeaderName::from_static("pragma"), HeaderValue::from_static("no-cache"));
}

/// An HTML page that no cache may keep.
pub fn page(status: StatusCode, html: String) -> Reply {
    let mut reply = with_body(status, "text/html; charset=utf-8", html);
    uncached(reply.headers_mut());
    reply
}

/// No body at all.
pub fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(Body::empty());
    *reply.status_mut() = status;
    reply
}

/// A redirect whose page holds the address too: one client reads the header, another the first link of the body.
pub fn redirect(to: &str) -> Reply {
    let shown = escape(to);
    let html = format!(
        "<html><head><title>Object moved</title></head><body>\r\n<h2>Object moved to <a href=\"{shown}\">here</a>.</h2>\r\n</body></html>\r\n"
    );
    let mut reply = page(StatusCode::FOUND, html);
    match HeaderValue::from_str(to) {
        Ok(value) => {
            reply.headers_mut().insert(LOCATION, value);
            reply
        }
        Err(_) => empty(StatusCode::BAD_REQUEST),
    }
}

/// An address with these parameters behind it, percent-encoded.
pub fn with_query(address: &str, parameters: &[(&str, &str)]) -> String {
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    let mut whole = address.to_owned();
    for (name, value) in parameters {
        whole.push(if whole.contains('?') { '&' } else { '?' });
        whole.push_str(name);
        whole.push('=');
        whole.extend(utf8_percent_encode(value, KEPT));
    }
    whole
}

/// Escapes text for HTML and XML, in content and in attributes.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(c),
        }
    }
    escaped
}
