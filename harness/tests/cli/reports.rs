//! Reports: what is in them, and that no secret is.

use crate::support::{Desk, done};

/// Steps that have passwords and tokens pass through everything that reports show, and then fail in as many places as
/// there are.
const LEAKY: &str = r#"  - name: Alice, whose password is $(alice.password), joins
    machine: pc1
    user: alice
    join: { kind: azure-ad }
  - name: A token
    machine: pc1
    user: alice
    token: { client: office, resource: files, flow: prt }
    capture: { at: access_token }
  - name: A form with the password
    http:
      post: https://login.microsoftonline.com/common/oauth2/token
      form: { grant_type: password, client_id: 04b07795-8ddb-461a-bbee-02f9e1bf7b46, resource: "https://files.contoso.test", username: $(alice.upn), password: $(alice.password) }
    expect: { status: 200 }
  - name: Files take it
    http: { get: https://files.contoso.test/me, bearer: $(at) }
    expect: { status: 200 }
  - name: A command prints both and fails
    run: { argv: [sh, -c, "echo token $(at); echo password $(alice.password) >&2"] }
    expect: { exit: 3, output: { contains: "$(at) and more" } }
"#;

/// A password, a token that somebody could use, or a sealed grant in a text. A token without its signature is none: reports
/// keep the claims, which people want to read.
fn leak(text: &str) -> Option<&'static str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)));
    for word in words {
        let parts: Vec<&str> = word.split('.').collect();
        if word.contains("Correct-Horse") {
            return Some("a password");
        }
        if let [.., head, _, signature] = parts.as_slice()
            && head.starts_with("eyJ")
            && signature.len() > 40
        {
            return Some("a token");
        }
        // A nonce is sealed too, and no secret: whoever asks is given one.
        if word.starts_with("1.A") && !word.starts_with("1.Anonce.") && word.len() > 60 {
            return Some("a grant");
        }
    }
    None
}

#[test]
fn the_leak_detector_finds_leaks() {
    assert_eq!(leak("x Correct-Horse-1"), Some("a password"));
    assert_eq!(leak(&format!("\"eyJh.e30.{}\"", "a".repeat(86))), Some("a token"));
    assert_eq!(leak(&format!("1.Art.{}", "a".repeat(60))), Some("a grant"));
    assert_eq!(leak("eyJ is short, eyJh.e30.‹signature› is worthless, and 1.A is a number"), None);
}

#[test]
fn no_report_of_a_failing_run_holds_a_secret() {
    let desk = Desk::new();
    let report = "junit=out/junit.xml,jsonl=out/run.jsonl,har=out/har,journal=out/journal";
    let ran = desk.scenario(LEAKY, &["--report", report, "--verbose"]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    let mut texts = vec![("stdout".to_owned(), ran.out.clone()), ("stderr".to_owned(), ran.err)];
    for name in
        ["out/junit.xml", "out/run.jsonl", "out/har/test.one.har", "out/journal/test.one.jsonl"]
    {
        texts.push((name.to_owned(), desk.read(name)));
    }
    for (name, text) in &texts {
        assert!(text.len() > 20 || name == "stderr", "{name} is empty");
        assert_eq!(leak(text), None, "{name}:\n{text}");
    }
    assert!(ran.out.contains("A command prints both and fails"), "{}", ran.out);
}

#[test]
fn each_report_says_what_failed_and_how_to_run_it_again() {
    let desk = Desk::new();
    let steps =
        "  - name: Never so\n    machine: pc1\n    dsregcmd: /status\n    expect: { exit: 9 }\n";
    let report = "junit=r/junit.xml,jsonl=r/run.jsonl";
    let ran = desk.scenario(steps, &["--seed", "77", "--report", report]);
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("linarite run one.scenario.yaml --seed 77"), "{}", ran.out);
    assert!(ran.out.contains("0 passed, 1 failed"), "{}", ran.out);
    let junit = desk.read("r/junit.xml");
    assert!(junit.contains("failures=\"1\"") && junit.contains("Never so"), "{junit}");
    assert!(junit.contains("--seed 77"), "{junit}");
    for line in desk.read("r/run.jsonl").lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(event.is_object(), "{line}");
    }
}

#[test]
fn colour_comes_only_when_it_is_wanted() {
    let desk = Desk::new();
    let steps = "  - { machine: pc1, dsregcmd: /status, expect: { exit: 9 } }\n  - { machine: pc9, leave: {} }\n";
    desk.write("bad.scenario.yaml", &crate::support::scenario(steps));
    let fails = format!("{}\n", steps.lines().next().unwrap());
    desk.write("fails.scenario.yaml", &crate::support::scenario(&fails));
    for file in ["bad.scenario.yaml", "fails.scenario.yaml"] {
        for (variables, option, coloured) in [
            (vec![], "auto", false),
            (vec![("NO_COLOR", "1"), ("FORCE_COLOR", "1")], "auto", false),
            (vec![("FORCE_COLOR", "1"), ("TERM", "dumb")], "auto", false),
            (vec![("FORCE_COLOR", "1")], "auto", true),
            (vec![("NO_COLOR", "1")], "always", true),
            (vec![("FORCE_COLOR", "1")], "never", false),
        ] {
            let mut command = desk.command(&["run", file, "--color", option]);
            command.envs(variables.clone());
            let ran = done(command);
            let text = format!("{}{}", ran.out, ran.err);
            assert_eq!(text.contains('\u{1b}'), coloured, "{file} {variables:?} {option}: {text}");
        }
    }
}
