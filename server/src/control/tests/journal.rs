//! The journal by its route: filters, forms, and the live stream.

use bytes::Bytes;
use http::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::{Map, json};

use super::*;
use crate::journal::{Exchange, Kind, Spoken};

fn record(world: &World, kind: Kind, fields: Value) {
    let Value::Object(fields) = fields else { panic!("no object") };
    world.journal.record(&world.clock, kind, Some("req-1".to_owned()), fields, None);
}

fn exchange(url: &str, request: &str, response: &str) -> Exchange {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", "Bearer some-token".parse().unwrap());
    headers.insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
    Exchange::of(&Spoken {
        method: &http::Method::POST,
        url: &[url],
        request_headers: &headers,
        request_body: &Bytes::copy_from_slice(request.as_bytes()),
        status: http::StatusCode::OK,
        response_headers: &HeaderMap::new(),
        response_body: &Bytes::copy_from_slice(response.as_bytes()),
        micros: 1500,
    })
}

#[tokio::test]
async fn events_are_chosen_by_number_kind_request_and_particulars() {
    let room = Room::new().await;
    for number in 0..5 {
        let user = if number % 2 == 0 { "bob@contoso.test" } else { "alice@contoso.test" };
        record(
            &room.world,
            Kind::TokenDenied,
            json!({ "user": user, "status": 400 + number, "late": true }),
        );
    }
    record(&room.world, Kind::Leave, json!({ "device": "d" }));
    for (query, expected) in [
        ("", vec![1, 2, 3, 4, 5, 6]),
        ("?since=4", vec![5, 6]),
        ("?since=6", vec![]),
        ("?since=99", vec![]),
        ("?kind=leave", vec![6]),
        ("?kind=token.denied&user=bob@contoso.test", vec![1, 3, 5]),
        ("?status=402", vec![3]),
        ("?late=true&status=401", vec![2]),
        ("?request=req-1&kind=leave", vec![6]),
        ("?request=req-2", vec![]),
        ("?nothing=here", vec![]),
    ] {
        let body = room.get(&format!("/journal{query}")).await;
        let numbers: Vec<u64> =
            body["events"].as_array().unwrap().iter().map(|e| e["seq"].as_u64().unwrap()).collect();
        assert_eq!(numbers, expected, "{query}");
    }
}

#[tokio::test]
async fn a_cut_answer_says_where_to_go_on() {
    let room = Room::new().await;
    for _ in 0..5 {
        record(&room.world, Kind::Tool, json!({}));
        record(&room.world, Kind::Leave, json!({}));
    }
    let (mut since, mut seen) = (0, Vec::new());
    loop {
        let body = room.get(&format!("/journal?kind=leave&limit=2&since={since}")).await;
        seen.extend(body["events"].as_array().unwrap().iter().map(|e| e["seq"].as_u64().unwrap()));
        since = body["next"].as_u64().unwrap();
        if body["more"] == false {
            break;
        }
    }
    assert_eq!(seen, [2, 4, 6, 8, 10]);
    assert_eq!(since, 10);
}

