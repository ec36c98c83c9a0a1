//! A world that runs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use linarite_core::instant::Instant;
use linarite_core::tenant::Tenant;
use serde_json::Value;

use super::apps::Apps;
use super::build::{WorldProblem, plan};
use super::federation::{Federation, federations};
use super::stock::Stock;
use crate::clock::{Clock, ClockMode};
use crate::directory::{Directory, DirectoryError, Identity};
use crate::entropy::{Entropy, secret_of};
use crate::faults::Faults;
use crate::journal::Journal;
use crate::keys::device_ca::DeviceCa;
use crate::keys::seal::Sealer;
use crate::keys::signer::TokenSigner;
use crate::services::tables::Tables;

/// The services that hosts belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// A federation server.
    Adfs,
    /// Device registration.
    Drs,
    /// The directory's API.
    Graph,
    /// A protected API of the world.
    Resource,
    /// Sign-in.
    Sts,
}

impl Service {
    /// Its word in the journal.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Adfs => "adfs",
            Self::Drs => "drs",
            Self::Graph => "graph",
            Self::Resource => "resource",
            Self::Sts => "sts",
        }
    }
}

/// Hosts that are the same in every world.
const HOSTS: [(&str, Service); 7] = [
    ("login.microsoftonline.com", Service::Sts),
    ("login.windows.net", Service::Sts),
    ("login.microsoft.com", Service::Sts),
    ("sts.windows.net", Service::Sts),
    ("device.login.microsoftonline.com", Service::Sts),
    ("enterpriseregistration.windows.net", Service::Drs),
    ("graph.microsoft.com", Service::Graph),
];

/// The keys of a world.
#[derive(Debug)]
pub struct WorldKeys {
    /// Signs tokens.
    pub tokens: TokenSigner,
    /// Issues device certificates.
    pub devices: Arc<DeviceCa>,
    /// Seals grants.
    pub grants: Sealer,
}

/// How a world is to be started.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// Its name in control paths.
    pub id: String,
    /// The seed; drawn when absent.
    pub seed: Option<u64>,
    /// When it starts; now when absent.
    pub clock_start: Option<Instant>,
    /// How its time passes.
    pub clock_mode: Option<ClockMode>,
    /// Where its state is kept; in memory when absent.
    pub state: Option<PathBuf>,
}

/// Why a world cannot start.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// The world file has problems.
    #[error("the world cannot be built:{}", list(.0))]
    Problems(Vec<WorldProblem>),
    /// The directory cannot be used.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// A part of linarite itself does not fit.
    #[error("linarite is damaged: {0}")]
    Damaged(String),
}

fn list(problems: &[WorldProblem]) -> String {
    problems.iter().fold(String::new(), |mut text, problem| {
        text.push_str("\n  ");
        text.push_str(&problem.to_string());
        text
    })
}

/// A world that runs.
#[derive(Debug)]
pub struct World {
    /// Its name in control paths.
    pub id: String,
    /// Its tenant.
    pub tenant: Arc<Tenant>,
    /// Its applications.
    pub apps: Apps,
    /// Its time.
    pub clock: Clock,
    /// Its chance.
    pub entropy: Entropy,
    /// Its directory.
    pub directory: Directory,
    /// What happened in it.
    pub journal: Journal,
    /// What goes wrong in it on purpose.
    pub faults: Faults,
    /// Its keys.
    pub keys: WorldKeys,
    /// Codes and texts of refusals.
    pub tables: Arc<Tables>,
    /// The world document that it was made from.
    pub document: Value,
    /// Whether its state outlives it.
    pub state: Option<PathBuf>,
    hosts: Vec<(String, Service)>,
    federations: Vec<Federation>,
}

/// Reads a world document from YAML. Positions of type errors are in the message.
pub fn document_from_yaml(text: &str) -> Result<Value, String> {
    serde_saphyr::from_str(text).map_err(|error| error.to_string())
}

impl World {
    /// Starts a world from a document (merged and without its `use`). A state folder that was used before keeps the world
    /// that it holds; the document is then only what a new one would be made from.
    pub async fn start(document: &Value, start: Start) -> Result<Self, WorldError> {
        Self::start_from(&Stock::default(), document, start).await
    }

