//! A YAML tree in which every key and every value knows its place.
//!
//! The typed model is read from this tree, the lints walk it, worlds are merged on it, and values
//! that may hold `$(...)` stay in it until the runner has a scope to replace them with.

use serde_json::{Map, Number, Value};

use super::finding::Span;

/// A value and its place.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Where it stands. For lists and maps in block style: their first line.
    pub at: Span,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer or a decimal.
    Number(Number),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the file.
    Map(Vec<(Key, Node)>),
}

/// A key of a map and its place.
#[derive(Clone, Debug)]
pub struct Key {
    /// The text of the key.
    pub text: String,
    /// Where it stands.
    pub at: Span,
}

/// Trees are equal when their values are; places do not count.
impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Node {
    /// The value under a key of a map.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|(name, _)| name.text == key).map(|(_, value)| value)
    }

    /// The entries of a map; nothing for anything else.
    pub fn entries(&self) -> &[(Key, Self)] {
        if let Kind::Map(entries) = &self.kind { entries } else { &[] }
    }

    /// The elements of a list; nothing for anything else.
    pub fn elements(&self) -> &[Self] {
        if let Kind::List(elements) = &self.kind { elements } else { &[] }
    }

    /// The text, when it is text.
    pub fn text(&self) -> Option<&str> {
        if let Kind::Text(text) = &self.kind { Some(text) } else { None }
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        self.kind == Kind::Null
    }

    /// What it is, in words: "a number".
    pub fn kind_name(&self) -> &'static str {
        match self.kind {
            Kind::Null => "nothing",
            Kind::Bool(_) => "true or false",
            Kind::Number(_) => "a number",
            Kind::Text(_) => "text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
        }
    }

    /// The value without places.
    pub fn to_json(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(b) => Value::Bool(*b),
            Kind::Number(n) => Value::Number(n.clone()),
            Kind::Text(s) => Value::String(s.clone()),
            Kind::List(elements) => elements.iter().map(Self::to_json).collect(),
            Kind::Map(entries) => {
                let map: Map<String, Value> =
                    entries.iter().map(|(k, v)| (k.text.clone(), v.to_json())).collect();
                Value::Object(map)
            }
        }
    }

    /// A tree for a value, all of it standing at one place.
    pub fn from_json(value: &Value, at: &Span) -> Self {
        let kind = match value {
            Value::Null => Kind::Null,
            Value::Bool(b) => Kind::Bool(*b),
            Value::Number(n) => Kind::Number(n.clone()),
            Value::String(s) => Kind::Text(s.clone()),
            Value::Array(items) => {
                Kind::List(items.iter().map(|item| Self::from_json(item, at)).collect())
            }
            Value::Object(map) => Kind::Map(
                map.iter()
                    .map(|(name, value)| {
                        (Key { text: name.clone(), at: at.clone() }, Self::from_json(value, at))
                    })
                    .collect(),
            ),
        };
        Self { kind, at: at.clone() }
    }

    /// The node that an RFC 6901 pointer (`/users/bob/upn`) names, or the nearest one above it.
    pub fn nearest(&self, pointer: &str) -> &Self {
        let mut here = self;
        for step in pointer.split('/').skip(1) {
            let step = step.replace("~1", "/").replace("~0", "~");
            let next = match &here.kind {
                Kind::Map(_) => here.get(&step),
                Kind::List(elements) => step.parse::<usize>().ok().and_then(|at| elements.get(at)),
                Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => None,
            };
            let Some(next) = next else { break };
            here = next;
        }
        here
    }

    /// Calls `see` with every piece of text in the tree, keys included, in the order of the file.
    pub fn each_text<'a>(&'a self, see: &mut impl FnMut(&'a str, &'a Span)) {
        match &self.kind {
            Kind::Text(text) => see(text, &self.at),
            Kind::List(elements) => elements.iter().for_each(|element| element.each_text(see)),
            Kind::Map(entries) => {
                for (key, value) in entries {
                    see(&key.text, &key.at);
                    value.each_text(see);
                }
            }
            Kind::Null | Kind::Bool(_) | Kind::Number(_) => {}
        }
    }
}
