//! The pages: users, USER info, all devices, one device, sign-ins.

use linarite_core::access::{DeviceChange, may_change};
use linarite_core::device::{Device, TrustType};
use linarite_core::instant::Instant;
use linarite_core::refusal::QueryRefusal;
use linarite_core::user::User;
use linarite_core::visibility::{DeviceView, may_see_sign_ins, portal_lists_all};

use super::page::{Cell, Content, Form, Link, Refused, Table, show};
use super::{RESOURCE, Visitor, sign_ins as journal};
use crate::clock::format;
use crate::directory::{Cursor, DeviceQuery, Order, SortBy, UserKey};
use crate::keys::encoding::{from_url, to_url};
use crate::services::call::Call;
use crate::services::reply::Reply;
use crate::services::token::deny;
use crate::services::{listing, page_token};

/// Rows on a page.
const ROWS: usize = 100;
/// Devices of one user on a page.
const OWNED: usize = 999;

const NOT_SAID: &str = "N/A";

fn url(call: &Call, path: &str) -> String {
    call.url(&call.link.host, path)
}

fn yes(is: bool) -> &'static str {
    if is { "Yes" } else { "No" }
}

fn time(moment: Option<Instant>) -> String {
    moment.map_or_else(|| NOT_SAID.to_owned(), |at| format(at, "%Y-%m-%d %H:%M:%SZ"))
}

/// How a device came into the directory, in the words of the portal.
const fn join_type(trust: TrustType) -> &'static str {
    match trust {
        TrustType::AzureAd => "Azure AD joined",
        TrustType::Workplace => "Azure AD registered",
        TrustType::ServerAd => "Hybrid Azure AD joined",
    }
}

fn registered(view: &DeviceView<'_>) -> String {
    if view.pending { "Pending".to_owned() } else { time(view.registered) }
}

