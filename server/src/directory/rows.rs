//! From rows to the values of core, and back.

use linarite_core::device::{Device, DeviceKey, Management, OnPremises, Tombstone, TrustType};
use linarite_core::ids::{DeviceId, Guid, ObjectId, Sid, Thumbprint, UserId};
use linarite_core::instant::Instant;
use linarite_core::revocation::{Revocation, Standing};
use linarite_core::user::{Account, Failures, PasswordState, Role, User};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::DirectoryError;

/// The columns of a device, in the order in which [`device`] reads them.
pub(super) const DEVICE: &str = "object_id, device_id, name, os, os_version, trust, owner, created, registered, \
     activity, thumbprint, alt_security_id, transport_key, sid, computer_certificate, disabled_made, disabled_tokens, \
     disabled_resources, epoch, managed, compliant, second_factor";

/// The columns of a tombstone, in the order in which [`tombstone`] reads them.
pub(super) const TOMBSTONE: &str = "device_id, object_id, name, trust, thumbprint, alt_security_id, transport_key, \
     disabled_made, disabled_tokens, disabled_resources, deleted_made, deleted_tokens, deleted_resources, epoch";

/// The columns of a user, in the order in which [`user`] reads them.
pub(super) const USER: &str = "id, upn, name, password, enabled, roles, immutable_id, epoch, devices, member_of, totp, password_state, \
     failures, locked_until, password_epoch, disabled_made, disabled_tokens, disabled_resources";

/// The bytes of an id as they are kept.
pub(super) const fn id(guid: Guid) -> [u8; 16] {
    *guid.as_bytes()
}

/// The key by which names are compared: without case.
pub(super) fn fold(name: &str) -> String {
    name.to_lowercase()
}

/// A list of texts as it is kept: each on a line of its own.
pub(super) fn lines(kept: &str) -> Vec<String> {
    kept.lines().map(str::to_owned).collect()
}

fn guid(row: &Row<'_>, column: usize) -> rusqlite::Result<Guid> {
    row.get::<_, [u8; 16]>(column).map(Guid::from_bytes)
}

fn instant(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Instant>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Instant::from_millis))
}

fn revocation(row: &Row<'_>, first: usize) -> rusqlite::Result<Option<Revocation>> {
    let (made, tokens, resources) =
        (instant(row, first)?, instant(row, first + 1)?, instant(row, first + 2)?);
    Ok(match (made, tokens, resources) {
        (Some(made), Some(tokens), Some(resources)) => Some(Revocation { made, tokens, resources }),
        _ => None,
    })
}

fn device_key(row: &Row<'_>, first: usize) -> rusqlite::Result<Option<DeviceKey>> {
    let thumbprint: Option<[u8; 20]> = row.get(first)?;
    let alt_security_id: Option<String> = row.get(first + 1)?;
    Ok(thumbprint.zip(alt_security_id).map(|(thumbprint, alt_security_id)| DeviceKey {
        thumbprint: Thumbprint::new(thumbprint),
        alt_security_id,
    }))
}

fn trust(row: &Row<'_>, column: usize) -> rusqlite::Result<TrustType> {
    let number = usize::from(row.get::<_, u8>(column)?);
    TrustType::ALL.get(number).copied().ok_or_else(|| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Integer, "no trust type".into())
    })
}

/// The number under which a trust type is kept.
pub(super) const fn trust_number(trust: TrustType) -> u8 {
    trust as u8
}

/// Reads a device from a row of [`DEVICE`].
pub(super) fn device(row: &Row<'_>) -> rusqlite::Result<Device> {
    let sid = row.get::<_, Option<String>>(13)?.and_then(|text| Sid::parse(&text));
    let certificate: Option<Vec<u8>> = row.get(14)?;
    Ok(Device {
        object_id: ObjectId::new(guid(row, 0)?),
        device_id: DeviceId::new(guid(row, 1)?),
        display_name: row.get(2)?,
        os: row.get(3)?,
        os_version: row.get(4)?,
        trust: trust(row, 5)?,
        owner: row.get::<_, Option<[u8; 16]>>(6)?.map(|b| UserId::new(Guid::from_bytes(b))),
        created: Instant::from_millis(row.get(7)?),
        registered: instant(row, 8)?,
        last_activity: instant(row, 9)?,
        key: device_key(row, 10)?,
        transport_key: row.get(12)?,
        on_premises: sid.zip(certificate).map(|(sid, certificate)| OnPremises { sid, certificate }),
        standing: Standing { disabled: revocation(row, 15)?, deleted: None, epoch: row.get(18)? },
        management: Management { managed: row.get(19)?, compliant: row.get(20)? },
        second_factor: row.get(21)?,
    })
}

