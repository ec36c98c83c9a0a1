//! World files: what a person writes to describe a tenant, its users, applications and devices.
//!
//! The format is section 4.2 of the scenario reference; `machines`, `active_directory` and `clock` are read by whoever
//! drives the world and are only passed over here. What belongs to later work is refused by name, so that a file never
//! seems to have an effect that it has not.

use std::collections::BTreeMap;

use linarite_core::era::Era;
use linarite_core::instant::{Offset, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::policies::PolicyFile;

/// A world file.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorldFile {
    /// Version of the format; 1.
    pub linarite: Option<u32>,
    /// The tenant.
    pub tenant: TenantFile,
    /// Users, by a key that scenarios refer to them by.
    #[serde(default)]
    pub users: BTreeMap<String, UserFile>,
    /// Applications and protected APIs, by key.
    #[serde(default)]
    pub apps: BTreeMap<String, AppFile>,
    /// Records that are in the directory when the world starts, by key.
    #[serde(default)]
    pub devices: BTreeMap<String, DeviceFile>,
    /// What the documents leave open.
    #[serde(default)]
    pub settings: SettingsFile,
    /// Emulated computers; read by the harness.
    #[serde(default)]
    pub machines: Option<Value>,
    /// What domains on premises tell those computers; read by the harness.
    #[serde(default)]
    pub active_directory: Option<Value>,
    /// When the world starts and how its time passes; read by whoever starts it.
    #[serde(default)]
    pub clock: Option<ClockFile>,
    /// Conditional access.
    #[serde(default)]
    pub policies: Vec<PolicyFile>,
    /// How the federation servers behave, by the name of a federated domain.
    #[serde(default)]
    pub federation: BTreeMap<String, FederationFile>,
}

/// A tenant.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantFile {
    /// Display name.
    pub name: String,
    /// Its GUID; derived from the seed when absent.
    pub id: Option<String>,
    /// Verified domains, by name.
    pub domains: BTreeMap<String, DomainFile>,
    /// How many joined and registered devices a user may own. Default 50, in 2017 20. Source: FAQ A24 and the pages on
    /// device settings; 2017 is from a report of that time.
    pub device_quota: Option<u32>,
    /// Who may join devices. Default `everyone`. Source: FAQ A24, the setting that says which users may join.
    pub may_join: Option<MayJoinFile>,
    /// Whether joining takes a second factor. Default false. Source: FAQ A24, the setting of that name.
    pub mfa_to_join: Option<bool>,
    /// Mobile device management.
    pub mdm: Option<MdmFile>,
}

/// Who may join devices.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum MayJoinFile {
    /// Every user.
    Everyone,
    /// No user.
    Nobody,
}

/// Mobile device management.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MdmFile {
    /// Whose devices are enrolled. Default `none`. Source: FAQ A26.
    #[serde(default)]
    pub scope: MdmScopeFile,
    /// The keys of the users in the scope, for `some`.
    #[serde(default)]
    pub users: Vec<String>,
    /// The page with the terms of use. Default `shown`. Source: FAQ A26.
    #[serde(default)]
    pub terms_of_use: TermsFile,
    /// How many managed devices a user may own. Default 15. Source: the pages on enrolment restrictions.
    pub device_cap: Option<u32>,
    /// Whether computers with Windows are kept out. Default false. Source: the pages on enrolment restrictions.
    #[serde(default)]
    pub windows_blocked: bool,
    /// What the enrolment service says to everyone, by the word of its table without `enrol-`: `in-maintenance`,
    /// `not-supported`, `server-failed`, `service-failed`, `message-refused`, `security-refused`, `custom` and others.
    pub refuses: Option<String>,
}

/// Whose devices are enrolled in device management.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, Serialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum MdmScopeFile {
    /// Nobody's.
    #[default]
    None,
    /// Those of some users.
    Some,
    /// Everybody's.
    All,
}

/// The page with the terms of use.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, Serialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum TermsFile {
    /// It is shown.
    #[default]
    Shown,
    /// The tenant has none.
    Absent,
    /// The tenant's address for it leads nowhere.
    Unreachable,
}

