//! The table that the bench prints.

use std::fmt::{self, Write as _};

/// What a value is measured against.
#[derive(Debug)]
pub(crate) enum Bound {
    /// Nothing: it is a part of other bounds, or only told.
    None,
    /// So many nanoseconds, and how they came together.
    Sum(f64, String),
}

impl Bound {
    /// So many of each of these parts.
    pub(crate) fn sum(parts: &[(f64, &str, f64)]) -> Self {
        let words: Vec<String> =
            parts.iter().map(|(n, part, each)| format!("{n} x {part} {}", time(*each))).collect();
        Self::Sum(parts.iter().map(|(n, _, each)| n * each).sum(), words.join(" + "))
    }
}

/// The rows so far.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<[String; 4]>,
    remarks: Vec<String>,
}

impl Table {
    /// Begins a group of rows.
    pub(crate) fn title(&mut self, text: &str) {
        self.rows.push([format!("**{text}**"), String::new(), String::new(), String::new()]);
    }

    /// Adds a time in nanoseconds.
    pub(crate) fn row(&mut self, part: &str, value: f64, bound: Bound) {
        let (bound, verdict) = match bound {
            Bound::None => (String::new(), String::new()),
            Bound::Sum(limit, words) => {
                let bound = format!("{words} = {}", time(limit));
                (bound, verdict(value / limit))
            }
        };
        self.rows.push([part.to_owned(), time(value), bound, verdict]);
    }

    /// Adds a size in bytes.
    pub(crate) fn memory(&mut self, part: &str, value: f64, limit: Option<u32>) {
        let mib = |bytes: f64| format!("{:.1} MiB", bytes / f64::from(1 << 20));
        let (bound, verdict) = match limit.map(f64::from) {
            None => (String::new(), String::new()),
            Some(limit) => (mib(limit), verdict(value / limit)),
        };
        self.rows.push([part.to_owned(), mib(value), bound, verdict]);
    }

    /// Adds a line below the table.
    pub(crate) fn remark(&mut self, text: &str) {
        self.remarks.push(text.to_owned());
    }
}

fn verdict(ratio: f64) -> String {
    format!("{ratio:.2} {}", if ratio <= 1.0 { "ok" } else { "OVER" })
}

fn time(nanos: f64) -> String {
    if nanos >= 1e9 {
        format!("{:.2} s", nanos / 1e9)
    } else if nanos >= 1e6 {
        format!("{:.2} ms", nanos / 1e6)
    } else {
        format!("{:.1} us", nanos / 1e3)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["part", "value", "bound", "ratio"].map(str::to_owned);
        let rule = ["---"; 4].map(str::to_owned);
        for row in [&head, &rule].into_iter().chain(&self.rows) {
            let mut line = String::from("|");
            for cell in row {
                write!(line, " {cell} |")?;
            }
            writeln!(f, "{line}")?;
        }
        for remark in &self.remarks {
            writeln!(f, "{remark}")?;
        }
        Ok(())
    }
}
