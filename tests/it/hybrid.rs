//! A computer of a domain and the real services: with the word of its federation server, by way of a synchronisation, and
//! by the second way when the first one fails.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use linarite_server::control::admin::{Admin, CreateDevice};
use linarite_server::directory::DeviceQuery;
use linarite_windows::{DomainPolicy, Machine, MachineSpec, Outcome};
use serde_json::{Value, json};

use crate::support::{ALICE, BOB, DRS, FILES, GRAPH, Town, access_token, contoso, held};

const DAVE: (&str, &str) = ("dave@fabrikam.test", "Correct-Horse-4");
const FABRIKAM: &str = "fabrikam.test";
/// The newer answers name the missing device in their subcode.
const RECORD_MISSING: [u32; 2] = [0x801c_03f2, 0x801c_03f3];

/// A town whose federation server has these endpoints off.
async fn without(endpoints: &[&str]) -> Town {
    let mut document = contoso();
    document["federation"] = json!({ FABRIKAM: { "disable_endpoints": endpoints } });
    Town::of(document).await
}

fn computer(domain: &str) -> Machine {
    Machine::new(MachineSpec {
        key: "pc1".to_owned(),
        name: "PC-1".to_owned(),
        domain: Some(domain.to_owned()),
        ..MachineSpec::default()
    })
}

/// What a synchronisation does.
async fn synchronise(town: &Town, machine: &Machine) {
    let object = machine.computer_object().unwrap();
    let device: CreateDevice = serde_json::from_value(json!({
        "name": object.name, "os": "windows-10", "trust": "server-ad",
        "device_id": object.object_guid, "sid": object.sid,
        "certificate": STANDARD.encode(&object.certificate_der),
    }))
    .unwrap();
    Admin::new(town.world(), "dirsync").create_device(device).await.unwrap();
}

/// The hybrid records of the directory: device id, object id and number of registrations.
async fn hybrids(town: &Town) -> Vec<(String, String, bool)> {
    let query = DeviceQuery { top: 999, ..DeviceQuery::default() };
    let devices = town.world().directory.list_devices(query).await.unwrap().unwrap();
    let hybrid = devices.items.into_iter().filter(|device| device.trust.word() == "ServerAd");
    hybrid
        .map(|d| (d.device_id.to_string(), d.object_id.to_string(), d.registered.is_some()))
        .collect()
}

fn assert_done(outcome: &Outcome) {
    assert_eq!((outcome.exit, outcome.error.as_ref()), (0, None), "{}", outcome.output);
}

