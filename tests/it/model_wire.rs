//! The services against the same naive twin, over the real wire: emulated machines join and sign in, an administrator works
//! through Graph, resources are called.

use linarite_windows::{Machine, Register};
use proptest::prelude::*;
use proptest::sample::Index;
use reqwest::Method;
use serde_json::{Value, json};

use crate::story::{Delays, HOUR, Held, QUOTA, Story, Told, What, delays};
use crate::support::{
    ALICE, BOB, FILES, GRAPH, Town, aadsts, access_token, contoso, join, machine,
};

const PEOPLE: [(&str, &str); 2] = [ALICE, BOB];
const MACHINES: usize = 3;
/// Longer than any delay of a revocation, so that most refusals are not the end of the token.
const LIFETIME: i64 = 2 * HOUR;
const RENEWAL: i64 = 4 * HOUR;

#[derive(Clone, Debug)]
enum Op {
    Join {
        machine: usize,
        who: usize,
    },
    Register {
        machine: usize,
        who: usize,
    },
    Leave(usize),
    Disable(Index),
    Enable(Index),
    Delete(Index),
    Wait(i64),
    /// At the lock screen: asks for a primary refresh token.
    SignIn(usize),
    /// The primary refresh token is used.
    Token(usize),
    /// A refresh token is redeemed.
    Refresh(Index),
    /// An access token is shown to Files.
    Call(Index),
}

fn op() -> impl Strategy<Value = Op> {
    let waits = prop::sample::select(vec![
        0,
        1000,
        HOUR / 2 - 1000,
        HOUR / 2,
        HOUR - 1000,
        HOUR,
        HOUR + 1000,
        2 * HOUR - 1000,
        2 * HOUR,
    ]);
    prop_oneof![
        3 => (0..MACHINES, 0..2_usize).prop_map(|(machine, who)| Op::Join { machine, who }),
        1 => (0..MACHINES, 0..2_usize).prop_map(|(machine, who)| Op::Register { machine, who }),
        1 => (0..MACHINES).prop_map(Op::Leave),
        3 => any::<Index>().prop_map(Op::Disable),
        3 => any::<Index>().prop_map(Op::Enable),
        1 => any::<Index>().prop_map(Op::Delete),
        6 => waits.prop_map(Op::Wait),
        2 => (0..MACHINES).prop_map(Op::SignIn),
        5 => (0..MACHINES).prop_map(Op::Token),
        3 => any::<Index>().prop_map(Op::Refresh),
        8 => any::<Index>().prop_map(Op::Call),
    ]
}

/// The join of a machine: whose it is, which record, and its primary refresh token with its age.
#[derive(Clone, Copy)]
struct Session {
    who: usize,
    device: usize,
    prt: Option<(Held, i64)>,
}

struct Run {
    town: Town,
    machines: Vec<Machine>,
    sessions: [Option<Session>; MACHINES],
    story: Story,
    /// Device ids, in the order of the twin's devices, and their names.
    ids: Vec<(String, String)>,
    refresh: Vec<String>,
    access: Vec<(String, i64)>,
}

/// The word of the twin's refusal for a number of the token service.
fn word(number: u32) -> Told {
    match number {
        0 => Ok(()),
        135_011 => Err("device-disabled"),
        700_003 => Err("device-deleted"),
        50_173 => Err("device-grant-revoked"),
        _ => Err("another number"),
    }
}

impl Run {
    async fn new(delays: Delays) -> Self {
        let mut document = contoso();
        document["devices"] = json!({});
        document["tenant"]["device_quota"] = json!(QUOTA);
        let ms = |ms: i64| format!("{}s", ms / 1000);
        document["settings"] = json!({
            "access_token_lifetime": ms(LIFETIME),
            "revoke": {
                "tokens": ms(delays[0]),
                "resources": ms(delays[1]),
                "deleted": { "tokens": ms(delays[2]), "resources": ms(delays[3]) },
            },
        });
        Self {
            town: Town::of(document).await,
            machines: (0..MACHINES).map(|number| machine(&format!("pc{number}"))).collect(),
            sessions: [None; MACHINES],
            story: Story { delays, ..Story::default() },
            ids: Vec::new(),
            refresh: Vec::new(),
            access: Vec::new(),
        }
    }

    fn made(&mut self, id: String, machine: usize, who: usize, register: bool) -> usize {
        self.ids.push((id, format!("PC{machine}")));
        self.story.devices.push((who, register));
        self.ids.len() - 1
    }

