//! The client's walk through good answers: join, status, token, renewal, leave, work accounts, sign-in, wipe, snapshot.

use std::sync::atomic::Ordering;

use crate::double::{PRT, START_MS, Stage, Step, machine, prt_request, refusal};
use linarite_windows::{Flow, Join, Machine, MachineSpec, Os, Register, Terms, TokenRequest};

const HOUR_MS: i64 = 3_600_000;

#[tokio::test]
async fn a_join_asks_in_the_order_of_windows_and_ends_with_a_primary_refresh_token() {
    let stage = Stage::new().await;
    let machine = stage.joined().await;
    let expected = [Step::Discover, Step::Realm, Step::Token, Step::Device, Step::Nonce, Step::Prt];
    assert_eq!(stage.steps().await, expected);
    assert_eq!(machine.device_id(), Some("00000000-0000-4000-8000-000000000001"));
    let fields = machine.dsreg(&stage.wire, None);
    for (name, value) in [
        ("AzureAdJoined", "YES"),
        ("AzureAdPrt", "YES"),
        ("DeviceId", "00000000-0000-4000-8000-000000000001"),
        ("DeviceAuthStatus", "SUCCESS"),
        ("TenantName", "Contoso"),
        ("TenantId", crate::double::TENANT),
        ("WorkplaceJoined", "NO"),
        ("AzureAdPrtUpdateTime", "2026-03-02 09:00:00.000 UTC"),
        ("AzureAdPrtExpiryTime", "2026-03-16 09:00:00.000 UTC"),
        ("JoinSrvUrl", "https://enterpriseregistration.windows.net/EnrollmentServer/device/"),
    ] {
        assert_eq!(fields.get(name).map(String::as_str), Some(value), "{name}");
    }
}

#[tokio::test]
async fn the_join_request_is_what_windows_sends() {
    let stage = Stage::new().await;
    stage.joined().await;
    let requests = stage.server.received_requests().await.unwrap();
    let device =
        requests.iter().find(|request| crate::double::step_of(request) == Step::Device).unwrap();
    assert!(device.url.as_str().ends_with("/EnrollmentServer/device/?api-version=2.0"));
    let body: serde_json::Value = serde_json::from_slice(&device.body).unwrap();
    assert_eq!(body["JoinType"], 0);
    assert_eq!(body["DeviceDisplayName"], "PC-1");
    assert_eq!(body["TargetDomain"], "contoso.test");
    assert_eq!(body["attributes"]["ReuseDevice"], "true");
    let header = |name: &str| device.headers.get(name).unwrap().to_str().unwrap().to_owned();
    assert_eq!(header("user-agent"), "Dsreg/10.0 (Windows 10.0.19045.5011)");
    assert_eq!(header("ocp-adrs-client-name"), "Dsreg");
    assert_eq!(header("content-type"), "application/json");
    assert_eq!(header("client-request-id").len(), 36);
    let ids: std::collections::BTreeSet<String> = requests
        .iter()
        .map(|request| request.headers["client-request-id"].to_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), requests.len(), "each request has its own id");
}

#[tokio::test]
async fn a_second_join_changes_nothing_and_sends_nothing() {
    let stage = Stage::new().await;
    let mut machine = stage.joined().await;
    let (before, sent) = (machine.snapshot(), stage.steps().await.len());
    let outcome = stage.join(&mut machine).await;
    assert_eq!((outcome.exit, outcome.hresult), (1, None));
    assert!(outcome.error.unwrap().message.contains("already joined"));
    assert_eq!(machine.snapshot(), before);
    assert_eq!(stage.steps().await.len(), sent);
    let task = machine.dsregcmd(&stage.wire, "/debug /join", true, None).await;
    assert_eq!(task.exit, 1);
    assert!(task.output.contains("preCheckResult: DoNotJoin"), "{}", task.output);
    assert!(
        task.output
            .ends_with("             AzureAdJoined : YES\n          EnterpriseJoined : NO\n")
    );
}

#[tokio::test]
async fn the_builtin_administrator_is_refused_in_silence() {
    let stage = Stage::new().await;
    let spec = MachineSpec {
        key: "pc9".to_owned(),
        name: "PC-9".to_owned(),
        builtin_administrator: true,
        windows_users: vec!["ann".to_owned()],
        ..MachineSpec::default()
    };
    let mut machine = Machine::new(spec);
    let outcome = stage.join(&mut machine).await;
    assert_eq!((outcome.exit, outcome.output.as_str(), &outcome.error), (1, "", &None));
    assert!(stage.steps().await.is_empty(), "not a byte is sent");
    let as_ann = Join {
        terms: Terms::Accept,
        second_factor: None,
        windows_user: Some("ann".to_owned()),
        upn: "alice@contoso.test".to_owned(),
        password: "x".to_owned(),
        builtin_administrator: false,
    };
    assert_eq!(machine.join(&stage.wire, &as_ann).await.exit, 0);
}

