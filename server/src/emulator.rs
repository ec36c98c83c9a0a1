//! The embeddable emulator: one world behind its listeners.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let emulator = linarite_server::Emulator::builder()
//!     .world_yaml(include_str!("../../fixtures/worlds/contoso.world.yaml"))
//!     .seed(42)
//!     .start()
//!     .await?;
//! let proxy = emulator.proxy_url(); // give it and `emulator.ca_pem()` to the client under test
//! # drop(proxy); Ok(()) }
//! ```
//!
//! Dropping it stops it. Listeners bind to 127.0.0.1 unless told otherwise, with a free port.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::header::{DATE, HeaderValue};
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use linarite_core::instant::Instant;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tower::ServiceExt as _;

use crate::clock::{Clock, ClockMode, Stopwatch, format};
use crate::edge::{
    self, ConnectionFault, EdgeRefusal, Handler, HostPolicy, Inbound, Limits, ListenerKind, Stage,
};
use crate::faults::{self, Fate, Stroke};
use crate::finished::Finished;
use crate::journal::{Exchange, Fields, Kind, Spoken};
use crate::keys::tls::{TlsCa, TlsHosts};
use crate::services::call::Call;
use crate::services::reply::whole;
use crate::services::{self, Services};
use crate::world::{Service, Start, World, WorldError, document_from_yaml};

/// Why an emulator does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The world file is not YAML.
    #[error("the world file cannot be read: {0}")]
    File(String),
    /// The world cannot start.
    #[error(transparent)]
    World(#[from] WorldError),
    /// A listener cannot be opened.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        cause: std::io::Error,
    },
    /// The private CA cannot be used.
    #[error("the private CA cannot be used: {0}")]
    Tls(#[from] crate::keys::tls::TlsError),
    /// The CA is not allowed to speak for a host of this world.
    #[error(
        "the CA may not speak for {0}: it is limited to the emulated hosts, .test and .localhost; give a world with other domains a state folder of its own (--state DIR)"
    )]
    HostNotPermitted(String),
}

/// Domains that every CA may speak for.
pub const CA_DOMAINS: [&str; 5] = [
    "microsoftonline.com",
    "microsoft.com",
    "windows.net",
    "microsoftazuread-sso.com",
    "portal.azure.com",
];

/// How an emulator is to be started.
#[derive(Debug, Default)]
pub struct Builder {
    yaml: Option<String>,
    document: Option<Value>,
    start: Start,
    listen: Option<IpAddr>,
    proxy_port: u16,
    https_port: Option<u16>,
    tls: Option<Arc<TlsHosts>>,
    services: Option<Services>,
    limits: Limits,
}

impl Builder {
    /// The world, as the text of a world file.
    #[must_use]
    pub fn world_yaml(mut self, text: &str) -> Self {
        self.yaml = Some(text.to_owned());
        self
    }

    /// The world, as a document that was read already.
    #[must_use]
    pub fn world(mut self, document: Value) -> Self {
        self.document = Some(document);
        self
    }

