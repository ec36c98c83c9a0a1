//! A town to test in: the shared world behind its listeners, machines, and plain HTTP clients.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use linarite_core::user::Failures;
use linarite_server::clock::{ClockMode, Instant, Span};
use linarite_server::directory::DeviceQuery;
use linarite_server::entropy::secret_of;
use linarite_server::world::{World, document_from_yaml};
use linarite_server::{Builder, Emulator};
use linarite_windows::{
    Chance, Clock, Flow, Join, Machine, MachineSpec, Outcome, TokenRequest, Wire, WireSpec,
};
use reqwest::{Client, Method, Proxy};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;

/// 2026-03-02T09:00:00Z
pub(crate) const START: Instant = Instant::from_seconds(1_772_442_000);
/// In seconds.
pub(crate) const HOUR: i64 = 3600;

pub(crate) const LOGIN: &str = "https://login.microsoftonline.com";
pub(crate) const DRS: &str = "https://enterpriseregistration.windows.net";
pub(crate) const GRAPH: &str = "https://graph.microsoft.com";
pub(crate) const FILES: &str = "https://files.contoso.test";
pub(crate) const DRS_RESOURCE: &str = "urn:ms-drs:enterpriseregistration.windows.net";
pub(crate) const TENANT: &str = "6babcaad-604b-40ac-a9d7-9fd97c0b779f";
/// A public client that every tenant has.
pub(crate) const AZURE_CLI: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";

pub(crate) const ALICE: (&str, &str) = ("alice@contoso.test", "Correct-Horse-1");
pub(crate) const BOB: (&str, &str) = ("bob@contoso.test", "Correct-Horse-2");

/// The shared world as a document, to be changed before it starts.
pub(crate) fn contoso() -> Value {
    document_from_yaml(include_str!("../../fixtures/worlds/contoso.world.yaml")).unwrap()
}

/// The clock of a world, as its machines see it.
struct WorldClock(Arc<World>);

impl Clock for WorldClock {
    fn now_ms(&self) -> i64 {
        self.0.clock.now().millis()
    }
}

/// Chance that follows from a number.
struct Seeded(u64, Mutex<BTreeMap<String, u64>>);

impl Chance for Seeded {
    fn fill(&self, stream: &str, out: &mut [u8]) {
        let mut drawn = self.1.lock().unwrap_or_else(PoisonError::into_inner);
        let count = drawn.entry(stream.to_owned()).or_default();
        for chunk in out.chunks_mut(32) {
            let block = secret_of(self.0, "test", &format!("{stream} {count}"));
            *count += 1;
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status and the number behind AADSTS, for answers of the token service.
    pub(crate) fn aadsts(&self) -> (u16, u64) {
        let code = self.json()["error_codes"][0].as_u64();
        (self.status, code.unwrap_or_else(|| panic!("no AADSTS number in {self:?}")))
    }

    /// Status and code, for answers of the registration service (either shape) and of resources.
    pub(crate) fn code(&self) -> (u16, String) {
        let json = self.json();
        let code = [&json["ErrorType"], &json["subcode"], &json["error"]["code"]];
        let code = code.into_iter().find_map(Value::as_str);
        (self.status, code.unwrap_or_else(|| panic!("no code in {self:?}")).to_owned())
    }
}

/// TLS that trusts this CA alone and shows this certificate with its PKCS#8 key, if any.
pub(crate) fn tls(ca_pem: &str, identity: Option<(&[u8], &[u8])>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(ca_pem.as_bytes()).flatten());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    match identity {
        None => config.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = vec![CertificateDer::from(certificate.to_vec())];
            let key = PrivateKeyDer::try_from(key.to_vec()).unwrap();
            config.with_client_auth_cert(chain, key).unwrap()
        }
    }
}

