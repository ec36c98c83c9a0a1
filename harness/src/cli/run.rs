//! `linarite run`: runs scenarios and reports.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use clap::Args;
use linarite_server::entropy::Entropy;
use tokio::sync::watch;

use super::signals::Signals;
use super::{Exit, environment, output};
use crate::report::{Console, JsonLines, Junit, Report};
use crate::run::needs::Surroundings;
use crate::run::plan::{Other, Tags, expand, find, read};
use crate::run::{Options, Stop, Tell, process};

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(crate) struct Run {
    /// Scenario files, or folders of them
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Only scenarios whose tags fit: `faq and not (slow or external)`
    #[arg(short, long, value_name = "TERM")]
    tags: Option<String>,
    /// How many at a time; as many as there are cores when not given
    #[arg(short, long, value_name = "N")]
    jobs: Option<usize>,
    /// Seed of the run; drawn when not given
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Reports: junit=FILE, jsonl=FILE, har=DIR, journal=DIR; several with commas
    #[arg(long, value_name = "KIND=PATH", value_delimiter = ',')]
    report: Vec<String>,
    /// Fail when something that a scenario needs is not there: `--require needs`
    #[arg(long, value_name = "WHAT", value_parser = ["needs"])]
    require: Option<String>,
    /// `only: true` in a scenario is an error, as it is where `CI` is set
    #[arg(long)]
    forbid_only: bool,
    /// A warning, such as a fault that never struck, makes its scenario fail
    #[arg(long)]
    strict: bool,
    /// Tell of each step
    #[arg(short, long)]
    verbose: bool,
    /// Having nothing to run is no failure
    #[arg(long)]
    allow_empty: bool,
    /// When to colour: auto, always, never
    #[arg(long, default_value = "auto", value_parser = ["auto", "always", "never"])]
    color: String,
}

/// What was asked to be written.
#[derive(Default)]
struct Wanted {
    junit: Option<PathBuf>,
    jsonl: Option<PathBuf>,
    har: Option<PathBuf>,
    journal: Option<PathBuf>,
}

impl Wanted {
    /// Takes away what an earlier run wrote there: nobody may take it for the report of this one, which did not begin.
    fn clear(&self) {
        for path in self.junit.iter().chain(&self.jsonl).filter(|path| path.is_file()) {
            if let Err(error) = std::fs::remove_file(path) {
                output::problem(&format!("{} is of an earlier run: {error}", path.display()));
            }
        }
    }
}

fn wanted(reports: &[String]) -> Result<Wanted, String> {
    let mut wanted = Wanted::default();
    for report in reports {
        let told = || {
            format!("`{report}` is no report: write junit=FILE, jsonl=FILE, har=DIR or journal=DIR")
        };
        let (kind, path) = report.split_once('=').ok_or_else(told)?;
        let place = match kind {
            "junit" => &mut wanted.junit,
            "jsonl" => &mut wanted.jsonl,
            "har" => &mut wanted.har,
            "journal" => &mut wanted.journal,
            _ => return Err(told()),
        };
        if path.is_empty() {
            return Err(told());
        }
        if place.replace(PathBuf::from(path)).is_some() {
            return Err(format!("`{report}`: there is a report of the kind `{kind}` already"));
        }
    }
    if wanted.junit.is_some() && wanted.junit == wanted.jsonl {
        return Err("two reports cannot be written to one file".to_owned());
    }
    Ok(wanted)
}

