//! A world in memory with a manual clock, and requests to one service of it without an edge.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use linarite_core::device::Device;
use linarite_core::ids::DeviceId;
use linarite_core::instant::{Instant, Span};
use linarite_core::user::User;
use serde_json::{Map, Value, json};
use tower::ServiceExt as _;

use crate::clock::ClockMode;
use crate::directory::{DeviceQuery, UserKey};
use crate::edge::Link;
use crate::journal::{Event, EventFilter};
use crate::services::Services;
use crate::services::call::Call;
use crate::world::{Service, Start, World, document_from_yaml};

/// 2026-03-02T09:00:00Z
pub(in crate::services) const START: Instant = Instant::from_seconds(1_772_442_000);

/// The shared world, and one of its services.
pub(in crate::services) struct TestWorld {
    pub(in crate::services) world: Arc<World>,
    host: &'static str,
    router: Router,
}

/// An answer.
#[derive(Debug)]
pub(in crate::services) struct Answer {
    pub(in crate::services) status: StatusCode,
    pub(in crate::services) headers: HeaderMap,
    pub(in crate::services) text: String,
}

impl Answer {
    pub(in crate::services) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(in crate::services) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status and `error.code` together, as tests compare them.
    pub(in crate::services) fn refusal(&self) -> (u16, String) {
        let code = self.json()["error"]["code"].as_str().unwrap_or_default().to_owned();
        (self.status.as_u16(), code)
    }
}

impl TestWorld {
    pub(in crate::services) async fn start(host: &'static str, router: Router) -> Self {
        Self::start_with(host, router, "").await
    }

    /// The shared world with more keys at the end of its file.
    pub(in crate::services) async fn start_with(
        host: &'static str,
        router: Router,
        more: &str,
    ) -> Self {
        let text = include_str!("../../../../fixtures/worlds/contoso.world.yaml");
        Self::start_from(host, router, &format!("{text}\n{more}")).await
    }

    /// The world of this file.
    pub(in crate::services) async fn start_from(
        host: &'static str,
        router: Router,
        text: &str,
    ) -> Self {
        let document = document_from_yaml(text).unwrap();
        let start = Start {
            id: "test".to_owned(),
            seed: Some(7),
            clock_start: Some(START),
            clock_mode: Some(ClockMode::Manual),
            ..Start::default()
        };
        let world = Arc::new(World::start(&document, start).await.unwrap());
        Self { world, host, router }
    }

    /// Another service of the same world.
    pub(in crate::services) fn beside(&self, host: &'static str, service: Service) -> Self {
        let router = Services::new().router(service).clone();
        Self { world: Arc::clone(&self.world), host, router }
    }

    pub(in crate::services) fn user(&self, key: &str) -> User {
        self.world.directory.user(&UserKey::Key(key.to_owned())).unwrap().unwrap()
    }

    /// The device with this name.
    pub(in crate::services) async fn device(&self, name: &str) -> Device {
        let page = self.world.directory.list_devices(DeviceQuery::default()).await.unwrap();
        page.unwrap().items.into_iter().find(|device| device.display_name == name).unwrap()
    }

    /// Allows or forbids a user to sign in.
    pub(in crate::services) async fn enable(&self, key: &str, enabled: bool) {
        let (key, world) = (UserKey::Key(key.to_owned()), &self.world);
        let (settings, now) = (&world.tenant.settings, world.clock.now());
        world.directory.set_user_enabled(key, enabled, settings, now).await.unwrap().unwrap();
    }

    pub(in crate::services) fn advance(&self, seconds: i64) {
        self.world.clock.advance(Span::from_seconds(seconds));
    }

    /// The claims of a token for two hours.
    pub(in crate::services) fn claims(
        &self,
        user: &str,
        audience: &str,
        device: Option<DeviceId>,
    ) -> Map<String, Value> {
        let user = self.user(user);
        let now = self.world.clock.now().seconds();
        let Value::Object(mut claims) = json!({
            "aud": audience,
            "iat": now,
            "nbf": now,
            "exp": now + 7200,
            "tid": self.world.tenant.id.to_string(),
            "oid": user.id.to_string(),
            "upn": user.upn,
        }) else {
            unreachable!("an object was written")
        };
        if let Some(device) = device {
            claims.insert("deviceid".to_owned(), device.to_string().into());
        }
        claims
    }

    pub(in crate::services) fn sign(&self, claims: &Map<String, Value>) -> String {
        self.world.keys.tokens.sign_jwt(claims).unwrap()
    }

    /// Sends a request; headers are pairs of name and value.
    pub(in crate::services) async fn send(
        &self,
        method: Method,
        address: &str,
        token: Option<&str>,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        self.send_by(Link::proxy(self.host), method, address, token, headers, body).await
    }

    /// The same by another face of the host.
    pub(in crate::services) async fn send_by(
        &self,
        link: Link,
        method: Method,
        address: &str,
        token: Option<&str>,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut request = Request::builder().method(method.clone()).uri(address);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.body(Bytes::copy_from_slice(body.as_bytes())).unwrap();
        let path = request.uri().path().to_ascii_lowercase();
        let call = Call::new(Arc::clone(&self.world), link, request);
        let mut routed = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        routed.extensions_mut().insert(call);
        let reply = self.router.clone().oneshot(routed).await.unwrap();
        let (parts, body) = reply.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    /// The events of a kind, oldest first, as JSON.
    pub(in crate::services) fn events(&self, kind: &str) -> Vec<Value> {
        let filter = EventFilter { kind: Some(kind.to_owned()), ..EventFilter::default() };
        let events: Vec<Arc<Event>> = self.world.journal.query(&filter, usize::MAX);
        events.iter().map(|event| event.to_json(false)).collect()
    }
}
