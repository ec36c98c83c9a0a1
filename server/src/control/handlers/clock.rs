//! The clock of a world.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Answer, ok};
use crate::clock::{ClockMode, from_rfc3339, rfc3339};
use crate::control::body::{Json, Parameters, Target};
use crate::control::error::Refusal;
use crate::world::World;

/// How a world's time passes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ClockMode")]
pub(in crate::control) enum Mode {
    /// It stands still except when it is told to move.
    Manual,
    /// It runs at real speed.
    Follow,
}

impl From<Mode> for ClockMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Manual => Self::Manual,
            Mode::Follow => Self::Follow,
        }
    }
}

/// What a clock shows.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Clock")]
pub(in crate::control) struct ClockView {
    /// World time, RFC 3339.
    now: String,
    /// How it passes.
    mode: Mode,
}

impl ClockView {
    pub(super) fn of(world: &World) -> Self {
        let mode = match world.clock.mode() {
            ClockMode::Manual => Mode::Manual,
            ClockMode::Follow => Mode::Follow,
        };
        Self { now: rfc3339(world.clock.now()), mode }
    }
}

/// By how much a clock is to be advanced.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AdvanceClock")]
pub(in crate::control) struct Advance {
    /// A length of time like `65m`, `1h 30m` or `14d`.
    by: String,
}

/// Where a clock is to be put.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SetClock")]
pub(in crate::control) struct Set {
    /// RFC 3339.
    to: String,
    /// Whether it may go back.
    #[serde(default)]
    backwards: bool,
}

/// How time is to pass.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SetClockMode")]
pub(in crate::control) struct SetMode {
    mode: Mode,
}

/// `GET /worlds/{world}/clock`
pub(in crate::control) async fn get(target: Target, parameters: Parameters) -> Answer {
    parameters.finish(&[])?;
    Ok(ok(&ClockView::of(&target.seat.world)))
}

/// `POST /worlds/{world}/clock/advance`
pub(in crate::control) async fn advance(target: Target, Json(body): Json<Advance>) -> Answer {
    target.admin().advance_clock(&body.by).await?;
    Ok(ok(&ClockView::of(&target.seat.world)))
}

/// `POST /worlds/{world}/clock/set`
pub(in crate::control) async fn set(target: Target, Json(body): Json<Set>) -> Answer {
    let to = from_rfc3339(&body.to).ok_or_else(|| {
        Refusal::invalid(format!(
            "`{}` is not an RFC 3339 time such as 2026-03-02T09:00:00Z",
            body.to
        ))
    })?;
    target.admin().set_clock(to, body.backwards).await?;
    Ok(ok(&ClockView::of(&target.seat.world)))
}

/// `POST /worlds/{world}/clock/mode`
pub(in crate::control) async fn mode(target: Target, Json(body): Json<SetMode>) -> Answer {
    target.admin().set_clock_mode(body.mode.into()).await?;
    Ok(ok(&ClockView::of(&target.seat.world)))
}
