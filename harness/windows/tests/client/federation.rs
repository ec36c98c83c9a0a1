//! Federated users: join, sign-in and work account by way of a federation server, and every way in which that fails.

use std::sync::atomic::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use linarite_windows::{Join, Machine, Outcome, Register};
use serde_json::{Value, json};
use wiremock::{Request, ResponseTemplate};

use crate::double::{
    FAULT, MEX, RSTR, Stage, Step, TestClock, field, json_answer, machine, refusal, soap, step_of,
};

const DAVE: &str = "dave@fabrikam.test";
const PASSWORD: &str = "Cor<rect>&'Horse\"4";

async fn join(stage: &Stage, machine: &mut Machine) -> Outcome {
    let (upn, password) = (DAVE.to_owned(), PASSWORD.to_owned());
    machine.join(&stage.wire, &Join { upn, password, ..Join::default() }).await
}

async fn joined(stage: &Stage) -> Machine {
    let mut machine = machine("pc1", "PC-1");
    let outcome = join(stage, &mut machine).await;
    assert_eq!((outcome.exit, machine.device_id().is_some()), (0, true), "{}", outcome.output);
    machine
}

async fn last(stage: &Stage, step: Step) -> Request {
    let requests = stage.server.received_requests().await.unwrap();
    requests.into_iter().rev().find(|request| step_of(request) == step).unwrap()
}

fn assertion() -> &'static str {
    let start = RSTR.find("<saml:Assertion").unwrap();
    let end = RSTR.find("</saml:Assertion>").unwrap() + "</saml:Assertion>".len();
    &RSTR[start..end]
}

#[tokio::test]
async fn a_federated_join_goes_by_the_federation_server_twice() {
    let stage = Stage::federated().await;
    let machine = joined(&stage).await;
    let expected = [
        Step::Discover,
        Step::Realm,
        Step::Mex,
        Step::Trust,
        Step::Swap,
        Step::Device,
        Step::Mex,
        Step::Trust,
        Step::Nonce,
        Step::Prt,
    ];
    assert_eq!(stage.steps().await, expected);
    assert_eq!(machine.dsreg(&stage.wire, None)["AzureAdPrt"], "YES");
    assert!(machine.events().is_empty());
}

#[tokio::test]
async fn the_request_for_a_security_token_is_what_clients_send() {
    let stage = Stage::federated().await;
    joined(&stage).await;
    let sent = last(&stage, Step::Trust).await;
    assert!(sent.url.path().ends_with("/adfs/services/trust/13/usernamemixed"), "{}", sent.url);
    let header = |name: &str| sent.headers.get(name).unwrap().to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "application/soap+xml; charset=utf-8");
    assert_eq!(header("soapaction"), "http://docs.oasis-open.org/ws-sx/ws-trust/200512/RST/Issue");
    assert!(!sent.headers.contains_key("authorization"));
    let text = String::from_utf8(sent.body.clone()).unwrap();
    let document = roxmltree::Document::parse(&text).unwrap();
    let named = |name: &str| {
        let mut found = document.descendants().filter(|node| node.tag_name().name() == name);
        let only = found.next().unwrap_or_else(|| panic!("{name} in {text}"));
        assert!(found.next().is_none(), "one {name}");
        only.text().unwrap_or_default().to_owned()
    };
    assert_eq!(named("Username"), DAVE);
    assert_eq!(named("Password"), PASSWORD);
    assert_eq!(named("Created"), "2026-03-02T09:00:00Z");
    assert_eq!(named("Expires"), "2026-03-02T09:10:00Z");
    assert_eq!(named("KeyType"), "http://docs.oasis-open.org/ws-sx/ws-trust/200512/Bearer");
    assert_eq!(named("RequestType"), "http://docs.oasis-open.org/ws-sx/ws-trust/200512/Issue");
    let here = format!("{}{}", stage.server.uri(), sent.url.path());
    assert_eq!(named("To"), here);
    let mut audience = document.descendants().filter(|node| node.tag_name().name() == "Address");
    assert_eq!(audience.next_back().unwrap().text(), Some("urn:federation:MicrosoftOnline"));
}

