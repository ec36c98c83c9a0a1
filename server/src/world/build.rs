//! From a world file to a tenant, its users, applications and devices, or to every problem that the file has.
//!
//! A problem names the place by a JSON pointer, so that whoever read the file can show line and column.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use linarite_core::conditional::Policy;
use linarite_core::device::{Device, Management, OnPremises, TrustType};
use linarite_core::ids::{AppId, DeviceId, ObjectId, Sid, TenantId, UserId};
use linarite_core::instant::Instant;
use linarite_core::management::Mdm;
use linarite_core::refusal::DeviceRefusal;
use linarite_core::revocation::{Revocation, Standing};
use linarite_core::tenant::{Domain, DomainKind, MayJoin, Tenant};
use linarite_core::user::{Account, Failures, PasswordState, Role, User};
use linarite_core::visibility::comes_by_synchronisation;
use serde::Deserialize as _;
use serde_json::Value;

use super::apps::{App, Apps};
use super::federation_settings::FederationSettings;
use super::file::{
    AppFile, DeviceFile, DomainKindFile, MayJoinFile, PasswordStateFile, TrustFile, UserFile,
    WorldFile,
};
use super::mdm_settings;
use super::policies::{PolicyFile, policy};
use crate::clock::from_rfc3339;
use crate::entropy::{object_guid, secret_of};

/// Something wrong in a world file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorldProblem {
    /// Where: a JSON pointer such as `/users/bob/upn`.
    pub pointer: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for WorldProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.pointer.trim_start_matches('/').replace('/', ".");
        write!(f, "world {place}: {}", self.message)
    }
}

/// What a world file describes.
#[derive(Clone, Debug)]
pub struct WorldPlan {
    /// The tenant.
    pub tenant: Tenant,
    /// Its users, with their keys in the file.
    pub users: Vec<(String, User)>,
    /// Its own applications.
    pub apps: Vec<App>,
    /// The records that are there from the start.
    pub devices: Vec<Device>,
    /// How the federation server of each federated domain behaves.
    pub federation: BTreeMap<String, FederationSettings>,
    /// Conditional access.
    pub policies: Vec<Policy>,
    /// Codes that sign-in says of devices in place of those of its table.
    pub device_codes: Vec<(DeviceRefusal, u32)>,
}

/// Reads a world from a document (merged and without its `use`), for a world with this seed that starts at this moment.
pub fn plan(document: &Value, seed: u64, start: Instant) -> Result<WorldPlan, Vec<WorldProblem>> {
    let file: WorldFile = serde_path_to_error::deserialize(document).map_err(|error| {
        let pointer = error.path().iter().fold(String::new(), |mut pointer, segment| {
            pointer.push('/');
            pointer.push_str(&segment.to_string());
            pointer
        });
        vec![WorldProblem { pointer, message: error.inner().to_string() }]
    })?;
    Builder { seed, start, problems: Vec::new() }.build(&file)
}

/// Reads the clock of a world document: when it starts (`None`: now) and how its time passes.
pub fn clock_of(document: &Value) -> Result<super::file::ClockFile, WorldProblem> {
    match document.get("clock") {
        None => Ok(super::file::ClockFile::default()),
        Some(clock) => super::file::ClockFile::deserialize(clock).map_err(|error| WorldProblem {
            pointer: "/clock".to_owned(),
            message: error.to_string(),
        }),
    }
}

struct Builder {
    seed: u64,
    start: Instant,
    problems: Vec<WorldProblem>,
}

impl Builder {
    fn problem(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        self.problems.push(WorldProblem { pointer: pointer.into(), message: message.into() });
    }

    fn build(mut self, file: &WorldFile) -> Result<WorldPlan, Vec<WorldProblem>> {
        if file.linarite.is_some_and(|v| v != 1) {
            self.problem("/linarite", "this linarite reads version 1 of the format");
        }
        let mut tenant = self.tenant(file);
        let users = self.users(file, &tenant);
        let (mdm, problems) = mdm_settings::settings(file, &users);
        tenant.mdm = mdm;
        for (pointer, message) in problems {
            self.problem(pointer, message);
        }
        let apps = self.apps(&file.apps);
        let devices = self.devices(&file.devices, &users);
        let federation = self.federation(file, &tenant);
        let device_codes =
            super::settings::device_codes(&file.settings).unwrap_or_else(|message| {
                self.problem("/settings/device_codes", message);
                Vec::new()
            });
        let policies = self.policies(&file.policies, &users, &apps);
        if self.problems.is_empty() {
            Ok(WorldPlan { tenant, users, apps, devices, federation, policies, device_codes })
        } else {
            Err(self.problems)
        }
    }

