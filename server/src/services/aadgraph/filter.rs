//! `$filter` in the words of `OData` v3: `deviceId eq guid'...'`, `startswith(displayName,'PC')`, joined by `and`.
//!
//! That is what the cmdlets send. `or`, `not`, parentheses and other operators are refused by name.

use linarite_core::device::TrustType;

use super::answer::Refused;
use crate::clock::from_rfc3339;
use crate::directory::{Filter, Test, TextTest, TimeTest};

/// The longest filter, in bytes.
const LENGTH: usize = 4096;
/// The most conditions that one filter joins.
const CONDITIONS: usize = 64;

/// A literal, by its type.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Literal {
    Text(String),
    Guid(String),
    Time(String),
    Flag(bool),
    Null,
}

/// Reads a filter.
pub(super) fn read(text: &str) -> Result<Filter, Refused> {
    if text.len() > LENGTH {
        return Err(Refused::malformed(format!("The filter is longer than {LENGTH} bytes.")));
    }
    let mut rest = text.trim();
    let mut all = Vec::new();
    loop {
        if all.len() == CONDITIONS {
            return Err(Refused::malformed(format!(
                "The filter has more than {CONDITIONS} conditions."
            )));
        }
        let (test, behind) = clause(rest)?;
        all.push(Filter::Is(test));
        let behind = behind.trim_start();
        if behind.is_empty() {
            return Ok(Filter::All(all));
        }
        rest = match behind.split_once(|c: char| c.is_ascii_whitespace()) {
            Some((and, rest)) if and.eq_ignore_ascii_case("and") => rest.trim_start(),
            _ => {
                let what: String = behind.chars().take(40).collect();
                return Err(Refused::unsupported(format!("Not emulated in $filter: `{what}`.")));
            }
        };
    }
}

fn malformed(what: &str) -> Refused {
    let what: String = what.chars().take(80).collect();
    Refused::malformed(format!("Invalid filter clause at `{what}`."))
}

/// Reads one test and returns what stands behind it.
fn clause(text: &str) -> Result<(Test, &str), Refused> {
    if let Some(rest) = strip_word(text, "startswith(") {
        let (property, rest) = rest.split_once(',').ok_or_else(|| malformed(text))?;
        let (literal, rest) = literal(rest.trim_start()).ok_or_else(|| malformed(rest))?;
        let rest = rest.trim_start().strip_prefix(')').ok_or_else(|| malformed(text))?;
        let Literal::Text(prefix) = literal else { return Err(malformed(text)) };
        return match property.trim() {
            p if p.eq_ignore_ascii_case("displayName") => {
                Ok((Test::Name(TextTest::StartsWith(prefix)), rest))
            }
            other => Err(not_taken(other, "startswith")),
        };
    }
    let (property, rest) = text.split_once(' ').ok_or_else(|| malformed(text))?;
    let (operator, rest) = rest.trim_start().split_once(' ').ok_or_else(|| malformed(rest))?;
    let (literal, rest) = literal(rest.trim_start()).ok_or_else(|| malformed(rest))?;
    Ok((test(property, operator, literal)?, rest))
}

fn not_taken(property: &str, operator: &str) -> Refused {
    let short = |text: &str| text.chars().take(40).collect::<String>();
    Refused::unsupported(format!(
        "Not emulated in $filter: `{}` on the property '{}'.",
        short(operator),
        short(property)
    ))
}

fn test(property: &str, operator: &str, literal: Literal) -> Result<Test, Refused> {
    let wrong = || {
        Refused::malformed(format!(
            "The value in $filter does not fit the property '{}'.",
            property.chars().take(40).collect::<String>()
        ))
    };
    let operator = operator.to_ascii_lowercase();
    match (property.to_ascii_lowercase().as_str(), operator.as_str(), literal) {
        ("deviceid", "eq", Literal::Guid(id)) => {
            id.parse().map(Test::DeviceId).map_err(|_| wrong())
        }
        ("objectid", "eq", Literal::Text(id) | Literal::Guid(id)) => {
            id.parse().map(Test::ObjectId).map_err(|_| wrong())
        }
        ("displayname", "eq", Literal::Text(name)) => Ok(Test::Name(TextTest::Equals(name))),
        ("accountenabled", "eq", Literal::Flag(enabled)) => Ok(Test::Enabled(enabled)),
        ("devicetrusttype", "eq", Literal::Text(word)) => {
            TrustType::from_word(&word).map(Test::Trust).ok_or_else(wrong)
        }
        ("deviceostype", "eq", Literal::Text(os)) => Ok(Test::Os(TextTest::Equals(os))),
        ("dirsyncenabled", "eq", Literal::Flag(true)) => Ok(Test::Synchronised),
        ("approximatelastlogontimestamp", "le" | "ge", Literal::Time(time)) => {
            let at = from_rfc3339(&time).ok_or_else(wrong)?;
            let time = if operator == "le" { TimeTest::AtMost(at) } else { TimeTest::AtLeast(at) };
            Ok(Test::Seen(time))
        }
        ("approximatelastlogontimestamp", "eq", Literal::Null) => Ok(Test::Seen(TimeTest::Never)),
        (
            "deviceid" | "objectid" | "displayname" | "accountenabled" | "devicetrusttype"
            | "deviceostype",
            "eq",
            _,
        )
        | ("approximatelastlogontimestamp", "le" | "ge", _) => Err(wrong()),
        _ => Err(not_taken(property, &operator)),
    }
}

