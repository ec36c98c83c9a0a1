//! Snapshots of a world.

use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Answer, created, ok};
use crate::control::body::{Parameters, Target};
use crate::control::snapshots::SnapshotView;
use crate::services::reply;

/// The snapshots that are kept, oldest first.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Snapshots")]
pub(in crate::control) struct Kept {
    snapshots: Vec<SnapshotView>,
}

/// `GET /worlds/{world}/snapshots`
pub(in crate::control) async fn list(target: Target, parameters: Parameters) -> Answer {
    parameters.finish(&[])?;
    Ok(ok(&Kept { snapshots: target.seat.snapshots.list() }))
}

/// `POST /worlds/{world}/snapshots`
pub(in crate::control) async fn take(target: Target) -> Answer {
    Ok(created(&target.seat.snapshots.take(&target.admin())?))
}

/// `POST /worlds/{world}/snapshots/{snapshot}/restore`
pub(in crate::control) async fn restore(target: Target) -> Answer {
    Ok(ok(&target.seat.snapshots.restore(&target.admin(), target.name()).await?))
}

/// `DELETE /worlds/{world}/snapshots/{snapshot}`
pub(in crate::control) async fn remove(target: Target) -> Answer {
    target.seat.snapshots.remove(&target.admin(), target.name())?;
    Ok(reply::empty(StatusCode::NO_CONTENT))
}
