//! Join, register and hybrid join (MS-DVRJ and the service's dialect; sections 4.1 to 4.4).
//!
//! Keys of the body are read in any case, because clients differ. Each join makes a new certificate, and a new record unless
//! the world's setting `rejoin` says otherwise; `ReuseDevice`, which one client always sends, changes nothing, or its
//! duplicates could not be shown.
//! Left out: api-version 3.0 with elliptic curve keys, attestation, precreated joins.

use http::StatusCode;
use linarite_core::device::DeviceKey;
use linarite_core::ids::{DeviceId, Guid, Sid};
use linarite_core::refusal::JoinRefusal;
use linarite_core::registration::{JoinKind, Particulars, SidProof, stamp_fits};
use linarite_core::replication::Made;
use serde_json::{Map, Value, json};

use super::refuse::Refused;
use super::vouched;
use crate::clock::{Clock, from_rfc3339};
use crate::directory::{DirectoryError, Hybrid, Join, Joined};
use crate::entropy::Stream;
use crate::journal::Kind;
use crate::keys::certificate::{PeerCertificate, alt_security_id};
use crate::keys::csr::Csr;
use crate::keys::device_ca::DeviceCertificateRequest;
use crate::keys::encoding::{from_either, to_standard};
use crate::keys::public_key::SignatureAlgorithm;
use crate::keys::transport::TransportKey;
use crate::services::call::Call;
use crate::services::reply::{Reply, private_json};
use crate::services::token::{accept, computer};

/// The audiences of tokens for this service.
pub(super) const AUDIENCES: [&str; 2] =
    ["urn:ms-drs:enterpriseregistration.windows.net", "01cb2876-7ebd-4aa4-9cc9-d28bd4d359a9"];

/// How long a text of the body may be.
const TEXT: usize = 256;

/// The join type of a hybrid join.
pub(super) const HYBRID: u64 = 6;

/// A JSON object whose keys are read in any case.
pub(super) struct Body<'a>(pub(super) &'a Map<String, Value>);

impl<'a> Body<'a> {
    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        self.0.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    fn object(&self, name: &str) -> Result<Self, Refused> {
        match self.get(name) {
            Some(Value::Object(members)) => Ok(Self(members)),
            _ => Err(Refused::malformed(format!("{name} is missing or not an object"))),
        }
    }

    fn text(&self, name: &str) -> Result<&'a str, Refused> {
        match self.get(name) {
            Some(Value::String(text)) if !text.is_empty() => Ok(text),
            _ => Err(Refused::malformed(format!("{name} is missing or not text"))),
        }
    }

    fn short(&self, name: &str) -> Result<String, Refused> {
        let text = self.text(name)?;
        if text.chars().count() > TEXT || text.chars().any(char::is_control) {
            return Err(Refused::malformed(format!(
                "{name} is longer than {TEXT} characters or holds control characters"
            )));
        }
        Ok(text.to_owned())
    }

    pub(super) fn particulars(&self) -> Result<Particulars, Refused> {
        let key = TransportKey::from_base64(self.text("TransportKey")?).map_err(|error| {
            Refused::wire("transport-key-invalid").with("name", error.to_string())
        })?;
        Ok(Particulars {
            display_name: self.short("DeviceDisplayName")?,
            os: self.short("DeviceType")?,
            os_version: self.short("OSVersion")?,
            transport_key: Some(key.to_blob()),
        })
    }

    pub(super) fn certificate_request(&self) -> Result<Csr, Refused> {
        let request = self.object("CertificateRequest")?;
        if !request.text("Type")?.eq_ignore_ascii_case("pkcs10") {
            return Err(Refused::malformed("CertificateRequest.Type is not pkcs10"));
        }
        Csr::from_base64(request.text("Data")?).map_err(|error| {
            Refused::wire("certificate-request-invalid").with("name", error.to_string())
        })
    }
}

pub(super) fn parse(call: &Call) -> Result<Map<String, Value>, Refused> {
    let version = call.query_value("api-version").unwrap_or_default();
    if version != "1.0" && version != "2.0" {
        return Err(Refused::wire("api-version-unknown").with("name", version));
    }
    serde_json::from_slice(&call.body)
        .map_err(|error| Refused::malformed(format!("the body is not a JSON object ({error})")))
}

