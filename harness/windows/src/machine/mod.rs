//! A machine: a name, an operating system, its local Windows users, and a memory that survives between steps.
//!
//! Each act stands in its own file: joining and registering ([`join`], on top of [`enrol`]), leaving ([`leave`]), signing
//! in ([`sign_in`], [`realm`], [`federation`]), the automatic join of domain computers ([`hybrid`], older ones [`down_level`]), the primary refresh
//! token ([`prt`]), whether the device still counts ([`device_auth`]), the chip with its keys ([`tpm`]), tokens ([`token`], [`authorize`]), the event log ([`events`]). FAQ cases A6 to A17, A23, A25, A27.
//!
//! Left out: Windows Hello, device management after its enrolment. They say "not emulated".

mod authorize;
mod device_auth;
mod down_level;
mod enrol;
mod events;
mod federation;
mod hybrid;
mod join;
mod leave;
mod mdm;
mod prt;
mod realm;
mod second_factor;
mod sign_in;
pub(crate) mod state;
mod token;
mod tpm;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use self::hybrid::ComputerAccount;
use self::state::{Memory, Profile, Registration};
use crate::dsregcmd::Layout;
use crate::outcome::Outcome;
use crate::wire::{Line, Wire};

pub(crate) use self::authorize::Form;
pub use self::events::Event;
pub use self::hybrid::{ComputerObject, DomainPolicy};
pub use self::join::{Join, Register};
pub use self::mdm::Terms;
pub use self::second_factor::SecondFactor;
pub use self::token::{Flow, TokenRequest, client_id};
pub use self::tpm::{Tpm, UnknownTpm};

/// The operating systems whose client is emulated, and those that are only known by name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Os {
    /// Windows 7: it registers by `autoworkplace`, once for each user of its domain.
    #[serde(rename = "windows-7")]
    Windows7,
    /// Windows 8.1, likewise.
    #[serde(rename = "windows-8.1")]
    Windows81,
    /// Windows 10.
    #[default]
    #[serde(rename = "windows-10")]
    Windows10,
    /// Windows 11.
    #[serde(rename = "windows-11")]
    Windows11,
    /// Linux; this client is a Windows client, so nothing but its name is emulated.
    Linux,
}

impl Os {
    /// The name in scenario files: `windows-10`.
    pub fn key(self) -> &'static str {
        match self {
            Self::Windows7 => "windows-7",
            Self::Windows81 => "windows-8.1",
            Self::Windows10 => "windows-10",
            Self::Windows11 => "windows-11",
            Self::Linux => "linux",
        }
    }

    /// The version that it reports to the service: `10.0.19045.5011`.
    pub fn version(self) -> &'static str {
        match self {
            Self::Windows7 => "6.1.7601.0",
            Self::Windows81 => "6.3.9600.0",
            Self::Windows10 => "10.0.19045.5011",
            Self::Windows11 => "10.0.22631.4460",
            Self::Linux => "1",
        }
    }

    /// Whether it is one of the systems before Windows 10, which register by SOAP.
    pub fn is_down_level(self) -> bool {
        matches!(self, Self::Windows7 | Self::Windows81)
    }

    fn is_emulated(self) -> bool {
        matches!(self, Self::Windows10 | Self::Windows11)
    }
}

impl fmt::Display for Os {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.key())
    }
}

/// A name that is no operating system of this client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no operating system here: windows-7, windows-8.1, windows-10, windows-11 or linux"
)]
pub struct UnknownOs(String);

impl FromStr for Os {
    type Err = UnknownOs;

    fn from_str(text: &str) -> Result<Self, UnknownOs> {
        [Self::Windows7, Self::Windows81, Self::Windows10, Self::Windows11, Self::Linux]
            .into_iter()
            .find(|os| os.key() == text)
            .ok_or_else(|| UnknownOs(text.to_owned()))
    }
}

/// A machine as a world file describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MachineSpec {
    /// Its key in the scenario, `pc1`; the first part of its random stream names.
    pub key: String,
    /// The computer name, `PC-1`: the display name of its records in the directory.
    pub name: String,
    /// The operating system.
    pub os: Os,
    /// A version other than the usual one of the operating system.
    pub os_version: Option<String>,
    /// The local Windows users. The first one acts when a step names nobody and nobody is signed in.
    pub windows_users: Vec<String>,
    /// Whoever acts without a name of their own is the built-in administrator (RID 500), whom Windows will not let join.
    pub builtin_administrator: bool,
    /// The Active Directory domain it belongs to, such as `contoso.test`: then it can join by itself, as a hybrid.
    pub domain: Option<String>,
    /// The layout of its `dsregcmd /status`.
    pub layout: Layout,
    /// The chip with its keys.
    pub tpm: Tpm,
    /// Whether its policy `BlockAADWorkplaceJoin` keeps users from adding work or school accounts (FAQ N33).
    pub block_work_accounts: bool,
}