/// A verified domain.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DomainFile {
    /// `managed` or `federated`.
    pub kind: DomainKindFile,
    /// Whether it is the primary domain.
    #[serde(default)]
    pub primary: bool,
    /// Whether the tenant was made with it.
    #[serde(default)]
    pub initial: bool,
    /// Host of the federation server of a federated domain.
    pub sts: Option<String>,
}

/// How the users of a domain sign in.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum DomainKindFile {
    /// With a password of the directory.
    Managed,
    /// At a federation server.
    Federated,
}

/// A user.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserFile {
    /// User principal name.
    pub upn: String,
    /// Display name; the name part of the UPN when absent.
    pub name: Option<String>,
    /// The password; `generated` derives one from the seed.
    pub password: Option<String>,
    /// `good`, `expired`, or `temporary` when an administrator gave it. Default `good`.
    pub password_state: Option<PasswordStateFile>,
    /// Whether sign-in is allowed. Default true.
    pub enabled: Option<bool>,
    /// Directory roles: `global-administrator`, `cloud-device-administrator`, `intune-administrator`.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Licences: `intune`, for device management. Default `[intune]`.
    pub licenses: Option<Vec<String>>,
    /// What ties the user to its account on premises, base64.
    pub immutable_id: Option<String>,
    /// Names of the groups that it is a member of.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Registered second factors.
    pub mfa: Option<MfaFile>,
}

/// What is to be said of a password.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum PasswordStateFile {
    /// Nothing.
    Good,
    /// Its time is over.
    Expired,
    /// The user has to choose another one first.
    Temporary,
}

/// Second factors of a user.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MfaFile {
    /// Secret of a time-based one-time password, base32.
    pub totp: Option<String>,
}

/// An application or protected API.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AppFile {
    /// Its GUID; derived from the seed when absent.
    pub app_id: Option<String>,
    /// Identifier URI of the protected API, such as `https://files.contoso.test`; its host is emulated.
    pub resource: Option<String>,
    /// Client secret.
    pub secret: Option<String>,
    /// Redirect addresses.
    #[serde(default)]
    pub redirect: Vec<String>,
    /// Whether it may sign users in without a secret. Default true for an app without one.
    pub public: Option<bool>,
    /// Application permissions on Graph, such as `Device.Read.All`.
    #[serde(default)]
    pub graph: Vec<String>,
}

/// A device record that is there from the start.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceFile {
    /// Display name.
    pub name: String,
    /// `windows-10`, `windows-11`, `windows-7`, `windows-8.1`, `linux`, `macos`, `ios` or `android`.
    pub os: String,
    /// `azure-ad`, `workplace` or `server-ad`.
    pub trust: TrustFile,
    /// Key of the user who owns it.
    pub owner: Option<String>,
    /// Whether it is enabled. Default true.
    pub enabled: Option<bool>,
    /// Whether it is managed; nothing is said of it when absent.
    pub managed: Option<bool>,
    /// Whether it is compliant; nothing is said of it when absent.
    pub compliant: Option<bool>,
    /// Its device id; derived from the seed when absent.
    pub device_id: Option<String>,
    /// When it was last seen, RFC 3339; the start of the world when absent.
    pub last_sign_in: Option<String>,
    /// Security identifier on premises, for `server-ad`.
    pub sid: Option<String>,
    /// The certificate that the computer wrote to its `userCertificate` attribute: base64 of its DER, for `server-ad`.
    pub certificate: Option<String>,
}

/// How a device came into the directory.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum TrustFile {
    /// Joined to the cloud directory.
    AzureAd,
    /// Registered.
    Workplace,
    /// Synchronised from a domain on premises.
    ServerAd,
}

/// How the federation server of a domain behaves.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FederationFile {
    /// Endpoints that are off: `mex`, `passive`, `metadata`, `usernamemixed`, `windowstransport`, `certificatemixed`, `13`,
    /// `2005`, or a pair such as `13/usernamemixed`.
    #[serde(default)]
    pub disable_endpoints: Vec<String>,
    /// The issuer that assertions name and that the directory expects. Default `http://HOST/adfs/services/trust`.
    pub issuer: Option<String>,
    /// Lifetime of an assertion. Default 60m.
    pub token_lifetime: Option<String>,
    /// What the server's clock shows beyond world time, such as `30m` or `-2h`. Default 0s.
    pub clock_offset: Option<String>,
    /// The certificate (PEM) of the authority whose certificates sign users in at `certificatemixed`; they name their
    /// user by user principal name. Default none: no certificate is trusted.
    pub certificate_authority: Option<String>,
}

