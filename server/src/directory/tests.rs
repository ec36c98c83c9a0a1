//! What the directory keeps and refuses when something goes wrong.

use std::sync::Arc;

use linarite_core::device::DeviceKey;
use linarite_core::ids::{DeviceId, Guid, TenantId, Thumbprint, UserId};
use linarite_core::instant::Instant;
use linarite_core::refusal::JoinRefusal;
use linarite_core::registration::{HelloProof, JoinKind, Particulars};
use linarite_core::tenant::{Domain, DomainKind, MayJoin, Settings, Tenant};
use linarite_core::user::{Account, PasswordState, User};

use super::{
    DeviceEvidence, Directory, DirectoryError, Identity, Join, Purpose, SignIn, UserEvidence,
    UserKey,
};

const NOW: Instant = Instant::from_seconds(1_772_442_000);
const ALICE: UserId = UserId::new(Guid::from_bytes([1; 16]));

fn tenant() -> Tenant {
    Tenant {
        id: TenantId::new(Guid::from_bytes([9; 16])),
        name: "Contoso".to_owned(),
        domains: vec![Domain { name: "contoso.test".to_owned(), kind: DomainKind::Managed }],
        initial_domain: "contoso.test".to_owned(),
        device_quota: 2,
        may_join: MayJoin::Everyone,
        mdm: linarite_core::management::Mdm::default(),
        mfa_to_join: false,
        settings: Settings::default(),
    }
}

/// A directory in memory with one user.
async fn directory() -> Directory {
    filled(Directory::in_memory().unwrap()).await
}

/// The directory, with one user now.
async fn filled(directory: Directory) -> Directory {
    let alice = User {
        id: ALICE,
        upn: "alice@contoso.test".to_owned(),
        name: "Alice".to_owned(),
        password: "right".to_owned(),
        enabled: true,
        roles: vec![],
        immutable_id: None,
        epoch: 0,
        devices: 0,
        account: Account::default(),
    };
    let identity = Identity { seed: 7, document: "{}".to_owned(), starts: 0 };
    directory.fill(identity, vec![("alice".to_owned(), alice)], vec![], vec![]).await.unwrap();
    directory
}

fn join() -> Join {
    let particulars = Particulars {
        display_name: "pc1".to_owned(),
        os: "Windows".to_owned(),
        os_version: "10".to_owned(),
        transport_key: None,
    };
    Join { kind: JoinKind::Join, particulars, user: ALICE, second_factor: false, seed: 7, now: NOW }
}

fn key() -> DeviceKey {
    DeviceKey { thumbprint: Thumbprint::new([3; 20]), alt_security_id: "X509:3".to_owned() }
}

#[tokio::test]
async fn a_join_whose_certificate_cannot_be_issued_leaves_nothing_behind() {
    let directory = directory().await;
    let issued = |_, _| Ok((key(), ()));
    let failing = |_, _| Err(DirectoryError::NotIssued("no key".to_owned()));
    for _ in 0..3 {
        let failed = directory.join::<()>(&tenant(), join(), failing).await;
        assert!(matches!(failed, Err(DirectoryError::NotIssued(_))), "{failed:?}");
    }
    assert_eq!(directory.device_count().unwrap(), 0);
    // Neither the quota nor the draw of ids has moved.
    let first = directory.join(&tenant(), join(), issued).await.unwrap().unwrap().device;
    let untouched = self::directory().await;
    let expected = untouched.join(&tenant(), join(), issued).await.unwrap().unwrap().device;
    assert_eq!(first, expected);
    directory.join(&tenant(), join(), issued).await.unwrap().unwrap();
    assert_eq!(directory.device_count().unwrap(), 2);
}

