//! A filter expression, and how it prints.
//!
//! What is printed reads back as the same expression.

use std::fmt;

/// A filter expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::services::graph) enum Expr {
    /// Two or more, all of them.
    And(Vec<Self>),
    /// Two or more, any of them.
    Or(Vec<Self>),
    /// The contrary.
    Not(Box<Self>),
    /// `property op literal`
    Compare {
        /// The property as written.
        property: String,
        /// The operator.
        op: Op,
        /// What it is compared with.
        value: Literal,
    },
    /// `property in (literal, ...)`
    In {
        /// The property as written.
        property: String,
        /// One or more.
        values: Vec<Literal>,
    },
    /// `function(property, literal)`
    Call {
        /// The function as written.
        function: String,
        /// The property as written.
        property: String,
        /// The second argument.
        argument: Literal,
    },
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::services::graph) enum Op {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
}

impl Op {
    /// Every operator.
    pub(in crate::services::graph) const ALL: [Self; 6] =
        [Self::Eq, Self::Ne, Self::Gt, Self::Ge, Self::Lt, Self::Le];

    /// Its word.
    pub(in crate::services::graph) const fn word(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Gt => "gt",
            Self::Ge => "ge",
            Self::Lt => "lt",
            Self::Le => "le",
        }
    }
}

/// A literal. What is not text, a flag or null keeps its spelling: only the property tells whether it is a time, a GUID or
/// a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::services::graph) enum Literal {
    /// `null`
    Null,
    /// `true` or `false`
    Flag(bool),
    /// Text in single quotes, without them.
    Text(String),
    /// A time, a GUID or a number, as written.
    Bare(String),
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Text(text) => write!(f, "'{}'", text.replace('\'', "''")),
            Self::Bare(word) => f.write_str(word),
        }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(parts) => print_joined(f, parts, " and "),
            Self::Or(parts) => print_joined(f, parts, " or "),
            Self::Not(part) => {
                f.write_str("not ")?;
                print_operand(f, part)
            }
            Self::Compare { property, op, value } => write!(f, "{property} {} {value}", op.word()),
            Self::In { property, values } => {
                write!(f, "{property} in (")?;
                for (index, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if index > 0 { ", " } else { "" })?;
                }
                f.write_str(")")
            }
            Self::Call { function, property, argument } => {
                write!(f, "{function}({property}, {argument})")
            }
        }
    }
}

fn print_joined(f: &mut fmt::Formatter<'_>, parts: &[Expr], word: &str) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            f.write_str(word)?;
        }
        print_operand(f, part)?;
    }
    Ok(())
}

/// Prints an operand in parentheses where it would be read otherwise without them.
fn print_operand(f: &mut fmt::Formatter<'_>, part: &Expr) -> fmt::Result {
    match part {
        Expr::And(_) | Expr::Or(_) => write!(f, "({part})"),
        Expr::Not(_) | Expr::Compare { .. } | Expr::In { .. } | Expr::Call { .. } => {
            write!(f, "{part}")
        }
    }
}