/// The certificate of a device, and the key by which its record finds it.
pub(super) fn issue(
    call: &Call,
    user: Guid,
    join_type: u8,
    csr: Csr,
) -> impl FnOnce(DeviceId, Made) -> Result<(DeviceKey, Vec<u8>), DirectoryError> + Send + 'static {
    let authority = std::sync::Arc::clone(&call.world.keys.devices);
    let (tenant, now) = (call.world.tenant.id, call.now());
    let serial: [u8; 16] = call.world.entropy.draw(Stream::Serial);
    let world = std::sync::Arc::clone(&call.world);
    move |device, made| {
        // Before anybody can see the record: a fault may keep it from other calls.
        world.faults.made(device, made, now);
        let request = DeviceCertificateRequest {
            device,
            user: if user == Guid::from_bytes([0; 16]) { device.guid() } else { user },
            tenant,
            join_type,
            spki: &csr.spki,
            serial,
            now: now.seconds(),
        };
        let issued = authority.issue(&request);
        let issued = issued.map_err(|error| DirectoryError::NotIssued(error.to_string()))?;
        let thumbprint = issued.thumbprint;
        let alt_security_id = alt_security_id(thumbprint, &csr.key.sha256());
        Ok((DeviceKey { thumbprint, alt_security_id }, issued.der))
    }
}

/// `POST /EnrollmentServer/device/?api-version=1.0|2.0`.
pub(super) async fn join(call: Call) -> Reply {
    call.note("operation", "join");
    match joined(&call).await {
        Ok(reply) => reply,
        Err(refused) => refused.reply_to_join(&call),
    }
}

async fn joined(call: &Call) -> Result<Reply, Refused> {
    if let Some(claims) = computer(call, "drs", &AUDIENCES)? {
        return vouched::joined(call, claims).await;
    }
    let accepted = accept(call, "drs", &AUDIENCES)??;
    call.note("user", accepted.user.upn.as_str());
    let members = parse(call)?;
    let body = Body(&members);
    let number = body.get("JoinType").and_then(Value::as_u64);
    let number = number.ok_or_else(|| Refused::malformed("JoinType is missing or not a number"))?;
    call.note("join_type", number);
    let kind = JoinKind::from_wire(number)
        .map_err(|refusal| Refused::from(refusal).with("name", number.to_string()))?;
    let particulars = body.particulars()?;
    call.note("name", particulars.display_name.as_str());
    let csr = body.certificate_request()?;
    let issue = issue(call, accepted.user.id.guid(), kind.wire(), csr);
    let join = Join {
        kind,
        particulars,
        user: accepted.user.id,
        second_factor: accepted.second_factor(),
        seed: call.world.entropy.seed(),
        now: call.now(),
    };
    let done = call.world.directory.join(&call.world.tenant, join, issue).await;
    answer(call, done??, &body)
}

/// `PUT /EnrollmentServer/device/{id}`: a domain computer completes the registration of its synchronised record.
pub(super) async fn hybrid(call: Call) -> Reply {
    call.note("operation", "hybrid-join");
    match completed(&call).await {
        Ok(reply) => reply,
        Err(refused) => refused.reply_to_join(&call),
    }
}

async fn completed(call: &Call) -> Result<Reply, Refused> {
    let id = call.segment(2).unwrap_or_default();
    let named = |refusal: JoinRefusal| {
        let shown: String = id.chars().take(100).collect();
        Refused::from(refusal).with("name", shown)
    };
    let missing = || named(JoinRefusal::RecordMissing);
    let members = parse(call)?;
    let body = Body(&members);
    let device_id: DeviceId = id.parse().map_err(|_| missing())?;
    call.note_device(device_id);
    if body.get("JoinType").and_then(Value::as_u64) != Some(HYBRID) {
        return Err(Refused::malformed("JoinType of a hybrid join is 6"));
    }
    call.note("join_type", HYBRID);
    let data = body.object("ServerAdJoinData")?;
    let particulars = data.particulars()?;
    call.note("name", particulars.display_name.as_str());
    let csr = body.certificate_request()?;
    let record = call.world.directory.synchronised(device_id)?;
    let record = record.filter(|_| !call.is_kept_back(device_id)).ok_or_else(missing)?;
    let proof = sid_proof(&data, &record.certificate)?;
    let tolerance = call.world.tenant.settings.client_clock_tolerance;
    let clock = stamp_fits(proof.stamped, call.now(), Clock::real(), tolerance);
    if let Some(clock) = clock {
        call.note(
            "stamped_by",
            match clock {
                linarite_core::registration::FittingClock::World => "world time",
                linarite_core::registration::FittingClock::Real => "real time",
            },
        );
    }
    let issue = issue(call, Guid::from_bytes([0; 16]), 6, csr);
    let hybrid = Hybrid { device_id, particulars, proof, clock, now: call.now() };
    let done = call.world.directory.complete_hybrid(hybrid, issue).await?;
    answer(call, done.map_err(named)?, &body)
}

