//! The primary refresh token: getting it (signed by the device key), renewing and using it (signed by its session key).
//! device-registration.md 7, client-roadtx.md 5 and 6; protocol 2.2 with the second derivation, 3.0 where a scope is asked.
//!
//! A token is renewed when it is four hours old by the machine's clock. When the service refuses, the token is kept, as
//! Windows keeps it, and what was said goes into the diagnostics of `dsregcmd /status`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::enrol::{BROKER, token_url};
use super::federation::Assertion;
use super::state::{DeviceAuth, Prt, PrtDiagnostics, Registration};
use super::token::TokenRequest;
use crate::answers::{number, text};
use crate::hresult;
use crate::jose;
use crate::outcome::{Failure, Tokens};
use crate::wire::{Answer, Ask, Line, Speaker};

/// The Windows sign-in itself as a client.
const WINDOWS_LOGON: &str = "38aa3b87-a06d-4817-b275-7a316988d93b";

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Age at which a primary refresh token is renewed.
const RENEW_AFTER_MS: i64 = 4 * 60 * 60 * 1000;

/// Fourteen days in seconds: the lifetime when the service names none.
const LIFETIME_S: i64 = 14 * 24 * 60 * 60;

/// With what a primary refresh token is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Credential<'a> {
    Password {
        upn: &'a str,
        password: &'a str,
    },
    RefreshToken {
        upn: &'a str,
        token: &'a str,
    },
    /// What the federation server of the user says.
    Assertion {
        upn: &'a str,
        assertion: &'a Assertion,
    },
}

