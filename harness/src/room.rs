//! The computer room: what emulated machines are given of the outside.
//!
//! In a scenario their clock is the world's and their chance follows from its seed, so that two runs are alike; a machine
//! used by hand goes by real time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use linarite_server::clock::Clock;
use linarite_server::entropy::secret_of;
use linarite_server::world::World;
use linarite_windows as windows;

/// The clock of a world, as its machines see it.
#[derive(Debug)]
pub struct WorldClock(pub Arc<World>);

impl windows::Clock for WorldClock {
    fn now_ms(&self) -> i64 {
        self.0.clock.now().millis()
    }
}

/// Real time.
#[derive(Debug)]
pub struct RealClock;

impl windows::Clock for RealClock {
    fn now_ms(&self) -> i64 {
        Clock::real().millis()
    }
}

/// Chance that follows from a seed: each named stream counts for itself.
#[derive(Debug)]
pub struct SeededChance {
    seed: u64,
    drawn: Mutex<BTreeMap<String, u64>>,
}

impl SeededChance {
    /// The chance of this seed.
    pub const fn new(seed: u64) -> Self {
        Self { seed, drawn: Mutex::new(BTreeMap::new()) }
    }
}

impl windows::Chance for SeededChance {
    fn fill(&self, stream: &str, out: &mut [u8]) {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        let count = drawn.entry(stream.to_owned()).or_default();
        for chunk in out.chunks_mut(32) {
            let block = secret_of(self.seed, "client", &format!("{stream} {count}"));
            *count += 1;
            for (to, from) in chunk.iter_mut().zip(block) {
                *to = from;
            }
        }
    }
}

/// The wire of a room behind a proxy, with the CA that its machines trust.
pub fn wire(
    proxy: &str,
    ca_pem: &str,
    clock: Arc<dyn windows::Clock>,
    chance: Arc<dyn windows::Chance>,
) -> Result<windows::Wire, windows::WireError> {
    let spec = windows::WireSpec {
        proxy: Some(proxy.to_owned()),
        ca_pem: Some(ca_pem.to_owned()),
        ..windows::WireSpec::default()
    };
    windows::Wire::new(spec, clock, chance)
}
