//! State, clock, users and devices by their routes.

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::*;

#[tokio::test]
async fn the_state_of_a_world_says_what_it_is_and_where_it_stands() {
    let room = Room::new().await;
    room.control.worlds().register_behind(Arc::clone(&room.world), "http://127.0.0.1:8000");
    let state = room.get("").await;
    assert_eq!(state["id"], "contoso");
    assert_eq!(state["tenant"]["id"], "6babcaad-604b-40ac-a9d7-9fd97c0b779f");
    assert_eq!(state["tenant"]["domains"][0], "contoso.test");
    assert_eq!(state["seed"], 42);
    assert_eq!(state["clock"], json!({ "now": "2026-03-02T09:00:00Z", "mode": "manual" }));
    assert_eq!(state["counts"], json!({ "devices": 3, "users": 6, "snapshots": 0 }));
    assert_eq!(state["proxy"], "http://127.0.0.1:8000");
    assert!(state["hosts"].as_array().unwrap().contains(&json!("graph.microsoft.com")));
    assert_eq!(state["journal"]["last"], 0);
    assert_eq!(state["state"], Value::Null);
}

#[tokio::test]
async fn the_clock_advances_and_is_set_and_goes_back_only_on_purpose() {
    let room = Room::new().await;
    let (status, clock) = room.post("/clock/advance", json!({ "by": "65m" })).await;
    assert_eq!((status, &clock["now"]), (StatusCode::OK, &json!("2026-03-02T10:05:00Z")));
    let (status, body) = room.post("/clock/set", json!({ "to": "2026-03-02T10:04:59Z" })).await;
    assert_eq!((status, code(&body)), (StatusCode::CONFLICT, "clock-backwards"));
    assert!(message(&body).contains("2026-03-02T10:05:00Z"));
    let (status, clock) = room.post("/clock/set", json!({ "to": "2026-03-02T10:05:00Z" })).await;
    assert_eq!((status, &clock["now"]), (StatusCode::OK, &json!("2026-03-02T10:05:00Z")));
    let back = json!({ "to": "2026-03-02T11:00:00+02:00", "backwards": true });
    let (status, clock) = room.post("/clock/set", back).await;
    assert_eq!((status, &clock["now"]), (StatusCode::OK, &json!("2026-03-02T09:00:00Z")));
    let (status, clock) = room.post("/clock/mode", json!({ "mode": "follow" })).await;
    assert_eq!((status, &clock["mode"]), (StatusCode::OK, &json!("follow")));
    let moves = room.events("clock.advance").await;
    assert_eq!(moves.len(), 4);
    assert_eq!(moves[0]["from"], "2026-03-02T09:00:00Z");
    assert_eq!(moves[0]["to"], "2026-03-02T10:05:00Z");
    assert_eq!(moves[0]["actor"], "control");
}

#[tokio::test]
async fn a_clock_is_not_moved_to_where_it_cannot_be_read() {
    let room = Room::new().await;
    for (path, body) in [
        ("/clock/advance", json!({ "by": "9999999w" })),
        ("/clock/advance", json!({ "by": "-5m" })),
        ("/clock/advance", json!({ "by": "soon" })),
        ("/clock/set", json!({ "to": "9999-12-31T00:00:01Z" })),
        ("/clock/set", json!({ "to": "1969-12-31T23:59:59Z", "backwards": true })),
        ("/clock/set", json!({ "to": "tomorrow" })),
        ("/clock/mode", json!({ "mode": "backwards" })),
    ] {
        let (status, answer) = room.post(path, body.clone()).await;
        assert_eq!((status, code(&answer)), (StatusCode::BAD_REQUEST, "invalid"), "{body}");
    }
    assert_eq!(room.get("/clock").await["now"], "2026-03-02T09:00:00Z");
    assert_eq!(room.world.journal.last(), 0);
}

#[tokio::test]
async fn a_manual_clock_of_a_state_folder_is_kept_when_it_is_moved() {
    let folder = tempfile::tempdir().unwrap();
    let room = Room::with(contoso_in(Some(folder.path().to_owned())).await).await;
    room.post("/clock/advance", json!({ "by": "1h" })).await;
    let hour = START + linarite_core::instant::Span::from_minutes(60);
    assert_eq!(room.world.directory.kept("world:clock").unwrap(), Some(hour.millis()));
}