#[tokio::test]
async fn lines_are_events_and_har_is_exchanges() {
    let room = Room::new().await;
    record(&room.world, Kind::Tool, json!({ "tool": "dsregcmd" }));
    let sent = exchange(
        "https://login.microsoftonline.com/common/oauth2/token?code=abc&x=1",
        "grant_type=password&username=bob%40contoso.test&password=Correct-Horse-2",
        "{\"access_token\":\"some-token\",\"note\":\"Correct-Horse-3\"}",
    );
    let fields = Map::from_iter([("reason".to_owned(), json!("why"))]);
    room.world.journal.record(
        &room.world.clock,
        Kind::Http,
        Some("r".to_owned()),
        fields,
        Some(sent),
    );
    let asked = room.request(Method::GET, "/worlds/contoso/journal?format=jsonl");
    let response = asked.send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    let text = response.text().await.unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), &lines[0]["tool"]), (2, &json!("dsregcmd")));
    let har = room.get("/journal?format=har").await;
    assert_eq!(har["log"]["version"], "1.2");
    let entries = har["log"]["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 1);
    let entry = &entries[0];
    assert_eq!((&entry["_world"], &entry["_request"]), (&json!("contoso"), &json!("r")));
    assert_eq!(entry["_virtualTime"], "2026-03-02T09:00:00Z");
    assert_eq!(entry["_reason"], "why");
    assert_eq!(entry["time"], 1.5);
    let printed = har.to_string();
    for secret in ["some-token", "Correct-Horse", "code=abc"] {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
    let (status, body) = room.ask(Method::GET, "/journal?format=xml", None).await;
    assert_eq!((status, code(&body)), (StatusCode::BAD_REQUEST, "invalid"));
}

/// Reads a stream until so many messages have come; each as its event's name and its data.
async fn messages(mut response: reqwest::Response, count: usize) -> Vec<(String, Value)> {
    let mut text = String::new();
    let mut read = Vec::new();
    while read.len() < count {
        let chunk = response.chunk().await.unwrap().expect("the stream has ended");
        text.push_str(std::str::from_utf8(&chunk).unwrap());
        while let Some((message, rest)) = text.split_once("\n\n") {
            let field = |name: &str| {
                let line = message.lines().find_map(|line| line.strip_prefix(name));
                line.map(|value| value.trim_start_matches(':').trim().to_owned())
            };
            if let Some(data) = field("data") {
                let event = field("event").unwrap_or_default();
                read.push((event, serde_json::from_str(&data).unwrap()));
            }
            text = rest.to_owned();
        }
    }
    read
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_stream_replays_and_goes_on_without_gap_or_double_whoever_writes() {
    let room = Room::new().await;
    for _ in 0..100 {
        record(&room.world, Kind::Tool, json!({}));
    }
    let stream = room.request(Method::GET, "/worlds/contoso/journal/stream?since=10");
    let (writers, response) = {
        let writers: Vec<_> = (0..4)
            .map(|_| {
                let world = Arc::clone(&room.world);
                tokio::spawn(async move {
                    for number in 0..500 {
                        record(&world, Kind::Tool, json!({}));
                        if number % 50 == 0 {
                            tokio::task::yield_now().await;
                        }
                    }
                })
            })
            .collect();
        (writers, stream.send().await.unwrap())
    };
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let read = messages(response, 2090).await;
    let numbers: Vec<u64> = read.iter().map(|(_, data)| data["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (11..=2100).collect::<Vec<_>>());
    for writer in writers {
        writer.await.unwrap();
    }
}

#[tokio::test]
async fn a_stream_without_a_number_begins_now_and_keeps_to_its_conditions() {
    let room = Room::new().await;
    record(&room.world, Kind::Leave, json!({}));
    let stream = room.request(Method::GET, "/worlds/contoso/journal/stream?kind=leave");
    let response = stream.send().await.unwrap();
    record(&room.world, Kind::Tool, json!({}));
    record(&room.world, Kind::Leave, json!({ "device": "new" }));
    let read = messages(response, 1).await;
    assert_eq!((&read[0].1["seq"], &read[0].1["device"]), (&json!(3), &json!("new")));
}

#[tokio::test]
async fn a_reader_that_comes_back_goes_on_where_it_was() {
    let room = Room::new().await;
    for _ in 0..3 {
        record(&room.world, Kind::Tool, json!({}));
    }
    let stream = room.request(Method::GET, "/worlds/contoso/journal/stream?since=0");
    let response = stream.header("last-event-id", "2").send().await.unwrap();
    assert_eq!(messages(response, 1).await[0].1["seq"], 3);
}

#[tokio::test]
async fn a_number_that_the_journal_has_not_reached_is_not_waited_for() {
    let room = Room::new().await;
    record(&room.world, Kind::Tool, json!({}));
    for since in ["7", "18446744073709551615"] {
        let path = format!("/worlds/contoso/journal/stream?since={since}");
        let response = room.request(Method::GET, &path).send().await.unwrap();
        record(&room.world, Kind::Tool, json!({}));
        let last = room.world.journal.last();
        assert_eq!(messages(response, 1).await[0].1["seq"], last);
    }
}

#[tokio::test]
async fn a_stream_knows_passwords_that_are_set_while_it_runs() {
    let room = Room::new().await;
    let stream = room.request(Method::GET, "/worlds/contoso/journal/stream");
    let response = stream.send().await.unwrap();
    room.post("/users/bob/reset-password", json!({ "password": "Brand-New-9" })).await;
    record(&room.world, Kind::Tool, json!({ "line": "typed Brand-New-9" }));
    let read = messages(response, 3).await;
    let line = read[2].1["line"].as_str().unwrap();
    assert!(line.starts_with("typed ‹password:"), "{line}");
}

#[tokio::test]
async fn what_the_journal_has_let_go_is_told_with_its_count() {
    let room = Room::new().await;
    let body = "x".repeat(64 << 10);
    let sent = exchange("https://graph.microsoft.com/", &body, &body);
    // 64 MiB are kept: some five hundred of these.
    for _ in 0..600 {
        let exchange = Some(sent.clone());
        room.world.journal.record(&room.world.clock, Kind::Http, None, Map::new(), exchange);
    }
    let first = room.world.journal.since(0)[0].seq;
    assert!(first > 2);
    let stream = room.request(Method::GET, "/worlds/contoso/journal/stream?since=1");
    let read = messages(stream.send().await.unwrap(), 2).await;
    assert_eq!(read[0], ("lost".to_owned(), json!({ "lost": first - 2 })));
    assert_eq!((&*read[1].0, &read[1].1["seq"]), ("", &json!(first)));
}

#[tokio::test]
async fn a_stream_ends_with_its_world() {
    let room = Room::new().await;
    let stream = room.request(Method::GET, "/worlds/contoso/journal/stream");
    let mut response = stream.send().await.unwrap();
    room.control.worlds().remove("contoso");
    while let Ok(Some(_)) = response.chunk().await {}
    let strong = Arc::strong_count(&room.world);
    assert!(strong <= 2, "the stream lets go of its world: {strong}");
}
