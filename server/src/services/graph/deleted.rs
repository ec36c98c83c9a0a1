//! Deleted devices that are kept: list, get, restore, delete for good (`/beta/directory/deletedItems`).
//!
//! Section 18 of the device registration notes: a preview, so it is in beta alone. Who may restore or delete for good is
//! assumed. Left out: deleted users and groups, and `$filter` and `$count` on the list.

use linarite_core::access::DeviceChange;
use linarite_core::deletion::DeletedItem;
use linarite_core::refusal::QueryRefusal;
use linarite_core::visibility::DeviceView;

use super::answer::{self, Refused};
use super::devices::may;
use super::odata::options::Options;
use super::shape::{DEVICE, Deleted, Listing, Shown};
use super::{RESOURCE, context, next_link};
use crate::directory::{Cursor, SortKey};
use crate::services::call::Call;
use crate::services::change::{self, Change};
use crate::services::page_token;
use crate::services::reply::Reply;
use crate::services::token::Bearer;

const TYPE: (&str, &str) = ("@odata.type", "#microsoft.graph.device");

fn find(call: &Call, name: &str) -> Result<DeletedItem, Refused> {
    let id = name.parse().map_err(|_| {
        Refused::malformed(format!("Invalid object identifier '{name}': it is no GUID."))
    })?;
    let found = call.world.directory.deleted_device(id, call.now())?;
    found.ok_or_else(|| Refused::not_found(name))
}

/// The deleted devices.
pub(super) async fn list(call: &Call, version: &str) -> Result<Reply, Refused> {
    let options = Options::read(call)?;
    if options.filter.is_some() || options.order.is_some() || options.count {
        return Err(Refused::unsupported(
            "Not emulated: $filter, $orderby and $count on deleted items.",
        ));
    }
    let selection = DEVICE.select(options.select.as_deref())?;
    let invalid = || Refused::query(QueryRefusal::CursorInvalid, "");
    let after = match options.token.as_deref() {
        None => None,
        Some(token) => match page_token::read(token) {
            Some(Cursor { key: SortKey::Id, descending: false, id }) => Some(id),
            Some(_) | None => return Err(invalid()),
        },
    };
    let page = call.world.directory.deleted_devices(after, options.top, call.now()).await?;
    let views: Vec<_> = page.items.iter().map(Deleted::of).collect();
    let shown = |object| Shown { first: None, object, selection: &selection };
    let cursor = |id| Cursor { key: SortKey::Id, descending: false, id };
    let list = Listing {
        context: context(call, version, &format!("devices{}", selection.in_context())),
        count: None,
        next: page.next.map(|id| next_link(call, &page_token::print(&cursor(id)))),
        value: views.iter().map(shown).collect(),
    };
    Ok(answer::ok(call, &list))
}

/// One of them.
pub(super) fn get(call: &Call, name: &str) -> Result<Reply, Refused> {
    let options = Options::read(call)?;
    options.single()?;
    let selection = DEVICE.select(options.select.as_deref())?;
    let item = find(call, name)?;
    let object = &Deleted::of(&item);
    Ok(answer::ok(call, &Shown { first: Some(TYPE), object, selection: &selection }))
}

/// Brings one back. The computer does not learn of it, and its user has to sign in anew.
pub(super) async fn restore(call: &Call, bearer: &Bearer, name: &str) -> Result<Reply, Refused> {
    let device = changed(call, bearer, name, DeviceChange::Restore, Change::Restore).await?;
    let device = call.world.directory.device_by_object_id(device.device.object_id)?;
    let device = device.ok_or_else(|| Refused::not_found(name))?;
    let selection = DEVICE.select(None)?;
    let object = &DeviceView::of(&device);
    Ok(answer::ok(call, &Shown { first: Some(TYPE), object, selection: &selection }))
}

/// Deletes one for good.
pub(super) async fn purge(call: &Call, bearer: &Bearer, name: &str) -> Result<Reply, Refused> {
    changed(call, bearer, name, DeviceChange::Purge, Change::Purge).await?;
    Ok(answer::done(call))
}

async fn changed(
    call: &Call,
    bearer: &Bearer,
    name: &str,
    wanted: DeviceChange,
    change: Change,
) -> Result<DeletedItem, Refused> {
    call.note("operation", change.operation());
    call.note("target", name);
    may(bearer, wanted)?;
    let item = find(call, name)?;
    let done = change::carry_out(call, RESOURCE, &item.device, change).await?;
    done.map_err(|refusal| Refused::query(refusal, name))?;
    Ok(item)
}
