//! The worlds and the state of one.

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use super::clock::ClockView;
use super::{Answer, ok};
use crate::control::body::{Parameters, Target};
use crate::control::guard::Shared;
use crate::control::registry::Seat;

/// A world in a list.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WorldName")]
pub(in crate::control) struct WorldName {
    /// Its name in paths.
    id: String,
    /// Display name of its tenant.
    tenant: String,
    /// Its primary domain.
    domain: String,
}

/// The worlds that there are.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::control) struct Worlds {
    worlds: Vec<WorldName>,
}

/// A tenant.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Tenant")]
pub(in crate::control) struct TenantView {
    /// Its id, `tid` in tokens.
    id: String,
    /// Display name.
    name: String,
    /// Its verified domains, the primary one first.
    domains: Vec<String>,
}

/// How many of what there are.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::control) struct Counts {
    /// Device records.
    devices: u64,
    /// Users.
    users: u64,
    /// Snapshots.
    snapshots: u64,
}

/// Where the journal stands.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "JournalState")]
pub(in crate::control) struct JournalState {
    /// Number of the newest event; 0 before the first one.
    last: u64,
}

/// The state of a world.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "World")]
pub(in crate::control) struct WorldView {
    /// Its name in paths.
    id: String,
    /// Its tenant.
    tenant: TenantView,
    /// The seed that its ids, keys and draws follow from.
    seed: u64,
    /// Its clock.
    clock: ClockView,
    /// How many of what there are.
    counts: Counts,
    /// The URL that clients are given as their proxy, when it is known.
    proxy: Option<String>,
    /// The emulated hosts.
    hosts: Vec<String>,
    /// Where the journal stands.
    journal: JournalState,
    /// The folder that keeps its state; null for a world in memory.
    state: Option<String>,
}

/// `GET /worlds`
pub(in crate::control) async fn list(
    State(shared): State<Arc<Shared>>,
    parameters: Parameters,
) -> Answer {
    parameters.finish(&[])?;
    let name = |seat: &Arc<Seat>| WorldName {
        id: seat.world.id.clone(),
        tenant: seat.world.tenant.name.clone(),
        domain: seat.world.tenant.primary_domain().to_owned(),
    };
    Ok(ok(&Worlds { worlds: shared.worlds.seats().iter().map(name).collect() }))
}

/// `GET /worlds/{world}`
pub(in crate::control) async fn get(target: Target, parameters: Parameters) -> Answer {
    parameters.finish(&[])?;
    let world = &target.seat.world;
    let users = world.directory.list_users(None, 0, true).await?.count.unwrap_or_default();
    let snapshots = u64::try_from(target.seat.snapshots.list().len()).unwrap_or(u64::MAX);
    Ok(ok(&WorldView {
        id: world.id.clone(),
        tenant: TenantView {
            id: world.tenant.id.to_string(),
            name: world.tenant.name.clone(),
            domains: world.tenant.domains.iter().map(|domain| domain.name.clone()).collect(),
        },
        seed: world.entropy.seed(),
        clock: ClockView::of(world),
        counts: Counts { devices: world.directory.device_count()?, users, snapshots },
        proxy: target.seat.proxy.clone(),
        hosts: world.hosts().map(str::to_owned).collect(),
        journal: JournalState { last: world.journal.last() },
        state: world.state.as_ref().map(|folder| folder.display().to_string()),
    }))
}
