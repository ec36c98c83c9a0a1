//! Steps: conditions, repetition, sequences, attempts on virtual time, judgement and captures.

use std::sync::Arc;

use linarite_server::clock::Stopwatch;
use serde_json::Value;
use tokio::time::timeout;

use super::act::{Context, act, advance};
use super::attempts::Attempts;
use super::events::{Name, RunEvent, Verdict};
use super::judge::{Around, Judged, judge, speaks_of};
use super::open::Open;
use super::seen::Seen;
use super::stage::Stage;
use crate::scenario::expr::resolve;
use crate::scenario::finding::{Finding, Span};
use crate::scenario::model::{Action, Expect, FaultAction, Step, find_step};

/// Steps that one instance may run; a file that makes more is broken.
const MOST: usize = 10_000;

/// Runs the steps of one instance and tells what happens.
pub(crate) struct Runner {
    pub(crate) stage: Stage,
    pub(crate) name: Name,
    pub(crate) tell: super::Tell,
    pub(crate) number: usize,
    /// Ids of the steps that failed, from the innermost to the outermost.
    pub(crate) failed_in: Vec<String>,
    /// Whether the steps are those of the body, after which the invariants must hold.
    pub(crate) guarded: bool,
    /// The step that is under way.
    pub(crate) open: Option<Open>,
}

/// What one step came to.
#[derive(Default)]
pub(super) struct Tried {
    pub(super) seen: Seen,
    pub(super) judged: Vec<Judged>,
    /// Why the act failed although the step expects nothing about it, or could not begin.
    pub(super) broken: Option<(Span, String)>,
    /// What it came to, when that does not follow from the rest.
    pub(super) verdict: Option<Verdict>,
    pub(super) attempts: usize,
    pub(super) took: u64,
    pub(super) took_virtual: i64,
}

impl Tried {
    fn holds(&self) -> bool {
        self.broken.is_none() && self.judged.iter().all(|judged| judged.outcome.ok)
    }
}

impl Runner {
    /// Runs steps in order up to the first that fails.
    pub(crate) async fn steps(&mut self, steps: &[Step], context: &Context) -> Verdict {
        for step in steps {
            let verdict = Box::pin(self.step(step, context)).await;
            if verdict.is_bad() {
                return verdict;
            }
        }
        Verdict::Pass
    }

    /// Runs a step, once or for each item.
    pub(super) async fn step(&mut self, step: &Step, around: &Context) -> Verdict {
        let verdict = self.each(step, around).await;
        if let (true, Some(id)) = (verdict.is_bad(), &step.id) {
            self.failed_in.push(id.clone());
        }
        verdict
    }

    async fn each(&mut self, step: &Step, around: &Context) -> Verdict {
        let Some(items) = &step.for_each else { return self.once(step, around).await };
        let items = match resolve(items, &self.stage) {
            Ok(Value::Array(items)) => items,
            Ok(_) => {
                let finding =
                    Finding::error("scn::wrong-type", items.at.clone(), "`for_each` takes a list");
                return self.unrun(step, &finding);
            }
            Err(finding) => return self.unrun(step, &finding),
        };
        for item in items {
            self.stage.each.push(item);
            let verdict = self.once(step, around).await;
            self.stage.each.pop();
            if verdict.is_bad() {
                return verdict;
            }
        }
        Verdict::Pass
    }

    fn context(&self, step: &Step, around: &Context) -> Result<Context, Box<Finding>> {
        let stage = &self.stage;
        let text = |tpl: &Option<crate::scenario::decode::Tpl<String>>, outer: &Option<String>| {
            match tpl {
                Some(tpl) => tpl.resolve(stage).map(Some),
                None => Ok(outer.clone()),
            }
        };
        Ok(Context {
            machine: text(&step.machine, &around.machine)?,
            user: text(&step.user, &around.user)?,
            windows_user: text(&step.windows_user, &around.windows_user)?,
            elevated: match &step.elevated {
                Some(flag) => Some(flag.resolve(stage)?),
                None => around.elevated,
            },
            limit: match &step.timeout {
                Some(limit) => Some(limit.resolve(stage)?.to_std()),
                None => around.limit,
            },
        })
    }