fn strip_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let start = text.get(..word.len())?;
    if start.eq_ignore_ascii_case(word) { text.get(word.len()..) } else { None }
}

/// Reads a literal and returns what stands behind it.
fn literal(text: &str) -> Option<(Literal, &str)> {
    for (word, value) in
        [("true", Literal::Flag(true)), ("false", Literal::Flag(false)), ("null", Literal::Null)]
    {
        if let Some(rest) = strip_word(text, word)
            && rest.chars().next().is_none_or(|c| c.is_ascii_whitespace() || c == ')')
        {
            return Some((value, rest));
        }
    }
    let (kind, rest): (fn(String) -> Literal, &str) = if let Some(rest) = strip_word(text, "guid'")
    {
        (Literal::Guid, rest)
    } else if let Some(rest) = strip_word(text, "datetime'") {
        (Literal::Time, rest)
    } else {
        (Literal::Text, text.strip_prefix('\'')?)
    };
    let mut value = String::new();
    let mut chars = rest.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c != '\'' {
            value.push(c);
        } else if chars.next_if(|(_, c)| *c == '\'').is_some() {
            value.push('\'');
        } else {
            return Some((kind(value), rest.get(at + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "1c0ffee0-0000-4000-8000-000000000001";

    fn one(text: &str) -> Test {
        let Ok(Filter::All(mut tests)) = read(text) else { panic!("{text}") };
        assert_eq!(tests.len(), 1, "{text}");
        let Filter::Is(test) = tests.remove(0) else { panic!("{text}") };
        test
    }

    #[test]
    fn a_filter_has_an_end_of_its_length_and_of_its_conditions() {
        let clauses = |count: usize| vec!["accountEnabled eq true"; count].join(" and ");
        assert!(read(&clauses(64)).is_ok());
        for long in [
            clauses(65),
            format!("{}accountEnabled eq true", "displayName eq '' and ".repeat(1100)),
            format!("displayName eq '{}'", "x".repeat(4096 - 16)),
        ] {
            assert!(matches!(read(&long), Err(Refused::Query(..))), "{}", long.len());
        }
        assert!(read(&format!("displayName eq '{}'", "x".repeat(4096 - 17))).is_ok());
    }

    #[test]
    fn the_filters_of_the_cmdlets_read() {
        assert_eq!(one(&format!("deviceId eq guid'{ID}'")), Test::DeviceId(ID.parse().unwrap()));
        assert_eq!(
            one("displayName eq 'Bob''s PC'"),
            Test::Name(TextTest::Equals("Bob's PC".to_owned()))
        );
        assert_eq!(
            one("startswith(displayName,'PC-')"),
            Test::Name(TextTest::StartsWith("PC-".to_owned()))
        );
        assert_eq!(
            one("approximateLastLogonTimestamp le datetime'2026-03-02T09:00:00Z'"),
            Test::Seen(TimeTest::AtMost(from_rfc3339("2026-03-02T09:00:00Z").unwrap()))
        );
        let Ok(Filter::All(two)) = read("accountEnabled eq true and deviceTrustType eq 'ServerAd'")
        else {
            panic!("two tests");
        };
        assert_eq!(two.len(), 2);
    }

    #[test]
    fn what_is_not_emulated_is_refused() {
        for text in [
            "",
            "deviceId",
            "deviceId eq",
            "deviceId eq 'x'",
            "deviceId eq guid'x'",
            "deviceId eq guid'",
            "displayName eq 'a' or displayName eq 'b'",
            "not accountEnabled eq true",
            "(accountEnabled eq true)",
            "displayName ne 'a'",
            "startswith(displayName 'a')",
            "startswith(deviceOSType,'a')",
            "displayName eq 'open",
            "isManaged eq true",
            "approximateLastLogonTimestamp le datetime'soon'",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_filter_panics(text in "(?s).{0,80}") {
            let _read = read(&text);
        }

        #[test]
        fn no_damaged_filter_panics(at in 0_usize..60, with in any::<char>()) {
            let mut text: Vec<char> =
                "startswith(displayName,'PC''s') and deviceId eq guid'1c0ffee0'".chars().collect();
            if let Some(place) = text.get_mut(at) {
                *place = with;
            }
            let _read = read(&text.into_iter().collect::<String>());
        }
    }
}
