//! Fuzzes requests to Graph that read: paths, query options, filters, and the questions that the directory is asked.
#![no_main]

use std::sync::OnceLock;

use linarite_server::fuzzing::Graph;

static GRAPH: OnceLock<Graph> = OnceLock::new();

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    GRAPH.get_or_init(|| Graph::new().expect("the world starts")).check(data);
});
