//! Metadata exchange: which WS-Trust endpoints there are, and what each asks for (WSDL 1.1, WS-Policy 1.2).
//!
//! The shape is AD FS's: a policy, a binding and a port for each endpoint, under AD FS's names. Known clients crash on a
//! binding without `soap12:binding` or without an operation, and read the address of a port from its WS-Addressing
//! reference, which therefore holds no whitespace. Left out: XML schemas, messages and port types, which none reads, and
//! the endpoints for issued and asymmetric tokens.

use std::fmt::Write as _;

use super::endpoints::Endpoints;
use super::names::{ADDRESSING, POLICY, UTILITY};
use crate::faults::MexDefect;
use crate::world::federation_settings::{TrustKind, TrustVersion};

/// The document. `base` is the address of the server without a slash at its end.
pub(super) fn document(base: &str, endpoints: &Endpoints) -> String {
    let mut text = format!(
        "<wsdl:definitions name=\"SecurityTokenService\" targetNamespace=\"{TARGET}\" xmlns:wsdl=\"http://schemas.xmlsoap.org/wsdl/\" xmlns:soap12=\"http://schemas.xmlsoap.org/wsdl/soap12/\" xmlns:tns=\"{TARGET}\" xmlns:wsa10=\"{ADDRESSING}\" xmlns:wsaw=\"http://www.w3.org/2006/05/addressing/wsdl\" xmlns:wsp=\"{POLICY}\" xmlns:wsu=\"{UTILITY}\">"
    );
    for (version, kind) in endpoints.trust() {
        policy(&mut text, version, kind);
    }
    for (version, kind) in endpoints.trust() {
        binding(&mut text, version, kind);
    }
    text.push_str("<wsdl:service name=\"SecurityTokenService\">");
    for (version, kind) in endpoints.trust() {
        port(&mut text, base, version, kind);
    }
    text.push_str("</wsdl:service></wsdl:definitions>");
    text
}

/// The document with the defect that a fault gives it, and its type.
pub(super) fn spoilt(document: String, defect: Option<MexDefect>) -> (&'static str, String) {
    const XML: &str = "text/xml; charset=utf-8";
    match defect {
        // A captive portal or a proxy answers in the server's place.
        Some(MexDefect::Html) => (
            "text/html; charset=utf-8",
            "<html><head><title>Sign in to the network</title></head><body><p>Sign in to use this network.<br></body></html>\n"
                .to_owned(),
        ),
        Some(MexDefect::Dtd) => (
            XML,
            format!("<!DOCTYPE definitions [<!ENTITY name \"SecurityTokenService\">]>{document}"),
        ),
        Some(MexDefect::NoPasswordEndpoint) | None => (XML, document),
    }
}

const TARGET: &str = "http://schemas.microsoft.com/ws/2008/06/identity/securitytokenservice";

/// The name of the contract, and with it of everything of this version.
const fn contract(version: TrustVersion) -> &'static str {
    match version {
        TrustVersion::V13 => "IWSTrust13Async",
        TrustVersion::V2005 => "IWSTrustFeb2005Async",
    }
}

const fn operation(version: TrustVersion) -> &'static str {
    match version {
        TrustVersion::V13 => "Trust13IssueAsync",
        TrustVersion::V2005 => "TrustFeb2005IssueAsync",
    }
}

/// The name of a binding, by which clients tell its kind too.
fn name(version: TrustVersion, kind: TrustKind) -> String {
    let kind = match kind {
        TrustKind::UserName => "UserNameWSTrustBinding",
        TrustKind::Windows => "CustomBinding",
        TrustKind::Certificate => "CertificateWSTrustBinding",
    };
    format!("{kind}_{}", contract(version))
}

/// An assertion of WS-SecurityPolicy that holds a policy with these assertions.
fn nested(name: &str, inner: &str) -> String {
    format!("<sp:{name}><wsp:Policy>{inner}</wsp:Policy></sp:{name}>")
}

