//! `linarite check`, `linarite schema`: what can be said of scenarios without running them.

use std::path::PathBuf;

use clap::Args;

use super::{Exit, environment, output};
use crate::run::plan::{find, read};
use crate::scenario::{Loaded, scenario_schema};

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Scenario files, or folders of them
    #[arg(default_value = "scenarios", value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// When to colour: auto, always, never
    #[arg(long, default_value = "auto", value_parser = ["auto", "always", "never"])]
    color: String,
}

/// Reads the scenarios below these paths.
pub(super) fn load(paths: &[PathBuf]) -> Result<Vec<Loaded>, Exit> {
    match find(paths) {
        Ok(files) if files.is_empty() => {
            output::problem("no scenario files were found");
            Err(Exit::Nothing)
        }
        Ok(files) => Ok(read(&files)),
        Err((path, error)) => {
            output::problem(&format!("{}: {error}", path.display()));
            Err(Exit::Usage)
        }
    }
}

/// Reads scenarios and says all that is wrong with them.
pub(crate) fn check(arguments: &Check) -> Exit {
    let loaded = match load(&arguments.paths) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let colour = environment::colour(&arguments.color);
    let (mut errors, mut warnings) = (0, 0);
    for loaded in &loaded {
        for finding in &loaded.findings {
            output::line(finding.render(colour).trim_end());
        }
        let (more_errors, more_warnings) = loaded.counts();
        errors += more_errors;
        warnings += more_warnings;
    }
    output::line(&format!("{} files, {errors} errors, {warnings} warnings", loaded.len()));
    if errors > 0 { Exit::Invalid } else { Exit::Passed }
}

/// Prints the JSON Schema of scenario files.
pub(crate) fn schema() -> Exit {
    output::line(scenario_schema().trim_end());
    Exit::Passed
}
