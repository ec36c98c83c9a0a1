//! Reading the body of a request whole, within its limits.
//!
//! An answer given before the body is read breaks uploads of real clients (over HTTP/2 curl reports
//! a stream error), so even a body that is too long is read and thrown away for a while before the
//! 413. Trailers are ignored.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use tokio::time::timeout;

use super::Limits;

/// How many times the limit is read and thrown away for the sake of a client that only listens when
/// it has sent everything.
const PATIENCE: usize = 16;

/// Why there is no body.
#[derive(Debug)]
pub(super) enum BodyError {
    /// Longer than the limit.
    TooLarge,
    /// Not whole in time.
    TooSlow,
    /// Broken off, or broken framing.
    Broken(String),
}

/// The whole body. `waits`: the client sends it only when it is told to (`Expect: 100-continue`).
pub(super) async fn collect(
    body: Incoming,
    waits: bool,
    limits: &Limits,
) -> Result<Bytes, BodyError> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if waits && announced > limits.body_bytes {
        return Err(BodyError::TooLarge);
    }
    timeout(limits.body_time, read(body, announced, limits.body_bytes))
        .await
        .unwrap_or(Err(BodyError::TooSlow))
}

/// Reads a body and forgets it, so that an answer to another question is understood.
pub(super) async fn discard(body: Incoming, waits: bool, limits: &Limits) {
    if body.is_end_stream() || waits {
        return;
    }
    let mut body = body;
    let read = async {
        let mut left = limits.body_bytes.saturating_mul(PATIENCE);
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, Bytes::len);
            let Some(rest) = left.checked_sub(length) else { return };
            left = rest;
        }
    };
    // Whether it ended in time makes no difference to the answer.
    drop(timeout(limits.body_time, read).await);
}

async fn read(mut body: Incoming, announced: usize, limit: usize) -> Result<Bytes, BodyError> {
    let mut first: Option<Bytes> = None;
    let mut whole = BytesMut::new();
    let mut total = 0_usize;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| BodyError::Broken(e.to_string()))?;
        let Ok(data) = frame.into_data() else { continue };
        total = total.saturating_add(data.len());
        if total > limit.saturating_mul(PATIENCE) {
            return Err(BodyError::TooLarge);
        }
        if total > limit {
            whole = BytesMut::new();
            first = None;
            continue;
        }
        // Most bodies come in one piece, which is then not copied.
        match first.take() {
            None if whole.is_empty() => first = Some(data),
            None => whole.extend_from_slice(&data),
            Some(piece) => {
                whole.reserve(announced.clamp(piece.len() + data.len(), limit));
                whole.extend_from_slice(&piece);
                whole.extend_from_slice(&data);
            }
        }
    }
    if total > limit {
        return Err(BodyError::TooLarge);
    }
    Ok(first.unwrap_or_else(|| whole.freeze()))
}
