//! Client credentials: an application that signs in for itself, without a user (RFC 6749, section 4.4; the client notes of
//! MSAL, section 3.7).
//!
//! Its token carries the application permissions of the world file in `roles` and names no user. Nothing else is given: no
//! refresh token, no id token. Left out: client assertions (certificates), which are refused by name, and the question
//! whether an administrator consented.

use linarite_core::refusal::GrantRefusal;
use serde_json::json;

use super::claims;
use super::refuse::Refused;
use super::request::{Parameters, client, wanted};
use crate::journal::Kind;
use crate::json::printed;
use crate::services::call::Call;
use crate::world::apps::App;

/// Answers a request of an application for itself.
pub(super) fn credentials(call: &Call, form: &Parameters, v2: bool) -> Result<String, Refused> {
    if form.get("client_assertion").is_some() {
        return Err(Refused::wire("grant-type-not-emulated")
            .with("name", "client_credentials with a client assertion"));
    }
    let app = client(call, form)?;
    // A public client signs users in without a secret, but nobody is there to be signed in.
    if form.get("client_secret").is_none() {
        return Err(Refused::wire("client-secret-missing"));
    }
    let resource = if v2 { of_default(form.need("scope")?)? } else { form.need("resource")? };
    let asked = wanted(call, Some(resource), "")?;
    call.note("resource", asked.resource.as_str());
    let (settings, now) = (&call.world.tenant.settings, call.now());
    let until = now + settings.access_token_lifetime;
    let roles = permissions(call, app, &asked.resource);
    let token = claims::application_token(call, app, &asked.resource, roles, until);
    let token = call.world.keys.tokens.sign_jwt(&token);
    let token = token.map_err(|_| Refused::from(GrantRefusal::Unreadable))?;
    let lifetime = settings.access_token_lifetime.seconds();
    let answer = if v2 {
        json!({
            "token_type": "Bearer",
            "expires_in": lifetime,
            "ext_expires_in": lifetime,
            "access_token": token,
        })
    } else {
        json!({
            "token_type": "Bearer",
            "expires_in": lifetime.to_string(),
            "ext_expires_in": lifetime.to_string(),
            "expires_on": until.seconds().to_string(),
            "not_before": now.seconds().to_string(),
            "resource": asked.resource,
            "access_token": token,
        })
    };
    call.record(Kind::TokenIssued, call.chosen_facts(&["grant", "client_id", "resource"]));
    Ok(printed(&answer))
}

/// The resource of a scope, which is all of its permissions or nothing here: `RESOURCE/.default`.
fn of_default(scope: &str) -> Result<&str, Refused> {
    let resource = scope.trim().strip_suffix("/.default");
    resource
        .filter(|resource| !resource.is_empty() && !resource.contains(char::is_whitespace))
        .ok_or_else(|| {
            let shown: String = scope.chars().take(200).collect();
            Refused::wire("scope-not-default").with("name", shown)
        })
}

/// The permissions that an application holds on a resource: those on Graph are in the world file, there are no others.
fn permissions<'a>(call: &Call, app: &'a App, resource: &str) -> &'a [String] {
    let graph = call.world.apps.resource("https://graph.microsoft.com");
    if call.world.apps.resource(resource) == graph { &app.graph } else { &[] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_names_one_resource_and_ends_in_default() {
        for (scope, expected) in [
            ("https://graph.microsoft.com/.default", Some("https://graph.microsoft.com")),
            // A resource that ends in a slash keeps it.
            (
                "https://management.core.windows.net//.default",
                Some("https://management.core.windows.net/"),
            ),
            ("api://x/.default", Some("api://x")),
            ("https://graph.microsoft.com/Device.Read.All", None),
            ("https://graph.microsoft.com/.default openid", None),
            ("https://a/.default https://b/.default", None),
            ("/.default", None),
            (".default", None),
        ] {
            assert_eq!(of_default(scope).ok(), expected, "{scope}");
        }
    }
}
