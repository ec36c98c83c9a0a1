//! Fuzzes the readers of a request for a token of a federation server (SOAP).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| linarite_server::fuzzing::soap(data));