    async fn once(&mut self, step: &Step, around: &Context) -> Verdict {
        match step.when.as_ref().map(|when| when.resolve(&self.stage)).transpose() {
            Ok(Some(false)) => return Verdict::Skip,
            Ok(_) => {}
            Err(finding) => return self.unrun(step, &finding),
        }
        let context = match self.context(step, around) {
            Ok(context) => context,
            Err(finding) => return self.unrun(step, &finding),
        };
        if self.number >= MOST {
            let title = format!("more than {MOST} steps were run");
            return self
                .unrun(step, &Finding::error("scn::too-many-steps", step.at.clone(), title));
        }
        match step.action() {
            Some(Action::Sequence(steps)) => self.group(step, steps, &context).await,
            Some(Action::Fault(action)) if action.with.is_some() => {
                self.window(step, action, &context).await
            }
            Some(Action::Use(action)) => {
                let scenario = Arc::clone(&self.stage.instance.scenario);
                if let Some(file) = scenario.action_file(action) {
                    self.used(step, action, file, &context).await
                } else {
                    let title = format!("the action file `{}` was not read", action.file.name);
                    self.unrun(
                        step,
                        &Finding::error("scn::unreadable", action.file.at.clone(), title),
                    )
                }
            }
            _ => self.single(step, &context).await,
        }
    }

    /// Steps inside a step: its own expectations are judged after the last of them.
    async fn group(&mut self, step: &Step, steps: &[Step], context: &Context) -> Verdict {
        let mark = self.mark(step);
        let verdict = self.within(step, steps, context).await;
        self.after(step, verdict, mark, context).await
    }

    /// Judges and keeps what a step with others inside wants of them all.
    async fn after(
        &mut self,
        step: &Step,
        verdict: Verdict,
        mark: u64,
        context: &Context,
    ) -> Verdict {
        if verdict.is_bad() || (step.expect.is_none() && step.capture.is_none()) {
            return verdict;
        }
        let number = self.begin(step, word(step));
        let watch = Stopwatch::start();
        let mut tried = Tried { attempts: 1, ..Tried::default() };
        self.judge_into(step.expect.as_ref().map(|e| e.0.as_slice()), context, mark, &mut tried)
            .await;
        if tried.holds()
            && let Err(finding) = self.capture(step, &tried.seen, context).await
        {
            tried.broken = Some((finding.at.clone(), finding.title.clone()));
        }
        self.finish(step, number, &tried, watch)
    }

    /// Steps while a fault runs.
    async fn window(&mut self, step: &Step, action: &FaultAction, context: &Context) -> Verdict {
        let Some(with) = &action.with else { return Verdict::Pass };
        let id = match super::faults::open(&self.stage, with, action) {
            Ok(id) => id,
            Err(finding) => return self.unrun(step, &finding),
        };
        let verdict = self.group(step, step.inner(), context).await;
        // One of the steps may have stopped it.
        let _stopped = super::faults::stop(&self.stage, &id);
        verdict
    }

    /// The steps of an action file, with captures of their own; only what it returns is kept.
    async fn used(
        &mut self,
        step: &Step,
        action: &crate::scenario::model::UseAction,
        file: &crate::scenario::model::ActionFile,
        context: &Context,
    ) -> Verdict {
        let mut given = std::collections::BTreeMap::new();
        if let Some(params) = &file.params {
            for (key, default) in params.entries() {
                given.insert(key.text.clone(), default.to_json());
            }
        }
        for (name, node) in
            action.with.iter().flat_map(super::super::scenario::decode::Entries::iter)
        {
            match resolve(node, &self.stage) {
                Ok(value) => {
                    given.insert(name.to_owned(), value);
                }
                Err(finding) => return self.unrun(step, &finding),
            }
        }
        let mark = self.mark(step);
        let outer_vars = std::mem::replace(&mut self.stage.vars, given);
        let outer_captures = self.stage.captures.clone();
        let verdict = self.within(step, &file.steps, context).await;
        self.stage.vars = outer_vars;
        let inner = std::mem::replace(&mut self.stage.captures, outer_captures);
        for name in file.returns.iter().flatten() {
            if let Some(value) = inner.get(name) {
                self.stage.captures.insert(name.clone(), value.clone());
            }
        }
        self.after(step, verdict, mark, context).await
    }

    fn mark(&mut self, step: &Step) -> u64 {
        let mark = self.stage.world().journal.last();
        if let Some(id) = &step.id {
            self.stage.marks.insert(id.clone(), mark);
        }
        mark
    }

