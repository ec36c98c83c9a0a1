//! What `dsregcmd /status` prints in each row of the state matrix (device-registration.md 15, FAQ A6), in either layout,
//! against files that were composed from published samples: see `status/README.md`.

use linarite_windows::{Layout, Machine, MachineSpec, Register, Tpm};
use serde_json::json;

use crate::double::{Stage, Step, json_answer, refusal};

const ALICE: &str = "alice@contoso.test";

const LAYOUTS: [Layout; 2] = [Layout::Modern, Layout::Of2017];

fn machine(layout: Layout, domain: bool) -> Machine {
    Machine::new(MachineSpec {
        key: "pc1".to_owned(),
        name: "PC-1".to_owned(),
        domain: domain.then(|| "contoso.test".to_owned()),
        layout,
        ..MachineSpec::default()
    })
}

async fn joined(stage: &Stage, layout: Layout) -> Machine {
    let mut machine = machine(layout, false);
    assert_eq!(stage.join(&mut machine).await.exit, 0);
    machine
}

async fn hybrid(stage: &Stage, layout: Layout) -> Machine {
    let mut machine = machine(layout, true);
    assert_eq!(machine.automatic_join(&stage.wire).await.exit, 0);
    assert_eq!(machine.sign_in(&stage.wire, None, ALICE, "Correct-Horse-1").await.exit, 0);
    machine
}

async fn add_account(stage: &Stage, machine: &mut Machine) {
    let request = Register { upn: ALICE.to_owned(), ..Register::default() };
    assert_eq!(machine.register(&stage.wire, &request).await.exit, 0);
}

/// Joined, and refused at the next sign-in with an error of the token service.
async fn refused(stage: &Stage, layout: Layout, code: u32) -> Machine {
    let mut machine = joined(stage, layout).await;
    stage.replace(Step::Prt, refusal(code));
    stage.replace(Step::DeviceToken, refusal(code));
    machine.sign_out(None);
    assert_eq!(machine.sign_in(&stage.wire, None, ALICE, "Correct-Horse-1").await.exit, 0);
    machine
}

/// Compares what the tool prints with the file, and shows whom it asked: the newer one whether the device counts, if there
/// is one, and else nobody.
async fn compare(stage: &Stage, machine: &mut Machine, expected: &str) {
    let sent = stage.steps().await.len();
    let outcome = machine.dsregcmd(&stage.wire, "/status", false, None).await;
    let asks = machine.device_id().is_some() && machine.spec().layout == Layout::Modern;
    let asked: &[Step] = if asks { &[Step::Nonce, Step::DeviceToken] } else { &[] };
    assert_eq!((outcome.exit, &stage.steps().await[sent..]), (0, asked));
    let sent = stage.steps().await.len();
    let fields = machine.dsreg(&stage.wire, None);
    assert_eq!(stage.steps().await.len(), sent, "the client state is read without the network");
    let mut printed = outcome.output.replace(&stage.server.uri(), "BASE");
    for (field, word) in [
        ("DeviceId", "DEVICE"),
        ("Thumbprint", "THUMBPRINT"),
        ("WorkplaceDeviceId", "WORKDEVICE"),
        ("WorkplaceThumbprint", "WORKTHUMBPRINT"),
        ("Correlation ID", "CORRELATION"),
        ("Request Id", "REQUEST"),
        ("Work Account 1.KeyContainerId", "WORKCONTAINER"),
        (
            "KeyContainerId",
            if fields.contains_key("DeviceId") { "CONTAINER" } else { "WORKCONTAINER" },
        ),
    ] {
        if let Some(value) = fields.get(field) {
            printed = printed.replace(value, word);
        }
    }
    for (number, (printed, expected)) in printed.lines().zip(expected.lines()).enumerate() {
        assert_eq!(printed, expected, "line {}", number + 1);
    }
    assert_eq!(printed.trim_end(), expected.trim_end());
}

fn golden(layout: Layout, modern: &'static str, of_2017: &'static str) -> &'static str {
    if layout == Layout::Modern { modern } else { of_2017 }
}

macro_rules! golden {
    ($layout:expr, $modern:literal, $of_2017:literal) => {
        golden(
            $layout,
            include_str!(concat!("status/", $modern, ".txt")),
            include_str!(concat!("status/", $of_2017, ".txt")),
        )
    };
}

#[tokio::test]
async fn a_fresh_machine_is_nothing() {
    for layout in LAYOUTS {
        let stage = Stage::new().await;
        let expected = golden!(layout, "none.modern", "none.2017-assumed");
        compare(&stage, &mut machine(layout, false), expected).await;
    }
}

#[tokio::test]
async fn a_computer_of_a_domain_shows_the_tests_before_the_join() {
    for layout in LAYOUTS {
        let stage = Stage::new().await;
        let expected = golden!(layout, "domain-joined.modern", "domain-joined.2017-assumed");
        compare(&stage, &mut machine(layout, true), expected).await;
    }
}

