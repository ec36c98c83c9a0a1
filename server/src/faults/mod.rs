//! Faults: rules that strike exchanges, connections and the directory, in a way that can be repeated.
//!
//! A [`Fault`] is data: a match, a scope, one effect. [`Faults`] belongs to a world and says which fault strikes. Rules
//! are asked in the order in which they were started, and the first one that matches and whose scope lets it strike does;
//! at most one connection fault and one exchange fault strike an exchange. A rule counts what comes to it and fits its
//! match inside its window: `nth` and `rate` go by that count, so clients that a rule does not mean never move its draws.
//!
//! Connection faults match on the host alone and are decided once per connection; starting or stopping one closes that
//! host's open connections, and nothing is resumed while one runs. Over plain HTTP, where a connection has no host, they
//! are decided per request, and `tls` is not heard. Windows are counted in world time from the start of this run of the
//! world. Effects of time on the wire (`delay`, `slow`, `hang`) are real time.
//!
//! Left out: self-signed certificates and weak keys, faults by phase of a world, skewed clocks of clients.

mod catalogue;
mod check;
mod connection;
mod domain;
mod exchange;
mod matching;
mod model;
mod replies;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod wire_tests;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use linarite_core::instant::{Instant, Span};
use linarite_core::replication::Lag;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::watch;

pub use catalogue::{EffectKind, Layer};
pub use check::{FaultError, FaultProblem};
pub(crate) use connection::connecting;
pub use domain::FederationDefects;
pub(crate) use exchange::{Fate, Stroke};
pub use matching::{OPERATIONS, glob};
pub use model::*;

use crate::clock::rfc3339;
use crate::edge::Stage;
use crate::entropy::secret_of;
use matching::Seen;

/// Faults that run at once at most: each is asked about each request.
pub const RUNNING: usize = 1000;

/// Faults that stopped and are remembered; the oldest are forgotten first.
const ENDED: usize = 10_000;

/// The faults of a world.
#[derive(Debug)]
pub struct Faults {
    seed: u64,
    begun: Instant,
    /// Whether any fault runs: all that an idle engine costs a request.
    busy: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    running: Vec<Running>,
    /// What stopped, in the order of stopping.
    ended: Vec<FaultStatus>,
    /// A number for each host that moves when its open connections are to be closed.
    cuts: BTreeMap<String, watch::Sender<u64>>,
}

/// A fault that runs.
#[derive(Clone, Debug)]
struct Running {
    id: String,
    fault: Fault,
    kind: EffectKind,
    window: Option<(Span, Span)>,
    started: Instant,
    matches: u64,
    strikes: u64,
    /// What it holds back, when that is its effect.
    lag: Option<Lag>,
}

/// Running faults with their counts, for a snapshot.
#[derive(Clone, Debug, Default)]
pub struct FaultsSnapshot(Vec<Running>);

/// How a fault stands.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "FaultStatus")]
pub struct FaultStatus {
    /// Its id.
    pub id: String,
    /// The fault.
    pub fault: Fault,
    /// The word of its effect.
    pub effect: String,
    /// World time when it was started, RFC 3339.
    pub started: String,
    /// How many exchanges or connections fitted its match inside its window.
    pub matches: u64,
    /// How often it struck.
    pub strikes: u64,
    /// Whether it runs still.
    pub running: bool,
}

/// A strike: what the journal says of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Strike {
    /// The fault's id.
    pub id: String,
    /// The fault.
    pub fault: Fault,
    /// Its effect.
    pub kind: EffectKind,
}

impl Strike {
    /// Whether the handler runs.
    pub fn runs_handler(&self) -> bool {
        self.kind.runs_handler(&self.fault)
    }
}

impl Running {
    fn status(&self, running: bool) -> FaultStatus {
        FaultStatus {
            id: self.id.clone(),
            fault: self.fault.clone(),
            effect: self.kind.word().to_owned(),
            started: rfc3339(self.started),
            matches: self.matches,
            strikes: self.strikes,
            running,
        }
    }

