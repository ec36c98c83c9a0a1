//! Join, hybrid join, leave and Windows Hello keys, each in one transaction.

use linarite_core::device::{Device, DeviceKey, KnownDevice, Tombstone};
use linarite_core::ids::{DeviceId, UserId};
use linarite_core::instant::Instant;
use linarite_core::refusal::JoinRefusal;
use linarite_core::registration::{
    FittingClock, HelloProof, JoinKind, Particulars, SidProof, completed, joined,
    may_complete_hybrid, may_join, may_leave, may_register_hello_key, same_device,
};
use linarite_core::replication::Made;
use linarite_core::revocation::Standing;
use linarite_core::tenant::{Rejoin, Tenant};
use linarite_core::user::User;
use linarite_core::vouched::{self, Computer};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::devices::{Deletion, delete, draw_ids, known};
use super::{Directory, DirectoryError, rows};

/// A join or a registration.
#[derive(Clone, Debug)]
pub struct Join {
    /// Which of the two.
    pub kind: JoinKind,
    /// What the device says of itself.
    pub particulars: Particulars,
    /// The user of the token.
    pub user: UserId,
    /// Whether the token says that its user proved a second factor.
    pub second_factor: bool,
    /// The world's seed, from which ids follow.
    pub seed: u64,
    /// Now.
    pub now: Instant,
}

/// The outcome of a join: the record and what was issued for it.
#[derive(Clone, Debug)]
pub struct Joined<C> {
    /// The new record.
    pub device: Device,
    /// Its user; a hybrid device has none.
    pub user: Option<User>,
    /// What the issuer made: the certificate.
    pub issued: C,
}

/// What was synchronised of a computer, for checking its proof.
#[derive(Clone, Debug)]
pub struct SynchronisedComputer {
    /// The certificate it wrote to its `userCertificate` attribute (DER).
    pub certificate: Vec<u8>,
}

/// A computer that claims its synchronised record.
#[derive(Clone, Debug)]
pub struct Hybrid {
    /// The record's id, which is the computer object's id on premises.
    pub device_id: DeviceId,
    /// What the device says of itself.
    pub particulars: Particulars,
    /// Its proof.
    pub proof: SidProof,
    /// Whose time the proof's stamp fits.
    pub clock: Option<FittingClock>,
    /// Now.
    pub now: Instant,
}

/// A computer that its federation server vouches for.
#[derive(Clone, Debug)]
pub struct VouchedJoin {
    /// Which one.
    pub computer: Computer,
    /// What the device says of itself.
    pub particulars: Particulars,
    /// The world's seed, from which ids follow.
    pub seed: u64,
    /// Now.
    pub now: Instant,
}

