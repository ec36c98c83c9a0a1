//! Tests of sign-in, by its boundaries.

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
            domain("fabrikam.test", DomainKind::Federated { sts: "sts.fabrikam.test".to_owned() }),
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
        with_password(&tenant, "alice@contoso.test", Some(&user(false)), password, NOW).unwrap_err()
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
        assert_eq!(still_counts(&alice, 6, kind), Err(GrantRefusal::UserRevoked), "of a future");
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
    let refused =
        session(&tenant(), Some(&user(true)), proof, None, device, &[], Instant::from_seconds(0));
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
        let shown =
            ShownCertificate { key: key(number), not_before: NOW, not_after: NOW, subject: None };
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
    let key =
        DeviceKey { thumbprint: Thumbprint::new([7; 20]), alt_security_id: "X509:7".to_owned() };
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
        CertificateMismatch, Deleted, DeletedForHello, Disabled, DisabledForHello, Pending, Unknown,
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
            (UserProof::Grant { epoch: 3, kind: GrantKind::Session, bound: None }, grant, by_grant),
        ] {
            let alice = user(true);
            let said =
                session(&tenant(), Some(&alice), user_proof, known.as_ref(), proof, &[], NOW);
            let told = told.map_or(Ok(()), |refusal| Err(refusal.into()));
            assert_eq!(said, told, "{known:?} {proof:?}");
        }
    }
}
