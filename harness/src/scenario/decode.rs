//! From [`Node`] to the types of the model, with every mistake reported at its own place.
//!
//! A serde deserializer stops at the first wrong type of a file; this one goes on with the next
//! key, so that one run of `linarite check` shows all there is to mend.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value as Json;

use super::expr::{Scope, Template, resolve};
use super::finding::{Finding, Span};
use super::node::{Key, Kind, Node};
use super::suggest;
use super::time::{Dur, Time};

/// A type that can be read from a node.
pub trait FromNode: Sized {
    /// Reads the value. `None` says that at least one finding was written.
    fn from_node(node: &Node, findings: &mut Vec<Finding>) -> Option<Self>;

    /// What a reference has given, made fit for this type: a number where text is wanted.
    fn fit(value: Json) -> Json {
        value
    }

    /// The value of a key that is not there. `at` is the map that lacks it.
    fn absent(key: &str, at: &Span, findings: &mut Vec<Finding>) -> Option<Self> {
        findings.push(Finding::error(
            "scn::missing-key",
            at.clone(),
            format!("the key `{key}` is missing here"),
        ));
        None
    }
}

/// A wrong type: what is wanted and what stands there.
pub(crate) fn wrong_type(node: &Node, wanted: &str) -> Finding {
    let title = format!("{wanted} is expected, not {}", node.kind_name());
    let finding = Finding::error("scn::wrong-type", node.at.clone(), title);
    let plain = matches!(node.kind, Kind::Bool(_) | Kind::Number(_));
    if plain && wanted.contains("text") {
        finding.help(format!("put it in quotes: \"{}\"", node.at.text()))
    } else if node.is_null() && wanted == "a map" {
        finding.help("write {} when there is nothing to say")
    } else {
        finding
    }
}

/// The finding for a key that a map of the format does not have.
pub(crate) fn unknown_key<'a, I>(key: &Key, known: I) -> Finding
where
    I: IntoIterator<Item = &'a str>,
    I::IntoIter: Clone,
{
    Finding::error(
        "scn::unknown-key",
        key.at.clone(),
        format!("there is no key `{}` here", key.text),
    )
    .label("unknown key")
    .maybe_help(suggest::help(&key.text, known))
}