#[tokio::test]
async fn tokens_come_sealed_with_either_cipher() {
    for cbc in [false, true] {
        let stage = Stage::new().await;
        let mut machine = stage.joined().await;
        stage.double.lock().unwrap().cbc = cbc;
        let outcome = machine.token(&stage.wire, &prt_request("https://files.contoso.test")).await;
        let tokens = outcome.tokens.expect(&outcome.output);
        assert_eq!(tokens.claims().unwrap()["deviceid"], "d");
        assert_eq!(tokens.expires_in, Some(3599));
        let by_scope = TokenRequest {
            client: "office".to_owned(),
            scope: Some("https://graph.microsoft.com/.default".to_owned()),
            ..TokenRequest::default()
        };
        assert_eq!(machine.token(&stage.wire, &by_scope).await.exit, 0);
        let last = stage.server.received_requests().await.unwrap().pop().unwrap();
        assert!(last.url.path().ends_with("/oauth2/v2.0/token"), "{}", last.url);
    }
}

#[tokio::test]
async fn a_primary_refresh_token_is_renewed_at_four_hours_and_not_before() {
    let stage = Stage::new().await;
    let mut machine = stage.joined().await;
    let request = prt_request("https://files.contoso.test");
    let renewals = async || stage.steps().await.iter().filter(|step| **step == Step::Renew).count();
    stage.clock.0.store(START_MS + 4 * HOUR_MS - 1, Ordering::SeqCst);
    assert_eq!(machine.token(&stage.wire, &request).await.exit, 0);
    assert_eq!(renewals().await, 0);
    stage.clock.0.store(START_MS + 4 * HOUR_MS, Ordering::SeqCst);
    assert_eq!(machine.token(&stage.wire, &request).await.exit, 0);
    assert_eq!(renewals().await, 1);
    let fields = machine.dsreg(&stage.wire, None);
    assert_eq!(fields["AzureAdPrtUpdateTime"], "2026-03-02 13:00:00.000 UTC");
    assert_eq!(machine.token(&stage.wire, &request).await.exit, 0);
    assert_eq!(renewals().await, 1, "the renewed one is young again");
}

#[tokio::test]
async fn a_deleted_device_looks_joined_until_it_asks_and_then_shows_why() {
    let stage = Stage::new().await;
    let mut machine = stage.joined().await;
    stage.replace(Step::Use, refusal(700_003));
    stage.replace(Step::Renew, refusal(700_003));
    assert_eq!(machine.dsreg(&stage.wire, None)["DeviceAuthStatus"], "SUCCESS");
    let outcome = machine.token(&stage.wire, &prt_request("https://files.contoso.test")).await;
    let error = outcome.error.unwrap();
    assert_eq!((outcome.exit, error.aadsts), (1, Some(700_003)));
    assert_eq!(error.oauth.as_deref(), Some("invalid_grant"));
    let fields = machine.dsreg(&stage.wire, None);
    assert_eq!(fields["AzureAdJoined"], "YES");
    assert_eq!(fields["DeviceAuthStatus"], "FAILED. Device is either disabled or deleted");
    assert_eq!(fields["AzureAdPrt"], "YES", "the token on disk is kept");
    stage.clock.0.fetch_add(4 * HOUR_MS, Ordering::SeqCst);
    machine.token(&stage.wire, &prt_request("https://files.contoso.test")).await;
    let fields = machine.dsreg(&stage.wire, None);
    assert_eq!(fields["AzureAdPrt"], "NO", "until its renewal was refused");
    assert_eq!(fields["RefreshPrtDiagnostics"], "PRESENT");
    assert_eq!(fields["HTTP status"], "400");
    assert_eq!(fields["Server Error Code"], "invalid_grant");
    assert_eq!(fields["Server Error Description"], "AADSTS700003: refused by the double.");
}

