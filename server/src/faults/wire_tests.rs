//! Every effect on an exchange as it arrives: raw clients over HTTP/1.1 and HTTP/2, through real TLS.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, HandshakeKind, RootCertStore};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::Emulator;
use crate::clock::ClockMode;
use crate::control::admin::Admin;

const LOGIN: &str = "login.microsoftonline.com";
const REALM: &str = "/common/userrealm/alice@contoso.test?api-version=1.0";
const GRAPH: &str = "graph.microsoft.com";

/// What is left of an answer.
#[derive(Debug)]
struct Arrived {
    status: Option<u16>,
    headers: Vec<(String, String)>,
    /// What arrived of the body.
    body: Vec<u8>,
    /// Whether the answer ended as it should.
    whole: bool,
    /// Whether the end was a reset.
    reset: bool,
    took: Duration,
}

impl Arrived {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speaks {
    One,
    Two,
}

const BOTH: [Speaks; 2] = [Speaks::One, Speaks::Two];

struct Wire {
    emulator: Emulator,
    roots: RootCertStore,
}

impl Wire {
    async fn start() -> Self {
        let emulator = Emulator::builder()
            .world_yaml(include_str!("../../../fixtures/worlds/contoso.world.yaml"))
            .seed(7)
            .clock(ClockMode::Manual, None)
            .https_port(0)
            .start()
            .await
            .unwrap();
        let mut roots = RootCertStore::empty();
        let pem = emulator.ca_pem().as_bytes();
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(pem).flatten());
        Self { emulator, roots }
    }

    fn admin(&self) -> Admin<'_> {
        Admin::new(self.emulator.world(), "test")
    }

    fn fault(&self, id: &str, fault: Value) {
        self.admin().start_fault(id, serde_json::from_value(fault).unwrap()).unwrap();
    }

    fn stop(&self, id: &str) -> u64 {
        self.admin().stop_fault(id).unwrap().strikes
    }

    /// The last event of a kind.
    fn last(&self, kind: &str) -> Value {
        let events = self.emulator.world().journal.since(0);
        let found = events.iter().rfind(|event| event.kind.word() == kind).unwrap();
        found.fields.iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn client(&self, speaks: Speaks) -> Arc<ClientConfig> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth();
        config.alpn_protocols = match speaks {
            Speaks::One => vec![b"http/1.1".to_vec()],
            Speaks::Two => vec![b"h2".to_vec()],
        };
        Arc::new(config)
    }

    async fn connect(
        &self,
        host: &'static str,
        config: &Arc<ClientConfig>,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.emulator.https_address().unwrap()).await?;
        let name = ServerName::try_from(host).unwrap();
        soon(TlsConnector::from(Arc::clone(config)).connect(name, stream)).await
    }

    async fn two(&self, host: &'static str) -> SendRequest<Empty<Bytes>> {
        let tls = self.connect(host, &self.client(Speaks::Two)).await.unwrap();
        let made = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(tls));
        let (sender, connection) = made.await.unwrap();
        drop(tokio::spawn(connection));
        sender
    }

    /// Asks and takes whatever arrives.
    async fn ask(&self, speaks: Speaks, method: Method, host: &'static str, path: &str) -> Arrived {
        match speaks {
            Speaks::One => self.ask_1(&method, host, path).await,
            Speaks::Two => ask_2(&mut self.two(host).await, method, host, path).await,
        }
    }

    async fn realm(&self, speaks: Speaks) -> Arrived {
        self.ask(speaks, Method::GET, LOGIN, REALM).await
    }

    async fn ask_1(&self, method: &Method, host: &'static str, path: &str) -> Arrived {
        let begun = Instant::now();
        let mut tls = self.connect(host, &self.client(Speaks::One)).await.unwrap();
        let line = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        tls.write_all(line.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        let ended = soon(tls.read_to_end(&mut bytes)).await;
        let reset = ended.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset);
        let took = begun.elapsed();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, _)) = text.split_once("\r\n\r\n").filter(|_| text.starts_with("HTTP/1.1 "))
        else {
            let (status, headers) = (None, Vec::new());
            return Arrived { status, headers, body: bytes, whole: false, reset, took };
        };
        let headers: Vec<(String, String)> = head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let body = bytes.split_off(head.len() + 4);
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let whole = length.is_none_or(|(_, length)| *length == body.len().to_string());
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Arrived { status, headers, body, whole, reset, took }
    }
}

