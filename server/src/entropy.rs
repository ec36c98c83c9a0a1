//! The only source of chance: a seed and named streams.
//!
//! Each stream counts for itself, so that another draw in one place moves nothing elsewhere. Objects of a world file are
//! not drawn at all: their ids follow from the seed, the kind and the key in the file. A world with a state folder counts
//! its starts into the streams, so that a restart never repeats a draw.
//! Left out: what the crypto library draws for itself (OAEP padding, ECDSA, TLS).

use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::digest::{Context, SHA256, digest};
use linarite_core::ids::Guid;

/// What a draw is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Initialisation vectors of sealed grants.
    Seal,
    /// Session keys of primary refresh tokens.
    SessionKey,
    /// Nonces and codes.
    Once,
    /// Trace ids, correlation ids, request ids.
    Trace,
    /// Contexts and initialisation vectors of encrypted answers.
    Reply,
    /// Serial numbers of device certificates.
    Serial,
    /// Unique ids of tokens.
    Token,
}

const STREAMS: usize = 7;

/// The chance of one world.
#[derive(Debug)]
pub struct Entropy {
    seed: u64,
    start: u64,
    counters: [AtomicU64; STREAMS],
}

impl Entropy {
    /// The chance of a world with this seed, at its `start`-th start.
    pub fn new(seed: u64, start: u64) -> Self {
        Self { seed, start, counters: [const { AtomicU64::new(0) }; STREAMS] }
    }

    /// A seed for a world that was given none.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that draws real chance")]
    pub fn fresh_seed() -> u64 {
        let mut bytes = [0; 8];
        // Without randomness of the system there would be no TLS either; any seed will do then.
        let _drawn = aws_lc_rs::rand::fill(&mut bytes);
        // Short enough to be read out and typed: 40 bits.
        u64::from_le_bytes(bytes) >> 24
    }

    /// A secret that must not follow from any seed, such as the token of a control listener.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that draws real chance")]
    pub fn secret() -> [u8; 32] {
        let mut bytes = [0; 32];
        let _drawn = aws_lc_rs::rand::fill(&mut bytes);
        bytes
    }

    /// The seed.
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// Draws the next bytes of a stream.
    pub fn draw<const N: usize>(&self, stream: Stream) -> [u8; N] {
        let count = match self.counters.get(stream as usize) {
            Some(counter) => counter.fetch_add(1, Ordering::Relaxed),
            None => 0,
        };
        let mut drawn = [0; N];
        for (block, chunk) in drawn.chunks_mut(32).enumerate() {
            // In one piece, because a hash that is fed piece by piece is allocated.
            let mut hashed = [0; 16 + 5 * 8];
            let numbers = [self.seed, self.start, stream as u64, count, block as u64];
            let bytes = numbers.into_iter().flat_map(u64::to_be_bytes);
            for (to, from) in
                hashed.iter_mut().zip(b"linarite stream ".iter().copied().chain(bytes))
            {
                *to = from;
            }
            for (to, from) in chunk.iter_mut().zip(digest(&SHA256, &hashed).as_ref()) {
                *to = *from;
            }
        }
        drawn
    }

    /// Draws a GUID.
    pub fn guid(&self, stream: Stream) -> Guid {
        Guid::from_random(self.draw(stream))
    }

    /// How far each stream has counted, for a snapshot.
    pub fn counters(&self) -> Vec<u64> {
        self.counters.iter().map(|c| c.load(Ordering::Relaxed)).collect()
    }

    /// Puts the streams back to where a snapshot had them.
    pub fn restore(&self, counters: &[u64]) {
        for (counter, value) in self.counters.iter().zip(counters) {
            counter.store(*value, Ordering::Relaxed);
        }
    }
}

/// The GUID of an object: it follows from the seed, the kind of object and its key in the world file, or its number among
/// those made at run time.
pub fn object_guid(seed: u64, kind: &str, key: &str) -> Guid {
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(secret_of(seed, kind, key)) {
        *to = from;
    }
    Guid::from_random(bytes)
}

/// A secret that follows from the seed, such as the key that seals a world's grants.
pub fn secret_of(seed: u64, kind: &str, key: &str) -> [u8; 32] {
    let mut hash = Context::new(&SHA256);
    hash.update(b"linarite object ");
    hash.update(&seed.to_be_bytes());
    hash.update(&(kind.len() as u64).to_be_bytes());
    hash.update(kind.as_bytes());
    hash.update(key.as_bytes());
    let mut secret = [0; 32];
    for (to, from) in secret.iter_mut().zip(hash.finish().as_ref()) {
        *to = *from;
    }
    secret
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same() {
        let (a, b) = (Entropy::new(7, 0), Entropy::new(7, 0));
        assert_eq!(a.draw::<48>(Stream::Once), b.draw::<48>(Stream::Once));
        assert_ne!(a.draw::<16>(Stream::Once), Entropy::new(8, 0).draw::<16>(Stream::Once));
        assert_ne!(b.draw::<16>(Stream::Once), Entropy::new(7, 1).draw::<16>(Stream::Once));
    }

    #[test]
    fn a_draw_in_one_stream_moves_nothing_in_another() {
        let (a, b) = (Entropy::new(7, 0), Entropy::new(7, 0));
        let _moved = a.draw::<32>(Stream::Trace);
        assert_eq!(a.draw::<32>(Stream::SessionKey), b.draw::<32>(Stream::SessionKey));
    }

    #[test]
    fn objects_take_their_ids_from_their_keys() {
        assert_eq!(object_guid(1, "user", "alice"), object_guid(1, "user", "alice"));
        assert_ne!(object_guid(1, "user", "alice"), object_guid(1, "device", "alice"));
        assert_ne!(object_guid(1, "user", "alice"), object_guid(2, "user", "alice"));
    }
}