#[tokio::test]
async fn leaving_clears_the_machine_even_when_the_service_refuses_or_is_out_of_reach() {
    let stage = Stage::new().await;
    for offline in [false, true] {
        let mut machine = stage.joined().await;
        stage.replace(Step::Delete, wiremock::ResponseTemplate::new(401));
        machine.online = !offline;
        let outcome = machine.dsregcmd(&stage.wire, "/debug /leave", true, None).await;
        assert_eq!(outcome.exit, 0, "{}", outcome.output);
        let error = outcome.error.unwrap();
        assert_eq!(error.http_status, (!offline).then_some(401));
        assert_eq!(error.winhttp, offline.then_some(12007));
        assert!(outcome.output.contains("DSREGCMD_END_STATUS\n             AzureAdJoined : NO\n"));
        let fields = machine.dsreg(&stage.wire, None);
        assert_eq!((fields["AzureAdJoined"].as_str(), fields["AzureAdPrt"].as_str()), ("NO", "NO"));
        assert!(!fields.contains_key("DeviceId"));
    }
    let deletes: Vec<String> = stage
        .server
        .received_requests()
        .await
        .unwrap()
        .iter()
        .filter(|request| crate::double::step_of(request) == Step::Delete)
        .map(|request| request.url.path().to_owned())
        .collect();
    assert_eq!(deletes.len(), 1, "nothing is sent offline");
    assert!(deletes[0].ends_with("/EnrollmentServer/device/00000000-0000-4000-8000-000000000001"));
}

#[tokio::test]
async fn leaving_by_command_wants_elevation() {
    let stage = Stage::new().await;
    let mut machine = stage.joined().await;
    let outcome = machine.dsregcmd(&stage.wire, "/leave", false, None).await;
    assert_eq!((outcome.exit, outcome.hresult), (1, Some(0x8007_0005)));
    assert!(machine.device_id().is_some());
    let outcome = machine.dsregcmd(&stage.wire, "/leave", true, None).await;
    assert_eq!((outcome.exit, outcome.output.as_str()), (0, ""));
    assert!(machine.device_id().is_none());
}

#[tokio::test]
async fn each_windows_user_has_a_work_account_of_its_own() {
    let stage = Stage::new().await;
    let spec = MachineSpec {
        key: "pc2".to_owned(),
        name: "PC-2".to_owned(),
        windows_users: vec!["ann".to_owned(), "ben".to_owned()],
        ..MachineSpec::default()
    };
    let mut machine = Machine::new(spec);
    let add = |user: &str, upn: &str| Register {
        terms: Terms::Accept,
        second_factor: None,
        windows_user: Some(user.to_owned()),
        upn: upn.to_owned(),
        password: "x".to_owned(),
        builtin_administrator: false,
    };
    for (user, upn) in [("ann", "alice@contoso.test"), ("ben", "bob@contoso.test")] {
        let outcome = machine.register(&stage.wire, &add(user, upn)).await;
        assert_eq!(outcome.exit, 0, "{}", outcome.output);
    }
    let (ann, ben) =
        (machine.dsreg(&stage.wire, Some("ann")), machine.dsreg(&stage.wire, Some("BEN")));
    assert_eq!((ann["WorkplaceJoined"].as_str(), ann["AzureAdJoined"].as_str()), ("YES", "NO"));
    assert_eq!(ann["WorkplaceDeviceId"], "00000000-0000-4000-8000-000000000001");
    assert_eq!(ben["WorkplaceDeviceId"], "00000000-0000-4000-8000-000000000002");
    assert_ne!(ann["WorkplaceThumbprint"], ben["WorkplaceThumbprint"]);
    let again = machine.register(&stage.wire, &add("ann", "ALICE@contoso.test")).await;
    assert_eq!(again.exit, 1);
    let request = TokenRequest {
        windows_user: Some("ben".to_owned()),
        ..prt_request("https://files.contoso.test")
    };
    assert_eq!(machine.token(&stage.wire, &request).await.exit, 0, "the broker has its own token");
    assert_eq!(machine.remove_account(&stage.wire, Some("ann"), None).await.exit, 0);
    assert_eq!(machine.dsreg(&stage.wire, Some("ann"))["WorkplaceJoined"], "NO");
    assert_eq!(machine.dsreg(&stage.wire, Some("ben"))["WorkplaceJoined"], "YES");
    assert_eq!(stage.steps().await.last(), Some(&Step::Delete));
}

#[tokio::test]
async fn the_fourth_work_account_is_refused_on_the_machine() {
    let stage = Stage::new().await;
    let mut machine = machine("pc2", "PC-2");
    for nth in 1..=4 {
        let request = Register { upn: format!("u{nth}@contoso.test"), ..Register::default() };
        assert_eq!(machine.register(&stage.wire, &request).await.exit, i32::from(nth == 4));
    }
    let fields = machine.dsreg(&stage.wire, None);
    assert!(fields.contains_key("Work Account 3.WorkplaceDeviceId"));
}

