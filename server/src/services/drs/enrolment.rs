//! Enrolment of older systems by SOAP (MS-DVRE): what `autoworkplace.exe` asks for on Windows 7 and 8.1 (FAQ A3, A10, A14).
//!
//! A user of the domain shows a token and gets a certificate for its own certificate store: registration is per user, each
//! call makes a new record with a new id, and nothing looks for an earlier one. Faults name an `ErrorType` of the protocol;
//! their words are those of `server/data/drs.toml`.
//! Left out: the claim by which AD FS permits the registration, which the cloud's tokens do not carry.

use axum::http::StatusCode;
use linarite_core::refusal::JoinRefusal;
use linarite_core::registration::{JoinKind, Particulars};

use super::envelope::{
    ADDRESSING, CONTEXT, ENROLMENT, Request, SECURITY, SOAP, TOKEN_TYPE, TRUST, read,
};
use super::join::{AUDIENCES, issue, recorded};
use super::refuse::Refused;
use crate::directory::Join;
use crate::journal::{Fields, Kind};
use crate::keys::csr::Csr;
use crate::keys::encoding::to_standard;
use crate::services::call::Call;
use crate::services::reply::{Reply, escape, with_body};
use crate::services::token::accept_token;

/// The content type of SOAP 1.2.
const SOAP_XML: &str = "application/soap+xml; charset=utf-8";

/// What the protocol's `ErrorType` can be.
const ERROR_TYPES: [&str; 7] = [
    "InvalidParameter",
    "SqlError",
    "CertificateAuthorityError",
    "DirectoryAccountError",
    "AuthenticationError",
    "AuthorizationError",
    "UnknownError",
];

/// `POST /EnrollmentServer/DeviceEnrollmentWebService.svc`.
pub(super) async fn enrol(call: Call) -> Reply {
    call.note("operation", "down-level-join");
    let request = match read(&call.body) {
        Ok(request) => request,
        Err(unread) => {
            let refused = if unread.other_action {
                Refused::wire("soap-action-unknown").with("name", unread.what)
            } else {
                Refused::malformed(unread.what)
            };
            return fault(&call, unread.message_id.as_deref(), &refused);
        }
    };
    match enrolled(&call, &request).await {
        Ok(reply) => reply,
        Err(refused) => fault(&call, request.message_id.as_deref(), &refused),
    }
}

/// The fault of a request that is refused whatever it says.
pub(super) fn refused(call: &Call, refused: &Refused) -> Reply {
    let id = match read(&call.body) {
        Ok(request) => request.message_id,
        Err(unread) => unread.message_id,
    };
    fault(call, id.as_deref(), refused)
}

