//! Policies of conditional access.

use axum::response::Response;
use http::StatusCode;
use linarite_core::conditional::{Policy, Scope};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Answer, ok};
use crate::control::body::{Json, Parameters, Target};
use crate::services::reply;
use crate::world::policies::PolicyFile;

/// The policies, by name.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::control) struct Policies {
    policies: Vec<PolicyView>,
}

/// A policy, with the words of world files. Applications and users are named by their ids.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Policy")]
pub(in crate::control) struct PolicyView {
    /// Its name, `id` in world files.
    id: String,
    /// Its id in claims challenges, a GUID.
    guid: String,
    /// `on`, `report-only` or `off`.
    state: String,
    /// Application ids; null for all.
    apps: Option<Vec<String>>,
    apps_except: Vec<String>,
    /// Object ids; null for all.
    users: Option<Vec<String>>,
    groups: Vec<String>,
    users_except: Vec<String>,
    groups_except: Vec<String>,
    platforms: Vec<String>,
    /// What it asks for.
    grant: Vec<String>,
    /// `all` or `any`.
    require: String,
}

fn texts<T: ToString>(list: &[T]) -> Vec<String> {
    list.iter().map(T::to_string).collect()
}

fn these<T: ToString>(scope: &Scope<T>) -> Option<Vec<String>> {
    match scope {
        Scope::All => None,
        Scope::These(list) => Some(texts(list)),
    }
}

impl From<Policy> for PolicyView {
    fn from(policy: Policy) -> Self {
        Self {
            guid: policy.id.to_string(),
            state: policy.state.word().to_owned(),
            apps: these(&policy.apps),
            apps_except: texts(&policy.apps_except),
            users: these(&policy.users),
            groups: policy.groups,
            users_except: texts(&policy.users_except),
            groups_except: policy.groups_except,
            platforms: policy.platforms.iter().map(|p| p.word().to_owned()).collect(),
            grant: policy.grant.iter().map(|control| control.word().to_owned()).collect(),
            require: if policy.any { "any" } else { "all" }.to_owned(),
            id: policy.name,
        }
    }
}

/// `GET /worlds/{world}/policies`
pub(in crate::control) async fn list(target: Target, parameters: Parameters) -> Answer {
    parameters.finish(&[])?;
    let policies = target.seat.world.directory.policies()?;
    Ok(ok(&Policies { policies: policies.into_iter().map(PolicyView::from).collect() }))
}

/// `POST /worlds/{world}/policies`
pub(in crate::control) async fn set(target: Target, Json(body): Json<PolicyFile>) -> Answer {
    Ok(ok(&PolicyView::from(target.admin().set_policy(&body).await?)))
}

/// `DELETE /worlds/{world}/policies/{policy}`
pub(in crate::control) async fn remove(target: Target) -> Answer {
    target.admin().delete_policy(target.name()).await?;
    let gone: Response = reply::empty(StatusCode::NO_CONTENT);
    Ok(gone)
}
