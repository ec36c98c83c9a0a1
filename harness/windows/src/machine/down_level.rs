//! Workplace Join of Windows 7 and 8.1: a computer of a domain registers once for each user of the domain who signs in
//! (device-registration.md 3 and 16; FAQ A3, A10, A14).
//!
//! The service connection point names the tenant, discovery its services; the user gets a token without being asked, from
//! the federation server by the Windows session, or from the cloud with the password of the session, which stands in for
//! Seamless SSO. Then the enrolment service is asked by SOAP for a certificate in the user's own store. `/l` forgets it and
//! tells nobody, so that the next `/j` makes another record.
//!
//! Left out: the delay of up to five minutes after a sign-in, and the windows of the tool beyond their content.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Machine;
use super::enrol::{
    EnrolFailure, Seen, discover, federated_token, in_phase, key_failure, read_certificate,
    registration_token,
};
use super::federation::Caller;
use super::realm::{Realm, realm};
use super::state::{DeviceAuth, DomainLogon, Management, Registration, Tenant, WorkAccount};
use crate::der;
use crate::hresult;
use crate::jose::base64_lenient;
use crate::outcome::{Failure, Outcome, Tokens};
use crate::surroundings::hex_upper;
use crate::wire::{Answer, Ask, Line, Speaker, Wire};
use crate::xml::{self, escaped};

const ENVELOPE: &str = "http://www.w3.org/2003/05/soap-envelope";
const SECURITY: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const TRUST: &str = "http://docs.oasis-open.org/ws-sx/ws-trust/200512";
const ENROLMENT: &str = "http://schemas.microsoft.com/windows/pki/2009/01/enrollment";

impl Machine {
    /// Registers the computer for one Windows user: `autoworkplace /j`, and what the scheduled task does at a sign-in.
    pub(crate) async fn down_level_join(&mut self, wire: &Wire, key: &str) -> Outcome {
        let profile = self.memory.profiles.get(key);
        let Some(session) = profile.and_then(|profile| profile.domain.clone()) else {
            let message = format!(
                "Workplace Join could not verify the account: {key} is not signed in with an account of a domain"
            );
            return Failure::new(hresult::UNKNOWN, message).into();
        };
        if let Some(known) = profile.and_then(|profile| profile.work_accounts.first()) {
            let id = &known.registration.device_id;
            return Outcome::done(format!(
                "{} is registered for {} already, as device {id}: nothing was done\n",
                self.spec.name, session.upn
            ));
        }
        let line = self.line(wire);
        match self.enrolled(&line, &session).await {
            Ok(registration) => {
                let output = format!(
                    "{} was registered for {}\n{:>26} : {}\n",
                    self.spec.name, session.upn, "WorkplaceDeviceId", registration.device_id
                );
                let account = WorkAccount { registration, prt: None };
                self.profile(key).work_accounts.push(account);
                Outcome::done(output)
            }
            Err(EnrolFailure { phase, failure }) => {
                self.memory.events.workplace_join_failed(wire.now_ms(), phase, &failure);
                failure.into()
            }
        }
    }

    async fn enrolled(
        &self,
        line: &Line,
        session: &DomainLogon,
    ) -> Result<Registration, EnrolFailure> {
        let domain = self.spec.domain.clone().unwrap_or_default();
        let name = self.memory.policy.tenant.clone().unwrap_or_else(|| domain.clone());
        if name.is_empty() {
            let message = format!("the domain {domain} has no service connection point");
            let failure = Failure::new(hresult::AUTOJOIN_ADCONFIG_READ_FAILED, message);
            return Err(EnrolFailure { phase: "discover", failure });
        }
        let tenant = discover(line, &name).await.map_err(in_phase("discover"))?;
        let upn = session.upn.as_str();
        let realm = realm(line, upn, Speaker::Registration).await.map_err(in_phase("auth"))?;
        let tokens = match &realm {
            Realm::Managed => registration_token(line, &tenant, upn, &session.password).await,
            Realm::Federated(federation) => {
                federated_token(line, &tenant, federation, Caller::Session { upn }).await
            }
        };
        let tokens = tokens.map_err(in_phase("auth"))?;
        let full = format!("{}.{domain}", self.spec.name);
        certificate(line, &full, upn, tenant, &tokens).await.map_err(in_phase("join"))
    }

    /// Forgets the registration of one Windows user. Nobody is told: the record stays.
    pub(crate) fn down_level_leave(&mut self, key: &str) -> Outcome {
        let gone = std::mem::take(&mut self.profile(key).work_accounts);
        if gone.is_empty() {
            return Outcome::done(format!(
                "{} is not registered for {key}: nothing was done\n",
                self.spec.name
            ));
        }
        let lines = gone.iter().map(|account| {
            let Registration { upn, device_id, .. } = &account.registration;
            format!(
                "{} left the workplace of {upn}; the record {device_id} stays\n",
                self.spec.name
            )
        });
        Outcome::done(lines.collect::<String>())
    }
}

