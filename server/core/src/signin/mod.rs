//! Who may sign in with a user name and a password, and why not (FAQ A22, A24, A25).
//!
//! The order of the questions is the service's: the domain first, then the account, then the password, and only a right
//! password learns that the account is disabled or the password expired. A locked account looks at no password at all.
//! Left out: that the same wrong password counts once, and longer locks for those who go on.

use crate::assertion;
use crate::device::{KnownDevice, ShownCertificate};
use crate::ids::DeviceId;
use crate::instant::Instant;
use crate::refusal::{DeviceRefusal, GrantRefusal, SessionRefusal, SignInRefusal};
use crate::registration::is_own_certificate;
use crate::tenant::{Realm, Tenant};
use crate::user::{PasswordState, Typed, User};

/// Checks a user name and a password. `user` is what the directory holds under that name.
pub fn with_password(
    tenant: &Tenant,
    upn: &str,
    user: Option<&User>,
    password: &str,
    now: Instant,
) -> Result<(), SignInRefusal> {
    match tenant.realm(upn) {
        Realm::Unknown => return Err(SignInRefusal::DomainUnknown),
        Realm::Federated(..) => return Err(SignInRefusal::DomainFederated),
        Realm::Managed(_) => {}
    }
    let user = user.ok_or(SignInRefusal::UserUnknown)?;
    if user.account.failures.is_locked(now) {
        return Err(SignInRefusal::LockedOut);
    }
    if user.password.is_empty() || !same_secret(&user.password, password) {
        return Err(SignInRefusal::PasswordWrong);
    }
    if !user.enabled {
        return Err(SignInRefusal::UserDisabled);
    }
    match user.account.password_state {
        PasswordState::Good => Ok(()),
        PasswordState::Expired => Err(SignInRefusal::PasswordExpired),
        PasswordState::Temporary => Err(SignInRefusal::PasswordTemporary),
    }
}

/// What a sign-in with a password, decided like this, says of the password.
pub const fn typed(decided: Result<(), SessionRefusal>) -> Typed {
    match decided {
        Ok(())
        | Err(
            SessionRefusal::Policy(_)
            | SessionRefusal::SignIn(
                SignInRefusal::UserDisabled
                | SignInRefusal::PasswordExpired
                | SignInRefusal::PasswordTemporary,
            ),
        ) => Typed::Right,
        Err(SessionRefusal::SignIn(SignInRefusal::PasswordWrong)) => Typed::Wrong,
        Err(
            SessionRefusal::SignIn(
                SignInRefusal::UserUnknown
                | SignInRefusal::DomainFederated
                | SignInRefusal::DomainUnknown
                | SignInRefusal::LockedOut,
            )
            | SessionRefusal::Device(_)
            | SessionRefusal::Grant(_)
            | SessionRefusal::Assertion(_),
        ) => Typed::Unread,
    }
}

/// How a user proves who it is.
#[derive(Clone, Copy, Debug)]
pub enum UserProof<'a> {
    /// By name and password.
    Password {
        /// The user name as typed.
        upn: &'a str,
        /// The password as typed.
        password: &'a str,
    },
    /// By a grant of before that carries this number.
    Grant {
        /// [`User::epoch`] when the grant was made.
        epoch: u32,
        /// What it is.
        kind: GrantKind,
        /// The device that the grant is bound to, when another proof of a device stands beside it.
        bound: Option<BoundGrant<'a>>,
    },
    /// By a key registered for the user, whose signature was found right.
    Key,
    /// By an accepted assertion of the issuer of these domains, which names the user by its immutable id.
    Assertion {
        /// The domains.
        domains: &'a [String],
    },
}

/// What a user was granted before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantKind {
    /// A primary refresh token, by which a device signs its user in everywhere.
    Session,
    /// A refresh token or a code, for one application.
    Token,
}

/// Whether a grant that carries this number still counts. One that was given for an older password is told apart from one
/// that was taken back for another reason, whatever happened to it since.
pub fn still_counts(user: &User, epoch: u32, kind: GrantKind) -> Result<(), GrantRefusal> {
    if epoch == user.epoch {
        Ok(())
    } else if epoch >= user.account.password_epoch {
        Err(GrantRefusal::UserRevoked)
    } else {
        Err(match kind {
            GrantKind::Session => GrantRefusal::SessionPasswordChanged,
            GrantKind::Token => GrantRefusal::PasswordChanged,
        })
    }
}

