//! The only place that writes to standard output and standard error.
//!
//! A reader that has gone (`linarite ... | head`) is no error. Any other failure to print ends the command: what it was
//! asked for is lost, and nobody may take that for success.

use std::io::{self, Write as _};

use super::Exit;

/// Writes a line to standard output.
pub(crate) fn line(text: &str) {
    printed(writeln!(io::stdout().lock(), "{text}"));
}

/// Writes text to standard output as it is.
pub(crate) fn text(text: &str) {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    drop(out);
    printed(written);
}

fn printed(written: io::Result<()>) {
    if let Err(error) = written
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        problem(&format!("standard output cannot be written: {error}"));
        #[expect(clippy::exit, reason = "no caller could do anything else with its only product")]
        std::process::exit(i32::from(Exit::Environment as u8));
    }
}

/// Writes a line to standard error.
pub(crate) fn note(text: &str) {
    let _gone = writeln!(io::stderr().lock(), "{text}");
}

/// Says on standard error what went wrong.
pub(crate) fn problem(text: &str) {
    note(&format!("linarite: {text}"));
}
