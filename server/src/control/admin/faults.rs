//! Starting and stopping faults.

use serde_json::{Map, Value};

use super::{Admin, AdminError};
use crate::faults::{Fault, FaultError, FaultStatus};
use crate::journal::Kind;

/// Characters of a fault's id at most.
const LONGEST: usize = 100;

impl Admin<'_> {
    /// Starts a fault under an id that no running one has, and says how it stands.
    pub fn start_fault(&self, id: &str, fault: Fault) -> Result<FaultStatus, AdminError> {
        if id.is_empty() || id.chars().count() > LONGEST || id.chars().any(char::is_control) {
            return Err(AdminError::Invalid(format!(
                "the id of a fault has 1 to {LONGEST} characters and no control characters"
            )));
        }
        let effect = crate::faults::Faults::check(id, &fault)?;
        let world = self.world();
        let status = world.faults.start(id, fault, world.clock.now())?;
        self.told(Kind::FaultStart, id, effect.word(), None);
        Ok(status)
    }

    /// Stops a fault and says how it stood.
    pub fn stop_fault(&self, id: &str) -> Result<FaultStatus, FaultError> {
        let stopped = self.world().faults.stop(id)?;
        self.told(Kind::FaultStop, id, &stopped.effect, Some(stopped.strikes));
        Ok(stopped)
    }

    /// Stops all faults that run, the one that was started last first.
    pub fn stop_faults(&self) -> Vec<FaultStatus> {
        let running = self.world().faults.running();
        // One that was stopped by somebody else meanwhile is stopped, too.
        running.iter().rev().filter_map(|status| self.stop_fault(&status.id).ok()).collect()
    }

    fn told(&self, kind: Kind, id: &str, effect: &str, strikes: Option<u64>) {
        let mut fields = Map::new();
        let mut field = |key: &str, value: Value| fields.insert(key.to_owned(), value);
        field("fault", id.into());
        field("effect", effect.into());
        field("actor", self.actor.into());
        if let Some(strikes) = strikes {
            field("strikes", strikes.into());
        }
        self.world().journal.record(&self.world().clock, kind, None, fields, None);
    }
}