/// Declares a struct of the format: its fields are the keys of a map, no others are allowed.
/// A key that is a Rust word is written `field as "key": Type`.
macro_rules! record {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $( $(#[$field_meta:meta])* $field:ident $(as $key:literal)? : $type:ty, )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, schemars::JsonSchema)]
        #[schemars(deny_unknown_fields)]
        pub struct $name {
            $( $(#[$field_meta])* $(#[schemars(rename = $key)])? pub $field: $type, )*
            /// Where the map stands.
            #[schemars(skip)]
            pub at: $crate::scenario::finding::Span,
        }

        impl $name {
            /// The keys that may stand in such a map.
            pub const KEYS: &'static [&'static str] =
                &[$( $crate::scenario::decode::record!(@key $field $($key)?) ),*];
        }

        impl $crate::scenario::decode::FromNode for $name {
            fn from_node(
                node: &$crate::scenario::node::Node,
                findings: &mut Vec<$crate::scenario::finding::Finding>,
            ) -> Option<Self> {
                if !$crate::scenario::decode::is_map_of(node, Self::KEYS, findings) {
                    return None;
                }
                $( let $field = $crate::scenario::decode::field(
                    node, $crate::scenario::decode::record!(@key $field $($key)?), findings); )*
                Some(Self { $( $field: $field?, )* at: node.at.clone() })
            }
        }
    };
    (@key $field:ident $key:literal) => { $key };
    (@key $field:ident) => { stringify!($field) };
}

/// Declares a closed set of words.
macro_rules! words {
    (
        $(#[$meta:meta])*
        pub enum $name:ident { $( $(#[$variant_meta:meta])* $variant:ident = $word:literal, )* }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, schemars::JsonSchema)]
        pub enum $name { $( $(#[$variant_meta])* #[schemars(rename = $word)] $variant, )* }

        impl $name {
            /// The words as files write them.
            pub const WORDS: &'static [&'static str] = &[$( $word ),*];

            /// The word as files write it.
            pub fn word(self) -> &'static str {
                match self { $( Self::$variant => $word, )* }
            }
        }

        impl $crate::scenario::decode::FromNode for $name {
            fn from_node(
                node: &$crate::scenario::node::Node,
                findings: &mut Vec<$crate::scenario::finding::Finding>,
            ) -> Option<Self> {
                match $crate::scenario::decode::word(node, Self::WORDS, findings)? {
                    $( $word => Some(Self::$variant), )*
                    _ => None,
                }
            }
        }
    };
}

pub(crate) use {record, words};

/// Whether the node is a map; unknown keys in it are reported.
pub(crate) fn is_map_of(node: &Node, keys: &[&str], findings: &mut Vec<Finding>) -> bool {
    if !matches!(node.kind, Kind::Map(_)) {
        findings.push(wrong_type(node, "a map"));
        return false;
    }
    for (key, _) in node.entries() {
        if !keys.contains(&key.text.as_str()) {
            findings.push(unknown_key(key, keys.iter().copied()));
        }
    }
    true
}

/// Reads the value under a key of a map.
pub(crate) fn field<T: FromNode>(node: &Node, key: &str, findings: &mut Vec<Finding>) -> Option<T> {
    match node.get(key) {
        Some(value) => T::from_node(value, findings),
        None => T::absent(key, &node.at, findings),
    }
}

/// Reads one of some words.
pub(crate) fn word<'a>(
    node: &Node,
    words: &[&'a str],
    findings: &mut Vec<Finding>,
) -> Option<&'a str> {
    let Some(text) = node.text() else {
        findings.push(wrong_type(node, &format!("one of the words {}", words.join(", "))));
        return None;
    };
    let found = words.iter().find(|word| **word == text).copied();
    if found.is_none() {
        let title = format!("`{text}` is not one of the words that may stand here");
        findings.push(
            Finding::error("scn::unknown-word", node.at.clone(), title)
                .maybe_help(suggest::help(text, words.iter().copied())),
        );
    }
    found
}

/// A value that may be written as a reference, and its place.
#[derive(Clone, Debug)]
pub struct Tpl<T> {
    /// Where it stands.
    pub at: Span,
    kind: TplKind<T>,
}

#[derive(Clone, Debug)]
enum TplKind<T> {
    Literal(T),
    Reference(Node),
}

impl<T> Tpl<T> {
    /// The value, when it is written out.
    pub fn literal(&self) -> Option<&T> {
        if let TplKind::Literal(value) = &self.kind { Some(value) } else { None }
    }
}

impl<T: FromNode + Clone> Tpl<T> {
    /// The value, its references replaced.
    pub fn resolve(&self, scope: &dyn Scope) -> Result<T, Box<Finding>> {
        let node = match &self.kind {
            TplKind::Literal(value) => return Ok(value.clone()),
            TplKind::Reference(node) => node,
        };
        let value = T::fit(resolve(node, scope)?);
        let mut findings = Vec::new();
        // What comes out of a reference is not looked into for further references.
        T::from_node(&Node::from_json(&value, &node.at), &mut findings).ok_or_else(|| {
            let first = findings.into_iter().next();
            Box::new(first.unwrap_or_else(|| wrong_type(node, "another value")))
        })
    }
}

impl<T: FromNode> FromNode for Tpl<T> {
    fn from_node(node: &Node, findings: &mut Vec<Finding>) -> Option<Self> {
        let kind = match node.text() {
            Some(text) if Template::is_needed(text) => TplKind::Reference(node.clone()),
            _ => TplKind::Literal(T::from_node(node, findings)?),
        };
        Some(Self { at: node.at.clone(), kind })
    }
}

impl<T: JsonSchema> JsonSchema for Tpl<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("{}_or_reference", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let plain = generator.subschema_for::<T>();
        if plain.get("type").and_then(Json::as_str) == Some("string") && plain.get("enum").is_none()
        {
            // Durations and times have a pattern that a reference does not match.
            if plain.get("pattern").is_none() {
                return plain;
            }
        }
        json_schema!({ "anyOf": [plain, { "type": "string", "pattern": r"\$\(" }] })
    }
}

impl<T: FromNode> FromNode for Option<T> {
    fn from_node(node: &Node, findings: &mut Vec<Finding>) -> Option<Self> {
        T::from_node(node, findings).map(Some)
    }

    fn absent(_key: &str, _at: &Span, _findings: &mut Vec<Finding>) -> Option<Self> {
        Some(None)
    }
}

impl<T: FromNode> FromNode for Box<T> {
    fn from_node(node: &Node, findings: &mut Vec<Finding>) -> Option<Self> {
        T::from_node(node, findings).map(Self::new)
    }
}

/// A list; one wrong element does not hide the next.
impl<T: FromNode> FromNode for Vec<T> {
    fn from_node(node: &Node, findings: &mut Vec<Finding>) -> Option<Self> {
        let Kind::List(elements) = &node.kind else {
            findings.push(wrong_type(node, "a list"));
            return None;
        };
        let read: Vec<Option<T>> =
            elements.iter().map(|element| T::from_node(element, findings)).collect();
        read.into_iter().collect()
    }
}

/// One value or a list of them.
#[derive(Clone, Debug)]
pub struct Several<T>(pub Vec<T>);

impl<T: FromNode> FromNode for Several<T> {
    fn from_node(node: &Node, findings: &mut Vec<Finding>) -> Option<Self> {
        if matches!(node.kind, Kind::List(_)) {
            return Vec::from_node(node, findings).map(Self);
        }
        T::from_node(node, findings).map(|value| Self(vec![value]))
    }
}

impl<T: JsonSchema> JsonSchema for Several<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("one_or_several_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [one, { "type": "array", "items": one }] })
    }
}

/// A map with free keys, in the order of the file.
#[derive(Clone, Debug)]
pub struct Entries<T>(pub Vec<(Key, T)>);

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Entries<T> {
    /// The value under a key.
    pub fn get(&self, key: &str) -> Option<&T> {
        self.0.iter().find(|(name, _)| name.text == key).map(|(_, value)| value)
    }

    /// Keys and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &T)> + Clone {
        self.0.iter().map(|(key, value)| (key.text.as_str(), value))
    }
}

impl<T: FromNode> FromNode for Entries<T> {
    fn from_node(node: &Node, findings: &mut Vec<Finding>) -> Option<Self> {
        if !matches!(node.kind, Kind::Map(_)) {
            findings.push(wrong_type(node, "a map"));
            return None;
        }
        let read: Vec<Option<(Key, T)>> = node
            .entries()
            .iter()
            .map(|(key, value)| Some((key.clone(), T::from_node(value, findings)?)))
            .collect();
        read.into_iter().collect::<Option<Vec<_>>>().map(Self)
    }
}

impl<T: JsonSchema> JsonSchema for Entries<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("map_of_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<T>();
        json_schema!({ "type": "object", "additionalProperties": value })
    }
}

/// Anything: references in it are replaced when the step runs.
impl FromNode for Node {
    fn from_node(node: &Node, _findings: &mut Vec<Finding>) -> Option<Self> {
        Some(node.clone())
    }
}

impl JsonSchema for Node {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "anything".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        Schema::from(true)
    }
}

impl FromNode for String {
    fn from_node(node: &Node, findings: &mut Vec<Finding>) -> Option<Self> {
        if node.text().is_none() {
            findings.push(wrong_type(node, "text"));
        }
        node.text().map(str::to_owned)
    }

    fn fit(value: Json) -> Json {
        let plain = value.is_number() || value.is_boolean();
        if plain { Json::String(value.to_string()) } else { value }
    }
}

impl FromNode for bool {
    fn from_node(node: &Node, findings: &mut Vec<Finding>) -> Option<Self> {
        if let Kind::Bool(value) = node.kind {
            return Some(value);
        }
        let finding = wrong_type(node, "true or false");
        findings.push(match node.text().map(str::to_lowercase).as_deref() {
            Some("yes" | "on" | "y") => finding.help("write `true`"),
            Some("no" | "off" | "n") => finding.help("write `false`"),
            _ => finding,
        });
        None
    }
}

macro_rules! whole_number {
    ($($type:ty, $read:ident, $words:literal;)*) => { $(
        impl FromNode for $type {
            fn from_node(node: &Node, findings: &mut Vec<Finding>) -> Option<Self> {
                if let Kind::Number(number) = &node.kind
                    && let Some(value) = number.$read().and_then(|n| Self::try_from(n).ok())
                {
                    return Some(value);
                }
                let finding = wrong_type(node, $words);
                findings.push(match &node.kind {
                    Kind::Number(n) => Finding { title: format!("{n} is not {}", $words), ..finding },
                    _ => finding,
                });
                None
            }
        }
    )* };
}

whole_number! {
    i64, as_i64, "a whole number";
    u64, as_u64, "a whole number from 0 on";
    u32, as_u64, "a whole number from 0 on";
}

/// A time or duration in text.
macro_rules! read_from_text {
    ($type:ty, $code:literal, $words:literal, $pattern:literal, $name:literal) => {
        impl FromNode for $type {
            fn from_node(node: &Node, findings: &mut Vec<Finding>) -> Option<Self> {
                let Some(text) = node.text() else {
                    findings.push(wrong_type(node, $words));
                    return None;
                };
                text.parse()
                    .map_err(|error: String| {
                        findings.push(Finding::error($code, node.at.clone(), error));
                    })
                    .ok()
            }
        }

        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern })
            }
        }
    };
}

read_from_text!(
    Dur,
    "scn::bad-duration",
    "a duration such as 1h 30m",
    r"^[+-]?\s*([0-9]+\s*[a-z]+\s*)+$",
    "duration"
);
read_from_text!(
    Time,
    "scn::bad-time",
    "a point in time such as 2026-03-02T09:00:00Z",
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]",
    "time"
);
