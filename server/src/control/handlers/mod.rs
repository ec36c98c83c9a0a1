//! What the routes do: read the request, call the administrator's action or the query, print the view.

pub(super) mod clock;
pub(super) mod devices;
pub(super) mod explain;
pub(super) mod faults;
pub(super) mod journal;
pub(super) mod mdm;
pub(super) mod policies;
pub(super) mod snapshots;
pub(super) mod stream;
pub(super) mod users;
pub(super) mod worlds;

use axum::response::Response;
use http::StatusCode;
use serde::Serialize;

use super::error::Refusal;
use crate::services::reply;

/// What a handler returns.
type Answer = Result<Response, Refusal>;

/// Records on a page when nothing else is asked.
const PAGE: u64 = 100;
/// Records on a page at most.
const LARGEST_PAGE: u64 = 1000;

fn ok(body: &impl Serialize) -> Response {
    reply::json(StatusCode::OK, body)
}

fn created(body: &impl Serialize) -> Response {
    reply::json(StatusCode::CREATED, body)
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