/// Reads a tombstone from a row of [`TOMBSTONE`].
pub(super) fn tombstone(row: &Row<'_>) -> rusqlite::Result<Tombstone> {
    Ok(Tombstone {
        device_id: DeviceId::new(guid(row, 0)?),
        object_id: ObjectId::new(guid(row, 1)?),
        display_name: row.get(2)?,
        trust: trust(row, 3)?,
        key: device_key(row, 4)?,
        transport_key: row.get(6)?,
        standing: Standing {
            disabled: revocation(row, 7)?,
            deleted: revocation(row, 10)?,
            epoch: row.get(13)?,
        },
    })
}

/// Reads a user from a row of [`USER`].
pub(super) fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    let roles: String = row.get(5)?;
    Ok(User {
        id: UserId::new(guid(row, 0)?),
        upn: row.get(1)?,
        name: row.get(2)?,
        password: row.get(3)?,
        enabled: row.get(4)?,
        roles: roles.split_whitespace().filter_map(Role::from_word).collect(),
        immutable_id: row.get(6)?,
        epoch: row.get(7)?,
        devices: row.get(8)?,
        account: Account {
            groups: lines(&row.get::<_, String>(9)?),
            totp: row.get(10)?,
            password_state: PasswordState::from_word(&row.get::<_, String>(11)?)
                .unwrap_or_default(),
            failures: Failures { count: row.get(12)?, locked_until: instant(row, 13)? },
            password_epoch: row.get(14)?,
            disabled: revocation(row, 15)?,
        },
    })
}

/// Writes a device: a new row, or the new state of an old one.
pub(super) fn put_device(c: &Connection, device: &Device) -> Result<(), DirectoryError> {
    put_device_in(c, "devices", device)
}

/// Writes a device to the table of those that are there, or of those that are deleted and kept.
pub(super) fn put_device_in(
    c: &Connection,
    table: &'static str,
    device: &Device,
) -> Result<(), DirectoryError> {
    let disabled = device.standing.disabled;
    let on_premises = device.on_premises.as_ref();
    c.prepare_cached(&format!(
        "INSERT OR REPLACE INTO {table} (name_key, {DEVICE}) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23)"
    ))?
    .execute(params![
        fold(&device.display_name),
        id(device.object_id.guid()),
        id(device.device_id.guid()),
        device.display_name,
        device.os,
        device.os_version,
        trust_number(device.trust),
        device.owner.map(|o| id(o.guid())),
        device.created.millis(),
        device.registered.map(Instant::millis),
        device.last_activity.map(Instant::millis),
        device.key.as_ref().map(|k| *k.thumbprint.as_bytes()),
        device.key.as_ref().map(|k| k.alt_security_id.as_str()),
        device.transport_key,
        on_premises.map(|o| o.sid.as_str()),
        on_premises.map(|o| o.certificate.as_slice()),
        disabled.map(|r| r.made.millis()),
        disabled.map(|r| r.tokens.millis()),
        disabled.map(|r| r.resources.millis()),
        device.standing.epoch,
        device.management.managed,
        device.management.compliant,
        device.second_factor,
    ])?;
    Ok(())
}

/// Writes a tombstone.
pub(super) fn put_tombstone(c: &Connection, grave: &Tombstone) -> Result<(), DirectoryError> {
    let (disabled, deleted) = (grave.standing.disabled, grave.standing.deleted);
    c.prepare_cached(&format!(
        "INSERT OR REPLACE INTO tombstones ({TOMBSTONE}) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
    ))?
    .execute(params![
        id(grave.device_id.guid()),
        id(grave.object_id.guid()),
        grave.display_name,
        trust_number(grave.trust),
        grave.key.as_ref().map(|k| *k.thumbprint.as_bytes()),
        grave.key.as_ref().map(|k| k.alt_security_id.as_str()),
        grave.transport_key,
        disabled.map(|r| r.made.millis()),
        disabled.map(|r| r.tokens.millis()),
        disabled.map(|r| r.resources.millis()),
        deleted.map(|r| r.made.millis()),
        deleted.map(|r| r.tokens.millis()),
        deleted.map(|r| r.resources.millis()),
        grave.standing.epoch,
    ])?;
    Ok(())
}

