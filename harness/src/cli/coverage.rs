//! `linarite coverage`: which questions of the FAQ scenarios answer, and which nothing shows.

use std::path::PathBuf;

use clap::Args;

use super::{Exit, check, output};
use crate::faq;
use crate::scenario::Scenario;

#[derive(Debug, Args)]
pub(crate) struct Coverage {
    /// Scenario files, or folders of them
    #[arg(default_value = "scenarios", value_name = "PATH")]
    paths: Vec<PathBuf>,
}

fn by(scenarios: Option<&Vec<&Scenario>>) -> String {
    let ids = |scenarios: &Vec<&Scenario>| {
        scenarios.iter().map(|scenario| scenario.id()).collect::<Vec<_>>().join(", ")
    };
    scenarios.map_or_else(|| "-".to_owned(), ids)
}

/// Shows the cases of the FAQ and the newer questions, each with its scenarios.
pub(crate) fn run(arguments: &Coverage) -> Exit {
    let loaded = match check::load(&arguments.paths) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let faq = match faq::faq() {
        Ok(faq) => faq,
        Err(error) => {
            output::problem(&error);
            return Exit::Environment;
        }
    };
    let answers = faq::answers(&loaded);
    let mut proved = 0;
    for case in &faq.cases {
        let scenarios = answers.get(case.id.as_str());
        proved += usize::from(scenarios.is_some());
        output::line(&format!("{:<4} {:<87} {}", case.id, case.question, by(scenarios)));
    }
    output::line(&format!("{proved} of {}\n", faq.cases.len()));
    let mut shown = 0;
    for one in &faq.newer {
        let scenarios = answers.get(one.id.as_str());
        shown += usize::from(scenarios.is_some());
        let said = match &one.not_emulated {
            Some(why) if scenarios.is_none() => format!("not emulated: {why}"),
            _ => by(scenarios),
        };
        output::line(&format!("{:<4} {:<87} {said}", one.id, one.question));
    }
    output::line(&format!("{shown} of {}", faq.newer.len()));
    // Contradictions are about the whole set of scenarios; a part of it leaves questions open by nature.
    if arguments.paths.iter().any(|path| path.ends_with("scenarios")) {
        let contradictions = faq::contradictions(&faq, &answers);
        for line in &contradictions {
            output::problem(line);
        }
        if !contradictions.is_empty() {
            return Exit::Failed;
        }
    }
    Exit::Passed
}
