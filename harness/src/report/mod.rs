//! Reports: pure renderings of the event stream.
//!
//! Left out: HTML, TAP, GitHub annotations and merging the streams of several machines.

mod console;
mod junit;

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

pub use console::Console;
pub use junit::Junit;

use crate::run::events::RunEvent;

/// Something that renders a run's events.
pub trait Report: Send {
    /// Takes the next event.
    fn event(&mut self, event: &RunEvent);

    /// Writes what is left to write. An error names the file.
    fn finish(&mut self) -> Result<(), String>;
}

/// The stream itself, a line of JSON for each event, flushed line by line.
#[derive(Debug)]
pub struct JsonLines {
    path: PathBuf,
    file: BufWriter<File>,
    failed: Option<String>,
}

impl JsonLines {
    /// Begins the file.
    pub fn new(path: &Path) -> Result<Self, String> {
        Ok(Self { path: path.to_owned(), file: BufWriter::new(create(path)?), failed: None })
    }
}

impl Report for JsonLines {
    fn event(&mut self, event: &RunEvent) {
        let line = serde_json::to_string(event).unwrap_or_default();
        let written = writeln!(self.file, "{line}").and_then(|()| self.file.flush());
        if let Err(error) = written {
            let failed = format!("{} cannot be written: {error}", self.path.display());
            self.failed.get_or_insert(failed);
        }
    }

    fn finish(&mut self) -> Result<(), String> {
        self.failed.take().map_or(Ok(()), Err)
    }
}

/// Creates a report file and the folders above it.
fn create(path: &Path) -> Result<File, String> {
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    made.and_then(|()| File::create(path))
        .map_err(|error| format!("the report {} cannot be written: {error}", path.display()))
}

/// The command that runs a file again, ready for a shell. It runs all rows of the file: rows cannot be chosen.
fn again(file: &str, seed: u64) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@%".contains(c);
    if !file.is_empty() && !file.starts_with('-') && file.chars().all(plain) {
        return format!("linarite run {file} --seed {seed}");
    }
    format!("linarite run --seed {seed} -- '{}'", file.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_spaces_and_quotes_is_quoted_for_the_shell() {
        assert_eq!(again("a/b.scenario.yaml", 7), "linarite run a/b.scenario.yaml --seed 7");
        assert_eq!(again("it's a.yaml", 7), "linarite run --seed 7 -- 'it'\\''s a.yaml'");
    }
}