/// Writes a user under its key in the world file, or none.
pub(super) fn put_user(
    c: &Connection,
    key: Option<&str>,
    user: &User,
) -> Result<(), DirectoryError> {
    let roles = user.roles.iter().map(|r| r.word()).collect::<Vec<_>>().join(" ");
    c.prepare_cached(&format!(
        "INSERT INTO users ({USER}, upn_key, key) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)"
    ))?
    .execute(params![
        id(user.id.guid()),
        user.upn,
        user.name,
        user.password,
        user.enabled,
        roles,
        user.immutable_id,
        user.epoch,
        user.devices,
        user.account.groups.join("\n"),
        user.account.totp,
        user.account.password_state.word(),
        user.account.failures.count,
        user.account.failures.locked_until.map(Instant::millis),
        user.account.password_epoch,
        user.account.disabled.map(|r| r.made.millis()),
        user.account.disabled.map(|r| r.tokens.millis()),
        user.account.disabled.map(|r| r.resources.millis()),
        fold(&user.upn),
        key,
    ])?;
    Ok(())
}

/// The device with this device id.
pub(super) fn device_by_device_id(
    c: &Connection,
    device_id: DeviceId,
) -> Result<Option<Device>, DirectoryError> {
    let mut found =
        c.prepare_cached(&format!("SELECT {DEVICE} FROM devices WHERE device_id = ?1"))?;
    Ok(found.query_row([id(device_id.guid())], device).optional()?)
}

/// The device with this object id.
pub(super) fn device_by_object_id(
    c: &Connection,
    object_id: ObjectId,
) -> Result<Option<Device>, DirectoryError> {
    let mut found =
        c.prepare_cached(&format!("SELECT {DEVICE} FROM devices WHERE object_id = ?1"))?;
    Ok(found.query_row([id(object_id.guid())], device).optional()?)
}

/// The user with this id.
pub(super) fn user_by_id(c: &Connection, user_id: UserId) -> Result<Option<User>, DirectoryError> {
    let mut found = c.prepare_cached(&format!("SELECT {USER} FROM users WHERE id = ?1"))?;
    Ok(found.query_row([id(user_id.guid())], user).optional()?)
}

/// The user with this name, in any case.
pub(super) fn user_by_upn(c: &Connection, upn: &str) -> Result<Option<User>, DirectoryError> {
    let mut found = c.prepare_cached(&format!("SELECT {USER} FROM users WHERE upn_key = ?1"))?;
    Ok(found.query_row([fold(upn.trim())], user).optional()?)
}

/// The user with this immutable id; the first by name when several have it.
pub(super) fn user_by_immutable_id(
    c: &Connection,
    immutable_id: &str,
) -> Result<Option<User>, DirectoryError> {
    let sql = format!("SELECT {USER} FROM users WHERE immutable_id = ?1 ORDER BY upn_key LIMIT 1");
    Ok(c.prepare_cached(&sql)?.query_row([immutable_id], user).optional()?)
}

/// Adds to a kept count and returns it.
pub(super) fn count(c: &Connection, key: &str, by: i64) -> Result<i64, DirectoryError> {
    add(c, key, by)?;
    let mut kept = c.prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
    Ok(kept.query_row([key], |row| row.get(0))?)
}

/// Adds to a kept count. (`RETURNING` costs as much as both statements together and a table for its rows.)
fn add(c: &Connection, key: &str, by: i64) -> Result<(), DirectoryError> {
    let mut update = c.prepare_cached("UPDATE meta SET value = value + ?2 WHERE key = ?1")?;
    update.execute(params![key, by])?;
    Ok(())
}

/// Notes that a device record came or went: the count of all, and that of its owner. Records that came by synchronisation
/// have none, and so count for nobody.
pub(super) fn count_device(c: &Connection, device: &Device, by: i64) -> Result<(), DirectoryError> {
    add(c, "count:devices", by)?;
    if let Some(owner) = device.owner {
        c.prepare_cached("UPDATE users SET devices = max(devices + ?2, 0) WHERE id = ?1")?
            .execute(params![id(owner.guid()), by])?;
    }
    Ok(())
}
