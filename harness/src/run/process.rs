//! The `run` action: an external client in a process group of its own, with an environment that leads it into the world.
//!
//! Both streams are drained from the start. After a timeout the group gets a term signal, five seconds, and a kill;
//! nothing of it survives the step. Left out: terminals, background processes, virtual client clocks.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use process_wrap::tokio::{ChildWrapper, CommandWrap, KillOnDrop, ProcessGroup};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::seen::Seen;
use super::stage::Stage;
use crate::scenario::Finding;
use crate::scenario::model::RunAction;

/// How long a group may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(5);
/// How long pipes may stay open after the command has ended.
const PIPES: Duration = Duration::from_millis(500);
/// Bytes of each stream that are kept.
const KEPT: usize = 8 << 20;
/// How long a command may take unless the step says otherwise.
const LIMIT: Duration = Duration::from_secs(30);

/// Variables of the caller that a command sees.
pub(crate) const INHERITED: [&str; 6] =
    ["PATH", "USER", "LOGNAME", "SHELL", "SYSTEMROOT", "LINARITE_VENV"];

/// Runs the command of a step.
pub(crate) async fn act(
    stage: &Stage,
    action: &RunAction,
    step_limit: Option<Duration>,
) -> Result<Seen, Box<Finding>> {
    let (program, arguments) = command_line(stage, action)?;
    let cwd = match &action.cwd {
        Some(cwd) => PathBuf::from(cwd.resolve(stage)?),
        None => stage.work.path().to_owned(),
    };
    let mut environment = environment(stage, action)?;
    for (name, value) in action.env.iter().flat_map(super::super::scenario::decode::Entries::iter) {
        environment.push((name.to_owned(), value.resolve(stage)?));
    }
    let stdin = action.stdin.as_ref().map(|text| text.resolve(stage)).transpose()?;
    let limit = match &action.timeout {
        Some(limit) => limit.resolve(stage)?.to_std(),
        None => step_limit.unwrap_or(LIMIT),
    };
    let mut wrap = CommandWrap::with_new(&program, |command| {
        command
            .args(&arguments)
            .current_dir(&cwd)
            .env_clear()
            .envs(environment)
            .stdin(if stdin.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
    });
    wrap.wrap(ProcessGroup::leader()).wrap(KillOnDrop);
    match wrap.spawn() {
        Ok(child) => Ok(follow(child, stdin, limit).await),
        Err(error) => {
            let title = format!("{program} cannot be run: {error}");
            Ok(Seen { failed: Some(title), ..Seen::default() })
        }
    }
}

fn command_line(stage: &Stage, action: &RunAction) -> Result<(String, Vec<String>), Box<Finding>> {
    if let Some(script) = &action.sh {
        let arguments = vec!["-eu".to_owned(), "-c".to_owned(), script.clone()];
        return Ok(("/bin/sh".to_owned(), arguments));
    }
    let words = action.argv.iter().flatten().map(|word| word.resolve(stage));
    let mut words = words.collect::<Result<Vec<_>, _>>()?.into_iter();
    if let Some(program) = words.next() {
        Ok((program, words.collect()))
    } else {
        let title = "a run step needs `argv` or `sh`";
        Err(Box::new(Finding::error("scn::missing-key", action.at.clone(), title)))
    }
}

/// The environment: a few variables of the caller, folders that point into the working folder, and where the world is.
fn environment(stage: &Stage, action: &RunAction) -> Result<Vec<(String, String)>, Box<Finding>> {
    let flag = |tpl: &Option<crate::scenario::decode::Tpl<bool>>| match tpl {
        Some(flag) => flag.resolve(stage),
        None => Ok(true),
    };
    let mut all: Vec<(String, String)> = stage
        .inherited
        .iter()
        .filter(|(name, _)| INHERITED.contains(&name.as_str()))
        .cloned()
        .collect();
    let mut put = |name: &str, value: &str| all.push((name.to_owned(), value.to_owned()));
    let work = stage.work.path().display().to_string();
    for name in [
        "HOME",
        "TMPDIR",
        "XDG_CONFIG_HOME",
        "XDG_CACHE_HOME",
        "XDG_DATA_HOME",
        "AZURE_CONFIG_DIR",
        "APPDATA",
    ] {
        put(name, &work);
    }
    for (name, value) in
        [("LANG", "C.UTF-8"), ("TZ", "UTC"), ("COLUMNS", "80"), ("NO_COLOR", "1"), ("TERM", "dumb")]
    {
        put(name, value);
    }
    let proxy = stage.emulator.proxy_url();
    let ca = stage.ca_file.display().to_string();
    if flag(&action.use_proxy)? {
        for name in ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"] {
            put(name, &proxy);
        }
        put("NODE_USE_ENV_PROXY", "1");
    }
    if flag(&action.trust_ca)? {
        for name in [
            "SSL_CERT_FILE",
            "REQUESTS_CA_BUNDLE",
            "CURL_CA_BUNDLE",
            "NODE_EXTRA_CA_CERTS",
            "GIT_SSL_CAINFO",
        ] {
            put(name, &ca);
        }
    }
    let world = stage.world();
    put("LINARITE_PROXY", &proxy);
    put("LINARITE_CA", &ca);
    put("LINARITE_CONTROL_URL", &stage.control.0);
    put("LINARITE_CONTROL_TOKEN", &stage.control.1);
    put("LINARITE_WORLD", &world.id);
    put("LINARITE_TENANT", world.tenant.primary_domain());
    put("LINARITE_TENANT_ID", &world.tenant.id.to_string());
    put("LINARITE_SCENARIO", &stage.instance.name().to_string());
    put("LINARITE_SEED", &stage.instance.seed.to_string());
    put("LINARITE_NOW", &stage.now().to_string());
    put("LINARITE_WORK", &work);
    for (name, value) in &stage.captures {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
        let name: String = name.chars().map(plain).collect();
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        put(&format!("LINARITE_VAR_{name}"), &text);
    }
    Ok(all)
}

