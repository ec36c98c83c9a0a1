//! Sign-ins and the use of grants, each in one transaction, and the question whether a resource accepts a token.
//!
//! A sign-in writes nothing that it does not have to: a used mark when something one-time is involved, the device's
//! activity when the last one is old, and wrong passwords, which are counted where they are found to be wrong.

use std::sync::Arc;

use linarite_core::access::{Evaluation, TokenDevice, with_token};
use linarite_core::conditional::{Platform, Policy, Request, SecondFactor, Verdict, evaluate};
use linarite_core::device::{KnownDevice, ShownCertificate};
use linarite_core::ids::{AppId, DeviceId, PolicyId, Thumbprint, UserId};
use linarite_core::instant::Instant;
use linarite_core::refusal::{
    AccessRefusal, DeviceRefusal, GrantRefusal, SessionRefusal, SignInRefusal,
};
use linarite_core::signin::{
    BoundGrant, DeviceProof, GrantKind, UserProof, session, typed, with_device,
};
use linarite_core::tenant::Tenant;
use linarite_core::user::{Failures, User};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::devices::known;
use super::remembered::{Named, NamedDevice, NamedUser, Party, Remembered};
use super::{Directory, DirectoryError, policies, rows};

/// Something that may be used once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnceMark {
    /// Its id.
    pub id: [u8; 16],
    /// When it loses its force anyway; the mark is forgotten then.
    pub until: Instant,
    /// What is said when it was used before.
    pub used: GrantRefusal,
}

/// What a user shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserEvidence {
    /// Name and password.
    Password {
        /// The name as typed.
        upn: String,
        /// The password as typed.
        password: String,
    },
    /// A grant that carries this number.
    Grant {
        /// Whose grant it is.
        user: UserId,
        /// Its number.
        epoch: u32,
        /// What it is.
        kind: GrantKind,
        /// The device that it is bound to and its number there, when the device shows something else beside it.
        bound: Option<(DeviceId, u32)>,
    },
    /// A registered key whose signature was found right.
    Key {
        /// Whose key it is.
        user: UserId,
    },
    /// An accepted assertion of a federation server.
    Assertion {
        /// What ties the user to its account on premises.
        immutable_id: String,
        /// The domains that its issuer speaks for.
        domains: Vec<String>,
    },
}

/// What a device shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceEvidence {
    /// Nothing: no device takes part.
    None,
    /// Its certificate, with a signature that was found right.
    Certificate(ShownCertificate),
    /// A grant bound to it that carries this number.
    Grant {
        /// Which device.
        device: DeviceId,
        /// Its number.
        epoch: u32,
    },
}

/// What a sign-in is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A primary refresh token, which is for no resource: conditional access is not asked.
    PrimaryRefreshToken,
    /// Tokens for a resource: conditional access is asked.
    Resource {
        /// The application that they are for.
        app: AppId,
        /// Whether devices are registered or enrolled with it.
        sets_up_devices: bool,
        /// The platform that the client says it runs on.
        platform: Option<Platform>,
        /// Whether the user has proved a second factor.
        second_factor: bool,
    },
}

/// A sign-in, or the use of a grant.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// What the user shows.
    pub user: UserEvidence,
    /// What the device shows.
    pub device: DeviceEvidence,
    /// What is used up by it: nonces, a code.
    pub once: Vec<OnceMark>,
    /// Now.
    pub now: Instant,
    /// What for.
    pub purpose: Purpose,
}

/// Who signed in, on what.
#[derive(Clone, Debug)]
pub struct Session {
    /// The user.
    pub user: Arc<User>,
    /// The device, when one took part.
    pub device: Option<Arc<KnownDevice>>,
    /// Names of report-only policies that would have refused.
    pub reported: Vec<String>,
}

/// Why a sign-in is refused.
#[derive(Clone, Debug)]
pub struct Denied {
    /// The refusal.
    pub refusal: SessionRefusal,
    /// The policies behind it, when it is one of conditional access.
    pub policies: Vec<(PolicyId, String)>,
    /// What was known of the device, when one took part and a policy refused.
    pub device: Option<Arc<KnownDevice>>,
}

impl From<SessionRefusal> for Denied {
    fn from(refusal: SessionRefusal) -> Self {
        Self { refusal, policies: Vec::new(), device: None }
    }
}

