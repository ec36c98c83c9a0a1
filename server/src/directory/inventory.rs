//! Users with their keys in the world file, as those who run a world ask for them. No protocol shows these keys.

use linarite_core::user::User;
use rusqlite::{OptionalExtension as _, params};

use super::{Directory, DirectoryError, UserKey, rows};

/// A user and the key that scenarios refer to it by, if any.
pub type KeyedUser = (Option<String>, User);

fn keyed(row: &rusqlite::Row<'_>) -> rusqlite::Result<KeyedUser> {
    Ok((row.get("key")?, rows::user(row)?))
}

impl Directory {
    /// The user with this name or id, and its key.
    pub fn keyed_user(&self, name: &UserKey) -> Result<Option<KeyedUser>, DirectoryError> {
        let select = format!("SELECT {}, key FROM users WHERE ", rows::USER);
        self.store.point(|c| {
            let found = match name {
                UserKey::Id(id) => c
                    .prepare_cached(&format!("{select}id = ?1"))?
                    .query_row([rows::id(id.guid())], keyed)
                    .optional(),
                UserKey::Upn(upn) => c
                    .prepare_cached(&format!("{select}upn_key = ?1"))?
                    .query_row([rows::fold(upn.trim())], keyed)
                    .optional(),
                UserKey::Key(key) => c
                    .prepare_cached(&format!("{select}key = ?1"))?
                    .query_row([key], keyed)
                    .optional(),
            };
            Ok(found?)
        })
    }

    /// A page of users with their keys, in the order of their names, behind this name.
    pub async fn keyed_users(
        &self,
        after: Option<String>,
        top: usize,
    ) -> Result<Vec<KeyedUser>, DirectoryError> {
        self.store
            .scan(move |c| {
                let sql = format!(
                    "SELECT {}, key FROM users WHERE upn_key > ?1 ORDER BY upn_key LIMIT ?2",
                    rows::USER
                );
                // No user has an empty name.
                let after = after.map(|name| rows::fold(&name)).unwrap_or_default();
                let limit = i64::try_from(top).unwrap_or(i64::MAX);
                let mut page = c.prepare_cached(&sql)?;
                let users = page.query_map(params![after, limit], keyed)?;
                Ok(users.collect::<Result<_, _>>()?)
            })
            .await
    }
}
