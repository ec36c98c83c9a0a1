//! User realm discovery: whether a user name is of a managed, a federated or no domain (section 9; FAQ A25).

use http::StatusCode;
use linarite_core::tenant::Realm;
use serde_json::{Value, json};

use super::refuse::Refused;
use super::request::tenant_segment;
use crate::services::call::Call;
use crate::services::reply::{Reply, private_json};

const CLOUD: &str = "microsoftonline.com";
const AUDIENCE: &str = "urn:federation:MicrosoftOnline";

/// `GET /common/userrealm/{upn}?api-version=1.0|2.0`.
pub(super) async fn realm(call: Call) -> Reply {
    if let Err(refused) = tenant_segment(&call) {
        return refused.reply(&call);
    }
    let upn = call.segment(2).unwrap_or_default();
    call.note("operation", "user-realm");
    call.note("user", upn.as_str());
    let version = call.query_value("api-version").unwrap_or_else(|| "1.0".to_owned());
    let domain = upn.rsplit_once('@').map_or("", |(_, domain)| domain);
    let realm = call.world.tenant.realm(&upn);
    let body = match version.as_str() {
        "1.0" => first(realm, domain),
        "2.0" | "2.1" => second(realm, &upn, domain, &call.world.tenant.name),
        _ => return Refused::wire("request-malformed").reply(&call),
    };
    private_json(StatusCode::OK, &body)
}

/// `GET /GetUserRealm.srf?login=`, which older pages and tools ask.
pub(super) async fn srf(call: Call) -> Reply {
    let posted = call.form().into_iter().find(|(key, _)| key.eq_ignore_ascii_case("login"));
    let upn = call.query_value("login").or_else(|| posted.map(|(_, value)| value));
    let Some(upn) = upn.filter(|upn| !upn.is_empty()) else {
        return Refused::missing("login").reply(&call);
    };
    call.note("operation", "user-realm");
    call.note("user", upn.as_str());
    let domain = upn.rsplit_once('@').map_or("", |(_, domain)| domain);
    let realm = call.world.tenant.realm(&upn);
    // Of an unknown domain no source tells the numbers.
    let (state, user_state) = match realm {
        Realm::Managed(_) => (4, 1),
        Realm::Federated(..) => (3, 2),
        Realm::Unknown => (1, 1),
    };
    let mut body = json!({ "State": state, "UserState": user_state });
    let more = second(realm, &upn, domain, &call.world.tenant.name);
    if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
        body.extend(more.into_iter().filter(|(key, _)| key != "cloud_instance_name"));
        body.insert("CloudInstanceName".to_owned(), CLOUD.into());
        body.insert("CloudInstanceIssuerUri".to_owned(), AUDIENCE.into());
    }
    private_json(StatusCode::OK, &body)
}

fn first(realm: Realm<'_>, domain: &str) -> Value {
    match realm {
        Realm::Managed(found) => json!({
            "ver": "1.0", "account_type": "Managed", "domain_name": found.name,
            "cloud_instance_name": CLOUD, "cloud_audience_urn": AUDIENCE,
        }),
        Realm::Federated(found, sts) => json!({
            "ver": "1.0", "account_type": "Federated", "domain_name": found.name,
            "federation_protocol": "WSTrust",
            "federation_metadata_url": format!("https://{sts}/adfs/services/trust/mex"),
            "federation_active_auth_url": format!("https://{sts}/adfs/services/trust/2005/usernamemixed"),
            "cloud_instance_name": CLOUD, "cloud_audience_urn": AUDIENCE,
        }),
        Realm::Unknown => json!({
            "ver": "1.0", "account_type": "Unknown", "domain_name": domain,
            "cloud_instance_name": CLOUD, "cloud_audience_urn": AUDIENCE,
        }),
    }
}

fn second(realm: Realm<'_>, upn: &str, domain: &str, brand: &str) -> Value {
    match realm {
        Realm::Managed(found) => json!({
            "NameSpaceType": "Managed", "Login": upn, "DomainName": found.name,
            "FederationBrandName": brand, "TenantBrandingInfo": null, "cloud_instance_name": CLOUD,
        }),
        Realm::Federated(found, sts) => json!({
            "NameSpaceType": "Federated", "federation_protocol": "WSTrust", "Login": upn,
            "AuthURL": format!("https://{sts}/adfs/ls/?username={}&wa=wsignin1.0&wtrealm={AUDIENCE}&wctx=",
                percent_encoding::utf8_percent_encode(upn, percent_encoding::NON_ALPHANUMERIC)),
            "DomainName": found.name, "FederationBrandName": brand, "TenantBrandingInfo": null,
            "cloud_instance_name": CLOUD,
        }),
        Realm::Unknown => json!({
            "NameSpaceType": "Unknown", "Login": upn, "DomainName": domain, "cloud_instance_name": CLOUD,
        }),
    }
}
