//! Automatic registration of a domain computer: managed and federated, before and after the synchronisation, with the
//! status and the events that each failure leaves.

use std::collections::BTreeMap;

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use linarite_windows::{DomainPolicy, Machine, MachineSpec, Os};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::double::{FAULT, MEX, Stage, Step, json_answer, refusal, soap, step_of};

fn computer() -> Machine {
    Machine::new(MachineSpec {
        key: "pc1".to_owned(),
        name: "pc-1".to_owned(),
        domain: Some("contoso.test".to_owned()),
        ..MachineSpec::default()
    })
}

/// The registration service's answer before the synchronisation (device-registration.md 4.5, errors.md 2).
fn not_synchronised() -> ResponseTemplate {
    json_answer(
        400,
        &json!({ "ErrorType": "DirectoryError",
            "Message": "The device object by the given id (x) is not found.",
            "TraceId": "t", "Time": "03-02-2026 09:00:00Z" }),
    )
}

fn assert_fields(fields: &BTreeMap<String, String>, rows: &[(&str, &str)]) {
    for (name, value) in rows {
        assert_eq!(fields.get(*name).map(String::as_str), Some(*value), "{name}");
    }
}

fn event_ids(machine: &Machine) -> Vec<u32> {
    machine.events().iter().map(|event| event.id).collect()
}

#[tokio::test]
async fn before_the_synchronisation_the_state_is_pending_and_after_it_hybrid() {
    let stage = Stage::new().await;
    let mut machine = computer();
    assert_eq!(machine.computer_object(), None, "nothing is written into the domain yet");
    stage.replace(Step::Complete, not_synchronised());
    let outcome = machine.automatic_join(&stage.wire).await;
    assert_eq!((outcome.exit, outcome.hresult), (1, Some(0x801c_03f2)), "{}", outcome.output);
    assert_eq!(stage.steps().await, [Step::Discover, Step::Realm, Step::Complete]);
    let fields = machine.dsreg(&stage.wire, None);
    assert_fields(
        &fields,
        &[
            ("AzureAdJoined", "NO"),
            ("DomainJoined", "YES"),
            ("DomainName", "CONTOSO"),
            ("WorkplaceJoined", "NO"),
            ("AzureAdPrt", "NO"),
            ("AD Connectivity Test", "PASS"),
            ("AD Configuration Test", "PASS"),
            ("DRS Discovery Test", "PASS"),
            ("DRS Connectivity Test", "PASS"),
            ("Token acquisition Test", "SKIPPED"),
            ("Fallback to Sync-Join", "ENABLED"),
            ("Previous Registration", "2026-03-02 09:00:00.000 UTC"),
            ("Registration Type", "sync"),
            ("Error Phase", "join"),
            ("Client ErrorCode", "0x801c03f2"),
            ("Server ErrorCode", "DirectoryError"),
            ("Server Message", "The device object by the given id (x) is not found."),
            ("Https Status", "400"),
        ],
    );
    assert!(!fields.contains_key("DeviceId") && !fields.contains_key("TenantId"));
    let object = machine.computer_object().unwrap();
    stage.restore(Step::Complete);
    let outcome = machine.dsregcmd(&stage.wire, "/join", true, None).await;
    assert_eq!((outcome.exit, outcome.output.as_str()), (0, ""));
    assert_eq!(machine.device_id(), Some(object.object_guid.as_str()));
    assert_eq!(machine.computer_object().unwrap(), object, "the same certificate");
    let fields = machine.dsreg(&stage.wire, None);
    assert_fields(
        &fields,
        &[
            ("AzureAdJoined", "YES"),
            ("DomainJoined", "YES"),
            ("DomainName", "CONTOSO"),
            ("WorkplaceJoined", "NO"),
            ("DeviceAuthStatus", "SUCCESS"),
            ("TenantName", "Contoso"),
            ("DeviceId", &object.object_guid),
        ],
    );
    assert!(!fields.contains_key("Previous Registration"));
    assert_eq!(event_ids(&machine), [304, 306]);
    let failed = &machine.events()[0];
    assert_eq!(failed.log, "Microsoft-Windows-User Device Registration/Admin");
    assert_eq!(failed.data["Exit code"], "0x801c03f2 (DSREG_E_DIRECTORY_FAILURE)");
    assert_eq!(failed.data["Registration type"], "sync");
    let sent = stage.steps().await.len();
    let again = machine.automatic_join(&stage.wire).await;
    assert_eq!((again.exit, again.hresult), (1, None));
    assert_eq!(stage.steps().await.len(), sent, "nothing more is sent");
    let signed_in = machine.sign_in(&stage.wire, None, "alice@contoso.test", "x").await;
    assert_eq!(signed_in.exit, 0, "{}", signed_in.output);
    assert_eq!(machine.dsreg(&stage.wire, None)["AzureAdPrt"], "YES");
}

