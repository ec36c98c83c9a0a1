//! The protected APIs of a world: they say who the caller is, or why its token is not accepted.
//!
//! One small API stands behind the host of every application of the world file that has one. It exists so that access can
//! be seen to be granted and refused (FAQ A8, A16 to A18). Left out: everything else that a real API would do.

#[cfg(test)]
mod tests;

use axum::Router;
use axum::routing::get;
use http::StatusCode;
use http::header::{HeaderValue, WWW_AUTHENTICATE};
use linarite_core::refusal::AccessRefusal;
use serde_json::{Map, Value, json};

use super::call::Call;
use super::envelope;
use super::reply::{self, Reply};
use super::token::{accept, grant, why};
use crate::world::apps::App;

/// The routes of the service.
pub fn router() -> Router {
    Router::new()
        .route("/", get(root))
        .route("/me", get(me))
        .fallback(other)
        .method_not_allowed_fallback(method)
}

fn app(call: &Call) -> Option<&App> {
    call.world.apps.by_host(&call.link.host)
}

fn name(call: &Call) -> &str {
    app(call).map_or("", |app| app.key.as_str())
}

async fn root(call: Call) -> Reply {
    let resource = app(&call).and_then(|app| app.resource.as_deref());
    reply::json(
        StatusCode::OK,
        &json!({
            "app": name(&call),
            "resource": resource,
            "what": "A protected API emulated by linarite: GET /me with a bearer token for this resource.",
        }),
    )
}

/// What is said of a body that was too long to be read.
pub(super) fn too_large(call: &Call) -> Reply {
    refuse(call, "body-too-large", "")
}

async fn other(call: Call) -> Reply {
    refuse(&call, "endpoint-unknown", &format!("{} {}", call.method, call.path))
}

async fn method(call: Call) -> Reply {
    refuse(&call, "method-unsupported", &format!("{} {}", call.method, call.path))
}

async fn me(call: Call) -> Reply {
    let Some(app) = app(&call) else {
        return refuse(&call, "endpoint-unknown", &format!("an API at {}", call.link.host));
    };
    let id = app.id.to_string();
    let audiences: Vec<&str> = app.resource.as_deref().into_iter().chain([id.as_str()]).collect();
    let accepted = match accept(&call, &app.key, &audiences) {
        Ok(Ok(accepted)) => accepted,
        Ok(Err(refusal)) => return refuse_token(&call, app, refusal),
        Err(error) => {
            tracing::error!(%error, "the directory failed");
            call.note("detail", error.to_string());
            return refuse(&call, "directory-failed", "");
        }
    };
    grant(&call, &app.key, "me", None);
    let mut who = Map::new();
    who.insert("app".to_owned(), app.key.as_str().into());
    who.insert("upn".to_owned(), accepted.user.upn.as_str().into());
    who.insert("name".to_owned(), accepted.user.name.as_str().into());
    who.insert("oid".to_owned(), accepted.user.id.to_string().into());
    who.insert("deviceid".to_owned(), accepted.device.map(|id| id.to_string()).into());
    for claim in ["tid", "appid", "azp", "amr", "scp", "aud", "exp"] {
        if let Some(value) = accepted.claims.get(claim) {
            who.insert(claim.to_owned(), value.clone());
        }
    }
    reply::private_json(StatusCode::OK, &Value::Object(who))
}

fn refuse_token(call: &Call, app: &App, refusal: AccessRefusal) -> Reply {
    let mut reply = refuse(call, refusal.reason(), "");
    let message = call.world.tables.graph(refusal.reason()).map_or("", |row| row.message.as_str());
    let why = why(call, refusal, message);
    let text = match (why, refusal) {
        (Some(why), _) if why.comes_back => {
            // Its client has to be told where sign-in is.
            let (id, more) = (app.id.to_string(), format!(", {}", why.text));
            envelope::challenge(call, &id, &more, reply.headers_mut());
            return reply;
        }
        (Some(why), _) => format!("Bearer {}", why.text),
        (None, AccessRefusal::TokenMissing) => "Bearer".to_owned(),
        (None, _) => {
            let message = message.replace(['"', '\\'], "'");
            format!("Bearer error=\"invalid_token\", error_description=\"{message}\"")
        }
    };
    if let Ok(value) = HeaderValue::from_str(&text) {
        reply.headers_mut().insert(WWW_AUTHENTICATE, value);
    }
    reply
}

/// Says no in JSON; `what` is filled into the message.
fn refuse(call: &Call, reason: &str, what: &str) -> Reply {
    call.note("reason", reason);
    let row = call.world.tables.graph(reason);
    let status = row.and_then(|row| StatusCode::from_u16(row.status).ok());
    let message = row.map_or_else(
        || "linarite's directory failed; its log says why.".to_owned(),
        |row| super::tables::fill(&row.message, &[("name", what)]),
    );
    reply::private_json(
        status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        &json!({ "error": {
            "code": row.map_or("InternalServerError", |row| row.code.as_str()),
            "message": message,
            "request_id": call.request_id.to_string(),
        }}),
    )
}
