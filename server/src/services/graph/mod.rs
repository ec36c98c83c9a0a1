//! graph.microsoft.com: devices, their users, and the devices of a user, in v1.0 and beta alike.
//!
//! Sections 11 and 12 of the device registration notes. Every request shows a token, which is checked with the directory's
//! standing of its user and device; roles decide who changes devices. Paths with keys in parentheses are nothing that a
//! router of path segments can match, so one handler reads the whole path.
//! Left out: creating devices, groups, policies, deleted items other than devices, batches, delta queries and throttling.

mod answer;
mod conditions;
mod deleted;
mod devices;
mod odata;
mod path;
mod shape;
#[cfg(test)]
mod tests;
mod users;

use axum::Router;
use http::Method;
use linarite_core::access::ApplicationUse;
use linarite_core::refusal::AccessRefusal;

use self::answer::Refused;
use self::path::{Place, Target};
use super::call::Call;
use super::reply::Reply;
use super::token::{Bearer, accept_any, deny, grant};

/// The word of this resource in the journal.
const RESOURCE: &str = "graph";

/// What access tokens for Graph are meant for.
const AUDIENCES: [&str; 2] =
    ["https://graph.microsoft.com", "00000003-0000-0000-c000-000000000000"];

/// The routes of the service.
pub fn router() -> Router {
    Router::new().fallback(handle)
}

/// What is said of a body that was too long to be read.
pub(super) fn too_large(call: &Call) -> Reply {
    Refused::Wire("body-too-large", String::new()).reply(call)
}

/// What is said of a change while the directory is read-only.
pub(super) fn read_only(call: &Call) -> Reply {
    Refused::Wire("directory-read-only", String::new()).reply(call)
}

async fn handle(call: Call) -> Reply {
    match answer(&call).await {
        Ok(reply) => reply,
        Err(refused) => {
            if let Refused::Access(refusal) = &refused {
                // What was refused with the token alone is in the journal already.
                if !call.has_fact("reason") {
                    deny(&call, RESOURCE, *refusal);
                }
            }
            refused.reply(&call)
        }
    }
}

async fn answer(call: &Call) -> Result<Reply, Refused> {
    let bearer = accept_any(call, RESOURCE, &AUDIENCES)??;
    let named = || format!("{} {}", call.method, call.path);
    let place = path::read(call).ok_or_else(|| Refused::Wire("endpoint-unknown", named()))?;
    let is_get = call.method == Method::GET || call.method == Method::HEAD;
    match (&place.target, &call.method) {
        (Target::Device(name), &Method::PATCH) => devices::update(call, &bearer, name).await,
        (Target::Device(name), &Method::DELETE) => devices::delete(call, &bearer, name).await,
        (Target::Restore(name), &Method::POST) => deleted::restore(call, &bearer, name).await,
        (Target::DeletedItem(name), &Method::DELETE) => deleted::purge(call, &bearer, name).await,
        (Target::Restore(_), _) => Err(Refused::Wire("method-unsupported", named())),
        _ if is_get => {
            let (operation, target) = operation(&place.target, &bearer)?;
            bearer.application_may(use_of(&place.target))?;
            let read = read(call, &bearer, &place).await;
            grant(call, RESOURCE, &operation, target.as_deref());
            read
        }
        _ => Err(Refused::Wire("method-unsupported", named())),
    }
}

/// Answers a request that reads as this user is answered, without a token; for the fuzz target.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) async fn read_as(call: &Call, user: linarite_core::user::User) -> http::StatusCode {
    use super::token::Accepted;
    let bearer = Bearer::User(Accepted {
        user: std::sync::Arc::new(user),
        claims: std::sync::Arc::default(),
        device: None,
    });
    let Some(place) = path::read(call) else { return http::StatusCode::NOT_FOUND };
    let read = read(call, &bearer, &place).await;
    read.unwrap_or_else(|refused| refused.reply(call)).status()
}

