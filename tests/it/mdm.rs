//! Device management over the real wire: the emulated client joins, reads the terms of use, enrols, and meets every way in
//! which the service says no (FAQ A26).

use linarite_server::directory::DeviceQuery;
use linarite_windows::{Join, Terms};
use serde_json::{Value, json};

use crate::support::{ALICE, Town, contoso, machine};

fn world(mdm: Value) -> Value {
    let mut world = contoso();
    world["tenant"]["mdm"] = mdm;
    world
}

fn by_alice(terms: Terms) -> Join {
    Join { upn: ALICE.0.to_owned(), password: ALICE.1.to_owned(), terms, ..Join::default() }
}

async fn joined(
    world: Value,
    terms: Terms,
) -> (Town, linarite_windows::Machine, linarite_windows::Outcome) {
    let town = Town::of(world).await;
    let mut pc = machine("pc1");
    let outcome = pc.join(&town.wire, &by_alice(terms)).await;
    (town, pc, outcome)
}

/// The record of a machine that was joined: whether it is managed, and compliant.
async fn management(town: &Town) -> Vec<(Option<bool>, Option<bool>)> {
    let query = DeviceQuery { top: 999, ..DeviceQuery::default() };
    let devices = town.world().directory.list_devices(query).await.unwrap().unwrap();
    let joined = devices.items.iter().filter(|device| device.display_name.starts_with("PC"));
    joined.map(|device| (device.management.managed, device.management.compliant)).collect()
}

#[tokio::test]
async fn a_device_of_a_user_in_the_scope_is_managed_and_compliant_after_its_join() {
    let (town, pc, outcome) = joined(world(json!({ "scope": "all" })), Terms::Accept).await;
    assert_eq!(outcome.exit, 0, "{outcome:?}");
    assert_eq!(management(&town).await, [(Some(true), Some(true))]);
    let status = pc.dsreg(&town.wire, None);
    assert_eq!(
        status["MdmUrl"],
        "https://enrollment.manage.microsoft.com/enrollmentserver/discovery.svc"
    );
    assert_eq!(status["MdmTouUrl"], "https://portal.manage.microsoft.com/TermsofUse.aspx");
}

#[tokio::test]
async fn nobody_outside_of_the_scope_is_asked_anything() {
    let (town, pc, outcome) = joined(world(json!({ "scope": "none" })), Terms::Decline).await;
    assert_eq!(outcome.exit, 0, "{outcome:?}");
    assert_eq!(management(&town).await, [(None, None)]);
    assert_eq!(pc.dsreg(&town.wire, None)["MdmUrl"], "");
    assert_eq!(town.reasons(0, "enrol.denied"), Vec::<String>::new());
}

#[tokio::test]
async fn terms_that_are_declined_end_the_join_before_there_is_a_record() {
    let (town, pc, outcome) = joined(world(json!({ "scope": "all" })), Terms::Decline).await;
    assert_eq!(outcome.exit, 1);
    assert_eq!(outcome.hresult, Some(0x8018_0030));
    assert!(outcome.output.contains("idErrorRejectedTermsOfUse"), "{}", outcome.output);
    assert_eq!(pc.device_id(), None);
    assert!(management(&town).await.is_empty());
}

#[tokio::test]
async fn a_user_without_a_licence_reads_oops_before_there_is_a_record() {
    let mut world = world(json!({ "scope": "all" }));
    world["users"]["alice"]["licenses"] = json!([]);
    let (town, _, outcome) = joined(world.clone(), Terms::Accept).await;
    assert_eq!(outcome.hresult, Some(0x8018_0018));
    assert!(outcome.output.starts_with("Oops... an error occurred!"), "{}", outcome.output);
    assert_eq!(town.reasons(0, "enrol.denied"), ["enrol-licence-missing"]);
    assert!(management(&town).await.is_empty());
    // Without terms of use the same comes out after the join only.
    world["tenant"]["mdm"]["terms_of_use"] = json!("absent");
    let (town, pc, outcome) = joined(world, Terms::Accept).await;
    assert_eq!(outcome.hresult, Some(0x8018_0018));
    assert!(pc.device_id().is_some());
    assert_eq!(management(&town).await, [(None, None)]);
}

