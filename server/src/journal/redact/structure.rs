//! Finding secrets by where they stand: members of forms and JSON, elements, headers, tokens, sealed grants.
//!
//! The rules look at bytes, not at parsed documents, because a body may be cut, damaged, or of another type than it
//! says. `code` and `request` are secrets in forms and queries only: in JSON they are what an error is called.

use std::ops::Range;

use percent_encoding::percent_decode_str;

use super::values::plain_of_xml;
use super::{Span, Tag};
use crate::keys::encoding::from_url;

/// Members whose values are secrets wherever they stand.
const MEMBERS: [&str; 14] = [
    "access_token",
    "assertion",
    "binarysecuritytoken",
    "client_assertion",
    "client_secret",
    "code_verifier",
    "device_code",
    "id_token",
    "passwd",
    "password",
    "refresh_token",
    "session_key_jwe",
    "signaturevalue",
    "tgt",
];
/// Parameters whose values are secrets in forms and queries.
const PARAMETERS: [&str; 5] = ["code", "otc", "request", "wresult", "x-ms-refreshtokencredential"];
/// What the elements of security tokens hold that are none: a certificate request, or the certificate that was made of it.
const NO_TOKENS: [&str; 2] = ["#PKCS10\"", "ProvisionDoc\""];
/// Headers whose values are secrets in whole or in part.
const HEADERS: [&str; 5] =
    ["authorization", "cookie", "proxy-authorization", "set-cookie", "x-ms-refreshtokencredential"];
/// The longest name of a member that is looked at.
const NAME: usize = 40;
/// How many bytes of attributes an element may have before its value.
const ATTRIBUTES: usize = 1024;
/// The shortest sealed value.
const SEALED: usize = 16;

fn is_secret_member(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    MEMBERS.contains(&name.as_str()) || name.starts_with("tgt_")
}

/// Whether a parameter of a form or query holds a secret.
pub(super) fn is_secret_parameter(name: &str) -> bool {
    is_secret_member(name) || PARAMETERS.iter().any(|known| name.eq_ignore_ascii_case(known))
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

fn push(spans: &mut Vec<Span>, range: Range<usize>, label: &str, secret: &[u8]) {
    if !range.is_empty() {
        spans.push(Span { range, tag: Tag::new(label, secret) });
    }
}

/// Adds every secret that the rules see. `telling` says whether the claims of a token hold secrets themselves.
pub(super) fn find(text: &str, spans: &mut Vec<Span>, telling: impl Fn(&str) -> bool) {
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'"' => json_member(text, at, spans),
            b'=' => {
                parameter(text, at, spans);
                field(text, at, spans);
            }
            b'<' => element(text, at, spans),
            b'1' if begins(bytes, at) => sealed(text, at, spans),
            b'e' if begins(bytes, at) => token(text, at, spans, &telling),
            _ => {}
        }
    }
    let mut from = 0;
    for line in text.split_inclusive('\n') {
        if let Some((name, value)) = line.split_once(':') {
            header(name.trim(), value, from + name.len() + 1, spans);
        }
        from += line.len();
    }
}

/// Whether a token or grant can begin here: no word goes on.
fn begins(bytes: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| bytes.get(before));
    before.is_none_or(|byte| !is_word(*byte) && *byte != b'.')
        // `%3D` before a value in a form inside a form.
        || at.checked_sub(3).and_then(|from| bytes.get(from)) == Some(&b'%')
}

/// How many bytes of a text, from here on, fulfil a condition.
fn run(text: &str, from: usize, is: impl Fn(u8) -> bool) -> usize {
    text.as_bytes().get(from..).map_or(0, |rest| rest.iter().take_while(|b| is(**b)).count())
}

