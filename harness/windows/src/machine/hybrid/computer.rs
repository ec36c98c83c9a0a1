//! What a machine is in its Active Directory domain: a computer account with a GUID, a SID and, once the machine has
//! written it there, a certificate (device-registration.md 19, step 2).
//!
//! No domain controller is emulated: the account is made by the machine itself when it is first needed, and always there.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::der;
use crate::jose::base64_lenient;
use crate::keys::PoolKey;
use crate::machine::Machine;
use crate::machine::enrol::key_failure;
use crate::outcome::Failure;
use crate::wire::Line;

/// What the domain of a machine tells it about automatic registration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DomainPolicy {
    /// The tenant that the service connection point names (`azureADName`), a verified domain. Without one it is the
    /// machine's own domain; an empty text stands for a domain without a service connection point.
    pub tenant: Option<String>,
    /// `FallbackToSyncJoin` is 0: a federated join that fails is not tried again by way of synchronisation.
    pub no_fallback_to_sync_join: bool,
    /// The group policy for automatic registration (`autoWorkplaceJoin`) is 0: the scheduled task does nothing.
    pub no_automatic_join: bool,
}

/// A computer of the domain as a synchronisation (Azure AD Connect) reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComputerObject {
    /// `objectGUID`, lower case with dashes; the record in the cloud gets it as its device id.
    pub object_guid: String,
    /// `objectSid`: `S-1-5-21-...`.
    pub sid: String,
    /// The computer name, without a dollar sign.
    pub name: String,
    /// `userCertificate`: the DER of the certificate that the machine wrote.
    pub certificate_der: Vec<u8>,
}

/// The account in the domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ComputerAccount {
    pub(crate) object_guid: String,
    pub(crate) sid: String,
    /// The computer name at the last automatic join.
    pub(crate) name: String,
    /// The key behind the certificate; the machine loses it when it is wiped.
    pub(crate) key: Option<PoolKey>,
    /// `userCertificate` in base64, empty before it was written. It stays in the domain when the machine is wiped.
    pub(crate) certificate: String,
}

impl ComputerAccount {
    fn new(line: &Line, domain: &str) -> Self {
        // All computers of a domain share the first part of their SIDs.
        let hash = digest(&SHA256, domain.to_lowercase().as_bytes());
        let number =
            |bytes: &[u8]| bytes.iter().fold(0_u32, |sum, byte| (sum << 8) | u32::from(*byte));
        let parts = hash.as_ref().chunks(4).take(3).map(|part| number(part).to_string());
        let domain_sid = parts.collect::<Vec<_>>().join("-");
        let own = 1100 + number(&line.random::<3>("computer-sid"));
        Self {
            object_guid: line.guid("computer-object"),
            sid: format!("S-1-5-21-{domain_sid}-{own}"),
            name: String::new(),
            key: None,
            certificate: String::new(),
        }
    }

    /// Such as `PC-1$`.
    pub(crate) fn account_name(&self) -> String {
        format!("{}$", self.name.to_uppercase())
    }

    /// The key behind the certificate in the domain; writes a new certificate when there is none that the machine can use.
    pub(super) fn certified(&mut self, line: &Line) -> Result<PoolKey, Failure> {
        if let Some(key) = self.key {
            return Ok(key);
        }
        let key = line.wire.keys().take(line.wire.chance(), &format!("{}/keys", line.machine));
        let serial = line.random::<16>("certificate-serial");
        let der = der::self_signed(key, &self.object_guid, serial, line.wire.now_ms())
            .map_err(|trouble| key_failure(&trouble))?;
        self.certificate = STANDARD.encode(der);
        self.key = Some(key);
        Ok(key)
    }
}

impl Machine {
    /// What a synchronisation would read of this machine in its domain. Nothing before the machine has written its
    /// certificate there, which its first automatic join by way of synchronisation does: before that, the
    /// synchronisation passes it over.
    pub fn computer_object(&self) -> Option<ComputerObject> {
        let account = self.memory.computer.as_ref()?;
        let certificate_der = base64_lenient(&account.certificate).filter(|der| !der.is_empty())?;
        Some(ComputerObject {
            object_guid: account.object_guid.clone(),
            sid: account.sid.clone(),
            name: account.name.clone(),
            certificate_der,
        })
    }

    /// Changes what its domain tells the machine about automatic registration.
    pub fn set_domain_policy(&mut self, policy: DomainPolicy) {
        self.memory.policy = policy;
    }

    /// The account under the machine's present name.
    pub(super) fn computer(&mut self, line: &Line, domain: &str) -> ComputerAccount {
        let name = self.spec.name.clone();
        let account =
            self.memory.computer.get_or_insert_with(|| ComputerAccount::new(line, domain));
        account.name = name;
        account.clone()
    }
}
