//! Enrolment (MS-WSTEP with the particulars of MS-MDE2): a token and a certificate request in, a provisioning document out.
//!
//! Section 13.5 of the device registration notes. The token is bound to the device's join, which is how the service knows
//! the device; from then on its record is managed and compliant. The document leads to the management server, which is not
//! emulated: its address answers like every host that is not.

use http::StatusCode;
use linarite_core::refusal::EnrolRefusal;
use serde_json::Map;

use super::fault::Refused;
use super::{AUDIENCES, terms};
use crate::directory::Enrol;
use crate::entropy::Stream;
use crate::journal::Kind;
use crate::keys::csr::Csr;
use crate::keys::device_ca::ManagementCertificateRequest;
use crate::keys::encoding::{to_hex, to_standard};
use crate::keys::public_key::sha1;
use crate::services::call::Call;
use crate::services::reply::{Reply, escape, with_body};
use crate::services::soap::{Message, SECURITY, SOAP_XML, activity, envelope, id_of, read};
use crate::services::token::{Accepted, accept_token};
use crate::services::wstep::{
    self, CONTEXT, ENROLLMENT, JWT, TOKEN_TYPE, TRUST, USER_TOKEN, bearer,
};

/// The type of the document that is answered.
const PROVISIONING: &str = "http://schemas.microsoft.com/5.0.0.0/ConfigurationManager/Enrollment/DeviceEnrollmentProvisionDoc";
const BASE64: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd#base64binary";
/// Where managed devices would go on to.
const MANAGEMENT: &str = "https://r.manage.microsoft.com/devicegatewayproxy/cimhandler.ashx";

/// The holder of the token in a message's security header.
pub(super) fn bearer_of(call: &Call, message: &Message<'_, '_>) -> Result<Accepted, Refused> {
    let security = |what: String| Refused::from(EnrolRefusal::SecurityRefused).with(what);
    let token = bearer(message, &[JWT, USER_TOKEN]).map_err(security)?;
    let token = token.ok_or_else(|| security("it has no token".to_owned()))?;
    Ok(accept_token(call, "mdm", &AUDIENCES, Some(&token))??)
}

/// `POST`.
pub(super) async fn enrol(call: Call) -> Reply {
    call.note("operation", "mdm.enrol");
    let id = id_of(&call.body);
    match enrolled(&call).await {
        Ok(body) => {
            let answer = envelope(wstep::ANSWER, id.as_deref(), &activity(&call), &body);
            with_body(StatusCode::OK, SOAP_XML, answer)
        }
        Err(refused) => refused.fault(&call, id.as_deref()),
    }
}

/// What is read of a message before the directory is asked.
struct Read {
    accepted: Accepted,
    request: wstep::Request,
    csr: Csr,
}

fn message(call: &Call) -> Result<Read, Refused> {
    let document = read(&call.body)?;
    let message = Message::of(&document)?;
    match message.action.as_deref() {
        None | Some(wstep::ACTION) => {}
        Some(other) => return Err(Refused::malformed(format!("the action `{other}`"))),
    }
    let accepted = bearer_of(call, &message)?;
    let request = wstep::request(&message)?;
    let csr = request.csr()?;
    Ok(Read { accepted, request, csr })
}

