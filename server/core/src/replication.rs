//! From when other calls see a new record, in a directory whose copies follow each other with a lag.
//!
//! The call that makes a record sees it. Others ask a copy that may not have it yet: sign-in does not find the device's
//! key (AADSTS50155), lists do not have the record. What was made while there was no lag is seen at once, even when it was
//! made in the same tick of a clock that stands still: records are remembered by their ids, not told by their times.
//! Left out: changes and deletions, which are seen at once.

use std::collections::BTreeMap;

use crate::ids::DeviceId;
use crate::instant::{Instant, Span};

/// A lag, and what it holds back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lag {
    lasting: Span,
    records: BTreeMap<DeviceId, Instant>,
    keys: BTreeMap<DeviceId, Instant>,
}

/// What was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// A record without a key: synchronised from on premises.
    Record,
    /// The key of a record that was there.
    Key,
    /// A record with its key: a join.
    RecordAndKey,
}

impl Lag {
    /// A lag that holds nothing back yet, and each record for so long from when it is made; from that moment on it is seen.
    pub const fn new(lasting: Span) -> Self {
        Self { lasting, records: BTreeMap::new(), keys: BTreeMap::new() }
    }

    /// Takes note of what is made now, and forgets what is seen by now.
    pub fn made(&mut self, device: DeviceId, what: Made, now: Instant) {
        let lasting = self.lasting;
        for held in [&mut self.records, &mut self.keys] {
            held.retain(|_, made| now < *made + lasting);
        }
        if matches!(what, Made::Record | Made::RecordAndKey) {
            self.records.insert(device, now);
        }
        if matches!(what, Made::Key | Made::RecordAndKey) {
            self.keys.insert(device, now);
        }
    }

    /// The devices whose records lists do not have now.
    pub fn hidden_records(&self, now: Instant) -> impl Iterator<Item = DeviceId> + '_ {
        self.hidden(&self.records, now)
    }

    /// The devices whose keys sign-in does not find now.
    pub fn hidden_keys(&self, now: Instant) -> impl Iterator<Item = DeviceId> + '_ {
        self.hidden(&self.keys, now)
    }

    fn hidden<'a>(
        &self,
        held: &'a BTreeMap<DeviceId, Instant>,
        now: Instant,
    ) -> impl Iterator<Item = DeviceId> + 'a + use<'a> {
        let lasting = self.lasting;
        held.iter().filter(move |(_, made)| now < **made + lasting).map(|(device, _)| *device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Guid;

    const START: Instant = Instant::from_seconds(1_772_442_000);
    const LAG: Span = Span::from_minutes(5);
    const TICK: Span = Span::from_millis(1);

    const fn device(number: u8) -> DeviceId {
        DeviceId::new(Guid::from_bytes([number; 16]))
    }

    #[test]
    fn a_record_is_seen_from_the_end_of_its_lag_on_that_instant_included() {
        let mut lag = Lag::new(LAG);
        lag.made(device(1), Made::RecordAndKey, START);
        for (now, hidden) in [
            (START, true),
            (START + LAG - TICK, true),
            (START + LAG, false),
            (START + LAG + TICK, false),
        ] {
            assert_eq!(lag.hidden_records(now).count() == 1, hidden, "{now:?}");
            assert_eq!(lag.hidden_keys(now).count() == 1, hidden, "{now:?}");
        }
    }

    #[test]
    fn the_key_of_an_old_record_is_held_back_without_the_record() {
        let mut lag = Lag::new(LAG);
        lag.made(device(1), Made::Record, START);
        assert_eq!(lag.hidden_keys(START).count(), 0);
        lag.made(device(1), Made::Key, START + LAG);
        assert_eq!(lag.hidden_records(START + LAG).count(), 0);
        assert_eq!(lag.hidden_keys(START + LAG).collect::<Vec<_>>(), [device(1)]);
    }

    #[test]
    fn what_was_made_before_the_lag_in_the_same_tick_is_seen() {
        let mut lag = Lag::new(LAG);
        lag.made(device(2), Made::RecordAndKey, START);
        assert!(lag.hidden_records(START).all(|hidden| hidden != device(1)));
    }

    #[test]
    fn what_is_seen_by_now_is_forgotten_and_a_lag_of_no_time_holds_nothing_back() {
        let mut lag = Lag::new(LAG);
        lag.made(device(1), Made::RecordAndKey, START);
        lag.made(device(2), Made::RecordAndKey, START + LAG);
        assert_eq!((lag.records.len(), lag.keys.len()), (1, 1));
        let mut none = Lag::new(Span::ZERO);
        none.made(device(1), Made::RecordAndKey, START);
        assert_eq!(none.hidden_records(START).count(), 0);
    }
}
