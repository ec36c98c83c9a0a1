//! Users: get, list, and those of a device.
//!
//! Left out: filters and orders on users, changes, and everything of a user that is not about devices.

use linarite_core::refusal::QueryRefusal;
use linarite_core::user::User;

use super::answer::{self, Refused};
use super::odata::options::Options;
use super::path::{DeviceName, Who};
use super::shape::{Listing, Shown, USER};
use super::{context, devices, next_link};
use crate::directory::UserKey;
use crate::keys::encoding::{from_url, to_url};
use crate::services::call::Call;
use crate::services::reply::Reply;
use crate::services::token::Bearer;

/// The user that a path names.
pub(super) fn find(call: &Call, bearer: &Bearer, who: &Who) -> Result<User, Refused> {
    match who {
        Who::Me => Ok(User::clone(&bearer.user()?.user)),
        Who::Named(name) => call
            .world
            .directory
            .user(&UserKey::parse(name))?
            .ok_or_else(|| Refused::not_found(name)),
    }
}

/// One user.
pub(super) fn get(
    call: &Call,
    version: &str,
    bearer: &Bearer,
    who: &Who,
) -> Result<Reply, Refused> {
    let options = Options::read(call)?;
    options.single()?;
    let selection = USER.select(options.select.as_deref())?;
    let user = find(call, bearer, who)?;
    let context = context(call, version, &format!("users{}/$entity", selection.in_context()));
    let first = Some(("@odata.context", context.as_str()));
    Ok(answer::ok(call, &Shown { first, object: &user, selection: &selection }))
}

/// A page of all users, in the order of their names.
pub(super) async fn list(call: &Call, version: &str) -> Result<Reply, Refused> {
    let options = Options::read(call)?;
    options.plain("users")?;
    let selection = USER.select(options.select.as_deref())?;
    let invalid = || Refused::query(QueryRefusal::CursorInvalid, "");
    let read = |token: &String| from_url(token).and_then(|name| String::from_utf8(name).ok());
    let after = options.token.as_ref().map(|token| read(token).ok_or_else(invalid)).transpose()?;
    let page = call.world.directory.list_users(after, options.top, options.count).await?;
    let shown = |object| Shown { first: None, object, selection: &selection };
    let list = Listing {
        context: context(call, version, &format!("users{}", selection.in_context())),
        count: page.count,
        next: page.next.as_ref().map(|name| next_link(call, &to_url(name))),
        value: page.items.iter().map(shown).collect(),
    };
    Ok(answer::ok(call, &list))
}

/// How many users there are.
pub(super) async fn count(call: &Call) -> Result<Reply, Refused> {
    let options = Options::read(call)?;
    options.plain("users")?;
    if !options.eventual {
        return Err(Refused::unsupported("$count needs the header 'ConsistencyLevel: eventual'."));
    }
    let page = call.world.directory.list_users(None, 0, true).await?;
    Ok(answer::number(call, page.count.unwrap_or_default()))
}

/// The owners of a device, which are its users too; none when it is a hybrid one.
pub(super) fn of_device(call: &Call, version: &str, name: &DeviceName) -> Result<Reply, Refused> {
    let options = Options::read(call)?;
    options.plain("the users of a device")?;
    let selection = USER.select(options.select.as_deref())?;
    if options.token.is_some() {
        return Err(Refused::query(QueryRefusal::CursorInvalid, ""));
    }
    let device = devices::find(call, name)?;
    let owners = call.world.directory.owners_of(device.object_id)?;
    let owners = owners.ok_or_else(|| Refused::not_found(&device.object_id.to_string()))?;
    let first = Some(("@odata.type", "#microsoft.graph.user"));
    let shown = |object| Shown { first, object, selection: &selection };
    let list = Listing {
        context: context(call, version, &format!("directoryObjects{}", selection.in_context())),
        count: if options.count { u64::try_from(owners.len()).ok() } else { None },
        next: None,
        value: owners.iter().map(shown).collect(),
    };
    Ok(answer::ok(call, &list))
}
