//! Users.

use axum::response::Response;
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Answer, LARGEST_PAGE, PAGE, created, ok, size};
use crate::control::admin::{CreateUser, Reset};
use crate::control::body::{Json, Parameters, Target};
use crate::control::view::UserView;
use crate::services::reply;

/// A page of users, in the order of their names.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::control) struct Users {
    users: Vec<UserView>,
    /// `after` of the next page; null on the last one.
    next: Option<String>,
}

/// A user and the password that was made for it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "UserWithPassword")]
pub(in crate::control) struct WithPassword {
    user: UserView,
    /// The password that was made; null when it was given or there is none.
    password: Option<String>,
}

impl From<Reset> for WithPassword {
    fn from(reset: Reset) -> Self {
        Self { user: reset.user.into(), password: reset.generated }
    }
}

/// A new password.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ResetPassword")]
pub(in crate::control) struct NewPassword {
    /// The password; one that follows from the seed when absent.
    password: Option<String>,
}

/// `GET /worlds/{world}/users`
pub(in crate::control) async fn list(target: Target, mut parameters: Parameters) -> Answer {
    let limit = size(parameters.number("limit", 1, LARGEST_PAGE)?.unwrap_or(PAGE));
    let after = parameters.take("after")?;
    parameters.finish(&["limit", "after"])?;
    let mut users = target.seat.world.directory.keyed_users(after, limit.saturating_add(1)).await?;
    let more = users.len() > limit;
    users.truncate(limit);
    let next = users.last().filter(|_| more).map(|(_, user)| user.upn.clone());
    Ok(ok(&Users { users: users.into_iter().map(UserView::from).collect(), next }))
}

/// `GET /worlds/{world}/users/{user}`
pub(in crate::control) async fn get(target: Target, parameters: Parameters) -> Answer {
    parameters.finish(&[])?;
    Ok(ok(&UserView::from(target.admin().user(target.name())?)))
}

/// `POST /worlds/{world}/users`
pub(in crate::control) async fn create(target: Target, Json(body): Json<CreateUser>) -> Answer {
    Ok(created(&WithPassword::from(target.admin().create_user(body).await?)))
}

/// `POST /worlds/{world}/users/{user}/disable`
pub(in crate::control) async fn disable(target: Target) -> Answer {
    Ok(ok(&UserView::from(target.admin().disable_user(target.name()).await?)))
}

/// `POST /worlds/{world}/users/{user}/enable`
pub(in crate::control) async fn enable(target: Target) -> Answer {
    Ok(ok(&UserView::from(target.admin().enable_user(target.name()).await?)))
}

/// `POST /worlds/{world}/users/{user}/reset-password`
pub(in crate::control) async fn reset_password(
    target: Target,
    Json(body): Json<NewPassword>,
) -> Answer {
    let reset = target.admin().reset_password(target.name(), body.password.as_deref()).await?;
    Ok(ok(&WithPassword::from(reset)))
}

/// What is to change in a user.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RenameUser")]
pub(in crate::control) struct Rename {
    /// The new user principal name.
    upn: String,
}

/// `PATCH /worlds/{world}/users/{user}`
pub(in crate::control) async fn rename(target: Target, Json(body): Json<Rename>) -> Answer {
    Ok(ok(&UserView::from(target.admin().rename_user(target.name(), &body.upn).await?)))
}

/// What is to be said of a password.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PasswordState")]
pub(in crate::control) struct State {
    /// `good`, `expired` or `temporary`.
    state: String,
}

/// `POST /worlds/{world}/users/{user}/password-state`
pub(in crate::control) async fn password_state(target: Target, Json(body): Json<State>) -> Answer {
    let user = target.admin().set_password_state(target.name(), &body.state).await?;
    Ok(ok(&UserView::from(user)))
}

/// `POST /worlds/{world}/users/{user}/revoke-sessions`
pub(in crate::control) async fn revoke_sessions(target: Target) -> Answer {
    Ok(ok(&UserView::from(target.admin().revoke_sessions(target.name()).await?)))
}

/// `DELETE /worlds/{world}/users/{user}`
pub(in crate::control) async fn delete(target: Target) -> Answer {
    target.admin().delete_user(target.name()).await?;
    let gone: Response = reply::empty(StatusCode::NO_CONTENT);
    Ok(gone)
}
