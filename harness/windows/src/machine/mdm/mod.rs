//! Enrolment in device management as part of a join (device-registration.md 13): the terms of use before it, discovery,
//! policy and enrolment after it. FAQ A26: whatever goes wrong here is the "Oops" of the one who joins.
//!
//! Whether a user's devices are enrolled, and where, stands in the user's id token. When the enrolment fails the machine
//! has joined and stays so, unmanaged (assumed: the documents say only that the record exists by then). Left out: talking
//! to the management server afterwards, and renewal.

mod messages;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;
use serde_json::Value;

use self::messages::{Reply, Send};
use super::authorize::{Form, query_value};
use super::enrol::{BROKER, key_failure};
use super::prt::redeem;
use super::state::{Management, Prt, Registration};
use super::token::{TokenRequest, plain_grant};
use crate::der;
use crate::hresult;
use crate::outcome::{Failure, Tokens};
use crate::wire::{Ask, FaultKind, Line, Speaker, escaped};

/// What a token for the enrolment service is for.
const RESOURCE: &str = "https://enrollment.manage.microsoft.com";
/// Where the page with the terms of use sends back to.
const BACK: &str = "ms-appx-web://Microsoft.AAD.BrokerPlugin/DRSFF";
/// What the one who joins reads when it did not work (FAQ A26).
const OOPS: &str = "Oops... an error occurred!";

/// How the one who joins answers the terms of use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Terms {
    /// Agrees.
    #[default]
    Accept,
    /// Does not, which ends the join.
    Decline,
}

/// What is known of a user's device management before the join.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Agreed {
    /// Where it is.
    pub(super) urls: Management,
    /// What the page with the terms of use gave to whoever agreed.
    blob: String,
}

/// Whether the device is enrolled whole, or for one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Enrolment {
    /// The machine: after a join.
    Device,
    /// One user's account on it.
    Full,
}

/// What the dialogue says of a failure, and Windows's number for it.
pub(super) fn oops(failure: &Failure) -> String {
    let dialogue = hresult::dialogue(failure.hresult).map_or(String::new(), |id| format!(" {id}"));
    format!(
        "{OOPS}\n{:>26} : {}{dialogue}\n{:>26} : {}\n",
        "Error code",
        hresult::printed(failure.hresult),
        "Message",
        failure.info.message,
    )
}

/// Reads the terms of use, when the user's id token names a page for them, and answers them.
pub(super) async fn agree(line: &Line, tokens: &Tokens, terms: Terms) -> Result<Agreed, Failure> {
    let claims = tokens.id_claims().unwrap_or_default();
    let claim =
        |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let urls = Management {
        enrollment: claim("mdm_enrollment_url"),
        terms: claim("mdm_tou_url"),
        compliance: claim("mdm_compliance_url"),
        certificate: None,
    };
    if urls.terms.is_empty() {
        return Ok(Agreed { urls, blob: String::new() });
    }
    let refresh = tokens.refresh_token.as_deref().unwrap_or_default();
    let fields =
        [("client_id", BROKER), ("grant_type", "refresh_token"), ("refresh_token", refresh)];
    let token = plain_grant(line, &TokenRequest::of(RESOURCE), &fields).await?.access_token;
    let mark = if urls.terms.contains('?') { '&' } else { '?' };
    let url = format!(
        "{}{mark}redirect_uri={}&client-request-id={}&api-version=1.0&mode=azureadjoin",
        urls.terms,
        escaped(BACK),
        line.guid("terms"),
    );
    let ask = Ask::get(&url).header("authorization", format!("Bearer {token}"));
    let page = line.send(ask).await.map_err(|fault| fault.into_failure(Speaker::Registration))?;
    let unread = |answer: &crate::wire::Answer| {
        answer.unexpected(hresult::MDM_CONNECTIVITY, "the page with the terms of use")
    };
    if page.location.is_some() {
        return Err(returned(&page).err().unwrap_or_else(|| unread(&page)));
    }
    let text = String::from_utf8_lossy(&page.body);
    let mut form = match Form::first(&text) {
        Some(form) if page.is_success() => form,
        Some(_) | None => return Err(unread(&page)),
    };
    form.put("answer", if terms == Terms::Accept { "accept" } else { "decline" });
    // The page is plain: its form goes back to where it came from.
    let target = Url::parse(&url).ok().and_then(|url| url.join(form.action()).ok());
    let target = target.map_or(url, String::from);
    let ask = Ask::encoded_form(target, form.encoded());
    let answer = line.send(ask).await.map_err(|fault| fault.into_failure(Speaker::Registration))?;
    if answer.location.is_none() {
        return Err(unread(&answer));
    }
    Ok(Agreed { urls, blob: returned(&answer)? })
}