/// A machine's description and memory, to be written away and brought back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineState {
    spec: MachineSpec,
    online: bool,
    memory: Memory,
}

/// An emulated Windows computer.
#[derive(Debug, Clone)]
pub struct Machine {
    pub(crate) spec: MachineSpec,
    /// Whether its network is on. Without it every request fails as an unresolved name, and no byte is sent.
    pub online: bool,
    pub(crate) memory: Memory,
}

/// The name by which the built-in administrator goes.
const ADMINISTRATOR: &str = "administrator";

impl Machine {
    /// A freshly installed machine, online.
    pub fn new(spec: MachineSpec) -> Self {
        Self { spec, online: true, memory: Memory::default() }
    }

    /// The machine as it is now.
    pub fn snapshot(&self) -> MachineState {
        let Self { spec, online, memory } = self.clone();
        MachineState { spec, online, memory }
    }

    /// Brings a machine back; the test keys that it holds count as taken in `wire`'s room.
    pub fn restore(state: MachineState, wire: &Wire) -> Self {
        let MachineState { spec, online, memory } = state;
        let accounts = memory.profiles.values().flat_map(|profile| &profile.work_accounts);
        let registrations = accounts.map(|account| &account.registration);
        for registration in registrations.chain(&memory.device) {
            wire.keys().note(registration.device_key);
            wire.keys().note(registration.transport_key);
        }
        if let Some(key) = memory.computer.as_ref().and_then(|computer| computer.key) {
            wire.keys().note(key);
        }
        Self { spec, online, memory }
    }

    /// How it was described.
    pub fn spec(&self) -> &MachineSpec {
        &self.spec
    }

    /// The Windows user whose session is on the screen, in lower case.
    pub fn current_user(&self) -> Option<&str> {
        self.memory.current.as_deref()
    }

    /// Its key in the scenario.
    pub fn key(&self) -> &str {
        &self.spec.key
    }

    /// Its event log, oldest first: what its automatic joins and its sign-ins left there.
    pub fn events(&self) -> &[Event] {
        self.memory.events.all()
    }

    /// The computer name.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// Gives it another computer name. Records in the directory keep the name they were made with.
    pub fn rename(&mut self, name: impl Into<String>) {
        self.spec.name = name.into();
    }

    /// The device id of the join, while the machine believes to be joined.
    pub fn device_id(&self) -> Option<&str> {
        self.memory.device.as_ref().map(|device| device.device_id.as_str())
    }

    /// What the machine shows when a server asks for a client certificate: that of its join, else that of the first work
    /// account of a Windows user. DER of the certificate and PKCS#8 of its key; the key is one of the public test keys.
    pub fn client_certificate(&self, windows_user: Option<&str>) -> Option<(Vec<u8>, Vec<u8>)> {
        let profile = self.memory.profiles.get(&self.acting(windows_user, None));
        let account = profile.and_then(|profile| profile.work_accounts.first());
        let registration = self.memory.device.as_ref().or_else(|| Some(&account?.registration))?;
        Some((registration.certificate_der(), registration.device_key.pkcs8().ok()?))
    }

    /// Reinstalls the machine: nothing is told to the service, so its records stay (FAQ A15). Without `keep_name` it gets
    /// a new name such as `DESKTOP-4F2A9C1`.
    pub fn wipe(&mut self, wire: &Wire, keep_name: bool) -> Outcome {
        let before = std::mem::take(&mut self.memory);
        // The domain's side survives: its policy, and the account of a computer that comes back under its name.
        self.memory.policy = before.policy;
        if keep_name {
            self.memory.computer =
                before.computer.map(|account| ComputerAccount { key: None, ..account });
        } else {
            let drawn = self.line(wire).random::<8>("computer-name");
            let letters = b"0123456789ABCDEFGHJKLMNPQRSTUVWXYZ";
            let picked = drawn.iter().take(7).filter_map(|byte| {
                letters.get(usize::from(*byte) % letters.len()).copied().map(char::from)
            });
            self.spec.name = format!("DESKTOP-{}", picked.collect::<String>());
        }
        Outcome::done(format!(
            "{} was wiped and set up again as {}\n",
            self.spec.key, self.spec.name
        ))
    }