pub(crate) async fn run(arguments: Run) -> Exit {
    let tags = match arguments.tags.as_deref().map(Tags::parse).transpose() {
        Ok(tags) => tags,
        Err(why) => return usage(&format!("--tags: {why}")),
    };
    let wanted = match wanted(&arguments.report) {
        Ok(wanted) => wanted,
        Err(why) => return usage(&why),
    };
    let colour = environment::colour(&arguments.color);
    let files = match find(&arguments.paths) {
        Ok(files) => files,
        Err((path, error)) => return usage(&format!("{}: {error}", path.display())),
    };
    if let Some(path) = files.iter().find(|path| Other::of(path).is_some()) {
        let path = path.display();
        return usage(&format!(
            "{path} is no scenario: `linarite check` looks at it, nothing of it runs"
        ));
    }
    let mut scenarios = Vec::new();
    let mut invalid = false;
    for loaded in read(&files) {
        for finding in loaded.findings.iter().filter(|finding| finding.is_error()) {
            output::note(finding.render(colour).trim_end());
        }
        match loaded.runnable() {
            Some(scenario) => scenarios.push(Arc::new(scenario.clone())),
            None => invalid = true,
        }
    }
    if invalid {
        wanted.clear();
        output::problem("nothing was run: mend the files first (`linarite check` shows the same)");
        return Exit::Invalid;
    }
    let focused: Vec<_> = scenarios.iter().filter(|s| s.file.only == Some(true)).cloned().collect();
    if let Some(first) = focused.first() {
        if arguments.forbid_only || environment::is_ci() {
            wanted.clear();
            let path = first.path.display();
            output::problem(&format!("{path} says `only: true`: take it out before it is shared"));
            return Exit::Invalid;
        }
        let (some, all) = (focused.len(), scenarios.len());
        output::note(&format!("`only: true`: {some} of {all} scenarios are run"));
        scenarios = focused;
    }
    let seed = arguments.seed.unwrap_or_else(Entropy::fresh_seed);
    let instances = expand(scenarios, seed, tags.as_ref());
    if instances.is_empty() {
        output::problem("no scenario was selected");
        if !arguments.allow_empty {
            wanted.clear();
            return Exit::Nothing;
        }
    }
    let progress = environment::shows_progress();
    let reports = match reports(&wanted, Console::new(arguments.verbose, colour, progress)) {
        Ok(reports) => Arc::new(Mutex::new(reports)),
        Err(why) => {
            output::problem(&why);
            return Exit::Environment;
        }
    };
    let told = Arc::clone(&reports);
    let tell: Tell = Arc::new(move |event| {
        let mut reports = told.lock().unwrap_or_else(PoisonError::into_inner);
        reports.iter_mut().for_each(|report| report.event(&event));
    });
    let options = Options {
        seed,
        jobs: arguments.jobs.unwrap_or_else(environment::cores),
        har: wanted.har,
        journal: wanted.journal,
        inherited: environment::inherited(&process::INHERITED),
        surroundings: Surroundings {
            program: |name| environment::find_program(name).is_some(),
            variable: |name| environment::variable(name).is_some(),
            faketime: environment::faketime,
        },
        require_needs: arguments.require.is_some(),
        strict: arguments.strict,
    };
    let (stop, stopped) = watch::channel(Stop::Go);
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(why) => {
            output::problem(&why);
            return Exit::Environment;
        }
    };
    let ended_by = Arc::new(OnceLock::new());
    let said = Arc::clone(&ended_by);
    let interrupts = tokio::spawn(async move {
        // The first ends the steps; `always` still runs. The second ends all that was started, and reports are written. The
        // third ends linarite itself. That nobody listens any more says that it ends anyway.
        let first = signals.next().await;
        let _first = (said.set(first), stop.send(Stop::Finish));
        output::problem("interrupted: finishing with `always`; once more to stop at once");
        signals.next().await;
        let _second = stop.send(Stop::AtOnce);
        output::problem("stopping at once");
        signals.next().await;
    });
    let run = crate::run::run(instances, Arc::new(options), tell, stopped.clone());
    let ended = tokio::select! {
        ended = run => ended,
        // The task ends by itself only after the third.
        _ = interrupts => return Exit::Interrupted,
    };
    let mut reports = reports.lock().unwrap_or_else(PoisonError::into_inner);
    let mut unwritten = false;
    for report in reports.iter_mut() {
        if let Err(why) = report.finish() {
            output::problem(&why);
            unwritten = true;
        }
    }
    let summary = match ended {
        Ok(summary) => summary,
        Err(why) => {
            output::problem(&why);
            return Exit::Environment;
        }
    };
    if let Some(exit) = ended_by.get() {
        *exit
    } else if summary.invalid {
        Exit::Invalid
    } else if summary.counts.errors > 0 || unwritten {
        Exit::Environment
    } else if summary.counts.failed > 0 {
        Exit::Failed
    } else {
        Exit::Passed
    }
}

fn reports(wanted: &Wanted, console: Console) -> Result<Vec<Box<dyn Report>>, String> {
    let mut reports: Vec<Box<dyn Report>> = vec![Box::new(console)];
    if let Some(path) = &wanted.junit {
        reports.push(Box::new(Junit::new(path)?));
    }
    if let Some(path) = &wanted.jsonl {
        reports.push(Box::new(JsonLines::new(path)?));
    }
    Ok(reports)
}

fn usage(why: &str) -> Exit {
    output::problem(why);
    Exit::Usage
}
