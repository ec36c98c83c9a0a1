//! Older systems over the wire: an emulated Windows 7 enrols by SOAP for each user of its domain, and hostile envelopes
//! get a fault in the protocol's own words and change nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use linarite_windows::{Machine, MachineSpec, Os};
use reqwest::Method;

use crate::support::{ALICE, BOB, DRS, GRAPH, Sent, Town, contoso};

const SERVICE: &str = "/EnrollmentServer/DeviceEnrollmentWebService.svc";

fn old() -> Machine {
    Machine::new(MachineSpec {
        key: "old".to_owned(),
        name: "PC-7".to_owned(),
        os: Os::Windows81,
        domain: Some("contoso.test".to_owned()),
        ..MachineSpec::default()
    })
}

/// A town where bob has signed in to an older computer, and what that computer sent.
async fn town() -> (Town, Machine, Sent) {
    let town = Town::start().await;
    let mut machine = old();
    let outcome = machine.sign_in(&town.wire, None, BOB.0, BOB.1).await;
    assert!(outcome.output.contains("was registered"), "{}", outcome.output);
    let sent = town.sent("POST", SERVICE, "RequestSecurityToken");
    (town, machine, sent)
}

/// Posts an envelope: the status, the fault's subcode and type, and the reason in the journal.
async fn post(town: &Town, body: &str) -> (u16, String, String, String) {
    let since = town.world().journal.last();
    let answer = town.send(Method::POST, &format!("{DRS}{SERVICE}"), None, body).await;
    let reasons = town.reasons(since, "join.denied");
    assert_eq!(reasons.len(), 1, "one refusal is one event: {answer:?}");
    let between = |open: &str, close: &str| {
        let rest = answer.text.split_once(open).map_or("", |(_, rest)| rest);
        rest.split_once(close).map_or("", |(inside, _)| inside).to_owned()
    };
    let subcode = between("<s:Subcode><s:Value>s:", "</s:Value>");
    assert!(answer.text.contains("<s:Value>s:Receiver</s:Value>"), "{}", answer.text);
    assert!(answer.text.contains("WindowsEnrollmentServiceError"), "{}", answer.text);
    (answer.status, subcode, between("<ErrorType>", "</ErrorType>"), reasons[0].clone())
}

#[tokio::test]
async fn each_user_of_the_domain_gets_a_record_of_its_own_and_each_call_another() {
    let (town, mut machine, sent) = town().await;
    let outcome = machine.sign_in(&town.wire, None, ALICE.0, ALICE.1).await;
    assert!(outcome.output.contains("was registered"), "{}", outcome.output);
    let one = machine.dsreg(&town.wire, Some(ALICE.0))["WorkplaceDeviceId"].clone();
    let two = machine.dsreg(&town.wire, Some(BOB.0))["WorkplaceDeviceId"].clone();
    assert_ne!(one, two);
    // The very same message once more: nothing is looked up by name or key.
    let answer = town.send(Method::POST, &format!("{DRS}{SERVICE}"), None, &sent.body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.text.contains("<Value>bob@contoso.test</Value>"), "{}", answer.text);
    assert!(answer.text.contains("RSTRC/wstep"), "{}", answer.text);
    let records = town.records().await;
    assert_eq!(records.matches("PC-7.contoso.test").count(), 3, "{records}");
}

