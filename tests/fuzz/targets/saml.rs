//! Fuzzes the reader and verifier of SAML assertions.
#![no_main]

use std::sync::OnceLock;

use linarite_server::fuzzing::Saml;

static SAML: OnceLock<Saml> = OnceLock::new();

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    SAML.get_or_init(|| Saml::new().expect("the key signs")).check(data);
});
