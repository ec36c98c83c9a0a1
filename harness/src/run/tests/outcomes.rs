//! What counts as a failure of an act, and what is said of it.

use super::*;

/// The one step fails, and its failure says all of this.
async fn fails(steps: &str, says: &[&str]) {
    let ran = ran(&format!("steps:\n{steps}")).await;
    assert_eq!(ran.verdicts(), [Verdict::Fail], "{steps}");
    for words in says {
        assert!(ran.failures().contains(words), "{steps}{}", ran.failures());
    }
}

#[tokio::test]
async fn an_act_that_never_came_to_an_end_is_not_what_was_expected_of_its_end() {
    let none = ["no-such-program cannot be run"];
    fails("  - run: { argv: [no-such-program] }\n    expect: { exit: { is_not: 0 } }\n", &none)
        .await;
    fails("  - run: { argv: [no-such-program] }\n    expect: { exit: 0 }\n", &none).await;
    fails("  - http: { get: notaurl }\n    expect: { status: { is_not: 200 } }\n", &["URL"]).await;
}

#[tokio::test]
async fn a_refusal_is_expected_only_by_what_it_says() {
    let join = "  - machine: pc1\n    user: alice\n    join: { password: wrong }\n    expect:";
    let unsaid = format!("{join} {{ error: {{ sub: {{ exists: false }} }} }}\n");
    fails(&unsaid, &["AADSTS50126"]).await;
    let said = ran(&format!("steps:\n{join} {{ error: {{ aadsts: 50126 }} }}\n")).await;
    assert_eq!(said.verdicts(), [Verdict::Pass], "{}", said.failures());
}

#[tokio::test]
async fn a_failure_that_was_expected_otherwise_is_told_with_its_cause() {
    let admin = "  - admin: { disable_device: 11111111-2222-3333-4444-555555555555 }\n    expect: { exit: 0 }\n";
    fails(admin, &["exit: expected 0, was 1", "the act itself failed: ", "11111111"]).await;
}

#[tokio::test]
async fn what_a_use_step_expects_and_keeps_is_judged_after_its_steps() {
    for (rest, verdict) in [
        ("expect: { value: 1, equals: 2 }", Verdict::Fail),
        ("expect: { value: $(clock.now), equals: \"2026-03-02T09:01:00Z\" }", Verdict::Pass),
        ("capture: { kept: $(clock.now) }", Verdict::Pass),
    ] {
        let used = "steps:\n  - use: { file: ./minute.action.yaml }\n    id: used\n";
        let kept = "  - check: { value: \"$(default(kept, 1))\", exists: true, journal: { since: used } }\n";
        let ran = ran(&format!("{used}    {rest}\n{kept}")).await;
        assert_eq!(ran.verdicts(), [verdict], "{rest}: {}", ran.failures());
    }
}

#[tokio::test]
async fn a_repeated_step_may_take_back_that_it_was_elevated() {
    let ran = ran("vars: { what: /leave }
steps:
  - { id: leave, machine: pc1, elevated: true, dsregcmd: $(what) }
  - { repeat: leave, expect: { exit: 0 } }
  - { repeat: leave, elevated: false, expect: { exit: { is_not: 0 } } }
  - check: { journal: { where: { tool: dsregcmd, args: /leave }, count: 3 } }
")
    .await;
    assert_eq!(ran.verdicts(), [Verdict::Pass], "{}", ran.failures());
}

#[tokio::test]
async fn cases_that_differ_in_strange_letters_have_worlds_of_their_own() {
    let steps = "table: [{ case: a b }, { case: a/b }, { case: \u{434}\u{430} }, { case: \u{43d}\u{435} }]
steps:
  - run: { sh: 'curl -sf --noproxy \"*\" -H \"Authorization: Bearer $LINARITE_CONTROL_TOKEN\" \"$LINARITE_CONTROL_URL/worlds/$LINARITE_WORLD\"' }
    expect: { stdout: { contains: $(world.id) } }
";
    let ran = ran(steps).await;
    assert_eq!(ran.verdicts(), [Verdict::Pass; 4], "{}", ran.failures());
}

#[tokio::test]
async fn a_step_that_takes_too_long_is_ended_and_named() {
    let ran = ran("timeout: 2s
steps:
  - { name: The slow one, run: { sh: 'echo half; exec sleep 60' } }
always:
  - { name: Fails, check: { value: 1, equals: 2 } }
  - { name: Still runs, check: { value: 1, equals: 1 } }
")
    .await;
    assert_eq!(ran.verdicts(), [Verdict::Timeout], "{}", ran.failures());
    let end = |event: &RunEvent| {
        if let RunEvent::StepEnd { step, verdict, output, failure, .. } = event {
            Some((*step, *verdict, output.clone(), failure.clone()))
        } else {
            None
        }
    };
    let ends: Vec<_> = ran.events.iter().filter_map(end).collect();
    assert_eq!(ends.len(), 3);
    let (step, verdict, output, failure) = &ends[0];
    assert_eq!((*step, *verdict, output.as_deref()), (1, Verdict::Timeout, Some("half")));
    assert!(failure.as_ref().unwrap().contains("this step was under way"));
    assert_eq!((ends[1].1, ends[2].1), (Verdict::Fail, Verdict::Pass));
}

#[tokio::test]
async fn the_time_of_a_step_counts_for_every_action_and_for_all_steps_inside_it() {
    let slow = "faults: { slow: { match: { path: /common/* }, hang: { for: 20s } } }
steps:
  - fault: { start: slow }
";
    let ask = "http: { get: https://login.microsoftonline.com/common/discovery/keys }";
    for step in [
        format!("  - {{ timeout: 300ms, {ask} }}\n"),
        format!("  - timeout: 300ms\n    sequence:\n      - {{ {ask}, name: Inner }}\n"),
    ] {
        let ran = ran(&format!("{slow}{step}")).await;
        assert_eq!(ran.verdicts(), [Verdict::Timeout], "{}", ran.failures());
        assert!(ran.failures().contains("took longer than 300ms"), "{}", ran.failures());
    }
}
