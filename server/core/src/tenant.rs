//! A tenant: its domains, who may join devices to it, and the settings of what the documents leave open.
//!
//! FAQ A16 ("up to an hour") and the newer pages give the defaults; every one can be set in a world file. Left out:
//! federation beyond the name of a domain's server, and conditional access.

use crate::era::Era;
use crate::ids::TenantId;
use crate::instant::Span;
use crate::management::Mdm;
use crate::visibility::UserView;

/// How the users of a domain prove who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DomainKind {
    /// By a password that this directory knows.
    Managed,
    /// By the federation server at this host.
    Federated {
        /// Host name of the federation server, such as `sts.fabrikam.test`.
        sts: String,
    },
}

/// A verified domain of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// The name in lower case.
    pub name: String,
    /// How its users sign in.
    pub kind: DomainKind,
}

/// Who may join or register devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MayJoin {
    /// Every user of the tenant.
    Everyone,
    /// Nobody at all.
    Nobody,
}

/// From when a disable or a deletion counts, seen from the moment it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevokeDelay {
    /// Until grants bound to the device are neither issued nor honoured.
    pub tokens: Span,
    /// Until resources refuse access tokens of the device.
    pub resources: Span,
}

/// What the second join of the same computer by the same user makes. The FAQ says that there might be duplicates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rejoin {
    /// A new record, always.
    #[default]
    Duplicate,
    /// Nothing new, when the record of the first is there: it gets a new key.
    Reuse,
}

/// When wrong passwords lock an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lockout {
    /// How many in a row.
    pub threshold: u32,
    /// For how long.
    pub duration: Span,
}

/// What the documents leave open, with the default that each names or implies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The year whose service is emulated, from which the other defaults follow. Default the current one.
    pub era: Era,
    /// Lifetime of an access token. Default one hour (the FAQ's hour).
    pub access_token_lifetime: Span,
    /// How long a refresh token may lie unused. Default 90 days.
    pub refresh_token_lifetime: Span,
    /// Lifetime of a primary refresh token. Default 14 days, renewed by use.
    pub prt_lifetime: Span,
    /// Lifetime of an authorization code. Default ten minutes.
    pub code_lifetime: Span,
    /// Lifetime of a nonce. Default ten minutes.
    pub nonce_lifetime: Span,
    /// How far a time stamped by a client may be off. Default five minutes.
    pub client_clock_tolerance: Span,
    /// How old a device's activity must be before a sign-in writes it anew. Default 14 days.
    pub activity_interval: Span,
    /// After a disable. Default: tokens at once, resources after an hour.
    pub revoke: RevokeDelay,
    /// After a deletion. Default: as after a disable.
    pub revoke_deleted: RevokeDelay,
    /// What the second join of the same computer makes. Default a duplicate.
    pub rejoin: Rejoin,
    /// How long a deleted device is kept, so that it can be restored. Default not at all: the documents call a deletion final,
    /// and keeping it 30 days a preview.
    pub soft_delete: Span,
    /// After a user is disabled, until resources that evaluate access continuously refuse its tokens. Default 15 minutes.
    pub revoke_users: Span,
    /// Whether resources evaluate access continuously for clients that understand it. Default by era: not in 2017.
    pub continuous_access: bool,
    /// Lifetime of an access token that is evaluated continuously. Default 28 hours.
    pub continuous_token_lifetime: Span,
    /// Whether the first, weaker way to derive keys from a session key is accepted. Default yes.
    pub kdf_v1: bool,
    /// When wrong passwords lock an account. Default: ten of them, for a minute.
    pub lockout: Lockout,
    /// Which devices USER info of the portal lists. Default those that the user owns.
    pub user_view: UserView,
    /// Whether the portal has a page of all devices. Default by era: not in 2017.
    pub portal_all_devices: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Era::default().settings()
    }
}

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Its id, `tid` in tokens.
    pub id: TenantId,
    /// Display name.
    pub name: String,
    /// Its verified domains, the primary one first.
    pub domains: Vec<Domain>,
    /// Name of the domain that the tenant was made with (`*.onmicrosoft...`), the primary one when none is marked.
    pub initial_domain: String,
    /// How many joined and registered devices a user may own; hybrid ones do not count.
    pub device_quota: u32,
    /// Who may join.
    pub may_join: MayJoin,
    /// Device management.
    pub mdm: Mdm,
    /// Whether joining takes a second factor.
    pub mfa_to_join: bool,
    /// The knobs.
    pub settings: Settings,
}

/// What user realm discovery finds for a user name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Realm<'a> {
    /// A domain whose passwords are known here.
    Managed(&'a Domain),
    /// A domain with a federation server.
    Federated(&'a Domain, &'a str),
    /// No domain of this tenant.
    Unknown,
}

impl Tenant {
    /// The primary domain; empty for a tenant without domains, which no world file can make.
    pub fn primary_domain(&self) -> &str {
        self.domains.first().map_or("", |d| d.name.as_str())
    }

    /// Whether a path segment names this tenant: its id, one of its domains, or a word for "whichever tenant the user
    /// is of".
    pub fn answers_to(&self, segment: &str) -> bool {
        ["common", "organizations"].iter().any(|w| segment.eq_ignore_ascii_case(w))
            || segment.parse::<TenantId>().is_ok_and(|id| id == self.id)
            || self.domains.iter().any(|d| d.name.eq_ignore_ascii_case(segment))
    }

    /// The realm of a user principal name, by its part behind the last `@`.
    pub fn realm(&self, upn: &str) -> Realm<'_> {
        let Some((_, domain)) = upn.rsplit_once('@') else { return Realm::Unknown };
        match self.domains.iter().find(|d| d.name.eq_ignore_ascii_case(domain.trim())) {
            Some(found) => match &found.kind {
                DomainKind::Managed => Realm::Managed(found),
                DomainKind::Federated { sts } => Realm::Federated(found, sts),
            },
            None => Realm::Unknown,
        }
    }
}