fn policy(text: &mut String, version: TrustVersion, kind: TrustKind) {
    let name = name(version, kind);
    let sp = version.security_policy();
    let inclusion = format!("{sp}/IncludeToken/AlwaysToRecipient");
    let token = nested("TransportToken", "<sp:HttpsToken RequireClientCertificate=\"false\"/>");
    let suite = nested("AlgorithmSuite", "<sp:Basic256/>");
    let layout = nested("Layout", "<sp:Strict/>");
    let transport =
        nested("TransportBinding", &format!("{token}{suite}{layout}<sp:IncludeTimestamp/>"));
    let credential = match kind {
        TrustKind::Windows => String::new(),
        TrustKind::UserName => {
            let holder = match version {
                TrustVersion::V13 => "SignedEncryptedSupportingTokens",
                TrustVersion::V2005 => "SignedSupportingTokens",
            };
            nested(
                holder,
                &format!(
                    "<sp:UsernameToken sp:IncludeToken=\"{inclusion}\"><wsp:Policy><sp:WssUsernameToken10/></wsp:Policy></sp:UsernameToken>"
                ),
            )
        }
        TrustKind::Certificate => nested(
            "EndorsingSupportingTokens",
            &format!(
                "<sp:X509Token sp:IncludeToken=\"{inclusion}\"><wsp:Policy><sp:RequireThumbprintReference/><sp:WssX509V3Token10/></wsp:Policy></sp:X509Token><sp:SignedParts><sp:Header Name=\"To\" Namespace=\"{ADDRESSING}\"/></sp:SignedParts>"
            ),
        ),
    };
    let negotiate = if kind == TrustKind::Windows {
        "<http:NegotiateAuthentication xmlns:http=\"http://schemas.microsoft.com/ws/06/2004/policy/http\"/>"
    } else {
        ""
    };
    let rest = match version {
        TrustVersion::V13 => format!(
            "{}{}",
            nested("Wss11", "<sp:MustSupportRefKeyIdentifier/>"),
            nested(
                "Trust13",
                "<sp:MustSupportIssuedTokens/><sp:RequireClientEntropy/><sp:RequireServerEntropy/>"
            )
        ),
        TrustVersion::V2005 => format!(
            "{}{}",
            nested("Wss11", "<sp:MustSupportRefKeyIdentifier/>"),
            nested(
                "Trust10",
                "<sp:MustSupportIssuedTokens/><sp:RequireClientEntropy/><sp:RequireServerEntropy/>"
            )
        ),
    };
    let _written = write!(
        text,
        "<wsp:Policy wsu:Id=\"{name}_policy\"><wsp:ExactlyOne><wsp:All xmlns:sp=\"{sp}\">{negotiate}{transport}{credential}{rest}<wsaw:UsingAddressing/></wsp:All></wsp:ExactlyOne></wsp:Policy>"
    );
}

fn binding(text: &mut String, version: TrustVersion, kind: TrustKind) {
    let name = name(version, kind);
    let _written = write!(
        text,
        "<wsdl:binding name=\"{name}\" type=\"tns:{contract}\"><wsp:PolicyReference URI=\"#{name}_policy\"/><soap12:binding transport=\"http://schemas.xmlsoap.org/soap/http\"/><wsdl:operation name=\"{operation}\"><soap12:operation soapAction=\"{action}\" style=\"document\"/><wsdl:input><soap12:body use=\"literal\"/></wsdl:input><wsdl:output><soap12:body use=\"literal\"/></wsdl:output></wsdl:operation></wsdl:binding>",
        contract = contract(version),
        operation = operation(version),
        action = version.request_action(),
    );
}

fn port(text: &mut String, base: &str, version: TrustVersion, kind: TrustKind) {
    let name = name(version, kind);
    let address = format!("{base}/adfs/services/trust/{}/{}", version.word(), kind.word());
    let identity = if kind == TrustKind::Windows {
        // AD FS names itself here for Kerberos; nobody has to resolve it.
        "<wsid:Identity xmlns:wsid=\"http://schemas.xmlsoap.org/ws/2006/02/addressingidentity\"><wsid:Spn>host/linarite</wsid:Spn></wsid:Identity>"
    } else {
        ""
    };
    let _written = write!(
        text,
        "<wsdl:port name=\"{name}\" binding=\"tns:{name}\"><soap12:address location=\"{address}\"/><wsa10:EndpointReference><wsa10:Address>{address}</wsa10:Address>{identity}</wsa10:EndpointReference></wsdl:port>"
    );
}
