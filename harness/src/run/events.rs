//! The event stream of a run: the only thing that reports are made from.
//!
//! Texts in it are redacted before they come here. Its JSON form is versioned by [`VERSION`].

use serde::Serialize;
use serde_json::Value;

/// Version of the stream's JSON form.
pub const VERSION: u32 = 1;

/// How an instance or a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Everything held.
    Pass,
    /// It was not run, and need not have been.
    Skip,
    /// It was not reached.
    NotRun,
    /// It failed as its file says that it does.
    #[serde(rename = "xfail")]
    XFail,
    /// An expectation did not hold, or an act failed.
    Fail,
    /// It passed although its file says that it fails.
    #[serde(rename = "xpass")]
    XPass,
    /// It took too long.
    Timeout,
    /// The harness or the environment failed.
    Error,
}

impl Verdict {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Skip => "skip",
            Self::NotRun => "notrun",
            Self::XFail => "xfail",
            Self::XPass => "xpass",
            Self::Fail => "fail",
            Self::Timeout => "timeout",
            Self::Error => "error",
        }
    }

    /// Whether it makes the run fail.
    pub const fn is_bad(self) -> bool {
        matches!(self, Self::Fail | Self::XPass | Self::Timeout | Self::Error)
    }
}

/// Which scenario, and which row of its table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Name {
    /// The scenario's id.
    pub id: String,
    /// The row's name, when there is a table.
    pub row: Option<String>,
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.row {
            None => f.write_str(&self.id),
            Some(row) => write!(f, "{}[{row}]", self.id),
        }
    }
}

/// What became of all instances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Instances that passed.
    pub passed: usize,
    /// Instances that failed or took too long.
    pub failed: usize,
    /// Instances that the harness or the environment kept from running to their end.
    pub errors: usize,
    /// Instances that were skipped.
    pub skipped: usize,
    /// Instances that failed as expected. They do not make the run fail.
    pub xfailed: usize,
}

impl Counts {
    /// Counts what became of one more instance.
    pub fn add(&mut self, verdict: Verdict) {
        *match verdict {
            Verdict::Pass => &mut self.passed,
            Verdict::XFail => &mut self.xfailed,
            Verdict::Fail | Verdict::XPass | Verdict::Timeout => &mut self.failed,
            Verdict::Error => &mut self.errors,
            Verdict::Skip | Verdict::NotRun => &mut self.skipped,
        } += 1;
    }
}

/// Something that happened in a run.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event")]
pub enum RunEvent {
    /// The run began.
    #[serde(rename = "run.start")]
    RunStart {
        /// Version of the stream.
        v: u32,
        /// Seed of the run.
        seed: u64,
        /// Version of linarite.
        version: &'static str,
        /// How many instances there are.
        instances: usize,
    },
    /// An instance began.
    #[serde(rename = "scenario.start")]
    ScenarioStart {
        /// Which.
        name: Name,
        /// What it shows.
        title: String,
        /// Its file.
        file: String,
        /// Its line.
        line: u32,
        /// Its tags.
        tags: Vec<String>,
        /// The FAQ cases it proves.
        faq: Vec<String>,
        /// Seed of its world.
        seed: u64,
    },
    /// A step began.
    #[serde(rename = "step.start")]
    StepStart {
        /// Of which instance.
        name: Name,
        /// Its number, from 1, in the order of running.
        step: usize,
        /// What happens, in words.
        title: String,
        /// Its action.
        action: &'static str,
        /// Its line.
        line: u32,
    },
    /// An expectation was judged for the last time.
    #[serde(rename = "expect")]
    Expect {
        /// Of which instance.
        name: Name,
        /// Of which step.
        step: usize,
        /// What was looked at.
        path: String,
        /// Whether it holds.
        ok: bool,
        /// What was expected.
        expected: String,
        /// What was there.
        actual: String,
        /// The file it is written in: the scenario, or an action file.
        file: String,
        /// In which line.
        line: u32,
        /// And in which column.
        column: u32,
    },
    /// A step ended.
    #[serde(rename = "step.end")]
    StepEnd {
        /// Of which instance.
        name: Name,
        /// Its number.
        step: usize,
        /// How.
        verdict: Verdict,
        /// What went wrong, ready to be read, with excerpts of the file.
        failure: Option<String>,
        /// What the act printed, its end at most.
        output: Option<String>,
        /// The last events of the journal, when it went wrong.
        journal: Vec<Value>,
        /// How often it was tried.
        attempts: usize,
        /// Real milliseconds.
        ms: u64,
        /// Milliseconds of the world.
        virtual_ms: i64,
    },
    /// Something that whoever reads the report ought to know.
    #[serde(rename = "note")]
    Note {
        /// Of which instance.
        name: Name,
        /// Whether `--strict` makes it a failure.
        warning: bool,
        /// What there is to know.
        text: String,
    },
    /// Something was written.
    #[serde(rename = "artifact")]
    Artifact {
        /// Of which instance.
        name: Name,
        /// What it is.
        kind: &'static str,
        /// Where it is.
        path: String,
    },
    /// An instance ended.
    #[serde(rename = "scenario.end")]
    ScenarioEnd {
        /// Which.
        name: Name,
        /// How.
        verdict: Verdict,
        /// Why, when it did not pass.
        reason: Option<String>,
        /// Steps that were run.
        steps: usize,
        /// Real milliseconds.
        ms: u64,
    },
    /// The run ended.
    #[serde(rename = "run.end")]
    RunEnd {
        /// What became of all instances.
        counts: Counts,
        /// Real milliseconds.
        ms: u64,
    },
}
