//! Noise: arbitrary bytes to every endpoint that takes a body. No answer is a 5xx, and nothing in the directory changes.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use reqwest::Method;

use crate::support::{
    ALICE, BOB, DRS, DRS_RESOURCE, FILES, GRAPH, LOGIN, TENANT, Town, client, held, read,
};

#[derive(Clone, Debug)]
struct Noise {
    endpoint: usize,
    kind: Option<&'static str>,
    body: Vec<u8>,
}

const KINDS: [Option<&str>; 6] = [
    None,
    Some("application/json"),
    Some("application/x-www-form-urlencoded"),
    Some("application/soap+xml"),
    Some("multipart/form-data; boundary=x"),
    Some("\u{ff}"),
];

/// Words that lead deeper into the parsers than random bytes do.
const WORDS: [&str; 16] = [
    "{",
    "}",
    "\"",
    "=",
    "&",
    "%",
    "grant_type=",
    "password",
    "refresh_token",
    "request=",
    "eyJ",
    ".",
    "\"JoinType\":0",
    "\"CertificateRequest\":{",
    "assertion=",
    "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&request=eyJhbGciOiJIUzI1NiIsImN0eCI6IkFBIn0.e30.",
];

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300),
        ".{0,120}".prop_map(String::into_bytes),
        prop::collection::vec(prop::sample::select(&WORDS[..]), 0..20)
            .prop_map(|words| words.concat().into_bytes()),
    ]
}

fn noise(endpoints: usize) -> impl Strategy<Value = Noise> {
    (0..endpoints, prop::sample::select(&KINDS[..]), body())
        .prop_map(|(endpoint, kind, body)| Noise { endpoint, kind, body })
}

fn run(cases: u32) -> (TestRunner, tokio::runtime::Runtime) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    (TestRunner::new(config), runtime.unwrap())
}

#[test]
fn arbitrary_bytes_to_any_endpoint_are_no_fault_of_the_server_and_change_nothing() {
    let (mut runner, runtime) = run(600);
    let (town, machine) = runtime.block_on(async {
        let town = Town::start().await;
        let machine = town.joined("pc1", BOB).await;
        (town, machine)
    });
    let (registration, graph) = runtime.block_on(async {
        (town.token_of(ALICE, DRS_RESOURCE).await, town.token_of(ALICE, GRAPH).await)
    });
    let held = held(&machine);
    let identity = Some((&held.certificate[..], &held.key[..]));
    let proxy = town.emulator.proxy_url();
    let known = client(Some(&proxy), town.emulator.ca_pem(), identity).build().unwrap();
    let device = machine.device_id().unwrap();
    let endpoints = [
        (Method::POST, format!("{LOGIN}/common/oauth2/token"), None),
        (Method::POST, format!("{LOGIN}/{TENANT}/oauth2/v2.0/token"), None),
        (Method::POST, format!("{LOGIN}/organizations/login"), None),
        (Method::POST, format!("{LOGIN}/common/oauth2/authorize"), None),
        (Method::POST, format!("{LOGIN}/common/oauth2/devicecode"), None),
        (
            Method::POST,
            format!("{DRS}/EnrollmentServer/device/?api-version=1.0"),
            Some(&registration),
        ),
        (
            Method::POST,
            format!("{DRS}/EnrollmentServer/device/?api-version=2.0"),
            Some(&registration),
        ),
        (Method::POST, format!("{DRS}/EnrollmentServer/key/?api-version=1.0"), Some(&registration)),
        (Method::POST, format!("{DRS}/EnrollmentServer/DeviceEnrollmentWebService.svc"), None),
        (Method::PUT, format!("{DRS}/EnrollmentServer/device/{device}?api-version=2.0"), None),
        (Method::PATCH, format!("{GRAPH}/v1.0/devices(deviceId='{device}')"), Some(&graph)),
        (Method::POST, format!("{GRAPH}/v1.0/devices"), Some(&graph)),
        (Method::POST, format!("{GRAPH}/v1.0/$batch"), Some(&graph)),
        (Method::POST, format!("{FILES}/me"), None),
    ];
    let before = runtime.block_on(town.records());
    let outcome = runner.run(&noise(endpoints.len()), |noise| {
        let (method, url, token) = &endpoints[noise.endpoint];
        // Every other request shows a certificate: nothing may follow from that.
        let http = if noise.body.len() % 2 == 0 { &known } else { &town.http };
        let mut request = http.request(method.clone(), url.as_str()).body(noise.body);
        if let Some(kind) = noise.kind {
            request = request.header("content-type", kind.as_bytes());
        }
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = runtime.block_on(read(request));
        // An empty object is a change of nothing, which Graph takes.
        let allowed = answer.status == 204 && *method == Method::PATCH;
        // A fault of SOAP 1.2 is an HTTP 500, whoever is at fault.
        let fault = answer.status == 500
            && answer.text.contains("<s:Value>s:Receiver</s:Value>")
            && !answer.text.contains("InternalServiceFault");
        let refused = (200..500).contains(&answer.status) || fault;
        prop_assert!(allowed || refused, "{method} {url}: {answer:?}");
        Ok(())
    });
    outcome.unwrap();
    assert_eq!(runtime.block_on(town.records()), before);
}

#[test]
fn a_good_request_with_a_few_bytes_changed_is_never_a_fault_of_the_server() {
    let (mut runner, runtime) = run(400);
    let (town, join, prt, password) = runtime.block_on(async {
        let town = Town::start().await;
        let mut machine = town.joined("pc1", BOB).await;
        let join = town.sent("POST", "/EnrollmentServer/device/", "CertificateRequest");
        let prt = town.sent("POST", "/oauth2/token", "request=");
        let password = town.sent("POST", "/oauth2/token", "password");
        assert_eq!(town.prt_token(&mut machine).await.exit, 0);
        (town, join, prt, password)
    });
    let used = town.sent("POST", "/oauth2/token", "request=");
    let requests = [join, prt, password, used];
    let devices = town.world().directory.device_count().unwrap();
    let change = (
        0..requests.len(),
        prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    );
    let joined = std::cell::Cell::new(0);
    let outcome = runner.run(&change, |(which, changes)| {
        let sent = &requests[which];
        let mut body = sent.body.clone().into_bytes();
        for (place, byte) in changes {
            let place = place.index(body.len());
            body[place] = byte;
        }
        let mut request = town.http.post(&sent.url).body(body);
        if let Some(token) = &sent.bearer {
            request = request.bearer_auth(token);
        }
        let answer = runtime.block_on(read(request));
        prop_assert!((200..500).contains(&answer.status), "{answer:?}");
        if which == 0 && answer.status == 200 {
            joined.set(joined.get() + 1);
        }
        Ok(())
    });
    outcome.unwrap();
    let now = town.world().directory.device_count().unwrap();
    assert!(joined.get() <= 50, "a quota of fifty holds");
    assert_eq!(now, devices + joined.get(), "each answered join is a record, and nothing else is");
}
