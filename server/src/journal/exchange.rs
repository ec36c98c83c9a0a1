//! The raw form of an exchange, for reports: one piece of memory for each.
//!
//! Copying a few kilobytes costs less than keeping alive, request by request, the buffers that they came in. Nothing is
//! redacted here; whoever prints it does that. Left out: the version of HTTP, and trailers.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

/// Bytes of one body that are kept.
const BODY: usize = 64 << 10;

/// What came in and what went out, as the service had it.
#[derive(Clone, Copy, Debug)]
pub struct Spoken<'a> {
    /// Request method.
    pub method: &'a Method,
    /// Absolute URL as the client meant it, in as many pieces as the caller has it.
    pub url: &'a [&'a str],
    /// Request headers.
    pub request_headers: &'a HeaderMap,
    /// Request body.
    pub request_body: &'a Bytes,
    /// Response status.
    pub status: StatusCode,
    /// Response headers.
    pub response_headers: &'a HeaderMap,
    /// Response body.
    pub response_body: &'a Bytes,
    /// How long the answer really took, in microseconds.
    pub micros: u64,
}

/// The raw form of an exchange. Bodies are cut at 64 KiB.
#[derive(Clone, Debug)]
pub struct Exchange {
    method: Method,
    status: StatusCode,
    micros: u64,
    /// URL, request headers, request body, response headers, response body.
    packed: Box<[u8]>,
    /// Where each of these ends but the last.
    ends: [usize; 4],
}

impl Exchange {
    /// Keeps an exchange.
    pub fn of(spoken: &Spoken<'_>) -> Self {
        let (request, response) = (clip(spoken.request_body), clip(spoken.response_body));
        let heads = [spoken.request_headers, spoken.response_headers];
        let fields: usize =
            heads.iter().flat_map(|h| h.iter()).map(|(n, v)| n.as_str().len() + v.len() + 2).sum();
        let url: usize = spoken.url.iter().map(|piece| piece.len()).sum();
        let mut packed = Vec::with_capacity(url + fields + request.len() + response.len());
        for piece in spoken.url {
            packed.extend_from_slice(piece.as_bytes());
        }
        let url = packed.len();
        push(&mut packed, spoken.request_headers);
        let request_head = packed.len();
        packed.extend_from_slice(request);
        let request_body = packed.len();
        push(&mut packed, spoken.response_headers);
        let response_head = packed.len();
        packed.extend_from_slice(response);
        Self {
            method: spoken.method.clone(),
            status: spoken.status,
            micros: spoken.micros,
            packed: packed.into_boxed_slice(),
            ends: [url, request_head, request_body, response_head],
        }
    }

    /// Request method.
    pub const fn method(&self) -> &Method {
        &self.method
    }

    /// Response status.
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// How long the answer really took, in microseconds.
    pub const fn micros(&self) -> u64 {
        self.micros
    }

    /// Absolute URL as the client meant it.
    pub fn url(&self) -> &str {
        let [url, ..] = self.ends;
        std::str::from_utf8(self.part(0, url)).unwrap_or_default()
    }

    /// Request headers.
    pub fn request_headers(&self) -> Headers<'_> {
        let [url, head, ..] = self.ends;
        Headers(self.part(url, head))
    }

    /// Request body, as far as it is kept.
    pub fn request_body(&self) -> &[u8] {
        let [_, head, body, _] = self.ends;
        self.part(head, body)
    }

    /// Response headers.
    pub fn response_headers(&self) -> Headers<'_> {
        let [_, _, body, head] = self.ends;
        Headers(self.part(body, head))
    }

    /// Response body, as far as it is kept.
    pub fn response_body(&self) -> &[u8] {
        let [.., head] = self.ends;
        self.part(head, self.packed.len())
    }

    /// Roughly the bytes that it takes.
    pub(super) fn size(&self) -> usize {
        self.packed.len() + size_of::<Self>()
    }

    fn part(&self, start: usize, end: usize) -> &[u8] {
        self.packed.get(start..end).unwrap_or_default()
    }
}

/// The header fields of a message, in order.
#[derive(Clone, Copy, Debug)]
pub struct Headers<'a>(&'a [u8]);

impl<'a> Headers<'a> {
    /// Name, in lower case, and value of each.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        self.0.split(|byte| *byte == b'\n').filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let (name, value) = line.split_at_checked(colon)?;
            Some((std::str::from_utf8(name).ok()?, value.get(1..)?))
        })
    }

    /// The first value of this name (in lower case), when it is text.
    pub fn get(self, name: &str) -> Option<&'a str> {
        let (_, value) = self.iter().find(|(other, _)| *other == name)?;
        std::str::from_utf8(value).ok()
    }
}

/// One field to a line: neither names nor values hold a line feed, and no name holds a colon.
fn push(packed: &mut Vec<u8>, headers: &HeaderMap) {
    for (name, value) in headers {
        packed.extend_from_slice(name.as_str().as_bytes());
        packed.push(b':');
        packed.extend_from_slice(value.as_bytes());
        packed.push(b'\n');
    }
}

/// The part of a body that is kept.
fn clip(body: &Bytes) -> &[u8] {
    body.get(..BODY).unwrap_or(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::{COOKIE, HOST, HeaderValue};

    fn spoken(request: &HeaderMap, body: &Bytes) -> Exchange {
        Exchange::of(&Spoken {
            method: &Method::POST,
            url: &["https://", "h.test", "/p", "?q=:"],
            request_headers: request,
            request_body: body,
            status: StatusCode::FOUND,
            response_headers: &HeaderMap::new(),
            response_body: &Bytes::from_static(b"x:y\n"),
            micros: 7,
        })
    }

    #[test]
    fn every_part_reads_back_as_it_was() {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("h.test:80"));
        headers.append(COOKIE, HeaderValue::from_static("a=1"));
        headers.append(COOKIE, HeaderValue::from_static(""));
        headers.insert("x-bytes", HeaderValue::from_bytes(b"\xff:").unwrap());
        let exchange = spoken(&headers, &Bytes::from_static(b"body\n"));
        assert_eq!(exchange.url(), "https://h.test/p?q=:");
        let read: Vec<_> = exchange.request_headers().iter().collect();
        let expected: [(&str, &[u8]); 4] =
            [("host", b"h.test:80"), ("cookie", b"a=1"), ("cookie", b""), ("x-bytes", b"\xff:")];
        assert_eq!(read, expected);
        assert_eq!(exchange.request_headers().get("host"), Some("h.test:80"));
        assert_eq!(exchange.request_headers().get("x-bytes"), None);
        assert_eq!(exchange.request_body(), b"body\n");
        assert_eq!(exchange.response_headers().iter().count(), 0);
        assert_eq!(exchange.response_body(), b"x:y\n");
    }

    #[test]
    fn a_long_body_is_cut() {
        for (length, kept) in [(BODY - 1, BODY - 1), (BODY, BODY), (BODY + 1, BODY)] {
            let exchange = spoken(&HeaderMap::new(), &vec![b'b'; length].into());
            assert_eq!(exchange.request_body().len(), kept);
            assert_eq!(exchange.response_body(), b"x:y\n");
        }
    }
}
