//! Devices: list, count, get, update, delete.
//!
//! Updating is what roles of Graph's own documents allow and what the directory keeps: `accountEnabled`, `displayName`, and
//! for device management `isManaged` and `isCompliant`. Everything else in a change is refused by name, because a change that is dropped silently is found out
//! much later.

use std::sync::Arc;

use linarite_core::access::{ApplicationUse, DeviceChange, application_may_manage, may_change};
use linarite_core::device::Device;
use linarite_core::ids::UserId;
use linarite_core::refusal::{AccessRefusal, QueryRefusal};
use linarite_core::visibility::DeviceView;
use serde_json::{Map, Value};

use super::answer::{self, Refused};
use super::odata::options::Options;
use super::path::DeviceName;
use super::shape::{DEVICE, Listing, Shown};
use super::{RESOURCE, conditions, context, next_link};
use crate::directory::{DeviceEdit, DeviceQuery, Page};
use crate::services::call::Call;
use crate::services::change::{self, Change, NAME_LENGTH};
use crate::services::reply::Reply;
use crate::services::token::Bearer;
use crate::services::{listing, page_token};

/// Properties of a device that the service lets clients change and that are not emulated here.
const UNEMULATED_CHANGES: [&str; 3] =
    ["operatingSystem", "operatingSystemVersion", "extensionAttributes"];

/// The device that a path names.
pub(super) fn find(call: &Call, name: &DeviceName) -> Result<Device, Refused> {
    let directory = &call.world.directory;
    let (found, written) = match name {
        DeviceName::Object(text) => {
            let id = text.parse().map_err(|_| {
                Refused::malformed(format!("Invalid object identifier '{text}': it is no GUID."))
            })?;
            (directory.device_by_object_id(id)?, text)
        }
        DeviceName::Device(text) => match text.parse() {
            Ok(id) => (directory.device_by_device_id(id)?, text),
            Err(_) => (None, text),
        },
    };
    let found = found.filter(|device| !call.is_kept_back(device.device_id));
    found.ok_or_else(|| Refused::not_found(written))
}

/// One device.
pub(super) fn get(call: &Call, version: &str, name: &DeviceName) -> Result<Reply, Refused> {
    let options = Options::read(call)?;
    options.single()?;
    let selection = DEVICE.select(options.select.as_deref())?;
    let device = find(call, name)?;
    let context = context(call, version, &format!("devices{}/$entity", selection.in_context()));
    let first = Some(("@odata.context", context.as_str()));
    Ok(answer::ok(call, &Shown { first, object: &DeviceView::of(&device), selection: &selection }))
}

/// What the options of a request ask of the directory.
fn query(options: &Options, owner: Option<UserId>) -> Result<DeviceQuery, Refused> {
    let advanced = options.eventual && options.count;
    let filter = options.filter.as_deref().map(|text| conditions::filter(text, advanced));
    let invalid = || Refused::query(QueryRefusal::CursorInvalid, "");
    let after = options.token.as_deref().map(|token| page_token::read(token).ok_or_else(invalid));
    Ok(DeviceQuery {
        owner,
        filter: filter.transpose()?,
        order: options.order.as_deref().map(conditions::order).transpose()?,
        after: after.transpose()?,
        top: options.top,
        count: options.count,
        ..DeviceQuery::default()
    })
}

async fn ask(call: &Call, query: DeviceQuery) -> Result<Arc<Page>, Refused> {
    let page = listing::devices(call, query).await?;
    page.map_err(|refusal| Refused::query(refusal, ""))
}

/// A page of all devices.
pub(super) async fn list(call: &Call, version: &str) -> Result<Reply, Refused> {
    page(call, version, None, "devices", None).await
}

/// A page of a user's devices; as directory objects, which say their type, unless the path casts them.
pub(super) async fn list_of(
    call: &Call,
    version: &str,
    owner: UserId,
    cast: bool,
) -> Result<Reply, Refused> {
    let (of, tag) = if cast {
        ("devices", None)
    } else {
        ("directoryObjects", Some(("@odata.type", "#microsoft.graph.device")))
    };
    page(call, version, Some(owner), of, tag).await
}

