//! Every answer that a service should not give: the client names it, gives the documented number, keeps its state, and
//! never panics.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use crate::double::{START_MS, Stage, Step, TestClock, json_answer, machine, prt_request, refusal};
use linarite_windows::{Join, Outcome, TokenRequest, Wire};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use wiremock::ResponseTemplate;

fn html(status: u16) -> ResponseTemplate {
    let page = "<html><body>Please sign in to the hotel network</body></html>";
    ResponseTemplate::new(status).set_body_raw(page, "text/html")
}

fn empty(status: u16) -> ResponseTemplate {
    ResponseTemplate::new(status)
}

fn classic(status: u16, kind: &str, message: &str) -> ResponseTemplate {
    json_answer(
        status,
        &json!({ "ErrorType": kind, "Message": message, "TraceId": "t", "Time": "x" }),
    )
}

fn modern(status: u16, code: &str, subcode: &str) -> ResponseTemplate {
    let body = json!({ "code": code, "subcode": subcode, "message": "m", "operation": "DeviceJoin", "requestid": "r" });
    json_answer(status, &body)
}

/// The walk's step, the bad answer in its place, and the number that the join must end with.
fn bad_answers() -> Vec<(Step, ResponseTemplate, u32)> {
    let json_200 = |body| json_answer(200, &body);
    vec![
        (Step::Discover, html(200), 0x8007_000d),
        (Step::Discover, html(404), 0x801c_003a),
        (Step::Discover, classic(400, "DirectoryError", "AADSTS90002: no tenant"), 0x801c_003a),
        (Step::Discover, empty(503), 0x801c_0025),
        (Step::Discover, empty(500), 0x801c_000c),
        (Step::Discover, json_200(json!({})), 0x801c_0012),
        (Step::Discover, json_200(json!([1])), 0x8007_000d),
        (
            Step::Discover,
            empty(302).insert_header("location", "https://evil.example/"),
            0x801c_000b,
        ),
        (
            Step::Discover,
            json_200(json!({ "DeviceJoinService": { "JoinEndpoint": "no address" } })),
            0x8007_000d,
        ),
        (Step::Realm, html(200), 0x801c_003d),
        (Step::Realm, empty(500), 0x801c_003d),
        (Step::Realm, json_200(json!({ "account_type": "Unknown" })), 0x801c_003d),
        (Step::Realm, json_200(json!({ "account_type": { "a": 1 } })), 0x801c_003d),
        (Step::Token, refusal(50126), 0xcaa2_0003),
        (Step::Token, json_answer(400, &json!({ "error": "interaction_required" })), 0xcaa1_002d),
        (Step::Token, html(200), 0x8007_000d),
        (Step::Token, html(502), 0x8007_000d),
        (Step::Token, json_200(json!({ "token_type": "Bearer" })), 0xcaa1_002d),
        (Step::Token, json_200(json!({ "access_token": 7, "expires_in": [] })), 0x801c_0000),
        (Step::Device, classic(400, "AuthenticationError", "Invalid JWT token."), 0x801c_0002),
        (Step::Device, classic(400, "AuthorizationError", "not allowed"), 0x801c_0003),
        (Step::Device, classic(400, "AuthorizationError", "DeviceCapReached"), 0x801c_000e),
        (Step::Device, modern(400, "directory_error", "error_missing_device"), 0x801c_03f3),
        (Step::Device, modern(400, "DirectoryError", ""), 0x801c_03f2),
        (Step::Device, modern(400, "invalid_request", "error_bad_csr"), 0x801c_0001),
        (Step::Device, html(200), 0x8007_000d),
        (Step::Device, html(500), 0x801c_0006),
        (Step::Device, empty(503), 0x801c_0025),
        (Step::Device, empty(401), 0x801c_0002),
        (Step::Device, json_200(json!({ "Certificate": { "RawBody": "%%%" } })), 0x8007_000d),
        (Step::Device, json_200(json!({ "Certificate": { "RawBody": "AAAA" } })), 0x8007_000d),
        (Step::Device, json_200(json!({ "Certificate": "AAAA" })), 0x801c_0001),
        (Step::Device, json_200(json!({ "Certificate": {} })), 0x8007_000d),
        (
            Step::Device,
            ResponseTemplate::new(200).set_body_raw(vec![b'x'; 5_000_000], "x/y"),
            0x8007_000d,
        ),
    ]
}

