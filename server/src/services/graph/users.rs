//! Users: get, list, and those of a device.
//!
//! Left out: filters and orders on users, changes, and everything of a user that is not about devices.

use linarite_core::refusal::QueryRefusal;
use linarite_core::user::User;
use serde_json::{Map, Value};

use super::answer::{self, Refused};
use super::odata::options::Options;
use super::path::{DeviceName, Who};
use super::shape::{USER, user_json};
use super::{context, devices, next_link};
use crate::directory::UserKey;
use crate::keys::encoding::{from_url, to_url};
use crate::services::call::Call;
use crate::services::reply::Reply;
use crate::services::token::Accepted;

/// The user that a path names.
pub(super) fn find(call: &Call, accepted: &Accepted, who: &Who) -> Result<User, Refused> {
    match who {
        Who::Me => Ok(accepted.user.clone()),
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
    accepted: &Accepted,
    who: &Who,
) -> Result<Reply, Refused> {
    let options = Options::read(call)?;
    options.single()?;
    let selection = USER.select(options.select.as_deref())?;
    let user = find(call, accepted, who)?;
    let of = format!("users{}/$entity", selection.in_context());
    let mut object = Map::new();
    object.insert("@odata.context".to_owned(), context(call, version, &of).into());
    object.extend(user_json(&user, &selection));
    Ok(answer::ok(call, &Value::Object(object)))
}

/// A page of all users, in the order of their names.
pub(super) async fn list(call: &Call, version: &str) -> Result<Reply, Refused> {
    let options = Options::read(call)?;
    options.plain("users")?;
    let selection = USER.select(options.select.as_deref())?;
    let invalid = || Refused::query(QueryRefusal::CursorInvalid, "");
    let read = |token: &String| from_url(token).and_then(|name| String::from_utf8(name).ok());
    let after = options.token.as_ref().map(|token| read(token).ok_or_else(invalid)).transpose()?;
    let page = call.world.directory.list_users(after, options.top).await?;
    let mut list = Map::new();
    let of = format!("users{}", selection.in_context());
    list.insert("@odata.context".to_owned(), context(call, version, &of).into());
    if options.count {
        list.insert("@odata.count".to_owned(), page.count.into());
    }
    if let Some(name) = &page.next {
        list.insert("@odata.nextLink".to_owned(), next_link(call, &to_url(name)).into());
    }
    let items = page.items.iter().map(|user| Value::Object(user_json(user, &selection)));
    list.insert("value".to_owned(), items.collect());
    Ok(answer::ok(call, &Value::Object(list)))
}

/// How many users there are.
pub(super) async fn count(call: &Call) -> Result<Reply, Refused> {
    let options = Options::read(call)?;
    options.plain("users")?;
    if !options.eventual {
        return Err(Refused::unsupported("$count needs the header 'ConsistencyLevel: eventual'."));
    }
    let page = call.world.directory.list_users(None, 1).await?;
    Ok(answer::number(call, page.count))
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
    let mut list = Map::new();
    let of = format!("directoryObjects{}", selection.in_context());
    list.insert("@odata.context".to_owned(), context(call, version, &of).into());
    if options.count {
        list.insert("@odata.count".to_owned(), owners.len().into());
    }
    let items = owners.iter().map(|user| {
        let mut object = Map::new();
        object.insert("@odata.type".to_owned(), format!("#{}", USER.name()).into());
        object.extend(user_json(user, &selection));
        Value::Object(object)
    });
    list.insert("value".to_owned(), items.collect());
    Ok(answer::ok(call, &Value::Object(list)))
}