/// Asks the enrolment service for a certificate.
async fn certificate(
    line: &Line,
    name: &str,
    upn: &str,
    tenant: Tenant,
    tokens: &Tokens,
) -> Result<Registration, Failure> {
    let url = if tenant.enrolment.url.is_empty() {
        line.registration("/EnrollmentServer/DeviceEnrollmentWebService.svc")
    } else {
        line.relocate(&tenant.enrolment.url)
    };
    let key = line.wire.keys().take(line.wire.chance(), &format!("{}/keys", line.machine));
    let request = der::certificate_request(key).map_err(|trouble| key_failure(&trouble))?;
    let message = message(line, &url, name, &tokens.access_token, &STANDARD.encode(request));
    let ask = Ask::soap(url, &format!("{ENROLMENT}/RST/wstep"), message);
    let answer = line.send(ask).await.map_err(|fault| fault.into_failure(Speaker::Registration))?;
    let der = issued(&answer)?;
    let seen = read_certificate(&der, key).map_err(|reason| {
        let message = format!("the device certificate is not usable: {reason}");
        answer.failure(hresult::INVALID_DATA, message)
    })?;
    let Seen { device_id, not_before_ms, not_after_ms } = seen;
    Ok(Registration {
        device_id,
        thumbprint: hex_upper(digest(&SHA1_FOR_LEGACY_USE_ONLY, &der).as_ref()),
        certificate: STANDARD.encode(&der),
        not_before_ms,
        not_after_ms,
        device_key: key,
        // There is no transport key: such a registration gets no primary refresh token.
        transport_key: key,
        key_container: line.guid("key-container"),
        tpm: false,
        upn: upn.to_owned(),
        tenant,
        device_auth: DeviceAuth::Success,
        management: Management::default(),
    })
}

fn message(line: &Line, url: &str, name: &str, token: &str, request: &str) -> String {
    let item = |key: &str, value: &str| {
        format!(
            "<ac:ContextItem Name=\"{key}\"><ac:Value>{}</ac:Value></ac:ContextItem>",
            escaped(value)
        )
    };
    format!(
        "<s:Envelope xmlns:s=\"{ENVELOPE}\" xmlns:a=\"http://www.w3.org/2005/08/addressing\">\
         <s:Header><a:Action s:mustUnderstand=\"1\">{ENROLMENT}/RST/wstep</a:Action>\
         <a:MessageID>urn:uuid:{id}</a:MessageID>\
         <a:ReplyTo><a:Address>http://www.w3.org/2005/08/addressing/anonymous</a:Address></a:ReplyTo>\
         <a:To s:mustUnderstand=\"1\">{to}</a:To>\
         <wsse:Security s:mustUnderstand=\"1\" xmlns:wsse=\"{SECURITY}\">\
         <wsse:BinarySecurityToken ValueType=\"urn:ietf:params:oauth:token-type:jwt\" \
         EncodingType=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary\">{token}</wsse:BinarySecurityToken>\
         </wsse:Security></s:Header>\
         <s:Body><wst:RequestSecurityToken xmlns:wst=\"{TRUST}\">\
         <wst:TokenType>http://schemas.microsoft.com/5.0.0.0/ConfigurationManager/Enrollment/DeviceEnrollmentToken</wst:TokenType>\
         <wst:RequestType>{TRUST}/Issue</wst:RequestType>\
         <wsse:BinarySecurityToken xmlns:wsse=\"{SECURITY}\" ValueType=\"{ENROLMENT}#PKCS10\" \
         EncodingType=\"{SECURITY}#base64binary\">{request}</wsse:BinarySecurityToken>\
         <ac:AdditionalContext xmlns:ac=\"http://schemas.xmlsoap.org/ws/2006/12/authorization\">{kind}{version}{name}</ac:AdditionalContext>\
         </wst:RequestSecurityToken></s:Body></s:Envelope>",
        id = line.guid("enrolment"),
        to = escaped(url),
        token = STANDARD.encode(token),
        kind = item("DeviceType", "Windows"),
        version = item("ApplicationVersion", &line.os_version),
        name = item("DeviceDisplayName", name),
    )
}

/// The certificate in the provisioning document of an answer, or the fault that came in its place.
fn issued(answer: &Answer) -> Result<Vec<u8>, Failure> {
    let due = "a provisioning document with one certificate";
    let unusable = || answer.unexpected(hresult::INVALID_DATA, due);
    let Ok(document) = xml::parse(&answer.body) else {
        return Err(if answer.is_success() { unusable() } else { answer.registration_error() });
    };
    let named = |name: &str| {
        document.descendants().find(|node| node.is_element() && node.tag_name().name() == name)
    };
    if named("Fault").is_some() {
        let text = |name: &str| named(name).and_then(|node| node.text()).unwrap_or_default().trim();
        let (kind, message) = (text("ErrorType"), text("Message"));
        let subcode = named("Subcode").and_then(|node| {
            node.descendants()
                .filter_map(|inner| inner.text())
                .map(str::trim)
                .find(|t| !t.is_empty())
        });
        let subcode = subcode.map(|code| code.rsplit(':').next().unwrap_or_default());
        let number = hresult::of_registration_error(answer.status, Some(kind), subcode, message);
        let mut failure = answer.failure(number, message);
        failure.info.code = Some(kind.to_owned()).filter(|kind| !kind.is_empty());
        failure.info.subcode = subcode.map(str::to_owned);
        return Err(failure);
    }
    if !answer.is_success() {
        return Err(answer.registration_error());
    }
    let wrapped = named("RequestedSecurityToken")
        .and_then(|holder| {
            holder.descendants().find(|node| node.has_tag_name((SECURITY, "BinarySecurityToken")))
        })
        .and_then(|node| node.text())
        .and_then(base64_lenient)
        .ok_or_else(unusable)?;
    let document = xml::parse(&wrapped).map_err(|_| unusable())?;
    let mut found = document
        .descendants()
        .filter(|node| node.attribute("name") == Some("EncodedCertificate"))
        .filter_map(|node| node.attribute("value"));
    match (found.next(), found.next()) {
        (Some(value), None) => base64_lenient(value).ok_or_else(unusable),
        _ => Err(unusable()),
    }
}
