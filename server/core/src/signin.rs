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
mod tests {
    use super::*;
    use crate::device::{Device, DeviceKey, Management, Tombstone, TrustType};
    use crate::ids::{Guid, ObjectId, TenantId, Thumbprint, UserId};
    use crate::instant::Span;
    use crate::revocation::Standing;
    use crate::tenant::{Domain, DomainKind, MayJoin, RevokeDelay, Settings};
    use crate::user::Account;

    const NOW: Instant = Instant::from_seconds(1_772_442_000);

    fn tenant() -> Tenant {
        let domain = |name: &str, kind| Domain { name: name.to_owned(), kind };
        Tenant {
            id: TenantId::new(Guid::from_bytes([1; 16])),
            name: "Contoso".to_owned(),
            domains: vec![
                domain("contoso.test", DomainKind::Managed),
                domain(
                    "fabrikam.test",
                    DomainKind::Federated { sts: "sts.fabrikam.test".to_owned() },
                ),
            ],
            initial_domain: "contoso.test".to_owned(),
            device_quota: 50,
            may_join: MayJoin::Everyone,
            mdm: crate::management::Mdm::default(),
            mfa_to_join: false,
            settings: Settings::default(),
        }
    }

    fn user(enabled: bool) -> User {
        User {
            id: UserId::new(Guid::from_bytes([2; 16])),
            upn: "alice@contoso.test".to_owned(),
            name: "Alice".to_owned(),
            password: "right".to_owned(),
            enabled,
            roles: vec![],
            immutable_id: None,
            epoch: 3,
            devices: 0,
            account: Account::default(),
        }
    }

    #[test]
    fn the_right_password_signs_in_whatever_the_case_of_the_domain() {
        assert_eq!(
            with_password(&tenant(), "alice@Contoso.TEST", Some(&user(true)), "right", NOW),
            Ok(())
        );
    }

    #[test]
    fn each_fault_has_its_own_refusal() {
        let tenant = tenant();
        let check = |upn: &str, user: Option<&User>, password: &str| {
            with_password(&tenant, upn, user, password, NOW).unwrap_err()
        };
        let alice = "alice@contoso.test";
        assert_eq!(check("alice@nowhere.test", None, "x"), SignInRefusal::DomainUnknown);
        assert_eq!(check("alice", None, "x"), SignInRefusal::DomainUnknown);
        assert_eq!(check("dave@fabrikam.test", None, "x"), SignInRefusal::DomainFederated);
        assert_eq!(check(alice, None, "right"), SignInRefusal::UserUnknown);
        assert_eq!(check(alice, Some(&user(true)), "Right"), SignInRefusal::PasswordWrong);
        assert_eq!(check(alice, Some(&user(true)), ""), SignInRefusal::PasswordWrong);
    }

    #[test]
    fn only_the_right_password_learns_that_the_account_is_disabled() {
        let tenant = tenant();
        let check = |password| {
            with_password(&tenant, "alice@contoso.test", Some(&user(false)), password, NOW)
                .unwrap_err()
        };
        assert_eq!(check("right"), SignInRefusal::UserDisabled);
        assert_eq!(check("wrong"), SignInRefusal::PasswordWrong);
    }

    fn try_password(user: &User, password: &str, now: Instant) -> Result<(), SignInRefusal> {
        with_password(&tenant(), "alice@contoso.test", Some(user), password, now)
    }

    #[test]
    fn only_the_right_password_learns_that_it_is_expired_or_temporary() {
        for (state, refusal) in [
            (PasswordState::Expired, SignInRefusal::PasswordExpired),
            (PasswordState::Temporary, SignInRefusal::PasswordTemporary),
        ] {
            let mut alice = user(true);
            alice.account.password_state = state;
            assert_eq!(try_password(&alice, "right", NOW), Err(refusal));
            assert_eq!(try_password(&alice, "wrong", NOW), Err(SignInRefusal::PasswordWrong));
        }
    }

