//! The token of a domain computer, for which an assertion of its federation server was exchanged: for device registration
//! and nothing else (sections 4.1, 9 and 19).
//!
//! No capture shows the token. *Assumed*: its claims have the last parts of the names that the assertion has them under,
//! with the same values; it comes without a refresh token and without an id token, as there is no user to refresh.

use linarite_core::vouched::ACCOUNT_TYPE;
use serde::Serialize;
use serde_json::json;

use super::claims::unique;
use super::refuse::Refused;
use super::request::Wanted;
use super::saml::Computer;
use crate::journal::Kind;
use crate::json::printed;
use crate::services::call::Call;
use crate::world::apps::App;

/// The id of device registration.
pub(super) const REGISTRATION: &str = "01cb2876-7ebd-4aa4-9cc9-d28bd4d359a9";

#[derive(Serialize)]
struct Token<'a> {
    aud: &'a str,
    iss: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    accounttype: &'static str,
    amr: &'a [String],
    appid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    onpremobjectguid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    primarysid: Option<&'a str>,
    tid: String,
    uti: String,
    ver: &'static str,
}

/// The answer to the grant.
pub(super) fn answer(
    call: &Call,
    client: &App,
    wanted: &Wanted,
    computer: &Computer,
    v2: bool,
) -> Result<String, Refused> {
    let of = call.world.apps.resource(&wanted.resource).map(|resource| resource.id.to_string());
    if of.as_deref() != Some(REGISTRATION) {
        let what = "a token of a domain computer for another resource than device registration";
        return Err(Refused::wire("grant-type-not-emulated").with("name", what));
    }
    let (settings, now) = (&call.world.tenant.settings, call.now());
    let until = now + settings.access_token_lifetime;
    let tenant = call.world.tenant.id.to_string();
    let token = Token {
        aud: &wanted.resource,
        iss: format!("https://sts.windows.net/{tenant}/"),
        iat: now.seconds(),
        nbf: now.seconds(),
        exp: until.seconds(),
        accounttype: ACCOUNT_TYPE,
        amr: &computer.amr,
        appid: client.id.to_string(),
        onpremobjectguid: computer.object.as_deref(),
        primarysid: computer.sid.as_deref(),
        tid: tenant,
        uti: unique(call),
        ver: "1.0",
    };
    let signed = call.world.keys.tokens.sign_jwt(&token);
    let signed = signed.map_err(|_| Refused::wire("directory-failed"))?;
    note(call, wanted, computer);
    let lifetime = settings.access_token_lifetime.seconds();
    Ok(printed(&if v2 {
        json!({ "token_type": "Bearer", "scope": wanted.scope, "expires_in": lifetime,
            "ext_expires_in": lifetime, "access_token": signed })
    } else {
        json!({ "token_type": "Bearer", "scope": wanted.permissions,
            "expires_in": lifetime.to_string(), "ext_expires_in": lifetime.to_string(),
            "expires_on": until.seconds().to_string(), "not_before": now.seconds().to_string(),
            "resource": wanted.resource, "access_token": signed })
    }))
}

fn note(call: &Call, wanted: &Wanted, computer: &Computer) {
    if let Some(sid) = &computer.sid {
        call.note("computer", sid.as_str());
    }
    let mut fields = call.chosen_facts(&["grant", "client_id", "computer"]);
    fields.insert("resource", wanted.resource.as_str());
    fields.insert("amr", json!(computer.amr));
    call.record(Kind::TokenIssued, fields);
}
