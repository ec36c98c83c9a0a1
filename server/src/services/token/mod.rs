//! Whether a resource accepts the bearer token of a request.
//!
//! The token is one of this world's (signature, tenant), its time has come and is not over by the world's clock, it is
//! meant for this resource, and the directory still stands by its user and its device (FAQ A8, A16 to A18). The token of an
//! application that calls for itself names neither; what it may do stands in its roles. A refusal is noted in the journal
//! with its reason, and from when a revocation counts. A client that can go back for another token is told what to ask for.

#[cfg(test)]
pub(in crate::services) mod testing;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use linarite_core::access::{
    ApplicationUse, Evaluation, TokenFault, TokenTerms, application_may, in_force,
};
use linarite_core::conditional::is_second_factor;
use linarite_core::ids::{AppId, DeviceId, UserId};
use linarite_core::refusal::AccessRefusal;
use linarite_core::revocation::Revocation;
use linarite_core::user::User;
use linarite_core::vouched::ACCOUNT_TYPE;
use serde_json::{Map, Value, json};

use super::call::Call;
use crate::clock::{from_rfc3339, rfc3339};
use crate::directory::{DirectoryError, UserKey};
use crate::journal::{Fields, Kind};

/// What a client that understands challenges says in `claims`, and its tokens then carry in `xms_cc`.
pub const CLIENT_CAPABILITY: &str = "cp1";

/// An accepted token.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// Its user, as the directory has it now.
    pub user: Arc<User>,
    /// Its claims.
    pub claims: Arc<Map<String, Value>>,
    /// The device that it is bound to.
    pub device: Option<DeviceId>,
}

impl Accepted {
    /// Whether the token says that its user proved a second factor.
    pub fn second_factor(&self) -> bool {
        let amr = self.claims.get("amr").and_then(Value::as_array);
        amr.into_iter().flatten().filter_map(Value::as_str).any(is_second_factor)
    }
}

/// An application that calls for itself.
#[derive(Clone, Debug)]
pub struct Application {
    /// Its client id.
    pub id: AppId,
    /// Its permissions on the resource.
    pub permissions: Vec<String>,
}

/// Whom an accepted token speaks for.
#[derive(Clone, Debug)]
pub enum Bearer {
    /// A user, by an application.
    User(Accepted),
    /// An application for itself.
    Application(Application),
}

impl Bearer {
    /// The user; an application has none.
    pub fn user(&self) -> Result<&Accepted, AccessRefusal> {
        match self {
            Self::User(accepted) => Ok(accepted),
            Self::Application(_) => Err(AccessRefusal::UserMissing),
        }
    }

    /// Whether an application may do this for itself; users are asked by their roles instead.
    pub fn application_may(&self, wanted: ApplicationUse) -> Result<(), AccessRefusal> {
        match self {
            Self::User(_) => Ok(()),
            Self::Application(application) => application_may(&application.permissions, wanted),
        }
    }
}

/// Accepts the bearer token of a call that speaks for a user, or says why not. `resource` is the word of the resource in the journal,
/// `audiences` are the names that it goes by, without a slash at the end.
pub fn accept(
    call: &Call,
    resource: &str,
    audiences: &[&str],
) -> Result<Result<Accepted, AccessRefusal>, DirectoryError> {
    accept_token(call, resource, audiences, call.bearer())
}

/// [`accept`] for a token that a request carries elsewhere than in its header.
pub fn accept_token(
    call: &Call,
    resource: &str,
    audiences: &[&str],
    token: Option<&str>,
) -> Result<Result<Accepted, AccessRefusal>, DirectoryError> {
    Ok(match judge(call, resource, audiences, token)? {
        Ok(Bearer::User(accepted)) => Ok(accepted),
        Ok(Bearer::Application(_)) => {
            deny(call, resource, AccessRefusal::UserMissing);
            Err(AccessRefusal::UserMissing)
        }
        Err(refusal) => Err(refusal),
    })
}

/// [`accept`] of a token that may speak for an application alone, too.
pub fn accept_any(
    call: &Call,
    resource: &str,
    audiences: &[&str],
) -> Result<Result<Bearer, AccessRefusal>, DirectoryError> {
    judge(call, resource, audiences, call.bearer())
}