    async fn join(&mut self, at: usize, who: usize) -> (Told, Told) {
        let outcome = join(&mut self.machines[at], &self.town.wire, PEOPLE[who]).await;
        let told = self.story.may_join(who);
        if told.is_ok() && outcome.exit == 0 {
            let id = self.machines[at].device_id().unwrap().to_owned();
            let device = self.made(id, at, who, false);
            let prt = Some((self.story.held(who, Some(device)), self.story.now));
            self.sessions[at] = Some(Session { who, device, prt });
        }
        (registration(&outcome), told)
    }

    async fn register(&mut self, at: usize, who: usize) -> (Told, Told) {
        let request = Register {
            windows_user: Some(format!("user{}", self.ids.len())),
            upn: PEOPLE[who].0.to_owned(),
            password: PEOPLE[who].1.to_owned(),
            ..Register::default()
        };
        let outcome = self.machines[at].register(&self.town.wire, &request).await;
        let told = self.story.may_join(who);
        if told.is_ok() && outcome.exit == 0 {
            let id = outcome.output.rsplit(" : ").next().unwrap().trim().to_owned();
            self.made(id, at, who, true);
        }
        (registration(&outcome), told)
    }

    async fn leave(&mut self, at: usize, session: Session) -> (Told, Told) {
        let outcome = self.machines[at].leave(&self.town.wire).await;
        self.sessions[at] = None;
        let told = self.story.deleted(session.device).map_or(Ok(()), |_| Err("refused"));
        if told.is_ok() {
            self.story.happen(What::Deleted(session.device));
        }
        (outcome.error.map_or(Ok(()), |_| Err("refused")), told)
    }

    /// An administrator works on a record through Graph.
    async fn admin(&mut self, op: &Op, which: Index) -> (Told, Told) {
        if self.ids.is_empty() {
            return (Ok(()), Ok(()));
        }
        let device = which.index(self.ids.len());
        let token = self.town.token_of(ALICE, GRAPH).await;
        let url = format!("{GRAPH}/v1.0/devices(deviceId='{}')", self.ids[device].0);
        let (method, body, what) = match op {
            Op::Disable(_) => (Method::PATCH, "{\"accountEnabled\":false}", What::Disabled(device)),
            Op::Enable(_) => (Method::PATCH, "{\"accountEnabled\":true}", What::Enabled(device)),
            _ => (Method::DELETE, "", What::Deleted(device)),
        };
        let answer = self.town.send(method, &url, Some(&token), body).await;
        let told = self.story.deleted(device).map_or(Ok(()), |_| Err("not found"));
        if told.is_ok() {
            self.story.happen(what);
        }
        let said = match answer.status {
            204 => Ok(()),
            404 => Err("not found"),
            _ => Err("another status"),
        };
        (said, told)
    }

    async fn sign_in(&mut self, at: usize, session: Session) -> (Told, Told) {
        let (upn, password) = PEOPLE[session.who];
        let outcome = self.machines[at].sign_in(&self.town.wire, None, upn, password).await;
        let told = self.story.may_sign_in(session.who, Some(session.device), true);
        if told.is_ok() {
            let prt = Some((self.story.held(session.who, Some(session.device)), self.story.now));
            self.sessions[at] = Some(Session { prt, ..session });
        }
        (word(aadsts(&outcome)), told)
    }

    async fn token(&mut self, at: usize, session: Session) -> (Told, Told) {
        let Some((grant, made)) = session.prt else { return (Ok(()), Ok(())) };
        let outcome = self.town.prt_token(&mut self.machines[at]).await;
        let told = self.story.may_use(grant);
        if told.is_ok() && outcome.exit == 0 {
            let held = self.story.held(session.who, Some(session.device));
            if self.story.now - made >= RENEWAL {
                self.sessions[at] = Some(Session { prt: Some((held, self.story.now)), ..session });
            }
            let refresh = outcome.tokens.as_ref().and_then(|tokens| tokens.refresh_token.clone());
            self.got(held, access_token(&outcome), refresh.unwrap());
        }
        (word(aadsts(&outcome)), told)
    }

    fn got(&mut self, held: Held, access: String, refresh: String) {
        self.story.grants.push(held);
        self.story.tokens.push(held);
        self.refresh.push(refresh);
        self.access.push((access, self.story.now));
    }

    async fn refresh(&mut self, which: Index) -> (Told, Told) {
        let place = which.index(self.refresh.len());
        let answer = self
            .town
            .grant(&[
                ("grant_type", "refresh_token"),
                ("client_id", linarite_windows::client_id("office")),
                ("refresh_token", &self.refresh[place]),
                ("resource", FILES),
            ])
            .await;
        let grant = self.story.grants[place];
        let told = self.story.may_use(grant);
        if answer.status != 200 {
            return (word(u32::try_from(answer.aadsts().1).unwrap()), told);
        }
        let json = answer.json();
        let text = |name: &str| json[name].as_str().unwrap().to_owned();
        let held = self.story.held(grant.who, grant.on);
        self.got(held, text("access_token"), text("refresh_token"));
        (Ok(()), told)
    }

