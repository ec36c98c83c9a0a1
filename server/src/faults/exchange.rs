//! A fault strikes an exchange: before the handler, in its place, or behind it.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HeaderName, HeaderValue};
use http::response::Parts;
use http::{Response, StatusCode, Version};
use serde_json::{Map, Value};

use super::check::{span, speed};
use super::matching::Seen;
use super::model::{Close, Delay, Mutate};
use super::{EffectKind, Strike, replies};
use crate::control::admin::Admin;
use crate::edge::{Cut, CutHow, CutPoint, Damage};
use crate::entropy::secret_of;
use crate::journal::Kind;
use crate::services;
use crate::services::call::Call;
use crate::services::reply::{escape, whole};
use crate::world::Service;

/// Operations that change the directory.
const CHANGES: [&str; 8] = [
    "join",
    "hybrid-join",
    "leave",
    "down-level-join",
    "hello-key",
    "devices.update",
    "devices.delete",
    "mdm.enrol",
];

/// What becomes of an answer on its way out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fate {
    /// Real time that it is held back.
    pub(crate) wait: Option<Duration>,
    /// How its bytes are damaged.
    pub(crate) damage: Option<Damage>,
    /// The client gets no answer at all.
    pub(crate) unanswered: bool,
}

impl Fate {
    /// Waits as long as the answer is held back.
    pub(crate) async fn held(&self) {
        if let Some(wait) = self.wait {
            // Nothing is waited for but the time itself.
            let _passed = tokio::time::timeout(wait, std::future::pending::<()>()).await;
        }
    }

    /// Microseconds that the answer is held back.
    pub(crate) fn micros(&self) -> u64 {
        self.wait.map_or(0, |wait| u64::try_from(wait.as_micros()).unwrap_or(u64::MAX))
    }
}

/// A strike on one exchange.
#[derive(Debug)]
pub(crate) struct Stroke {
    strike: Strike,
    service: Service,
}

impl Stroke {
    /// The strike on this request, if there is one. It is journaled, and what it does to world time has been done.
    pub(crate) async fn on(call: &Call, service: Service) -> Option<Self> {
        let world = &call.world;
        if !world.faults.any() {
            return None;
        }
        let strike = {
            let seen = Seen::new(call, service);
            world.faults.exchange(&seen, call.now()).or_else(|| {
                let changes = CHANGES.contains(&seen.operation());
                let id = changes.then(|| world.faults.read_only(call.now())).flatten()?;
                world.faults.struck(&id)
            })
        }?;
        let stroke = Self { strike, service };
        hit(call, &stroke.strike, stroke.runs_handler());
        call.note("fault", stroke.strike.id.as_str());
        if let Some(Delay::Virtual(by)) = &stroke.strike.fault.delay
            && let Some(by) = span(&by.by)
        {
            let actor = format!("fault {}", stroke.strike.id);
            if let Err(error) = Admin::new(world, &actor).advance_clock_by(by).await {
                call.note("detail", error.to_string());
            }
        }
        Some(stroke)
    }

    /// Whether the handler runs. A read-only directory refuses in its place.
    pub(crate) fn runs_handler(&self) -> bool {
        self.strike.kind != EffectKind::Directory && self.strike.runs_handler()
    }

    /// The answer in the handler's place, where the effect is one.
    pub(crate) async fn reply(&self, call: &Call) -> Option<Response<Bytes>> {
        let fault = &self.strike.fault;
        let answer = match self.strike.kind {
            EffectKind::Reply => replies::canned(fault.reply.as_ref()?),
            EffectKind::Aadsts => replies::aadsts(call, fault.aadsts.as_ref()?),
            EffectKind::Drs => replies::drs(call, fault.drs.as_ref()?),
            EffectKind::SoapFault => replies::soap(call, fault.soap_fault.as_ref()?),
            EffectKind::Graph => replies::graph(call, self.service, fault.graph.as_ref()?),
            EffectKind::Throttle => {
                replies::throttled(call, self.service, fault.throttle.as_ref()?)
            }
            EffectKind::Directory => {
                let (parts, body) = services::read_only(self.service, call).into_parts();
                return Some(Response::from_parts(parts, whole(body).await));
            }
            EffectKind::Mutate
            | EffectKind::Delay
            | EffectKind::Slow
            | EffectKind::Hang
            | EffectKind::Reset
            | EffectKind::Close
            | EffectKind::Truncate
            | EffectKind::Garbage
            | EffectKind::Tls
            | EffectKind::Unreachable
            | EffectKind::Federation
            | EffectKind::Invisible => return None,
        };
        Some(answer.map(Bytes::from))
    }

