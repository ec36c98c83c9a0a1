//! Steps: conditions, repetition, sequences, attempts on virtual time, judgement and captures.

use std::sync::Arc;

use linarite_server::clock::Stopwatch;
use serde_json::Value;

use super::act::{Context, act, advance};
use super::events::{Name, RunEvent, Verdict};
use super::judge::{Around, Judged, judge};
use super::seen::Seen;
use super::stage::Stage;
use crate::expect::JsonPath;
use crate::scenario::capture::{CaptureSource, Stream, found};
use crate::scenario::expr::{Value as ExprValue, resolve};
use crate::scenario::finding::{Finding, Span};
use crate::scenario::model::{Action, Expect, Step, find_step};

/// How long between two attempts when a step does not say.
const EVERY: i64 = 60_000;
/// Steps that one instance may run; a file that makes more is broken.
const MOST: usize = 10_000;

/// Runs the steps of one instance and tells what happens.
pub(crate) struct Runner {
    pub(crate) stage: Stage,
    pub(crate) name: Name,
    pub(crate) tell: super::Tell,
    pub(crate) number: usize,
}

/// What one step came to.
#[derive(Default)]
struct Tried {
    seen: Seen,
    judged: Vec<Judged>,
    /// Why the act failed although the step expects nothing about it, or could not begin.
    broken: Option<(Span, String)>,
    attempts: usize,
    took: u64,
    took_virtual: i64,
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

    /// Runs all steps, each whatever became of those before it.
    pub(crate) async fn all(&mut self, steps: &[Step]) -> Verdict {
        let mut worst = Verdict::Pass;
        for step in steps {
            worst = worst.max(Box::pin(self.step(step, &Context::default())).await);
        }
        worst
    }

