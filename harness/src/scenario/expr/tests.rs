//! Tests of references.

use proptest::prelude::*;
use serde_json::{Map, json};

use super::*;
use crate::scenario::time::{Dur, Time};

/// Captures, a row, a world object and a clock.
struct World;

impl Scope for World {
    fn lookup(&self, name: &str) -> Option<Value> {
        match name {
            "alice" => Some(json!({"upn": "Alice@x.test", "n": 3, "groups": ["a", "b"]}).into()),
            "seed-1" => Some(json!({"deviceId": "d"}).into()),
            "row" => Some(json!({"exit": 0, "case": "healthy", "off": null, "c d": true}).into()),
            "now" => Some(Value::Time(Time(1_000_000))),
            "life" => Some(Value::Duration(Dur(7_200_000))),
            "at" => Some("eyJhbGciOiJub25lIn0.eyJ0aWQiOiJ0IiwiZXhwIjo1fQ.c2ln".to_owned().into()),
            _ => None,
        }
    }

    fn names(&self) -> Vec<String> {
        ["alice", "row", "now"].map(str::to_owned).to_vec()
    }
}

fn eval(text: &str) -> Result<Value, ExprError> {
    evaluate(&parse(text)?, &World)
}

#[test]
fn expressions_have_the_values_of_the_grammar() {
    for (text, expected) in [
        ("alice.upn", json!("Alice@x.test")),
        ("alice.groups[1]", json!("b")),
        ("alice.groups[-1]", json!("b")),
        ("row[\"c d\"]", json!(true)),
        ("seed-1.deviceId", json!("d")),
        ("row.exit == 0", json!(true)),
        ("row.case != \"healthy\"", json!(false)),
        ("row.exit == 0 && row.case == 'x' || true", json!(true)),
        ("!(1 < 2) || 2 >= 2", json!(true)),
        ("1 + 2 - 4", json!(-1)),
        ("1.5 + 1", json!(2.5)),
        ("1.5 + 1.5", json!(3)),
        ("-alice.n", json!(-3)),
        ("\"a\" + 'b'", json!("ab")),
        ("len(alice.groups) + len('äb')", json!(4)),
        ("lower(alice.upn)", json!("alice@x.test")),
        ("b64('hi')", json!("aGk=")),
        ("jwt(at).claims.tid", json!("t")),
        ("jwt(at).header.alg", json!("none")),
        ("default(alice.nothing, 7)", json!(7)),
        ("default(row.off, 7)", json!(7)),
        ("default(nobody, 7)", json!(7)),
        ("default(alice.n, 7)", json!(3)),
        ("matches(alice.upn, '^alice')", json!(false)),
        ("matches(alice.upn, \"^[aA]lice@\\w\")", json!(true)),
        ("now + duration('2h')", json!("1970-01-01T02:16:40Z")),
        ("now - life", json!("1969-12-31T22:16:40Z")),
        ("now - time('1970-01-01T00:00:00Z')", json!("16m 40s")),
        ("time(jwt(at).claims.exp)", json!("1970-01-01T00:00:05Z")),
        ("life > duration('119m') && life == '2h'", json!(true)),
        ("now > '1970-01-01T00:00:00Z'", json!(true)),
        ("true == (1 == 1)", json!(true)),
        ("null == row.off", json!(true)),
    ] {
        assert_eq!(eval(text).map(Value::into_json), Ok(expected), "{text}");
    }
}