    #[test]
    fn the_last_of_too_many_wrong_passwords_locks_for_the_whole_time_and_no_longer() {
        let rule = tenant().settings.lockout;
        let mut alice = user(true);
        for _ in 1..rule.threshold {
            alice.account.failures.fail(NOW, rule);
            assert_eq!(try_password(&alice, "right", NOW), Ok(()));
        }
        alice.account.failures.fail(NOW, rule);
        let (end, tick) = (NOW + rule.duration, Span::from_millis(1));
        for password in ["right", "wrong"] {
            for now in [NOW, end - tick] {
                assert_eq!(try_password(&alice, password, now), Err(SignInRefusal::LockedOut));
            }
        }
        assert_eq!(try_password(&alice, "right", end), Ok(()));
        // Counting begins anew behind the lock.
        alice.account.failures.fail(end, rule);
        assert_eq!(alice.account.failures.count, 1);
        assert_eq!(try_password(&alice, "right", end), Ok(()));
    }

    #[test]
    fn only_a_right_password_ends_the_row_and_one_that_nobody_read_changes_nothing() {
        use crate::refusal::PolicyRefusal;
        use crate::user::Failures;
        let rule = tenant().settings.lockout;
        let three = Failures { count: 3, locked_until: None };
        let four = Some(Failures { count: 4, locked_until: None });
        let forgotten = Some(Failures::default());
        let refused = |refusal: SignInRefusal| Err(SessionRefusal::from(refusal));
        for (decided, after) in [
            (Ok(()), forgotten),
            (Err(PolicyRefusal::Blocked.into()), forgotten),
            (refused(SignInRefusal::UserDisabled), forgotten),
            (refused(SignInRefusal::PasswordExpired), forgotten),
            (refused(SignInRefusal::PasswordTemporary), forgotten),
            (refused(SignInRefusal::PasswordWrong), four),
            (refused(SignInRefusal::LockedOut), None),
            (refused(SignInRefusal::DomainFederated), None),
            (Err(DeviceRefusal::Disabled.into()), None),
        ] {
            assert_eq!(three.after(typed(decided), NOW, rule), after, "{decided:?}");
        }
        assert_eq!(Failures::default().after(Typed::Right, NOW, rule), None);
    }

    fn with_grant(user: Option<&User>, epoch: u32) -> Result<(), SessionRefusal> {
        let proof = UserProof::Grant { epoch, kind: GrantKind::Token, bound: None };
        session(&tenant(), user, proof, None, DeviceProof::None, &[], Instant::from_seconds(0))
    }

    #[test]
    fn a_new_password_ends_the_grants_of_before_and_no_later_ones() {
        use GrantKind::{Session, Token};
        let mut alice = user(true);
        alice.change_password("another".to_owned());
        assert_eq!(try_password(&alice, "right", NOW), Err(SignInRefusal::PasswordWrong));
        assert_eq!(try_password(&alice, "another", NOW), Ok(()));
        assert_eq!(still_counts(&alice, 3, Session), Err(GrantRefusal::SessionPasswordChanged));
        assert_eq!(still_counts(&alice, 3, Token), Err(GrantRefusal::PasswordChanged));
        for kind in [Session, Token] {
            assert_eq!(still_counts(&alice, 4, kind), Ok(()), "granted in the same instant");
        }
        // What is taken back later for another reason is told so; what was dead stays dead as it was.
        alice.revoke();
        for kind in [Session, Token] {
            assert_eq!(still_counts(&alice, 4, kind), Err(GrantRefusal::UserRevoked));
            assert_eq!(still_counts(&alice, 5, kind), Ok(()));
            assert_eq!(
                still_counts(&alice, 6, kind),
                Err(GrantRefusal::UserRevoked),
                "of a future"
            );
        }
        assert_eq!(still_counts(&alice, 3, Token), Err(GrantRefusal::PasswordChanged));
    }

    #[test]
    fn a_new_password_is_good_and_ends_a_lock() {
        let mut alice = user(true);
        alice.account.password_state = PasswordState::Expired;
        alice.account.failures =
            crate::user::Failures { count: 0, locked_until: Some(NOW + Span::from_days(1)) };
        assert_eq!(try_password(&alice, "right", NOW), Err(SignInRefusal::LockedOut));
        alice.change_password("another".to_owned());
        assert_eq!(try_password(&alice, "another", NOW), Ok(()));
    }