    /// One act with its judgement, tried as often as the step says.
    async fn single(&mut self, step: &Step, context: &Context) -> Verdict {
        let scenario = Arc::clone(&self.stage.instance.scenario);
        let (acted, context) = match step.action() {
            Some(Action::Repeat(id)) => {
                if let Some(original) = find(&scenario, id) {
                    match self.context(original, &Context::default()) {
                        Ok(of_original) => (original, merged(&of_original, context)),
                        Err(finding) => return self.unrun(step, &finding),
                    }
                } else {
                    let title = format!("no step has the id `{id}`");
                    return self
                        .unrun(step, &Finding::error("scn::unknown-step", step.at.clone(), title));
                }
            }
            _ => (step, context.clone()),
        };
        let Some(action) = acted.action() else {
            return self.unrun(
                step,
                &Finding::error("scn::one-action", step.at.clone(), "a step needs one action"),
            );
        };
        let expects = step.expect.as_ref().or(acted.expect.as_ref()).map(|e| e.0.as_slice());
        let number = self.begin(step, word(step));
        let mark = self.mark(step);
        let watch = Stopwatch::start();
        let plan = match Attempts::of(step, &self.stage) {
            Ok(plan) => plan,
            Err(finding) => return self.failed_to_begin(step, number, &finding, watch),
        };
        let begun = self.stage.now().millis();
        let mut tried = Tried::default();
        let mut passed = 0_i64;
        loop {
            let attempts = tried.attempts + 1;
            tried = self.attempt(acted, action, expects, &context, mark).await;
            tried.attempts = attempts;
            let Some(next) = plan.next(tried.holds(), passed) else { break };
            if let Err(why) = advance(&mut self.stage, next - passed).await {
                tried.broken = Some((step.at.clone(), why));
                break;
            }
            passed = next;
            let broken = self.invariants(&context, mark, &mut tried).await;
            if broken {
                break;
            }
        }
        if tried.holds()
            && step.capture.is_some()
            && let Err(finding) = self.capture(step, &tried.seen, &context).await
        {
            tried.broken = Some((finding.at.clone(), finding.title.clone()));
        }
        tried.took_virtual = self.stage.now().millis() - begun;
        if tried.holds() {
            self.invariants(&context, mark, &mut tried).await;
        }
        self.finish(step, number, &tried, watch)
    }

    /// Judges the invariants; says whether one does not hold.
    async fn invariants(&self, context: &Context, mark: u64, tried: &mut Tried) -> bool {
        let scenario = Arc::clone(&self.stage.instance.scenario);
        let Some(all) = scenario.file.invariants.as_ref().filter(|_| self.guarded) else {
            return false;
        };
        let mut found = Tried::default();
        self.judge_into(Some(&all.0), context, mark, &mut found).await;
        let broken = !found.holds();
        for mut judged in found.judged.into_iter().filter(|judged| !judged.outcome.ok) {
            judged.outcome.path = format!("invariant {}", judged.outcome.path);
            tried.judged.push(judged);
        }
        if let Some(why) = found.broken {
            tried.broken.get_or_insert(why);
        }
        broken
    }

    async fn attempt(
        &mut self,
        acted: &Step,
        action: Action<'_>,
        expects: Option<&[Expect]>,
        context: &Context,
        mark: u64,
    ) -> Tried {
        let watch = Stopwatch::start();
        let begun = self.stage.now().millis();
        let mut tried = Tried { attempts: 1, ..Tried::default() };
        let checks: &[Expect] = if let Action::Check(checks) = action { checks } else { &[] };
        let acting = act(&mut self.stage, context, action, &acted.at);
        let acted_out = match context.limit {
            // A command is ended with all that it started, and what it printed is kept.
            Some(limit) if !matches!(action, Action::Run(_)) => {
                timeout(limit, acting).await.unwrap_or_else(|_| Ok(Seen::late(limit)))
            }
            _ => acting.await,
        };
        self.stage.emulator.settled().await;
        if let Err(why) = self.stage.learn().await {
            tried.broken = Some((acted.at.clone(), why));
            return tried;
        }
        match acted_out {
            Ok(seen) => {
                let judged =
                    expects.iter().flat_map(|e| e.iter()).any(|e| speaks_of(&self.stage, &seen, e));
                if let (Some(why), false) = (&seen.failed, judged) {
                    tried.broken = Some((acted.at.clone(), why.clone()));
                }
                if let Some(printed) = &seen.output {
                    let line = format!("$ {}\n{printed}\n", word(acted));
                    self.stage.transcript.push_str(&line);
                }
                tried.seen = seen;
            }
            Err(finding) => {
                tried.broken = Some((finding.at.clone(), finding.title.clone()));
                return tried;
            }
        }
        tried.took = watch.micros() / 1000;
        tried.took_virtual = self.stage.now().millis() - begun;
        let all: Vec<Expect> =
            checks.iter().chain(expects.into_iter().flatten()).cloned().collect();
        self.judge_into(Some(&all), context, mark, &mut tried).await;
        tried
    }