async fn ask_2(
    sender: &mut SendRequest<Empty<Bytes>>,
    method: Method,
    host: &str,
    path: &str,
) -> Arrived {
    let begun = Instant::now();
    let request = Request::builder().method(method).uri(format!("https://{host}{path}"));
    let asked = sender.send_request(request.body(Empty::new()).unwrap());
    let mut arrived = Arrived {
        status: None,
        headers: Vec::new(),
        body: Vec::new(),
        whole: false,
        reset: false,
        took: Duration::ZERO,
    };
    if let Ok(answer) = soon(asked).await {
        let (parts, mut body) = answer.into_parts();
        arrived.status = Some(parts.status.as_u16());
        let text = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
        arrived.headers =
            parts.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        arrived.whole = loop {
            match soon(body.frame()).await {
                None => break true,
                Some(Err(_)) => break false,
                Some(Ok(frame)) => {
                    arrived.body.extend_from_slice(&frame.into_data().unwrap_or_default());
                }
            }
        };
    }
    arrived.took = begun.elapsed();
    arrived
}

/// The value, or a failed test instead of a hanging one.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("stuck")
}

#[tokio::test]
async fn without_a_fault_the_answer_is_whole_over_both_versions() {
    let wire = Wire::start().await;
    for speaks in BOTH {
        let arrived = wire.realm(speaks).await;
        assert_eq!((arrived.status, arrived.whole), (Some(200), true), "{arrived:?}");
        assert!(arrived.json().is_object());
    }
}

#[tokio::test]
async fn a_mutated_answer_has_other_members_headers_and_status() {
    let wire = Wire::start().await;
    let change = json!({ "json": { "planted.deep": 1 }, "header": { "X-Planted": "here" }, "drop": ["domain_name", "header:date"], "status": 418 });
    wire.fault("m", json!({ "mutate": change }));
    for speaks in BOTH {
        let arrived = wire.realm(speaks).await;
        assert_eq!((arrived.status, arrived.whole), (Some(418), true), "{arrived:?}");
        assert_eq!(arrived.json()["planted"]["deep"], 1);
        assert_eq!(arrived.json().get("domain_name"), None);
        assert_eq!(arrived.header("x-planted"), Some("here"));
        assert_eq!(arrived.header("date"), None);
    }
    assert_eq!(wire.stop("m"), 2);
}

#[tokio::test]
async fn a_real_delay_is_waited_for_and_a_virtual_one_is_not() {
    let wire = Wire::start().await;
    wire.fault("d", json!({ "delay": "300ms" }));
    for speaks in BOTH {
        let arrived = wire.realm(speaks).await;
        assert!(arrived.whole && arrived.took >= Duration::from_millis(300), "{arrived:?}");
    }
    wire.stop("d");
    let before = wire.emulator.world().clock.now();
    wire.fault("v", json!({ "delay": { "virtual": "2h" } }));
    for speaks in BOTH {
        let arrived = wire.realm(speaks).await;
        assert!(arrived.whole && arrived.took < Duration::from_secs(15), "{arrived:?}");
    }
    let hours = (wire.emulator.world().clock.now().seconds() - before.seconds()) / 3600;
    assert_eq!(hours, 4);
}

