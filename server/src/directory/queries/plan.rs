//! From a question to SQL: which index leads, what the order is, and the condition with its values bound.
//!
//! One conjunct may lead through an index; the whole condition is checked on every row that comes that way, so a plan can
//! be slow but not wrong. Values are bound, never written into the text.

use std::fmt::Write as _;

use linarite_core::instant::Instant;
use rusqlite::types::Value;

use super::super::rows;
use super::ask::{Cursor, DeviceQuery, Filter, SortBy, SortKey, Test, TextTest};
use super::condition::{condition, successor};

/// What stands in for "never seen" in an order.
const NEVER: i64 = i64::MIN;

/// Devices that a list of ids leads to at most: the values are bound twice.
pub(super) const FEW: usize = 500;

/// SQL text with the values that it binds, in order.
#[derive(Debug, Default)]
pub(super) struct Sql {
    pub(super) text: String,
    pub(super) values: Vec<Value>,
}

impl Sql {
    pub(super) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    pub(super) fn bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.values.push(value.into());
        // Writing to a string cannot fail.
        let _infallible = write!(self.text, "?{}", self.values.len());
        self
    }
}

/// Which rows are walked, and by which index.
#[derive(Debug, PartialEq, Eq)]
enum Lead {
    /// All of them.
    Everything,
    /// One, by an id.
    One(&'static str, [u8; 16]),
    /// Those with a device id of a list.
    Few(Vec<[u8; 16]>),
    /// Those of an owner.
    Owner([u8; 16]),
    /// Those with names in a range: lower bound (included), upper bound and whether it is included.
    Names(Option<String>, Option<(String, bool)>),
}

/// The order that is used: the asked one, or the one that suits the lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Id,
    Name,
    Seen,
}

/// How a question is answered.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    query: &'a DeviceQuery,
    lead: Lead,
    key: Key,
    descending: bool,
}

/// A place that does not fit the order of the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ForeignCursor;

impl<'a> Plan<'a> {
    pub(super) fn new(query: &'a DeviceQuery) -> Result<Self, ForeignCursor> {
        let lead = lead(query);
        let (key, descending) = match (query.order, &lead) {
            (Some(order), _) => match order.by {
                SortBy::Name => (Key::Name, order.descending),
                SortBy::Seen => (Key::Seen, order.descending),
            },
            (None, Lead::Names(..)) => (Key::Name, false),
            (None, Lead::Everything | Lead::One(..) | Lead::Few(_) | Lead::Owner(_)) => {
                (Key::Id, false)
            }
        };
        let fits = query.after.as_ref().is_none_or(|cursor| {
            cursor.descending == descending
                && key
                    == match cursor.key {
                        SortKey::Id => Key::Id,
                        SortKey::Name(_) => Key::Name,
                        SortKey::Seen(_) => Key::Seen,
                    }
        });
        if fits { Ok(Self { query, lead, key, descending }) } else { Err(ForeignCursor) }
    }

    /// Whether the lead leaves only a few rows, whatever the directory's size.
    const fn is_narrow(&self) -> bool {
        matches!(self.lead, Lead::One(..) | Lead::Few(_) | Lead::Owner(_))
    }

    /// Whether the rows do not come in order by themselves.
    pub(super) const fn must_sort(&self) -> bool {
        match (&self.lead, self.key) {
            (Lead::One(..) | Lead::Few(_), _) | (_, Key::Seen) | (Lead::Owner(_), Key::Name) => {
                true
            }
            (Lead::Names(..), key) => !matches!(key, Key::Name),
            (Lead::Everything | Lead::Owner(_), _) => false,
        }
    }

    /// Whether the rows that would be sorted have to be counted first.
    pub(super) const fn may_sort_many(&self) -> bool {
        self.must_sort() && !self.is_narrow()
    }

    /// Whether rows are looked at one by one because no index leads to them.
    pub(super) fn scans(&self) -> bool {
        let unled = self.lead == Lead::Everything && self.query.filter.is_some();
        unled || self.may_sort_many()
    }

