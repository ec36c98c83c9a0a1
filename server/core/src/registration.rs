//! Join, register, hybrid join, leave: what each does to the records, and when it may not.
//!
//! MS-DVRJ and its Azure dialect; FAQ A9, A12 to A15. Duplicates live here: by default nothing in a join looks at the name
//! of the device, so the same computer joined twice is two records. A hybrid join finds its record again, by the id that the
//! computer object had on premises; that another join does so is what the FAQ leaves open ("might"), and a setting
//! ([`Rejoin`](crate::tenant::Rejoin)).
//! Left out: who of the users may join beyond "everyone" and "nobody".

use crate::device::{Device, DeviceKey, Management, OnPremises, TrustType};
use crate::ids::{DeviceId, ObjectId, Sid, UserId};
use crate::instant::{Instant, Span};
use crate::refusal::{DeviceRefusal, JoinRefusal};
use crate::revocation::Standing;
use crate::tenant::{MayJoin, Tenant};
use crate::user::User;

/// What a join request asks for, by the number on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinKind {
    /// 0: joined to the cloud directory.
    Join,
    /// 4: registered, "Add Work or School Account".
    Register,
    /// A computer of a domain with an older Windows, enrolled by SOAP for one user of the domain (MS-DVRE; FAQ A3, A14).
    DownLevel,
}

impl JoinKind {
    /// The kind with this number; the hybrid one (6) has a request of its own, and older systems a protocol of theirs.
    pub const fn from_wire(number: u64) -> Result<Self, JoinRefusal> {
        match number {
            0 => Ok(Self::Join),
            4 => Ok(Self::Register),
            _ => Err(JoinRefusal::TypeRefused),
        }
    }

    /// Its number.
    pub const fn wire(self) -> u8 {
        match self {
            Self::Join => 0,
            // Older systems send no number; their certificates are a user's, as those of a registration.
            Self::Register | Self::DownLevel => 4,
        }
    }

    /// The trust type of the record that it makes.
    pub const fn trust(self) -> TrustType {
        match self {
            Self::Join => TrustType::AzureAd,
            Self::Register => TrustType::Workplace,
            Self::DownLevel => TrustType::ServerAd,
        }
    }
}

/// What a device says of itself when it joins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Particulars {
    /// Display name.
    pub display_name: String,
    /// Operating system.
    pub os: String,
    /// Its version.
    pub os_version: String,
    /// The key that session keys are to be wrapped to.
    pub transport_key: Option<Vec<u8>>,
}

/// Whether this user may join one more device, or join one `again` that is counted already; `second_factor` is whether its
/// token says that it proved one.
pub fn may_join(
    tenant: &Tenant,
    user: Option<&User>,
    second_factor: bool,
    again: bool,
) -> Result<(), JoinRefusal> {
    let user = user.filter(|u| u.enabled).ok_or(JoinRefusal::UserRefused)?;
    if tenant.mfa_to_join && !second_factor {
        return Err(JoinRefusal::SecondFactorMissing);
    }
    match tenant.may_join {
        MayJoin::Nobody => return Err(JoinRefusal::NotAllowed),
        MayJoin::Everyone => {}
    }
    if !again && user.devices >= tenant.device_quota {
        Err(JoinRefusal::QuotaReached)
    } else {
        Ok(())
    }
}

/// Which of the records of a user is that of the device that joins again: one of its name, kind of trust and system, the
/// newest when there are several. A disabled one is none: a join would not bring it back. Older systems never find theirs.
pub fn same_device(
    kind: JoinKind,
    particulars: &Particulars,
    records: Vec<Device>,
) -> Option<Device> {
    let again = |device: &Device| match kind {
        JoinKind::Join | JoinKind::Register => {
            device.trust == kind.trust()
                && device.enabled()
                && device.display_name.to_lowercase() == particulars.display_name.to_lowercase()
                && device.os.eq_ignore_ascii_case(&particulars.os)
        }
        JoinKind::DownLevel => false,
    };
    records.into_iter().filter(again).max_by_key(|device| (device.created, device.object_id))
}

