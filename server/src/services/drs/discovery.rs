//! Discovery: the classic contract, the newer document, and the nonce (sections 2.1 to 2.3).

use http::StatusCode;
use linarite_core::tenant::DomainKind;
use serde_json::{Map, Value, json};

use super::refuse::Refused;
use crate::clock::format;
use crate::entropy::Stream;
use crate::keys::encoding::to_standard;
use crate::services::call::Call;
use crate::services::reply::{Reply, escape, json, private_json, with_body};

const DRS: &str = "enterpriseregistration.windows.net";
const LOGIN: &str = "login.microsoftonline.com";
const RESOURCE: &str = "urn:ms-drs:enterpriseregistration.windows.net";

/// `GET /EnrollmentServer/contract?api-version=1.0|1.2`: XML unless JSON is asked for.
pub(super) async fn contract(call: Call) -> Reply {
    call.note("operation", "contract");
    let version = call.query_value("api-version").unwrap_or_default();
    if version != "1.0" && version != "1.2" {
        return Refused::wire("api-version-unknown").with("name", version).reply(&call);
    }
    let tenant = call.world.tenant.id.to_string();
    let login = |path: &str| call.url(LOGIN, &format!("/{tenant}{path}"));
    let drs = |path: &str| call.url(DRS, path);
    let mut members = vec![
        (
            "DeviceRegistrationService",
            service(
                "RegistrationEndpoint",
                drs("/EnrollmentServer/DeviceEnrollmentWebService.svc"),
                "RegistrationResourceId",
            ),
        ),
        (
            "AuthenticationService",
            json!({ "OAuth2": {
                "AuthCodeEndpoint": login("/oauth2/authorize"),
                "TokenEndpoint": login("/oauth2/token"),
            }}),
        ),
        ("IdentityProviderService", json!({ "PassiveAuthEndpoint": login("/wsfed") })),
    ];
    if version == "1.2" {
        members.extend([
            (
                "DeviceJoinService",
                service("JoinEndpoint", drs("/EnrollmentServer/device/"), "JoinResourceId"),
            ),
            ("WebBrowserZones", json!({ "Intranet": { "Endpoints": [login("/")] }, "Trusted": null, "Untrusted": null })),
            (
                "KeyProvisioningService",
                service("KeyProvisionEndpoint", drs("/EnrollmentServer/key/"), "KeyProvisionResourceId"),
            ),
        ]);
    }
    match call.header("accept").unwrap_or_default() {
        "" | "*/*" | "application/xml" | "text/xml" => {
            with_body(StatusCode::OK, "application/xml; charset=utf-8", contract_xml(&members))
        }
        accepted if accepted.contains("application/json") => {
            let object: Map<String, Value> =
                members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            json(StatusCode::OK, &object)
        }
        accepted if accepted.contains("application/xml") || accepted.contains("*/*") => {
            with_body(StatusCode::OK, "application/xml; charset=utf-8", contract_xml(&members))
        }
        _ => Refused::wire("accept-missing").reply(&call),
    }
}

fn service(endpoint_key: &str, endpoint: String, resource_key: &str) -> Value {
    let mut members = Map::new();
    members.insert(endpoint_key.to_owned(), endpoint.into());
    members.insert(resource_key.to_owned(), RESOURCE.into());
    members.insert("ServiceVersion".to_owned(), "1.0".into());
    Value::Object(members)
}

fn contract_xml(members: &[(&str, Value)]) -> String {
    let mut xml = String::from(
        "<Discovery xmlns=\"http://schemas.datacontract.org/2004/07/Microsoft.DeviceRegistration.Entities\" xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\">",
    );
    for (name, value) in members {
        element(&mut xml, name, value);
    }
    xml.push_str("</Discovery>");
    xml
}

fn element(xml: &mut String, name: &str, value: &Value) {
    let (mut attributes, mut content) = ("", String::new());
    match value {
        Value::Null => {
            xml.extend(["<", name, " i:nil=\"true\"/>"]);
            return;
        }
        Value::Array(items) => {
            attributes = " xmlns:a=\"http://schemas.microsoft.com/2003/10/Serialization/Arrays\"";
            for item in items.iter().filter_map(Value::as_str) {
                content.extend(["<a:anyURI>", &escape(item), "</a:anyURI>"]);
            }
        }
        Value::Object(members) => {
            for (name, value) in members {
                element(&mut content, name, value);
            }
        }
        Value::String(text) => content = escape(text),
        Value::Bool(_) | Value::Number(_) => content = value.to_string(),
    }
    xml.extend(["<", name, attributes, ">", &content, "</", name, ">"]);
}