#[tokio::test]
async fn a_hostile_envelope_is_a_fault_and_changes_nothing() {
    let (town, _, sent) = town().await;
    let before = town.records().await;
    let body = sent.body.as_str();
    let deep = format!("{}{}", "<a>".repeat(3000), "</a>".repeat(3000));
    let entity = format!("<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>{body}");
    let bomb = format!("<!DOCTYPE a [<!ENTITY x \"y\"><!ENTITY z \"&x;&x;\">]>{body}");
    for hostile in [
        "",
        "<",
        "{}",
        "<html/>",
        &deep,
        &entity,
        &bomb,
        &body.replace("DeviceDisplayName", "Other"),
        &body.replace("2003/05/soap-envelope", "other"),
        &body.replace("200512/Issue<", "200512/Renew<"),
        &body.replace("#PKCS10", "#PKCS7"),
        &body.replace("PC-7.contoso.test", &"n".repeat(300)),
        &body.replace("PC-7.contoso.test", "PC<!-- -->7"),
    ] {
        let said = post(&town, hostile).await;
        let shown: String = hostile.chars().take(60).collect();
        let due = (500, "InvalidParameter".into(), "InvalidParameter".into());
        assert_eq!((said.0, said.1, said.2), due, "{shown}");
        assert_eq!(said.3, "request-malformed", "{shown}");
    }
    let other = body.replace("enrollment/RST/wstep", "enrollment/Other");
    assert_eq!(post(&town, &other).await.3, "soap-action-unknown");
    let request = body.split("#base64binary\">").nth(1).unwrap().split('<').next().unwrap();
    let bad = body.replace(request, &STANDARD.encode("no request"));
    assert_eq!(post(&town, &bad).await.3, "certificate-request-invalid");
    assert_eq!(town.records().await, before);
}

#[tokio::test]
async fn without_a_right_token_nobody_enrols() {
    let (town, _, sent) = town().await;
    let before = town.records().await;
    let wrapped = sent.body.split("#Base64Binary\">").nth(1).unwrap().split('<').next().unwrap();
    let graph = town.token_of(BOB, GRAPH).await;
    for (token, reason) in [
        (STANDARD.encode("not.a.token"), "token-invalid"),
        (STANDARD.encode(&graph), "token-audience-wrong"),
    ] {
        let said = post(&town, &sent.body.replace(wrapped, &token)).await;
        assert_eq!(said.1, "AuthenticationError", "{reason}");
        assert_eq!(said.3, reason);
    }
    town.advance(3601);
    assert_eq!(post(&town, &sent.body).await.3, "token-expired");
    assert_eq!(town.records().await, before);
}

#[tokio::test]
async fn a_user_with_too_many_devices_is_told_so_and_the_log_keeps_it() {
    let mut document = contoso();
    document["tenant"]["device_quota"] = 1.into();
    let town = Town::of(document).await;
    let mut machine = old();
    for (user, fits) in [(ALICE, true), (BOB, false)] {
        // Bob owns the seeded device already.
        machine.sign_in(&town.wire, None, user.0, user.1).await;
        let joined = machine.dsreg(&town.wire, Some(user.0))["WorkplaceJoined"] == "YES";
        assert_eq!(joined, fits, "{}", user.0);
    }
    let event = machine.events().last().unwrap();
    assert_eq!((event.log.as_str(), event.id), ("Microsoft-Workplace Join/Admin", 200));
    let shown = machine.autoworkplace(&town.wire, "/i", Some(BOB.0), None).await;
    assert!(shown.output.contains("too many devices"), "{}", shown.output);
    let refused = machine.autoworkplace(&town.wire, "/j", Some(BOB.0), None).await;
    assert_eq!((refused.exit, refused.hresult), (1, Some(0x801c_000e)), "{}", refused.output);
}

#[tokio::test]
async fn discovery_that_fails_leaves_its_number_in_the_log() {
    let town = Town::start().await;
    let mut machine = old();
    machine.sign_in(&town.wire, None, ALICE.0, ALICE.1).await;
    machine.autoworkplace(&town.wire, "/l", None, None).await;
    machine.online = false;
    machine.autoworkplace(&town.wire, "/j", None, None).await;
    let event = machine.events().last().unwrap();
    assert_eq!((event.id, event.data["Exit code"].contains("0x80072ee7")), (102, true));
    machine.online = true;
    let tenant = Some("nobody.test".to_owned());
    machine.set_domain_policy(linarite_windows::DomainPolicy { tenant, ..Default::default() });
    machine.autoworkplace(&town.wire, "/j", None, None).await;
    let event = machine.events().last().unwrap();
    assert_eq!(event.id, 103);
    assert!(["400", "404"].contains(&event.data["HTTP status"].as_str()), "{event:?}");
}
