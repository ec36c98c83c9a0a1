//! Running scenarios: one world per row, real sockets, in parallel, with one stream of events as the only result.
//!
//! The life of an instance: plan, set the stage, steps up to the first that fails, `always` in any case, collect evidence,
//! verdict, drop the world. Section 6 of the scenario reference. Left out: labs, retries, watching.

mod access;
mod act;
mod attempts;
mod background;
mod captures;
mod dirsync;
mod due;
pub mod events;
pub(crate) mod faults;
mod group;
mod http;
mod judge;
mod minted;
pub mod needs;
pub mod plan;
pub(crate) mod process;
mod seen;
mod stage;
mod step;
#[cfg(test)]
mod tests;
mod tool;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use linarite_server::CA_DOMAINS;
use linarite_server::clock::{Clock, Stopwatch};
use linarite_server::control::Control;
use linarite_server::keys::tls::{TlsCa, TlsHosts};
use linarite_server::services::Services;
use linarite_server::world::World;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::scenario::Scenario;
use crate::scenario::model::{ClientClock, ExpectedFailure, Step};

use act::Context;
use events::{Counts, RunEvent, VERSION, Verdict};
use needs::{Surroundings, missing};
use plan::Instance;
use stage::{Shared, Stage, StageError};
use step::Runner;

/// How long a scenario may take unless it says otherwise.
const LIMIT: Duration = Duration::from_secs(60);
/// How long the teardown may take.
const TEARDOWN: Duration = Duration::from_secs(30);

/// Who is told what happens.
pub type Tell = Arc<dyn Fn(RunEvent) + Send + Sync>;

/// How a run is to go.
pub struct Options {
    /// Seed of the run.
    pub seed: u64,
    /// How many instances at a time.
    pub jobs: usize,
    /// Where to write a HAR file for each instance.
    pub har: Option<PathBuf>,
    /// Where to write the journal of each instance, without real times.
    pub journal: Option<PathBuf>,
    /// Variables of the caller.
    pub inherited: Vec<(String, String)>,
    /// What needs are looked up in.
    pub surroundings: Surroundings,
    /// Whether a need that is not met is an error of the environment.
    pub require_needs: bool,
    /// Whether a warning makes its instance fail.
    pub strict: bool,
}

/// What a run came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Summary {
    /// What became of all instances.
    pub counts: Counts,
    /// Whether an instance could not be set up because its file is wrong.
    pub invalid: bool,
}

/// Runs instances and tells what happens as it happens.
pub async fn run(
    instances: Vec<Instance>,
    options: Arc<Options>,
    tell: Tell,
    stopped: watch::Receiver<bool>,
) -> Result<Summary, String> {
    let watch = Stopwatch::start();
    let told = |error: &dyn std::fmt::Display| error.to_string();
    let ca = TlsCa::generate(Clock::real().seconds(), CA_DOMAINS).map_err(|error| told(&error))?;
    let shared = Shared {
        tls: Arc::new(TlsHosts::new(Arc::new(ca)).map_err(|error| told(&error))?),
        services: Services::new(),
        control: Control::start(([127, 0, 0, 1], 0).into(), None).await.map_err(|e| told(&e))?,
        inherited: options.inherited.clone(),
        faketime: (options.surroundings.faketime)(),
        told_clock: Arc::default(),
    };
    tell(RunEvent::RunStart {
        v: VERSION,
        seed: options.seed,
        version: env!("CARGO_PKG_VERSION"),
        instances: instances.len(),
    });
    let places = Arc::new(Semaphore::new(options.jobs.max(1)));
    let shared = Arc::new(shared);
    let mut running = JoinSet::new();
    for instance in instances {
        let (places, shared) = (Arc::clone(&places), Arc::clone(&shared));
        let (options, tell, stopped) = (Arc::clone(&options), Arc::clone(&tell), stopped.clone());
        running.spawn(async move {
            // The semaphore is never closed.
            let _place = places.acquire_owned().await;
            one(instance, &shared, &options, &tell, stopped).await
        });
    }
    let mut summary = Summary::default();
    while let Some(ended) = running.join_next().await {
        let (verdict, invalid) = ended.map_err(|error| told(&error))?;
        match verdict {
            Verdict::Pass => summary.counts.passed += 1,
            Verdict::XFail => summary.counts.xfailed += 1,
            Verdict::Fail | Verdict::XPass | Verdict::Timeout => summary.counts.failed += 1,
            Verdict::Error => summary.counts.errors += 1,
            Verdict::Skip | Verdict::NotRun => summary.counts.skipped += 1,
        }
        summary.invalid |= invalid;
    }
    tell(RunEvent::RunEnd { counts: summary.counts, ms: watch.micros() / 1000 });
    Ok(summary)
}

