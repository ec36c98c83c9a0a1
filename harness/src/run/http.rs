//! The `http` action: a raw request through the proxy, with the world's CA as the only one trusted. With `from` it shows
//! the device certificate of a machine, as the machine itself would.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Method, Proxy};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::seen::{Answer, Seen};
use super::stage::Stage;
use crate::scenario::Finding;
use crate::scenario::expr::resolve;
use crate::scenario::model::HttpAction;

/// The longest body that is read.
const BODY: usize = 16 << 20;

/// Why a client cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// The CA or the TLS settings.
    #[error("TLS of the http action: {0}")]
    Tls(#[from] rustls::Error),
    /// The proxy or the client.
    #[error("the client of the http action: {0}")]
    Client(#[from] reqwest::Error),
}

/// A client behind this proxy. Redirects are followed by hand.
pub(crate) fn client(proxy: &str, ca_pem: &str) -> Result<Client, ClientError> {
    Ok(builder(ca_pem, None)?.proxy(Proxy::all(proxy)?).build()?)
}

/// A client that goes straight to where it is sent, for what runs on this machine beside the world.
pub(crate) fn direct(ca_pem: &str) -> Result<Client, ClientError> {
    Ok(builder(ca_pem, None)?.build()?)
}

/// A certificate and its key, both in DER.
type Identity = (Vec<u8>, Vec<u8>);

fn builder(
    ca_pem: &str,
    identity: Option<Identity>,
) -> Result<reqwest::ClientBuilder, ClientError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(ca_pem.as_bytes()).flatten());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let tls = match identity {
        None => tls.with_no_client_auth(),
        Some((certificate, key)) => tls.with_client_auth_cert(
            vec![CertificateDer::from(certificate)],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key)),
        )?,
    };
    Ok(Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .redirect(Policy::none())
        .timeout(Duration::from_secs(30)))
}

/// Sends the request of a step.
pub(crate) async fn act(stage: &Stage, action: &HttpAction) -> Result<Seen, Box<Finding>> {
    let Some((method, url)) = action.request() else {
        return Err(Box::new(Finding::error(
            "scn::one-of",
            action.at.clone(),
            "an http step needs a method and a URL: get, post, put, patch, delete, head or options",
        )));
    };
    let client = match &action.from {
        None => stage.http.clone(),
        Some(from) => showing(stage, &from.resolve(stage)?)
            .map_err(|why| Box::new(Finding::error("scn::no-certificate", from.at.clone(), why)))?,
    };
    let method = Method::from_bytes(method.as_bytes()).unwrap_or(Method::GET);
    let mut request = client.request(method, url.resolve(stage)?);
    for (name, value) in
        action.headers.iter().flat_map(super::super::scenario::decode::Entries::iter)
    {
        request = request.header(name, value.resolve(stage)?);
    }
    if let Some(token) = &action.bearer {
        request = request.bearer_auth(token.resolve(stage)?);
    }
    if let Some(node) = &action.json {
        request = request.json(&resolve(node, stage)?);
    }
    if let Some(form) = &action.form {
        let mut pairs = Vec::new();
        for (name, node) in form.iter() {
            let value = resolve(node, stage)?;
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            pairs.push((name.to_owned(), text));
        }
        request = request
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form_text(&pairs));
    }
    if let Some(body) = &action.body {
        request = request.body(body.resolve(stage)?);
    }
    if let Some(file) = &action.body_file {
        let name = file.resolve(stage)?;
        let path = stage
            .in_work(&name)
            .map_err(|why| Box::new(Finding::error("scn::bad-path", file.at.clone(), why)))?;
        let bytes = std::fs::read(&path).map_err(|error| {
            let title = format!("{name} cannot be read: {error}");
            Box::new(Finding::error("scn::unreadable", file.at.clone(), title))
        })?;
        request = request.body(bytes);
    }
    let follow = match &action.follow {
        Some(follow) => follow.resolve(stage)?,
        None => false,
    };
    Ok(match send(&client, request, follow).await {
        Ok(answer) => Seen::of_answer(answer),
        Err(error) => Seen { failed: Some(chain(&error)), ..Seen::default() },
    })
}

/// A client that shows the device certificate of a machine.
fn showing(stage: &Stage, name: &str) -> Result<Client, String> {
    let machine =
        stage.machines.get(name).ok_or_else(|| format!("no machine is called `{name}`"))?;
    let identity = machine.client_certificate(None).ok_or_else(|| {
        format!("`{name}` has no device certificate: it is neither joined nor registered")
    })?;
    let made =
        builder(stage.emulator.ca_pem(), Some(identity)).map_err(|error| error.to_string())?;
    let proxy = Proxy::all(stage.emulator.proxy_url()).map_err(|error| error.to_string())?;
    made.proxy(proxy).build().map_err(|error| error.to_string())
}

fn form_text(pairs: &[(String, String)]) -> String {
    let encode = |text: &str| {
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    pairs
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect::<Vec<_>>()
        .join("&")
}

async fn send(
    client: &Client,
    request: reqwest::RequestBuilder,
    follow: bool,
) -> Result<Answer, reqwest::Error> {
    let mut response = request.send().await?;
    for _ in 0..10 {
        let location = response.headers().get("location").and_then(|value| value.to_str().ok());
        let next = location.and_then(|location| response.url().join(location).ok());
        match next {
            Some(next) if follow && response.status().is_redirection() => {
                response = client.get(next).send().await?;
            }
            _ => break,
        }
    }
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in response.headers() {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        headers
            .entry(name.as_str().to_owned())
            .and_modify(|all| {
                all.push_str(", ");
                all.push_str(&value);
            })
            .or_insert(value);
    }
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > BODY {
            break;
        }
    }
    Ok(Answer { status, headers, body: String::from_utf8_lossy(&body).into_owned() })
}

/// An error with what caused it; the outermost words alone say too little.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let words = inner.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        source = inner.source();
    }
    text
}
