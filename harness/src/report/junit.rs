//! The `JUnit` report: a suite for each scenario, a case for each row.
//!
//! There is no official schema; what common readers agree on is written, and the command that runs a case again stands in
//! its output, because not all of them read properties.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use quick_junit::{NonSuccessKind, Report as Document, TestCase, TestCaseStatus, TestSuite};

use super::{Report, again, create};
use crate::run::events::{Name, RunEvent, Verdict};

/// The `JUnit` report.
#[derive(Debug)]
pub struct Junit {
    path: PathBuf,
    seed: u64,
    running: BTreeMap<Name, Case>,
    suites: BTreeMap<String, Vec<TestCase>>,
    file: Option<std::fs::File>,
}

#[derive(Debug, Default)]
struct Case {
    title: String,
    file: String,
    line: u32,
    faq: Vec<String>,
    seed: u64,
    failures: Vec<(String, String)>,
    notes: Vec<String>,
    steps: BTreeMap<usize, String>,
}

impl Junit {
    /// A report that is written to this file at the end. That it can be is found out now.
    pub fn new(path: &Path) -> Result<Self, String> {
        Ok(Self {
            path: path.to_owned(),
            seed: 0,
            running: BTreeMap::new(),
            suites: BTreeMap::new(),
            file: Some(create(path)?),
        })
    }

    fn end(&mut self, name: &Name, verdict: Verdict, reason: Option<&str>, ms: u64) {
        let case = self.running.remove(name).unwrap_or_default();
        let status = match verdict {
            Verdict::Pass => TestCaseStatus::success(),
            Verdict::Skip | Verdict::NotRun | Verdict::XFail => {
                let mut skipped = TestCaseStatus::skipped();
                skipped.set_message(reason.unwrap_or("not run").to_owned());
                skipped
            }
            Verdict::Fail | Verdict::XPass | Verdict::Timeout | Verdict::Error => {
                let kind = if verdict == Verdict::Error {
                    NonSuccessKind::Error
                } else {
                    NonSuccessKind::Failure
                };
                let mut failed = TestCaseStatus::non_success(kind);
                let first = case.failures.first();
                let message = reason.or_else(|| first.map(|(title, _)| title.as_str()));
                failed.set_message(message.unwrap_or_else(|| verdict.word()).to_owned());
                failed.set_type(verdict.word());
                let text: Vec<String> =
                    case.failures.iter().map(|(title, text)| format!("{title}\n{text}")).collect();
                failed.set_description(text.join("\n"));
                failed
            }
        };
        let title = name.row.clone().unwrap_or_else(|| case.title.clone());
        let mut test = TestCase::new(title, status);
        test.set_classname(name.id.clone());
        test.set_time(Duration::from_millis(ms));
        test.extra.insert("file".into(), case.file.clone().into());
        test.extra.insert("line".into(), case.line.to_string().into());
        test.add_property(("seed", case.seed.to_string().as_str()));
        if !case.faq.is_empty() {
            test.add_property(("faq", case.faq.join(" ").as_str()));
        }
        let again = again(&case.file, self.seed);
        let told = case.notes.iter().map(String::as_str).chain([again.as_str()]);
        test.set_system_out(told.collect::<Vec<_>>().join("\n"));
        self.suites.entry(name.id.clone()).or_default().push(test);
    }
}

impl Report for Junit {
    fn event(&mut self, event: &RunEvent) {
        match event {
            RunEvent::RunStart { seed, .. } => self.seed = *seed,
            RunEvent::ScenarioStart { name, title, file, line, faq, seed, .. } => {
                let case = Case {
                    title: title.clone(),
                    file: file.clone(),
                    line: *line,
                    faq: faq.clone(),
                    seed: *seed,
                    ..Case::default()
                };
                self.running.insert(name.clone(), case);
            }
            RunEvent::StepStart { name, step, title, .. } => {
                if let Some(case) = self.running.get_mut(name) {
                    case.steps.insert(*step, title.clone());
                }
            }
            RunEvent::StepEnd { name, step, failure: Some(failure), .. } => {
                if let Some(case) = self.running.get_mut(name) {
                    let title = case.steps.get(step).cloned().unwrap_or_default();
                    case.failures.push((title, failure.clone()));
                }
            }
            RunEvent::ScenarioEnd { name, verdict, reason, ms, .. } => {
                self.end(name, *verdict, reason.as_deref(), *ms);
            }
            RunEvent::Note { name, text, .. } => {
                if let Some(case) = self.running.get_mut(name) {
                    case.notes.push(text.clone());
                }
            }
            RunEvent::StepEnd { .. }
            | RunEvent::Expect { .. }
            | RunEvent::Artifact { .. }
            | RunEvent::RunEnd { .. } => {}
        }
    }

    fn finish(&mut self) -> Result<(), String> {
        let mut document = Document::new("linarite");
        for (id, cases) in std::mem::take(&mut self.suites) {
            let mut suite = TestSuite::new(id);
            suite.add_test_cases(cases);
            document.add_test_suite(suite);
        }
        let told = |error: &dyn std::fmt::Display| {
            format!("the report {} cannot be written: {error}", self.path.display())
        };
        let text = document.to_string().map_err(|error| told(&error))?;
        match self.file.take() {
            Some(mut file) => file.write_all(text.as_bytes()).map_err(|error| told(&error)),
            None => Ok(()),
        }
    }
}
