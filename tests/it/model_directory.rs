//! The directory against a naive twin: the same history told to both, and everything that can be asked compared.
//!
//! Times drawn at random never meet a boundary, so the hour and its neighbours are choices of their own.

use std::path::Path;
use std::sync::Arc;

use linarite_core::access::Evaluation;
use linarite_core::device::{DeviceKey, ShownCertificate};
use linarite_core::ids::{DeviceId, ObjectId, Thumbprint};
use linarite_core::refusal::{AccessRefusal, JoinRefusal, QueryRefusal};
use linarite_core::registration::{JoinKind, Particulars};
use linarite_core::signin::GrantKind;
use linarite_core::tenant::{RevokeDelay, Tenant};
use linarite_core::user::User;
use linarite_server::clock::{Instant, Span};
use linarite_server::directory::{
    DeviceEdit, DeviceEvidence, DeviceQuery, Directory, Identity, Join, Purpose, SignIn,
    UserEvidence, UserKey,
};
use linarite_server::world::plan;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::story::{Delays, HOUR, Held, QUOTA, Story, Told, USERS, What, delays};
use crate::support::{START, contoso};

const PEOPLE: [&str; 2] = ["alice@contoso.test", "bob@contoso.test"];

#[derive(Clone, Debug)]
enum Op {
    Join {
        who: usize,
        register: bool,
    },
    Disable(Index),
    Enable(Index),
    Delete(Index),
    /// A device is deleted with the certificate of this one.
    Leave(Index, Index),
    /// A device is deleted with a certificate that nobody was given.
    LeaveWithNonsense(Index),
    Wait(i64),
    /// With a password, on a device or on none.
    SignIn {
        who: usize,
        on: Option<Index>,
        right: bool,
    },
    /// A grant is used: it gives an access token and another grant.
    Use(Index),
    /// An access token is shown to a resource.
    Call(Index),
    Forbid(usize),
    Allow(usize),
    NewPassword(usize),
}

fn op() -> impl Strategy<Value = Op> {
    let waits = prop_oneof![
        Just(0),
        Just(1),
        Just(1000),
        Just(HOUR / 2 - 1000),
        Just(HOUR / 2),
        Just(HOUR - 1000),
        Just(HOUR - 1),
        Just(HOUR),
        Just(HOUR + 1),
        Just(HOUR + 1000),
        0..2 * HOUR,
    ];
    prop_oneof![
        3 => (0..2_usize, any::<bool>()).prop_map(|(who, register)| Op::Join { who, register }),
        3 => any::<Index>().prop_map(Op::Disable),
        3 => any::<Index>().prop_map(Op::Enable),
        1 => any::<Index>().prop_map(Op::Delete),
        1 => any::<Index>().prop_map(|which| Op::Leave(which, which)),
        1 => any::<(Index, Index)>().prop_map(|(which, shown)| Op::Leave(which, shown)),
        1 => any::<Index>().prop_map(Op::LeaveWithNonsense),
        6 => waits.prop_map(Op::Wait),
        4 => (0..2_usize, prop::option::weighted(0.8, any::<Index>()), prop::bool::weighted(0.9))
            .prop_map(|(who, on, right)| Op::SignIn { who, on, right }),
        6 => any::<Index>().prop_map(Op::Use),
        6 => any::<Index>().prop_map(Op::Call),
        1 => (0..2_usize).prop_map(Op::Forbid),
        1 => (0..2_usize).prop_map(Op::Allow),
        1 => (0..2_usize).prop_map(Op::NewPassword),
    ]
}

/// What the directory gave out, beside what the twin keeps of it.
#[derive(Default)]
struct Given {
    devices: Vec<(ObjectId, DeviceId, DeviceKey)>,
    grants: Vec<(UserEvidence, DeviceEvidence)>,
}

struct Run {
    directory: Directory,
    tenant: Arc<Tenant>,
    people: Vec<User>,
    story: Story,
    given: Given,
}

