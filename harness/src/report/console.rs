//! The console report: a line for each instance as it ends, what failed at length, and a sum.
//!
//! Everything is said in words and signs, never by colour alone. On a terminal a line of progress stands below.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Write as _};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;

use super::{Report, again};
use crate::run::events::{Counts, Name, RunEvent, Verdict};

/// The console report.
#[derive(Debug)]
pub struct Console {
    verbose: bool,
    colour: bool,
    seed: u64,
    running: BTreeMap<Name, Running>,
    progress: ProgressBar,
    counts: Counts,
    failed: Option<String>,
}

#[derive(Debug, Default)]
struct Running {
    title: String,
    file: String,
    line: u32,
    steps: BTreeMap<usize, String>,
    failures: Vec<String>,
    artifacts: Vec<String>,
    notes: Vec<String>,
    seed: u64,
}

impl Console {
    /// A report on standard output. `progress`: a line of progress on standard error.
    pub fn new(verbose: bool, colour: bool, progress: bool) -> Self {
        let bar = ProgressBar::new(0);
        bar.set_draw_target(if progress {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        });
        if let Ok(style) = ProgressStyle::with_template("{pos}/{len} {msg}") {
            bar.set_style(style);
        }
        Self {
            verbose,
            colour,
            seed: 0,
            running: BTreeMap::new(),
            progress: bar,
            counts: Counts::default(),
            failed: None,
        }
    }

    fn say(&mut self, text: &str) {
        let written = self.progress.suspend(|| writeln!(std::io::stdout().lock(), "{text}"));
        // A reader that has gone is no error.
        if let Err(error) = written
            && error.kind() != ErrorKind::BrokenPipe
        {
            let failed = format!("standard output cannot be written: {error}");
            self.failed.get_or_insert(failed);
        }
    }

    fn mark(&self, verdict: Verdict) -> String {
        let (word, code) = match verdict {
            Verdict::Pass => ("PASS", 32),
            Verdict::Skip => ("SKIP", 33),
            Verdict::NotRun => ("----", 33),
            Verdict::XFail => ("XFAIL", 33),
            Verdict::Fail => ("FAIL", 31),
            Verdict::XPass => ("XPASS", 31),
            Verdict::Timeout => ("TIME", 31),
            Verdict::Error => ("ERR ", 31),
        };
        if self.colour { format!("\u{1b}[{code}m{word}\u{1b}[0m") } else { word.to_owned() }
    }

    fn step_end(&mut self, name: &Name, step: usize, event: &RunEvent) {
        let RunEvent::StepEnd { verdict, failure, output, journal, ms, .. } = event else { return };
        let Some(running) = self.running.get_mut(name) else { return };
        let title = visible(&running.steps.get(&step).cloned().unwrap_or_default());
        if let Some(failure) = failure {
            let mut text = format!("  step {step}: {title}\n{}", indent(failure, "    "));
            if let Some(output) = output {
                text.extend(["\n    what was printed or answered:\n", &indent(output, "      ")]);
            }
            if !journal.is_empty() {
                text.push_str("\n    the journal's last events:");
            }
            for event in journal {
                text.extend(["\n      ", &brief(event)]);
            }
            running.failures.push(visible(&text));
        }
        if self.verbose {
            let line = format!("  {} {name} step {step}: {title} ({ms} ms)", self.mark(*verdict));
            self.say(&line);
        }
    }

    fn scenario_end(&mut self, name: &Name, verdict: Verdict, reason: Option<&str>, ms: u64) {
        let running = self.running.remove(name).unwrap_or_default();
        let mut text =
            format!("{} {name} ({ms} ms)  {}", self.mark(verdict), visible(&running.title));
        if let Some(reason) = reason {
            text.extend(["\n", &visible(&indent(reason.trim_end(), "  "))]);
        }
        for failure in &running.failures {
            text.extend(["\n", failure]);
        }
        for note in &running.notes {
            text.extend(["\n  ", note]);
        }
        for artifact in &running.artifacts {
            text.extend(["\n  written: ", artifact]);
        }
        if verdict.is_bad() {
            let Running { file, line, seed, .. } = &running;
            let again = format!("\n  {file}:{line}\n  again: {}", again(file, self.seed));
            text.extend([&again, " (the world's seed is ", &seed.to_string(), ")"]);
        }
        self.say(&text);
        self.progress.inc(1);
    }
}

/// A text in which no control character reaches the terminal: names of steps and outputs of clients may hold some. The
/// colours of this report are put on afterwards.
fn visible(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c })
        .collect()
}

fn indent(text: &str, by: &str) -> String {
    text.trim_end().lines().map(|line| format!("{by}{line}")).collect::<Vec<_>>().join("\n")
}

/// An event of the journal in one line: its kind and what matters.
fn brief(event: &Value) -> String {
    let text = |key: &str| {
        let value = event.get(key)?;
        Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    let mut line =
        format!("{} {}", text("time").unwrap_or_default(), text("kind").unwrap_or_default());
    for key in [
        "method",
        "host",
        "path",
        "status",
        "operation",
        "action",
        "tool",
        "args",
        "fault",
        "effect",
        "target",
        "user",
        "device",
        "reason",
    ] {
        if let Some(value) = text(key) {
            line.extend([" ", key, "=", &value]);
        }
    }
    line
}

impl Report for Console {
    fn event(&mut self, event: &RunEvent) {
        match event {
            RunEvent::RunStart { seed, instances, .. } => {
                self.seed = *seed;
                self.progress.set_length(*instances as u64);
            }
            RunEvent::ScenarioStart { name, title, file, line, seed, .. } => {
                self.progress.set_message(name.to_string());
                let running = Running {
                    title: title.clone(),
                    file: file.clone(),
                    line: *line,
                    seed: *seed,
                    ..Running::default()
                };
                self.running.insert(name.clone(), running);
            }
            RunEvent::StepStart { name, step, title, .. } => {
                if let Some(running) = self.running.get_mut(name) {
                    running.steps.insert(*step, title.clone());
                }
            }
            RunEvent::StepEnd { name, step, .. } => self.step_end(name, *step, event),
            RunEvent::Note { name, warning, text } => {
                let word = if *warning { "warning" } else { "note" };
                if let Some(running) = self.running.get_mut(name) {
                    running.notes.push(format!("{word}: {text}"));
                }
            }
            RunEvent::Artifact { name, path, .. } => {
                if let Some(running) = self.running.get_mut(name) {
                    running.artifacts.push(path.clone());
                }
            }
            RunEvent::ScenarioEnd { name, verdict, reason, ms, .. } => {
                self.scenario_end(name, *verdict, reason.as_deref(), *ms);
            }
            RunEvent::RunEnd { counts, ms } => {
                self.counts = *counts;
                self.progress.finish_and_clear();
                let Counts { passed, failed, errors, skipped, xfailed } = counts;
                let mut text = format!("{passed} passed, {} failed", failed + errors);
                if *xfailed > 0 {
                    text.extend([", ", &xfailed.to_string(), " failed as expected"]);
                }
                if *skipped > 0 {
                    text.extend([", ", &skipped.to_string(), " skipped"]);
                }
                self.say(&format!("seed {}, {}.{:03} s", self.seed, ms / 1000, ms % 1000));
                self.say(&text);
            }
            RunEvent::Expect { .. } => {}
        }
    }

    fn finish(&mut self) -> Result<(), String> {
        self.progress.finish_and_clear();
        self.failed.take().map_or(Ok(()), Err)
    }
}