#[tokio::test]
async fn every_bad_answer_to_a_join_has_its_number_and_leaves_the_machine_as_it_was() {
    let stage = Stage::new().await;
    for (step, answer, expected) in bad_answers() {
        let shown = format!("{step:?} {answer:?}").chars().take(300).collect::<String>();
        stage.replace(step, answer);
        let mut machine = machine("pc1", "PC-1");
        let outcome = stage.join(&mut machine).await;
        stage.restore(step);
        if expected == 0x801c_0000 {
            // A number as a token is odd, but a token: the join goes on with it.
            assert_eq!(outcome.exit, 0, "{shown}: {}", outcome.output);
            continue;
        }
        assert_eq!(outcome.exit, 1, "{shown}");
        assert_eq!(
            outcome.hresult.map(|code| format!("{code:#x}")),
            Some(format!("{expected:#x}")),
            "{shown}: {}",
            outcome.output
        );
        assert!(machine.device_id().is_none(), "{shown}");
        let error = outcome.error.unwrap();
        assert!(!error.message.is_empty(), "{shown}");
        let fields = machine.dsreg(&stage.wire, None);
        assert_eq!(fields["Client ErrorCode"], format!("{expected:#010x}"), "{shown}");
        assert_eq!(fields["AzureAdJoined"], "NO");
    }
}

#[tokio::test]
async fn a_certificate_for_another_key_or_subject_is_refused() {
    let stage = Stage::new().await;
    stage.double.lock().unwrap().wrong_key = true;
    let outcome = stage.join(&mut machine("pc1", "PC-1")).await;
    assert_eq!(outcome.hresult, Some(0x8007_000d));
    assert!(outcome.output.contains("another key"), "{}", outcome.output);
    {
        let mut double = stage.double.lock().unwrap();
        double.wrong_key = false;
        double.wrong_subject = Some("PC-1".to_owned());
    }
    let outcome = stage.join(&mut machine("pc1", "PC-1")).await;
    assert!(outcome.output.contains("CN=PC-1"), "{}", outcome.output);
}

#[tokio::test]
async fn the_parts_of_a_service_error_reach_the_outcome_and_the_status() {
    let stage = Stage::new().await;
    stage.replace(Step::Device, modern(400, "directory_error", "error_missing_device"));
    let mut machine = machine("pc1", "PC-1");
    let error = stage.join(&mut machine).await.error.unwrap();
    assert_eq!(error.code.as_deref(), Some("directory_error"));
    assert_eq!(error.subcode.as_deref(), Some("error_missing_device"));
    assert_eq!(error.operation.as_deref(), Some("DeviceJoin"));
    assert_eq!(error.http_status, Some(400));
    let fields = machine.dsreg(&stage.wire, None);
    assert_eq!(fields["Error Phase"], "join");
    assert_eq!(fields["Server ErrorSubCode"], "error_missing_device");
    assert_eq!(fields["Request Id"], error.request_id.unwrap());
}

#[tokio::test]
async fn a_join_whose_token_does_not_come_is_a_join_all_the_same() {
    for (step, answer, status) in [
        (Step::Nonce, html(200), "0xc00000d0"),
        (Step::Nonce, json_answer(200, &json!({})), "0xc00000d0"),
        (Step::Nonce, empty(503), "0xc00000c4"),
        (Step::Prt, refusal(50155), "0xc000006d"),
        (Step::Prt, html(500), "0xc00000c4"),
        (Step::Prt, json_answer(200, &json!({ "refresh_token": "x" })), "0xc00000d0"),
        (
            Step::Prt,
            json_answer(200, &json!({ "refresh_token": "x", "session_key_jwe": "a.b.c" })),
            "0xc00000d0",
        ),
        (
            Step::Prt,
            json_answer(200, &json!({ "refresh_token": "x", "session_key_jwe": "a.AAAA.c.d.e" })),
            "0xc00000d0",
        ),
    ] {
        let stage = Stage::new().await;
        stage.replace(step, answer);
        let mut machine = machine("pc1", "PC-1");
        let outcome = stage.join(&mut machine).await;
        assert_eq!(outcome.exit, 0, "{step:?}: {}", outcome.output);
        assert!(outcome.output.contains("no primary refresh token"), "{step:?}");
        let fields = machine.dsreg(&stage.wire, None);
        assert_eq!(fields["AzureAdJoined"], "YES");
        assert_eq!(fields["AzureAdPrt"], "NO");
        assert_eq!(fields["Attempt Status"], status, "{step:?}: {}", outcome.output);
    }
}

