//! Tables and how they came to be: one step for each version, counted in `user_version`.
//!
//! Ids are sixteen bytes, tables are strict, names carry a case-folded key column, instants are milliseconds.

use rusqlite::Connection;

use super::DirectoryError;

/// What leads from each version to the next.
const STEPS: &[&str] = &[
    "
CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;
CREATE TABLE users (
  id BLOB PRIMARY KEY,
  key TEXT,
  upn TEXT NOT NULL,
  upn_key TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  password TEXT NOT NULL,
  enabled INTEGER NOT NULL,
  roles TEXT NOT NULL,
  immutable_id TEXT,
  epoch INTEGER NOT NULL,
  devices INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE devices (
  object_id BLOB PRIMARY KEY,
  device_id BLOB NOT NULL UNIQUE,
  name TEXT NOT NULL,
  name_key TEXT NOT NULL,
  os TEXT NOT NULL,
  os_version TEXT NOT NULL,
  trust INTEGER NOT NULL,
  owner BLOB,
  created INTEGER NOT NULL,
  registered INTEGER,
  activity INTEGER,
  thumbprint BLOB,
  alt_security_id TEXT,
  transport_key BLOB,
  sid TEXT,
  computer_certificate BLOB,
  disabled_made INTEGER,
  disabled_tokens INTEGER,
  disabled_resources INTEGER,
  epoch INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX devices_by_name ON devices (name_key, object_id);
CREATE INDEX devices_by_owner ON devices (owner, object_id) WHERE owner IS NOT NULL;
CREATE INDEX devices_by_thumbprint ON devices (thumbprint) WHERE thumbprint IS NOT NULL;
CREATE TABLE tombstones (
  device_id BLOB PRIMARY KEY,
  object_id BLOB NOT NULL,
  name TEXT NOT NULL,
  trust INTEGER NOT NULL,
  thumbprint BLOB,
  alt_security_id TEXT,
  transport_key BLOB,
  disabled_made INTEGER,
  disabled_tokens INTEGER,
  disabled_resources INTEGER,
  deleted_made INTEGER NOT NULL,
  deleted_tokens INTEGER NOT NULL,
  deleted_resources INTEGER NOT NULL,
  epoch INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tombstones_by_thumbprint ON tombstones (thumbprint) WHERE thumbprint IS NOT NULL;
CREATE TABLE hello_keys (
  id BLOB PRIMARY KEY,
  user BLOB NOT NULL,
  device BLOB,
  key BLOB NOT NULL,
  created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE used (
  id BLOB PRIMARY KEY,
  until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX used_by_until ON used (until);
INSERT INTO meta (key, value) VALUES ('count:devices', 0), ('made:device', 0), ('made:user', 0);
",
    "
CREATE INDEX users_by_immutable_id ON users (immutable_id) WHERE immutable_id IS NOT NULL;
",
    "
ALTER TABLE users ADD COLUMN member_of TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN totp TEXT;
ALTER TABLE devices ADD COLUMN managed INTEGER;
ALTER TABLE devices ADD COLUMN compliant INTEGER;
CREATE TABLE policies (
  id BLOB PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  state TEXT NOT NULL,
  apps TEXT,
  apps_except TEXT NOT NULL,
  users TEXT,
  groups_of TEXT NOT NULL,
  users_except TEXT NOT NULL,
  groups_except TEXT NOT NULL,
  platforms TEXT NOT NULL,
  controls TEXT NOT NULL,
  one_is_enough INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
",
    "
ALTER TABLE users ADD COLUMN password_state TEXT NOT NULL DEFAULT 'good';
ALTER TABLE users ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN locked_until INTEGER;
",
    "
ALTER TABLE users ADD COLUMN password_epoch INTEGER NOT NULL DEFAULT 0;
",
    "
ALTER TABLE users ADD COLUMN disabled_made INTEGER;
ALTER TABLE users ADD COLUMN disabled_tokens INTEGER;
ALTER TABLE users ADD COLUMN disabled_resources INTEGER;
",
    "
CREATE TABLE deleted_devices (
  object_id BLOB PRIMARY KEY,
  device_id BLOB NOT NULL UNIQUE,
  name TEXT NOT NULL,
  name_key TEXT NOT NULL,
  os TEXT NOT NULL,
  os_version TEXT NOT NULL,
  trust INTEGER NOT NULL,
  owner BLOB,
  created INTEGER NOT NULL,
  registered INTEGER,
  activity INTEGER,
  thumbprint BLOB,
  alt_security_id TEXT,
  transport_key BLOB,
  sid TEXT,
  computer_certificate BLOB,
  disabled_made INTEGER,
  disabled_tokens INTEGER,
  disabled_resources INTEGER,
  epoch INTEGER NOT NULL,
  managed INTEGER,
  compliant INTEGER,
  deleted INTEGER NOT NULL DEFAULT 0,
  until INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX deleted_devices_by_until ON deleted_devices (until);
",
    "
ALTER TABLE devices ADD COLUMN second_factor INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deleted_devices ADD COLUMN second_factor INTEGER NOT NULL DEFAULT 0;
",
];

/// Brings a database to the newest version and sets how the connection works.
pub(super) fn prepare(connection: &Connection) -> Result<(), DirectoryError> {
    connection.set_prepared_statement_cache_capacity(64);
    let version = usize::from(
        connection.pragma_query_value(None, "user_version", |row| row.get::<_, u16>(0))?,
    );
    if version > STEPS.len() {
        return Err(DirectoryError::Folder {
            folder: connection.path().unwrap_or("(memory)").to_owned(),
            cause: format!(
                "it was written by a newer linarite (directory version {version}, this one reads up to {})",
                STEPS.len()
            ),
        });
    }
    for (index, step) in STEPS.iter().enumerate().skip(version) {
        connection.execute_batch(&format!(
            "BEGIN IMMEDIATE;{step}PRAGMA user_version = {};COMMIT;",
            index + 1
        ))?;
    }
    Ok(())
}
