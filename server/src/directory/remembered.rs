//! What was read lately, as long as nobody has written since.
//!
//! Clients show the same token and ask for the same page many times between two changes of the directory. Rows are
//! remembered with the number of the directory's last change and forgotten when it moves; what follows from them at a
//! moment (whether a device may access something) is asked of core every time. Left out: anything that is not read by
//! every other request.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use linarite_core::conditional::Policy;
use linarite_core::device::KnownDevice;
use linarite_core::ids::{DeviceId, Thumbprint, UserId};
use linarite_core::user::User;

use super::{DeviceQuery, Page};

/// Parties that are remembered at most.
const PARTIES: usize = 64;
/// Pages that are remembered at most.
const PAGES: usize = 8;
/// Devices on a page that is remembered at most.
const PAGE: usize = 100;

/// How a token, a grant or a sign-in names a user.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum NamedUser {
    Id(UserId),
    /// As it was typed.
    Upn(String),
    Immutable(String),
}

/// How it names a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum NamedDevice {
    None,
    Id(DeviceId),
    /// By a certificate, and the id in its subject.
    Shown {
        thumbprint: Thumbprint,
        subject: Option<DeviceId>,
    },
}

/// Whom a token, a grant or a sign-in names, on what, and the device that its grant is bound to beside.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Named {
    pub(super) user: NamedUser,
    pub(super) device: NamedDevice,
    pub(super) bound: Option<DeviceId>,
}

/// The rows of those who are named; `None` where there is none.
#[derive(Debug, Default)]
pub(super) struct Party {
    pub(super) user: Option<Arc<User>>,
    pub(super) device: Option<Arc<KnownDevice>>,
    pub(super) bound: Option<Arc<KnownDevice>>,
}

/// Rows as of one change of the directory.
#[derive(Debug, Default)]
pub(super) struct Remembered(Mutex<Rows>);

#[derive(Debug, Default)]
struct Rows {
    version: u64,
    parties: BTreeMap<Named, Arc<Party>>,
    policies: Option<Arc<[Policy]>>,
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

    pub(super) fn party(&self, version: u64, named: &Named) -> Option<Arc<Party>> {
        let rows = self.at(version);
        if rows.version == version { rows.parties.get(named).cloned() } else { None }
    }

    /// Remembers rows that were read when no change was newer than this one.
    pub(super) fn keep_party(&self, version: u64, named: Named, party: &Arc<Party>) {
        let mut rows = self.at(version);
        // Rows that were read before a newer change say nothing about it.
        if rows.version == version {
            if rows.parties.len() >= PARTIES {
                rows.parties.clear();
            }
            rows.parties.insert(named, Arc::clone(party));
        }
    }

    pub(super) fn policies(&self, version: u64) -> Option<Arc<[Policy]>> {
        let rows = self.at(version);
        if rows.version == version { rows.policies.clone() } else { None }
    }

    /// Remembers the policies as they were when no change was newer than this one.
    pub(super) fn keep_policies(&self, version: u64, policies: &Arc<[Policy]>) {
        let mut rows = self.at(version);
        if rows.version == version {
            rows.policies = Some(Arc::clone(policies));
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

    fn named(n: u128) -> Named {
        let user = UserId::new(linarite_core::ids::Guid::from_bytes(n.to_be_bytes()));
        Named { user: NamedUser::Id(user), device: NamedDevice::None, bound: None }
    }

    #[test]
    fn rows_are_forgotten_with_the_next_change() {
        let remembered = Remembered::default();
        remembered.keep_party(3, named(1), &Arc::default());
        remembered.keep_policies(3, &Arc::default());
        assert!(remembered.party(3, &named(1)).is_some() && remembered.policies(3).is_some());
        assert!(remembered.party(4, &named(1)).is_none() && remembered.policies(4).is_none());
        assert!(remembered.party(3, &named(1)).is_none(), "a slow reader does not bring them back");
    }

    #[test]
    fn rows_read_before_a_change_are_not_remembered_behind_it() {
        let remembered = Remembered::default();
        assert!(remembered.party(4, &named(1)).is_none());
        remembered.keep_party(3, named(1), &Arc::default());
        remembered.keep_policies(3, &Arc::default());
        assert!(remembered.party(3, &named(1)).is_none() && remembered.policies(3).is_none());
        assert!(remembered.party(4, &named(1)).is_none() && remembered.policies(4).is_none());
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
        for n in 0..3 * PARTIES {
            remembered.keep_party(1, named(u128::try_from(n).unwrap()), &Arc::default());
        }
        assert!(remembered.at(1).parties.len() <= PARTIES);
    }
}