#[tokio::test]
async fn bad_answers_to_a_token_request_are_named_and_cost_nothing() {
    let stage = Stage::new().await;
    let mut machine = stage.joined().await;
    for (answer, words) in [
        (html(200), "compact JWE"),
        (html(500), "in JSON"),
        (ResponseTemplate::new(200).set_body_string("a.b.c.d.e"), "sealed with the session key"),
        (json_answer(200, &json!({ "token_type": "Bearer" })), "an access_token"),
        (json_answer(400, &json!({ "errors": [] })), "an error with its reason"),
        (empty(204), "empty body"),
    ] {
        stage.replace(Step::Use, answer);
        let outcome = machine.token(&stage.wire, &prt_request("https://x.test")).await;
        assert_eq!((outcome.exit, outcome.tokens.is_none()), (1, true));
        assert!(outcome.output.contains(words), "{words}: {}", outcome.output);
    }
    stage.restore(Step::Use);
    let outcome = machine.token(&stage.wire, &prt_request("https://x.test")).await;
    assert_eq!(outcome.exit, 0, "{}", outcome.output);
    let neither = TokenRequest { client: "office".to_owned(), ..TokenRequest::default() };
    assert_eq!(machine.token(&stage.wire, &neither).await.hresult, Some(0x8007_0057));
}

async fn join_through(wire: &Wire) -> Outcome {
    let request = Join { upn: "alice@contoso.test".to_owned(), ..Join::default() };
    machine("pc1", "PC-1").join(wire, &request).await
}

/// A server that sends `reply` to whatever comes first and then hangs up, or holds the line when there is no reply.
async fn raw(reply: Option<&'static str>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let read = socket.read(&mut request).await;
            assert!(read.is_ok());
            match reply {
                Some(reply) => socket.write_all(reply.as_bytes()).await.unwrap(),
                None => std::future::pending::<()>().await,
            }
        }
    });
    base
}

fn clock() -> Arc<TestClock> {
    Arc::new(TestClock(AtomicI64::new(START_MS)))
}

#[tokio::test]
async fn transport_failures_carry_the_numbers_of_winhttp() {
    let truncated =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"a\":";
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    for (base, winhttp, hresult) in [
        (raw(Some(truncated)).await, 12030, 0x8007_2efe),
        (raw(Some("")).await, 12030, 0x8007_2efe),
        (raw(Some("no HTTP at all\r\n\r\n")).await, 12030, 0x8007_2efe),
        (closed, 12029, 0x8007_2efd),
        (raw(None).await, 12002, 0x8007_2ee2),
    ] {
        let wire = crate::double::wire(&base, &clock(), |spec| {
            spec.time_limit = Duration::from_millis(300);
        });
        let outcome = join_through(&wire).await;
        let error = outcome.error.unwrap();
        assert_eq!((error.winhttp, outcome.hresult), (Some(winhttp), Some(hresult)), "{error:?}");
        assert!(error.exchange.unwrap().starts_with("GET http://127.0.0.1"));
    }
}

#[tokio::test]
async fn an_offline_machine_sends_nothing() {
    let stage = Stage::new().await;
    let mut machine = machine("pc1", "PC-1");
    machine.online = false;
    let outcome = stage.join(&mut machine).await;
    assert_eq!((outcome.exit, outcome.hresult), (1, Some(0x8007_2ee7)));
    assert_eq!(outcome.error.unwrap().winhttp, Some(12007));
    assert!(stage.steps().await.is_empty());
}

#[tokio::test]
async fn a_proxy_that_is_no_proxy_is_told_before_anything_is_sent() {
    let refused = Wire::new(
        linarite_windows::WireSpec { proxy: Some("::".to_owned()), ..Default::default() },
        clock(),
        Arc::new(crate::double::TestChance::default()),
    );
    assert!(refused.unwrap_err().to_string().contains("proxy"));
}

#[tokio::test]
async fn a_name_without_a_domain_is_refused_before_anything_is_sent() {
    let stage = Stage::new().await;
    let request = Join { upn: "alice".to_owned(), ..Join::default() };
    let outcome = machine("pc1", "PC-1").join(&stage.wire, &request).await;
    assert_eq!(outcome.hresult, Some(0x8007_0057));
    assert!(stage.steps().await.is_empty());
}