#[tokio::test]
async fn a_slow_body_trickles_and_arrives_whole() {
    let wire = Wire::start().await;
    let length = wire.realm(Speaks::One).await.body.len();
    wire.fault("s", json!({ "slow": "200B/s" }));
    // The first piece comes at once.
    let least = Duration::from_millis(u64::try_from((length - 20) * 5 - 100).unwrap());
    for speaks in BOTH {
        let arrived = wire.realm(speaks).await;
        assert_eq!((arrived.status, arrived.whole, arrived.body.len()), (Some(200), true, length));
        assert!(arrived.took >= least, "{:?} of {least:?}", arrived.took);
    }
}

#[tokio::test]
async fn a_hanging_exchange_gets_nothing_and_then_an_end() {
    let wire = Wire::start().await;
    wire.fault("h", json!({ "hang": { "for": "250ms" } }));
    for speaks in BOTH {
        let arrived = wire.realm(speaks).await;
        assert_eq!((arrived.status, arrived.body.len(), arrived.reset), (None, 0, false));
        assert!(arrived.took >= Duration::from_millis(250), "{arrived:?}");
    }
}

#[tokio::test]
async fn a_reset_is_a_reset_and_the_handler_runs_only_when_it_is_asked_to() {
    let wire = Wire::start().await;
    for (after, handler) in [(false, "not run"), (true, "ran")] {
        wire.fault("r", json!({ "reset": true, "after": after }));
        let arrived = wire.realm(Speaks::One).await;
        assert_eq!((arrived.status, arrived.body.len(), arrived.reset), (None, 0, true));
        let hit = wire.last("fault.hit");
        assert_eq!((&hit["handler"], hit.get("ends")), (&json!(handler), None), "{hit}");
        assert_eq!(wire.stop("r"), 1);
    }
}

#[tokio::test]
async fn a_reset_over_http_2_takes_the_other_streams_along_and_says_so() {
    let wire = Wire::start().await;
    wire.fault("late", json!({ "match": { "operation": "keys" }, "delay": "10m" }));
    wire.fault("r", json!({ "match": { "operation": "user-realm" }, "reset": true }));
    let mut first = wire.two(LOGIN).await;
    let mut second = first.clone();
    let mut other = wire.two(LOGIN).await;
    let keys = "/common/discovery/keys";
    let begun = Instant::now();
    let (waiting, struck) = tokio::join!(
        ask_2(&mut first, Method::GET, LOGIN, keys),
        ask_2(&mut second, Method::GET, LOGIN, REALM),
    );
    assert_eq!((waiting.status, struck.status), (None, None));
    assert!(begun.elapsed() < Duration::from_secs(15));
    let hit = wire.last("fault.hit");
    assert_eq!(hit["ends"], "every stream of the HTTP/2 connection", "{hit}");
    let openid = "/common/.well-known/openid-configuration";
    let spared = ask_2(&mut other, Method::GET, LOGIN, openid).await;
    assert_eq!(spared.status, Some(200), "another connection goes on");
}

#[tokio::test]
async fn a_close_ends_before_the_answer_behind_its_headers_or_in_its_body() {
    let wire = Wire::start().await;
    let length = wire.realm(Speaks::One).await.body.len();
    for (fault, head, kept) in [
        (json!({ "close": "before" }), false, 0),
        (json!({ "close": "before", "after": true }), false, 0),
        (json!({ "close": "after_headers" }), true, 0),
        (json!({ "close": "mid_body" }), true, length / 2),
        (json!({ "truncate": 10 }), true, 10),
        (json!({ "truncate": length - 1 }), true, length - 1),
        (json!({ "truncate": 0 }), true, 0),
    ] {
        wire.fault("c", fault.clone());
        for speaks in BOTH {
            let arrived = wire.realm(speaks).await;
            assert_eq!(arrived.status, head.then_some(200), "{fault} {speaks:?}");
            assert_eq!(arrived.body.len(), kept, "{fault} {speaks:?}");
            assert_eq!((arrived.whole, arrived.reset), (false, false), "{fault} {speaks:?}");
            if head {
                let announced = arrived.header("content-length").unwrap();
                assert_eq!(announced, length.to_string(), "{fault} {speaks:?}");
            }
        }
        assert_eq!(wire.stop("c"), 2, "{fault}");
    }
}

