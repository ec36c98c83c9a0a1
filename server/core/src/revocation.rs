//! From when a disable or a deletion counts, and where (FAQ A8, A16, A17).
//!
//! A disable stores two instants: from when no grant bound to the device is issued or honoured, and from when resources
//! refuse its access tokens. Both bounds include their instant. Nothing happens at an instant: whoever is asked compares.
//! A re-enable before an instant cancels it; once the first has come, the grants of before stay dead.
//!
//! Why a number beside the instants: a manual clock stands still, so a disable, a re-enable and a new sign-in can share
//! one millisecond. The number of ended revocations ([`Standing::epoch`]) is sealed into each grant and tells the grants
//! of before from those of after without asking which came first within the tick.

use crate::instant::Instant;
use crate::refusal::DeviceRefusal;
use crate::tenant::RevokeDelay;

/// One disable or deletion: when it was made, and from when it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// When an administrator (or the device itself) acted.
    pub made: Instant,
    /// From when grants are neither issued nor honoured.
    pub tokens: Instant,
    /// From when resources refuse access tokens.
    pub resources: Instant,
}

impl Revocation {
    /// The revocation made now, which counts after these delays.
    pub fn new(now: Instant, delay: RevokeDelay) -> Self {
        Self { made: now, tokens: now + delay.tokens, resources: now + delay.resources }
    }
}

/// What counts for a device, and from when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Standing {
    /// Set while the device is disabled.
    pub disabled: Option<Revocation>,
    /// Set once the record is deleted.
    pub deleted: Option<Revocation>,
    /// How many disables had come to count before they were ended. A grant is honoured only with the same number.
    pub epoch: u32,
}

impl Standing {
    /// Disables the device. Disabling a disabled device changes nothing: the hour does not start again.
    /// Returns whether something changed.
    pub fn disable(&mut self, now: Instant, delay: RevokeDelay) -> bool {
        if self.disabled.is_some() {
            return false;
        }
        self.disabled = Some(Revocation::new(now, delay));
        true
    }

    /// Enables the device. What had not yet come to count never will; grants that had died stay dead.
    /// Returns whether something changed.
    pub fn enable(&mut self, now: Instant) -> bool {
        let Some(ended) = self.disabled.take() else { return false };
        if ended.tokens <= now {
            self.epoch = self.epoch.saturating_add(1);
        }
        true
    }

    /// Marks the record as deleted. A disable that counts earlier goes on counting.
    pub fn delete(&mut self, now: Instant, delay: RevokeDelay) {
        if self.deleted.is_none() {
            self.deleted = Some(Revocation::new(now, delay));
        }
    }

    /// The standing of a record that is brought back. A deletion that had not yet come to count never will; grants that had
    /// died stay dead.
    #[must_use]
    pub fn restored(self, now: Instant) -> Self {
        let died = self.deleted.is_some_and(|deleted| deleted.tokens <= now);
        Self { deleted: None, epoch: self.epoch.saturating_add(u32::from(died)), ..self }
    }

    /// The standing of a new record under the id of a deleted one: no grant of before comes back.
    #[must_use]
    pub const fn again(self) -> Self {
        Self { disabled: None, deleted: None, epoch: self.epoch.saturating_add(1) }
    }

    /// Whether a grant bound to the device may be issued at this moment.
    pub fn may_issue(&self, now: Instant) -> Result<(), DeviceRefusal> {
        match (self.deleted, self.disabled) {
            (Some(deleted), _) if deleted.tokens <= now => Err(DeviceRefusal::Deleted),
            (_, Some(disabled)) if disabled.tokens <= now => Err(DeviceRefusal::Disabled),
            _ => Ok(()),
        }
    }

    /// Whether a grant with this number is honoured at this moment.
    pub fn honours(&self, epoch: u32, now: Instant) -> Result<(), DeviceRefusal> {
        self.may_issue(now)?;
        if epoch == self.epoch { Ok(()) } else { Err(DeviceRefusal::GrantRevoked) }
    }