fn compliant(view: &DeviceView<'_>) -> &'static str {
    view.compliant.map_or(NOT_SAID, yes)
}

fn owner(call: &Call, view: &DeviceView<'_>) -> Result<Option<User>, Refused> {
    let Some(owner) = view.owner else { return Ok(None) };
    Ok(call.world.directory.user(&UserKey::Id(owner))?)
}

const COLUMNS: [&str; 9] = [
    "Name",
    "Enabled",
    "OS",
    "Version",
    "Join type",
    "Owner",
    "Compliant",
    "Registered",
    "Activity",
];

/// Rows of devices, with the owners of all of them.
async fn rows(
    call: &Call,
    devices: impl Iterator<Item = &Device>,
) -> Result<Vec<Vec<Cell>>, Refused> {
    let views: Vec<DeviceView<'_>> = devices.map(DeviceView::of).collect();
    let owners = views.iter().filter_map(|view| view.owner).collect();
    let owners = call.world.directory.users_by_id(owners).await?;
    let owner = |view: &DeviceView<'_>| view.owner.and_then(|owner| owners.get(&owner));
    Ok(views.iter().map(|view| row(call, view, owner(view))).collect())
}

fn row(call: &Call, view: &DeviceView<'_>, owner: Option<&User>) -> Vec<Cell> {
    let owner = match owner {
        Some(user) => Cell::link(&user.name, url(call, &format!("/users/{}", user.id))),
        None => Cell::text(NOT_SAID),
    };
    vec![
        Cell::link(view.display_name, url(call, &format!("/devices/{}", view.object_id))),
        Cell::text(yes(view.enabled)),
        Cell::text(view.os),
        Cell::text(view.os_version),
        Cell::text(join_type(view.trust)),
        owner,
        Cell::text(compliant(view)),
        Cell::text(registered(view)),
        Cell::text(time(view.last_activity)),
    ]
}

/// Where a page of devices goes on, when it is not the first one.
fn after(call: &Call) -> Result<Option<Cursor>, Refused> {
    let read =
        |token: String| page_token::read(&token).ok_or_else(|| Refused::new("cursor-invalid", ""));
    call.query_value("after").map(read).transpose()
}

fn unlisted(refusal: QueryRefusal) -> Refused {
    let expensive = refusal == QueryRefusal::TooExpensive;
    Refused::new(if expensive { "query-too-expensive" } else { "cursor-invalid" }, "")
}

/// A page of all users.
pub(super) async fn users(call: &Call, visitor: &Visitor) -> Result<Reply, Refused> {
    let invalid = || Refused::new("cursor-invalid", "");
    let read = |token: String| from_url(&token).and_then(|name| String::from_utf8(name).ok());
    let after = call.query_value("after").map(|token| read(token).ok_or_else(invalid));
    let page = call.world.directory.list_users(after.transpose()?, ROWS, false).await?;
    let row = |user: &User| {
        vec![
            Cell::link(user.name.as_str(), url(call, &format!("/users/{}", user.id))),
            Cell::text(user.upn.as_str()),
            Cell::text(yes(user.enabled)),
        ]
    };
    let next = page.next.map(|name| url(call, &format!("/users?after={}", to_url(name))));
    let content = Content {
        title: "Users".to_owned(),
        table: Some(Table {
            caption: format!("Users of {}", call.world.tenant.name),
            columns: vec!["Name", "User name", "Sign-in allowed"],
            rows: page.items.iter().map(row).collect(),
            empty: "No users.",
            next,
        }),
        ..Content::default()
    };
    Ok(show(call, visitor, "users.list", None, &content))
}

fn find_user(call: &Call, who: &str) -> Result<User, Refused> {
    let found = call.world.directory.user(&UserKey::parse(who))?;
    found.ok_or_else(|| Refused::new("object-not-found", who))
}

/// USER info: a user and the devices that belong under it (FAQ A1 to A4).
pub(super) async fn user(call: &Call, visitor: &Visitor, who: &str) -> Result<Reply, Refused> {
    let user = find_user(call, who)?;
    let query = DeviceQuery {
        owner: Some(user.id),
        after: after(call)?,
        top: OWNED,
        ..DeviceQuery::default()
    };
    let page = listing::devices(call, query).await?.map_err(unlisted)?;
    let rule = call.world.tenant.settings.user_view;
    let listed =
        page.items.iter().filter(|device| DeviceView::of(device).in_user_info(user.id, rule));
    let rows = rows(call, listed).await?;
    let next = page.next.as_ref().map(page_token::print);
    let next = next.map(|token| url(call, &format!("/users/{}?after={token}", user.id)));
    let roles: Vec<&str> = user.roles.iter().map(|role| role.word()).collect();
    let sign_ins = url(call, &format!("/users/{}/sign-ins", user.id));
    let content = Content {
        title: format!("USER info: {}", user.name),
        facts: vec![
            ("User name", user.upn.clone()),
            ("Object ID", user.id.to_string()),
            ("Sign-in allowed", yes(user.enabled).to_owned()),
            (
                "Directory roles",
                if roles.is_empty() { "none".to_owned() } else { roles.join(", ") },
            ),
        ],
        links: vec![Link { label: "Sign-ins", href: sign_ins, current: false }],
        table: Some(Table {
            caption: "Devices".to_owned(),
            columns: COLUMNS.to_vec(),
            rows,
            empty: "No devices are listed under this user.",
            next,
        }),
        ..Content::default()
    };
    Ok(show(call, visitor, "users.devices", Some(&user.upn), &content))
}

/// The sign-ins of a user, for the user and for administrators.
pub(super) fn sign_ins(call: &Call, visitor: &Visitor, who: &str) -> Result<Reply, Refused> {
    let user = find_user(call, who)?;
    call.note("operation", "users.signIns");
    call.note("target", who);
    if let Err(refusal) = may_see_sign_ins(&visitor.user, user.id) {
        deny(call, RESOURCE, refusal);
        return Err(Refused::new("role-missing", "see the sign-ins of others"));
    }
    let info = url(call, &format!("/users/{}", user.id));
    let content = Content {
        title: format!("Sign-ins: {}", user.name),
        text: vec!["The newest first, at most 100.".to_owned()],
        links: vec![Link { label: "USER info", href: info, current: false }],
        table: Some(journal::table(call, &user)),
        ..Content::default()
    };
    Ok(show(call, visitor, "users.signIns", Some(&user.upn), &content))
}

/// A page of all devices, in the order of their names (FAQ A5).
pub(super) async fn all_devices(call: &Call, visitor: &Visitor) -> Result<Reply, Refused> {
    if !portal_lists_all(&call.world.tenant.settings) {
        return Err(Refused::new("view-of-another-era", ""));
    }
    let query = DeviceQuery {
        order: Some(Order { by: SortBy::Name, descending: false }),
        after: after(call)?,
        top: ROWS,
        count: true,
        ..DeviceQuery::default()
    };
    let page = listing::devices(call, query).await?.map_err(unlisted)?;
    let rows = rows(call, page.items.iter()).await?;
    let next = page.next.as_ref().map(page_token::print);
    let content = Content {
        title: "All devices".to_owned(),
        text: page.count.map(|count| format!("{count} devices.")).into_iter().collect(),
        table: Some(Table {
            caption: format!("Devices of {}", call.world.tenant.name),
            columns: COLUMNS.to_vec(),
            rows,
            empty: "The directory has no devices.",
            next: next.map(|token| url(call, &format!("/devices?after={token}"))),
        }),
        ..Content::default()
    };
    Ok(show(call, visitor, "devices.list", None, &content))
}

/// The device with this object id.
pub(super) fn find(call: &Call, id: &str) -> Result<Device, Refused> {
    let missing = || Refused::new("object-not-found", id);
    let object = id.parse().map_err(|_| missing())?;
    let found = call.world.directory.device_by_object_id(object)?;
    found.filter(|device| !call.is_kept_back(device.device_id)).ok_or_else(missing)
}

/// One device.
pub(super) fn device(call: &Call, visitor: &Visitor, id: &str) -> Result<Reply, Refused> {
    let device = find(call, id)?;
    let view = DeviceView::of(&device);
    let owner = owner(call, &view)?.map_or_else(|| NOT_SAID.to_owned(), |user| user.upn);
    let thumbprint = view.key.map(|key| key.thumbprint.to_string());
    let facts = vec![
        ("Device ID", view.device_id.to_string()),
        ("Object ID", view.object_id.to_string()),
        ("Enabled", yes(view.enabled).to_owned()),
        ("OS", view.os.to_owned()),
        ("Version", view.os_version.to_owned()),
        ("Join type", join_type(view.trust).to_owned()),
        ("Trust level", view.level.word().to_owned()),
        ("Owner", owner),
        ("Compliant", compliant(&view).to_owned()),
        ("Registered", registered(&view)),
        ("Activity", time(view.last_activity)),
        ("Certificate thumbprint", thumbprint.unwrap_or_else(|| NOT_SAID.to_owned())),
    ];
    let mut forms = Vec::new();
    let form = |act: &str, label, sure| Form {
        action: url(call, &format!("/devices/{}/{act}", view.object_id)),
        label,
        sure,
    };
    if may_change(&visitor.user, DeviceChange::Update).is_ok() {
        forms.push(if view.enabled {
            form("disable", "Disable", None)
        } else {
            form("enable", "Enable", None)
        });
    }
    if may_change(&visitor.user, DeviceChange::Delete).is_ok() {
        let sure =
            "Delete the record. The computer is not told and goes on calling itself registered.";
        forms.push(form("delete", "Delete", Some(sure)));
    }
    let content = Content {
        title: format!("Device: {}", view.display_name),
        facts,
        forms,
        ..Content::default()
    };
    Ok(show(call, visitor, "devices.get", Some(id), &content))
}