/// The record that a join makes when it does not find the device's own.
pub fn joined(
    kind: JoinKind,
    object_id: ObjectId,
    device_id: DeviceId,
    particulars: Particulars,
    key: DeviceKey,
    owner: &User,
    now: Instant,
) -> Device {
    Device {
        object_id,
        device_id,
        display_name: particulars.display_name,
        os: particulars.os,
        os_version: particulars.os_version,
        trust: kind.trust(),
        owner: Some(owner.id),
        created: now,
        registered: Some(now),
        last_activity: Some(now),
        key: Some(key),
        transport_key: particulars.transport_key,
        on_premises: None,
        standing: Standing::default(),
        management: Management::default(),
        second_factor: false,
    }
}

/// A computer of a domain as a synchronisation cycle brings it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Computer {
    /// The id of its object on premises, which its record has too.
    pub device_id: DeviceId,
    /// Its name.
    pub display_name: String,
    /// Operating system.
    pub os: String,
    /// Its version.
    pub os_version: String,
    /// Its security identifier and the certificate that it wrote into the domain.
    pub on_premises: OnPremises,
}

/// What a synchronisation cycle does to the record of a computer (FAQ A9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synced {
    /// There was none: it is made, pending.
    Created,
    /// It was disabled in the cloud alone, and is enabled again.
    Enabled,
    /// Its name, identifier or certificate follow those on premises.
    Updated,
    /// It is as it should be.
    Unchanged,
}

/// The record of a computer after a synchronisation cycle. `grave` is how often the grants of a deleted record with this id
/// had been ended: whatever was granted to that one stays dead. `object_id` is what a new record gets.
pub fn synchronised(
    record: Option<Device>,
    computer: Computer,
    grave: Option<u32>,
    object_id: ObjectId,
    now: Instant,
) -> (Device, Synced) {
    let Some(mut device) = record else {
        let epoch = grave.map_or(0, |epoch| epoch.saturating_add(1));
        let standing = Standing { epoch, ..Standing::default() };
        return (pending(object_id, computer, standing, now), Synced::Created);
    };
    let Computer { display_name, on_premises, .. } = computer;
    let follows =
        device.display_name != display_name || device.on_premises.as_ref() != Some(&on_premises);
    device.display_name = display_name;
    device.on_premises = Some(on_premises);
    let enabled = device.standing.enable(now);
    let synced = match (enabled, follows) {
        (true, _) => Synced::Enabled,
        (false, true) => Synced::Updated,
        (false, false) => Synced::Unchanged,
    };
    (device, synced)
}

/// The record of a domain computer that has not registered yet.
pub(crate) fn pending(
    object_id: ObjectId,
    computer: Computer,
    standing: Standing,
    now: Instant,
) -> Device {
    let Computer { device_id, display_name, os, os_version, on_premises } = computer;
    Device {
        object_id,
        device_id,
        display_name,
        os,
        os_version,
        trust: TrustType::ServerAd,
        owner: None,
        created: now,
        registered: None,
        last_activity: None,
        key: None,
        transport_key: None,
        on_premises: Some(on_premises),
        standing,
        management: Management::default(),
        second_factor: false,
    }
}

/// The proof by which a domain computer claims its synchronised record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SidProof {
    /// The SID that was signed.
    pub sid: Sid,
    /// When the computer says it signed.
    pub stamped: Instant,
    /// Whether the signature fits the synchronised certificate.
    pub signature_fits: bool,
}

/// Whose time a stamp of a client fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FittingClock {
    /// The world's.
    World,
    /// The real one.
    Real,
}

/// Whether a time that a client stamped fits world time or real time.
pub fn stamp_fits(
    stamped: Instant,
    world: Instant,
    real: Instant,
    tolerance: Span,
) -> Option<FittingClock> {
    if stamped.distance(world) <= tolerance {
        Some(FittingClock::World)
    } else if stamped.distance(real) <= tolerance {
        Some(FittingClock::Real)
    } else {
        None
    }
}

/// Whether a span of time that a client stamped holds world time or real time.
pub fn span_fits(
    from: Instant,
    until: Instant,
    world: Instant,
    real: Instant,
    tolerance: Span,
) -> Option<FittingClock> {
    let holds = |moment: Instant| from - tolerance <= moment && moment < until + tolerance;
    if holds(world) {
        Some(FittingClock::World)
    } else if holds(real) {
        Some(FittingClock::Real)
    } else {
        None
    }
}

