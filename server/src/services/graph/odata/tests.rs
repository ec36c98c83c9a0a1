//! The parser against what it prints, and page tokens.

use linarite_core::ids::{Guid, ObjectId};
use linarite_core::instant::Instant;
use proptest::prelude::*;

use super::expr::{Expr, Literal, Op};
use super::parse;
use crate::directory::{Cursor, SortKey};
use crate::services::page_token;

fn compare(property: &str, op: Op, value: Literal) -> Expr {
    Expr::Compare { property: property.to_owned(), op, value }
}

#[test]
fn and_binds_stronger_than_or_and_not_stronger_than_both() {
    let a = || compare("a", Op::Eq, Literal::Flag(true));
    let b = || compare("b", Op::Ne, Literal::Null);
    let c = || compare("c", Op::Ge, Literal::Bare("1".to_owned()));
    let not = |part| Expr::Not(Box::new(part));
    for (text, expected) in [
        ("a eq true or b ne null and c ge 1", Expr::Or(vec![a(), Expr::And(vec![b(), c()])])),
        ("(a eq true or b ne null) and c ge 1", Expr::And(vec![Expr::Or(vec![a(), b()]), c()])),
        ("not a eq true and b ne null", Expr::And(vec![not(a()), b()])),
        ("NOT(a EQ TRUE AND b Ne Null)", not(Expr::And(vec![a(), b()]))),
        ("((a eq true))", a()),
        ("not not a eq true", not(not(a()))),
    ] {
        assert_eq!(parse(text), Ok(expected), "{text}");
    }
}

#[test]
fn a_doubled_quote_is_one_and_the_rest_of_a_text_is_kept() {
    let name = |text: &str| Ok(compare("n", Op::Eq, Literal::Text(text.to_owned())));
    assert_eq!(parse("n eq 'it''s (a) , b'"), name("it's (a) , b"));
    assert_eq!(parse("n eq ''"), name(""));
    assert_eq!(parse("n eq ''''"), name("'"));
}

#[test]
fn a_problem_names_its_place() {
    for (text, at) in [
        ("", 0),
        ("a", 1),
        ("a eq", 4),
        ("a eq b", 5),
        ("a eq 'é", 5),
        ("a eq 1 )", 7),
        ("a eq 1 b eq 2", 7),
        ("é eq 1", 0),
        ("1 eq 1", 0),
        ("'x' eq a", 0),
        ("a in ()", 6),
        ("physicalIds/any(p:p eq 'x')", 0),
    ] {
        assert_eq!(parse(text).unwrap_err().at, at, "{text}");
    }
}

#[test]
fn length_depth_conditions_and_members_are_bounded() {
    let nested = |depth| format!("{}a eq 1{}", "(".repeat(depth), ")".repeat(depth));
    assert!(parse(&nested(24)).is_ok());
    assert!(parse(&nested(25)).is_err());
    assert!(parse(&format!("{}a eq 1", "not ".repeat(25))).is_err());
    let many = |count| vec!["a eq 1"; count].join(" or ");
    assert!(parse(&many(64)).is_ok());
    assert!(parse(&many(65)).is_err());
    let members = |count| format!("a in ({})", vec!["1"; count].join(","));
    assert!(parse(&members(15)).is_ok());
    assert!(parse(&members(16)).is_err());
    let long = |length: usize| format!("a eq '{}'", "x".repeat(length - 7));
    assert!(parse(&long(4096)).is_ok());
    assert!(parse(&long(4097)).is_err());
}

fn literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        Just(Literal::Null),
        any::<bool>().prop_map(Literal::Flag),
        ".{0,8}".prop_map(Literal::Text),
        "-?[0-9]{1,5}".prop_map(Literal::Bare),
        Just(Literal::Bare("2026-03-02T09:00:00.5+01:00".to_owned())),
        any::<[u8; 16]>().prop_map(|bytes| Literal::Bare(Guid::from_bytes(bytes).to_string())),
    ]
}

fn name() -> impl Strategy<Value = String> {
    "x[a-zA-Z0-9_]{0,6}(/y[a-z0-9]{0,3})?"
}

fn expr() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        (name(), prop::sample::select(Op::ALL.to_vec()), literal())
            .prop_map(|(property, op, value)| Expr::Compare { property, op, value }),
        (name(), prop::collection::vec(literal(), 1..4))
            .prop_map(|(property, values)| Expr::In { property, values }),
        ("z[a-zA-Z]{0,6}", name(), literal())
            .prop_map(|(function, property, argument)| Expr::Call { function, property, argument }),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::And),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::Or),
            inner.prop_map(|part| Expr::Not(Box::new(part))),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_printed_reads_back(expr in expr()) {
        let text = expr.to_string();
        prop_assume!(text.len() <= 4096);
        prop_assert_eq!(parse(&text), Ok(expr), "{}", text);
    }

    #[test]
    fn no_text_panics_and_what_reads_prints_the_same(text in ".{0,64}") {
        if let Ok(expr) = parse(&text) {
            prop_assert_eq!(parse(&expr.to_string()), Ok(expr));
        }
    }

    #[test]
    fn no_jumble_of_words_panics(
        words in prop::collection::vec(prop::sample::select(vec![
            "a", "eq", "ne", "in", "not", "and", "or", "(", ")", ",", "'", "''", "'x'", "null", "1",
            "startsWith", "true", " ", "\t", "é", "b/any", "-",
        ]), 0..24)
    ) {
        for joint in ["", " "] {
            let text = words.join(joint);
            if let Ok(expr) = parse(&text) {
                prop_assert_eq!(parse(&expr.to_string()), Ok(expr));
            }
        }
    }

    #[test]
    fn page_tokens_read_back(
        kind in 0_u8..4,
        name in ".{0,12}",
        millis: i64,
        descending: bool,
        id: [u8; 16],
    ) {
        let key = match kind {
            0 => SortKey::Id,
            1 => SortKey::Name(name),
            2 => SortKey::Seen(None),
            _ => SortKey::Seen(Some(Instant::from_millis(millis))),
        };
        let cursor = Cursor { key, descending, id: ObjectId::new(Guid::from_bytes(id)) };
        prop_assert_eq!(page_token::read(&page_token::print(&cursor)), Some(cursor));
    }

    #[test]
    fn no_page_token_panics(text in ".{0,40}", bytes: Vec<u8>) {
        let _read = page_token::read(&text);
        let _read = page_token::read(&crate::keys::encoding::to_url(bytes));
    }
}