/// What the page sent the client back with.
fn returned(answer: &crate::wire::Answer) -> Result<String, Failure> {
    let location = answer.location.as_deref().unwrap_or_default();
    if !location.starts_with(BACK) {
        let message = format!("{}: the page leads to `{location}`", answer.exchange);
        return Err(answer.failure(hresult::MDM_INSECURE_REDIRECT, message));
    }
    if let Some(error) = query_value(location, "error") {
        // Nothing but the words tells a user without a licence from another one who may not.
        let number = match error.as_str() {
            "unauthorized_client" => hresult::MDM_USER_LICENSE,
            "invalid_request" => hresult::MDM_MESSAGE_FORMAT,
            _ => hresult::MDM_ENROLLMENT_SERVER,
        };
        let message = query_value(location, "error_description").unwrap_or_else(|| error.clone());
        let mut failure = answer.failure(number, message);
        failure.info.oauth = Some(error);
        return Err(failure);
    }
    if query_value(location, "IsAccepted").as_deref() != Some("true") {
        let message = "the terms of use were declined (rejectedTermsOfUse)";
        return Err(answer.failure(hresult::MDM_USER_CANCELLED, message));
    }
    Ok(query_value(location, "OpaqueBlob").unwrap_or_default())
}

/// Enrols a machine that has joined. Gives the thumbprint of its management certificate.
pub(super) async fn enrol(
    line: &Line,
    name: &str,
    registration: &Registration,
    prt: &Prt,
    agreed: &Agreed,
    kind: Enrolment,
) -> Result<String, Failure> {
    let url = agreed.urls.enrollment.as_str();
    let wanted = TokenRequest::of(RESOURCE);
    let token = redeem(line, registration, prt, BROKER, &wanted).await?.access_token;
    let discovered = exchange(line, url, &messages::discover(line, url, &prt.upn)).await?;
    let policy_url = discovered.text("EnrollmentPolicyServiceUrl").filter(|url| line.is_safe(url));
    let enrol_url = discovered.text("EnrollmentServiceUrl").filter(|url| line.is_safe(url));
    let (Some(policy_url), Some(enrol_url)) = (policy_url, enrol_url) else {
        let message = format!("{url}: discovery names no safe addresses for policy and enrolment");
        return Err(Failure::new(hresult::MDM_DATA_INVALID, message));
    };
    let policy =
        exchange(line, &policy_url, &messages::policies(line, &policy_url, &token)).await?;
    if policy.text("minimalKeyLength").is_none() {
        let message = format!("{policy_url}: the policy says nothing of keys");
        return Err(Failure::new(hresult::MDM_DATA_INVALID, message));
    }
    let request = der::certificate_request(registration.device_key)
        .map_err(|trouble| key_failure(&trouble))?;
    let asked = messages::Request {
        token: &token,
        pkcs10: &STANDARD.encode(request),
        name,
        device_id: &registration.device_id,
        os_version: &line.os_version,
        agreed: &agreed.blob,
        kind,
    };
    let enrolled = exchange(line, &enrol_url, &messages::enrol(line, &enrol_url, &asked)).await?;
    enrolled
        .certificate(registration.device_key)
        .map_err(|what| Failure::new(hresult::MDM_DATA_INVALID, format!("{enrol_url}: {what}")))
}

/// Sends one message and takes its answer apart.
async fn exchange(line: &Line, url: &str, message: &Send) -> Result<Reply, Failure> {
    if !line.is_safe(url) {
        let text = format!("the address `{url}` is not https");
        return Err(Failure::new(hresult::MDM_INSECURE_REDIRECT, text));
    }
    let ask = Ask::soap(line.relocate(url), message.action, message.envelope.clone())
        .header("user-agent", "ENROLLClient");
    let answer = line.send(ask).await.map_err(|fault| {
        let number = match fault.kind {
            FaultKind::UntrustedAuthority | FaultKind::SecureFailure => {
                hresult::MDM_INVALID_SSL_CERT
            }
            FaultKind::Timeout
            | FaultKind::NameNotResolved
            | FaultKind::CannotConnect
            | FaultKind::Aborted
            | FaultKind::TooLarge
            | FaultKind::BadAddress
            | FaultKind::Local => hresult::MDM_CONNECTIVITY,
        };
        fault.into_failure(Speaker::Registration).with_hresult(number)
    })?;
    if (300..400).contains(&answer.status) {
        let target = answer.location.clone().unwrap_or_default();
        let text = format!("{}: the answer leads to `{target}`", answer.exchange);
        return Err(answer.failure(hresult::MDM_INSECURE_REDIRECT, text));
    }
    if answer.body.is_empty() {
        return Err(answer.unexpected(hresult::MDM_EMPTY_MESSAGE, "a message"));
    }
    match Reply::read(&answer.body) {
        Ok(Ok(reply)) if answer.is_success() => Ok(reply),
        Ok(Err(fault)) => {
            let mut failure = answer.failure(fault.number(), fault.reason.clone());
            failure.info.code = Some(fault.subcode);
            failure.info.subcode = fault.error_type;
            Err(failure)
        }
        Ok(Ok(_)) | Err(_) => Err(answer.unexpected(hresult::MDM_MESSAGE_FORMAT, "a SOAP message")),
    }
}
