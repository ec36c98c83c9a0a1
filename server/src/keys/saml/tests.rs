//! Assertions against themselves, against attackers, and against a foreign verifier.
