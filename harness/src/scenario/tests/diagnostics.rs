//! Broken files and what is said about each.

use proptest::prelude::*;

use super::*;

#[test]
fn five_mistakes_in_five_steps_are_five_positions() {
    let text = with_head(
        "steps:
  - machine: pc1
    user: alice
    join: { kind: azure-ad }
    expct: { exit: 0 }
  - machine: pc1
    user: alice
    join: { builtin_administrator: 5 }
  - machine: pc9
    dsregcmd: /status
  - http: { get: https://files.contoso.test/me, bearer: $(att) }
  - clock: { advance: 2 minuts }
",
    );
    assert_eq!(
        findings(&text),
        [
            "9:5 unknown-key: there is no key `expct` here",
            "12:36 wrong-type: true or false is expected, not a number",
            "13:14 unknown-machine: no machine is called `pc9`",
            "15:59 undefined: `att` is not defined",
            "16:23 bad-duration: `2 minuts` is not a duration: there is no unit `minuts`; use d, h, m, s or ms",
        ]
    );
}

#[test]
fn several_mistakes_in_one_step_are_all_reported() {
    let text = with_head(
        "steps:
  - machine: pc1
    timeout: 5
    elevated: yes
    token: { resource: flies, flow: ptr }
    expect: { claims: [], exit: { eq: 0 } }
",
    );
    assert_eq!(
        findings(&text),
        [
            "7:14 wrong-type: a duration such as 1h 30m is expected, not a number",
            "8:15 wrong-type: true or false is expected, not text",
            "9:24 unknown-app: no app is called `flies`",
            "9:37 unknown-word: `ptr` is not one of the words that may stand here",
            "10:23 wrong-type: a map is expected, not a list",
            "10:35 unknown-operator: there is no operator `eq`",
        ]
    );
}

/// Broken files by what is wrong with their steps: lines from the sixth on, and findings.
#[test]
fn each_lint_says_what_and_where() {
    let cases: &[(&str, &[&str])] = &[
        ("  - machine: pc1\n", &["6:5 one-action: this step has no action"]),
        (
            "  - { machine: pc1, dsregcmd: /status, leave: {} }\n",
            &["6:40 one-action: `leave` is a second action in this step"],
        ),
        (
            "  - { id: a, clock: { advance: 1m } }\n  - { id: a, clock: { advance: 1m } }\n",
            &["7:11 duplicate-id: two steps are called `a`"],
        ),
        (
            "  - { user: alice, join: {} }\n  - { machine: pc1, sequence: [{ leave: {} }] }\n",
            &["6:20 no-machine: `join` happens on a machine, and this step names none"],
        ),
        (
            "  - { id: a, http: { get: x }, expect: { exit: 0, status: 200 } }\n  - { repeat: a, expect: { claims: { aud: z }, body: y } }\n  - { check: { status: 200 } }\n",
            &[
                "6:42 misplaced-expectation: `http` gives no `exit` to look at",
                "7:28 misplaced-expectation: `http` gives no `claims` to look at",
                "8:16 misplaced-expectation: `check` gives no `status` to look at",
            ],
        ),
        ("  - { repeat: cal }\n", &["6:15 unknown-step: no step has the id `cal`"]),
        (
            "  - { repeat: a }\n  - { id: a, clock: { advance: 1m } }\n",
            &["6:15 unknown-step: the step `a` has not run before"],
        ),
        (
            "  - { user: alise, machine: pc1, join: {} }\n",
            &["6:13 unknown-user: no user is called `alise`"],
        ),
        (
            "  - { user: alice, machine: pc1, windows_user: bea, add_account: {} }\n",
            &["6:48 unknown-user: `pc1` has no Windows user `bea`"],
        ),
        (
            "  - machine: pc1\n    dsregcmd: /status\n    capture: { alice: dsreg.DeviceId }\n",
            &["8:16 shadowed: `alice` would hide an object of the world of the same name"],
        ),
        (
            "  - machine: pc1\n    dsregcmd: /status\n    capture: { d: dsreg.DeviceId }\n",
            &["~8:16 unused-capture: nothing uses the capture `d`"],
        ),
        (
            "  - { check: { value: $(d), is: uuid } }\n  - machine: pc1\n    dsregcmd: /status\n    capture: { d: dsreg.DeviceId }\n",
            &[
                "6:25 undefined: `d` is not known yet",
                "~9:16 unused-capture: nothing uses the capture `d`",
            ],
        ),
        (
            "  - { check: { value: $(alice.upn, is: uuid } }\n",
            &["6:23 bad-expression: the reference is not closed"],
        ),
        (
            "  - { check: { value: \"x $(alice.upn = 'a')\", is: string } }\n",
            &["6:38 bad-expression: `=` means nothing in an expression"],
        ),
        (
            "  - { check: { value: $(lenght(alice)), is: number } }\n",
            &["6:25 unknown-function: there is no function `lenght`"],
        ),
        (
            "  - { check: { value: $(row.x), is: string } }\n",
            &["6:25 undefined: `row` is known only in a scenario with a `table` or a `matrix`"],
        ),
        (
            "  - for_each: [{ a: 1 }, { b: 2 }]\n    check: { value: $(each.a), is: number }\n",
            &["7:23 undefined: `each.a` is missing in number 2"],
        ),
        (
            "  - run: { argv: [x] }\n    expect: { output: { matches: '(' } }\n",
            &["7:34 bad-regex: `(` is not a regular expression: unclosed group"],
        ),
        (
            "  - http: { get: x }\n    expect: { json: { $..a: 1 }, error: { aadst: 5 } }\n",
            &[
                "7:23 bad-path: `$..a` is not a JSON path: descendants (`..`) are not supported",
                "7:43 unknown-key: an error has no `aadst`",
            ],
        ),
        (
            "  - check: { devices: { where: { id: { older_than: soon } }, count: { gr: 1 } } }\n",
            &[
                "6:52 bad-duration: `soon` is not a duration: a whole number is expected before each unit",
                "6:71 unknown-operator: there is no operator `gr`",
            ],
        ),
        (
            "  - check: { value: 5 }\n  - check: { is: uuid }\n",
            &[
                "6:14 bad-matcher: `value` needs an operator beside it, such as `equals`",
                "7:14 bad-matcher: `is` needs a `value` beside it",
            ],
        ),
        (
            "  - { machine: pc1, user: alice, join: {}, eventually: { within: 1m } }\n",
            &["~6:44 repeated-action: `eventually` repeats `join`, which changes something"],
        ),
        (
            "  - run: { argv: [x], sh: y }\n  - run: {}\n  - http: { get: a, post: b }\n  - http: {}\n",
            &[
                "6:23 one-of: `run` takes one of `argv`, `sh`, `wait` and `stop`",
                "7:10 missing-key: `run` needs `argv`, `sh`, `wait` or `stop`",
                "8:21 one-of: a request has exactly one method",
                "9:11 missing-key: a request has exactly one method",
            ],
        ),
        (
            "  - run: { argv: [x], background: web, ready_when: {} }\n  - run: { stop: wep, signal: INT }\n  - run: { wait: web, signal: INT }\n  - run: { sh: y, ready_when: { port: 1 } }\n",
            &[
                "6:52 missing-key: a command is ready by exactly one sign",
                "7:18 unknown-background: no step before this one runs `wep` in the background",
                "8:23 missing-key: `signal` says something only beside `stop`",
                "9:19 missing-key: `ready_when` says something only beside `background`",
            ],
        ),
        (
            "  - network: { }\n    machine: pc1\n  - leave:\n    machine: pc1\n",
            &[
                "6:14 missing-key: the key `online` is missing here",
                "8:10 wrong-type: a map is expected, not nothing",
            ],
        ),
        (
            "  - run: { argv: [x] }\n    capture: { a: acces_token, b: 'stdout:/(/' }\n  - check: { value: $(a)$(b), is: string }\n",
            &[
                "7:19 bad-capture: `acces_token` is no source of captures",
                "7:35 bad-regex: `(` is not a regular expression: unclosed group",
            ],
        ),
        (
            "  - check: { xpath: {}, tls: {} }\n  - fault: { start: x }\n  - { machine: pc1, join: { kind: workplace } }\n",
            &[
                "6:14 not-emulated: not emulated yet: xpath",
                "6:25 not-emulated: not emulated yet: tls",
                "7:21 unknown-fault: no fault is called `x`",
                "8:35 not-emulated: not emulated yet: kind: workplace",
            ],
        ),
        (
            "  - token: { client: ofice, flow: prt }\n    machine: pc1\n  - token: { resource: graph, scope: x }\n    machine: pc1\n",
            &[
                "6:12 missing-key: a token is for either a resource or a scope",
                "6:22 unknown-app: no app is called `ofice`",
                "8:31 one-of: a token is for either a resource or a scope",
            ],
        ),
        (
            "  - { check: {} }\n  - { check: [] }\n  - { check: { because: x } }\n  - { http: { get: x }, expect: { error: {}, json: {} } }\n",
            &[
                "6:14 no-expectation: `check` expects nothing",
                "7:14 no-expectation: `check` expects nothing",
                "8:14 no-expectation: `check` expects nothing",
                "9:42 no-expectation: `error` names nothing to look at",
                "9:52 no-expectation: `json` names nothing to look at",
            ],
        ),
        (
            "  - { user: alice, check: { access: { app: graph } } }\n  - { for_each: [], clock: { advance: 1m } }\n",
            &[
                "6:37 no-expectation: `access` says nothing of how it ends: add `result`, `reason` or `aadsts`",
                "7:17 no-rows: `for_each` has no element, so nothing would run",
            ],
        ),
        (
            "  - check: { journal: { where: { kind: acess.denied }, count: 0 } }\n  - check: { journal: { none: { kind: { one_of: [token.*, joined] } } } }\n",
            &[
                "6:40 unknown-word: no event of the journal has the kind `acess.denied`",
                "7:59 unknown-word: no event of the journal has the kind `joined`",
            ],
        ),
        (
            "  - check: { devices: { each: { accountEnabld: true, revocation.tokensFrom: null } }, users: { distinct: upm } }\n",
            &[
                "6:33 unknown-key: a device has no `accountEnabld`",
                "6:106 unknown-key: a user has no `upm`",
            ],
        ),
        (
            "  - machine: pc1\n    check: { dsreg: { AzureAdJoind: { is_not: \"YES\" }, Work Account 1.NgcSet: \"NO\" } }\n",
            &["7:23 unknown-key: `dsregcmd /status` has no `AzureAdJoind`"],
        ),
        (
            "  - token: { resource: graph, flow: password }\n    user: alice\n    expect: { claims: { of: idtoken, sub: x } }\n  - token: { resource: graph, flow: password }\n    user: alice\n    expect: { claims: { of: id_token } }\n",
            &[
                "8:29 unknown-word: `of` names the token to look at: access_token or id_token",
                "11:23 no-expectation: `claims` names nothing to look at",
            ],
        ),
        (
            "  - sequence: [{ clock: { advance: 1m } }]\n    consistently: { for: 59m, every: 1m }\n  - check: { users: { count: 2 } }\n    eventually: { within: 1m }\n    consistently: { for: -5m, every: 0s }\n  - clock: { advance: -5m }\n",
            &[
                "7:5 misplaced-expectation: `consistently` does not repeat the steps of a `sequence`",
                "10:5 one-of: a step has either `eventually` or `consistently`",
                "10:26 bad-duration: `-5m` is no time at all: it must be longer than nothing",
                "10:38 bad-duration: `0s` is no time at all: it must be longer than nothing",
                "11:23 bad-duration: `advance` only goes forward",
            ],
        ),
        (
            "  - { http: { post: x, json: {}, body: y } }\n  - { check: { users: { since: start } } }\n  - run: { argv: [x], background: web }\n  - run: { stop: web, cwd: z }\n",
            &[
                "6:34 one-of: a request has one body: `body` is a second one",
                "7:25 misplaced-key: `since` says nothing beside `users`: it is for events of the journal",
                "9:23 misplaced-key: `cwd` says nothing beside `stop`: it is for a command that is started",
            ],
        ),
        (
            "  - { id: all, sequence: [{ clock: { advance: 1m } }] }\n  - { repeat: all }\n  - for_each: [azure-ad, workplace]\n    machine: pc1\n    join: { kind: $(each) }\n",
            &[
                "7:15 unknown-step: the step `all` is a `sequence`, which is not repeated",
                "10:19 not-emulated: not emulated yet: kind: workplace",
            ],
        ),
        (
            "  - { check: { value: 'it''s $(nope4)', is: string } }\n",
            &["6:32 undefined: `nope4` is not defined"],
        ),
        (
            "  - use: { file: nope }\n",
            &[
                "6:18 unreadable: fixtures/actions/nope.action.yaml cannot be read: entity not found",
            ],
        ),
    ];
    let mut wrong = Vec::new();
    for (steps, expected) in cases {
        let text = with_head(&format!("steps:\n{steps}"));
        let found = findings(&text);
        if found != *expected {
            wrong.push(format!("{steps}{found:#?}\n"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

#[test]
fn keys_of_later_versions_are_named_at_their_place() {
    let text = with_head(
        "locks: []\nlab: {}
steps:
  - { run: { argv: [x], tty: true } }
  - { parallel: [] }
  - { admin: { set_federation: {} } }
  - { http: { get: x }, eventually: { within: 1m, clock: real } }
",
    );
    let not_emulated: Vec<String> = findings(&text)
        .into_iter()
        .filter_map(|line| Some(line.split_once(" not-emulated: not emulated yet: ")?.1.to_owned()))
        .collect();
    let expected = ["locks", "lab", "tty", "parallel", "set_federation", "clock: real"];
    assert_eq!(not_emulated, expected);
}

#[test]
fn fault_steps_name_faults_that_are_there() {
    let text = with_head(
        "faults: { slow: { slow: 10B/s }, idle: { garbage: true } }
steps:
  - fault: { start: slwo }
  - fault: { with: slow }
  - fault: { start: slow, stop: slow }
  - fault: {}
  - { fault: { with: slow, steps: [{ clock: { advance: 1 } }] } }
",
    );
    assert_eq!(
        findings(&text),
        [
            "~5:34 unused-fault: no step starts the fault `idle`",
            "7:21 unknown-fault: no fault is called `slwo`",
            "8:14 missing-key: `with` says something only beside `steps`",
            "9:27 one-of: `fault` takes one of `start`, `stop` and `with`",
            "10:12 missing-key: `fault` takes one of `start`, `stop` and `with`",
            "11:56 wrong-type: a duration such as 1h 30m is expected, not a number",
        ]
    );
}

#[test]
fn what_a_file_says_of_all_its_steps_is_looked_at() {
    let text = with_head(
        "invariants: [{ exit: 0 }, { value: $(nme), lt: 1 }]
xfail: { because: x, steps: [too] }
steps: [{ id: two, clock: { advance: 1m } }]
",
    );
    assert_eq!(
        findings(&text),
        [
            "5:16 misplaced-expectation: `exit` looks at one step, not at all of them",
            "5:38 undefined: `nme` is not defined",
            "~6:8 xfail-no-issue: nobody is told where this expected failure is followed up",
            "6:30 unknown-step: no step has the id `too`",
        ]
    );
}

#[test]
fn a_file_that_is_not_one_at_all_is_one_finding() {
    for (text, expected) in [
        ("", "1:1 wrong-type: the file is empty"),
        ("- a\n", "1:1 wrong-type: a map is expected, not a list"),
        (
            "steps: [\n",
            "1:8 yaml: this is not YAML that scenarios are written in: unclosed bracket '['",
        ),
        ("a: 1\n\tb: 2\n", "2:1 tab: a tab in the indentation"),
    ] {
        let findings = findings(text);
        assert!(findings.contains(&expected.to_owned()), "{text:?}: {findings:#?}");
    }
}

#[test]
fn the_head_of_a_file_is_looked_at() {
    let text = "linarite: 2
id: faq.y
title: $(row.nme)
vars: { clock: 1, a: x }
secrets: [b]
table:
  - { case: one, name: x }
  - { case: one, name: y }
steps: []
worlds: {}
";
    assert_eq!(
        findings(text),
        [
            "1:11 version: this file needs linarite >= 2",
            "~2:1 no-faq: this scenario does not say which FAQ cases it proves",
            "~2:5 id-path: the id differs from the path",
            "3:10 undefined: `row.nme` is missing in number 1",
            "4:9 shadowed: `clock` would hide an object of the world of the same name",
            "5:11 undefined: `b` is not one of the vars",
            "8:13 duplicate-id: two rows are called one",
            "~9:8 no-steps: there is no step",
            "10:1 unknown-key: there is no key `worlds` here",
        ]
    );
}

#[test]
fn a_finding_is_printed_with_place_excerpt_and_advice() {
    let loaded =
        load_text(&with_head("steps:\n  - machine: pc1\n    dsregcmd: /status\n    expct: {}\n"));
    let plain = loaded.findings[0].render(false);
    assert_eq!(
        plain,
        "error[scn::unknown-key]: there is no key `expct` here
 --> scenarios/faq/x.scenario.yaml:8:5
  |
8 |     expct: {}
  |     ^^^^^ unknown key
  |
  = help: did you mean `expect`?"
    );
    let colored = loaded.findings[0].render(true);
    assert!(colored.contains('\u{1b}'));
}

#[test]
fn control_characters_of_a_file_do_not_reach_the_terminal() {
    let loaded = load_text("linarite: 1\nid: faq.x\nsteps: []\n\"a\\u001b[31m\u{1b}\": 1\n");
    assert!(!loaded.findings.is_empty());
    for finding in &loaded.findings {
        assert!(!finding.render(false).contains('\u{1b}'), "{finding:?}");
    }
}

#[test]
fn a_script_keeps_its_own_dollar_signs() {
    let text = with_head(
        "steps:\n  - run: { sh: 'echo $(date) $(nope)' }\n  - check: { value: $$(nope), is: string }\n",
    );
    assert_eq!(findings(&text), Vec::<String>::new());
}

#[test]
fn one_wrong_step_does_not_make_its_captures_undefined() {
    let text = with_head(
        "steps:
  - { id: a, machine: 5, dsregcmd: /status, capture: { d: dsreg.DeviceId } }
  - { check: { value: $(d), is: uuid } }
  - { repeat: a }
",
    );
    assert_eq!(findings(&text), ["6:23 wrong-type: text is expected, not a number"]);
}

proptest! {
    #[test]
    fn no_text_makes_loading_panic(text in "\\PC*") {
        for finding in load_text(&text).findings {
            finding.render(true);
        }
    }

    #[test]
    fn no_mutilated_file_makes_loading_panic(cut in 0_usize..900, with in "[ -~\n\t\u{e9}\u{1f511}]{0,12}", drop in 0_usize..40) {
        let text = with_head(examples::DUPLICATES);
        let floor = |mut at: usize| { at = at.min(text.len()); while !text.is_char_boundary(at) { at -= 1 } at };
        let (start, end) = (floor(cut), floor(cut + drop));
        let text = format!("{}{with}{}", &text[..start], &text[end..]);
        for finding in load_text(&text).findings {
            finding.render(false);
        }
    }

    #[test]
    fn no_steps_of_odd_shape_make_loading_panic(words in prop::collection::vec(
        prop::sample::select(vec!["- ", "  ", "\n", "steps:", "join:", "{", "}", "[", "]", ", ", "$(", ")", "\"", "expect:", "devices:",
            "where:", "count:", "1", "$(a.b", "x", "!t ", "&a ", "*a", "|\n", "check:", "use:", "capture:", "sequence:", "é", "? ", "<<: "]), 0..40)) {
        let text = with_head(&format!("steps:\n  - {}", words.concat()));
        for finding in load_text(&text).findings {
            finding.render(false);
        }
    }
}