#[tokio::test]
async fn the_timestamp_is_of_the_machines_clock() {
    let stage = Stage::federated().await;
    let clock: &TestClock = &stage.clock;
    clock.0.fetch_add(365 * 24 * 3_600_000, Ordering::SeqCst);
    joined(&stage).await;
    let sent = last(&stage, Step::Trust).await;
    assert!(String::from_utf8_lossy(&sent.body).contains("<u:Created>2027-03-02T09:00:00Z<"));
}

#[tokio::test]
async fn the_assertion_reaches_the_cloud_as_the_very_bytes_that_came() {
    for (saml, grant) in [("1.0", "saml1_1-bearer"), ("2.0", "saml2-bearer")] {
        let stage = Stage::federated().await;
        let newer = RSTR.replace("SAML:1.0:assertion", &format!("SAML:{saml}:assertion"));
        let due = assertion().replace("SAML:1.0:assertion", &format!("SAML:{saml}:assertion"));
        stage.replace(Step::Trust, soap(200, &newer));
        joined(&stage).await;
        let swap = String::from_utf8(last(&stage, Step::Swap).await.body).unwrap();
        let urn = format!("urn:ietf:params:oauth:grant-type:{grant}");
        assert_eq!(field(&swap, "grant_type").unwrap(), urn);
        assert_eq!(
            field(&swap, "resource").unwrap(),
            "urn:ms-drs:enterpriseregistration.windows.net"
        );
        let sent = URL_SAFE_NO_PAD.decode(field(&swap, "assertion").unwrap()).unwrap();
        assert_eq!(String::from_utf8(sent).unwrap(), due);
        let prt = String::from_utf8(last(&stage, Step::Prt).await.body).unwrap();
        let request = field(&prt, "request").unwrap();
        let payload = URL_SAFE_NO_PAD.decode(request.split('.').nth(1).unwrap()).unwrap();
        let payload: Value = serde_json::from_slice(&payload).unwrap();
        assert_eq!(payload["grant_type"], urn);
        let inside = STANDARD.decode(payload["assertion"].as_str().unwrap()).unwrap();
        assert_eq!(String::from_utf8(inside).unwrap(), due);
        assert!(payload.get("password").is_none() && payload.get("username").is_none());
    }
}

#[tokio::test]
async fn the_older_generation_of_ws_trust_is_spoken_in_its_own_words() {
    let stage = Stage::federated().await;
    stage.replace(Step::Mex, stage.mex(&MEX.replace("binding=\"tns:UserName13\"", "")));
    joined(&stage).await;
    let sent = last(&stage, Step::Trust).await;
    assert!(sent.url.path().ends_with("/trust/2005/usernamemixed"), "{}", sent.url);
    let body = String::from_utf8(sent.body).unwrap();
    for due in [
        "http://schemas.xmlsoap.org/ws/2005/02/trust/Issue",
        "http://schemas.xmlsoap.org/ws/2005/05/identity/NoProofKey",
        "http://schemas.xmlsoap.org/ws/2005/02/trust/RST/Issue",
    ] {
        assert!(body.contains(due), "{due} in {body}");
    }
}

#[tokio::test]
async fn a_realm_without_metadata_leads_to_its_own_endpoint() {
    let stage = Stage::federated().await;
    stage.realm(&json!({ "federation_metadata_url": null }));
    joined(&stage).await;
    assert!(!stage.steps().await.contains(&Step::Mex));
    assert!(last(&stage, Step::Trust).await.url.path().ends_with("/2005/usernamemixed"));
}

fn html(text: &'static str, status: u16) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_raw(text, "text/html")
}