/// Settings. Durations are written like `60m`, `1h 30m`, `14d`, `0s`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SettingsFile {
    /// The year whose service is emulated; the other settings may say otherwise. Default current. Source: the date of the
    /// FAQ, June 2017, and newer pages that contradict it.
    pub era: Option<EraFile>,
    /// Which devices USER info of the portal lists: those of their owner, or only the three kinds that the FAQ names.
    /// Default `by_owner`. Source: FAQ A1 to A4, which leave out a computer that is joined to the cloud alone.
    pub user_view: Option<UserViewFile>,
    /// Whether the portal has a page of all devices. Default true, in 2017 false. Source: FAQ A5, "currently, there is no
    /// way".
    pub portal_all_devices: Option<bool>,
    /// Lifetime of access tokens. Default 60m. Source: FAQ A16, "up to an hour"; newer pages draw it from 60 to 90 minutes.
    pub access_token_lifetime: Option<String>,
    /// How long a refresh token may lie unused. Default 90d. Source: the pages on token lifetimes.
    pub refresh_token_lifetime: Option<String>,
    /// Lifetime of a primary refresh token, renewed by use. Default 14d. Source: the page on primary refresh tokens.
    pub prt_lifetime: Option<String>,
    /// Lifetime of an authorization code. Default 10m. Source: RFC 6749, section 4.1.2, which recommends that at most.
    pub code_lifetime: Option<String>,
    /// Lifetime of a nonce. Default 10m. Source: MS-OAPXBC, for AD FS; the cloud's is assumed to be the same.
    pub nonce_lifetime: Option<String>,
    /// How far a time stamped by a client may be off. Default 5m. Source: the usual tolerance of Kerberos and WS-Security;
    /// assumed here.
    pub client_clock_tolerance: Option<String>,
    /// How old a device's activity must be before a sign-in writes it anew. Default 14d. Source: the page on stale devices.
    pub activity_interval: Option<String>,
    /// How long after a disable, or a deletion, tokens and resources still honour a device.
    pub revoke: Option<RevokeFile>,
    /// The AADSTS codes that sign-in says of a device, where the documents name several: `deleted`, `disabled`, `unknown`,
    /// `mismatch` and `pending`.
    pub device_codes: Option<DeviceCodesFile>,
    /// What the second join of the same computer by the same user makes: a `duplicate`, or nothing new (`reuse`). Default
    /// `duplicate`. Source: FAQ A12, "there might be duplicates".
    pub rejoin: Option<RejoinFile>,
    /// How long a deleted joined or registered device is kept and can be restored, such as `30d`; at 0s it
    /// is deleted for good. Default 0s. Source: the pages on stale devices, "cannot be undone"; a preview keeps it 30 days.
    pub soft_delete: Option<String>,
    /// Whether Graph and the protected APIs ask about a token's user at each request, of clients that say they understand
    /// the challenge. Default true, in 2017 false. Source: FAQ A16, which knows of an hour only, and the page on continuous
    /// access evaluation.
    pub continuous_access: Option<bool>,
    /// Lifetime of access tokens whose user is asked about at each request. Default 28h. Source: the page on continuous
    /// access evaluation, "up to 28 hours".
    pub continuous_token_lifetime: Option<String>,
    /// Whether keys derived the first, weaker way are accepted. Default true. Source: observed; when the cloud ends it is not
    /// known.
    pub kdf_v1: Option<bool>,
    /// When wrong passwords lock an account.
    pub lockout: Option<LockoutFile>,
}

/// The year whose service is emulated.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(try_from = "Value")]
#[schemars(extend("enum" = [2017, "2017", "current"]))]
#[schemars(with = "Value")]
pub struct EraFile(pub Era);

