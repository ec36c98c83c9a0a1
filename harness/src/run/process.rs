//! The `run` action: an external client in a process group of its own, with an environment that leads it into the world.
//!
//! Both streams are drained from the start. After a timeout the group gets a term signal, five seconds, and a kill;
//! nothing of it survives the step. With `background` the group goes on beside the next steps, until it is stopped, waited
//! for, or the instance ends. Left out: terminals.

use std::path::PathBuf;
use std::time::Duration;

use super::background;
use super::group::Group;
use super::seen::Seen;
use super::stage::Stage;
use crate::scenario::Finding;
use crate::scenario::model::{ClientClock, RunAction, Signal};

/// How long a command may take unless the step says otherwise.
const LIMIT: Duration = Duration::from_secs(30);

/// Variables of the caller that a command sees.
pub(crate) const INHERITED: [&str; 6] =
    ["PATH", "USER", "LOGNAME", "SHELL", "SYSTEMROOT", "LINARITE_VENV"];

/// Runs the command of a step.
pub(crate) async fn act(
    stage: &mut Stage,
    action: &RunAction,
    step_limit: Option<Duration>,
) -> Result<Seen, Box<Finding>> {
    let limit = match &action.timeout {
        Some(limit) => limit.resolve(stage)?.to_std(),
        None => step_limit.unwrap_or(LIMIT),
    };
    if let Some(name) = &action.wait {
        let name = name.resolve(stage)?;
        return background::wait(stage, &name, &action.at, limit).await;
    }
    if let Some(name) = &action.stop {
        let (name, signal) = (name.resolve(stage)?, action.signal.unwrap_or(Signal::Term));
        return background::stop(stage, &name, &action.at, signal).await;
    }
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
    let mut clock_file = None;
    if action.client_clock == Some(ClientClock::Virtual) {
        let Some(library) = stage.faketime.clone() else {
            let title = "`client_clock: virtual` needs libfaketime, which is not there";
            return Ok(Seen { failed: Some(title.to_owned()), ..Seen::default() });
        };
        let offset = faketime_offset(stage.ahead());
        environment.push(("LD_PRELOAD".to_owned(), library.display().to_string()));
        environment.push(("FAKETIME_NO_CACHE".to_owned(), "1".to_owned()));
        match &action.background {
            None => environment.push(("FAKETIME".to_owned(), offset)),
            // What is in the variable would outdo what is in the file, which can change.
            Some(name) => {
                let name = name.resolve(stage)?;
                let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
                let file = format!("faketime-{}", name.chars().map(plain).collect::<String>());
                let path = stage.work.path().join(file);
                if let Err(error) = std::fs::write(&path, offset) {
                    let failed = Some(format!("{}: {error}", path.display()));
                    return Ok(Seen { failed, ..Seen::default() });
                }
                let text = path.display().to_string();
                environment.push(("FAKETIME_TIMESTAMP_FILE".to_owned(), text));
                clock_file = Some(path);
            }
        }
    } else {
        stage.tell_real_clock();
    }
    let spawned = Group::spawn(
        &program,
        |command| {
            command.args(&arguments).current_dir(&cwd).env_clear().envs(environment);
        },
        stdin,
    );
    let mut group = match spawned {
        Ok(group) => group,
        Err(error) => {
            let title = format!("{program} cannot be run: {error}");
            return Ok(Seen { failed: Some(title), ..Seen::default() });
        }
    };
    match &action.background {
        None => {
            stage.printing = Some(group.printed());
            Ok(group.follow(limit).await)
        }
        Some(name) => {
            let name = name.resolve(stage)?;
            group.clock_file = clock_file;
            background::start(stage, &name, group, action, limit).await
        }
    }
}

/// How libfaketime writes that a clock is so many milliseconds ahead: in whole seconds, rounded to the past.
pub(crate) fn faketime_offset(ahead: i64) -> String {
    format!("{:+}s", ahead.div_euclid(1000))
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
