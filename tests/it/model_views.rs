//! Every act on a record, done by emulated machines, a synchronisation and four kinds of administrators, and after each
//! one all projections of every record held against a naive twin: Microsoft Graph, Azure AD Graph, `Get-MsolDevice` and the
//! portal; and what policies make of it.

use linarite_server::control::admin::{Admin, SyncedComputer};
use linarite_windows::msol::{Cmdlet, Credential, run};
use linarite_windows::{Machine, MachineSpec, Os, Register};
use proptest::prelude::*;
use proptest::sample::Index;
use reqwest::Method;
use serde_json::{Value, json};

use crate::ledger::{
    Person, Record, Way, aad_graph_line, graph_line, msol_lines, portal_facts, portal_lines,
};
use crate::support::{
    ALICE, Answer, BOB, FILES, GRAPH, LOGIN, Town, aadsts, contoso, form, join, read,
};

const PEOPLE: [Person; 2] = [
    Person { upn: "alice@contoso.test", name: "Alice Archer" },
    Person { upn: "bob@contoso.test", name: "Bob Baker" },
];
const CREDENTIALS: [(&str, &str); 2] = [ALICE, BOB];
const AAD_GRAPH: &str = "https://graph.windows.net";
const PORTAL: &str = "https://portal.azure.com";

/// The machines: two of nobody's domain, one of a domain, and an older one of a domain.
const DOMAIN: usize = 2;
const OLD: usize = 3;
const VERSIONS: [&str; 4] = ["10.0.19045.5011", "10.0.22631.4460", "10.0.19045.5011", "6.3.9600.0"];
/// What a synchronisation says of Windows 10, until the computer itself says more.
const SYNCED: &str = "10.0.19045.2006";

#[derive(Clone, Copy, Debug)]
enum By {
    Graph,
    AadGraph,
    Msol,
    Portal,
    Control,
}

/// What an administrator does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Enable,
    Disable,
    Delete,
}