impl TryFrom<Value> for EraFile {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        // YAML reads 2017 as a number.
        let word = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let era = Era::from_word(&word).map(Self);
        era.ok_or_else(|| format!("no era is called `{word}`; known are 2017 and current"))
    }
}

/// Which devices USER info lists.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum UserViewFile {
    /// Those that the user owns.
    ByOwner,
    /// Of those, only the three kinds that the FAQ names.
    FaqLiteral,
}

/// What sign-in says of a device, as the number behind AADSTS.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceCodesFile {
    /// Of a deleted one. Default 700003. Source: FAQ A8; other pages say 50155.
    pub deleted: Option<u32>,
    /// Of a disabled one. Default 135011. Source: FAQ A16; other pages say 50155.
    pub disabled: Option<u32>,
    /// Of one that nobody knows. Default 50155. Source: the page on primary refresh tokens.
    pub unknown: Option<u32>,
    /// Of one that shows another certificate than its record has. Default 50155. Source: assumed.
    pub mismatch: Option<u32>,
    /// Of one that was synchronised and has not registered. Default 50155. Source: assumed.
    pub pending: Option<u32>,
}

/// What the second join of the same computer makes.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum RejoinFile {
    /// A new record.
    Duplicate,
    /// A new key for the record of the first.
    Reuse,
}

/// When wrong passwords lock an account.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LockoutFile {
    /// How many wrong passwords in a row lock an account. Default 10. Source: the page on smart lockout; FAQ A22.
    pub threshold: Option<u32>,
    /// For how long an account stays locked. Default 1m. Source: the page on smart lockout; FAQ A22.
    pub duration: Option<String>,
}

/// From when a disable counts.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeFile {
    /// How long after a disable grants bound to the device are still issued and honoured. Default 0s. Source: FAQ A16; the
    /// pages on managing devices say that its grants are revoked.
    pub tokens: Option<String>,
    /// How long after a disable resources still accept the device's access tokens. Default 60m. Source: FAQ A16, "up to an
    /// hour".
    pub resources: Option<String>,
    /// The same after a deletion.
    pub deleted: Option<RevokeDeletedFile>,
    /// Until resources with continuous access refuse the access tokens of a disabled user. Default 15m. Source: FAQ A18, and
    /// the page on continuous access evaluation, "up to 15 minutes".
    pub users: Option<String>,
}

/// From when a deletion counts.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeDeletedFile {
    /// How long after a deletion grants bound to the device are still issued and honoured. Default that of
    /// `revoke.tokens`. Source: FAQ A8, "will not have access".
    pub tokens: Option<String>,
    /// How long after a deletion resources still accept the device's access tokens. Default that of
    /// `revoke.resources`. Source: FAQ A8, as after a disable.
    pub resources: Option<String>,
}

/// When a world starts and how its time passes.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClockFile {
    /// RFC 3339, or `now`.
    pub start: Option<String>,
    /// `manual` or `follow`.
    pub mode: Option<ClockModeFile>,
}

/// How a world's time passes.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum ClockModeFile {
    /// It stands still except when it is told to move.
    Manual,
    /// It runs at real speed.
    Follow,
}

/// Reads a length of time like `60m`, `1h 30m`, `3d`, `250ms` or `0s`, in milliseconds; one without a sign.
pub fn parse_duration(text: &str) -> Option<i64> {
    let signed = text.trim_start().starts_with(['-', '+']);
    text.parse::<Span>().ok().filter(|_| !signed).map(Span::millis)
}

/// Reads a length of time with a sign before it, or without one: `-2h` is behind, `30m` and `+30m` are ahead.
pub fn parse_offset(text: &str) -> Option<Offset> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_read_as_people_write_them() {
        for (text, millis) in [
            ("0s", 0),
            ("60m", 3_600_000),
            ("1h 30m", 5_400_000),
            ("1h30m", 5_400_000),
            ("3d", 259_200_000),
            ("250ms", 250),
            (" 2 h ", 7_200_000),
        ] {
            assert_eq!(parse_duration(text), Some(millis), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in
            ["", "h", "5", "5x", "-5m", "1.5h", "5m,", "99999999999999999999d", "9999999999999d"]
        {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*") {
            let _read = parse_duration(&text);
        }
    }
}
