//! Deleting a record so that it can be brought back: what is kept of it, for how long, and what comes back.
//!
//! Device registration notes, section 18. The documents say two things: a deletion is for good, and, as a preview since
//! 2026, a joined or registered device is kept for 30 days. So it is a setting, off by default. A kept device answers no
//! query, its id is given to nobody else, and what is known of its compliance is lost. A synchronised computer is deleted for
//! good: its next synchronisation brings a new record (FAQ A9).
//! Left out: the tenant's quota of objects, of which a kept device takes a quarter.

use crate::device::{Device, TrustType};
use crate::instant::{Instant, Span};
use crate::refusal::QueryRefusal;
use crate::revocation::Standing;

/// A deleted device that can be brought back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletedItem {
    /// The record as it was.
    pub device: Device,
    /// When it was deleted.
    pub deleted: Instant,
    /// Until when it is kept; not at that instant any more.
    pub until: Instant,
}

impl DeletedItem {
    /// What is kept of a record that is deleted now, when deleted ones are kept for so long.
    pub fn of(device: &Device, kept_for: Span, now: Instant) -> Option<Self> {
        let is_kept = match device.trust {
            TrustType::AzureAd | TrustType::Workplace => kept_for > Span::ZERO,
            TrustType::ServerAd => false,
        };
        is_kept.then(|| Self { device: device.clone(), deleted: now, until: now + kept_for })
    }

    /// Whether it can be brought back at this moment.
    pub fn is_kept(&self, now: Instant) -> bool {
        now < self.until
    }

    /// The record as it comes back, with the standing that the deletion has left. `id_taken`: another record has its device
    /// id by now. The device and its key are what they were; whatever was granted to it before stays dead.
    pub fn restored(
        self,
        standing: Standing,
        id_taken: bool,
        now: Instant,
    ) -> Result<Device, QueryRefusal> {
        if !self.is_kept(now) {
            return Err(QueryRefusal::NotFound);
        }
        if id_taken {
            return Err(QueryRefusal::Conflict);
        }
        let mut device = self.device;
        device.management.compliant = None;
        device.standing = standing.restored(now);
        Ok(device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Management;
    use crate::ids::{DeviceId, Guid, ObjectId, UserId};
    use crate::refusal::DeviceRefusal;
    use crate::tenant::RevokeDelay;

    const T: Instant = Instant::from_seconds(1_772_442_000);
    const MONTH: Span = Span::from_days(30);
    const TICK: Span = Span::from_millis(1);
    const DELAY: RevokeDelay =
        RevokeDelay { tokens: Span::from_minutes(5), resources: Span::from_minutes(60) };

    fn device(trust: TrustType) -> Device {
        Device {
            object_id: ObjectId::new(Guid::from_bytes([1; 16])),
            device_id: DeviceId::new(Guid::from_bytes([2; 16])),
            display_name: "pc1".to_owned(),
            os: "Windows".to_owned(),
            os_version: "10.0.19045.2006".to_owned(),
            trust,
            owner: Some(UserId::new(Guid::from_bytes([3; 16]))),
            created: T,
            registered: Some(T),
            last_activity: Some(T),
            key: None,
            transport_key: None,
            on_premises: None,
            standing: Standing::default(),
            management: Management { managed: Some(true), compliant: Some(true) },
            second_factor: false,
        }
    }

    /// The standing of a device that was deleted at `T`.
    fn deleted() -> Standing {
        let mut standing = Standing::default();
        standing.delete(T, DELAY);
        standing
    }

    #[test]
    fn a_device_comes_back_up_to_the_last_moment_of_the_thirty_days_and_not_at_their_end() {
        let item = DeletedItem::of(&device(TrustType::Workplace), MONTH, T).unwrap();
        let restored = |now| item.clone().restored(deleted(), false, now);
        for now in [T, T + MONTH - TICK] {
            let back = restored(now).unwrap();
            assert_eq!(back.device_id, item.device.device_id);
            assert_eq!(back.management, Management { managed: Some(true), compliant: None });
        }
        for now in [T + MONTH, T + MONTH + TICK] {
            assert_eq!(restored(now), Err(QueryRefusal::NotFound));
        }
    }

    #[test]
    fn hybrid_devices_are_deleted_for_good_and_all_are_when_nothing_is_kept() {
        assert_eq!(DeletedItem::of(&device(TrustType::ServerAd), MONTH, T), None);
        for trust in [TrustType::AzureAd, TrustType::Workplace] {
            assert!(DeletedItem::of(&device(trust), MONTH, T).is_some());
            assert_eq!(DeletedItem::of(&device(trust), Span::ZERO, T), None);
        }
    }

    #[test]
    fn a_record_does_not_come_back_beside_another_with_its_id() {
        let item = DeletedItem::of(&device(TrustType::AzureAd), MONTH, T).unwrap();
        assert_eq!(item.restored(deleted(), true, T), Err(QueryRefusal::Conflict));
    }

    #[test]
    fn what_was_granted_before_a_deletion_that_counted_stays_dead() {
        let item = DeletedItem::of(&device(TrustType::AzureAd), MONTH, T).unwrap();
        let back = |now| item.clone().restored(deleted(), false, now).unwrap().standing;
        // The deletion had not come to count: it never will.
        let before = T + DELAY.tokens - TICK;
        assert_eq!(back(before).honours(0, before), Ok(()));
        let counted = T + DELAY.tokens;
        assert_eq!(back(counted).honours(0, counted), Err(DeviceRefusal::GrantRevoked));
        assert_eq!(back(counted).honours(1, counted), Ok(()));
        assert_eq!(back(counted).may_access(T + DELAY.resources), Ok(()));
    }

    #[test]
    fn a_disabled_device_comes_back_disabled() {
        let mut standing = Standing::default();
        standing.disable(T, DELAY);
        standing.delete(T, DELAY);
        let item = DeletedItem::of(&device(TrustType::AzureAd), MONTH, T).unwrap();
        let back = item.restored(standing, false, T + DELAY.tokens).unwrap();
        assert!(!back.enabled());
        assert_eq!(back.standing.may_issue(T + DELAY.tokens), Err(DeviceRefusal::Disabled));
    }
}