/// The device whose certificate is shown: the one that has it, else the one that its subject names, whose certificate it
/// then is not.
fn shown_by(
    c: &Connection,
    thumbprint: Thumbprint,
    subject: Option<DeviceId>,
) -> Result<Option<KnownDevice>, DirectoryError> {
    match (by_thumbprint(c, thumbprint)?, subject) {
        (None, Some(named)) => known(c, named),
        (found, _) => Ok(found),
    }
}

fn by_thumbprint(
    c: &Connection,
    thumbprint: Thumbprint,
) -> Result<Option<KnownDevice>, DirectoryError> {
    let sql = format!("SELECT {} FROM devices WHERE thumbprint = ?1", rows::DEVICE);
    if let Some(device) =
        c.prepare_cached(&sql)?.query_row([thumbprint.as_bytes()], rows::device).optional()?
    {
        return Ok(Some(KnownDevice::Present(device)));
    }
    let sql = format!("SELECT {} FROM tombstones WHERE thumbprint = ?1", rows::TOMBSTONE);
    let grave =
        c.prepare_cached(&sql)?.query_row([thumbprint.as_bytes()], rows::tombstone).optional()?;
    // Synchronisation may have brought the record back since, without this key.
    grave.map_or(Ok(None), |grave| known(c, grave.device_id))
}

/// Marks something one-time as used; false when it was used before.
fn mark_used(c: &Connection, mark: OnceMark, now: Instant) -> Result<bool, DirectoryError> {
    // The id is drawn, so about one mark of 64 sweeps up those that are of no use any more.
    if mark.id.first().is_some_and(|byte| byte % 64 == 0) {
        c.prepare_cached("DELETE FROM used WHERE until < ?1")?.execute([now.millis()])?;
    }
    let added = c
        .prepare_cached("INSERT OR IGNORE INTO used (id, until) VALUES (?1, ?2)")?
        .execute(params![mark.id, mark.until.millis()])?;
    Ok(added == 1)
}

/// Whom a sign-in names, on what.
fn named(sign_in: &SignIn) -> Named {
    let (user, bound) = match &sign_in.user {
        UserEvidence::Password { upn, .. } => (NamedUser::Upn(upn.clone()), None),
        UserEvidence::Grant { user, bound, .. } => {
            (NamedUser::Id(*user), bound.map(|(device, _)| device))
        }
        UserEvidence::Key { user } => (NamedUser::Id(*user), None),
        UserEvidence::Assertion { immutable_id, .. } => {
            (NamedUser::Immutable(immutable_id.clone()), None)
        }
    };
    let device = match &sign_in.device {
        DeviceEvidence::None => NamedDevice::None,
        DeviceEvidence::Certificate(shown) => {
            NamedDevice::Shown { thumbprint: shown.key.thumbprint, subject: shown.subject }
        }
        DeviceEvidence::Grant { device, .. } => NamedDevice::Id(*device),
    };
    Named { user, device, bound }
}

fn read_party(c: &Connection, named: &Named) -> Result<Party, DirectoryError> {
    let user = match &named.user {
        NamedUser::Id(user) => rows::user_by_id(c, *user)?,
        NamedUser::Upn(upn) => rows::user_by_upn(c, upn)?,
        NamedUser::Immutable(id) => rows::user_by_immutable_id(c, id)?,
    };
    let device = match named.device {
        NamedDevice::None => None,
        NamedDevice::Id(device) => known(c, device)?,
        NamedDevice::Shown { thumbprint, subject } => shown_by(c, thumbprint, subject)?,
    };
    let bound = named.bound.map(|device| known(c, device)).transpose()?.flatten();
    Ok(Party { user: user.map(Arc::new), device: device.map(Arc::new), bound: bound.map(Arc::new) })
}

/// What a decision needs: the rows of those who are named, and the policies.
type Known = (Arc<Party>, Arc<[Policy]>);

/// Reads that, or remembers it from the last time when this is still the number of the last change.
fn read_known(
    c: &Connection,
    remembered: &Remembered,
    version: Option<u64>,
    named: Named,
) -> Result<Known, DirectoryError> {
    let policies = match version.and_then(|version| remembered.policies(version)) {
        Some(policies) => policies,
        None => policies::all(c)?.into(),
    };
    let party = match version.and_then(|version| remembered.party(version, &named)) {
        Some(party) => party,
        None => Arc::new(read_party(c, &named)?),
    };
    if let Some(version) = version {
        remembered.keep_policies(version, &policies);
        remembered.keep_party(version, named, &party);
    }
    Ok((party, policies))
}