/// `GET /{tenant}/Discover?api-version=1.0..1.9`. Members in the order in which they were observed.
pub(super) async fn discover(call: Call) -> Reply {
    call.note("operation", "discover");
    let segment = call.segment(0).unwrap_or_default();
    if !call.world.tenant.answers_to(&segment) {
        let shown: String = segment.chars().take(100).collect();
        return Refused::wire("tenant-unknown").with("name", shown).reply(&call);
    }
    let version = call.query_value("api-version").unwrap_or_default();
    let known = version
        .strip_prefix("1.")
        .and_then(|minor| minor.parse::<u8>().ok())
        .is_some_and(|minor| minor <= 9 && version.len() == 3);
    if !known {
        return Refused::wire("api-version-unknown").with("name", version).reply(&call);
    }
    let world = &call.world;
    let tenant = world.tenant.id.to_string();
    let drs = |path: String| call.url(DRS, &path);
    let login = |path: &str| call.url(LOGIN, &format!("/{tenant}{path}"));
    let named = |endpoint: &str, at: String, resource: &str, version: &str| json!({ endpoint: at, resource: RESOURCE, "ServiceVersion": version });
    let domain = world.tenant.domains.iter().find(|d| d.name.eq_ignore_ascii_case(&segment));
    let federated = domain.is_some_and(|d| matches!(d.kind, DomainKind::Federated { .. }));
    let segment = encode(&segment);
    json(
        StatusCode::OK,
        &json!({
            "DiscoveryService": {
                "DiscoveryEndpoint": drs(format!("/{segment}/Discover")),
                "ServiceVersion": version,
            },
            "DeviceRegistrationService": named("RegistrationEndpoint", drs("/EnrollmentServer/DeviceEnrollmentWebService.svc".to_owned()), "RegistrationResourceId", "1.0"),
            "AuthenticationService": { "OAuth2": {
                "AuthCodeEndpoint": login("/oauth2/authorize"),
                "TokenEndpoint": login("/oauth2/token"),
            }},
            "IdentityProviderService": {
                "Federated": federated,
                "PassiveAuthEndpoint": login("/wsfed"),
            },
            "DeviceJoinService": named("JoinEndpoint", drs("/EnrollmentServer/device/".to_owned()), "JoinResourceId", "2.0"),
            "KeyProvisioningService": named("KeyProvisionEndpoint", drs("/EnrollmentServer/key/".to_owned()), "KeyProvisionResourceId", "1.0"),
            "WebAuthNService": named("WebAuthNEndpoint", drs(format!("/webauthn/{tenant}/")), "WebAuthNResourceId", "1.0"),
            "DeviceManagementService": named("DeviceManagementEndpoint", drs(format!("/manage/{tenant}/")), "DeviceManagementResourceId", "1.0"),
            "MsaProviderData": { "SiteId": "295958", "SiteUrl": drs(String::from("/")) },
            "PrecreateService": named("PrecreateEndpoint", drs(format!("/EnrollmentServer/device/precreate/{tenant}/")), "PrecreateResourceId", "2.0"),
            "TenantInfo": {
                "TenantId": tenant,
                "TenantName": world.tenant.primary_domain(),
                "DisplayName": world.tenant.name,
            },
            "AzureRbacService": { "RbacPolicyEndpoint": "https://pas.windows.net" },
            "BPLService": {
                "BPLServiceEndpoint": drs(format!("/aadpasswordpolicy/{tenant}/")),
                "BPLResourceId": RESOURCE,
                "ServiceVersion": "1.0",
                "BPLProxyServicePrincipalId": "dda27c27-f274-469f-8005-cce10f270009",
            },
            "DeviceJoinResourceService": {
                "Endpoint": drs(format!("/EnrollmentServer/device/resource/{tenant}/")),
                "ResourceId": RESOURCE,
                "ServiceVersion": "2.0",
            },
            "NonceService": {
                "Endpoint": drs(format!("/EnrollmentServer/nonce/{tenant}/")),
                "ResourceId": RESOURCE,
                "ServiceVersion": "1.0",
            },
        }),
    )
}

fn encode(segment: &str) -> String {
    const KEPT: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.');
    percent_encoding::utf8_percent_encode(segment, KEPT).to_string()
}

/// `GET /EnrollmentServer/nonce/{tenant}/`. The first key is spelled as the service spells it.
pub(super) async fn nonce(call: Call) -> Reply {
    call.note("operation", "nonce");
    let segment = call.segment(2).unwrap_or_default();
    if !call.world.tenant.answers_to(&segment) {
        let shown: String = segment.chars().take(100).collect();
        return Refused::wire("tenant-unknown").with("name", shown).reply(&call);
    }
    let value: [u8; 48] = call.world.entropy.draw(Stream::Once);
    private_json(
        StatusCode::OK,
        &json!({
            "ReponseStatus": {
                "message": "Success",
                "traceId": call.request_id.to_string(),
                "time": format(call.now(), "%-m/%-d/%Y %-I:%M:%S %p"),
            },
            "Value": to_standard(value),
        }),
    )
}
