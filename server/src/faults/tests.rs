//! The rules of the engine: windows, counts, draws, order, and what is refused.

use linarite_core::ids::{DeviceId, Guid};
use linarite_core::instant::{Instant, Offset, Span};
use linarite_core::replication::Made;
use proptest::prelude::*;

use super::*;
use crate::world::federation_settings::endpoints_of;

const START: Instant = Instant::from_seconds(1_772_442_000);
const HOST: &str = "login.microsoftonline.com";

fn fault(text: &str) -> Fault {
    serde_saphyr::from_str(text).unwrap()
}

const fn device(number: u8) -> DeviceId {
    DeviceId::new(Guid::from_bytes([number; 16]))
}

fn after(millis: i64) -> Instant {
    START + Span::from_millis(millis)
}

/// Which of the first connections a fault strikes.
fn struck(faults: &Faults, count: usize) -> Vec<bool> {
    (0..count).map(|_| faults.connection(HOST, START, Stage::Tls).0.is_some()).collect()
}

fn problems(text: &str) -> Vec<String> {
    match Faults::check("x", &fault(text)) {
        Ok(_) => Vec::new(),
        Err(FaultError::Problems { problems, .. }) => {
            problems.into_iter().map(|problem| problem.pointer).collect()
        }
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn a_window_begins_at_its_first_moment_and_ends_before_its_last() {
    let faults = Faults::new(7, START);
    faults.start("w", fault("unreachable: 502\nwindow: [+10m, +15m]"), START).unwrap();
    for (millis, strikes) in
        [(0, false), (599_999, false), (600_000, true), (899_999, true), (900_000, false)]
    {
        assert_eq!(
            faults.connection(HOST, after(millis), Stage::Tls).0.is_some(),
            strikes,
            "{millis}"
        );
    }
}

#[test]
fn times_bounds_the_strikes() {
    let faults = Faults::new(7, START);
    faults.start("t", fault("unreachable: 502\ntimes: 2"), START).unwrap();
    assert_eq!(struck(&faults, 4), [true, true, false, false]);
    assert_eq!(faults.running()[0].strikes, 2);
    assert_eq!(faults.running()[0].matches, 4);
}

#[test]
fn nth_names_the_matches_that_are_struck() {
    let faults = Faults::new(7, START);
    faults.start("n", fault("unreachable: 502\nnth: [1, 3]"), START).unwrap();
    assert_eq!(struck(&faults, 4), [true, false, true, false]);
}

#[test]
fn the_first_fault_that_may_strike_does_and_the_next_one_counts_only_what_is_left() {
    let faults = Faults::new(7, START);
    faults.start("b", fault("unreachable: 502\ntimes: 1"), START).unwrap();
    faults.start("a", fault("unreachable: 504"), START).unwrap();
    let ids: Vec<_> =
        (0..3).map(|_| faults.connection(HOST, START, Stage::Tls).0.unwrap().id).collect();
    assert_eq!(ids, ["b", "a", "a"]);
    assert_eq!(faults.running()[1].matches, 2);
}

#[test]
fn a_rate_follows_from_the_seed_and_other_hosts_do_not_move_it() {
    let text = "unreachable: 502\nrate: 0.5\nmatch: { host: login.* }";
    let (alone, crowded, other) =
        (Faults::new(7, START), Faults::new(7, START), Faults::new(8, START));
    for faults in [&alone, &crowded, &other] {
        faults.start("r", fault(text), START).unwrap();
    }
    let first = struck(&alone, 64);
    let second: Vec<bool> = (0..64)
        .map(|_| {
            assert!(crowded.connection("graph.microsoft.com", START, Stage::Tls).0.is_none());
            crowded.connection(HOST, START, Stage::Tls).0.is_some()
        })
        .collect();
    assert_eq!(first, second);
    assert_ne!(first, struck(&other, 64));
    let count = first.iter().filter(|struck| **struck).count();
    assert!((16..=48).contains(&count), "{count}");
}

#[test]
fn a_fault_that_never_struck_is_named() {
    let faults = Faults::new(7, START);
    faults.start("hits", fault("unreachable: 502"), START).unwrap();
    faults.start("misses", fault("unreachable: 502\nmatch: { host: nobody.test }"), START).unwrap();
    struck(&faults, 1);
    faults.stop("misses").unwrap();
    assert_eq!(faults.never_struck(), ["misses"]);
    assert!(faults.any());
    faults.stop("hits").unwrap();
    assert!(!faults.any());
}

#[test]
fn an_id_runs_once_and_what_does_not_run_cannot_be_stopped() {
    let faults = Faults::new(7, START);
    faults.start("x", fault("reset: accept"), START).unwrap();
    assert_eq!(
        faults.start("x", fault("reset: true"), START),
        Err(FaultError::Running("x".into()))
    );
    assert!(faults.stop("y").unwrap_err().to_string().contains("running: x"));
}

#[test]
fn starting_and_stopping_a_connection_fault_cuts_its_host_and_no_other() {
    let faults = Faults::new(7, START);
    let (mine, other) = (faults.cuts(HOST), faults.cuts("graph.microsoft.com"));
    faults
        .start("tls", fault("tls: { certificate: expired }\nmatch: { host: login.* }"), START)
        .unwrap();
    assert_eq!((*mine.borrow(), *other.borrow()), (1, 0));
    assert!(faults.connection(HOST, START, Stage::Tls).1);
    faults.stop("tls").unwrap();
    assert_eq!((*mine.borrow(), *other.borrow()), (2, 0));
    faults.start("exchange", fault("reset: true"), START).unwrap();
    assert_eq!(*mine.borrow(), 2);
}

#[test]
fn a_snapshot_brings_faults_and_counts_back() {
    let faults = Faults::new(7, START);
    faults.start("n", fault("unreachable: 502\nnth: [2]"), START).unwrap();
    struck(&faults, 1);
    let kept = faults.snapshot();
    struck(&faults, 3);
    faults.stop("n").unwrap();
    faults.restore(&kept);
    assert_eq!(struck(&faults, 2), [true, false]);
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    for (text, places) in [
        ("{}", vec![""]),
        ("reset: true\ngarbage: true", vec![""]),
        ("reset: false", vec!["/reset"]),
        ("reset: true\nwindow: [+5m, +5m]", vec!["/window"]),
        ("reset: true\nwindow: [soon, +5m]", vec!["/window/0"]),
        ("reset: true\nwindow: [-1m, +5m]", vec!["/window/0"]),
        ("reset: true\ntimes: 0\nnth: [1, 0]\nrate: 1.5", vec!["/times", "/nth/1", "/rate"]),
        ("tls: { certificate: expired }\nmatch: { path: /x }", vec!["/match"]),
        ("unreachable: 500", vec!["/unreachable"]),
        ("delay: 90m", vec!["/delay"]),
        ("delay: soon", vec!["/delay"]),
        ("slow: fast", vec!["/slow"]),
        ("hang: { for: x }", vec!["/hang/for"]),
        ("reply: { status: 99 }", vec!["/reply/status"]),
        ("mutate: {}", vec!["/mutate"]),
        ("mutate: { drop: [a] }\nafter: true", vec!["/after"]),
        ("reset: true\nmatch: { operation: jion }", vec!["/match/operation"]),
        ("invisible: { for: 5m }\ntimes: 2", vec![""]),
        ("soap_fault: { code: Sender, reason: x }", vec!["/soap_fault/code"]),
        ("federation: { clock_offset: x }", vec!["/federation/clock_offset"]),
        (
            "federation: { disable_endpoints: [mex, mecks] }",
            vec!["/federation/disable_endpoints/1"],
        ),
        ("federation: {}", vec!["/federation"]),
        ("federation: { domain: fabrikam.test }", vec!["/federation"]),
        ("directory: {}", vec!["/directory"]),
        ("directory: { replication_lag: 0s }", vec!["/directory/replication_lag"]),
        ("directory: { replication_lag: -5m }", vec!["/directory/replication_lag"]),
        ("invisible: { for: 0s }", vec!["/invisible/for"]),
    ] {
        assert_eq!(problems(text), places, "{text}");
    }
}

#[test]
fn unknown_members_are_refused() {
    for text in ["resett: true", "match: { hots: x }\nreset: true", "hang: { fro: 1s }"] {
        assert!(serde_saphyr::from_str::<Fault>(text).is_err(), "{text}");
    }
}

#[test]
fn every_effect_is_written_in_one_way_and_read_back() {
    for (word, text) in EFFECTS {
        let read = fault(text);
        let kind = Faults::check("x", &read).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(kind.word(), *word);
        let again: Fault = serde_json::from_value(serde_json::to_value(&read).unwrap()).unwrap();
        assert_eq!(again, read);
    }
    let words: Vec<_> = EFFECTS.iter().map(|(word, _)| *word).collect();
    let all: Vec<_> = EffectKind::ALL.iter().map(|kind| kind.word()).collect();
    assert_eq!(words, all);
}

const EFFECTS: &[(&str, &str)] = &[
    ("reply", "reply: { status: 503, headers: { Retry-After: '5' }, json: { a: 1 } }"),
    ("aadsts", "aadsts: 90033"),
    ("drs", "drs: { code: DirectoryError, subcode: x, message: y, status: 500 }"),
    (
        "soap_fault",
        "soap_fault: { code: 's:Sender', subcode: 'wst:FailedAuthentication', reason: r, status: 500 }",
    ),
    ("graph", "graph: { code: Request_BadRequest, status: 400 }"),
    ("mutate", "mutate: { json: { a.b: 1 }, header: { X-A: b }, drop: [c] }"),
    ("delay", "delay: { virtual: 5m }"),
    ("slow", "slow: 2KB/s"),
    ("hang", "hang: { for: 10m }"),
    ("reset", "reset: true"),
    ("close", "close: mid_body"),
    ("truncate", "truncate: 10"),
    ("garbage", "garbage: true"),
    ("throttle", "throttle: { retry_after: 30s, text: plain }"),
    ("tls", "tls: { certificate: untrusted-ca }"),
    ("unreachable", "unreachable: 504"),
    (
        "federation",
        "federation: { disable_endpoints: [usernamemixed], assertion: { not_before: -2h } }",
    ),
    ("directory", "directory: { read_only: true }"),
    ("invisible", "invisible: { for: 5m }"),
];

#[test]
fn federation_defects_are_those_of_the_first_fault_of_the_domain() {
    let faults = Faults::new(7, START);
    let text = "federation: { domain: fabrikam.test, disable_endpoints: [usernamemixed], clock_offset: -30m }";
    faults.start("f", fault(text), START).unwrap();
    let defects = faults.federation("FABRIKAM.test", START);
    assert_eq!(defects.fault.as_deref(), Some("f"));
    assert_eq!(defects.disabled.into_iter().collect::<Vec<_>>(), endpoints_of("usernamemixed"));
    assert_eq!(defects.clock_offset, Offset::from_minutes(-30));
    assert!(faults.federation("fabrikam.test", START).spoils_assertions());
    assert_eq!(faults.federation("contoso.test", START), FederationDefects::default());
}

#[test]
fn a_record_is_held_back_until_its_lag_is_over_and_only_when_it_was_made_meanwhile() {
    let faults = Faults::new(7, START);
    faults.made(device(1), Made::RecordAndKey, START);
    faults.start("lag", fault("directory: { replication_lag: 5m }"), START).unwrap();
    assert_eq!(faults.unseen_records(START), []);
    faults.made(device(2), Made::RecordAndKey, START);
    let held = [("lag".to_owned(), device(2))];
    for now in [START, after(299_999)] {
        assert_eq!(faults.unseen_records(now), held);
        assert_eq!(faults.unseen_keys(now), held);
    }
    assert_eq!(faults.unseen_records(after(300_000)), []);
    assert_eq!(faults.read_only(START), None);
    let kept = faults.snapshot();
    faults.stop("lag").unwrap();
    assert_eq!(faults.unseen_keys(START), []);
    faults.restore(&kept);
    assert_eq!(faults.unseen_keys(START), held);
}

#[test]
fn a_lag_with_a_window_holds_back_what_is_made_inside_it() {
    let faults = Faults::new(7, START);
    let text = "invisible: { for: 1h }\nwindow: [+10m, +15m]";
    faults.start("lag", fault(text), START).unwrap();
    for (made, number) in [(599_999, 1), (600_000, 2), (899_999, 3), (900_000, 4)] {
        faults.made(device(number), Made::Key, after(made));
    }
    let held: Vec<_> = faults.unseen_keys(after(1_000_000)).into_iter().map(|(_, d)| d).collect();
    assert_eq!(held, [device(2), device(3)]);
}

proptest! {
    #[test]
    fn no_fault_panics(text in ".{0,40}", number: u64, rate: f64) {
        let fault = Fault {
            window: Some([text.clone(), text.clone()]),
            times: Some(number),
            nth: Some(vec![number]),
            rate: Some(rate),
            slow: Some(text.clone()),
            delay: Some(Delay::Real(text.clone())),
            hang: Some(Hang { lasting: text.clone() }),
            ..Fault::default()
        };
        let _checked = Faults::check(&text, &fault);
    }

    #[test]
    fn no_text_panics(text in ".{0,80}") {
        let _read = serde_saphyr::from_str::<Fault>(&text);
    }
}
