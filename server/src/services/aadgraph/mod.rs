//! graph.windows.net: Azure AD Graph 1.6, as far as the device cmdlets of `MSOnline` and `ROADrecon` read and write it.
//!
//! Sections 10, 11 and 12.1 of the device registration notes: `OData` v3 shapes (`odata.metadata`, `odata.type`, relative
//! `odata.nextLink`), `/{tenant}/devices` with filter, page size, pages and owners, one device by its object id, enabling,
//! disabling, renaming and deleting, and the devices of a user. FAQ A5: this is where Get-MsolDevice sees every device.
//! Left out: other objects, creating devices, `$select`, `$orderby`, delta queries and batches. Each is refused by name.

mod answer;
mod devices;
mod filter;
mod options;
mod path;
mod shape;
#[cfg(test)]
mod tests;

use axum::Router;
use http::Method;

use self::answer::Refused;
use self::path::{Place, Target, Who};
use super::call::Call;
use super::reply::Reply;
use super::token::{Accepted, accept, deny, grant};

/// The word of this resource in the journal.
const RESOURCE: &str = "aadgraph";

/// What access tokens for Azure AD Graph are meant for.
const AUDIENCES: [&str; 2] = ["https://graph.windows.net", "00000002-0000-0000-c000-000000000000"];

/// Versions of the API that are answered, all in the same way.
const VERSIONS: [&str; 4] = ["1.5", "1.6", "1.61-internal", "beta"];

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

/// Refuses an address without a version, or with one that is not known.
fn version(call: &Call) -> Result<(), Refused> {
    let asked = call.query_value("api-version");
    let asked = asked.ok_or(Refused::Wire("api-version-missing", String::new()))?;
    if VERSIONS.iter().any(|known| known.eq_ignore_ascii_case(&asked)) {
        Ok(())
    } else {
        Err(Refused::Wire("api-version-unknown", asked))
    }
}

async fn answer(call: &Call) -> Result<Reply, Refused> {
    let accepted = accept(call, RESOURCE, &AUDIENCES)??;
    version(call)?;
    let named = || format!("{} {}", call.method, call.path);
    let place = path::read(call).ok_or_else(|| Refused::Wire("endpoint-unknown", named()))?;
    if !path::is_own(call, &place.tenant) {
        return Err(Refused::Wire("tenant-of-another", place.tenant));
    }
    let is_get = call.method == Method::GET || call.method == Method::HEAD;
    match (&place.target, &call.method) {
        (Target::Device(id), &Method::PATCH) => devices::update(call, &accepted, id).await,
        (Target::Device(id), &Method::DELETE) => devices::delete(call, &accepted, id).await,
        _ if is_get => {
            let (operation, target) = operation(&place.target, &accepted);
            let read = read(call, &accepted, &place).await;
            grant(call, RESOURCE, operation, target);
            read
        }
        _ => Err(Refused::Wire("method-unsupported", named())),
    }
}

async fn read(call: &Call, accepted: &Accepted, place: &Place) -> Result<Reply, Refused> {
    let tenant = place.tenant.as_str();
    match &place.target {
        Target::Devices => devices::list(call, tenant).await,
        Target::Device(id) => devices::get(call, tenant, id),
        Target::UsersOf { device, links } => devices::users_of(call, tenant, device, *links),
        Target::User(who) => devices::user(call, tenant, accepted, who),
        Target::DevicesOf(who, collection) => {
            devices::list_of(call, tenant, accepted, who, collection).await
        }
    }
}

/// What a read is called in the journal, and which object it is about.
fn operation<'a>(target: &'a Target, accepted: &'a Accepted) -> (&'static str, Option<&'a str>) {
    let user = |who: &'a Who| match who {
        Who::Me => Some(accepted.user.upn.as_str()),
        Who::Named(name) => Some(name.as_str()),
    };
    match target {
        Target::Devices => ("devices.list", None),
        Target::Device(id) => ("devices.get", Some(id)),
        Target::UsersOf { device, .. } => ("devices.registeredOwners", Some(device)),
        Target::User(who) => ("users.get", user(who)),
        Target::DevicesOf(who, _) => ("users.ownedDevices", user(who)),
    }
}

/// `odata.metadata` for what stands behind `$metadata#`.
fn metadata(call: &Call, tenant: &str, of: &str) -> String {
    call.url(&call.link.host, &format!("/{tenant}/$metadata#{of}"))
}
