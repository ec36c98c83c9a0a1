//! Reads a filter by recursive descent: `or` binds weakest, then `and`, then `not`.
//!
//! Words of the language are read in any case. Length, depth, number of conditions and of members of an `in` list are
//! bounded, so that no filter costs more than a page of devices.

use linarite_core::ids::Guid;

use super::Problem;
use super::expr::{Expr, Literal, Op};
use super::lexer::{Token, tokens};

/// Bytes of a filter at most.
const LENGTH: usize = 4096;
/// Parentheses and `not` inside one another at most.
const DEPTH: usize = 24;
/// Conditions at most.
const CONDITIONS: usize = 64;
/// Members of an `in` list at most, as in the service.
const MEMBERS: usize = 15;

/// Reads a filter.
pub(in crate::services::graph) fn parse(text: &str) -> Result<Expr, Problem> {
    if text.len() > LENGTH {
        return Err(Problem::new(LENGTH, format!("the filter is longer than {LENGTH} bytes")));
    }
    let tokens = tokens(text)?;
    let mut parser =
        Parser { tokens: &tokens, next: 0, end: text.chars().count(), depth: 0, conditions: 0 };
    let expr = parser.or()?;
    match parser.peek() {
        None => Ok(expr),
        Some(token) => Err(parser.here(format!("{} is not expected", shown(token)))),
    }
}

struct Parser<'a> {
    tokens: &'a [(usize, Token)],
    next: usize,
    end: usize,
    depth: usize,
    conditions: usize,
}

