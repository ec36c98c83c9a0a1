//! Whether a matcher holds, and what to print when it does not.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "JSON values of any other kind do not fit, whatever kinds there may be"
)]

use std::cmp::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::scenario::time::{Dur, Time};

use super::matcher::{Age, Is, Matcher, Operator, Order};

/// How plain values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// As JSON: `1` is not `"1"`.
    Json,
    /// As text: for dsreg fields, headers and output.
    Text,
    /// As JSON; a plain value also fits a list that holds it. For fields of records.
    Record,
    /// Like [`Style::Record`]; in plain text `*` stands for anything. For journal events.
    Event,
}

/// One expectation, judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Whether it holds.
    pub ok: bool,
    /// What was looked at: `dsreg.DeviceId`, `json.$.value[0]`.
    pub path: String,
    /// What was expected, in words; when it fails, only the operators that fail.
    pub expected: String,
    /// What was there.
    pub actual: String,
}

impl Matcher {
    /// Judges a value; `now` is the time in the world.
    pub fn check(&self, path: &str, actual: Option<&Value>, style: Style, now: Time) -> Outcome {
        let actual = actual.unwrap_or(&Value::Null);
        let expected = match self {
            Self::Plain(value) => short(value),
            Self::All { operators, ignore_case } => {
                let eye = Eye { style, now, ignore_case: *ignore_case };
                let failing: Vec<String> = operators
                    .iter()
                    .filter(|operator| !eye.holds(operator, actual))
                    .map(Operator::words)
                    .collect();
                if failing.is_empty() {
                    operators.iter().map(Operator::words).collect::<Vec<_>>().join(" and ")
                } else {
                    failing.join(" and ")
                }
            }
        };
        Outcome {
            ok: self.holds(actual, style, now),
            path: path.to_owned(),
            expected,
            actual: short(actual),
        }
    }

    /// Whether the matcher holds for a value.
    pub fn holds(&self, actual: &Value, style: Style, now: Time) -> bool {
        match self {
            Self::Plain(value) => Eye { style, now, ignore_case: false }.plain(actual, value),
            Self::All { operators, ignore_case } => {
                let eye = Eye { style, now, ignore_case: *ignore_case };
                operators.iter().all(|operator| eye.holds(operator, actual))
            }
        }
    }

    /// The matcher in words.
    pub fn words(&self) -> String {
        match self {
            Self::Plain(value) => short(value),
            Self::All { operators, .. } => {
                operators.iter().map(Operator::words).collect::<Vec<_>>().join(" and ")
            }
        }
    }
}

/// A value as it stands in reports: strings in quotes, endless ones cut. Whoever shows it takes the secrets out first and
/// cuts it then to what people read, because a part of a secret is not recognised as one.
pub(super) fn short(value: &Value) -> String {
    const LONGEST: usize = 100_000;
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        None => text,
        Some((at, _)) => format!("{}...", text.get(..at).unwrap_or_default()),
    }
}

/// How one looks at values.
#[derive(Clone, Copy)]
struct Eye {
    style: Style,
    now: Time,
    ignore_case: bool,
}

impl Eye {
    fn plain(self, actual: &Value, expected: &Value) -> bool {
        if self.equal(actual, expected) {
            return true;
        }
        let records = matches!(self.style, Style::Record | Style::Event);
        if records
            && let Value::Array(items) = actual
            && !expected.is_array()
        {
            return items.iter().any(|item| self.plain(item, expected));
        }
        if self.style == Style::Event
            && let (Value::String(pattern), Some(text)) = (expected, scalar(actual))
            && pattern.contains('*')
        {
            return glob(pattern, &text);
        }
        false
    }

