//! The small commands: `check`, `schema`, `coverage`, `docs`, `explain`, `ca`, `doctor`, `--help`.

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
    let (cases, newer) = ((1..=28).map(|n| format!("A{n} ")), (1..=38).map(|n| format!("N{n} ")));
    for case in cases.chain(newer) {
        assert_eq!(ran.out.lines().filter(|line| line.starts_with(&case)).count(), 1, "{case}");
    }
    for proved in ["A7", "A8", "A11", "A12", "A13", "A15", "A16", "A17"] {
        let line = ran.out.lines().find(|line| line.starts_with(&format!("{proved} "))).unwrap();
        assert!(line.contains("faq."), "{line}");
    }
    assert!(ran.out.lines().any(|line| line.ends_with(" of 28")), "{}", ran.out);
    assert!(ran.out.trim_end().ends_with(" of 38"), "{}", ran.out);
}

#[test]
fn pages_are_printed_from_what_is_there() {
    let desk = Desk::new();
    let faq = desk.run(&["docs", "faq"]);
    assert_eq!(faq.code, 0, "{}", faq.err);
    assert!(
        faq.out.contains("\n## A16: ")
            && faq.out.contains("../scenarios/faq/revoke-latency.scenario.yaml")
    );
    let settings = desk.run(&["docs", "settings"]);
    assert_eq!(settings.code, 0, "{}", settings.err);
    let line = "| `settings.portal_all_devices` | true or false | true; in 2017 false |";
    assert!(settings.out.contains(line), "{}", settings.out);
    assert!(settings.out.contains("\n| `settings.revoke.resources` | a length of time | 60m |"));
    assert_eq!(desk.run(&["docs", "cookbook"]).code, 2);
}

#[test]
fn a_code_is_explained_and_an_unknown_one_leads_to_its_neighbours() {
    let desk = Desk::new();
    for code in ["50126", "AADSTS50126", "InvalidUserNameOrPassword", "password-wrong"] {
        let ran = desk.run(&["explain", code]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(
            ran.out.starts_with("AADSTS50126 ") && ran.out.contains("faq.signin-bad-credentials")
        );
    }
    let ran = desk.run(&["explain", "-1073741715"]);
    assert!(ran.out.starts_with("0xc000006d  STATUS_LOGON_FAILURE"), "{}", ran.out);
    let ran = desk.run(&["explain", "DirectryError"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.err.contains("no table has a code `DirectryError`; the nearest are DirectoryError")
    );
    let all = desk.run(&["explain"]).out;
    assert!(all.lines().count() > 150 && all.contains("\n0x801c03f2 "), "{all}");
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
    for command in [
        "run", "check", "schema", "coverage", "docs", "explain", "exec", "serve", "client", "ca",
        "doctor",
    ] {
        assert!(ran.out.contains(&format!("  {command}")), "{command}: {}", ran.out);
        assert_eq!(desk.run(&[command, "--help"]).code, 0, "{command}");
    }
}