    async fn judge_into(
        &self,
        expects: Option<&[Expect]>,
        context: &Context,
        mark: u64,
        tried: &mut Tried,
    ) {
        let around = Around {
            machine: context.machine.clone(),
            user: context.user.clone(),
            windows_user: context.windows_user.clone().or_else(|| self.session(context)),
            mark,
            took: tried.took,
            took_virtual: tried.took_virtual,
        };
        match judge(&self.stage, &tried.seen, &around, expects.unwrap_or_default()).await {
            Ok(judged) => tried.judged = judged,
            Err(finding) => {
                tried.broken.get_or_insert_with(|| (finding.at.clone(), finding.title.clone()));
            }
        }
    }

    /// Whose Windows session a step looks at when it names only the cloud user: the one who is signed in.
    pub(crate) fn session(&self, context: &Context) -> Option<String> {
        let machine = self.stage.machines.get(context.machine.as_ref()?)?;
        machine.current_user().map(str::to_owned)
    }

    pub(super) fn title(&self, step: &Step) -> String {
        let named = step.name.as_ref().and_then(|name| name.resolve(&self.stage).ok());
        let title = named.or_else(|| step.id.clone()).unwrap_or_else(|| word(step).to_owned());
        self.stage.redact(&title)
    }

    fn begin(&mut self, step: &Step, action: &'static str) -> usize {
        self.number += 1;
        self.stage.printing = None;
        self.open = Some(Open {
            number: self.number,
            id: step.id.clone(),
            at: step.at.clone(),
            watch: Stopwatch::start(),
        });
        (self.tell)(RunEvent::StepStart {
            name: self.name.clone(),
            step: self.number,
            title: self.title(step),
            action,
            line: step.at.line,
        });
        self.number
    }

    fn unrun(&mut self, step: &Step, finding: &Finding) -> Verdict {
        let number = self.begin(step, word(step));
        self.failed_to_begin(step, number, finding, Stopwatch::start())
    }

    fn failed_to_begin(
        &mut self,
        step: &Step,
        number: usize,
        finding: &Finding,
        watch: Stopwatch,
    ) -> Verdict {
        let tried = Tried {
            broken: Some((finding.at.clone(), finding.title.clone())),
            attempts: 1,
            ..Tried::default()
        };
        self.finish(step, number, &tried, watch)
    }

    fn finish(&mut self, step: &Step, number: usize, tried: &Tried, watch: Stopwatch) -> Verdict {
        self.end(step.at.line, number, tried, watch)
    }

    /// Tells of the end of the step that stands in this line.
    pub(super) fn end(
        &mut self,
        line: u32,
        number: usize,
        tried: &Tried,
        watch: Stopwatch,
    ) -> Verdict {
        self.open = None;
        for (warning, text) in std::mem::take(&mut self.stage.notes) {
            let text = self.stage.redact(&text);
            (self.tell)(RunEvent::Note { name: self.name.clone(), warning, text });
        }
        for judged in &tried.judged {
            (self.tell)(RunEvent::Expect {
                name: self.name.clone(),
                step: number,
                path: self.stage.redact(&judged.outcome.path),
                ok: judged.outcome.ok,
                expected: self.stage.shown(&judged.outcome.expected),
                actual: self.stage.shown(&judged.outcome.actual),
                file: judged.at.path().display().to_string(),
                line: judged.at.line,
                column: judged.at.column,
            });
        }
        let verdict = if let Some(verdict) = tried.verdict {
            verdict
        } else if tried.holds() {
            Verdict::Pass
        } else if tried.seen.exit.as_ref().is_some_and(|exit| exit == "timeout") {
            Verdict::Timeout
        } else {
            Verdict::Fail
        };
        let bad = verdict.is_bad();
        let failure =
            bad.then(|| self.stage.redact(&failure(line, tried, |text| self.stage.shown(text))));
        let journal = if bad { self.last_events() } else { Vec::new() };
        (self.tell)(RunEvent::StepEnd {
            name: self.name.clone(),
            step: number,
            verdict,
            failure,
            output: tried.seen.tail(|text| self.stage.redact(text)),
            journal,
            attempts: tried.attempts,
            ms: watch.micros() / 1000,
            virtual_ms: tried.took_virtual,
        });
        verdict
    }

