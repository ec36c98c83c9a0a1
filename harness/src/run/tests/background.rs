//! Commands in the background.

use super::*;

#[tokio::test]
async fn a_command_in_the_background_is_ready_when_it_says_so_and_waited_for_by_name() {
    let ran = ran(r#"steps:
  - run: { sh: "echo up; sleep 0.3; echo done", background: one, ready_when: { stdout: "^up$" } }
    expect: { stdout: "up\n" }
  - run: { argv: [sleep, "60"], background: two }
  - run: { stop: two, signal: INT }
    expect: { exit: "signal:2" }
  - run: { wait: one }
    expect: { exit: 0, lines: [up, done] }
"#)
    .await;
    assert_eq!(ran.verdicts(), [Verdict::Pass], "{}", ran.failures());
    assert_eq!(ran.summary.counts.passed, 1);
}

#[tokio::test]
async fn one_that_ends_before_it_is_ready_fails_its_step_and_says_with_what() {
    let ran = ran(r#"steps:
  - run: { sh: "echo no >&2; exit 3", background: one, ready_when: { port: 1 } }
"#)
    .await;
    assert_eq!(ran.verdicts(), [Verdict::Fail]);
    assert!(
        ran.failures().contains("`one` ended before it was ready, with 3"),
        "{}",
        ran.failures()
    );
}

#[tokio::test]
async fn one_that_had_ended_cannot_be_stopped() {
    let ran = ran(r#"steps:
  - run: { argv: ["true"], background: one, ready_when: { stdout: "^" } }
  - run: { argv: [sleep, "0.2"] }
  - run: { stop: one }
"#)
    .await;
    assert_eq!(ran.verdicts(), [Verdict::Fail]);
    assert!(ran.failures().contains("had ended by itself before, with 0"), "{}", ran.failures());
}

#[tokio::test]
async fn the_end_of_an_instance_ends_grandchildren_that_hold_the_pipes() {
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    let ran = ran(&format!(
        "steps:\n  - run: {{ sh: \"sleep 60 & echo $! > {0}; echo up; wait\", background: one, ready_when: {{ stdout: up }} }}\n",
        pid.display()
    ))
    .await;
    assert_eq!(ran.verdicts(), [Verdict::Pass], "{}", ran.failures());
    assert!(gone(&pid).await);
}

#[tokio::test]
async fn a_step_over_its_time_takes_its_grandchildren_along() {
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    let ran = ran(&format!(
        "steps:\n  - run: {{ sh: \"sleep 60 & echo $! > {0}; wait\", timeout: 300ms }}\n    expect: {{ exit: timeout }}\n",
        pid.display()
    ))
    .await;
    assert_eq!(ran.verdicts(), [Verdict::Pass], "{}", ran.failures());
    assert!(gone(&pid).await);
}

/// Whether the process whose number is in this file ends soon: a kill is not waited for by the one who sends it.
async fn gone(file: &std::path::Path) -> bool {
    let pid = std::fs::read_to_string(file).unwrap();
    let mut looks = tokio::time::interval(Duration::from_millis(10));
    for _ in 0..500 {
        let state = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
        // A zombie runs nothing.
        if state.map_or(true, |state| state.contains(") Z") || state.contains(") X")) {
            return true;
        }
        looks.tick().await;
    }
    false
}
