//! Creating, renaming, disabling, enabling and deleting users, new passwords, and taking back what was granted.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use linarite_core::tenant::Realm;
use linarite_core::user::{PasswordState, Role, User};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Admin, AdminError, check_name};
use crate::directory::{KeyedUser, NewUser, UserKey};
use crate::entropy::secret_of;

/// The word that asks for a password that follows from the seed, as in world files.
pub const GENERATED: &str = "generated";

/// A user to be made.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateUser {
    /// User principal name: `name@domain` with a domain of the tenant.
    pub upn: String,
    /// Display name; the name part of the user principal name when absent.
    pub name: Option<String>,
    /// The password; `generated` derives one from the seed; none when absent.
    pub password: Option<String>,
    /// Directory roles: `global-administrator`, `cloud-device-administrator`, `intune-administrator`.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Names of the groups that it is a member of.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Key by which scenarios refer to the user.
    pub key: Option<String>,
}

/// A user and the password that it got.
#[derive(Clone, Debug)]
pub struct Reset {
    /// The user, as it is now.
    pub user: KeyedUser,
    /// The password that was made for it; `None` when it was given or there is none.
    pub generated: Option<String>,
}

impl Admin<'_> {
    /// The user with this id, user principal name or key in the world file.
    pub fn user(&self, name: &str) -> Result<KeyedUser, AdminError> {
        let find = |key: UserKey| self.world().directory.keyed_user(&key);
        if let Ok(id) = name.parse()
            && let Some(user) = find(UserKey::Id(id))?
        {
            return Ok(user);
        }
        if let Some(user) = find(UserKey::Upn(name.to_owned()))? {
            return Ok(user);
        }
        find(UserKey::Key(name.to_owned()))?.ok_or_else(|| AdminError::UserUnknown(name.to_owned()))
    }

    /// Makes a user.
    pub async fn create_user(&self, new: CreateUser) -> Result<Reset, AdminError> {
        let upn = self.upn(&new.upn)?;
        let local = upn.rsplit_once('@').map_or("", |(local, _)| local);
        let name = new.name.unwrap_or_else(|| local.to_owned());
        check_name("the display name", &name)?;
        if let Some(key) = &new.key {
            check_name("the key", key)?;
        }
        let roles = new.roles.iter().map(|word| role(word)).collect::<Result<Vec<_>, _>>()?;
        let generated = new
            .password
            .as_deref()
            .is_some_and(|p| p == GENERATED)
            .then(|| self.generate(new.key.as_deref().unwrap_or(&upn)));
        let password = generated.clone().or(new.password).unwrap_or_default();
        let made = NewUser {
            upn: upn.clone(),
            name,
            password,
            roles,
            groups: new.groups,
            key: new.key.clone(),
        };
        let user = self
            .world()
            .directory
            .create_user(made, self.world().entropy.seed())
            .await?
            .map_err(|_| AdminError::Conflict(taken(&upn, new.key.as_deref())))?;
        self.note("create_user", "create", &user);
        Ok(Reset { user: (new.key, user), generated })
    }

    /// A name that a user of the tenant can have.
    fn upn(&self, text: &str) -> Result<String, AdminError> {
        let upn = text.trim().to_owned();
        check_name("the user principal name", &upn)?;
        let local = upn.rsplit_once('@').map_or("", |(local, _)| local);
        if local.is_empty() || matches!(self.world().tenant.realm(&upn), Realm::Unknown) {
            let domains = self.world().tenant.domains.iter().map(|d| d.name.as_str());
            return Err(AdminError::Invalid(format!(
                "`{upn}` is not `name@domain` with a domain of the tenant: {}",
                domains.collect::<Vec<_>>().join(", ")
            )));
        }
        Ok(upn)
    }

    /// Gives a user another user principal name. What was granted under the old one goes on.
    pub async fn rename_user(&self, name: &str, upn: &str) -> Result<KeyedUser, AdminError> {
        let upn = self.upn(upn)?;
        let (key, user) = self.user(name)?;
        let done = self.world().directory.rename_user(UserKey::Id(user.id), upn.clone()).await?;
        let user = done.map_err(|_| AdminError::Conflict(taken(&upn, None)))?;
        self.note("rename_user", "rename", &user);
        Ok((key, user))
    }

    /// Takes back everything that was granted to a user before; its password stays.
    pub async fn revoke_sessions(&self, name: &str) -> Result<KeyedUser, AdminError> {
        let (key, user) = self.user(name)?;
        let done = self.world().directory.revoke_sessions(UserKey::Id(user.id)).await?;
        let user = done.map_err(|_| AdminError::UserUnknown(name.to_owned()))?;
        self.note("revoke_sessions", "revoke", &user);
        Ok((key, user))
    }

    /// Forbids sign-in.
    pub async fn disable_user(&self, name: &str) -> Result<KeyedUser, AdminError> {
        self.set_user_enabled(name, false).await
    }

    /// Allows sign-in.
    pub async fn enable_user(&self, name: &str) -> Result<KeyedUser, AdminError> {
        self.set_user_enabled(name, true).await
    }

    async fn set_user_enabled(&self, name: &str, enabled: bool) -> Result<KeyedUser, AdminError> {
        let (key, user) = self.user(name)?;
        let (key_of, world) = (UserKey::Id(user.id), self.world());
        let (settings, now) = (&world.tenant.settings, world.clock.now());
        let done = world.directory.set_user_enabled(key_of, enabled, settings, now).await?;
        let user = done.map_err(|_| AdminError::UserUnknown(name.to_owned()))?;
        let (action, change) =
            if enabled { ("enable_user", "enable") } else { ("disable_user", "disable") };
        self.note(action, change, &user);
        Ok((key, user))
    }

    /// Sets a password, or one that follows from the seed. Everything granted to the user before is taken back.
    pub async fn reset_password(
        &self,
        name: &str,
        password: Option<&str>,
    ) -> Result<Reset, AdminError> {
        let (key, user) = self.user(name)?;
        let generated = password
            .is_none_or(|p| p == GENERATED)
            .then(|| self.generate(&format!("{} {}", user.id, user.epoch.saturating_add(1))));
        let password = generated.as_deref().or(password).unwrap_or_default();
        if password.is_empty() {
            return Err(AdminError::Invalid(
                "the password is empty; leave it out to have one made".to_owned(),
            ));
        }
        let done = self
            .world()
            .directory
            .reset_password(UserKey::Id(user.id), password.to_owned())
            .await?;
        let user = done.map_err(|_| AdminError::UserUnknown(name.to_owned()))?;
        self.note("reset_password", "password", &user);
        Ok(Reset { user: (key, user), generated })
    }

    /// Says that a user's password is expired, temporary, or good again.
    pub async fn set_password_state(
        &self,
        name: &str,
        state: &str,
    ) -> Result<KeyedUser, AdminError> {
        let state = PasswordState::from_word(state).ok_or_else(|| {
            let known = PasswordState::ALL.map(PasswordState::word).join(", ");
            AdminError::Invalid(format!("no state of a password is called `{state}`: {known}"))
        })?;
        let (key, user) = self.user(name)?;
        let done = self.world().directory.set_password_state(UserKey::Id(user.id), state).await?;
        let user = done.map_err(|_| AdminError::UserUnknown(name.to_owned()))?;
        self.note("set_password_state", "password", &user);
        Ok((key, user))
    }

    /// Deletes a user. Its devices stay.
    pub async fn delete_user(&self, name: &str) -> Result<KeyedUser, AdminError> {
        let (key, user) = self.user(name)?;
        let done = self.world().directory.delete_user(UserKey::Id(user.id)).await?;
        let user = done.map_err(|_| AdminError::UserUnknown(name.to_owned()))?;
        self.note("delete_user", "delete", &user);
        Ok((key, user))
    }

    fn note(&self, action: &str, change: &str, user: &User) {
        self.journal(action, &user.upn, vec![("user", user.upn.as_str().into())]);
        self.changed(
            change,
            "user",
            vec![("user", user.upn.as_str().into()), ("id", user.id.to_string().into())],
        );
    }

    /// The password that follows from the seed for a user of this key, as world files get it.
    fn generate(&self, key: &str) -> String {
        let [a, b, c, d, e, f, ..] = secret_of(self.world().entropy.seed(), "password", key);
        format!("Aa1-{}", STANDARD.encode([a, b, c, d, e, f]))
    }
}

fn role(word: &str) -> Result<Role, AdminError> {
    Role::from_word(word).ok_or_else(|| {
        let known = Role::ALL.map(Role::word).join(", ");
        AdminError::Invalid(format!("no role is called `{word}`; known are {known}"))
    })
}

fn taken(upn: &str, key: Option<&str>) -> String {
    match key {
        None => format!("another user is called `{upn}`; choose another name or delete that one"),
        Some(key) => format!(
            "another user is called `{upn}` or has the key `{key}`; choose others or delete that user"
        ),
    }
}