    /// Runs a step, once or for each item.
    async fn step(&mut self, step: &Step, around: &Context) -> Verdict {
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
                Some(flag) => flag.resolve(stage)?,
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
        let verdict = Box::pin(self.steps(steps, context)).await;
        if verdict.is_bad() || (step.expect.is_none() && step.capture.is_none()) {
            return verdict;
        }
        let number = self.begin(step, "sequence");
        let watch = Stopwatch::start();
        let mut tried = Tried { attempts: 1, ..Tried::default() };
        self.judge_into(step.expect.as_ref().map(|e| e.0.as_slice()), context, mark, &mut tried)
            .await;
        self.finish(step, number, &tried, watch)
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
        let outer_vars = std::mem::replace(&mut self.stage.vars, given);
        let outer_captures = self.stage.captures.clone();
        let verdict = Box::pin(self.steps(&file.steps, context)).await;
        self.stage.vars = outer_vars;
        let inner = std::mem::replace(&mut self.stage.captures, outer_captures);
        for name in file.returns.iter().flatten() {
            if let Some(value) = inner.get(name) {
                self.stage.captures.insert(name.clone(), value.clone());
            }
        }
        verdict
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
            if let Err(why) = advance(&self.stage, next - passed).await {
                tried.broken = Some((step.at.clone(), why));
                break;
            }
            passed = next;
        }
        if tried.holds()
            && step.capture.is_some()
            && let Err(finding) = self.capture(step, &tried.seen, &context).await
        {
            tried.broken = Some((finding.at.clone(), finding.title.clone()));
        }
        tried.took_virtual = self.stage.now().millis() - begun;
        self.finish(step, number, &tried, watch)
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
        match act(&mut self.stage, context, action, &acted.at).await {
            Ok(seen) => {
                let judges = expects.iter().flat_map(|e| e.iter()).any(Expect::judges_outcome);
                if let (Some(why), false) = (&seen.failed, judges) {
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
    fn session(&self, context: &Context) -> Option<String> {
        let machine = self.stage.machines.get(context.machine.as_ref()?)?;
        machine.current_user().map(str::to_owned)
    }

    async fn capture(
        &mut self,
        step: &Step,
        seen: &Seen,
        context: &Context,
    ) -> Result<(), Box<Finding>> {
        for (key, from) in step.capture.iter().flat_map(|captures| &captures.0) {
            let name = key.resolve(&self.stage)?;
            let source = from.source(&self.stage)?;
            let text = from.from.text().unwrap_or_default();
            let value = self.captured(&source, seen, context, &from.from.at).await?;
            let Some(value) = value.filter(|value| !value.is_null()) else {
                let title = format!("`{text}` was not there to be captured{}", there_was(seen));
                return Err(Box::new(Finding::error(
                    "scn::no-capture",
                    from.from.at.clone(),
                    title,
                )));
            };
            if from.redact
                && let Value::String(secret) = &value
            {
                self.stage.keep_secret(secret);
            }
            self.stage.captures.insert(name, value);
        }
        Ok(())
    }

    async fn captured(
        &self,
        source: &CaptureSource,
        seen: &Seen,
        context: &Context,
        at: &Span,
    ) -> Result<Option<Value>, Box<Finding>> {
        let text = |text: &Option<String>| text.clone().map(Value::String);
        Ok(match source {
            CaptureSource::AccessToken => text(&seen.access_token),
            CaptureSource::RefreshToken => text(&seen.refresh_token),
            CaptureSource::IdToken => text(&seen.id_token),
            CaptureSource::Exit => seen.exit.clone(),
            CaptureSource::Status => seen.answer.as_ref().map(|answer| answer.status.into()),
            CaptureSource::Body => seen.answer.as_ref().map(|answer| answer.body.as_str().into()),
            CaptureSource::Json(path) => {
                let answer = seen.answer.as_ref().map(|answer| answer.body.as_str());
                let body = answer.or(seen.stdout.as_deref()).unwrap_or_default();
                let body: Value = serde_json::from_str(body).unwrap_or(Value::Null);
                path.find(&body).cloned()
            }
            CaptureSource::Header(name) => {
                let answer = seen.answer.as_ref();
                answer
                    .and_then(|a| a.headers.get(&name.to_ascii_lowercase()))
                    .cloned()
                    .map(Value::String)
            }
            CaptureSource::Dsreg(field) => {
                let machine =
                    context.machine.as_ref().and_then(|name| self.stage.machines.get(name));
                let user = context.windows_user.clone().or_else(|| self.session(context));
                machine
                    .and_then(|machine| {
                        machine.dsreg(&self.stage.wire, user.as_deref()).get(field).cloned()
                    })
                    .map(Value::String)
            }
            CaptureSource::Printed(stream, regex) => {
                let printed = match stream {
                    Stream::Stdout => &seen.stdout,
                    Stream::Stderr => &seen.stderr,
                    Stream::Output => &seen.output,
                };
                found(regex, printed.as_deref().unwrap_or_default()).map(Value::String)
            }
            CaptureSource::Records(path) => self.records(path, at).await?,
            CaptureSource::Value(template) => {
                let value = template.evaluate(&self.stage);
                Some(value.map_err(|error| Box::new(error.finding(at))).map(ExprValue::into_json)?)
            }
            CaptureSource::Xpath(_) => {
                return Err(Box::new(Finding::error(
                    "scn::not-emulated",
                    at.clone(),
                    "not emulated yet: xpath",
                )));
            }
        })
    }

    async fn records(&self, path: &JsonPath, at: &Span) -> Result<Option<Value>, Box<Finding>> {
        use linarite_server::control::view;
        let told = |error: &dyn std::fmt::Display| {
            Box::new(Finding::error("scn::directory", at.clone(), error.to_string()))
        };
        let devices = view::devices(self.stage.world()).await.map_err(|error| told(&error))?;
        let users = view::users(self.stage.world()).await.map_err(|error| told(&error))?;
        let all = serde_json::json!({ "devices": devices, "users": users });
        Ok(path.find(&all).cloned())
    }

    fn title(&self, step: &Step) -> String {
        let named = step.name.as_ref().and_then(|name| name.resolve(&self.stage).ok());
        let title = named.or_else(|| step.id.clone()).unwrap_or_else(|| word(step).to_owned());
        self.stage.redact(&title)
    }

    fn begin(&mut self, step: &Step, action: &'static str) -> usize {
        self.number += 1;
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
        &self,
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

    fn finish(&self, step: &Step, number: usize, tried: &Tried, watch: Stopwatch) -> Verdict {
        for judged in &tried.judged {
            (self.tell)(RunEvent::Expect {
                name: self.name.clone(),
                step: number,
                path: judged.outcome.path.clone(),
                ok: judged.outcome.ok,
                expected: self.stage.redact(&judged.outcome.expected),
                actual: self.stage.redact(&judged.outcome.actual),
                line: judged.at.line,
                column: judged.at.column,
            });
        }
        let verdict = if tried.holds() {
            Verdict::Pass
        } else if tried.seen.exit.as_ref().is_some_and(|exit| exit == "timeout") {
            Verdict::Timeout
        } else {
            Verdict::Fail
        };
        let bad = verdict.is_bad();
        let failure = bad.then(|| self.stage.redact(&failure(step, tried)));
        let journal = if bad { self.last_events() } else { Vec::new() };
        (self.tell)(RunEvent::StepEnd {
            name: self.name.clone(),
            step: number,
            verdict,
            failure,
            output: tried.seen.tail().map(|tail| self.stage.redact(&tail)),
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
        world.journal.since(from).iter().map(|event| event.to_json(false)).collect()
    }
}

/// What went wrong in a step, with excerpts of the file.
fn failure(step: &Step, tried: &Tried) -> String {
    let mut text = String::new();
    if let Some((at, why)) = &tried.broken {
        let finding = Finding::error("step", at.clone(), why.clone());
        text.push_str(finding.render(false).trim_end());
        text.push('\n');
    }
    for judged in tried.judged.iter().filter(|judged| !judged.outcome.ok) {
        let outcome = &judged.outcome;
        let title =
            format!("{}: expected {}, was {}", outcome.path, outcome.expected, outcome.actual);
        let finding = Finding::error("expect", judged.at.clone(), title);
        text.push_str(finding.render(false).trim_end());
        text.push('\n');
    }
    if tried.attempts > 1 {
        let (attempts, line) = (tried.attempts.to_string(), step.at.line.to_string());
        text.extend(["at attempt ", &attempts, ", step of line ", &line, "\n"]);
    }
    text
}

fn there_was(seen: &Seen) -> String {
    seen.tail().map_or_else(String::new, |tail| {
        let short: String = tail.chars().take(200).collect();
        format!("; there was: {short}")
    })
}

/// When to try again.
enum Attempts {
    Once,
    Eventually { within: i64, every: i64 },
    Consistently { during: i64, every: i64 },
}

impl Attempts {
    fn of(step: &Step, stage: &Stage) -> Result<Self, Box<Finding>> {
        let positive = |at: &Span, millis: i64| {
            if millis > 0 {
                return Ok(millis);
            }
            let title = "the time between two attempts must be longer than nothing";
            Err(Box::new(Finding::error("scn::bad-duration", at.clone(), title)))
        };
        if let Some(eventually) = &step.eventually {
            let every = match &eventually.every {
                Some(every) => positive(&every.at, every.resolve(stage)?.millis())?,
                None => EVERY,
            };
            return Ok(Self::Eventually {
                within: eventually.within.resolve(stage)?.millis(),
                every,
            });
        }
        if let Some(consistently) = &step.consistently {
            let every = consistently.every.resolve(stage)?.millis();
            let every = positive(&consistently.every.at, every)?;
            return Ok(Self::Consistently {
                during: consistently.for_.resolve(stage)?.millis(),
                every,
            });
        }
        Ok(Self::Once)
    }

    /// When the next attempt is due, in milliseconds of the world since the first; `None`: no more attempts.
    fn next(&self, holds: bool, passed: i64) -> Option<i64> {
        match *self {
            Self::Once => None,
            Self::Eventually { within, every } => {
                let next = passed.saturating_add(every).min(within);
                (!holds && passed < within).then_some(next)
            }
            Self::Consistently { during, every } => {
                let next = passed.saturating_add(every).min(during);
                (holds && passed < during).then_some(next)
            }
        }
    }
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
        elevated: over.elevated || original.elevated,
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
        Some(Action::SignIn(_)) => "sign_in",
        Some(Action::SignOut) => "sign_out",
        Some(Action::Wipe(_)) => "wipe",
        Some(Action::Network(_)) => "network",
        Some(Action::Token(_)) => "token",
        Some(Action::Http(_)) => "http",
        Some(Action::Run(_)) => "run",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consistently_looks_at_the_start_at_each_step_and_exactly_at_the_end() {
        let plan = Attempts::Consistently { during: 59, every: 10 };
        let mut at = vec![0];
        while let Some(next) = plan.next(true, *at.last().unwrap()) {
            at.push(next);
        }
        assert_eq!(at, [0, 10, 20, 30, 40, 50, 59]);
        assert_eq!(plan.next(false, 10), None);
    }

    #[test]
    fn eventually_stops_at_the_first_success_and_at_the_end() {
        let plan = Attempts::Eventually { within: 25, every: 10 };
        assert_eq!(plan.next(true, 0), None);
        assert_eq!(plan.next(false, 0), Some(10));
        assert_eq!(plan.next(false, 20), Some(25));
        assert_eq!(plan.next(false, 25), None);
    }
}
