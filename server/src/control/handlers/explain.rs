//! What the codes mean, for programs as JSON and for browsers as a page.
//!
//! Like the document of the API it says nothing of a world and therefore wants no token, so that a browser can open it.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::header::{ACCEPT, CONTENT_SECURITY_POLICY, HeaderMap, HeaderValue};
use http::{StatusCode, header};
use serde::Serialize;

use super::ok;
use crate::control::error::Refusal;
use crate::control::guard::Shared;
use crate::explain::{Explanation, Explanations};
use crate::services::reply;

const STYLE: &str = include_str!("../../../templates/portal.css");
/// The page needs its own sheet, and nothing else.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
);

/// What a page shows.
enum Content<'a> {
    All(Vec<&'a Explanation>),
    Some(Vec<&'a Explanation>),
    Unknown,
}

#[derive(Template)]
#[template(path = "explain.html")]
struct Page<'a> {
    title: &'a str,
    style: &'static str,
    content: Content<'a>,
}

impl Page<'_> {
    const fn lists_all(&self) -> bool {
        matches!(self.content, Content::All(_))
    }
}

/// The answer as JSON.
#[derive(Serialize)]
struct Found<'a> {
    codes: Vec<&'a Explanation>,
}

/// `GET /explain`
pub(in crate::control) async fn all(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
) -> Response {
    let explanations = shared.explanations();
    let codes: Vec<&Explanation> = explanations.all().collect();
    if wants_page(&headers) {
        page(StatusCode::OK, "All codes", Content::All(codes))
    } else {
        ok(&Found { codes })
    }
}

/// `GET /explain/{code}`
pub(in crate::control) async fn one(
    State(shared): State<Arc<Shared>>,
    Path(word): Path<String>,
    headers: HeaderMap,
) -> Response {
    let explanations: Arc<Explanations> = shared.explanations();
    let codes = explanations.find(&word);
    let title = match codes.as_slice() {
        [one] => one.code.as_str(),
        _ => word.as_str(),
    };
    match (wants_page(&headers), codes.is_empty()) {
        (true, true) => page(StatusCode::NOT_FOUND, title, Content::Unknown),
        (true, false) => page(StatusCode::OK, title, Content::Some(codes.clone())),
        (false, false) => ok(&Found { codes }),
        (false, true) => {
            let message =
                "no table of linarite has this code; GET /explain lists all that there are";
            Refusal::new(StatusCode::NOT_FOUND, "code-unknown", message).into_response()
        }
    }
}

/// Browsers say that they take HTML; programs that say nothing get JSON.
fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

fn page(status: StatusCode, title: &str, content: Content<'_>) -> Response {
    let mut answer = match (Page { title, style: STYLE, content }).render() {
        Ok(html) => reply::page(status, html),
        Err(error) => {
            tracing::error!(%error, "a page could not be printed");
            reply::empty(StatusCode::INTERNAL_SERVER_ERROR)
        }
    };
    answer.headers_mut().insert(CONTENT_SECURITY_POLICY, POLICY);
    answer.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
    answer
}
