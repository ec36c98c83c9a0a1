//! What an engine without faults costs a request: every question that the dispatcher and a service put to it.

use std::hint::black_box;

use linarite_server::clock::Instant;
use linarite_server::faults::Faults;

use crate::table::{Bound, Table};
use crate::{ROUNDS, cpu};

/// Requests in a round: enough that the clock of the scheduler is fine enough.
const REQUESTS: usize = 2_000_000;

/// What may be spent on each, in nanoseconds.
const MOST: f64 = 1000.0;

/// The row.
pub(crate) fn measure(table: &mut Table) {
    table.title("faults");
    let faults = Faults::new(7, Instant::from_seconds(0));
    let now = Instant::from_seconds(1_772_442_000);
    let mut values = Vec::new();
    for _ in 0..ROUNDS {
        let before = cpu::mine();
        for _ in 0..REQUESTS {
            let faults = black_box(&faults);
            // The dispatcher asks before the handler and behind it; a service asks once for what it looks up.
            black_box(faults.any());
            black_box(faults.unseen_keys(now));
            black_box(faults.unseen_records(now));
            black_box(faults.federation("fabrikam.test", now));
            black_box(faults.any());
        }
        values.push(cpu::each(cpu::mine() - before, REQUESTS));
    }
    let bound = Bound::sum(&[(1.0, "a microsecond", MOST)]);
    table.row("idle fault engine, a request", cpu::median(values), bound);
}