/// Whether a computer may complete the registration of its synchronised record.
pub fn may_complete_hybrid(
    record: Option<&Device>,
    proof: &SidProof,
    clock: Option<FittingClock>,
) -> Result<(), JoinRefusal> {
    let on_premises = record
        .filter(|d| d.trust == TrustType::ServerAd)
        .and_then(|d| d.on_premises.as_ref())
        .ok_or(JoinRefusal::RecordMissing)?;
    if !proof.signature_fits || proof.sid != on_premises.sid {
        return Err(JoinRefusal::SidMismatch);
    }
    clock.map(|_| ()).ok_or(JoinRefusal::ProofOutdated)
}

/// The record after a join that found it: its key replaced, its id kept, so that there is no duplicate. What was granted to the holder of another key before dies with that key (FAQ A21; assumed).
pub fn completed(record: Device, particulars: Particulars, key: DeviceKey, now: Instant) -> Device {
    let replaced = record.key.as_ref().is_some_and(|before| *before != key);
    let epoch = record.standing.epoch.saturating_add(u32::from(replaced));
    Device {
        display_name: particulars.display_name,
        os: particulars.os,
        os_version: particulars.os_version,
        transport_key: particulars.transport_key,
        key: Some(key),
        standing: Standing { epoch, ..record.standing },
        registered: Some(record.registered.unwrap_or(now)),
        last_activity: Some(now),
        ..record
    }
}

/// What a token says with which a Windows Hello key is to be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HelloProof {
    /// Whose token it is.
    pub user: UserId,
    /// The device that it is bound to.
    pub device: Option<DeviceId>,
    /// Whether the user proved a second factor.
    pub second_factor: bool,
}

/// Whether a user may register a Windows Hello key: a new one, or again one of its own. `holder` has it now. The key is a
/// second factor from then on, so it is not had for less (MS-KPP).
pub fn may_register_hello_key(
    holder: Option<UserId>,
    proof: HelloProof,
) -> Result<(), JoinRefusal> {
    if proof.device.is_none() {
        return Err(JoinRefusal::HelloWithoutDevice);
    }
    if !proof.second_factor {
        return Err(JoinRefusal::HelloWithoutSecondFactor);
    }
    match holder {
        Some(holder) if holder != proof.user => Err(JoinRefusal::HelloKeyOfAnother),
        Some(_) | None => Ok(()),
    }
}

/// Whether a device may delete its own record (FAQ A9): `device` is the record with the id that it names, `shown` the key
/// of the certificate that it shows, and `shown_id` the device id in that certificate's subject, when it has one.
pub fn may_leave(
    device_id: DeviceId,
    device: Option<&Device>,
    shown: &DeviceKey,
    shown_id: Option<DeviceId>,
) -> Result<(), JoinRefusal> {
    if shown_id.is_some_and(|id| id != device_id) {
        return Err(JoinRefusal::CertificateOfAnother);
    }
    let device = device.ok_or(JoinRefusal::CertificateUnknown)?;
    is_own_certificate(device.key.as_ref(), shown).map_err(|_| JoinRefusal::CertificateUnknown)
}

