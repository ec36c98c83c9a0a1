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

/// Codes, lines and titles of what is wrong with a file of faults.
fn wrong(folder: &std::path::Path, text: &str) -> Vec<(u32, String)> {
    let path = folder.join("faults.yaml");
    std::fs::write(&path, text).unwrap();
    let found = crate::run::faults::of_file(&path).unwrap_err();
    found.iter().map(|finding| (finding.line(), finding.title.clone())).collect()
}

#[test]
fn a_file_of_faults_is_read_in_its_order_alone_or_under_a_key_as_yaml_or_json() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("faults.json");
    for text in [
        "b: { aadsts: 90033 }\na: { reset: true }\n",
        "linarite: 1\ndoc: two\nfaults:\n  b: { aadsts: 90033 }\n  a: { reset: true }\n",
        r#"{ "b": { "aadsts": 90033 }, "a": { "reset": true } }"#,
    ] {
        std::fs::write(&path, text).unwrap();
        let read = crate::run::faults::of_file(&path).unwrap();
        let ids: Vec<_> = read.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(ids, ["b", "a"], "{text}");
    }
}

#[test]
fn what_is_wrong_with_a_file_of_faults_is_said_at_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let lines = |text: &str| -> Vec<u32> {
        wrong(folder.path(), text).into_iter().map(|(line, _)| line).collect()
    };
    assert_eq!(lines("a: { reset: true }\nb:\n  slow: fast\nc: {}\n"), [3, 4]);
    assert_eq!(lines("- a\n"), [1]);
    assert_eq!(lines("faults:\n  a: { reset: true }\nsteps: []\n"), [3]);
    assert_eq!(lines("linarite: 2\nfaults: {}\n"), [1]);
    assert_eq!(lines("a: { reset: true }\na: { reset: true }\n"), [2]);
    assert_eq!(lines("a: { match: { user: $(alice.upn) }, reset: true }\n"), [1]);
    let missing = crate::run::faults::of_file(&folder.path().join("no.yaml")).unwrap_err();
    assert!(missing[0].title.contains("cannot be read"), "{}", missing[0].title);
}

#[test]
fn a_body_file_is_text_below_the_folder_of_the_file_that_names_it_and_nowhere_else() {
    let above = tempfile::tempdir().unwrap();
    let folder = above.path().join("faults");
    std::fs::create_dir_all(folder.join("bodies")).unwrap();
    std::fs::write(above.path().join("secret.txt"), "secret").unwrap();
    std::fs::write(folder.join("bodies/portal.html"), "<p>sign in").unwrap();
    std::fs::write(folder.join("bytes"), [0xff, 0xfe]).unwrap();
    std::os::unix::fs::symlink(above.path().join("secret.txt"), folder.join("link")).unwrap();
    let fault = |name: &str| format!("a:\n  reply: {{ status: 200, body_file: '{name}' }}\n");
    let path = folder.join("good.yaml");
    for name in ["bodies/portal.html", "./bodies/portal.html"] {
        std::fs::write(&path, fault(name)).unwrap();
        let read = crate::run::faults::of_file(&path).unwrap();
        let reply = read[0].1.reply.as_ref().unwrap();
        assert_eq!((reply.body.as_deref(), &reply.body_file), (Some("<p>sign in"), &None));
    }
    let absolute = above.path().join("secret.txt").display().to_string();
    for (name, words) in [
        ("../secret.txt", "does not lie below"),
        ("bodies/../../secret.txt", "does not lie below"),
        (absolute.as_str(), "does not lie below"),
        ("link", "does not lie below"),
        ("", "does not lie below"),
        ("bodies", "is no file"),
        ("no.html", "cannot be read"),
        ("bytes", "cannot be read"),
    ] {
        let found = wrong(&folder, &fault(name));
        assert_eq!(found[0].0, 2, "{name}");
        assert!(found[0].1.contains(words), "{name}: {}", found[0].1);
        assert!(!found[0].1.contains("sign in"));
    }
    let both = "a:\n  reply: { status: 200, body: x, body_file: bodies/portal.html }\n";
    assert!(wrong(&folder, both)[0].1.contains("one body"));
}
