//! YAML text to [`Node`], in the strict subset of the format: YAML 1.2 booleans only, no merge
//! keys, no tags of one's own, no second document, no key twice, keys are text.
//!
//! Numbers with a leading zero or an underscore stay text, as they are names more often than
//! numbers in these files.

use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy};
use serde_saphyr::{Location, Spanned};

use super::finding::{Finding, Source, Span};
use super::node::{Key, Kind, Node};

/// Lists and maps inside each other at most: what reads them goes down by recursion, on threads with little room.
const DEEPEST: usize = 32;

/// Reads one document. Nothing comes back when the text is not YAML at all.
pub fn parse(source: &Arc<Source>, findings: &mut Vec<Finding>) -> Option<Node> {
    let options = serde_saphyr::options! {
        strict_booleans: true,
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::Error,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        reject_unsupported_tags: true,
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 20_000 },
        budget: serde_saphyr::budget! { max_depth: DEEPEST },
        with_snippet: false,
    };
    match serde_saphyr::from_str_with_options::<Spanned<Raw>>(&source.text, options) {
        Ok(raw) => Some(convert(raw, source, findings)),
        Err(error) => {
            if let Some(at) = tab(source) {
                findings.push(
                    Finding::error("scn::tab", at, "a tab in the indentation")
                        .help("YAML is indented with spaces: write two spaces for each level"),
                );
                return None;
            }
            let at = error
                .location()
                .map_or_else(|| Span::of(source, 0, 0), |location| span(source, &location));
            let words = first_line(&error.without_snippet().to_string());
            let line = at.source.line(at.line).unwrap_or_default();
            let help = syntax_help(&words, line);
            let title = format!("this is not YAML that scenarios are written in: {words}");
            findings.push(Finding::error("scn::yaml", at, title).maybe_help(help));
            None
        }
    }
}

/// Advice for the mistakes that are made most.
fn syntax_help(words: &str, line: &str) -> Option<String> {
    let help = if line.contains("${") || line.contains("{{") {
        REFERENCE_HELP
    } else if words.contains("mapping values are not allowed") {
        "text with a colon and a space in it stands in quotes; keys of one map stand below each other"
    } else if words.contains("merge keys") {
        "write the keys out, or use a world or an action file with `use`"
    } else if words.contains("several documents") {
        "one file holds one scenario: remove the `---`"
    } else if words.contains("unexpected character") {
        "text that begins with a sign such as @ or ` stands in quotes"
    } else {
        return None;
    };
    Some(help.to_owned())
}

const REFERENCE_HELP: &str = "references are written $(name)";

/// The first line of a parser's message, without the position that it repeats.
fn first_line(words: &str) -> String {
    if ["budget", "recursion limit", "replay"].iter().any(|limit| words.contains(limit)) {
        return "nested too deeply, or too much of it".to_owned();
    }
    if words.contains("multiple YAML documents") {
        return "several documents in one file".to_owned();
    }
    let line = words.lines().next().unwrap_or_default().trim_start_matches("error: ");
    let line = line.strip_prefix("line ").and_then(|l| l.split_once(": ")).map_or(line, |(_, l)| l);
    let line = line.split(" at line ").next().unwrap_or(line);
    let line = line
        .replace(" by configured policy", "")
        .replace(" rejected by the configured policy", " is not allowed");
    line.replace("`@'", "`@`")
}

/// The first tab in the indentation of a line. Inside a block of text it would be allowed, so this
/// is asked only when the file does not parse.
fn tab(source: &Arc<Source>) -> Option<Span> {
    line_starts(&source.text).find_map(|(at, line)| {
        let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
        let tab = at + line.get(..indent)?.find('\t')?;
        Some(Span::of(source, tab, tab + 1))
    })
}

fn line_starts(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split_inclusive('\n').map(move |line| {
        let start = at;
        at += line.len();
        (start, line)
    })
}

/// The tree as serde hands it out; places are still those of the parser.
enum Raw {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Spanned<Self>>),
    Map(Vec<(Spanned<RawKey>, Spanned<Self>)>),
}

/// A key: text, or something that a key may not be.
struct RawKey(Option<String>);

fn convert(raw: Spanned<Raw>, source: &Arc<Source>, findings: &mut Vec<Finding>) -> Node {
    let mut at = span(source, &raw.referenced);
    let kind = match raw.value {
        Raw::Null => Kind::Null,
        Raw::Bool(b) => Kind::Bool(b),
        Raw::Number(n) => Kind::Number(n),
        Raw::Text(s) => Kind::Text(s),
        Raw::List(items) => {
            Kind::List(items.into_iter().map(|item| convert(item, source, findings)).collect())
        }
        Raw::Map(raws) => Kind::Map(convert_map(raws, source, findings)),
    };
    // The parser reports a collection by its first token; an excerpt of its first line is wanted.
    if matches!(kind, Kind::List(_) | Kind::Map(_)) {
        let rest = source.text.get(at.bytes().start..).unwrap_or_default();
        let line = rest.lines().next().unwrap_or_default();
        let line = line.split(" #").next().unwrap_or_default().trim_end();
        at.end = at.start.saturating_add(u32::try_from(line.len()).unwrap_or(0));
    }
    Node { kind, at }
}

