//! What the codes mean that clients are shown: meaning, usual causes, who says each, how well it is known, and which
//! scenarios show it.
//!
//! The codes are those of the tables of refusals, and `server/data/codes.toml` says what each means. The numbers of the
//! emulated client, which is another package, and the scenarios are added by whoever embeds the server. Left out: codes
//! that nothing here ever says.

mod rows;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::services::tables::Tables;

/// Characters of a word that is looked up.
const LONGEST: usize = 200;

/// What a code means.
#[derive(Clone, Debug, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The code as it is printed: `AADSTS50126`, `0x801c03f2`, `12007`, `error_missing_device`.
    pub code: String,
    /// Its symbolic name, where a source gives one.
    pub name: Option<String>,
    /// What it means, in a sentence or two.
    pub meaning: String,
    /// What usually leads to it.
    pub causes: Vec<String>,
    /// Who says it.
    pub said_by: Vec<String>,
    /// Whether no source confirms it for any situation in which it is said here.
    pub assumed: bool,
    /// The rows of the tables that say it.
    pub situations: Vec<Situation>,
    /// Codes in which a client reports it on.
    pub reported_as: Vec<String>,
    /// Ids of the scenarios that show it.
    pub scenarios: Vec<String>,
}

impl Explanation {
    /// How well it is known, in words.
    pub fn how_well_known(&self) -> &'static str {
        let assumed = self.situations.iter().filter(|at| at.assumed).count();
        match (self.assumed, assumed) {
            (true, _) => "assumed: no source shows it in these situations",
            (false, 0) => "documented or observed",
            (false, _) => "documented or observed, and assumed for some situations",
        }
    }
}

/// A situation in which a code is said.
#[derive(Clone, Debug, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Situation {
    /// The word of the reason, in the journal and in the table.
    pub reason: String,
    /// The table, a file of `server/data`.
    pub table: String,
    /// What comes with it on the wire: the HTTP status, and the words beside the code.
    pub wire: String,
    /// The text that comes with it; `{name}` stands for what is filled in.
    pub text: String,
    /// Whether no source confirms it for this situation.
    pub assumed: bool,
}

/// A row of `codes.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CodeRow {
    name: Option<String>,
    meaning: String,
    causes: Vec<String>,
}

/// All explanations, by code.
#[derive(Clone, Debug, Default)]
pub struct Explanations {
    by_code: BTreeMap<String, Explanation>,
    /// Codes by journal reason, for reasons of one table only: a reason of several does not say who was asked.
    by_reason: BTreeMap<String, BTreeSet<String>>,
}

impl Explanations {
    /// Those of the server's own tables. A code without a row in `codes.toml` is an error that names it.
    pub fn built_in() -> Result<Self, String> {
        let meanings: BTreeMap<String, CodeRow> =
            toml::from_str(include_str!("../../data/codes.toml"))
                .map_err(|error| format!("server/data/codes.toml: {error}"))?;
        let tables = Tables::load()?;
        let mut all = Self::default();
        let mut missing = Vec::new();
        let mut tables_of: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        for said in rows::all(&tables) {
            tables_of.entry(said.situation.reason.clone()).or_default().insert(said.table);
            for code in said.codes {
                let Some(row) = meanings.get(&code) else {
                    missing.push(format!(
                        "{code} (`{}` in {}) is not explained: add [{code}] with `meaning` and `causes` to server/data/codes.toml",
                        said.situation.reason, said.situation.table
                    ));
                    continue;
                };
                all.by_reason
                    .entry(said.situation.reason.clone())
                    .or_default()
                    .insert(code.clone());
                let found = all.by_code.entry(code.clone()).or_insert_with(|| Explanation {
                    code,
                    name: row.name.clone(),
                    meaning: row.meaning.clone(),
                    causes: row.causes.clone(),
                    said_by: Vec::new(),
                    assumed: true,
                    situations: Vec::new(),
                    reported_as: Vec::new(),
                    scenarios: Vec::new(),
                });
                push_new(&mut found.said_by, said.speaker.to_owned());
                found.assumed &= said.situation.assumed;
                if let Some(number) = &said.reported_as {
                    push_new(&mut found.reported_as, number.clone());
                }
                found.situations.push(said.situation.clone());
            }
        }
        all.by_reason.retain(|reason, _| tables_of.get(reason).is_some_and(|set| set.len() == 1));
        let unused = meanings.keys().filter(|code| !all.by_code.contains_key(*code)).map(|code| {
            format!("server/data/codes.toml explains {code}, which no table says: take the row out")
        });
        missing.extend(unused);
        if missing.is_empty() { Ok(all) } else { Err(missing.join("\n")) }
    }

