//! What a scenario needs of this machine: `exe:NAME`, `py:MODULE`, `env:NAME`, `os:NAME`.
//!
//! What is missing skips the scenario, with the reason. Left out: versions, `npm:`, `lib:` and `net:`.

use std::process::Stdio;

/// Finds programs and variables; given by the command line, which reads the environment.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings {
    /// Whether a program is there.
    pub program: fn(&str) -> bool,
    /// Whether a variable is set.
    pub variable: fn(&str) -> bool,
}

/// Why a need is not met; `None` when it is.
pub async fn missing(need: &str, surroundings: &Surroundings) -> Option<String> {
    let Some((kind, name)) = need.split_once(':') else {
        return Some(format!(
            "`{need}` is no need: write exe:NAME, py:MODULE, env:NAME or os:NAME"
        ));
    };
    if name.contains(['>', '<', '=']) {
        return Some(format!("not emulated yet: versions in needs ({need})"));
    }
    let met = match kind {
        "exe" => (surroundings.program)(name),
        "env" => (surroundings.variable)(name),
        "os" => name == std::env::consts::OS,
        "py" => python_module(name).await,
        _ => return Some(format!("not emulated yet: needs of kind `{kind}`")),
    };
    (!met).then(|| format!("{need} is not there"))
}

async fn python_module(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    if !name.chars().all(plain) {
        return false;
    }
    let mut python = tokio::process::Command::new("python3");
    python.args(["-c", &format!("import {name}")]).stdin(Stdio::null());
    let ended = python.stdout(Stdio::null()).stderr(Stdio::null()).status().await;
    ended.is_ok_and(|status| status.success())
}
