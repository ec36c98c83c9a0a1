//! What the directory keeps and refuses when something goes wrong.

use std::sync::Arc;

use linarite_core::access::Evaluation;
use linarite_core::conditional::{Control, Policy, PolicyState, Scope};
use linarite_core::device::{Device, DeviceKey, KnownDevice, TrustType};
use linarite_core::ids::{DeviceId, Guid, PolicyId, TenantId, Thumbprint, UserId};
use linarite_core::instant::{Instant, Span};
use linarite_core::refusal::{AccessRefusal, JoinRefusal, QueryRefusal};
use linarite_core::registration::{HelloProof, JoinKind, Particulars};
use linarite_core::replication::Made;
use linarite_core::revocation::Standing;
use linarite_core::tenant::{Domain, DomainKind, MayJoin, Rejoin, RevokeDelay, Settings, Tenant};
use linarite_core::user::{Account, PasswordState, User};

use super::{
    DeviceEdit, DeviceEvidence, DeviceQuery, Directory, DirectoryError, Identity, Join, NewDevice,
    Purpose, SignIn, UserEvidence, UserKey,
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

/// A policy that lets nobody in.
fn nobody() -> Policy {
    Policy {
        id: PolicyId::new(Guid::from_bytes([4; 16])),
        name: "nobody".to_owned(),
        state: PolicyState::On,
        apps: Scope::All,
        apps_except: vec![],
        users: Scope::All,
        groups: vec![],
        users_except: vec![],
        groups_except: vec![],
        platforms: vec![],
        grant: vec![Control::Block],
        any: false,
    }
}

/// What those ask about who remember the answer: a resource with a token, a list, and a sign-in.
#[derive(Debug, PartialEq)]
struct Asked {
    access: Result<(), AccessRefusal>,
    names: Vec<String>,
    signs_in: bool,
}

async fn ask(directory: &Directory, tenant: &Arc<Tenant>, device: DeviceId) -> Asked {
    let access = directory.check_access(ALICE, Some(device), Evaluation::Continuous, NOW).unwrap();
    let page = directory.shown_devices(DeviceQuery::default()).await.unwrap().unwrap();
    let sign_in = SignIn {
        user: UserEvidence::Password {
            upn: "alice@contoso.test".to_owned(),
            password: "right".to_owned(),
        },
        device: DeviceEvidence::None,
        once: vec![],
        now: NOW,
        purpose: Purpose::Resource {
            app: "00000003-0000-0000-c000-000000000000".parse().unwrap(),
            sets_up_devices: false,
            platform: None,
            second_factor: false,
        },
    };
    Asked {
        access: access.map(drop),
        names: page.items.iter().map(|device| device.display_name.clone()).collect(),
        signs_in: directory.sign_in(tenant, vec![], sign_in).await.unwrap().is_ok(),
    }
}

#[tokio::test]
async fn the_very_next_question_sees_every_change() {
    let mut of = tenant();
    of.settings.revoke = RevokeDelay { tokens: Span::ZERO, resources: Span::ZERO };
    of.settings.revoke_deleted = of.settings.revoke;
    of.settings.revoke_users = Span::ZERO;
    of.settings.soft_delete = Span::from_days(30);
    let (tenant, settings) = (Arc::new(of.clone()), of.settings.clone());
    let directory = directory().await;
    let issued = |_, _| Ok((key(), ()));
    let device = directory.join(&tenant, join(), issued).await.unwrap().unwrap().device;
    let (id, alice) = (device.object_id, || UserKey::Id(ALICE));
    let now = |access, names: &[&str], signs_in| Asked {
        access,
        names: names.iter().map(|&name| name.to_owned()).collect(),
        signs_in,
    };
    let good = || now(Ok(()), &["pc1"], true);
    let edit = async |edit: DeviceEdit| {
        directory.edit_device(id, edit, &settings, NOW).await.unwrap().unwrap();
    };
    let enable = |enabled| DeviceEdit { enabled: Some(enabled), ..DeviceEdit::default() };
    let rename =
        |name: &str| DeviceEdit { display_name: Some(name.to_owned()), ..DeviceEdit::default() };
    // Twice each: the second answer is the remembered one.
    let is = async |expected: Asked| {
        for _ in 0..2 {
            assert_eq!(ask(&directory, &tenant, device.device_id).await, expected);
        }
    };
    is(good()).await;
    let snapshot = directory.snapshot().unwrap();
    edit(enable(false)).await;
    is(now(Err(AccessRefusal::DeviceDisabled), &["pc1"], true)).await;
    edit(enable(true)).await;
    is(good()).await;
    edit(rename("pc2")).await;
    is(now(Ok(()), &["pc2"], true)).await;
    edit(rename("pc1")).await;
    directory.delete_device(id, &settings, NOW).await.unwrap().unwrap();
    is(now(Err(AccessRefusal::DeviceDeleted), &[], true)).await;
    directory.restore_device(id, NOW).await.unwrap().unwrap();
    is(good()).await;
    directory.set_policy(nobody()).await.unwrap();
    is(now(Ok(()), &["pc1"], false)).await;
    assert!(directory.delete_policy("nobody".to_owned()).await.unwrap());
    is(good()).await;
    directory.set_user_enabled(alice(), false, &settings, NOW).await.unwrap().unwrap();
    is(now(Err(AccessRefusal::UserDisabled), &["pc1"], false)).await;
    directory.restore(&snapshot).unwrap();
    is(good()).await;
    directory.delete_user(alice()).await.unwrap().unwrap();
    is(now(Err(AccessRefusal::UserUnknown), &["pc1"], false)).await;
    directory.restore(&snapshot).unwrap();
    is(good()).await;
}

#[tokio::test]
async fn a_deleted_device_comes_back_as_it_was_and_its_id_is_nobodys_meanwhile() {
    let mut tenant = tenant();
    tenant.settings.soft_delete = Span::from_days(30);
    let directory = directory().await;
    let issued = |_, _| Ok((key(), ()));
    let device = directory.join(&tenant, join(), issued).await.unwrap().unwrap().device;
    let (id, end) = (device.object_id, NOW + Span::from_days(30));
    let last = end - Span::from_millis(1);
    let delete = async || directory.delete_device(id, &tenant.settings, NOW).await.unwrap();
    delete().await.unwrap();
    assert_eq!(delete().await, Err(QueryRefusal::NotFound));
    assert_eq!(directory.device_by_object_id(id).unwrap(), None);
    let taken = NewDevice {
        display_name: "other".to_owned(),
        os: "Windows".to_owned(),
        os_version: "10".to_owned(),
        trust: TrustType::AzureAd,
        owner: None,
        device_id: Some(device.device_id),
        on_premises: None,
    };
    assert_eq!(directory.create_device(taken, 7, NOW).await.unwrap(), Err(QueryRefusal::Conflict));
    let kept = |now| directory.deleted_device(id, now).unwrap().map(|item| item.device);
    assert_eq!((kept(last), kept(end)), (Some(device.clone()), None));
    let listed = directory.deleted_devices(None, 1, last).await.unwrap();
    assert_eq!((listed.items.len(), listed.next), (1, None));
    assert_eq!(directory.deleted_devices(Some(id), 1, last).await.unwrap().items, []);
    assert_eq!(directory.restore_device(id, end).await.unwrap(), Err(QueryRefusal::NotFound));
    let back = directory.restore_device(id, last).await.unwrap().unwrap();
    assert_eq!(back, Device { standing: back.standing, ..device.clone() });
    assert_eq!((back.standing.deleted, back.standing.epoch), (None, 1));
    assert_eq!(directory.device_count().unwrap(), 1);
    assert_eq!(directory.user(&UserKey::Id(ALICE)).unwrap().unwrap().devices, 1);
    // Once more, and now for good.
    delete().await.unwrap();
    assert_eq!(directory.purge_device(id, NOW).await.unwrap().unwrap().device, back);
    assert_eq!(directory.purge_device(id, NOW).await.unwrap(), Err(QueryRefusal::NotFound));
    assert_eq!(directory.restore_device(id, NOW).await.unwrap(), Err(QueryRefusal::NotFound));
    assert!(matches!(
        directory.known_device(device.device_id).unwrap(),
        Some(KnownDevice::Deleted(_))
    ));
}

#[tokio::test]
async fn a_second_join_makes_a_duplicate_or_takes_the_record_again_as_the_world_says() {
    let key = |number| DeviceKey {
        thumbprint: Thumbprint::new([number; 20]),
        alt_security_id: format!("X509:{number}"),
    };
    let mut tenant = tenant();
    tenant.device_quota = 1;
    let directory = directory().await;
    let join_as = async |tenant: &Tenant, number| {
        let issue = move |_, made| Ok((key(number), made));
        directory.join(tenant, join(), issue).await.unwrap()
    };
    let first = join_as(&tenant, 1).await.unwrap();
    assert_eq!(first.issued, Made::RecordAndKey);
    assert_eq!(join_as(&tenant, 2).await.unwrap_err(), JoinRefusal::QuotaReached);
    tenant.settings.rejoin = Rejoin::Reuse;
    let again = join_as(&tenant, 3).await.unwrap();
    assert_eq!(again.issued, Made::Key);
    // What was granted to the holder of the first key dies with it.
    let standing = Standing { epoch: 1, ..first.device.standing };
    assert_eq!(again.device, Device { key: Some(key(3)), standing, ..first.device.clone() });
    assert_eq!(directory.device_count().unwrap(), 1);
    tenant.settings.rejoin = Rejoin::Duplicate;
    tenant.device_quota = 2;
    let other = join_as(&tenant, 4).await.unwrap();
    assert_ne!(other.device.device_id, first.device.device_id);
    assert_eq!(directory.device_count().unwrap(), 2);
}
