//! Text with references in it.

use std::ops::Range;

use serde_json::{Map, Value as Json};

use super::{Expr, ExprError, Scope, Value, evaluate, parse};
use crate::scenario::finding::Finding;
use crate::scenario::node::{Kind, Node};

/// Text cut into what is said and what is referred to.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    /// The pieces in order.
    pub pieces: Vec<Piece>,
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// Text that stands for itself.
    Text(String),
    /// A reference; the bytes of its expression are those of the whole text.
    Reference(Expr),
}

impl Template {
    /// Whether text holds a reference or an escaped one, so that it is worth cutting.
    pub fn is_needed(text: &str) -> bool {
        text.contains("$(")
    }

    /// Cuts text at its references. `$$(` stands for the two characters `$(`.
    pub fn parse(text: &str) -> Result<Self, ExprError> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut at = 0;
        while let Some(found) = text.get(at..).and_then(|rest| rest.find("$(")) {
            let start = at + found;
            if let Some(before) = text.get(at..start).and_then(|before| before.strip_suffix('$')) {
                plain.push_str(before);
                plain.push_str("$(");
                at = start + 2;
                continue;
            }
            plain.push_str(text.get(at..start).unwrap_or_default());
            let Some(end) = closing(text, start + 2) else {
                let title = "the reference is not closed";
                return Err(ExprError::new("scn::bad-expression", start..text.len(), title)
                    .help("close it with `)`; within { } or [ ] a reference with a comma stands in quotes; $$( is the text $("));
            };
            let shift = |range: &Range<usize>| range.start + start + 2..range.end + start + 2;
            let mut expr = parse(text.get(start + 2..end).unwrap_or_default())
                .map_err(|error| ExprError { range: shift(&error.range), ..error })?;
            relocate(&mut expr, start + 2);
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(Piece::Reference(expr));
            at = end + 1;
        }
        plain.push_str(text.get(at..).unwrap_or_default());
        if !plain.is_empty() || pieces.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok(Self { pieces })
    }

    /// The references.
    pub fn references(&self) -> impl Iterator<Item = &Expr> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Reference(expr) => Some(expr),
            Piece::Text(_) => None,
        })
    }

    /// The value: that of the reference when there is nothing else, else text.
    pub fn evaluate(&self, scope: &dyn Scope) -> Result<Value, ExprError> {
        if let [Piece::Reference(expr)] = self.pieces.as_slice() {
            return evaluate(expr, scope);
        }
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Reference(expr) => out.push_str(&evaluate(expr, scope)?.to_string()),
            }
        }
        Ok(Value::Json(Json::String(out)))
    }
}

/// The place of the bracket that closes a reference; brackets in quotes do not count.
fn closing(text: &str, from: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in text.get(from..)?.char_indices() {
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if open == c => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') if depth == 0 => return Some(from + at),
            (None, ')') => depth -= 1,
            (Some(_) | None, _) => {}
        }
    }
    None
}

fn relocate(expr: &mut Expr, by: usize) {
    use super::ExprKind as K;
    expr.range = expr.range.start + by..expr.range.end + by;
    match &mut expr.kind {
        K::Literal(_) | K::Name(_) => {}
        K::Member(of, _) | K::Not(of) | K::Minus(of) => relocate(of, by),
        K::Index(a, b) | K::Binary(_, a, b) => {
            relocate(a, by);
            relocate(b, by);
        }
        K::Call(_, arguments) => arguments.iter_mut().for_each(|argument| relocate(argument, by)),
    }
}

/// The value of a tree, its references replaced: those in keys too. The error stands at the place
/// of the reference.
pub fn resolve(node: &Node, scope: &dyn Scope) -> Result<Json, Box<Finding>> {
    let text_value = |text: &str, at| -> Result<Json, Box<Finding>> {
        if !Template::is_needed(text) {
            return Ok(Json::String(text.to_owned()));
        }
        Template::parse(text)
            .and_then(|template| template.evaluate(scope))
            .map(Value::into_json)
            .map_err(|error| Box::new(error.finding(at)))
    };
    match &node.kind {
        Kind::Text(text) => text_value(text, &node.at),
        Kind::List(elements) => elements.iter().map(|element| resolve(element, scope)).collect(),
        Kind::Map(entries) => {
            let mut map = Map::new();
            for (key, value) in entries {
                let name = Value::Json(text_value(&key.text, &key.at)?).to_string();
                map.insert(name, resolve(value, scope)?);
            }
            Ok(Json::Object(map))
        }
        Kind::Null | Kind::Bool(_) | Kind::Number(_) => Ok(node.to_json()),
    }
}
