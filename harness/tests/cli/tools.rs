//! The small commands: `check`, `schema`, `coverage`, `ca`, `doctor`, `--help`.

use std::path::Path;

use linarite_harness::scenario::scenario_schema;

use crate::support::{Desk, done};

#[test]
fn the_projects_scenarios_have_no_mistakes() {
    let ran = Desk::new().run(&["check", "scenarios"]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    assert!(ran.out.contains(" 0 errors, "), "{}", ran.out);
}

#[test]
fn the_committed_schema_is_the_one_that_is_printed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/schema.json");
    let committed = std::fs::read_to_string(path).unwrap();
    let wish = "run: linarite schema > scenarios/schema.json";
    assert!(committed == scenario_schema(), "scenarios/schema.json is old; {wish}");
    assert_eq!(Desk::new().run(&["schema"]).out, committed);
    let schema: serde_json::Value = serde_json::from_str(&committed).unwrap();
    assert!(schema["$schema"].as_str().unwrap().contains("draft-07"));
}

#[test]
fn coverage_names_all_cases_and_shows_the_untouched_ones() {
    let ran = Desk::new().run(&["coverage"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    for case in 1..=28 {
        let case = format!("A{case} ");
        assert_eq!(ran.out.lines().filter(|line| line.starts_with(&case)).count(), 1, "{case}");
    }
    for proved in ["A7", "A8", "A11", "A12", "A13", "A15", "A16", "A17"] {
        let line = ran.out.lines().find(|line| line.starts_with(&format!("{proved} "))).unwrap();
        assert!(line.contains("faq."), "{line}");
    }
    assert!(ran.out.trim_end().ends_with("of 28"), "{}", ran.out);
}

#[test]
fn the_private_authority_is_made_once_and_told() {
    let desk = Desk::new();
    let exported = desk.run(&["ca", "export"]);
    assert_eq!(exported.code, 0, "{}", exported.err);
    assert!(exported.out.starts_with("-----BEGIN CERTIFICATE-----"));
    assert!(!exported.out.contains("PRIVATE KEY"));
    assert_eq!(desk.run(&["ca", "export"]).out, exported.out);
    let path = desk.run(&["ca", "path"]).out;
    assert!(Path::new(path.trim()).starts_with(desk.path("home")), "{path}");
    assert_eq!(std::fs::read_to_string(path.trim()).unwrap(), exported.out);
    let help = desk.run(&["ca", "trust-help"]).out;
    assert!(help.contains("curl --cacert") && help.contains(path.trim()), "{help}");
    let state = desk.run(&["ca", "export", "--state", "state"]);
    assert_eq!(state.code, 4, "a state folder's own is made by `serve`: {state:?}");
    assert!(state.err.contains("linarite serve --state"), "{}", state.err);
    let mut homeless = desk.command(&["ca", "path"]);
    homeless.env_remove("HOME");
    let ran = done(homeless);
    assert_eq!(ran.code, 4);
    assert!(ran.err.contains("HOME") && ran.err.contains("--state"), "{}", ran.err);
}

#[test]
fn nobody_else_can_read_the_authoritys_key() {
    use std::os::unix::fs::PermissionsExt as _;
    let desk = Desk::new();
    let certificate = desk.run(&["ca", "path"]).out;
    let folder = Path::new(certificate.trim()).parent().unwrap();
    let mut keys = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() && std::fs::read_to_string(&path).unwrap().contains("PRIVATE KEY") {
            keys += 1;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
        }
    }
    assert_eq!(keys, 1);
}

#[test]
fn the_doctor_looks_around() {
    let desk = Desk::new();
    let ran = desk.run(&["doctor"]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    for what in ["private CA", "loopback", "world contoso", "openssl", "roadtx"] {
        assert!(ran.out.contains(what), "{what}: {}", ran.out);
    }
    let mut command = desk.command(&["doctor"]);
    command.env_remove("HOME").env("NO_PROXY", "*");
    let ran = done(command);
    assert_eq!(ran.code, 4);
    assert!(ran.out.contains("MISSING") && ran.out.contains("NO_PROXY"), "{}", ran.out);
}

#[test]
fn every_command_explains_itself() {
    let desk = Desk::new();
    let ran = desk.run(&["--help"]);
    assert_eq!(ran.code, 0);
    for command in ["run", "check", "schema", "coverage", "exec", "serve", "client", "ca", "doctor"]
    {
        assert!(ran.out.contains(&format!("  {command}")), "{command}: {}", ran.out);
        assert_eq!(desk.run(&[command, "--help"]).code, 0, "{command}");
    }
}