/// The device that a grant is bound to, as the directory finds it.
#[derive(Clone, Copy, Debug)]
pub struct BoundGrant<'a> {
    /// What is known of it.
    pub device: Option<&'a KnownDevice>,
    /// [`Standing::epoch`](crate::revocation::Standing::epoch) when the grant was made.
    pub epoch: u32,
}

/// How a device proves which one it is.
#[derive(Clone, Copy, Debug)]
pub enum DeviceProof<'a> {
    /// No device takes part.
    None,
    /// By its certificate, whose signature was found right.
    Certificate(&'a ShownCertificate),
    /// By a grant bound to it that carries this number.
    Grant {
        /// [`Standing::epoch`](crate::revocation::Standing::epoch) when the grant was made.
        epoch: u32,
    },
}

/// Whether a user, on this device, may be given tokens: the one decision of every road by which a device comes along
/// (request, use and renewal of a primary refresh token, browser, codes, refresh tokens; the choice table of section 1 of the
/// error notes). The device is asked about first: a request signed by a device that does not count never gets as far as a
/// password. Whose certificate it is comes before whether that device counts, so that nobody learns of a device that is not
/// its own. The keys of the
/// devices in `unseen` are in the directory and do not get here yet ([`replication`](crate::replication)).
pub fn session(
    tenant: &Tenant,
    user: Option<&User>,
    user_proof: UserProof<'_>,
    device: Option<&KnownDevice>,
    device_proof: DeviceProof<'_>,
    unseen: &[DeviceId],
    now: Instant,
) -> Result<(), SessionRefusal> {
    with_device(device, device_proof, unseen, now).map_err(|refusal| {
        match (user_proof, refusal) {
            (UserProof::Key, DeviceRefusal::Disabled) => DeviceRefusal::DisabledForHello,
            (UserProof::Key, DeviceRefusal::Deleted) => DeviceRefusal::DeletedForHello,
            (_, refusal) => refusal,
        }
    })?;
    match user_proof {
        UserProof::Password { upn, password } => {
            with_password(tenant, upn, user, password, now)?;
        }
        UserProof::Grant { epoch, kind, bound } => {
            if let Some(bound) = bound {
                let of_grant = bound.device.ok_or(DeviceRefusal::Unknown)?;
                is_seen(of_grant, unseen)?;
                of_grant.standing().honours(bound.epoch, now)?;
                if device.is_some_and(|shown| shown.device_id() != of_grant.device_id()) {
                    return Err(GrantRefusal::OtherDevice.into());
                }
            }
            still_counts(usable(user)?, epoch, kind)?;
        }
        UserProof::Key => {
            usable(user)?;
        }
        UserProof::Assertion { domains } => assertion::signs_in(tenant, domains, user)?,
    }
    Ok(())
}

/// Whether a device counts by what it shows; nobody need be signed in on it.
pub fn with_device(
    device: Option<&KnownDevice>,
    proof: DeviceProof<'_>,
    unseen: &[DeviceId],
    now: Instant,
) -> Result<(), DeviceRefusal> {
    match proof {
        DeviceProof::None => Ok(()),
        DeviceProof::Certificate(shown) => {
            let known = device.ok_or(DeviceRefusal::Unknown)?;
            is_seen(known, unseen)?;
            is_own_certificate(known.key(), &shown.key)?;
            known.standing().may_issue(now)?;
            if shown.is_valid(now) { Ok(()) } else { Err(DeviceRefusal::CertificateExpired) }
        }
        DeviceProof::Grant { epoch } => {
            let known = device.ok_or(DeviceRefusal::Unknown)?;
            is_seen(known, unseen)?;
            known.standing().honours(epoch, now)
        }
    }
}

/// Whether the session that an application keeps of its own goes on: `epoch` is what [`User::epoch`] was when it began.
pub const fn session_goes_on(user: &User, epoch: u32) -> bool {
    user.enabled && user.epoch == epoch
}

fn is_seen(known: &KnownDevice, unseen: &[DeviceId]) -> Result<(), DeviceRefusal> {
    if unseen.contains(&known.device_id()) { Err(DeviceRefusal::NotReplicated) } else { Ok(()) }
}

fn usable(user: Option<&User>) -> Result<&User, SignInRefusal> {
    let user = user.ok_or(SignInRefusal::UserUnknown)?;
    if user.enabled { Ok(user) } else { Err(SignInRefusal::UserDisabled) }
}

/// Compares two secrets in a time that depends on their lengths only.
pub(crate) fn same_secret(kept: &str, given: &str) -> bool {
    kept.len() == given.len()
        && kept.bytes().zip(given.bytes()).fold(0, |diff, (a, b)| diff | (a ^ b)) == 0
}

#[cfg(test)]
mod tests;
