//! The due-list of a world: what recurs in its time, such as synchronisation cycles and scheduled tasks.
//!
//! It is data, and no timer. Whoever moves the clock takes the entries that fall due on the way, in the order of (time,
//! name), puts the clock to each moment, does what is due, and goes on; so three hours in one step and three hours in
//! minutes leave the same history. Left out: entries that a following clock passes by itself.

use std::collections::BTreeMap;

use linarite_core::instant::{Instant, Span};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    next: Instant,
    every: Span,
}

/// What recurs, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DueList(BTreeMap<String, Entry>);

impl DueList {
    /// Adds an entry, or replaces the one of this name. A period below a second counts as a second.
    pub fn put(&mut self, name: impl Into<String>, first: Instant, every: Span) {
        let every = every.max(Span::from_millis(1000));
        self.0.insert(name.into(), Entry { next: first, every });
    }

    /// Takes the entry out.
    pub fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// The earliest entry that is due by `until`, that moment included, the first by name of several; it is due again one
    /// period later.
    pub fn take(&mut self, until: Instant) -> Option<(Instant, String)> {
        let earliest = self
            .0
            .iter_mut()
            .min_by(|(a, one), (b, two)| one.next.cmp(&two.next).then_with(|| a.cmp(b)))?;
        let (name, entry) = earliest;
        let at = entry.next;
        if at > until {
            return None;
        }
        entry.next = at + entry.every;
        Some((at, name.clone()))
    }

    /// After a clock was put forward without stopping, or back: each entry is due next one period after `now`, unless it is
    /// due sooner.
    pub fn restart(&mut self, now: Instant) {
        for entry in self.0.values_mut() {
            let next = now + entry.every;
            if entry.next <= now || entry.next > next {
                entry.next = next;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Instant = Instant::from_seconds(1_772_442_000);

    fn minutes(number: i64) -> Instant {
        START + Span::from_minutes(number)
    }

    fn list() -> DueList {
        let mut list = DueList::default();
        list.put("sync/contoso.test", minutes(30), Span::from_minutes(30));
        list.put("join/pc1", minutes(60), Span::from_minutes(60));
        list
    }

    fn taken(list: &mut DueList, until: i64) -> Vec<(i64, String)> {
        std::iter::from_fn(|| list.take(minutes(until)))
            .map(|(at, name)| ((at.millis() - START.millis()) / 60_000, name))
            .collect()
    }

    #[test]
    fn entries_fall_due_in_the_order_of_time_and_name() {
        let due = taken(&mut list(), 120);
        let names: Vec<String> = due.iter().map(|(at, name)| format!("{at} {name}")).collect();
        assert_eq!(
            names,
            [
                "30 sync/contoso.test",
                "60 join/pc1",
                "60 sync/contoso.test",
                "90 sync/contoso.test",
                "120 join/pc1",
                "120 sync/contoso.test"
            ]
        );
    }

    #[test]
    fn the_moment_itself_is_due_and_the_one_before_is_not() {
        let mut one = list();
        assert_eq!(one.take(minutes(30) - Span::from_millis(1)), None);
        assert_eq!(one.take(minutes(30)), Some((minutes(30), "sync/contoso.test".to_owned())));
        assert_eq!(one.take(minutes(30)), None);
    }

    #[test]
    fn a_clock_that_was_set_begins_each_period_anew() {
        let mut one = list();
        one.restart(minutes(600));
        assert_eq!(taken(&mut one, 629), []);
        assert_eq!(taken(&mut one, 630).len(), 1);
        one.restart(START);
        assert_eq!(taken(&mut one, 30).len(), 1, "back again");
    }

    proptest! {
        #[test]
        fn one_long_step_and_many_short_ones_take_the_same(steps in prop::collection::vec(0_i64..90, 1..12)) {
            let (mut long, mut short) = (list(), list());
            let mut all = Vec::new();
            let mut now = 0;
            for step in steps {
                now += step;
                all.extend(taken(&mut short, now));
            }
            prop_assert_eq!(taken(&mut long, now), all);
        }
    }
}
