//! The control API over its own socket, with the Contoso world in memory.

mod admin;
mod directory;
mod explain;
mod faults;
mod guard;
mod journal;
mod policies;
mod snapshots;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use linarite_core::instant::Instant;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::Value;

use crate::clock::ClockMode;
use crate::control::Control;
use crate::world::{Start, World, document_from_yaml};

const CONTOSO: &str = include_str!("../../../../fixtures/worlds/contoso.world.yaml");
/// 2026-03-02T09:00:00Z.
const START: Instant = Instant::from_seconds(1_772_442_000);
const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

async fn contoso() -> Arc<World> {
    contoso_in(None).await
}

async fn contoso_in(state: Option<std::path::PathBuf>) -> Arc<World> {
    let document = document_from_yaml(CONTOSO).unwrap();
    let start = Start {
        id: "contoso".to_owned(),
        seed: Some(42),
        clock_start: Some(START),
        clock_mode: Some(ClockMode::Manual),
        new_clock_mode: None,
        state,
    };
    Arc::new(World::start(&document, start).await.unwrap())
}

fn client() -> reqwest::Client {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder().no_proxy().tls_backend_preconfigured(tls).build().unwrap()
}

/// A control listener with one world, and a client that has its token.
struct Room {
    control: Control,
    world: Arc<World>,
    client: reqwest::Client,
}

impl Room {
    async fn new() -> Self {
        Self::with(contoso().await).await
    }

    async fn with(world: Arc<World>) -> Self {
        let control = Control::start(LOOPBACK, None).await.unwrap();
        control.worlds().register(Arc::clone(&world));
        Self { control, world, client: client() }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.control.url());
        self.client.request(method, url).bearer_auth(self.control.token())
    }

    /// A request below `/worlds/contoso`.
    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let mut request = self.request(method, &format!("/worlds/contoso{path}"));
        if let Some(body) = body {
            request = request.json(&body);
        }
        answer(request).await
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask(Method::GET, path, None).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    }

    async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.ask(Method::POST, path, Some(body)).await
    }

    /// Events of the journal of a kind, as they leave the house.
    async fn events(&self, kind: &str) -> Vec<Value> {
        let body = self.get(&format!("/journal?kind={kind}")).await;
        body["events"].as_array().unwrap().clone()
    }
}

async fn answer(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    let status = response.status();
    let text = response.text().await.unwrap();
    let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() };
    (status, body)
}

fn code(body: &Value) -> &str {
    body["error"]["code"].as_str().unwrap()
}

fn message(body: &Value) -> &str {
    body["error"]["message"].as_str().unwrap()
}