    /// Shows a token to Files; the reason of a refusal comes from the journal.
    async fn call(&self, which: Index) -> (Result<(), String>, Told) {
        let place = which.index(self.access.len());
        let (token, made) = &self.access[place];
        let since = self.town.world().journal.last();
        let answer = self.town.get(&format!("{FILES}/me"), Some(token)).await;
        let over = made + LIFETIME <= self.story.now;
        let told =
            if over { Err("token-expired") } else { self.story.may_call(self.story.tokens[place]) };
        let said = match (answer.status, self.town.reasons(since, "access.denied").as_slice()) {
            (200, []) => Ok(()),
            (401, [reason]) => Err(reason.clone()),
            other => Err(format!("{other:?}")),
        };
        (said, told)
    }

    async fn apply(&mut self, op: &Op) -> (Result<(), String>, Told) {
        let nothing = (Ok(()), Ok(()));
        let session = |run: &Self, at: &usize| run.sessions[*at];
        let (said, told) = match op {
            Op::Join { machine, who } if session(self, machine).is_none() => {
                self.join(*machine, *who).await
            }
            Op::Join { .. } => nothing,
            Op::Register { machine, who } => self.register(*machine, *who).await,
            Op::Leave(at) => match session(self, at) {
                Some(session) => self.leave(*at, session).await,
                None => nothing,
            },
            Op::Disable(which) | Op::Enable(which) | Op::Delete(which) => {
                self.admin(op, *which).await
            }
            Op::Wait(ms) => {
                self.story.now += ms;
                self.town.advance(ms / 1000);
                nothing
            }
            Op::SignIn(at) => match session(self, at) {
                Some(session) => self.sign_in(*at, session).await,
                None => nothing,
            },
            Op::Token(at) => match session(self, at) {
                Some(session) => self.token(*at, session).await,
                None => nothing,
            },
            Op::Refresh(_) | Op::Call(_) if self.access.is_empty() => nothing,
            Op::Refresh(which) => self.refresh(*which).await,
            Op::Call(which) => return self.call(*which).await,
        };
        (said.map_err(str::to_owned), told)
    }

    /// The list of devices as Graph shows it, and as the twin tells it.
    async fn lists(&self) -> (Vec<String>, Vec<String>) {
        let line = |id: &str, name: &str, trust: &str, enabled: bool| {
            format!("{id} {name} {trust} {enabled}")
        };
        let token = self.town.token_of(ALICE, GRAPH).await;
        let answer =
            self.town.get(&format!("{GRAPH}/v1.0/devices?$top=999"), Some(&token)).await.json();
        let text = |device: &Value, name: &str| device[name].as_str().unwrap().to_owned();
        let mut said: Vec<String> = answer["value"]
            .as_array()
            .unwrap()
            .iter()
            .map(|device| {
                let enabled = device["accountEnabled"].as_bool().unwrap();
                line(
                    &text(device, "deviceId"),
                    &text(device, "displayName"),
                    &text(device, "trustType"),
                    enabled,
                )
            })
            .collect();
        let mut told: Vec<String> = (0..self.ids.len())
            .filter(|device| self.story.deleted(*device).is_none())
            .map(|device| {
                let trust = if self.story.devices[device].1 { "Workplace" } else { "AzureAd" };
                let enabled = self.story.disabled(device, self.story.events.len()).is_none();
                line(&self.ids[device].0, &self.ids[device].1, trust, enabled)
            })
            .collect();
        said.sort();
        told.sort();
        (said, told)
    }
}

/// What a join or a registration came to.
fn registration(outcome: &linarite_windows::Outcome) -> Told {
    let subcode = outcome.error.as_ref().and_then(|error| error.subcode.as_deref());
    match (outcome.exit, subcode) {
        (0, _) => Ok(()),
        (_, Some("DeviceCapReached")) => Err("device-quota-reached"),
        (_, _) => Err("another refusal"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_services_and_the_twin_agree(delays in delays(), ops in prop::collection::vec(op(), 1..32)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut run = Run::new(delays).await;
            // Every history begins with a device and a token of it, so that the rest is about something.
            let begin = [Op::Join { machine: 0, who: 0 }, Op::Token(0)];
            for (number, op) in begin.iter().chain(&ops).enumerate() {
                let (said, told) = run.apply(op).await;
                prop_assert_eq!(said, told.map_err(str::to_owned), "step {} {:?}", number, op);
                let (said, told) = run.lists().await;
                prop_assert_eq!(said, told, "after step {} {:?}", number, op);
            }
            Ok(())
        })?;
    }
}