#[tokio::test]
async fn a_pending_computer_shows_why_it_could_not_join() {
    for layout in LAYOUTS {
        let stage = Stage::new().await;
        let mut machine = machine(layout, true);
        let answer = json!({ "ErrorType": "DirectoryError",
            "Message": "The device object by the given id (x) is not found.",
            "TraceId": "t", "Time": "03-02-2026 09:00:00Z" });
        stage.replace(Step::Complete, json_answer(400, &answer));
        assert_eq!(machine.automatic_join(&stage.wire).await.exit, 1);
        let expected = golden!(layout, "pending.modern", "pending.2017-assumed");
        compare(&stage, &mut machine, expected).await;
    }
}

#[tokio::test]
async fn a_hybrid_computer_is_joined_on_both_sides() {
    for layout in LAYOUTS {
        let stage = Stage::new().await;
        let mut machine = hybrid(&stage, layout).await;
        compare(&stage, &mut machine, golden!(layout, "hybrid.modern", "hybrid.2017")).await;
    }
}

#[tokio::test]
async fn an_azure_ad_joined_machine_is_joined_in_the_cloud_only() {
    for layout in LAYOUTS {
        let stage = Stage::new().await;
        let mut machine = joined(&stage, layout).await;
        let expected = golden!(layout, "azure-ad-joined.modern", "azure-ad-joined.2017-assumed");
        compare(&stage, &mut machine, expected).await;
    }
}

#[tokio::test]
async fn a_registered_machine_shows_its_work_account_and_no_device() {
    for layout in LAYOUTS {
        let stage = Stage::new().await;
        let mut machine = machine(layout, false);
        add_account(&stage, &mut machine).await;
        let expected = golden!(layout, "registered.modern", "registered.2017-assumed");
        compare(&stage, &mut machine, expected).await;
    }
}

#[tokio::test]
async fn a_dual_state_shows_both_registrations() {
    for layout in LAYOUTS {
        let stage = Stage::new().await;
        let mut machine = hybrid(&stage, layout).await;
        add_account(&stage, &mut machine).await;
        let expected = golden!(layout, "dual.modern-assumed", "dual.2017-assumed");
        compare(&stage, &mut machine, expected).await;
    }
}

#[tokio::test]
async fn a_deleted_device_goes_on_calling_itself_joined() {
    for layout in LAYOUTS {
        let stage = Stage::new().await;
        let mut machine = refused(&stage, layout, 700_003).await;
        let expected = golden!(layout, "deleted.modern", "deleted.2017-assumed");
        compare(&stage, &mut machine, expected).await;
    }
}

#[tokio::test]
async fn a_disabled_device_looks_the_same_but_for_the_code() {
    for layout in LAYOUTS {
        let stage = Stage::new().await;
        let mut machine = refused(&stage, layout, 135_011).await;
        let expected = golden!(layout, "disabled.modern", "disabled.2017-assumed");
        compare(&stage, &mut machine, expected).await;
    }
}

#[tokio::test]
async fn whether_the_device_counts_is_what_the_service_said_last() {
    let stage = Stage::new().await;
    let mut machine = joined(&stage, Layout::Modern).await;
    let gone = "FAILED. Device is either disabled or deleted";
    for (answer, says) in [
        (Some(refusal(700_003)), gone),
        (None, "SUCCESS"),
        (Some(refusal(50_155)), gone),
        (Some(refusal(90_033)), "FAILED. ERROR"),
        (Some(json_answer(200, &json!({ "token_type": "Bearer" }))), "FAILED. ERROR"),
        (Some(json_answer(503, &json!({}))), "FAILED. ERROR"),
    ] {
        match answer {
            Some(answer) => stage.replace(Step::DeviceToken, answer),
            None => stage.restore(Step::DeviceToken),
        }
        let shown = machine.dsregcmd(&stage.wire, "/status", false, None).await.output;
        assert!(shown.contains(&format!("DeviceAuthStatus : {says}\n")), "{says}: {shown}");
        assert_eq!(machine.dsreg(&stage.wire, None)["DeviceAuthStatus"], says);
    }
    stage.restore(Step::DeviceToken);
    machine.online = false;
    let sent = stage.steps().await.len();
    let shown = machine.dsregcmd(&stage.wire, "/status", false, None).await.output;
    assert!(shown.contains("DeviceAuthStatus : FAILED. ERROR\n"), "{shown}");
    assert_eq!(stage.steps().await.len(), sent);
}