#[tokio::test]
async fn a_user_is_found_by_id_name_and_key() {
    let room = Room::new().await;
    let by_key = room.get("/users/alice").await;
    assert_eq!(by_key["upn"], "alice@contoso.test");
    assert_eq!(by_key["displayName"], "Alice Archer");
    assert_eq!(by_key["roles"], json!(["cloud-device-administrator"]));
    assert_eq!(by_key["key"], "alice");
    assert_eq!(room.get("/users/ALICE@contoso.test").await, by_key);
    assert_eq!(room.get(&format!("/users/{}", by_key["id"].as_str().unwrap())).await, by_key);
    assert_eq!(room.get("/users/carol").await["ownedDevices"], 2);
    let (status, body) = room.ask(Method::GET, "/users/zoe", None).await;
    assert_eq!((status, code(&body)), (StatusCode::NOT_FOUND, "user-unknown"));
}

#[tokio::test]
async fn users_are_listed_in_pages() {
    let room = Room::new().await;
    let mut names = Vec::new();
    let mut path = "/users?limit=4".to_owned();
    loop {
        let page = room.get(&path).await;
        let users = page["users"].as_array().unwrap();
        names.extend(users.iter().map(|user| user["upn"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/users?limit=4&after={next}");
    }
    assert_eq!(names.len(), 6);
    assert!(names.is_sorted());
}

#[tokio::test]
async fn users_come_change_and_go_and_the_journal_says_so() {
    let room = Room::new().await;
    let new = json!({ "upn": "zoe@contoso.test", "password": "generated", "key": "zoe" });
    let (status, made) = room.post("/users", new.clone()).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    assert!(made["password"].as_str().unwrap().starts_with("Aa1-"));
    let (status, body) = room.post("/users", new).await;
    assert_eq!((status, code(&body)), (StatusCode::CONFLICT, "exists"));
    let (_, user) = room.post("/users/zoe/disable", json!({})).await;
    assert_eq!(user["accountEnabled"], false);
    let (_, user) = room.post("/users/zoe/enable", json!({})).await;
    assert_eq!(user["accountEnabled"], true);
    let (_, reset) = room.post("/users/zoe/reset-password", json!({})).await;
    assert_ne!(reset["password"], made["password"]);
    let (_, reset) = room.post("/users/zoe/reset-password", json!({ "password": "Given-1" })).await;
    assert_eq!(reset["password"], Value::Null);
    let (status, _) = room.ask(Method::DELETE, "/users/zoe", None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (status, _) = room.ask(Method::GET, "/users/zoe", None).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let actions: Vec<_> = room
        .events("admin")
        .await
        .iter()
        .map(|e| e["action"].as_str().unwrap().to_owned())
        .collect();
    let expected = [
        "create_user",
        "disable_user",
        "enable_user",
        "reset_password",
        "reset_password",
        "delete_user",
    ];
    assert_eq!(actions, expected);
    for event in room.events("admin").await {
        assert_eq!(
            (&event["target"], &event["actor"]),
            (&json!("zoe@contoso.test"), &json!("control"))
        );
    }
}

#[tokio::test]
async fn a_user_that_makes_no_sense_is_not_made() {
    let room = Room::new().await;
    for (body, text) in [
        (json!({ "upn": "zoe" }), "a domain of the tenant"),
        (json!({ "upn": "zoe@elsewhere.test" }), "contoso.test"),
        (json!({ "upn": "@contoso.test" }), "a domain of the tenant"),
        (json!({ "upn": "zoe@contoso.test", "roles": ["king"] }), "known are"),
        (json!({ "upn": "zoe@contoso.test", "name": " " }), "is empty"),
        (json!({ "upn": "zoe@contoso.test", "name": "a\nb" }), "control characters"),
    ] {
        let (status, answer) = room.post("/users", body.clone()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        assert!(message(&answer).contains(text), "{answer}");
    }
    let (status, _) = room.post("/users/alice/reset-password", json!({ "password": "" })).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(room.world.journal.last(), 0);
    assert_eq!(room.get("").await["counts"]["users"], 6);
}

#[tokio::test]
async fn a_device_is_found_by_device_id_object_id_and_a_name_of_its_own() {
    let room = Room::new().await;
    let device = room.get("/devices/SEED-1").await;
    assert_eq!(device["displayName"], "SEED-1");
    assert_eq!(device["trustType"], "AzureAd");
    assert_eq!(device["operatingSystem"], "Windows");
    assert_eq!(device["registeredOwners"], json!(["bob@contoso.test"]));
    assert_eq!(device["createdDateTime"], "2026-03-02T09:00:00Z");
    assert_eq!(device["revocation"], Value::Null);
    assert_eq!(device["thumbprint"], Value::Null);
    for id in ["id", "deviceId"] {
        assert_eq!(room.get(&format!("/devices/{}", device[id].as_str().unwrap())).await, device);
    }
    let (status, body) = room.ask(Method::GET, "/devices/NO-PC", None).await;
    assert_eq!((status, code(&body)), (StatusCode::NOT_FOUND, "device-unknown"));
}

#[tokio::test]
async fn a_name_that_two_devices_have_is_ambiguous_and_lists_both() {
    let room = Room::new().await;
    let new = json!({ "name": "seed-1", "os": "windows-11", "trust": "azure-ad", "owner": "bob" });
    let (status, made) = room.post("/devices", new).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let (status, body) = room.post("/devices/SEED-1/disable", json!({})).await;
    assert_eq!((status, code(&body)), (StatusCode::CONFLICT, "device-ambiguous"));
    assert!(message(&body).contains("2 devices"));
    assert!(message(&body).contains(made["deviceId"].as_str().unwrap()));
}

#[tokio::test]
async fn devices_are_filtered() {
    let room = Room::new().await;
    let seed_2 = room.get("/devices/SEED-2").await;
    for (query, expected) in [
        ("", 3),
        ("?name=seed-3", 1),
        ("?owner=carol", 2),
        ("?owner=carol@contoso.test&enabled=false", 1),
        ("?trust=workplace", 2),
        ("?trust=AzureAd", 1),
        ("?trust=server-ad", 0),
        ("?enabled=true", 2),
        ("?owner=alice", 0),
        (&format!("?deviceId={}", seed_2["deviceId"].as_str().unwrap()), 1),
    ] {
        let found = room.get(&format!("/devices{query}")).await;
        assert_eq!(found["devices"].as_array().unwrap().len(), expected, "{query}");
    }
    for query in ["?deviceId=x", "?trust=x", "?enabled=x", "?after=x", "?after=x.%"] {
        let (status, _) = room.ask(Method::GET, &format!("/devices{query}"), None).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}");
    }
    let (status, _) = room.ask(Method::GET, "/devices?owner=zoe", None).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn devices_are_listed_in_pages_by_id_and_by_name() {
    let room = Room::new().await;
    for _ in 0..5 {
        let new = json!({ "name": "Twin & Co", "os": "linux", "trust": "workplace" });
        room.post("/devices", new).await;
    }
    for (filter, expected) in [("", 8), ("&name=twin%20%26%20co", 5)] {
        let mut ids = std::collections::BTreeSet::new();
        let mut path = format!("/devices?limit=2{filter}");
        loop {
            let page = room.get(&path).await;
            for device in page["devices"].as_array().unwrap() {
                assert!(ids.insert(device["id"].as_str().unwrap().to_owned()), "twice");
            }
            let Some(next) = page["next"].as_str() else { break };
            path = format!("/devices?limit=2{filter}&after={next}");
        }
        assert_eq!(ids.len(), expected, "{filter}");
    }
}

#[tokio::test]
async fn a_disable_says_from_when_it_counts_and_a_second_one_does_not_restart_the_hour() {
    let room = Room::new().await;
    let (status, device) = room.post("/devices/SEED-1/disable", json!({})).await;
    assert_eq!(status, StatusCode::OK);
    let revocation = json!({
        "disabledAt": "2026-03-02T09:00:00Z",
        "tokensFrom": "2026-03-02T09:00:00Z",
        "resourcesFrom": "2026-03-02T10:00:00Z",
    });
    assert_eq!((&device["accountEnabled"], &device["revocation"]), (&json!(false), &revocation));
    room.post("/clock/advance", json!({ "by": "59m" })).await;
    let (_, device) = room.post("/devices/SEED-1/disable", json!({})).await;
    assert_eq!(device["revocation"], revocation);
    assert_eq!(room.events("admin").await.len(), 2);
    let changes = room.events("directory.change").await;
    assert_eq!(changes.len(), 1, "the second disable changed nothing");
    assert_eq!(changes[0]["change"], "disable");
    assert_eq!(changes[0]["device"], device["deviceId"]);
    assert_eq!(changes[0]["resources_from"], "2026-03-02T10:00:00Z");
    let (_, device) = room.post("/devices/SEED-1/enable", json!({})).await;
    assert_eq!((&device["accountEnabled"], &device["revocation"]), (&json!(true), &Value::Null));
}

#[tokio::test]
async fn devices_come_change_and_go() {
    let room = Room::new().await;
    let id = "11111111-2222-4333-8444-555555555555";
    let new = json!({
        "name": "DESK-1", "os": "windows-10", "trust": "server-ad", "device_id": id,
        "sid": "S-1-5-21-1-2-3-1104", "certificate": "MIIB",
    });
    let (status, made) = room.post("/devices", new.clone()).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    assert_eq!((&made["deviceId"], &made["registrationDateTime"]), (&json!(id), &Value::Null));
    assert_eq!(made["registeredOwners"], json!([]));
    let (status, body) = room.post("/devices", new).await;
    assert_eq!((status, code(&body)), (StatusCode::CONFLICT, "exists"));
    let rename = Some(json!({ "displayName": "DESK-2" }));
    let (_, renamed) = room.ask(Method::PATCH, &format!("/devices/{id}"), rename).await;
    assert_eq!(renamed["displayName"], "DESK-2");
    let (status, gone) = room.ask(Method::DELETE, "/devices/DESK-2", None).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        (&gone["deviceId"], &gone["resourcesFrom"]),
        (&json!(id), &json!("2026-03-02T10:00:00Z"))
    );
    let (status, _) = room.ask(Method::GET, &format!("/devices/{id}"), None).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let changes = room.events("directory.change").await;
    let words: Vec<_> = changes.iter().map(|e| e["change"].as_str().unwrap()).collect();
    assert_eq!(words, ["create", "rename", "delete"]);
    assert_eq!(room.get("").await["counts"]["devices"], 3);
}

#[tokio::test]
async fn a_name_may_hold_what_paths_cannot() {
    let room = Room::new().await;
    let rename = Some(json!({ "displayName": "A/B ü?#%2F" }));
    let (status, _) = room.ask(Method::PATCH, "/devices/seed-1", rename).await;
    assert_eq!(status, StatusCode::OK);
    let device = room.get("/devices/A%2FB%20%C3%BC%3F%23%252F").await;
    assert_eq!(device["displayName"], "A/B ü?#%2F");
}

#[tokio::test]
async fn a_device_that_makes_no_sense_is_not_made() {
    let room = Room::new().await;
    for (body, text) in [
        (json!({ "name": "", "os": "linux", "trust": "workplace" }), "is empty"),
        (json!({ "name": "PC", "os": "plan-9", "trust": "workplace" }), "known are windows-10"),
        (json!({ "name": "PC", "os": "linux", "trust": "none" }), "`trust`"),
        (json!({ "name": "PC", "os": "linux", "trust": "workplace", "device_id": "7" }), "GUID"),
        (
            json!({ "name": "PC", "os": "windows-10", "trust": "server-ad", "owner": "bob" }),
            "no owner",
        ),
        (json!({ "name": "PC", "os": "linux", "trust": "server-ad", "sid": "S-1-5-21-1" }), "both"),
        (
            json!({ "name": "PC", "os": "linux", "trust": "azure-ad", "sid": "S-1-5-21-1" }),
            "server-ad",
        ),
        (
            json!({ "name": "PC", "os": "linux", "trust": "server-ad", "sid": "7", "certificate": "MIIB" }),
            "security identifier",
        ),
        (
            json!({ "name": "PC", "os": "linux", "trust": "server-ad", "sid": "S-1-5-21-1", "certificate": "ä" }),
            "base64",
        ),
    ] {
        let (status, answer) = room.post("/devices", body.clone()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        assert!(message(&answer).contains(text), "{answer}");
    }
    let stranger = json!({ "name": "PC", "os": "linux", "trust": "workplace", "owner": "zoe" });
    assert_eq!(room.post("/devices", stranger).await.0, StatusCode::NOT_FOUND);
    assert_eq!(room.world.journal.last(), 0);
    assert_eq!(room.get("").await["counts"]["devices"], 3);
}