async fn page(
    call: &Call,
    version: &str,
    owner: Option<UserId>,
    of: &str,
    first: Option<(&'static str, &str)>,
) -> Result<Reply, Refused> {
    let options = Options::read(call)?;
    let selection = DEVICE.select(options.select.as_deref())?;
    let page = ask(call, query(&options, owner)?).await?;
    let views: Vec<_> = page.items.iter().map(DeviceView::of).collect();
    let shown = |object| Shown { first, object, selection: &selection };
    let list = Listing {
        context: context(call, version, &format!("{of}{}", selection.in_context())),
        count: page.count,
        next: page.next.as_ref().map(|cursor| next_link(call, &page_token::print(cursor))),
        value: views.iter().map(shown).collect(),
    };
    Ok(answer::ok(call, &list))
}

/// How many devices there are, or fulfil a filter.
pub(super) async fn count(call: &Call, owner: Option<UserId>) -> Result<Reply, Refused> {
    let options = Options::read(call)?;
    if !options.eventual {
        return Err(Refused::unsupported("$count needs the header 'ConsistencyLevel: eventual'."));
    }
    // Asking for a count is what `$count=true` would say beside a list.
    let options = Options { count: true, order: None, token: None, top: 1, ..options };
    let page = ask(call, query(&options, owner)?).await?;
    Ok(answer::number(call, page.count.unwrap_or(0)))
}

/// Reads what is to be changed.
fn read_edit(body: &[u8]) -> Result<DeviceEdit, Refused> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(Refused::malformed("Empty Payload. JSON content expected."));
    }
    let change: Map<String, Value> = serde_json::from_slice(body)
        .map_err(|error| Refused::malformed(format!("The body is not a JSON object: {error}.")))?;
    let mut edit = DeviceEdit::default();
    for (key, value) in &change {
        if key.starts_with("@odata.") {
            continue;
        }
        let invalid = |wanted: &str| {
            Refused::malformed(format!(
                "Invalid value specified for property '{key}' of resource 'Device': it is {wanted}."
            ))
        };
        match DEVICE.property(key) {
            Some("accountEnabled") => {
                edit.enabled = Some(value.as_bool().ok_or_else(|| invalid("true or false"))?);
            }
            Some("displayName") => {
                let name = value
                    .as_str()
                    .filter(|name| !name.trim().is_empty() && name.chars().count() <= NAME_LENGTH);
                let name = name.ok_or_else(|| invalid("a text of 1 to 256 characters"))?;
                edit.display_name = Some(name.to_owned());
            }
            Some("isManaged") => {
                edit.managed = Some(value.as_bool().ok_or_else(|| invalid("true or false"))?);
            }
            Some("isCompliant") => {
                edit.compliant = Some(value.as_bool().ok_or_else(|| invalid("true or false"))?);
            }
            Some(known) if UNEMULATED_CHANGES.contains(&known) => {
                return Err(Refused::malformed(format!(
                    "Not emulated: changing the property '{known}' of a device."
                )));
            }
            Some(known) => {
                return Err(Refused::malformed(format!(
                    "Property '{known}' of resource 'Device' is not updatable."
                )));
            }
            None => {
                return Err(Refused::malformed(format!(
                    "Property '{key}' does not exist on resource 'Device', or is not emulated."
                )));
            }
        }
    }
    Ok(edit)
}

/// Notes what is wanted and of which device, as the path names it, before it is known whether it may be.
fn note(call: &Call, operation: &str, name: &DeviceName) {
    let (DeviceName::Object(target) | DeviceName::Device(target)) = name;
    call.note("operation", operation);
    call.note("target", target.as_str());
}

/// Users change devices by their roles, applications by their permissions.
pub(super) fn may(bearer: &Bearer, change: DeviceChange) -> Result<(), AccessRefusal> {
    match bearer {
        Bearer::User(accepted) => may_change(&accepted.user, change),
        Bearer::Application(_) => bearer.application_may(ApplicationUse::ChangeDevices),
    }
}

/// Enables, disables or renames a device.
pub(super) async fn update(
    call: &Call,
    bearer: &Bearer,
    name: &DeviceName,
) -> Result<Reply, Refused> {
    note(call, "devices.update", name);
    // What a body that cannot be read would have changed is not known: it counts as an update.
    let edit = read_edit(&call.body);
    let manages = edit.as_ref().is_ok_and(|edit| edit.managed.or(edit.compliant).is_some());
    let nothing_else =
        edit.as_ref().is_ok_and(|edit| edit.enabled.is_none() && edit.display_name.is_none());
    if !(manages && nothing_else) {
        may(bearer, DeviceChange::Update)?;
    }
    let edit = edit?;
    if manages {
        may(bearer, DeviceChange::Manage)?;
    }
    let device = find(call, name)?;
    if let (true, Bearer::Application(_)) = (manages, bearer) {
        application_may_manage(&device.os)?;
    }
    carry_out(call, &device, Change::Update(edit)).await
}

async fn carry_out(call: &Call, device: &Device, change: Change) -> Result<Reply, Refused> {
    let done = change::carry_out(call, RESOURCE, device, change).await?;
    done.map_err(|refusal| Refused::query(refusal, device.object_id.to_string()))?;
    Ok(answer::done(call))
}

/// Deletes a device; the computer is told nothing (FAQ A7).
pub(super) async fn delete(
    call: &Call,
    bearer: &Bearer,
    name: &DeviceName,
) -> Result<Reply, Refused> {
    note(call, "devices.delete", name);
    may(bearer, DeviceChange::Delete)?;
    let device = find(call, name)?;
    carry_out(call, &device, Change::Delete).await
}
