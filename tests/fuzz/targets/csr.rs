//! Fuzzes the readers of certificate requests, certificates and transport keys.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| linarite_server::fuzzing::csr(data));
