//! Finding known secrets by value, in whatever encoding.
//!
//! A text is read as it is, percent-decoded (with and without `+` for a space), with the escapes of JSON resolved, and
//! with those of XML resolved; in each reading the secrets are looked for in plain, in hexadecimal digits and in base64 at every
//! alignment. That finds an encoding however it was written. The usual written forms are looked for as well, because what stands
//! before a secret can spoil a reading of it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Span, Tag};
use crate::keys::encoding::{to_hex, to_standard, to_url};
use crate::services::reply::escape;

/// Characters of the shortest secret that is looked for: shorter ones are in every text by chance.
const SHORTEST: usize = 4;

/// What no encoder of URLs escapes.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// What the encoder of forms in browsers escapes.
const FORM: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b' ');

#[derive(Clone, Debug)]
struct Pattern {
    bytes: Vec<u8>,
    tag: Tag,
}

/// Secrets that are known by value.
#[derive(Clone, Debug, Default)]
pub(super) struct Values {
    /// Patterns by their first bytes, the longest first.
    index: BTreeMap<[u8; SHORTEST], Vec<Pattern>>,
    marks: bool,
}

impl Values {
    /// Adds a secret with a word for what it is. Too short ones are passed over.
    pub(super) fn add(&mut self, label: &str, secret: &str) {
        if secret.chars().count() < SHORTEST {
            return;
        }
        self.marks |= secret.contains(['‹', '›', '…']);
        let tag = Tag::new(label, secret.as_bytes());
        let mut forms = written_forms(secret);
        forms.sort_unstable();
        forms.dedup();
        for bytes in forms {
            let Some(first) = bytes.first_chunk::<SHORTEST>() else { continue };
            let patterns = self.index.entry(*first).or_default();
            if patterns.iter().all(|known| known.bytes != bytes) {
                patterns.push(Pattern { bytes, tag: tag.clone() });
                patterns.sort_by_key(|pattern| std::cmp::Reverse(pattern.bytes.len()));
            }
        }
    }

    /// Whether a secret holds a mark that tags are made of.
    pub(super) const fn hold_marks(&self) -> bool {
        self.marks
    }

    /// Whether a secret is in a text.
    pub(super) fn are_in(&self, text: &str) -> bool {
        let mut spans = Vec::new();
        self.find(text, &mut spans);
        !spans.is_empty()
    }

    /// Adds the places of all secrets in a text, those that overlap included.
    pub(super) fn find(&self, text: &str, spans: &mut Vec<Span>) {
        if self.index.is_empty() {
            return;
        }
        let mut readings = vec![Reading::plain(text)];
        readings.extend(Reading::resolved_ways(text));
        // A report quotes what was printed as JSON, and that may hold an encoding of its own.
        let json = text.contains('\\').then(|| Reading::json(text));
        if let Some(json) = json
            && let Ok(inner) = std::str::from_utf8(&json.bytes)
        {
            let inner = Reading::resolved_ways(inner).into_iter();
            readings.extend(inner.map(|inner| inner.within(&json)));
        }
        for reading in readings {
            for at in 0..reading.bytes.len() {
                if let Some(pattern) = self.longest_at(&reading, at) {
                    let range = reading.range(text, at..at + pattern.bytes.len());
                    spans.push(Span { range, tag: pattern.tag.clone() });
                }
            }
        }
    }

    fn longest_at(&self, reading: &Reading<'_>, at: usize) -> Option<&Pattern> {
        let rest = reading.bytes.get(at..)?;
        let patterns = self.index.get(rest.first_chunk::<SHORTEST>()?)?;
        patterns.iter().find(|pattern| rest.starts_with(&pattern.bytes))
    }
}

fn written_forms(secret: &str) -> Vec<Vec<u8>> {
    let json = serde_json::Value::from(secret).to_string();
    let mut forms = vec![
        secret.to_owned(),
        utf8_percent_encode(secret, UNRESERVED).to_string(),
        utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
        utf8_percent_encode(secret, FORM).to_string().replace(' ', "+"),
        escape(secret),
        json.get(1..json.len().saturating_sub(1)).unwrap_or_default().to_owned(),
    ];
    for before in [&[][..], &[0], &[0, 0]] {
        // The characters that bytes before and behind the secret have no part in.
        let padded = [before, secret.as_bytes()].concat();
        let (from, to) = ((before.len() * 8).div_ceil(6), padded.len() * 8 / 6);
        for text in [to_standard(&padded), to_url(&padded)] {
            forms.push(text.get(from..to).unwrap_or_default().to_owned());
        }
    }
    let hex = to_hex(secret.as_bytes());
    forms.push(hex.to_ascii_uppercase());
    forms.push(hex);
    forms.into_iter().filter(|form| form.len() >= SHORTEST).map(String::into_bytes).collect()
}

/// A text of a page with its references to characters resolved.
pub(super) fn plain_of_xml(text: &str) -> Vec<u8> {
    Reading::xml(text).bytes.into_owned()
}

/// A text with its escapes resolved, and where each byte came from.
#[derive(Debug)]
struct Reading<'a> {
    bytes: Cow<'a, [u8]>,
    /// Where each byte begins in the text, and the end of the text; `None` when each is where it was.
    starts: Option<Vec<usize>>,
}

