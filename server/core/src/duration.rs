//! Lengths of time as people write them: `1h 30m`, `59m`, `0s`, `-2h`, `200ms`, `2 hours`.
//!
//! World files, the control API, faults and scenarios all read them here. A day has 24 hours and a week seven days;
//! months and years have no fixed length and are refused. Resolution: milliseconds. Left out: fractions.

use std::fmt;
use std::str::FromStr;

use crate::instant::{Offset, Span};

/// Ten thousand years: nothing that is counted here lasts longer.
const LONGEST: i64 = 10_000 * 366 * 86_400_000;

/// What is wrong with a text that should be a length of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotADuration {
    /// Nothing is there.
    Empty,
    /// Something else stands where a whole number should.
    Number,
    /// A number has no unit.
    UnitMissing,
    /// The unit is not known.
    Unit(String),
    /// Longer than ten thousand years.
    TooLong,
}

impl fmt::Display for NotADuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it is empty"),
            Self::Number => f.write_str("a whole number is expected before each unit"),
            Self::UnitMissing => f.write_str("a number needs a unit: d, h, m, s or ms"),
            Self::Unit(unit) => write!(f, "there is no unit `{unit}`; use d, h, m, s or ms"),
            Self::TooLong => f.write_str("it is too long"),
        }
    }
}

impl std::error::Error for NotADuration {}

impl FromStr for Offset {
    type Err = NotADuration;

    /// Reads a length of time, with a sign before it or without one: `-2h` looks back.
    fn from_str(text: &str) -> Result<Self, NotADuration> {
        let text = text.trim();
        match text.strip_prefix('-') {
            Some(rest) => unsigned(rest).map(|millis| Self::from_millis(-millis)),
            None => unsigned(text.strip_prefix('+').unwrap_or(text)).map(Self::from_millis),
        }
    }
}

impl FromStr for Span {
    type Err = NotADuration;

    /// Reads a length of time; one that looks back is none, and counts as zero.
    fn from_str(text: &str) -> Result<Self, NotADuration> {
        text.parse::<Offset>().map(|offset| Self::from_millis(offset.millis()))
    }
}

fn unsigned(text: &str) -> Result<i64, NotADuration> {
    let mut rest = text.trim_start();
    if rest.is_empty() {
        return Err(NotADuration::Empty);
    }
    let mut total = 0_i64;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, after) = rest.split_at(digits);
        let after = after.trim_start();
        let letters = after.len() - after.trim_start_matches(char::is_alphabetic).len();
        let (unit, after) = after.split_at(letters);
        if number.is_empty() {
            return Err(NotADuration::Number);
        }
        let scale = match unit {
            "w" | "week" | "weeks" => 7 * 86_400_000,
            "d" | "day" | "days" => 86_400_000,
            "h" | "hour" | "hours" => 3_600_000,
            "m" | "min" | "minute" | "minutes" => 60_000,
            "s" | "sec" | "second" | "seconds" => 1000,
            "ms" => 1,
            "" => return Err(NotADuration::UnitMissing),
            _ => return Err(NotADuration::Unit(unit.to_owned())),
        };
        let part = number.parse::<i64>().ok().and_then(|number| number.checked_mul(scale));
        total = part
            .and_then(|part| total.checked_add(part))
            .filter(|total| *total <= LONGEST)
            .ok_or(NotADuration::TooLong)?;
        rest = after.trim_start();
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_write_them() {
        for (text, millis) in [
            ("0s", 0),
            ("60m", 3_600_000),
            ("1h 30m", 5_400_000),
            ("1h30m", 5_400_000),
            ("3d", 259_200_000),
            ("2w", 1_209_600_000),
            ("250ms", 250),
            (" 2 h ", 7_200_000),
            ("2 hours", 7_200_000),
            ("-2h", -7_200_000),
            ("+10m", 600_000),
            ("- 1s", -1000),
            ("3660000d", 3_660_000 * 86_400_000),
        ] {
            assert_eq!(text.parse(), Ok(Offset::from_millis(millis)), "{text}");
            assert_eq!(text.parse(), Ok(Span::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_what_is_wrong() {
        let unit = |unit: &str| NotADuration::Unit(unit.to_owned());
        for (text, wrong) in [
            ("", NotADuration::Empty),
            ("- ", NotADuration::Empty),
            ("h", NotADuration::Number),
            ("1h -2m", NotADuration::Number),
            ("--1h", NotADuration::Number),
            ("5", NotADuration::UnitMissing),
            ("1.5h", NotADuration::UnitMissing),
            ("5m,", NotADuration::Number),
            ("5x", unit("x")),
            ("1mo", unit("mo")),
            ("1y", unit("y")),
            ("3660001d", NotADuration::TooLong),
            ("9999999999999d", NotADuration::TooLong),
            ("99999999999999999999d", NotADuration::TooLong),
        ] {
            assert_eq!(text.parse::<Span>(), Err(wrong), "{text}");
        }
    }
}