    /// The next place after a device.
    pub(super) fn cursor(&self, device: &linarite_core::device::Device) -> Cursor {
        let key = match self.key {
            Key::Id => SortKey::Id,
            Key::Name => SortKey::Name(rows::fold(&device.display_name)),
            Key::Seen => SortKey::Seen(device.last_activity),
        };
        Cursor { key, descending: self.descending, id: device.object_id }
    }

    /// `devices` with the index that leads, and the condition of the lead; `from` adds where the page begins.
    fn walk(&self, sql: &mut Sql, from: Option<&Cursor>) {
        sql.push(match (&self.lead, self.key) {
            (Lead::One(..) | Lead::Few(_), _) => " FROM devices WHERE ",
            (Lead::Owner(_), _) => " FROM devices INDEXED BY devices_by_owner WHERE ",
            (Lead::Names(..), _) | (Lead::Everything, Key::Name) => {
                " FROM devices INDEXED BY devices_by_name WHERE "
            }
            (Lead::Everything, Key::Id | Key::Seen) => " FROM devices NOT INDEXED WHERE ",
        });
        match &self.lead {
            Lead::Everything => {
                sql.push("1");
            }
            Lead::One(column, id) => {
                sql.push(column).push(" = ").bind(id.to_vec());
            }
            Lead::Few(ids) => {
                sql.push("device_id IN (");
                for (index, id) in ids.iter().enumerate() {
                    sql.push(if index == 0 { "" } else { ", " }).bind(id.to_vec());
                }
                sql.push(")");
            }
            Lead::Owner(id) => {
                sql.push("owner = ").bind(id.to_vec());
            }
            Lead::Names(lower, upper) => {
                // The place where the page begins is the nearer bound of the two; with both, SQLite might walk the
                // names of all pages before.
                let begun = from.is_some() && self.key == Key::Name;
                sql.push("1");
                if let Some(lower) = lower.as_ref().filter(|_| !begun || self.descending) {
                    sql.push(" AND name_key >= ").bind(lower.clone());
                }
                if let Some((upper, included)) =
                    upper.as_ref().filter(|_| !begun || !self.descending)
                {
                    sql.push(if *included { " AND name_key <= " } else { " AND name_key < " });
                    sql.bind(upper.clone());
                }
            }
        }
        // An id leads past the owner, who is asked about all the same.
        if let Some(owner) = self.query.owner.filter(|_| !matches!(self.lead, Lead::Owner(_))) {
            sql.push(" AND owner = ").bind(rows::id(owner.guid()).to_vec());
        }
        if let Some(cursor) = from {
            self.beyond(sql, cursor);
        }
    }

    fn beyond(&self, sql: &mut Sql, cursor: &Cursor) {
        let side = if self.descending { " < " } else { " > " };
        let id = rows::id(cursor.id.guid()).to_vec();
        match &cursor.key {
            SortKey::Id => {
                sql.push(" AND object_id").push(side).bind(id);
            }
            SortKey::Name(name) => {
                sql.push(" AND (name_key, object_id)").push(side);
                sql.push("(").bind(name.clone()).push(", ").bind(id).push(")");
            }
            SortKey::Seen(seen) => {
                sql.push(" AND (ifnull(activity, ").bind(NEVER).push("), object_id)").push(side);
                sql.push("(").bind(seen.map_or(NEVER, Instant::millis)).push(", ").bind(id);
                sql.push(")");
            }
        }
    }

    fn order(&self, sql: &mut Sql) {
        let direction = if self.descending { " DESC" } else { "" };
        sql.push(" ORDER BY ");
        match self.key {
            Key::Id => {}
            Key::Name => {
                sql.push("name_key").push(direction).push(", ");
            }
            Key::Seen => {
                sql.push("ifnull(activity, ").bind(NEVER).push(")").push(direction).push(", ");
            }
        }
        sql.push("object_id").push(direction);
    }

