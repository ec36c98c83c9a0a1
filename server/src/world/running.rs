//! A world that runs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use linarite_core::instant::Instant;
use linarite_core::management::Mdm;
use linarite_core::tenant::Tenant;
use serde_json::Value;

use super::apps::Apps;
use super::build::{WorldProblem, plan};
use super::federation::{Federation, federations};
use super::file::MdmFile;
use super::mdm_settings;
use super::stock::Stock;
use crate::clock::{Clock, ClockMode, Kept};
use crate::directory::{Directory, DirectoryError, Identity, UserKey};
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
    /// The directory's first API.
    AadGraph,
    /// A federation server.
    Adfs,
    /// Device registration.
    Drs,
    /// The directory's API.
    Graph,
    /// Device management.
    Mdm,
    /// The portal.
    Portal,
    /// A protected API of the world.
    Resource,
    /// Sign-in.
    Sts,
}

impl Service {
    /// Its word in the journal.
    pub const fn word(self) -> &'static str {
        match self {
            Self::AadGraph => "aadgraph",
            Self::Adfs => "adfs",
            Self::Drs => "drs",
            Self::Graph => "graph",
            Self::Mdm => "mdm",
            Self::Portal => "portal",
            Self::Resource => "resource",
            Self::Sts => "sts",
        }
    }
}

/// The host of device management's endpoints.
pub const ENROLLMENT_HOST: &str = "enrollment.manage.microsoft.com";
/// The host of device management's pages.
pub const MANAGEMENT_PORTAL: &str = "portal.manage.microsoft.com";

/// Hosts that are the same in every world.
const HOSTS: [(&str, Service); 11] = [
    ("login.microsoftonline.com", Service::Sts),
    ("login.windows.net", Service::Sts),
    ("login.microsoft.com", Service::Sts),
    ("sts.windows.net", Service::Sts),
    ("device.login.microsoftonline.com", Service::Sts),
    ("enterpriseregistration.windows.net", Service::Drs),
    ("graph.microsoft.com", Service::Graph),
    ("graph.windows.net", Service::AadGraph),
    (ENROLLMENT_HOST, Service::Mdm),
    (MANAGEMENT_PORTAL, Service::Mdm),
    ("portal.azure.com", Service::Portal),
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
    /// The seed; that of the state folder, or drawn, when absent. It must not contradict the state folder.
    pub seed: Option<u64>,
    /// When it starts; now when absent. A state folder that was used before goes on where its clock stood.
    pub clock_start: Option<Instant>,
    /// How its time passes; as it did before in a used state folder, or following, when absent.
    pub clock_mode: Option<ClockMode>,
    /// How the time of a new world passes when nothing else is said; a folder that was used before goes on as it did.
    pub new_clock_mode: Option<ClockMode>,
    /// Where its state is kept; in memory when absent.
    pub state: Option<PathBuf>,
}

