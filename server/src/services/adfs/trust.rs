//! The WS-Trust endpoints: a message in, an assertion or a fault out.

use http::StatusCode;
use http::header::{HeaderValue, WWW_AUTHENTICATE};
use linarite_core::federation::{
    message_in_time, with_federated_password, with_integrated_sign_in,
};
use linarite_core::refusal::FederationRefusal;
use linarite_core::registration::FittingClock;
use linarite_core::user::User;

use super::certificate::with_certificate;
use super::endpoints::of_host;
use super::fault::{Refused, SOAP_XML};
use super::integrated::{Principal, ask, principal};
use super::issue::{Issued, Subject, federation_of, issue, relying_party, version_of};
use super::soap::{TokenRequest, read};
use crate::clock::Clock;
use crate::directory::UserKey;
use crate::keys::saml::AuthnMethod;
use crate::services::call::Call;
use crate::services::reply::{Reply, with_body};
use crate::services::soap::id_of;
use crate::world::federation_settings::{FederationEndpoint, TrustKind, TrustVersion};

/// `POST /adfs/services/trust/{13|2005}/usernamemixed`.
pub(super) async fn user_name(call: Call) -> Reply {
    answer(&call, TrustKind::UserName, with_password)
}

/// `POST /adfs/services/trust/{13|2005}/windowstransport`.
pub(super) async fn windows(call: Call) -> Reply {
    if call.header("authorization").is_none() && endpoint_is_on(&call, TrustKind::Windows) {
        call.note("operation", "adfs.wstrust");
        call.note("reason", "integrated-sign-in-missing");
        return ask();
    }
    let mut reply = answer(&call, TrustKind::Windows, with_integrated);
    if reply.status() == StatusCode::UNAUTHORIZED {
        reply.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Negotiate"));
    }
    reply
}

/// `POST /adfs/services/trust/{13|2005}/certificatemixed`.
pub(super) async fn certificate(call: Call) -> Reply {
    answer(&call, TrustKind::Certificate, with_certificate)
}

/// The version of WS-Trust that an endpoint of it speaks, by its path.
pub(super) fn version(call: &Call) -> Option<TrustVersion> {
    let segment = call.segment(3)?;
    TrustVersion::ALL.into_iter().find(|version| version.word() == segment)
}

fn endpoint_is_on(call: &Call, kind: TrustKind) -> bool {
    version(call).is_some_and(|v| of_host(call).has(FederationEndpoint::Trust(v, kind)))
}

fn answer(
    call: &Call,
    kind: TrustKind,
    decide: fn(&Call, &TokenRequest) -> Result<Issued, Refused>,
) -> Reply {
    call.note("operation", "adfs.wstrust");
    let Some(version) = version(call) else {
        let what = format!("{} {}", call.method, call.path);
        return Refused::wire("federation-endpoint-unknown").with(what).plain(call);
    };
    call.note("endpoint", format!("{}/{}", version.word(), kind.word()));
    if !of_host(call).answers(call, FederationEndpoint::Trust(version, kind)) {
        return Refused::wire("federation-endpoint-off").plain(call);
    }
    let request = match read(&call.body, version, kind) {
        Ok(request) => request,
        Err(refused) => return refused.fault(call, version, id_of(&call.body).as_deref()),
    };
    let id = request.message_id.as_deref();
    match check(call, kind, &request).and_then(|()| decide(call, &request)) {
        Ok(issued) => with_body(StatusCode::OK, SOAP_XML, issued.envelope(version, id)),
        Err(refused) => refused.fault(call, version, id),
    }
}

/// What every message is asked before anybody is asked who sent it.
fn check(call: &Call, kind: TrustKind, request: &TokenRequest) -> Result<(), Refused> {
    if let Some(to) = &request.to
        && !to.to_ascii_lowercase().ends_with(&call.path.to_ascii_lowercase())
    {
        return Err(
            Refused::wire("message-addressed-wrong").with(format!("it is addressed to {to}"))
        );
    }
    relying_party(&request.applies_to)?;
    version_of(request.token_type.as_deref())?;
    match request.stamp {
        Some((created, expires)) => {
            let tolerance = call.world.tenant.settings.client_clock_tolerance;
            let clock = message_in_time(created, expires, call.now(), Clock::real(), tolerance)?;
            let word = match clock {
                FittingClock::World => "world time",
                FittingClock::Real => "real time",
            };
            call.note("stamped_by", word);
            Ok(())
        }
        // The transport says who sends it, and nothing in the message needs protection.
        None if kind == TrustKind::Windows => Ok(()),
        None => Err(FederationRefusal::StampOutdated.into()),
    }
}

/// The account with this name.
pub(super) fn account(call: &Call, upn: &str) -> Result<Option<User>, Refused> {
    call.world.directory.user(&UserKey::Upn(upn.to_owned())).map_err(|error| {
        tracing::error!(%error, "the directory failed");
        Refused::wire("federation-failed").with(error.to_string())
    })
}

fn domain_of(upn: &str) -> &str {
    upn.rsplit_once('@').map_or("", |(_, domain)| domain)
}

/// Signs a user in with a password and issues the assertion.
pub(super) fn sign_in(
    call: &Call,
    upn: &str,
    password: &str,
    token_type: Option<&str>,
) -> Result<Issued, Refused> {
    call.note("user", upn.chars().take(200).collect::<String>());
    let user = account(call, upn)?;
    with_federated_password(&call.world.tenant, &call.link.host, upn, user.as_ref(), password)?;
    issue_to_user(call, upn, user.as_ref(), token_type, AuthnMethod::Password)
}

/// Issues the assertion about a user who signed in.
pub(super) fn issue_to_user(
    call: &Call,
    upn: &str,
    user: Option<&User>,
    token_type: Option<&str>,
    method: AuthnMethod,
) -> Result<Issued, Refused> {
    let (Some(user), Some(federation)) = (user, federation_of(call, domain_of(upn))) else {
        return Err(FederationRefusal::UserUnknown.into());
    };
    issue(call, federation, Subject::User(user), token_type, method)
}

fn with_password(call: &Call, request: &TokenRequest) -> Result<Issued, Refused> {
    let Some((upn, password)) = &request.credential else {
        return Err(Refused::wire("message-security-missing").with("it has no UsernameToken"));
    };
    sign_in(call, upn, password, request.token_type.as_deref())
}

fn with_integrated(call: &Call, request: &TokenRequest) -> Result<Issued, Refused> {
    let token_type = request.token_type.as_deref();
    match principal(call)? {
        None => Err(Refused::wire("integrated-sign-in-malformed").with("it is missing")),
        Some(Principal::User(upn)) => {
            call.note("user", upn.chars().take(200).collect::<String>());
            let user = account(call, &upn)?;
            with_integrated_sign_in(&call.world.tenant, &call.link.host, &upn, user.as_ref())?;
            issue_to_user(call, &upn, user.as_ref(), token_type, AuthnMethod::Windows)
        }
        Some(Principal::Computer(computer)) => {
            call.note("computer", computer.name.as_str());
            let federation = match &computer.domain {
                Some(domain) => federation_of(call, domain),
                None => call.world.federations().iter().find(|f| f.host == call.link.host),
            };
            let federation = federation.ok_or(FederationRefusal::ComputerUnknown)?;
            issue(call, federation, Subject::Computer(&computer), token_type, AuthnMethod::Windows)
        }
    }
}
