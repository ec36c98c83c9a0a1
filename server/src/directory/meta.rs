//! What a directory knows of itself: which world it holds, how often it was started, and snapshots of all of it.

use linarite_core::conditional::Policy;
use linarite_core::device::Device;
use linarite_core::instant::Instant;
use linarite_core::user::User;
use rusqlite::{Connection, MAIN_DB, OptionalExtension as _, params};

use super::{Directory, DirectoryError, rows};

/// What is fixed when a directory is first filled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The seed of its ids and secrets.
    pub seed: u64,
    /// The world document (JSON) that it was filled from.
    pub document: String,
    /// How often a server was started on it before this time.
    pub starts: u64,
}

/// Everything that a directory in memory holds, as SQLite writes it.
#[derive(Clone, Debug)]
pub struct Snapshot(Vec<u8>);

fn get<T: rusqlite::types::FromSql>(
    c: &Connection,
    key: &str,
) -> Result<Option<T>, DirectoryError> {
    let mut found = c.prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
    Ok(found.query_row([key], |row| row.get(0)).optional()?)
}

fn put(c: &Connection, key: &str, value: impl rusqlite::ToSql) -> Result<(), DirectoryError> {
    c.prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)")?
        .execute(params![key, value])?;
    Ok(())
}

impl Directory {
    /// The identity of a directory that was filled before, with this start counted; `None` for a new one.
    pub async fn started(&self) -> Result<Option<Identity>, DirectoryError> {
        self.store
            .write(|c| {
                let Some(document) = get::<String>(c, "world:document")? else { return Ok(None) };
                let starts: i64 = get(c, "world:starts")?.unwrap_or(0) + 1;
                put(c, "world:starts", starts)?;
                let seed: i64 = get(c, "world:seed")?.unwrap_or(0);
                Ok(Some(Identity {
                    seed: seed.cast_unsigned(),
                    document,
                    starts: starts.cast_unsigned(),
                }))
            })
            .await
    }

    /// Fills a new directory with what its world file describes.
    pub async fn fill(
        &self,
        identity: Identity,
        users: Vec<(String, User)>,
        devices: Vec<Device>,
        policies: Vec<Policy>,
    ) -> Result<(), DirectoryError> {
        self.store
            .write(move |c| {
                put(c, "world:document", identity.document)?;
                put(c, "world:seed", identity.seed.cast_signed())?;
                put(c, "world:starts", 0)?;
                for (key, user) in &users {
                    rows::put_user(c, Some(key), user)?;
                }
                for device in &devices {
                    rows::put_device(c, device)?;
                    rows::count_device(c, device, 1)?;
                }
                for policy in &policies {
                    super::policies::put_policy(c, policy)?;
                }
                Ok(())
            })
            .await
    }

    /// Keeps values of the world beside its records, such as where its clock stands, all of them or none.
    pub async fn keep<const N: usize>(
        &self,
        values: [(&'static str, i64); N],
    ) -> Result<(), DirectoryError> {
        self.store
            .write(move |c| values.into_iter().try_for_each(|(key, value)| put(c, key, value)))
            .await
    }

    /// The latest instant at which a record is known to have been made or changed. When devices were last seen does not
    /// count, because a world file may say so of any time.
    pub fn latest(&self) -> Result<Option<Instant>, DirectoryError> {
        self.store.point(|c| {
            let mut latest = c.prepare_cached(
                "SELECT max(at) FROM ( \
                 SELECT max(max(created, ifnull(registered, 0), ifnull(disabled_made, 0))) AS at FROM devices \
                 UNION ALL SELECT max(max(deleted_made, ifnull(disabled_made, 0))) FROM tombstones \
                 UNION ALL SELECT max(disabled_made) FROM users \
                 UNION ALL SELECT max(created) FROM hello_keys)",
            )?;
            let millis: Option<i64> = latest.query_row([], |row| row.get(0))?;
            Ok(millis.map(Instant::from_millis))
        })
    }

    /// Reads a value that was kept.
    pub fn kept(&self, key: &'static str) -> Result<Option<i64>, DirectoryError> {
        self.store.point(|c| get(c, key))
    }

    /// Keeps a text of the world beside its records, such as settings that were changed while it ran.
    pub async fn keep_text(&self, key: &'static str, text: String) -> Result<(), DirectoryError> {
        self.store.write(move |c| put(c, key, text)).await
    }

    /// Reads a text that was kept.
    pub fn kept_text(&self, key: &'static str) -> Result<Option<String>, DirectoryError> {
        self.store.point(|c| get(c, key))
    }

    /// How many device records there are.
    pub fn device_count(&self) -> Result<u64, DirectoryError> {
        self.store.point(|c| {
            Ok(get::<i64>(c, "count:devices")?.and_then(|n| u64::try_from(n).ok()).unwrap_or(0))
        })
    }

    /// Copies everything. Only a directory in memory can; a state folder is copied as files.
    pub fn snapshot(&self) -> Result<Snapshot, DirectoryError> {
        self.require_memory()?;
        self.store.exclusive(|c| Ok(Snapshot(c.serialize(MAIN_DB)?.to_vec())))
    }

    /// Puts everything back to a snapshot.
    pub fn restore(&self, snapshot: &Snapshot) -> Result<(), DirectoryError> {
        self.require_memory()?;
        self.store.exclusive(|c| {
            let mut from = Connection::open_in_memory()?;
            from.deserialize_read_exact(MAIN_DB, snapshot.0.as_slice(), snapshot.0.len(), false)?;
            let backup = rusqlite::backup::Backup::new(&from, c)?;
            backup.step(-1)?;
            Ok(())
        })
    }

    fn require_memory(&self) -> Result<(), DirectoryError> {
        if self.store.is_folder() {
            return Err(DirectoryError::Folder {
                folder: "state".to_owned(),
                cause: "a world with a state folder has no snapshots: stop it and copy the folder"
                    .to_owned(),
            });
        }
        Ok(())
    }
}
