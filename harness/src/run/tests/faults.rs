//! Faults that steps start and stop.

use super::*;

const FAULTS: &str = "faults:
  broken: { match: { host: login.microsoftonline.com }, reply: { status: 418 } }
  idle: { match: { host: nobody.test }, reply: { status: 418 } }
";
const ASK: &str = "http: { get: https://login.microsoftonline.com/common/discovery/keys }";

#[tokio::test]
async fn a_fault_strikes_from_its_start_to_its_stop() {
    let ran = ran(&format!(
        "{FAULTS}steps:\n  - {ASK}\n  - fault: {{ start: broken }}\n  - {ASK}\n    expect: {{ status: 418 }}\n  - fault: {{ stop: broken }}\n  - {ASK}\n    expect: {{ status: 200, journal: {{ where: {{ kind: fault.hit }}, count: 1 }} }}\n"
    ))
    .await;
    assert_eq!(ran.verdicts(), [Verdict::Pass], "{}", ran.failures());
}

#[tokio::test]
async fn a_window_ends_with_its_steps_even_when_one_fails() {
    let ran = ran(&format!(
        "{FAULTS}steps:\n  - fault:\n      with: {{ match: {{ path: /common/* }}, reply: {{ status: 418 }} }}\n      steps:\n        - {ASK}\nalways:\n  - {ASK}\n    expect: {{ status: 200 }}\n"
    ))
    .await;
    assert_eq!(ran.verdicts(), [Verdict::Fail], "{}", ran.failures());
    assert!(ran.failures().contains("the answer is 418"), "{}", ran.failures());
}

#[tokio::test]
async fn a_fault_that_still_runs_stops_before_always_and_one_that_never_struck_is_told() {
    let text = format!(
        "{FAULTS}steps:\n  - fault: {{ start: broken }}\n  - fault: {{ start: idle }}\n  - {ASK}\n    expect: {{ status: 418 }}\nalways:\n  - {ASK}\n    expect: {{ status: 200 }}\n"
    );
    let lax = ran(&text).await;
    assert_eq!(lax.verdicts(), [Verdict::Pass], "{}", lax.failures());
    let warned = |event: &&RunEvent| matches!(event, RunEvent::Note { warning: true, text, .. } if text.contains("`idle`"));
    assert_eq!(lax.events.iter().filter(warned).count(), 1);
    let strict = run_with(&text, Options { strict: true, ..options() }).await;
    assert_eq!(strict.verdicts(), [Verdict::Fail]);
}

#[test]
fn what_the_server_says_of_a_fault_is_said_at_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.scenario.yaml");
    let faults = "faults:\n  a: { rpely: { status: 1 } }\n  b: { rate: 2, garbage: true }\n  c: { reply: { status: x } }\nsteps: []\n";
    std::fs::write(&path, text(faults)).unwrap();
    let loaded = plan::read(&[path]).remove(0);
    let found: Vec<u32> = loaded
        .findings
        .iter()
        .filter(|finding| finding.code == "scn::fault")
        .map(crate::scenario::Finding::line)
        .collect();
    assert_eq!(found, [9, 10, 11]);
}