/// A client behind this proxy, or none, that follows no redirect.
pub(crate) fn client(
    proxy: Option<&str>,
    ca_pem: &str,
    identity: Option<(&[u8], &[u8])>,
) -> reqwest::ClientBuilder {
    let builder = Client::builder()
        .tls_backend_preconfigured(tls(ca_pem, identity))
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(30));
    match proxy {
        Some(proxy) => builder.proxy(Proxy::all(proxy).unwrap()),
        None => builder,
    }
}

pub(crate) async fn read(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = String::from_utf8_lossy(&response.bytes().await.unwrap()).into_owned();
    Answer { status, headers, text }
}

pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    let escape = |text: &str| {
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    let pairs: Vec<String> =
        fields.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
    pairs.join("&")
}

/// The fields of a form, decoded.
pub(crate) fn fields(form: &str) -> BTreeMap<String, String> {
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_encoding::percent_decode_str(&spaced).decode_utf8().unwrap().into_owned()
    };
    form.split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(k, v)| (decode(k), decode(v)))
        .collect()
}

/// One of the public test keys, PKCS#8.
pub(crate) fn test_key(number: u64) -> Vec<u8> {
    let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/keys");
    std::fs::read(keys.join(format!("rsa-{number:02}.pk8"))).unwrap()
}