#[tokio::test]
async fn the_proof_is_signed_by_the_key_of_the_certificate_in_the_domain() {
    let stage = Stage::new().await;
    let mut machine = computer();
    assert_eq!(machine.automatic_join(&stage.wire).await.exit, 0);
    let object = machine.computer_object().unwrap();
    let (rest, certificate) = x509_parser::parse_x509_certificate(&object.certificate_der).unwrap();
    assert!(rest.is_empty());
    certificate.verify_signature(None).expect("it is signed by itself");
    assert_eq!(certificate.subject().to_string(), format!("CN={}", object.object_guid));
    let validity = certificate.validity();
    assert_eq!(validity.not_before.timestamp(), 1_772_442_000 - 86_400);
    assert_eq!(validity.not_after.timestamp(), 1_772_442_000 - 86_400 + 3650 * 86_400);
    let requests = stage.server.received_requests().await.unwrap();
    let sent = requests.iter().find(|request| step_of(request) == Step::Complete).unwrap();
    let due = format!("/EnrollmentServer/device/{}?api-version=2.0", object.object_guid);
    assert!(sent.url.as_str().ends_with(&due), "{}", sent.url);
    assert!(!sent.headers.contains_key("authorization"), "no token is shown");
    let body: Value = serde_json::from_slice(&sent.body).unwrap();
    assert_eq!(body["JoinType"], 6);
    let data = &body["ServerAdJoinData"];
    assert_eq!(data["DeviceDisplayName"], "pc-1");
    assert_eq!(data["TargetDomain"], "contoso.test");
    assert_eq!(data["TargetDomainId"], crate::double::TENANT);
    let identity = &data["ClientIdentity"];
    assert_eq!(identity["Type"], "sha256signed");
    let signed = identity["Sid"].as_str().unwrap();
    assert_eq!(signed, format!("{}.2026-03-02 09:00:00Z", object.sid));
    let signature = STANDARD.decode(identity["SignedBlob"].as_str().unwrap()).unwrap();
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, certificate.public_key().raw)
        .verify(signed.as_bytes(), &signature)
        .expect("the proof fits the certificate");
    let request = STANDARD.decode(body["CertificateRequest"]["Data"].as_str().unwrap()).unwrap();
    let spki = certificate.public_key().raw;
    let same = request.windows(spki.len()).any(|window| window == spki);
    assert!(!same, "the device key is another one than the computer's");
}

