//! Keeps the laws of the house that neither the compiler nor clippy keeps: who may depend on whom, where SQL stands, what
//! services may see of each other, that nothing is process-wide, and that files are small and say what they are for.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking and say loudly what they skip"
)]

use std::path::{Path, PathBuf};

/// Lines of code that a file may have before its tests.
const LONGEST: usize = 600;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// A source file: its path from the root, with `/`, and its text.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// The file up to its first `#[cfg(test)]` that opens a module with a body, without comments and texts, line by line.
    fn code(&self) -> Vec<String> {
        let plain = without_comments_and_texts(&self.text);
        let lines: Vec<&str> = plain.lines().collect();
        let test = |place: usize| {
            lines[place].trim() == "#[cfg(test)]"
                && lines
                    .get(place + 1)
                    .is_some_and(|next| next.contains("mod ") && next.contains('{'))
        };
        let end = (0..lines.len()).find(|&place| test(place)).unwrap_or(lines.len());
        lines[..end].iter().map(|&line| line.to_owned()).collect()
    }
}

/// Every Rust file of the packages.
fn sources() -> Vec<Source> {
    let root = root();
    let mut found = Vec::new();
    for package in ["server", "harness", "tests"] {
        collect(&root, &root.join(package), &mut found);
    }
    assert!(found.len() > 100, "the source tree was not found");
    found
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<Source>) {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            // Fuzz targets are no part of the workspace, and build folders are nobody's source.
            if path.file_name().is_none_or(|name| name != "target" && name != "fuzz") {
                collect(root, &path, found);
            }
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
            found.push(Source { path: name, text: std::fs::read_to_string(&path).unwrap() });
        }
    }
}

/// The text with comments, string and character literals blanked; line ends stay where they are.
fn without_comments_and_texts(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    let starts = |at: usize, with: &str| {
        with.chars().enumerate().all(|(n, c)| chars.get(at + n) == Some(&c))
    };
    // Copies what is skipped as blanks, so that line numbers stay true.
    let blank = |out: &mut String, from: usize, to: usize| {
        out.extend(
            chars[from..to.min(chars.len())].iter().map(|&c| if c == '\n' { '\n' } else { ' ' }),
        );
    };
    while at < chars.len() {
        let begin = at;
        if starts(at, "//") {
            while at < chars.len() && chars[at] != '\n' {
                at += 1;
            }
            blank(&mut out, begin, at);
        } else if starts(at, "/*") {
            let mut depth = 0;
            loop {
                if starts(at, "/*") {
                    depth += 1;
                    at += 2;
                } else if starts(at, "*/") {
                    depth -= 1;
                    at += 2;
                } else {
                    at += 1;
                }
                if depth == 0 || at >= chars.len() {
                    break;
                }
            }
            blank(&mut out, begin, at);
        } else if chars[at] == 'r' && (starts(at, "r\"") || starts(at, "r#")) && !word(&chars, at) {
            let hashes = chars[at + 1..].iter().take_while(|&&c| c == '#').count();
            if chars.get(at + 1 + hashes) != Some(&'"') {
                out.push(chars[at]);
                at += 1;
                continue;
            }
            let end = format!("\"{}", "#".repeat(hashes));
            at += 2 + hashes;
            while at < chars.len() && !starts(at, &end) {
                at += 1;
            }
            at += end.len();
            blank(&mut out, begin, at);
        } else if chars[at] == '"' {
            at += 1;
            while at < chars.len() && chars[at] != '"' {
                at += if chars[at] == '\\' { 2 } else { 1 };
            }
            at += 1;
            blank(&mut out, begin, at);
        } else if chars[at] == '\''
            && (chars.get(at + 1) == Some(&'\\') || chars.get(at + 2) == Some(&'\''))
        {
            at += if chars[at + 1] == '\\' { 3 } else { 2 };
            while at < chars.len() && chars[at] != '\'' {
                at += 1;
            }
            at += 1;
            blank(&mut out, begin, at);
        } else {
            out.push(chars[at]);
            at += 1;
        }
    }
    out
}

/// Whether the character before this place belongs to the same word.
fn word(chars: &[char], at: usize) -> bool {
    at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_')
}

fn manifest(path: &str) -> toml::Table {
    std::fs::read_to_string(root().join(path)).unwrap().parse().unwrap()
}

