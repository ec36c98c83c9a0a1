//! Metadata: openid-configuration of both versions, signing keys, instance discovery.
//!
//! The token endpoint names the tenant by its GUID, because a client takes its cache key from there; `common` and
//! `organizations` keep their word. URLs follow the face of the request; the issuer is the service's own name on every
//! face, as it is in the tokens.

use http::StatusCode;
use serde_json::json;

use super::refuse::Refused;
use super::request::tenant_segment;
use crate::services::call::Call;
use crate::services::reply::{Reply, json};

const LOGIN: &str = "login.microsoftonline.com";

/// `GET /{tenant}[/v2.0]/.well-known/openid-configuration`.
pub(super) async fn openid(call: Call) -> Reply {
    let segment = match tenant_segment(&call) {
        Ok(segment) => segment,
        Err(refused) => return refused.reply(&call),
    };
    let id = call.world.tenant.id.to_string();
    let word = ["common", "organizations"].iter().find(|w| segment.eq_ignore_ascii_case(w));
    let tenant = word.map_or(id.as_str(), |word| *word);
    let v2 = call.path.to_ascii_lowercase().contains("/v2.0/");
    let host = call.link.host.as_str();
    let base = |path: &str| call.url(host, &format!("/{tenant}{path}"));
    let version = if v2 { "/v2.0" } else { "" };
    let keys = if v2 { "/discovery/v2.0/keys" } else { "/discovery/keys" };
    let issued_for = word.map_or(id.as_str(), |_| "{tenantid}");
    let issuer = if v2 {
        format!("https://{LOGIN}/{issued_for}/v2.0")
    } else {
        format!("https://sts.windows.net/{issued_for}/")
    };
    json(
        StatusCode::OK,
        &json!({
            "token_endpoint": base(&format!("/oauth2{version}/token")),
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            "jwks_uri": base(keys),
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "issuer": issuer,
            "request_uri_parameter_supported": false,
            "authorization_endpoint": base(&format!("/oauth2{version}/authorize")),
            "device_authorization_endpoint": base(&format!("/oauth2{version}/devicecode")),
            "end_session_endpoint": base(&format!("/oauth2{version}/logout")),
            "http_logout_supported": false,
            "frontchannel_logout_supported": false,
            "claims_supported": ["sub", "iss", "aud", "exp", "iat", "auth_time", "acr", "nonce", "preferred_username", "name", "tid", "ver", "upn", "oid"],
            "capabilities": ["kdf_ver2"],
            "tenant_region_scope": "EU",
            "cloud_instance_name": "microsoftonline.com",
            "cloud_graph_host_name": "graph.windows.net",
            "msgraph_host": "graph.microsoft.com",
            "rbac_url": "https://pas.windows.net",
        }),
    )
}

/// `GET /{tenant}/discovery[/v2.0]/keys`.
pub(super) async fn keys(call: Call) -> Reply {
    if let Err(refused) = tenant_segment(&call) {
        return refused.reply(&call);
    }
    json(StatusCode::OK, &json!({ "keys": [call.world.keys.tokens.jwk()] }))
}

/// `GET /common/discovery/instance`.
pub(super) async fn instance(call: Call) -> Reply {
    let Some(asked) = call.query_value("authorization_endpoint") else {
        return Refused::missing("authorization_endpoint").reply(&call);
    };
    let authority = asked.strip_prefix("https://").or_else(|| asked.strip_prefix("http://"));
    let mut segments = authority.unwrap_or_default().split('/');
    let host = segments.next().unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name).to_ascii_lowercase();
    // Through the path-prefix face the emulated host is the first part of the path.
    let prefixed = segments.clone().next().is_some_and(|s| is_authority(&s.to_ascii_lowercase()));
    let tenant = if prefixed { segments.nth(1) } else { segments.next() }.unwrap_or("common");
    if !is_authority(&name) && !prefixed {
        return Refused::wire("authority-unknown").reply(&call);
    }
    let v2 = asked.contains("/v2.0/");
    let path = if v2 {
        "/v2.0/.well-known/openid-configuration"
    } else {
        "/.well-known/openid-configuration"
    };
    json(
        StatusCode::OK,
        &json!({
            "tenant_discovery_endpoint": call.url(LOGIN, &format!("/{tenant}{path}")),
            "api-version": call.query_value("api-version").unwrap_or_else(|| "1.1".to_owned()),
            "metadata": [{
                "preferred_network": LOGIN,
                "preferred_cache": "login.windows.net",
                "aliases": [LOGIN, "login.windows.net", "login.microsoft.com", "sts.windows.net"],
            }],
        }),
    )
}

fn is_authority(host: &str) -> bool {
    [LOGIN, "login.windows.net", "login.microsoft.com", "sts.windows.net"].contains(&host)
}