    /// Its name in control paths; `default` when not given.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.start.id = id.into();
        self
    }

    /// The seed that ids, keys and draws follow from.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.start.seed = Some(seed);
        self
    }

    /// When the world starts, and how its time passes.
    #[must_use]
    pub const fn clock(mut self, mode: ClockMode, start: Option<Instant>) -> Self {
        self.start.clock_mode = Some(mode);
        self.start.clock_start = start;
        self
    }

    /// The same of a new world; time in a state folder that was used before passes as it did then. Real speed and now
    /// when not given.
    #[must_use]
    pub const fn new_clock(mut self, mode: Option<ClockMode>, start: Option<Instant>) -> Self {
        self.start.new_clock_mode = mode;
        self.start.clock_start = start;
        self
    }

    /// Keeps the state in this folder.
    #[must_use]
    pub fn state(mut self, folder: impl Into<PathBuf>) -> Self {
        self.start.state = Some(folder.into());
        self
    }

    /// The address to listen on instead of 127.0.0.1.
    #[must_use]
    pub const fn listen(mut self, address: IpAddr) -> Self {
        self.listen = Some(address);
        self
    }

    /// The port of the proxy; 0 is any free one.
    #[must_use]
    pub const fn proxy_port(mut self, port: u16) -> Self {
        self.proxy_port = port;
        self
    }

    /// Also listens for TLS by host name on this port; 0 is any free one.
    #[must_use]
    pub const fn https_port(mut self, port: u16) -> Self {
        self.https_port = Some(port);
        self
    }

    /// The CA and the host certificates to use; a CA of its own when not given.
    #[must_use]
    pub fn tls(mut self, tls: Arc<TlsHosts>) -> Self {
        self.tls = Some(tls);
        self
    }

    /// The routers to use, when several emulators share them.
    #[must_use]
    pub fn services(mut self, services: Services) -> Self {
        self.services = Some(services);
        self
    }

    /// Bounds on requests and connections.
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Starts the world and its listeners.
    pub async fn start(self) -> Result<Emulator, StartError> {
        let document = match (self.document, self.yaml) {
            (Some(document), _) => document,
            (None, Some(text)) => document_from_yaml(&text).map_err(StartError::File)?,
            (None, None) => return Err(StartError::File("no world was given".to_owned())),
        };
        let mut start = self.start;
        if start.id.is_empty() {
            "default".clone_into(&mut start.id);
        }
        let services = self.services.unwrap_or_default();
        let world = Arc::new(World::start_from(services.stock(), &document, start).await?);
        let tls = match self.tls {
            Some(tls) => tls,
            None => Arc::new(TlsHosts::new(Arc::new(ca_of(&world)?))?),
        };
        if let Some(host) = world.hosts().find(|host| !tls.permits(host)) {
            return Err(StartError::HostNotPermitted(host.to_owned()));
        }
        let address = self.listen.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let dispatcher = Dispatcher { world: Arc::clone(&world), services, date: Arc::default() };
        let limits = self.limits;
        let open = |port, kind| {
            let at = SocketAddr::new(address, port);
            listen(at, kind, Arc::clone(&tls), dispatcher.clone(), limits)
        };
        let (proxy, listener) = open(self.proxy_port, ListenerKind::Proxy).await?;
        let mut listeners = vec![listener];
        let mut https = None;
        if let Some(port) = self.https_port {
            let (bound, listener) = open(port, ListenerKind::Https).await?;
            https = Some(bound);
            listeners.push(listener);
        }
        Ok(Emulator { world, tls, proxy, https, listeners })
    }
}

/// The CA of a world that was given none: kept in its state folder, where it may speak for the world's own hosts too, or
/// made for this start alone.
fn ca_of(world: &World) -> Result<TlsCa, StartError> {
    let now = Clock::real().seconds();
    let Some(folder) = &world.state else { return Ok(TlsCa::generate(now, CA_DOMAINS)?) };
    let known = |host: &str| {
        let below = |domain: &str| host == domain || host.ends_with(&format!(".{domain}"));
        CA_DOMAINS.into_iter().chain(["test", "localhost"]).any(below)
    };
    let own = world.hosts().filter(|host| !known(host));
    Ok(TlsCa::load_or_create(folder, now, CA_DOMAINS.into_iter().chain(own))?)
}

/// Opens one listener and serves it in the background.
async fn listen(
    address: SocketAddr,
    kind: ListenerKind,
    tls: Arc<TlsHosts>,
    handler: Dispatcher,
    limits: Limits,
) -> Result<(SocketAddr, JoinHandle<()>), StartError> {
    let failed = |cause| StartError::Listen { address, cause };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let serving = edge::serve(listener, kind, tls, handler, limits, std::future::pending());
    Ok((bound, tokio::spawn(serving)))
}

/// A running emulator; dropping it stops it.
#[derive(Debug)]
pub struct Emulator {
    world: Arc<World>,
    tls: Arc<TlsHosts>,
    proxy: SocketAddr,
    https: Option<SocketAddr>,
    listeners: Vec<JoinHandle<()>>,
}

impl Emulator {
    /// How to start one.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The URL that clients are given as their proxy.
    pub fn proxy_url(&self) -> String {
        format!("http://{}", self.proxy)
    }

