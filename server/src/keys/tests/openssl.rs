//! The `openssl` command, which judges what is written here and makes what is read here.

use std::fs;
use std::process::{Command, Output};

use tempfile::TempDir;

/// A folder in which `openssl` runs.
pub(in super::super) struct OpenSsl {
    folder: TempDir,
}

impl OpenSsl {
    /// A new folder, or nothing when this machine has no `openssl`, which is said aloud.
    pub(in super::super) fn new() -> Option<Self> {
        if Command::new("openssl").arg("version").output().is_err() {
            eprintln!("SKIPPED: no `openssl` command on this machine, nothing judged this test");
            return None;
        }
        Some(Self { folder: TempDir::new().unwrap() })
    }

    pub(in super::super) fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.folder.path().join(name), bytes).unwrap();
    }

    pub(in super::super) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder.path().join(name)).unwrap()
    }

    /// Runs it with arguments that are separated by single spaces.
    pub(in super::super) fn run(&self, arguments: &str) -> Output {
        let arguments = arguments.split(' ').filter(|argument| !argument.is_empty());
        Command::new("openssl").args(arguments).current_dir(self.folder.path()).output().unwrap()
    }

    /// Runs it and insists on success; what it printed.
    pub(in super::super) fn text(&self, arguments: &str) -> String {
        let output = self.run(arguments);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {arguments}: {text}{complaint}");
        text
    }
}