    fn tenant(&mut self, file: &WorldFile) -> Tenant {
        let id = match &file.tenant.id {
            None => TenantId::new(object_guid(self.seed, "tenant", &file.tenant.name)),
            Some(text) => text.parse().unwrap_or_else(|_| {
                self.problem("/tenant/id", format!("`{text}` is not a GUID"));
                TenantId::new(object_guid(self.seed, "tenant", ""))
            }),
        };
        let mut domains = Vec::new();
        let mut initial = None;
        let primaries = file.tenant.domains.values().filter(|d| d.primary).count();
        if file.tenant.domains.is_empty() {
            self.problem("/tenant/domains", "a tenant needs at least one domain");
        } else if primaries > 1 {
            self.problem("/tenant/domains", "only one domain can be the primary one");
        }
        for (name, domain) in &file.tenant.domains {
            let pointer = format!("/tenant/domains/{name}");
            let kind = match (domain.kind, &domain.sts) {
                (DomainKindFile::Managed, None) => DomainKind::Managed,
                (DomainKindFile::Federated, Some(sts)) => {
                    DomainKind::Federated { sts: sts.to_ascii_lowercase() }
                }
                (DomainKindFile::Managed, Some(_)) => {
                    self.problem(format!("{pointer}/sts"), "a managed domain has no `sts`");
                    DomainKind::Managed
                }
                (DomainKindFile::Federated, None) => {
                    self.problem(
                        pointer,
                        "a federated domain needs `sts`, the host of its federation server",
                    );
                    DomainKind::Managed
                }
            };
            let name = name.to_ascii_lowercase();
            if domain.initial {
                initial = Some(name.clone());
            }
            let at = if domain.primary { 0 } else { domains.len() };
            domains.insert(at, Domain { name, kind });
        }
        let initial_domain =
            initial.or_else(|| domains.first().map(|d| d.name.clone())).unwrap_or_default();
        let (settings, problems) = super::settings::settings(&file.settings);
        for (key, message) in problems {
            self.problem(format!("/settings/{key}"), message);
        }
        Tenant {
            id,
            name: file.tenant.name.clone(),
            domains,
            initial_domain,
            device_quota: file.tenant.device_quota.unwrap_or_else(|| settings.era.device_quota()),
            may_join: match file.tenant.may_join {
                None | Some(MayJoinFile::Everyone) => MayJoin::Everyone,
                Some(MayJoinFile::Nobody) => MayJoin::Nobody,
            },
            // It names users, who come later.
            mdm: Mdm::default(),
            mfa_to_join: file.tenant.mfa_to_join.unwrap_or(false),
            settings,
        }
    }

    fn federation(
        &mut self,
        file: &WorldFile,
        tenant: &Tenant,
    ) -> BTreeMap<String, FederationSettings> {
        let federated = tenant.domains.iter().filter(|d| d.kind != DomainKind::Managed);
        let mut all: BTreeMap<String, FederationSettings> =
            federated.map(|d| (d.name.clone(), FederationSettings::default())).collect();
        for (name, written) in &file.federation {
            let pointer = format!("/federation/{name}");
            let Some(kept) = all.get_mut(&name.to_ascii_lowercase()) else {
                self.problem(pointer, format!("`{name}` is not a federated domain of the tenant"));
                continue;
            };
            let (read, problems) = super::federation_settings::settings(written);
            *kept = read;
            for (key, message) in problems {
                self.problem(format!("{pointer}/{key}"), message);
            }
        }
        all
    }

    fn users(&mut self, file: &WorldFile, tenant: &Tenant) -> Vec<(String, User)> {
        let mut seen = BTreeMap::new();
        let mut users = Vec::new();
        for (key, user) in &file.users {
            let pointer = format!("/users/{key}");
            if !tenant.domains.iter().any(|d| {
                user.upn.rsplit_once('@').is_some_and(|(name, domain)| {
                    !name.is_empty() && d.name.eq_ignore_ascii_case(domain)
                })
            }) {
                self.problem(
                    format!("{pointer}/upn"),
                    format!("`{}` is not `name@domain` with a domain of the tenant", user.upn),
                );
            }
            if let Some(other) = seen.insert(user.upn.to_lowercase(), key.clone()) {
                self.problem(format!("{pointer}/upn"), format!("`{other}` has the same user name"));
            }
            let user = self.user(key, user, &pointer);
            users.push((key.clone(), user));
        }
        users
    }

