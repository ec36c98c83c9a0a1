//! Windows Hello keys: `POST /EnrollmentServer/key/?api-version=1.0` (MS-KPP; section 6).
//!
//! A password sign-in may register a key here, although the service wants a fresh second factor for it: no policy asks
//! for one yet. Left out: attestation members, which are not read.

use http::StatusCode;
use http::header::HeaderValue;
use serde_json::{Value, json};

use super::join::AUDIENCES;
use super::refuse::Refused;
use crate::entropy::Stream;
use crate::keys::encoding::from_either;
use crate::keys::hello::key_id;
use crate::keys::transport::TransportKey;
use crate::services::call::Call;
use crate::services::reply::{Reply, private_json};
use crate::services::token::accept;

/// The endpoint.
pub(super) async fn key(call: Call) -> Reply {
    call.note("operation", "hello-key");
    match registered(&call).await {
        Ok(reply) => reply,
        Err(refused) => refused.reply(&call),
    }
}

async fn registered(call: &Call) -> Result<Reply, Refused> {
    let version = call.query_value("api-version");
    let version = version.or_else(|| call.header("api-version").map(str::to_owned));
    if version.as_deref() != Some("1.0") {
        let shown = version.unwrap_or_default();
        return Err(Refused::wire("api-version-unknown").with("name", shown));
    }
    if !call.header("accept").is_some_and(|a| a.contains("application/json") || a.contains("*/*")) {
        return Err(Refused::wire("accept-missing"));
    }
    let accepted = accept(call, "drs", &AUDIENCES)??;
    call.note("user", accepted.user.upn.as_str());
    let body: Value = serde_json::from_slice(&call.body)
        .map_err(|_| Refused::malformed("the body is not JSON"))?;
    let text = body.get("kngc").and_then(Value::as_str);
    let invalid = |why: String| Refused::wire("transport-key-invalid").with("name", why);
    let text = text.ok_or_else(|| Refused::malformed("kngc is missing or not text"))?;
    let blob = from_either(text).ok_or_else(|| invalid("not base64".to_owned()))?;
    TransportKey::from_blob(&blob).map_err(|error| invalid(error.to_string()))?;
    let id: [u8; 32] = from_either(&key_id(&blob))
        .and_then(|id| id.try_into().ok())
        .ok_or_else(|| invalid("no key id".to_owned()))?;
    call.world
        .directory
        .register_hello_key(id, accepted.user.id, accepted.device, blob, call.now())
        .await??;
    let kid = call.world.entropy.guid(Stream::Trace);
    let body = json!({ "kid": kid.to_string(), "upn": accepted.user.upn, "pctx": null });
    let mut reply = private_json(StatusCode::OK, &body);
    if let Ok(id) = HeaderValue::from_str(&call.request_id.to_string()) {
        reply.headers_mut().insert("request-id", id);
    }
    Ok(reply)
}
