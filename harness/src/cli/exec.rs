//! `linarite exec`: runs an unmodified client inside an emulated world.
//!
//! Only the child's environment says where the world is. Its exit code is ours; 125 means that linarite itself failed,
//! 126 and 127 that the client could not be run or found.

use std::process::ExitCode;

use clap::Args;
use linarite_server::Emulator;
use linarite_server::clock::ClockMode;
use linarite_server::control::Control;
use process_wrap::tokio::{ChildWrapper, CommandWrap, KillOnDrop};
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

use super::{environment, output, stage};

/// linarite itself failed.
const FAILED: u8 = 125;
/// The client is there but cannot be run.
const NOT_RUNNABLE: u8 = 126;
/// The client was not found.
const NOT_FOUND: u8 = 127;

#[derive(Debug, Args)]
pub(crate) struct Exec {
    /// The world: a file, or the name of one in fixtures/worlds
    #[arg(long, default_value = "contoso", value_name = "NAME|FILE")]
    world: String,
    /// The seed that ids and keys follow from; drawn when not given
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// The client and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<String>,
}

/// Variables that would lead a client past the proxy or to another CA.
const CLEARED: [&str; 4] = ["NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"];
/// Variables that name the proxy.
const PROXY: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];
/// Variables that name the certificate to trust.
const TRUST: [&str; 4] =
    ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"];

pub(crate) async fn run(arguments: Exec) -> ExitCode {
    match start(arguments).await {
        Ok(code) => ExitCode::from(code),
        Err(problem) => {
            output::problem(&problem);
            ExitCode::from(FAILED)
        }
    }
}

async fn start(arguments: Exec) -> Result<u8, String> {
    let Some((program, rest)) = arguments.command.split_first() else {
        return Err("no client was given".to_owned());
    };
    let world = stage::world(&arguments.world)?;
    let mode = world.mode.unwrap_or(ClockMode::Follow);
    let tls = stage::tls()?;
    let ca = linarite_server::keys::tls::TlsCa::certificate_path(&stage::ca_folder(None)?);
    let mut builder = Emulator::builder().world(world.document).tls(tls).clock(mode, world.start);
    if let Some(seed) = arguments.seed {
        builder = builder.seed(seed);
    }
    let emulator = builder.start().await.map_err(|error| error.to_string())?;
    let control = Control::start(([127, 0, 0, 1], 0).into(), None)
        .await
        .map_err(|error| error.to_string())?;
    let world = std::sync::Arc::clone(emulator.world());
    control.worlds().register_behind(world, emulator.proxy_url());
    let (domain, id) = stage::tenant(&emulator);
    let mut command = Command::new(program);
    command.args(rest);
    for name in CLEARED {
        command.env_remove(name);
    }
    for name in PROXY {
        command.env(name, emulator.proxy_url());
    }
    for name in TRUST {
        command.env(name, &ca);
    }
    command
        .env("NODE_USE_ENV_PROXY", "1")
        .env("LINARITE_PROXY", emulator.proxy_url())
        .env("LINARITE_CA", &ca)
        .env("LINARITE_CONTROL_URL", control.url())
        .env("LINARITE_CONTROL_TOKEN", control.token())
        .env("LINARITE_TENANT", domain)
        .env("LINARITE_TENANT_ID", id);
    // A terminal sends its interrupt to the client too; it decides, and we wait for it.
    let mut interrupts = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    let mut terminations = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let mut hang_ups = signal(SignalKind::hangup()).map_err(|error| error.to_string())?;
    let mut wrap = CommandWrap::from(command);
    let mut child = match wrap.wrap(KillOnDrop).spawn() {
        Ok(child) => child,
        Err(error) => return Ok(not_run(program, &error)),
    };
    loop {
        tokio::select! {
            ended = child.wait() => {
                let status = ended.map_err(|error| error.to_string())?;
                return Ok(code_of(status));
            }
            _ = interrupts.recv() => {}
            // Nobody else tells the client. It decides about these too.
            _ = terminations.recv() => pass_on(child.as_ref(), SignalKind::terminate()),
            _ = hang_ups.recv() => pass_on(child.as_ref(), SignalKind::hangup()),
        }
    }
}

fn pass_on(child: &dyn ChildWrapper, signal: SignalKind) {
    if let Err(error) = child.signal(signal.as_raw_value()) {
        output::problem(&format!("the signal did not reach the client: {error}"));
    }
}

fn not_run(program: &str, error: &std::io::Error) -> u8 {
    output::problem(&format!("{program} cannot be run: {error}"));
    let found = environment::find_program(program).is_some();
    if error.kind() == std::io::ErrorKind::NotFound && !found { NOT_FOUND } else { NOT_RUNNABLE }
}

/// The exit code of a client; one that a signal ended gives 128 and the signal's number, as in a shell.
fn code_of(status: std::process::ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt as _;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(FAILED)
}