#[tokio::test]
async fn what_is_not_longer_than_the_limit_arrives_whole_and_the_journal_says_so() {
    let wire = Wire::start().await;
    let length = wire.realm(Speaks::One).await.body.len();
    for limit in [length, length + 1, usize::MAX] {
        wire.fault("t", json!({ "truncate": limit }));
        for speaks in BOTH {
            let arrived = wire.realm(speaks).await;
            assert_eq!((arrived.status, arrived.whole), (Some(200), true), "{limit} {speaks:?}");
            assert_eq!(arrived.body.len(), length);
            let said = wire.last("http")["detail"].as_str().unwrap().to_owned();
            assert_eq!(said, format!("nothing was cut: the body has {length} bytes"));
        }
        assert_eq!(wire.stop("t"), 2);
    }
}

#[tokio::test]
async fn garbage_is_no_http_of_either_version() {
    let wire = Wire::start().await;
    wire.fault("g", json!({ "garbage": true }));
    let first = wire.realm(Speaks::One).await;
    assert_eq!((first.status, first.body.len()), (None, 256));
    assert!(first.body.iter().all(|byte| *byte >= 0x80));
    let again = wire.realm(Speaks::One).await;
    assert_eq!(again.body, first.body, "it follows from the seed");
    let second = wire.realm(Speaks::Two).await;
    assert_eq!((second.status, second.body.len()), (None, 0));
}

#[tokio::test]
async fn throttling_speaks_as_the_service_does_or_plainly() {
    let wire = Wire::start().await;
    let code = |arrived: &Arrived| arrived.json()["error"]["code"].clone();
    for speaks in BOTH {
        wire.fault("t", json!({ "throttle": { "retry_after": "30s" } }));
        let graph = wire.ask(speaks, Method::GET, GRAPH, "/v1.0/devices").await;
        assert_eq!((graph.status, graph.header("retry-after")), (Some(429), Some("30")));
        assert_eq!(code(&graph), "TooManyRequests");
        let login = wire.realm(speaks).await;
        assert_eq!((login.status, &login.json()["error_codes"][0]), (Some(429), &json!(90055)));
        wire.stop("t");
        wire.fault("t", json!({ "throttle": { "retry_after": "5s", "text": "plain" } }));
        let plain = wire.ask(speaks, Method::GET, GRAPH, "/v1.0/devices").await;
        assert_eq!((plain.status, plain.header("retry-after")), (Some(429), Some("5")));
        assert!(plain.header("content-type").unwrap().starts_with("text/plain"));
        wire.stop("t");
    }
}

#[tokio::test]
async fn a_canned_answer_arrives_as_it_is_written() {
    let wire = Wire::start().await;
    let reply =
        json!({ "status": 503, "headers": { "X-Planted": "here" }, "body": "out of order" });
    wire.fault("c", json!({ "reply": reply }));
    for speaks in BOTH {
        let arrived = wire.realm(speaks).await;
        assert_eq!(arrived.status, Some(StatusCode::SERVICE_UNAVAILABLE.as_u16()));
        assert_eq!((arrived.body.as_slice(), arrived.whole), (&b"out of order"[..], true));
        assert_eq!(arrived.header("x-planted"), Some("here"));
    }
}

/// Asks on a connection that stays open, and reads the answer.
async fn keep_alive(tls: &mut TlsStream<TcpStream>) {
    tls.write_all(format!("HEAD {REALM} HTTP/1.1\r\nHost: {LOGIN}\r\n\r\n").as_bytes())
        .await
        .unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(soon(tls.read_u8()).await.expect("closed within the head"));
    }
    assert!(head.starts_with(b"HTTP/1.1 200 "));
}

