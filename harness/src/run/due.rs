//! What recurs while the world's time passes: synchronisation cycles of a domain and the scheduled task of its computers
//! (section 19 of the device registration notes; FAQ A9, A28).
//!
//! A move of the clock stops at each due moment, in the order of (time, name); the act is done at exactly that time of the
//! world, over the wire like any other, and then the clock goes on. Only domains whose `active_directory` says how often
//! have entries. Left out: a clock that follows real time, which passes these moments without doing anything.

use std::sync::Arc;

use linarite_server::clock::{Instant, Span};
use linarite_server::journal::Kind;
use serde_json::Map;

use super::dirsync;
use super::stage::Stage;

/// As many acts as one move of the clock does.
const MOST: usize = 10_000;

/// The entry of a domain's synchronisation.
pub(super) fn of_domain(domain: &str) -> String {
    format!("synchronisation/{}", domain.to_lowercase())
}

/// The entry of a computer's scheduled task.
pub(super) fn of_machine(key: &str) -> String {
    format!("automatic-device-join/{key}")
}

/// Does everything that is due on the way to `until`, that moment included, each at its own time.
pub(crate) async fn pass(stage: &mut Stage, until: Instant) -> Result<(), String> {
    let mut done = 0_usize;
    while let Some((at, name)) = stage.due.take(until) {
        done += 1;
        if done > MOST {
            return Err(format!(
                "more than {MOST} acts fall due on the way: move the clock in parts"
            ));
        }
        let world = Arc::clone(stage.world());
        if at > world.clock.now() {
            world.clock.set(at, false).map_err(|error| error.to_string())?;
        }
        match name.split_once('/') {
            Some(("synchronisation", domain)) => {
                let told = |error| format!("the synchronisation of {domain}: {error}");
                dirsync::of_domain(stage, domain).await.map_err(|error| told(error.to_string()))?;
            }
            Some(("automatic-device-join", key)) => task(stage, key).await,
            Some(_) | None => {}
        }
    }
    Ok(())
}

/// The scheduled task of one computer. It has nothing to do on one that is joined, and leaves nothing then.
async fn task(stage: &mut Stage, key: &str) {
    let Some(mut machine) = stage.machines.get(key).cloned() else { return };
    if machine.device_id().is_some() {
        return;
    }
    let mut fields = Map::new();
    fields.insert("tool".to_owned(), "Automatic-Device-Join".into());
    fields.insert("machine".to_owned(), key.into());
    fields.insert("computer".to_owned(), machine.name().into());
    let world = stage.world();
    world.journal.record(&world.clock, Kind::Tool, None, fields, None);
    let outcome = machine.automatic_join(&stage.wire.clone()).await;
    stage.emulator.settled().await;
    stage.transcript.push_str(&outcome.output);
    stage.machines.insert(key.to_owned(), machine);
}

/// After the clock was put to a moment that was not passed on the way.
pub(crate) fn restart(stage: &mut Stage, now: Instant) {
    stage.due.restart(now);
}

/// A period as the list keeps it.
pub(super) const fn every(millis: i64) -> Span {
    Span::from_millis(millis)
}