    /// Whether resources accept an access token of the device at this moment.
    pub fn may_access(&self, now: Instant) -> Result<(), DeviceRefusal> {
        match (self.deleted, self.disabled) {
            (Some(deleted), _) if deleted.resources <= now => Err(DeviceRefusal::Deleted),
            (_, Some(disabled)) if disabled.resources <= now => Err(DeviceRefusal::Disabled),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instant::Span;
    use proptest::prelude::*;

    const T: Instant = Instant::from_seconds(1_772_442_000);
    const HOUR: Span = Span::from_minutes(60);
    const TICK: Span = Span::from_millis(1);
    const DELAY: RevokeDelay = RevokeDelay { tokens: Span::ZERO, resources: HOUR };
    const BOTH: RevokeDelay = RevokeDelay { tokens: HOUR, resources: HOUR };

    fn disabled(delay: RevokeDelay) -> Standing {
        let mut standing = Standing::default();
        assert!(standing.disable(T, delay));
        standing
    }

    #[test]
    fn resources_refuse_from_the_hour_on_that_instant_included() {
        let standing = disabled(DELAY);
        assert_eq!(standing.may_access(T), Ok(()));
        assert_eq!(standing.may_access(T + HOUR - TICK), Ok(()));
        assert_eq!(standing.may_access(T + HOUR), Err(DeviceRefusal::Disabled));
        assert_eq!(standing.may_access(T + HOUR + TICK), Err(DeviceRefusal::Disabled));
    }

    #[test]
    fn tokens_are_refused_at_once_by_default() {
        let standing = disabled(DELAY);
        assert_eq!(standing.may_issue(T - TICK), Ok(()));
        assert_eq!(standing.may_issue(T), Err(DeviceRefusal::Disabled));
    }

    #[test]
    fn a_grant_of_before_stays_dead_after_a_re_enable_even_within_one_tick() {
        let mut standing = disabled(DELAY);
        assert!(standing.enable(T));
        assert_eq!(standing.honours(0, T), Err(DeviceRefusal::GrantRevoked));
        assert_eq!(standing.honours(standing.epoch, T), Ok(()));
        assert_eq!(standing.may_access(T + HOUR), Ok(()));
    }

    #[test]
    fn a_re_enable_before_the_instant_cancels_it() {
        let mut standing = disabled(BOTH);
        assert!(standing.enable(T + HOUR - TICK));
        assert_eq!(standing.honours(0, T + HOUR), Ok(()));
        assert_eq!(standing.may_access(T + HOUR), Ok(()));
    }

    #[test]
    fn a_re_enable_at_the_instant_is_too_late() {
        let mut standing = disabled(BOTH);
        assert!(standing.enable(T + HOUR));
        assert_eq!(standing.honours(0, T + HOUR), Err(DeviceRefusal::GrantRevoked));
    }

    #[test]
    fn a_new_record_under_the_id_of_a_deleted_one_honours_no_grant_of_before() {
        let mut standing = disabled(DELAY);
        standing.delete(T, DELAY);
        let (before, again) = (standing.epoch, standing.again());
        assert_eq!(again.honours(before, T), Err(DeviceRefusal::GrantRevoked));
        assert_eq!(again.honours(again.epoch, T), Ok(()));
        assert_eq!(again.may_access(T + HOUR), Ok(()));
    }

    #[test]
    fn disabling_a_disabled_device_does_not_restart_the_hour() {
        let mut standing = disabled(DELAY);
        assert!(!standing.disable(T + HOUR - TICK, DELAY));
        assert_eq!(standing.may_access(T + HOUR), Err(DeviceRefusal::Disabled));
    }

    #[test]
    fn a_deletion_does_not_postpone_a_disable_that_counts_earlier() {
        let mut standing = disabled(DELAY);
        standing.delete(T + HOUR - TICK, BOTH);
        assert_eq!(standing.may_access(T + HOUR), Err(DeviceRefusal::Disabled));
        assert_eq!(standing.may_access(T + HOUR + HOUR), Err(DeviceRefusal::Deleted));
    }

    #[derive(Clone, Debug)]
    enum Act {
        Disable,
        Enable,
        Wait(i64),
    }

    fn act() -> impl Strategy<Value = Act> {
        let hour = HOUR.millis();
        // The neighbours of the hour stand here by name: times drawn at random never hit them.
        prop_oneof![
            2 => Just(Act::Disable),
            2 => Just(Act::Enable),
            1 => Just(Act::Wait(0)),
            1 => Just(Act::Wait(hour - 1000)),
            1 => Just(Act::Wait(hour - 1)),
            1 => Just(Act::Wait(hour)),
            1 => Just(Act::Wait(hour + 1)),
            1 => Just(Act::Wait(1000)),
            1 => (0..2 * hour).prop_map(Act::Wait),
        ]
    }

    /// The same rule told as a story: keep every event, and answer by walking through them from the start.
    fn story(events: &[(i64, bool)], delay: i64, now: i64) -> bool {
        let mut since = None;
        for (at, disable) in events {
            if *disable {
                since = since.or(Some(*at));
            } else {
                since = None;
            }
        }
        since.is_some_and(|at| now >= at + delay)
    }

    proptest! {
        #[test]
        fn instants_agree_with_the_story(acts in prop::collection::vec(act(), 0..24)) {
            let mut standing = Standing::default();
            let mut now = T;
            let mut events = Vec::new();
            for act in acts {
                match act {
                    Act::Disable => { standing.disable(now, DELAY); events.push((now.millis(), true)); }
                    Act::Enable => { standing.enable(now); events.push((now.millis(), false)); }
                    Act::Wait(ms) => now = now + Span::from_millis(ms),
                }
                prop_assert_eq!(
                    standing.may_access(now).is_err(),
                    story(&events, HOUR.millis(), now.millis())
                );
                prop_assert_eq!(standing.may_issue(now).is_err(), story(&events, 0, now.millis()));
            }
        }
    }
}