fn key(number: usize) -> DeviceKey {
    let mut bytes = [0; 20];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    DeviceKey { thumbprint: Thumbprint::new(bytes), alt_security_id: format!("X509:{number}") }
}

impl Run {
    async fn new(delays: Delays, folder: Option<&Path>) -> Self {
        let plan = plan(&contoso(), 7, START).unwrap();
        let mut tenant = plan.tenant;
        let delay = |tokens, resources| RevokeDelay {
            tokens: Span::from_millis(tokens),
            resources: Span::from_millis(resources),
        };
        tenant.device_quota = u32::try_from(QUOTA).unwrap();
        tenant.settings.revoke_users = Span::from_millis(USERS);
        tenant.settings.revoke = delay(delays[0], delays[1]);
        tenant.settings.revoke_deleted = delay(delays[2], delays[3]);
        let directory = match folder {
            None => Directory::in_memory(),
            Some(folder) => Directory::in_folder(folder),
        };
        let directory = directory.unwrap();
        let story = Story { delays, ..Story::default() };
        let mut users = plan.users;
        users.retain(|(_, user)| PEOPLE.contains(&user.upn.as_str()));
        for (who, (_, user)) in users.iter_mut().enumerate() {
            user.password = story.password(who);
        }
        let people = users.iter().map(|(_, user)| user.clone()).collect();
        let identity = Identity { seed: 7, document: "{}".to_owned(), starts: 0 };
        directory.fill(identity, users, Vec::new(), vec![]).await.unwrap();
        Self { directory, tenant: Arc::new(tenant), people, story, given: Given::default() }
    }

    fn now(&self) -> Instant {
        START + Span::from_millis(self.story.now)
    }

    fn device(&self, which: Index) -> Option<usize> {
        let devices = self.story.devices.len();
        (devices > 0).then(|| which.index(devices))
    }

    async fn join(&mut self, who: usize, register: bool) -> (Told, Told) {
        let number = self.story.devices.len();
        let kind = if register { JoinKind::Register } else { JoinKind::Join };
        let particulars = Particulars {
            display_name: format!("PC-{number}"),
            os: "Windows".to_owned(),
            os_version: "10".to_owned(),
            transport_key: None,
        };
        let user = self.people[who].id;
        let join = Join { kind, particulars, user, second_factor: false, seed: 7, now: self.now() };
        let issue = move |_, _| Ok((key(number), ()));
        let said = self.directory.join(&self.tenant, join, issue).await.unwrap();
        let told = self.story.may_join(who);
        if let Ok(joined) = &said {
            self.given.devices.push((
                joined.device.object_id,
                joined.device.device_id,
                key(number),
            ));
            self.story.devices.push((who, register));
        }
        (said.map(drop).map_err(JoinRefusal::reason), told)
    }

    async fn edit(&mut self, device: usize, enabled: bool) -> (Told, Told) {
        let edit = DeviceEdit { enabled: Some(enabled), ..DeviceEdit::default() };
        let object = self.given.devices[device].0;
        let said =
            self.directory.edit_device(object, edit, &self.tenant.settings, self.now()).await;
        let told = self.present(device);
        if told.is_ok() {
            self.story.happen(if enabled { What::Enabled(device) } else { What::Disabled(device) });
        }
        (said.unwrap().map(drop).map_err(QueryRefusal::reason), told)
    }

    fn present(&self, device: usize) -> Told {
        self.story.deleted(device).map_or(Ok(()), |_| Err("object-not-found"))
    }

    async fn delete(&mut self, device: usize) -> (Told, Told) {
        let object = self.given.devices[device].0;
        let said = self.directory.delete_device(object, &self.tenant.settings, self.now()).await;
        let told = self.present(device);
        if told.is_ok() {
            self.story.happen(What::Deleted(device));
        }
        (said.unwrap().map(drop).map_err(QueryRefusal::reason), told)
    }

