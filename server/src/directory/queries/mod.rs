//! Lists of devices and users: pages, counts, and who owns what.
//!
//! A list of devices is walked in the order of an index whenever one fits, and every row that is looked at counts against
//! a budget; a question that needs more is refused rather than letting everybody else wait. Pages go on from a place in
//! the order, not from a number of rows, so that devices which come and go between two pages neither repeat nor hide
//! others.

mod ask;
mod condition;
mod plan;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use linarite_core::device::Device;
use linarite_core::ids::{DeviceId, ObjectId, UserId};
use linarite_core::refusal::QueryRefusal;
use linarite_core::user::User;
use linarite_core::visibility::DeviceView;
use rusqlite::{Connection, params_from_iter};

pub use ask::{
    Cursor, DeviceQuery, Filter, Order, Page, ROW_BUDGET, SortBy, SortKey, Test, TextTest, TimeTest,
};
use plan::{FEW, Plan, Sql};

use super::{Directory, DirectoryError, rows};

/// A page of users, in the order of their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserPage {
    /// The users.
    pub items: Vec<User>,
    /// The name to go on behind; absent when this is the last page.
    pub next: Option<String>,
    /// How many users there are, when that was asked.
    pub count: Option<u64>,
}

fn tally(c: &Connection, plan: &Plan<'_>) -> Result<(u64, u64), DirectoryError> {
    let Sql { text, values } = plan.tally();
    let number = |n: i64| u64::try_from(n).unwrap_or(0);
    Ok(c.prepare_cached(&text)?.query_row(params_from_iter(values), |row| {
        Ok((number(row.get(0)?), number(row.get(1)?)))
    })?)
}

/// How many of the hidden devices the question would find.
fn hidden(c: &Connection, query: &DeviceQuery) -> Result<u64, DirectoryError> {
    let mut found = 0;
    for part in query.hidden.chunks(FEW) {
        let these = Filter::Is(Test::DeviceIdIn(part.to_vec()));
        let filter = Filter::All(query.filter.iter().cloned().chain([these]).collect());
        let question =
            DeviceQuery { owner: query.owner, filter: Some(filter), ..DeviceQuery::default() };
        // Without a place to go on from, none is foreign.
        if let Ok(plan) = Plan::new(&question) {
            found += tally(c, &plan)?.1;
        }
    }
    Ok(found)
}

/// The devices of a page and one more, when there is one; `None` when the budget was spent before.
fn walk(
    c: &Connection,
    query: &DeviceQuery,
    plan: &Plan<'_>,
) -> Result<Option<Vec<Device>>, DirectoryError> {
    let Sql { text, values } = plan.page();
    let mut statement = c.prepare_cached(&text)?;
    let mut found = statement.query(params_from_iter(values))?;
    let hidden: BTreeSet<DeviceId> = query.hidden.iter().copied().collect();
    let (mut devices, mut looked_at) = (Vec::new(), 0_u64);
    while devices.len() <= query.top
        && let Some(row) = found.next()?
    {
        looked_at += 1;
        if looked_at > query.budget {
            return Ok(None);
        }
        if row.get("fits")? {
            let device = rows::device(row)?;
            if !hidden.contains(&device.device_id) {
                devices.push(device);
            }
        }
    }
    Ok(Some(devices))
}

fn all_devices(c: &Connection) -> Result<u64, DirectoryError> {
    let mut kept = c.prepare_cached("SELECT value FROM meta WHERE key = 'count:devices'")?;
    Ok(u64::try_from(kept.query_row([], |row| row.get::<_, i64>(0))?).unwrap_or(0))
}

fn list(c: &Connection, query: &DeviceQuery) -> Result<Result<Page, QueryRefusal>, DirectoryError> {
    let Ok(plan) = Plan::new(query) else { return Ok(Err(QueryRefusal::CursorInvalid)) };
    // One view for the count and the page; a page alone is one statement anyway.
    let counts = query.count || plan.may_sort_many();
    let views = counts || !query.hidden.is_empty();
    let _view = views.then(|| c.unchecked_transaction()).transpose()?;
    let hidden = hidden(c, query)?;
    let unfiltered = query.owner.is_none() && query.filter.is_none();
    let mut count = None;
    if unfiltered && counts {
        let all = all_devices(c)?;
        if plan.may_sort_many() && all > query.budget {
            return Ok(Err(QueryRefusal::TooExpensive));
        }
        count = Some(all.saturating_sub(hidden));
    } else if counts {
        let (looked_at, fits) = tally(c, &plan)?;
        if looked_at > query.budget {
            return Ok(Err(QueryRefusal::TooExpensive));
        }
        count = Some(fits.saturating_sub(hidden));
    }
    let Some(mut items) = walk(c, query, &plan)? else {
        return Ok(Err(QueryRefusal::TooExpensive));
    };
    let more = items.len() > query.top;
    items.truncate(query.top);
    let next = items.last().filter(|_| more).map(|last| plan.cursor(last));
    let count = count.filter(|_| query.count);
    Ok(Ok(Page { items, next, count, hidden, scanned: plan.scans() }))
}