    /// Where the proxy listens.
    pub const fn proxy_address(&self) -> SocketAddr {
        self.proxy
    }

    /// Where TLS by host name is served, when it is.
    pub const fn https_address(&self) -> Option<SocketAddr> {
        self.https
    }

    /// The certificate that clients have to trust, in PEM.
    pub fn ca_pem(&self) -> &str {
        self.tls.ca_pem()
    }

    /// The world behind the listeners.
    pub const fn world(&self) -> &Arc<World> {
        &self.world
    }

    /// Waits until no TLS handshake is under way, for a quarter of a second at most: a client that gives one up is done
    /// before the server has heard of it, and what the journal says of it must not depend on who was faster.
    pub async fn settled(&self) {
        let mut looks = tokio::time::interval(Duration::from_millis(1));
        for _ in 0..250 {
            if self.world.handshakes.load(Ordering::Acquire) == 0 {
                return;
            }
            looks.tick().await;
        }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        for listener in &self.listeners {
            listener.abort();
        }
    }
}

/// Brings each request to its service and notes the exchange in the journal.
#[derive(Clone, Debug)]
struct Dispatcher {
    world: Arc<World>,
    services: Services,
    /// A second and how it is printed.
    date: Arc<Mutex<(i64, Option<HeaderValue>)>>,
}

impl Handler for Dispatcher {
    fn handshakes(&self) -> Option<Arc<AtomicUsize>> {
        Some(Arc::clone(&self.world.handshakes))
    }

    fn host(&self, name: &str) -> Option<HostPolicy> {
        let service = self.world.service(name)?;
        // Only where a device shows its certificate is one asked for: browsers open a dialogue.
        let asks_client_certificate =
            service == Service::Drs || name == "device.login.microsoftonline.com";
        Some(HostPolicy { asks_client_certificate })
    }

    async fn call(&self, inbound: Inbound) -> Response<Bytes> {
        // A connection may be cut, and over HTTP/2 a client may take its request back, at any moment; what was begun is
        // done and noted all the same.
        let own = self.clone();
        let (mut answer, fate) = Finished::new(async move { own.answer(inbound).await }).await;
        fate.held().await;
        if let Some(damage) = fate.damage {
            answer.extensions_mut().insert(damage);
        }
        answer
    }

    async fn oversized(&self, inbound: Inbound) -> Option<Response<Bytes>> {
        let watch = Stopwatch::start();
        let service = self.world.service(&inbound.link.host)?;
        let call = Call::new(Arc::clone(&self.world), inbound.link, inbound.request);
        let (mut parts, body) = services::too_large(service, &call).into_parts();
        let body = whole(body).await;
        self.head(&call, &mut parts.headers);
        self.note(service, &call, parts.status, &parts.headers, &body, watch.micros());
        Some(Response::from_parts(parts, body))
    }

    fn connecting(&self, host: &str, stage: Stage) -> Option<ConnectionFault> {
        faults::connecting(&self.world, host, stage)
    }

    fn cuts(&self, host: &str) -> Option<watch::Receiver<u64>> {
        Some(self.world.faults.cuts(host))
    }

    fn refused(&self, refusal: EdgeRefusal) {
        let mut fields = Fields::new();
        let mut field = |key: &'static str, value: Option<String>| {
            if let Some(value) = value {
                fields.insert(key, value);
            }
        };
        field("reason", Some(refusal.kind.as_str().to_owned()));
        field("host", refusal.host);
        field("operation", refusal.request);
        field("face", refusal.face.map(|face| face.to_string()));
        field("detail", Some(refusal.detail));
        if let Some(status) = refusal.status {
            fields.insert("status", status.as_u16());
        }
        self.world.journal.record(&self.world.clock, Kind::EdgeRefused, None, fields, None);
    }

    fn served(&self) -> Vec<String> {
        self.world.hosts().map(str::to_owned).collect()
    }
}

/// The status that the journal shows of an exchange whose client got no answer.
const UNANSWERED: StatusCode = match StatusCode::from_u16(444) {
    Ok(status) => status,
    Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
};

