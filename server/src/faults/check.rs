//! From a fault as it is written to one that can run: one effect, lengths of time read, and what is wrong with it and where.

use http::{HeaderName, HeaderValue, StatusCode};
use linarite_core::instant::{Offset, Span};
use linarite_core::replication::Lag;

use super::catalogue::{EffectKind, Layer};
use super::matching::OPERATIONS;
use super::model::{Delay, Fault, FederationFault, Match, Reset};
use crate::world::federation_settings::{endpoints_of, no_endpoint};
use crate::world::file::{parse_duration, parse_offset};

/// What is wrong with a fault, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{pointer}: {message}")]
pub struct FaultProblem {
    /// JSON pointer into the fault; empty for the whole of it.
    pub pointer: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// Why a fault is not started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// It is not written as it has to be.
    #[error("the fault `{id}` cannot be started:{}", list(.problems))]
    Problems {
        /// Its id.
        id: String,
        /// What is wrong with it.
        problems: Vec<FaultProblem>,
    },
    /// One with this id runs.
    #[error("a fault `{0}` runs already; stop it first, or take another id")]
    Running(String),
    /// As many run as may.
    #[error("{} faults run already, which is the most; stop some first", super::RUNNING)]
    TooMany,
    /// None with this id runs.
    #[error("no fault `{id}` runs; {running}")]
    NotRunning {
        /// The id.
        id: String,
        /// Those that run.
        running: String,
    },
}

fn list(problems: &[FaultProblem]) -> String {
    problems.iter().fold(String::new(), |mut text, problem| {
        let place = if problem.pointer.is_empty() { "/" } else { &problem.pointer };
        text.push_str("\n  ");
        text.push_str(place);
        text.push_str(": ");
        text.push_str(&problem.message);
        text
    })
}

/// The longest real time that an effect may last.
const LONGEST: Span = Span::from_minutes(60);

/// Collects what is wrong.
#[derive(Default)]
struct Checker {
    problems: Vec<FaultProblem>,
}

impl Checker {
    fn wrong(&mut self, pointer: &str, message: impl Into<String>) {
        self.problems.push(FaultProblem { pointer: pointer.to_owned(), message: message.into() });
    }

    fn status(&mut self, pointer: &str, status: Option<u16>) {
        if status.is_some_and(|status| !(200..=599).contains(&status)) {
            self.wrong(pointer, "an HTTP status lies between 200 and 599");
        }
    }

    fn span(&mut self, pointer: &str, text: &str) -> Span {
        if let Some(span) = span(text) {
            return span;
        }
        self.wrong(
            pointer,
            format!("`{text}` is not a length of time; write it like `3s` or `1h 30m`"),
        );
        Span::from_millis(0)
    }

    fn lasting(&mut self, pointer: &str, text: &str) {
        if span(text) == Some(Span::ZERO) {
            self.wrong(pointer, "no time at all does nothing; leave the fault out");
        } else {
            self.span(pointer, text);
        }
    }

    fn real(&mut self, pointer: &str, text: &str) -> Span {
        let read = self.span(pointer, text);
        if read > LONGEST {
            self.wrong(pointer, "this is real time, and an hour of it is the most");
        }
        read
    }

    fn offset(&mut self, pointer: &str, text: Option<&str>) {
        if let Some(text) = text
            && signed_millis(text).is_none()
        {
            self.wrong(
                pointer,
                format!("`{text}` is not a length of time; write it like `30m` or `-2h`"),
            );
        }
    }

    fn header(&mut self, pointer: &str, name: &str, value: &str) {
        if HeaderName::try_from(name).is_err() {
            self.wrong(pointer, format!("`{name}` is not the name of a header"));
        } else if HeaderValue::from_str(value).is_err() {
            self.wrong(pointer, "the value holds characters that no header may hold");
        }
    }
}

/// Reads a length of time.
pub(super) fn span(text: &str) -> Option<Span> {
    parse_duration(text).map(Span::from_millis)
}

/// Reads a length of time with an optional sign, in milliseconds.
fn signed_millis(text: &str) -> Option<i64> {
    parse_offset(text).map(Offset::millis)
}

/// Reads a speed like `500B/s`, `2KB/s` or `1MB/s`, in bytes a second; at least one.
pub(super) fn speed(text: &str) -> Option<u64> {
    let text = text.trim();
    let per_second = text.strip_suffix("/s")?.trim_end();
    let (number, scale) = match per_second {
        t if t.ends_with("MB") => (t.strip_suffix("MB")?, 1_000_000),
        t if t.ends_with("KB") => (t.strip_suffix("KB")?, 1000),
        t => (t.strip_suffix('B')?, 1),
    };
    number.trim().parse::<u64>().ok()?.checked_mul(scale).filter(|speed| *speed > 0)
}

