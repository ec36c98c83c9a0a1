//! `linarite serve`: a world behind its listeners until it is interrupted.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use linarite_server::Emulator;
use linarite_server::control::Control;
use linarite_server::control::admin::Admin;
use linarite_server::faults::Fault;
use linarite_server::keys::tls::TlsCa;

use super::signals::Signals;
use super::stage::{Choice, ClockArgument};
use super::{Exit, output, stage};
use crate::run::faults::{of_file, told_idle};

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The world: a file, or the name of one in fixtures/worlds
    #[arg(long, default_value = "contoso", value_name = "NAME|FILE")]
    world: String,
    /// Keep directory, clock and CA in this folder
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// The seed that ids and keys follow from; drawn when not given
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// The port of the proxy; any free one when not given
    #[arg(long, default_value_t = 0, value_name = "N")]
    proxy_port: u16,
    /// Also serve TLS by host name on this port
    #[arg(long, value_name = "N")]
    https_port: Option<u16>,
    /// The port of the control API; any free one when not given
    #[arg(long, default_value_t = 0, value_name = "N")]
    control_port: u16,
    /// How the world's time passes; as the state folder has it, as the world file says, else at real speed
    #[arg(long, value_enum)]
    clock: Option<ClockArgument>,
    /// Start the faults of this file: a map of faults by id, as in scenarios
    #[arg(long = "fault", value_name = "FILE")]
    faults: Vec<PathBuf>,
}

pub(crate) async fn run(arguments: Serve) -> Exit {
    let mut faults = Vec::new();
    for path in &arguments.faults {
        match of_file(path) {
            Ok(more) => faults.extend(more),
            Err(findings) => {
                let text: Vec<String> = findings.iter().map(|f| f.render(false)).collect();
                output::problem(&format!(
                    "the faults of {} cannot be started\n{}",
                    path.display(),
                    text.join("\n").trim_end()
                ));
                return Exit::Invalid;
            }
        }
    }
    let world = match stage::world(&arguments.world) {
        Ok(world) => world,
        Err(problem) => {
            output::problem(&problem);
            return Exit::Invalid;
        }
    };
    match serve(arguments, world, faults).await {
        Ok(()) => Exit::Passed,
        Err(problem) => {
            output::problem(&problem);
            Exit::Environment
        }
    }
}

async fn serve(
    arguments: Serve,
    world: Choice,
    faults: Vec<(String, Fault)>,
) -> Result<(), String> {
    let state = arguments.state.as_deref();
    let ca = TlsCa::certificate_path(
        &stage::ca_folder(state).map_err(|why| format!("{why}, or give --state"))?,
    );
    let mut builder = Emulator::builder()
        .world(world.document)
        .new_clock(world.mode, world.start)
        .proxy_port(arguments.proxy_port);
    if let Some(mode) = arguments.clock {
        builder = builder.clock(mode.into(), world.start);
    }
    if let Some(seed) = arguments.seed {
        builder = builder.seed(seed);
    }
    builder = match &arguments.state {
        Some(folder) => builder.state(folder),
        None => builder.tls(stage::tls()?),
    };
    if let Some(port) = arguments.https_port {
        builder = builder.https_port(port);
    }
    let emulator = builder.start().await.map_err(|error| error.to_string())?;
    let admin = Admin::new(emulator.world(), "serve");
    for (id, fault) in faults {
        admin.start_fault(&id, fault).map_err(|error| error.to_string())?;
    }
    let at = SocketAddr::from(([127, 0, 0, 1], arguments.control_port));
    let control = Control::start(at, None).await.map_err(|error| error.to_string())?;
    control.worlds().register_behind(Arc::clone(emulator.world()), emulator.proxy_url());
    let mut signals = Signals::new()?;
    output::line(&greeting(&emulator, &control, &ca.display().to_string()));
    // Nobody waits for this: until it is done, codes are explained without the scenarios that show them.
    match tokio::task::spawn_blocking(|| super::explain::codes("scenarios".as_ref())).await {
        Ok(Ok(codes)) => control.explain(codes),
        Ok(Err(missing)) => output::problem(&missing),
        Err(error) => output::problem(&error.to_string()),
    }
    signals.next().await;
    for id in emulator.world().faults.never_struck() {
        output::problem(&told_idle(&id));
    }
    emulator.world().keep_clock().await.map_err(|error| error.to_string())?;
    Ok(())
}

fn greeting(emulator: &Emulator, control: &Control, ca: &str) -> String {
    let (domain, id) = stage::tenant(emulator);
    let https = emulator
        .https_address()
        .map_or_else(String::new, |address| format!("# TLS by host name on {address}\n"));
    format!(
        "# linarite serves {domain}, seed {}. Paste this where the client runs; Ctrl-C here ends it.\n\
         # The portal, for a browser on this machine: {proxy}/portal.azure.com/\n\
         # What the codes mean: {}/explain\n\
         {https}\
         export HTTPS_PROXY={proxy} https_proxy={proxy} HTTP_PROXY={proxy} http_proxy={proxy}\n\
         export REQUESTS_CA_BUNDLE='{ca}' CURL_CA_BUNDLE='{ca}' SSL_CERT_FILE='{ca}' NODE_EXTRA_CA_CERTS='{ca}' NODE_USE_ENV_PROXY=1\n\
         export LINARITE_PROXY={proxy} LINARITE_CA='{ca}' LINARITE_TENANT={domain} LINARITE_TENANT_ID={id}\n\
         export LINARITE_CONTROL_URL={} LINARITE_CONTROL_TOKEN={}\n\
         unset NO_PROXY no_proxy ALL_PROXY all_proxy",
        emulator.world().entropy.seed(),
        control.url(),
        control.url(),
        control.token(),
        proxy = emulator.proxy_url(),
    )
}