/// One broken exchange: what replaces it, the number of a join, the status of the lock screen.
fn broken(stage: &Stage) -> Vec<(&'static str, Step, ResponseTemplate, u32, u32)> {
    let page = "<html><body><p>Proxy sign-in<br></body></html>";
    let doctype = "<!DOCTYPE html><html><body>Proxy sign-in</body></html>";
    let bomb = "<!DOCTYPE a [<!ENTITY x \"xxxx\"><!ENTITY y \"&x;&x;\">]><a>&y;</a>";
    let without = MEX.replace("UsernameToken>", "IssuedToken>");
    let two = RSTR.replace("</saml:Assertion>", "</saml:Assertion><x/>");
    vec![
        ("mex: html", Step::Mex, html(page, 200), 0xcaa9_002c, 0xc000_006d),
        ("mex: html with a doctype", Step::Mex, html(doctype, 200), 0xcaa9_002c, 0xc00c_ee4f),
        ("mex: entities", Step::Mex, html(bomb, 200), 0xcaa9_002c, 0xc00c_ee4f),
        ("mex: empty", Step::Mex, html("", 200), 0xcaa9_002c, 0xc000_006d),
        ("mex: no password", Step::Mex, stage.mex(&without), 0xcaa9_0023, 0xc004_848b),
        ("mex: another document", Step::Mex, html("<a/>", 200), 0xcaa9_0023, 0xc004_848b),
        ("mex: 404", Step::Mex, html(page, 404), 0xcaa9_0023, 0xc000_00c4),
        ("mex: 500", Step::Mex, html(doctype, 500), 0xcaa9_0023, 0xc000_00c4),
        ("fault with 500", Step::Trust, soap(500, FAULT), 0xcaa9_0014, 0xc004_84c1),
        ("fault with 400", Step::Trust, soap(400, FAULT), 0xcaa9_0014, 0xc004_84c1),
        ("fault with 200", Step::Trust, soap(200, FAULT), 0xcaa9_0014, 0xc004_84c1),
        ("trust: 400 without a fault", Step::Trust, html(page, 400), 0xcaa9_0014, 0xc000_006d),
        ("trust: 503", Step::Trust, html(doctype, 503), 0xcaa9_0014, 0xc000_00c4),
        ("trust: 401", Step::Trust, html("", 401), 0xcaa9_0014, 0xc000_00c4),
        ("trust: a token with 500", Step::Trust, soap(500, RSTR), 0xcaa9_0014, 0xc000_00c4),
        ("trust: html", Step::Trust, html(page, 200), 0xcaa9_002c, 0xc000_006d),
        ("trust: a dtd", Step::Trust, html(doctype, 200), 0xcaa9_002c, 0xc00c_ee4f),
        ("trust: no token", Step::Trust, soap(200, "<a/>"), 0xcaa9_0014, 0xc004_84c1),
        ("trust: two tokens", Step::Trust, soap(200, &two), 0xcaa9_0014, 0xc004_84c1),
    ]
}

async fn lock_screen(stage: &Stage, machine: &mut Machine, upn: &str) -> Outcome {
    let outcome = machine.sign_in(&stage.wire, None, upn, PASSWORD).await;
    assert_eq!(outcome.exit, 1, "{}", outcome.output);
    assert!(
        outcome.output.starts_with("The user name or password is incorrect. Try again.\n"),
        "{}",
        outcome.output
    );
    outcome
}

#[tokio::test]
async fn every_failure_of_the_federation_server_has_its_numbers() {
    let stage = Stage::federated().await;
    let mut in_use = joined(&stage).await;
    for (name, step, answer, number, status) in broken(&stage) {
        stage.replace(step, answer);
        let mut fresh = machine("pc2", "PC-2");
        let outcome = join(&stage, &mut fresh).await;
        assert_eq!(outcome.hresult, Some(number), "{name}: {}", outcome.output);
        let fields = fresh.dsreg(&stage.wire, None);
        assert_eq!(fields["Error Phase"], "auth", "{name}");
        assert_eq!(fields["Client ErrorCode"], format!("{number:#010x}"), "{name}");
        let outcome = lock_screen(&stage, &mut in_use, "erin@fabrikam.test").await;
        assert_eq!(outcome.hresult, Some(status), "{name}: {}", outcome.output);
        let shown = in_use.dsreg(&stage.wire, Some("erin@fabrikam.test"));
        assert_eq!(shown["Attempt Status"], format!("{status:#010x}"), "{name}");
        assert_eq!(shown["Credential Type"], "Password");
        assert!(shown["Endpoint URI"].contains("/sts.fabrikam.test/"), "{name}");
        stage.restore(step);
        stage.federate();
    }
    assert_eq!(join(&stage, &mut machine("pc3", "PC-3")).await.exit, 0, "repaired, it works");
}

