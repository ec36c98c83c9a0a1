//! Devices and the users they belong to: list, get, update, delete.
//!
//! What is printed comes from [`DeviceView`]; what may be changed are `accountEnabled` and `displayName`. Everything else
//! in a change is refused by name.

use std::borrow::Borrow;

use linarite_core::access::{DeviceChange, may_change};
use linarite_core::device::Device;
use linarite_core::user::User;
use linarite_core::visibility::DeviceView;
use serde_json::{Map, Value, json};

use super::answer::{self, Refused};
use super::options::Options;
use super::path::Who;
use super::{RESOURCE, metadata, shape};
use crate::directory::{DeviceEdit, DeviceQuery, UserKey};
use crate::services::call::Call;
use crate::services::change::{self, Change, NAME_LENGTH};
use crate::services::listing;
use crate::services::reply::Reply;
use crate::services::token::Accepted;

/// Where the next page of all devices is, below the tenant.
const NEXT: &str = "directoryObjects/$/Microsoft.DirectoryServices.Device";

fn find(call: &Call, id: &str) -> Result<Device, Refused> {
    let object = id.parse().map_err(|_| {
        let shown: String = id.chars().take(64).collect();
        Refused::malformed(format!("Invalid object identifier '{shown}'."))
    })?;
    let found = call.world.directory.device_by_object_id(object)?;
    let found = found.filter(|device| !call.is_kept_back(device.device_id));
    found.ok_or_else(|| Refused::not_found(id))
}

fn find_user(call: &Call, accepted: &Accepted, who: &Who) -> Result<User, Refused> {
    match who {
        Who::Me => Ok(User::clone(&accepted.user)),
        Who::Named(name) => call
            .world
            .directory
            .user(&UserKey::parse(name))?
            .ok_or_else(|| Refused::not_found(name)),
    }
}

/// An object that stands alone says where it belongs.
fn alone(call: &Call, tenant: &str, object: Value) -> Reply {
    let mut shown = Map::new();
    let metadata = metadata(call, tenant, "directoryObjects/@Element");
    shown.insert("odata.metadata".to_owned(), metadata.into());
    if let Value::Object(members) = object {
        shown.extend(members);
    }
    answer::ok(call, &Value::Object(shown))
}

/// A device, with its owners when these are wanted.
fn shown<U: Borrow<User>>(view: &DeviceView<'_>, owners: &[U], options: &Options) -> Value {
    let mut shown = shape::device(view);
    if let (Some(name), Value::Object(members)) = (options.expand, &mut shown) {
        let owners = owners.iter().map(|owner| shape::user(owner.borrow()));
        members.insert(name.to_owned(), owners.collect());
    }
    shown
}

/// One device.
pub(super) fn get(call: &Call, tenant: &str, id: &str) -> Result<Reply, Refused> {
    let options = Options::read(call)?;
    options.single()?;
    let device = find(call, id)?;
    let owners = call.world.directory.owners_of(device.object_id)?.unwrap_or_default();
    Ok(alone(call, tenant, shown(&DeviceView::of(&device), &owners, &options)))
}

/// A page of all devices.
pub(super) async fn list(call: &Call, tenant: &str) -> Result<Reply, Refused> {
    page(call, tenant, None, NEXT).await
}

/// A page of the devices of a user.
pub(super) async fn list_of(
    call: &Call,
    tenant: &str,
    accepted: &Accepted,
    who: &Who,
    collection: &str,
) -> Result<Reply, Refused> {
    let user = find_user(call, accepted, who)?;
    page(call, tenant, Some(&user), collection).await
}

async fn page(
    call: &Call,
    tenant: &str,
    owner: Option<&User>,
    next: &str,
) -> Result<Reply, Refused> {
    let options = Options::read(call)?;
    let query = DeviceQuery {
        owner: owner.map(|user| user.id),
        filter: options.filter.clone(),
        after: options.after.clone(),
        top: options.top,
        ..DeviceQuery::default()
    };
    let page = listing::devices(call, query).await?;
    let page = page.map_err(|refusal| Refused::query(refusal, ""))?;
    let views: Vec<DeviceView<'_>> = page.items.iter().map(DeviceView::of).collect();
    let wanted = views.iter().filter(|_| options.expand.is_some()).filter_map(|view| view.owner);
    let owners = call.world.directory.users_by_id(wanted.collect()).await?;
    let devices = views.iter().map(|view| {
        let owner = view.owner.and_then(|owner| owners.get(&owner));
        shown(view, owner.as_slice(), &options)
    });
    let mut list = Map::new();
    list.insert("odata.metadata".to_owned(), metadata(call, tenant, "directoryObjects").into());
    if let Some(place) = &page.next {
        list.insert("odata.nextLink".to_owned(), options.next_link(next, place).into());
    }
    list.insert("value".to_owned(), devices.collect());
    Ok(answer::ok(call, &Value::Object(list)))
}