impl<'a> Reading<'a> {
    /// The text as it is.
    const fn plain(text: &'a str) -> Self {
        Self { bytes: Cow::Borrowed(text.as_bytes()), starts: None }
    }

    /// The readings of a text that resolve escapes which are in it.
    fn resolved_ways(text: &str) -> Vec<Reading<'static>> {
        let has = |c: char| text.contains(c);
        let readings = [
            has('%').then(|| Reading::percent(text, false)),
            has('+').then(|| Reading::percent(text, true)),
            has('\\').then(|| Reading::json(text)),
            has('&').then(|| Reading::xml(text)),
        ];
        readings.into_iter().flatten().collect()
    }

    /// This reading of the bytes of another one, with places in the text of that one.
    fn within(self, outer: &Reading<'_>) -> Self {
        let place = |at: usize| outer.starts.as_ref().map_or(Some(at), |o| o.get(at).copied());
        let starts = self
            .starts
            .map(|starts| starts.into_iter().map(|at| place(at).unwrap_or_default()).collect());
        Self { bytes: self.bytes, starts }
    }

    /// Resolves what `step` recognises at the head of the rest: the bytes that it stands for, and how long it is.
    fn resolved<F>(text: &str, step: F) -> Reading<'static>
    where
        F: Fn(&str) -> Option<(Unit, usize)>,
    {
        let (mut bytes, mut starts) = (Vec::with_capacity(text.len()), Vec::new());
        let mut at = 0;
        while let Some(next) = text.get(at..).and_then(|rest| rest.chars().next()) {
            let (unit, length) = text
                .get(at..)
                .and_then(&step)
                .unwrap_or_else(|| (Unit::Char(next), next.len_utf8()));
            match unit {
                Unit::Byte(byte) => {
                    bytes.push(byte);
                    starts.push(at);
                }
                Unit::Char(c) => {
                    let mut buffer = [0; 4];
                    for (index, byte) in c.encode_utf8(&mut buffer).bytes().enumerate() {
                        bytes.push(byte);
                        // Bytes of a character as it stands in the text have places of their own.
                        starts.push(if length == c.len_utf8() { at + index } else { at });
                    }
                }
            }
            at += length;
        }
        starts.push(text.len());
        Reading { bytes: Cow::Owned(bytes), starts: Some(starts) }
    }

    fn percent(text: &str, plus_is_space: bool) -> Reading<'static> {
        Self::resolved(text, |rest| match rest.as_bytes() {
            [b'%', high, low, ..] => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                let byte = u8::try_from(digit(high)? * 16 + digit(low)?).ok()?;
                Some((Unit::Byte(byte), 3))
            }
            [b'+', ..] if plus_is_space => Some((Unit::Byte(b' '), 1)),
            _ => None,
        })
    }

    fn json(text: &str) -> Reading<'static> {
        Self::resolved(text, |rest| {
            let escaped = rest.strip_prefix('\\')?;
            let plain = match escaped.chars().next()? {
                c @ ('"' | '\\' | '/') => c,
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => return unicode(escaped),
                _ => return None,
            };
            Some((Unit::Char(plain), 2))
        })
    }

    fn xml(text: &str) -> Reading<'static> {
        /// More than any reference to a character needs.
        const LONGEST: usize = 12;
        Self::resolved(text, |rest| {
            let name = rest.strip_prefix('&')?;
            let end = name.bytes().take(LONGEST).position(|byte| byte == b';')?;
            let name = name.get(..end)?;
            let plain = match name {
                "amp" => '&',
                "lt" => '<',
                "gt" => '>',
                "quot" => '"',
                "apos" => '\'',
                _ => {
                    let number = name.strip_prefix('#')?;
                    let hex = number.strip_prefix(['x', 'X']);
                    let code = match hex {
                        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                        None => number.parse().ok()?,
                    };
                    char::from_u32(code)?
                }
            };
            Some((Unit::Char(plain), end + 2))
        })
    }

    /// The part of the text that bytes of this reading come from, in whole characters.
    fn range(&self, text: &str, bytes: Range<usize>) -> Range<usize> {
        let place = |index: usize| match &self.starts {
            None => index,
            Some(starts) => starts.get(index).copied().unwrap_or(text.len()),
        };
        let (mut start, mut end) = (place(bytes.start), place(bytes.end));
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        while !text.is_char_boundary(end) {
            end += 1;
        }
        start..end
    }
}

/// What a piece of a text stands for.
#[derive(Clone, Copy, Debug)]
enum Unit {
    Byte(u8),
    Char(char),
}

/// `uXXXX`, or two of them for one character.
fn unicode(escaped: &str) -> Option<(Unit, usize)> {
    let number = |text: &str| u32::from_str_radix(text.get(1..5)?, 16).ok();
    let first = number(escaped)?;
    if let Some(c) = char::from_u32(first) {
        return Some((Unit::Char(c), 6));
    }
    let second = escaped.get(5..)?.strip_prefix('\\')?;
    let second = number(second.starts_with('u').then_some(second)?)?;
    let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
    let high = first.checked_sub(0xd800).filter(|high| *high < 0x400)?;
    Some((Unit::Char(char::from_u32(0x1_0000 + (high << 10) + low)?), 12))
}