#[tokio::test]
async fn a_federated_computer_joins_with_the_word_of_its_federation_server() {
    let stage = Stage::federated().await;
    let mut machine = computer();
    let outcome = machine.automatic_join(&stage.wire).await;
    assert_eq!(outcome.exit, 0, "{}", outcome.output);
    let expected = [Step::Discover, Step::Realm, Step::Mex, Step::Trust, Step::Swap, Step::Device];
    assert_eq!(stage.steps().await, expected);
    assert_eq!(machine.computer_object(), None, "no certificate was needed");
    assert_fields(
        &machine.dsreg(&stage.wire, None),
        &[("AzureAdJoined", "YES"), ("DomainJoined", "YES")],
    );
    assert_eq!(event_ids(&machine), [306]);
    assert_eq!(machine.events()[0].data["Registration type"], "fed");
    let requests = stage.server.received_requests().await.unwrap();
    let of = |step| requests.iter().find(|request| step_of(request) == step).unwrap();
    let trust = of(Step::Trust);
    assert!(trust.url.path().ends_with("/trust/13/windowstransport"), "{}", trust.url);
    assert!(!String::from_utf8_lossy(&trust.body).contains("UsernameToken"));
    let header = trust.headers["authorization"].to_str().unwrap();
    let who = STANDARD.decode(header.strip_prefix("Negotiate ").unwrap()).unwrap();
    let who: Value = serde_json::from_slice(&who).unwrap();
    assert_eq!(who["computer"], "PC-1$");
    assert_eq!(who["domain"], "contoso.test");
    assert_eq!(who["objectGuid"].as_str().unwrap().len(), 36);
    assert!(who["sid"].as_str().unwrap().starts_with("S-1-5-21-"), "{who}");
    assert_eq!(of(Step::Realm).url.path().rsplit('/').next(), Some("PC-1%24%40contoso.test"));
    let device: Value = serde_json::from_slice(&of(Step::Device).body).unwrap();
    assert_eq!(device["JoinType"], 6);
    assert!(of(Step::Device).headers["authorization"].to_str().unwrap().starts_with("Bearer "));
}

#[tokio::test]
async fn a_federated_join_that_fails_falls_back_unless_that_is_off() {
    let modern = json_answer(
        400,
        &json!({ "code": "invalid_request", "subcode": "error", "message": "type not allowed",
            "operation": "DeviceJoin" }),
    );
    for (step, answer, phase, number, event) in [
        (Step::Trust, soap(500, FAULT), "auth", 0xcaa9_0014_u32, 305),
        (Step::Swap, refusal(50107), "auth", 0xcaa2_0003, 305),
        (Step::Device, modern, "join", 0x801c_0001, 304),
    ] {
        let stage = Stage::federated().await;
        stage.replace(step, answer);
        let mut machine = computer();
        machine.set_domain_policy(DomainPolicy {
            no_fallback_to_sync_join: true,
            ..DomainPolicy::default()
        });
        let outcome = machine.automatic_join(&stage.wire).await;
        assert_eq!(outcome.hresult, Some(number), "{}", outcome.output);
        let fields = machine.dsreg(&stage.wire, None);
        let shown = format!("{number:#010x}");
        assert_fields(
            &fields,
            &[
                ("Error Phase", phase),
                ("Registration Type", "fed"),
                ("Client ErrorCode", &shown),
                ("Fallback to Sync-Join", "DISABLED"),
                ("DRS Connectivity Test", "PASS"),
            ],
        );
        let token = if phase == "auth" { format!("FAIL [{shown}/{shown}]") } else { "PASS".into() };
        assert_eq!(fields["Token acquisition Test"], token);
        assert_eq!(event_ids(&machine), [event]);
        assert_eq!(machine.computer_object(), None);

        machine.set_domain_policy(DomainPolicy::default());
        stage.replace(Step::Complete, not_synchronised());
        let outcome = machine.automatic_join(&stage.wire).await;
        assert_eq!(outcome.hresult, Some(0x801c_03f2), "{}", outcome.output);
        let fields = machine.dsreg(&stage.wire, None);
        assert_fields(&fields, &[("Registration Type", "sync"), ("Error Phase", "join")]);
        assert_eq!(event_ids(&machine), [event, event, 304]);
        assert!(machine.computer_object().is_some(), "now its certificate can be synchronised");
        stage.restore(Step::Complete);
        let outcome = machine.automatic_join(&stage.wire).await;
        assert_eq!(outcome.exit, 0, "{}", outcome.output);
        assert_eq!(event_ids(&machine), [event, event, 304, event, 306]);
    }
}

