//! The only place that reads the environment.

#![expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]

use std::io::IsTerminal as _;
use std::path::PathBuf;

use tracing_subscriber::EnvFilter;

/// A variable that is set and not empty.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The folder of what belongs to this user and outlives a run: the private CA.
pub(crate) fn user_folder() -> Option<PathBuf> {
    let base = variable("XDG_DATA_HOME").map(PathBuf::from);
    let home = || variable("HOME").map(|home| PathBuf::from(home).join(".local/share"));
    base.filter(|path| path.is_absolute()).or_else(home).map(|base| base.join("linarite"))
}

/// Whether to colour what goes to standard output: `--color`, then `NO_COLOR`, then what it goes to.
pub(crate) fn colour(wish: &str) -> bool {
    let dumb = variable("TERM").is_some_and(|term| term == "dumb");
    match wish {
        "always" => true,
        "never" => false,
        _ if variable("NO_COLOR").is_some() || dumb => false,
        _ => variable("FORCE_COLOR").is_some() || std::io::stdout().is_terminal(),
    }
}

/// Whether a line of progress makes sense: a person looks at standard error.
pub(crate) fn shows_progress() -> bool {
    !is_ci() && std::io::stderr().is_terminal()
}

/// How many cores there are.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(2, std::num::NonZero::get)
}

/// These variables of the caller, as far as they are set.
pub(crate) fn inherited(names: &[&str]) -> Vec<(String, String)> {
    names.iter().filter_map(|name| Some(((*name).to_owned(), variable(name)?))).collect()
}

/// Finds a program as the shell would.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(|path| is_executable(path));
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| is_executable(path))
}

fn is_executable(path: &std::path::Path) -> bool {
    let Ok(data) = std::fs::metadata(path) else { return false };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        data.is_file() && data.permissions().mode() & 0o111 != 0
    }
    #[cfg(not(unix))]
    {
        data.is_file()
    }
}

/// Where libfaketime is: `LINARITE_FAKETIME`, else where distributions put it.
pub(crate) fn faketime() -> Option<PathBuf> {
    const LIBRARY: &str = "faketime/libfaketimeMT.so.1";
    if let Some(path) = variable("LINARITE_FAKETIME") {
        return Some(PathBuf::from(path)).filter(|path| path.is_file());
    }
    let folders = ["/usr/lib", "/usr/lib64", "/usr/local/lib"].map(PathBuf::from);
    // Debian has a folder for each architecture.
    let within = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let mut within: Vec<PathBuf> = within.map(|entry| entry.path()).collect();
    within.sort();
    folders.into_iter().chain(within).map(|at| at.join(LIBRARY)).find(|path| path.is_file())
}

/// Whether this is a build server, by `CI`.
pub(crate) fn is_ci() -> bool {
    variable("CI").is_some_and(|value| value != "false" && value != "0")
}

/// Starts logging to standard error, by `LINARITE_LOG` (`info`, `linarite_server=debug`, `off`); only faults of the program
/// and of the machine without it.
pub(crate) fn start_logging() {
    let filter = variable("LINARITE_LOG").map_or_else(
        || EnvFilter::new("error"),
        |filter| EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info")),
    );
    // Only a second subscriber fails, and there is none.
    let _set =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
}
