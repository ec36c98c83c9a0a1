//! The policies of conditional access. Lists are kept as lines, "all" as the absence of a list.

use linarite_core::conditional::{Control, Platform, Policy, PolicyState, Scope};
use linarite_core::ids::{AppId, Guid, PolicyId, UserId};
use rusqlite::types::Type;
use rusqlite::{Connection, Row, params};

use super::rows::{id, lines};
use super::{Directory, DirectoryError};

const POLICY: &str = "id, name, state, apps, apps_except, users, groups_of, users_except, groups_except, platforms, \
     controls, one_is_enough";

fn kept<T: ToString>(list: &[T]) -> String {
    list.iter().map(T::to_string).collect::<Vec<_>>().join("\n")
}

/// Reads the lines of a column; one that this version does not know is an error and no silent gap in a policy.
fn list<T>(
    row: &Row<'_>,
    column: usize,
    read: impl Fn(&str) -> Option<T>,
) -> rusqlite::Result<Vec<T>> {
    let lines = lines(&row.get::<_, Option<String>>(column)?.unwrap_or_default());
    lines.iter().map(|line| read(line).ok_or_else(|| unknown(column, line))).collect()
}

fn unknown(column: usize, word: &str) -> rusqlite::Error {
    let what = format!("no word or id of a policy: {word}");
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, what.into())
}

fn scope<T>(
    row: &Row<'_>,
    column: usize,
    read: impl Fn(&str) -> Option<T>,
) -> rusqlite::Result<Scope<T>> {
    match row.get::<_, Option<String>>(column)? {
        None => Ok(Scope::All),
        Some(_) => list(row, column, read).map(Scope::These),
    }
}

fn policy(row: &Row<'_>) -> rusqlite::Result<Policy> {
    let app = |text: &str| text.parse::<AppId>().ok();
    let user = |text: &str| text.parse::<UserId>().ok();
    let state: String = row.get(2)?;
    Ok(Policy {
        id: PolicyId::new(Guid::from_bytes(row.get(0)?)),
        name: row.get(1)?,
        state: PolicyState::from_word(&state).ok_or_else(|| unknown(2, &state))?,
        apps: scope(row, 3, app)?,
        apps_except: list(row, 4, app)?,
        users: scope(row, 5, user)?,
        groups: lines(&row.get::<_, String>(6)?),
        users_except: list(row, 7, user)?,
        groups_except: lines(&row.get::<_, String>(8)?),
        platforms: list(row, 9, Platform::from_word)?,
        grant: list(row, 10, Control::from_word)?,
        any: row.get(11)?,
    })
}

/// Every policy, by name.
pub(super) fn all(c: &Connection) -> Result<Vec<Policy>, DirectoryError> {
    let mut all = c.prepare_cached(&format!("SELECT {POLICY} FROM policies ORDER BY name"))?;
    let policies = all.query_map([], policy)?;
    Ok(policies.collect::<Result<_, _>>()?)
}

/// Writes a policy: a new one, or in the place of the one with its name.
pub(super) fn put_policy(c: &Connection, policy: &Policy) -> Result<(), DirectoryError> {
    let apps = match &policy.apps {
        Scope::All => None,
        Scope::These(apps) => Some(kept(apps)),
    };
    let users = match &policy.users {
        Scope::All => None,
        Scope::These(users) => Some(kept(users)),
    };
    let platforms: Vec<&str> = policy.platforms.iter().map(|p| p.word()).collect();
    let controls: Vec<&str> = policy.grant.iter().map(|c| c.word()).collect();
    c.prepare_cached(&format!(
        "INSERT OR REPLACE INTO policies ({POLICY}) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
    ))?
    .execute(params![
        id(policy.id.guid()),
        policy.name,
        policy.state.word(),
        apps,
        kept(&policy.apps_except),
        users,
        policy.groups.join("\n"),
        kept(&policy.users_except),
        policy.groups_except.join("\n"),
        platforms.join("\n"),
        controls.join("\n"),
        policy.any,
    ])?;
    Ok(())
}

impl Directory {
    /// Every policy, by name.
    pub fn policies(&self) -> Result<Vec<Policy>, DirectoryError> {
        self.store.point(all)
    }

    /// Keeps a policy: a new one, or in the place of the one with its name.
    pub async fn set_policy(&self, policy: Policy) -> Result<(), DirectoryError> {
        self.store.write(move |c| put_policy(c, &policy)).await
    }

    /// Deletes the policy with this name; whether there was one.
    pub async fn delete_policy(&self, name: String) -> Result<bool, DirectoryError> {
        self.store
            .write(move |c| Ok(c.execute("DELETE FROM policies WHERE name = ?1", [name])? == 1))
            .await
    }
}
