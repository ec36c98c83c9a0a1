//! What a matcher says: a plain value for equality, or a map of operators that must all hold.

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use crate::scenario::suggest;
use crate::scenario::time::{Dur, Time};

/// The operators by name.
pub const OPERATORS: &[&str] = &[
    "equals",
    "is_not",
    "contains",
    "matches",
    "starts_with",
    "ends_with",
    "is",
    "one_of",
    "exists",
    "lt",
    "le",
    "gt",
    "ge",
    "count",
    "within",
    "of",
    "older_than",
    "newer_than",
    "ignore_case",
    "not",
];

/// A matcher.
#[derive(Clone, Debug)]
pub enum Matcher {
    /// A plain value.
    Plain(Value),
    /// Operators, all of which must hold.
    All {
        /// The operators.
        operators: Vec<Operator>,
        /// Whether capitals and small letters are the same.
        ignore_case: bool,
    },
}

/// One operator with its operand.
#[derive(Clone, Debug)]
pub enum Operator {
    /// Equal to.
    Equals(Value),
    /// Not equal to.
    IsNot(Value),
    /// Text with this in it, a list with this element, a map with these entries; a list of these.
    Contains(Value),
    /// A regular expression that is found in it, `^` and `$` at each line.
    Matches(Regex),
    /// Text that begins so.
    StartsWith(String),
    /// Text that ends so.
    EndsWith(String),
    /// Of a kind.
    Is(Is),
    /// Equal to one of these.
    OneOf(Vec<Value>),
    /// There, and not null.
    Exists(bool),
    /// In order with something.
    Order(Order, Value),
    /// Its number of elements.
    Count(Box<Matcher>),
    /// Not farther than this from that.
    Within(Value, Value),
    /// Longer ago than this length, or before this point in time.
    OlderThan(Age),
    /// Less long ago than this length, or after this point in time.
    NewerThan(Age),
    /// What must not hold.
    Not(Box<Matcher>),
}

/// The four comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// `lt`
    Less,
    /// `le`
    AtMost,
    /// `gt`
    Greater,
    /// `ge`
    AtLeast,
}

/// What an age is measured against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// So long before now.
    Dur(Dur),
    /// This point in time.
    Time(Time),
}

macro_rules! is_words {
    ($( $(#[$meta:meta])* $variant:ident = $word:literal, )*) => {
        /// The kinds that `is:` knows.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Is { $( $(#[$meta])* $variant, )* }

        impl Is {
            /// The words.
            pub const WORDS: &'static [&'static str] = &[$( $word ),*];

            /// The kind of a word.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $( $word => Some(Self::$variant), )* _ => None }
            }

            /// The word.
            pub fn word(self) -> &'static str {
                match self { $( Self::$variant => $word, )* }
            }
        }
    };
}

is_words! {
    /// 8-4-4-4-12 hexadecimal digits.
    Uuid = "uuid",
    /// Three parts, the first two of them JSON in base64url.
    Jwt = "jwt",
    /// A point in time.
    Rfc3339 = "rfc3339",
    /// 40 hexadecimal digits.
    Thumbprint = "thumbprint",
    /// Standard base64 with padding, not empty.
    Base64 = "base64",
    /// A scheme, `://` and something after it.
    Url = "url",
    /// Not there, null, or without length.
    Empty = "empty",
    /// Text.
    String = "string",
    /// A number.
    Number = "number",
    /// A list.
    Array = "array",
    /// A map.
    Object = "object",
    /// Null or not there.
    Null = "null",
}

/// Why a value is no matcher.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{title}")]
pub struct MatcherError {
    /// The code of the finding that it makes.
    pub code: &'static str,
    /// The RFC 6901 pointer from the matcher to what is wrong; empty for the matcher itself.
    pub pointer: String,
    /// What is wrong.
    pub title: String,
    /// What to do.
    pub help: Option<String>,
}

impl MatcherError {
    pub(super) fn new(code: &'static str, key: &str, title: impl Into<String>) -> Self {
        let pointer = if key.is_empty() { String::new() } else { pointer_step(key) };
        Self { code, pointer, title: title.into(), help: None }
    }

    pub(super) fn help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }

    pub(super) fn below(mut self, key: &str) -> Self {
        self.pointer = format!("{}{}", pointer_step(key), self.pointer);
        self
    }
}

fn pointer_step(key: &str) -> String {
    format!("/{}", key.replace('~', "~0").replace('/', "~1"))
}

impl Matcher {
    /// Reads a matcher whose references are replaced already.
    pub fn parse(value: &Value) -> Result<Self, MatcherError> {
        let Value::Object(map) = value else { return Ok(Self::Plain(value.clone())) };
        let mut operators = Vec::new();
        let mut ignore_case = false;
        for (key, operand) in map {
            let operator = match key.as_str() {
                "ignore_case" => {
                    ignore_case = flag(key, operand)?;
                    continue;
                }
                "of" if map.contains_key("within") => continue,
                "of" => {
                    let title = "`of` stands beside `within`, which is missing";
                    return Err(MatcherError::new("scn::bad-matcher", key, title));
                }
                "within" => {
                    let Some(of) = map.get("of") else {
                        let title = "`within` needs `of`, the value to measure from";
                        return Err(MatcherError::new("scn::bad-matcher", key, title));
                    };
                    length(key, operand)?;
                    Operator::Within(operand.clone(), of.clone())
                }
                _ => Operator::parse(key, operand)?,
            };
            operators.push(operator);
        }
        if operators.is_empty() {
            let title = "this matcher has no operator, so it would accept anything";
            return Err(MatcherError::new("scn::bad-matcher", "", title)
                .help(Some("use `exists: true`, or `equals: {}` for an empty map".to_owned())));
        }
        Ok(Self::All { operators, ignore_case })
    }
}

