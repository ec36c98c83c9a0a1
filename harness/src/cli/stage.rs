//! What `exec` and `serve` share: finding the world, the CA, starting the emulator and its control listener.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use linarite_server::clock::{Clock, ClockMode};
use linarite_server::keys::tls::{TlsCa, TlsHosts};
use linarite_server::{CA_DOMAINS, Emulator};
use serde_json::Value;

use super::environment;

/// The world that every linarite carries with it.
const CONTOSO: &str = include_str!("../../../fixtures/worlds/contoso.world.yaml");

/// Reads the world that `--world` names: a file, or a name of `fixtures/worlds`.
pub(crate) fn world(name: &str) -> Result<Value, String> {
    let path = Path::new(name);
    let is_file = name.contains(['/', '\\']) || path.extension().is_some();
    let path = if is_file {
        path.to_owned()
    } else {
        Path::new("fixtures/worlds").join(format!("{name}.world.yaml"))
    };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(_) if name == "contoso" => CONTOSO.to_owned(),
        Err(error) => {
            return Err(format!(
                "the world `{name}` cannot be read: {}: {error}; give a world file, or the name of one in fixtures/worlds (contoso is built in)",
                path.display()
            ));
        }
    };
    linarite_server::world::document_from_yaml(&text)
        .map_err(|error| format!("{}: {error}", path.display()))
}

/// The folder that holds the private CA: the state folder when there is one, else the user's own.
pub(crate) fn ca_folder(state: Option<&Path>) -> Result<PathBuf, String> {
    match state {
        Some(state) => Ok(state.to_owned()),
        None => environment::user_folder().ok_or_else(|| {
            "no folder for the private CA: set HOME or XDG_DATA_HOME, or give --state".to_owned()
        }),
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