/// Why a world cannot start.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// The world file has problems.
    #[error("the world cannot be built:{}", list(.0))]
    Problems(Vec<WorldProblem>),
    /// The state folder holds a world of another seed.
    #[error(
        "the state folder holds a world of seed {kept}, but seed {given} was asked for: leave the seed out to go on with that world, or give the new one a folder of its own"
    )]
    SeedOfAnother {
        /// The seed that the folder holds.
        kept: u64,
        /// The seed that was asked for.
        given: u64,
    },
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
    /// How many TLS handshakes with its hosts are under way.
    pub handshakes: Arc<AtomicUsize>,
    /// Its keys.
    pub keys: WorldKeys,
    /// Codes and texts of refusals.
    pub tables: Arc<Tables>,
    /// The world document that it was made from.
    pub document: Value,
    /// Whether its state outlives it.
    pub state: Option<PathBuf>,
    mdm: RwLock<Arc<Mdm>>,
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
                open(folder).await?
            }
        };
        let earlier = match &start.state {
            Some(_) => directory.started().await?,
            None => None,
        };
        let (seed, starts, document) = match earlier {
            Some(identity) => {
                if let Some(given) = start.seed.filter(|given| *given != identity.seed) {
                    return Err(WorldError::SeedOfAnother { kept: identity.seed, given });
                }
                let kept = serde_json::from_str(&identity.document)
                    .map_err(|error| WorldError::Damaged(format!("the kept world: {error}")))?;
                (identity.seed, identity.starts, kept)
            }
            None => (start.seed.unwrap_or_else(Entropy::fresh_seed), 0, document.clone()),
        };
        let plan = plan(&document, seed, begun).map_err(WorldError::Problems)?;
        if starts == 0 {
            let identity = Identity { seed, document: document.to_string(), starts: 0 };
            directory.fill(identity, plan.users, plan.devices, plan.policies).await?;
        }
        let of_new = start.new_clock_mode.filter(|_| starts == 0);
        let mode = start.clock_mode.or(of_new);
        let clock = clock(&directory, mode, start.clock_start, starts)?;
        if start.state.is_some() {
            keep_clock(&directory, &clock).await?;
        }
        let apps = stock.apps()?.with(plan.apps);
        let federations = federations(&plan.tenant, plan.federation, seed, stock)?;
        let hosts = hosts(&plan.tenant, &apps, &federations);
        let mdm = mdm(&plan.tenant, &directory)?;
        let tables = match plan.device_codes.as_slice() {
            [] => stock.tables()?,
            codes => stock
                .tables()?
                .with_device_codes(codes)
                .map(Arc::new)
                .map_err(WorldError::Damaged)?,
        };
        Ok(Self {
            id: start.id,
            keys: WorldKeys {
                tokens: stock.tokens(key_number(seed, "tokens"))?,
                devices: stock.devices(key_number(seed, "devices"))?,
                grants: Sealer::new(secret_of(seed, "seal", "")),
            },
            tenant: Arc::new(plan.tenant),
            apps,
            handshakes: Arc::default(),
            faults: Faults::new(seed, clock.now()),
            clock,
            entropy: Entropy::new(seed, starts),
            directory,
            journal: Journal::default(),
            tables,
            document,
            state: start.state,
            mdm: RwLock::new(Arc::new(mdm)),
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

    /// The settings of device management as they are now.
    pub fn mdm(&self) -> Arc<Mdm> {
        Arc::clone(&self.mdm.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the settings of device management. Users are named by their object ids.
    pub(crate) async fn set_mdm(&self, file: &MdmFile) -> Result<(), DirectoryError> {
        let text = serde_json::to_string(file).unwrap_or_default();
        self.directory.keep_text(MDM, text).await?;
        self.recall_mdm()
    }

    /// Takes the settings of device management as the directory keeps them.
    pub(crate) fn recall_mdm(&self) -> Result<(), DirectoryError> {
        let now = Arc::new(mdm(&self.tenant, &self.directory)?);
        *self.mdm.write().unwrap_or_else(PoisonError::into_inner) = now;
        Ok(())
    }

    /// Keeps where the clock stands, when there is a state folder. Whoever moves the clock does so afterwards.
    pub async fn keep_clock(&self) -> Result<(), DirectoryError> {
        match self.state {
            Some(_) => keep_clock(&self.directory, &self.clock).await,
            None => Ok(()),
        }
    }
}

/// Settings of device management that were changed while the world ran.
const MDM: &str = "world:mdm";

/// The settings of device management: those of the world file, and what was changed since.
fn mdm(tenant: &Tenant, directory: &Directory) -> Result<Mdm, DirectoryError> {
    let mut mdm = tenant.mdm.clone();
    let kept = directory.kept_text(MDM)?;
    if let Some(file) = kept.and_then(|text| serde_json::from_str::<MdmFile>(&text).ok()) {
        let user = |id: &str| directory.user(&UserKey::Id(id.parse().ok()?)).ok()?.map(|u| u.id);
        // Whoever was deleted since is out of the scope.
        let _gone = mdm_settings::apply(&mut mdm, &file, user);
    }
    Ok(mdm)
}

/// Where a clock stood; in the words of [`Kept`].
const CLOCK: &str = "world:clock";
/// How its time passed: 0 manual (as well when absent), 1 following.
const CLOCK_MODE: &str = "world:clock:mode";

async fn keep_clock(directory: &Directory, clock: &Clock) -> Result<(), DirectoryError> {
    let Kept { mode, value } = clock.kept();
    directory.keep([(CLOCK, value), (CLOCK_MODE, i64::from(mode == ClockMode::Follow))]).await
}

/// Opens the directory of a state folder. A world that was stopped a moment ago may still be closing it.
async fn open(folder: &Path) -> Result<Directory, DirectoryError> {
    let mut looks = tokio::time::interval(Duration::from_millis(20));
    for _ in 0..50 {
        looks.tick().await;
        match Directory::in_folder(folder) {
            Err(DirectoryError::InUse { .. }) => {}
            opened => return opened,
        }
    }
    Directory::in_folder(folder)
}

fn make_folder(folder: &Path) -> Result<(), DirectoryError> {
    std::fs::create_dir_all(folder).map_err(|error| DirectoryError::Folder {
        folder: folder.display().to_string(),
        cause: error.to_string(),
    })
}

/// The clock of a world. One that was kept goes on where it stood, whatever start was asked for.
fn clock(
    directory: &Directory,
    mode: Option<ClockMode>,
    begin: Option<Instant>,
    starts: u64,
) -> Result<Clock, DirectoryError> {
    if starts == 0 {
        return Ok(Clock::new(mode.unwrap_or(ClockMode::Follow), begin));
    }
    let latest = directory.latest()?.unwrap_or(Instant::from_millis(0));
    let kept = match directory.kept(CLOCK)? {
        Some(value) => Kept {
            mode: match directory.kept(CLOCK_MODE)? {
                Some(1) => ClockMode::Follow,
                Some(_) | None => ClockMode::Manual,
            },
            value,
        },
        // Nothing was kept of following clocks once.
        None => Clock::new(ClockMode::Follow, begin).kept(),
    };
    Ok(Clock::resumed(kept, mode, latest))
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

#[cfg(test)]
mod tests {
    use linarite_core::ids::ObjectId;
    use serde_json::json;

    use super::*;
    use crate::clock::Span;
    use crate::control::admin::Admin;
    use crate::directory::DeviceEdit;
    use crate::entropy::object_guid;

    const START: Instant = Instant::from_seconds(1_772_442_000);

    async fn started(folder: &Path, change: impl FnOnce(&mut Start)) -> Result<World, WorldError> {
        let document = json!({
            "tenant": { "name": "Contoso", "domains": { "contoso.test": { "kind": "managed" } } },
            "devices": { "pc": { "name": "PC", "os": "linux", "trust": "azure-ad" } },
        });
        let mut start = Start {
            clock_start: Some(START),
            clock_mode: Some(ClockMode::Manual),
            state: Some(folder.to_owned()),
            ..Start::default()
        };
        change(&mut start);
        World::start(&document, start).await
    }

    #[tokio::test]
    async fn a_killed_world_goes_on_no_earlier_in_whatever_mode() {
        let modes = [Some(ClockMode::Manual), Some(ClockMode::Follow), None];
        for before in modes {
            for after in modes {
                let folder = tempfile::tempdir().unwrap();
                let world =
                    started(folder.path(), |start| start.clock_mode = before).await.unwrap();
                Admin::new(&world, "test").advance_clock_by(Span::from_days(3)).await.unwrap();
                let (was, mode) = (world.clock.now(), world.clock.mode());
                // Dropped without a word, as by a kill.
                drop(world);
                let world = started(folder.path(), |start| start.clock_mode = after).await.unwrap();
                assert_eq!(world.clock.mode(), after.unwrap_or(mode));
                let now = world.clock.now();
                assert!(
                    now >= was && now < was + Span::from_days(1),
                    "{before:?} {after:?} {now:?}"
                );
                let changed = world.clock.now();
                drop(world);
                let world = started(folder.path(), |start| start.clock_mode = None).await.unwrap();
                assert!(world.clock.now() >= changed, "the mode of the second start was kept");
                assert_eq!(world.clock.mode(), after.unwrap_or(mode));
            }
        }
    }

    #[tokio::test]
    async fn what_is_said_of_a_new_world_leaves_the_mode_of_a_used_folder_alone() {
        let folder = tempfile::tempdir().unwrap();
        let begin = |mode: Option<ClockMode>, new| {
            started(folder.path(), move |start| {
                (start.clock_mode, start.new_clock_mode) = (mode, Some(new));
            })
        };
        let mode = |world: World| world.clock.mode();
        let (manual, follow) = (ClockMode::Manual, ClockMode::Follow);
        assert_eq!(mode(begin(None, manual).await.unwrap()), manual, "a new folder");
        assert_eq!(mode(begin(None, follow).await.unwrap()), manual, "a used one");
        assert_eq!(mode(begin(Some(follow), manual).await.unwrap()), follow, "told expressly");
        assert_eq!(mode(begin(None, manual).await.unwrap()), follow, "and kept");
    }

    #[tokio::test]
    async fn a_world_never_starts_before_its_latest_record() {
        let folder = tempfile::tempdir().unwrap();
        let world = started(folder.path(), |_| {}).await.unwrap();
        // The clock is moved and used, and the process is killed before the move is kept.
        world.clock.advance(Span::from_days(3));
        let id = ObjectId::new(object_guid(world.entropy.seed(), "device object", "pc"));
        let edit = DeviceEdit { enabled: Some(false), ..DeviceEdit::default() };
        let settings = &world.tenant.settings;
        world.directory.edit_device(id, edit, settings, world.clock.now()).await.unwrap().unwrap();
        drop(world);
        let world = started(folder.path(), |_| {}).await.unwrap();
        assert_eq!(world.clock.now(), START + Span::from_days(3));
    }

    #[tokio::test]
    async fn a_state_folder_has_one_server_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let world = started(folder.path(), |_| {}).await.unwrap();
        let refused = started(folder.path(), |_| {}).await.unwrap_err().to_string();
        assert!(refused.contains("in use by another linarite"), "{refused}");
        assert!(refused.contains(&folder.path().display().to_string()), "{refused}");
        drop(world);
        started(folder.path(), |_| {}).await.unwrap();
    }

    #[tokio::test]
    async fn a_seed_that_contradicts_the_state_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let seed = |seed| move |start: &mut Start| start.seed = seed;
        drop(started(folder.path(), seed(Some(7))).await.unwrap());
        let refused = started(folder.path(), seed(Some(8))).await.unwrap_err().to_string();
        assert!(refused.contains("seed 7") && refused.contains("seed 8"), "{refused}");
        for given in [Some(7), None] {
            let world = started(folder.path(), seed(given)).await.unwrap();
            assert_eq!(world.entropy.seed(), 7);
        }
    }
}
