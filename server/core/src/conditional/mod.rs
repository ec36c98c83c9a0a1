//! Conditional access: whether the policies of a tenant let a user, on this device, have tokens for an application.
//!
//! FAQ A20 and A21; sections 11 and 20 of the device registration notes. Asked whenever tokens for a resource are to be
//! issued, after the user and the device have proved who they are, and never when a primary refresh token is issued or
//! renewed. The device counts as the directory has it now: what the computer believes of itself is no argument. What is
//! missing is named in the documented order: a block first, then a second factor, then a compliant device, then a hybrid
//! joined one. Left out: locations, risk, client types, sessions, and the controls for mobile applications.

use crate::device::{Device, KnownDevice, TrustType};
use crate::ids::{AppId, PolicyId, UserId};
use crate::refusal::PolicyRefusal;
use crate::user::User;

/// Whether a policy counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyState {
    /// It does.
    On,
    /// What it would do is told, and nothing else.
    ReportOnly,
    /// It does not.
    Off,
}

/// The operating systems that policies tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Platform {
    /// Windows.
    Windows,
    /// macOS.
    MacOs,
    /// Linux.
    Linux,
    /// iOS and iPadOS.
    Ios,
    /// Android.
    Android,
}

/// What a policy asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Control {
    /// Nothing helps.
    Block,
    /// A second factor.
    SecondFactor,
    /// A device that is marked as compliant.
    Compliant,
    /// A device joined on premises and registered here.
    Hybrid,
    /// Any registered device.
    Registered,
}

/// Declares the words of an enum for world files and for the store.
macro_rules! words {
    ($name:ident { $($variant:ident = $word:literal,)* }) => {
        impl $name {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its word in world files.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            /// The one with this word.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.word() == word)
            }
        }
    };
}

words!(PolicyState { On = "on", ReportOnly = "report-only", Off = "off", });
words!(Platform {
    Windows = "windows",
    MacOs = "macos",
    Linux = "linux",
    Ios = "ios",
    Android = "android",
});
words!(Control {
    Block = "block",
    SecondFactor = "mfa",
    Compliant = "compliant",
    Hybrid = "hybrid",
    Registered = "registered-device",
});

/// Whether a way to sign in, as tokens name it (`amr`), is a second factor.
pub fn is_second_factor(amr: &str) -> bool {
    matches!(amr, "mfa" | "ngcmfa" | "http://schemas.microsoft.com/claims/multipleauthn")
}

impl Platform {
    /// The platform of an operating system as device records name it.
    pub fn of_record(os: &str) -> Option<Self> {
        let os = os.to_ascii_lowercase();
        let known = [
            ("windows", Self::Windows),
            ("mac", Self::MacOs),
            ("linux", Self::Linux),
            ("iphone", Self::Ios),
            ("ipad", Self::Ios),
            ("ios", Self::Ios),
            ("android", Self::Android),
        ];
        known.into_iter().find(|(word, _)| os.starts_with(word)).map(|(_, platform)| platform)
    }

    /// The platform that a client says it runs on, in a header of its own or as browsers do. Nothing proves it.
    pub fn said(text: &str) -> Option<Self> {
        // Browsers name several: those of telephones go first.
        const KNOWN: [(&str, Platform); 10] = [
            ("android", Platform::Android),
            ("iphone", Platform::Ios),
            ("ipad", Platform::Ios),
            ("ios", Platform::Ios),
            ("windows", Platform::Windows),
            ("win", Platform::Windows),
            ("macintosh", Platform::MacOs),
            ("macos", Platform::MacOs),
            ("darwin", Platform::MacOs),
            ("linux", Platform::Linux),
        ];
        let text = text.to_ascii_lowercase().replace("mac os", "macos");
        // `win32` and `darwin20` are words with a number behind them, `axios` is not a word of these.
        let word = |word: &str| word.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
        let words: Vec<String> =
            text.split(|c: char| !c.is_ascii_alphanumeric()).map(word).collect();
        let named = |(known, _): &(&str, Self)| words.iter().any(|word| word == known);
        KNOWN.into_iter().find(named).map(|(_, platform)| platform)
    }
}

/// Which applications, users or groups a policy is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope<T> {
    /// All of them.
    All,
    /// These.
    These(Vec<T>),
}

impl<T: PartialEq> Scope<T> {
    fn covers(&self, one: &T) -> bool {
        match self {
            Self::All => true,
            Self::These(these) => these.contains(one),
        }
    }
}

/// A policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Its id, as a claims challenge names it.
    pub id: PolicyId,
    /// Its name, unique in the tenant.
    pub name: String,
    /// Whether it counts.
    pub state: PolicyState,
    /// The applications that tokens are for.
    pub apps: Scope<AppId>,
    /// Applications that it is not about.
    pub apps_except: Vec<AppId>,
    /// Its users.
    pub users: Scope<UserId>,
    /// Names of groups whose members it is about too.
    pub groups: Vec<String>,
    /// Users that it is not about, whatever else is said.
    pub users_except: Vec<UserId>,
    /// Groups whose members it is not about.
    pub groups_except: Vec<String>,
    /// The platforms that it is about; empty for every one, an unknown one included.
    pub platforms: Vec<Platform>,
    /// What it asks for.
    pub grant: Vec<Control>,
    /// Whether one of its controls is enough.
    pub any: bool,
}

/// How a user stands to a second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecondFactor {
    /// It was proved.
    Proved,
    /// There is one to prove.
    Registered,
    /// There is none.
    Absent,
}