#[test]
fn what_has_no_value_says_why_and_where() {
    for (text, title, range) in [
        ("alise.upn", "`alise` is not defined", 0..5),
        ("alice.upm", "there is no `upm` here", 0..9),
        ("alice.upn.x", "text has no `x`", 0..11),
        ("alice.groups[2]", "there is no element 2: the list has 2", 0..15),
        ("1 + 'a'", "a number and text cannot be added", 0..7),
        ("now < 5", "a point in time and a number cannot be put in order", 0..7),
        ("1 && true", "true or false is expected here, not a number", 0..1),
        (
            "duration('x')",
            "`x` is not a duration: a whole number is expected before each unit",
            9..12,
        ),
        ("matches('a', '(')", "`(` is not a regular expression", 13..16),
        ("jwt('a.b')", "this text is not a JWT", 4..9),
        ("len(1)", "`len` takes text, a list or a map, not a number", 4..5),
    ] {
        let error = eval(text).unwrap_err();
        assert_eq!((error.title.as_str(), error.range), (title, range), "{text}");
    }
    assert_eq!(eval("alise").unwrap_err().help.as_deref(), Some("did you mean `alice`?"));
    assert!(eval("now-life").unwrap_err().help.is_some(), "a name with a minus in it");
}

#[test]
fn what_is_no_expression_is_refused() {
    for text in [
        "",
        " ",
        "a.",
        "a[",
        "a[1",
        "(a",
        "a)",
        "a b",
        "= a",
        "a == ",
        "f(a)",
        "len()",
        "len(a, b)",
        "default(a b)",
        "'a",
        "a && && b",
        "1a",
        "a.1.",
        "${x}",
        "a?b:c",
        "!",
        "[1]",
        ",",
    ] {
        assert!(parse(text).is_err(), "{text}");
    }
}

#[test]
fn a_text_that_is_one_reference_keeps_the_type() {
    let value = |text: &str| Template::parse(text).unwrap().evaluate(&World).map(Value::into_json);
    assert_eq!(value("$(row.exit)"), Ok(json!(0)));
    assert_eq!(value("x$(row.exit)"), Ok(json!("x0")));
    assert_eq!(value("$(alice.groups)!"), Ok(json!("[\"a\",\"b\"]!")));
    assert_eq!(value("$$(row.exit) $5 $"), Ok(json!("$(row.exit) $5 $")));
    assert_eq!(value("$(row.case)$$(x)$(now)"), Ok(json!("healthy$(x)1970-01-01T00:16:40Z")));
    assert_eq!(value("$(len(')('))"), Ok(json!(2)), "brackets in quotes do not close it");
    assert_eq!(value("plain"), Ok(json!("plain")));
    assert_eq!(value(""), Ok(json!("")));
    let error = value("abc $(nope) d").unwrap_err();
    assert_eq!(error.range, 6..10);
    assert!(Template::parse("a $(b").is_err());
}

proptest! {
    #[test]
    fn no_text_makes_references_panic(text in "\\PC*") {
        if let Ok(expr) = parse(&text) {
            drop(evaluate(&expr, &World));
        }
        if let Ok(template) = Template::parse(&format!("{text}$({text})")) {
            drop(template.evaluate(&World));
        }
    }

    #[test]
    fn no_words_of_the_grammar_make_it_panic(words in prop::collection::vec(prop::sample::select(vec![
        "alice", ".", "upn", "[", "]", "0", "-1", "(", ")", "len(", "default(", ",", "'a'", "\"é\"", "==", "<", "+", " - ", "!", "&&", "||", "now", "life",
        "9223372036854775807", "1.5", "null"]), 0..30)) {
        if let Ok(expr) = parse(&words.concat()) {
            drop(evaluate(&expr, &World));
        }
    }

    #[test]
    fn text_without_references_is_left_alone(text in "[^$]*") {
        prop_assert_eq!(Template::parse(&text).unwrap().evaluate(&()), Ok(Value::from(text)));
    }

    #[test]
    fn deep_nesting_is_refused_not_followed(depth in 65_usize..20_000, open in "[(!-]") {
        let text = open.repeat(depth);
        prop_assert!(parse(&text).is_err());
    }

    #[test]
    fn a_value_survives_its_way_through_a_reference(number in any::<i64>(), text in "\\PC*") {
        let mut scope = Map::new();
        scope.insert("x".to_owned(), json!([number, text]));
        let value = evaluate(&parse("x").unwrap(), &scope).unwrap();
        prop_assert_eq!(value.into_json(), json!([number, text]));
    }
}