/// What is decided on a sign-in, and what it changes.
struct Decided {
    outcome: Result<Session, Denied>,
    /// Wrong passwords of a user, as they stand from now on.
    failures: Option<(UserId, Failures)>,
}

fn decide(
    tenant: &Tenant,
    unseen: &[DeviceId],
    sign_in: &SignIn,
    (party, policies): &Known,
) -> Decided {
    let (user, device) = (party.user.as_ref(), party.device.as_ref());
    let user_proof = match &sign_in.user {
        UserEvidence::Password { upn, password } => UserProof::Password { upn, password },
        UserEvidence::Grant { epoch, kind, bound, .. } => UserProof::Grant {
            epoch: *epoch,
            kind: *kind,
            bound: bound.map(|(_, epoch)| BoundGrant { device: party.bound.as_deref(), epoch }),
        },
        UserEvidence::Key { .. } => UserProof::Key,
        UserEvidence::Assertion { domains, .. } => UserProof::Assertion { domains },
    };
    let device_proof = match &sign_in.device {
        DeviceEvidence::None => DeviceProof::None,
        DeviceEvidence::Certificate(shown) => DeviceProof::Certificate(shown),
        DeviceEvidence::Grant { epoch, .. } => DeviceProof::Grant { epoch: *epoch },
    };
    let allowed = session(
        tenant,
        user.map(Arc::as_ref),
        user_proof,
        device.map(Arc::as_ref),
        device_proof,
        unseen,
        sign_in.now,
    );
    let counted = match &sign_in.user {
        UserEvidence::Password { .. } => user.map(|user| (user.id, user.account.failures)),
        UserEvidence::Grant { .. } | UserEvidence::Key { .. } | UserEvidence::Assertion { .. } => {
            None
        }
    };
    let outcome = match (allowed, user) {
        (Ok(()), Some(user)) => let_in(tenant, policies, user, device, &sign_in.purpose),
        (Ok(()), None) => Err(SessionRefusal::from(SignInRefusal::UserUnknown).into()),
        (Err(refusal), _) => Err(refusal.into()),
    };
    let said = outcome.as_ref().map(drop).map_err(|denied| denied.refusal);
    let failures = counted.and_then(|(user, failures)| {
        let after = failures.after(typed(said), sign_in.now, tenant.settings.lockout)?;
        Some((user, after))
    });
    Decided { outcome, failures }
}

/// What the policies say to somebody who has proved who it is.
fn let_in(
    tenant: &Tenant,
    policies: &[Policy],
    user: &Arc<User>,
    device: Option<&Arc<KnownDevice>>,
    purpose: &Purpose,
) -> Result<Session, Denied> {
    let Verdict { refusal, unmet, unmet_names, reported } = match purpose {
        Purpose::PrimaryRefreshToken => Verdict::default(),
        Purpose::Resource { app, sets_up_devices, platform, second_factor } => {
            let request = Request {
                app: *app,
                sets_up_devices: *sets_up_devices,
                user,
                device: device.map(Arc::as_ref),
                platform: *platform,
                second_factor: match (second_factor, &user.account.totp) {
                    (true, _) => SecondFactor::Proved,
                    (false, Some(_)) => SecondFactor::Registered,
                    (false, None) => SecondFactor::Absent,
                },
                mfa_to_join: tenant.mfa_to_join,
            };
            evaluate(policies, &request)
        }
    };
    let device = device.map(Arc::clone);
    match refusal {
        None => Ok(Session { user: Arc::clone(user), device, reported }),
        Some(refusal) => {
            let policies = unmet.into_iter().zip(unmet_names).collect();
            Err(Denied { refusal: refusal.into(), policies, device })
        }
    }
}

fn activity_is_due(session: &Session, tenant: &Tenant, now: Instant) -> Option<DeviceId> {
    match session.device.as_deref() {
        Some(KnownDevice::Present(device)) => {
            let due = device
                .last_activity
                .is_none_or(|last| last + tenant.settings.activity_interval <= now);
            due.then_some(device.device_id)
        }
        Some(KnownDevice::Deleted(_)) | None => None,
    }
}