    /// Alters the answer, and says what becomes of it.
    pub(crate) fn spoil(&self, call: &Call, parts: &mut Parts, body: &mut Bytes) -> Fate {
        let fault = &self.strike.fault;
        let cut = |after, how| Some(Damage { cut: Some(Cut { after, how }), ..Damage::default() });
        let nothing =
            |how| Fate { damage: cut(CutPoint::Before, how), unanswered: true, wait: None };
        match self.strike.kind {
            EffectKind::Mutate => {
                if let Some(mutate) = &fault.mutate {
                    mutated(mutate, parts, body);
                }
                Fate::default()
            }
            EffectKind::Delay => match &fault.delay {
                Some(Delay::Real(text)) => Fate { wait: duration(text), ..Fate::default() },
                Some(Delay::Virtual(_)) | None => Fate::default(),
            },
            EffectKind::Slow => Fate {
                damage: Some(Damage {
                    bytes_per_second: fault.slow.as_deref().and_then(speed),
                    ..Damage::default()
                }),
                ..Fate::default()
            },
            EffectKind::Hang => Fate {
                wait: fault.hang.as_ref().and_then(|hang| duration(&hang.lasting)),
                ..nothing(CutHow::Close)
            },
            EffectKind::Reset => nothing(CutHow::Reset),
            EffectKind::Garbage => {
                let seed = call.world.entropy.seed();
                let noise: Vec<u8> = (0..8)
                    .flat_map(|part| secret_of(seed, "garbage", &format!("{part}")))
                    // A first byte that begins neither a status line nor a frame that a client expects.
                    .map(|byte| byte | 0x80)
                    .collect();
                nothing(CutHow::Garbage(noise.into()))
            }
            EffectKind::Close => match fault.close {
                Some(Close::AfterHeaders) => {
                    Fate { damage: cut(CutPoint::Body(0), CutHow::Close), ..Fate::default() }
                }
                Some(Close::MidBody) => {
                    let half = body.len() / 2;
                    Fate { damage: cut(CutPoint::Body(half), CutHow::Close), ..Fate::default() }
                }
                Some(Close::Before) | None => nothing(CutHow::Close),
            },
            EffectKind::Truncate => {
                let kept = usize::try_from(fault.truncate.unwrap_or(0)).unwrap_or(usize::MAX);
                if kept >= body.len() {
                    // As with the limits of other tools, what is within the limit arrives whole.
                    call.note(
                        "detail",
                        format!("nothing was cut: the body has {} bytes", body.len()),
                    );
                    if call.version != Version::HTTP_2 {
                        parts.headers.insert(CONNECTION, HeaderValue::from_static("close"));
                    }
                    return Fate::default();
                }
                Fate { damage: cut(CutPoint::Body(kept), CutHow::Close), ..Fate::default() }
            }
            EffectKind::Reply
            | EffectKind::Aadsts
            | EffectKind::Drs
            | EffectKind::SoapFault
            | EffectKind::Graph
            | EffectKind::Throttle
            | EffectKind::Directory
            | EffectKind::Tls
            | EffectKind::Unreachable
            | EffectKind::Federation
            | EffectKind::Invisible => Fate::default(),
        }
    }

    /// Counts and journals the fault that a service carried out itself and noted on its call.
    pub(crate) fn noted(call: &Call, exchange: Option<&Self>) {
        if !call.world.faults.any() {
            return;
        }
        let facts = call.facts();
        let Some(id) = facts.text("fault") else { return };
        let own = exchange.map(|stroke| stroke.strike.id.as_str());
        if own == Some(id) {
            return;
        }
        if let Some(strike) = call.world.faults.struck(id) {
            hit(call, &strike, true);
        }
        if let Some(own) = own {
            call.note("fault", own);
        }
    }
}

fn duration(text: &str) -> Option<Duration> {
    span(text).map(|span| Duration::from_millis(u64::try_from(span.millis()).unwrap_or(0)))
}

/// Journals a strike on an exchange.
fn hit(call: &Call, strike: &Strike, ran: bool) {
    let mut fields = Map::new();
    let mut field = |key: &str, value: &str| fields.insert(key.to_owned(), value.into());
    field("fault", &strike.id);
    field("effect", strike.kind.word());
    field("host", &call.link.host);
    field("method", call.method.as_str());
    field("path", &call.path);
    field("handler", if ran { "ran" } else { "not run" });
    if strike.kind.ends_connection() && call.version == Version::HTTP_2 {
        field("ends", "every stream of the HTTP/2 connection");
    }
    // Which connection it was is left out: how many a client opens is not the same in every run.
    call.record(Kind::FaultHit, fields);
}