fn names(manifest: &toml::Table, section: &str) -> Vec<String> {
    let table = manifest.get(section).and_then(toml::Value::as_table);
    table.into_iter().flat_map(toml::Table::keys).cloned().collect()
}

/// Fails with one line for each offence.
fn none(law: &str, offences: &[String]) {
    assert!(offences.is_empty(), "{law}:\n  {}", offences.join("\n  "));
}

#[test]
fn literals_and_comments_are_told_from_code() {
    let text = "let a = \"SELECT \\\" 1\"; // SELECT\nlet r = r#\"x \" y\"#; /* a /* b */ c */ let c = '\"';\nfn f<'a>() {}";
    let plain = without_comments_and_texts(text);
    assert!(!plain.contains("SELECT") && !plain.contains('x'), "{plain}");
    assert_eq!(plain.lines().count(), 3);
    assert!(plain.contains("let c =") && plain.contains("fn f<'a>() {}"));
}

#[test]
fn core_depends_on_nothing() {
    let core = manifest("server/core/Cargo.toml");
    assert_eq!(names(&core, "dependencies"), Vec::<String>::new());
    assert_eq!(names(&core, "build-dependencies"), Vec::<String>::new());
    assert!(core.get("target").is_none(), "dependencies of one platform only are dependencies too");
}

#[test]
fn packages_depend_in_one_direction() {
    let allowed: [(&str, &[&str]); 4] = [
        ("server/core", &[]),
        ("server", &["linarite-core"]),
        ("harness/windows", &[]),
        ("harness", &["linarite-server", "linarite-windows"]),
    ];
    for (package, allowed) in allowed {
        let manifest = manifest(&format!("{package}/Cargo.toml"));
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let own: Vec<String> = names(&manifest, section)
                .into_iter()
                .filter(|name| name.starts_with("linarite"))
                .collect();
            let offences: Vec<String> = own
                .iter()
                .filter(|name| !allowed.contains(&name.as_str()))
                .map(|name| format!("{package} [{section}] {name}"))
                .collect();
            none("a package depends on one that it may not know", &offences);
        }
    }
}

#[test]
fn versions_stand_in_the_workspace_only() {
    let workspace = manifest("Cargo.toml");
    let members = workspace["workspace"]["members"].as_array().unwrap();
    for member in members {
        let path = format!("{}/Cargo.toml", member.as_str().unwrap());
        let manifest = manifest(&path);
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let table = manifest.get(section).and_then(toml::Value::as_table);
            for (name, value) in table.into_iter().flatten() {
                let inherited = value.get("workspace").and_then(toml::Value::as_bool);
                assert_eq!(inherited, Some(true), "{path}: {name} has to come from the workspace");
            }
        }
    }
}

#[test]
fn every_dependency_says_what_it_is_for() {
    let Ok(text) = std::fs::read_to_string(root().join("CONTRIBUTING.md")) else {
        println!("SKIPPED: there is no CONTRIBUTING.md yet, so no dependency is explained");
        return;
    };
    let workspace = manifest("Cargo.toml");
    let table = workspace["workspace"].as_table().unwrap();
    let missing: Vec<String> = names(table, "dependencies")
        .into_iter()
        .filter(|name| !name.starts_with("linarite") && !text.contains(&format!("`{name}`")))
        .collect();
    none("CONTRIBUTING.md does not say what these are for (in `backticks`)", &missing);
}

#[test]
fn sql_stands_in_the_directory_only() {
    let words = ["SELECT ", "INSERT ", "UPDATE ", "DELETE FROM", "CREATE TABLE", "rusqlite"];
    let mut offences = Vec::new();
    for source in sources() {
        // Benches measure SQLite by itself, to compare.
        let own = ["server/src/directory/", "server/benches/", "tests/tidy.rs"];
        if own.iter().any(|path| source.path.starts_with(path)) {
            continue;
        }
        for (number, line) in source.text.lines().enumerate() {
            let comment = line.trim_start().starts_with("//");
            if !comment && words.iter().any(|word| line.contains(word)) {
                offences.push(format!("{}:{}: {}", source.path, number + 1, line.trim()));
            }
        }
    }
    none("SQL outside server/src/directory", &offences);
}

