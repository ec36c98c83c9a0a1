//! Policies of conditional access as world files and administrators write them.
//!
//! Sections 11 and 20 of the device registration notes; FAQ A20 and A21. The rule is `linarite_core::conditional`.

use linarite_core::conditional::{Control, Platform, Policy, PolicyState, Scope};
use linarite_core::ids::{AppId, PolicyId, UserId};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::entropy::object_guid;

/// A policy of conditional access.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyFile {
    /// Its name; one policy has it.
    pub id: String,
    /// `on`, `report-only` or `off`. Default `on`.
    pub state: Option<PolicyStateFile>,
    /// `all`, or applications that tokens are for: keys of `apps`, identifier URIs or application ids. Default `all`, which
    /// does not mean the services that devices are registered and enrolled with.
    pub apps: Option<ScopeFile>,
    /// Applications that it is not about.
    #[serde(default)]
    pub apps_except: Vec<String>,
    /// `all`, or keys or names of users. Default `all`; nobody when `groups` are given.
    pub users: Option<ScopeFile>,
    /// Groups whose members it is about.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Users that it is not about.
    #[serde(default)]
    pub users_except: Vec<String>,
    /// Groups whose members it is not about.
    #[serde(default)]
    pub groups_except: Vec<String>,
    /// Platforms that it is about; every one when empty.
    #[serde(default)]
    pub platforms: Vec<PlatformFile>,
    /// What it asks for.
    pub grant: Vec<ControlFile>,
    /// Whether `all` controls are needed, or `any` of them is enough. Default `all`.
    pub require: Option<RequireFile>,
}

/// Everything, or a list.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ScopeFile {
    /// `all`.
    All(AllFile),
    /// These.
    These(Vec<String>),
}

/// The word for everything.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AllFile {
    /// Every one.
    All,
}

/// Whether a policy counts.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyStateFile {
    /// It does.
    On,
    /// What it would do is written into the journal.
    ReportOnly,
    /// It does not.
    Off,
}

/// A platform.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PlatformFile {
    /// Windows.
    Windows,
    /// macOS.
    Macos,
    /// Linux.
    Linux,
    /// iOS and iPadOS.
    Ios,
    /// Android.
    Android,
}

/// What a policy asks for.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ControlFile {
    /// Nothing helps.
    Block,
    /// A second factor.
    Mfa,
    /// A device that is marked as compliant.
    Compliant,
    /// A device joined on premises and registered here.
    Hybrid,
    /// Any registered device.
    RegisteredDevice,
}

/// How several controls go together.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RequireFile {
    /// All of them are needed.
    All,
    /// One is enough.
    Any,
}

impl From<PolicyStateFile> for PolicyState {
    fn from(file: PolicyStateFile) -> Self {
        match file {
            PolicyStateFile::On => Self::On,
            PolicyStateFile::ReportOnly => Self::ReportOnly,
            PolicyStateFile::Off => Self::Off,
        }
    }
}

impl From<PlatformFile> for Platform {
    fn from(file: PlatformFile) -> Self {
        match file {
            PlatformFile::Windows => Self::Windows,
            PlatformFile::Macos => Self::MacOs,
            PlatformFile::Linux => Self::Linux,
            PlatformFile::Ios => Self::Ios,
            PlatformFile::Android => Self::Android,
        }
    }
}

impl From<ControlFile> for Control {
    fn from(file: ControlFile) -> Self {
        match file {
            ControlFile::Block => Self::Block,
            ControlFile::Mfa => Self::SecondFactor,
            ControlFile::Compliant => Self::Compliant,
            ControlFile::Hybrid => Self::Hybrid,
            ControlFile::RegisteredDevice => Self::Registered,
        }
    }
}

/// Where in a policy something is wrong, as a pointer below it, and what.
pub type PolicyProblem = (String, String);

/// The policy that a file describes; `user` and `app` find what it names.
pub fn policy(
    file: &PolicyFile,
    seed: u64,
    user: impl Fn(&str) -> Option<UserId>,
    app: impl Fn(&str) -> Option<AppId>,
) -> Result<Policy, Vec<PolicyProblem>> {
    let mut problems = Vec::new();
    if file.id.trim().is_empty() || file.id.chars().any(char::is_control) {
        problems.push(("/id".to_owned(), "a policy needs a name".to_owned()));
    }
    if file.grant.is_empty() {
        let what = "a policy asks for something: `grant` takes `block`, `mfa`, `compliant`, `hybrid`, `registered-device`";
        problems.push(("/grant".to_owned(), what.to_owned()));
    }
    let groups = file.groups.iter().chain(&file.groups_except);
    if groups.into_iter().any(|group| group.chars().any(char::is_control)) {
        problems.push(("/groups".to_owned(), "a group has a name without line breaks".to_owned()));
    }
    let apps = found(scope(file.apps.as_ref()), "apps", "application", &app, &mut problems);
    let users = found(scope(file.users.as_ref()), "users", "user", &user, &mut problems);
    let apps_except =
        found(Some(&file.apps_except), "apps_except", "application", &app, &mut problems);
    let users_except =
        found(Some(&file.users_except), "users_except", "user", &user, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    let nobody_else = file.users.is_none() && !file.groups.is_empty();
    Ok(Policy {
        id: PolicyId::new(object_guid(seed, "policy", &file.id)),
        name: file.id.clone(),
        state: file.state.map_or(PolicyState::On, Into::into),
        apps: apps.map_or(Scope::All, Scope::These),
        apps_except: apps_except.unwrap_or_default(),
        users: match users {
            Some(users) => Scope::These(users),
            None if nobody_else => Scope::These(Vec::new()),
            None => Scope::All,
        },
        groups: file.groups.clone(),
        users_except: users_except.unwrap_or_default(),
        groups_except: file.groups_except.clone(),
        platforms: file.platforms.iter().map(|p| (*p).into()).collect(),
        grant: file.grant.iter().map(|c| (*c).into()).collect(),
        any: matches!(file.require, Some(RequireFile::Any)),
    })
}

/// The list of a scope; `None` for everything.
const fn scope(file: Option<&ScopeFile>) -> Option<&Vec<String>> {
    match file {
        None | Some(ScopeFile::All(AllFile::All)) => None,
        Some(ScopeFile::These(these)) => Some(these),
    }
}

fn found<T>(
    names: Option<&Vec<String>>,
    key: &str,
    what: &str,
    find: &impl Fn(&str) -> Option<T>,
    problems: &mut Vec<PolicyProblem>,
) -> Option<Vec<T>> {
    let mut all = Vec::new();
    for (index, name) in names?.iter().enumerate() {
        match find(name) {
            Some(one) => all.push(one),
            None => {
                problems.push((format!("/{key}/{index}"), format!("no {what} is called `{name}`")));
            }
        }
    }
    Some(all)
}
