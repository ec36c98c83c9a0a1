//! The only reader of time: one clock for each world.
//!
//! A manual clock stands still until it is advanced or set; a following one runs at real speed from where it was put.
//! What the server mints and judges goes by [`Clock::now`]; what a client stamped may also fit [`Clock::real`].
//! Left out: rates other than real speed.

use std::sync::{PoisonError, RwLock};

pub use linarite_core::instant::{Instant, Offset, Span};

/// How a world's time passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockMode {
    /// It stands still except when it is told to move.
    Manual,
    /// It runs at real speed.
    Follow,
}

impl ClockMode {
    /// Its word in world files and in the control API.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Follow => "follow",
        }
    }
}

/// A clock that was told to go back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the clock of a world does not go back unless that is allowed expressly")]
pub struct Backwards;

/// The clock of a world.
#[derive(Debug)]
pub struct Clock {
    state: RwLock<State>,
}

/// Where a clock stands, in the form in which it is kept over a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// How time passes.
    pub mode: ClockMode,
    /// Manual: the time itself, in milliseconds. Follow: what to add to real time.
    pub value: i64,
}

type State = Kept;

impl State {
    fn now(self) -> Instant {
        match self.mode {
            ClockMode::Manual => Instant::from_millis(self.value),
            ClockMode::Follow => {
                Instant::from_millis(Clock::real().millis().saturating_add(self.value))
            }
        }
    }

    fn at(mode: ClockMode, now: Instant) -> Self {
        let value = match mode {
            ClockMode::Manual => now.millis(),
            ClockMode::Follow => now.millis() - Clock::real().millis(),
        };
        Self { mode, value }
    }
}

impl Clock {
    /// A clock that shows this time now; `None` is real time.
    pub fn new(mode: ClockMode, start: Option<Instant>) -> Self {
        let start = start.unwrap_or_else(Self::real);
        Self { state: RwLock::new(State::at(mode, start)) }
    }

    /// A clock that goes on from where it was kept, in this mode or in its own, and not before this moment: the latest
    /// that is known to have been. Real time that passed while nobody looked has passed for a following clock.
    pub fn resumed(kept: Kept, mode: Option<ClockMode>, latest: Instant) -> Self {
        let now = kept.now().max(latest);
        Self { state: RwLock::new(State::at(mode.unwrap_or(kept.mode), now)) }
    }

    /// Where it stands, to be kept.
    pub fn kept(&self) -> Kept {
        self.read()
    }

    /// Real time, in whole milliseconds.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads real time")]
    pub fn real() -> Instant {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Instant::from_millis(since.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX)))
    }

    /// The world's time.
    pub fn now(&self) -> Instant {
        self.read().now()
    }

    /// How the world's time passes.
    pub fn mode(&self) -> ClockMode {
        self.read().mode
    }

    /// Moves the clock forward and returns the time then. Every effect of time is data that is compared when it is
    /// asked for, so nothing has to be waited for.
    pub fn advance(&self, by: Span) -> Instant {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.value = state.value.saturating_add(by.millis());
        state.now()
    }

    /// Puts the clock to a moment.
    pub fn set(&self, to: Instant, backwards: bool) -> Result<Instant, Backwards> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if to < state.now() && !backwards {
            return Err(Backwards);
        }
        *state = State::at(state.mode, to);
        Ok(to)
    }

    /// Changes how time passes, without a jump.
    pub fn set_mode(&self, mode: ClockMode) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        *state = State::at(mode, state.now());
    }

    fn read(&self) -> State {
        *self.state.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Measures how long something really took, for reports; never a reason for a decision.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    /// Starts measuring.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads real time")]
    pub fn start() -> Self {
        Self(std::time::Instant::now())
    }

    /// Microseconds since the start.
    pub fn micros(self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// Prints a moment as RFC 3339 in UTC with as many digits as it needs (`2026-03-02T09:00:00Z`).
pub fn rfc3339(moment: Instant) -> String {
    jiff::Timestamp::from_millisecond(moment.millis())
        .map_or_else(|_| "out of range".to_owned(), |t| t.to_string())
}

/// Reads a moment from RFC 3339.
pub fn from_rfc3339(text: &str) -> Option<Instant> {
    text.parse::<jiff::Timestamp>().ok().map(|t| Instant::from_millis(t.as_millisecond()))
}

/// Prints a moment by a `strftime` pattern, in UTC.
pub fn format(moment: Instant, pattern: &str) -> String {
    jiff::Timestamp::from_millisecond(moment.millis())
        .map_or_else(|_| "out of range".to_owned(), |t| t.strftime(pattern).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Instant = Instant::from_seconds(1_772_442_000);

    #[test]
    fn a_manual_clock_stands_still() {
        let clock = Clock::new(ClockMode::Manual, Some(START));
        assert_eq!(clock.now(), START);
        assert_eq!(clock.advance(Span::from_minutes(61)), START + Span::from_minutes(61));
        assert_eq!(clock.now(), START + Span::from_minutes(61));
    }

    #[test]
    fn a_following_clock_starts_where_it_was_put_and_never_goes_back() {
        let clock = Clock::new(ClockMode::Follow, Some(START));
        let first = clock.now();
        assert!(first >= START && first.distance(START) < Span::from_minutes(1));
        clock.advance(Span::from_days(1));
        assert!(clock.now() >= first + Span::from_days(1));
    }

    #[test]
    fn a_clock_goes_on_where_it_was_kept_in_either_mode_and_not_before_the_latest_instant() {
        let day = Span::from_days(1);
        for from in [ClockMode::Manual, ClockMode::Follow] {
            let clock = Clock::new(from, Some(START));
            clock.advance(day);
            let (kept, before) = (clock.kept(), clock.now());
            for to in [None, Some(ClockMode::Manual), Some(ClockMode::Follow)] {
                let resumed = Clock::resumed(kept, to, START);
                assert_eq!(resumed.mode(), to.unwrap_or(from));
                assert!(resumed.now() >= before, "{from:?} to {to:?}");
                assert!(resumed.now() < before + Span::from_minutes(1), "{from:?} to {to:?}");
                let later = Clock::resumed(kept, to, before + day);
                assert!(later.now() >= before + day, "{from:?} to {to:?}");
            }
        }
        let stood = Clock::new(ClockMode::Manual, Some(START)).kept();
        assert_eq!(Clock::resumed(stood, None, START).now(), START, "a manual clock stands still");
    }

    #[test]
    fn a_clock_goes_back_only_when_that_is_allowed() {
        let clock = Clock::new(ClockMode::Manual, Some(START));
        let before = START - Span::from_millis(1);
        assert_eq!(clock.set(before, false), Err(Backwards));
        assert_eq!(clock.set(START, false), Ok(START));
        assert_eq!(clock.set(before, true), Ok(before));
    }

    #[test]
    fn times_read_back_as_they_print() {
        assert_eq!(rfc3339(START), "2026-03-02T09:00:00Z");
        assert_eq!(from_rfc3339("2026-03-02T10:00:00+01:00"), Some(START));
        assert_eq!(format(START, "%m-%d-%Y %H:%M:%SZ"), "03-02-2026 09:00:00Z");
    }
}
