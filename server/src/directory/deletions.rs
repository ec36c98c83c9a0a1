//! Deleted records that are kept for a while: listing them, bringing one back, deleting it for good.
//!
//! Beside the tombstone that every deletion leaves, a kept record stands in a table of its own, so that no query for devices
//! can meet it. What has run out is not found any more; the next deletion sweeps it away.

use linarite_core::deletion::DeletedItem;
use linarite_core::device::{Device, KnownDevice};
use linarite_core::ids::ObjectId;
use linarite_core::instant::Instant;
use linarite_core::refusal::QueryRefusal;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::devices::known;
use super::{Directory, DirectoryError, rows};

/// A page of deleted records, in the order of their object ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletedPage {
    /// The records.
    pub items: Vec<DeletedItem>,
    /// The object to go on behind; absent when this is the last page.
    pub next: Option<ObjectId>,
}

fn item(row: &Row<'_>) -> rusqlite::Result<DeletedItem> {
    let instant = |name| row.get(name).map(Instant::from_millis);
    Ok(DeletedItem {
        device: rows::device(row)?,
        deleted: instant("deleted")?,
        until: instant("until")?,
    })
}

/// Keeps a record that is being deleted, and sweeps away those that have run out.
pub(super) fn keep(
    c: &Connection,
    device: &Device,
    kept: Option<DeletedItem>,
    now: Instant,
) -> Result<(), DirectoryError> {
    c.prepare_cached("DELETE FROM deleted_devices WHERE until <= ?1")?.execute([now.millis()])?;
    forget(c, device.object_id)?;
    if let Some(item) = kept {
        rows::put_device_in(c, "deleted_devices", &item.device)?;
        c.prepare_cached(
            "UPDATE deleted_devices SET deleted = ?2, until = ?3 WHERE object_id = ?1",
        )?
        .execute(params![
            rows::id(item.device.object_id.guid()),
            item.deleted.millis(),
            item.until.millis()
        ])?;
    }
    Ok(())
}

fn forget(c: &Connection, id: ObjectId) -> Result<(), DirectoryError> {
    c.prepare_cached("DELETE FROM deleted_devices WHERE object_id = ?1")?
        .execute([rows::id(id.guid())])?;
    Ok(())
}

fn find(c: &Connection, id: ObjectId, now: Instant) -> Result<Option<DeletedItem>, DirectoryError> {
    let sql = format!(
        "SELECT {}, deleted, until FROM deleted_devices WHERE object_id = ?1",
        rows::DEVICE
    );
    let found = c.prepare_cached(&sql)?.query_row([rows::id(id.guid())], item).optional()?;
    Ok(found.filter(|item| item.is_kept(now)))
}

impl Directory {
    /// The deleted record with this object id, while it is kept.
    pub fn deleted_device(
        &self,
        id: ObjectId,
        now: Instant,
    ) -> Result<Option<DeletedItem>, DirectoryError> {
        self.store.point(|c| find(c, id, now))
    }

    /// The deleted records that are kept, behind this one, so many at most.
    pub async fn deleted_devices(
        &self,
        after: Option<ObjectId>,
        top: usize,
        now: Instant,
    ) -> Result<DeletedPage, DirectoryError> {
        self.store
            .scan(move |c| {
                let sql = format!(
                    "SELECT {}, deleted, until FROM deleted_devices \
                     WHERE until > ?1 AND (?2 IS NULL OR object_id > ?2) ORDER BY object_id LIMIT ?3",
                    rows::DEVICE
                );
                let after = after.map(|id| rows::id(id.guid()));
                let one_more = i64::try_from(top).unwrap_or(i64::MAX).saturating_add(1);
                let mut statement = c.prepare_cached(&sql)?;
                let found = statement.query_map(params![now.millis(), after, one_more], item)?;
                let mut items = found.collect::<Result<Vec<_>, _>>()?;
                let more = items.len() > top;
                items.truncate(top);
                let next = items.last().filter(|_| more).map(|item| item.device.object_id);
                Ok(DeletedPage { items, next })
            })
            .await
    }

    /// Brings a deleted record back. `NotFound` when it is not kept (any more), `Conflict` when another one has its device id.
    pub async fn restore_device(
        &self,
        id: ObjectId,
        now: Instant,
    ) -> Result<Result<Device, QueryRefusal>, DirectoryError> {
        self.store
            .write(move |c| {
                let Some(item) = find(c, id, now)? else { return Ok(Err(QueryRefusal::NotFound)) };
                let device_id = item.device.device_id;
                let known = known(c, device_id)?;
                let taken = matches!(known, Some(KnownDevice::Present(_)));
                let standing =
                    known.map_or_else(|| item.device.standing, |known| *known.standing());
                let device = match item.restored(standing, taken, now) {
                    Ok(device) => device,
                    Err(refusal) => return Ok(Err(refusal)),
                };
                forget(c, id)?;
                c.prepare_cached("DELETE FROM tombstones WHERE device_id = ?1")?
                    .execute([rows::id(device_id.guid())])?;
                rows::put_device(c, &device)?;
                rows::count_device(c, &device, 1)?;
                Ok(Ok(device))
            })
            .await
    }

    /// Deletes a deleted record for good; its tombstone stays, and its id is still given to nobody else.
    pub async fn purge_device(
        &self,
        id: ObjectId,
        now: Instant,
    ) -> Result<Result<DeletedItem, QueryRefusal>, DirectoryError> {
        self.store
            .write(move |c| {
                let Some(item) = find(c, id, now)? else { return Ok(Err(QueryRefusal::NotFound)) };
                forget(c, id)?;
                Ok(Ok(item))
            })
            .await
    }
}