    fn last_events(&self) -> Vec<Value> {
        let world = self.stage.world();
        let from = world.journal.last().saturating_sub(5);
        let events = world.journal.since(from);
        events.iter().map(|event| self.stage.redact_json(event.to_json(false))).collect()
    }
}

/// What went wrong in a step, with excerpts of the file; `shown` takes secrets out of a text and cuts it.
fn failure(line: u32, tried: &Tried, shown: impl Fn(&str) -> String) -> String {
    let mut text = String::new();
    let told = |code, at: &Span, title| Finding { title, ..Finding::error(code, at.clone(), "") };
    if let Some((at, why)) = &tried.broken {
        let finding = told("step", at, shown(why));
        text.push_str(finding.render(false).trim_end());
        text.push('\n');
    }
    for judged in tried.judged.iter().filter(|judged| !judged.outcome.ok) {
        let outcome = &judged.outcome;
        let (expected, actual) = (shown(&outcome.expected), shown(&outcome.actual));
        let title = format!("{}: expected {expected}, was {actual}", outcome.path);
        let finding = told("expect", &judged.at, title);
        text.push_str(finding.render(false).trim_end());
        text.push('\n');
    }
    if let (Some(why), None) = (&tried.seen.failed, &tried.broken) {
        text.extend(["the act itself failed: ", &shown(why), "\n"]);
    }
    if tried.attempts > 1 {
        let (attempts, line) = (tried.attempts.to_string(), line.to_string());
        text.extend(["at attempt ", &attempts, ", step of line ", &line, "\n"]);
    }
    text
}

/// The step with this id, wherever it stands.
fn find<'a>(scenario: &'a crate::scenario::Scenario, id: &str) -> Option<&'a Step> {
    let steps = |steps: &'a Option<Vec<Step>>| find_step(steps.as_deref().unwrap_or_default(), id);
    steps(&scenario.file.steps).or_else(|| steps(&scenario.file.always))
}

/// The context of a repeated step, with what the repeating one says over it.
fn merged(original: &Context, over: &Context) -> Context {
    let pick = |over: &Option<String>, own: &Option<String>| over.clone().or_else(|| own.clone());
    Context {
        machine: pick(&over.machine, &original.machine),
        user: pick(&over.user, &original.user),
        windows_user: pick(&over.windows_user, &original.windows_user),
        elevated: over.elevated.or(original.elevated),
        limit: over.limit.or(original.limit),
    }
}

/// The word of a step's action.
pub(crate) fn word(step: &Step) -> &'static str {
    match step.action() {
        Some(Action::Join(_)) => "join",
        Some(Action::AddAccount) => "add_account",
        Some(Action::RemoveAccount) => "remove_account",
        Some(Action::Leave) => "leave",
        Some(Action::Dsregcmd(_)) => "dsregcmd",
        Some(Action::Autoworkplace(_)) => "autoworkplace",
        Some(Action::SignIn(_)) => "sign_in",
        Some(Action::SignOut) => "sign_out",
        Some(Action::Wipe(_)) => "wipe",
        Some(Action::Network(_)) => "network",
        Some(Action::Token(_)) => "token",
        Some(Action::Http(_)) => "http",
        Some(Action::Run(_)) => "run",
        Some(Action::Tool(_)) => "tool",
        Some(Action::Fault(_)) => "fault",
        Some(Action::Admin(_)) => "admin",
        Some(Action::Clock(_)) => "clock",
        Some(Action::Check(_)) => "check",
        Some(Action::Repeat(_)) => "repeat",
        Some(Action::Sequence(_)) => "sequence",
        Some(Action::Use(_)) => "use",
        Some(Action::Export(_)) => "export",
        Some(Action::Later(word)) => word,
        None => "nothing",
    }
}