#[tokio::test]
async fn each_refusal_of_the_service_is_a_number_of_windows() {
    for (word, number) in [
        ("message-refused", 0x8018_0001_u32),
        ("authentication-refused", 0x8018_0002),
        ("not-in-scope", 0x8018_0003),
        ("certificate-request-refused", 0x8018_0004),
        ("server-failed", 0x8018_0005),
        ("service-failed", 0x8018_0006),
        ("security-refused", 0x8018_0007),
        ("device-cap-reached", 0x8018_0013),
        ("platform-blocked", 0x8018_0014),
        ("not-supported", 0x8018_0015),
        ("not-eligible-to-renew", 0x8018_0016),
        ("in-maintenance", 0x8018_0017),
        ("licence-missing", 0x8018_0018),
        ("terms-not-agreed", 0x8018_0019),
        ("custom", 0x8018_0032),
    ] {
        let mdm = json!({ "scope": "all", "refuses": word });
        let (town, pc, outcome) = joined(world(mdm), Terms::Accept).await;
        assert_eq!(outcome.hresult, Some(number), "{word}: {outcome:?}");
        assert!(outcome.output.contains("Oops"), "{word}");
        assert!(pc.device_id().is_some(), "{word}");
        assert_eq!(town.reasons(0, "enrol.denied"), [format!("enrol-{word}")]);
    }
}

#[tokio::test]
async fn the_limit_of_managed_devices_counts_the_others_only() {
    let town = Town::of(world(json!({ "scope": "all", "device_cap": 1 }))).await;
    let mut first = machine("pc1");
    assert_eq!(first.join(&town.wire, &by_alice(Terms::Accept)).await.exit, 0);
    let mut second = machine("pc2");
    let outcome = second.join(&town.wire, &by_alice(Terms::Accept)).await;
    assert_eq!(outcome.hresult, Some(0x8018_0013), "{outcome:?}");
}

#[tokio::test]
async fn a_page_with_terms_that_is_not_there_and_a_restriction_of_windows_stand_in_the_way() {
    let mdm = json!({ "scope": "all", "terms_of_use": "unreachable" });
    let (_, pc, outcome) = joined(world(mdm), Terms::Accept).await;
    assert_eq!((outcome.hresult, pc.device_id()), (Some(0x8018_0010), None));
    let mdm = json!({ "scope": "all", "windows_blocked": true });
    let (_, pc, outcome) = joined(world(mdm), Terms::Accept).await;
    assert_eq!(outcome.hresult, Some(0x8018_0014));
    assert!(pc.device_id().is_some());
}

const ENROL: &str = "https://enrollment.manage.microsoft.com/enrollmentserver/enrollment.svc";

#[tokio::test]
async fn hostile_messages_are_refused_and_change_nothing() {
    let town = Town::of(world(json!({ "scope": "all" }))).await;
    let before = town.records().await;
    let deep = format!("{}{}", "<a>".repeat(5000), "</a>".repeat(5000));
    let bomb = "<!DOCTYPE l [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><l>&b;</l>";
    let other =
        "<s:Envelope xmlns:s='http://www.w3.org/2001/12/soap-envelope'><s:Body/></s:Envelope>";
    let without =
        "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope'><s:Body/></s:Envelope>";
    for service in ["discovery", "policy", "enrollment"] {
        for body in ["", "nothing", &deep, bomb, other, without] {
            let url =
                format!("https://enrollment.manage.microsoft.com/enrollmentserver/{service}.svc");
            let request = town.http.post(url).header("content-type", "application/soap+xml");
            let answer = crate::support::read(request.body(body.to_owned())).await;
            assert_eq!(answer.status, 500, "{service}: {}", answer.text);
            assert!(answer.text.contains("<s:Fault>"), "{service}: {}", answer.text);
        }
    }
    let request = town.http.get(ENROL);
    assert_eq!(crate::support::read(request).await.status, 404);
    assert_eq!(town.records().await, before);
}