async fn assert_hybrid(town: &Town, machine: &mut Machine, user: (&str, &str)) {
    assert_done(&machine.sign_in(&town.wire, None, user.0, user.1).await);
    let fields = machine.dsreg(&town.wire, None);
    for name in ["AzureAdJoined", "DomainJoined", "AzureAdPrt"] {
        assert_eq!(fields[name], "YES", "{name}");
    }
    let token = town.prt_token(machine).await;
    let answer = town.get(&format!("{FILES}/"), Some(&access_token(&token))).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn a_managed_computer_waits_for_its_record_and_completes_it() {
    let town = Town::start().await;
    let mut machine = computer("contoso.test");
    let outcome = machine.automatic_join(&town.wire).await;
    assert!(RECORD_MISSING.contains(&outcome.hresult.unwrap()), "{}", outcome.output);
    assert_eq!(machine.dsreg(&town.wire, None)["Error Phase"], "join");
    synchronise(&town, &machine).await;
    assert_done(&machine.automatic_join(&town.wire).await);
    assert_hybrid(&town, &mut machine, BOB).await;
}

#[tokio::test]
async fn a_federated_computer_joins_without_a_synchronisation_and_again_without_a_duplicate() {
    let town = Town::start().await;
    let mut machine = computer(FABRIKAM);
    assert_done(&machine.automatic_join(&town.wire).await);
    let id = machine.device_id().unwrap().to_owned();
    let found = hybrids(&town).await;
    assert!(matches!(&*found, [(device, _, true)] if *device == id), "{found:?}");
    assert_eq!(machine.computer_object(), None, "nothing was written into the domain");
    assert_hybrid(&town, &mut machine, DAVE).await;

    machine.wipe(&town.wire, true);
    assert_done(&machine.automatic_join(&town.wire).await);
    assert_eq!(machine.device_id(), Some(id.as_str()));
    assert_eq!(hybrids(&town).await, found, "the same record");
}

#[tokio::test]
async fn a_federated_computer_whose_record_was_deleted_gets_a_new_one_under_its_id() {
    let town = Town::start().await;
    let mut machine = computer(FABRIKAM);
    assert_done(&machine.automatic_join(&town.wire).await);
    assert_hybrid(&town, &mut machine, DAVE).await;
    let (before, id) = (hybrids(&town).await, machine.device_id().unwrap().to_owned());
    let old = held(&machine);
    town.admin(&id, None).await;
    machine.wipe(&town.wire, true);
    assert_done(&machine.automatic_join(&town.wire).await);
    let after = hybrids(&town).await;
    assert_eq!((after.len(), &after[0].0), (1, &id));
    assert_ne!(after[0].1, before[0].1, "another object");
    assert_ne!(held(&machine).certificate, old.certificate);
    assert_hybrid(&town, &mut machine, DAVE).await;
}

#[tokio::test]
async fn a_federated_join_that_fails_goes_on_by_way_of_the_synchronisation() {
    // *Assumed*: no metadata at all are metadata without the endpoint.
    for (off, number) in [("windowstransport", 0xcaa9_0022_u32), ("mex", 0xcaa9_0022)] {
        let town = without(&[off]).await;
        let mut machine = computer(FABRIKAM);
        let outcome = machine.automatic_join(&town.wire).await;
        assert!(RECORD_MISSING.contains(&outcome.hresult.unwrap()), "{}", outcome.output);
        let fields = machine.dsreg(&town.wire, None);
        assert_eq!(fields["Registration Type"], "sync");
        assert_eq!(fields["Error Phase"], "join");
        let shown = format!("FAIL [{number:#010x}/{number:#010x}]");
        assert_eq!(fields["Token acquisition Test"], shown);
        let events: Vec<u32> = machine.events().iter().map(|event| event.id).collect();
        assert_eq!(events, [305, 304], "{off}");
        synchronise(&town, &machine).await;
        assert_done(&machine.automatic_join(&town.wire).await);
        assert_hybrid(&town, &mut machine, BOB).await;
    }
}

#[tokio::test]
async fn without_the_fallback_the_failure_of_the_federation_is_the_last_word() {
    let town = without(&["windowstransport"]).await;
    let mut machine = computer(FABRIKAM);
    machine.set_domain_policy(DomainPolicy {
        no_fallback_to_sync_join: true,
        ..DomainPolicy::default()
    });
    let outcome = machine.automatic_join(&town.wire).await;
    assert_eq!(outcome.hresult, Some(0xcaa9_0022), "{}", outcome.output);
    let fields = machine.dsreg(&town.wire, None);
    assert_eq!(fields["Registration Type"], "fed");
    assert_eq!(fields["Error Phase"], "auth");
    assert_eq!(fields["Fallback to Sync-Join"], "DISABLED");
    assert!(hybrids(&town).await.is_empty());
    assert!(town.reasons(0, "join.denied").is_empty(), "nobody asked the registration service");
}

impl Town {
    /// The token of a federated computer that has just joined, and what it joined with.
    async fn computers_token(&self) -> (String, Value) {
        let mut machine = computer(FABRIKAM);
        assert_done(&machine.automatic_join(&self.wire).await);
        let sent = self.sent("POST", "/EnrollmentServer/device", "TransportKey");
        (sent.bearer.unwrap(), serde_json::from_str(&sent.body).unwrap())
    }

    async fn joins_with(&self, token: &str, body: &Value) -> (u16, String) {
        let url = format!("{DRS}/EnrollmentServer/device/?api-version=1.0");
        let answer = self.send(reqwest::Method::POST, &url, Some(token), &body.to_string()).await;
        if answer.status == 200 { (200, String::new()) } else { answer.code() }
    }
}

#[tokio::test]
async fn the_token_of_a_computer_is_for_a_hybrid_join_and_nothing_else() {
    let town = Town::start().await;
    let (token, mut body) = town.computers_token().await;
    assert_eq!(town.joins_with(&token, &body).await.0, 200);
    for kind in [0, 4] {
        body["JoinType"] = kind.into();
        let refused = town.joins_with(&token, &body).await;
        assert_eq!(refused, (400, "AuthenticationError".to_owned()), "join type {kind}");
    }
    assert_eq!(hybrids(&town).await.len(), 1);
    assert_eq!(town.get(&format!("{GRAPH}/v1.0/devices"), Some(&token)).await.status, 401);
    // Nor is the token of a user good for a hybrid join.
    body["JoinType"] = 6.into();
    let user = town.token_of(ALICE, crate::support::DRS_RESOURCE).await;
    let refused = town.joins_with(&user, &body).await;
    assert_eq!(refused, (400, "AuthenticationError".to_owned()));
    town.advance(2 * 3600);
    let late = town.joins_with(&token, &body).await;
    assert_eq!(late, (401, "AuthenticationError".to_owned()));
    let reasons = town.reasons(0, "join.denied");
    assert_eq!(
        reasons,
        ["join-type-refused", "join-type-refused", "join-type-refused", "token-expired"]
    );
}
