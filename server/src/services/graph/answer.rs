//! How Graph answers: JSON with its request ids, and the envelope of a refusal.
//!
//! Sections 12 (errors) of the device registration notes and 6 of the error notes. Codes, statuses and messages come from
//! `server/data/graph.toml`. Left out: `odata.metadata=full`.

use http::{HeaderMap, StatusCode};
use linarite_core::refusal::{AccessRefusal, QueryRefusal};
use serde::Serialize;

use crate::directory::DirectoryError;
use crate::services::call::Call;
use crate::services::envelope;
use crate::services::reply::{self, Reply};
use crate::services::tables::fill;
use crate::services::token;

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Refused {
    /// The token or the role does not allow it.
    Access(AccessRefusal),
    /// The query or the change cannot be carried out; the text is what the message names.
    Query(QueryRefusal, String),
    /// The request is not one that is emulated: the word of its row, and what it is.
    Wire(&'static str, String),
    /// The directory failed.
    Broken(DirectoryError),
}

impl From<DirectoryError> for Refused {
    fn from(error: DirectoryError) -> Self {
        Self::Broken(error)
    }
}

impl From<AccessRefusal> for Refused {
    fn from(refusal: AccessRefusal) -> Self {
        Self::Access(refusal)
    }
}

impl Refused {
    /// A query or a change that cannot be carried out.
    pub(super) fn query(refusal: QueryRefusal, name: impl Into<String>) -> Self {
        Self::Query(refusal, name.into())
    }

    /// No object has this name.
    pub(super) fn not_found(name: &str) -> Self {
        Self::Query(QueryRefusal::NotFound, name.to_owned())
    }

    /// A request that cannot be read; the message says what and what to do.
    pub(super) fn malformed(message: impl Into<String>) -> Self {
        Self::Query(QueryRefusal::Malformed, message.into())
    }

    /// A request that is well formed and not supported; the message says what and what to do.
    pub(super) fn unsupported(message: impl Into<String>) -> Self {
        Self::Query(QueryRefusal::Unsupported, message.into())
    }

    /// Prints the refusal and notes its reason.
    pub(super) fn reply(self, call: &Call) -> Reply {
        let (reason, name) = match &self {
            Self::Access(refusal) => (refusal.reason(), ""),
            Self::Query(refusal, name) => (refusal.reason(), name.as_str()),
            Self::Wire(reason, name) => (*reason, name.as_str()),
            Self::Broken(error) => {
                tracing::error!(%error, "the directory failed");
                call.note("detail", error.to_string());
                ("directory-failed", "")
            }
        };
        call.note("reason", reason);
        if !name.is_empty() {
            call.note("detail", name);
        }
        let (code, status, message) = match call.world.tables.graph(reason) {
            Some(row) => (
                row.code.as_str(),
                StatusCode::from_u16(row.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
                fill(&row.message, &[("name", name)]),
            ),
            None => (
                "InternalServerError",
                StatusCode::INTERNAL_SERVER_ERROR,
                "linarite's directory failed; its log says why.".to_owned(),
            ),
        };
        let mut reply = body(status, call, &envelope::graph(call, code, &message));
        if status == StatusCode::UNAUTHORIZED {
            challenge(call, &self, &message, reply.headers_mut());
        }
        reply
    }
}

/// Says where a token is to be had, and why this one is refused when it was good once.
fn challenge(call: &Call, refused: &Refused, message: &str, headers: &mut HeaderMap) {
    let why = match refused {
        Refused::Access(refusal) => token::why(call, *refusal, message),
        Refused::Query(..) | Refused::Wire(..) | Refused::Broken(_) => None,
    };
    let more = why.map(|why| format!(", {}", why.text)).unwrap_or_default();
    envelope::challenge(call, "00000003-0000-0000-c000-000000000000", &more, headers);
}

fn body(status: StatusCode, call: &Call, value: &impl Serialize) -> Reply {
    let mut reply = match reply::print(value) {
        Ok(body) => reply::with_body(status, envelope::GRAPH_JSON, body),
        Err(error) => {
            tracing::error!(%error, "an answer could not be printed");
            reply::empty(StatusCode::INTERNAL_SERVER_ERROR)
        }
    };
    identify(call, &mut reply);
    reply
}

fn identify(call: &Call, reply: &mut Reply) {
    envelope::graph_ids(call, reply.headers_mut());
}

/// An object or a list.
pub(super) fn ok(call: &Call, value: &impl Serialize) -> Reply {
    body(StatusCode::OK, call, value)
}

/// A number as text.
pub(super) fn number(call: &Call, number: u64) -> Reply {
    let mut reply = reply::with_body(StatusCode::OK, "text/plain", number.to_string());
    identify(call, &mut reply);
    reply
}

/// Done, and nothing to say.
pub(super) fn done(call: &Call) -> Reply {
    let mut reply = reply::empty(StatusCode::NO_CONTENT);
    identify(call, &mut reply);
    reply
}
