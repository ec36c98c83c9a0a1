//! The step that is under way: it is ended with a word of its own when the time of what holds it is over before it is done.

use std::sync::PoisonError;
use std::time::Duration;

use linarite_server::clock::Stopwatch;
use tokio::time::timeout;

use super::act::Context;
use super::events::Verdict;
use super::seen::Seen;
use super::step::{Runner, Tried, word};
use crate::scenario::finding::Span;
use crate::scenario::model::Step;

/// How long a step of the teardown may take, unless it says otherwise.
const TEARDOWN: Duration = Duration::from_secs(30);

/// A step that began and has not ended.
pub(crate) struct Open {
    pub(crate) number: usize,
    pub(crate) id: Option<String>,
    pub(crate) at: Span,
    pub(crate) watch: Stopwatch,
}

impl Runner {
    /// Ends the step that is under way, if one is. Nobody waits for it any more.
    pub(crate) fn cut(&mut self, verdict: Verdict, why: &str) {
        let Some(open) = self.open.take() else { return };
        let seen = match self.stage.printing.take() {
            None => Seen::default(),
            Some(printed) => {
                let printed = printed.lock().unwrap_or_else(PoisonError::into_inner);
                printed.seen("timeout".into())
            }
        };
        let tried = Tried {
            seen,
            broken: Some((open.at.clone(), why.to_owned())),
            verdict: Some(verdict),
            attempts: 1,
            ..Tried::default()
        };
        self.failed_in.extend(open.id);
        self.end(open.at.line, open.number, &tried, open.watch);
    }

    /// Runs the steps inside a step, all of them in the time that it gives.
    pub(super) async fn within(
        &mut self,
        step: &Step,
        steps: &[Step],
        context: &Context,
    ) -> Verdict {
        let Some(limit) = step.timeout.as_ref().and(context.limit) else {
            return Box::pin(self.steps(steps, context)).await;
        };
        let (vars, each) = (self.stage.vars.clone(), self.stage.each.len());
        let done = timeout(limit, Box::pin(self.steps(steps, context))).await;
        done.unwrap_or_else(|_| {
            self.stage.vars = vars;
            self.stage.each.truncate(each);
            let why = format!("the `{}` around this step took longer than {limit:?}", word(step));
            self.cut(Verdict::Timeout, &why);
            Verdict::Timeout
        })
    }

    /// Runs the steps of the teardown, each whatever became of those before it. Gives the worst of what became of them, and
    /// the names of those that failed.
    pub(crate) async fn all(&mut self, steps: &[Step]) -> (Verdict, Vec<String>) {
        let (mut worst, mut failed) = (Verdict::Pass, Vec::new());
        for step in steps {
            let own = step.timeout.as_ref().and_then(|own| own.resolve(&self.stage).ok());
            let limit = own.map_or(TEARDOWN, |own| own.to_std().max(TEARDOWN));
            let nobody = Context::default();
            let done = timeout(limit, Box::pin(self.step(step, &nobody))).await;
            let verdict = done.unwrap_or_else(|_| {
                self.cut(Verdict::Timeout, &format!("a step of `always` has {limit:?}"));
                Verdict::Timeout
            });
            if verdict.is_bad() {
                failed.push(self.title(step));
            }
            worst = worst.max(verdict);
        }
        (worst, failed)
    }
}