/// `"name" : "value"`, or the same in escapes inside another string.
fn json_member(text: &str, quote: usize, spans: &mut Vec<Span>) {
    let bytes = text.as_bytes();
    let begin = quote + 1;
    let length = run(text, begin, is_word);
    if length == 0 || length > NAME {
        return;
    }
    let Some(name) = text.get(begin..begin + length).filter(|name| is_secret_member(name)) else {
        return;
    };
    let escaped = quote.checked_sub(1).and_then(|before| bytes.get(before)) == Some(&b'\\');
    let mark = if escaped { "\\\"" } else { "\"" };
    let Some(rest) = text.get(begin + length..).and_then(|rest| rest.strip_prefix(mark)) else {
        return;
    };
    let Some(rest) = rest.trim_start().strip_prefix(':') else { return };
    let Some(value) = rest.trim_start().strip_prefix(mark) else { return };
    let from = text.len() - value.len();
    let end = if escaped { value.find(mark).unwrap_or(value.len()) } else { literal(value) };
    let written = value.get(..end).unwrap_or_default();
    let plain: Option<String> = serde_json::from_str(&format!("\"{written}\"")).ok();
    let plain = plain.as_deref().unwrap_or(written);
    push(spans, from..from + end, &name.to_ascii_lowercase(), plain.as_bytes());
}

/// Where a JSON string ends; a cut one ends with the text.
fn literal(value: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in value.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at,
            _ => {}
        }
    }
    value.len()
}

/// `name=value` in a form, a query or a fragment.
fn parameter(text: &str, equals: usize, spans: &mut Vec<Span>) {
    let before = text.as_bytes().get(..equals).unwrap_or_default();
    let length = before.iter().rev().take_while(|b| is_word(**b) || **b == b'%').count();
    if length == 0 || length > NAME {
        return;
    }
    let Some(name) = text.get(equals - length..equals) else { return };
    let name = percent_decode_str(name).decode_utf8_lossy().to_ascii_lowercase();
    if !is_secret_parameter(&name) {
        return;
    }
    let from = equals + 1;
    let end = run(text, from, |byte| {
        !matches!(byte, b'&' | b'"' | b'\'' | b'<' | b'>') && !byte.is_ascii_whitespace()
    });
    let written = text.get(from..from + end).unwrap_or_default().replace('+', " ");
    let plain = percent_decode_str(&written).collect::<Vec<u8>>();
    push(spans, from..from + end, &name, &plain);
}

/// `name="name" ... value="value"` of a form on a page, with either quote.
fn field(text: &str, equals: usize, spans: &mut Vec<Span>) {
    let before = text.get(..equals).unwrap_or_default();
    let Some(rest) = text.get(equals + 1..).filter(|_| before.ends_with(" name")) else { return };
    let quote = match rest.as_bytes().first() {
        Some(b'"') => '"',
        Some(b'\'') => '\'',
        Some(_) | None => return,
    };
    let Some((name, rest)) = rest.get(1..).and_then(|rest| rest.split_once(quote)) else { return };
    if !is_secret_parameter(name) {
        return;
    }
    let head = rest.as_bytes().iter().take(ATTRIBUTES).take_while(|byte| **byte != b'>').count();
    let Some(at) = rest.get(..head).and_then(|head| head.find(" value=")) else { return };
    let Some(value) = rest.get(at + 7..).and_then(|value| value.strip_prefix(quote)) else {
        return;
    };
    let from = text.len() - value.len();
    let end = value.find(quote).unwrap_or(value.len());
    let written = value.get(..end).unwrap_or_default();
    push(spans, from..from + end, &name.to_ascii_lowercase(), &plain_of_xml(written));
}

/// `<prefix:Name ...>value<`.
fn element(text: &str, open: usize, spans: &mut Vec<Span>) {
    let length = run(text, open + 1, |byte| is_word(byte) || byte == b':');
    let Some(name) = text.get(open + 1..open + 1 + length) else { return };
    let name = name.rsplit(':').next().unwrap_or_default();
    if !is_secret_member(name) {
        return;
    }
    let from_name = open + 1 + length;
    let head = text.as_bytes().get(from_name..).unwrap_or_default().iter().take(ATTRIBUTES);
    let attributes = head.take_while(|byte| **byte != b'>').count();
    let from = from_name + attributes + 1;
    let tag = text.get(from_name..from);
    let empty = tag.is_none_or(|tag| tag.ends_with("/>"));
    if tag.is_some_and(|tag| NO_TOKENS.iter().any(|kind| tag.replace('\\', "").contains(kind))) {
        return;
    }
    let end = run(text, from, |byte| byte != b'<');
    if !empty && let Some(written) = text.get(from..from + end) {
        push(spans, from..from + end, &name.to_ascii_lowercase(), written.as_bytes());
    }
}