    /// Whether a moment lies in its window: the beginning does, the end does not.
    fn in_window(&self, begun: Instant, now: Instant) -> bool {
        self.window.is_none_or(|(from, to)| begun + from <= now && now < begun + to)
    }

    /// Counts a match and says whether it strikes.
    fn strikes(&mut self, seed: u64) -> bool {
        self.matches += 1;
        let due = self.fault.nth.as_ref().is_none_or(|nth| nth.contains(&self.matches))
            && self.fault.times.is_none_or(|times| self.strikes < times)
            && self.fault.rate.is_none_or(|rate| share(seed, &self.id, self.matches) < rate);
        if due {
            self.strikes += 1;
        }
        due
    }

    fn strike(&self) -> Strike {
        Strike { id: self.id.clone(), fault: self.fault.clone(), kind: self.kind }
    }

    fn layer(&self) -> Layer {
        self.kind.layer(&self.fault)
    }

    fn means_host(&self, host: &str) -> bool {
        self.fault.matching.host.as_ref().is_none_or(|pattern| glob(pattern, host))
    }
}

/// A number from 0 to below 1 that follows from the seed, the fault and the number of the match.
fn share(seed: u64, id: &str, ordinal: u64) -> f64 {
    let drawn = secret_of(seed, "fault", &format!("{id} {ordinal}"));
    let [a, b, c, d, ..] = drawn;
    f64::from(u32::from_be_bytes([a, b, c, d])) / (f64::from(u32::MAX) + 1.0)
}