impl Directory {
    /// A page of devices. `CursorInvalid` when the place to go on from is of another order, `TooExpensive` when more rows
    /// than the budget would have to be looked at.
    pub async fn list_devices(
        &self,
        query: DeviceQuery,
    ) -> Result<Result<Page, QueryRefusal>, DirectoryError> {
        self.store.scan(move |c| list(c, &query)).await
    }

    /// The same, remembered from the last time when nothing was written since.
    pub async fn shown_devices(
        &self,
        query: DeviceQuery,
    ) -> Result<Result<Arc<Page>, QueryRefusal>, DirectoryError> {
        let version = self.store.version();
        if let Some(page) = self.remembered.page(version, &query) {
            return Ok(Ok(page));
        }
        let page = self.list_devices(query.clone()).await?.map(Arc::new);
        if let Ok(page) = &page {
            self.remembered.keep_page(version, query, page);
        }
        Ok(page)
    }

    /// A page of the devices that a user joined or registered, all of them when nothing else is asked.
    pub async fn devices_of_owner(
        &self,
        owner: UserId,
        query: DeviceQuery,
    ) -> Result<Result<Page, QueryRefusal>, DirectoryError> {
        self.list_devices(DeviceQuery { owner: Some(owner), ..query }).await
    }

    /// The owners of a device: one, or none when it is a hybrid one or its owner was deleted. `None`: no such device.
    pub fn owners_of(&self, device: ObjectId) -> Result<Option<Vec<User>>, DirectoryError> {
        self.store.point(|c| {
            let Some(device) = rows::device_by_object_id(c, device)? else { return Ok(None) };
            let owner = DeviceView::of(&device)
                .owner
                .map(|owner| rows::user_by_id(c, owner))
                .transpose()?;
            Ok(Some(owner.flatten().into_iter().collect()))
        })
    }

    /// The users with these ids, those that there are.
    pub async fn users_by_id(
        &self,
        ids: BTreeSet<UserId>,
    ) -> Result<BTreeMap<UserId, User>, DirectoryError> {
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        self.store
            .scan(move |c| {
                let mut users = BTreeMap::new();
                for id in ids {
                    if let Some(user) = rows::user_by_id(c, id)? {
                        users.insert(id, user);
                    }
                }
                Ok(users)
            })
            .await
    }

    /// A page of users in the order of their names, behind this name, and how many there are, if that is asked.
    pub async fn list_users(
        &self,
        after: Option<String>,
        top: usize,
        count: bool,
    ) -> Result<UserPage, DirectoryError> {
        self.store
            .scan(move |c| {
                let view = c.unchecked_transaction()?;
                let counted = || -> Result<i64, rusqlite::Error> {
                    view.prepare_cached("SELECT count(*) FROM users")?
                        .query_row([], |row| row.get(0))
                };
                let count = count.then(counted).transpose()?;
                let count = count.map(|count| u64::try_from(count).unwrap_or(0));
                let sql = format!(
                    "SELECT {} FROM users WHERE upn_key > ?1 ORDER BY upn_key LIMIT ?2",
                    rows::USER
                );
                let limit = i64::try_from(top).unwrap_or(i64::MAX).saturating_add(1);
                // No user has an empty name.
                let after = after.map(|name| rows::fold(&name)).unwrap_or_default();
                let mut items = view
                    .prepare_cached(&sql)?
                    .query_map(rusqlite::params![after, limit], rows::user)?
                    .collect::<Result<Vec<_>, _>>()?;
                let more = items.len() > top;
                items.truncate(top);
                let next = items.last().filter(|_| more).map(|user| user.upn.clone());
                Ok(UserPage { items, next, count })
            })
            .await
    }
}