impl Directory {
    /// Joins or registers a device. `issue` makes its certificate once its id is known, and learns what the join makes; it
    /// runs inside the transaction, so that a record without a certificate can never be seen; when it fails, nothing is kept.
    pub async fn join<C: Send + 'static>(
        &self,
        tenant: &Tenant,
        join: Join,
        issue: impl FnOnce(DeviceId, Made) -> Result<(DeviceKey, C), DirectoryError> + Send + 'static,
    ) -> Result<Result<Joined<C>, JoinRefusal>, DirectoryError> {
        let tenant = tenant.clone();
        self.store
            .write(move |c| {
                let user = rows::user_by_id(c, join.user)?;
                let before = match (&user, tenant.settings.rejoin) {
                    (Some(user), Rejoin::Reuse) => namesakes(c, user.id, &join.particulars)?,
                    (None, _) | (_, Rejoin::Duplicate) => Vec::new(),
                };
                let before = same_device(join.kind, &join.particulars, before);
                if let Err(refusal) =
                    may_join(&tenant, user.as_ref(), join.second_factor, before.is_some())
                {
                    return Ok(Err(refusal));
                }
                let Some(user) = user else { return Ok(Err(JoinRefusal::UserRefused)) };
                if let Some(record) = before {
                    let (key, issued) = issue(record.device_id, Made::Key)?;
                    let device = completed(record, join.particulars, key, join.now);
                    rows::put_device(c, &device)?;
                    return Ok(Ok(Joined { device, user: Some(user), issued }));
                }
                let (object_id, device_id) = draw_ids(c, join.seed)?;
                let (key, issued) = issue(device_id, Made::RecordAndKey)?;
                let device =
                    joined(join.kind, object_id, device_id, join.particulars, key, &user, join.now);
                let device = Device { second_factor: join.second_factor, ..device };
                rows::put_device(c, &device)?;
                rows::count_device(c, &device, 1)?;
                Ok(Ok(Joined { device, user: Some(user), issued }))
            })
            .await
    }

    /// What was synchronised of the computer with this id.
    pub fn synchronised(
        &self,
        device_id: DeviceId,
    ) -> Result<Option<SynchronisedComputer>, DirectoryError> {
        let record = self.device_by_device_id(device_id)?;
        Ok(record
            .and_then(|d| d.on_premises)
            .map(|o| SynchronisedComputer { certificate: o.certificate }))
    }

    /// Completes the registration of a synchronised record.
    pub async fn complete_hybrid<C: Send + 'static>(
        &self,
        hybrid: Hybrid,
        issue: impl FnOnce(DeviceId, Made) -> Result<(DeviceKey, C), DirectoryError> + Send + 'static,
    ) -> Result<Result<Joined<C>, JoinRefusal>, DirectoryError> {
        self.store
            .write(move |c| {
                let record = rows::device_by_device_id(c, hybrid.device_id)?;
                if let Err(refusal) =
                    may_complete_hybrid(record.as_ref(), &hybrid.proof, hybrid.clock)
                {
                    return Ok(Err(refusal));
                }
                let Some(record) = record else { return Ok(Err(JoinRefusal::RecordMissing)) };
                let (key, issued) = issue(record.device_id, Made::Key)?;
                let device = completed(record, hybrid.particulars, key, hybrid.now);
                rows::put_device(c, &device)?;
                Ok(Ok(Joined { device, user: None, issued }))
            })
            .await
    }

    /// Joins a computer that its federation server vouches for: its record is completed, or made when there is none.
    pub async fn join_vouched<C: Send + 'static>(
        &self,
        join: VouchedJoin,
        issue: impl FnOnce(DeviceId, Made) -> Result<(DeviceKey, C), DirectoryError> + Send + 'static,
    ) -> Result<Result<Joined<C>, JoinRefusal>, DirectoryError> {
        self.store
            .write(move |c| {
                let (record, standing) = match known(c, join.computer.device_id)? {
                    Some(KnownDevice::Present(record)) => (Some(record), Standing::default()),
                    Some(KnownDevice::Deleted(grave)) => (None, grave.standing.again()),
                    None => (None, Standing::default()),
                };
                if let Err(refusal) = vouched::may_take(record.as_ref(), &join.computer) {
                    return Ok(Err(refusal));
                }
                let new = record.is_none();
                let record = if let Some(record) = record {
                    record
                } else {
                    let (object_id, _) = draw_ids(c, join.seed)?;
                    vouched::record(object_id, join.computer, standing, join.now)
                };
                let made = if new { Made::RecordAndKey } else { Made::Key };
                let (key, issued) = issue(record.device_id, made)?;
                let device = completed(record, join.particulars, key, join.now);
                rows::put_device(c, &device)?;
                if new {
                    rows::count_device(c, &device, 1)?;
                }
                Ok(Ok(Joined { device, user: None, issued }))
            })
            .await
    }

    /// A device deletes its own record, by the certificate that it shows.
    pub async fn leave(
        &self,
        tenant: &Tenant,
        device_id: DeviceId,
        shown: DeviceKey,
        shown_id: Option<DeviceId>,
        now: Instant,
    ) -> Result<Result<Tombstone, JoinRefusal>, DirectoryError> {
        let rule = Deletion::of(&tenant.settings);
        self.store
            .write(move |c| {
                let record = rows::device_by_device_id(c, device_id)?;
                if let Err(refusal) = may_leave(device_id, record.as_ref(), &shown, shown_id) {
                    return Ok(Err(refusal));
                }
                let Some(device) = record else { return Ok(Err(JoinRefusal::CertificateUnknown)) };
                Ok(Ok(delete(c, &device, now, rule)?))
            })
            .await
    }

    /// Keeps a Windows Hello key of a user, under the SHA-256 of its blob; again when it has it already.
    pub async fn register_hello_key(
        &self,
        key_id: [u8; 32],
        proof: HelloProof,
        blob: Vec<u8>,
        now: Instant,
    ) -> Result<Result<(), JoinRefusal>, DirectoryError> {
        self.store
            .write(move |c| {
                let holder = holder(c, key_id)?.map(|(user, _)| user);
                if let Err(refusal) = may_register_hello_key(holder, proof) {
                    return Ok(Err(refusal));
                }
                c.execute(
                    "INSERT OR REPLACE INTO hello_keys (id, user, device, key, created) \
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                    params![
                        key_id,
                        rows::id(proof.user.guid()),
                        proof.device.map(|d| rows::id(d.guid())),
                        blob,
                        now.millis()
                    ],
                )?;
                Ok(Ok(()))
            })
            .await
    }

    /// The user and the blob of a Windows Hello key.
    pub fn hello_key(&self, key_id: [u8; 32]) -> Result<Option<(UserId, Vec<u8>)>, DirectoryError> {
        self.store.point(|c| holder(c, key_id))
    }
}

/// The records of a user that are called as a device calls itself.
fn namesakes(
    c: &Connection,
    owner: UserId,
    particulars: &Particulars,
) -> Result<Vec<Device>, DirectoryError> {
    let sql = format!("SELECT {} FROM devices WHERE name_key = ?1 AND owner = ?2", rows::DEVICE);
    let mut found = c.prepare_cached(&sql)?;
    let name = rows::fold(&particulars.display_name);
    let devices = found.query_map(params![name, rows::id(owner.guid())], rows::device)?;
    Ok(devices.collect::<Result<_, _>>()?)
}

fn holder(c: &Connection, key_id: [u8; 32]) -> Result<Option<(UserId, Vec<u8>)>, DirectoryError> {
    let mut found = c.prepare_cached("SELECT user, key FROM hello_keys WHERE id = ?1")?;
    Ok(found
        .query_row([key_id], |row| {
            let user: [u8; 16] = row.get(0)?;
            let guid = linarite_core::ids::Guid::from_bytes(user);
            Ok((UserId::new(guid), row.get(1)?))
        })
        .optional()?)
}