    #[test]
    fn a_grant_that_was_taken_back_is_dead() {
        assert_eq!(with_grant(Some(&user(true)), 3), Ok(()));
        assert_eq!(with_grant(Some(&user(true)), 2), Err(GrantRefusal::UserRevoked.into()));
        assert_eq!(with_grant(Some(&user(false)), 3), Err(SignInRefusal::UserDisabled.into()));
        assert_eq!(with_grant(None, 3), Err(SignInRefusal::UserUnknown.into()));
    }

    #[test]
    fn an_unknown_device_is_refused_before_the_password_is_looked_at() {
        let proof = UserProof::Password { upn: "alice@contoso.test", password: "wrong" };
        let device = DeviceProof::Grant { epoch: 0 };
        let refused = session(
            &tenant(),
            Some(&user(true)),
            proof,
            None,
            device,
            &[],
            Instant::from_seconds(0),
        );
        assert_eq!(refused, Err(DeviceRefusal::Unknown.into()));
    }

    #[test]
    fn a_device_alone_counts_by_the_same_certificate_as_with_its_user() {
        let key = |number| DeviceKey {
            thumbprint: Thumbprint::new([number; 20]),
            alt_security_id: format!("X509:{number}"),
        };
        let known = KnownDevice::Deleted(Tombstone {
            object_id: ObjectId::new(Guid::from_bytes([1; 16])),
            device_id: DeviceId::new(Guid::from_bytes([2; 16])),
            display_name: "pc1".to_owned(),
            trust: TrustType::AzureAd,
            key: Some(key(7)),
            transport_key: None,
            standing: Standing::default(),
        });
        let check = |device: Option<&KnownDevice>, number, unseen: &[DeviceId]| {
            let shown = ShownCertificate {
                key: key(number),
                not_before: NOW,
                not_after: NOW,
                subject: None,
            };
            with_device(device, DeviceProof::Certificate(&shown), unseen, NOW)
        };
        assert_eq!(check(Some(&known), 7, &[]), Ok(()));
        assert_eq!(check(Some(&known), 8, &[]), Err(DeviceRefusal::CertificateMismatch));
        assert_eq!(check(None, 7, &[]), Err(DeviceRefusal::Unknown));
        let unseen = [known.device_id()];
        assert_eq!(check(Some(&known), 7, &unseen), Err(DeviceRefusal::NotReplicated));
    }

    #[test]
    fn a_certificate_counts_from_its_first_second_to_its_last() {
        let key = DeviceKey {
            thumbprint: Thumbprint::new([7; 20]),
            alt_security_id: "X509:7".to_owned(),
        };
        let grave = Tombstone {
            object_id: ObjectId::new(Guid::from_bytes([1; 16])),
            device_id: DeviceId::new(Guid::from_bytes([2; 16])),
            display_name: "pc1".to_owned(),
            trust: TrustType::AzureAd,
            key: Some(key.clone()),
            transport_key: None,
            standing: Standing::default(),
        };
        let device = KnownDevice::Deleted(grave);
        let (begin, end) = (Instant::from_seconds(1000), Instant::from_seconds(2000));
        let shown = ShownCertificate { key, not_before: begin, not_after: end, subject: None };
        let check = |shown: &ShownCertificate, now| {
            let proof = DeviceProof::Certificate(shown);
            session(&tenant(), Some(&user(true)), UserProof::Key, Some(&device), proof, &[], now)
        };
        let tick = Span::from_millis(1);
        let outside = Err(DeviceRefusal::CertificateExpired.into());
        assert_eq!(check(&shown, begin - tick), outside);
        assert_eq!(check(&shown, begin), Ok(()));
        assert_eq!(check(&shown, end + Span::from_millis(999)), Ok(()));
        assert_eq!(check(&shown, end + Span::from_millis(1000)), outside);
        // Whose certificate it is comes first.
        let other = DeviceKey { thumbprint: Thumbprint::new([8; 20]), ..shown.key.clone() };
        let other = ShownCertificate { key: other, ..shown };
        assert_eq!(
            check(&other, end + end.distance(begin)),
            Err(DeviceRefusal::CertificateMismatch.into())
        );
    }

