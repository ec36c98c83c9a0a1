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

/// The private CA of this user or state folder, made at the first use.
pub(crate) fn tls(state: Option<&Path>, world: Option<&Value>) -> Result<Arc<TlsHosts>, String> {
    let folder = ca_folder(state)?;
    let domains = match state {
        None => CA_DOMAINS.map(str::to_owned).to_vec(),
        // A CA that lives with its world may speak for the world's own domains.
        Some(_) => CA_DOMAINS
            .map(str::to_owned)
            .into_iter()
            .chain(world.into_iter().flat_map(own_domains))
            .collect(),
    };
    let ca = TlsCa::load_or_create(&folder, Clock::real().seconds(), &domains)
        .map_err(|error| format!("the private CA in {}: {error}", folder.display()))?;
    TlsHosts::new(Arc::new(ca)).map(Arc::new).map_err(|error| error.to_string())
}

/// The domains that a world's hosts are in.
fn own_domains(world: &Value) -> Vec<String> {
    let domains = world.pointer("/tenant/domains").and_then(Value::as_object);
    let apps = world.get("apps").and_then(Value::as_object);
    let hosts = apps.into_iter().flat_map(|apps| apps.values()).filter_map(|app| {
        let resource = app.get("resource")?.as_str()?;
        Some(resource.strip_prefix("https://")?.trim_end_matches('/').to_ascii_lowercase())
    });
    let names = domains.into_iter().flat_map(|d| d.keys()).map(|name| name.to_ascii_lowercase());
    let last_label = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    names
        .chain(hosts)
        .filter(|name| !["test", "localhost"].contains(&last_label(name).as_str()))
        .collect()
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