    /// Adds one; another one of the same code goes.
    pub fn add(&mut self, explanation: Explanation) {
        self.by_code.insert(explanation.code.clone(), explanation);
    }

    /// Notes that a scenario shows a code.
    pub fn shown_by(&mut self, code: &str, scenario: &str) {
        if let Some(found) = self.by_code.get_mut(code) {
            push_new(&mut found.scenarios, scenario.to_owned());
        }
    }

    /// All of them, in the order of their codes.
    pub fn all(&self) -> impl Iterator<Item = &Explanation> {
        self.by_code.values()
    }

    /// What a person means by a word: a code in any of its spellings (`50126`, `AADSTS50126`, `c000006d`,
    /// `-2145648637`, `0x801c03f2 (...)`), a symbolic name, or the word of a reason in the journal. Nothing for what
    /// no table has.
    pub fn find(&self, word: &str) -> Vec<&Explanation> {
        if word.len() > LONGEST {
            return Vec::new();
        }
        let word =
            word.split_whitespace().next().unwrap_or_default().trim_end_matches([':', '.', ',']);
        let found: Vec<&Explanation> =
            spellings(word).iter().filter_map(|code| self.by_code.get(code)).collect();
        if !found.is_empty() {
            return found;
        }
        let same = |other: &str| other.eq_ignore_ascii_case(word);
        let named: Vec<&Explanation> = (self.all())
            .filter(|one| same(&one.code) || one.name.as_deref().is_some_and(same))
            .collect();
        if !named.is_empty() {
            return named;
        }
        self.all().filter(|one| one.situations.iter().any(|at| same(&at.reason))).collect()
    }

    /// The codes in a text that a client was sent or is expected to show. Names count in their own spelling only.
    pub fn codes_in<'a>(&'a self, text: &'a str) -> impl Iterator<Item = &'a str> {
        let tokens = text
            .split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '-')))
            .map(|token| token.trim_matches([':', '-']));
        tokens.filter_map(|token| {
            // The prefix of a namespace, as in `a:RequestFailed`.
            let local = token.rsplit_once(':').map(|(_, local)| local);
            self.code_of(token).or_else(|| self.code_of(local?))
        })
    }

    /// The codes of a reason of the journal, when one table alone has it.
    pub fn codes_of_reason(&self, reason: &str) -> impl Iterator<Item = &str> {
        self.by_reason.get(reason).into_iter().flatten().map(String::as_str)
    }

    fn code_of(&self, token: &str) -> Option<&str> {
        let known = |code: &str| self.by_code.get_key_value(code).map(|(code, _)| code.as_str());
        let digits = token.trim_start_matches("AADSTS");
        let number = digits.len() >= 5 && digits.bytes().all(|byte| byte.is_ascii_digit());
        known(token).or_else(|| {
            let hex = token.len() == 10 && token.starts_with("0x");
            (number || hex).then(|| spellings(token).iter().find_map(|code| known(code)))?
        })
    }
}

fn push_new(list: &mut Vec<String>, word: String) {
    if !list.contains(&word) {
        list.push(word);
    }
}