fn judge(
    call: &Call,
    resource: &str,
    audiences: &[&str],
    token: Option<&str>,
) -> Result<Result<Bearer, AccessRefusal>, DirectoryError> {
    let read = match token {
        None => Err(AccessRefusal::TokenMissing),
        Some(token) => read(call, token),
    };
    let checked = match read {
        Err(refusal) => Err(refusal),
        Ok(claims) => {
            note_claims(call, &claims);
            match is_due(call, &claims, audiences).and_then(|()| named(&claims)) {
                Err(refusal) => Err(refusal),
                Ok(Named::Application(application)) => Ok(Bearer::Application(application)),
                Ok(Named::User(user, device)) => {
                    let evaluation = evaluation(call, &claims);
                    let directory = &call.world.directory;
                    let allowed = directory.check_access(user, device, evaluation, call.now())?;
                    if let Err(refusal) = &allowed {
                        note_revocation(call, user, device, *refusal)?;
                    }
                    allowed.map(|user| Bearer::User(Accepted { user, claims, device }))
                }
            }
        }
    };
    match &checked {
        Ok(Bearer::User(accepted)) => call.note("user", accepted.user.upn.as_str()),
        Ok(Bearer::Application(application)) => call.note("app", application.id.to_string()),
        Err(refusal) => deny(call, resource, *refusal),
    }
    Ok(checked)
}

/// The claims of the bearer token of a call, when it speaks for a domain computer and is good. A token of a user, a bad one
/// and none at all are for [`accept`].
pub fn computer(
    call: &Call,
    resource: &str,
    audiences: &[&str],
) -> Result<Option<Arc<Map<String, Value>>>, AccessRefusal> {
    let claims = call.bearer().and_then(|token| read(call, token).ok());
    let claims = claims.filter(|claims| text(claims, "accounttype") == Some(ACCOUNT_TYPE));
    let Some(claims) = claims else { return Ok(None) };
    if let Some(sid) = text(&claims, "primarysid") {
        call.note("computer", sid);
    }
    match is_due(call, &claims, audiences) {
        Ok(()) => Ok(Some(claims)),
        Err(refusal) => {
            deny(call, resource, refusal);
            Err(refusal)
        }
    }
}

/// Notes a refusal and records it as an event, with the operation and the target when these were noted before.
pub fn deny(call: &Call, resource: &str, refusal: AccessRefusal) {
    call.note("reason", refusal.reason());
    let mut fields = about(call, resource);
    fields.insert("reason", refusal.reason());
    fields.copy(&call.facts(), &["operation", "target", "revoked", "counts_from", "evaluation"]);
    call.record(Kind::AccessDenied, fields);
}

/// Records that a resource was used.
pub fn grant(call: &Call, resource: &str, operation: &str, target: Option<&str>) {
    call.note("operation", operation);
    let mut fields = about(call, resource);
    fields.insert("operation", operation);
    if let Some(target) = target {
        fields.insert("target", target);
    }
    call.record(Kind::AccessGranted, fields);
}

/// Who asks, on what, for which resource: the fields that every event about an access begins with.
pub fn about(call: &Call, resource: &str) -> Fields {
    let mut fields = call.chosen_facts(&["user", "device", "app"]);
    fields.insert("resource", resource);
    fields
}

fn read(call: &Call, token: &str) -> Result<Arc<Map<String, Value>>, AccessRefusal> {
    let invalid = |detail: String| {
        call.note("detail", detail);
        AccessRefusal::TokenInvalid
    };
    let claims =
        call.world.keys.tokens.verify(token).map_err(|error| invalid(error.to_string()))?;
    match claims.get("tid").and_then(Value::as_str) {
        Some(tenant) if tenant.eq_ignore_ascii_case(&call.world.tenant.id.to_string()) => {
            Ok(claims)
        }
        _ => Err(invalid("the token is of another tenant".to_owned())),
    }
}

fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    claims.get(name).and_then(Value::as_str)
}

/// Notes whom the token names, even when it is refused in the end.
fn note_claims(call: &Call, claims: &Map<String, Value>) {
    if let Some(user) = ["upn", "preferred_username"].iter().find_map(|name| text(claims, name)) {
        call.note("user", user);
    }
    if let Some(device) = text(claims, "deviceid").and_then(|id| id.parse().ok()) {
        call.note_device(device);
    }
}

/// How the resource of a token that names a user evaluates it; sign-in has agreed on it with the client.
fn evaluation(call: &Call, claims: &Map<String, Value>) -> Evaluation {
    let capabilities = claims.get("xms_cc").and_then(Value::as_array).into_iter().flatten();
    let mut words = capabilities.filter_map(Value::as_str);
    if words.any(|word| word.eq_ignore_ascii_case(CLIENT_CAPABILITY)) {
        call.note("evaluation", "continuous");
        Evaluation::Continuous
    } else {
        Evaluation::AtIssue
    }
}

