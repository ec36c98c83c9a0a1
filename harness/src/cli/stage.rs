//! What `exec` and `serve` share: finding the world, the CA, starting the emulator and its control listener.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use linarite_server::clock::{Clock, ClockMode, Instant};
use linarite_server::keys::tls::{TlsCa, TlsHosts};
use linarite_server::{CA_DOMAINS, Emulator};
use serde_json::Value;

use super::environment;
use crate::run::plan::read_file;
use crate::scenario::model::{self, Start};
use crate::scenario::{Finding, Project, load_world};

/// A world to be started from the command line.
pub(crate) struct Choice {
    /// Its document, merged.
    pub(crate) document: Value,
    /// How its time passes, when the file says it.
    pub(crate) mode: Option<ClockMode>,
    /// When it starts, when the file says it.
    pub(crate) start: Option<Instant>,
}

/// Reads the world that `--world` names: a file, or a name of `fixtures/worlds`. What is wrong with it is said with its place.
pub(crate) fn world(name: &str) -> Result<Choice, String> {
    let path = Path::new(name);
    let is_file = name.contains(['/', '\\']) || path.extension().is_some();
    let reader = |path: &Path| read_file(path);
    let project = Project::at(Path::new(""), &reader);
    let path = if is_file { path.to_owned() } else { project.world_path(name, Path::new("")) };
    let (world, findings) = load_world(&path, &project);
    let told = |findings: &[Finding]| {
        let errors = findings.iter().filter(|finding| finding.is_error());
        let text: Vec<String> = errors.map(|finding| finding.render(false)).collect();
        format!(
            "the world `{name}` cannot be used; give a world file, or the name of one in fixtures/worlds (contoso is built in)\n{}",
            text.join("\n").trim_end()
        )
    };
    let Some(world) = world.filter(|_| !findings.iter().any(Finding::is_error)) else {
        return Err(told(&findings));
    };
    let document = world.value(&()).map_err(|finding| told(&[*finding]))?;
    if let Err(problems) = linarite_server::world::plan(&document, 0, Instant::from_millis(0)) {
        let found: Vec<Finding> =
            problems.iter().map(|p| world.finding(&p.pointer, &p.message)).collect();
        return Err(told(&found));
    }
    let clock = world.clock.as_ref();
    let start = clock.map(|clock| clock.start_at(&())).transpose();
    let start = match start.map_err(|finding| told(&[*finding]))?.flatten() {
        Some(Start::At(time)) => Some(Instant::from_millis(time.millis())),
        Some(Start::Now) | None => None,
    };
    let mode = clock.and_then(|clock| clock.mode).map(|mode| match mode {
        model::ClockMode::Manual => ClockMode::Manual,
        model::ClockMode::Follow => ClockMode::Follow,
    });
    Ok(Choice { document, mode, start })
}

/// The folder that holds the private CA: the state folder when there is one, else the user's own.
pub(crate) fn ca_folder(state: Option<&Path>) -> Result<PathBuf, String> {
    match state {
        // Clients are told of files in it, and run elsewhere.
        Some(state) => std::path::absolute(state)
            .map_err(|error| format!("the state folder {}: {error}", state.display())),
        None => environment::user_folder()
            .ok_or_else(|| "no folder for the private CA: set HOME or XDG_DATA_HOME".to_owned()),
    }
}

/// The private CA of this user, made at the first use.
pub(crate) fn tls() -> Result<Arc<TlsHosts>, String> {
    let folder = ca_folder(None)?;
    let ca = TlsCa::load_or_create(&folder, Clock::real().seconds(), CA_DOMAINS)
        .map_err(|error| format!("the private CA in {}: {error}", folder.display()))?;
    TlsHosts::new(Arc::new(ca)).map(Arc::new).map_err(|error| error.to_string())
}

/// The primary domain and the id of the tenant of a running emulator.
pub(crate) fn tenant(emulator: &Emulator) -> (String, String) {
    let tenant = &emulator.world().tenant;
    (tenant.primary_domain().to_owned(), tenant.id.to_string())
}

/// How a world's time passes, on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ClockArgument {
    /// At real speed, from now.
    Follow,
    /// Only when it is told to, by the control API.
    Manual,
}

impl From<ClockArgument> for ClockMode {
    fn from(argument: ClockArgument) -> Self {
        match argument {
            ClockArgument::Follow => Self::Follow,
            ClockArgument::Manual => Self::Manual,
        }
    }
}
