//! The one way out of a machine: an HTTP client whose proxy and certificate authority are handed to it.
//!
//! It never reads the environment, follows no redirect, reads no answer longer than its limit and waits no longer than its
//! time. Every request carries a `client-request-id` from the random stream, so that the service's journal and this side
//! can be laid beside each other. HTTP/1.1 only, as the Windows components it stands for.
//!
//! A [`Wire`] also carries what else a machine gets from outside: clock, chance, and the board of test keys.

pub(crate) mod fault;
mod tls;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{CONTENT_TYPE, HeaderMap, LOCATION, SET_COOKIE};
use reqwest::{Client, Method, Proxy, redirect};
use serde_json::Value;

pub(crate) use self::fault::{Fault, FaultKind, Speaker};
use crate::keys::{KeyBoard, PoolKey};
use crate::machine::Tpm;
use crate::surroundings::{Chance, Clock, guid};

/// How the Windows sign-in calls itself; the registration client and the browser have names of their own.
const LOGON_AGENT: &str = "Windows-AzureAD-Authentication-Provider/1.0";

/// Everything but the unreserved characters of RFC 3986.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

const LOGIN: &str = "https://login.microsoftonline.com";
const REGISTRATION: &str = "https://enterpriseregistration.windows.net";
const DIRECTORY: &str = "https://graph.windows.net";

/// How machines reach the services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireSpec {
    /// The proxy's URL, `http://127.0.0.1:PORT`, with credentials if it wants them. Without one, requests go out directly.
    pub proxy: Option<String>,
    /// The certificate authorities to trust, PEM; nothing else is trusted.
    pub ca_pem: Option<String>,
    /// Base URL of the token service, without a slash at the end; a path prefix is kept.
    pub login: String,
    /// Base URL of the registration service, likewise.
    pub registration: String,
    /// Base URL of the directory's API, likewise.
    pub directory: String,
    /// The longest that one exchange may take, in real time and by the machine's clock.
    pub time_limit: Duration,
    /// The longest answer that is read, in bytes.
    pub body_limit: usize,
}

impl Default for WireSpec {
    fn default() -> Self {
        Self {
            proxy: None,
            ca_pem: None,
            login: LOGIN.to_owned(),
            registration: REGISTRATION.to_owned(),
            directory: DIRECTORY.to_owned(),
            time_limit: Duration::from_secs(30),
            body_limit: 4 * 1024 * 1024,
        }
    }
}

/// A [`Wire`] could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The PEM holds no certificate, or a broken one.
    #[error("the certificate authority of the emulated client is not usable PEM: {0}")]
    Authority(String),
    /// The proxy's URL is not one.
    #[error("the proxy of the emulated client is not a usable URL: {0}")]
    Proxy(String),
    /// TLS or the HTTP client could not be set up.
    #[error("the emulated client's HTTP client could not be made: {0}")]
    Client(String),
}

/// What machines see of the outside: the network, the clock, the chance and the board of test keys. Cheap to clone; all
/// clones share one connection pool and one key board, which makes them one computer room.
#[derive(Clone)]
pub struct Wire {
    inner: Arc<Inner>,
}

struct Inner {
    spec: WireSpec,
    client: Client,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
    keys: KeyBoard,
}

impl fmt::Debug for Wire {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Wire").field("spec", &self.inner.spec).finish_non_exhaustive()
    }
}

impl Wire {
    /// A new computer room behind one proxy.
    ///
    /// # Errors
    /// When the PEM or the proxy's URL cannot be used.
    pub fn new(
        spec: WireSpec,
        clock: Arc<dyn Clock>,
        chance: Arc<dyn Chance>,
    ) -> Result<Self, WireError> {
        let client = client(&spec, None)?;
        let keys = KeyBoard::default();
        Ok(Self { inner: Arc::new(Inner { spec, client, clock, chance, keys }) })
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.inner.clock.now_ms()
    }

    pub(crate) fn chance(&self) -> &dyn Chance {
        &*self.inner.chance
    }

    pub(crate) fn keys(&self) -> &KeyBoard {
        &self.inner.keys
    }
}