    fn user(&mut self, key: &str, file: &UserFile, pointer: &str) -> User {
        let mut roles = Vec::new();
        for (index, word) in file.roles.iter().enumerate() {
            if let Some(role) = Role::from_word(word) {
                roles.push(role);
            } else {
                let known = Role::ALL.map(Role::word).join(", ");
                self.problem(
                    format!("{pointer}/roles/{index}"),
                    format!("no role is called `{word}`; known are {known}"),
                );
            }
        }
        let name = file.name.clone().unwrap_or_else(|| {
            file.upn.split_once('@').map_or_else(|| key.to_owned(), |(name, _)| name.to_owned())
        });
        User {
            id: UserId::new(object_guid(self.seed, "user", key)),
            upn: file.upn.clone(),
            name,
            password: self.password(key, file.password.as_deref()),
            enabled: file.enabled.unwrap_or(true),
            roles,
            immutable_id: file.immutable_id.clone(),
            epoch: 0,
            devices: 0,
            account: Account {
                password_epoch: 0,
                groups: file.groups.clone(),
                totp: file.mfa.as_ref().and_then(|mfa| mfa.totp.clone()),
                password_state: match file.password_state {
                    None | Some(PasswordStateFile::Good) => PasswordState::Good,
                    Some(PasswordStateFile::Expired) => PasswordState::Expired,
                    Some(PasswordStateFile::Temporary) => PasswordState::Temporary,
                },
                failures: Failures::default(),
                disabled: None,
            },
        }
    }

    fn password(&self, key: &str, written: Option<&str>) -> String {
        match written {
            Some("generated") => {
                let [a, b, c, d, e, f, ..] = secret_of(self.seed, "password", key);
                format!("Aa1-{}", STANDARD.encode([a, b, c, d, e, f]))
            }
            Some(password) => password.to_owned(),
            None => String::new(),
        }
    }

    fn apps(&mut self, apps: &BTreeMap<String, AppFile>) -> Vec<App> {
        let mut built = Vec::new();
        for (key, file) in apps {
            let pointer = format!("/apps/{key}");
            let id = match &file.app_id {
                None => AppId::new(object_guid(self.seed, "app", key)),
                Some(text) => text.parse().unwrap_or_else(|_| {
                    self.problem(format!("{pointer}/app_id"), format!("`{text}` is not a GUID"));
                    AppId::new(object_guid(self.seed, "app", key))
                }),
            };
            let host = file.resource.as_deref().and_then(|r| {
                let host = r.strip_prefix("https://").map(|rest| rest.trim_end_matches('/'));
                let host =
                    host.filter(|h| !h.is_empty() && !h.contains('/')).map(str::to_ascii_lowercase);
                if host.is_none() && !r.starts_with("api://") {
                    self.problem(
                        format!("{pointer}/resource"),
                        format!("`{r}` is neither `https://host` nor `api://...`"),
                    );
                }
                host
            });
            built.push(App {
                key: key.clone(),
                id,
                name: key.clone(),
                resource: file.resource.clone(),
                host,
                secret: file.secret.clone(),
                redirect: file.redirect.clone(),
                public: file.public.unwrap_or_else(|| file.secret.is_none()),
                first_party: false,
                graph: file.graph.clone(),
            });
        }
        built
    }

    fn devices(
        &mut self,
        devices: &BTreeMap<String, DeviceFile>,
        users: &[(String, User)],
    ) -> Vec<Device> {
        let mut built: Vec<Device> = Vec::new();
        for (key, file) in devices {
            let device = self.device(key, file, users);
            if built.iter().any(|d| d.device_id == device.device_id) {
                self.problem(
                    format!("/devices/{key}/device_id"),
                    format!("another device has the id {}", device.device_id),
                );
            }
            built.push(device);
        }
        built
    }