fn convert_map(
    raws: Vec<(Spanned<RawKey>, Spanned<Raw>)>,
    source: &Arc<Source>,
    findings: &mut Vec<Finding>,
) -> Vec<(Key, Node)> {
    let mut entries: Vec<(Key, Node)> = Vec::with_capacity(raws.len());
    for (key, value) in raws {
        let at = span(source, &key.referenced);
        let value = convert(value, source, findings);
        let Some(text) = key.value.0 else {
            let help = source.line(at.line).filter(|line| line.contains("{{"));
            let help = help.map(|_| REFERENCE_HELP.to_owned());
            findings.push(Finding::error("scn::yaml", at, "a key must be text").maybe_help(help));
            continue;
        };
        if let Some((first, _)) = entries.iter().find(|(first, _)| first.text == text) {
            findings.push(
                Finding::error(
                    "scn::duplicate-key",
                    at,
                    format!("the key `{text}` stands here twice"),
                )
                .also(first.at.clone(), "first here"),
            );
            continue;
        }
        entries.push((Key { text, at }, value));
    }
    entries
}

fn span(source: &Arc<Source>, location: &Location) -> Span {
    let to_u32 = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    let length = to_u32(source.text.len() as u64);
    let Some(start) = location.span().byte_offset() else {
        return by_line(source, location);
    };
    let start = to_u32(start).min(length);
    let end = start.saturating_add(to_u32(location.span().byte_len().unwrap_or(0))).min(length);
    Span {
        source: Arc::clone(source),
        line: to_u32(location.line()).max(1),
        column: to_u32(location.column()).max(1),
        start,
        end,
    }
}

/// The span of one character for a place without bytes, as the scanner's errors have it.
fn by_line(source: &Arc<Source>, location: &Location) -> Span {
    let line = usize::try_from(location.line()).unwrap_or(usize::MAX).max(1);
    let column = usize::try_from(location.column()).unwrap_or(usize::MAX).max(1);
    let (start, text) =
        line_starts(&source.text).nth(line - 1).unwrap_or_else(|| (source.text.len(), ""));
    let text = text.trim_end_matches(['\n', '\r']);
    let before: usize = text.chars().take(column - 1).map(char::len_utf8).sum();
    let here = text.get(before..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    Span::of(source, start + before, start + before + here)
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Number(value.into()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_string()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Number::from_f64(value).map_or(Raw::Null, Raw::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Raw, E> {
        Ok(Raw::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}

impl<'de> Deserialize<'de> for RawKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match Raw::deserialize(deserializer)? {
            Raw::Text(text) => Some(text),
            Raw::Number(number) => Some(number.to_string()),
            Raw::Bool(b) => Some(b.to_string()),
            Raw::Null | Raw::List(_) | Raw::Map(_) => None,
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn tree(text: &str) -> (Option<Node>, Vec<Finding>) {
        let source = Arc::new(Source { path: PathBuf::from("t.yaml"), text: text.to_owned() });
        let mut findings = Vec::new();
        (parse(&source, &mut findings), findings)
    }

    #[test]
    fn every_key_and_value_knows_its_place() {
        let (node, findings) =
            tree("a: {b: [x, 'é y', 3]}\nc:\n  - d: 2h # note\n    e: |\n      t\n");
        assert!(findings.is_empty(), "{findings:?}");
        let node = node.unwrap();
        let b = node.get("a").unwrap().get("b").unwrap();
        assert_eq!(b.elements()[1].at.text(), "'é y'");
        assert_eq!((b.elements()[2].at.line, b.elements()[2].at.column), (1, 19));
        assert_eq!(b.elements()[2].at.text(), "3");
        let item = &node.get("c").unwrap().elements()[0];
        assert_eq!((item.at.line, item.at.column), (3, 5));
        assert_eq!(item.at.text(), "d: 2h");
        assert_eq!(item.get("d").unwrap().at.text(), "2h");
        assert_eq!(item.entries()[1].0.at.text(), "e");
        assert_eq!(node.get("a").unwrap().at.text(), "{b: [x, 'é y', 3]}");
    }

    #[test]
    fn words_that_other_yaml_calls_booleans_stay_words() {
        let (node, _) = tree("[yes, off, on, n, 0755, 1_000, 2026-03-02T09:00:00Z, true]");
        let json = node.unwrap().to_json();
        assert_eq!(
            json,
            serde_json::json!([
                "yes",
                "off",
                "on",
                "n",
                "0755",
                "1_000",
                "2026-03-02T09:00:00Z",
                true
            ])
        );
    }

    #[test]
    fn a_key_twice_is_reported_with_both_places() {
        let (node, findings) = tree("a: 1\nb: 2\na: 3\n");
        assert_eq!(node.unwrap().to_json(), serde_json::json!({"a": 1, "b": 2}));
        assert_eq!(findings[0].code, "scn::duplicate-key");
        assert_eq!((findings[0].line(), findings[0].also.as_ref().unwrap().0.line), (3, 1));
    }

    #[test]
    fn what_is_not_yaml_is_one_finding_at_its_place() {
        for (text, line) in [("a: [1, 2\nb: 3\n", 2), ("a: 1\n\tb: 2\n", 2), ("a: b: c\n", 1)] {
            let (node, findings) = tree(text);
            assert!(node.is_none(), "{text}");
            assert_eq!(findings.len(), 1, "{text}");
            assert_eq!(findings[0].line(), line, "{text}: {}", findings[0].render(false));
        }
    }
}