#[tokio::test]
async fn a_soap_fault_is_shown_in_the_diagnostics_in_its_own_words() {
    let stage = Stage::federated().await;
    let mut machine = joined(&stage).await;
    stage.replace(Step::Trust, soap(500, FAULT));
    let outcome = lock_screen(&stage, &mut machine, "erin@fabrikam.test").await;
    assert!(outcome.output.contains("ID3242"), "{}", outcome.output);
    let shown = machine.dsreg(&stage.wire, Some("erin@fabrikam.test"));
    let url =
        format!("{}/sts.fabrikam.test/adfs/services/trust/13/usernamemixed", stage.server.uri());
    for (name, value) in [
        ("AcquirePrtDiagnostics", "PRESENT"),
        ("Credential Type", "Password"),
        ("Endpoint URI", url.as_str()),
        ("HTTP Method", "POST"),
        ("HTTP status", "500"),
        ("Server Error Code", "a:FailedAuthentication"),
        (
            "Server Error Description",
            "ID3242: The security token could not be authenticated or authorized.",
        ),
    ] {
        assert_eq!(shown[name], value, "{name}");
    }
    let event = machine.events().last().unwrap();
    assert_eq!((event.id, event.data["User"].as_str()), (1088, "erin@fabrikam.test"));
    assert_eq!(event.data["Server error"], "a:FailedAuthentication");
}

#[tokio::test]
async fn the_last_password_that_worked_opens_the_desktop_without_the_federation_server() {
    let stage = Stage::federated().await;
    let mut machine = joined(&stage).await;
    stage.replace(Step::Trust, soap(500, FAULT));
    let outcome = machine.sign_in(&stage.wire, None, DAVE, PASSWORD).await;
    assert_eq!(outcome.exit, 0);
    assert!(outcome.output.contains("cached logon"), "{}", outcome.output);
    assert_eq!(outcome.error.unwrap().code.as_deref(), Some("a:FailedAuthentication"));
}

#[tokio::test]
async fn a_realm_that_is_not_usable_is_told() {
    let stage = Stage::federated().await;
    let mut in_use = joined(&stage).await;
    for (over, number, status) in [
        (json!({ "federation_protocol": "SAML20" }), 0xcaa9_0017, 0xc000_006d),
        (json!({ "federation_protocol": null }), 0xcaa9_0017, 0xc000_006d),
        (
            json!({ "federation_metadata_url": null, "federation_active_auth_url": "" }),
            0xcaa9_0023,
            0xc004_848b,
        ),
        (
            json!({ "federation_metadata_url": "http://sts.fabrikam.test/mex" }),
            0xcaa9_0023,
            0xc004_848b,
        ),
    ] {
        stage.realm(&over);
        let outcome = join(&stage, &mut machine("pc2", "PC-2")).await;
        assert_eq!(outcome.hresult, Some(number), "{over}: {}", outcome.output);
        let sent = stage.steps().await.len();
        let outcome = lock_screen(&stage, &mut in_use, "erin@fabrikam.test").await;
        assert_eq!(outcome.hresult, Some(status), "{over}");
        assert_eq!(stage.steps().await.len(), sent + 1, "only the realm was asked");
    }
}

#[tokio::test]
async fn no_password_goes_to_an_address_in_the_clear() {
    let stage = Stage::federated().await;
    let text = MEX.replace("https://sts.fabrikam.test", "http://sts.fabrikam.test");
    stage.replace(Step::Mex, stage.mex(&text));
    let outcome = join(&stage, &mut machine("pc1", "PC-1")).await;
    assert_eq!(outcome.hresult, Some(0xcaa9_0023));
    assert!(!stage.steps().await.contains(&Step::Trust));
}

