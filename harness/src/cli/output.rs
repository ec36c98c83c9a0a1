//! The only place that writes to standard output and standard error.
//!
//! A reader that has gone (`linarite ... | head`) is no error.

use std::io::Write as _;

/// Writes a line to standard output.
pub(crate) fn line(text: &str) {
    let _gone = writeln!(std::io::stdout().lock(), "{text}");
}

/// Writes text to standard output as it is.
pub(crate) fn text(text: &str) {
    let mut out = std::io::stdout().lock();
    let _gone = out.write_all(text.as_bytes());
    let _gone = out.flush();
}

/// Writes a line to standard error.
pub(crate) fn note(text: &str) {
    let _gone = writeln!(std::io::stderr().lock(), "{text}");
}

/// Says on standard error what went wrong.
pub(crate) fn problem(text: &str) {
    note(&format!("linarite: {text}"));
}
