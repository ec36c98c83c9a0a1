//! The faults of a world.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Answer, created, ok};
use crate::control::body::{Json, Parameters, Target};
use crate::control::error::Refusal;
use crate::faults::{Fault, FaultError, FaultStatus};

/// Faults, in the order in which they were started.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Faults")]
pub(in crate::control) struct List {
    faults: Vec<FaultStatus>,
}

/// A fault to be started.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "StartFault")]
pub(in crate::control) struct Start {
    /// The id to stop it by, which no running fault has.
    id: String,
    /// The fault.
    fault: Fault,
}

/// `GET /worlds/{world}/faults`
pub(in crate::control) async fn list(target: Target, mut parameters: Parameters) -> Answer {
    let running = match parameters.take("running")?.as_deref() {
        None => None,
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(other) => {
            return Err(Refusal::invalid(format!("`running` is `{other}`, not `true` or `false`")));
        }
    };
    parameters.finish(&["running"])?;
    let mut faults = target.seat.world.faults.list();
    faults.retain(|status| running.is_none_or(|wanted| status.running == wanted));
    Ok(ok(&List { faults }))
}

/// `POST /worlds/{world}/faults`
pub(in crate::control) async fn start(target: Target, Json(body): Json<Start>) -> Answer {
    Ok(created(&target.admin().start_fault(&body.id, body.fault)?))
}

/// `DELETE /worlds/{world}/faults/{fault}`
pub(in crate::control) async fn stop(target: Target) -> Answer {
    let stopped: Result<FaultStatus, FaultError> = target.admin().stop_fault(target.name());
    Ok(ok(&stopped?))
}

/// `DELETE /worlds/{world}/faults`
pub(in crate::control) async fn stop_all(target: Target) -> Answer {
    Ok(ok(&List { faults: target.admin().stop_faults() }))
}