    /// The rows of a page and what comes behind it, in order. The column after those of the device says whether the row
    /// fulfils the condition; rows that do not come too, so that the caller can count what was looked at.
    pub(super) fn page(&self) -> Sql {
        let mut sql = Sql::default();
        sql.push("SELECT ").push(rows::DEVICE).push(", ");
        let checked = !self.must_sort();
        match &self.query.filter {
            Some(filter) if checked => condition(&mut sql, filter),
            Some(_) | None => {
                sql.push("1");
            }
        }
        sql.push(" AS fits");
        self.walk(&mut sql, self.query.after.as_ref());
        if let (Some(filter), false) = (&self.query.filter, checked) {
            sql.push(" AND ");
            condition(&mut sql, filter);
        }
        self.order(&mut sql);
        if !checked {
            let rows = self.query.top.saturating_add(self.query.hidden.len());
            sql.push(" LIMIT ").bind(i64::try_from(rows).unwrap_or(i64::MAX).saturating_add(1));
        }
        sql
    }

    /// How many rows are looked at (cut off just above the budget), and how many of them fulfil the condition.
    pub(super) fn tally(&self) -> Sql {
        let mut sql = Sql::default();
        sql.push("SELECT count(*), ifnull(sum(fits), 0) FROM (SELECT ");
        match &self.query.filter {
            Some(filter) => condition(&mut sql, filter),
            None => {
                sql.push("1");
            }
        }
        sql.push(" AS fits");
        self.walk(&mut sql, None);
        let rows = i64::try_from(self.query.budget).unwrap_or(i64::MAX).saturating_add(1);
        sql.push(" LIMIT ").bind(rows).push(")");
        sql
    }
}

/// The conjunct by which the fewest rows are walked.
fn lead(query: &DeviceQuery) -> Lead {
    let mut tests = Vec::new();
    if let Some(filter) = &query.filter {
        conjuncts(filter, &mut tests);
    }
    let one = tests.iter().find_map(|test| {
        if let Test::ObjectId(id) = test {
            Some(Lead::One("object_id", rows::id(id.guid())))
        } else if let Test::DeviceId(id) = test {
            Some(Lead::One("device_id", rows::id(id.guid())))
        } else {
            None
        }
    });
    let few = || {
        tests.iter().find_map(|test| {
            if let Test::DeviceIdIn(ids) = test
                && ids.len() <= FEW
            {
                Some(Lead::Few(ids.iter().map(|id| rows::id(id.guid())).collect()))
            } else {
                None
            }
        })
    };
    let owner = || query.owner.map(|owner| Lead::Owner(rows::id(owner.guid())));
    one.or_else(few).or_else(owner).or_else(|| names(&tests)).unwrap_or(Lead::Everything)
}

fn conjuncts<'a>(filter: &'a Filter, tests: &mut Vec<&'a Test>) {
    match filter {
        Filter::All(parts) => parts.iter().for_each(|part| conjuncts(part, tests)),
        Filter::Is(test) => tests.push(test),
        Filter::Any(_) | Filter::Not(_) => {}
    }
}

/// The range of names that the tests leave, if they say anything of names; by equality or a prefix when there is one.
fn names(tests: &[&Test]) -> Option<Lead> {
    let (mut begun, mut lower, mut upper) = (None, None, None);
    for test in tests {
        let Test::Name(text) = test else { continue };
        match text {
            TextTest::Equals(name) => {
                let name = rows::fold(name);
                return Some(Lead::Names(Some(name.clone()), Some((name, true))));
            }
            TextTest::StartsWith(prefix) if prefix.is_empty() => {}
            TextTest::StartsWith(prefix) => begun = Some(rows::fold(prefix)),
            TextTest::AtLeast(name) => lower = Some(rows::fold(name)),
            TextTest::AtMost(name) => upper = Some((rows::fold(name), true)),
        }
    }
    if let Some(prefix) = begun {
        let upper = successor(&prefix).map(|upper| (upper, false));
        return Some(Lead::Names(Some(prefix), upper));
    }
    (lower.is_some() || upper.is_some()).then_some(Lead::Names(lower, upper))
}
