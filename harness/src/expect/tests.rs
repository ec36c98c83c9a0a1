//! Tests of matchers and sets of records.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::scenario::time::Time;

const NOW: &str = "2026-03-05T09:00:00Z";

fn now() -> Time {
    NOW.parse().unwrap()
}

fn holds(matcher: &Value, actual: &Value, style: Style) -> bool {
    Matcher::parse(matcher).unwrap().holds(actual, style, now())
}

#[test]
fn each_operator_does_what_it_says() {
    for (matcher, yes, no) in [
        (json!(5), json!(5), json!("5")),
        (json!({"equals": {"a": 1}}), json!({"a": 1.0}), json!({"a": 1, "b": 2})),
        (json!({"is_not": 5}), json!("5"), json!(5)),
        (json!({"contains": "b"}), json!("abc"), json!("ac")),
        (json!({"contains": "b"}), json!(["a", "b"]), json!(["ab"])),
        (json!({"contains": ["a", "b"]}), json!(["b", "a"]), json!(["a"])),
        (json!({"contains": {"a": 1}}), json!([{"a": 1, "b": 2}]), json!([{"a": 2}])),
        (json!({"matches": "^b"}), json!("a\nb"), json!("ab")),
        (json!({"matches": "^B", "ignore_case": true}), json!("a\nb"), json!("ab")),
        (json!({"starts_with": "a"}), json!("ab"), json!("ba")),
        (json!({"ends_with": "A", "ignore_case": true}), json!("ba"), json!("ab")),
        (json!({"one_of": [1, "x"]}), json!("x"), json!("y")),
        (json!({"exists": true}), json!(0), Value::Null),
        (json!({"exists": false}), Value::Null, json!("")),
        (json!({"lt": 5}), json!(4.5), json!(5)),
        (json!({"le": 5}), json!(5), json!(6)),
        (json!({"gt": "1h"}), json!("61m"), json!("1h")),
        (json!({"ge": NOW}), json!(NOW), json!("2026-03-05T08:59:59Z")),
        (json!({"gt": "b"}), json!("c"), json!("a")),
        (json!({"count": 2}), json!([1, 2]), json!([1])),
        (json!({"count": {"ge": 1}}), json!({"a": 1}), json!({})),
        (
            json!({"within": "5s", "of": NOW}),
            json!("2026-03-05T09:00:05Z"),
            json!("2026-03-05T09:00:06Z"),
        ),
        (json!({"within": "5s", "of": NOW}), json!(1_772_701_195), json!(1_772_701_194)),
        (json!({"within": 2, "of": 10}), json!(8), json!(7.9)),
        (json!({"older_than": "2d"}), json!("2026-03-03T08:59:59Z"), json!("2026-03-03T09:00:00Z")),
        (json!({"newer_than": "2d"}), json!("2026-03-03T09:00:01Z"), json!("2026-03-03T09:00:00Z")),
        (json!({"older_than": NOW}), json!("2026-03-05T08:59:59Z"), json!(NOW)),
        (json!({"not": {"contains": "a"}}), json!("b"), json!("ab")),
        (json!({"not": "a"}), json!("b"), json!("a")),
        (json!({"ge": 1, "le": 3}), json!(2), json!(4)),
        (
            json!({"is": "uuid"}),
            json!("6babcaad-604b-40ac-a9d7-9fd97c0b779f"),
            json!("6babcaad604b40aca9d79fd97c0b779f"),
        ),
        (json!({"is": "jwt"}), json!("eyJhIjoxfQ.eyJiIjoyfQ.c2ln"), json!("a.b.c")),
        (json!({"is": "rfc3339"}), json!(NOW), json!("2026-03-05")),
        (json!({"is": "thumbprint"}), json!("a".repeat(40)), json!("a".repeat(39))),
        (json!({"is": "base64"}), json!("aGk="), json!("aGk")),
        (json!({"is": "url"}), json!("https://x.test/y"), json!("x.test")),
        (json!({"is": "empty"}), json!([]), json!(0)),
        (json!({"is": "string"}), json!(""), json!(1)),
        (json!({"is": "number"}), json!(1), json!("1")),
        (json!({"is": "array"}), json!([]), json!({})),
        (json!({"is": "object"}), json!({}), json!([])),
        (json!({"is": "null"}), Value::Null, json!(0)),
    ] {
        assert!(holds(&matcher, &yes, Style::Json), "{matcher} holds for {yes}");
        assert!(!holds(&matcher, &no, Style::Json), "{matcher} does not hold for {no}");
    }
}

#[test]
fn text_is_compared_as_text() {
    assert!(holds(&json!(5), &json!("5"), Style::Text));
    assert!(holds(&json!("true"), &json!(true), Style::Text));
    assert!(!holds(&json!("YES"), &json!("yes"), Style::Text));
    assert!(!holds(&json!("null"), &Value::Null, Style::Text), "nothing is not a word");
    assert!(holds(&json!({"gt": 3}), &json!("4"), Style::Text), "a printed number is a number");
}

