//! The part of `OData` that Graph's lists speak: query options, filter expressions, page tokens.
//!
//! Section 12 of the device registration notes. Nothing here knows what a device is: the words of a filter become an
//! expression, which whoever owns the list then reads. Left out: lambdas, arithmetic, functions of two properties.

pub(super) mod expr;
mod lexer;
pub(super) mod options;
mod parser;
#[cfg(test)]
mod tests;

pub(super) use parser::parse;

/// What is wrong with an expression, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} at position {at}")]
pub(super) struct Problem {
    /// The character where, from 0.
    pub(super) at: usize,
    /// What and what to do.
    pub(super) message: String,
}

impl Problem {
    fn new(at: usize, message: impl Into<String>) -> Self {
        Self { at, message: message.into() }
    }
}