#[derive(Clone, Debug)]
enum Op {
    /// Join type 0.
    Join {
        machine: usize,
        who: usize,
    },
    /// Join type 4.
    Register {
        machine: usize,
        who: usize,
    },
    /// Join type 6: the scheduled task.
    Automatic,
    Synchronise,
    /// Workplace Join of the older computer, for one user.
    Enrol(usize),
    /// The older computer forgets it, and tells nobody.
    Forget(usize),
    Leave(usize),
    Wipe(usize),
    Admin(Act, By, Index),
    Rename(Index, &'static str),
    Manage(Index, bool, bool),
    Policy(&'static str),
    /// A browser with the machine's primary refresh token goes to Files.
    Reach(usize),
    Wait(i64),
}

fn op() -> impl Strategy<Value = Op> {
    let by = prop::sample::select(vec![By::Graph, By::AadGraph, By::Msol, By::Portal, By::Control]);
    let act = prop::sample::select(vec![Act::Enable, Act::Disable, Act::Disable, Act::Delete]);
    let names = prop::sample::select(vec!["Reception", "<b>PC</b> & \"co\"", "PC-0"]);
    let grants =
        prop::sample::select(vec!["off", "block", "compliant", "hybrid", "registered-device"]);
    // Less than a fortnight together, after which an activity would be noted anew.
    let waits = prop::sample::select(vec![1_i64, 61, 1800, 3600, 13 * 3600]);
    prop_oneof![
        3 => (0..2_usize, 0..2_usize).prop_map(|(machine, who)| Op::Join { machine, who }),
        2 => (0..2_usize, 0..2_usize).prop_map(|(machine, who)| Op::Register { machine, who }),
        3 => Just(Op::Automatic),
        3 => Just(Op::Synchronise),
        2 => (0..2_usize).prop_map(Op::Enrol),
        1 => (0..2_usize).prop_map(Op::Forget),
        2 => (0..3_usize).prop_map(Op::Leave),
        1 => (0..3_usize).prop_map(Op::Wipe),
        6 => (act, by, any::<Index>()).prop_map(|(act, by, which)| Op::Admin(act, by, which)),
        1 => (any::<Index>(), names).prop_map(|(which, name)| Op::Rename(which, name)),
        2 => any::<(Index, bool, bool)>().prop_map(|(which, m, c)| Op::Manage(which, m, c)),
        2 => grants.prop_map(Op::Policy),
        3 => (0..3_usize).prop_map(Op::Reach),
        2 => waits.prop_map(Op::Wait),
    ]
}

struct Run {
    town: Town,
    machines: Vec<Machine>,
    ledger: Vec<Record>,
    now: i64,
    policy: &'static str,
    cookie: String,
    /// Whom the older computer is registered for.
    enrolled: [bool; 2],
    registrations: usize,
}

fn machines() -> Vec<Machine> {
    let spec = |number: usize, os, domain: Option<&str>| MachineSpec {
        key: format!("pc{number}"),
        name: format!("PC-{number}"),
        os,
        domain: domain.map(str::to_owned),
        ..MachineSpec::default()
    };
    let of_domain = Some("contoso.test");
    [
        (Os::Windows10, None),
        (Os::Windows11, None),
        (Os::Windows10, of_domain),
        (Os::Windows81, of_domain),
    ]
    .into_iter()
    .enumerate()
    .map(|(number, (os, domain))| Machine::new(spec(number, os, domain)))
    .collect()
}

/// The registrations that a machine holds: device id and thumbprint.
fn held(machine: &Machine) -> Vec<(String, String)> {
    fn collect(value: &Value, found: &mut Vec<(String, String)>) {
        if let (Some(id), Some(thumb)) = (value["device_id"].as_str(), value["thumbprint"].as_str())
        {
            found.push((id.to_owned(), thumb.to_owned()));
        }
        let members = value.as_object().into_iter().flat_map(|object| object.values());
        let items = value.as_array().into_iter().flatten();
        for inner in members.chain(items) {
            collect(inner, found);
        }
    }
    let mut found = Vec::new();
    collect(&serde_json::to_value(machine.snapshot()).unwrap(), &mut found);
    found
}

/// The cookies that an answer sets.
fn cookies(answer: &Answer) -> String {
    let lines = answer.headers.get_all("set-cookie").iter();
    let pairs = lines.filter_map(|line| line.to_str().unwrap().split(';').next());
    pairs.filter(|pair| !pair.ends_with('=')).collect::<Vec<_>>().join("; ")
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> &'t str {
    let rest = text.split_once(start).unwrap_or_else(|| panic!("no {start} in {text}")).1;
    rest.split(end).next().unwrap()
}

impl Run {
    async fn new() -> Self {
        let mut document = contoso();
        document["devices"] = json!({});
        Self {
            town: Town::of(document).await,
            machines: machines(),
            ledger: Vec::new(),
            now: 0,
            policy: "off",
            cookie: String::new(),
            enrolled: [false; 2],
            registrations: 0,
        }
    }

    /// The record that the machine has just got.
    fn made(&mut self, machine: usize, way: Way, who: Option<usize>) {
        let known = |id: &str| self.ledger.iter().any(|record| record.device_id == id);
        let new = held(&self.machines[machine]).into_iter().find(|(id, _)| !known(id));
        let (device_id, thumbprint) = new.unwrap();
        let name = self.machines[machine].name().to_owned();
        self.ledger.push(Record {
            way,
            device_id,
            object_id: String::new(),
            name: if way == Way::DownLevel { format!("{name}.contoso.test") } else { name },
            version: VERSIONS[machine],
            who,
            enabled: true,
            managed: None,
            compliant: None,
            created: self.now,
            registered: Some(self.now),
            active: Some(self.now),
            thumbprint,
            in_domain: None,
            gone: false,
        });
    }

    fn present(&self) -> impl Iterator<Item = &Record> {
        self.ledger.iter().filter(|record| !record.gone)
    }

    /// The place of a present record, drawn.
    fn pick(&self, which: Index) -> Option<usize> {
        let places: Vec<usize> =
            (0..self.ledger.len()).filter(|&at| !self.ledger[at].gone).collect();
        (!places.is_empty()).then(|| places[which.index(places.len())])
    }

    /// The place of the present record with this device id.
    fn place(&self, id: &str) -> Option<usize> {
        self.ledger.iter().position(|record| !record.gone && record.device_id == id)
    }

    async fn automatic(&mut self) {
        if self.machines[DOMAIN].device_id().is_some() {
            return;
        }
        let outcome = self.machines[DOMAIN].automatic_join(&self.town.wire).await;
        let computer = self.machines[DOMAIN].computer_object().unwrap();
        let place = self.place(&computer.object_guid);
        let fits = place.is_some_and(|place| {
            self.ledger[place].in_domain.as_ref() == Some(&computer.certificate_der)
        });
        assert_eq!(outcome.exit == 0, fits, "{}", outcome.output);
        let (Some(place), true) = (place, fits) else { return };
        let thumbprint = held(&self.machines[DOMAIN])[0].1.clone();
        let (now, name) = (self.now, self.machines[DOMAIN].name().to_owned());
        let record = &mut self.ledger[place];
        record.thumbprint = thumbprint;
        record.registered = record.registered.or(Some(now));
        record.active = Some(now);
        record.version = VERSIONS[DOMAIN];
        record.name = name;
    }

    async fn synchronise(&mut self) {
        let Some(computer) = self.machines[DOMAIN].computer_object() else { return };
        let synced = SyncedComputer {
            name: computer.name.clone(),
            os: "windows-10".to_owned(),
            object_guid: computer.object_guid.clone(),
            sid: computer.sid,
            certificate: computer.certificate_der.clone(),
        };
        Admin::new(self.town.world(), "dirsync").synchronise(synced).await.unwrap();
        if let Some(place) = self.place(&computer.object_guid) {
            let record = &mut self.ledger[place];
            record.enabled = true;
            record.name = computer.name;
            record.in_domain = Some(computer.certificate_der);
        } else {
            self.ledger.push(Record {
                way: Way::Hybrid,
                device_id: computer.object_guid,
                object_id: String::new(),
                name: computer.name,
                version: SYNCED,
                who: None,
                enabled: true,
                managed: None,
                compliant: None,
                created: self.now,
                registered: None,
                active: None,
                thumbprint: String::new(),
                in_domain: Some(computer.certificate_der),
                gone: false,
            });
        }
    }

    async fn leave(&mut self, at: usize) {
        let Some(id) = self.machines[at].device_id().map(str::to_owned) else { return };
        let thumbprint =
            held(&self.machines[at]).into_iter().find(|(own, _)| *own == id).unwrap().1;
        let outcome = self.machines[at].leave(&self.town.wire).await;
        // A record that came back by synchronisation does not know this certificate.
        let place = self.place(&id).filter(|&place| self.ledger[place].thumbprint == thumbprint);
        assert_eq!(outcome.error.is_none(), place.is_some(), "{}", outcome.output);
        if let Some(place) = place {
            self.ledger[place].gone = true;
        }
    }

    async fn administer(&mut self, act: Act, by: By, place: usize) {
        let Record { device_id, object_id, .. } = self.ledger[place].clone();
        let body = format!("{{\"accountEnabled\":{}}}", act == Act::Enable);
        let (method, body) =
            if act == Act::Delete { (Method::DELETE, "") } else { (Method::PATCH, &*body) };
        match by {
            By::Graph => {
                let token = self.town.token_of(ALICE, GRAPH).await;
                let url = format!("{GRAPH}/v1.0/devices/{object_id}");
                assert_eq!(self.town.send(method, &url, Some(&token), body).await.status, 204);
            }
            By::AadGraph => {
                let token = self.town.token_of(ALICE, AAD_GRAPH).await;
                let url = format!("{AAD_GRAPH}/contoso.test/devices/{object_id}?api-version=1.6");
                assert_eq!(self.town.send(method, &url, Some(&token), body).await.status, 204);
            }
            By::Msol => {
                let cmdlet = match act {
                    Act::Enable => Cmdlet::Enable,
                    Act::Disable => Cmdlet::Disable,
                    Act::Delete => Cmdlet::Remove,
                };
                self.msol(cmdlet, &["-DeviceId", &device_id, "-Force"]).await;
            }
            By::Portal => {
                let page = self.portal(&format!("/devices/{object_id}")).await;
                let token = between(&page, "name=\"token\" value=\"", "\"").to_owned();
                let (word, sure) = match act {
                    Act::Enable => ("enable", ""),
                    Act::Disable => ("disable", ""),
                    Act::Delete => ("delete", "yes"),
                };
                let request = self
                    .town
                    .http
                    .post(format!("{PORTAL}/devices/{object_id}/{word}"))
                    .header("cookie", &self.cookie)
                    .header("origin", PORTAL)
                    .body(form(&[("token", &token), ("sure", sure)]));
                assert_eq!(read(request).await.status, 303);
            }
            By::Control => {
                let admin = Admin::new(self.town.world(), "test");
                match act {
                    Act::Enable => drop(admin.enable_device(&device_id).await.unwrap()),
                    Act::Disable => drop(admin.disable_device(&device_id).await.unwrap()),
                    Act::Delete => drop(admin.delete_device(&device_id).await.unwrap()),
                }
            }
        }
        let record = &mut self.ledger[place];
        match act {
            Act::Enable => record.enabled = true,
            Act::Disable => record.enabled = false,
            Act::Delete => record.gone = true,
        }
    }

    async fn msol(&self, cmdlet: Cmdlet, words: &[&str]) -> String {
        let credential = Credential { upn: ALICE.0.to_owned(), password: ALICE.1.to_owned() };
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        let outcome = run(&self.town.wire, &credential, cmdlet, &words).await;
        assert_eq!(outcome.exit, 0, "{}", outcome.output);
        outcome.output
    }

    /// A page of the portal, which alice signs in to when it asks.
    async fn portal(&mut self, path: &str) -> String {
        let fetch = |cookie: &str| {
            let request = self.town.http.get(format!("{PORTAL}{path}"));
            read(if cookie.is_empty() { request } else { request.header("cookie", cookie) })
        };
        let mut answer = fetch(&self.cookie).await;
        if answer.status == 302 {
            let pending = cookies(&answer);
            let page = self.town.get(answer.header("location"), None).await.text;
            let context = between(&page, "\"sFT\":\"", "\"");
            let fields = [("ctx", context), ("login", ALICE.0), ("passwd", ALICE.1)];
            let page =
                self.town.post_form(&format!("{LOGIN}/organizations/login"), &fields).await.text;
            let token = between(&page, "name=\"id_token\" value=\"", "\"");
            let request = self
                .town
                .http
                .post(format!("{PORTAL}/signin/index/"))
                .header("cookie", pending)
                .body(form(&[("id_token", token)]));
            self.cookie = cookies(&read(request).await);
            answer = fetch(&self.cookie).await;
        }
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.text
    }

    /// What sign-in says of a device of this record, or of none, by the one policy that there is.
    fn judged(&self, place: Option<usize>, who: usize) -> u64 {
        let record = place.map(|place| &self.ledger[place]);
        let device = record.filter(|record| record.registered.is_some());
        let owned = self.present().filter(|record| record.who == Some(who)).count();
        match (self.policy, device) {
            ("block", _) => 53003,
            ("compliant", device) if device.and_then(|d| d.compliant) != Some(true) => 53000,
            ("hybrid", device) if device.is_none_or(|d| d.way != Way::Hybrid) => 53001,
            ("registered-device", None) if owned > 0 => 50097,
            ("registered-device", None) => 50129,
            _ => 0,
        }
    }

    async fn reach(&mut self, at: usize) {
        let Some(id) = self.machines[at].device_id().map(str::to_owned) else { return };
        let thumbprint =
            held(&self.machines[at]).into_iter().find(|(own, _)| *own == id).unwrap().1;
        let place = self.place(&id).filter(|&place| {
            self.ledger[place].enabled && self.ledger[place].thumbprint == thumbprint
        });
        let Some(place) = place else { return };
        let who = self.ledger[place].who.unwrap_or(1);
        let (upn, password) = CREDENTIALS[who];
        let signed_in = self.machines[at].sign_in(&self.town.wire, None, upn, password).await;
        assert_eq!(aadsts(&signed_in), 0, "{}", signed_in.output);
        let outcome = self.town.prt_token(&mut self.machines[at]).await;
        assert_eq!(
            u64::from(aadsts(&outcome)),
            self.judged(Some(place), who),
            "{}",
            outcome.output
        );
    }

    async fn set_policy(&mut self, grant: &'static str) {
        let admin = Admin::new(self.town.world(), "test");
        let state = if grant == "off" { "off" } else { "on" };
        let control = if grant == "off" { "block" } else { grant };
        let policy =
            json!({ "id": "the one", "state": state, "apps": ["files"], "grant": [control] });
        admin.set_policy(&serde_json::from_value(policy).unwrap()).await.unwrap();
        self.policy = grant;
    }

    async fn apply(&mut self, op: &Op) {
        let wire = self.town.wire.clone();
        match op {
            Op::Join { machine, who } => {
                if self.machines[*machine].device_id().is_none() {
                    let outcome =
                        join(&mut self.machines[*machine], &wire, CREDENTIALS[*who]).await;
                    assert_eq!(outcome.exit, 0, "{}", outcome.output);
                    self.made(*machine, Way::Joined, Some(*who));
                }
            }
            Op::Register { machine, who } => {
                self.registrations += 1;
                let request = Register {
                    windows_user: Some(format!("user{}", self.registrations)),
                    upn: CREDENTIALS[*who].0.to_owned(),
                    password: CREDENTIALS[*who].1.to_owned(),
                    ..Register::default()
                };
                let outcome = self.machines[*machine].register(&wire, &request).await;
                assert_eq!(outcome.exit, 0, "{}", outcome.output);
                self.made(*machine, Way::Registered, Some(*who));
            }
            Op::Automatic => self.automatic().await,
            Op::Synchronise => self.synchronise().await,
            Op::Enrol(who) => {
                let (upn, password) = CREDENTIALS[*who];
                self.machines[OLD].sign_in(&wire, None, upn, password).await;
                if !self.enrolled[*who] {
                    self.made(OLD, Way::DownLevel, Some(*who));
                    self.enrolled[*who] = true;
                }
            }
            Op::Forget(who) => {
                let upn = CREDENTIALS[*who].0;
                self.machines[OLD].autoworkplace(&wire, "/l", Some(upn), None).await;
                self.enrolled[*who] = false;
            }
            Op::Leave(at) => self.leave(*at).await,
            Op::Wipe(at) => drop(self.machines[*at].wipe(&wire, true)),
            Op::Admin(act, by, which) => {
                if let Some(place) = self.pick(*which) {
                    self.administer(*act, *by, place).await;
                }
            }
            Op::Rename(which, name) => {
                if let Some(place) = self.pick(*which) {
                    let id = self.ledger[place].device_id.clone();
                    Admin::new(self.town.world(), "test").rename_device(&id, name).await.unwrap();
                    (*name).clone_into(&mut self.ledger[place].name);
                }
            }
            Op::Manage(which, managed, compliant) => {
                if let Some(place) = self.pick(*which) {
                    let id = self.ledger[place].device_id.clone();
                    let admin = Admin::new(self.town.world(), "test");
                    admin.manage_device(&id, Some(*managed), Some(*compliant)).await.unwrap();
                    self.ledger[place].managed = Some(*managed);
                    self.ledger[place].compliant = Some(*compliant);
                }
            }
            Op::Policy(grant) => self.set_policy(grant).await,
            Op::Reach(at) => self.reach(*at).await,
            Op::Wait(seconds) => {
                self.now += seconds;
                self.town.advance(*seconds);
            }
        }
    }

    /// Takes the object ids that Graph shows for records that are new; those that are known have to stay.
    fn learn(&mut self, devices: &[Value]) {
        for device in devices {
            let id = device["deviceId"].as_str().unwrap();
            let object = device["id"].as_str().unwrap();
            let Some(place) = self.place(id) else { continue };
            if self.ledger[place].object_id.is_empty() {
                assert!(self.ledger.iter().all(|record| record.object_id != object), "{object}");
                object.clone_into(&mut self.ledger[place].object_id);
            }
        }
    }

    /// What each projection shows, and what the twin tells of it, one after the other.
    async fn projections(&mut self, turn: usize) -> Vec<(&'static str, Vec<String>, Vec<String>)> {
        let people = &PEOPLE[..];
        let token = self.town.token_of(ALICE, GRAPH).await;
        let url = format!("{GRAPH}/v1.0/devices?$top=999");
        let graph = self.town.get(&url, Some(&token)).await.json();
        let graph = graph["value"].as_array().unwrap().clone();
        self.learn(&graph);

        let token = self.town.token_of(ALICE, AAD_GRAPH).await;
        let url = format!(
            "{AAD_GRAPH}/contoso.test/devices?$top=500&$expand=registeredOwners&api-version=1.6"
        );
        let aad_graph = self.town.get(&url, Some(&token)).await.json();
        let aad_graph = aad_graph["value"].as_array().unwrap().clone();
        let printed = self.msol(Cmdlet::Get, &["-All", "-ReturnRegisteredOwners"]).await;

        let all = |tell: &dyn Fn(&Record) -> String| self.present().map(tell).collect::<Vec<_>>();
        let mut views = vec![
            ("Graph", graph.iter().map(graph_line).collect(), all(&Record::in_graph)),
            (
                "Azure AD Graph",
                aad_graph.iter().map(aad_graph_line).collect(),
                all(&|r| r.in_aad_graph(people)),
            ),
            ("Get-MsolDevice", msol_lines(&printed), all(&|r| r.in_msol(people))),
        ];
        let portal = all(&|r| r.in_portal(people));
        let who = turn % people.len();
        let own = self.present().filter(|record| record.who == Some(who));
        let own = own.map(|record| record.in_portal(people)).collect();
        let one = self.present().nth(turn % portal.len().max(1));
        let one = one.map(|record| (record.object_id.clone(), record.on_its_page(people)));

        views.push(("all devices", portal_lines(&self.portal("/devices").await), portal));
        let info = self.portal(&format!("/users/{}", people[who].upn)).await;
        views.push(("USER info", portal_lines(&info), own));
        if let Some((object, told)) = one {
            let page = self.portal(&format!("/devices/{object}")).await;
            views.push(("device page", vec![portal_facts(&page)], vec![told]));
        }
        for (_, said, told) in &mut views {
            said.sort();
            told.sort();
        }
        views
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, max_shrink_iters: 60, ..ProptestConfig::default() })]

    #[test]
    fn every_projection_of_every_record_and_the_twin_agree(ops in prop::collection::vec(op(), 4..24)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut run = Run::new().await;
            let begin = [
                Op::Join { machine: 0, who: 1 },
                Op::Automatic,
                Op::Synchronise,
                Op::Automatic,
                Op::Enrol(1),
            ];
            for (number, op) in begin.iter().chain(&ops).enumerate() {
                run.apply(op).await;
                for (view, said, told) in run.projections(number).await {
                    prop_assert_eq!(said, told, "{} after step {} {:?}", view, number, op);
                }
                let answer = run.town.password(BOB, FILES).await;
                let said = if answer.status == 200 { 0 } else { answer.aadsts().1 };
                prop_assert_eq!(said, run.judged(None, 1), "policy after step {} {:?}", number, op);
            }
            Ok(())
        })?;
    }
}
