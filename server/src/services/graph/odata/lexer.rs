//! From the text of a filter to words, texts, parentheses and commas.

use super::Problem;

/// A piece of a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A word: an operator, a property, a function, a bare literal.
    Word(String),
    /// A text in single quotes; a doubled quote inside is one.
    Text(String),
    /// `(`
    Open,
    /// `)`
    Close,
    /// `,`
    Comma,
}

/// Cuts a filter up. Each piece comes with its position.
pub(super) fn tokens(text: &str) -> Result<Vec<(usize, Token)>, Problem> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().enumerate().peekable();
    while let Some((at, c)) = chars.next() {
        let token = match c {
            c if c.is_ascii_whitespace() => continue,
            '(' => Token::Open,
            ')' => Token::Close,
            ',' => Token::Comma,
            '\'' => {
                let mut content = String::new();
                loop {
                    match chars.next() {
                        None => return Err(Problem::new(at, "a text is not closed with `'`")),
                        Some((_, '\'')) if chars.next_if(|(_, c)| *c == '\'').is_some() => {
                            content.push('\'');
                        }
                        Some((_, '\'')) => break,
                        Some((_, other)) => content.push(other),
                    }
                }
                Token::Text(content)
            }
            c if is_word(c) => {
                let mut word = String::from(c);
                while let Some((_, c)) = chars.next_if(|(_, c)| is_word(*c)) {
                    word.push(c);
                }
                Token::Word(word)
            }
            other => return Err(Problem::new(at, format!("`{other}` is not expected"))),
        };
        tokens.push((at, token));
    }
    Ok(tokens)
}

/// Letters, digits and what GUIDs, times and paths are written with.
fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/' | '$' | ':' | '-' | '+' | '@')
}
