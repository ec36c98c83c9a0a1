//! Signing in at a federation server: metadata, WS-Trust, and the exchange of the assertion for a token of the cloud
//! (device-registration.md 9, client-msal.md 3.3 to 3.6; FAQ A25).
//!
//! Every failure carries the number of the token library (errors.md 3) and, where the HTTP status does not decide, the
//! status of the lock screen (errors.md 4). *Assumed*, since the documents are silent: metadata that answer with an HTTP
//! error count as metadata without an endpoint, and metadata that are no XML (and have no DTD) show as a plain logon failure.
//!
//! Left out: certificates at `certificatemixed`, Windows Hello, sign-in pages of the federation server.

mod mex;
mod trust;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use self::mex::{Endpoint, Version, Way};
pub(super) use self::trust::Assertion;
use self::trust::Reply;
use super::enrol::{BROKER, REGISTRATION_RESOURCE, token_url};
use super::hybrid::ComputerAccount;
use super::realm::Federation;
use super::state::Tenant;
use crate::hresult;
use crate::outcome::{Failure, Tokens};
use crate::wire::{Answer, Ask, Line, Speaker};
use crate::xml::{self, XmlTrouble};

/// Who signs in.
#[derive(Debug, Clone, Copy)]
pub(super) enum Caller<'a> {
    /// A user with a password.
    User { upn: &'a str, password: &'a str },
    /// A user of a federated domain, by its Windows session.
    Session { upn: &'a str },
    /// A computer of a federated domain, by its Windows session.
    Computer { account: &'a ComputerAccount, domain: &'a str },
}

impl Caller<'_> {
    fn way(&self) -> Way {
        match self {
            Self::User { .. } => Way::Password,
            Self::Session { .. } | Self::Computer { .. } => Way::Windows,
        }
    }
}

/// Gets an assertion for `caller`.
pub(super) async fn assertion(
    line: &Line,
    federation: &Federation,
    caller: Caller<'_>,
) -> Result<Assertion, Failure> {
    if !federation.protocol.eq_ignore_ascii_case("wstrust") {
        let message = format!(
            "the realm's federation protocol is `{}`: Windows signs in by WSTrust only",
            federation.protocol
        );
        let number = hresult::WSTRUST_PROTOCOL_NOT_SUPPORTED;
        return Err(of_realm(federation, number, message).with_logon(hresult::STATUS_LOGON_FAILURE));
    }
    let endpoint = match &federation.metadata {
        Some(url) => discovered(line, url, caller.way()).await?,
        None => named(line, federation, caller.way())?,
    };
    issue(line, &endpoint, &federation.audience, caller).await
}

/// A failure about what the realm said.
fn of_realm(federation: &Federation, number: u32, message: String) -> Failure {
    let mut failure = Failure::new(number, message);
    let (exchange, request_id) = federation.exchange.clone();
    failure.info.exchange = Some(exchange);
    failure.info.request_id = Some(request_id);
    failure
}

/// The number for a missing endpoint, and the status of the lock screen.
fn missing(way: Way) -> (u32, &'static str) {
    match way {
        Way::Password => (hresult::WSTRUST_NO_PASSWORD_ENDPOINT, "user name and password"),
        Way::Windows => (hresult::WSTRUST_NO_WINDOWS_ENDPOINT, "integrated sign-in"),
    }
}

/// The endpoint that the realm itself names: only realms without metadata do without them.
fn named(line: &Line, federation: &Federation, way: Way) -> Result<Endpoint, Failure> {
    let active = federation.active.as_ref().filter(|url| way == Way::Password && line.is_safe(url));
    active.map(|url| Endpoint { url: url.clone(), version: Version::of_address(url) }).ok_or_else(
        || {
            let (number, what) = missing(way);
            let message = format!(
                "the realm names neither metadata of its federation server nor a usable endpoint for {what}"
            );
            of_realm(federation, number, message).with_logon(hresult::STATUS_PASSWORD_URI_EMPTY)
        },
    )
}

async fn discovered(line: &Line, url: &str, way: Way) -> Result<Endpoint, Failure> {
    let (number, what) = missing(way);
    if !line.is_safe(url) {
        let message = format!("the realm's metadata address `{url}` is not https");
        return Err(Failure::new(number, message).with_logon(hresult::STATUS_PASSWORD_URI_EMPTY));
    }
    let answer = line.send(Ask::get(url)).await;
    let answer = answer.map_err(|fault| fault.into_failure(Speaker::Tokens))?;
    if !answer.is_success() {
        return Err(answer.unexpected(number, "the metadata of the federation server"));
    }
    let document = xml::parse(&answer.body)
        .map_err(|trouble| not_xml(&answer, "the metadata of the federation server", &trouble))?;
    mex::endpoint(&document, way, |url| line.is_safe(url)).ok_or_else(|| {
        let message = format!(
            "{}: the metadata of the federation server name no WS-Trust endpoint for {what}",
            answer.exchange
        );
        answer.failure(number, message).with_logon(hresult::STATUS_PASSWORD_URI_EMPTY)
    })
}