#[tokio::test]
async fn starting_and_stopping_a_connection_fault_closes_the_open_connections_of_its_host_alone() {
    let wire = Wire::start().await;
    let config = wire.client(Speaks::One);
    let fault = json!({ "match": { "host": "login.*" }, "tls": { "min_version": "1.3" } });
    let mut before = wire.connect(LOGIN, &config).await.unwrap();
    keep_alive(&mut before).await;
    let mut other = wire.connect(GRAPH, &config).await.unwrap();
    other.write_all(format!("HEAD / HTTP/1.1\r\nHost: {GRAPH}\r\n\r\n").as_bytes()).await.unwrap();
    assert!(soon(other.read_u8()).await.is_ok());
    wire.fault("tls", fault);
    let mut rest = Vec::new();
    let _ended = soon(before.read_to_end(&mut rest)).await;
    assert_eq!(rest, b"");
    let mut during = wire.connect(LOGIN, &config).await.unwrap();
    keep_alive(&mut during).await;
    wire.stop("tls");
    let _ended = soon(during.read_to_end(&mut rest)).await;
    assert_eq!(rest, b"");
    other.write_all(format!("HEAD / HTTP/1.1\r\nHost: {GRAPH}\r\n\r\n").as_bytes()).await.unwrap();
    assert!(soon(other.read_u8()).await.is_ok(), "the connection to another host stays");
}

#[tokio::test]
async fn nothing_is_resumed_while_a_connection_fault_runs_for_the_host() {
    let wire = Wire::start().await;
    let config = wire.client(Speaks::One);
    let kind = async || {
        let mut tls = wire.connect(LOGIN, &config).await.unwrap();
        keep_alive(&mut tls).await;
        tls.get_ref().1.handshake_kind().unwrap()
    };
    assert_eq!(kind().await, HandshakeKind::Full);
    assert_eq!(kind().await, HandshakeKind::Resumed);
    // It never strikes, and forbids resumption all the same.
    wire.fault("tls", json!({ "tls": { "certificate": "expired" }, "nth": [1000] }));
    assert_eq!(kind().await, HandshakeKind::Full);
    assert_eq!(kind().await, HandshakeKind::Full);
    wire.stop("tls");
    kind().await;
    assert_eq!(kind().await, HandshakeKind::Resumed);
}

#[tokio::test]
async fn a_read_only_directory_takes_no_change_by_whatever_service_it_comes() {
    const DRS: &str = "enterpriseregistration.windows.net";
    const MDM: &str = "enrollment.manage.microsoft.com";
    const PORTAL: &str = "portal.azure.com";
    let wire = Wire::start().await;
    wire.fault("ro", json!({ "directory": { "read_only": true } }));
    let soap = "application/soap+xml; charset=utf-8";
    for (host, path, kind, words) in [
        (
            DRS,
            "/EnrollmentServer/DeviceEnrollmentWebService.svc",
            soap,
            "<ErrorType>UnknownError</ErrorType><Message>The directory is read-only",
        ),
        (MDM, "/EnrollmentServer/Enrollment.svc", soap, "The directory is read-only"),
        (PORTAL, "/devices/x/disable", "text/html; charset=utf-8", "<h1>Nothing was changed</h1>"),
        (PORTAL, "/devices/x/delete", "text/html; charset=utf-8", "The directory is read-only"),
    ] {
        let arrived = wire.ask(Speaks::One, Method::POST, host, path).await;
        let text = String::from_utf8(arrived.body.clone()).unwrap();
        assert_eq!(wire.last("http")["fault"], json!("ro"), "{host}{path} {text}");
        assert_eq!(wire.last("http")["reason"], json!("directory-read-only"), "{host}{path}");
        assert_eq!(arrived.header("content-type"), Some(kind), "{host}{path}");
        assert!(text.contains(words), "{host}{path} {text}");
    }
    assert_eq!(wire.stop("ro"), 4);
    for (host, path) in [(MDM, "/EnrollmentServer/Discovery.svc"), (PORTAL, "/signout")] {
        wire.fault("ro", json!({ "directory": { "read_only": true } }));
        wire.ask(Speaks::One, Method::POST, host, path).await;
        assert_eq!(wire.stop("ro"), 0, "{host}{path} changes nothing");
    }
}

