//! Sign-ins and the use of grants, each in one transaction, and the question whether a resource accepts a token.
//!
//! A sign-in writes nothing that it does not have to: a used mark when something one-time is involved, and the device's
//! activity when the last one is old.

use linarite_core::access::{TokenDevice, with_token};
use linarite_core::device::{KnownDevice, ShownCertificate};
use linarite_core::ids::{DeviceId, Thumbprint, UserId};
use linarite_core::instant::Instant;
use linarite_core::refusal::{AccessRefusal, GrantRefusal, SessionRefusal};
use linarite_core::signin::{BoundGrant, DeviceProof, UserProof, session};
use linarite_core::tenant::Tenant;
use linarite_core::user::User;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::devices::known;
use super::{Directory, DirectoryError, rows};

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
}

/// Who signed in, on what.
#[derive(Clone, Debug)]
pub struct Session {
    /// The user.
    pub user: User,
    /// The device, when one took part.
    pub device: Option<KnownDevice>,
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
    Ok(grave.map(KnownDevice::Deleted))
}

/// Marks something one-time as used; false when it was used before.
fn mark_used(c: &Connection, mark: OnceMark, now: Instant) -> Result<bool, DirectoryError> {
    c.prepare_cached("DELETE FROM used WHERE until < ?1")?.execute([now.millis()])?;
    let added = c
        .prepare_cached("INSERT OR IGNORE INTO used (id, until) VALUES (?1, ?2)")?
        .execute(params![mark.id, mark.until.millis()])?;
    Ok(added == 1)
}

fn decide(
    c: &Connection,
    tenant: &Tenant,
    unseen: &[DeviceId],
    sign_in: &SignIn,
) -> Result<Result<Session, SessionRefusal>, DirectoryError> {
    let device = match &sign_in.device {
        DeviceEvidence::None => None,
        DeviceEvidence::Certificate(shown) => by_thumbprint(c, shown.key.thumbprint)?,
        DeviceEvidence::Grant { device, .. } => known(c, *device)?,
    };
    let user = match &sign_in.user {
        UserEvidence::Password { upn, .. } => rows::user_by_upn(c, upn)?,
        UserEvidence::Grant { user, .. } | UserEvidence::Key { user } => {
            rows::user_by_id(c, *user)?
        }
        UserEvidence::Assertion { immutable_id, .. } => {
            rows::user_by_immutable_id(c, immutable_id)?
        }
    };
    let bound = match &sign_in.user {
        UserEvidence::Grant { bound: Some((device, epoch)), .. } => {
            Some((known(c, *device)?, *epoch))
        }
        UserEvidence::Grant { bound: None, .. }
        | UserEvidence::Password { .. }
        | UserEvidence::Key { .. }
        | UserEvidence::Assertion { .. } => None,
    };
    let user_proof = match &sign_in.user {
        UserEvidence::Password { upn, password } => UserProof::Password { upn, password },
        UserEvidence::Grant { epoch, .. } => UserProof::Grant {
            epoch: *epoch,
            bound: bound
                .as_ref()
                .map(|(device, epoch)| BoundGrant { device: device.as_ref(), epoch: *epoch }),
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
        user.as_ref(),
        user_proof,
        device.as_ref(),
        device_proof,
        unseen,
        sign_in.now,
    );
    Ok(match (allowed, user) {
        (Ok(()), Some(user)) => Ok(Session { user, device }),
        (Ok(()), None) => Err(linarite_core::refusal::SignInRefusal::UserUnknown.into()),
        (Err(refusal), _) => Err(refusal),
    })
}

fn activity_is_due(session: &Session, tenant: &Tenant, now: Instant) -> Option<DeviceId> {
    match &session.device {
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
    /// Signs a user in, or honours a grant, or says why not. The keys of the devices in
    /// `unseen` do not get to sign-in yet.
    pub async fn sign_in(
        &self,
        tenant: &std::sync::Arc<Tenant>,
        unseen: Vec<DeviceId>,
        sign_in: SignIn,
    ) -> Result<Result<Session, SessionRefusal>, DirectoryError> {
        if sign_in.once.is_empty() {
            let decided = self.store.point(|c| decide(c, tenant, &unseen, &sign_in))?;
            let due = decided.as_ref().ok().and_then(|s| activity_is_due(s, tenant, sign_in.now));
            if due.is_none() {
                return Ok(decided);
            }
        }
        let tenant = std::sync::Arc::clone(tenant);
        self.store
            .write(move |c| {
                let mut unused = true;
                for mark in &sign_in.once {
                    unused &= mark_used(c, *mark, sign_in.now)?;
                }
                if let Some(mark) = sign_in.once.first().filter(|_| !unused) {
                    return Ok(Err(mark.used.into()));
                }
                let decided = decide(c, &tenant, &unseen, &sign_in)?;
                if let Ok(session) = &decided
                    && let Some(device) = activity_is_due(session, &tenant, sign_in.now)
                {
                    c.prepare_cached("UPDATE devices SET activity = ?2 WHERE device_id = ?1")?
                        .execute(params![rows::id(device.guid()), sign_in.now.millis()])?;
                }
                Ok(decided)
            })
            .await
    }

    /// The user of an otherwise valid access token, or why a resource does not accept it.
    pub fn check_access(
        &self,
        user: UserId,
        device: Option<DeviceId>,
        now: Instant,
    ) -> Result<Result<User, AccessRefusal>, DirectoryError> {
        self.store.point(|c| {
            let user = rows::user_by_id(c, user)?;
            let found = match device {
                None => None,
                Some(id) => Some(known(c, id)?),
            };
            let device = match &found {
                None => TokenDevice::None,
                Some(found) => TokenDevice::Bound(found.as_ref()),
            };
            Ok(match (with_token(user.as_ref(), device, now), user) {
                (Ok(()), Some(user)) => Ok(user),
                (Ok(()), None) => Err(AccessRefusal::UserUnknown),
                (Err(refusal), _) => Err(refusal),
            })
        })
    }
}
