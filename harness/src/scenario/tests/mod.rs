//! Tests of whole files: what loads, and what is said about what does not.

mod diagnostics;
mod examples;
mod hostile;
mod rows;
mod worlds;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::*;

/// The world that most tests play in.
const WORLD: &str = "linarite: 1
tenant: { name: Contoso }
users:
  alice: { upn: alice@contoso.test, password: a }
  bob: { upn: bob@contoso.test, password: b }
apps:
  files: { app_id: 3f1c5b9e-5d0c-4b1f-9b65-0d8f6f1a7a01 }
devices:
  seed-1: { name: SEED-1, owner: bob }
";

/// Files in memory.
struct Files(BTreeMap<PathBuf, String>);

impl Files {
    fn new(files: &[(&str, &str)]) -> Self {
        let mut map = BTreeMap::new();
        map.insert(PathBuf::from("fixtures/worlds/small.world.yaml"), WORLD.to_owned());
        for (path, text) in files {
            map.insert(PathBuf::from(path), (*text).to_owned());
        }
        Self(map)
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        self.0.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn load(&self, path: &str) -> Loaded {
        let read = |path: &Path| self.read(path);
        load(Path::new(path), &Project::at(Path::new(""), &read))
    }
}

/// A file with the usual head and these lines after it, the first of them line 5.
fn with_head(rest: &str) -> String {
    format!(
        "linarite: 1\nid: faq.x\nfaq: [A1]\nworld: {{ use: small, machines: {{ pc1: {{ windows_users: [ann] }} }} }}\n{rest}"
    )
}

fn load_text(text: &str) -> Loaded {
    Files::new(&[("scenarios/faq/x.scenario.yaml", text)]).load("scenarios/faq/x.scenario.yaml")
}

/// Findings as `line:column code title`, a warning with `~` in front.
fn findings(text: &str) -> Vec<String> {
    lines(&load_text(text))
}

fn lines(loaded: &Loaded) -> Vec<String> {
    let line = |finding: &Finding| {
        let mark = if finding.is_error() { "" } else { "~" };
        let code = finding.code.trim_start_matches("scn::");
        format!("{mark}{}:{} {code}: {}", finding.line(), finding.column(), finding.title)
    };
    loaded.findings.iter().map(line).collect()
}
