//! The questions of the FAQ, and the scenarios that answer each.
//!
//! Questions and answers stand in `harness/data/faq.yaml`; which scenario proves which case stands in the scenarios
//! (`faq:`). A1 to A28 are the cases of the FAQ of June 2017, N1 to N38 the questions of newer pages.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::scenario::{Loaded, Scenario};

/// How many cases the FAQ has.
const CASES: usize = 28;
/// How many questions newer pages added.
const NEWER: usize = 38;

/// A case of the FAQ.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// `A16`.
    pub id: String,
    /// The question, in few words.
    pub question: String,
    /// What happens.
    pub happens: String,
    /// Why it does.
    pub why: String,
    /// How well that is known.
    pub known: String,
}

/// A question of newer pages. It has one of `happens` and `not_emulated`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Newer {
    /// `N13`.
    pub id: String,
    /// The question, in few words.
    pub question: String,
    /// What happens.
    pub happens: Option<String>,
    /// Why nothing shows it.
    pub not_emulated: Option<String>,
}

/// All questions.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Faq {
    /// The cases of the FAQ.
    pub cases: Vec<Case>,
    /// The questions of newer pages.
    pub newer: Vec<Newer>,
}

/// Reads them.
pub fn faq() -> Result<Faq, String> {
    serde_saphyr::from_str(include_str!("../data/faq.yaml"))
        .map_err(|error| format!("harness/data/faq.yaml: {error}"))
}

/// Whether there is a question with this number: `A1` to `A28`, `N1` to `N38`.
pub fn is_question(id: &str) -> bool {
    let numbered = |letter: char, most: usize| {
        let number = id.strip_prefix(letter).filter(|digits| !digits.starts_with(['0', '+']));
        number
            .and_then(|digits| digits.parse::<usize>().ok())
            .is_some_and(|n| (1..=most).contains(&n))
    };
    numbered('A', CASES) || numbered('N', NEWER)
}

/// The scenarios that answer each question, by its number, in the order in which they were given.
pub fn answers(loaded: &[Loaded]) -> BTreeMap<&str, Vec<&Scenario>> {
    let mut answers: BTreeMap<&str, Vec<&Scenario>> = BTreeMap::new();
    for scenario in loaded.iter().filter_map(Loaded::runnable) {
        for question in scenario.faq() {
            answers.entry(question.as_str()).or_default().push(scenario);
        }
    }
    answers
}

/// Where questions and scenarios contradict each other: what is said to be emulated and is not shown, and the other way
/// round. Each line says what to do.
pub fn contradictions(faq: &Faq, answers: &BTreeMap<&str, Vec<&Scenario>>) -> Vec<String> {
    let mut found = Vec::new();
    for one in &faq.newer {
        match (answers.get(one.id.as_str()), &one.not_emulated) {
            (Some(shown), Some(_)) => found.push(format!(
                "{} is said to be not emulated, and {} shows it: write `happens` in place of `not_emulated` in harness/data/faq.yaml",
                one.id,
                shown.iter().map(|scenario| scenario.id()).collect::<Vec<_>>().join(", ")
            )),
            (None, None) => found.push(format!(
                "{0} is said to be emulated, and no scenario says `faq: [{0}]`: name it in one, or write `not_emulated` with the reason in harness/data/faq.yaml",
                one.id
            )),
            (Some(_), None) | (None, Some(_)) => {}
        }
    }
    for (id, shown) in answers.iter().filter(|(id, _)| !is_question(id)) {
        let scenario = shown.first().map_or("", |scenario| scenario.id());
        found.push(format!("{scenario} answers {id}, which is no question: A1 to A28, N1 to N38"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_is_there_once_in_order_and_complete() {
        let faq = faq().unwrap();
        let ids = |letter: char, most: usize| (1..=most).map(move |n| format!("{letter}{n}"));
        let cases: Vec<&str> = faq.cases.iter().map(|case| case.id.as_str()).collect();
        assert_eq!(cases, ids('A', CASES).collect::<Vec<_>>());
        let newer: Vec<&str> = faq.newer.iter().map(|one| one.id.as_str()).collect();
        assert_eq!(newer, ids('N', NEWER).collect::<Vec<_>>());
        for case in &faq.cases {
            for text in [&case.question, &case.happens, &case.why, &case.known] {
                assert!(text.len() > 8, "{}", case.id);
            }
            assert!(case.happens.ends_with('.') && case.why.ends_with('.'), "{}", case.id);
        }
        for one in &faq.newer {
            assert!(one.happens.is_some() != one.not_emulated.is_some(), "{}: one of both", one.id);
        }
    }

    #[test]
    fn numbers_beyond_the_last_question_are_none() {
        for id in ["A1", "A28", "N1", "N38"] {
            assert!(is_question(id), "{id}");
        }
        for id in ["", "A", "A0", "A01", "A29", "N39", "B1", "a1", "A+1", "A 1"] {
            assert!(!is_question(id), "{id}");
        }
    }
}
