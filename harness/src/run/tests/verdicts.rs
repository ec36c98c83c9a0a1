//! Expected failures, invariants and the clocks of clients.

use super::*;

const FAILS: &str = "steps:\n  - id: one\n    clock: { advance: 1m }\n  - id: two\n    http: { get: https://files.nowhere.test/ }\n";

#[tokio::test]
async fn an_expected_failure_is_one_only_where_it_is_expected() {
    for (xfail, verdict) in [
        ("{ because: x, issue: \"7\" }", Verdict::XFail),
        ("{ because: x, issue: \"7\", steps: [two] }", Verdict::XFail),
        ("{ because: x, issue: \"7\", steps: [one] }", Verdict::Fail),
    ] {
        let ran = ran(&format!("xfail: {xfail}\n{FAILS}")).await;
        assert_eq!(ran.verdicts(), [verdict], "{xfail}: {}", ran.failures());
    }
}

#[tokio::test]
async fn a_pass_that_was_not_expected_fails_unless_it_is_allowed() {
    let steps = "steps:\n  - clock: { advance: 1m }\n";
    let strict = ran(&format!("xfail: {{ because: x, issue: \"7\" }}\n{steps}")).await;
    assert_eq!(strict.verdicts(), [Verdict::XPass]);
    assert!(strict.failures().contains("passes unexpectedly, remove `xfail`: x (7)"));
    let lax = ran(&format!("xfail: {{ because: x, issue: \"7\", strict: false }}\n{steps}")).await;
    assert_eq!(lax.verdicts(), [Verdict::Pass]);
}

#[tokio::test]
async fn an_invariant_is_looked_at_after_each_step_and_each_move_of_the_clock() {
    let ran = ran("invariants:
  - value: $(clock.now)
    lt: 2026-03-02T09:05:00Z
steps:
  - clock: { advance: 4m }
  - name: Too late
    check: { users: { count: 1 } }
    consistently: { for: 10m, every: 1m }
")
    .await;
    assert_eq!(ran.verdicts(), [Verdict::Fail]);
    let failures = ran.failures();
    assert!(failures.contains("invariant value") && failures.contains("09:05:00"), "{failures}");
    let ends = ran.events.iter().filter(|event| matches!(event, RunEvent::StepEnd { .. }));
    assert_eq!(ends.count(), 2);
}

#[tokio::test]
async fn a_client_with_a_virtual_clock_sees_the_time_of_the_world() {
    let ran = ran(r#"steps:
  - run: { argv: [date, "-u", "+%Y-%m-%dT%H:%M"], client_clock: virtual }
    expect: { stdout: { one_of: ["2026-03-02T09:00\n", "2026-03-02T08:59\n"] } }
  - clock: { advance: 61m }
  - run: { argv: [date, "-u", "+%Y-%m-%dT%H:%M"], client_clock: virtual }
    expect: { stdout: { one_of: ["2026-03-02T10:01\n", "2026-03-02T10:00\n"] } }
"#)
    .await;
    let wanted = if crate::cli::faketime().is_some() { Verdict::Pass } else { Verdict::Skip };
    assert_eq!(ran.verdicts(), [wanted], "{}", ran.failures());
}

#[tokio::test]
async fn without_the_library_a_virtual_clock_skips_and_says_why() {
    let mut options = options();
    options.surroundings.faketime = || None;
    let steps = "steps:\n  - run: { argv: [date], client_clock: virtual }\n";
    let ran = run_with(steps, options).await;
    assert_eq!(ran.verdicts(), [Verdict::Skip]);
    assert!(ran.failures().contains("lib:faketime is not there"));
}

#[tokio::test]
async fn a_client_that_sees_real_time_is_told_of_once() {
    let steps = "steps:\n  - run: { argv: [date] }\n  - run: { argv: [date] }\n";
    let ran = ran(steps).await;
    assert_eq!(ran.verdicts(), [Verdict::Pass]);
    let notes = ran.events.iter().filter(|event| matches!(event, RunEvent::Note { .. }));
    assert_eq!(notes.count(), 1);
}