    /// Puts the disk of another machine on this one, as it is now: its name, its join, its certificate and its keys, which
    /// both machines then use (FAQ A21). The service is told nothing.
    pub fn take_image(&mut self, of: &Self) -> Outcome {
        let key = std::mem::replace(&mut self.spec, of.spec.clone()).key;
        self.memory = of.memory.clone();
        let done = format!("{key} runs the image of {} now, as {}\n", of.spec.key, of.spec.name);
        self.spec.key = key;
        Outcome::done(done)
    }

    /// Ends a session. What the user's profile holds stays on disk.
    pub fn sign_out(&mut self, windows_user: Option<&str>) -> Outcome {
        let key = self.acting(windows_user, None);
        if let Some(profile) = self.memory.profiles.get_mut(&key) {
            profile.signed_in = false;
        }
        if self.memory.current.as_deref() == Some(&key) {
            self.memory.current = None;
        }
        Outcome::done(String::new())
    }

    /// The machine's end of the wire, as it is now.
    pub(crate) fn line(&self, wire: &Wire) -> Line {
        Line {
            wire: wire.clone(),
            machine: self.spec.key.clone(),
            online: self.online,
            os_version: self.os_version().to_owned(),
            tpm: self.spec.tpm,
        }
    }

    pub(crate) fn os_version(&self) -> &str {
        self.spec.os_version.as_deref().unwrap_or_else(|| self.spec.os.version())
    }

    /// Which Windows user is meant: the one named; else the one who uses the account `upn` here; else whoever is signed
    /// in; else the first local user.
    pub(crate) fn acting(&self, windows_user: Option<&str>, upn: Option<&str>) -> String {
        if let Some(name) = windows_user {
            return name.to_lowercase();
        }
        let owner = upn.and_then(|upn| self.owner_of(upn));
        owner.or_else(|| self.memory.current.clone()).unwrap_or_else(|| {
            self.spec
                .windows_users
                .first()
                .map_or_else(|| "user".to_owned(), |name| name.to_lowercase())
        })
    }

    fn owner_of(&self, upn: &str) -> Option<String> {
        let uses = |profile: &Profile| {
            let cached = profile.cached.iter().map(|cached| &cached.upn);
            let added = profile.work_accounts.iter().map(|account| &account.registration.upn);
            let domain = profile.domain.iter().map(|session| &session.upn);
            cached.chain(added).chain(domain).any(|known| known.eq_ignore_ascii_case(upn))
        };
        let current = self.memory.current.as_deref();
        let signed_in = current.and_then(|key| self.memory.profiles.get_key_value(key));
        signed_in
            .into_iter()
            .chain(self.memory.profiles.iter())
            .find(|(_, profile)| uses(profile))
            .map(|(key, _)| key.clone())
    }

    /// Whether the one who acts is the built-in administrator (FAQ A27).
    pub(crate) fn is_builtin_administrator(&self, windows_user: Option<&str>) -> bool {
        self.spec.builtin_administrator
            && windows_user.is_none_or(|name| name.eq_ignore_ascii_case(ADMINISTRATOR))
    }

    pub(crate) fn profile(&mut self, key: &str) -> &mut Profile {
        self.memory.profiles.entry(key.to_owned()).or_default()
    }

    /// Why this machine cannot run a Windows client act at all.
    pub(crate) fn not_this_os(&self) -> Option<Outcome> {
        if self.spec.os.is_emulated() {
            return None;
        }
        let what = match self.spec.os {
            Os::Windows7 | Os::Windows81 => {
                "an act of Windows 10 on an older one (see autoworkplace)"
            }
            Os::Linux | Os::Windows10 | Os::Windows11 => "a Windows client on Linux",
        };
        Some(Outcome::not_emulated(&format!("{what}; {} runs {}", self.spec.key, self.spec.os)))
    }
}

impl Registration {
    /// The tenant's display name, else its domain.
    pub(crate) fn tenant_name(&self) -> &str {
        let tenant = &self.tenant;
        if tenant.display_name.is_empty() { &tenant.name } else { &tenant.display_name }
    }

    /// The certificate's DER; empty when the state was tampered with.
    pub(crate) fn certificate_der(&self) -> Vec<u8> {
        crate::jose::base64_lenient(&self.certificate).unwrap_or_default()
    }
}
