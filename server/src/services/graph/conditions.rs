//! From a filter and an order in `OData` to the conditions and orders of the directory.
//!
//! The table of section 12 of the device registration notes says which operators each property takes; the rest is refused
//! with the property and the operator in the message. `ne` and `not` are advanced queries and want
//! `ConsistencyLevel: eventual` with `$count=true`. Management state is not emulated and null on every device, so
//! conditions on it are well formed and true for none (or all) of them.

use linarite_core::device::TrustType;
use linarite_core::instant::{Instant, Span};

use super::answer::Refused;
use super::odata::expr::{Expr, Literal, Op};
use super::odata::parse;
use super::shape::DEVICE;
use crate::clock::from_rfc3339;
use crate::directory::{Filter, Order, SortBy, Test, TextTest, TimeTest};

/// What kind of values a property has, and where the directory keeps them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Id,
    DeviceId,
    Enabled,
    Name,
    Os,
    OsVersion,
    Trust,
    Sid,
    Synchronised,
    Seen,
    /// Null on every device; a flag.
    NoFlag,
    /// Null on every device; a text.
    NoText,
    /// Null on every device; a time.
    NoTime,
}

/// A property with the operators that it takes, and whether it may be compared with null.
struct Row(&'static str, Column, &'static str, bool);

const TABLE: [Row; 14] = [
    Row("id", Column::Id, "eq ne not in", false),
    Row("accountEnabled", Column::Enabled, "eq ne not in", false),
    Row("deviceId", Column::DeviceId, "eq ne not startswith", false),
    Row("displayName", Column::Name, "eq ne not ge le in startswith", true),
    Row("approximateLastSignInDateTime", Column::Seen, "eq ne not ge le", true),
    Row("operatingSystem", Column::Os, "eq ne not ge le startswith", true),
    Row("operatingSystemVersion", Column::OsVersion, "eq ne not ge le startswith", true),
    Row("trustType", Column::Trust, "eq ne not in", false),
    Row("isCompliant", Column::NoFlag, "eq ne not", false),
    Row("isManaged", Column::NoFlag, "eq ne not", false),
    Row("mdmAppId", Column::NoText, "eq ne not startswith", false),
    Row("onPremisesSyncEnabled", Column::Synchronised, "eq ne not in", true),
    Row("onPremisesLastSyncDateTime", Column::NoTime, "eq ne not ge le in", false),
    Row("onPremisesSecurityIdentifier", Column::Sid, "eq", false),
];

/// True for no device.
const NONE: Filter = Filter::Any(Vec::new());

/// Reads a filter on devices. `advanced`: whether the request came with all that `ne` and `not` want.
pub(super) fn filter(text: &str, advanced: bool) -> Result<Filter, Refused> {
    let expr = parse(text)
        .map_err(|problem| Refused::malformed(format!("Invalid filter clause: {problem}.")))?;
    Reader { advanced }.read(&expr, false)
}

/// Reads an order of devices.
pub(super) fn order(text: &str) -> Result<Order, Refused> {
    let mut words = text.split_whitespace();
    let name = words.next().unwrap_or_default();
    let descending = match words.next().map(str::to_ascii_lowercase).as_deref() {
        None | Some("asc") => false,
        Some("desc") => true,
        Some(_) => {
            return Err(Refused::malformed(format!(
                "$orderby: '{text}' is not a property with asc or desc."
            )));
        }
    };
    if words.next().is_some() || name.contains(',') || text.contains(',') {
        return Err(Refused::unsupported("Not emulated: $orderby by more than one property."));
    }
    let by = match DEVICE.property(name) {
        Some("displayName") => SortBy::Name,
        Some("approximateLastSignInDateTime") => SortBy::Seen,
        Some(other) => {
            return Err(Refused::unsupported(format!(
                "$orderby is not supported for the property '{other}' of {}; displayName and approximateLastSignInDateTime are.",
                DEVICE.name()
            )));
        }
        None => {
            return Err(Refused::malformed(format!(
                "$orderby: '{name}' is not a property of {}.",
                DEVICE.name()
            )));
        }
    };
    Ok(Order { by, descending })
}

struct Reader {
    advanced: bool,
}

