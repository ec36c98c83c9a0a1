//! How a run ends that is not left to its end, and what is left of it: teardown, reports, processes, exit codes.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use crate::support::{Desk, done, has, scenario};

const WAITS: &str = "  - name: Waits long
    run: { sh: 'echo begun; exec sleep 600', timeout: 500s }
always:
  - { name: Tidies up, ALWAYS }
";

fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
}

/// Starts a run whose step waits, and comes back when the step has begun.
fn waiting(desk: &Desk, always: &str) -> Child {
    desk.write("one.scenario.yaml", &scenario(&WAITS.replace("ALWAYS", always)));
    let reports = "junit=out/j.xml,jsonl=out/e.jsonl";
    let mut command = desk.command(&["run", "one.scenario.yaml", "--report", reports]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The stream of events is flushed line by line.
    while !std::fs::read_to_string(desk.path("out/e.jsonl"))
        .unwrap_or_default()
        .contains("step.start")
    {
        std::thread::yield_now();
    }
    child
}

#[test]
fn a_run_that_is_asked_to_end_tidies_up_and_reports() {
    for (name, code) in [("TERM", 143), ("HUP", 129), ("INT", 130)] {
        let desk = Desk::new();
        let tidied = desk.path("tidied").display().to_string();
        let mut child = waiting(&desk, &format!("run: {{ sh: 'echo tidied > {tidied}' }}"));
        signal(&child, name);
        assert_eq!(child.wait().unwrap().code(), Some(code), "{name}");
        assert_eq!(desk.read("tidied"), "tidied\n", "{name}");
        let junit = desk.read("out/j.xml");
        assert!(junit.contains("interrupted") && junit.contains("Waits long"), "{name}: {junit}");
        assert!(desk.read("out/e.jsonl").contains("run.end"), "{name}");
    }
}

#[test]
fn a_second_interrupt_ends_all_and_reports_are_written_all_the_same() {
    let desk = Desk::new();
    let mut child = waiting(&desk, "timeout: 500s, run: { argv: [sleep, '600'] }");
    let mut told = BufReader::new(child.stderr.take().unwrap()).lines();
    signal(&child, "INT");
    assert!(told.next().unwrap().unwrap().contains("finishing with `always`"));
    signal(&child, "INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(desk.read("out/j.xml").contains("</testsuites>"));
    assert!(desk.read("out/e.jsonl").contains("run.end"));
}

#[test]
fn what_cannot_be_printed_is_no_success() {
    let desk = Desk::new();
    desk.write("one.scenario.yaml", &scenario("  - { machine: pc1, dsregcmd: /status }\n"));
    for arguments in
        [&["schema"][..], &["check", "one.scenario.yaml"], &["run", "one.scenario.yaml"]]
    {
        let mut command = desk.command(arguments);
        command.stdout(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
        let output = command.stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(4), "{arguments:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("standard output"));
    }
}

#[test]
fn a_report_of_an_earlier_run_does_not_stand_for_one_that_did_not_begin() {
    let desk = Desk::new();
    let passes = "  - { machine: pc1, dsregcmd: /status }\n";
    let report = ["--report", "junit=j.xml"];
    assert_eq!(desk.scenario(passes, &report).code, 0);
    assert!(desk.path("j.xml").exists());
    assert_eq!(desk.scenario("  - { nonsense: 1 }\n", &report).code, 3);
    assert!(!desk.path("j.xml").exists());
    let none = desk.scenario(passes, &["--report", "junit=j.xml", "-t", "zz", "--allow-empty"]);
    assert_eq!(none.code, 0);
    assert!(desk.read("j.xml").contains("testsuites"));
    for twice in ["junit=x,jsonl=x", "junit=a,junit=b"] {
        assert_eq!(desk.scenario(passes, &["--report", twice]).code, 2, "{twice}");
    }
}

#[test]
fn one_file_is_run_once_and_two_files_of_one_id_are_not() {
    let desk = Desk::new();
    std::fs::create_dir_all(desk.path("some")).unwrap();
    let text = scenario("  - { machine: pc1, dsregcmd: /status }\n");
    desk.write("some/a.scenario.yaml", &text);
    std::os::unix::fs::symlink(".", desk.path("some/again")).unwrap();
    let ran = desk.run(&["run", "some", "some/../some/a.scenario.yaml", "./some"]);
    assert!(ran.code == 0 && ran.out.contains("1 passed"), "{}{}", ran.out, ran.err);
    desk.write("some/b.scenario.yaml", &text);
    let ran = desk.run(&["run", "some"]);
    assert_eq!(ran.code, 3, "{}", ran.out);
    assert!(ran.err.contains("b.scenario.yaml:2") && ran.err.contains("`test.one`"), "{}", ran.err);
}

#[test]
fn a_client_is_asked_to_end_and_decides_how() {
    if !has("sh") {
        return;
    }
    let desk = Desk::new();
    let script = "trap 'echo tidied; exit 7' TERM; echo begun; while :; do sleep 0.05; done";
    let mut command = desk.command(&["exec", "--", "sh", "-c", script]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "begun");
    signal(&child, "TERM");
    assert_eq!(lines.next().unwrap().unwrap(), "tidied");
    assert_eq!(child.wait().unwrap().code(), Some(7));
}

#[test]
fn what_serve_is_given_and_tells_is_right_elsewhere_too() {
    let desk = Desk::new();
    desk.write("broken.world.yaml", "linarite: 1\ntenant: { nmae: x }\n");
    let ran = desk.run(&["serve", "--world", "broken.world.yaml"]);
    assert_eq!(ran.code, 3, "{}{}", ran.out, ran.err);
    let mut child =
        desk.command(&["serve", "--state", "st"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let trust =
        lines.find(|line| line.as_ref().unwrap().contains("SSL_CERT_FILE=")).unwrap().unwrap();
    assert!(trust.contains("SSL_CERT_FILE='/"), "{trust}");
    signal(&child, "TERM");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let path = done(desk.command(&["ca", "--state", "st", "path"]));
    assert!(path.out.starts_with('/'), "{}", path.out);
}
