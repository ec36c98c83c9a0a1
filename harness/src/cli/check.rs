//! `linarite check`, `linarite schema`, `linarite coverage`: what can be said of scenarios without running them.

use std::collections::BTreeMap;
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

#[derive(Debug, Args)]
pub(crate) struct Coverage {
    /// Scenario files, or folders of them
    #[arg(default_value = "scenarios", value_name = "PATH")]
    paths: Vec<PathBuf>,
}

fn load(paths: &[PathBuf]) -> Result<Vec<Loaded>, Exit> {
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
    let mut ids: BTreeMap<String, PathBuf> = BTreeMap::new();
    for loaded in &loaded {
        for finding in &loaded.findings {
            output::line(finding.render(colour).trim_end());
        }
        let (more_errors, more_warnings) = loaded.counts();
        errors += more_errors;
        warnings += more_warnings;
        if let Some(scenario) = &loaded.scenario
            && let Some(other) = ids.insert(scenario.id().to_owned(), scenario.path.clone())
        {
            output::line(&format!(
                "{}: the id `{}` is that of {} too; ids are unique",
                scenario.path.display(),
                scenario.id(),
                other.display()
            ));
            errors += 1;
        }
    }
    output::line(&format!("{} files, {errors} errors, {warnings} warnings", loaded.len()));
    if errors > 0 { Exit::Invalid } else { Exit::Passed }
}

/// Prints the JSON Schema of scenario files.
pub(crate) fn schema() -> Exit {
    output::line(scenario_schema().trim_end());
    Exit::Passed
}

/// The cases of the FAQ, in a few words each.
const CASES: [(&str, &str); 28] = [
    ("A1", "a hybrid device is not under its user's info"),
    ("A2", "a personal device is"),
    ("A3", "a down-level device is"),
    ("A4", "a device that is not Windows is"),
    ("A5", "not all devices are seen in the portal"),
    ("A6", "how to see a client's registration state"),
    ("A7", "a deleted device still calls itself registered"),
    ("A8", "and has no access to cloud resources"),
    ("A9", "leave and join again, hybrid"),
    ("A10", "leave and join again, down-level"),
    ("A11", "without a leave nothing mends itself"),
    ("A12", "duplicates by leaving and joining again"),
    ("A13", "duplicates by Add Work or School Account"),
    ("A14", "duplicates by domain users of a down-level device"),
    ("A15", "duplicates by a wiped device of the same name"),
    ("A16", "a disabled device works for up to an hour"),
    ("A17", "and is enabled again"),
    ("A18", "continuous access evaluation of a user"),
    ("A19", "a lost device is wiped"),
    ("A20", "you can't get there from here"),
    ("A21", "record and state have to fit for conditional access"),
    ("A22", "user name or password is incorrect: credentials"),
    ("A23", "the same: the service is out of reach"),
    ("A24", "the same: prerequisites are not met"),
    ("A25", "the same: no active WS-Trust endpoint"),
    ("A26", "Oops... an error occurred"),
    ("A27", "the built-in administrator's join fails silently"),
    ("A28", "set-up and troubleshooting"),
];

/// Shows which FAQ cases scenarios prove, and which they do not touch.
pub(crate) fn coverage(arguments: &Coverage) -> Exit {
    let loaded = match load(&arguments.paths) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let mut proving: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for scenario in loaded.iter().filter_map(Loaded::runnable) {
        for case in scenario.faq() {
            proving.entry(case.as_str()).or_default().push(scenario.id());
        }
    }
    let mut proved = 0;
    for (case, what) in CASES {
        let scenarios = proving.get(case);
        proved += usize::from(scenarios.is_some());
        let by = scenarios.map_or_else(|| "-".to_owned(), |ids| ids.join(", "));
        output::line(&format!("{case:<4} {what:<55} {by}"));
    }
    output::line(&format!("{proved} of {}", CASES.len()));
    Exit::Passed
}