impl Dispatcher {
    /// The answer to a request, which is in the journal then, and what befalls it on its way out.
    async fn answer(&self, inbound: Inbound) -> (Response<Bytes>, Fate) {
        let watch = Stopwatch::start();
        let Some(service) = self.world.service(&inbound.link.host) else {
            return (Response::default(), Fate::default());
        };
        let call = Call::new(Arc::clone(&self.world), inbound.link, inbound.request);
        let mut request = Request::new(Body::empty());
        *request.method_mut() = call.method.clone();
        if let Ok(uri) = Uri::from_maybe_shared(Bytes::from(call.path.to_ascii_lowercase())) {
            *request.uri_mut() = uri;
        }
        request.extensions_mut().insert(call.clone());
        let stroke = Stroke::on(&call, service).await;
        let mut answer = Response::default();
        if stroke.as_ref().is_none_or(Stroke::runs_handler) {
            answer = self.handled(service, request).await;
            Stroke::noted(&call, stroke.as_ref());
        }
        if let Some(stroke) = &stroke
            && let Some(reply) = stroke.reply(&call).await
        {
            answer = reply;
        }
        let (mut parts, mut body) = answer.into_parts();
        self.head(&call, &mut parts.headers);
        let Some(stroke) = stroke else {
            self.note(service, &call, parts.status, &parts.headers, &body, watch.micros());
            return (Response::from_parts(parts, body), Fate::default());
        };
        let fate = stroke.spoil(&call, &mut parts, &mut body);
        if fate.unanswered {
            call.note("unanswered", true);
            (parts.status, body) = (UNANSWERED, Bytes::new());
        }
        let micros = watch.micros().saturating_add(fate.micros());
        self.note(service, &call, parts.status, &parts.headers, &body, micros);
        (Response::from_parts(parts, body), fate)
    }

    /// What every answer carries.
    fn head(&self, call: &Call, headers: &mut HeaderMap) {
        if let Some(date) = self.date(call.now()) {
            headers.entry(DATE).or_insert(date);
        }
        if call.header("return-client-request-id").is_some_and(|v| v.eq_ignore_ascii_case("true"))
            && let Ok(id) = HeaderValue::from_str(&call.correlation_id.to_string())
        {
            headers.insert("client-request-id", id);
        }
    }

    /// The answer of the service.
    async fn handled(&self, service: Service, request: Request<Body>) -> Response<Bytes> {
        let answered = self.services.router(service).clone().oneshot(request).await;
        let (parts, body) = match answered {
            Ok(response) => response.into_parts(),
            Err(never) => match never {},
        };
        let body = whole(body).await;
        Response::from_parts(parts, body)
    }

    /// The `Date` of an answer, which is printed once in a second.
    fn date(&self, now: Instant) -> Option<HeaderValue> {
        let mut date = self.date.lock().unwrap_or_else(PoisonError::into_inner);
        let (second, printed) = &mut *date;
        if *second != now.seconds() || printed.is_none() {
            let text = format(now, "%a, %d %b %Y %H:%M:%S GMT");
            (*second, *printed) = (now.seconds(), HeaderValue::from_str(&text).ok());
        }
        printed.clone()
    }

    fn note(
        &self,
        service: Service,
        call: &Call,
        status: StatusCode,
        headers: &HeaderMap,
        body: &Bytes,
        micros: u64,
    ) {
        let mut fields = Fields::new();
        fields.insert("host", call.link.host.as_str());
        fields.insert("method", call.method.as_str());
        fields.insert("path", call.path.as_str());
        fields.insert("status", status.as_u16());
        fields.insert("service", service.word());
        fields.insert("face", format_args!("{}", call.link.face));
        call.add_facts(&mut fields);
        let scheme = if call.link.secure { "https://" } else { "http://" };
        let mark = if call.query.is_empty() { "" } else { "?" };
        let exchange = Exchange::of(&Spoken {
            method: &call.method,
            url: &[scheme, &call.link.host, &call.path, mark, &call.query],
            request_headers: &call.headers,
            request_body: &call.body,
            status,
            response_headers: headers,
            response_body: body,
            micros,
        });
        let request = Some(call.request_id.to_string());
        self.world.journal.record(&self.world.clock, Kind::Http, request, fields, Some(exchange));
    }
}
