//! Automatic registration of a computer of a domain, as the scheduled task and `dsregcmd /join` do it
//! (device-registration.md 4.1, 17, 19; FAQ A9, A25).
//!
//! The service connection point names the tenant, discovery its services, the realm the way. Managed: the machine writes a
//! certificate into its domain, a synchronisation brings it to the cloud, and the machine completes the record there by a
//! signature with that key; before the synchronisation it is told that no such record exists. Federated: the federation
//! server vouches for the computer, and the machine joins with that token; when this fails, it falls back to the first
//! way unless that is switched off. Each failure goes into the event log, the last one into `dsregcmd /status`.
//!
//! Targeted rollout is a service connection point in the machine's own registry: it stands in [`DomainPolicy::tenant`] in
//! place of the domain's. Left out: the domain controller itself (its account and its certificate store are always
//! reachable), TPM attestation.

mod computer;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

pub(crate) use self::computer::ComputerAccount;
pub use self::computer::{ComputerObject, DomainPolicy};
use super::Machine;
use super::enrol::{
    EnrolFailure, JoinType, Keys, Newcomer, certified, discover, federated_token, in_phase,
    key_failure, request_certificate,
};
use super::federation::Caller;
use super::join::{failed_join, tenant_name};
use super::realm::{Federation, Realm, realm};
use super::state::{Registration, Tenant};
use crate::hresult;
use crate::outcome::{Failure, Outcome};
use crate::wire::{Ask, Line, Speaker, Wire, escaped};

/// What an automatic join did, line by line, for `dsregcmd /debug`.
pub(crate) type Trace = Vec<String>;

/// How an automatic join went wrong.
struct Missed {
    kind: &'static str,
    phase: &'static str,
    failure: Failure,
    /// The failure to get a token for the computer, before the fallback.
    token_error: Option<u32>,
}

impl Missed {
    fn before(missed: EnrolFailure) -> Self {
        Self { kind: "", phase: missed.phase, failure: missed.failure, token_error: None }
    }
}

/// The number that an automatic join gives for a failed discovery, and the one under it.
fn of_discovery(failure: &Failure) -> (u32, Option<u32>) {
    match failure.hresult {
        known @ (hresult::DSREG_TENANT_NOT_FOUND
        | hresult::DSREG_SERVER_BUSY
        | hresult::DSREG_REALM_FAILED
        | hresult::AUTOJOIN_ADCONFIG_READ_FAILED) => (known, None),
        under if failure.info.winhttp == Some(12002) => {
            (hresult::AUTOJOIN_DISCOVERY_TIMEOUT, Some(under))
        }
        under => (hresult::AUTOJOIN_DISCOVERY_FAILED, Some(under)),
    }
}

impl Machine {
    /// What the scheduled task does on a computer of a domain (see [`MachineSpec::domain`](crate::MachineSpec::domain)).
    ///
    /// Exit 1 without an HRESULT when there is nothing to do: the machine is joined already or belongs to no domain.
    pub async fn automatic_join(&mut self, wire: &Wire) -> Outcome {
        if let Some(refusal) = self.not_this_os() {
            return refusal;
        }
        match self.nothing_to_join() {
            Some(reason) => {
                let mut outcome = Outcome::from(Failure::new(hresult::UNKNOWN, reason.clone()));
                outcome.hresult = None;
                outcome.output = format!("{reason}\n");
                outcome
            }
            None => self.hybrid_join(wire, &mut Trace::new()).await,
        }
    }

    /// Why an automatic join would not even begin.
    pub(crate) fn nothing_to_join(&self) -> Option<String> {
        match (&self.memory.device, &self.spec.domain) {
            (Some(device), _) => Some(format!(
                "{} is already joined as device {}: nothing was done",
                self.spec.name, device.device_id
            )),
            (None, None) => {
                Some(format!("{} belongs to no domain: nothing was done", self.spec.name))
            }
            (None, Some(domain)) => self.memory.policy.no_automatic_join.then(|| {
                format!(
                    "a policy of {domain} switches automatic registration off: nothing was done"
                )
            }),
        }
    }

    /// Joins the machine, which is not joined and belongs to a domain.
    pub(crate) async fn hybrid_join(&mut self, wire: &Wire, trace: &mut Trace) -> Outcome {
        let line = self.line(wire);
        match self.attempt(&line, trace).await {
            Ok((kind, registration)) => {
                let device_id = registration.device_id.clone();
                self.memory.events.registered(line.wire.now_ms(), kind, &device_id);
                self.memory.failed_join = None;
                let output = format!(
                    "{} joined {}\n{:>26} : {device_id}\n",
                    self.spec.name,
                    tenant_name(&registration),
                    "DeviceId",
                );
                self.memory.device = Some(registration);
                Outcome::done(output)
            }
            Err(Missed { kind, phase, failure, token_error }) => {
                let (number, cause) = match phase {
                    "discover" => of_discovery(&failure),
                    _ => (failure.hresult, None),
                };
                let failure = failure.with_hresult(number);
                let now_ms = line.wire.now_ms();
                self.memory.events.registration_failed(now_ms, phase, kind, &failure);
                let mut failed = failed_join(&line, phase, &failure);
                kind.clone_into(&mut failed.registration_type);
                failed.token_error = token_error;
                failed.cause = cause;
                self.memory.failed_join = Some(failed);
                trace.push(format!(
                    "DsrCmdJoinHelper::Join: {phase} failed with error {number:#010x}"
                ));
                failure.into()
            }
        }
    }

