//! The protected API, the hour after a disable, and the challenge for a disabled user (FAQ A8, A16 to A18).

use http::{Method, StatusCode};
use linarite_core::device::Device;

use super::router;
use crate::directory::DeviceEdit;
use crate::services::token::testing::{Answer, TestWorld};

const FILES: &str = "https://files.contoso.test";

async fn world() -> TestWorld {
    TestWorld::start("files.contoso.test", router()).await
}

/// The device named SEED-1, which is bob's.
async fn seed(world: &TestWorld) -> Device {
    world.device("SEED-1").await
}

async fn get(world: &TestWorld, path: &str, token: Option<&str>) -> Answer {
    world.send(Method::GET, path, token, &[], "").await
}

#[tokio::test]
async fn the_api_says_who_the_caller_is_and_on_which_device() {
    let world = world().await;
    let device = seed(&world).await;
    let token = world.sign(&world.claims("bob", FILES, Some(device.device_id)));
    let answer = get(&world, "/me", Some(&token)).await;
    assert_eq!(answer.status, StatusCode::OK);
    let me = answer.json();
    assert_eq!(me["app"], "files");
    assert_eq!(me["upn"], "bob@contoso.test");
    assert_eq!(me["oid"], world.user("bob").id.to_string());
    assert_eq!(me["deviceid"], device.device_id.to_string());
    let granted = world.events("access.granted");
    assert_eq!(granted[0]["operation"], "me");
    assert_eq!(granted[0]["device"], device.device_id.to_string());
    let without = world.sign(&world.claims("bob", FILES, None));
    assert!(get(&world, "/ME", Some(&without)).await.json()["deviceid"].is_null());
}

#[tokio::test]
async fn a_token_is_wanted_and_one_for_another_resource_is_not() {
    let world = world().await;
    let missing = get(&world, "/me", None).await;
    assert_eq!(missing.refusal(), (401, "InvalidAuthenticationToken".to_owned()));
    assert_eq!(missing.header("www-authenticate"), "Bearer");
    let token = world.sign(&world.claims("bob", "https://graph.microsoft.com", None));
    let other = get(&world, "/me", Some(&token)).await;
    assert_eq!(other.status, StatusCode::UNAUTHORIZED);
    assert!(
        other
            .header("www-authenticate")
            .starts_with("Bearer error=\"invalid_token\", error_description=\"")
    );
}

#[tokio::test]
async fn what_is_not_there_is_said_in_json() {
    let world = world().await;
    assert_eq!(get(&world, "/", None).await.json()["app"], "files");
    assert_eq!(get(&world, "/you", None).await.status, StatusCode::NOT_FOUND);
    let posted = world.send(Method::POST, "/me", None, &[], "").await;
    assert_eq!(posted.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(posted.json()["error"]["message"].as_str().unwrap().contains("POST /me"));
}

#[tokio::test]
async fn a_disabled_device_is_refused_from_the_hour_on_and_accepted_again_once_enabled() {
    let world = world().await;
    let device = seed(&world).await;
    let token = world.sign(&world.claims("bob", FILES, Some(device.device_id)));
    let set = async |enabled| {
        let edit = DeviceEdit { enabled: Some(enabled), ..DeviceEdit::default() };
        let settings = &world.world.tenant.settings;
        let now = world.world.clock.now();
        world
            .world
            .directory
            .edit_device(device.object_id, edit, settings, now)
            .await
            .unwrap()
            .unwrap();
    };
    set(false).await;
    world.advance(3599);
    assert_eq!(get(&world, "/me", Some(&token)).await.status, StatusCode::OK);
    world.advance(1);
    let refused = get(&world, "/me", Some(&token)).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    let denied = world.events("access.denied");
    assert_eq!(denied[0]["reason"], "token-device-disabled");
    assert_eq!(denied[0]["revoked"], "2026-03-02T09:00:00Z");
    assert_eq!(denied[0]["counts_from"], "2026-03-02T10:00:00Z");
    set(true).await;
    assert_eq!(get(&world, "/me", Some(&token)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_challenge_for_a_disabled_user_says_where_to_go_and_what_to_ask_for() {
    let world = world().await;
    let mut claims = world.claims("bob", FILES, None);
    claims.insert("xms_cc".to_owned(), serde_json::json!(["cp1"]));
    let token = world.sign(&claims);
    world.enable("bob", false).await;
    world.advance(900);
    let refused = get(&world, "/me", Some(&token)).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    let challenge = refused.header("www-authenticate");
    let authority =
        "authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\"";
    assert!(
        challenge.starts_with("Bearer realm=\"\", ") && challenge.contains(authority),
        "{challenge}"
    );
    assert!(challenge.contains("error=\"insufficient_claims\""), "{challenge}");
    // `{"access_token":{"nbf":{"essential":true,"value":"1772442000"}}}`, encoded by another tool.
    let asked =
        "eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwidmFsdWUiOiIxNzcyNDQyMDAwIn19fQ==";
    assert!(challenge.ends_with(&format!("claims=\"{asked}\"")), "{challenge}");
}
