//! References: `$(alice.upn)`, `$(clock.now + duration("2h"))`, `"wpj_$(each.who)"`.
//!
//! The grammar is small on purpose: paths, literals, comparison, `&& || !`, `+ -` on numbers,
//! durations and points in time, and the functions of [`FUNCTIONS`]. No loops, no I/O.
//!
//! Names may hold a minus (`$(seed-1.deviceId)`), as ids of world objects do; a subtraction has
//! spaces around its minus.

mod eval;
mod lex;
mod parse;
mod template;
mod value;

pub(crate) use eval::jwt;
pub use eval::{Scope, evaluate};
pub use parse::parse;
pub use template::{Piece, Template, resolve};
pub use value::Value;

use std::ops::Range;

use super::finding::{Finding, Span};

/// The functions and how many arguments each takes.
pub const FUNCTIONS: [(&str, usize); 8] = [
    ("duration", 1),
    ("time", 1),
    ("len", 1),
    ("lower", 1),
    ("b64", 1),
    ("jwt", 1),
    ("default", 2),
    ("matches", 2),
];

/// An expression and its bytes within the text that it was parsed from.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Its bytes.
    pub range: Range<usize>,
}

/// What an expression is.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// A number, text in quotes, `true`, `false` or `null`.
    Literal(serde_json::Value),
    /// The first name of a path.
    Name(String),
    /// `a.b`
    Member(Box<Expr>, String),
    /// `a[0]`, `a["c d"]`
    Index(Box<Expr>, Box<Expr>),
    /// `f(x, y)`
    Call(String, Vec<Expr>),
    /// `!x`
    Not(Box<Expr>),
    /// `-x`
    Minus(Box<Expr>),
    /// `x op y`
    Binary(Operator, Box<Expr>, Box<Expr>),
}

/// An operator between two expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `||`
    Or,
    /// `&&`
    And,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `+`
    Plus,
    /// `-`
    Minus,
}

/// A path at the beginning of which a name stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Path<'a> {
    /// The name.
    pub name: &'a str,
    /// The members that follow it, as far as they are known without a value.
    pub members: Vec<&'a str>,
    /// The bytes of all of it.
    pub range: Range<usize>,
    /// Whether it is the first value of `default`, so that it need not be there.
    pub may_be_missing: bool,
}

impl Expr {
    /// Calls `see` with every path in the expression.
    pub fn each_path<'a>(&'a self, see: &mut impl FnMut(Path<'a>)) {
        self.walk(false, see);
    }

    fn walk<'a>(&'a self, may_be_missing: bool, see: &mut impl FnMut(Path<'a>)) {
        let mut members = Vec::new();
        let mut here = self;
        loop {
            match &here.kind {
                ExprKind::Member(of, name) => {
                    members.push(Some(name.as_str()));
                    here = of;
                }
                ExprKind::Index(of, index) => {
                    let literal = match &index.kind {
                        ExprKind::Literal(value) => value.as_str(),
                        ExprKind::Name(_)
                        | ExprKind::Member(..)
                        | ExprKind::Index(..)
                        | ExprKind::Call(..)
                        | ExprKind::Not(_)
                        | ExprKind::Minus(_)
                        | ExprKind::Binary(..) => None,
                    };
                    members.push(literal);
                    index.walk(false, see);
                    here = of;
                }
                ExprKind::Name(name) => {
                    // After an index that is not a name nothing is known.
                    let members = members.into_iter().rev().map_while(|member| member).collect();
                    let range = here.range.start..self.range.end;
                    return see(Path { name, members, range, may_be_missing });
                }
                ExprKind::Call(name, arguments) => {
                    for (at, argument) in arguments.iter().enumerate() {
                        argument.walk(name == "default" && at == 0, see);
                    }
                    return;
                }
                ExprKind::Not(of) | ExprKind::Minus(of) => return of.walk(false, see),
                ExprKind::Binary(_, left, right) => {
                    left.walk(false, see);
                    return right.walk(false, see);
                }
                ExprKind::Literal(_) => return,
            }
        }
    }
}

/// Why an expression cannot be read or has no value, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{title}")]
pub struct ExprError {
    /// The code of the finding that it makes.
    pub code: &'static str,
    /// What is wrong.
    pub title: String,
    /// What to do.
    pub help: Option<String>,
    /// The bytes within the text.
    pub range: Range<usize>,
}

impl ExprError {
    /// An error at some bytes of the text.
    pub fn new(code: &'static str, range: Range<usize>, title: impl Into<String>) -> Self {
        Self { code, title: title.into(), help: None, range }
    }

    /// The error with advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The finding for a text that stands at `at`.
    pub fn finding(&self, at: &Span) -> Finding {
        // Text in quotes begins a byte later than its span; with escapes in it the whole is marked.
        let source = at.text();
        let single = source.starts_with('\'');
        let shift = usize::from(single || source.starts_with('"'));
        let place = if source.contains('\n') || !single && source.contains('\\') {
            at.clone()
        } else {
            // Between single quotes a quote is written twice.
            let written = |to: usize| {
                let mut read = 0;
                let mut letters = source.get(shift..).unwrap_or_default().char_indices().peekable();
                while let Some((at, letter)) = letters.next() {
                    if read >= to {
                        return shift + at;
                    }
                    read += letter.len_utf8();
                    if single && letter == '\'' {
                        letters.next();
                    }
                }
                source.len().saturating_sub(shift)
            };
            at.part(written(self.range.start)..written(self.range.end))
        };
        Finding::error(self.code, place, &self.title).maybe_help(self.help.clone())
    }
}

#[cfg(test)]
mod tests;
