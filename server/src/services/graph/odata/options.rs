//! The query options of a request.
//!
//! The dollar sign may be left out, as the service allows, and names are read in any case. An option that is not
//! emulated is refused by name, because a client that gets another list than it asked for finds out much later.

use linarite_core::refusal::QueryRefusal;

use crate::form::decode;
use crate::services::call::Call;
use crate::services::graph::answer::Refused;

/// Devices on a page when nothing is asked.
const DEFAULT_PAGE: usize = 100;
/// Devices on a page at most.
const GREATEST_PAGE: usize = 999;
/// Bytes of a page token at most: names are not longer.
const GREATEST_TOKEN: usize = 8192;

/// The query options of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::services::graph) struct Options {
    /// `$filter`
    pub(in crate::services::graph) filter: Option<String>,
    /// `$select`: the properties as written, one at least.
    pub(in crate::services::graph) select: Option<Vec<String>>,
    /// `$orderby`
    pub(in crate::services::graph) order: Option<String>,
    /// `$top`, or the default.
    pub(in crate::services::graph) top: usize,
    /// `$count=true`
    pub(in crate::services::graph) count: bool,
    /// `$skiptoken`
    pub(in crate::services::graph) token: Option<String>,
    /// `ConsistencyLevel: eventual`
    pub(in crate::services::graph) eventual: bool,
}

const KNOWN: [&str; 11] = [
    "filter",
    "select",
    "orderby",
    "top",
    "count",
    "skiptoken",
    "search",
    "expand",
    "skip",
    "format",
    "apply",
];

/// Whether a pair of a query, as it came, says where the page begins.
pub(in crate::services::graph) fn is_skiptoken(pair: &str) -> bool {
    let key = decode(pair.split_once('=').map_or(pair, |(key, _)| key));
    ["$skiptoken", "skiptoken"].iter().any(|name| name.eq_ignore_ascii_case(&key))
}

fn malformed(message: impl Into<String>) -> Refused {
    Refused::query(QueryRefusal::Malformed, message)
}

fn unsupported(message: impl Into<String>) -> Refused {
    Refused::query(QueryRefusal::Unsupported, message)
}

impl Options {
    /// Reads the options of a request.
    pub(in crate::services::graph) fn read(call: &Call) -> Result<Self, Refused> {
        let level = call
            .header("consistencylevel")
            .map(str::to_owned)
            .or_else(|| call.query_value("consistencylevel"));
        let eventual = match level {
            None => false,
            Some(level) if level.eq_ignore_ascii_case("eventual") => true,
            Some(level) if level.eq_ignore_ascii_case("session") => false,
            Some(level) => {
                return Err(malformed(format!(
                    "ConsistencyLevel `{level}` is not known; `eventual` is"
                )));
            }
        };
        let mut options = Self {
            filter: None,
            select: None,
            order: None,
            top: DEFAULT_PAGE,
            count: false,
            token: None,
            eventual,
        };
        let mut seen: Vec<String> = Vec::new();
        for (key, value) in call.query_pairs() {
            let lower = key.to_ascii_lowercase();
            let name = lower.strip_prefix('$').unwrap_or(&lower);
            if !KNOWN.contains(&name) {
                if lower.starts_with('$') {
                    return Err(malformed(format!("The query option '{key}' is not known.")));
                }
                continue;
            }
            if seen.iter().any(|before| before == name) {
                return Err(malformed(format!("The query option '${name}' is given twice.")));
            }
            seen.push(name.to_owned());
            options.set(name, value)?;
        }
        if options.count && !options.eventual {
            return Err(unsupported("$count needs the header 'ConsistencyLevel: eventual'."));
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: String) -> Result<(), Refused> {
        match name {
            "filter" => self.filter = Some(value),
            "orderby" => self.order = Some(value),
            "select" => {
                let names: Vec<_> = value.split(',').map(|n| n.trim().to_owned()).collect();
                if names.iter().any(String::is_empty) {
                    return Err(malformed("$select holds an empty name."));
                }
                self.select = Some(names);
            }
            "top" => {
                let top = value.trim().parse().ok();
                self.top =
                    top.filter(|top| (1..=GREATEST_PAGE).contains(top)).ok_or_else(|| {
                        malformed(format!(
                            "Invalid page size specified: '{value}'. It must be between 1 and {GREATEST_PAGE}."
                        ))
                    })?;
            }
            "count" => {
                self.count = match value.trim() {
                    v if v.eq_ignore_ascii_case("true") => true,
                    v if v.eq_ignore_ascii_case("false") => false,
                    _ => {
                        return Err(malformed(format!("$count is true or false, not '{value}'.")));
                    }
                }
            }
            "skiptoken" if value.len() > GREATEST_TOKEN => {
                return Err(Refused::query(QueryRefusal::CursorInvalid, ""));
            }
            "skiptoken" => self.token = Some(value),
            other => return Err(unsupported(format!("Not emulated: ${other}."))),
        }
        Ok(())
    }

    /// Refuses what only a list can answer.
    pub(in crate::services::graph) fn single(&self) -> Result<(), Refused> {
        let one = [
            ("$filter", self.filter.is_some()),
            ("$orderby", self.order.is_some()),
            ("$skiptoken", self.token.is_some()),
            ("$count", self.count),
        ];
        match one.into_iter().find(|(_, given)| *given) {
            None => Ok(()),
            Some((name, _)) => Err(malformed(format!(
                "The query option '{name}' belongs to a list, and one object was asked for."
            ))),
        }
    }

    /// Refuses a filter and an order, for lists that have neither.
    pub(in crate::services::graph) fn plain(&self, list: &str) -> Result<(), Refused> {
        match (&self.filter, &self.order) {
            (None, None) => Ok(()),
            (Some(_), _) => Err(unsupported(format!("Not emulated: $filter of {list}."))),
            (None, Some(_)) => Err(unsupported(format!("Not emulated: $orderby of {list}."))),
        }
    }
}
