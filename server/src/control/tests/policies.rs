//! Policies, device management, compliance, names and taken-back grants by their routes.

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::*;

#[tokio::test]
async fn policies_come_are_replaced_and_go() {
    let room = Room::new().await;
    assert_eq!(room.get("/policies").await, json!({ "policies": [] }));
    let policy =
        json!({ "id": "pcs", "apps": ["files"], "users": ["bob"], "grant": ["compliant", "mfa"] });
    let (status, set) = room.post("/policies", policy).await;
    assert_eq!(status, StatusCode::OK, "{set}");
    assert_eq!(set["grant"], json!(["compliant", "mfa"]));
    assert_eq!((&set["state"], &set["require"]), (&json!("on"), &json!("all")));
    assert_eq!(set["apps"], json!(["3f1c5b9e-5d0c-4b1f-9b65-0d8f6f1a7a01"]));
    assert_eq!(set["users"], json!([room.get("/users/bob").await["id"]]));
    let report =
        json!({ "id": "pcs", "state": "report-only", "grant": ["block"], "require": "any" });
    room.post("/policies", report).await;
    let all = room.get("/policies").await;
    assert_eq!(all["policies"].as_array().unwrap().len(), 1, "the same name is the same policy");
    let one = &all["policies"][0];
    assert_eq!((&one["state"], &one["apps"]), (&json!("report-only"), &Value::Null));
    assert_eq!(one["guid"], set["guid"]);
    let (status, _) = room.ask(Method::DELETE, "/policies/pcs", None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (status, body) = room.ask(Method::DELETE, "/policies/pcs", None).await;
    assert_eq!((status, code(&body)), (StatusCode::NOT_FOUND, "policy-unknown"));
    let actions = room.events("admin").await;
    let actions: Vec<_> = actions.iter().map(|e| e["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["set_policy", "set_policy", "delete_policy"]);
}

#[tokio::test]
async fn a_policy_that_makes_no_sense_is_not_set() {
    let room = Room::new().await;
    for policy in [
        json!({}),
        json!({ "id": "x", "grant": [] }),
        json!({ "id": " ", "grant": ["block"] }),
        json!({ "id": "x", "grant": ["magic"] }),
        json!({ "id": "x", "grant": ["block"], "apps": ["nothing"] }),
        json!({ "id": "x", "grant": ["block"], "users": ["zoe"] }),
        json!({ "id": "x", "grant": ["block"], "colour": "red" }),
        json!(["x"]),
    ] {
        let (status, body) = room.post("/policies", policy.clone()).await;
        assert_eq!((status, code(&body)), (StatusCode::BAD_REQUEST, "invalid"), "{policy}");
    }
    assert_eq!(room.get("/policies").await, json!({ "policies": [] }));
    assert_eq!(room.world.journal.last(), 0);
}

#[tokio::test]
async fn management_says_what_it_says_and_leaves_the_rest() {
    let room = Room::new().await;
    let (status, device) =
        room.post("/devices/SEED-1/management", json!({ "managed": true })).await;
    assert_eq!(status, StatusCode::OK, "{device}");
    assert_eq!((&device["isManaged"], &device["isCompliant"]), (&json!(true), &Value::Null));
    let (_, device) = room.post("/devices/SEED-1/management", json!({ "compliant": false })).await;
    assert_eq!((&device["isManaged"], &device["isCompliant"]), (&json!(true), &json!(false)));
    assert_eq!(device["trustLevel"], "Managed");
    let (_, device) = room.post("/devices/SEED-1/management", json!({ "compliant": true })).await;
    assert_eq!(device["trustLevel"], "Compliant");
    for wrong in [json!({ "compliant": "yes" }), json!({ "wiped": true })] {
        let (status, _) = room.post("/devices/SEED-1/management", wrong).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
    }
    let (status, _) = room.post("/devices/NO-PC/management", json!({})).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_user_is_renamed_within_the_tenant() {
    let room = Room::new().await;
    let patch = |name: &str, body| {
        let path = format!("/users/{name}");
        let room = &room;
        async move { room.ask(Method::PATCH, &path, Some(body)).await }
    };
    let (status, user) = patch("bob", json!({ "upn": "Robert@contoso.test" })).await;
    assert_eq!((status, &user["upn"]), (StatusCode::OK, &json!("Robert@contoso.test")));
    assert_eq!(room.get("/users/robert@CONTOSO.test").await["key"], "bob");
    let owners = room.get("/devices/SEED-1").await["registeredOwners"].clone();
    assert_eq!(owners, json!(["Robert@contoso.test"]));
    let (status, _) = room.ask(Method::GET, "/users/bob@contoso.test", None).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (status, body) = patch("bob", json!({ "upn": "carol@contoso.test" })).await;
    assert_eq!((status, code(&body)), (StatusCode::CONFLICT, "exists"));
    for wrong in ["robert", "robert@elsewhere.test", "@contoso.test"] {
        let (status, _) = patch("bob", json!({ "upn": wrong })).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}");
    }
}

#[tokio::test]
async fn what_was_granted_is_taken_back_and_passwords_expire() {
    let room = Room::new().await;
    let key = crate::directory::UserKey::Key("bob".to_owned());
    let bob = || room.world.directory.user(&key).unwrap().unwrap();
    let (status, user) = room.post("/users/bob/revoke-sessions", json!({})).await;
    assert_eq!((status, &user["upn"]), (StatusCode::OK, &json!("bob@contoso.test")));
    assert_eq!((bob().epoch, bob().account.password_epoch), (1, 0));
    room.post("/users/bob/reset-password", json!({ "password": "New-1" })).await;
    assert_eq!((bob().epoch, bob().account.password_epoch), (2, 2));
    let (status, _) = room.post("/users/bob/password-state", json!({ "state": "expired" })).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(bob().account.password_state.word(), "expired");
    let (status, _) = room.post("/users/bob/password-state", json!({ "state": "odd" })).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn device_management_is_set_anew_kept_and_put_back_by_a_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let room = Room::with(contoso_in(Some(folder.path().to_owned())).await).await;
    assert_eq!(room.get("/mdm").await["scope"], "none");
    let settings =
        json!({ "scope": "some", "users": ["bob"], "device_cap": 2, "refuses": "in-maintenance" });
    let (status, set) = room.post("/mdm", settings).await;
    assert_eq!(status, StatusCode::OK, "{set}");
    assert_eq!(set["users"], json!([room.get("/users/bob").await["id"]]));
    assert_eq!((&set["device_cap"], &set["refuses"]), (&json!(2), &json!("in-maintenance")));
    for wrong in [
        json!({ "scope": "most" }),
        json!({ "scope": "all", "users": ["bob"] }),
        json!({ "scope": "some", "users": ["zoe"] }),
        json!({ "refuses": "everybody" }),
        json!({ "colour": "red" }),
    ] {
        let (status, body) = room.post("/mdm", wrong.clone()).await;
        assert_eq!((status, code(&body)), (StatusCode::BAD_REQUEST, "invalid"), "{wrong}");
    }
    assert_eq!(room.get("/mdm").await, set, "what is refused changes nothing");
    assert_eq!(room.events("admin").await.len(), 1);
    drop(room);
    let again = Room::with(contoso_in(Some(folder.path().to_owned())).await).await;
    assert_eq!(again.get("/mdm").await, set, "after a restart");

    let room = Room::new().await;
    room.post("/snapshots", json!({})).await;
    room.post("/mdm", json!({ "scope": "all" })).await;
    assert_eq!(room.get("/mdm").await["scope"], "all");
    room.post("/snapshots/s1/restore", json!({})).await;
    assert_eq!(room.get("/mdm").await["scope"], "none");
}