/// Whether the certificate that a device showed is that of the record (FAQ A21).
pub fn is_own_certificate(
    registered: Option<&DeviceKey>,
    shown: &DeviceKey,
) -> Result<(), DeviceRefusal> {
    match registered {
        None => Err(DeviceRefusal::Pending),
        Some(key) if key == shown => Ok(()),
        Some(_) => Err(DeviceRefusal::CertificateMismatch),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Guid, Thumbprint};

    fn key(number: u8) -> DeviceKey {
        let alt_security_id = format!("X509:{number}");
        DeviceKey { thumbprint: Thumbprint::new([number; 20]), alt_security_id }
    }

    fn id(number: u8) -> DeviceId {
        DeviceId::new(Guid::from_bytes([number; 16]))
    }

    fn device(key: Option<DeviceKey>) -> Device {
        let now = Instant::from_seconds(1_772_442_000);
        Device {
            object_id: ObjectId::new(Guid::from_bytes([1; 16])),
            device_id: id(2),
            display_name: "pc1".to_owned(),
            os: "Windows".to_owned(),
            os_version: "10".to_owned(),
            trust: TrustType::AzureAd,
            owner: Some(UserId::new(Guid::from_bytes([3; 16]))),
            created: now,
            registered: Some(now),
            last_activity: Some(now),
            key,
            transport_key: None,
            on_premises: None,
            standing: Standing::default(),
            management: Management::default(),
            second_factor: false,
        }
    }

    fn particulars(name: &str) -> Particulars {
        Particulars {
            display_name: name.to_owned(),
            os: "Windows".to_owned(),
            os_version: "10".to_owned(),
            transport_key: None,
        }
    }

    #[test]
    fn a_device_is_known_again_by_name_trust_and_system_and_only_while_it_is_enabled() {
        let found = |kind, name: &str, record: Device| {
            same_device(kind, &particulars(name), vec![record]).is_some()
        };
        let pc = || device(Some(key(7)));
        assert!(found(JoinKind::Join, "PC1", pc()), "capitals do not count");
        assert!(!found(JoinKind::Join, "pc2", pc()));
        assert!(!found(JoinKind::Register, "pc1", pc()));
        assert!(!found(JoinKind::DownLevel, "pc1", Device { trust: TrustType::ServerAd, ..pc() }));
        assert!(!found(JoinKind::Join, "pc1", Device { os: "Linux".to_owned(), ..pc() }));
        let mut disabled = pc();
        let delay =
            crate::tenant::RevokeDelay { tokens: Span::from_minutes(60), resources: Span::ZERO };
        disabled.standing.disable(disabled.created, delay);
        assert!(!found(JoinKind::Join, "pc1", disabled), "disabled, whether it counts yet or not");
    }

    #[test]
    fn of_several_records_the_newest_is_the_devices_own() {
        let old = device(Some(key(7)));
        let new = Device {
            object_id: ObjectId::new(Guid::from_bytes([9; 16])),
            created: old.created + Span::from_millis(1),
            ..old.clone()
        };
        for records in [vec![old.clone(), new.clone()], vec![new.clone(), old]] {
            assert_eq!(
                same_device(JoinKind::Join, &particulars("pc1"), records),
                Some(new.clone())
            );
        }
        assert_eq!(same_device(JoinKind::Join, &particulars("pc1"), vec![]), None);
    }

    #[test]
    fn a_device_leaves_with_its_own_certificate_whether_or_not_the_subject_names_it() {
        let device = device(Some(key(7)));
        assert_eq!(may_leave(id(2), Some(&device), &key(7), Some(id(2))), Ok(()));
        assert_eq!(may_leave(id(2), Some(&device), &key(7), None), Ok(()));
    }

    #[test]
    fn a_second_hybrid_join_ends_what_was_granted_under_another_key_and_only_that() {
        let now = Instant::from_seconds(1_772_442_000);
        let particulars = Particulars {
            display_name: "pc1".to_owned(),
            os: "Windows".to_owned(),
            os_version: "10".to_owned(),
            transport_key: None,
        };
        let epoch =
            |had, gets| completed(device(had), particulars.clone(), gets, now).standing.epoch;
        assert_eq!(epoch(None, key(7)), 0, "the first one");
        assert_eq!(epoch(Some(key(7)), key(7)), 0, "the same certificate");
        assert_eq!(epoch(Some(key(7)), key(8)), 1);
    }

    #[test]
    fn a_certificate_that_names_another_device_is_of_another_even_when_the_record_is_gone() {
        let device = device(Some(key(7)));
        for record in [Some(&device), None] {
            let refused = may_leave(id(2), record, &key(7), Some(id(5)));
            assert_eq!(refused, Err(JoinRefusal::CertificateOfAnother));
        }
    }

    #[test]
    fn a_certificate_without_a_record_of_its_own_is_unknown() {
        let unknown = Err(JoinRefusal::CertificateUnknown);
        let (joined, pending) = (device(Some(key(7))), device(None));
        assert_eq!(may_leave(id(2), None, &key(7), Some(id(2))), unknown);
        assert_eq!(may_leave(id(2), Some(&joined), &key(8), Some(id(2))), unknown);
        assert_eq!(may_leave(id(2), Some(&pending), &key(7), Some(id(2))), unknown);
        let same_thumbprint = DeviceKey { alt_security_id: "X509:8".to_owned(), ..key(7) };
        assert_eq!(may_leave(id(2), Some(&joined), &same_thumbprint, None), unknown);
    }

    #[test]
    fn a_hello_key_asks_for_a_device_then_a_second_factor_then_whose_it_is() {
        let user = |number| UserId::new(Guid::from_bytes([number; 16]));
        let proof = HelloProof { user: user(1), device: Some(id(2)), second_factor: true };
        for holder in [None, Some(user(1))] {
            assert_eq!(may_register_hello_key(holder, proof), Ok(()));
        }
        let of_another = Some(user(9));
        for (proof, refusal) in [
            (proof, JoinRefusal::HelloKeyOfAnother),
            (HelloProof { second_factor: false, ..proof }, JoinRefusal::HelloWithoutSecondFactor),
            (HelloProof { device: None, ..proof }, JoinRefusal::HelloWithoutDevice),
            (
                HelloProof { device: None, second_factor: false, ..proof },
                JoinRefusal::HelloWithoutDevice,
            ),
        ] {
            assert_eq!(may_register_hello_key(of_another, proof), Err(refusal));
        }
    }

    fn computer(certificate: &[u8]) -> Computer {
        Computer {
            device_id: id(2),
            display_name: "pc1".to_owned(),
            os: "Windows".to_owned(),
            os_version: "10".to_owned(),
            on_premises: OnPremises {
                sid: Sid::parse("S-1-5-21-1-2-3-1001").unwrap(),
                certificate: certificate.to_vec(),
            },
        }
    }

    #[test]
    fn a_cycle_makes_a_pending_record_and_leaves_it_alone_afterwards() {
        let now = Instant::from_seconds(1_772_442_000);
        let object = ObjectId::new(Guid::from_bytes([9; 16]));
        let (made, synced) = synchronised(None, computer(b"1"), None, object, now);
        assert_eq!((synced, made.registered, made.owner), (Synced::Created, None, None));
        assert_eq!(made.trust, TrustType::ServerAd);
        let again = synchronised(Some(made.clone()), computer(b"1"), None, object, now);
        assert_eq!(again, (made.clone(), Synced::Unchanged));
        let (after, synced) = synchronised(Some(made), computer(b"2"), None, object, now);
        assert_eq!((synced, after.object_id), (Synced::Updated, object));
    }

    #[test]
    fn a_cycle_adopts_the_record_that_a_federated_join_made_first() {
        let now = Instant::from_seconds(1_772_442_000);
        let object = ObjectId::new(Guid::from_bytes([9; 16]));
        let sid = computer(b"").on_premises.sid;
        let named = crate::vouched::Computer { device_id: id(2), sid };
        let made = crate::vouched::record(object, named, Standing::default(), now);
        let joined = completed(made, particulars("pc1"), key(7), now);
        let other = ObjectId::new(Guid::from_bytes([8; 16]));
        let (adopted, synced) =
            synchronised(Some(joined.clone()), computer(b"1"), None, other, now);
        assert_eq!(synced, Synced::Updated);
        let expected = Device { on_premises: Some(computer(b"1").on_premises), ..joined };
        assert_eq!(adopted, expected, "its key, its ids and its registration stay");
        let again = synchronised(Some(adopted.clone()), computer(b"1"), None, other, now);
        assert_eq!(again, (adopted, Synced::Unchanged));
    }

    #[test]
    fn a_cycle_enables_what_the_cloud_alone_disabled_and_nothing_granted_before_comes_back() {
        let now = Instant::from_seconds(1_772_442_000);
        let object = ObjectId::new(Guid::from_bytes([9; 16]));
        let (mut made, _) = synchronised(None, computer(b"1"), None, object, now);
        let at_once = crate::tenant::RevokeDelay {
            tokens: Span::from_millis(0),
            resources: Span::from_millis(0),
        };
        made.standing.disable(now, at_once);
        let (after, synced) = synchronised(Some(made), computer(b"1"), None, object, now);
        assert_eq!((synced, after.enabled(), after.standing.epoch), (Synced::Enabled, true, 1));
        let (anew, synced) = synchronised(None, computer(b"1"), Some(4), object, now);
        assert_eq!((synced, anew.standing.epoch), (Synced::Created, 5), "after a deletion");
    }
}