async fn one(
    instance: Instance,
    shared: &Shared,
    options: &Options,
    tell: &Tell,
    mut stopped: watch::Receiver<bool>,
) -> (Verdict, bool) {
    let watch = Stopwatch::start();
    let name = instance.name();
    let scenario = Arc::clone(&instance.scenario);
    let title = scenario.file.title.as_ref().map_or_else(
        || scenario.id().to_owned(),
        |title| {
            let mut scope = serde_json::Map::new();
            scope.insert("row".to_owned(), instance.row.values.clone().into());
            title.resolve(&scope).unwrap_or_else(|_| scenario.id().to_owned())
        },
    );
    tell(RunEvent::ScenarioStart {
        name: name.clone(),
        title,
        file: scenario.path.display().to_string(),
        line: instance.row.line,
        tags: scenario.file.tags.clone().unwrap_or_default(),
        faq: scenario.faq().to_vec(),
        seed: instance.seed,
    });
    let end = |verdict: Verdict, reason: Option<String>, steps: usize| {
        tell(RunEvent::ScenarioEnd {
            name: name.clone(),
            verdict,
            reason,
            steps,
            ms: watch.micros() / 1000,
        });
        verdict
    };
    if *stopped.borrow() {
        return (end(Verdict::NotRun, Some("interrupted".to_owned()), 0), false);
    }
    let mut needs = match instance.needs() {
        Ok(needs) => needs,
        Err(finding) => return (end(Verdict::Error, Some(finding.render(false)), 0), true),
    };
    if uses_virtual_clock(&scenario) && shared.faketime.is_none() {
        needs.push("lib:faketime".to_owned());
    }
    for need in &needs {
        if let Some(why) = missing(need, &options.surroundings).await {
            let verdict = if options.require_needs { Verdict::Error } else { Verdict::Skip };
            return (end(verdict, Some(why), 0), false);
        }
    }
    let limit = match scenario.file.timeout.as_ref().map(|limit| limit.resolve(&())).transpose() {
        Ok(limit) => limit.map_or(LIMIT, crate::scenario::time::Dur::to_std),
        Err(finding) => return (end(Verdict::Error, Some(finding.render(false)), 0), true),
    };
    let stage = match Stage::set(instance, shared).await {
        Ok(stage) => stage,
        Err(StageError::File(finding)) => {
            return (end(Verdict::Error, Some(finding.render(false)), 0), true);
        }
        Err(StageError::Environment(why)) => return (end(Verdict::Error, Some(why), 0), false),
    };
    let world = Arc::clone(stage.world());
    let mut runner = Runner {
        stage,
        name: name.clone(),
        tell: Arc::clone(tell),
        number: 0,
        failed_in: Vec::new(),
        guarded: true,
    };
    let steps = scenario.file.steps.as_deref().unwrap_or_default();
    let nobody = Context::default();
    let body = timeout(limit, runner.steps(steps, &nobody));
    let (mut verdict, mut reason) = tokio::select! {
        body = body => body.map_or_else(
            |_| {
                let why = format!("it took longer than {} s", limit.as_secs());
                (Verdict::Timeout, Some(why))
            },
            |verdict| (verdict, None),
        ),
        _ = stopped.wait_for(|stopped| *stopped) => {
            (Verdict::Error, Some("interrupted".to_owned()))
        }
    };
    for text in faults::end(&runner.stage) {
        tell(RunEvent::Note { name: name.clone(), warning: true, text: text.clone() });
        if options.strict && verdict == Verdict::Pass {
            (verdict, reason) = (Verdict::Fail, Some(text));
        }
    }
    if let Some(expected) = &scenario.file.xfail {
        (verdict, reason) = of_expected(expected, verdict, reason, &runner.failed_in);
    }
    runner.guarded = false;
    let always = scenario.file.always.as_deref().unwrap_or_default();
    let teardown = timeout(TEARDOWN, runner.all(always)).await.unwrap_or(Verdict::Timeout);
    if teardown.is_bad() && !verdict.is_bad() {
        verdict = Verdict::Error;
        reason = Some("a step of `always` failed".to_owned());
    }
    runner.stage.learn_minted();
    if let Err(why) = evidence(&world, &name.to_string(), options, &runner) {
        verdict = Verdict::Error;
        reason = Some(why);
    }
    shared.control.worlds().remove(&world.id);
    let steps = runner.number;
    (end(verdict, reason, steps), false)
}

