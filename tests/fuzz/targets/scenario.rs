//! Fuzzes the reader of scenario files with its lints. The text stands for every file that it names, too.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| linarite_harness::fuzzing::scenario(data));
