//! Cuts at the edges of a body: none, empty, and exactly as long as what goes out.

use super::*;

/// What arrives of an answer of this status and length that is cut behind so many bytes.
async fn cut(edge: &Running, status: u16, length: usize, kept: usize) -> String {
    edge.raw(format!("GET /{LOGIN}/cut/{status}/{length}/{kept} HTTP/1.1\r\n\r\n")).await
}

#[tokio::test]
async fn an_answer_that_is_cut_never_arrives_whole() {
    let edge = Running::start().await;
    for (length, kept, announced, arrived) in
        [(4, 2, 4, 2), (4, 0, 4, 0), (4, 4, 5, 4), (4, 9, 5, 4), (0, 0, 1, 0), (0, 3, 1, 0)]
    {
        let answer = cut(&edge, 200, length, kept).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {announced}")), "{length} {kept}: {head}");
        assert_eq!(body.len(), arrived, "{length} {kept}");
    }
}

#[tokio::test]
async fn an_answer_that_can_have_no_body_does_not_arrive_at_all() {
    let edge = Running::start().await;
    assert_eq!(cut(&edge, 204, 0, 0).await, "");
    assert_eq!(cut(&edge, 304, 0, 0).await, "");
    let head = format!("HEAD /{LOGIN}/cut/200/4/2 HTTP/1.1\r\n\r\n");
    assert_eq!(edge.raw(head).await, "");
}
