//! The journal: queries in three forms.

use std::sync::Arc;

use axum::response::Response;
use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{Answer, ok, size};
use crate::control::body::{Parameters, Target};
use crate::control::error::Refusal;
use crate::journal::{Event, Redactor, har};
use crate::services::reply;

/// Events in an answer when nothing else is asked.
const EVENTS: u64 = 1000;
/// Events in an answer at most: as many as a journal keeps.
const MOST_EVENTS: u64 = 200_000;

/// Events of a journal.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Journal")]
pub(in crate::control) struct Events {
    /// The events, oldest first: `seq`, `time`, `real_time`, `kind`, `request` and the particulars of the kind.
    events: Vec<Value>,
    /// `since` of the next question: the number of the last event that was looked at.
    next: u64,
    /// Whether more events than these fulfil the conditions.
    more: bool,
}

/// Which events somebody asks for.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    kind: Option<String>,
    request: Option<String>,
    fields: Vec<(String, String)>,
}

impl Wanted {
    /// What is left of the parameters: `kind`, `request`, and particulars.
    pub(super) fn read(mut parameters: Parameters) -> Result<Self, Refusal> {
        let (kind, request) = (parameters.take("kind")?, parameters.take("request")?);
        Ok(Self { kind, request, fields: parameters.rest() })
    }

    /// Whether an event is one of them. Numbers and flags are compared as text.
    pub(super) fn matches(&self, event: &Event) -> bool {
        self.kind.as_ref().is_none_or(|kind| kind == event.kind.word())
            && self.request.as_ref().is_none_or(|id| event.request.as_ref() == Some(id))
            && self.fields.iter().all(|(name, wanted)| event.fields.shows(name, wanted))
    }
}

/// An event as it leaves the house.
pub(super) fn printed(event: &Event, redactor: &Redactor) -> Value {
    let mut value = event.to_json(true);
    redactor.json(&mut value);
    value
}

/// `GET /worlds/{world}/journal`
pub(in crate::control) async fn query(target: Target, mut parameters: Parameters) -> Answer {
    let since = parameters.number("since", 0, u64::MAX)?.unwrap_or(0);
    let limit = size(parameters.number("limit", 1, MOST_EVENTS)?.unwrap_or(EVENTS));
    let format = parameters.take("format")?;
    let wanted = Wanted::read(parameters)?;
    let world = &target.seat.world;
    let candidates = world.journal.since(since);
    let mut next = candidates.last().map_or(since, |event| event.seq);
    let mut events: Vec<Arc<Event>> = Vec::new();
    let mut more = false;
    for event in candidates.into_iter().filter(|event| wanted.matches(event)) {
        if events.len() == limit {
            next = events.last().map_or(next, |last| last.seq);
            more = true;
            break;
        }
        events.push(event);
    }
    let format = match format.as_deref() {
        None | Some("json") => Format::Json,
        Some("jsonl") => Format::Lines,
        Some("har") => Format::Har,
        Some(other) => {
            return Err(Refusal::invalid(format!(
                "`format` has to be `json`, `jsonl` or `har`, and is `{other}`"
            )));
        }
    };
    let redactor = Redactor::for_world(world).await?;
    let id = world.id.clone();
    // A whole journal takes long to print; others are not to wait for it.
    let print = move || match format {
        Format::Json => {
            let events = events.iter().map(|event| printed(event, &redactor)).collect();
            ok(&Events { events, next, more })
        }
        Format::Lines => lines(&events, &redactor),
        Format::Har => ok(&har(&id, &events, &redactor)),
    };
    tokio::task::spawn_blocking(print).await.map_err(|_| {
        Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "panic",
            "the journal could not be printed, which is a mistake in linarite",
        )
    })
}

/// The form of an answer.
#[derive(Clone, Copy, Debug)]
enum Format {
    Json,
    Lines,
    Har,
}

fn lines(events: &[Arc<Event>], redactor: &Redactor) -> Response {
    let text = events.iter().fold(String::new(), |mut text, event| {
        text.push_str(&printed(event, redactor).to_string());
        text.push('\n');
        text
    });
    reply::with_body(StatusCode::OK, "application/x-ndjson", text)
}
