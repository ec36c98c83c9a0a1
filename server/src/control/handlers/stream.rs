//! The journal as it happens: server-sent events (WHATWG HTML, section 9.2).
//!
//! The journal's own channel only says that something happened; what happened is read from the journal by number. So a
//! stream has no gap and no double between what it replays and what is live, events come in order however many threads
//! write, and a reader that lags loses nothing that the journal still keeps. What the journal has let go in the meantime
//! is told by an event `lost` with its count.

use std::convert::Infallible;
use std::sync::Arc;

use axum::response::IntoResponse as _;
use axum::response::sse::{Event as Message, KeepAlive, Sse};
use http::HeaderMap;
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;

use super::Answer;
use super::journal::{Wanted, printed};
use crate::control::body::{Parameters, Target};
use crate::control::registry::Seat;
use crate::directory::DirectoryError;
use crate::journal::{Event, Kind, Redactor};

/// Messages that wait for a reader; the journal keeps the others.
const WAITING: usize = 64;

/// `GET /worlds/{world}/journal/stream`
pub(in crate::control) async fn stream(
    target: Target,
    headers: HeaderMap,
    mut parameters: Parameters,
) -> Answer {
    let seat = Arc::clone(&target.seat);
    // A reader that comes back says where it was.
    let seen = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let since = parameters.number("since", 0, u64::MAX)?;
    // A number of a journal before this one is not waited for.
    let newest = seat.world.journal.last();
    let last = seen.or(since).map_or(newest, |last: u64| last.min(newest));
    let wanted = Wanted::read(parameters)?;
    let redactor = Redactor::for_world(&seat.world).await?;
    let (sender, receiver) = mpsc::channel(WAITING);
    tokio::spawn(tell(seat, wanted, redactor, last, sender));
    let messages = ReceiverStream::new(receiver).map(Ok::<_, Infallible>);
    Ok(Sse::new(messages).keep_alive(KeepAlive::default()).into_response())
}

/// Sends what happens until the reader goes, the world is removed, or its directory fails.
async fn tell(
    seat: Arc<Seat>,
    wanted: Wanted,
    mut redactor: Redactor,
    mut last: u64,
    sender: mpsc::Sender<Message>,
) {
    let mut live = seat.world.journal.subscribe();
    let mut closed = seat.closed.subscribe();
    loop {
        let events = seat.world.journal.since(last);
        if let Some(lost) = events.first().map(|first| first.seq.saturating_sub(last + 1))
            && lost > 0
            && sender.send(told_lost(lost)).await.is_err()
        {
            return;
        }
        for event in events {
            last = event.seq;
            match known_after(&event, &seat).await {
                Ok(Some(renewed)) => redactor = renewed,
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(%error, "a stream of the journal ends");
                    return;
                }
            }
            if wanted.matches(&event) && sender.send(told(&event, &redactor)).await.is_err() {
                return;
            }
        }
        tokio::select! {
            happened = live.recv() => match happened {
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            },
            () = sender.closed() => return,
            _ = closed.wait_for(|closed| *closed) => return,
        }
    }
}

/// A redactor that knows the password that this event is about, when it is about one.
async fn known_after(event: &Event, seat: &Seat) -> Result<Option<Redactor>, DirectoryError> {
    let action = event.fields.text("action");
    let new = event.kind == Kind::Admin
        && matches!(action, Some("create_user" | "reset_password" | "restore_snapshot"));
    if new { Redactor::for_world(&seat.world).await.map(Some) } else { Ok(None) }
}

fn told(event: &Event, redactor: &Redactor) -> Message {
    Message::default().id(event.seq.to_string()).data(printed(event, redactor).to_string())
}

fn told_lost(count: u64) -> Message {
    Message::default().event("lost").data(json!({ "lost": count }).to_string())
}