/// What is asked of the policies: who wants tokens for what, and what is known of the device.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The application that the tokens are for.
    pub app: AppId,
    /// Whether it is one that devices are registered or enrolled with. "All applications" does not mean these: a device
    /// could never come to fulfil what is asked of it.
    pub sets_up_devices: bool,
    /// The user.
    pub user: &'a User,
    /// The device that took part in the sign-in.
    pub device: Option<&'a KnownDevice>,
    /// The platform that the client says it runs on; that of a known device goes before it.
    pub platform: Option<Platform>,
    /// The user's second factor.
    pub second_factor: SecondFactor,
    /// Whether the tenant wants a second factor of whoever joins a device.
    pub mfa_to_join: bool,
}

/// What the policies say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Why tokens are not given.
    pub refusal: Option<PolicyRefusal>,
    /// The policies that count and are not fulfilled.
    pub unmet: Vec<PolicyId>,
    /// Names of those policies.
    pub unmet_names: Vec<String>,
    /// Names of the report-only policies that would have refused.
    pub reported: Vec<String>,
}

impl Policy {
    /// Whether the policy is about such a request.
    fn applies(&self, request: &Request<'_>) -> bool {
        let app = match &self.apps {
            Scope::All => !request.sets_up_devices,
            Scope::These(these) => these.contains(&request.app),
        };
        let user = request.user;
        let in_one_of = |groups: &[String]| {
            groups
                .iter()
                .any(|group| user.account.groups.iter().any(|g| g.eq_ignore_ascii_case(group)))
        };
        let about_user = self.users.covers(&user.id) || in_one_of(&self.groups);
        let excepted = self.users_except.contains(&user.id) || in_one_of(&self.groups_except);
        let platform = present(request.device)
            .and_then(|device| Platform::of_record(&device.os))
            .or(request.platform);
        let on_platform =
            self.platforms.is_empty() || platform.is_some_and(|p| self.platforms.contains(&p));
        app && !self.apps_except.contains(&request.app) && about_user && !excepted && on_platform
    }

    /// What is missing, the first in the documented order; `None` when the policy is fulfilled.
    fn missing(&self, request: &Request<'_>) -> Option<PolicyRefusal> {
        let mut controls = self.grant.clone();
        controls.sort_unstable();
        let unmet: Vec<Control> =
            controls.iter().copied().filter(|control| !is_met(*control, request)).collect();
        if self.any && unmet.len() < controls.len() {
            return None;
        }
        let first = *unmet.first()?;
        let about_devices = |control: &Control| {
            matches!(control, Control::Compliant | Control::Hybrid | Control::Registered)
        };
        // No single state is the one that is missing.
        if self.any && unmet.len() > 1 && unmet.iter().all(about_devices) {
            return Some(PolicyRefusal::DeviceStateUnfit);
        }
        Some(match first {
            Control::Block => PolicyRefusal::Blocked,
            Control::SecondFactor => return second_factor(request),
            Control::Compliant => PolicyRefusal::DeviceNotCompliant,
            Control::Hybrid => PolicyRefusal::DeviceNotHybrid,
            // Whoever has a registered device has to show it; whoever has none has to register one first.
            Control::Registered if request.user.devices > 0 => PolicyRefusal::DeviceNotShown,
            Control::Registered => PolicyRefusal::DeviceNotRegistered,
        })
    }
}

/// The device when its record is there and its registration complete. A pending record, or the grave of a deleted one,
/// fulfils nothing.
fn present(device: Option<&KnownDevice>) -> Option<&Device> {
    match device {
        Some(KnownDevice::Present(device)) if device.registered.is_some() => Some(device),
        Some(KnownDevice::Present(_) | KnownDevice::Deleted(_)) | None => None,
    }
}

fn is_met(control: Control, request: &Request<'_>) -> bool {
    let device = present(request.device);
    match control {
        Control::Block => false,
        Control::SecondFactor => request.second_factor == SecondFactor::Proved,
        Control::Compliant => {
            device.is_some_and(|device| device.management.compliant == Some(true))
        }
        Control::Hybrid => device.is_some_and(|device| device.trust == TrustType::ServerAd),
        Control::Registered => device.is_some(),
    }
}

/// What a user without a second factor in this sign-in is told.
const fn second_factor(request: &Request<'_>) -> Option<PolicyRefusal> {
    match request.second_factor {
        SecondFactor::Proved => None,
        SecondFactor::Registered => Some(PolicyRefusal::SecondFactorRequired),
        SecondFactor::Absent => Some(PolicyRefusal::SecondFactorMissing),
    }
}

/// What the policies say to a request. All that count must be fulfilled; of several refusals the one that no device and no
/// second factor can help goes first.
pub fn evaluate(policies: &[Policy], request: &Request<'_>) -> Verdict {
    let mut verdict = Verdict::default();
    if request.mfa_to_join && request.sets_up_devices {
        verdict.refusal = second_factor(request);
    }
    for policy in policies {
        if policy.state == PolicyState::Off || !policy.applies(request) {
            continue;
        }
        let Some(missing) = policy.missing(request) else { continue };
        if policy.state == PolicyState::ReportOnly {
            verdict.reported.push(policy.name.clone());
            continue;
        }
        verdict.unmet.push(policy.id);
        verdict.unmet_names.push(policy.name.clone());
        // The variants stand in the order in which they are told.
        verdict.refusal = Some(verdict.refusal.map_or(missing, |before| before.min(missing)));
    }
    verdict
}

#[cfg(test)]
mod tests;
