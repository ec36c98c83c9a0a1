//! Federation metadata: who the server is, the certificate that its assertions are signed with, and where it is asked.
//!
//! Left out: the signature of the document, the descriptors of applications and SAML-P, and the list of claim types.

use http::StatusCode;

use super::endpoints::of_host;
use super::fault::Refused;
use super::names::ADDRESSING;
use crate::keys::encoding::to_standard;
use crate::services::call::Call;
use crate::services::reply::{Reply, escape, with_body};
use crate::world::federation_settings::{FederationEndpoint, TrustKind, TrustVersion};

/// `GET /FederationMetadata/2007-06/FederationMetadata.xml`.
pub(super) async fn metadata(call: Call) -> Reply {
    call.note("operation", "adfs.metadata");
    let endpoints = of_host(&call);
    if !endpoints.answers(&call, FederationEndpoint::Metadata) {
        return Refused::wire("federation-endpoint-off").plain(&call);
    }
    // Domains that share a server have keys and issuers of their own; the document describes the first of them.
    let here = call.world.federations().iter().find(|f| f.host == call.link.host);
    let Some(federation) = here else {
        return Refused::wire("federation-endpoint-unknown").with(&call.path).plain(&call);
    };
    let reference = |path: &str| {
        let address = escape(&call.url(&call.link.host, path));
        format!(
            "<wsa:EndpointReference><wsa:Address>{address}</wsa:Address></wsa:EndpointReference>"
        )
    };
    let active = endpoints
        .has(FederationEndpoint::Trust(TrustVersion::V2005, TrustKind::Certificate))
        .then(|| reference("/adfs/services/trust/2005/certificatemixed"))
        .map(|text| {
            format!("<fed:SecurityTokenServiceEndpoint>{text}</fed:SecurityTokenServiceEndpoint>")
        })
        .unwrap_or_default();
    let passive = reference("/adfs/ls/");
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><EntityDescriptor ID=\"_{id}\" entityID=\"{issuer}\" xmlns=\"urn:oasis:names:tc:SAML:2.0:metadata\"><RoleDescriptor xsi:type=\"fed:SecurityTokenServiceType\" protocolSupportEnumeration=\"http://docs.oasis-open.org/ws-sx/ws-trust/200512 http://schemas.xmlsoap.org/ws/2005/02/trust http://docs.oasis-open.org/wsfed/federation/200706\" ServiceDisplayName=\"{host}\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns:fed=\"http://docs.oasis-open.org/wsfed/federation/200706\" xmlns:wsa=\"{ADDRESSING}\"><KeyDescriptor use=\"signing\"><KeyInfo xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><X509Data><X509Certificate>{certificate}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>{active}<fed:PassiveRequestorEndpoint>{passive}</fed:PassiveRequestorEndpoint></RoleDescriptor></EntityDescriptor>",
        id = crate::entropy::object_guid(0, "federation metadata", &federation.issuer),
        issuer = escape(&federation.issuer),
        host = escape(&federation.host),
        certificate = to_standard(&federation.certificate),
    );
    with_body(StatusCode::OK, "application/samlmetadata+xml; charset=utf-8", text)
}