/// A compact JWS in RS256.
pub(crate) fn sign(header: &Value, payload: &Value, key: &[u8]) -> String {
    let key = KeyPair::from_pkcs8(key).or_else(|_| KeyPair::from_der(key)).unwrap();
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let input = format!("{}.{}", part(header), part(payload));
    let mut signature = vec![0; key.public_modulus_len()];
    #[expect(
        clippy::disallowed_methods,
        reason = "the call wants a source of randomness; a PKCS#1 v1.5 signature takes nothing from it"
    )]
    let unused = aws_lc_rs::rand::SystemRandom::new();
    key.sign(&RSA_PKCS1_SHA256, &unused, input.as_bytes(), &mut signature).unwrap();
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The n-th part of a compact JWS as JSON.
pub(crate) fn part(jws: &str, place: usize) -> Value {
    let part = jws.split('.').nth(place).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// What a machine holds of its join.
pub(crate) struct Held {
    pub(crate) certificate: Vec<u8>,
    pub(crate) key: Vec<u8>,
    pub(crate) device_id: String,
}

/// Takes the join out of a machine's memory.
pub(crate) fn held(machine: &Machine) -> Held {
    let state = serde_json::to_value(machine.snapshot()).unwrap();
    let device = &state["memory"]["device"];
    Held {
        certificate: STANDARD.decode(device["certificate"].as_str().unwrap()).unwrap(),
        key: test_key(device["device_key"].as_u64().unwrap()),
        device_id: device["device_id"].as_str().unwrap().to_owned(),
    }
}

/// A world behind its listeners, with a room of machines and an HTTP client.
pub(crate) struct Town {
    pub(crate) emulator: Emulator,
    pub(crate) wire: Wire,
    pub(crate) http: Client,
}

impl Town {
    /// The shared world, seed 7, standing still at [`START`].
    pub(crate) async fn start() -> Self {
        Self::of(contoso()).await
    }

    /// Another world.
    pub(crate) async fn of(document: Value) -> Self {
        Self::built(Emulator::builder().world(document).seed(7)).await
    }

    /// The shared world with other settings (`/revoke/tokens`: `30m`).
    pub(crate) async fn with(settings: &[(&str, &str)]) -> Self {
        let mut document = contoso();
        for (pointer, value) in settings {
            let place = document.pointer_mut(&format!("/settings{pointer}"));
            *place.unwrap_or_else(|| panic!("no setting {pointer}")) = (*value).into();
        }
        Self::of(document).await
    }

    pub(crate) async fn built(builder: Builder) -> Self {
        let emulator = builder.clock(ClockMode::Manual, Some(START)).start().await.unwrap();
        let wire = wire(&emulator.proxy_url(), emulator.ca_pem(), emulator.world());
        let http = client(Some(&emulator.proxy_url()), emulator.ca_pem(), None).build().unwrap();
        Self { emulator, wire, http }
    }

    pub(crate) fn world(&self) -> &Arc<World> {
        self.emulator.world()
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.world().clock.advance(Span::from_seconds(seconds));
    }

    pub(crate) async fn get(&self, url: &str, bearer: Option<&str>) -> Answer {
        self.send(Method::GET, url, bearer, "").await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        url: &str,
        bearer: Option<&str>,
        body: &str,
    ) -> Answer {
        let mut request = self.http.request(method, url);
        if let Some(token) = bearer {
            request = request.bearer_auth(token);
        }
        if !body.is_empty() {
            request = request.header("content-type", "application/json").body(body.to_owned());
        }
        read(request).await
    }

    /// Posts a form to the token endpoint of the tenant.
    pub(crate) async fn grant(&self, fields: &[(&str, &str)]) -> Answer {
        self.post_form(&format!("{LOGIN}/{TENANT}/oauth2/token"), fields).await
    }

    pub(crate) async fn post_form(&self, url: &str, fields: &[(&str, &str)]) -> Answer {
        let request =
            self.http.post(url).header("content-type", "application/x-www-form-urlencoded");
        read(request.body(form(fields))).await
    }

    /// An answer of the password grant.
    pub(crate) async fn password(&self, user: (&str, &str), resource: &str) -> Answer {
        self.grant(&[
            ("grant_type", "password"),
            ("client_id", AZURE_CLI),
            ("resource", resource),
            ("username", user.0),
            ("password", user.1),
        ])
        .await
    }

    /// An access token by password, without a device.
    pub(crate) async fn token_of(&self, user: (&str, &str), resource: &str) -> String {
        let answer = self.password(user, resource).await;
        answer.json()["access_token"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned()
    }

    /// A nonce of the token service.
    pub(crate) async fn nonce(&self) -> String {
        let answer = self.grant(&[("grant_type", "srv_challenge")]).await;
        answer.json()["Nonce"].as_str().unwrap().to_owned()
    }

    /// A machine that its user has joined.
    pub(crate) async fn joined(&self, key: &str, user: (&str, &str)) -> Machine {
        let mut machine = machine(key);
        let outcome = join(&mut machine, &self.wire, user).await;
        assert_eq!((outcome.exit, outcome.error), (0, None), "{}", outcome.output);
        machine
    }

    /// A token for Files by the primary refresh token of a machine.
    pub(crate) async fn prt_token(&self, machine: &mut Machine) -> Outcome {
        let request = TokenRequest {
            client: "office".to_owned(),
            resource: Some(FILES.to_owned()),
            flow: Flow::Prt,
            ..TokenRequest::default()
        };
        machine.token(&self.wire, &request).await
    }

    /// The reasons of refusals since an event of the journal.
    pub(crate) fn reasons(&self, since: u64, kind: &str) -> Vec<String> {
        let events = self.world().journal.since(since);
        let kind = |event: &&Arc<linarite_server::journal::Event>| event.kind.word() == kind;
        let reason = |event: &Arc<linarite_server::journal::Event>| {
            event.fields.text("reason").unwrap_or("none").to_owned()
        };
        events.iter().filter(kind).map(reason).collect()
    }

    /// Disables, enables or deletes a device through Graph, as alice.
    pub(crate) async fn admin(&self, device_id: &str, enabled: Option<bool>) {
        let admin = self.token_of(ALICE, GRAPH).await;
        let url = format!("{GRAPH}/v1.0/devices(deviceId='{device_id}')");
        let answer = match enabled {
            Some(enabled) => {
                let body = format!("{{\"accountEnabled\":{enabled}}}");
                self.send(Method::PATCH, &url, Some(&admin), &body).await
            }
            None => self.send(Method::DELETE, &url, Some(&admin), "").await,
        };
        assert_eq!(answer.status, 204, "{answer:?}");
    }

    /// All records of users and devices, as text to compare, but for the wrong passwords that were counted.
    pub(crate) async fn records(&self) -> String {
        let directory = &self.world().directory;
        let query = DeviceQuery { top: 999, ..DeviceQuery::default() };
        let devices = directory.list_devices(query).await.unwrap().unwrap();
        assert!(devices.next.is_none());
        let mut users = directory.users().await.unwrap();
        for (_, user) in &mut users {
            user.account.failures = Failures::default();
        }
        format!("{users:#?}\n{:#?}", devices.items)
    }
}

/// The wire of a room behind a proxy.
pub(crate) fn wire(proxy: &str, ca_pem: &str, world: &Arc<World>) -> Wire {
    let spec = WireSpec {
        proxy: Some(proxy.to_owned()),
        ca_pem: Some(ca_pem.to_owned()),
        ..WireSpec::default()
    };
    wire_of(spec, world)
}

/// A wire with the clock of a world.
pub(crate) fn wire_of(spec: WireSpec, world: &Arc<World>) -> Wire {
    let chance = Seeded(7, Mutex::default());
    Wire::new(spec, Arc::new(WorldClock(Arc::clone(world))), Arc::new(chance)).unwrap()
}

pub(crate) fn machine(key: &str) -> Machine {
    let name = key.to_uppercase();
    Machine::new(MachineSpec { key: key.to_owned(), name, ..MachineSpec::default() })
}

pub(crate) async fn join(machine: &mut Machine, wire: &Wire, user: (&str, &str)) -> Outcome {
    let (upn, password) = (user.0.to_owned(), user.1.to_owned());
    machine.join(wire, &Join { upn, password, ..Join::default() }).await
}

/// The number behind AADSTS of a failed act; 0 when it did not fail.
pub(crate) fn aadsts(outcome: &Outcome) -> u32 {
    outcome.error.as_ref().map_or(0, |error| error.aadsts.unwrap_or(1))
}

pub(crate) fn access_token(outcome: &Outcome) -> String {
    let tokens = outcome.tokens.as_ref();
    tokens.unwrap_or_else(|| panic!("no token: {}", outcome.output)).access_token.clone()
}

/// A request as the emulated client sent it, taken from the journal.
pub(crate) struct Sent {
    pub(crate) url: String,
    pub(crate) body: String,
    pub(crate) bearer: Option<String>,
}

impl Town {
    /// The last request that the journal holds whose method, host and path fit and whose body holds this.
    pub(crate) fn sent(&self, method: &str, path: &str, body: &str) -> Sent {
        let events = self.world().journal.since(0);
        let exchange = events
            .iter()
            .rev()
            .filter_map(|event| event.exchange.as_ref())
            .find(|exchange| {
                let text = String::from_utf8_lossy(exchange.request_body());
                exchange.method() == method && exchange.url().contains(path) && text.contains(body)
            })
            .unwrap_or_else(|| panic!("nobody sent {method} {path} {body}"));
        let bearer = exchange.request_headers().get("authorization");
        let bearer = bearer.map(|v| v.trim_start_matches("Bearer ").to_owned());
        Sent {
            url: exchange.url().to_owned(),
            body: String::from_utf8(exchange.request_body().to_vec()).unwrap(),
            bearer,
        }
    }

    /// Sends bytes to the proxy's port as they are and reads the answer's head and body until the connection ends.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> String {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut stream =
            tokio::net::TcpStream::connect(self.emulator.proxy_address()).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// Runs openssl with these words in this folder; `None`, loudly, when the machine has none.
pub(crate) fn openssl(folder: &Path, words: &str) -> Option<String> {
    let mut command = std::process::Command::new("openssl");
    command.args(words.split_whitespace()).current_dir(folder);
    match command.output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            println!("SKIPPED: openssl is not installed");
            None
        }
        Err(error) => panic!("openssl: {error}"),
        Ok(output) => {
            let errors = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "openssl {words}: {errors}");
            Some(String::from_utf8_lossy(&output.stdout).into_owned())
        }
    }
}