/// What was printed so far: each stream and both in the order of their arrival.
#[derive(Default)]
struct Printed {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    both: Vec<u8>,
}

async fn drain(stream: Option<impl AsyncRead + Unpin>, printed: Arc<Mutex<Printed>>, error: bool) {
    let Some(mut stream) = stream else { return };
    let mut buffer = [0_u8; 8192];
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        let part = buffer.get(..length).unwrap_or_default();
        let mut printed = printed.lock().unwrap_or_else(PoisonError::into_inner);
        let Printed { stdout, stderr, both } = &mut *printed;
        for kept in [if error { stderr } else { stdout }, both] {
            let room = KEPT.saturating_sub(kept.len()).min(part.len());
            kept.extend_from_slice(part.get(..room).unwrap_or_default());
        }
    }
}

async fn follow(mut child: Box<dyn ChildWrapper>, stdin: Option<String>, limit: Duration) -> Seen {
    let printed = Arc::new(Mutex::new(Printed::default()));
    let out = tokio::spawn(drain(child.stdout().take(), Arc::clone(&printed), false));
    let err = tokio::spawn(drain(child.stderr().take(), Arc::clone(&printed), true));
    if let (Some(text), Some(mut pipe)) = (stdin, child.stdin().take()) {
        tokio::spawn(async move {
            // A command that does not read all of it is not wrong.
            let _written = pipe.write_all(text.as_bytes()).await;
        });
    }
    let exit = match timeout(limit, child.wait()).await {
        Ok(Ok(status)) => exit_of(status),
        Ok(Err(error)) => Value::String(format!("an error of the system: {error}")),
        Err(_) => {
            end(&mut *child).await;
            "timeout".into()
        }
    };
    // A grandchild may hold the pipes; what it prints later belongs to nobody.
    let abort = (out.abort_handle(), err.abort_handle());
    let _closed = timeout(PIPES, async { (out.await, err.await) }).await;
    abort.0.abort();
    abort.1.abort();
    let printed = printed.lock().unwrap_or_else(PoisonError::into_inner);
    let text = |bytes: &[u8]| clean(&String::from_utf8_lossy(bytes));
    Seen::of_process(exit, text(&printed.stdout), text(&printed.stderr), text(&printed.both))
}

async fn end(child: &mut dyn ChildWrapper) {
    #[cfg(unix)]
    {
        const TERM: i32 = 15;
        if child.signal(TERM).is_ok() && timeout(GRACE, child.wait()).await.is_ok() {
            return;
        }
    }
    if child.start_kill().is_ok() {
        let _ended = timeout(GRACE, child.wait()).await;
    }
}

fn exit_of(status: ExitStatus) -> Value {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt as _;
        if let Some(signal) = status.signal() {
            return format!("signal:{signal}").into();
        }
    }
    status.code().map_or(Value::Null, Value::from)
}

/// Text as expectations see it: lines end with LF, and colours are gone.
fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\r' if rest.peek() == Some(&'\n') => {}
            '\u{1b}' if rest.peek() == Some(&'[') => {
                rest.next();
                while rest.next().is_some_and(|c| !c.is_ascii_alphabetic()) {}
            }
            c => clean.push(c),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_and_carriage_returns_are_taken_out() {
        assert_eq!(clean("a\r\n\u{1b}[31mred\u{1b}[0m\n"), "a\nred\n");
    }
}
