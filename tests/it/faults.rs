//! Faults of the federation server and of the directory, over the wire and with the emulated client: what the client is
//! told, and that the strike is in the journal.

use linarite_server::control::admin::Admin;
use serde_json::{Value, json};

use crate::support::{ALICE, BOB, GRAPH, Town, aadsts, held, join, machine};

const DAVE: (&str, &str) = ("dave@fabrikam.test", "Correct-Horse-4");

fn start(town: &Town, id: &str, fault: Value) {
    let fault = serde_json::from_value(fault).unwrap();
    Admin::new(town.world(), "test").start_fault(id, fault).unwrap();
}

/// How often a fault struck; it is stopped by the question.
fn strikes(town: &Town, id: &str) -> u64 {
    Admin::new(town.world(), "test").stop_fault(id).unwrap().strikes
}

#[tokio::test]
async fn each_defect_of_an_assertion_has_its_own_code_and_is_gone_when_the_fault_is() {
    let town = Town::start().await;
    let mut pc = town.joined("pc", DAVE).await;
    for (what, fault, code) in [
        (
            "expired",
            json!({ "assertion": { "not_before": "-2h", "not_on_or_after": "-1h" } }),
            500_133,
        ),
        ("not yet valid", json!({ "assertion": { "not_before": "10m" } }), 500_133),
        ("unsigned", json!({ "assertion": { "signature": "none" } }), 50_006),
        ("wrong key", json!({ "assertion": { "signature": "wrong-key" } }), 50_008),
        ("corrupt", json!({ "assertion": { "signature": "corrupt" } }), 50_006),
        ("wrong audience", json!({ "assertion": { "audience": "urn:federation:Other" } }), 50_008),
        ("wrong issuer", json!({ "assertion": { "issuer": "http://sts.other.test/" } }), 50_107),
        ("wrong immutable id", json!({ "assertion": { "immutable_id": "bm9ib2R5" } }), 51_004),
        ("fast clock", json!({ "clock_offset": "30m" }), 500_133),
        ("slow clock", json!({ "clock_offset": "-61m" }), 500_133),
    ] {
        start(&town, what, json!({ "federation": fault }));
        let refused = pc.sign_in(&town.wire, None, DAVE.0, DAVE.1).await;
        assert_eq!(aadsts(&refused), code, "{what}: {refused:?}");
        let hit = town.world().journal.since(0).into_iter().rfind(|e| e.kind.word() == "fault.hit");
        assert_eq!(hit.unwrap().fields.text("fault"), Some(what));
        assert!(strikes(&town, what) > 0, "{what}");
        let healed = pc.sign_in(&town.wire, None, DAVE.0, DAVE.1).await;
        assert_eq!((healed.exit, aadsts(&healed)), (0, 0), "{what}: {}", healed.output);
    }
    let harmless = json!({ "federation": { "clock_offset": "-59m" } });
    start(&town, "a little slow", harmless);
    assert_eq!(pc.sign_in(&town.wire, None, DAVE.0, DAVE.1).await.exit, 0);
    start(
        &town,
        "of another domain",
        json!({ "federation": { "domain": "northwind.test", "mex": "html" } }),
    );
    assert_eq!(pc.sign_in(&town.wire, None, DAVE.0, DAVE.1).await.exit, 0);
    assert_eq!(strikes(&town, "of another domain"), 0);
}

#[tokio::test]
async fn metadata_with_a_defect_and_endpoints_that_are_off_are_seen_by_the_client() {
    let town = Town::start().await;
    for (what, fault, hresult) in [
        ("html", json!({ "mex": "html" }), 0xcaa9_002c),
        ("dtd", json!({ "mex": "dtd" }), 0xcaa9_002c),
        ("no password", json!({ "mex": "no_password_endpoint" }), 0xcaa9_0023_u32),
        ("not listed", json!({ "disable_endpoints": ["usernamemixed"] }), 0xcaa9_0023),
    ] {
        start(&town, what, json!({ "federation": fault }));
        let mut pc = machine("pc");
        let refused = join(&mut pc, &town.wire, DAVE).await;
        assert_eq!(refused.hresult, Some(hresult), "{what}: {refused:?}");
        assert!(strikes(&town, what) > 0, "{what}");
        assert_eq!(join(&mut pc, &town.wire, DAVE).await.exit, 0, "{what}");
    }
    start(&town, "off", json!({ "federation": { "disable_endpoints": ["mex"] } }));
    let mex = town.get("https://sts.fabrikam.test/adfs/services/trust/mex", None).await;
    assert_eq!(mex.status, 503);
    assert_eq!(strikes(&town, "off"), 1);
}