async fn enrolled(call: &Call, request: &Request) -> Result<Reply, Refused> {
    let accepted = accept_token(call, "drs", &AUDIENCES, request.token.as_deref())??;
    call.note("user", accepted.user.upn.as_str());
    call.note("name", request.display_name.as_str());
    let csr = Csr::from_base64(&request.certificate_request).map_err(|error| {
        Refused::wire("certificate-request-invalid").with("name", error.to_string())
    })?;
    let kind = JoinKind::DownLevel;
    let issue = issue(call, accepted.user.id.guid(), kind.wire(), csr);
    let join = Join {
        kind,
        particulars: Particulars {
            display_name: request.display_name.clone(),
            os: request.device_type.clone(),
            os_version: request.os_version.clone(),
            transport_key: None,
        },
        user: accepted.user.id,
        second_factor: accepted.second_factor(),
        seed: call.world.entropy.seed(),
        now: call.now(),
    };
    let done = call.world.directory.join(&call.world.tenant, join, issue).await??;
    recorded(call, &done);
    let thumbprint = done.device.key.as_ref().map(|key| key.thumbprint.to_string());
    let thumbprint = thumbprint.unwrap_or_default();
    let document = format!(
        "<wap-provisioningdoc version=\"1.1\"><characteristic type=\"CertificateStore\"><characteristic type=\"My\"><characteristic type=\"User\"><characteristic type=\"{thumbprint}\"><parm name=\"EncodedCertificate\" value=\"{}\" /></characteristic></characteristic></characteristic></characteristic></wap-provisioningdoc>",
        to_standard(&done.issued)
    );
    let upn = done.user.map(|user| user.upn).unwrap_or_default();
    let body = format!(
        "<RequestSecurityTokenResponseCollection xmlns=\"{TRUST}\"><RequestSecurityTokenResponse><TokenType>{TOKEN_TYPE}</TokenType><RequestedSecurityToken><BinarySecurityToken ValueType=\"{ENROLMENT}#DeviceEnrollmentProvisionDoc\" EncodingType=\"{SECURITY}#base64binary\" xmlns=\"{SECURITY}\">{document}</BinarySecurityToken></RequestedSecurityToken><RequestID xmlns=\"{ENROLMENT}\">0</RequestID><AdditionalContext xmlns=\"{CONTEXT}\"><ContextItem Name=\"UserPrincipalName\"><Value>{upn}</Value></ContextItem></AdditionalContext></RequestSecurityTokenResponse></RequestSecurityTokenResponseCollection>",
        document = to_standard(document.as_bytes()),
        upn = escape(&upn),
    );
    let action = format!("{ENROLMENT}/RSTRC/wstep");
    Ok(envelope(call, StatusCode::OK, &action, request.message_id.as_deref(), &body))
}

fn envelope(
    call: &Call,
    status: StatusCode,
    action: &str,
    relates_to: Option<&str>,
    body: &str,
) -> Reply {
    let relates = relates_to
        .map(|id| format!("<a:RelatesTo>{}</a:RelatesTo>", escape(id)))
        .unwrap_or_default();
    let text = format!(
        "<s:Envelope xmlns:s=\"{SOAP}\" xmlns:a=\"{ADDRESSING}\"><s:Header><a:Action s:mustUnderstand=\"1\">{action}</a:Action>{relates}<ActivityId CorrelationId=\"{}\" xmlns=\"http://schemas.microsoft.com/2004/09/ServiceModel/Diagnostics\">{}</ActivityId></s:Header><s:Body>{body}</s:Body></s:Envelope>",
        call.correlation_id, call.request_id,
    );
    with_body(status, SOAP_XML, text)
}

/// A refusal as a fault, with its event in the journal.
pub(super) fn fault(call: &Call, relates_to: Option<&str>, refused: &Refused) -> Reply {
    let mut fields = Fields::new();
    fields.insert("reason", refused.reason);
    fields.copy(&call.facts(), &["operation", "user", "name"]);
    call.record(Kind::JoinDenied, fields);
    call.note("reason", refused.reason);
    let (code, message) = refused.worded(call);
    let kind = ERROR_TYPES.iter().find(|kind| **kind == code).copied().unwrap_or("UnknownError");
    // The limit has a subcode of its own; all others are called after their type.
    let quota = refused.reason == JoinRefusal::QuotaReached.reason();
    let subcode = if quota { "DeviceCapReached" } else { kind };
    let body = format!(
        "<s:Fault><s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value>s:{subcode}</s:Value></s:Subcode></s:Code><s:Reason><s:Text xml:lang=\"en-US\">WindowsEnrollmentServiceError</s:Text></s:Reason><s:Detail><WindowsDeviceEnrollmentServiceError xmlns=\"{ENROLMENT}\"><ErrorType>{kind}</ErrorType><Message>{}</Message></WindowsDeviceEnrollmentServiceError></s:Detail></s:Fault>",
        escape(&message)
    );
    let action = format!(
        "{ENROLMENT}/IWindowsDeviceEnrollmentService/RequestSecurityTokenWindowsDeviceEnrollmentServiceErrorFault"
    );
    envelope(call, StatusCode::INTERNAL_SERVER_ERROR, &action, relates_to, &body)
}
