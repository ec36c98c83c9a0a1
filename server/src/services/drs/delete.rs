//! Delete: a device takes its own record out of the directory, by mutual TLS (section 4.6; FAQ A9, A12).
//!
//! Success is 200 and nothing else for a known client. A certificate without a record, no certificate, and the certificate
//! of another device are 401; the TLS layer lets each of them through so that the service can say so.

use http::StatusCode;
use linarite_core::device::DeviceKey;
use linarite_core::ids::DeviceId;
use linarite_core::refusal::JoinRefusal;
use serde_json::{Map, json};

use super::refuse::Refused;
use crate::journal::Kind;
use crate::keys::certificate::PeerCertificate;
use crate::services::call::Call;
use crate::services::reply::{Reply, private_json};

/// `DELETE /EnrollmentServer/device/{id}`.
pub(super) async fn delete(call: Call) -> Reply {
    call.note("operation", "leave");
    match deleted(&call).await {
        Ok(reply) => reply,
        Err(refused) => refused.reply(&call),
    }
}

async fn deleted(call: &Call) -> Result<Reply, Refused> {
    if !call.link.can_mutual_tls() {
        return Err(Refused::wire("mutual-tls-unavailable"));
    }
    let shown = call.client_certificate().ok_or(JoinRefusal::CertificateMissing)?;
    let certificate =
        PeerCertificate::from_der(shown).map_err(|_| JoinRefusal::CertificateUnknown)?;
    let id: DeviceId = call
        .segment(2)
        .unwrap_or_default()
        .parse()
        .map_err(|_| Refused::malformed("the device id is not a GUID"))?;
    call.note_device(id);
    if call.is_key_kept_back(id) {
        return Err(JoinRefusal::CertificateUnknown.into());
    }
    let key = DeviceKey {
        thumbprint: certificate.thumbprint,
        alt_security_id: certificate.alt_security_id(),
    };
    let done = call
        .world
        .directory
        .leave(&call.world.tenant, id, key, certificate.device_id(), call.now())
        .await;
    let grave = done??;
    let mut fields = Map::new();
    fields.insert("device".to_owned(), grave.device_id.to_string().into());
    fields.insert("name".to_owned(), grave.display_name.into());
    fields.insert("trust".to_owned(), grave.trust.word().into());
    call.record(Kind::Leave, fields);
    Ok(private_json(StatusCode::OK, &json!({ "AttestationResult": { "KeyId": null } })))
}
