//! The user's realm: who checks the password (device-registration.md 9, client-msal.md 3.2).

use crate::answers::text;
use crate::hresult;
use crate::outcome::Failure;
use crate::wire::{Ask, Line, Speaker, escaped};

/// Whom the federation server makes its assertions for, when the realm does not say.
const AUDIENCE: &str = "urn:federation:MicrosoftOnline";

/// Who checks the password of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Realm {
    /// The cloud.
    Managed,
    /// A federation server.
    Federated(Federation),
}

/// What the realm says about a federation server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Federation {
    /// Such as `WSTrust`.
    pub(super) protocol: String,
    /// Where its metadata (MEX) are.
    pub(super) metadata: Option<String>,
    /// Its endpoint for user name and password, for realms that name no metadata.
    pub(super) active: Option<String>,
    /// Whom its assertions are to be made for.
    pub(super) audience: String,
    /// The exchange that said so, with its client request id.
    pub(super) exchange: (String, String),
}

/// Asks for the realm of a user name.
pub(super) async fn realm(line: &Line, upn: &str, speaker: Speaker) -> Result<Realm, Failure> {
    let url = line.login(&format!("/common/userrealm/{}?api-version=1.0", escaped(upn)));
    let ask = Ask::get(url).header("accept", "application/json");
    let answer = line.send(ask).await.map_err(|fault| fault.into_failure(speaker))?;
    let json = answer.json().filter(|_| answer.is_success());
    let get = |name: &str| {
        json.as_ref().and_then(|json| text(json, &[name])).filter(|text| !text.is_empty())
    };
    let Some(kind) = get("account_type") else {
        return Err(answer.unexpected(hresult::DSREG_REALM_FAILED, "the user's realm in JSON"));
    };
    if kind.eq_ignore_ascii_case("managed") {
        return Ok(Realm::Managed);
    }
    if kind.eq_ignore_ascii_case("federated") {
        return Ok(Realm::Federated(Federation {
            protocol: get("federation_protocol").unwrap_or_default(),
            metadata: get("federation_metadata_url"),
            active: get("federation_active_auth_url"),
            audience: get("cloud_audience_urn").unwrap_or_else(|| AUDIENCE.to_owned()),
            exchange: (answer.exchange, answer.request_id),
        }));
    }
    let message = format!("{upn} belongs to no realm of the cloud (account type {kind})");
    Err(answer.failure(hresult::DSREG_REALM_FAILED, message))
}
