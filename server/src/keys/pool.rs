//! The public test keys that seeded worlds sign with.
//!
//! Four RSA keys of 2048 bits from `fixtures/keys` are compiled in; anybody can read them, so they prove nothing to
//! anybody who matters, and they never sign TLS. Keys 04 and up belong to the emulated client and are not here.

use super::rsa_key::{NotAKey, RsaKey};

/// One key of the pool, not parsed yet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TestKey {
    number: usize,
    der: &'static [u8],
}

impl std::fmt::Debug for TestKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TestKey({})", self.number)
    }
}

impl TestKey {
    /// How many keys there are.
    pub const COUNT: usize = 4;

    /// Key number `n`, counted round when `n` is beyond the pool.
    pub const fn pick(n: usize) -> Self {
        let number = n % Self::COUNT;
        let der: &[u8] = match number {
            0 => include_bytes!("../../../fixtures/keys/rsa-00.pk8"),
            1 => include_bytes!("../../../fixtures/keys/rsa-01.pk8"),
            2 => include_bytes!("../../../fixtures/keys/rsa-02.pk8"),
            _ => include_bytes!("../../../fixtures/keys/rsa-03.pk8"),
        };
        Self { number, der }
    }

    /// The private key in DER, as the file holds it.
    pub const fn der(self) -> &'static [u8] {
        self.der
    }

    /// Parses and checks it, which costs about two signatures: keep the result.
    pub fn load(self) -> Result<RsaKey, NotAKey> {
        RsaKey::from_der(self.der)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_the_pool_loads_and_no_two_are_alike() {
        let keys: Vec<_> = (0..TestKey::COUNT).map(|n| TestKey::pick(n).load().unwrap()).collect();
        for (n, key) in keys.iter().enumerate() {
            assert_eq!(key.public().bits(), 2048);
            for other in &keys[n + 1..] {
                assert_ne!(key.public(), other.public());
            }
        }
        assert_eq!(TestKey::pick(TestKey::COUNT), TestKey::pick(0));
    }
}
