//! A folder to run the command in.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A working folder and a home.
pub(crate) struct Desk {
    folder: tempfile::TempDir,
}

/// Variables of the caller that would change what the command does.
const OTHERS: [&str; 12] = [
    "NO_COLOR",
    "FORCE_COLOR",
    "CI",
    "TERM",
    "LINARITE_LOG",
    "LINARITE_PROXY",
    "LINARITE_CA",
    "XDG_DATA_HOME",
    "HTTPS_PROXY",
    "https_proxy",
    "NO_PROXY",
    "no_proxy",
];

impl Desk {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["fixtures", "scenarios"] {
            let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
            std::os::unix::fs::symlink(project.join(name), folder.path().join(name)).unwrap();
        }
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The command, not yet started.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_linarite"));
        for name in OTHERS {
            command.env_remove(name);
        }
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("HOME", self.folder.path().join("home"))
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Done {
        done(self.command(arguments))
    }

    /// Runs a scenario file with these steps, lines from the eighth on.
    pub(crate) fn scenario(&self, steps: &str, arguments: &[&str]) -> Done {
        self.write("one.scenario.yaml", &scenario(steps));
        self.run(&[&["run", "one.scenario.yaml"], arguments].concat())
    }
}

pub(crate) fn done(mut command: Command) -> Done {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Done {
        code: status.code().unwrap_or_else(|| panic!("{command:?} was ended by a signal")),
        out: text(stdout),
        err: text(stderr),
    }
}

/// A scenario with one machine. Its steps begin in line 8.
pub(crate) fn scenario(steps: &str) -> String {
    format!(
        "linarite: 1\nid: test.one\ntitle: One\nworld:\n  use: contoso\n  machines: {{ pc1: {{ name: PC-1 }} }}\nsteps:\n{steps}"
    )
}

/// Whether a program can be run here; says loudly when it cannot.
pub(crate) fn has(program: &str) -> bool {
    let found =
        Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_err() {
        println!("SKIPPED: {program} is not installed");
    }
    found.is_ok()
}
