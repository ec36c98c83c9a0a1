//! Fuzzes the readers of signed requests of clients (JWS, JWE).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| linarite_server::fuzzing::jose(data));
