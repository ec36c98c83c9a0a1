//! Keeps secrets out of everything that is printed: the one place where an exchange passes on its way to a report.
//!
//! Two kinds of rules find what has to go. By structure: headers, form and JSON members, elements, tokens and sealed
//! grants that hold secrets whatever their value. By value: the passwords and client secrets of the world, in whatever
//! encoding they turn up. What is found is replaced by a tag such as `‹access_token:3f2a›`, whose digits are the first
//! of its SHA-256: two tags are equal when the secrets were. A signed token keeps its header and claims and loses its
//! signature (section 8 of the scenario reference).
//!
//! Left out: secrets of fewer than four characters, and former passwords outside the places that hold passwords;
//! base64 and hexadecimal digits that are broken into lines; an encoding inside another one, but for JSON around it; secrets inside compressed or encrypted bodies.

mod structure;
#[cfg(test)]
mod tests;
mod values;

use std::ops::Range;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::Value;

use crate::directory::DirectoryError;
use crate::keys::encoding::to_hex;
use crate::world::World;
use values::Values;

/// A part of a text that has to go.
#[derive(Clone, Debug)]
struct Span {
    range: Range<usize>,
    tag: Tag,
}

/// What stands in the place of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Tag {
    label: String,
    digits: String,
}

impl Tag {
    /// The tag of a secret in its plain form.
    fn new(label: &str, secret: &[u8]) -> Self {
        let hash = digest(&SHA256, secret);
        let digits = hash.as_ref().get(..2).map(to_hex).unwrap_or_default();
        Self { label: label.to_owned(), digits }
    }
}

/// Takes secrets out of texts.
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    values: Values,
}

impl Redactor {
    /// A redactor that knows these secrets by value, each with a word for what it is.
    pub fn new<'a>(secrets: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut values = Values::default();
        for (label, secret) in secrets {
            values.add(label, secret);
        }
        Self { values }
    }

    /// Lets it know one more secret by value, with a word for what it is.
    pub fn add(&mut self, label: &str, secret: &str) {
        self.values.add(label, secret);
    }

    /// A redactor that knows the secrets of a world: passwords of its users, as they are and as the world file has them,
    /// their second factors, and client secrets of its applications. A password that is set later is not known to it.
    pub async fn for_world(world: &World) -> Result<Self, DirectoryError> {
        let mut redactor = Self::default();
        redactor.learn(world).await?;
        Ok(redactor)
    }

    /// Lets it know what [`Self::for_world`] finds now, beside what it knows: a secret that is gone from the world is one
    /// all the same.
    pub async fn learn(&mut self, world: &World) -> Result<(), DirectoryError> {
        let users = world.directory.users().await?;
        let mut secrets: Vec<(&str, &str)> =
            users.iter().map(|(_, user)| ("password", user.password.as_str())).collect();
        let written = |group: &'static str, member: &'static str| {
            let group = world.document.get(group).and_then(Value::as_object);
            group.into_iter().flatten().filter_map(move |(_, entry)| entry.get(member)?.as_str())
        };
        secrets.extend(written("users", "password").map(|password| ("password", password)));
        let factors = world.document.get("users").and_then(Value::as_object).into_iter().flatten();
        let factors = factors.filter_map(|(_, user)| user.pointer("/mfa/totp")?.as_str());
        secrets.extend(factors.map(|secret| ("totp", secret)));
        secrets.extend(
            world.apps.iter().filter_map(|a| Some(("client_secret", a.secret.as_deref()?))),
        );
        // The word that asks for a password is none.
        secrets.retain(|(_, secret)| *secret != "generated");
        for (label, secret) in secrets {
            self.add(label, secret);
        }
        Ok(())
    }

    /// A text without its secrets: a body, a URL, a line, whatever may hold some.
    pub fn redact(&self, text: &str) -> String {
        self.without(text, self.spans(text, 0))
    }

    /// The value of a header.
    pub fn header(&self, name: &str, value: &str) -> String {
        let mut spans = self.spans(value, 0);
        structure::header(name, value, 0, &mut spans);
        self.without(value, spans)
    }

    /// The decoded value of a parameter of a query or form.
    pub fn member(&self, name: &str, value: &str) -> String {
        if value.is_empty() || !structure::is_secret_parameter(name) {
            return self.redact(value);
        }
        let tag = Tag::new(&name.to_lowercase(), value.as_bytes());
        self.without(value, vec![Span { range: 0..value.len(), tag }])
    }

    /// Redacts every text in a value; member names stay.
    pub fn json(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.redact(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.json(item)),
            Value::Object(members) => members.values_mut().for_each(|member| self.json(member)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn spans(&self, text: &str, depth: u8) -> Vec<Span> {
        let mut spans = Vec::new();
        structure::find(text, &mut spans, |claims| {
            depth == 0 && !self.spans(claims, depth + 1).is_empty()
        });
        self.values.find(text, &mut spans);
        spans
    }

    fn without(&self, text: &str, spans: Vec<Span>) -> String {
        let mut clean = self.replace(text, spans);
        // Only a secret that holds the marks of a tag can come to be where a tag was put beside its rest.
        if self.values.hold_marks() {
            for _ in 0..4 {
                let mut left = Vec::new();
                self.values.find(&clean, &mut left);
                if left.is_empty() {
                    return clean;
                }
                clean = self.replace(&clean, left);
            }
            return BARE.to_owned();
        }
        clean
    }

    fn replace(&self, text: &str, mut spans: Vec<Span>) -> String {
        if spans.is_empty() {
            return text.to_owned();
        }
        spans.sort_by(|a, b| a.range.start.cmp(&b.range.start).then(b.range.end.cmp(&a.range.end)));
        let mut joined: Vec<Span> = Vec::new();
        for span in spans {
            match joined.last_mut() {
                Some(last) if span.range.start < last.range.end => {
                    last.range.end = last.range.end.max(span.range.end);
                }
                Some(_) | None => joined.push(span),
            }
        }
        let mut clean = String::with_capacity(text.len());
        let mut from = 0;
        for span in joined {
            clean.push_str(text.get(from..span.range.start).unwrap_or_default());
            clean.push_str(&self.print(&span.tag));
            from = span.range.end;
        }
        clean.push_str(text.get(from..).unwrap_or_default());
        clean
    }

    /// Prints a tag so that no secret is in it: a password may be the word `password`.
    fn print(&self, tag: &Tag) -> String {
        let candidates = [
            format!("‹{}:{}›", tag.label, tag.digits),
            format!("‹hidden:{}›", tag.digits),
            "‹hidden›".to_owned(),
        ];
        let mut clean = candidates.into_iter().filter(|text| !self.values.are_in(text));
        clean.next().unwrap_or_else(|| BARE.to_owned())
    }
}

/// A tag that is too short to hold any secret that is looked for.
const BARE: &str = "‹…›";