impl Reader {
    fn read(&self, expr: &Expr, negated: bool) -> Result<Filter, Refused> {
        let all = |parts: &[Expr]| -> Result<Vec<_>, _> {
            parts.iter().map(|part| self.read(part, negated)).collect()
        };
        match expr {
            Expr::And(parts) => Ok(Filter::All(all(parts)?)),
            Expr::Or(parts) => Ok(Filter::Any(all(parts)?)),
            Expr::Not(part) => {
                self.want_advanced("not")?;
                Ok(Filter::Not(Box::new(self.read(part, true)?)))
            }
            Expr::Compare { property, op, value } => {
                let row = row(property, op.word(), negated)?;
                match op {
                    Op::Eq => equals(row, value),
                    Op::Ne => {
                        self.want_advanced("ne")?;
                        Ok(Filter::Not(Box::new(equals(row, value)?)))
                    }
                    Op::Ge => bound(row, value, true),
                    Op::Le => bound(row, value, false),
                    Op::Gt | Op::Lt => Err(not_taken(row.0, op.word())),
                }
            }
            Expr::In { property, values } => {
                let row = row(property, "in", negated)?;
                let parts = values.iter().map(|value| equals(row, value));
                Ok(Filter::Any(parts.collect::<Result<_, _>>()?))
            }
            Expr::Call { function, property, argument } => {
                match function.to_ascii_lowercase().as_str() {
                    "startswith" => begins(row(property, "startswith", negated)?, argument),
                    "endswith" | "contains" => {
                        Err(Refused::unsupported(format!("Not emulated: {function} in $filter.")))
                    }
                    _ => Err(Refused::malformed(format!(
                        "Invalid filter clause: '{function}' is not a function; startsWith is."
                    ))),
                }
            }
        }
    }

    fn want_advanced(&self, word: &str) -> Result<(), Refused> {
        if self.advanced {
            Ok(())
        } else {
            Err(Refused::unsupported(format!(
                "The operator '{word}' needs the header 'ConsistencyLevel: eventual' and $count=true."
            )))
        }
    }
}

fn not_taken(property: &str, operator: &str) -> Refused {
    Refused::unsupported(format!(
        "Unsupported filter clause: the property '{property}' of {} does not take '{operator}'.",
        DEVICE.name()
    ))
}

/// The row of a property, when the property takes the operator.
fn row(property: &str, operator: &str, negated: bool) -> Result<&'static Row, Refused> {
    let Some(row) = TABLE.iter().find(|row| row.0.eq_ignore_ascii_case(property)) else {
        return Err(match DEVICE.property(property.split('/').next().unwrap_or_default()) {
            Some(known) => Refused::unsupported(format!(
                "Not emulated: $filter on the property '{known}' of {}.",
                DEVICE.name()
            )),
            None => Refused::malformed(format!(
                "Invalid filter clause: '{property}' is not a property of {}.",
                DEVICE.name()
            )),
        });
    };
    let takes = |word: &str| row.2.split(' ').any(|taken| taken == word);
    if !takes(operator) {
        return Err(not_taken(row.0, operator));
    }
    if negated && !takes("not") {
        return Err(not_taken(row.0, "not"));
    }
    Ok(row)
}

fn wrong_type(row: &Row, value: &Literal, wanted: &str) -> Refused {
    Refused::malformed(format!(
        "Invalid filter clause: '{}' is compared with {wanted}, not with {value}.",
        row.0
    ))
}

fn flag(row: &Row, value: &Literal) -> Result<bool, Refused> {
    match value {
        Literal::Flag(flag) => Ok(*flag),
        Literal::Null | Literal::Text(_) | Literal::Bare(_) => {
            Err(wrong_type(row, value, "true or false"))
        }
    }
}

fn text<'a>(row: &Row, value: &'a Literal) -> Result<&'a str, Refused> {
    match value {
        Literal::Text(text) => Ok(text),
        Literal::Null | Literal::Flag(_) | Literal::Bare(_) => {
            Err(wrong_type(row, value, "a text in single quotes"))
        }
    }
}

/// An id, which may stand without quotes. `None`: a text that is no id, which no device has.
fn id<T: std::str::FromStr>(row: &Row, value: &Literal) -> Result<Option<T>, Refused> {
    match value {
        Literal::Text(text) => Ok(text.parse().ok()),
        Literal::Bare(word) => word.parse().map(Some).map_err(|_| wrong_type(row, value, "a GUID")),
        Literal::Null | Literal::Flag(_) => Err(wrong_type(row, value, "a GUID")),
    }
}

fn time(row: &Row, value: &Literal) -> Result<Instant, Refused> {
    let time = match value {
        Literal::Bare(word) => from_rfc3339(word),
        Literal::Null | Literal::Flag(_) | Literal::Text(_) => None,
    };
    time.ok_or_else(|| wrong_type(row, value, "a time such as 2026-03-02T09:00:00Z"))
}

