//! The signals that ask a command to end: the terminal's interrupt, a supervisor's request, and the end of the terminal.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Exit;

/// Waits for such signals.
pub(crate) struct Signals {
    interrupts: Signal,
    terminations: Signal,
    hang_ups: Signal,
}

impl Signals {
    /// Catches them from now on.
    pub(crate) fn new() -> Result<Self, String> {
        let caught = |kind| signal(kind).map_err(|error| format!("signals: {error}"));
        Ok(Self {
            interrupts: caught(SignalKind::interrupt())?,
            terminations: caught(SignalKind::terminate())?,
            hang_ups: caught(SignalKind::hangup())?,
        })
    }

    /// The next of them, as the exit code of a command that it ended.
    pub(crate) async fn next(&mut self) -> Exit {
        tokio::select! {
            _ = self.interrupts.recv() => Exit::Interrupted,
            _ = self.terminations.recv() => Exit::Terminated,
            _ = self.hang_ups.recv() => Exit::HungUp,
        }
    }
}