    fn equal(self, actual: &Value, expected: &Value) -> bool {
        match (actual, expected) {
            (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
            (Value::String(a), Value::String(b)) => self.fold(a) == self.fold(b),
            (Value::Array(a), Value::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| self.equal(a, b))
            }
            (Value::Object(a), Value::Object(b)) => {
                a.len() == b.len()
                    && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| self.equal(a, b)))
            }
            _ if self.style == Style::Text && !actual.is_null() && !expected.is_null() => {
                match (scalar(actual), scalar(expected)) {
                    (Some(a), Some(b)) => self.fold(&a) == self.fold(&b),
                    _ => false,
                }
            }
            _ => actual == expected,
        }
    }

    fn fold(self, text: &str) -> String {
        if self.ignore_case { text.to_lowercase() } else { text.to_owned() }
    }

    fn holds(self, operator: &Operator, actual: &Value) -> bool {
        match operator {
            Operator::Equals(value) => self.equal(actual, value),
            Operator::IsNot(value) => !self.equal(actual, value),
            Operator::OneOf(values) => values.iter().any(|value| self.equal(actual, value)),
            Operator::Contains(value) => self.contains(actual, value),
            Operator::Matches(regex) => text(actual).is_some_and(|text| {
                if !self.ignore_case {
                    return regex.is_match(&text);
                }
                regex::RegexBuilder::new(regex.as_str())
                    .multi_line(true)
                    .case_insensitive(true)
                    .build()
                    .is_ok_and(|regex| regex.is_match(&text))
            }),
            Operator::StartsWith(start) => {
                text(actual).is_some_and(|text| self.fold(&text).starts_with(&self.fold(start)))
            }
            Operator::EndsWith(end) => {
                text(actual).is_some_and(|text| self.fold(&text).ends_with(&self.fold(end)))
            }
            Operator::Is(is) => is.holds(actual),
            Operator::Exists(wanted) => actual.is_null() != *wanted,
            Operator::Order(order, value) => {
                compare(actual, value).is_some_and(|ordering| order.holds(ordering))
            }
            Operator::Count(matcher) => {
                let count = match actual {
                    Value::Array(items) => items.len(),
                    Value::Object(map) => map.len(),
                    Value::Null => 0,
                    Value::Bool(_) | Value::Number(_) | Value::String(_) => return false,
                };
                matcher.holds(&Value::from(count), Style::Json, self.now)
            }
            Operator::Within(length, of) => within(actual, length, of),
            Operator::OlderThan(age) => self.age(actual, *age) == Some(Ordering::Less),
            Operator::NewerThan(age) => self.age(actual, *age) == Some(Ordering::Greater),
            Operator::Not(matcher) => match matcher.as_ref() {
                Matcher::Plain(value) => !self.plain(actual, value),
                all @ Matcher::All { .. } => !all.holds(actual, self.style, self.now),
            },
        }
    }

    /// Where a point in time lies: before the boundary, on it, or after it.
    fn age(self, actual: &Value, age: Age) -> Option<Ordering> {
        let boundary = match age {
            Age::Dur(dur) => self.now.plus(Dur(dur.0.saturating_neg())),
            Age::Time(time) => time,
        };
        Some(time(actual)?.cmp(&boundary))
    }

    fn contains(self, actual: &Value, value: &Value) -> bool {
        if let Value::Array(values) = value {
            return !actual.is_null() && values.iter().all(|value| self.contains(actual, value));
        }
        match actual {
            Value::Array(items) => items.iter().any(|item| {
                self.equal(item, value)
                    || item.is_object() && value.is_object() && self.contains(item, value)
            }),
            Value::Object(map) => match value {
                Value::Object(wanted) => wanted
                    .iter()
                    .all(|(name, value)| map.get(name).is_some_and(|v| self.equal(v, value))),
                Value::String(name) => map.contains_key(name),
                _ => false,
            },
            _ => match (text(actual), scalar(value)) {
                (Some(text), Some(part)) => self.fold(&text).contains(&self.fold(&part)),
                _ => false,
            },
        }
    }
}

impl Order {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Less => ordering == Ordering::Less,
            Self::AtMost => ordering != Ordering::Greater,
            Self::Greater => ordering == Ordering::Greater,
            Self::AtLeast => ordering != Ordering::Less,
        }
    }
}

impl Is {
    fn holds(self, actual: &Value) -> bool {
        let text = actual.as_str();
        let hex = |text: &str| text.chars().all(|c| c.is_ascii_hexdigit());
        match self {
            Self::Uuid => text.is_some_and(|text| {
                let lengths: Vec<usize> = text.split('-').map(str::len).collect();
                lengths == [8, 4, 4, 4, 12] && hex(&text.replace('-', ""))
            }),
            Self::Jwt => text.is_some_and(|text| {
                text.split('.').count() == 3 && crate::scenario::expr::jwt(text).is_some()
            }),
            Self::Rfc3339 => text.is_some_and(|text| text.parse::<Time>().is_ok()),
            Self::Thumbprint => text.is_some_and(|text| text.len() == 40 && hex(text)),
            Self::Base64 => {
                text.is_some_and(|text| !text.is_empty() && STANDARD.decode(text).is_ok())
            }
            Self::Url => {
                text.and_then(|text| text.split_once("://")).is_some_and(|(scheme, rest)| {
                    let letters = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
                    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                        && scheme.chars().all(letters)
                        && !rest.is_empty()
                        && !rest.contains(char::is_whitespace)
                })
            }
            Self::Empty => match actual {
                Value::Null => true,
                Value::String(text) => text.is_empty(),
                Value::Array(items) => items.is_empty(),
                Value::Object(map) => map.is_empty(),
                Value::Bool(_) | Value::Number(_) => false,
            },
            Self::String => actual.is_string(),
            Self::Number => actual.is_number(),
            Self::Array => actual.is_array(),
            Self::Object => actual.is_object(),
            Self::Null => actual.is_null(),
        }
    }
}

