//! Enrolment of older systems by SOAP (MS-DVRE): what `autoworkplace.exe` asks for on Windows 7 and 8.1 (FAQ A3, A10, A14).
//!
//! A user of the domain shows a token and gets a certificate for its own certificate store: registration is per user, each
//! call makes a new record with a new id, and nothing looks for an earlier one. Faults name an `ErrorType` of the protocol;
//! their words are those of `server/data/drs.toml`.
//! Left out: the claim by which AD FS permits the registration, which the cloud's tokens do not carry.

use axum::http::StatusCode;
use linarite_core::refusal::JoinRefusal;
use linarite_core::registration::{JoinKind, Particulars};

use super::envelope::{Request, read};
use super::join::{AUDIENCES, issue, recorded};
use super::refuse::Refused;
use crate::directory::Join;
use crate::journal::{Fields, Kind};
use crate::keys::encoding::to_standard;
use crate::services::call::Call;
use crate::services::reply::{Reply, escape, with_body};
use crate::services::soap::{self, SECURITY, SOAP_XML, id_of};
use crate::services::token::accept_token;
use crate::services::wstep::{ANSWER, CONTEXT, ENROLLMENT, TOKEN_TYPE, TRUST};

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
        Err(wrong) => {
            let refused = if wrong.other_action {
                Refused::wire("soap-action-unknown").with("name", wrong.what)
            } else {
                Refused::malformed(wrong.what)
            };
            return fault(&call, &refused);
        }
    };
    match enrolled(&call, &request).await {
        Ok(body) => envelope(&call, StatusCode::OK, ANSWER, &body),
        Err(refused) => fault(&call, &refused),
    }
}

/// The body of the answer.
async fn enrolled(call: &Call, request: &Request) -> Result<String, Refused> {
    let accepted = accept_token(call, "drs", &AUDIENCES, request.token.as_deref())??;
    call.note("user", accepted.user.upn.as_str());
    call.note("name", request.display_name.as_str());
    let csr = request.csr().map_err(|unread| {
        Refused::wire("certificate-request-invalid").with("name", String::from(unread))
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
    Ok(format!(
        "<RequestSecurityTokenResponseCollection xmlns=\"{TRUST}\"><RequestSecurityTokenResponse><TokenType>{TOKEN_TYPE}</TokenType><RequestedSecurityToken><BinarySecurityToken ValueType=\"{ENROLLMENT}#DeviceEnrollmentProvisionDoc\" EncodingType=\"{SECURITY}#base64binary\" xmlns=\"{SECURITY}\">{document}</BinarySecurityToken></RequestedSecurityToken><RequestID xmlns=\"{ENROLLMENT}\">0</RequestID><AdditionalContext xmlns=\"{CONTEXT}\"><ContextItem Name=\"UserPrincipalName\"><Value>{upn}</Value></ContextItem></AdditionalContext></RequestSecurityTokenResponse></RequestSecurityTokenResponseCollection>",
        document = to_standard(document.as_bytes()),
        upn = escape(&upn),
    ))
}

/// An answer that relates to the message of a call, as far as its id can be seen.
fn envelope(call: &Call, status: StatusCode, action: &str, body: &str) -> Reply {
    let id = id_of(&call.body);
    let answer = soap::envelope(action, id.as_deref(), &soap::activity(call), body);
    with_body(status, SOAP_XML, answer)
}

/// A refusal as a fault, with its event in the journal.
pub(super) fn fault(call: &Call, refused: &Refused) -> Reply {
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
    let detail = format!(
        "<s:Detail><WindowsDeviceEnrollmentServiceError xmlns=\"{ENROLLMENT}\"><ErrorType>{kind}</ErrorType><Message>{}</Message></WindowsDeviceEnrollmentServiceError></s:Detail>",
        escape(&message)
    );
    let subcode = format!("s:{subcode}");
    let reason = "WindowsEnrollmentServiceError";
    let body = soap::fault("s:Receiver", Some(("", &subcode)), reason, &detail);
    let action = format!(
        "{ENROLLMENT}/IWindowsDeviceEnrollmentService/RequestSecurityTokenWindowsDeviceEnrollmentServiceErrorFault"
    );
    envelope(call, StatusCode::INTERNAL_SERVER_ERROR, &action, &body)
}
