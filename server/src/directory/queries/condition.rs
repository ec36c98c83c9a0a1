//! A condition as an expression in SQL, which is 0 or 1 and never NULL.
//!
//! Names are compared by their case-folded key, so that the index of names fits; systems and versions, which have none,
//! by the letters of ASCII. A text begins with another one when it lies in the range from that to its successor.

use super::super::rows;
use super::ask::{Filter, Test, TextTest, TimeTest};
use super::plan::Sql;

/// Conditions that do not depend on the device. They are bound like other values: SQLite plans a constant in the text
/// away together with the index that the query names, and then has no plan at all.
const TRUE: i64 = 1;
const FALSE: i64 = 0;

/// The first text in code point order behind all those that begin with this one; `None` when there is none.
pub(super) fn successor(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        // Surrogates are no characters: behind U+D7FF comes U+E000.
        let next =
            if last == '\u{D7FF}' { Some('\u{E000}') } else { char::from_u32(u32::from(last) + 1) };
        if let Some(next) = next {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

/// Writes a condition as an expression that is 0 or 1.
pub(super) fn condition(sql: &mut Sql, filter: &Filter) {
    match filter {
        Filter::All(parts) => joined(sql, parts, " AND ", TRUE),
        Filter::Any(parts) => joined(sql, parts, " OR ", FALSE),
        Filter::Not(part) => {
            sql.push("NOT ");
            condition(sql, part);
        }
        Filter::Is(test) => {
            sql.push("(");
            single(sql, test);
            sql.push(")");
        }
    }
}

fn joined(sql: &mut Sql, parts: &[Filter], word: &str, empty: i64) {
    sql.push("(");
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            sql.push(word);
        }
        condition(sql, part);
    }
    if parts.is_empty() {
        sql.bind(empty);
    }
    sql.push(")");
}

fn single(sql: &mut Sql, test: &Test) {
    match test {
        Test::ObjectId(id) => sql.push("object_id = ").bind(rows::id(id.guid()).to_vec()),
        Test::DeviceId(id) => sql.push("device_id = ").bind(rows::id(id.guid()).to_vec()),
        Test::DeviceIdStartsWith(prefix) => match guid_range(prefix) {
            Some((low, high)) => {
                sql.push("device_id BETWEEN ").bind(low.to_vec()).push(" AND ").bind(high.to_vec())
            }
            None => sql.bind(FALSE),
        },
        Test::Enabled(true) => sql.push("disabled_made IS NULL"),
        Test::Enabled(false) => sql.push("disabled_made IS NOT NULL"),
        Test::Trust(trust) => sql.push("trust = ").bind(i64::from(rows::trust_number(*trust))),
        Test::Name(text) => name(sql, text),
        Test::Os(text) => uncased(sql, "os", text),
        Test::OsVersion(text) => uncased(sql, "os_version", text),
        Test::Sid(sid) => sql.push("sid IS ").bind(sid.clone()),
        Test::Synchronised => sql.push("sid IS NOT NULL"),
        Test::Seen(TimeTest::Never) => sql.push("activity IS NULL"),
        Test::Seen(TimeTest::AtLeast(at)) => {
            sql.push("activity IS NOT NULL AND activity >= ").bind(at.millis())
        }
        Test::Seen(TimeTest::AtMost(at)) => {
            sql.push("activity IS NOT NULL AND activity <= ").bind(at.millis())
        }
        Test::DeviceIdIn(ids) => {
            sql.push("device_id IN (");
            for (index, id) in ids.iter().enumerate() {
                sql.push(if index > 0 { ", " } else { "" }).bind(rows::id(id.guid()).to_vec());
            }
            sql.push(")")
        }
    };
}

fn name<'a>(sql: &'a mut Sql, text: &TextTest) -> &'a mut Sql {
    match text {
        TextTest::Equals(name) => sql.push("name_key = ").bind(rows::fold(name)),
        TextTest::AtLeast(name) => sql.push("name_key >= ").bind(rows::fold(name)),
        TextTest::AtMost(name) => sql.push("name_key <= ").bind(rows::fold(name)),
        TextTest::StartsWith(prefix) => {
            let prefix = rows::fold(prefix);
            let upper = successor(&prefix);
            sql.push("name_key >= ").bind(prefix);
            match upper {
                Some(upper) => sql.push(" AND name_key < ").bind(upper),
                None => sql,
            }
        }
    }
}

fn uncased<'a>(sql: &'a mut Sql, column: &str, text: &TextTest) -> &'a mut Sql {
    match text {
        TextTest::Equals(text) => sql.push(column).push(" = ").bind(text.clone()),
        TextTest::AtLeast(text) => sql.push(column).push(" >= ").bind(text.clone()),
        TextTest::AtMost(text) => sql.push(column).push(" <= ").bind(text.clone()),
        TextTest::StartsWith(prefix) => {
            let length = i64::try_from(prefix.chars().count()).unwrap_or(i64::MAX);
            sql.push("substr(").push(column).push(", 1, ").bind(length).push(") = ");
            sql.bind(prefix.clone())
        }
    }
    .push(" COLLATE NOCASE")
}

/// The least and the greatest GUID whose text begins so; `None` when none does.
fn guid_range(prefix: &str) -> Option<([u8; 16], [u8; 16])> {
    if prefix.len() > 36 {
        return None;
    }
    let (mut low, mut high) = ([0_u8; 16], [0xff_u8; 16]);
    let mut digits = 0_usize;
    for (index, c) in prefix.chars().enumerate() {
        if matches!(index, 8 | 13 | 18 | 23) {
            if c != '-' {
                return None;
            }
            continue;
        }
        let digit = u8::try_from(c.to_digit(16)?).ok()?;
        let (shift, mask) = if digits.is_multiple_of(2) { (4, 0x0f) } else { (0, 0xf0) };
        for byte in [low.get_mut(digits / 2)?, high.get_mut(digits / 2)?] {
            *byte = (*byte & mask) | (digit << shift);
        }
        digits += 1;
    }
    Some((low, high))
}
