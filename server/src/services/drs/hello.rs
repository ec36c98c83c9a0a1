//! Windows Hello keys: `POST /EnrollmentServer/key/?api-version=1.0` (MS-KPP; section 6).
//!
//! The token says on which device, and that its user proved a second factor; how long ago is not asked. Left out:
//! attestation members, which are not read.

use http::StatusCode;
use http::header::HeaderValue;
use linarite_core::registration::HelloProof;
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
    let proof = HelloProof {
        user: accepted.user.id,
        device: accepted.device,
        second_factor: accepted.second_factor(),
    };
    call.world.directory.register_hello_key(id, proof, blob, call.now()).await??;
    let kid = call.world.entropy.guid(Stream::Trace);
    let body = json!({ "kid": kid.to_string(), "upn": accepted.user.upn, "pctx": null });
    let mut reply = private_json(StatusCode::OK, &body);
    if let Ok(id) = HeaderValue::from_str(&call.request_id.to_string()) {
        reply.headers_mut().insert("request-id", id);
    }
    Ok(reply)
}

#[cfg(test)]
mod tests {
    use http::Method;
    use serde_json::json;

    use super::super::join::AUDIENCES;
    use super::super::router;
    use crate::keys::encoding::to_standard;
    use crate::keys::pool::TestKey;
    use crate::keys::public_key::PublicKey;
    use crate::keys::transport::TransportKey;
    use crate::services::token::testing::TestWorld;

    /// The status of a registration with a token of these ways to sign in, and its reason in the journal.
    async fn register(world: &TestWorld, on_device: bool, amr: &[&str]) -> (u16, String) {
        let device = world.device("SEED-1").await.device_id;
        let mut claims = world.claims("bob", AUDIENCES[0], on_device.then_some(device));
        claims.insert("amr".to_owned(), json!(amr));
        let token = world.sign(&claims);
        let key = TestKey::pick(3).load().unwrap().public().clone();
        let blob = TransportKey::from_public_key(&PublicKey::Rsa(key));
        let body = json!({ "kngc": to_standard(blob.unwrap().to_blob()) }).to_string();
        let headers = [("accept", "application/json")];
        let path = "/EnrollmentServer/key/?api-version=1.0";
        let answer = world.send(Method::POST, path, Some(&token), &headers, &body).await;
        let said = answer.json();
        (answer.status.as_u16(), said["Message"].as_str().unwrap_or_default().to_owned())
    }

    #[tokio::test]
    async fn a_key_that_will_count_as_a_second_factor_is_not_had_for_a_password() {
        let world = TestWorld::start("enterpriseregistration.windows.net", router()).await;
        let said = "The token does not say that its user proved a second factor.".to_owned();
        for amr in [&[] as &[&str], &["pwd"], &["pwd", "rsa"], &["MFA"]] {
            assert_eq!(register(&world, true, amr).await, (401, said.clone()), "{amr:?}");
        }
        let said = "The token is not bound to a device.".to_owned();
        assert_eq!(register(&world, false, &["pwd", "mfa"]).await, (401, said));
        let multiple = "http://schemas.microsoft.com/claims/multipleauthn";
        for amr in [["pwd", "mfa"], ["rsa", "ngcmfa"], ["pwd", multiple]] {
            assert_eq!(register(&world, true, &amr).await, (200, String::new()), "{amr:?}");
        }
    }
}