impl Directory {
    /// Lets a device in that shows its certificate and no user. The nonce is used up, whatever is said.
    pub async fn device_alone(
        &self,
        unseen: Vec<DeviceId>,
        shown: ShownCertificate,
        once: OnceMark,
        now: Instant,
    ) -> Result<Result<KnownDevice, SessionRefusal>, DirectoryError> {
        self.store
            .write(move |c| {
                if !mark_used(c, once, now)? {
                    return Ok(Err(once.used.into()));
                }
                let device = shown_by(c, shown.key.thumbprint, shown.subject)?;
                let proof = DeviceProof::Certificate(&shown);
                let allowed = with_device(device.as_ref(), proof, &unseen, now);
                Ok(allowed.and_then(|()| device.ok_or(DeviceRefusal::Unknown)).map_err(Into::into))
            })
            .await
    }

    /// Signs a user in, or honours a grant, or says why not. The keys of the devices in
    /// `unseen` do not get to sign-in yet. Wrong passwords are counted.
    pub async fn sign_in(
        &self,
        tenant: &Arc<Tenant>,
        unseen: Vec<DeviceId>,
        sign_in: SignIn,
    ) -> Result<Result<Session, Denied>, DirectoryError> {
        if sign_in.once.is_empty() {
            let known = self.known(named(&sign_in))?;
            let Decided { outcome, failures } = decide(tenant, &unseen, &sign_in, &known);
            let due = outcome.as_ref().ok().and_then(|s| activity_is_due(s, tenant, sign_in.now));
            if due.is_none() && failures.is_none() {
                return Ok(outcome);
            }
        }
        let (tenant, remembered) = (Arc::clone(tenant), Arc::clone(&self.remembered));
        self.store
            .write_telling(move |c, version| {
                let mut unused = true;
                for mark in &sign_in.once {
                    unused &= mark_used(c, *mark, sign_in.now)?;
                }
                // Nobody remembers which marks there are.
                if let Some(mark) = sign_in.once.first().filter(|_| !unused) {
                    return Ok((Err(SessionRefusal::from(mark.used).into()), false));
                }
                let known = read_known(c, &remembered, version, named(&sign_in))?;
                let Decided { outcome, failures } = decide(&tenant, &unseen, &sign_in, &known);
                let due = match &outcome {
                    Ok(session) => activity_is_due(session, &tenant, sign_in.now),
                    Err(_) => None,
                };
                let changed = due.is_some() || failures.is_some();
                if let Some((user, Failures { count, locked_until })) = failures {
                    let sql = "UPDATE users SET failures = ?2, locked_until = ?3 WHERE id = ?1";
                    let until = locked_until.map(Instant::millis);
                    c.prepare_cached(sql)?.execute(params![rows::id(user.guid()), count, until])?;
                }
                if let Some(device) = due {
                    c.prepare_cached("UPDATE devices SET activity = ?2 WHERE device_id = ?1")?
                        .execute(params![rows::id(device.guid()), sign_in.now.millis()])?;
                }
                Ok((outcome, changed))
            })
            .await
    }

    /// The user of an otherwise valid access token, or why a resource does not accept it.
    pub fn check_access(
        &self,
        user: UserId,
        device: Option<DeviceId>,
        evaluation: Evaluation,
        now: Instant,
    ) -> Result<Result<Arc<User>, AccessRefusal>, DirectoryError> {
        let named = Named {
            user: NamedUser::Id(user),
            device: device.map_or(NamedDevice::None, NamedDevice::Id),
            bound: None,
        };
        let (party, _) = self.known(named)?;
        let device = match device {
            None => TokenDevice::None,
            Some(_) => TokenDevice::Bound(party.device.as_deref()),
        };
        Ok(match (with_token(party.user.as_deref(), device, evaluation, now), &party.user) {
            (Ok(()), Some(user)) => Ok(Arc::clone(user)),
            (Ok(()), None) => Err(AccessRefusal::UserUnknown),
            (Err(refusal), _) => Err(refusal),
        })
    }

    /// The rows of those who are named and the policies, read when somebody has written since the last time.
    fn known(&self, named: Named) -> Result<Known, DirectoryError> {
        let version = self.store.version();
        let remembered = &self.remembered;
        if let (Some(party), Some(policies)) =
            (remembered.party(version, &named), remembered.policies(version))
        {
            return Ok((party, policies));
        }
        self.store.point(|c| read_known(c, remembered, Some(version), named))
    }
}