/// `1.A<kind>.<sealed>`: a grant of a world. Nonces are no secrets.
fn sealed(text: &str, at: usize, spans: &mut Vec<Span>) {
    if !text.get(at..).is_some_and(|rest| rest.starts_with("1.A")) {
        return;
    }
    let kind = run(text, at + 3, |byte| byte.is_ascii_alphanumeric());
    let dot = at + 3 + kind;
    let length = run(text, dot + 1, is_word);
    let end = dot + 1 + length;
    if kind == 0 || text.as_bytes().get(dot) != Some(&b'.') || length < SEALED {
        return;
    }
    let label = match text.get(at + 3..dot).unwrap_or_default() {
        "nonce" => return,
        "rt" => "refresh_token",
        other => other,
    };
    push(spans, at..end, label, text.get(at..end).unwrap_or_default().as_bytes());
}

/// A signed token loses its signature, an encrypted one everything behind its header.
fn token(text: &str, at: usize, spans: &mut Vec<Span>, telling: impl Fn(&str) -> bool) {
    if !text.get(at..).is_some_and(|rest| rest.starts_with("eyJ")) {
        return;
    }
    let mut parts: Vec<Range<usize>> = Vec::new();
    let mut from = at;
    loop {
        let end = from + run(text, from, is_word);
        parts.push(from..end);
        if text.as_bytes().get(end) != Some(&b'.') || parts.len() == 5 {
            break;
        }
        from = end + 1;
    }
    let part = |range: &Range<usize>| text.get(range.clone()).unwrap_or_default().as_bytes();
    if let [_, _, _, _, last] = parts.as_slice()
        && let Some(key) = parts.get(1)
    {
        let range = key.start..last.end;
        push(spans, range.clone(), "encrypted", part(&range));
        return;
    }
    if let Some(claims) = parts.get(1) {
        let read = text.get(claims.clone()).and_then(from_url);
        let read = read.and_then(|bytes| String::from_utf8(bytes).ok());
        if read.is_some_and(|claims| telling(&claims)) {
            push(spans, claims.clone(), "claims", part(claims));
        }
    }
    if let Some(signature) = parts.get(2) {
        push(spans, signature.clone(), "signature", part(signature));
    }
}

/// The secret part of a header's value; `from` is where the value begins in the text that the spans are of.
pub(super) fn header(name: &str, value: &str, from: usize, spans: &mut Vec<Span>) {
    let name = name.to_ascii_lowercase();
    if !HEADERS.contains(&name.as_str()) {
        return;
    }
    let blank = value.len() - value.trim_start().len();
    let (value, from) = (value.trim(), from + blank);
    let mut secret = |at: usize, length: usize, label: &str| {
        let part = value.get(at..at + length).unwrap_or_default();
        push(spans, from + at..from + at + length, label, part.as_bytes());
    };
    match name.as_str() {
        "authorization" | "proxy-authorization" => {
            let scheme = value.find(' ').map_or(0, |space| space + 1);
            let bearer = value.get(..scheme).is_some_and(|s| s.eq_ignore_ascii_case("bearer "));
            let label = if bearer { "access_token" } else { "credentials" };
            secret(scheme, value.len() - scheme, label);
        }
        "cookie" | "set-cookie" => {
            let mut at = 0;
            for pair in value.split(';') {
                let equals = pair.find('=').map_or(0, |equals| equals + 1);
                secret(at + equals, pair.len() - equals, "cookie");
                at += pair.len() + 1;
                // Behind the first pair of Set-Cookie come its attributes.
                if name == "set-cookie" {
                    break;
                }
            }
        }
        _ => secret(0, value.len(), "prt_cookie"),
    }
}
