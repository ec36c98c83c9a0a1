//! Who is let in, and what is said to those who are not.

use reqwest::header::{HOST, ORIGIN};
use reqwest::{Method, StatusCode};

use super::*;

#[tokio::test]
async fn every_path_wants_the_token_and_the_document_does_not() {
    let room = Room::new().await;
    let url = room.control.url();
    for path in ["/worlds", "/worlds/contoso", "/worlds/contoso/journal/stream", "/no/such"] {
        let (status, body) = answer(room.client.get(format!("{url}{path}"))).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(code(&body), "token-required");
    }
    let (status, document) = answer(room.client.get(format!("{url}/openapi.json"))).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(document["openapi"], "3.1.0");
}

#[tokio::test]
async fn a_wrong_token_is_refused_whatever_its_length() {
    let room = Room::new().await;
    let right = room.control.token().to_owned();
    for wrong in ["", "x", &right[1..], &format!("{right}0"), &right.to_uppercase()] {
        let request = room.client.get(format!("{}/worlds", room.control.url())).bearer_auth(wrong);
        assert_eq!(answer(request).await.0, StatusCode::UNAUTHORIZED, "{wrong}");
    }
    let basic =
        room.client.get(format!("{}/worlds", room.control.url())).basic_auth("", Some(right));
    assert_eq!(answer(basic).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_token_in_the_query_counts_for_nothing() {
    let room = Room::new().await;
    let url = format!("{}/worlds?token={}", room.control.url(), room.control.token());
    assert_eq!(answer(room.client.get(url)).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_token_can_be_given_and_has_to_be_one() {
    let control = Control::start(LOOPBACK, Some("a-token-of-my-own".to_owned())).await.unwrap();
    assert_eq!(control.token(), "a-token-of-my-own");
    assert!(!format!("{control:?}").contains("a-token-of-my-own"));
    for token in ["", "short", "with a space", "with\nline"] {
        assert!(Control::start(LOOPBACK, Some(token.to_owned())).await.is_err(), "{token}");
    }
}

#[tokio::test]
async fn another_host_name_is_refused_even_with_the_token() {
    let room = Room::new().await;
    let asked = room.request(Method::GET, "/worlds").header(HOST, "rebound.example");
    let (status, body) = answer(asked).await;
    assert_eq!((status, code(&body)), (StatusCode::FORBIDDEN, "host-refused"));
    let asked = room.request(Method::GET, "/worlds").header(HOST, "localhost:1");
    assert_eq!(answer(asked).await.0, StatusCode::OK);
}

#[tokio::test]
async fn no_other_origin_is_allowed() {
    let room = Room::new().await;
    for method in [Method::GET, Method::OPTIONS] {
        let asked = room.request(method, "/worlds").header(ORIGIN, "http://page.example");
        let response = asked.send().await.unwrap();
        assert!(!response.headers().keys().any(|name| name.as_str().starts_with("access-control")));
    }
}

#[tokio::test]
async fn an_unknown_world_lists_those_that_there_are() {
    let room = Room::new().await;
    let (status, body) = answer(room.request(Method::GET, "/worlds/fabrikam/clock")).await;
    assert_eq!((status, code(&body)), (StatusCode::NOT_FOUND, "world-unknown"));
    assert_eq!(message(&body), "no world is called `fabrikam`; there are: contoso");
}

#[tokio::test]
async fn a_world_that_was_removed_is_unknown() {
    let room = Room::new().await;
    assert!(room.control.worlds().remove("contoso"));
    assert!(!room.control.worlds().remove("contoso"));
    let (status, _) = room.ask(Method::GET, "", None).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (_, body) = answer(room.request(Method::GET, "/worlds")).await;
    assert_eq!(body["worlds"], serde_json::json!([]));
}

#[tokio::test]
async fn dropping_the_control_closes_its_listener() {
    let room = Room::new().await;
    let url = format!("{}/worlds", room.control.url());
    assert_eq!(answer(room.request(Method::GET, "/worlds")).await.0, StatusCode::OK);
    drop(room.control);
    // The task is aborted at its next turn; until then the socket may still be there.
    for _ in 0..1000 {
        if room.client.get(&url).send().await.is_err() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("the listener still answers");
}

#[tokio::test]
async fn malformed_json_names_the_position() {
    let room = Room::new().await;
    let path = "/worlds/contoso/clock/advance";
    for (body, expected, text) in [
        ("{\"by\": \n  oops}", "malformed-json", "line 2 column 3"),
        ("{\"by\": \"5m\"} more", "malformed-json", "line 1 column 14"),
        ("{\"by\": 5}", "invalid", "`by`"),
        ("{\"bye\": \"5m\"}", "invalid", "unknown field `bye`"),
        ("", "invalid", "missing field `by`"),
        ("[]", "invalid", "in the body"),
    ] {
        let (status, answer) = answer(room.request(Method::POST, path).body(body)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(code(&answer), expected, "{answer}");
        assert!(message(&answer).contains(text), "{answer}");
    }
    assert_eq!(room.get("/clock").await["now"], "2026-03-02T09:00:00Z");
}

#[tokio::test]
async fn a_body_over_a_mebibyte_is_refused_and_one_of_a_mebibyte_is_read() {
    let room = Room::new().await;
    let path = "/worlds/contoso/clock/advance";
    for (length, expected) in [(1 << 20, "invalid"), ((1 << 20) + 1, "body-too-large")] {
        let head = "{\"by\": \"";
        let body = format!("{head}{}\"}}", "x".repeat(length - head.len() - 2));
        assert_eq!(body.len(), length);
        let (_, body) = answer(room.request(Method::POST, path).body(body)).await;
        assert_eq!(code(&body), expected);
    }
}

#[tokio::test]
async fn unknown_paths_methods_and_parameters_say_what_there_is() {
    let room = Room::new().await;
    let (status, body) = room.ask(Method::GET, "/nothing", None).await;
    assert_eq!((status, code(&body)), (StatusCode::NOT_FOUND, "path-unknown"));
    let (status, body) = room.ask(Method::PUT, "/clock", None).await;
    assert_eq!((status, code(&body)), (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed"));
    let (status, body) = room.ask(Method::GET, "/devices?nmae=PC", None).await;
    assert_eq!((status, code(&body)), (StatusCode::BAD_REQUEST, "invalid"));
    assert!(message(&body).contains("`nmae`") && message(&body).contains("name, deviceId"));
    for path in ["/devices?limit=0", "/devices?limit=1001", "/users?limit=x", "/clock?now=1"] {
        let (status, body) = room.ask(Method::GET, path, None).await;
        assert_eq!((status, code(&body)), (StatusCode::BAD_REQUEST, "invalid"), "{path}");
    }
}

#[tokio::test]
async fn every_route_of_the_document_is_there_and_its_references_resolve() {
    let room = Room::new().await;
    let (_, document) = answer(room.request(Method::GET, "/openapi.json")).await;
    let mut seen = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let concrete = path.replace("{world}", "no-such").replace(['{', '}'], "");
            let method: Method = method.to_uppercase().parse().unwrap();
            let asked = room.request(method, &concrete).body("{}");
            let (status, body) = answer(asked).await;
            if path == "/worlds" {
                assert_eq!(status, StatusCode::OK);
            } else {
                assert_eq!(code(&body), "world-unknown", "{operation}");
            }
            seen += 1;
        }
    }
    assert_eq!(seen, crate::control::routes::table().len());
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
}