    async fn attempt(
        &mut self,
        line: &Line,
        trace: &mut Trace,
    ) -> Result<(&'static str, Registration), Missed> {
        let domain = self.spec.domain.clone().unwrap_or_default();
        let name = self.memory.policy.tenant.clone().unwrap_or_else(|| domain.clone());
        if name.is_empty() {
            let message = format!("the domain {domain} has no service connection point");
            let failure = Failure::new(hresult::AUTOJOIN_ADCONFIG_READ_FAILED, message);
            return Err(Missed::before(EnrolFailure { phase: "discover", failure }));
        }
        let mut account = self.computer(line, &domain);
        let early = |failure| Missed::before(in_phase("discover")(failure));
        let tenant = discover(line, &name).await.map_err(early)?;
        let computer = format!("{}@{name}", account.account_name());
        let realm = realm(line, &computer, Speaker::Registration).await.map_err(early)?;
        let kind = if realm == Realm::Managed { "Managed" } else { "Federated" };
        trace.push(format!(
            "TenantInfo::Discover: Join Info {{ TenantType = {kind}; AutoJoinEnabled = 1; TenandID = {}; TenantName = {} }}",
            tenant.id, tenant.name
        ));
        let mut token_error = None;
        if let Realm::Federated(federation) = &realm {
            match self.vouched(line, &account, federation, &tenant, &name).await {
                Ok(registration) => return Ok(("fed", registration)),
                Err(EnrolFailure { phase, failure }) => {
                    let number = failure.hresult;
                    let failed_token = (phase == "auth").then_some(number);
                    trace.push(if phase == "auth" {
                        format!("GetComputerTokenForADRS failed with error {number:#010x}")
                    } else {
                        format!("DsrCmdJoinHelper::Join: federated join failed with error {number:#010x}")
                    });
                    if self.memory.policy.no_fallback_to_sync_join {
                        return Err(Missed {
                            kind: "fed",
                            phase,
                            failure,
                            token_error: failed_token,
                        });
                    }
                    let now_ms = line.wire.now_ms();
                    self.memory.events.registration_failed(now_ms, phase, "fed", &failure);
                    trace.push("DsrCmdJoinHelper::Join: falling back to sync join".to_owned());
                    token_error = failed_token;
                }
            }
        }
        let missed = |failure| Missed { kind: "sync", phase: "join", failure, token_error };
        line.tpm.keeps_keys().map_err(missed)?;
        let key = account.certified(line);
        self.memory.computer = Some(account.clone());
        key.map_err(missed)?;
        let registration = complete(line, &account, &domain, &name, tenant).await;
        Ok(("sync", registration.map_err(missed)?))
    }

    /// Joins with a token that the federation server's word for the computer was exchanged for.
    async fn vouched(
        &self,
        line: &Line,
        account: &ComputerAccount,
        federation: &Federation,
        tenant: &Tenant,
        domain: &str,
    ) -> Result<Registration, EnrolFailure> {
        let caller = Caller::Computer { account, domain };
        let tokens =
            federated_token(line, tenant, federation, caller).await.map_err(in_phase("auth"))?;
        let who = Newcomer { name: &self.spec.name, domain, upn: "" };
        request_certificate(line, who, JoinType::Hybrid, tenant.clone(), &tokens)
            .await
            .map_err(in_phase("join"))
    }
}

/// Completes the record that a synchronisation brought to the cloud: the machine shows that it holds the key of the
/// synchronised certificate by signing its SID and the time.
async fn complete(
    line: &Line,
    account: &ComputerAccount,
    domain: &str,
    tenant_domain: &str,
    tenant: Tenant,
) -> Result<Registration, Failure> {
    let keys = Keys::take(line)?;
    let (sid, blob) = proof(line, account)?;
    let body = json!({
        "CertificateRequest": keys.request,
        "ServerAdJoinData": {
            "TransportKey": keys.blob,
            "TargetDomain": if tenant.name.is_empty() { tenant_domain } else { &tenant.name },
            "DeviceType": "Windows",
            "OSVersion": line.os_version,
            "DeviceDisplayName": account.name,
            "SourceDomainController": format!("dc1.{domain}"),
            "TargetDomainId": tenant.id,
            "ClientIdentity": { "Type": "sha256signed", "Sid": sid, "SignedBlob": blob },
        },
        "JoinType": JoinType::Hybrid as u8,
        "attributes": { "ReuseDevice": "true", "ReturnClientSid": "true" },
    });
    let endpoint = line.relocate(&tenant.join.url);
    let slash = if endpoint.ends_with('/') { "" } else { "/" };
    let url = format!("{endpoint}{slash}{}?api-version=2.0", escaped(&account.object_guid));
    certified(line, Ask::json_put(url, &body), &keys, "", tenant).await
}

/// `<SID>.<time>` and the signature over it, in base64.
fn proof(line: &Line, account: &ComputerAccount) -> Result<(String, String), Failure> {
    let Some(key) = account.key else {
        let message = "the computer's certificate has no key";
        return Err(Failure::new(hresult::UNKNOWN, message));
    };
    let now_ms = line.wire.now_ms();
    let moment = jiff::Timestamp::from_millisecond(now_ms)
        .map_err(|error| Failure::new(hresult::UNKNOWN, format!("the machine's clock: {error}")))?;
    let text = format!("{}.{}", account.sid, moment.strftime("%Y-%m-%d %H:%M:%SZ"));
    let signature = key.sign(text.as_bytes()).map_err(|trouble| key_failure(&trouble))?;
    Ok((text, STANDARD.encode(signature)))
}