impl Operator {
    fn parse(key: &str, operand: &Value) -> Result<Self, MatcherError> {
        Ok(match key {
            "equals" => Self::Equals(operand.clone()),
            "is_not" => Self::IsNot(operand.clone()),
            "contains" => Self::Contains(operand.clone()),
            "matches" => Self::Matches(pattern(key, operand)?),
            "starts_with" => Self::StartsWith(plain_text(key, operand)?),
            "ends_with" => Self::EndsWith(plain_text(key, operand)?),
            "is" => {
                let word = plain_text(key, operand)?;
                let Some(is) = Is::from_word(&word) else {
                    let title = format!("`is` does not know `{word}`");
                    return Err(MatcherError::new("scn::bad-matcher", key, title)
                        .help(suggest::help(&word, Is::WORDS.iter().copied())));
                };
                Self::Is(is)
            }
            "one_of" => {
                let items = operand.as_array().ok_or_else(|| {
                    MatcherError::new("scn::bad-matcher", key, "`one_of` takes a list")
                })?;
                Self::OneOf(items.clone())
            }
            "exists" => Self::Exists(flag(key, operand)?),
            "lt" => Self::Order(Order::Less, ordered(key, operand)?),
            "le" => Self::Order(Order::AtMost, ordered(key, operand)?),
            "gt" => Self::Order(Order::Greater, ordered(key, operand)?),
            "ge" => Self::Order(Order::AtLeast, ordered(key, operand)?),
            "count" => Self::Count(Box::new(Matcher::parse(operand).map_err(|e| e.below(key))?)),
            "older_than" => Self::OlderThan(age(key, operand)?),
            "newer_than" => Self::NewerThan(age(key, operand)?),
            "not" => Self::Not(Box::new(Matcher::parse(operand).map_err(|e| e.below(key))?)),
            _ => {
                let title = format!("there is no operator `{key}`");
                let help = suggest::nearest(key, OPERATORS.iter().copied()).map_or_else(
                    || "for a map itself write `equals: {...}`".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                return Err(MatcherError::new("scn::unknown-operator", key, title).help(Some(help)));
            }
        })
    }
}

fn flag(key: &str, operand: &Value) -> Result<bool, MatcherError> {
    operand.as_bool().ok_or_else(|| {
        MatcherError::new("scn::bad-matcher", key, format!("`{key}` takes true or false"))
    })
}

fn plain_text(key: &str, operand: &Value) -> Result<String, MatcherError> {
    match operand {
        Value::String(text) => Ok(text.clone()),
        Value::Number(n) => Ok(n.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            Err(MatcherError::new("scn::bad-matcher", key, format!("`{key}` takes text")))
        }
    }
}

fn pattern(key: &str, operand: &Value) -> Result<Regex, MatcherError> {
    let text = plain_text(key, operand)?;
    regex(&text).map_err(|why| MatcherError::new("scn::bad-regex", key, why))
}

/// Compiles a regular expression of the format: unanchored, `^` and `$` at each line.
pub(crate) fn regex(text: &str) -> Result<Regex, String> {
    RegexBuilder::new(text).multi_line(true).size_limit(1 << 20).build().map_err(|error| {
        let words = error.to_string();
        let why = words.lines().last().unwrap_or_default().trim_start_matches("error: ");
        format!("`{text}` is not a regular expression: {why}")
    })
}

fn ordered(key: &str, operand: &Value) -> Result<Value, MatcherError> {
    match operand {
        Value::String(_) | Value::Number(_) => Ok(operand.clone()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            let title = format!("`{key}` takes a number, a duration, a point in time or text");
            Err(MatcherError::new("scn::bad-matcher", key, title))
        }
    }
}

fn length(key: &str, operand: &Value) -> Result<(), MatcherError> {
    match operand {
        Value::Number(_) => Ok(()),
        Value::String(text) => text
            .parse::<Dur>()
            .map(drop)
            .map_err(|why| MatcherError::new("scn::bad-duration", key, why)),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            let title = format!("`{key}` takes a duration or a number");
            Err(MatcherError::new("scn::bad-matcher", key, title))
        }
    }
}

fn age(key: &str, operand: &Value) -> Result<Age, MatcherError> {
    let text = plain_text(key, operand)?;
    if let Ok(time) = text.parse() {
        return Ok(Age::Time(time));
    }
    text.parse().map(Age::Dur).map_err(|why| MatcherError::new("scn::bad-duration", key, why))
}