#[test]
fn a_plain_value_fits_a_list_that_holds_it_only_in_records() {
    let owners = json!(["a@x.test", "b@x.test"]);
    assert!(holds(&json!("a@x.test"), &owners, Style::Record));
    assert!(!holds(&json!("a@x.test"), &owners, Style::Json));
    assert!(!holds(&json!("*@x.test"), &owners, Style::Record));
}

#[test]
fn a_star_stands_for_anything_in_events() {
    let fits = |pattern: &str, text: &str| holds(&json!(pattern), &json!(text), Style::Event);
    assert!(fits("*/oauth2/v2.0/token", "/t/oauth2/v2.0/token"));
    assert!(fits("*status*", "/status"));
    assert!(fits("a*b*c", "axxbyyc"));
    assert!(fits("A*", "abc"));
    assert!(!fits("a*b*c", "acb"));
    assert!(!fits("ab*ba", "aba"), "what is used once is not used twice");
    assert!(!fits("*x", "xy"));
}

#[test]
fn what_is_no_matcher_says_why_and_where() {
    for (matcher, code, pointer) in [
        (json!({}), "scn::bad-matcher", ""),
        (json!({"eq": 1}), "scn::unknown-operator", "/eq"),
        (json!({"matches": "("}), "scn::bad-regex", "/matches"),
        (json!({"is": "guid"}), "scn::bad-matcher", "/is"),
        (json!({"one_of": 1}), "scn::bad-matcher", "/one_of"),
        (json!({"within": "5s"}), "scn::bad-matcher", "/within"),
        (json!({"of": 1}), "scn::bad-matcher", "/of"),
        (json!({"older_than": "x"}), "scn::bad-duration", "/older_than"),
        (json!({"not": {"count": {"ne": 1}}}), "scn::unknown-operator", "/not/count/ne"),
        (json!({"ignore_case": true}), "scn::bad-matcher", ""),
        (json!({"exists": "yes"}), "scn::bad-matcher", "/exists"),
        (json!({"lt": []}), "scn::bad-matcher", "/lt"),
    ] {
        let error = Matcher::parse(&matcher).unwrap_err();
        assert_eq!((error.code, error.pointer.as_str()), (code, pointer), "{matcher}");
    }
}

#[test]
fn a_failure_names_only_the_operators_that_fail() {
    let matcher = Matcher::parse(&json!({"starts_with": "a", "ends_with": "z"})).unwrap();
    let outcome = matcher.check("stdout", Some(&json!("abc")), Style::Text, now());
    assert_eq!(
        (outcome.ok, outcome.path.as_str(), outcome.expected.as_str(), outcome.actual.as_str()),
        (false, "stdout", "something that ends with \"z\"", "\"abc\"")
    );
}

fn devices() -> Vec<Value> {
    vec![
        json!({"displayName": "PC-2", "deviceId": "a", "trustType": "Workplace", "owners": ["x"]}),
        json!({"displayName": "PC-2", "deviceId": "b", "trustType": "Workplace", "owners": ["y"]}),
        json!({"displayName": "PC-3", "deviceId": "c", "trustType": "AzureAd", "owners": ["y"]}),
    ]
}

fn failing(rows: &Value) -> Vec<String> {
    let set = RowSet::parse(rows).unwrap();
    let outcomes = set.check("devices", &devices(), Style::Record, now());
    outcomes.into_iter().filter(|outcome| !outcome.ok).map(|outcome| outcome.path).collect()
}

#[test]
fn records_are_counted_and_looked_at() {
    for (rows, paths) in [
        (
            json!({"where": {"displayName": "PC-2"}, "count": 2, "distinct": ["deviceId", "owners"], "same": "trustType"}),
            vec![],
        ),
        (json!({"where": {"displayName": "PC-2"}, "count": 1}), vec!["devices.count"]),
        (
            json!({"where": {"owners": "y"}, "count": {"ge": 2}, "some": {"trustType": "AzureAd"}}),
            vec![],
        ),
        (
            json!({"where": {"owners": "y"}, "each": {"trustType": "AzureAd"}}),
            vec!["devices[0].trustType"],
        ),
        (
            json!({"where": {"owners": "y"}, "same": "displayName"}),
            vec!["devices.same.displayName"],
        ),
        (json!({"distinct": "displayName"}), vec!["devices.distinct.displayName"]),
        (json!({"none": {"displayName": "PC-4"}}), vec![]),
        (json!({"none": {"displayName": "PC-3"}}), vec!["devices.none"]),
        (json!({"some": {"displayName": "PC-4"}}), vec!["devices.some"]),
        (json!({"where": {"displayName": "PC-4"}}), vec!["devices.count"]),
        (json!({"where": {"displayName": "PC-4"}, "each": {"x": 1}}), vec!["devices.count"]),
        (json!({"where": {"displayName": "PC-4"}, "count": 0}), vec![]),
        (json!({"where": {"displayName": "PC-4"}, "none": {"x": 1}}), vec![]),
        (json!({"in_order": [{"deviceId": "a"}, {"deviceId": "c"}]}), vec![]),
        (json!({"in_order": [{"deviceId": "c"}, {"deviceId": "a"}]}), vec!["devices.in_order"]),
        (json!({"in_order": [{"deviceId": "a"}, {"deviceId": "a"}]}), vec!["devices.in_order"]),
    ] {
        assert_eq!(failing(&rows), paths, "{rows}");
    }
}