/// What an expected failure makes of a verdict: a failure where it may fail is expected, anywhere else it is not, and
/// without one the file is out of date.
fn of_expected(
    expected: &ExpectedFailure,
    verdict: Verdict,
    reason: Option<String>,
    failed_in: &[String],
) -> (Verdict, Option<String>) {
    let issue = expected.issue.as_ref().map_or_else(String::new, |issue| format!(" ({issue})"));
    let because = format!("{}{issue}", expected.because);
    match verdict {
        Verdict::Fail | Verdict::Timeout => {
            let allowed = expected
                .steps
                .as_ref()
                .is_none_or(|steps| steps.iter().any(|id| failed_in.contains(id)));
            if allowed {
                return (Verdict::XFail, Some(format!("fails as expected: {because}")));
            }
            let why = format!("a failure is expected elsewhere: {because}");
            (verdict, Some(reason.map_or_else(|| why.clone(), |reason| format!("{reason}; {why}"))))
        }
        Verdict::Pass if expected.strict.unwrap_or(true) => {
            let why = format!("passes unexpectedly, remove `xfail`: {because}");
            (Verdict::XPass, Some(why))
        }
        Verdict::Pass => (verdict, Some(format!("passes although it need not: {because}"))),
        Verdict::Skip | Verdict::NotRun | Verdict::XFail | Verdict::XPass | Verdict::Error => {
            (verdict, reason)
        }
    }
}

/// Whether a step of a scenario lets a command see the world's time.
fn uses_virtual_clock(scenario: &Scenario) -> bool {
    fn any(steps: &[Step]) -> bool {
        steps.iter().any(|step| {
            let clock = step.run.as_ref().and_then(|run| run.client_clock);
            clock == Some(ClientClock::Virtual) || any(step.inner())
        })
    }
    let used = scenario.actions.values().any(|file| any(&file.steps));
    used || any(scenario.steps()) || any(scenario.always())
}

/// Writes what was asked for of an instance.
fn evidence(world: &World, name: &str, options: &Options, runner: &Runner) -> Result<(), String> {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let file: String = name.chars().map(plain).collect();
    let write = |folder: &PathBuf, ending: &str, kind: &'static str, text: String| {
        let path = folder.join(format!("{file}.{ending}"));
        let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, text));
        written.map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
        (runner.tell)(RunEvent::Artifact {
            name: runner.name.clone(),
            kind,
            path: path.display().to_string(),
        });
        Ok::<(), String>(())
    };
    if let Some(folder) = &options.har {
        write(folder, "har", "har", runner.stage.redact(&runner.stage.har()))?;
    }
    if let Some(folder) = &options.journal {
        let events = world.journal.since(0);
        let lines = events.iter().map(|event| format!("{}\n", event.to_json(false)));
        write(folder, "jsonl", "journal", runner.stage.redact(&lines.collect::<String>()))?;
    }
    Ok(())
}
