//! Text to tokens.

use std::ops::Range;

use super::ExprError;

/// A token.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A name, with minus signs inside: `seed-1`.
    Name(String),
    /// A whole or decimal number.
    Number(serde_json::Number),
    /// Text in single or double quotes.
    Text(String),
    /// One of the signs of [`SIGNS`].
    Sign(&'static str),
}

/// Longer signs first.
const SIGNS: [&str; 16] =
    ["==", "!=", "<=", ">=", "&&", "||", "<", ">", "!", "+", "-", "(", ")", "[", "]", "."];

pub(super) fn lex(text: &str) -> Result<Vec<(Token, Range<usize>)>, ExprError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(c) = rest.chars().next() else { break };
        if c.is_whitespace() {
            at += c.len_utf8();
            continue;
        }
        let after_dot = matches!(tokens.last(), Some((Token::Sign("."), _)));
        let (token, length) = if c == '"' || c == '\'' {
            quoted(rest, c).ok_or_else(|| {
                ExprError::new("scn::bad-expression", at..text.len(), "the quote is not closed")
            })?
        } else if c.is_ascii_digit() && !after_dot {
            number(rest).ok_or_else(|| {
                ExprError::new("scn::bad-expression", at..at + 1, "this is not a number")
            })?
        } else if c.is_alphanumeric() || c == '_' {
            let length = name_length(rest);
            (Token::Name(rest.get(..length).unwrap_or_default().to_owned()), length)
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            (Token::Sign(sign), sign.len())
        } else if c == ',' {
            (Token::Sign(","), 1)
        } else {
            let help = match c {
                '=' => "compare with `==`",
                '&' | '|' => "combine with `&&` and `||`",
                _ => {
                    "paths, \"text\", numbers, == != < <= > >= && || ! + - and functions are allowed"
                }
            };
            let range = at..at + c.len_utf8();
            return Err(ExprError::new(
                "scn::bad-expression",
                range,
                format!("`{c}` means nothing in an expression"),
            )
            .help(help));
        };
        tokens.push((token, at..at + length));
        at += length;
    }
    Ok(tokens)
}

/// A name goes on over minus signs that stand between two letters or digits.
fn name_length(text: &str) -> usize {
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|(_, next)| *next);
        let inside = c.is_alphanumeric()
            || c == '_'
            || c == '-' && next.is_some_and(|next| next.is_alphanumeric() || next == '_');
        if !inside {
            return at;
        }
    }
    text.len()
}

fn quoted(text: &str, quote: char) -> Option<(Token, usize)> {
    let mut out = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        if c == quote {
            return Some((Token::Text(out), at + 1));
        }
        if c == '\\' {
            let (_, escaped) = chars.next()?;
            match escaped {
                'n' => out.push('\n'),
                't' => out.push('\t'),
                '\\' | '"' | '\'' => out.push(escaped),
                // Other escapes belong to the regular expressions that stand in such text.
                _ => out.extend(['\\', escaped]),
            }
        } else {
            out.push(c);
        }
    }
    None
}

fn number(text: &str) -> Option<(Token, usize)> {
    let digits =
        |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let whole = digits(text);
    let fraction = text
        .get(whole..)
        .and_then(|rest| rest.strip_prefix('.'))
        .map(digits)
        .filter(|length| *length > 0);
    let length = whole + fraction.map_or(0, |fraction| fraction + 1);
    let after = text.get(length..)?.chars().next();
    if after.is_some_and(|c| c.is_alphanumeric() || c == '_') {
        return None;
    }
    let number = serde_json::from_str(text.get(..length)?).ok()?;
    Some((Token::Number(number), length))
}