#[tokio::test]
async fn a_chip_keeps_the_keys_or_fails_before_anything_is_asked_for_with_them() {
    for (tpm, provider) in [
        (Tpm::None, "Microsoft Software Key Storage Provider"),
        (Tpm::Ready, "Microsoft Platform Crypto Provider"),
    ] {
        let stage = Stage::new().await;
        let mut machine =
            Machine::new(MachineSpec { tpm, ..machine(Layout::Modern, false).spec().clone() });
        assert_eq!(stage.join(&mut machine).await.exit, 0);
        let fields = machine.dsreg(&stage.wire, None);
        assert_eq!(fields["KeyProvider"], provider);
        assert_eq!(fields["TpmProtected"], if tpm == Tpm::Ready { "YES" } else { "NO" });
    }
    let stage = Stage::new().await;
    let spec = MachineSpec { tpm: Tpm::Fips, ..machine(Layout::Modern, true).spec().clone() };
    let mut machine = Machine::new(spec);
    let outcome = machine.automatic_join(&stage.wire).await;
    assert_eq!((outcome.exit, outcome.hresult), (1, Some(0x8028_0036)));
    assert!(!stage.steps().await.contains(&Step::Complete));
    assert_eq!(machine.computer_object(), None, "nothing was written into the domain");
}

#[tokio::test]
async fn an_image_is_the_same_device_on_another_computer() {
    let stage = Stage::new().await;
    let original = joined(&stage, Layout::Modern).await;
    let mut copy = Machine::new(MachineSpec {
        key: "pc2".to_owned(),
        name: "PC-2".to_owned(),
        ..MachineSpec::default()
    });
    let sent = stage.steps().await.len();
    assert_eq!(copy.take_image(&original).exit, 0);
    assert_eq!((copy.key(), copy.name(), copy.device_id()), ("pc2", "PC-1", original.device_id()));
    assert_eq!(copy.client_certificate(None), original.client_certificate(None));
    assert_eq!(stage.steps().await.len(), sent);
}

#[tokio::test]
async fn a_forced_recovery_joins_again_at_the_next_sign_in() {
    let stage = Stage::new().await;
    let mut machine = joined(&stage, Layout::Modern).await;
    let before = machine.device_id().unwrap().to_owned();
    let sent = stage.steps().await.len();
    let refused = machine.dsregcmd(&stage.wire, "/forcerecovery", false, None).await;
    assert_eq!((refused.exit, refused.hresult), (1, Some(0x8007_0005)));
    let outcome = machine.dsregcmd(&stage.wire, "/forcerecovery", true, None).await;
    assert_eq!((outcome.exit, outcome.output.as_str()), (0, ""));
    assert_eq!(machine.dsreg(&stage.wire, None)["AadRecoveryEnabled"], "YES");
    assert_eq!(stage.steps().await.len(), sent, "nothing is sent before the sign-in");
    machine.sign_out(None);
    stage.replace(Step::Device, refusal(50126));
    assert_eq!(machine.sign_in(&stage.wire, None, ALICE, "Correct-Horse-1").await.exit, 0);
    assert_eq!(machine.dsreg(&stage.wire, None)["AadRecoveryEnabled"], "YES", "not done yet");
    stage.restore(Step::Device);
    assert_eq!(machine.sign_in(&stage.wire, None, ALICE, "Correct-Horse-1").await.exit, 0);
    let fields = machine.dsreg(&stage.wire, None);
    assert_eq!((&*fields["AadRecoveryEnabled"], &*fields["AzureAdPrt"]), ("NO", "YES"));
    assert_ne!(machine.device_id(), Some(before.as_str()));
}

#[tokio::test]
async fn there_is_nothing_to_recover_on_a_machine_that_is_not_joined() {
    let stage = Stage::new().await;
    let mut machine = machine(Layout::Modern, false);
    let outcome = machine.dsregcmd(&stage.wire, "/debug /forcerecovery", true, None).await;
    assert_eq!((outcome.exit, outcome.hresult), (1, None));
    assert!(outcome.output.contains("nothing to recover"), "{}", outcome.output);
    assert!(outcome.output.ends_with("AzureAdJoined : NO\n          EnterpriseJoined : NO\n"));
}

#[tokio::test]
async fn the_next_sign_in_of_the_same_user_ends_a_dual_state_since_1803() {
    for (layout, left) in [(Layout::Modern, "NO"), (Layout::Of2017, "YES")] {
        let stage = Stage::new().await;
        let mut machine = machine(layout, true);
        let windows_user = Some(ALICE.to_owned());
        let request = Register { windows_user, upn: ALICE.to_owned(), ..Register::default() };
        assert_eq!(machine.register(&stage.wire, &request).await.exit, 0);
        assert_eq!(machine.automatic_join(&stage.wire).await.exit, 0);
        assert_eq!(machine.sign_in(&stage.wire, None, ALICE, "Correct-Horse-1").await.exit, 0);
        let fields = machine.dsreg(&stage.wire, None);
        assert_eq!((&*fields["WorkplaceJoined"], &*fields["AzureAdJoined"]), (left, "YES"));
        assert_eq!(stage.steps().await.contains(&Step::Delete), left == "NO");
    }
}
