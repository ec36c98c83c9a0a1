//! Tokens to expressions, by recursive descent.

use std::ops::Range;

use serde_json::Value;

use super::lex::{Token, lex};
use super::{Expr, ExprError, ExprKind, FUNCTIONS, Operator};
use crate::scenario::suggest;

/// Deeper nesting than anybody writes; keeps hostile text from exhausting the stack.
const DEPTH: usize = 64;

/// Reads one expression, the text between `$(` and `)`.
pub fn parse(text: &str) -> Result<Expr, ExprError> {
    let tokens = lex(text)?;
    if tokens.is_empty() {
        return Err(ExprError::new("scn::bad-expression", 0..text.len(), "the reference is empty")
            .help("write a name, such as $(alice.upn), or $$( for the characters themselves"));
    }
    let mut parser = Parser { tokens: &tokens, at: 0, end: text.len(), depth: 0 };
    let expr = parser.or()?;
    match parser.peek() {
        None => Ok(expr),
        Some((_, range)) => Err(ExprError::new(
            "scn::bad-expression",
            range.clone(),
            "the expression should end here",
        )),
    }
}

struct Parser<'a> {
    tokens: &'a [(Token, Range<usize>)],
    at: usize,
    end: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a (Token, Range<usize>)> {
        self.tokens.get(self.at)
    }

    fn eat(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Some((Token::Sign(s), _)) if *s == sign);
        self.at += usize::from(found);
        found
    }

    fn range(&self) -> Range<usize> {
        self.peek().map_or(self.end..self.end, |(_, range)| range.clone())
    }

    fn need(&mut self, sign: &str) -> Result<usize, ExprError> {
        let range = self.range();
        if self.eat(sign) {
            return Ok(range.end);
        }
        Err(ExprError::new("scn::bad-expression", range, format!("`{sign}` is missing here")))
    }

    /// `left (op right)*` for operators of one strength, from the left.
    fn chain(
        &mut self,
        operators: &[(&'static str, Operator)],
        next: fn(&mut Self) -> Result<Expr, ExprError>,
    ) -> Result<Expr, ExprError> {
        let mut left = next(self)?;
        let mut length = 0;
        'more: loop {
            for (sign, operator) in operators {
                if self.eat(sign) {
                    length += 1;
                    if length > DEPTH {
                        return Err(self.too_deep());
                    }
                    let right = next(self)?;
                    let range = left.range.start..right.range.end;
                    let kind = ExprKind::Binary(*operator, Box::new(left), Box::new(right));
                    left = Expr { kind, range };
                    continue 'more;
                }
            }
            return Ok(left);
        }
    }

    fn too_deep(&self) -> ExprError {
        ExprError::new("scn::bad-expression", self.range(), "the expression is too deep")
    }

    fn or(&mut self) -> Result<Expr, ExprError> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(self.too_deep());
        }
        let expr = self.chain(&[("||", Operator::Or)], Self::and);
        self.depth -= 1;
        expr
    }

    fn and(&mut self) -> Result<Expr, ExprError> {
        self.chain(&[("&&", Operator::And)], Self::compare)
    }

    fn compare(&mut self) -> Result<Expr, ExprError> {
        let operators = [
            ("==", Operator::Equal),
            ("!=", Operator::NotEqual),
            ("<=", Operator::LessOrEqual),
            (">=", Operator::GreaterOrEqual),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ];
        self.chain(&operators, Self::sum)
    }

    fn sum(&mut self) -> Result<Expr, ExprError> {
        self.chain(&[("+", Operator::Plus), ("-", Operator::Minus)], Self::unary)
    }

    fn unary(&mut self) -> Result<Expr, ExprError> {
        let start = self.range().start;
        let make = match self.peek() {
            Some((Token::Sign("!"), _)) => ExprKind::Not as fn(Box<Expr>) -> ExprKind,
            Some((Token::Sign("-"), _)) => ExprKind::Minus,
            _ => return self.path(),
        };
        self.at += 1;
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(self.too_deep());
        }
        let of = self.unary()?;
        self.depth -= 1;
        let range = start..of.range.end;
        Ok(Expr { kind: make(Box::new(of)), range })
    }

    fn path(&mut self) -> Result<Expr, ExprError> {
        let mut expr = self.primary()?;
        let mut length = 0;
        loop {
            length += 1;
            if length > DEPTH {
                return Err(self.too_deep());
            }
            let start = expr.range.start;
            if self.eat(".") {
                let Some((Token::Name(name), range)) = self.peek() else {
                    return Err(ExprError::new(
                        "scn::bad-expression",
                        self.range(),
                        "a name is missing after the dot",
                    ));
                };
                self.at += 1;
                let kind = ExprKind::Member(Box::new(expr), name.clone());
                expr = Expr { kind, range: start..range.end };
            } else if self.eat("[") {
                let index = self.or()?;
                let end = self.need("]")?;
                expr = Expr {
                    kind: ExprKind::Index(Box::new(expr), Box::new(index)),
                    range: start..end,
                };
            } else {
                return Ok(expr);
            }
        }
    }

    fn primary(&mut self) -> Result<Expr, ExprError> {
        let range = self.range();
        let Some((token, _)) = self.peek() else {
            return Err(ExprError::new(
                "scn::bad-expression",
                range,
                "a value is missing at the end of the expression",
            ));
        };
        self.at += 1;
        let literal = |value| Expr { kind: ExprKind::Literal(value), range: range.clone() };
        match token {
            Token::Number(number) => Ok(literal(Value::Number(number.clone()))),
            Token::Text(text) => Ok(literal(Value::String(text.clone()))),
            Token::Name(name) => match name.as_str() {
                "true" => Ok(literal(Value::Bool(true))),
                "false" => Ok(literal(Value::Bool(false))),
                "null" => Ok(literal(Value::Null)),
                _ if self.eat("(") => self.call(name, range),
                _ => Ok(Expr { kind: ExprKind::Name(name.clone()), range }),
            },
            Token::Sign("(") => {
                let inner = self.or()?;
                let end = self.need(")")?;
                Ok(Expr { kind: inner.kind, range: range.start..end })
            }
            Token::Sign(sign) => Err(ExprError::new(
                "scn::bad-expression",
                range,
                format!("a value is missing before `{sign}`"),
            )),
        }
    }

    fn call(&mut self, name: &str, range: Range<usize>) -> Result<Expr, ExprError> {
        let Some((_, wanted)) = FUNCTIONS.iter().find(|(known, _)| *known == name) else {
            let known = FUNCTIONS.iter().map(|(known, _)| *known);
            let mut error = ExprError::new(
                "scn::unknown-function",
                range,
                format!("there is no function `{name}`"),
            );
            error.help = suggest::help(name, known);
            return Err(error);
        };
        let mut arguments = Vec::new();
        let end = loop {
            let close = self.range().end;
            if self.eat(")") {
                break close;
            }
            if !arguments.is_empty() {
                self.need(",")?;
            }
            arguments.push(self.or()?);
            if arguments.len() > DEPTH {
                return Err(self.too_deep());
            }
        };
        let range = range.start..end;
        if arguments.len() != *wanted {
            let title = format!("`{name}` takes {wanted} value(s), not {}", arguments.len());
            return Err(ExprError::new("scn::bad-expression", range, title));
        }
        Ok(Expr { kind: ExprKind::Call(name.to_owned(), arguments), range })
    }
}