    /// A device with this certificate, as it was joined.
    fn pc(number: Option<u8>) -> Device {
        Device {
            object_id: ObjectId::new(Guid::from_bytes([1; 16])),
            device_id: DeviceId::new(Guid::from_bytes([2; 16])),
            display_name: "pc1".to_owned(),
            os: "Windows".to_owned(),
            os_version: "10".to_owned(),
            trust: TrustType::AzureAd,
            owner: None,
            created: NOW,
            registered: number.map(|_| NOW),
            last_activity: None,
            key: number.map(certificate),
            transport_key: None,
            on_premises: None,
            standing: Standing::default(),
            management: Management::default(),
            second_factor: false,
        }
    }

    fn certificate(number: u8) -> DeviceKey {
        let alt_security_id = format!("X509:{number}");
        DeviceKey { thumbprint: Thumbprint::new([number; 20]), alt_security_id }
    }

    const AT_ONCE: RevokeDelay = RevokeDelay { tokens: Span::ZERO, resources: Span::ZERO };

    fn disabled(mut device: Device) -> KnownDevice {
        device.standing.disable(NOW, AT_ONCE);
        KnownDevice::Present(device)
    }

    fn deleted(device: Device) -> KnownDevice {
        let mut standing = device.standing;
        standing.delete(NOW, AT_ONCE);
        KnownDevice::Deleted(Tombstone {
            object_id: device.object_id,
            device_id: device.device_id,
            display_name: device.display_name,
            trust: device.trust,
            key: device.key,
            transport_key: None,
            standing,
        })
    }

    // The choice table of section 1 of the error notes: which refusal on which road.
    #[test]
    fn every_road_of_a_device_that_does_not_count_ends_in_the_refusal_of_the_choice_table() {
        use DeviceRefusal::{
            CertificateMismatch, Deleted, DeletedForHello, Disabled, DisabledForHello, Pending,
            Unknown,
        };
        let both_deleted = match disabled(pc(Some(7))) {
            KnownDevice::Present(device) => deleted(device),
            grave @ KnownDevice::Deleted(_) => grave,
        };
        let cases = [
            // What is known of it; asked with its certificate; with it and Windows Hello; with a grant of before.
            (Some(KnownDevice::Present(pc(Some(7)))), None, None, None),
            (Some(disabled(pc(Some(7)))), Some(Disabled), Some(DisabledForHello), Some(Disabled)),
            (Some(deleted(pc(Some(7)))), Some(Deleted), Some(DeletedForHello), Some(Deleted)),
            (Some(both_deleted), Some(Deleted), Some(DeletedForHello), Some(Deleted)),
            (None, Some(Unknown), Some(Unknown), Some(Unknown)),
            // A grant of before dies by its number when the key is replaced.
            (Some(KnownDevice::Present(pc(None))), Some(Pending), Some(Pending), None),
            (
                Some(KnownDevice::Present(pc(Some(8)))),
                Some(CertificateMismatch),
                Some(CertificateMismatch),
                None,
            ),
            // Nobody learns of a device that is not its own that it is disabled or deleted.
            (
                Some(disabled(pc(Some(8)))),
                Some(CertificateMismatch),
                Some(CertificateMismatch),
                Some(Disabled),
            ),
            (Some(disabled(pc(None))), Some(Pending), Some(Pending), Some(Disabled)),
        ];
        let shown = ShownCertificate {
            key: certificate(7),
            not_before: NOW,
            not_after: NOW + Span::from_days(1),
            subject: None,
        };
        let grant = DeviceProof::Grant { epoch: 0 };
        let password = UserProof::Password { upn: "alice@contoso.test", password: "right" };
        for (known, by_certificate, with_hello, by_grant) in cases {
            for (user_proof, proof, told) in [
                (password, DeviceProof::Certificate(&shown), by_certificate),
                (UserProof::Key, DeviceProof::Certificate(&shown), with_hello),
                (
                    UserProof::Grant { epoch: 3, kind: GrantKind::Session, bound: None },
                    grant,
                    by_grant,
                ),
            ] {
                let alice = user(true);
                let said =
                    session(&tenant(), Some(&alice), user_proof, known.as_ref(), proof, &[], NOW);
                let told = told.map_or(Ok(()), |refusal| Err(refusal.into()));
                assert_eq!(said, told, "{known:?} {proof:?}");
            }
        }
    }
}