    async fn leave(&mut self, device: usize, shown: Option<usize>) -> (Told, Told) {
        let (_, id, _) = self.given.devices[device];
        let (shown_key, shown_id) = match shown {
            Some(shown) => (self.given.devices[shown].2.clone(), Some(self.given.devices[shown].1)),
            None => (key(usize::MAX), None),
        };
        let said = self.directory.leave(&self.tenant, id, shown_key, shown_id, self.now()).await;
        let told = if shown.is_some_and(|shown| shown != device) {
            Err("certificate-of-another-device")
        } else if shown.is_none() || self.story.deleted(device).is_some() {
            Err("certificate-unknown")
        } else {
            Ok(())
        };
        if told.is_ok() {
            self.story.happen(What::Deleted(device));
        }
        (said.unwrap().map(drop).map_err(JoinRefusal::reason), told)
    }

    /// A sign-in or the use of a grant; what it gives is kept.
    async fn enter(&mut self, user: UserEvidence, device: DeviceEvidence, held: Held) -> Told {
        let sign_in = SignIn {
            user,
            device,
            once: Vec::new(),
            now: self.now(),
            purpose: Purpose::PrimaryRefreshToken,
        };
        let said = self.directory.sign_in(&self.tenant, Vec::new(), sign_in).await.unwrap();
        if let Ok(session) = &said {
            let (user, epoch) = (session.user.id, session.user.epoch);
            let user = UserEvidence::Grant { user, epoch, kind: GrantKind::Token, bound: None };
            let device = session.device.as_ref().map_or(DeviceEvidence::None, |device| {
                DeviceEvidence::Grant { device: device.device_id(), epoch: device.standing().epoch }
            });
            self.given.grants.push((user, device));
            self.story.grants.push(held);
            self.story.tokens.push(held);
        }
        said.map(drop).map_err(|denied| denied.refusal.reason())
    }

    async fn apply(&mut self, op: &Op) -> (Told, Told) {
        let nothing = (Ok(()), Ok(()));
        match op {
            Op::Join { who, register } => self.join(*who, *register).await,
            Op::Disable(which) | Op::Enable(which) => match self.device(*which) {
                Some(device) => self.edit(device, matches!(op, Op::Enable(_))).await,
                None => nothing,
            },
            Op::Delete(which) => match self.device(*which) {
                Some(device) => self.delete(device).await,
                None => nothing,
            },
            Op::Leave(which, shown) => match (self.device(*which), self.device(*shown)) {
                (Some(device), shown) => self.leave(device, shown).await,
                (None, _) => nothing,
            },
            Op::LeaveWithNonsense(which) => match self.device(*which) {
                Some(device) => self.leave(device, None).await,
                None => nothing,
            },
            Op::Wait(ms) => {
                self.story.now += ms;
                nothing
            }
            Op::SignIn { who, on, right } => {
                let on = on.and_then(|which| self.device(which));
                let told = self.story.may_sign_in(*who, on, *right);
                let password = if *right { self.story.password(*who) } else { "wrong".to_owned() };
                let user = UserEvidence::Password { upn: self.people[*who].upn.clone(), password };
                let device = on.map_or(DeviceEvidence::None, |device| {
                    DeviceEvidence::Certificate(ShownCertificate {
                        key: self.given.devices[device].2.clone(),
                        not_before: Instant::from_millis(0),
                        not_after: Instant::from_seconds(i64::from(u32::MAX)),
                        subject: None,
                    })
                });
                let held = self.story.held(*who, on);
                (self.enter(user, device, held).await, told)
            }
            Op::Use(_) | Op::Call(_) if self.story.grants.is_empty() => nothing,
            Op::Use(which) => {
                let place = which.index(self.story.grants.len());
                let grant = self.story.grants[place];
                let told = self.story.may_use(grant);
                let (user, device) = self.given.grants[place].clone();
                let held = self.story.held(grant.who, grant.on);
                (self.enter(user, device, held).await, told)
            }
            Op::Call(which) => {
                let token = self.story.tokens[which.index(self.story.tokens.len())];
                let device = token.on.map(|device| self.given.devices[device].1);
                let who = self.people[token.who].id;
                let continuous = Evaluation::Continuous;
                let said = self.directory.check_access(who, device, continuous, self.now());
                let said = said.unwrap().map(drop).map_err(AccessRefusal::reason);
                (said, self.story.may_call(token))
            }
            Op::Forbid(who) | Op::Allow(who) => {
                let (key, allow) = (UserKey::Id(self.people[*who].id), matches!(op, Op::Allow(_)));
                let settings = &self.tenant.settings;
                let set = self.directory.set_user_enabled(key, allow, settings, self.now());
                set.await.unwrap().unwrap();
                self.story.happen(if allow { What::Allowed(*who) } else { What::Forbidden(*who) });
                nothing
            }
            Op::NewPassword(who) => {
                self.story.happen(What::NewPassword(*who));
                let key = UserKey::Id(self.people[*who].id);
                self.directory
                    .reset_password(key, self.story.password(*who))
                    .await
                    .unwrap()
                    .unwrap();
                nothing
            }
        }
    }