    /// [`Self::start`] with what it has in common with the other worlds of this stock.
    pub async fn start_from(
        stock: &Stock,
        document: &Value,
        start: Start,
    ) -> Result<Self, WorldError> {
        let begun = start.clock_start.unwrap_or_else(Clock::real);
        let directory = match &start.state {
            None => Directory::in_memory()?,
            Some(folder) => {
                make_folder(folder)?;
                Directory::in_folder(folder)?
            }
        };
        let earlier = match &start.state {
            Some(_) => directory.started().await?,
            None => None,
        };
        let (seed, starts, document) = match earlier {
            Some(identity) => {
                let kept = serde_json::from_str(&identity.document)
                    .map_err(|error| WorldError::Damaged(format!("the kept world: {error}")))?;
                (identity.seed, identity.starts, kept)
            }
            None => (start.seed.unwrap_or_else(Entropy::fresh_seed), 0, document.clone()),
        };
        let plan = plan(&document, seed, begun).map_err(WorldError::Problems)?;
        if starts == 0 {
            let identity = Identity { seed, document: document.to_string(), starts: 0 };
            directory.fill(identity, plan.users, plan.devices).await?;
        }
        let clock = clock(&directory, start.clock_mode, start.clock_start, starts)?;
        let apps = stock.apps()?.with(plan.apps);
        let federations = federations(&plan.tenant, plan.federation, seed, stock)?;
        let hosts = hosts(&plan.tenant, &apps, &federations);
        Ok(Self {
            id: start.id,
            keys: WorldKeys {
                tokens: stock.tokens(key_number(seed, "tokens"))?,
                devices: stock.devices(key_number(seed, "devices"))?,
                grants: Sealer::new(secret_of(seed, "seal", "")),
            },
            tenant: Arc::new(plan.tenant),
            apps,
            faults: Faults::new(seed, clock.now()),
            clock,
            entropy: Entropy::new(seed, starts),
            directory,
            journal: Journal::default(),
            tables: stock.tables()?,
            document,
            state: start.state,
            hosts,
            federations,
        })
    }

    /// The service that this host belongs to; `None`: not emulated. `name` is in lower case and without a port.
    pub fn service(&self, name: &str) -> Option<Service> {
        self.hosts.iter().find(|(host, _)| host == name).map(|(_, service)| *service)
    }

    /// The federation of a domain, by its name in any case; `None` for a managed or unknown one.
    pub fn federation(&self, domain: &str) -> Option<&Federation> {
        self.federations.iter().find(|f| f.domain.eq_ignore_ascii_case(domain))
    }

    /// The federation of every federated domain.
    pub fn federations(&self) -> &[Federation] {
        &self.federations
    }

    /// Every emulated host.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.hosts.iter().map(|(host, _)| host.as_str())
    }

    /// Keeps where a manual clock stands, when there is a state folder.
    pub async fn keep_clock(&self) -> Result<(), DirectoryError> {
        if self.state.is_some() && self.clock.mode() == ClockMode::Manual {
            self.directory.keep("world:clock", self.clock.now().millis()).await?;
        }
        Ok(())
    }
}

fn make_folder(folder: &Path) -> Result<(), DirectoryError> {
    std::fs::create_dir_all(folder).map_err(|error| DirectoryError::Folder {
        folder: folder.display().to_string(),
        cause: error.to_string(),
    })
}

/// The clock of a world: a manual one goes on where it was kept.
fn clock(
    directory: &Directory,
    mode: Option<ClockMode>,
    begin: Option<Instant>,
    starts: u64,
) -> Result<Clock, DirectoryError> {
    let mode = mode.unwrap_or(ClockMode::Follow);
    let kept = match mode {
        ClockMode::Manual if starts > 0 => directory.kept("world:clock")?,
        ClockMode::Manual | ClockMode::Follow => None,
    };
    Ok(Clock::new(mode, kept.map(Instant::from_millis).or(begin)))
}

/// Which of the public test keys serves this purpose.
fn key_number(seed: u64, purpose: &str) -> usize {
    let [pick, ..] = secret_of(seed, "key", purpose);
    usize::from(pick)
}

fn hosts(tenant: &Tenant, apps: &Apps, federations: &[Federation]) -> Vec<(String, Service)> {
    let fixed = HOSTS.iter().map(|(host, service)| ((*host).to_owned(), *service));
    let registration = tenant
        .domains
        .iter()
        .map(|domain| (format!("enterpriseregistration.{}", domain.name), Service::Drs));
    // Several domains may share one server.
    let servers: BTreeSet<&str> = federations.iter().map(|f| f.host.as_str()).collect();
    let servers = servers.into_iter().map(|sts| (sts.to_owned(), Service::Adfs));
    let resources = apps.iter().filter_map(|app| Some((app.host.clone()?, Service::Resource)));
    fixed.chain(registration).chain(servers).chain(resources).collect()
}