#[tokio::test]
async fn metadata_without_integrated_sign_in_have_their_number() {
    let stage = Stage::federated().await;
    let without = MEX.replace("NegotiateAuthentication", "BasicAuthentication");
    stage.replace(Step::Mex, stage.mex(&without));
    let mut machine = computer();
    let no_fallback = DomainPolicy { no_fallback_to_sync_join: true, ..DomainPolicy::default() };
    machine.set_domain_policy(no_fallback);
    let outcome = machine.automatic_join(&stage.wire).await;
    assert_eq!(outcome.hresult, Some(0xcaa9_0022), "{}", outcome.output);
}

#[tokio::test]
async fn each_failure_of_discovery_has_its_number_and_its_test() {
    let empty = |status| ResponseTemplate::new(status);
    for (step, answer, number, under) in [
        (Step::Discover, empty(404), 0x801c_003a_u32, 0x801c_003a_u32),
        (Step::Discover, empty(503), 0x801c_0025, 0x801c_0025),
        (Step::Discover, empty(500), 0x801c_0021, 0x801c_000c),
        (Step::Discover, empty(200), 0x801c_0021, 0x8007_000d),
        (Step::Realm, empty(500), 0x801c_003d, 0x801c_003d),
        (
            Step::Realm,
            json_answer(200, &json!({ "account_type": "Unknown" })),
            0x801c_003d,
            0x801c_003d,
        ),
    ] {
        let stage = Stage::new().await;
        stage.replace(step, answer);
        let mut machine = computer();
        let outcome = machine.automatic_join(&stage.wire).await;
        assert_eq!(outcome.hresult, Some(number), "{}", outcome.output);
        let fields = machine.dsreg(&stage.wire, None);
        assert_eq!(fields["Error Phase"], "discover");
        assert_eq!(fields["DRS Discovery Test"], format!("FAIL [{number:#010x}/{under:#010x}]"));
        assert_eq!(fields["DRS Connectivity Test"], "SKIPPED");
        assert_eq!(event_ids(&machine), [307]);
        assert_eq!(machine.computer_object(), None);
    }
}

#[tokio::test]
async fn a_domain_without_a_service_connection_point_sends_nothing() {
    let stage = Stage::new().await;
    let mut machine = computer();
    let tenant = Some(String::new());
    machine.set_domain_policy(DomainPolicy { tenant, ..DomainPolicy::default() });
    let outcome = machine.automatic_join(&stage.wire).await;
    assert_eq!(outcome.hresult, Some(0x801c_001d));
    assert!(stage.steps().await.is_empty());
    let shown = &machine.dsreg(&stage.wire, None)["AD Configuration Test"];
    assert_eq!(shown, "FAIL [0x80070002]");
    let tenant = Some("contoso.onmicrosoft.test".to_owned());
    machine.set_domain_policy(DomainPolicy { tenant, ..DomainPolicy::default() });
    assert_eq!(machine.automatic_join(&stage.wire).await.exit, 0);
    let first = &stage.server.received_requests().await.unwrap()[0];
    assert!(first.url.path().contains("/contoso.onmicrosoft.test/Discover"), "{}", first.url);
}

#[tokio::test]
async fn the_trace_shows_the_way_and_the_failure() {
    let stage = Stage::federated().await;
    stage.replace(Step::Trust, soap(500, FAULT));
    stage.replace(Step::Complete, not_synchronised());
    let mut machine = computer();
    let outcome = machine.dsregcmd(&stage.wire, "/debug /join", true, None).await;
    assert_eq!(outcome.hresult, Some(0x801c_03f2));
    let mut rest = outcome.output.as_str();
    for due in [
        "dsregcmd::wmain logging initialized.",
        "IsDomainControllerAvailable: DsGetDcName success { domain:contoso.test",
        "PreJoinChecks Complete.",
        "preCheckResult: Join",
        "isJoined: undefined",
        "isDcAvailable: YES",
        "Automatic device join pre-check tasks completed.",
        "TenantInfo::Discover: Join Info { TenantType = Federated; AutoJoinEnabled = 1; TenandID = 6babcaad",
        "GetComputerTokenForADRS failed with error 0xcaa90014",
        "falling back to sync join",
        "join failed with error 0x801c03f2",
        "DSREGCMD_END_STATUS",
        "AzureAdJoined : NO",
    ] {
        let place = rest.find(due).unwrap_or_else(|| panic!("{due} in {}", outcome.output));
        rest = &rest[place..];
    }
}

