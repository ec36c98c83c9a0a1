//! The query options of a request: `$filter`, `$top`, `$skiptoken` and `$expand` of owners.
//!
//! An option that is not emulated is refused by name, because a client that gets another list than it asked for finds out
//! much later.

use linarite_core::refusal::QueryRefusal;

use super::answer::Refused;
use super::filter;
use crate::directory::{Cursor, Filter};
use crate::keys::encoding::to_hex;
use crate::services::call::Call;
use crate::services::page_token;

/// Devices on a page when nothing is asked.
const DEFAULT_PAGE: usize = 100;
/// Devices on a page at most.
const GREATEST_PAGE: usize = 999;
/// Bytes of a page token at most: names are not longer.
const GREATEST_TOKEN: usize = 16_384;

/// The query options of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Options {
    /// `$filter`
    pub(super) filter: Option<Filter>,
    /// `$top`, or the default.
    pub(super) top: usize,
    /// `$skiptoken`
    pub(super) after: Option<Cursor>,
    /// The name under which `$expand` wants the owners.
    pub(super) expand: Option<&'static str>,
    /// The options as they came, but for the version and the place: what the next page is asked with.
    others: Vec<String>,
}

const KNOWN_ELSEWHERE: [&str; 7] =
    ["$select", "$orderby", "$count", "$skip", "$format", "$inlinecount", "$search"];

impl Options {
    /// Reads the options of a request.
    pub(super) fn read(call: &Call) -> Result<Self, Refused> {
        let mut options =
            Self { filter: None, top: DEFAULT_PAGE, after: None, expand: None, others: Vec::new() };
        let mut seen: Vec<String> = Vec::new();
        let written: Vec<&str> = call.query.split('&').filter(|pair| !pair.is_empty()).collect();
        for ((key, value), written) in call.query_pairs().into_iter().zip(written) {
            let key = key.to_ascii_lowercase();
            if !key.starts_with('$') {
                continue;
            }
            if seen.contains(&key) {
                return Err(Refused::malformed(format!(
                    "The query option '{key}' is given twice."
                )));
            }
            options.set(&key, &value)?;
            if key != "$skiptoken" {
                options.others.push(written.to_owned());
            }
            seen.push(key);
        }
        Ok(options)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), Refused> {
        match key {
            "$filter" => self.filter = Some(filter::read(value)?),
            "$top" => {
                let top = value.trim().parse().ok();
                self.top = top.filter(|top| (1..=GREATEST_PAGE).contains(top)).ok_or_else(|| {
                    Refused::malformed(format!(
                        "Invalid page size specified: '{}'. It must be between 1 and {GREATEST_PAGE}.",
                        value.chars().take(40).collect::<String>()
                    ))
                })?;
            }
            "$skiptoken" => {
                let invalid = || Refused::query(QueryRefusal::CursorInvalid, "");
                self.after = Some(place(value).ok_or_else(invalid)?);
            }
            "$expand" => {
                let known = ["registeredOwners", "registeredUsers"];
                let found = known.into_iter().find(|name| name.eq_ignore_ascii_case(value.trim()));
                self.expand = Some(found.ok_or_else(|| {
                    Refused::unsupported("Not emulated: $expand of anything but registeredOwners.")
                })?);
            }
            known if KNOWN_ELSEWHERE.contains(&known) => {
                return Err(Refused::unsupported(format!("Not emulated: {known}.")));
            }
            other => {
                let shown: String = other.chars().take(40).collect();
                return Err(Refused::malformed(format!(
                    "The query option '{shown}' is not known."
                )));
            }
        }
        Ok(())
    }

    /// Refuses what only a list can answer.
    pub(super) fn single(&self) -> Result<(), Refused> {
        if self.filter.is_some() || self.after.is_some() {
            return Err(Refused::malformed(
                "$filter and $skiptoken belong to a list, and one object was asked for.",
            ));
        }
        Ok(())
    }

    /// The address of the next page, relative to what the list is a part of. Clients add the version.
    pub(super) fn next_link(&self, list: &str, place: &Cursor) -> String {
        let mut link = format!("{list}?");
        for pair in &self.others {
            link.push_str(pair);
            link.push('&');
        }
        link.push_str("$skiptoken=X'");
        link.push_str(&to_hex(page_token::print(place)));
        link.push('\'');
        link
    }
}

/// Reads a place: hexadecimal digits in `X'...'`.
fn place(token: &str) -> Option<Cursor> {
    let digits = token.strip_prefix("X'").or_else(|| token.strip_prefix("x'"))?;
    let digits = digits.strip_suffix('\'').filter(|digits| digits.len() <= GREATEST_TOKEN)?;
    let pairs = digits.as_bytes().chunks(2);
    let bytes: Option<Vec<u8>> =
        pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect();
    page_token::read(&String::from_utf8(bytes?).ok()?)
}
