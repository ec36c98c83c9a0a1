//! The token of a device alone: a request signed with the device key whose grant type is `device_token` (section 7; client
//! notes 6.6). This is how a computer asks whether its device still counts, for `DeviceAuthStatus` (section 15; FAQ A7).
//!
//! *Assumed*: the claims, the resource (device registration; other resources take no such tokens, AADSTS221000), and that
//! the newer tool asks by this grant. Conditional access is not asked: no user takes part.

use linarite_core::refusal::DeviceRefusal;
use serde::Serialize;
use serde_json::json;

use super::claims::unique;
use super::computer::REGISTRATION;
use super::grants::check_nonce;
use super::issue::about;
use super::prt::{Request, shown_certificate};
use super::refuse::Refused;
use super::request::{known_client, wanted};
use crate::journal::Kind;
use crate::json::printed;
use crate::keys::jose::Jws;
use crate::services::call::Call;

/// The grant type inside the signed request.
pub(super) const GRANT: &str = "device_token";

#[derive(Serialize)]
struct Token<'a> {
    aud: &'a str,
    iss: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    appid: String,
    deviceid: String,
    idtyp: &'static str,
    tid: String,
    uti: String,
    ver: &'static str,
}

/// The answer to the request.
pub(super) async fn answer(call: &Call, jws: &Jws, payload: &Request) -> Result<String, Refused> {
    call.note("operation", "device.token");
    let shown = shown_certificate(call, jws)?;
    let client = known_client(call, payload.client_id.as_deref().unwrap_or_default())?;
    let resource = payload.resource.as_deref().filter(|resource| !resource.is_empty());
    let wanted = wanted(call, Some(resource.ok_or_else(|| Refused::missing("resource"))?), "")?;
    if wanted.app.to_string() != REGISTRATION {
        return Err(Refused::wire("device-token-unsupported").with("name", wanted.resource));
    }
    call.note("resource", wanted.resource.as_str());
    let once = check_nonce(call, payload.request_nonce.as_deref())?;
    let (faults, unseen): (Vec<_>, Vec<_>) =
        call.world.faults.unseen_keys(call.now()).into_iter().unzip();
    let decided = call.world.directory.device_alone(unseen, shown, once, call.now()).await;
    let decided = decided.map_err(|error| {
        tracing::error!(%error, "a device was not looked up");
        Refused::wire("directory-failed")
    })?;
    if decided.as_ref().err() == Some(&DeviceRefusal::NotReplicated.into()) {
        call.note("fault", faults.into_iter().next());
    }
    let device = decided?;
    let (settings, now) = (&call.world.tenant.settings, call.now());
    let until = now + settings.access_token_lifetime;
    let tenant = call.world.tenant.id.to_string();
    let token = Token {
        aud: &wanted.resource,
        iss: format!("https://sts.windows.net/{tenant}/"),
        iat: now.seconds(),
        nbf: now.seconds(),
        exp: until.seconds(),
        appid: client.id.to_string(),
        deviceid: device.device_id().to_string(),
        idtyp: "device",
        tid: tenant,
        uti: unique(call),
        ver: "1.0",
    };
    let signed = call.world.keys.tokens.sign_jwt(&token);
    let signed = signed.map_err(|_| Refused::wire("directory-failed"))?;
    let mut fields = about(call);
    fields.insert("resource", wanted.resource.as_str());
    call.record(Kind::TokenIssued, fields);
    let lifetime = settings.access_token_lifetime.seconds().to_string();
    Ok(printed(
        &json!({ "token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime,
        "expires_on": until.seconds().to_string(), "not_before": now.seconds().to_string(),
        "resource": wanted.resource, "access_token": signed }),
    ))
}