#[tokio::test]
async fn the_cloud_may_refuse_the_assertion() {
    let stage = Stage::federated().await;
    stage.replace(Step::Swap, refusal(50008));
    let outcome = join(&stage, &mut machine("pc1", "PC-1")).await;
    assert_eq!(outcome.hresult, Some(0xcaa2_0003));
    assert_eq!(outcome.error.unwrap().aadsts, Some(50008));
    let other = json_answer(400, &json!({ "error": "invalid_request" }));
    for answer in [other, html("<p>no</p>", 502), html("", 200)] {
        stage.replace(Step::Swap, answer);
        let outcome = join(&stage, &mut machine("pc1", "PC-1")).await;
        assert_eq!(outcome.hresult, Some(0xcaa9_0006), "{}", outcome.output);
    }
    stage.restore(Step::Swap);
    let mut machine = joined(&stage).await;
    stage.replace(Step::Prt, refusal(50107));
    let outcome = lock_screen(&stage, &mut machine, "erin@fabrikam.test").await;
    assert_eq!(outcome.hresult, Some(0xc000_006d));
    let shown = machine.dsreg(&stage.wire, Some("erin@fabrikam.test"));
    assert_eq!(shown["Server Error Code"], "invalid_grant");
    assert!(shown["Endpoint URI"].ends_with("/oauth2/token"), "{}", shown["Endpoint URI"]);
    assert_eq!(machine.events().last().unwrap().id, 1081);
}

#[tokio::test]
async fn transport_failures_on_the_way_have_the_numbers_of_the_token_library() {
    let stage = Stage::federated().await;
    let mut in_use = joined(&stage).await;
    // Nobody listens on a port that was just given back.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (url, number) in [
        // Nothing but TLS is spoken to https, and this server does not speak it.
        (stage.server.uri().replace("http://", "https://"), 0xcaa8_2f8f),
        (format!("https://{free}"), 0xcaa8_2efd),
    ] {
        stage.realm(&json!({ "federation_metadata_url": format!("{url}/mex") }));
        let outcome = join(&stage, &mut machine("pc2", "PC-2")).await;
        assert_eq!(outcome.hresult, Some(number), "{}", outcome.output);
        let outcome = lock_screen(&stage, &mut in_use, "erin@fabrikam.test").await;
        assert_eq!(outcome.hresult, Some(0xc000_006d));
        let shown = in_use.dsreg(&stage.wire, Some("erin@fabrikam.test"));
        assert_eq!((shown["HTTP status"].as_str(), shown["HTTP Method"].as_str()), ("0", "GET"));
        assert_eq!(shown["Endpoint URI"], format!("{url}/mex"));
        assert_eq!(in_use.events().last().unwrap().id, 1084);
    }
}

#[tokio::test]
async fn a_federation_server_that_does_not_answer_in_time_is_a_timeout() {
    let stage = Stage::federated().await;
    let slow = soap(200, RSTR).set_delay(std::time::Duration::from_secs(20));
    stage.replace(Step::Trust, slow);
    let wire = crate::double::wire(&stage.server.uri(), &stage.clock, |spec| {
        spec.time_limit = std::time::Duration::from_millis(300);
    });
    let (upn, password) = (DAVE.to_owned(), PASSWORD.to_owned());
    let request = Join { upn, password, ..Join::default() };
    let outcome = machine("pc1", "PC-1").join(&wire, &request).await;
    assert_eq!(outcome.hresult, Some(0xcaa8_2ee2), "{}", outcome.output);
}

#[tokio::test]
async fn a_work_account_of_a_federated_user_is_added() {
    let stage = Stage::federated().await;
    let mut machine = machine("pc1", "PC-1");
    let (upn, password) = (DAVE.to_owned(), PASSWORD.to_owned());
    let request = Register { upn, password, ..Register::default() };
    let outcome = machine.register(&stage.wire, &request).await;
    assert_eq!(outcome.exit, 0, "{}", outcome.output);
    assert_eq!(machine.dsreg(&stage.wire, None)["WorkplaceJoined"], "YES");
}
