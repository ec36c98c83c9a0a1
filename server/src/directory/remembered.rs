//! What was read lately, as long as nobody has written since.
//!
//! Clients show the same token and ask for the same page many times between two changes of the directory. Rows are
//! remembered with the number of the directory's last change and forgotten when it moves; what follows from them at a
//! moment (whether a device may access something) is asked of core every time. Left out: anything that is not read by
//! every other request.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use linarite_core::device::KnownDevice;
use linarite_core::ids::{DeviceId, UserId};
use linarite_core::user::User;

use super::{DeviceQuery, Page};

/// Holders of tokens that are remembered at most.
const HOLDERS: usize = 64;
/// Pages that are remembered at most.
const PAGES: usize = 8;
/// Devices on a page that is remembered at most.
const PAGE: usize = 100;

/// A user, and the device when a token is bound to one.
pub(super) type HolderKey = (UserId, Option<DeviceId>);

/// The rows of a user and a device; `None` where there is none.
#[derive(Debug)]
pub(super) struct Holder {
    pub(super) user: Option<Arc<User>>,
    pub(super) device: Option<KnownDevice>,
}

/// Rows as of one change of the directory.
#[derive(Debug, Default)]
pub(super) struct Remembered(Mutex<Rows>);

#[derive(Debug, Default)]
struct Rows {
    version: u64,
    holders: BTreeMap<HolderKey, Arc<Holder>>,
    pages: Vec<(DeviceQuery, Arc<Page>)>,
}

impl Remembered {
    /// The rows as of this change: those of an older one are forgotten.
    fn at(&self, version: u64) -> MutexGuard<'_, Rows> {
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if rows.version < version {
            *rows = Rows { version, ..Rows::default() };
        }
        rows
    }

    pub(super) fn holder(&self, version: u64, key: &HolderKey) -> Option<Arc<Holder>> {
        let rows = self.at(version);
        if rows.version == version { rows.holders.get(key).cloned() } else { None }
    }

    /// Remembers rows that were read when no change was newer than this one.
    pub(super) fn keep_holder(&self, version: u64, key: HolderKey, holder: &Arc<Holder>) {
        let mut rows = self.at(version);
        // Rows that were read before a newer change say nothing about it.
        if rows.version == version {
            if rows.holders.len() >= HOLDERS {
                rows.holders.clear();
            }
            rows.holders.insert(key, Arc::clone(holder));
        }
    }

    pub(super) fn page(&self, version: u64, query: &DeviceQuery) -> Option<Arc<Page>> {
        let rows = self.at(version);
        if rows.version != version {
            return None;
        }
        rows.pages.iter().find(|(asked, _)| asked == query).map(|(_, page)| Arc::clone(page))
    }

    /// Remembers a page that was read when no change was newer than this one.
    pub(super) fn keep_page(&self, version: u64, query: DeviceQuery, page: &Arc<Page>) {
        let mut rows = self.at(version);
        if rows.version == version && page.items.len() <= PAGE {
            if rows.pages.len() >= PAGES {
                rows.pages.clear();
            }
            rows.pages.push((query, Arc::clone(page)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: HolderKey = (UserId::new(linarite_core::ids::Guid::from_bytes([1; 16])), None);

    fn nobody() -> Arc<Holder> {
        Arc::new(Holder { user: None, device: None })
    }

    #[test]
    fn rows_are_forgotten_with_the_next_change() {
        let remembered = Remembered::default();
        remembered.keep_holder(3, KEY, &nobody());
        assert!(remembered.holder(3, &KEY).is_some());
        assert!(remembered.holder(4, &KEY).is_none());
        assert!(remembered.holder(3, &KEY).is_none(), "a slow reader does not bring them back");
    }

    #[test]
    fn rows_read_before_a_change_are_not_remembered_behind_it() {
        let remembered = Remembered::default();
        assert!(remembered.holder(4, &KEY).is_none());
        remembered.keep_holder(3, KEY, &nobody());
        assert!(remembered.holder(3, &KEY).is_none() && remembered.holder(4, &KEY).is_none());
    }

    #[test]
    fn no_more_is_remembered_than_the_limits_say() {
        let remembered = Remembered::default();
        let page =
            |items| Arc::new(Page { items, next: None, count: None, hidden: 0, scanned: false });
        for top in 0..3 * PAGES {
            let query = DeviceQuery { top, ..DeviceQuery::default() };
            remembered.keep_page(1, query.clone(), &page(Vec::new()));
            assert!(remembered.page(1, &query).is_some());
        }
        assert!(remembered.at(1).pages.len() <= PAGES);
        for n in 0..3 * HOLDERS {
            let bytes = u128::try_from(n).unwrap().to_be_bytes();
            let user = UserId::new(linarite_core::ids::Guid::from_bytes(bytes));
            remembered.keep_holder(1, (user, None), &nobody());
        }
        assert!(remembered.at(1).holders.len() <= HOLDERS);
    }
}
