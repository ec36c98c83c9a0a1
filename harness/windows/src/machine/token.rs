//! Getting an app token, by each of the ways that a Windows app has.
//!
//! `prt`: the broker redeems the primary refresh token of the signed-in user (or of the work account), renewing it first
//! when it is four hours old. `password`, `refresh-token` and `auth-code` are plain OAuth 2.0, with version 1 endpoints for
//! a resource and version 2 for a scope; `ws-trust` asks the federation server first. Nothing is cached: each call asks.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::Machine;
use super::enrol::BROKER;
use super::federation::{self, Caller};
use super::prt::{Target, diagnostics, is_due, is_refusal, learned, redeem, renew};
use super::realm::{Realm, realm};
use super::second_factor::SecondFactor;
use super::state::{DeviceAuth, Prt, PrtDiagnostics, Registration};
use crate::hresult;
use crate::outcome::{Failure, Outcome, Tokens};
use crate::wire::{Ask, Line, Speaker, Wire};

/// How a token is got.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flow {
    /// With the primary refresh token: the token carries the device.
    #[default]
    Prt,
    /// With user name and password: no device.
    Password,
    /// With a refresh token got earlier.
    RefreshToken,
    /// In a browser, with the primary refresh token when there is one, else by the sign-in form.
    AuthCode,
    /// With an assertion of the federation server of the user's domain: name and password go there and nowhere else.
    WsTrust,
}

impl Flow {
    /// The name in scenario files: `auth-code`.
    pub fn key(self) -> &'static str {
        match self {
            Self::Prt => "prt",
            Self::Password => "password",
            Self::RefreshToken => "refresh-token",
            Self::AuthCode => "auth-code",
            Self::WsTrust => "ws-trust",
        }
    }
}

/// A request for an app token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenRequest {
    /// A client id, or one of the names that [`client_id`] knows.
    pub client: String,
    /// The resource's URI (version 1). One of resource and scope is needed.
    pub resource: Option<String>,
    /// The scopes (version 2).
    pub scope: Option<String>,
    /// How.
    pub flow: Flow,
    /// In whose Windows session.
    pub windows_user: Option<String>,
    /// The cloud user.
    pub upn: Option<String>,
    /// The cloud user's password, for the flows that type one.
    pub password: Option<String>,
    /// The refresh token to use; without one, the last that this client got for the user.
    pub refresh_token: Option<String>,
    /// The redirect address of the authorization code flow; without one, the native client's.
    pub redirect_uri: Option<String>,
    /// Whether the client says that it understands claims challenges, so that resources may ask about its user at each
    /// request.
    pub continuous_access: bool,
    /// What the user answers a page that asks for a second factor; without it, nothing.
    pub second_factor: Option<SecondFactor>,
}

/// What a client that understands claims challenges sends along (client-msal.md, section 4).
const UNDERSTANDS: &str = r#"{"access_token":{"xms_cc":{"values":["CP1"]}}}"#;

/// The application id behind a well-known client name; anything else is an id already.
pub fn client_id(name: &str) -> &str {
    match name {
        "broker" => BROKER,
        "office" => "d3590ed6-52b3-4102-aeff-aad2292ab01c",
        "teams" => "1fec8e78-bce4-4aaf-ab1b-5451cc387264",
        "edge" => "ecd6b820-32c2-49b6-98a6-444530e5a77a",
        "azure-cli" => "04b07795-8ddb-461a-bbee-02f9e1bf7b46",
        "azure-powershell" => "1950a258-227b-4e31-a9cf-717495945fc2",
        id => id,
    }
}

/// Where a primary refresh token lives in the machine's memory.
#[derive(Debug, Clone, Copy)]
pub(super) enum Holder {
    /// The session of a joined machine.
    Session,
    /// The nth work account.
    Account(usize),
}

/// A primary refresh token with what is needed to use it.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) holder: Holder,
    pub(super) registration: Registration,
    pub(super) prt: Prt,
}

impl TokenRequest {
    /// For a resource, by an app that has another way to say who it is and for whom.
    pub(super) fn of(resource: &str) -> Self {
        Self { resource: Some(resource.to_owned()), ..Self::default() }
    }