#[tokio::test]
async fn a_fault_of_tls_waits_for_a_connection_that_speaks_it() {
    let wire = Wire::start().await;
    wire.fault("tls", json!({ "tls": { "certificate": "expired" }, "times": 1 }));
    let mut plain = TcpStream::connect(wire.emulator.proxy_address()).await.unwrap();
    let line = format!("GET /{LOGIN}{REALM} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    plain.write_all(line.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    soon(plain.read_to_end(&mut bytes)).await.unwrap();
    assert!(bytes.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&bytes));
    let refused = wire.connect(LOGIN, &wire.client(Speaks::One)).await;
    assert!(refused.is_err(), "the certificate is the expired one");
    assert_eq!(wire.stop("tls"), 1);
}

#[tokio::test]
async fn a_tunnel_counts_for_tls_once_that_is_spoken_in_it_and_for_the_rest_at_once() {
    let wire = Wire::start().await;
    let tunnel = async || {
        let mut stream = TcpStream::connect(wire.emulator.proxy_address()).await.unwrap();
        let line = format!("CONNECT {LOGIN}:443 HTTP/1.1\r\nHost: {LOGIN}:443\r\n\r\n");
        stream.write_all(line.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(soon(stream.read_u8()).await.unwrap());
        }
        (stream, String::from_utf8(head).unwrap())
    };
    wire.fault("tls", json!({ "tls": { "certificate": "expired" }, "times": 1 }));
    let (mut plain, _) = tunnel().await;
    let line = format!("GET {REALM} HTTP/1.1\r\nHost: {LOGIN}\r\nConnection: close\r\n\r\n");
    plain.write_all(line.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    soon(plain.read_to_end(&mut bytes)).await.unwrap();
    assert!(bytes.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&bytes));
    let connector = TlsConnector::from(wire.client(Speaks::One));
    let name = ServerName::try_from(LOGIN).unwrap();
    assert!(soon(connector.connect(name.clone(), tunnel().await.0)).await.is_err());
    assert!(soon(connector.connect(name, tunnel().await.0)).await.is_ok(), "it struck once");
    assert_eq!(wire.stop("tls"), 1);
    wire.fault("gone", json!({ "unreachable": 504, "nth": [2] }));
    for (status, strikes) in [("200", false), ("504", true), ("200", false)] {
        let (stream, head) = tunnel().await;
        assert_eq!(head.split(' ').nth(1), Some(status));
        if !strikes {
            let name = ServerName::try_from(LOGIN).unwrap();
            assert!(soon(connector.connect(name, stream)).await.is_ok());
        }
    }
    assert_eq!(wire.stop("gone"), 1);
}

#[tokio::test]
async fn an_error_of_sign_in_is_filled_and_chosen_as_the_service_would() {
    let wire = Wire::start().await;
    wire.fault("a", json!({ "aadsts": 50034 }));
    let unknown = wire.ask(Speaks::One, Method::GET, LOGIN, REALM).await.json();
    let said = unknown["error_description"].as_str().unwrap();
    assert!(said.contains("alice@contoso.test") && said.contains("Contoso"), "{said}");
    assert!(!said.contains(['{', '}']), "{said}");
    wire.stop("a");
    wire.fault("a", json!({ "aadsts": 53000 }));
    let at = async |path| {
        let body = wire.ask(Speaks::One, Method::POST, LOGIN, path).await.json();
        (body["error"].clone(), body["suberror"].clone())
    };
    let first = (json!("interaction_required"), Value::Null);
    assert_eq!(at("/common/oauth2/token").await, first);
    let second = (json!("invalid_grant"), json!("message_only"));
    assert_eq!(at("/common/oauth2/v2.0/token").await, second);
    wire.stop("a");
    let own = json!({ "aadsts": { "code": 53000, "error": "own", "suberror": "mine" } });
    wire.fault("a", own);
    assert_eq!(at("/common/oauth2/v2.0/token").await, (json!("own"), json!("mine")));
}