#[tokio::test]
async fn a_known_password_opens_the_desktop_when_the_cloud_does_not() {
    let stage = Stage::new().await;
    let mut machine = stage.joined().await;
    machine.sign_out(None);
    assert_eq!(machine.dsreg(&stage.wire, Some("alice@contoso.test"))["AzureAdPrt"], "NO");
    stage.replace(Step::Prt, refusal(50155));
    let (alice, bob) = ("alice@contoso.test", "bob@contoso.test");
    let outcome = machine.sign_in(&stage.wire, None, alice, "Correct-Horse-1").await;
    assert_eq!(outcome.exit, 0);
    assert_eq!(outcome.error.unwrap().aadsts, Some(50155));
    let fields = machine.dsreg(&stage.wire, None);
    assert_eq!(fields["AcquirePrtDiagnostics"], "PRESENT");
    assert_eq!(fields["Attempt Status"], "0xc000006d");
    assert_eq!(fields["AzureAdPrt"], "NO");
    for (upn, password) in [(alice, "wrong"), (bob, "Correct-Horse-2")] {
        let outcome = machine.sign_in(&stage.wire, None, upn, password).await;
        assert_eq!((outcome.exit, outcome.hresult), (1, Some(0xc000_006d)), "{upn}");
        assert!(outcome.output.starts_with("The user name or password is incorrect."));
    }
    machine.online = false;
    let outcome = machine.sign_in(&stage.wire, None, alice, "Correct-Horse-1").await;
    assert_eq!(outcome.exit, 0);
    let fields = machine.dsreg(&stage.wire, None);
    assert_eq!((fields["HTTP Error"].as_str(), fields["HTTP status"].as_str()), ("0x2ee7", "0"));
    let outcome = machine.sign_in(&stage.wire, None, bob, "Correct-Horse-2").await;
    assert_eq!((outcome.hresult, outcome.error.unwrap().winhttp), (Some(0xc000_006d), Some(12007)));
    machine.online = true;
    stage.restore(Step::Prt);
    assert_eq!(machine.sign_in(&stage.wire, None, bob, "Correct-Horse-2").await.exit, 0);
    assert_eq!(machine.dsreg(&stage.wire, None)["AzureAdPrt"], "YES");
}

#[tokio::test]
async fn only_local_users_sign_in_to_a_machine_that_is_not_joined() {
    let stage = Stage::new().await;
    let mut machine = Machine::new(MachineSpec {
        key: "pc2".to_owned(),
        windows_users: vec!["Ann".to_owned()],
        ..MachineSpec::default()
    });
    let upn = "alice@contoso.test";
    assert_eq!(machine.sign_in(&stage.wire, Some("ann"), upn, "x").await.exit, 0);
    let refused = machine.sign_in(&stage.wire, None, upn, "x").await;
    assert_eq!((refused.exit, refused.hresult), (1, Some(0xc000_006d)));
    assert!(stage.steps().await.is_empty());
}

#[tokio::test]
async fn a_wiped_machine_joins_as_a_new_device_under_its_old_name() {
    let stage = Stage::new().await;
    let mut machine = stage.joined().await;
    let first = machine.device_id().unwrap().to_owned();
    machine.wipe(&stage.wire, true);
    let fields = machine.dsreg(&stage.wire, None);
    assert_eq!((fields["AzureAdJoined"].as_str(), fields["AzureAdPrt"].as_str()), ("NO", "NO"));
    assert_eq!(stage.join(&mut machine).await.exit, 0);
    assert_ne!(machine.device_id(), Some(first.as_str()));
    assert_eq!(machine.name(), "PC-1");
    machine.wipe(&stage.wire, false);
    assert!(
        machine.name().starts_with("DESKTOP-") && machine.name().len() == 15,
        "{}",
        machine.name()
    );
    assert!(!stage.steps().await.contains(&Step::Delete), "a wipe tells nobody");
}

#[tokio::test]
async fn a_snapshot_brings_the_machine_back_with_its_token() {
    let stage = Stage::new().await;
    let machine = stage.joined().await;
    let text = serde_json::to_string(&machine.snapshot()).unwrap();
    assert!(text.contains(PRT));
    let mut back = Machine::restore(serde_json::from_str(&text).unwrap(), &stage.wire);
    assert_eq!(back.snapshot(), machine.snapshot());
    let outcome = back.token(&stage.wire, &prt_request("https://files.contoso.test")).await;
    assert_eq!(outcome.exit, 0, "{}", outcome.output);
}