/// The proof of a computer: `<SID>.<time>` signed with the key of the certificate that was synchronised.
fn sid_proof(data: &Body<'_>, certificate: &[u8]) -> Result<SidProof, Refused> {
    let identity = data.object("ClientIdentity")?;
    if identity.text("Type")? != "sha256signed" {
        return Err(Refused::malformed("ClientIdentity.Type is not sha256signed"));
    }
    let signed = identity.text("Sid")?;
    let (sid, time) = signed
        .split_once('.')
        .ok_or_else(|| Refused::malformed("ClientIdentity.Sid is not SID.time"))?;
    let sid =
        Sid::parse(sid).ok_or_else(|| Refused::malformed("ClientIdentity.Sid holds no SID"))?;
    let stamped = from_rfc3339(&time.replacen(' ', "T", 1))
        .ok_or_else(|| Refused::malformed("ClientIdentity.Sid holds no time"))?;
    let signature = from_either(identity.text("SignedBlob")?)
        .ok_or_else(|| Refused::malformed("ClientIdentity.SignedBlob is not base64"))?;
    let signature_fits = PeerCertificate::from_der(certificate).is_ok_and(|certificate| {
        certificate.verify(SignatureAlgorithm::RS256, signed.as_bytes(), &signature).is_ok()
    });
    Ok(SidProof { sid, stamped, signature_fits })
}

/// Notes and journals a join that was made.
pub(super) fn recorded(call: &Call, joined: &Joined<Vec<u8>>) {
    let Joined { device, user, .. } = joined;
    call.note_device(device.device_id);
    let mut fields = Map::new();
    let mut field = |key: &str, value: Value| fields.insert(key.to_owned(), value);
    field("device", device.device_id.to_string().into());
    field("name", device.display_name.as_str().into());
    field("trust", device.trust.word().into());
    field("user", user.as_ref().map(|user| user.upn.clone()).into());
    field("thumbprint", device.key.as_ref().map(|key| key.thumbprint.to_string()).into());
    call.record(Kind::Join, fields);
}

pub(super) fn answer(
    call: &Call,
    joined: Joined<Vec<u8>>,
    body: &Body<'_>,
) -> Result<Reply, Refused> {
    recorded(call, &joined);
    let Joined { device, user, issued } = joined;
    let key = device.key.as_ref().ok_or_else(|| Refused::malformed("no certificate was issued"))?;
    let wants_sids = body
        .get("Attributes")
        .and_then(Value::as_object)
        .and_then(|attributes| Body(attributes).get("ReturnClientSid"))
        .is_some_and(|wish| {
            let text = wish.as_str().is_some_and(|text| text.eq_ignore_ascii_case("true"));
            text || wish.as_bool() == Some(true)
        });
    let sids: Vec<String> = if wants_sids { role_sids(call) } else { Vec::new() };
    Ok(private_json(
        StatusCode::OK,
        &json!({
            "Certificate": {
                "Thumbprint": key.thumbprint.to_string(),
                "RawBody": to_standard(&issued),
            },
            "User": { "Upn": user.map(|user| user.upn) },
            "MembershipChanges": [{ "LocalSID": "S-1-5-32-544", "AddSIDs": sids }],
        }),
    ))
}

/// The security identifiers of the two roles that become local administrators of a joined device.
fn role_sids(call: &Call) -> Vec<String> {
    ["role global-administrator", "role device-administrator"]
        .iter()
        .map(|role| crate::entropy::object_guid(call.world.entropy.seed(), "role", role))
        .map(|id| Sid::of_object(id).to_string())
        .collect()
}