/// The codes that a word may stand for, the likeliest first.
fn spellings(word: &str) -> Vec<String> {
    let mut codes = Vec::new();
    let lower = word.to_ascii_lowercase();
    let aadsts = lower.strip_prefix("aadsts").unwrap_or(&lower);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits(aadsts) && aadsts.len() < 12 {
        let plain = aadsts.trim_start_matches('0');
        codes.push(format!("AADSTS{plain}"));
        codes.push(plain.to_owned());
    }
    let hex = lower.strip_prefix("0x").or_else(|| (lower.len() == 8).then_some(lower.as_str()));
    if let Some(number) = hex.and_then(|hex| u32::from_str_radix(hex, 16).ok()) {
        codes.push(format!("{number:#010x}"));
    }
    // Tools print an HRESULT as a signed number, others as an unsigned one.
    let signed = lower.parse::<i32>().ok().map(i32::cast_unsigned);
    if let Some(number) = signed.or_else(|| lower.parse::<u32>().ok()) {
        codes.push(format!("{number:#010x}"));
    }
    codes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(code: &str, name: Option<&str>) -> Explanation {
        Explanation {
            code: code.to_owned(),
            name: name.map(str::to_owned),
            meaning: "a number of the client".to_owned(),
            causes: vec!["a test".to_owned()],
            said_by: vec!["Windows".to_owned()],
            assumed: false,
            situations: Vec::new(),
            reported_as: Vec::new(),
            scenarios: Vec::new(),
        }
    }

    fn some() -> Explanations {
        let mut all = Explanations::built_in().unwrap();
        all.add(number("0xc000006d", Some("STATUS_LOGON_FAILURE")));
        all.add(number("0x801c0003", Some("DSREG_E_DEVICE_AUTHORIZATION_ERROR")));
        all.add(number("0x80180018", None));
        all.add(number("12007", None));
        all
    }

    #[test]
    fn every_code_of_every_table_is_explained_and_nothing_else_is() {
        let all = Explanations::built_in().unwrap_or_else(|missing| panic!("{missing}"));
        for one in all.all() {
            assert!(one.meaning.len() > 10 && one.meaning.ends_with('.'), "{}", one.code);
            assert!(!one.causes.is_empty() && !one.situations.is_empty(), "{}", one.code);
            assert!(one.causes.iter().all(|cause| !cause.ends_with('.')), "{}", one.code);
        }
    }

    #[test]
    fn a_code_is_found_in_each_of_its_spellings() {
        let all = some();
        for (word, code) in [
            ("50126", "AADSTS50126"),
            ("AADSTS50126", "AADSTS50126"),
            ("aadsts50126:", "AADSTS50126"),
            ("InvalidUserNameOrPassword", "AADSTS50126"),
            ("0xc000006d", "0xc000006d"),
            ("0xC000006D", "0xc000006d"),
            ("c000006d", "0xc000006d"),
            ("-1073741715", "0xc000006d"),
            ("3221225581", "0xc000006d"),
            ("-2145648637", "0x801c0003"),
            ("0x801c0003 (DSREG_E_DEVICE_AUTHORIZATION_ERROR)", "0x801c0003"),
            ("dsreg_e_device_authorization_error", "0x801c0003"),
            ("80180018", "0x80180018"),
            ("12007", "12007"),
            ("directoryerror", "DirectoryError"),
            ("error_missing_device", "error_missing_device"),
            ("s:Authorization", "s:Authorization"),
            ("device-disabled", "AADSTS135011"),
        ] {
            let found: Vec<&str> = all.find(word).iter().map(|one| one.code.as_str()).collect();
            assert_eq!(found, [code], "{word}");
        }
        for word in ["", "5", "0x", "50127", "nothing", "AADSTS", &"9".repeat(1000)] {
            assert!(all.find(word).is_empty(), "{word}");
        }
    }

    #[test]
    fn a_text_shows_the_codes_that_stand_in_it_as_words() {
        let all = some();
        let codes = |text| all.codes_in(text).collect::<Vec<_>>();
        assert_eq!(codes("^AADSTS50126: .*"), ["AADSTS50126"]);
        assert_eq!(codes("FAIL [0x801c0003/0xc000006d]"), ["0x801c0003", "0xc000006d"]);
        assert_eq!(codes("50155"), ["AADSTS50155"]);
        assert_eq!(codes("a:RequestFailed"), ["RequestFailed"]);
        assert_eq!(codes("DirectoryError"), ["DirectoryError"]);
        assert_eq!(codes("a directoryerror, 501, 0x1, 501262, x50126x"), [""; 0]);
    }

    #[test]
    fn a_reason_of_two_tables_says_no_code() {
        let all = some();
        assert_eq!(all.codes_of_reason("password-wrong").collect::<Vec<_>>(), ["AADSTS50126"]);
        assert_eq!(all.codes_of_reason("token-missing").count(), 0, "Graph and Azure AD Graph");
    }

    proptest! {
        #[test]
        fn no_word_panics(word in ".*") {
            let all = Explanations::default();
            prop_assert!(all.find(&word).is_empty());
            prop_assert_eq!(all.codes_in(&word).count(), 0);
        }
    }
}
