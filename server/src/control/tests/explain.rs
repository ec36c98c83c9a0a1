//! What the codes mean, as JSON and as a page.

use reqwest::header::{ACCEPT, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST};

use super::*;

async fn page(room: &Room, path: &str) -> (StatusCode, String) {
    let url = format!("{}{path}", room.control.url());
    let asked = room.client.get(url).header(ACCEPT, "text/html,*/*;q=0.8");
    let response = asked.send().await.unwrap();
    let headers = response.headers();
    assert!(headers[CONTENT_TYPE].to_str().unwrap().starts_with("text/html"), "{path}");
    assert!(headers[CONTENT_SECURITY_POLICY].to_str().unwrap().contains("default-src 'none'"));
    (response.status(), response.text().await.unwrap())
}

#[tokio::test]
async fn codes_are_explained_without_the_token() {
    let room = Room::new().await;
    let url = room.control.url();
    let (status, all) = answer(room.client.get(format!("{url}/explain"))).await;
    assert_eq!(status, StatusCode::OK);
    assert!(all["codes"].as_array().unwrap().len() > 50);
    let (status, found) = answer(room.client.get(format!("{url}/explain/50126"))).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(found["codes"][0]["code"], "AADSTS50126");
    assert_eq!(found["codes"][0]["situations"][0]["reason"], "domain-federated");
    let elsewhere = room.client.get(format!("{url}/explain")).header(HOST, "rebound.example");
    assert_eq!(code(&answer(elsewhere).await.1), "host-refused");
    let posted = room.client.post(format!("{url}/explain"));
    assert_eq!(posted.send().await.unwrap().status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn an_unknown_code_leads_to_the_list() {
    let room = Room::new().await;
    let url = room.control.url();
    for word in ["50127", "%00", "%F0%9F%98%80", &"9".repeat(3000)] {
        let (status, body) = answer(room.client.get(format!("{url}/explain/{word}"))).await;
        assert_eq!((status, code(&body)), (StatusCode::NOT_FOUND, "code-unknown"), "{word}");
    }
    let bad = room.client.get(format!("{url}/explain/%FF")).send().await.unwrap();
    assert_eq!(bad.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_browser_gets_pages_in_which_markup_is_text() {
    let room = Room::new().await;
    let (status, html) = page(&room, "/explain").await;
    assert_eq!(status, StatusCode::OK);
    assert!(html.contains("<a href=\"/explain/AADSTS50126\">AADSTS50126</a>"));
    let (status, html) = page(&room, "/explain/device-disabled").await;
    assert_eq!(status, StatusCode::OK);
    assert!(html.contains("<h1>AADSTS135011</h1>") && html.contains("assumed"), "{html}");
    let (status, html) = page(&room, "/explain/%3Cscript%3Ealert(1)%3C%2Fscript%3E").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(!html.contains("<script") && html.contains("&#60;script&#62;"), "{html}");
}

#[tokio::test]
async fn whoever_starts_the_listener_may_add_codes() {
    let room = Room::new().await;
    let mut explanations = crate::explain::Explanations::built_in().unwrap();
    explanations.shown_by("AADSTS50126", "faq.signin-bad-credentials");
    room.control.explain(explanations);
    let url = format!("{}/explain/AADSTS50126", room.control.url());
    let (_, found) = answer(room.client.get(url)).await;
    assert_eq!(found["codes"][0]["scenarios"][0], "faq.signin-bad-credentials");
    let (_, html) = page(&room, "/explain/AADSTS50126").await;
    assert!(html.contains("<li>faq.signin-bad-credentials</li>"), "{html}");
}