    fn device(&mut self, key: &str, file: &DeviceFile, users: &[(String, User)]) -> Device {
        let pointer = format!("/devices/{key}");
        let (os, os_version) = operating_system(&file.os).unwrap_or_else(|| {
            self.problem(
                format!("{pointer}/os"),
                format!("no operating system is called `{}`", file.os),
            );
            ("Windows", "10.0.19045.2006")
        });
        let owner = file.owner.as_ref().and_then(|name| {
            let found = users.iter().find(|(key, _)| key == name).map(|(_, user)| user.id);
            if found.is_none() {
                self.problem(format!("{pointer}/owner"), format!("no user has the key `{name}`"));
            }
            found
        });
        let device_id = match &file.device_id {
            None => DeviceId::new(object_guid(self.seed, "device", key)),
            Some(text) => text.parse().unwrap_or_else(|_| {
                self.problem(format!("{pointer}/device_id"), format!("`{text}` is not a GUID"));
                DeviceId::new(object_guid(self.seed, "device", key))
            }),
        };
        let last_activity = match &file.last_sign_in {
            None => self.start,
            Some(text) => from_rfc3339(text).unwrap_or_else(|| {
                self.problem(
                    format!("{pointer}/last_sign_in"),
                    format!("`{text}` is not an RFC 3339 time"),
                );
                self.start
            }),
        };
        let trust = match file.trust {
            TrustFile::AzureAd => TrustType::AzureAd,
            TrustFile::Workplace => TrustType::Workplace,
            TrustFile::ServerAd => TrustType::ServerAd,
        };
        let synchronised = comes_by_synchronisation(trust, os, os_version);
        if owner.is_some() && synchronised {
            self.problem(
                format!("{pointer}/owner"),
                format!("a hybrid computer with {} has no owner: leave `owner` out", file.os),
            );
        }
        let on_premises = self.on_premises(file, &pointer);
        let disabled = (!file.enabled.unwrap_or(true)).then_some(Revocation {
            // A record that is disabled from the start has been so for long.
            made: Instant::from_millis(0),
            tokens: Instant::from_millis(0),
            resources: Instant::from_millis(0),
        });
        Device {
            object_id: ObjectId::new(object_guid(self.seed, "device object", key)),
            device_id,
            display_name: file.name.clone(),
            os: os.to_owned(),
            os_version: os_version.to_owned(),
            trust,
            owner,
            created: self.start,
            registered: (!synchronised).then_some(self.start),
            last_activity: Some(last_activity),
            key: None,
            transport_key: None,
            on_premises,
            standing: Standing { disabled, ..Standing::default() },
            management: Management { managed: file.managed, compliant: file.compliant },
            second_factor: false,
        }
    }

    fn policies(
        &mut self,
        files: &[PolicyFile],
        users: &[(String, User)],
        apps: &[App],
    ) -> Vec<Policy> {
        if files.is_empty() {
            return Vec::new();
        }
        let user = |name: &str| {
            let named =
                |(key, user): &&(String, User)| key == name || user.upn.eq_ignore_ascii_case(name);
            users.iter().find(named).map(|(_, user)| user.id)
        };
        // The service's own resources can be named as well.
        let known = Apps::new(apps.to_vec()).ok();
        let app = |name: &str| known.as_ref()?.named(name);
        let mut built: Vec<Policy> = Vec::new();
        for (index, file) in files.iter().enumerate() {
            match policy(file, self.seed, user, app) {
                Ok(policy) if built.iter().any(|other| other.name == policy.name) => self.problem(
                    format!("/policies/{index}/id"),
                    format!("another policy is called `{}`", policy.name),
                ),
                Ok(policy) => built.push(policy),
                Err(problems) => {
                    for (pointer, message) in problems {
                        self.problem(format!("/policies/{index}{pointer}"), message);
                    }
                }
            }
        }
        built
    }

    fn on_premises(&mut self, file: &DeviceFile, pointer: &str) -> Option<OnPremises> {
        match (&file.sid, &file.certificate) {
            (None, None) => None,
            (Some(sid), Some(certificate)) => {
                let text: String = certificate.split_whitespace().collect();
                let parsed = (Sid::parse(sid), STANDARD.decode(text).ok());
                if parsed.0.is_none() {
                    self.problem(
                        format!("{pointer}/sid"),
                        format!("`{sid}` is not a security identifier"),
                    );
                }
                if parsed.1.is_none() {
                    self.problem(format!("{pointer}/certificate"), "this is not base64");
                }
                Some(OnPremises { sid: parsed.0?, certificate: parsed.1? })
            }
            _ => {
                self.problem(pointer, "a synchronised computer needs both `sid` and `certificate`");
                None
            }
        }
    }
}

/// The operating system and version that a device record shows for a word of the world file.
pub fn operating_system(word: &str) -> Option<(&'static str, &'static str)> {
    Some(match word {
        "windows-11" => ("Windows", "10.0.22621.608"),
        "windows-10" => ("Windows", "10.0.19045.2006"),
        "windows-8.1" => ("Windows", "6.3.9600.0"),
        "windows-7" => ("Windows", "6.1.7601.0"),
        "linux" => ("Linux", "12"),
        "macos" => ("MacMDM", "14.5.0"),
        "ios" => ("IPhone", "17.5"),
        "android" => ("Android", "13.0"),
        _ => return None,
    })
}
