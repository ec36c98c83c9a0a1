//! Faults by the control API.

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::*;
use crate::edge::Stage;

fn unreachable() -> Value {
    json!({ "id": "gone", "fault": { "match": { "host": "graph.*" }, "unreachable": 502 } })
}

#[tokio::test]
async fn a_fault_is_started_listed_and_stopped_and_the_journal_says_so() {
    let room = Room::new().await;
    let (status, started) = room.post("/faults", unreachable()).await;
    assert_eq!(status, StatusCode::CREATED, "{started}");
    let expected = json!({
        "id": "gone",
        "fault": { "match": { "host": "graph.*" }, "unreachable": 502 },
        "effect": "unreachable",
        "started": "2026-03-02T09:00:00Z",
        "matches": 0,
        "strikes": 0,
        "running": true,
    });
    assert_eq!(started, expected);
    let world = &room.world;
    assert!(
        world.faults.connection("graph.microsoft.com", world.clock.now(), Stage::Tls).0.is_some()
    );
    assert_eq!(room.get("/faults?running=true").await["faults"][0]["strikes"], 1);
    let (status, stopped) = room.ask(Method::DELETE, "/faults/gone", None).await;
    assert_eq!((status, &stopped["running"]), (StatusCode::OK, &json!(false)));
    assert_eq!(room.get("/faults?running=true").await["faults"], json!([]));
    assert_eq!(room.get("/faults").await["faults"], json!([stopped]));
    assert_eq!(room.events("fault.start").await[0]["actor"], "control");
    assert_eq!(room.events("fault.stop").await[0]["strikes"], 1);
}

#[tokio::test]
async fn all_are_stopped_at_once_the_last_one_first() {
    let room = Room::new().await;
    for id in ["a", "b"] {
        let body = json!({ "id": id, "fault": { "aadsts": 90033 } });
        assert_eq!(room.post("/faults", body).await.0, StatusCode::CREATED);
    }
    let (status, stopped) = room.ask(Method::DELETE, "/faults", None).await;
    let ids: Vec<_> = stopped["faults"].as_array().unwrap().iter().map(|f| &f["id"]).collect();
    assert_eq!((status, ids), (StatusCode::OK, vec![&json!("b"), &json!("a")]));
    assert!(!room.world.faults.any());
}

#[tokio::test]
async fn what_is_wrong_is_refused_with_its_place_and_nothing_starts() {
    let room = Room::new().await;
    for (body, words) in [
        (json!({ "id": "x", "fault": {} }), "a fault has one effect"),
        (json!({ "id": "x", "fault": { "slow": "fast" } }), "/slow"),
        (json!({ "id": "x", "fault": { "hang": { "fro": "1s" } } }), "fault.hang"),
        (json!({ "id": "", "fault": { "reset": true } }), "1 to 100 characters"),
        (
            json!({ "id": "x", "fault": { "reply": { "status": 200, "body_file": "x" } } }),
            "in files only",
        ),
        (json!({ "fault": { "reset": true } }), "missing field `id`"),
    ] {
        let (status, answer) = room.post("/faults", body).await;
        assert_eq!((status, code(&answer)), (StatusCode::BAD_REQUEST, "invalid"), "{answer}");
        assert!(message(&answer).contains(words), "{answer}");
    }
    assert!(!room.world.faults.any());
    assert!(room.events("fault.start").await.is_empty());
    room.post("/faults", unreachable()).await;
    let (status, again) = room.post("/faults", unreachable()).await;
    assert_eq!((status, code(&again)), (StatusCode::CONFLICT, "exists"));
    let (status, unknown) = room.ask(Method::DELETE, "/faults/other", None).await;
    assert_eq!((status, code(&unknown)), (StatusCode::NOT_FOUND, "fault-unknown"));
    assert!(message(&unknown).contains("running: gone"));
    let (status, _) = room.ask(Method::GET, "/faults?running=maybe", None).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_restore_brings_the_faults_of_the_snapshot_back_with_their_counts() {
    let room = Room::new().await;
    let fault = json!({ "id": "once", "fault": { "unreachable": 504, "times": 1 } });
    room.post("/faults", fault).await;
    room.post("/snapshots", json!({})).await;
    let strikes = || room.world.faults.connection("x.test", START, Stage::Tls).0.is_some();
    assert!(strikes());
    assert!(!strikes());
    room.ask(Method::DELETE, "/faults/once", None).await;
    room.post("/faults", unreachable()).await;
    let (status, _) = room.post("/snapshots/s1/restore", json!({})).await;
    assert_eq!(status, StatusCode::OK);
    let running = room.get("/faults?running=true").await;
    let ids: Vec<_> = running["faults"].as_array().unwrap().iter().map(|f| &f["id"]).collect();
    assert_eq!(ids, [&json!("once")]);
    assert!(strikes());
}

#[tokio::test]
async fn the_number_of_running_faults_is_bounded() {
    let room = Room::new().await;
    let fault: crate::faults::Fault = serde_json::from_value(json!({ "reset": true })).unwrap();
    for number in 0..crate::faults::RUNNING {
        room.world.faults.start(&number.to_string(), fault.clone(), START).unwrap();
    }
    let (status, full) = room.post("/faults", unreachable()).await;
    assert_eq!((status, code(&full)), (StatusCode::CONFLICT, "too-many-faults"));
}