fn shown(token: &Token) -> String {
    match token {
        Token::Word(word) => format!("`{word}`"),
        Token::Text(text) => format!("the text '{text}'"),
        Token::Open => "`(`".to_owned(),
        Token::Close => "`)`".to_owned(),
        Token::Comma => "`,`".to_owned(),
    }
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.next).map(|(_, token)| token)
    }

    fn take(&mut self) -> Option<&'a Token> {
        let token = self.peek();
        self.next += 1;
        token
    }

    /// A problem at the next token.
    fn here(&self, message: impl Into<String>) -> Problem {
        Problem::new(self.tokens.get(self.next).map_or(self.end, |(at, _)| *at), message)
    }

    /// A problem at the token that was taken last.
    fn before(&self, message: impl Into<String>) -> Problem {
        let at = self.next.checked_sub(1).and_then(|index| self.tokens.get(index));
        Problem::new(at.map_or(self.end, |(at, _)| *at), message)
    }

    /// Takes the next token when it is this word.
    fn word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(w)) if w.eq_ignore_ascii_case(word));
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, token: &Token, what: &str) -> Result<(), Problem> {
        if self.peek() == Some(token) {
            self.next += 1;
            Ok(())
        } else {
            Err(self.here(format!("{what} is expected")))
        }
    }

    fn or(&mut self) -> Result<Expr, Problem> {
        let mut parts = vec![self.and()?];
        while self.word("or") {
            parts.push(self.and()?);
        }
        Ok(single_or(parts, Expr::Or))
    }

    fn and(&mut self) -> Result<Expr, Problem> {
        let mut parts = vec![self.unary()?];
        while self.word("and") {
            parts.push(self.unary()?);
        }
        Ok(single_or(parts, Expr::And))
    }

    fn deeper<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        if self.depth >= DEPTH {
            return Err(self.here(format!("the filter is nested deeper than {DEPTH}")));
        }
        self.depth += 1;
        let inner = read(self)?;
        self.depth -= 1;
        Ok(inner)
    }

    fn unary(&mut self) -> Result<Expr, Problem> {
        if self.word("not") {
            return Ok(Expr::Not(Box::new(self.deeper(Self::unary)?)));
        }
        if self.peek() == Some(&Token::Open) {
            self.next += 1;
            let inner = self.deeper(Self::or)?;
            self.expect(&Token::Close, "`)`")?;
            return Ok(inner);
        }
        self.conditions += 1;
        if self.conditions > CONDITIONS {
            return Err(self.here(format!("the filter has more than {CONDITIONS} conditions")));
        }
        self.condition()
    }

    fn condition(&mut self) -> Result<Expr, Problem> {
        let name = self.name()?;
        if self.peek() == Some(&Token::Open) {
            return self.call(name);
        }
        if self.word("in") {
            return self.members(name);
        }
        let op = match self.peek() {
            Some(Token::Word(word)) => {
                Op::ALL.into_iter().find(|op| op.word().eq_ignore_ascii_case(word))
            }
            _ => None,
        };
        let Some(op) = op else {
            return Err(self.here(format!("an operator (eq, ne, ...) is expected after `{name}`")));
        };
        self.next += 1;
        let value = self.literal()?;
        Ok(Expr::Compare { property: name, op, value })
    }

    /// The name of a property or a function.
    fn name(&mut self) -> Result<String, Problem> {
        match self.peek() {
            Some(Token::Word(word)) if is_name(word) => {
                self.next += 1;
                Ok(word.clone())
            }
            Some(Token::Text(_)) => Err(self.here(
                "a condition begins with a property or a function; texts stand to the right",
            )),
            Some(token) => Err(self.here(format!(
                "the name of a property or a function is expected, not {}",
                shown(token)
            ))),
            None => Err(self.here("a condition is expected")),
        }
    }

    fn call(&mut self, function: String) -> Result<Expr, Problem> {
        let last = function.rsplit('/').next().unwrap_or_default();
        if function.contains('/') && ["any", "all"].iter().any(|w| w.eq_ignore_ascii_case(last)) {
            return Err(self.before(format!("lambdas such as `{function}(...)` are not emulated")));
        }
        self.expect(&Token::Open, "`(`")?;
        let property = self.name()?;
        self.expect(&Token::Comma, "`,` and a second argument")?;
        let argument = self.literal()?;
        self.expect(&Token::Close, "`)`")?;
        Ok(Expr::Call { function, property, argument })
    }

    fn members(&mut self, property: String) -> Result<Expr, Problem> {
        self.expect(&Token::Open, "a list in parentheses")?;
        let mut values = vec![self.literal()?];
        while self.peek() == Some(&Token::Comma) {
            self.next += 1;
            values.push(self.literal()?);
            if values.len() > MEMBERS {
                return Err(self.before(format!("an `in` list has more than {MEMBERS} members")));
            }
        }
        self.expect(&Token::Close, "`)`")?;
        Ok(Expr::In { property, values })
    }

    fn literal(&mut self) -> Result<Literal, Problem> {
        let expected = "a literal is expected: 'text', true, false, null, a time or a GUID";
        match self.take() {
            Some(Token::Text(text)) => Ok(Literal::Text(text.clone())),
            Some(Token::Word(word)) => match word.to_ascii_lowercase().as_str() {
                "null" => Ok(Literal::Null),
                "true" => Ok(Literal::Flag(true)),
                "false" => Ok(Literal::Flag(false)),
                _ if is_bare(word) => Ok(Literal::Bare(word.clone())),
                _ => Err(self
                    .before(format!("`{word}` is not a literal; a text stands in single quotes"))),
            },
            Some(Token::Open | Token::Close | Token::Comma) => Err(self.before(expected)),
            None => Err(self.here(expected)),
        }
    }
}

fn single_or(mut parts: Vec<Expr>, many: impl FnOnce(Vec<Expr>) -> Expr) -> Expr {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            many(parts)
        }
        None => many(parts),
    }
}

/// Whether a word can name a property or a function, and is not an operator.
fn is_name(word: &str) -> bool {
    let reserved = ["and", "or", "not", "in", "null", "true", "false"];
    word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '/' | '.' | '$'))
        && !reserved.iter().any(|r| r.eq_ignore_ascii_case(word))
        && !Op::ALL.iter().any(|op| op.word().eq_ignore_ascii_case(word))
}

/// Whether a word is a literal without quotes: a number, a time or a GUID.
fn is_bare(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit() || c == '-') || word.parse::<Guid>().is_ok()
}
