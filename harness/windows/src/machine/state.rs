//! What a machine remembers between steps, as plain values that go into a snapshot and come back.
//!
//! Secrets stand here in the clear (session keys, tokens): a snapshot of an emulated world is as secret as the world.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::events::EventLog;
use super::hybrid::{ComputerAccount, DomainPolicy};
use crate::keys::PoolKey;

/// A machine's memory: what Windows keeps in its registry, certificate stores and logon cache.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// The join of the machine itself, in the machine's store.
    pub(crate) device: Option<Registration>,
    /// The Windows users, by their name in lower case.
    pub(crate) profiles: BTreeMap<String, Profile>,
    /// Whose session is on the screen.
    pub(crate) current: Option<String>,
    /// The keys of the join are not to be used any more: the next sign-in joins again.
    #[serde(default)]
    pub(crate) recovery: bool,
    /// The last attempt to join, when it failed.
    pub(crate) failed_join: Option<FailedJoin>,
    /// Its computer account in its Active Directory domain.
    #[serde(default)]
    pub(crate) computer: Option<ComputerAccount>,
    #[serde(default)]
    pub(crate) policy: DomainPolicy,
    #[serde(default)]
    pub(crate) events: EventLog,
}

/// One registration: a join (of the machine) or a work account (of one Windows user).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Registration {
    pub(crate) device_id: String,
    /// SHA-1 of the certificate, 40 upper-case hexadecimal digits.
    pub(crate) thumbprint: String,
    /// The certificate, base64 of the DER.
    pub(crate) certificate: String,
    pub(crate) not_before_ms: i64,
    pub(crate) not_after_ms: i64,
    pub(crate) device_key: PoolKey,
    pub(crate) transport_key: PoolKey,
    pub(crate) key_container: String,
    /// Whether the keys are in a TPM.
    #[serde(default)]
    pub(crate) tpm: bool,
    /// Who registered.
    pub(crate) upn: String,
    pub(crate) tenant: Tenant,
    pub(crate) device_auth: DeviceAuth,
    /// Its device management.
    #[serde(default)]
    pub(crate) management: Management,
}

/// Where a user's device management is, as the user's id token says, and whether the machine enrolled there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Management {
    pub(crate) enrollment: String,
    pub(crate) terms: String,
    pub(crate) compliance: String,
    /// Thumbprint of the management certificate, once enrolled.
    pub(crate) certificate: Option<String>,
}

/// What discovery said about the tenant; absent members stay empty, as `dsregcmd` prints them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tenant {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) display_name: String,
    pub(crate) auth_code_url: String,
    pub(crate) access_token_url: String,
    pub(crate) join: ServiceEntry,
    /// The enrolment of older systems.
    #[serde(default)]
    pub(crate) enrolment: ServiceEntry,
    pub(crate) key: ServiceEntry,
    pub(crate) web_authn: ServiceEntry,
    pub(crate) management: ServiceEntry,
}

/// One service of the discovery document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServiceEntry {
    pub(crate) version: String,
    pub(crate) url: String,
    pub(crate) id: String,
}

/// What the client last learned about its device from the token service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum DeviceAuth {
    /// The device was accepted.
    Success,
    /// The device was refused as deleted or disabled.
    Refused,
    /// Nobody could be asked, or the answer was about something else.
    Error,
}

/// One Windows user.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Profile {
    pub(crate) signed_in: bool,
    /// The account of the domain behind this Windows user, once it has signed in with it.
    #[serde(default)]
    pub(crate) domain: Option<DomainLogon>,
    /// The cloud account behind this Windows user, once it has signed in with it.
    pub(crate) cached: Option<CachedLogon>,
    pub(crate) prt: Option<Prt>,
    pub(crate) diagnostics: Option<PrtDiagnostics>,
    pub(crate) work_accounts: Vec<WorkAccount>,
    /// The last refresh token by client id.
    pub(crate) refresh_tokens: BTreeMap<String, String>,
}

/// A session in the Active Directory domain: what stands for the user's Kerberos ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DomainLogon {
    pub(crate) upn: String,
    pub(crate) password: String,
}

/// What lets a user in without the network: a salted verifier of the last password that worked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CachedLogon {
    pub(crate) upn: String,
    pub(crate) salt: String,
    /// Base64 of SHA-256 over salt and password.
    pub(crate) verifier: String,
}

/// A primary refresh token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Prt {
    pub(crate) token: String,
    /// Base64.
    pub(crate) session_key: String,
    pub(crate) upn: String,
    /// When it was issued or last renewed, by the machine's clock.
    pub(crate) updated_ms: i64,
    pub(crate) expires_ms: i64,
    /// Where it came from, such as `https://login.microsoftonline.com/<tenant>`.
    pub(crate) authority: String,
    /// The service refused to renew it: it is kept, but no longer shown as one.
    pub(crate) refused: bool,
}

/// The last failed attempt to get or to renew a primary refresh token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PrtDiagnostics {
    /// Getting (`AcquirePrtDiagnostics`) or renewing (`RefreshPrtDiagnostics`).
    pub(crate) renewal: bool,
    pub(crate) at_ms: i64,
    pub(crate) status: u32,
    pub(crate) upn: String,
    pub(crate) credential: String,
    pub(crate) correlation_id: String,
    /// Of the exchange that failed: with the token service or with the user's federation server.
    #[serde(default = "post")]
    pub(crate) method: String,
    pub(crate) endpoint: String,
    pub(crate) http_error: u32,
    pub(crate) http_status: u16,
    pub(crate) error: String,
    pub(crate) description: String,
}

fn post() -> String {
    "POST".to_owned()
}

/// One account added by "Add Work or School Account".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WorkAccount {
    pub(crate) registration: Registration,
    pub(crate) prt: Option<Prt>,
}

/// The last join that failed, for the pre-join diagnostics of `dsregcmd /status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FailedJoin {
    pub(crate) at_ms: i64,
    /// `pre-check`, `discover`, `auth` or `join`.
    pub(crate) phase: String,
    /// Of an automatic join: `sync` or `fed`; else empty.
    #[serde(default)]
    pub(crate) registration_type: String,
    /// Of an automatic join: the number of the failure to get a token for the computer, when there was one.
    #[serde(default)]
    pub(crate) token_error: Option<u32>,
    /// The number under `client_error`, when Windows gives two.
    #[serde(default)]
    pub(crate) cause: Option<u32>,
    pub(crate) client_error: u32,
    pub(crate) server_error: String,
    pub(crate) server_suberror: String,
    pub(crate) server_operation: String,
    pub(crate) server_message: String,
    pub(crate) http_status: u16,
    pub(crate) request_id: String,
}