#[tokio::test]
async fn the_plain_flows_keep_their_refresh_token() {
    let stage = Stage::new().await;
    let mut machine = machine("pc1", "PC-1");
    let mut request = TokenRequest {
        client: "azure-cli".to_owned(),
        scope: Some("https://graph.microsoft.com/.default".to_owned()),
        flow: Flow::RefreshToken,
        upn: Some("alice@contoso.test".to_owned()),
        password: Some("p w&".to_owned()),
        ..TokenRequest::default()
    };
    assert_eq!(machine.token(&stage.wire, &request).await.exit, 1);
    request.flow = Flow::Password;
    assert_eq!(machine.token(&stage.wire, &request).await.exit, 0);
    request.flow = Flow::RefreshToken;
    assert_eq!(machine.token(&stage.wire, &request).await.exit, 0);
    let requests = stage.server.received_requests().await.unwrap();
    let bodies: Vec<String> = requests
        .iter()
        .map(|request| String::from_utf8_lossy(&request.body).into_owned())
        .collect();
    assert_eq!(crate::double::field(&bodies[0], "password").as_deref(), Some("p w&"));
    assert_eq!(crate::double::field(&bodies[1], "refresh_token").as_deref(), Some("rt-plain"));
    assert!(requests[0].url.path().ends_with("/organizations/oauth2/v2.0/token"));
}

#[tokio::test]
async fn a_browser_comes_back_with_a_code_by_cookie_and_by_form() {
    let stage = Stage::new().await;
    let mut joined = stage.joined().await;
    let mut request = TokenRequest {
        flow: Flow::AuthCode,
        upn: Some("alice@contoso.test".to_owned()),
        password: Some("Correct-Horse-1".to_owned()),
        ..prt_request("https://files.contoso.test")
    };
    let outcome = joined.token(&stage.wire, &request).await;
    assert_eq!(outcome.exit, 0, "{}", outcome.output);
    let mut plain = machine("pc2", "PC-2");
    let outcome = plain.token(&stage.wire, &request).await;
    assert_eq!(outcome.exit, 0, "{}", outcome.output);
    let last = stage.server.received_requests().await.unwrap().pop().unwrap();
    let body = String::from_utf8(last.body).unwrap();
    assert_eq!(crate::double::field(&body, "code").as_deref(), Some("code-1"));
    assert_eq!(crate::double::field(&body, "code_verifier").unwrap().len(), 43);
    request.password = Some("wrong".to_owned());
    let outcome = plain.token(&stage.wire, &request).await;
    let error = outcome.error.unwrap();
    assert_eq!(error.aadsts, Some(50126));
    assert_eq!(error.message, "AADSTS50126: wrong user or password");
}

#[tokio::test]
async fn every_act_can_run_on_another_thread() {
    fn sendable<T: Send>(future: T) -> T {
        future
    }
    let stage = Stage::new().await;
    let (wire, mut machine) = (stage.wire.clone(), machine("pc1", "PC-1"));
    sendable(machine.join(&wire, &Join::default())).await;
    sendable(machine.register(&wire, &Register::default())).await;
    sendable(machine.token(&wire, &prt_request("x"))).await;
    sendable(machine.sign_in(&wire, None, "", "")).await;
    sendable(machine.remove_account(&wire, None, None)).await;
    sendable(machine.dsregcmd(&wire, "/leave", true, None)).await;
    sendable(machine.leave(&wire)).await;
}

#[tokio::test]
async fn the_same_seed_sends_the_same_requests() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let stage = Stage::new().await;
        stage.joined().await;
        let requests = stage.server.received_requests().await.unwrap();
        let sent = requests
            .iter()
            .map(|request| (request.headers["client-request-id"].clone(), request.body.clone()));
        // The signed request quotes the certificate, which this double makes with a fresh key each time.
        runs.push(sent.take(5).collect::<Vec<_>>());
    }
    assert_eq!(runs[0], runs[1]);
}

#[tokio::test]
async fn what_is_not_emulated_says_so_by_name() {
    let stage = Stage::new().await;
    let mut old = Machine::new(MachineSpec { os: Os::Windows7, ..MachineSpec::default() });
    let outcome = stage.join(&mut old).await;
    assert!(outcome.output.contains("not emulated: an act of Windows 10"), "{}", outcome.output);
    let unknown = stage.joined().await.dsregcmd(&stage.wire, "/refreshprt", true, None).await;
    assert!(unknown.output.contains("not emulated: dsregcmd /refreshprt"), "{}", unknown.output);
}
