//! Durations and points in time as scenarios write them: `1h 30m`, `59m`, `0s`, `-2h`, `200ms`;
//! RFC 3339 for points in time. A day is 24 hours, a week seven days; months and years have no
//! fixed length and are refused. Resolution: milliseconds.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use linarite_server::clock::Offset;

/// A length of time in milliseconds; negative ones look back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dur(pub i64);

/// A point in time in milliseconds since 1970-01-01T00:00:00Z, printed as RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub i64);

const UNITS: [(&str, i64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl Dur {
    /// The length in milliseconds.
    pub fn millis(self) -> i64 {
        self.0
    }

    /// The length for the standard library; negative lengths become zero.
    pub fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_millis(u64::try_from(self.0).unwrap_or(0))
    }
}

impl FromStr for Dur {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse::<Offset>()
            .map(|offset| Self(offset.millis()))
            .map_err(|wrong| format!("`{text}` is not a duration: {wrong}"))
    }
}

impl fmt::Display for Dur {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        if self.0 < 0 {
            f.write_str("-")?;
        }
        let mut rest = self.0.unsigned_abs();
        let mut space = "";
        for (unit, millis) in UNITS {
            let millis = millis.unsigned_abs();
            if rest >= millis {
                write!(f, "{space}{}{unit}", rest / millis)?;
                rest %= millis;
                space = " ";
            }
        }
        Ok(())
    }
}

impl Time {
    /// Milliseconds since 1970.
    pub fn millis(self) -> i64 {
        self.0
    }

    /// The time some length later; stops at the ends of what can be said.
    #[must_use]
    pub fn plus(self, dur: Dur) -> Self {
        Self(self.0.saturating_add(dur.0))
    }
}

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse::<Timestamp>().map(|time| Self(time.as_millisecond())).map_err(|_| {
            format!("`{text}` is not a point in time; write it as 2026-03-02T09:00:00Z (RFC 3339)")
        })
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_millisecond(self.0) {
            Ok(time) => write!(f, "{time}"),
            Err(_) => write!(f, "{} ms after 1970", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_read_as_people_write_them() {
        for (text, millis) in [
            ("60m", 3_600_000),
            ("1h 30m", 5_400_000),
            ("1h30m", 5_400_000),
            ("0s", 0),
            ("3d", 259_200_000),
            ("2h", 7_200_000),
            ("200ms", 200),
            ("-2h", -7_200_000),
            ("+10m", 600_000),
            ("2 hours", 7_200_000),
        ] {
            assert_eq!(text.parse::<Dur>(), Ok(Dur(millis)), "{text}");
        }
        for text in ["", "5", "h", "1x", "1mo", "1y", "1.5h", "99999999999999d", "1h -2m", "- "] {
            assert!(text.parse::<Dur>().is_err(), "{text}");
        }
    }

    #[test]
    fn times_are_rfc_3339() {
        assert_eq!("1970-01-01T00:00:01Z".parse(), Ok(Time(1000)));
        assert_eq!("1970-01-01T01:00:01.5+01:00".parse(), Ok(Time(1500)));
        assert!("2026-03-02".parse::<Time>().is_err());
        assert_eq!(Time(1500).to_string(), "1970-01-01T00:00:01.5Z");
    }

    proptest! {
        #[test]
        fn a_printed_duration_reads_back(millis in -10_000_000_000_000_i64..10_000_000_000_000) {
            prop_assert_eq!(Dur(millis).to_string().parse(), Ok(Dur(millis)));
        }

        #[test]
        fn no_text_makes_the_parsers_panic(text in "\\PC*") {
            drop(text.parse::<Dur>());
            drop(text.parse::<Time>());
        }
    }
}