#[test]
fn services_do_not_know_each_other() {
    let folder = root().join("server/src/services");
    // What all of them may share: the ways to read a request and to write an answer, the tables, the token check.
    let shared = ["call", "reply", "tables", "token"];
    let services: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .filter(|name| !shared.contains(&name.as_str()))
        .collect();
    assert!(services.len() >= 4, "{services:?}");
    let mut offences = Vec::new();
    for source in sources() {
        let Some(rest) = source.path.strip_prefix("server/src/services/") else { continue };
        let own = rest.split('/').next().unwrap();
        if !services.iter().any(|service| service == own) {
            continue;
        }
        let plain = without_comments_and_texts(&source.text);
        for (number, line) in plain.lines().enumerate() {
            for other in services.iter().filter(|service| *service != own) {
                let named = [format!("services::{other}"), format!("super::super::{other}")];
                // From a service's own mod.rs, `super::` is the folder of services.
                let beside =
                    rest == format!("{own}/mod.rs") && line.contains(&format!("super::{other}"));
                if beside || named.iter().any(|name| line.contains(name)) {
                    offences.push(format!("{}:{}: {}", source.path, number + 1, line.trim()));
                }
            }
        }
    }
    none("a service imports another", &offences);
}

#[test]
fn nothing_is_process_wide() {
    let mut offences = Vec::new();
    for source in sources() {
        let plain = without_comments_and_texts(&source.text);
        for (number, line) in plain.lines().enumerate() {
            let code = line.trim();
            let item = code
                .strip_prefix("pub ")
                .or_else(|| code.strip_prefix("pub(crate) "))
                .unwrap_or(code);
            let is_static = item.starts_with("static ");
            // A cell that fills once is fine inside something that has an owner.
            let lazy = ["lazy_static!", "thread_local!"].iter().any(|word| code.contains(word));
            if is_static || lazy {
                offences.push(format!("{}:{}: {code}", source.path, number + 1));
            }
        }
    }
    none("state of the whole process", &offences);
}

#[test]
fn every_file_begins_by_saying_what_it_is_for() {
    let offences: Vec<String> = sources()
        .iter()
        .filter(|source| !source.text.starts_with("//! "))
        .map(|source| source.path.clone())
        .collect();
    none("files that do not begin with `//!`", &offences);
}

#[test]
fn files_stay_small() {
    let offences: Vec<String> = sources()
        .iter()
        .map(|source| (source, source.code().iter().filter(|line| !line.trim().is_empty()).count()))
        .filter(|(_, lines)| *lines > LONGEST)
        .map(|(source, lines)| format!("{}: {lines} lines of code", source.path))
        .collect();
    none("cut these at a seam", &offences);
}

/// Where time, chance and environment may be read in spite of clippy, and why.
const READERS: [(&str, &str); 6] = [
    ("server/src/clock.rs", "the only reader of time"),
    ("server/src/entropy.rs", "the only source of chance"),
    ("harness/src/cli/environment.rs", "the only reader of the environment"),
    (
        "harness/windows/src/keys.rs",
        "a PKCS#1 signature is given a source of chance that it does not use",
    ),
    ("server/benches/", "measures real time"),
    ("tests/it/support.rs", "likewise"),
];

#[test]
fn time_chance_and_environment_are_read_in_their_places_only() {
    let mut offences = Vec::new();
    for source in sources() {
        let excused = source.text.contains("clippy::disallowed_methods");
        let known = READERS.iter().any(|(path, _)| source.path.starts_with(path));
        if excused && !known && source.path != "tests/tidy.rs" {
            offences.push(source.path.clone());
        }
    }
    none("excused from the lint that bans time, chance and environment", &offences);
}

#[test]
fn assumed_rows_of_the_tables_say_so_in_one_way() {
    for name in ["aadsts", "drs", "graph", "wstrust"] {
        let table = manifest(&format!("server/data/{name}.toml"));
        assert!(!table.is_empty());
        for (word, row) in &table {
            let assumed = row.get("assumed");
            assert!(
                assumed.is_none_or(|flag| flag.as_bool() == Some(true)),
                "{name}.toml [{word}]: `assumed = true`, or nothing at all"
            );
        }
        assert!(
            table.values().any(|row| row.get("assumed").is_some()),
            "{name}.toml assumes nothing?"
        );
    }
}