#[tokio::test]
async fn a_wiped_computer_comes_back_to_its_account_with_another_certificate() {
    let stage = Stage::new().await;
    let mut machine = computer();
    machine.automatic_join(&stage.wire).await;
    let before = machine.computer_object().unwrap();
    machine.wipe(&stage.wire, true);
    assert_eq!(machine.device_id(), None);
    assert_eq!(machine.computer_object().unwrap(), before, "the domain keeps what it has");
    assert_eq!(machine.automatic_join(&stage.wire).await.exit, 0);
    let after = machine.computer_object().unwrap();
    assert_eq!((&after.object_guid, &after.sid), (&before.object_guid, &before.sid));
    assert_ne!(after.certificate_der, before.certificate_der);
    machine.wipe(&stage.wire, false);
    assert_eq!(machine.computer_object(), None, "another name is another computer");
}

#[tokio::test]
async fn a_snapshot_keeps_the_account_the_policy_and_the_events() {
    let stage = Stage::new().await;
    stage.replace(Step::Complete, not_synchronised());
    let mut machine = computer();
    machine.automatic_join(&stage.wire).await;
    let text = serde_json::to_string(&machine.snapshot()).unwrap();
    let back = Machine::restore(serde_json::from_str(&text).unwrap(), &stage.wire);
    assert_eq!(back.snapshot(), machine.snapshot());
    assert_eq!(back.computer_object(), machine.computer_object());
    assert_eq!(event_ids(&back), [304]);
}

#[tokio::test]
async fn computers_of_one_domain_share_the_first_part_of_their_sids() {
    let stage = Stage::new().await;
    let mut sids = Vec::new();
    for key in ["pc1", "pc2"] {
        let mut machine = Machine::new(MachineSpec {
            key: key.to_owned(),
            name: key.to_owned(),
            domain: Some("contoso.test".to_owned()),
            ..MachineSpec::default()
        });
        machine.automatic_join(&stage.wire).await;
        sids.push(machine.computer_object().unwrap().sid);
    }
    let domains: Vec<_> = sids.iter().map(|sid| sid.rsplit_once('-').unwrap().0).collect();
    assert_eq!(domains[0], domains[1]);
    assert_ne!(sids[0], sids[1]);
}

#[tokio::test]
async fn a_machine_without_a_domain_or_of_another_kind_has_nothing_to_do() {
    let stage = Stage::new().await;
    let mut alone = crate::double::machine("pc1", "PC-1");
    let outcome = alone.automatic_join(&stage.wire).await;
    assert_eq!((outcome.exit, outcome.hresult), (1, None));
    assert!(outcome.output.contains("belongs to no domain"), "{}", outcome.output);
    let mut old = Machine::new(MachineSpec {
        os: Os::Windows7,
        domain: Some("contoso.test".to_owned()),
        ..MachineSpec::default()
    });
    let outcome = old.automatic_join(&stage.wire).await;
    assert!(outcome.output.contains("not emulated: an act of Windows 10"), "{}", outcome.output);
    assert!(stage.steps().await.is_empty());
}

#[tokio::test]
async fn a_hybrid_computer_that_leaves_can_come_back_to_the_same_record() {
    let stage = Stage::new().await;
    let mut machine = computer();
    machine.automatic_join(&stage.wire).await;
    let id = machine.device_id().unwrap().to_owned();
    stage.replace(Step::Delete, ResponseTemplate::new(401));
    let outcome = machine.dsregcmd(&stage.wire, "/leave", true, None).await;
    assert_eq!(outcome.exit, 0, "a record that is gone does not hold the computer back");
    stage.replace(Step::Complete, not_synchronised());
    assert_eq!(machine.automatic_join(&stage.wire).await.hresult, Some(0x801c_03f2));
    stage.restore(Step::Complete);
    assert_eq!(machine.automatic_join(&stage.wire).await.exit, 0);
    assert_eq!(machine.device_id(), Some(id.as_str()));
}