/// What an app token is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target<'a> {
    Resource(&'a str),
    Scope(&'a str),
}

/// The AADSTS numbers by which the token service says that the device is deleted, disabled or unknown (errors.md 1).
const DEVICE_REFUSED: [u32; 5] = [50155, 700_003, 135_011, 130_007, 130_008];

/// What a refusal teaches about the device.
pub(super) fn learned(failure: &Failure) -> Option<DeviceAuth> {
    let refused = failure.info.aadsts.is_some_and(|code| DEVICE_REFUSED.contains(&code));
    refused.then_some(DeviceAuth::Refused)
}

async fn nonce(line: &Line, url: &str) -> Result<String, Failure> {
    let answer = post(line, url, &[("grant_type", "srv_challenge")]).await?;
    if !answer.is_success() {
        return Err(answer.token_error().during("no nonce"));
    }
    let nonce = answer.json().and_then(|json| text(&json, &["Nonce"]));
    nonce.ok_or_else(|| answer.unexpected(hresult::INVALID_DATA, "a nonce in JSON"))
}

async fn post(line: &Line, url: &str, fields: &[(&str, &str)]) -> Result<Answer, Failure> {
    let sent = line.send(Ask::form(url, fields)).await;
    sent.map_err(|fault| fault.into_failure(Speaker::Tokens))
}

fn expiry(json: &Value, now_ms: i64) -> i64 {
    let seconds = number(json, &["refresh_token_expires_in"]).unwrap_or(LIFETIME_S);
    now_ms.saturating_add(seconds.saturating_mul(1000))
}

/// Gets a primary refresh token for the registration's device.
pub(super) async fn acquire(
    line: &Line,
    registration: &Registration,
    credential: Credential<'_>,
) -> Result<Prt, Failure> {
    let url = token_url(line, &registration.tenant);
    let nonce = nonce(line, &url).await?;
    let common = |client: &str, grant: &str| {
        json!({
            "client_id": client, "request_nonce": nonce, "scope": "openid aza ugs", "group_sids": [],
            "win_ver": line.os_version, "grant_type": grant,
        })
    };
    let (upn, payload) = match credential {
        Credential::Password { upn, password } => {
            let mut payload = common(WINDOWS_LOGON, "password");
            put(&mut payload, "username", upn);
            put(&mut payload, "password", password);
            (upn, payload)
        }
        Credential::Assertion { upn, assertion } => {
            let mut payload = common(WINDOWS_LOGON, assertion.grant());
            put(&mut payload, "assertion", &STANDARD.encode(&assertion.xml));
            (upn, payload)
        }
        Credential::RefreshToken { upn, token } => {
            let mut payload = common(BROKER, "refresh_token");
            put(&mut payload, "refresh_token", token);
            (upn, payload)
        }
    };
    let certificate = registration.certificate_der();
    let request = jose::signed_by_device(registration.device_key, &certificate, &payload)
        .map_err(|trouble| Failure::new(hresult::UNKNOWN, trouble.to_string()))?;
    let fields = [
        ("windows_api_version", "2.2"),
        ("grant_type", JWT_BEARER),
        ("request", &request),
        ("client_info", "1"),
        ("tgt", "true"),
    ];
    let answer = post(line, &url, &fields).await?;
    if !answer.is_success() {
        return Err(answer.token_error());
    }
    let Some(json) = answer.json() else {
        return Err(answer.unexpected(hresult::INVALID_DATA, "a primary refresh token in JSON"));
    };
    let (Some(token), Some(wrapped)) =
        (text(&json, &["refresh_token"]), text(&json, &["session_key_jwe"]))
    else {
        let due = "a primary refresh token with refresh_token and session_key_jwe";
        return Err(answer.unexpected(hresult::TOKEN_OTHER, due));
    };
    let session_key =
        jose::session_key(&wrapped, registration.transport_key).map_err(|sealed| {
            answer
                .failure(hresult::TOKEN_OTHER, format!("session_key_jwe cannot be used: {sealed}"))
        })?;
    let now_ms = line.wire.now_ms();
    Ok(Prt {
        token,
        session_key: STANDARD.encode(session_key),
        upn: upn.to_owned(),
        updated_ms: now_ms,
        expires_ms: expiry(&json, now_ms),
        authority: url.split("/oauth2/").next().unwrap_or_default().to_owned(),
        refused: false,
    })
}

/// Whether it is time to renew.
pub(super) fn is_due(prt: &Prt, now_ms: i64) -> bool {
    now_ms.saturating_sub(prt.updated_ms) >= RENEW_AFTER_MS
}

/// Renews a primary refresh token; its session key stays.
pub(super) async fn renew(
    line: &Line,
    registration: &Registration,
    prt: &Prt,
) -> Result<Prt, Failure> {
    let url = token_url(line, &registration.tenant);
    let payload = json!({
        "client_id": WINDOWS_LOGON, "request_nonce": nonce(line, &url).await?,
        "scope": "openid aza ugs", "group_sids": [], "win_ver": line.os_version,
        "grant_type": "refresh_token", "refresh_token": prt.token,
        "previous_refresh_token": prt.token, "iss": "aad:brokerplugin",
    });
    let request = sign(line, prt, &payload);
    let fields = [
        ("windows_api_version", "2.2"),
        ("grant_type", JWT_BEARER),
        ("request", &request),
        ("client_info", "1"),
        ("tgt", "true"),
    ];
    let answer = post(line, &url, &fields).await?;
    let json = opened(&answer, prt)?;
    let Some(token) = text(&json, &["refresh_token"]) else {
        return Err(answer.failure(hresult::TOKEN_OTHER, "the renewal holds no refresh_token"));
    };
    let now_ms = line.wire.now_ms();
    let expires_ms = expiry(&json, now_ms);
    Ok(Prt { token, updated_ms: now_ms, expires_ms, refused: false, ..prt.clone() })
}

/// Gets an app token with a primary refresh token.
pub(super) async fn redeem(
    line: &Line,
    registration: &Registration,
    prt: &Prt,
    client: &str,
    wanted: &TokenRequest,
) -> Result<Tokens, Failure> {
    let target = wanted.target()?;
    let v1 = token_url(line, &registration.tenant);
    let now_s = line.wire.now_ms().div_euclid(1000);
    let mut payload = json!({
        "win_ver": line.os_version, "request_nonce": nonce(line, &v1).await?,
        "refresh_token": prt.token, "grant_type": "refresh_token", "client_id": client,
        "redirect_uri": redirect_uri(client),
        "iat": now_s.to_string(), "exp": now_s.saturating_add(3600).to_string(),
    });
    let (url, version) = match target {
        Target::Resource(resource) => {
            put(&mut payload, "scope", "openid");
            put(&mut payload, "resource", resource);
            put(&mut payload, "iss", "aad:brokerplugin");
            put(&mut payload, "aud", "login.microsoftonline.com");
            (v1, ("windows_api_version", "2.2"))
        }
        Target::Scope(scope) => {
            put(&mut payload, "scope", scope);
            put(&mut payload, "iss", BROKER);
            put(&mut payload, "aud", "https://login.windows.net/common/oauth2/v2.0/token");
            (second_version(&v1), ("prt_protocol_version", "3.0"))
        }
    };
    let request = sign(line, prt, &payload);
    let mut fields =
        vec![version, ("grant_type", JWT_BEARER), ("request", &request), ("client_info", "1")];
    fields.extend(wanted.claims());
    let answer = post(line, &url, &fields).await?;
    let json = opened(&answer, prt)?;
    answer.tokens(&json)
}

/// Gets a token for the device alone, signed for with its key.
pub(super) async fn device_token(
    line: &Line,
    registration: &Registration,
    resource: &str,
) -> Result<Tokens, Failure> {
    let url = token_url(line, &registration.tenant);
    let payload = json!({
        "client_id": BROKER, "resource": resource, "request_nonce": nonce(line, &url).await?,
        "win_ver": line.os_version, "grant_type": "device_token",
        "redirect_uri": redirect_uri(BROKER), "iss": "aad:brokerplugin",
    });
    let certificate = registration.certificate_der();
    let request = jose::signed_by_device(registration.device_key, &certificate, &payload)
        .map_err(|trouble| Failure::new(hresult::UNKNOWN, trouble.to_string()))?;
    let fields =
        [("windows_api_version", "2.2"), ("grant_type", JWT_BEARER), ("request", &request)];
    let answer = post(line, &url, &fields).await?;
    let json = answer.json().filter(|_| answer.is_success());
    answer.tokens(&json.ok_or_else(|| answer.token_error())?)
}

/// The header by which a browser shows a primary refresh token: `x-ms-RefreshTokenCredential`.
pub(super) async fn cookie(
    line: &Line,
    registration: &Registration,
    prt: &Prt,
) -> Result<String, Failure> {
    let nonce = nonce(line, &token_url(line, &registration.tenant)).await?;
    let payload =
        json!({ "refresh_token": prt.token, "is_primary": "true", "request_nonce": nonce });
    Ok(sign(line, prt, &payload))
}

/// The v2 endpoint beside a v1 token endpoint.
pub(super) fn second_version(url: &str) -> String {
    url.replace("/oauth2/token", "/oauth2/v2.0/token")
}

/// The redirect address that a broker client registers.
pub(super) fn redirect_uri(client: &str) -> String {
    format!("ms-appx-web://Microsoft.AAD.BrokerPlugin/{client}")
}

fn put(payload: &mut Value, name: &str, value: &str) {
    if let Some(object) = payload.as_object_mut() {
        object.insert(name.to_owned(), Value::from(value));
    }
}

fn session_key(prt: &Prt) -> Vec<u8> {
    jose::base64_lenient(&prt.session_key).unwrap_or_default()
}

fn sign(line: &Line, prt: &Prt, payload: &Value) -> String {
    jose::signed_by_session(&session_key(prt), &line.random::<24>("prt-context"), payload)
}

/// The JSON of a reply to a request signed by the session key: sealed, or in the clear as some services answer.
fn opened(answer: &Answer, prt: &Prt) -> Result<Value, Failure> {
    if !answer.is_success() {
        return Err(answer.token_error());
    }
    if let Some(json) = answer.json() {
        return Ok(json);
    }
    let jwe = String::from_utf8_lossy(&answer.body);
    let plain = jose::open_reply(&jwe, &session_key(prt)).map_err(|sealed| {
        answer.unexpected(
            hresult::TOKEN_OTHER,
            &format!("a reply sealed with the session key ({sealed})"),
        )
    })?;
    let json = serde_json::from_slice::<Value>(&plain).ok().filter(Value::is_object);
    json.ok_or_else(|| {
        answer.failure(hresult::INVALID_DATA, "what the sealed reply holds is not JSON")
    })
}

/// The status of the logon screen for a failure (errors.md 4): an answer of 400 and an unreachable service both show as
/// "the user name or password is incorrect".
pub(super) fn logon_status(failure: &Failure) -> u32 {
    if let Some(status) = failure.logon {
        return status;
    }
    match (failure.info.http_status, failure.info.winhttp) {
        (Some(200..=299), _) if failure.hresult == hresult::DSREG_REALM_FAILED => {
            hresult::STATUS_NO_SUCH_LOGON_SESSION
        }
        _ if failure.hresult == hresult::INVALID_ARGUMENT => hresult::STATUS_USERNAME_MALFORMED,
        (Some(400), _) | (None, Some(_)) => hresult::STATUS_LOGON_FAILURE,
        (Some(401..), _) => hresult::STATUS_UNEXPECTED_NETWORK_ERROR,
        (Some(_), _) | (None, None) => hresult::STATUS_REQUEST_NOT_ACCEPTED,
    }
}

/// What `dsregcmd /status` will show about a failure to get or renew a primary refresh token.
pub(super) fn diagnostics(
    failure: &Failure,
    renewal: bool,
    upn: &str,
    line: &Line,
    registration: &Registration,
) -> PrtDiagnostics {
    let info = &failure.info;
    let exchange = info.exchange.as_deref().and_then(|exchange| exchange.split_once(' '));
    let (method, endpoint) = exchange.map_or_else(
        || ("POST".to_owned(), token_url(line, &registration.tenant)),
        |(method, url)| (method.to_owned(), url.to_owned()),
    );
    PrtDiagnostics {
        renewal,
        at_ms: line.wire.now_ms(),
        status: logon_status(failure),
        upn: upn.to_owned(),
        credential: if renewal { "Refresh Token" } else { "Password" }.to_owned(),
        correlation_id: info.request_id.clone().unwrap_or_default(),
        method,
        endpoint,
        http_error: info.winhttp.unwrap_or(0),
        http_status: info.http_status.unwrap_or(0),
        error: info.oauth.clone().or_else(|| info.code.clone()).unwrap_or_default(),
        description: info.message.split(['\r', '\n']).next().unwrap_or_default().to_owned(),
    }
}

/// Whether the failure came from the service's judgement and not from the way to it.
pub(super) fn is_refusal(failure: &Failure) -> bool {
    failure.info.oauth.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::FaultKind;

    fn failed(status: Option<u16>, winhttp: Option<u32>) -> Failure {
        let mut failure = Failure::new(hresult::TOKEN_OTHER, "x");
        failure.info.http_status = status;
        failure.info.winhttp = winhttp;
        failure
    }

    #[test]
    fn the_logon_status_follows_the_table_at_400_and_above() {
        assert_eq!(logon_status(&failed(Some(400), None)), 0xc000_006d);
        assert_eq!(logon_status(&failed(Some(401), None)), 0xc000_00c4);
        assert_eq!(logon_status(&failed(Some(503), None)), 0xc000_00c4);
        assert_eq!(logon_status(&failed(Some(200), None)), 0xc000_00d0);
        assert_eq!(logon_status(&failed(None, FaultKind::NameNotResolved.winhttp())), 0xc000_006d);
    }

    #[test]
    fn only_the_device_codes_condemn_the_device() {
        let mut failure = failed(Some(400), None);
        for (code, expected) in [
            (50126, None),
            (50155, Some(DeviceAuth::Refused)),
            (135_011, Some(DeviceAuth::Refused)),
        ] {
            failure.info.aadsts = Some(code);
            assert_eq!(learned(&failure), expected, "{code}");
        }
    }

    #[test]
    fn renewal_is_due_at_four_hours_and_not_a_millisecond_before() {
        let prt = Prt {
            token: String::new(),
            session_key: String::new(),
            upn: String::new(),
            updated_ms: 1000,
            expires_ms: 0,
            authority: String::new(),
            refused: false,
        };
        assert!(!is_due(&prt, 1000 + RENEW_AFTER_MS - 1));
        assert!(is_due(&prt, 1000 + RENEW_AFTER_MS));
    }
}