/// Notes since when the user or the device is revoked and from when that counts here, for the reader of the journal.
fn note_revocation(
    call: &Call,
    user: UserId,
    device: Option<DeviceId>,
    refusal: AccessRefusal,
) -> Result<(), DirectoryError> {
    let directory = &call.world.directory;
    let revocations: [Option<Revocation>; 2] = if refusal == AccessRefusal::UserDisabled {
        let user = directory.user(&UserKey::Id(user))?;
        [user.and_then(|user| user.account.disabled), None]
    } else {
        let known = device.map(|device| directory.known_device(device)).transpose()?.flatten();
        let standing = known.map(|known| *known.standing()).unwrap_or_default();
        [standing.deleted, standing.disabled]
    };
    let counting = revocations.into_iter().flatten().find(|r| r.resources <= call.now());
    if let Some(revocation) = counting {
        call.note("revoked", rfc3339(revocation.made));
        call.note("counts_from", rfc3339(revocation.resources));
    }
    Ok(())
}

/// What the challenge of a refusal says of the token that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// The parameters of the challenge (RFC 6750, section 3).
    pub text: String,
    /// Whether they name claims to come back with.
    pub comes_back: bool,
}

/// Why a token that was good once is refused for its user's or its device's sake. A client that understands it is told to
/// come back with a token of after the revocation.
pub fn why(call: &Call, refusal: AccessRefusal, message: &str) -> Option<Why> {
    let of_user = match refusal {
        AccessRefusal::UserUnknown | AccessRefusal::UserDisabled => true,
        AccessRefusal::DeviceDisabled
        | AccessRefusal::DeviceDeleted
        | AccessRefusal::DeviceUnknown => false,
        AccessRefusal::TokenMissing
        | AccessRefusal::TokenInvalid
        | AccessRefusal::TokenExpired
        | AccessRefusal::AudienceWrong
        | AccessRefusal::RoleMissing
        | AccessRefusal::PermissionMissing
        | AccessRefusal::UserMissing => return None,
    };
    let message = message.replace(['"', '\\'], "'");
    if !(of_user && call.has_fact("evaluation")) {
        let text = format!("error=\"invalid_token\", error_description=\"{message}\"");
        return Some(Why { text, comes_back: false });
    }
    let revoked = call.facts().text("revoked").and_then(from_rfc3339);
    let since = revoked.unwrap_or_else(|| call.now()).seconds().to_string();
    let claims = json!({ "access_token": { "nbf": { "essential": true, "value": since } } });
    let claims = STANDARD.encode(claims.to_string());
    let text = format!(
        "error=\"insufficient_claims\", error_description=\"{message}\", claims=\"{claims}\""
    );
    Some(Why { text, comes_back: true })
}

fn is_due(
    call: &Call,
    claims: &Map<String, Value>,
    audiences: &[&str],
) -> Result<(), AccessRefusal> {
    let second = |name: &str| claims.get(name).and_then(Value::as_i64);
    let audience = text(claims, "aud").unwrap_or_default();
    let terms = TokenTerms { begin: second("nbf"), end: second("exp"), audience };
    in_force(&terms, audiences, call.now()).map_err(|fault| {
        match fault {
            TokenFault::NotYet => call.note("detail", "the token is not valid yet"),
            TokenFault::ForAnother => {
                call.note("detail", format_args!("the token is for `{audience}`"));
            }
            TokenFault::Endless | TokenFault::Over => {}
        }
        fault.refusal()
    })
}

/// Whom a token names, before the directory is asked.
enum Named {
    User(UserId, Option<DeviceId>),
    Application(Application),
}

fn named(claims: &Map<String, Value>) -> Result<Named, AccessRefusal> {
    let invalid = AccessRefusal::TokenInvalid;
    if text(claims, "idtyp") == Some("app") {
        let id = text(claims, "appid").and_then(|id| id.parse().ok()).ok_or(invalid)?;
        let roles = claims.get("roles").and_then(Value::as_array).into_iter().flatten();
        let permissions = roles.filter_map(Value::as_str).map(str::to_owned).collect();
        return Ok(Named::Application(Application { id, permissions }));
    }
    let user = text(claims, "oid").and_then(|id| id.parse().ok()).ok_or(invalid)?;
    let device = match claims.get("deviceid") {
        None => None,
        Some(id) => Some(id.as_str().and_then(|id| id.parse().ok()).ok_or(invalid)?),
    };
    Ok(Named::User(user, device))
}