/// The users of a device, or their addresses; none when it is nobody's.
pub(super) fn users_of(call: &Call, tenant: &str, id: &str, links: bool) -> Result<Reply, Refused> {
    Options::read(call)?.single()?;
    let device = find(call, id)?;
    let owners = call.world.directory.owners_of(device.object_id)?.unwrap_or_default();
    let address = |user: &User| {
        let path = format!(
            "/{}/directoryObjects/{}/Microsoft.DirectoryServices.User",
            call.world.tenant.id, user.id
        );
        json!({ "url": call.url(&call.link.host, &path) })
    };
    let (of, value): (_, Vec<Value>) = if links {
        ("directoryObjects/$links/registeredOwners", owners.iter().map(address).collect())
    } else {
        ("directoryObjects", owners.iter().map(shape::user).collect())
    };
    let metadata = metadata(call, tenant, of);
    Ok(answer::ok(call, &json!({ "odata.metadata": metadata, "value": value })))
}

/// One user.
pub(super) fn user(
    call: &Call,
    tenant: &str,
    accepted: &Accepted,
    who: &Who,
) -> Result<Reply, Refused> {
    Options::read(call)?.single()?;
    let user = find_user(call, accepted, who)?;
    Ok(alone(call, tenant, shape::user(&user)))
}

/// Reads what is to be changed.
fn read_edit(body: &[u8]) -> Result<DeviceEdit, Refused> {
    let change: Map<String, Value> = serde_json::from_slice(body)
        .map_err(|error| Refused::malformed(format!("The body is not a JSON object: {error}.")))?;
    let mut edit = DeviceEdit::default();
    for (key, value) in &change {
        let shown: String = key.chars().take(64).collect();
        let invalid = |wanted: &str| {
            Refused::malformed(format!(
                "Invalid value specified for property '{shown}' of resource 'Device': it is {wanted}."
            ))
        };
        match key.as_str() {
            "odata.type" | "odata.metadata" => {}
            "accountEnabled" => {
                edit.enabled = Some(value.as_bool().ok_or_else(|| invalid("true or false"))?);
            }
            "displayName" => {
                let name = value
                    .as_str()
                    .filter(|name| !name.trim().is_empty() && name.chars().count() <= NAME_LENGTH);
                let name = name.ok_or_else(|| invalid("a text of 1 to 256 characters"))?;
                edit.display_name = Some(name.to_owned());
            }
            _ => {
                return Err(Refused::malformed(format!(
                    "Property '{shown}' of resource 'Device' cannot be changed, or changing it is not emulated."
                )));
            }
        }
    }
    Ok(edit)
}

/// Notes what is wanted and of which device before it is known whether it may be.
fn note(call: &Call, operation: &str, id: &str) {
    call.note("operation", operation);
    call.note("target", id);
}

/// Enables, disables or renames a device.
pub(super) async fn update(call: &Call, accepted: &Accepted, id: &str) -> Result<Reply, Refused> {
    note(call, "devices.update", id);
    may_change(&accepted.user, DeviceChange::Update)?;
    let edit = read_edit(&call.body)?;
    carry_out(call, &find(call, id)?, Change::Update(edit)).await
}

/// Deletes a device; the computer is told nothing (FAQ A7).
pub(super) async fn delete(call: &Call, accepted: &Accepted, id: &str) -> Result<Reply, Refused> {
    note(call, "devices.delete", id);
    may_change(&accepted.user, DeviceChange::Delete)?;
    carry_out(call, &find(call, id)?, Change::Delete).await
}

async fn carry_out(call: &Call, device: &Device, change: Change) -> Result<Reply, Refused> {
    let done = change::carry_out(call, RESOURCE, device, change).await?;
    done.map_err(|refusal| Refused::query(refusal, device.object_id.to_string()))?;
    Ok(answer::done(call))
}