fn mutated(mutate: &Mutate, parts: &mut Parts, body: &mut Bytes) {
    if let Some(status) = mutate.status {
        parts.status = StatusCode::from_u16(status).unwrap_or(parts.status);
    }
    for (name, value) in &mutate.header {
        if let (Ok(name), Ok(value)) =
            (HeaderName::try_from(name.as_str()), HeaderValue::from_str(value))
        {
            parts.headers.insert(name, value);
        }
    }
    let mut members = Vec::new();
    for taken in &mutate.drop {
        match taken.strip_prefix("header:") {
            Some(name) => {
                parts.headers.remove(name.trim());
            }
            None => members.push(taken.as_str()),
        }
    }
    if (!mutate.json.is_empty() || !members.is_empty())
        && let Ok(mut value) = serde_json::from_slice::<Value>(body)
    {
        for (path, new) in &mutate.json {
            put(&mut value, path, new);
        }
        for path in members {
            take(&mut value, path);
        }
        *body = value.to_string().into();
        parts.headers.remove(CONTENT_LENGTH);
    }
    if !mutate.xml.is_empty()
        && let Some(text) = std::str::from_utf8(body).ok().and_then(|text| reworded(text, mutate))
    {
        *body = text.into();
    }
}

/// Puts a member, making the objects on the way. An index beyond an array changes nothing.
fn put(value: &mut Value, path: &str, new: &Value) {
    let (first, rest) = match path.split_once('.') {
        Some((first, rest)) => (first, Some(rest)),
        None => (path, None),
    };
    let place = match value {
        Value::Array(items) => first.parse::<usize>().ok().and_then(|at| items.get_mut(at)),
        Value::Object(members) => Some(members.entry(first).or_insert(Value::Null)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            let mut members = Map::new();
            members.insert(first.to_owned(), Value::Null);
            *value = Value::Object(members);
            value.get_mut(first)
        }
    };
    match (place, rest) {
        (Some(place), Some(rest)) => put(place, rest, new),
        (Some(place), None) => *place = new.clone(),
        (None, _) => {}
    }
}

/// Takes a member out.
fn take(value: &mut Value, path: &str) {
    let (holder, last) = match path.rsplit_once('.') {
        Some((holder, last)) => {
            (value.pointer_mut(&format!("/{}", holder.replace('.', "/"))), last)
        }
        None => (Some(value), path),
    };
    match holder {
        Some(Value::Object(members)) => {
            members.remove(last);
        }
        Some(Value::Array(items)) => {
            if let Some(at) = last.parse::<usize>().ok().filter(|at| *at < items.len()) {
                items.remove(at);
            }
        }
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) | None => {}
    }
}

/// The document with the texts of the named elements replaced; `None` when it is not XML.
fn reworded(text: &str, mutate: &Mutate) -> Option<String> {
    let document = roxmltree::Document::parse(text).ok()?;
    let mut changes = Vec::new();
    for node in document.descendants().filter(roxmltree::Node::is_element) {
        let Some(new) = mutate.xml.get(node.tag_name().name()) else { continue };
        if node.children().any(|child| child.is_element()) {
            continue;
        }
        if let (Some(first), Some(last)) = (node.first_child(), node.last_child()) {
            changes.push((first.range().start, last.range().end, escape(new)));
        }
    }
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (start, end, new) in changes {
        out.push_str(text.get(at..start)?);
        out.push_str(&new);
        at = end;
    }
    out.push_str(text.get(at..)?);
    Some(out)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_are_put_and_taken_by_path() {
        let mut value = json!({ "a": { "b": 1 }, "list": [{ "x": 1 }] });
        put(&mut value, "a.c.d", &json!(true));
        put(&mut value, "list.0.x", &json!("new"));
        put(&mut value, "list.7.x", &json!("nowhere"));
        take(&mut value, "a.b");
        take(&mut value, "missing.path");
        assert_eq!(value, json!({ "a": { "c": { "d": true } }, "list": [{ "x": "new" }] }));
    }

    #[test]
    fn texts_of_elements_are_replaced_by_local_name() {
        let mutate =
            Mutate { xml: [("Address".to_owned(), "a<b".to_owned())].into(), ..Mutate::default() };
        let text = "<x xmlns:w='u'><w:Address>old</w:Address><w:Address/><Other>o</Other></x>";
        let expected =
            "<x xmlns:w='u'><w:Address>a&lt;b</w:Address><w:Address/><Other>o</Other></x>";
        assert_eq!(reworded(text, &mutate).as_deref(), Some(expected));
        assert_eq!(reworded("no xml", &mutate), None);
    }
}
