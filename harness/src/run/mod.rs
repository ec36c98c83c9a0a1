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
mod machines;
mod minted;
pub mod needs;
mod open;
pub mod plan;
pub(crate) mod process;
mod seen;
mod stage;
mod step;
#[cfg(test)]
mod tests;
mod tool;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
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
use events::{Counts, Name, RunEvent, VERSION, Verdict};
use needs::{Known, Surroundings};
use plan::Instance;
use stage::{Shared, Stage, StageError};
use step::Runner;

/// How long a scenario may take unless it says otherwise.
const LIMIT: Duration = Duration::from_secs(60);

/// Who is told what happens.
pub type Tell = Arc<dyn Fn(RunEvent) + Send + Sync>;

/// How far a run may still go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// To its end.
    Go,
    /// No further step is begun; `always` still runs.
    Finish,
    /// Nothing more is done.
    AtOnce,
}

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
    stopped: watch::Receiver<Stop>,
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
        needs: Known::default(),
    };
    let open = Arc::new(OpenInstances::default());
    let tell: Tell = {
        let open = Arc::clone(&open);
        Arc::new(move |event| {
            open.note(&event);
            tell(event);
        })
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
    let mut at_once = stopped.clone();
    let mut aborted = false;
    loop {
        let joined = tokio::select! {
            joined = running.join_next() => joined,
            () = told_to(&mut at_once, Stop::AtOnce), if !aborted => {
                running.abort_all();
                aborted = true;
                continue;
            }
        };
        match joined {
            None => break,
            Some(Err(error)) if error.is_cancelled() => {}
            Some(ended) => {
                let (verdict, invalid) = ended.map_err(|error| told(&error))?;
                summary.counts.add(verdict);
                summary.invalid |= invalid;
            }
        }
    }
    for name in open.all() {
        let reason = Some("stopped before its end, without `always`".to_owned());
        summary.counts.add(Verdict::Error);
        tell(RunEvent::ScenarioEnd { name, verdict: Verdict::Error, reason, steps: 0, ms: 0 });
    }
    tell(RunEvent::RunEnd { counts: summary.counts, ms: watch.micros() / 1000 });
    Ok(summary)
}

/// Ends when the run is told this; never when nobody can tell it any more.
async fn told_to(stopped: &mut watch::Receiver<Stop>, stop: Stop) {
    if stopped.wait_for(|told| *told == stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// The instances that have begun and not ended.
#[derive(Default)]
struct OpenInstances(Mutex<BTreeSet<Name>>);

impl OpenInstances {
    fn note(&self, event: &RunEvent) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let RunEvent::ScenarioStart { name, .. } = event {
            open.insert(name.clone());
        } else if let RunEvent::ScenarioEnd { name, .. } = event {
            open.remove(name);
        }
    }

    fn all(&self) -> BTreeSet<Name> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn one(
    instance: Instance,
    shared: &Shared,
    options: &Options,
    tell: &Tell,
    mut stopped: watch::Receiver<Stop>,
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
    if *stopped.borrow() != Stop::Go {
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
        match shared.needs.missing(need, &options.surroundings).await {
            Ok(None) => {}
            Ok(Some(why)) => {
                let verdict = if options.require_needs { Verdict::Error } else { Verdict::Skip };
                return (end(verdict, Some(why), 0), false);
            }
            Err(why) => return (end(Verdict::Error, Some(why), 0), true),
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
        open: None,
    };
    let vars = runner.stage.vars.clone();
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
        _ = stopped.wait_for(|stopped| *stopped != Stop::Go) => {
            (Verdict::Error, Some("interrupted".to_owned()))
        }
    };
    if let Some(why) = &reason {
        runner.cut(verdict, &format!("{why}, and this step was under way"));
        // What a step had put in their place for the steps inside it.
        runner.stage.vars = vars;
        runner.stage.each.clear();
    }
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
    let (teardown, failed) = runner.all(always).await;
    if teardown.is_bad() && !verdict.is_bad() {
        verdict = Verdict::Error;
        reason = Some(format!("of `always` failed: {}", failed.join(", ")));
    }
    let learned = runner.stage.learn().await;
    if let Err(why) = learned.and_then(|()| evidence(&world, options, &runner)) {
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
fn evidence(world: &World, options: &Options, runner: &Runner) -> Result<(), String> {
    let file = runner.stage.instance.slug();
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