#[tokio::test]
async fn a_hello_key_stays_with_the_user_who_registered_it_first() {
    let directory = directory().await;
    let bob = UserId::new(Guid::from_bytes([2; 16]));
    let register = |user, blob: &[u8]| {
        let device = Some(DeviceId::new(Guid::from_bytes([3; 16])));
        let proof = HelloProof { user, device, second_factor: true };
        directory.register_hello_key([5; 32], proof, blob.to_vec(), NOW)
    };
    register(ALICE, b"key").await.unwrap().unwrap();
    let taken = register(bob, b"key").await.unwrap();
    assert_eq!(taken, Err(JoinRefusal::HelloKeyOfAnother));
    register(ALICE, b"key").await.unwrap().unwrap();
    assert_eq!(directory.hello_key([5; 32]).unwrap(), Some((ALICE, b"key".to_vec())));
    // A key is free again once its user is gone.
    directory.delete_user(UserKey::Id(ALICE)).await.unwrap().unwrap();
    register(bob, b"key").await.unwrap().unwrap();
    assert_eq!(directory.hello_key([5; 32]).unwrap(), Some((bob, b"key".to_vec())));
}

async fn try_password(directory: &Directory, password: &str) -> &'static str {
    let user = UserEvidence::Password {
        upn: "alice@contoso.test".to_owned(),
        password: password.to_owned(),
    };
    let sign_in = SignIn {
        user,
        device: DeviceEvidence::None,
        once: vec![],
        now: NOW,
        purpose: Purpose::PrimaryRefreshToken,
    };
    let said = directory.sign_in(&Arc::new(tenant()), vec![], sign_in).await.unwrap();
    said.map_or_else(|denied| denied.refusal.reason(), |_| "in")
}

fn failures(directory: &Directory) -> u32 {
    directory.user(&UserKey::Id(ALICE)).unwrap().unwrap().account.failures.count
}

#[tokio::test]
async fn guesses_at_the_same_time_are_counted_one_by_one_and_none_gets_past_the_lock() {
    let threshold = usize::try_from(tenant().settings.lockout.threshold).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let directory = filled(Directory::in_folder(folder.path()).unwrap()).await;
    let mut guesses: Vec<_> =
        (0..threshold + 5).map(|_| Box::pin(try_password(&directory, "wrong"))).collect();
    // Each begins before any of them ends.
    let mut said = vec![None; guesses.len()];
    std::future::poll_fn(|cx| {
        for (guess, said) in guesses.iter_mut().zip(&mut said) {
            if said.is_none()
                && let std::task::Poll::Ready(word) = guess.as_mut().poll(cx)
            {
                *said = Some(word);
            }
        }
        if said.iter().all(Option::is_some) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    let wrong = said.iter().flatten().filter(|word| **word == "password-wrong").count();
    let locked = said.iter().flatten().filter(|word| **word == "user-locked-out").count();
    assert_eq!((wrong, locked), (threshold, 5), "{said:?}");
}

#[tokio::test]
async fn every_right_password_ends_the_row_of_wrong_ones_whatever_else_is_refused() {
    let directory = directory().await;
    let alice = || UserKey::Id(ALICE);
    let row = async || {
        assert_eq!(try_password(&directory, "wrong").await, "password-wrong");
        assert_eq!(try_password(&directory, "").await, "password-wrong");
        assert_eq!(failures(&directory), 2);
    };
    for (state, said) in [
        (PasswordState::Good, "in"),
        (PasswordState::Expired, "password-expired"),
        (PasswordState::Temporary, "password-temporary"),
    ] {
        directory.set_password_state(alice(), state).await.unwrap().unwrap();
        row().await;
        assert_eq!(try_password(&directory, "right").await, said);
        assert_eq!(failures(&directory), 0, "{said}");
    }
    directory.set_password_state(alice(), PasswordState::Good).await.unwrap().unwrap();
    row().await;
    let version = directory.store.version();
    assert_eq!(try_password(&directory, "right").await, "in");
    assert_ne!(directory.store.version(), version);
    let version = directory.store.version();
    assert_eq!(try_password(&directory, "right").await, "in");
    assert_eq!(
        directory.store.version(),
        version,
        "nothing is written when nothing is to be forgotten"
    );
}
