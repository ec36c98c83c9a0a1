//! Files that are made to do harm: each is refused soon, with a place and without much memory.

use std::fmt::Write as _;

use super::*;

/// Lists of lists of aliases: some kilobytes that stand for billions of nodes.
fn alias_bomb() -> String {
    let mut text =
        "linarite: 1\nid: faq.x\nvars:\n  a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let below = format!("*a{}", level - 1);
        let list = [below.as_str(); 9].join(", ");
        writeln!(text, "  a{level}: &a{level} [{list}]").unwrap();
    }
    text
}

fn nested(open: &str, close: &str, depth: usize) -> String {
    format!("linarite: 1\nid: faq.x\nvars:\n  a: {}{}\n", open.repeat(depth), close.repeat(depth))
}

fn deep_block(depth: usize) -> String {
    let mut text = "linarite: 1\nid: faq.x\nvars:\n".to_owned();
    for level in 1..depth {
        writeln!(text, "{}a:", " ".repeat(level)).unwrap();
    }
    text
}

/// Nothing but errors, few of them, each with a place inside the file.
fn refused(name: &str, text: &str) -> Vec<Finding> {
    let loaded = load_text(text);
    assert!(loaded.runnable().is_none(), "{name} would run");
    let errors: Vec<Finding> = loaded.findings.into_iter().filter(Finding::is_error).collect();
    assert!(!errors.is_empty() && errors.len() < 30, "{name}: {} errors", errors.len());
    for error in &errors {
        assert!(error.line() >= 1 && error.at.start as usize <= text.len(), "{name}: {error:?}");
        assert!(error.render(false).len() < 20_000, "{name}: the finding itself is huge");
    }
    errors
}

#[test]
fn an_alias_bomb_is_refused_where_it_goes_off() {
    let errors = refused("bomb", &alias_bomb());
    assert_eq!(errors[0].code, "scn::yaml");
    assert!(errors[0].title.contains("nested too deeply, or too much of it"), "{errors:?}");
    assert!(errors[0].line() > 3, "{errors:?}");
}

#[test]
fn deep_nesting_is_refused_before_the_stack_ends() {
    for (name, text) in [
        ("lists", nested("[", "]", 100_000)),
        ("maps", nested("{a: ", "}", 100_000)),
        ("unclosed", nested("[", "", 100_000)),
        ("block", deep_block(3000)),
        (
            "sequence steps",
            format!("linarite: 1\nid: faq.x\nsteps:\n  - {}", "sequence: [{ ".repeat(50_000)),
        ),
    ] {
        refused(name, &text);
    }
}

#[test]
fn an_expression_that_nests_deeply_is_refused() {
    for (open, close) in [("(", ")"), ("!", ""), ("len(", ")"), ("-", "")] {
        let deep = format!("{}1{}", open.repeat(50_000), close.repeat(50_000));
        let text =
            with_head(&format!("steps:\n  - check: {{ value: \"$({deep})\", is: number }}\n"));
        let errors = refused(open, &text);
        assert_eq!(errors[0].line(), 6, "{open}: {}", errors[0].title);
    }
}

#[test]
fn a_huge_scalar_is_shown_by_its_beginning_only() {
    let long = "x".repeat(3 << 20);
    for text in [
        with_head(&format!("steps: {long}\n")),
        with_head(&format!("{long}: 1\nsteps: []\n")),
        with_head(&format!("steps:\n  - machine: {long}\n    dsregcmd: /status\n")),
        with_head(&format!("steps:\n  - check: {{ value: 1, matches: \"({long}\" }}\n")),
        format!("linarite: 1\nid: {long}\nsteps: []\n"),
        format!("linarite: {long}\nid: faq.x\nsteps: []\n"),
        format!("linarite: {}\nid: faq.x\nsteps: []\n", "9".repeat(1 << 20)),
    ] {
        refused("scalar", &text);
    }
}

#[test]
fn a_key_twice_is_refused_at_any_depth() {
    let errors = refused(
        "twice",
        &with_head(
            "steps:\n  - machine: pc1\n    dsregcmd: /status\n    expect: { exit: 0, dsreg: { Idp: 1, Idp: 2 }, exit: 1 }\n    machine: pc1\n",
        ),
    );
    let places: Vec<(u32, &str)> = errors.iter().map(|error| (error.line(), error.code)).collect();
    assert_eq!(
        places,
        [(8, "scn::duplicate-key"), (8, "scn::duplicate-key"), (9, "scn::duplicate-key")]
    );
}

#[test]
fn a_thousand_wrong_keys_are_no_thousand_times_the_file() {
    let mut text = with_head("steps:\n");
    for step in 0..2000 {
        writeln!(text, "  - {{ wrong{step}: 1 }}").unwrap();
    }
    let loaded = load_text(&text);
    assert!(loaded.runnable().is_none());
    assert!(loaded.findings.len() <= 4001, "{}", loaded.findings.len());
}

#[test]
fn bytes_that_are_no_text_are_refused_with_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.scenario.yaml");
    std::fs::write(&path, b"linarite: 1\nid: faq.x\ntitle: \xff\xfe\nsteps: []\n").unwrap();
    let loaded = crate::run::plan::read(&[path]).remove(0);
    assert!(loaded.runnable().is_none());
    let error = &loaded.findings[0];
    assert_eq!((error.line(), error.column()), (3, 8), "{}", error.title);
    assert!(error.title.contains("UTF-8"), "{}", error.title);
}

#[test]
fn a_file_that_is_too_long_or_no_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.scenario.yaml");
    std::fs::write(&path, vec![b'#'; (4 << 20) + 1]).unwrap();
    let loaded = crate::run::plan::read(std::slice::from_ref(&path)).remove(0);
    assert!(loaded.findings[0].title.contains("over 4 MiB"), "{:?}", loaded.findings);
    let loaded = crate::run::plan::read(&[folder.path().to_owned()]).remove(0);
    assert!(loaded.runnable().is_none() && loaded.findings[0].is_error());
}
