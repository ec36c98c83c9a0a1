//! From the model to what a step needs when it runs: references replaced, matchers read. What goes
//! wrong here is a finding at the place in the file, as the lints make them.

use serde_json::{Map, Value};

use crate::expect::{self, MatcherError, RowSet};
use crate::scenario::capture::CaptureSource;
use crate::scenario::decode::{Entries, Several, Tpl};
use crate::scenario::expr::{Scope, Template, resolve};
use crate::scenario::finding::{Finding, Span};
use crate::scenario::node::{Key, Node};
use crate::scenario::time::Time;

use super::{CaptureFrom, Matcher, Rows, Step, WorldClock};

/// When a world starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the real time of the start.
    Now,
    /// At this time.
    At(Time),
}

/// When scenarios start that do not say it: 2026-03-02T09:00:00Z.
pub const DEFAULT_START: Time = Time(1_772_442_000_000);

impl WorldClock {
    /// When the world starts; `None` when the file does not say it.
    pub fn start_at(&self, scope: &dyn Scope) -> Result<Option<Start>, Box<Finding>> {
        let Some(start) = &self.start else { return Ok(None) };
        let text = start.resolve(scope)?;
        if text == "now" {
            return Ok(Some(Start::Now));
        }
        match text.parse() {
            Ok(time) => Ok(Some(Start::At(time))),
            Err(why) => Err(Box::new(Finding::error("scn::bad-time", start.at.clone(), why))),
        }
    }
}

impl Key {
    /// The key, its references replaced.
    pub fn resolve(&self, scope: &dyn Scope) -> Result<String, Box<Finding>> {
        let template = Template::parse(&self.text);
        let value = template.and_then(|template| template.evaluate(scope));
        value.map(|value| value.to_string()).map_err(|error| Box::new(error.finding(&self.at)))
    }
}

impl Node {
    /// The value, its references replaced.
    pub fn resolve(&self, scope: &dyn Scope) -> Result<Value, Box<Finding>> {
        resolve(self, scope)
    }
}

/// A matcher of a map, ready to be asked.
#[derive(Clone, Debug)]
pub struct Field {
    /// The key: a header, a claim, a path.
    pub name: String,
    /// The matcher.
    pub matcher: expect::Matcher,
    /// Where the matcher stands.
    pub at: Span,
}

impl Matcher {
    /// The matcher, its references replaced.
    pub fn resolve(&self, scope: &dyn Scope) -> Result<expect::Matcher, Box<Finding>> {
        let value = resolve(&self.0, scope)?;
        expect::Matcher::parse(&value).map_err(|error| Box::new(place(&self.0, error)))
    }
}

fn place(node: &Node, error: MatcherError) -> Finding {
    let at = node.nearest(&error.pointer).at.clone();
    Finding::error(error.code, at, error.title).maybe_help(error.help)
}

impl Entries<Matcher> {
    /// The matchers, their references replaced, in the order of the file.
    pub fn resolve(&self, scope: &dyn Scope) -> Result<Vec<Field>, Box<Finding>> {
        self.0
            .iter()
            .map(|(key, matcher)| {
                let name = key.resolve(scope)?;
                let at = matcher.0.at.clone();
                Ok(Field { name, matcher: matcher.resolve(scope)?, at })
            })
            .collect()
    }
}

impl Entries<Node> {
    /// The values, their references replaced.
    pub fn resolve(&self, scope: &dyn Scope) -> Result<Map<String, Value>, Box<Finding>> {
        self.0.iter().map(|(key, value)| Ok((key.resolve(scope)?, value.resolve(scope)?))).collect()
    }
}

impl Rows {
    /// The expectation on records, its references replaced. `since` is left to the caller.
    pub fn resolve(&self, scope: &dyn Scope) -> Result<RowSet, Box<Finding>> {
        let fields = |fields: &Entries<Matcher>| -> Result<expect::Fields, Box<Finding>> {
            let fields = fields.resolve(scope)?;
            Ok(fields.into_iter().map(|field| (field.name, field.matcher)).collect())
        };
        let or_none = |entries: &Option<Entries<Matcher>>| entries.as_ref().map(fields).transpose();
        let names = |names: &Option<Several<Tpl<String>>>| -> Result<Vec<String>, Box<Finding>> {
            let names = names.as_ref().map(|names| names.0.as_slice()).unwrap_or_default();
            names.iter().map(|name| name.resolve(scope)).collect()
        };
        Ok(RowSet {
            wanted: or_none(&self.where_)?.unwrap_or_default(),
            count: self.count.as_ref().map(|count| count.resolve(scope)).transpose()?,
            each: or_none(&self.each)?.unwrap_or_default(),
            some: or_none(&self.some)?.unwrap_or_default(),
            none: or_none(&self.none)?,
            distinct: names(&self.distinct)?,
            same: names(&self.same)?,
            in_order: self
                .in_order
                .as_deref()
                .unwrap_or_default()
                .iter()
                .map(fields)
                .collect::<Result<_, _>>()?,
        })
    }
}

impl CaptureFrom {
    /// The source. A text that is one reference is its value, whatever that value looks like; in
    /// any other text references are replaced first.
    pub fn source(&self, scope: &dyn Scope) -> Result<CaptureSource, Box<Finding>> {
        let text = self.from.text().unwrap_or_default();
        let parsed = if text.starts_with("$(") {
            CaptureSource::parse(text)
        } else {
            let value = crate::scenario::expr::Value::Json(resolve(&self.from, scope)?);
            CaptureSource::parse(&value.to_string())
        };
        parsed.map_err(|error| {
            let finding = Finding::error(error.code, self.from.at.clone(), error.title);
            Box::new(finding.maybe_help(error.help))
        })
    }
}

/// The step with an id, also within others.
pub fn find_step<'s>(steps: &'s [Step], id: &str) -> Option<&'s Step> {
    steps.iter().find_map(|step| {
        if step.id.as_deref() == Some(id) {
            return Some(step);
        }
        find_step(step.inner(), id)
    })
}