fn equals(row: &Row, value: &Literal) -> Result<Filter, Refused> {
    let is = |test| Ok(Filter::Is(test));
    if *value == Literal::Null {
        return match (row.3, row.1) {
            (true, Column::Seen) => is(Test::Seen(TimeTest::Never)),
            (true, Column::Synchronised) => {
                Ok(Filter::Not(Box::new(Filter::Is(Test::Synchronised))))
            }
            (true, _) => Ok(NONE),
            (false, _) => Err(not_taken(row.0, "null")),
        };
    }
    let equal_text = |test: fn(TextTest) -> Test| {
        text(row, value).map(|text| Filter::Is(test(TextTest::Equals(text.to_owned()))))
    };
    match row.1 {
        Column::Id => Ok(id(row, value)?.map_or(NONE, |id| Filter::Is(Test::ObjectId(id)))),
        Column::DeviceId => Ok(id(row, value)?.map_or(NONE, |id| Filter::Is(Test::DeviceId(id)))),
        Column::Enabled => is(Test::Enabled(flag(row, value)?)),
        Column::Name => equal_text(Test::Name),
        Column::Os => equal_text(Test::Os),
        Column::OsVersion => equal_text(Test::OsVersion),
        Column::Trust => {
            let trust = TrustType::from_word(text(row, value)?);
            Ok(trust.map_or(NONE, |trust| Filter::Is(Test::Trust(trust))))
        }
        Column::Sid => is(Test::Sid(text(row, value)?.to_owned())),
        Column::Synchronised if flag(row, value)? => is(Test::Synchronised),
        Column::Synchronised => Ok(NONE),
        Column::Seen => {
            let at = time(row, value)?;
            let (from, to) = (at_least(at), at_most(at));
            Ok(Filter::All(vec![Filter::Is(from), Filter::Is(to)]))
        }
        Column::NoFlag => flag(row, value).map(|_| NONE),
        Column::NoText => text(row, value).map(|_| NONE),
        Column::NoTime => time(row, value).map(|_| NONE),
    }
}

/// Times are shown to the second and compared as shown.
fn at_least(at: Instant) -> Test {
    let shown = Instant::from_seconds(at.seconds());
    let next = if shown == at { shown } else { shown + Span::from_seconds(1) };
    Test::Seen(TimeTest::AtLeast(next))
}

fn at_most(at: Instant) -> Test {
    Test::Seen(TimeTest::AtMost(Instant::from_seconds(at.seconds()) + Span::from_millis(999)))
}

fn bound(row: &Row, value: &Literal, lower: bool) -> Result<Filter, Refused> {
    let bound_text = |test: fn(TextTest) -> Test| {
        let text = text(row, value)?.to_owned();
        let text = if lower { TextTest::AtLeast(text) } else { TextTest::AtMost(text) };
        Ok(Filter::Is(test(text)))
    };
    match row.1 {
        Column::Name => bound_text(Test::Name),
        Column::Os => bound_text(Test::Os),
        Column::OsVersion => bound_text(Test::OsVersion),
        Column::Seen => {
            let at = time(row, value)?;
            Ok(Filter::Is(if lower { at_least(at) } else { at_most(at) }))
        }
        Column::NoTime => time(row, value).map(|_| NONE),
        Column::Id
        | Column::DeviceId
        | Column::Enabled
        | Column::Trust
        | Column::Sid
        | Column::Synchronised
        | Column::NoFlag
        | Column::NoText => Err(not_taken(row.0, if lower { "ge" } else { "le" })),
    }
}

fn begins(row: &Row, value: &Literal) -> Result<Filter, Refused> {
    let prefix = text(row, value)?.to_owned();
    match row.1 {
        Column::DeviceId => Ok(Filter::Is(Test::DeviceIdStartsWith(prefix))),
        Column::Name => Ok(Filter::Is(Test::Name(TextTest::StartsWith(prefix)))),
        Column::Os => Ok(Filter::Is(Test::Os(TextTest::StartsWith(prefix)))),
        Column::OsVersion => Ok(Filter::Is(Test::OsVersion(TextTest::StartsWith(prefix)))),
        Column::NoText => Ok(NONE),
        Column::Id
        | Column::Enabled
        | Column::Trust
        | Column::Sid
        | Column::Synchronised
        | Column::Seen
        | Column::NoFlag
        | Column::NoTime => Err(not_taken(row.0, "startsWith")),
    }
}
