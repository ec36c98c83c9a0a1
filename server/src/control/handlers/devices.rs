//! Device records.

use http::StatusCode;
use linarite_core::device::TrustType;
use linarite_core::ids::ObjectId;
use linarite_core::refusal::QueryRefusal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Answer, LARGEST_PAGE, PAGE, created, ok, size};
use crate::control::admin::CreateDevice;
use crate::control::body::{Json, Parameters, Target};
use crate::control::error::Refusal;
use crate::control::view::{self, DeletedDeviceView, DeviceView};
use crate::directory::{Cursor, DeviceQuery, Filter, SortKey, Test, TextTest};
use crate::keys::encoding::{from_url, to_url};

/// A page of devices.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::control) struct Devices {
    devices: Vec<DeviceView>,
    /// `after` of the next page; null on the last one.
    next: Option<String>,
}

/// What is to change in a record.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RenameDevice")]
pub(in crate::control) struct Rename {
    /// The new display name. The computer does not learn of it.
    #[serde(rename = "displayName")]
    display_name: String,
}

/// What device management says of a device; what is absent stays.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ManageDevice")]
pub(in crate::control) struct Manage {
    /// Whether it is managed.
    managed: Option<bool>,
    /// Whether it meets the rules of its management.
    compliant: Option<bool>,
}

/// `GET /worlds/{world}/devices`
pub(in crate::control) async fn list(target: Target, mut parameters: Parameters) -> Answer {
    let mut tests = Vec::new();
    if let Some(name) = parameters.take("name")? {
        tests.push(Filter::Is(Test::Name(TextTest::Equals(name))));
    }
    if let Some(id) = parameters.take("deviceId")? {
        let id = id.parse().map_err(|_| not("deviceId", &id, "a GUID"))?;
        tests.push(Filter::Is(Test::DeviceId(id)));
    }
    if let Some(word) = parameters.take("trust")? {
        let trust = TrustType::from_word(&word.replace('-', ""))
            .ok_or_else(|| not("trust", &word, "`azure-ad`, `workplace` or `server-ad`"))?;
        tests.push(Filter::Is(Test::Trust(trust)));
    }
    if let Some(word) = parameters.take("enabled")? {
        let enabled = word.parse().map_err(|_| not("enabled", &word, "`true` or `false`"))?;
        tests.push(Filter::Is(Test::Enabled(enabled)));
    }
    let owner = match parameters.take("owner")? {
        Some(name) => Some(target.admin().user(&name)?.1.id),
        None => None,
    };
    let after = match parameters.take("after")? {
        Some(text) => Some(cursor(&text).ok_or_else(foreign)?),
        None => None,
    };
    let top = size(parameters.number("limit", 1, LARGEST_PAGE)?.unwrap_or(PAGE));
    parameters.finish(&["name", "deviceId", "owner", "trust", "enabled", "limit", "after"])?;
    let query = DeviceQuery {
        owner,
        filter: (!tests.is_empty()).then_some(Filter::All(tests)),
        after,
        top,
        ..DeviceQuery::default()
    };
    let world = &target.seat.world;
    let page = world.directory.list_devices(query).await?.map_err(|refusal| match refusal {
        QueryRefusal::CursorInvalid => foreign(),
        QueryRefusal::TooExpensive
        | QueryRefusal::NotFound
        | QueryRefusal::Malformed
        | QueryRefusal::Unsupported
        | QueryRefusal::Conflict => Refusal::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            refusal.reason(),
            "too many records would have to be looked at; ask by name, device id or owner",
        ),
    })?;
    let next = page.next.as_ref().map(printed);
    Ok(ok(&Devices { devices: view::page(world, &page)?, next }))
}

/// `GET /worlds/{world}/devices/{device}`
pub(in crate::control) async fn get(target: Target, parameters: Parameters) -> Answer {
    parameters.finish(&[])?;
    let device = target.admin().device(target.name()).await?;
    Ok(ok(&DeviceView::of(&target.seat.world, &device)?))
}

/// `POST /worlds/{world}/devices`
pub(in crate::control) async fn create(target: Target, Json(body): Json<CreateDevice>) -> Answer {
    let device = target.admin().create_device(body).await?;
    Ok(created(&DeviceView::of(&target.seat.world, &device)?))
}

/// `POST /worlds/{world}/devices/{device}/disable`
pub(in crate::control) async fn disable(target: Target) -> Answer {
    let device = target.admin().disable_device(target.name()).await?;
    Ok(ok(&DeviceView::of(&target.seat.world, &device)?))
}

/// `POST /worlds/{world}/devices/{device}/enable`
pub(in crate::control) async fn enable(target: Target) -> Answer {
    let device = target.admin().enable_device(target.name()).await?;
    Ok(ok(&DeviceView::of(&target.seat.world, &device)?))
}

/// `POST /worlds/{world}/devices/{device}/restore`
pub(in crate::control) async fn restore(target: Target) -> Answer {
    let device = target.admin().restore_device(target.name()).await?;
    Ok(ok(&DeviceView::of(&target.seat.world, &device)?))
}

/// `PATCH /worlds/{world}/devices/{device}`
pub(in crate::control) async fn rename(target: Target, Json(body): Json<Rename>) -> Answer {
    let device = target.admin().rename_device(target.name(), &body.display_name).await?;
    Ok(ok(&DeviceView::of(&target.seat.world, &device)?))
}

/// `POST /worlds/{world}/devices/{device}/management`
pub(in crate::control) async fn manage(target: Target, Json(body): Json<Manage>) -> Answer {
    let admin = target.admin();
    let device = admin.manage_device(target.name(), body.managed, body.compliant).await?;
    Ok(ok(&DeviceView::of(&target.seat.world, &device)?))
}

/// `DELETE /worlds/{world}/devices/{device}`
pub(in crate::control) async fn delete(target: Target) -> Answer {
    let grave = target.admin().delete_device(target.name()).await?;
    Ok(ok(&DeletedDeviceView::from(&grave)))
}

fn not(name: &str, value: &str, wanted: &str) -> Refusal {
    Refusal::invalid(format!("`{name}` has to be {wanted}, and is `{value}`"))
}

fn foreign() -> Refusal {
    Refusal::invalid("`after` has to be the `next` of the page before, asked with the same filters")
}

/// The place where a page ended: the object id, and the name when the page is in the order of names.
fn printed(cursor: &Cursor) -> String {
    match &cursor.key {
        SortKey::Name(name) => format!("{}.{}", cursor.id, to_url(name)),
        SortKey::Id | SortKey::Seen(_) => cursor.id.to_string(),
    }
}

fn cursor(text: &str) -> Option<Cursor> {
    let (id, key) = match text.split_once('.') {
        None => (text, SortKey::Id),
        Some((id, name)) => (id, SortKey::Name(String::from_utf8(from_url(name)?).ok()?)),
    };
    Some(Cursor { key, descending: false, id: id.parse::<ObjectId>().ok()? })
}
