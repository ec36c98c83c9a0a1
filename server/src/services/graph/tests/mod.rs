//! Requests against a world in memory.

mod access;
mod deleted;
mod devices;
mod lists;

use http::Method;
use serde_json::Value;

use super::router;
use crate::services::token::testing::{Answer, TestWorld};

const GRAPH: &str = "https://graph.microsoft.com";
const EVENTUAL: (&str, &str) = ("ConsistencyLevel", "eventual");

/// A world with a signed token.
struct Graph {
    world: TestWorld,
    token: String,
}

impl Graph {
    /// As alice, who may change devices.
    async fn start() -> Self {
        Self::of("alice").await
    }

    async fn of(user: &str) -> Self {
        let world = TestWorld::start("graph.microsoft.com", router()).await;
        let token = world.sign(&world.claims(user, GRAPH, None));
        Self { world, token }
    }

    async fn get(&self, address: &str) -> Answer {
        self.world.send(Method::GET, address, Some(&self.token), &[], "").await
    }

    async fn eventual(&self, address: &str) -> Answer {
        self.world.send(Method::GET, address, Some(&self.token), &[EVENTUAL], "").await
    }

    async fn send(&self, method: Method, address: &str, body: &str) -> Answer {
        self.world.send(method, address, Some(&self.token), &[], body).await
    }

    /// The device with this name.
    async fn device(&self, name: &str) -> Value {
        let answer = self.get(&format!("/v1.0/devices?$filter=displayName%20eq%20'{name}'")).await;
        answer.json()["value"][0].clone()
    }
}

/// The values of a property over a list, in its order.
fn each(list: &Value, property: &str) -> Vec<String> {
    let items = list["value"].as_array().unwrap();
    items.iter().map(|item| item[property].as_str().unwrap_or("null").to_owned()).collect()
}

fn text<'a>(value: &'a Value, property: &str) -> &'a str {
    value[property].as_str().unwrap()
}
