//! Moving the clock of a world.

use linarite_core::instant::{Instant, Span};
use serde_json::{Map, Value};

use super::{Admin, AdminError};
use crate::clock::{ClockMode, rfc3339};
use crate::directory::DirectoryError;
use crate::journal::Kind;
use crate::world::file::parse_duration;

/// The last moment that a clock may show: 9999-12-31T00:00:00Z. Later ones have no RFC 3339 form.
const LAST: Instant = Instant::from_seconds(253_402_214_400);

/// How a clock was moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// What it showed before.
    pub from: Instant,
    /// What it shows now.
    pub to: Instant,
}

impl Admin<'_> {
    /// Advances the clock by a length of time written like `65m`, `1h 30m` or `14d`.
    pub async fn advance_clock(&self, by: &str) -> Result<Moved, AdminError> {
        let millis = parse_duration(by).ok_or_else(|| {
            AdminError::Invalid(format!(
                "`{by}` is not a length of time; write it like `65m`, `1h 30m` or `14d`"
            ))
        })?;
        self.advance_clock_by(Span::from_millis(millis)).await
    }

    /// Advances the clock by a length of time.
    pub async fn advance_clock_by(&self, by: Span) -> Result<Moved, AdminError> {
        let from = self.world().clock.now();
        within_range(from + by)?;
        let to = self.world().clock.advance(by);
        Ok(self.moved("advance_clock", Moved { from, to }).await?)
    }

    /// Puts the clock to a moment; to an earlier one only when `backwards` says so.
    pub async fn set_clock(&self, to: Instant, backwards: bool) -> Result<Moved, AdminError> {
        within_range(to)?;
        let from = self.world().clock.now();
        let to = self.world().clock.set(to, backwards).map_err(|_| AdminError::Backwards {
            now: rfc3339(self.world().clock.now()),
            to: rfc3339(to),
        })?;
        Ok(self.moved("set_clock", Moved { from, to }).await?)
    }

    /// Changes how time passes, without a jump.
    pub async fn set_clock_mode(&self, mode: ClockMode) -> Result<Moved, AdminError> {
        let from = self.world().clock.now();
        self.world().clock.set_mode(mode);
        let to = self.world().clock.now();
        Ok(self.moved("set_clock_mode", Moved { from, to }).await?)
    }

    /// Keeps where the clock stands and journals how it came there.
    pub(in crate::control) async fn moved(
        &self,
        action: &str,
        moved: Moved,
    ) -> Result<Moved, DirectoryError> {
        let mut fields = Map::new();
        let mut field = |key: &str, value: Value| fields.insert(key.to_owned(), value);
        field("action", action.into());
        field("actor", self.actor.into());
        field("from", rfc3339(moved.from).into());
        field("to", rfc3339(moved.to).into());
        field("mode", self.world().clock.mode().word().into());
        self.world().journal.record(&self.world().clock, Kind::Clock, None, fields, None);
        self.world().keep_clock().await?;
        Ok(moved)
    }
}

fn within_range(to: Instant) -> Result<(), AdminError> {
    if to.millis() < 0 || to > LAST {
        return Err(AdminError::Invalid(
            "the clock of a world stays between 1970-01-01 and 9999-12-31".to_owned(),
        ));
    }
    Ok(())
}
