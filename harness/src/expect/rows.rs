//! Expectations on sets of records: devices, users, journal events.
//!
//! Without `count` at least one record is expected, so that `each` on nothing is no silent pass;
//! only a set with `none` alone may be empty.

use serde_json::{Map, Value};

use crate::scenario::time::Time;

use super::check::short;
use super::matcher::MatcherError;
use super::{JsonPath, Matcher, Outcome, Style};

/// Fields and their matchers.
pub type Fields = Vec<(String, Matcher)>;

/// Which records are looked for and what must hold for them.
#[derive(Clone, Debug, Default)]
pub struct RowSet {
    /// `where`: what a record must be to count.
    pub wanted: Fields,
    /// How many count.
    pub count: Option<Matcher>,
    /// What each of them must be.
    pub each: Fields,
    /// What at least one of them must be, all of it at once.
    pub some: Fields,
    /// What none of them may be, all of it at once.
    pub none: Option<Fields>,
    /// Fields whose values are all different.
    pub distinct: Vec<String>,
    /// Fields whose values are all the same.
    pub same: Vec<String>,
    /// Records that come in this order, others between them.
    pub in_order: Vec<Fields>,
}

impl RowSet {
    /// The keys of such an expectation.
    pub const KEYS: &'static [&'static str] =
        &["where", "count", "each", "some", "none", "distinct", "same", "since", "in_order"];

    /// Reads the expectation; its references are replaced already. `since` is left to the caller,
    /// who fetches the records.
    pub fn parse(value: &Value) -> Result<Self, MatcherError> {
        let Value::Object(map) = value else {
            return Err(MatcherError::new("scn::wrong-type", "", "a map is expected"));
        };
        if let Some(key) = map.keys().find(|key| !Self::KEYS.contains(&key.as_str())) {
            return Err(MatcherError::new(
                "scn::unknown-key",
                key,
                format!("there is no key `{key}` here"),
            ));
        }
        let of = |key: &str| match map.get(key) {
            Some(value) => fields(value).map_err(|error| error.below(key)).map(Some),
            None => Ok(None),
        };
        let count = map.get("count").map(Matcher::parse).transpose();
        let in_order = match map.get("in_order") {
            None => Vec::new(),
            Some(Value::Array(items)) => items
                .iter()
                .enumerate()
                .map(|(at, item)| {
                    fields(item).map_err(|error| error.below(&at.to_string()).below("in_order"))
                })
                .collect::<Result<_, _>>()?,
            Some(_) => {
                let title = "`in_order` takes a list of maps";
                return Err(MatcherError::new("scn::wrong-type", "in_order", title));
            }
        };
        Ok(Self {
            wanted: of("where")?.unwrap_or_default(),
            count: count.map_err(|error| error.below("count"))?,
            each: of("each")?.unwrap_or_default(),
            some: of("some")?.unwrap_or_default(),
            none: of("none")?,
            distinct: names(map, "distinct")?,
            same: names(map, "same")?,
            in_order,
        })
    }

    /// The records that `where` selects, in their order.
    pub fn select<'r>(&self, rows: &'r [Value], style: Style, now: Time) -> Vec<&'r Value> {
        rows.iter().filter(|row| fit(&self.wanted, row, style, now)).collect()
    }

    /// Judges the records. Everything is judged; nothing stops at the first failure.
    pub fn check(&self, path: &str, rows: &[Value], style: Style, now: Time) -> Vec<Outcome> {
        let found = self.select(rows, style, now);
        let mut outcomes = vec![self.check_count(path, &found, rows, style, now)];
        for (at, row) in found.iter().enumerate() {
            outcomes.extend(self.each.iter().map(|(name, matcher)| {
                matcher.check(&format!("{path}[{at}].{name}"), field(row, name), style, now)
            }));
        }
        let list = || short(&found.iter().map(|row| (*row).clone()).collect());
        if !self.some.is_empty() {
            outcomes.push(Outcome {
                ok: found.iter().any(|row| fit(&self.some, row, style, now)),
                path: format!("{path}.some"),
                expected: format!("one with {}", words(&self.some)),
                actual: list(),
            });
        }
        if let Some(none) = &self.none {
            let offender = found.iter().find(|row| fit(none, row, style, now));
            outcomes.push(Outcome {
                ok: offender.is_none(),
                path: format!("{path}.none"),
                expected: format!("none with {}", words(none)),
                actual: offender.map_or_else(|| "none".to_owned(), |row| short(row)),
            });
        }
        for (names, distinct) in [(&self.distinct, true), (&self.same, false)] {
            for name in names {
                let values: Vec<&Value> =
                    found.iter().map(|row| field(row, name).unwrap_or(&Value::Null)).collect();
                let equal = |(at, value): (usize, &&Value)| {
                    values.iter().skip(at + 1).any(|other| other == value)
                };
                let ok = if distinct {
                    !values.iter().enumerate().any(equal)
                } else {
                    values.windows(2).all(|pair| pair.first() == pair.last())
                };
                let kind = if distinct { "distinct" } else { "same" };
                let all = if distinct { "all different" } else { "all the same" };
                outcomes.push(Outcome {
                    ok,
                    path: format!("{path}.{kind}.{name}"),
                    expected: format!("values of {name} that are {all}"),
                    actual: short(&values.into_iter().cloned().collect()),
                });
            }
        }
        outcomes.extend(self.check_order(path, &found, style, now));
        outcomes
    }

    fn check_count(
        &self,
        path: &str,
        found: &[&Value],
        rows: &[Value],
        style: Style,
        now: Time,
    ) -> Outcome {
        let count = found.len();
        let path = format!("{path}.count");
        let mut outcome = match &self.count {
            Some(matcher) => matcher.check(&path, Some(&Value::from(count)), Style::Json, now),
            None => Outcome {
                ok: count > 0
                    || self.none.is_some() && self.each.is_empty() && self.some.is_empty(),
                path,
                expected: "at least 1".to_owned(),
                actual: count.to_string(),
            },
        };
        if !self.wanted.is_empty() {
            outcome.expected = format!("{} with {}", outcome.expected, words(&self.wanted));
        }
        if !outcome.ok {
            outcome.actual = format!("{count} of {}{}", rows.len(), self.closest(rows, style, now));
        }
        outcome
    }

    /// The record that fits the most fields of `where`, and what does not fit: most failures are
    /// one wrong field.
    fn closest(&self, rows: &[Value], style: Style, now: Time) -> String {
        let misfits = |row: &Value| {
            self.wanted
                .iter()
                .filter(|(name, matcher)| {
                    !matcher.holds(field(row, name).unwrap_or(&Value::Null), style, now)
                })
                .map(|(name, _)| {
                    format!("{name} is {}", short(field(row, name).unwrap_or(&Value::Null)))
                })
                .collect::<Vec<_>>()
        };
        let nearest = rows.iter().map(misfits).filter(|m| !m.is_empty()).min_by_key(Vec::len);
        match nearest {
            Some(misfits) if misfits.len() < self.wanted.len() => {
                format!("; in the nearest one {}", misfits.join(", "))
            }
            _ => String::new(),
        }
    }

    fn check_order(
        &self,
        path: &str,
        found: &[&Value],
        style: Style,
        now: Time,
    ) -> Option<Outcome> {
        if self.in_order.is_empty() {
            return None;
        }
        let mut rows = found.iter();
        let missing =
            self.in_order.iter().position(|wanted| !rows.any(|row| fit(wanted, row, style, now)));
        let expected = self.in_order.iter().map(words).collect::<Vec<_>>();
        Some(Outcome {
            ok: missing.is_none(),
            path: format!("{path}.in_order"),
            expected: expected.join(", then "),
            actual: match missing.and_then(|at| expected.get(at).map(|words| (at, words))) {
                None => "in order".to_owned(),
                Some((at, words)) => {
                    format!("number {} is not found after those before it: {words}", at + 1)
                }
            },
        })
    }
}