    pub(super) fn target(&self) -> Result<Target<'_>, Failure> {
        match (&self.resource, &self.scope) {
            (Some(resource), None) => Ok(Target::Resource(resource)),
            (None, Some(scope)) => Ok(Target::Scope(scope)),
            (None, None) | (Some(_), Some(_)) => Err(Failure::new(
                hresult::INVALID_ARGUMENT,
                "a token is asked for either a resource or a scope: give one of them",
            )),
        }
    }

    /// The parameter `claims`, when there is something to say.
    pub(super) fn claims(&self) -> Option<(&'static str, &'static str)> {
        self.continuous_access.then_some(("claims", UNDERSTANDS))
    }

    pub(super) fn upn(&self) -> Result<&str, Failure> {
        self.needed(self.upn.as_deref(), "a user")
    }

    pub(super) fn password(&self) -> Result<&str, Failure> {
        self.needed(self.password.as_deref(), "a password")
    }

    fn needed<'v>(&self, value: Option<&'v str>, what: &str) -> Result<&'v str, Failure> {
        value.ok_or_else(|| {
            let message = format!("the flow {} needs {what}", self.flow.key());
            Failure::new(hresult::INVALID_ARGUMENT, message)
        })
    }
}

/// Sends an OAuth 2.0 token request for what is asked for, to the endpoint of its version.
pub(super) async fn plain_grant(
    line: &Line,
    request: &TokenRequest,
    fields: &[(&str, &str)],
) -> Result<Tokens, Failure> {
    let (path, name, wanted) = match request.target()? {
        Target::Resource(resource) => ("/common/oauth2/token", "resource", resource.to_owned()),
        Target::Scope(scope) => {
            let wanted = format!("{scope} openid offline_access");
            ("/organizations/oauth2/v2.0/token", "scope", wanted)
        }
    };
    let mut all = fields.to_vec();
    all.push((name, &wanted));
    all.extend(request.claims());
    let answer = line.send(Ask::form(line.login(path), &all)).await;
    let answer = answer.map_err(|fault| fault.into_failure(Speaker::Tokens))?;
    if !answer.is_success() {
        return Err(answer.token_error());
    }
    let Some(json) = answer.json() else {
        return Err(answer.unexpected(hresult::INVALID_DATA, "a token in JSON"));
    };
    answer.tokens(&json)
}

/// Exchanges an assertion of the federation server of the user's domain for a token.
async fn vouched_for(line: &Line, client: &str, request: &TokenRequest) -> Result<Tokens, Failure> {
    let (upn, password) = (request.upn()?, request.password()?);
    let Realm::Federated(federation) = realm(line, upn, Speaker::Tokens).await? else {
        let message = format!("{upn} is not federated: there is no federation server to ask");
        return Err(Failure::new(hresult::INVALID_ARGUMENT, message));
    };
    let caller = Caller::User { upn, password };
    let assertion = federation::assertion(line, &federation, caller).await?;
    let encoded = URL_SAFE_NO_PAD.encode(&assertion.xml);
    let fields =
        [("client_id", client), ("grant_type", assertion.grant()), ("assertion", &encoded)];
    plain_grant(line, request, &fields).await
}

impl Machine {
    /// Gets an app token.
    pub async fn token(&mut self, wire: &Wire, request: &TokenRequest) -> Outcome {
        if let Some(refusal) = self.not_this_os() {
            return refusal;
        }
        let key = self.acting(request.windows_user.as_deref(), request.upn.as_deref());
        let client = client_id(&request.client);
        match self.token_by_flow(&self.line(wire), &key, client, request).await {
            Err(failure) => failure.into(),
            Ok(tokens) => {
                if let Some(refresh) = &tokens.refresh_token {
                    self.profile(&key).refresh_tokens.insert(client.to_owned(), refresh.clone());
                }
                let life = tokens.expires_in.map_or_else(String::new, |life| format!(", {life} s"));
                let wanted = request.resource.as_ref().or(request.scope.as_ref());
                let wanted = wanted.map_or("", String::as_str);
                Outcome {
                    output: format!("an access token for {wanted}{life}\n"),
                    tokens: Some(tokens),
                    ..Outcome::default()
                }
            }
        }
    }

    async fn token_by_flow(
        &mut self,
        line: &Line,
        key: &str,
        client: &str,
        request: &TokenRequest,
    ) -> Result<Tokens, Failure> {
        request.target()?;
        match request.flow {
            Flow::Prt => self.with_prt(line, key, client, request).await,
            Flow::Password => {
                let fields = [
                    ("client_id", client),
                    ("grant_type", "password"),
                    ("username", request.upn()?),
                    ("password", request.password()?),
                ];
                plain_grant(line, request, &fields).await
            }
            Flow::RefreshToken => {
                let profile = self.memory.profiles.get(key);
                let kept = profile.and_then(|profile| profile.refresh_tokens.get(client));
                let Some(token) = request.refresh_token.as_ref().or(kept) else {
                    let message = format!("{key} has no refresh token of client {client} yet");
                    return Err(Failure::new(hresult::INVALID_ARGUMENT, message));
                };
                let fields = [
                    ("client_id", client),
                    ("grant_type", "refresh_token"),
                    ("refresh_token", token.as_str()),
                ];
                plain_grant(line, request, &fields).await
            }
            Flow::AuthCode => self.with_browser(line, key, client, request).await,
            Flow::WsTrust => vouched_for(line, client, request).await,
        }
    }

