//! What a scenario needs of this machine: `exe:NAME`, `py:MODULE`, `env:NAME`, `os:NAME`, `lib:faketime`; programs and
//! modules also with a version, such as `exe:az>=2.60`.
//!
//! What is missing skips the scenario, with the reason. Left out: `npm:`, `net:` and other libraries.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use regex::Regex;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::group::Group;

/// Finds programs and variables; given by the command line, which reads the environment.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings {
    /// Whether a program is there.
    pub program: fn(&str) -> bool,
    /// Whether a variable is set.
    pub variable: fn(&str) -> bool,
    /// Where libfaketime is, which lets programs see another time.
    pub faketime: fn() -> Option<PathBuf>,
}

/// How long a program may take to tell its version.
const LIMIT: Duration = Duration::from_secs(20);

/// What is known of needs, so that programs are asked once in a run.
#[derive(Debug, Default)]
pub struct Known(Mutex<BTreeMap<String, Option<String>>>);

impl Known {
    /// Why a need is not met; `None` when it is. An error says why it is no need at all.
    pub async fn missing(
        &self,
        need: &str,
        surroundings: &Surroundings,
    ) -> Result<Option<String>, String> {
        if let Some(why) = malformed(need) {
            return Err(why);
        }
        let mut known = self.0.lock().await;
        if let Some(known) = known.get(need) {
            return Ok(known.clone());
        }
        let found = missing(need, surroundings).await;
        known.insert(need.to_owned(), found.clone());
        Ok(found)
    }
}

/// Why a text is no need.
pub fn malformed(need: &str) -> Option<String> {
    let (kind, rest) = need.split_once(':').unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-+/".contains(c);
    let name = rest.split(['>', '<', '=']).next().unwrap_or_default();
    if kind.is_empty() || name.is_empty() || !name.trim_end().chars().all(plain) {
        return Some(format!(
            "`{need}` is no need: write exe:NAME, py:MODULE, env:NAME, os:NAME or lib:faketime"
        ));
    }
    let wanted = rest.find(['>', '<', '=']).and_then(|at| rest.get(at..))?;
    if !["exe", "py"].contains(&kind) {
        return Some(format!("`{need}` cannot have a version: only exe: and py: can"));
    }
    let unread = || format!("`{need}` is no need: write a version like >=2.60, >, <, <= or ==");
    holds("0", wanted).is_none().then(unread)
}

/// Why a need is not met; `None` when it is.
async fn missing(need: &str, surroundings: &Surroundings) -> Option<String> {
    let (kind, rest) = need.split_once(':')?;
    let (name, wanted) = match rest.find(['>', '<', '=']) {
        Some(at) => (rest.get(..at).unwrap_or_default(), rest.get(at..)),
        None => (rest, None),
    };
    let met = match kind {
        "exe" => (surroundings.program)(name),
        "env" => (surroundings.variable)(name),
        "os" => name == std::env::consts::OS,
        "py" => python(name, "import {}").await.is_some(),
        "lib" if name == "faketime" => (surroundings.faketime)().is_some(),
        _ => return Some(format!("not emulated yet: needs of kind `{kind}:{name}`")),
    };
    if !met {
        return Some(format!("{need} is not there"));
    }
    let wanted = wanted?;
    let there = match kind {
        "exe" => printed(name, &["--version"]).await,
        _ => python(name, "from importlib.metadata import version; print(version(\"{}\"))").await,
    };
    let there = there.as_deref().and_then(version_in);
    let Some(there) = there else {
        return Some(format!("{need}: {name} does not tell its version"));
    };
    match holds(&there, wanted) {
        Some(true) => None,
        Some(false) | None => Some(format!("{need} is not there: {name} is {there}")),
    }
}

async fn python(name: &str, code: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.' || c == '-';
    if !name.chars().all(plain) {
        return None;
    }
    printed("python3", &["-c", &code.replace("{}", name)]).await
}

/// What a program prints; `None` when it fails.
async fn printed(program: &str, arguments: &[&str]) -> Option<String> {
    let prepare = |command: &mut tokio::process::Command| {
        command.args(arguments).stdin(Stdio::null());
    };
    let mut group = Group::spawn(program, prepare, None).ok()?;
    let seen = timeout(LIMIT + LIMIT, group.follow(LIMIT)).await.ok()?;
    seen.failed.is_none().then_some(seen.output).flatten()
}

/// The first thing in a text that looks like a version.
fn version_in(text: &str) -> Option<String> {
    let number = Regex::new(r"\d+(\.\d+)+").ok()?;
    number.find(text).map(|found| found.as_str().to_owned())
}

/// Whether a version is as it is wanted, such as `>=2.60`; `None` when that cannot be read. Missing parts count as 0.
fn holds(there: &str, wanted: &str) -> Option<bool> {
    let at = wanted.find(|c: char| c.is_ascii_digit())?;
    let (operator, version) = wanted.split_at(at);
    let parts = |text: &str| -> Option<Vec<u64>> {
        let read: Option<Vec<u64>> = text.split('.').map(|part| part.parse().ok()).collect();
        let mut read = read?;
        while read.last() == Some(&0) {
            read.pop();
        }
        Some(read)
    };
    let order = parts(there)?.cmp(&parts(version.trim())?);
    Some(match operator.trim() {
        ">=" => order != Ordering::Less,
        ">" => order == Ordering::Greater,
        "<=" => order != Ordering::Greater,
        "<" => order == Ordering::Less,
        "==" | "=" => order == Ordering::Equal,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_part_by_part_as_numbers() {
        assert_eq!(holds("2.60.1", ">=2.60"), Some(true));
        assert_eq!(holds("2.9", ">=2.60"), Some(false));
        assert_eq!(holds("2.60", "==2.60.0"), Some(true));
        assert_eq!(holds("2.60", ">2.60"), Some(false));
        assert_eq!(holds("2.60", "<2.100"), Some(true));
        assert_eq!(holds("2.60", "~=2.60"), None);
        assert_eq!(version_in("curl 8.5.0 (x86_64)").as_deref(), Some("8.5.0"));
    }

    #[tokio::test]
    async fn a_need_that_is_not_met_says_why() {
        let here = Surroundings {
            program: |name| name == "sh",
            variable: |name| name == "SET",
            faketime: || None,
        };
        for (need, wanted) in [
            ("exe:sh", None),
            ("env:SET", None),
            ("os:linux", None),
            ("exe:nothing", Some("exe:nothing is not there")),
            ("env:UNSET", Some("env:UNSET is not there")),
            ("lib:faketime", Some("lib:faketime is not there")),
            ("npm:x", Some("not emulated yet: needs of kind `npm:x`")),
        ] {
            assert_eq!(missing(need, &here).await.as_deref(), wanted, "{need}");
        }
    }

    #[test]
    fn a_text_that_is_no_need_is_wrong_and_not_merely_missing() {
        for (need, says) in [
            ("curl", "`curl` is no need: write exe:NAME"),
            ("exe:", "`exe:` is no need"),
            ("env:SET>=1", "`env:SET>=1` cannot have a version: only exe: and py: can"),
            ("exe:az~=2", "`exe:az~=2` is no need"),
            ("exe:az>=new", "`exe:az>=new` is no need: write a version"),
        ] {
            assert!(malformed(need).is_some_and(|why| why.starts_with(says)), "{need}");
        }
        assert_eq!(malformed("py:msal>=1.31"), None);
    }
}