/// The window of a fault, as offsets from the start of the world.
pub(super) fn window(fault: &Fault) -> Option<(Span, Span)> {
    let [from, to] = fault.window.as_ref()?;
    Some((Span::from_millis(signed_millis(from)?), Span::from_millis(signed_millis(to)?)))
}

/// The lag of a fault that holds new records back.
pub(super) fn lag(fault: &Fault) -> Option<Lag> {
    let text = match (&fault.invisible, &fault.directory) {
        (Some(invisible), _) => Some(&invisible.lasting),
        (None, Some(directory)) => directory.replication_lag.as_ref(),
        (None, None) => None,
    };
    span(text?).map(Lag::new)
}

/// The one effect of a fault, or what is wrong with it.
pub(super) fn check(fault: &Fault) -> Result<EffectKind, Vec<FaultProblem>> {
    let mut checker = Checker::default();
    let effects: Vec<EffectKind> =
        EffectKind::ALL.iter().copied().filter(|kind| kind.is_set(fault)).collect();
    let words =
        |kinds: &[EffectKind]| kinds.iter().map(|kind| kind.word()).collect::<Vec<_>>().join(", ");
    match effects.as_slice() {
        [] => checker.wrong("", format!("a fault has one effect: {}", words(EffectKind::ALL))),
        [_] => {}
        several => checker.wrong(
            "",
            format!(
                "a fault has one effect, and this one has {}; make it several faults",
                words(several)
            ),
        ),
    }
    scope(&mut checker, fault);
    matching(&mut checker, &fault.matching);
    effect(&mut checker, fault);
    if let [kind] = effects.as_slice() {
        fits(&mut checker, fault, *kind);
    }
    match (effects.first(), checker.problems.is_empty()) {
        (Some(kind), true) => Ok(*kind),
        _ => Err(checker.problems),
    }
}

fn scope(checker: &mut Checker, fault: &Fault) {
    if let Some([from, to]) = &fault.window {
        match (signed_millis(from), signed_millis(to)) {
            (Some(begin), Some(end)) if 0 <= begin && begin < end => {}
            (Some(begin), Some(_)) if begin < 0 => {
                checker.wrong("/window/0", "a window does not begin before the world does");
            }
            (Some(_), Some(_)) => checker.wrong("/window", "a window ends after it begins"),
            (None, _) => checker.wrong(
                "/window/0",
                format!(
                    "`{from}` is not a length of time from the start of the world, such as `+10m`"
                ),
            ),
            (_, None) => checker.wrong(
                "/window/1",
                format!(
                    "`{to}` is not a length of time from the start of the world, such as `+15m`"
                ),
            ),
        }
    }
    if fault.times == Some(0) {
        checker.wrong("/times", "a fault that may strike 0 times does nothing; leave it out");
    }
    if let Some(nth) = &fault.nth {
        if nth.is_empty() {
            checker.wrong("/nth", "the list is empty; name the matches that are struck, from 1");
        }
        if let Some(at) = nth.iter().position(|number| *number == 0) {
            checker.wrong(&format!("/nth/{at}"), "matches are counted from 1");
        }
    }
    if fault.rate.is_some_and(|rate| !(0.0..=1.0).contains(&rate)) {
        checker.wrong("/rate", "a rate lies between 0 and 1");
    }
}

fn matching(checker: &mut Checker, matching: &Match) {
    if let Some(operation) = &matching.operation
        && !OPERATIONS.contains(&operation.as_str())
    {
        checker.wrong(
            "/match/operation",
            format!("there is no operation `{operation}`; there are {}", OPERATIONS.join(", ")),
        );
    }
    for name in matching.header.keys() {
        if HeaderName::try_from(name.as_str()).is_err() {
            checker.wrong("/match/header", format!("`{name}` is not the name of a header"));
        }
    }
    if matching.path.as_ref().is_some_and(|path| !path.starts_with(['/', '*'])) {
        checker.wrong("/match/path", "a path begins with `/` or `*`");
    }
    if matching.host.as_ref().is_some_and(|host| host.contains(['/', ':'])) {
        checker.wrong("/match/host", "a host is a name without scheme, port and path");
    }
}

