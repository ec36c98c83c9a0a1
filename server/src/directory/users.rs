//! Users: looking them up, creating, enabling, disabling, deleting, and taking back what was granted to them.

use linarite_core::ids::UserId;
use linarite_core::instant::Instant;
use linarite_core::refusal::QueryRefusal;
use linarite_core::tenant::Settings;
use linarite_core::user::{Account, PasswordState, Role, User};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{Directory, DirectoryError, rows};
use crate::entropy::object_guid;

/// How a user is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserKey {
    /// By object id.
    Id(UserId),
    /// By user principal name, in any case.
    Upn(String),
    /// By its key in the world file.
    Key(String),
}

impl UserKey {
    /// What a caller wrote: an object id or a user principal name.
    pub fn parse(text: &str) -> Self {
        text.parse().map_or_else(|_| Self::Upn(text.to_owned()), Self::Id)
    }
}

/// A user to be made.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// User principal name.
    pub upn: String,
    /// Display name.
    pub name: String,
    /// Password; empty for none.
    pub password: String,
    /// Directory roles.
    pub roles: Vec<Role>,
    /// Names of its groups.
    pub groups: Vec<String>,
    /// Key by which scenarios refer to it.
    pub key: Option<String>,
}

fn find(c: &Connection, key: &UserKey) -> Result<Option<User>, DirectoryError> {
    match key {
        UserKey::Id(id) => rows::user_by_id(c, *id),
        UserKey::Upn(upn) => rows::user_by_upn(c, upn),
        UserKey::Key(key) => {
            let sql = format!("SELECT {} FROM users WHERE key = ?1", rows::USER);
            Ok(c.prepare_cached(&sql)?.query_row([key], rows::user).optional()?)
        }
    }
}

impl Directory {
    /// The user with this name or id.
    pub fn user(&self, key: &UserKey) -> Result<Option<User>, DirectoryError> {
        self.store.point(|c| find(c, key))
    }

    /// All users with their keys in the world file, by user principal name.
    pub async fn users(&self) -> Result<Vec<(Option<String>, User)>, DirectoryError> {
        self.store
            .scan(|c| {
                let sql = format!("SELECT {}, key FROM users ORDER BY upn_key", rows::USER);
                let mut all = c.prepare_cached(&sql)?;
                let users = all.query_map([], |row| Ok((row.get("key")?, rows::user(row)?)))?;
                Ok(users.collect::<Result<_, _>>()?)
            })
            .await
    }

    /// Makes a user. `Conflict` when the name or the key is taken.
    pub async fn create_user(
        &self,
        new: NewUser,
        seed: u64,
    ) -> Result<Result<User, QueryRefusal>, DirectoryError> {
        self.store
            .write(move |c| {
                if rows::user_by_upn(c, &new.upn)?.is_some() {
                    return Ok(Err(QueryRefusal::Conflict));
                }
                if let Some(key) = &new.key
                    && find(c, &UserKey::Key(key.clone()))?.is_some()
                {
                    return Ok(Err(QueryRefusal::Conflict));
                }
                let number = rows::count(c, "made:user", 1)?;
                let user = User {
                    id: UserId::new(object_guid(seed, "made user", &number.to_string())),
                    upn: new.upn,
                    name: new.name,
                    password: new.password,
                    enabled: true,
                    roles: new.roles,
                    immutable_id: None,
                    epoch: 0,
                    devices: 0,
                    account: Account { groups: new.groups, ..Account::default() },
                };
                rows::put_user(c, new.key.as_deref(), &user)?;
                Ok(Ok(user))
            })
            .await
    }

    /// Allows or forbids sign-in.
    pub async fn set_user_enabled(
        &self,
        key: UserKey,
        enabled: bool,
        settings: &Settings,
        now: Instant,
    ) -> Result<Result<User, QueryRefusal>, DirectoryError> {
        let delay = settings.revoke_users;
        self.change_user(key, move |user| user.set_enabled(enabled, now, delay)).await
    }

    /// Sets a new password; everything granted before is taken back.
    pub async fn reset_password(
        &self,
        key: UserKey,
        password: String,
    ) -> Result<Result<User, QueryRefusal>, DirectoryError> {
        self.change_user(key, move |user| user.change_password(password)).await
    }

    /// Takes back everything that was granted to a user before.
    pub async fn revoke_sessions(
        &self,
        key: UserKey,
    ) -> Result<Result<User, QueryRefusal>, DirectoryError> {
        self.change_user(key, User::revoke).await
    }

    /// Gives a user another name. `Conflict` when somebody else has it; grants of before go on.
    pub async fn rename_user(
        &self,
        key: UserKey,
        upn: String,
    ) -> Result<Result<User, QueryRefusal>, DirectoryError> {
        self.store
            .write(move |c| {
                let Some(mut user) = find(c, &key)? else { return Ok(Err(QueryRefusal::NotFound)) };
                if rows::user_by_upn(c, &upn)?.is_some_and(|other| other.id != user.id) {
                    return Ok(Err(QueryRefusal::Conflict));
                }
                user.upn = upn;
                c.execute(
                    "UPDATE users SET upn = ?2, upn_key = ?3 WHERE id = ?1",
                    params![rows::id(user.id.guid()), user.upn, rows::fold(&user.upn)],
                )?;
                Ok(Ok(user))
            })
            .await
    }

    /// Says something of a user's password. Nothing granted before is taken back.
    pub async fn set_password_state(
        &self,
        key: UserKey,
        state: PasswordState,
    ) -> Result<Result<User, QueryRefusal>, DirectoryError> {
        self.change_user(key, move |user| user.account.password_state = state).await
    }

    /// Deletes a user. Its devices stay, without an owner that exists, as in the service.
    pub async fn delete_user(
        &self,
        key: UserKey,
    ) -> Result<Result<User, QueryRefusal>, DirectoryError> {
        self.store
            .write(move |c| {
                let Some(user) = find(c, &key)? else { return Ok(Err(QueryRefusal::NotFound)) };
                c.execute("DELETE FROM users WHERE id = ?1", [rows::id(user.id.guid())])?;
                c.execute("DELETE FROM hello_keys WHERE user = ?1", [rows::id(user.id.guid())])?;
                Ok(Ok(user))
            })
            .await
    }

    async fn change_user(
        &self,
        key: UserKey,
        change: impl FnOnce(&mut User) + Send + 'static,
    ) -> Result<Result<User, QueryRefusal>, DirectoryError> {
        self.store
            .write(move |c| {
                let Some(mut user) = find(c, &key)? else { return Ok(Err(QueryRefusal::NotFound)) };
                change(&mut user);
                c.prepare_cached(
                    "UPDATE users SET password = ?2, enabled = ?3, epoch = ?4, password_state = ?5, \
                     failures = ?6, locked_until = ?7, password_epoch = ?8, disabled_made = ?9, \
                     disabled_tokens = ?10, disabled_resources = ?11 WHERE id = ?1",
                )?
                .execute(params![
                    rows::id(user.id.guid()),
                    user.password,
                    user.enabled,
                    user.epoch,
                    user.account.password_state.word(),
                    user.account.failures.count,
                    user.account.failures.locked_until.map(Instant::millis),
                    user.account.password_epoch,
                    user.account.disabled.map(|r| r.made.millis()),
                    user.account.disabled.map(|r| r.tokens.millis()),
                    user.account.disabled.map(|r| r.resources.millis()),
                ])?;
                Ok(Ok(user))
            })
            .await
    }
}