#[test]
fn a_wrong_count_shows_the_nearest_record() {
    let set = json!({"where": {"displayName": "PC-3", "trustType": "Workplace"}, "count": 1});
    let set = RowSet::parse(&set).unwrap();
    let outcome = &set.check("devices", &devices(), Style::Record, now())[0];
    assert_eq!(outcome.expected, "1 with displayName: \"PC-3\", trustType: \"Workplace\"");
    assert!(outcome.actual.starts_with("0 of 3; in the nearest one "), "{}", outcome.actual);
}

#[test]
fn a_record_is_reached_by_a_path_too() {
    let rows = [json!({"owner": {"upn": "x"}, "a.b": 1})];
    let set = RowSet::parse(&json!({"where": {"owner.upn": "x", "a.b": 1}, "count": 1})).unwrap();
    assert!(set.check("rows", &rows, Style::Record, now()).iter().all(|outcome| outcome.ok));
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..9).prop_map(Value::from),
        prop::sample::select(vec!["", "a", "ab", "*", "2h", NOW, "aGk=", "https://x.test"])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec(("[ab]", inner), 0..3)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

fn any_matcher() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any_value().prop_filter("a map is a map of operators", |value| !value.is_object()),
        any_value().prop_map(|value| json!({ "equals": value })),
        any_value().prop_map(|value| json!({ "is_not": value })),
        any_value().prop_map(|value| json!({ "contains": value })),
        prop::sample::select(Is::WORDS).prop_map(|word| json!({ "is": word })),
        (-3_i64..9).prop_map(|n| json!({ "lt": n, "ignore_case": true })),
        any::<bool>().prop_map(|wanted| json!({ "exists": wanted })),
        Just(json!({ "older_than": "1h" })),
    ];
    leaf.prop_recursive(3, 6, 1, |inner| {
        prop_oneof![
            inner.clone().prop_map(|matcher| json!({ "not": matcher })),
            inner.prop_map(|matcher| json!({ "count": matcher })),
        ]
    })
}

proptest! {
    #[test]
    fn not_not_is_nothing_said(matcher in any_matcher(), value in any_value()) {
        for style in [Style::Json, Style::Text, Style::Record, Style::Event] {
            let twice = json!({ "not": { "not": matcher } });
            prop_assert_eq!(holds(&twice, &value, style), holds(&matcher, &value, style));
            let once = json!({ "not": matcher });
            prop_assert_ne!(holds(&once, &value, style), holds(&matcher, &value, style));
        }
    }

    #[test]
    fn is_not_is_not_equals(a in any_value(), b in any_value()) {
        for style in [Style::Json, Style::Text, Style::Record, Style::Event] {
            let equals = holds(&json!({ "equals": a }), &b, style);
            prop_assert_eq!(holds(&json!({ "is_not": a }), &b, style), !equals);
            prop_assert_eq!(holds(&json!({ "one_of": [a] }), &b, style), equals);
        }
        let itself = json!({ "equals": a });
        prop_assert!(holds(&itself, &a, Style::Json));
    }

    #[test]
    fn operators_of_one_map_must_all_hold(a in any_matcher(), b in -3_i64..9, value in any_value()) {
        prop_assume!(a.is_object() && a.get("lt").is_none());
        let mut both = a.clone();
        both["lt"] = json!(b);
        let single = holds(&a, &value, Style::Json) && holds(&json!({ "lt": b }), &value, Style::Json);
        prop_assert_eq!(holds(&both, &value, Style::Json), single);
    }

    #[test]
    fn an_outcome_agrees_with_the_matcher(matcher in any_matcher(), value in any_value()) {
        let matcher = Matcher::parse(&matcher).unwrap();
        let outcome = matcher.check("x", Some(&value), Style::Json, now());
        prop_assert_eq!(outcome.ok, matcher.holds(&value, Style::Json, now()));
    }

    #[test]
    fn no_value_makes_parsing_panic(value in any_value(), rows in prop::collection::vec(any_value(), 0..3)) {
        drop(Matcher::parse(&value));
        if let Ok(set) = RowSet::parse(&value) {
            set.check("x", &rows, Style::Event, now());
        }
    }
}