    /// The list of devices and the count of each user's, as the directory and as the twin have them.
    async fn lists(&self) -> (Vec<String>, Vec<String>) {
        let line = |id: DeviceId, name: &str, trust: &str, who: usize, enabled: bool| {
            format!("{id} {name} {trust} {} {enabled}", PEOPLE[who])
        };
        let page = self.directory.list_devices(DeviceQuery::default()).await.unwrap().unwrap();
        let mut said: Vec<String> = page
            .items
            .iter()
            .map(|device| {
                let who =
                    self.people.iter().position(|user| Some(user.id) == device.owner).unwrap();
                line(
                    device.device_id,
                    &device.display_name,
                    device.trust.word(),
                    who,
                    device.enabled(),
                )
            })
            .collect();
        let mut told: Vec<String> = (0..self.story.devices.len())
            .filter(|device| self.story.deleted(*device).is_none())
            .map(|device| {
                let (who, register) = self.story.devices[device];
                let trust = if register { "Workplace" } else { "AzureAd" };
                let enabled = self.story.disabled(device, self.story.events.len()).is_none();
                line(self.given.devices[device].1, &format!("PC-{device}"), trust, who, enabled)
            })
            .collect();
        said.sort();
        told.sort();
        said.push(format!("{} devices", self.directory.device_count().unwrap()));
        told.push(format!("{} devices", told.len()));
        for (who, user) in self.people.iter().enumerate() {
            let now = self.directory.user(&UserKey::Id(user.id)).unwrap().unwrap();
            said.push(format!("{} owns {}", user.upn, now.devices));
            told.push(format!("{} owns {}", user.upn, self.story.owned(who)));
        }
        (said, told)
    }
}

fn compare(delays: Delays, ops: &[Op], folder: Option<&Path>) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut run = Run::new(delays, folder).await;
        for (number, op) in ops.iter().enumerate() {
            let (said, told) = run.apply(op).await;
            prop_assert_eq!(said, told, "step {} {:?}", number, op);
            let (said, told) = run.lists().await;
            prop_assert_eq!(said, told, "after step {} {:?}", number, op);
        }
        Ok(())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn the_directory_in_memory_and_its_twin_agree(delays in delays(), ops in prop::collection::vec(op(), 1..40)) {
        compare(delays, &ops, None)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_directory_in_a_folder_and_its_twin_agree(delays in delays(), ops in prop::collection::vec(op(), 1..40)) {
        let folder = tempfile::tempdir().unwrap();
        compare(delays, &ops, Some(folder.path()))?;
    }
}