async fn read(call: &Call, bearer: &Bearer, place: &Place) -> Result<Reply, Refused> {
    let version = place.version;
    match &place.target {
        Target::Devices => devices::list(call, version).await,
        Target::DeviceCount => devices::count(call, None).await,
        Target::Device(name) => devices::get(call, version, name),
        Target::UsersOf(name, _) => users::of_device(call, version, name),
        Target::Users => users::list(call, version).await,
        Target::UserCount => users::count(call).await,
        Target::User(who) => users::get(call, version, bearer, who),
        Target::DevicesOf { who, cast, .. } => {
            let user = users::find(call, bearer, who)?;
            devices::list_of(call, version, user.id, *cast).await
        }
        Target::DeviceCountOf(who, _) => {
            let user = users::find(call, bearer, who)?;
            devices::count(call, Some(user.id)).await
        }
        Target::DeletedItems => deleted::list(call, version).await,
        Target::DeletedItem(name) => deleted::get(call, name),
        // Nothing to be read; whoever asks has been told so.
        Target::Restore(name) => Err(Refused::not_found(name)),
    }
}

/// What an application needs to be allowed for a read.
const fn use_of(target: &Target) -> ApplicationUse {
    match target {
        Target::Users | Target::UserCount | Target::User(_) => ApplicationUse::ReadUsers,
        Target::Devices
        | Target::DeviceCount
        | Target::Device(_)
        | Target::UsersOf(..)
        | Target::DevicesOf { .. }
        | Target::DeviceCountOf(..)
        | Target::DeletedItems
        | Target::DeletedItem(_)
        | Target::Restore(_) => ApplicationUse::ReadDevices,
    }
}

/// What a read is called in the journal, and which object it is about.
fn operation(target: &Target, bearer: &Bearer) -> Result<(String, Option<String>), AccessRefusal> {
    use self::path::{DeviceName, Tie, Who};
    let device = |name: &DeviceName| match name {
        DeviceName::Object(id) | DeviceName::Device(id) => Some(id.clone()),
    };
    let user = |who: &Who| match who {
        Who::Me => bearer.user().map(|accepted| Some(accepted.user.upn.clone())),
        Who::Named(name) => Ok(Some(name.clone())),
    };
    let (name, target) =
        match target {
            Target::Devices => ("devices.list", None),
            Target::DeviceCount => ("devices.count", None),
            Target::Device(name) => ("devices.get", device(name)),
            Target::UsersOf(name, Tie::Owner) => ("devices.registeredOwners", device(name)),
            Target::UsersOf(name, Tie::User) => ("devices.registeredUsers", device(name)),
            Target::Users => ("users.list", None),
            Target::UserCount => ("users.count", None),
            Target::User(Who::Me) => ("me.get", user(&Who::Me)?),
            Target::User(who) => ("users.get", user(who)?),
            Target::DevicesOf { who, tie: Tie::Owner, .. }
            | Target::DeviceCountOf(who, Tie::Owner) => ("users.ownedDevices", user(who)?),
            Target::DevicesOf { who, tie: Tie::User, .. }
            | Target::DeviceCountOf(who, Tie::User) => ("users.registeredDevices", user(who)?),
            Target::DeletedItems => ("deletedItems.list", None),
            Target::DeletedItem(id) => ("deletedItems.get", Some(id.clone())),
            Target::Restore(id) => ("deletedItems.restore", Some(id.clone())),
        };
    Ok((name.to_owned(), target))
}

/// `@odata.context` for what stands behind `$metadata#`.
fn context(call: &Call, version: &str, of: &str) -> String {
    call.url(&call.link.host, &format!("/{version}/$metadata#{of}"))
}

/// The address of the next page: the address of this one with another place to begin.
fn next_link(call: &Call, token: &str) -> String {
    let mut path = format!("{}?", call.path);
    for pair in call.query.split('&').filter(|pair| !pair.is_empty()) {
        if !odata::options::is_skiptoken(pair) {
            path.push_str(pair);
            path.push('&');
        }
    }
    path.push_str("$skiptoken=");
    path.push_str(token);
    call.url(&call.link.host, &path)
}