fn fields(value: &Value) -> Result<Fields, MatcherError> {
    let Value::Object(map) = value else {
        return Err(MatcherError::new("scn::wrong-type", "", "a map of fields is expected"));
    };
    map.iter()
        .map(|(name, value)| {
            let matcher = Matcher::parse(value).map_err(|error| error.below(name))?;
            Ok((name.clone(), matcher))
        })
        .collect()
}

fn names(map: &Map<String, Value>, key: &str) -> Result<Vec<String>, MatcherError> {
    let name = |value: &Value| value.as_str().map(str::to_owned);
    let names = match map.get(key) {
        None => Some(Vec::new()),
        Some(Value::Array(items)) => items.iter().map(name).collect(),
        Some(one) => name(one).map(|name| vec![name]),
    };
    names.ok_or_else(|| {
        MatcherError::new("scn::wrong-type", key, format!("`{key}` takes names of fields"))
    })
}

fn fit(fields: &Fields, row: &Value, style: Style, now: Time) -> bool {
    fields
        .iter()
        .all(|(name, matcher)| matcher.holds(field(row, name).unwrap_or(&Value::Null), style, now))
}

/// A field by its name, or by a path such as `owner.upn`.
fn field<'r>(row: &'r Value, name: &str) -> Option<&'r Value> {
    row.get(name).or_else(|| JsonPath::parse(name).ok()?.find(row))
}

fn words(fields: &Fields) -> String {
    fields
        .iter()
        .map(|(name, matcher)| format!("{name}: {}", matcher.words()))
        .collect::<Vec<_>>()
        .join(", ")
}