fn not_xml(answer: &Answer, what: &str, trouble: &XmlTrouble) -> Failure {
    let status = match trouble {
        XmlTrouble::Dtd => hresult::STATUS_DTD_PROHIBITED,
        XmlTrouble::Large | XmlTrouble::Malformed(_) => hresult::STATUS_LOGON_FAILURE,
    };
    let due = format!("{what} in XML ({trouble})");
    answer.unexpected(hresult::WSTRUST_NOT_XML, &due).with_logon(status)
}

/// Asks one endpoint for an assertion.
async fn issue(
    line: &Line,
    endpoint: &Endpoint,
    audience: &str,
    caller: Caller<'_>,
) -> Result<Assertion, Failure> {
    let user = match caller {
        Caller::User { upn, password } => Some((upn, password)),
        Caller::Session { .. } | Caller::Computer { .. } => None,
    };
    let envelope = trust::request(line, endpoint, audience, user);
    let mut ask = Ask::soap(&endpoint.url, endpoint.version.action(), envelope);
    ask = match caller {
        Caller::User { .. } => ask,
        Caller::Session { upn } => ask.header("authorization", negotiate(&json!({ "user": upn }))),
        Caller::Computer { account, domain } => {
            ask.header("authorization", negotiate(&computer(account, domain)))
        }
    };
    let answer = line.send(ask).await.map_err(|fault| fault.into_failure(Speaker::Tokens))?;
    let read = xml::parse(&answer.body).map(|document| trust::reply(&document));
    let refused = |message: String| answer.failure(hresult::WSTRUST_REQUEST_FAILED, message);
    match read {
        Ok(Reply::Token(assertion)) if answer.is_success() => Ok(assertion),
        Ok(Reply::Fault { code, reason }) => {
            let message = if reason.is_empty() { code.clone() } else { reason };
            let mut failure = refused(message).with_logon(hresult::STATUS_SAML_TOKENS_EMPTY);
            failure.info.code = Some(code).filter(|code| !code.is_empty());
            Err(failure)
        }
        Ok(Reply::Neither(what)) if answer.is_success() => {
            let due = format!("an assertion ({what})");
            let failure = answer.unexpected(hresult::WSTRUST_REQUEST_FAILED, &due);
            Err(failure.with_logon(hresult::STATUS_SAML_TOKENS_EMPTY))
        }
        Err(trouble) if answer.is_success() => {
            Err(not_xml(&answer, "an answer of the federation server", &trouble))
        }
        // An HTTP error without a fault: the status of the lock screen follows from the HTTP status.
        Ok(Reply::Token(_) | Reply::Neither(_)) | Err(_) => {
            Err(answer.unexpected(hresult::WSTRUST_REQUEST_FAILED, "an assertion"))
        }
    }
}

/// The stand-in for Kerberos: who signs in, in the clear. Real members of a domain prove it with a ticket.
fn negotiate(who: &Value) -> String {
    format!("Negotiate {}", STANDARD.encode(who.to_string()))
}

fn computer(account: &ComputerAccount, domain: &str) -> Value {
    json!({
        "computer": account.account_name(),
        "domain": domain,
        "objectGuid": account.object_guid,
        "sid": account.sid,
    })
}

/// Exchanges an assertion for tokens of the registration service.
pub(super) async fn swap(
    line: &Line,
    tenant: &Tenant,
    assertion: &Assertion,
) -> Result<Tokens, Failure> {
    let resource =
        if tenant.join.id.is_empty() { REGISTRATION_RESOURCE } else { tenant.join.id.as_str() };
    let encoded = URL_SAFE_NO_PAD.encode(&assertion.xml);
    let fields = [
        ("client_id", BROKER),
        ("grant_type", assertion.grant()),
        ("client_info", "1"),
        ("resource", resource),
        ("scope", "openid"),
        ("assertion", &encoded),
    ];
    let answer = line.send(Ask::form(token_url(line, tenant), &fields)).await;
    let answer = answer.map_err(|fault| fault.into_failure(Speaker::Tokens))?;
    if !answer.is_success() {
        let failure = answer.token_error();
        let refused = failure.hresult == hresult::TOKEN_INVALID_GRANT;
        let number = if refused { failure.hresult } else { hresult::WSTRUST_TOKEN_REQUEST_FAILED };
        return Err(failure.with_hresult(number));
    }
    let Some(json) = answer.json() else {
        let number = hresult::WSTRUST_TOKEN_REQUEST_FAILED;
        return Err(answer.unexpected(number, "a token in JSON"));
    };
    answer.tokens(&json)
}