impl Operator {
    /// The operator and its operand in words.
    pub fn words(&self) -> String {
        match self {
            Self::Equals(value) => short(value),
            Self::IsNot(value) => format!("not {}", short(value)),
            Self::Contains(value) => format!("something that contains {}", short(value)),
            Self::Matches(regex) => format!("something that matches /{regex}/"),
            Self::StartsWith(text) => format!("something that starts with {text:?}"),
            Self::EndsWith(text) => format!("something that ends with {text:?}"),
            Self::Is(is) => format!("something that is: {}", is.word()),
            Self::OneOf(values) => {
                format!("one of {}", values.iter().map(short).collect::<Vec<_>>().join(", "))
            }
            Self::Exists(true) => "something".to_owned(),
            Self::Exists(false) => "nothing".to_owned(),
            Self::Order(order, value) => {
                let words = match order {
                    Order::Less => "less than",
                    Order::AtMost => "at most",
                    Order::Greater => "greater than",
                    Order::AtLeast => "at least",
                };
                format!("{words} {}", short(value))
            }
            Self::Count(matcher) => format!("so many elements: {}", matcher.words()),
            Self::Within(length, of) => format!("within {} of {}", short(length), short(of)),
            Self::OlderThan(age) => format!("older than {}", age.words()),
            Self::NewerThan(age) => format!("newer than {}", age.words()),
            Self::Not(matcher) => format!("not ({})", matcher.words()),
        }
    }
}

impl Age {
    fn words(self) -> String {
        match self {
            Self::Dur(dur) => dur.to_string(),
            Self::Time(time) => time.to_string(),
        }
    }
}

/// A plain value as text; nothing for null, lists and maps.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(b) => Some(b.to_string()),
        Value::Number(n) => Some(n.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Any value as text, lists and maps as compact JSON; nothing for null.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Array(_) | Value::Object(_) => Some(value.to_string()),
        _ => scalar(value),
    }
}

/// RFC 3339, or seconds since 1970 as tokens carry them.
fn time(value: &Value) -> Option<Time> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(seconds) => seconds.as_i64()?.checked_mul(1000).map(Time),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn compare(actual: &Value, with: &Value) -> Option<Ordering> {
    match (actual, with) {
        (Value::Number(a), Value::Number(b)) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
        },
        (Value::String(a), Value::String(b)) => {
            if let (Ok(a), Ok(b)) = (a.parse::<Time>(), b.parse::<Time>()) {
                return Some(a.cmp(&b));
            }
            if let (Ok(a), Ok(b)) = (a.parse::<Dur>(), b.parse::<Dur>()) {
                return Some(a.cmp(&b));
            }
            Some(a.cmp(b))
        }
        // A token's seconds and a point in time; a number that was printed as text.
        (Value::Number(_), Value::String(text)) => match text.parse::<f64>() {
            Ok(number) => actual.as_f64()?.partial_cmp(&number),
            Err(_) => Some(time(actual)?.cmp(&time(with)?)),
        },
        (Value::String(_), Value::Number(_)) => compare(with, actual).map(Ordering::reverse),
        _ => None,
    }
}

fn within(actual: &Value, length: &Value, of: &Value) -> bool {
    match length {
        Value::Number(most) => {
            let (Some(a), Some(b), Some(most)) = (actual.as_f64(), of.as_f64(), most.as_f64())
            else {
                return false;
            };
            (a - b).abs() <= most
        }
        Value::String(most) => {
            let Ok(most) = most.parse::<Dur>() else { return false };
            let distance = match (time(actual), time(of)) {
                (Some(a), Some(b)) => a.0.saturating_sub(b.0),
                _ => match (dur(actual), dur(of)) {
                    (Some(a), Some(b)) => a.0.saturating_sub(b.0),
                    _ => return false,
                },
            };
            distance.saturating_abs() <= most.0
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => false,
    }
}

fn dur(value: &Value) -> Option<Dur> {
    value.as_str()?.parse().ok()
}

/// Whether text fits a pattern in which `*` stands for any characters, without regard to case.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_lowercase(), text.to_lowercase());
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}
