//! Reading what all requests share: the tenant segment, the client and its secret, the resource and the scopes.

use linarite_core::access::Evaluation;
use linarite_core::conditional::{Platform, is_second_factor};
use linarite_core::ids::AppId;
use serde_json::{Map, Value};

use super::refuse::Refused;
use crate::directory::Purpose;
use crate::services::call::Call;
use crate::services::token::CLIENT_CAPABILITY;
use crate::world::apps::App;

/// The parameters of a form or a query; of repeated ones the first counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub(super) fn of(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(pairs.into_iter().collect())
    }

    /// A parameter that is there and not empty; names have no case.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    pub(super) fn need(&self, name: &str) -> Result<&str, Refused> {
        self.get(name).ok_or_else(|| Refused::missing(name))
    }
}

/// The first segment, when it names this tenant.
pub(super) fn tenant_segment(call: &Call) -> Result<String, Refused> {
    let segment = call.segment(0).unwrap_or_default();
    if call.world.tenant.answers_to(&segment) {
        Ok(segment)
    } else {
        let shown: String = segment.chars().take(100).collect();
        Err(Refused::wire("tenant-unknown").with("name", shown))
    }
}

/// The client of a request, with its secret checked when it has shown or needs one.
pub(super) fn client<'a>(call: &'a Call, parameters: &Parameters) -> Result<&'a App, Refused> {
    let id = parameters.need("client_id")?;
    call.note("client_id", id);
    let app = known_client(call, id)?;
    match (parameters.get("client_secret"), &app.secret) {
        (Some(given), Some(kept)) if given == kept => Ok(app),
        (Some(_), Some(_)) => Err(Refused::wire("client-secret-wrong").with("name", id)),
        (Some(_), None) => Err(Refused::wire("client-secret-on-public-client")),
        (None, _) if app.public => Ok(app),
        (None, _) => Err(Refused::wire("client-secret-missing")),
    }
}

/// The client with this id.
pub(super) fn known_client<'a>(call: &'a Call, id: &str) -> Result<&'a App, Refused> {
    call.world.apps.client(id).ok_or_else(|| {
        Refused::wire("client-unknown").with("name", id.chars().take(100).collect::<String>())
    })
}

/// What a token is wanted for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The audience, in the client's own spelling.
    pub(super) resource: String,
    /// The delegated permissions of the resource.
    pub(super) permissions: String,
    /// What `scope` of the answer says: what was asked for, but for `offline_access`.
    pub(super) scope: String,
    /// Whether an id token is wanted.
    pub(super) openid: bool,
    /// `scope` as it was asked for, to be remembered.
    pub(super) asked: String,
    /// The application of the resource.
    pub(super) app: AppId,
    /// Whether devices are registered or enrolled with it.
    pub(super) sets_up_devices: bool,
    /// Who asks about the token's user while it lasts.
    pub(super) evaluation: Evaluation,
}

impl Wanted {
    /// The same with what the parameter `claims` says that the client understands. Other claims are for its user to bring:
    /// what a policy of conditional access wants is asked at each request.
    pub(super) fn with_claims(self, call: &Call, parameters: &Parameters) -> Result<Self, Refused> {
        let Some(text) = parameters.get("claims") else { return Ok(self) };
        let claims: Map<String, Value> =
            serde_json::from_str(text).map_err(|_| Refused::wire("request-malformed"))?;
        let said = claims.get("access_token").and_then(|of| of.get("xms_cc")).and_then(|of| {
            let words = of.get("values").and_then(Value::as_array)?;
            Some(
                words
                    .iter()
                    .filter_map(Value::as_str)
                    .any(|word| word.eq_ignore_ascii_case(CLIENT_CAPABILITY)),
            )
        });
        let takes_part =
            call.world.apps.resource(&self.resource).is_some_and(|known| known.continuous_access);
        let settings = &call.world.tenant.settings;
        let evaluation = Evaluation::agreed(settings, takes_part, said.unwrap_or_default());
        Ok(Self { evaluation, ..self })
    }

    /// What a sign-in is for that is to end in tokens for this resource: conditional access is asked.
    pub(super) fn purpose(&self, call: &Call, amr: &[String]) -> Purpose {
        call.note("resource", self.resource.as_str());
        Purpose::Resource {
            app: self.app,
            sets_up_devices: self.sets_up_devices,
            platform: platform(call),
            second_factor: amr.iter().any(|word| is_second_factor(word)),
        }
    }
}

/// The platform that a client says it runs on.
fn platform(call: &Call) -> Option<Platform> {
    Platform::said(call.header("x-client-os").or_else(|| call.header("user-agent"))?)
}

/// Scopes that are about the sign-in itself, not about a resource. `aza` and `ugs` ask for a primary refresh token.
const OWN_SCOPES: [&str; 6] = ["openid", "profile", "email", "offline_access", "aza", "ugs"];

/// What the resource parameter of the first version and the scope parameter of both ask for.
pub(super) fn wanted(call: &Call, resource: Option<&str>, scope: &str) -> Result<Wanted, Refused> {
    let mut found = resource.map(str::to_owned);
    let mut names = Vec::new();
    for word in scope.split_whitespace() {
        if OWN_SCOPES.contains(&word) {
            continue;
        }
        let (of, name) = match word.rsplit_once('/') {
            Some((of, name)) => (of.to_owned(), name),
            None => ("https://graph.microsoft.com".to_owned(), word),
        };
        match &found {
            None => found = Some(of),
            Some(_) if resource.is_some() => {}
            Some(one) if one.eq_ignore_ascii_case(&of) => {}
            Some(_) => return Err(Refused::wire("scope-invalid").with("name", scope)),
        }
        names.push(name);
    }
    let resource = found.unwrap_or_else(|| "https://graph.microsoft.com".to_owned());
    let Some(known) = call.world.apps.resource(&resource) else {
        let shown: String = resource.chars().take(200).collect();
        return Err(Refused::wire("resource-unknown").with("name", shown));
    };
    let permissions = if names.is_empty() || names.contains(&".default") {
        known.scopes.clone()
    } else {
        names.join(" ")
    };
    let shown: Vec<&str> = scope
        .split_whitespace()
        .filter(|word| !["offline_access", "aza", "ugs"].contains(word))
        .collect();
    Ok(Wanted {
        openid: scope.split_whitespace().any(|word| word == "openid"),
        scope: if shown.is_empty() { permissions.clone() } else { shown.join(" ") },
        asked: scope.to_owned(),
        permissions,
        app: known.id,
        sets_up_devices: known.sets_up_devices,
        evaluation: Evaluation::default(),
        resource,
    })
}
