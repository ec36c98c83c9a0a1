//! What an expression can be worth.

use std::fmt;

use crate::scenario::time::{Dur, Time};

/// A JSON value, a point in time or a length of time.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Anything that JSON can say.
    Json(serde_json::Value),
    /// A point in time.
    Time(Time),
    /// A length of time.
    Duration(Dur),
}

impl Value {
    /// The value as JSON: points in time as RFC 3339, lengths as `1h 30m`.
    pub fn into_json(self) -> serde_json::Value {
        match self {
            Self::Json(value) => value,
            Self::Time(time) => time.to_string().into(),
            Self::Duration(dur) => dur.to_string().into(),
        }
    }

    /// What it is, in words.
    pub fn kind_name(&self) -> &'static str {
        match self {
            Self::Json(value) => json_kind_name(value),
            Self::Time(_) => "a point in time",
            Self::Duration(_) => "a duration",
        }
    }
}

/// What a JSON value is, in words: "a number".
pub(crate) fn json_kind_name(value: &serde_json::Value) -> &'static str {
    match value {
        serde_json::Value::Null => "nothing",
        serde_json::Value::Bool(_) => "true or false",
        serde_json::Value::Number(_) => "a number",
        serde_json::Value::String(_) => "text",
        serde_json::Value::Array(_) => "a list",
        serde_json::Value::Object(_) => "a map",
    }
}

/// As it stands inside text: strings raw, maps and lists as compact JSON.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(serde_json::Value::String(text)) => f.write_str(text),
            Self::Json(value) => write!(f, "{value}"),
            Self::Time(time) => write!(f, "{time}"),
            Self::Duration(dur) => write!(f, "{dur}"),
        }
    }
}

impl<T: Into<serde_json::Value>> From<T> for Value {
    fn from(value: T) -> Self {
        Self::Json(value.into())
    }
}