async fn enrolled(call: &Call) -> Result<String, Refused> {
    let Read { accepted, request, csr } = message(call)?;
    let data = request.first("EnrollmentData");
    let agreed = terms::agreed(call, accepted.user.id, data);
    let now = call.now();
    let enrol = Enrol { user: accepted.user.id, device: accepted.device, agreed };
    let upn = accepted.user.upn.as_str();
    let device = call.world.directory.enrol(&call.world.mdm(), enrol).await?;
    let device = device.map_err(|refusal| Refused::from(refusal).with(upn))?;
    let issued = (call.world.keys.devices)
        .issue_management(&ManagementCertificateRequest {
            device: device.device_id,
            spki: &csr.spki,
            serial: call.world.entropy.draw(Stream::Serial),
            now: now.seconds(),
        })
        .map_err(|error| {
            tracing::error!(%error, "a management certificate could not be issued");
            Refused::from(EnrolRefusal::ServiceFailed)
        })?;
    // A device of the tenant enrols whole; a user's own device enrols for its user only.
    let store = match request.first("EnrollmentType") {
        "Device" => "System",
        _ => "User",
    };
    let document = provisioning(store, &issued.root, &issued.der, upn);
    let mut fields = Map::new();
    fields.insert("user".to_owned(), upn.into());
    fields.insert("device".to_owned(), device.device_id.to_string().into());
    fields.insert("name".to_owned(), device.display_name.into());
    call.record(Kind::Enrol, fields);
    Ok(format!(
        "<RequestSecurityTokenResponseCollection xmlns=\"{TRUST}\"><RequestSecurityTokenResponse><TokenType>{TOKEN_TYPE}</TokenType><DispositionMessage xmlns=\"{ENROLLMENT}\"/><RequestedSecurityToken><BinarySecurityToken xmlns=\"{SECURITY}\" ValueType=\"{PROVISIONING}\" EncodingType=\"{BASE64}\">{}</BinarySecurityToken></RequestedSecurityToken><RequestID xmlns=\"{ENROLLMENT}\">0</RequestID><AdditionalContext xmlns=\"{CONTEXT}\"><ContextItem Name=\"UserPrincipalName\"><Value>{}</Value></ContextItem></AdditionalContext></RequestSecurityTokenResponse></RequestSecurityTokenResponseCollection>",
        to_standard(document),
        escape(upn),
    ))
}

fn thumbprint(der: &[u8]) -> String {
    to_hex(sha1(der)).to_uppercase()
}

fn parameters(all: &[(&str, &str)]) -> String {
    all.iter().fold(String::new(), |mut text, (name, value)| {
        for part in ["<parm name=\"", name, "\" value=\"", &escape(value), "\"/>"] {
            text.push_str(part);
        }
        text
    })
}

/// The provisioning document: the certificates, where management is, and how often to ask there.
fn provisioning(store: &str, root: &[u8], certificate: &[u8], upn: &str) -> String {
    let (root_print, print) = (thumbprint(root), thumbprint(certificate));
    let encoded = |der: &[u8]| parameters(&[("EncodedCertificate", &to_standard(der))]);
    let search = format!("Subject=CN%3d*&Stores=MY%5C{store}");
    let application = parameters(&[
        ("APPID", "w7"),
        ("PROVIDER-ID", "MS DM Server"),
        ("NAME", "Device management"),
        ("ADDR", MANAGEMENT),
        ("CONNRETRYFREQ", "6"),
        ("INITIALBACKOFFTIME", "30000"),
        ("MAXBACKOFFTIME", "120000"),
        ("DEFAULTENCODING", "application/vnd.syncml.dm+xml"),
        ("SSLCLIENTCERTSEARCHCRITERIA", &search),
    ]);
    let poll = parameters(&[
        ("NumberOfFirstRetries", "8"),
        ("IntervalForFirstSetOfRetries", "15"),
        ("NumberOfSecondRetries", "5"),
        ("IntervalForSecondSetOfRetries", "3"),
        ("NumberOfRemainingScheduledRetries", "0"),
        ("IntervalForRemainingScheduledRetries", "1560"),
        ("PollOnLogin", "true"),
    ]);
    let renew =
        parameters(&[("ROBOSupport", "true"), ("RenewPeriod", "60"), ("RetryInterval", "4")]);
    format!(
        "<wap-provisioningdoc version=\"1.1\"><characteristic type=\"CertificateStore\"><characteristic type=\"Root\"><characteristic type=\"System\"><characteristic type=\"{root_print}\">{}</characteristic></characteristic></characteristic><characteristic type=\"My\"><characteristic type=\"{store}\"><characteristic type=\"{print}\">{}</characteristic><characteristic type=\"PrivateKeyContainer\"/></characteristic><characteristic type=\"WSTEP\"><characteristic type=\"Renew\">{renew}</characteristic></characteristic></characteristic></characteristic><characteristic type=\"APPLICATION\">{application}<characteristic type=\"APPAUTH\">{}</characteristic><characteristic type=\"APPAUTH\">{}</characteristic></characteristic><characteristic type=\"DMClient\"><characteristic type=\"Provider\"><characteristic type=\"MS DM Server\">{}<characteristic type=\"Poll\">{poll}</characteristic></characteristic></characteristic></characteristic></wap-provisioningdoc>",
        encoded(root),
        encoded(certificate),
        parameters(&[("AAUTHLEVEL", "CLIENT")]),
        parameters(&[("AAUTHLEVEL", "APPSRV")]),
        parameters(&[("UPN", upn)]),
    )
}