fn effect(checker: &mut Checker, fault: &Fault) {
    if let Some(reply) = &fault.reply {
        checker.status("/reply/status", Some(reply.status));
        for (name, value) in &reply.headers {
            checker.header(&format!("/reply/headers/{name}"), name, value);
        }
        let bodies = [reply.body.is_some(), reply.json.is_some(), reply.body_file.is_some()];
        if bodies.iter().filter(|given| **given).count() > 1 {
            checker.wrong("/reply", "an answer has one body: body, json or body_file");
        } else if reply.body_file.is_some() {
            checker.wrong(
                "/reply/body_file",
                "a file can be named in files only; give the body itself",
            );
        }
    }
    if let Some(super::model::Aadsts::Worded(words)) = &fault.aadsts {
        checker.status("/aadsts/status", words.status);
    }
    checker.status("/drs/status", fault.drs.as_ref().and_then(|e| e.status));
    checker.status("/graph/status", fault.graph.as_ref().and_then(|e| e.status));
    if let Some(soap) = &fault.soap_fault {
        checker.status("/soap_fault/status", soap.status);
        if !matches!(soap.code.as_str(), "s:Sender" | "s:Receiver") {
            checker.wrong(
                "/soap_fault/code",
                "the code of a SOAP 1.2 fault is s:Sender or s:Receiver",
            );
        }
    }
    if let Some(mutate) = &fault.mutate {
        checker.status("/mutate/status", mutate.status);
        for (name, value) in &mutate.header {
            checker.header(&format!("/mutate/header/{name}"), name, value);
        }
        if *mutate == super::model::Mutate::default() {
            checker.wrong("/mutate", "nothing is changed: give json, xml, header, drop or status");
        }
    }
    match &fault.delay {
        Some(Delay::Real(text)) => {
            checker.real("/delay", text);
        }
        Some(Delay::Virtual(by)) => {
            checker.span("/delay/virtual", &by.by);
        }
        None => {}
    }
    if let Some(text) = &fault.slow
        && speed(text).is_none()
    {
        checker
            .wrong("/slow", format!("`{text}` is not a speed; write it like `500B/s` or `2KB/s`"));
    }
    if let Some(hang) = &fault.hang {
        checker.real("/hang/for", &hang.lasting);
    }
    if fault.reset == Some(Reset::Exchange(false)) {
        checker.wrong("/reset", "`false` does nothing; write `true`, `accept`, or leave it out");
    }
    if fault.garbage == Some(false) {
        checker.wrong("/garbage", "`false` does nothing; write `true` or leave it out");
    }
    if let Some(text) = fault.throttle.as_ref().and_then(|t| t.retry_after.as_deref()) {
        checker.span("/throttle/retry_after", text);
    }
    if fault.tls == Some(super::model::TlsFault::default()) {
        checker.wrong("/tls", "nothing is wrong: give certificate or min_version");
    }
    if fault
        .unreachable
        .is_some_and(|status| StatusCode::from_u16(status).is_err() || !matches!(status, 502 | 504))
    {
        checker.wrong("/unreachable", "a proxy says 502 or 504");
    }
    if let Some(federation) = &fault.federation {
        for (at, word) in federation.disable_endpoints.iter().enumerate() {
            if endpoints_of(word).is_empty() {
                checker.wrong(&format!("/federation/disable_endpoints/{at}"), no_endpoint(word));
            }
        }
        if *federation
            == (FederationFault { domain: federation.domain.clone(), ..FederationFault::default() })
        {
            checker.wrong(
                "/federation",
                "nothing is wrong: give disable_endpoints, mex, assertion or clock_offset",
            );
        }
        let assertion = &federation.assertion;
        checker.offset("/federation/assertion/not_before", assertion.not_before.as_deref());
        checker
            .offset("/federation/assertion/not_on_or_after", assertion.not_on_or_after.as_deref());
        checker.offset("/federation/clock_offset", federation.clock_offset.as_deref());
    }
    if let Some(directory) = &fault.directory {
        match &directory.replication_lag {
            Some(text) => checker.lasting("/directory/replication_lag", text),
            None if !directory.read_only => {
                checker.wrong("/directory", "nothing is wrong: give read_only or replication_lag");
            }
            None => {}
        }
    }
    if let Some(invisible) = &fault.invisible {
        checker.lasting("/invisible/for", &invisible.lasting);
    }
}

/// Whether match and scope are ones that the effect can have.
fn fits(checker: &mut Checker, fault: &Fault, kind: EffectKind) {
    let layer = kind.layer(fault);
    match layer {
        Layer::Exchange => {}
        Layer::Connection => {
            let host_only = Match { host: fault.matching.host.clone(), ..Match::default() };
            if fault.matching != host_only {
                checker.wrong(
                    "/match",
                    format!(
                        "`{}` is decided before a request is read, so it can match on host only",
                        kind.word()
                    ),
                );
            }
        }
        Layer::Domain => {
            if !fault.matching.is_any() {
                checker.wrong(
                    "/match",
                    format!("`{}` concerns no single exchange; leave the match out", kind.word()),
                );
            }
            if fault.times.is_some() || fault.nth.is_some() || fault.rate.is_some() {
                checker.wrong(
                    "",
                    format!("`{}` lasts; of the scopes only `window` fits it", kind.word()),
                );
            }
        }
    }
    if fault.after && !kind.can_follow_the_handler(fault) {
        checker.wrong("/after", format!("the handler cannot run before `{}`", kind.word()));
    }
}