    async fn with_prt(
        &mut self,
        line: &Line,
        key: &str,
        client: &str,
        request: &TokenRequest,
    ) -> Result<Tokens, Failure> {
        request.target()?;
        let mut held =
            self.held(key, request.upn.as_deref()).ok_or_else(|| self.nothing_held(key))?;
        if is_due(&held.prt, line.wire.now_ms()) {
            self.renew_held(line, key, &mut held).await;
        }
        let got = redeem(line, &held.registration, &held.prt, client, request).await;
        match &got {
            Ok(_) => self.note_learned(key, held.holder, Some(DeviceAuth::Success), None),
            Err(failure) => {
                let auth = learned(failure);
                let shown = auth
                    .map(|_| diagnostics(failure, true, &held.prt.upn, line, &held.registration));
                self.note_learned(key, held.holder, auth, shown);
            }
        }
        got
    }

    /// The primary refresh token that `key` may use now: the session's, or that of a work account.
    pub(super) fn held(&self, key: &str, upn: Option<&str>) -> Option<Held> {
        let profile = self.memory.profiles.get(key)?;
        let meant = |prt: &Prt| upn.is_none_or(|upn| prt.upn.eq_ignore_ascii_case(upn));
        let session = profile.prt.as_ref().filter(|prt| profile.signed_in && meant(prt));
        if let (Some(prt), Some(device)) = (session, &self.memory.device) {
            let (prt, registration) = (prt.clone(), device.clone());
            return Some(Held { holder: Holder::Session, registration, prt });
        }
        profile.work_accounts.iter().enumerate().find_map(|(place, account)| {
            let prt = account.prt.clone().filter(&meant)?;
            let registration = account.registration.clone();
            Some(Held { holder: Holder::Account(place), registration, prt })
        })
    }

    fn nothing_held(&self, key: &str) -> Failure {
        let reason = match (&self.memory.device, self.memory.profiles.get(key)) {
            (None, _) => format!("{} is not joined", self.spec.name),
            (Some(_), Some(profile)) if profile.prt.is_some() && profile.signed_in => {
                format!("the session of {key} belongs to another account")
            }
            (Some(_), Some(profile)) if profile.prt.is_some() => {
                format!("{key} is not signed in to {}", self.spec.name)
            }
            (Some(_), _) => {
                format!("{key} has not signed in with a password that the cloud accepted")
            }
        };
        let message = format!("there is no primary refresh token to use: {reason}");
        Failure::new(hresult::INVALID_ARGUMENT, message)
    }

    async fn renew_held(&mut self, line: &Line, key: &str, held: &mut Held) {
        let (auth, shown) = match renew(line, &held.registration, &held.prt).await {
            Ok(prt) => {
                held.prt = prt;
                (Some(DeviceAuth::Success), None)
            }
            Err(failure) => {
                held.prt.refused |= is_refusal(&failure);
                let upn = &held.prt.upn;
                let shown = diagnostics(&failure, true, upn, line, &held.registration);
                (learned(&failure), Some(shown))
            }
        };
        let profile = self.profile(key);
        match held.holder {
            Holder::Session => profile.prt = Some(held.prt.clone()),
            Holder::Account(place) => {
                if let Some(account) = profile.work_accounts.get_mut(place) {
                    account.prt = Some(held.prt.clone());
                }
            }
        }
        if shown.is_none() {
            profile.diagnostics = None;
        }
        self.note_learned(key, held.holder, auth, shown);
    }

    fn note_learned(
        &mut self,
        key: &str,
        holder: Holder,
        auth: Option<DeviceAuth>,
        shown: Option<PrtDiagnostics>,
    ) {
        match holder {
            Holder::Session => {
                if let Some(auth) = auth {
                    self.note_device_auth(auth);
                }
                if shown.is_some() {
                    self.profile(key).diagnostics = shown;
                }
            }
            Holder::Account(place) => {
                let account = self.profile(key).work_accounts.get_mut(place);
                if let (Some(account), Some(auth)) = (account, auth) {
                    account.registration.device_auth = auth;
                }
            }
        }
    }
}