fn client(spec: &WireSpec, identity: Option<(&[u8], PoolKey)>) -> Result<Client, WireError> {
    let mut builder = Client::builder()
        .no_proxy()
        .user_agent(LOGON_AGENT)
        .tls_backend_preconfigured(tls::config(spec.ca_pem.as_deref(), identity)?)
        .http1_only()
        // A kept connection that the server closes meanwhile fails the next request, or not, as it happens to be noticed:
        // each request has a connection of its own, so that every run is the same.
        .pool_max_idle_per_host(0)
        .redirect(redirect::Policy::none())
        .timeout(spec.time_limit)
        .connect_timeout(spec.time_limit);
    if let Some(url) = &spec.proxy {
        builder =
            builder.proxy(Proxy::all(url).map_err(|error| WireError::Proxy(error.to_string()))?);
    }
    builder.build().map_err(|error| WireError::Client(error.to_string()))
}

/// One machine's end of the wire.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) wire: Wire,
    /// The machine's key in the scenario; the first part of its stream names.
    pub(crate) machine: String,
    /// Whether its network is on.
    pub(crate) online: bool,
    /// Such as `10.0.19045.5011`.
    pub(crate) os_version: String,
    /// What keeps its keys.
    pub(crate) tpm: Tpm,
}

/// A request to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Ask<'a> {
    method: Method,
    url: String,
    headers: Vec<(&'static str, String)>,
    body: Option<(&'static str, String)>,
    identity: Option<(&'a [u8], PoolKey)>,
}

impl<'a> Ask<'a> {
    pub(crate) fn get(url: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            url: url.into(),
            headers: Vec::new(),
            body: None,
            identity: None,
        }
    }

    pub(crate) fn delete(url: impl Into<String>) -> Self {
        Self { method: Method::DELETE, ..Self::get(url) }
    }

    /// A POST of form fields.
    pub(crate) fn form(url: impl Into<String>, fields: &[(&str, &str)]) -> Self {
        Self::encoded_form(url, form(fields))
    }

    /// A POST of form fields that are encoded already.
    pub(crate) fn encoded_form(url: impl Into<String>, fields: String) -> Self {
        let body = ("application/x-www-form-urlencoded", fields);
        Self { method: Method::POST, body: Some(body), ..Self::get(url) }
    }

    /// A POST of JSON.
    pub(crate) fn json(url: impl Into<String>, body: &Value) -> Self {
        let body = ("application/json", body.to_string());
        Self { method: Method::POST, body: Some(body), ..Self::get(url) }
    }

    /// A PUT of JSON.
    pub(crate) fn json_put(url: impl Into<String>, body: &Value) -> Self {
        Self { method: Method::PUT, ..Self::json(url, body) }
    }

    /// A PATCH of JSON.
    pub(crate) fn json_patch(url: impl Into<String>, body: &Value) -> Self {
        Self { method: Method::PATCH, ..Self::json(url, body) }
    }

    /// A POST of a SOAP 1.2 envelope.
    pub(crate) fn soap(url: impl Into<String>, action: &str, envelope: String) -> Self {
        let body = ("application/soap+xml; charset=utf-8", envelope);
        let ask = Self { method: Method::POST, body: Some(body), ..Self::get(url) };
        ask.header("soapaction", action)
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The headers by which the registration client is known.
    pub(crate) fn like_dsreg(self, os_version: &str) -> Self {
        self.header("user-agent", format!("Dsreg/10.0 (Windows {os_version})"))
            .header("ocp-adrs-client-name", "Dsreg")
            .header("ocp-adrs-client-version", os_version)
    }

    /// Shows a client certificate (DER) when the server asks for one.
    pub(crate) fn identity(mut self, certificate: &'a [u8], key: PoolKey) -> Self {
        self.identity = Some((certificate, key));
        self
    }
}

/// A complete answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) location: Option<String>,
    /// `name=value` of each cookie that was set.
    pub(crate) cookies: Vec<String>,
    pub(crate) body: Vec<u8>,
    pub(crate) request_id: String,
    pub(crate) exchange: String,
}

impl Line {
    /// The address of the token service followed by `path`.
    pub(crate) fn login(&self, path: &str) -> String {
        format!("{}{path}", self.wire.inner.spec.login)
    }

    /// The address of the registration service followed by `path`.
    pub(crate) fn registration(&self, path: &str) -> String {
        format!("{}{path}", self.wire.inner.spec.registration)
    }

    /// The address of the directory's API followed by `path`.
    pub(crate) fn directory(&self, path: &str) -> String {
        format!("{}{path}", self.wire.inner.spec.directory)
    }

    /// A GUID from one of this machine's streams.
    pub(crate) fn guid(&self, stream: &str) -> String {
        guid(self.wire.chance(), &format!("{}/{stream}", self.machine))
    }

    /// Random bytes from one of this machine's streams.
    pub(crate) fn random<const N: usize>(&self, stream: &str) -> [u8; N] {
        let mut out = [0; N];
        self.wire.chance().fill(&format!("{}/{stream}", self.machine), &mut out);
        out
    }

    /// The address under which an absolute URL of the service is reached here: the well-known hosts may be overridden.
    pub(crate) fn relocate(&self, url: &str) -> String {
        let spec = &self.wire.inner.spec;
        for (known, base) in [(LOGIN, &spec.login), (REGISTRATION, &spec.registration)] {
            let head = url.get(..known.len()).unwrap_or_default();
            let rest = url.get(known.len()..).unwrap_or_default();
            if head.eq_ignore_ascii_case(known) && (rest.is_empty() || rest.starts_with(['/', '?']))
            {
                return format!("{base}{rest}");
            }
        }
        url.to_owned()
    }

    /// Whether a password may be sent to this address: over TLS, or to the very place where the token service is reached
    /// in the clear (the emulator's face of path prefixes).
    pub(crate) fn is_safe(&self, url: &str) -> bool {
        let starts = |head: &str| {
            url.get(..head.len()).is_some_and(|start| start.eq_ignore_ascii_case(head))
        };
        let login = &self.wire.inner.spec.login;
        let host = login.find("://").map_or(0, |end| end + 3);
        let end = login.get(host..).and_then(|rest| rest.find('/'));
        let origin = end.and_then(|end| login.get(..host + end)).unwrap_or(login);
        starts("https://") || starts(&format!("{origin}/"))
    }

    /// Sends one request and reads the whole answer.
    pub(crate) async fn send(&self, ask: Ask<'_>) -> Result<Answer, Fault> {
        let exchange = format!("{} {}", ask.method, ask.url);
        let request_id = self.guid("client-request-id");
        let fault = |kind, detail| Fault {
            kind,
            exchange: exchange.clone(),
            detail,
            request_id: request_id.clone(),
        };
        if !self.online {
            let detail = format!("{} is offline", self.machine);
            return Err(fault(FaultKind::NameNotResolved, detail));
        }
        let inner = &self.wire.inner;
        // A connection that showed a certificate must not be used for anything else: such requests get their own client.
        let own;
        let client = match ask.identity {
            None => &inner.client,
            Some(identity) => {
                own = client(&inner.spec, Some(identity))
                    .map_err(|error| fault(FaultKind::Local, error.to_string()))?;
                &own
            }
        };
        let mut request = client
            .request(ask.method, &ask.url)
            .header("client-request-id", &request_id)
            .header("return-client-request-id", "true");
        for (name, value) in &ask.headers {
            request = request.header(*name, value);
        }
        if let Some((content_type, body)) = ask.body {
            request = request.header(CONTENT_TYPE, content_type).body(body);
        }
        let broken = |error: &reqwest::Error| {
            let (kind, detail) = fault::classify(error);
            fault(kind, detail)
        };
        let begun = inner.clock.now_ms();
        let mut response = request.send().await.map_err(|error| broken(&error))?;
        let mut answer = Answer {
            status: response.status().as_u16(),
            content_type: header(response.headers(), CONTENT_TYPE.as_str()).unwrap_or_default(),
            location: header(response.headers(), LOCATION.as_str()),
            cookies: cookies(response.headers()),
            request_id: request_id.clone(),
            exchange: exchange.clone(),
            body: Vec::new(),
        };
        while let Some(chunk) = response.chunk().await.map_err(|error| broken(&error))? {
            if answer.body.len() + chunk.len() > inner.spec.body_limit {
                let limit = format!("more than {} bytes", inner.spec.body_limit);
                return Err(fault(FaultKind::TooLarge, limit));
            }
            answer.body.extend_from_slice(&chunk);
        }
        // The machine's clock may have moved further than the real one meanwhile: then nobody waited for the answer.
        let waited = u128::try_from(inner.clock.now_ms() - begun).unwrap_or_default();
        if waited > inner.spec.time_limit.as_millis() {
            let detail = format!("after {} s by its clock", waited / 1000);
            return Err(fault(FaultKind::Timeout, detail));
        }
        Ok(answer)
    }
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    let set = headers.get_all(SET_COOKIE).into_iter();
    set.filter_map(|value| {
        value.to_str().ok()?.split(';').next().map(|pair| pair.trim().to_owned())
    })
    .collect()
}

/// A value as it may stand in a path segment, a query or a form.
pub(crate) fn escaped(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// Fields as `application/x-www-form-urlencoded`.
pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{}={}", escaped(name), escaped(value)))
        .collect();
    pairs.join("&")
}
