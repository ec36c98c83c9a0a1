//! The journal: what came in, what went out, and why.
//!
//! An event is held before the last byte of its exchange leaves. The journal is a ring, bounded in events and bytes, in
//! memory; the directory is the state, the journal is the history. Every refusal is in it with the reason that the client
//! does not get to see. Fields never hold a password or a token; the raw exchange beside them does, and is redacted by
//! whoever prints it.

mod exchange;
mod fields;
pub mod har;
mod query;
pub mod redact;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use linarite_core::instant::Instant;
use serde_json::{Map, Value};
use tokio::sync::broadcast;

pub use exchange::{Exchange, Headers, Spoken};
pub use fields::{Fields, Particular};
pub use har::{Har, har};
pub use query::EventFilter;
pub use redact::Redactor;

use crate::clock::{Clock, rfc3339};

/// Events that a journal keeps at most, by default.
const EVENTS: usize = 200_000;
/// Bytes of raw exchanges that a journal keeps at most, by default.
const BYTES: usize = 64 << 20;

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An exchange with an emulated service.
    Http,
    /// Something that never reached a service: an unknown host, a mismatch, a limit.
    EdgeRefused,
    /// A device joined or registered.
    Join,
    /// A join was refused.
    JoinDenied,
    /// A device deleted its record.
    Leave,
    /// A device was enrolled in device management.
    Enrol,
    /// An enrolment was refused.
    EnrolDenied,
    /// Tokens were issued.
    TokenIssued,
    /// Tokens were refused.
    TokenDenied,
    /// A federation server issued an assertion.
    FederationIssued,
    /// A federation server refused to.
    FederationDenied,
    /// A resource accepted a token.
    AccessGranted,
    /// A resource refused a token.
    AccessDenied,
    /// A record was changed.
    DirectoryChange,
    /// An administrator acted through the control API or a scenario.
    Admin,
    /// An emulated tool was used.
    Tool,
    /// The clock was moved.
    Clock,
    /// A fault was started.
    FaultStart,
    /// A fault was stopped.
    FaultStop,
    /// A fault struck.
    FaultHit,
}

impl Kind {
    /// All kinds, so that a question about one that does not exist can be refused.
    pub const ALL: [Self; 20] = [
        Self::Http,
        Self::EdgeRefused,
        Self::Join,
        Self::JoinDenied,
        Self::Leave,
        Self::Enrol,
        Self::EnrolDenied,
        Self::TokenIssued,
        Self::TokenDenied,
        Self::FederationIssued,
        Self::FederationDenied,
        Self::AccessGranted,
        Self::AccessDenied,
        Self::DirectoryChange,
        Self::Admin,
        Self::Tool,
        Self::Clock,
        Self::FaultStart,
        Self::FaultStop,
        Self::FaultHit,
    ];

    /// Its word in queries and reports.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::EdgeRefused => "edge.refused",
            Self::Join => "join",
            Self::JoinDenied => "join.denied",
            Self::Leave => "leave",
            Self::Enrol => "enrol",
            Self::EnrolDenied => "enrol.denied",
            Self::TokenIssued => "token.issued",
            Self::TokenDenied => "token.denied",
            Self::FederationIssued => "federation.issued",
            Self::FederationDenied => "federation.denied",
            Self::AccessGranted => "access.granted",
            Self::AccessDenied => "access.denied",
            Self::DirectoryChange => "directory.change",
            Self::Admin => "admin",
            Self::Tool => "tool",
            Self::Clock => "clock.advance",
            Self::FaultStart => "fault.start",
            Self::FaultStop => "fault.stop",
            Self::FaultHit => "fault.hit",
        }
    }
}

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its number, from 1, without gaps.
    pub seq: u64,
    /// World time.
    pub at: Instant,
    /// Real time.
    pub real: Instant,
    /// What kind of thing.
    pub kind: Kind,
    /// What ties the events of one request together: the request id that the client got.
    pub request: Option<String>,
    /// The particulars.
    pub fields: Fields,
    /// The raw form, for an exchange.
    pub exchange: Option<Exchange>,
}

impl Event {
    /// Roughly the bytes that it holds: its exchange and its fields.
    fn size(&self) -> usize {
        self.exchange.as_ref().map_or(0, Exchange::size) + self.fields.size() + 256
    }

    /// The event as one flat JSON object: `seq`, `time`, `kind`, `request` and the particulars. Real time is left out when
    /// two runs are to be compared.
    pub fn to_json(&self, with_real_time: bool) -> Value {
        let mut object = Map::new();
        object.insert("seq".to_owned(), self.seq.into());
        object.insert("time".to_owned(), rfc3339(self.at).into());
        if with_real_time {
            object.insert("real_time".to_owned(), rfc3339(self.real).into());
        }
        object.insert("kind".to_owned(), self.kind.word().into());
        if let Some(request) = &self.request {
            object.insert("request".to_owned(), request.as_str().into());
        }
        object.extend(self.fields.iter().map(|(name, value)| (name.to_owned(), value)));
        Value::Object(object)
    }
}

/// The journal of one world.
#[derive(Debug)]
pub struct Journal {
    ring: Mutex<Ring>,
    live: broadcast::Sender<Arc<Event>>,
}

#[derive(Debug, Default)]
struct Ring {
    events: VecDeque<Arc<Event>>,
    bytes: usize,
    last: u64,
}

impl Default for Journal {
    fn default() -> Self {
        Self { ring: Mutex::default(), live: broadcast::Sender::new(1024) }
    }
}

impl Journal {
    /// Adds an event.
    pub fn record(
        &self,
        clock: &Clock,
        kind: Kind,
        request: Option<String>,
        fields: impl Into<Fields>,
        exchange: Option<Exchange>,
    ) {
        let mut fields = fields.into();
        fields.fit();
        let (at, real) = (clock.now(), Clock::real());
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.last += 1;
        let event = Arc::new(Event { seq: ring.last, at, real, kind, request, fields, exchange });
        ring.bytes += event.size();
        ring.events.push_back(Arc::clone(&event));
        let mut forgotten = Vec::new();
        while ring.events.len() > EVENTS || ring.bytes > BYTES {
            let Some(old) = ring.events.pop_front() else { break };
            ring.bytes -= old.size();
            forgotten.push(old);
        }
        drop(ring);
        // Freeing an exchange takes a while, and others wait for the ring.
        drop(forgotten);
        if self.live.receiver_count() > 0 {
            // A receiver that has just gone is no reason to stop.
            let _sent = self.live.send(event);
        }
    }

    /// The events after this number, oldest first.
    pub fn since(&self, seq: u64) -> Vec<Arc<Event>> {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let from = ring.events.partition_point(|event| event.seq <= seq);
        ring.events.iter().skip(from).cloned().collect()
    }

    /// The number of the newest event.
    pub fn last(&self) -> u64 {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner).last
    }

    /// The events that a filter lets through, oldest first, at most so many.
    pub fn query(&self, filter: &EventFilter, limit: usize) -> Vec<Arc<Event>> {
        let events = self.since(filter.since);
        events.into_iter().filter(|event| filter.matches(event)).take(limit).collect()
    }

    /// The newest events that a test lets through, the newest first, at most so many.
    pub fn newest(&self, limit: usize, fits: impl Fn(&Event) -> bool) -> Vec<Arc<Event>> {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.events.iter().rev().filter(|event| fits(event)).take(limit).cloned().collect()
    }

    /// Everything that happens from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        self.live.subscribe()
    }
}
