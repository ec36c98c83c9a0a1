//! Snapshots and the way back.

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::*;
use crate::control::snapshots::KEPT;
use crate::entropy::Stream;

#[tokio::test]
async fn a_restore_brings_back_records_clock_and_chance_and_the_journal_goes_on() {
    let room = Room::new().await;
    let drawn = room.world.entropy.guid(Stream::Trace);
    let (status, taken) = room.post("/snapshots", json!({})).await;
    assert_eq!((status, &taken["id"]), (StatusCode::CREATED, &json!("s1")));
    let next = room.world.entropy.guid(Stream::Trace);
    assert_ne!(drawn, next);
    room.post("/devices/SEED-1/disable", json!({})).await;
    room.ask(Method::DELETE, "/devices/SEED-2", None).await;
    room.ask(Method::DELETE, "/users/alice", None).await;
    room.post("/clock/advance", json!({ "by": "2h" })).await;
    let before = room.world.journal.last();
    let (status, _) = room.post("/snapshots/s1/restore", json!({})).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(room.get("/devices/SEED-1").await["accountEnabled"], true);
    assert_eq!(room.get("/devices/SEED-2").await["accountEnabled"], true);
    assert_eq!(room.get("/users/alice").await["accountEnabled"], true);
    let state = room.get("").await;
    assert_eq!(state["clock"]["now"], "2026-03-02T09:00:00Z");
    assert_eq!(state["counts"], json!({ "devices": 3, "users": 6, "snapshots": 1 }));
    assert_eq!(room.world.entropy.guid(Stream::Trace), next);
    let events = room.get(&format!("/journal?since={before}")).await;
    assert_eq!(events["events"][0]["action"], "restore_snapshot");
    assert_eq!(events["events"][0]["target"], "s1");
    assert_eq!(events["events"][0]["seq"], before + 1);
    assert_eq!(events["events"][1]["kind"], "clock.advance");
    assert_eq!(events["events"][1]["from"], "2026-03-02T11:00:00Z");
}

#[tokio::test]
async fn a_snapshot_can_be_restored_more_than_once_and_written_to_after() {
    let room = Room::new().await;
    room.post("/snapshots", json!({})).await;
    let mut made = Vec::new();
    for _ in 0..2 {
        let new = json!({ "name": "NEW", "os": "linux", "trust": "workplace" });
        let (status, device) = room.post("/devices", new).await;
        assert_eq!(status, StatusCode::CREATED);
        made.push(device);
        assert_eq!(room.post("/snapshots/s1/restore", json!({})).await.0, StatusCode::OK);
    }
    assert_eq!(made[0], made[1], "the counters of ids are part of the snapshot");
}

#[tokio::test]
async fn snapshots_are_bounded_in_number_and_ids_are_not_given_again() {
    let room = Room::new().await;
    for _ in 0..KEPT {
        assert_eq!(room.post("/snapshots", json!({})).await.0, StatusCode::CREATED);
    }
    let (status, body) = room.post("/snapshots", json!({})).await;
    assert_eq!((status, code(&body)), (StatusCode::CONFLICT, "too-many-snapshots"));
    let (status, _) = room.ask(Method::DELETE, "/snapshots/s16", None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (_, taken) = room.post("/snapshots", json!({})).await;
    assert_eq!(taken["id"], "s17");
    let list = room.get("/snapshots").await;
    let ids: Vec<_> =
        list["snapshots"].as_array().unwrap().iter().map(|s| s["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), KEPT);
    assert_eq!((ids[0], ids[1], ids[15]), ("s1", "s2", "s17"));
}

#[tokio::test]
async fn an_unknown_snapshot_lists_those_that_there_are() {
    let room = Room::new().await;
    room.post("/snapshots", json!({})).await;
    for id in ["s2", "1", "s01", "s", "s18446744073709551616"] {
        let (status, body) = room.post(&format!("/snapshots/{id}/restore"), json!({})).await;
        assert_eq!((status, code(&body)), (StatusCode::NOT_FOUND, "snapshot-unknown"));
        assert!(message(&body).ends_with("kept are: s1"), "{body}");
        let (status, _) = room.ask(Method::DELETE, &format!("/snapshots/{id}"), None).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_world_with_a_state_folder_says_why_it_has_no_snapshots() {
    let folder = tempfile::tempdir().unwrap();
    let room = Room::with(contoso_in(Some(folder.path().to_owned())).await).await;
    let (status, body) = room.post("/snapshots", json!({})).await;
    assert_eq!((status, code(&body)), (StatusCode::CONFLICT, "state-folder"));
    assert!(message(&body).contains("copy the folder"));
    assert!(room.events("admin").await.is_empty());
}
