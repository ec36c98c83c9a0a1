//! Who is let in, and how the door is closed.

use http::Method;
use linarite_core::ids::DeviceId;

use super::{GRAPH, Graph, text};

#[tokio::test]
async fn a_refused_token_gets_the_envelope_and_the_challenge() {
    let graph = Graph::start().await;
    let id = "5c1f5f5e-90c1-4ad5-8a27-3ed2c0c7a001";
    let headers = [("client-request-id", id)];
    let answer = graph.world.send(Method::GET, "/v1.0/me", None, &headers, "").await;
    assert_eq!(answer.refusal(), (401, "InvalidAuthenticationToken".to_owned()));
    let inner = &answer.json()["error"]["innerError"];
    assert_eq!(inner["date"], "2026-03-02T09:00:00");
    assert_eq!(inner["client-request-id"], id);
    assert_eq!(answer.header("client-request-id"), id);
    assert_eq!(answer.header("request-id"), text(inner, "request-id"));
    assert_eq!(
        answer.header("www-authenticate"),
        "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", client_id=\"00000003-0000-0000-c000-000000000000\""
    );
}

#[tokio::test]
async fn the_application_id_and_the_slash_are_audiences_too() {
    let graph = Graph::start().await;
    for audience in ["https://graph.microsoft.com/", "00000003-0000-0000-c000-000000000000"] {
        let token = graph.world.sign(&graph.world.claims("bob", audience, None));
        let answer = graph.world.send(Method::GET, "/v1.0/me", Some(&token), &[], "").await;
        assert_eq!(text(&answer.json(), "userPrincipalName"), "bob@contoso.test");
    }
}

#[tokio::test]
async fn a_token_of_a_deleted_device_is_refused_from_the_hour_on() {
    let graph = Graph::start().await;
    let device = graph.device("SEED-1").await;
    let id: DeviceId = text(&device, "deviceId").parse().unwrap();
    let token = graph.world.sign(&graph.world.claims("bob", GRAPH, Some(id)));
    let me = async || graph.world.send(Method::GET, "/v1.0/me", Some(&token), &[], "").await;
    let path = format!("/v1.0/devices/{}", text(&device, "id"));
    assert_eq!(graph.send(Method::DELETE, &path, "").await.status, 204);
    graph.world.advance(3599);
    assert_eq!(me().await.status, 200);
    graph.world.advance(1);
    let refused = me().await;
    assert_eq!(refused.refusal(), (401, "InvalidAuthenticationToken".to_owned()));
    assert!(refused.header("www-authenticate").contains("error=\"invalid_token\""));
    let denied = graph.world.events("access.denied");
    assert_eq!(denied.len(), 1);
    assert_eq!(denied[0]["reason"], "token-device-deleted");
    assert_eq!(denied[0]["resource"], "graph");
}

#[tokio::test]
async fn only_roles_change_devices_and_a_refusal_changes_nothing() {
    let graph = Graph::of("bob").await;
    let device = graph.device("SEED-1").await;
    let path = format!("/v1.0/devices/{}", text(&device, "id"));
    for (method, body) in
        [(Method::PATCH, r#"{"accountEnabled":false}"#), (Method::PATCH, "{"), (Method::DELETE, "")]
    {
        let refused = graph.send(method, &path, body).await;
        assert_eq!(refused.refusal(), (403, "Authorization_RequestDenied".to_owned()));
    }
    assert_eq!(graph.device("SEED-1").await, device);
    let denied = graph.world.events("access.denied");
    assert_eq!(denied.len(), 3);
    assert_eq!(denied[0]["reason"], "role-missing");
    assert_eq!(denied[0]["user"], "bob@contoso.test");
    assert_eq!(denied[0]["operation"], "devices.update");
    assert_eq!(denied[2]["operation"], "devices.delete");
    assert_eq!(denied[2]["target"], device["id"]);
}

#[tokio::test]
async fn what_is_not_emulated_is_named() {
    let graph = Graph::start().await;
    for path in ["/v1.0/groups", "/v3.0/devices", "/", "/v1.0/devices(name='x')", "/v1.0/$batch"] {
        let answer = graph.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.text.contains(&format!("GET {path}")), "{}", answer.text);
    }
    let posted = graph.send(Method::POST, "/v1.0/devices", "{}").await;
    assert_eq!(posted.status, 405);
}

/// The token of an application for itself.
fn of_application(graph: &Graph, permissions: &[&str]) -> String {
    let mut claims = graph.world.claims("bob", GRAPH, None);
    claims.remove("upn");
    claims.insert("idtyp".to_owned(), "app".into());
    claims.insert("appid".to_owned(), "7c9c1f0a-2f54-4a0e-8f0b-5b7b6f0a7a02".into());
    claims.insert("roles".to_owned(), permissions.into());
    graph.world.sign(&claims)
}

#[tokio::test]
async fn an_application_does_what_its_permissions_say_and_is_no_user() {
    let graph = Graph::start().await;
    let device = graph.device("SEED-1").await;
    let path = format!("/v1.0/devices/{}", text(&device, "id"));
    let denied = (403, "Authorization_RequestDenied".to_owned());
    let read = of_application(&graph, &["Device.Read.All"]);
    let send = async |method: Method, path: &str, token: &str, body: &str| {
        graph.world.send(method, path, Some(token), &[], body).await
    };
    for path in ["/v1.0/devices", path.as_str(), &format!("{path}/registeredOwners")] {
        assert_eq!(send(Method::GET, path, &read, "").await.status, 200, "{path}");
    }
    assert_eq!(send(Method::GET, "/v1.0/users", &read, "").await.refusal(), denied);
    let rename = "{\"displayName\":\"X\"}";
    assert_eq!(send(Method::PATCH, &path, &read, rename).await.refusal(), denied);
    assert_eq!(send(Method::DELETE, &path, &read, "").await.refusal(), denied);
    for me in ["/v1.0/me", "/v1.0/me/ownedDevices"] {
        let answer = send(Method::GET, me, &read, "").await;
        assert_eq!(answer.refusal(), (400, "BadRequest".to_owned()), "{me}");
    }
    let reasons = graph.world.events("access.denied");
    assert_eq!(reasons.len(), 5);
    assert_eq!(reasons[0]["reason"], "permission-missing");
    assert_eq!(reasons[0]["app"], "7c9c1f0a-2f54-4a0e-8f0b-5b7b6f0a7a02");
    assert_eq!(reasons[4]["reason"], "token-without-user");
    // Nothing that was refused is in the journal as granted.
    assert_eq!(
        graph.world.events("access.granted").iter().filter(|e| e.get("app").is_some()).count(),
        3
    );
    let write = of_application(&graph, &["Device.ReadWrite.All"]);
    assert_eq!(send(Method::PATCH, &path, &write, rename).await.status, 204);
    assert_eq!(send(Method::DELETE, &path, &write, "").await.status, 204);
    let none = of_application(&graph, &[]);
    assert_eq!(send(Method::GET, "/v1.0/devices", &none, "").await.refusal(), denied);
}

#[tokio::test]
async fn an_application_token_without_an_application_is_refused() {
    let graph = Graph::start().await;
    let mut claims = graph.world.claims("bob", GRAPH, None);
    claims.insert("idtyp".to_owned(), "app".into());
    let token = graph.world.sign(&claims);
    let answer = graph.world.send(Method::GET, "/v1.0/devices", Some(&token), &[], "").await;
    assert_eq!(answer.refusal(), (401, "InvalidAuthenticationToken".to_owned()));
}