#[tokio::test]
async fn a_new_device_cannot_sign_in_before_the_end_of_its_lag_and_can_from_that_instant_on() {
    let town = Town::start().await;
    start(&town, "lag", json!({ "invisible": { "for": "5m" } }));
    let mut pc = machine("pc");
    join(&mut pc, &town.wire, BOB).await;
    for (seconds, code) in [(0, 50_155), (299, 50_155), (1, 0)] {
        town.advance(seconds);
        let signed_in = pc.sign_in(&town.wire, None, BOB.0, BOB.1).await;
        assert_eq!(aadsts(&signed_in), code, "{signed_in:?}");
    }
    assert!(town.reasons(0, "token.denied").contains(&"device-not-replicated".to_owned()));
    assert!(strikes(&town, "lag") >= 2);
}

#[tokio::test]
async fn a_lag_that_stops_shows_everything_at_once() {
    let town = Town::start().await;
    start(&town, "lag", json!({ "directory": { "replication_lag": "5m" } }));
    let mut pc = machine("pc");
    join(&mut pc, &town.wire, BOB).await;
    assert_eq!(aadsts(&pc.sign_in(&town.wire, None, BOB.0, BOB.1).await), 50_155);
    assert!(strikes(&town, "lag") >= 1);
    assert_eq!(aadsts(&pc.sign_in(&town.wire, None, BOB.0, BOB.1).await), 0);
}

#[tokio::test]
async fn graph_does_not_find_a_new_record_before_the_end_of_its_lag() {
    let town = Town::start().await;
    let alice = town.token_of(ALICE, GRAPH).await;
    let before = town.get(&format!("{GRAPH}/v1.0/devices?$top=100"), Some(&alice)).await;
    let count = |json: &Value| json["value"].as_array().unwrap().len();
    let old = count(&before.json());
    start(&town, "lag", json!({ "invisible": { "for": "5m" } }));
    let mut pc = machine("pc");
    join(&mut pc, &town.wire, BOB).await;
    let id = held(&pc).device_id;
    let one = format!("{GRAPH}/v1.0/devices(deviceId='{id}')");
    for (seconds, status, more) in [(0, 404, 0), (299, 404, 0), (1, 200, 1)] {
        town.advance(seconds);
        assert_eq!(town.get(&one, Some(&alice)).await.status, status);
        let all = town.get(&format!("{GRAPH}/v1.0/devices?$top=100"), Some(&alice)).await;
        assert_eq!(count(&all.json()), old + more);
        let filtered = format!("{GRAPH}/v1.0/devices?$filter=deviceId%20eq%20'{id}'");
        assert_eq!(count(&town.get(&filtered, Some(&alice)).await.json()), more);
        let owned = format!("{GRAPH}/v1.0/users/{}/ownedDevices?$top=100", BOB.0);
        let owned = town.get(&owned, Some(&alice)).await.json();
        let listed = owned["value"].as_array().unwrap().iter().any(|d| d["deviceId"] == id);
        assert_eq!(listed, more == 1);
    }
    // The sign-in that the join ends with, and four questions each of the two times before the end.
    assert_eq!(strikes(&town, "lag"), 9);
}

#[tokio::test]
async fn registration_does_not_find_a_new_record_when_its_device_leaves() {
    let town = Town::start().await;
    start(&town, "lag", json!({ "invisible": { "for": "5m" } }));
    let mut pc = machine("pc");
    join(&mut pc, &town.wire, BOB).await;
    let device = held(&pc).device_id.parse().unwrap();
    let mut early = machine("early");
    join(&mut early, &town.wire, BOB).await;
    early.leave(&town.wire).await;
    assert!(town.reasons(0, "http").contains(&"certificate-unknown".to_owned()));
    town.advance(300);
    let left = pc.leave(&town.wire).await;
    assert_eq!((left.exit, left.error), (0, None));
    let record = town.world().directory.device_by_device_id(device).unwrap();
    assert_eq!(record, None);
}
