//! When a step is tried again, on the world's time: `eventually` until it holds, `consistently` as long as it must.
//!
//! Left out: waiting in real time, which no emulated thing needs.

use super::stage::Stage;
use crate::scenario::finding::{Finding, Span};
use crate::scenario::model::Step;

/// How long between two attempts when a step does not say.
const EVERY: i64 = 60_000;

/// When to try again.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Attempts {
    Once,
    Eventually { within: i64, every: i64 },
    Consistently { during: i64, every: i64 },
}

impl Attempts {
    /// What a step says about attempts.
    pub(crate) fn of(step: &Step, stage: &Stage) -> Result<Self, Box<Finding>> {
        let positive = |at: &Span, millis: i64| {
            if millis > 0 {
                return Ok(millis);
            }
            let title = "attempts need a time that is longer than nothing";
            Err(Box::new(Finding::error("scn::bad-duration", at.clone(), title)))
        };
        if let Some(eventually) = &step.eventually {
            let every = match &eventually.every {
                Some(every) => positive(&every.at, every.resolve(stage)?.millis())?,
                None => EVERY,
            };
            let within = eventually.within.resolve(stage)?.millis();
            return Ok(Self::Eventually {
                within: positive(&eventually.within.at, within)?,
                every,
            });
        }
        if let Some(consistently) = &step.consistently {
            let every = consistently.every.resolve(stage)?.millis();
            let every = positive(&consistently.every.at, every)?;
            let during = consistently.for_.resolve(stage)?.millis();
            let during = positive(&consistently.for_.at, during)?;
            return Ok(Self::Consistently { during, every });
        }
        Ok(Self::Once)
    }

    /// When the next attempt is due, in milliseconds of the world since the first; `None`: no more attempts.
    pub(crate) fn next(&self, holds: bool, passed: i64) -> Option<i64> {
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