impl Faults {
    /// An engine without faults. Windows are counted from `begun`.
    pub fn new(seed: u64, begun: Instant) -> Self {
        Self { seed, begun, busy: AtomicBool::new(false), state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether any fault runs. Costs one load.
    pub fn any(&self) -> bool {
        self.busy.load(Ordering::Acquire)
    }

    /// What is wrong with a fault, without starting it.
    pub fn check(id: &str, fault: &Fault) -> Result<EffectKind, FaultError> {
        check::check(fault).map_err(|problems| FaultError::Problems { id: id.to_owned(), problems })
    }

    /// Starts a fault. Whoever acts in a world calls `Admin::start_fault`, which journals it too.
    pub fn start(&self, id: &str, fault: Fault, now: Instant) -> Result<FaultStatus, FaultError> {
        let kind = Self::check(id, &fault)?;
        let mut state = self.state();
        if state.running.iter().any(|running| running.id == id) {
            return Err(FaultError::Running(id.to_owned()));
        }
        if state.running.len() >= RUNNING {
            return Err(FaultError::TooMany);
        }
        let running = Running {
            id: id.to_owned(),
            window: check::window(&fault),
            lag: check::lag(&fault),
            fault,
            kind,
            started: now,
            matches: 0,
            strikes: 0,
        };
        state.cut(&running);
        let status = running.status(true);
        state.running.push(running);
        self.busy.store(true, Ordering::Release);
        Ok(status)
    }

    /// Stops a fault and says how it stood.
    pub fn stop(&self, id: &str) -> Result<FaultStatus, FaultError> {
        let mut state = self.state();
        let Some(at) = state.running.iter().position(|running| running.id == id) else {
            let ids: Vec<&str> = state.running.iter().map(|r| r.id.as_str()).collect();
            let running = if ids.is_empty() {
                "none runs".to_owned()
            } else {
                format!("running: {}", ids.join(", "))
            };
            return Err(FaultError::NotRunning { id: id.to_owned(), running });
        };
        let stopped = state.running.remove(at);
        state.cut(&stopped);
        let status = stopped.status(false);
        if state.ended.len() >= ENDED {
            state.ended.remove(0);
        }
        state.ended.push(status.clone());
        self.busy.store(!state.running.is_empty(), Ordering::Release);
        Ok(status)
    }

    /// The faults that run, in the order in which they were started.
    pub fn running(&self) -> Vec<FaultStatus> {
        self.state().running.iter().map(|running| running.status(true)).collect()
    }

    /// All faults: those that stopped, then those that run.
    pub fn list(&self) -> Vec<FaultStatus> {
        let state = self.state();
        let running = state.running.iter().map(|running| running.status(true));
        state.ended.iter().cloned().chain(running).collect()
    }

    /// The ids of faults that were started and never struck: most often a match that fits nothing.
    pub fn never_struck(&self) -> Vec<String> {
        let mut strikes: BTreeMap<String, u64> = BTreeMap::new();
        for status in self.list() {
            *strikes.entry(status.id).or_default() += status.strikes;
        }
        strikes.into_iter().filter(|(_, count)| *count == 0).map(|(id, _)| id).collect()
    }

    /// The running faults and their counts.
    pub fn snapshot(&self) -> FaultsSnapshot {
        FaultsSnapshot(self.state().running.clone())
    }

    /// Puts back the faults that ran at a snapshot, with their counts.
    pub fn restore(&self, snapshot: &FaultsSnapshot) {
        let mut state = self.state();
        let before = std::mem::replace(&mut state.running, snapshot.0.clone());
        for running in before.iter().chain(&snapshot.0) {
            state.cut(running);
        }
        self.busy.store(!state.running.is_empty(), Ordering::Release);
    }

    /// The exchange fault that strikes a request, if any.
    fn exchange(&self, seen: &Seen<'_>, now: Instant) -> Option<Strike> {
        let mut state = self.state();
        let (seed, begun) = (self.seed, self.begun);
        state.running.iter_mut().find_map(|running| {
            let fits = running.layer() == Layer::Exchange
                && running.in_window(begun, now)
                && seen.fits(&running.fault.matching);
            (fits && running.strikes(seed)).then(|| running.strike())
        })
    }

    /// The connection fault that strikes a new connection to this host. The flag says whether any runs for the host, so
    /// that nothing may be resumed. What is about TLS neither strikes nor counts where none is spoken; until that is known of
    /// a tunnel, only what keeps it from being granted does.
    pub fn connection(&self, host: &str, now: Instant, stage: Stage) -> (Option<Strike>, bool) {
        if !self.any() {
            return (None, false);
        }
        let mut state = self.state();
        let (seed, begun) = (self.seed, self.begun);
        let fits = |running: &Running| {
            running.layer() == Layer::Connection
                && (stage != Stage::Plain || running.kind != EffectKind::Tls)
                && running.means_host(host)
                && running.in_window(begun, now)
        };
        if stage == Stage::Tunnel {
            let mut meant = state.running.iter().filter(|running| fits(running)).cloned();
            let first = meant.find_map(|mut running| running.strikes(seed).then_some(running.kind));
            if first.is_none_or(|kind| kind == EffectKind::Tls) {
                return (None, false);
            }
        }
        let mut meant = false;
        let struck = state.running.iter_mut().find_map(|running| {
            let fits = fits(running);
            meant |= fits;
            (fits && running.strikes(seed)).then(|| running.strike())
        });
        (struck, meant)
    }

    /// Moves when the open connections of this host are to be closed.
    pub fn cuts(&self, host: &str) -> watch::Receiver<u64> {
        let mut state = self.state();
        state.cuts.entry(host.to_owned()).or_insert_with(|| watch::Sender::new(0)).subscribe()
    }

    /// Counts a strike of a fault that a service carried out by itself; `None` when it does not run.
    pub(crate) fn struck(&self, id: &str) -> Option<Strike> {
        let mut state = self.state();
        let running = state.running.iter_mut().find(|running| running.id == id)?;
        running.matches += 1;
        running.strikes += 1;
        Some(running.strike())
    }
}

impl State {
    /// Has the open connections closed that a connection fault concerns.
    fn cut(&self, fault: &Running) {
        if fault.layer() != Layer::Connection {
            return;
        }
        for (host, cut) in &self.cuts {
            if fault.means_host(host) {
                cut.send_modify(|number| *number += 1);
            }
        }
    }
}
