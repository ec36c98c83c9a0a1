//! A domain computer that its federation server vouches for: what its token must say, and what the join makes of it.
//!
//! Federated hybrid join (sections 4.1, 9 and 19; MS-DVRJ for join type 6). The record is looked up by the id of the
//! computer object on premises, made when there is none and completed when there is one, so a second join makes no
//! duplicate. The number of devices is not asked: hybrid devices are exempt. Left out: whether the domain knows the
//! computer, which the federation server answers for.

use crate::device::{Device, OnPremises, TrustType};
use crate::ids::{DeviceId, Guid, ObjectId, Sid};
use crate::instant::Instant;
use crate::refusal::JoinRefusal;
use crate::registration::{self, pending};
use crate::revocation::Standing;

/// The account type that tokens of domain computers name.
pub const ACCOUNT_TYPE: &str = "DJ";

/// A computer as its token names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Computer {
    /// The id of its object on premises, which is the id of its device.
    pub device_id: DeviceId,
    /// Its security identifier there.
    pub sid: Sid,
}

/// The computer of a token with these claims, each `None` when it is missing or not readable.
pub fn computer(object: Option<Guid>, sid: Option<Sid>) -> Result<Computer, JoinRefusal> {
    match (object, sid) {
        (Some(object), Some(sid)) => Ok(Computer { device_id: DeviceId::new(object), sid }),
        _ => Err(JoinRefusal::ClaimsMissing),
    }
}

/// Whether a computer may take this record; with none, it gets a new one.
pub fn may_take(record: Option<&Device>, computer: &Computer) -> Result<(), JoinRefusal> {
    let Some(record) = record else { return Ok(()) };
    match &record.on_premises {
        Some(known) if record.trust == TrustType::ServerAd && known.sid == computer.sid => Ok(()),
        Some(_) | None => Err(JoinRefusal::SidMismatch),
    }
}

/// The record of a computer that had none, as a synchronisation would bring it, but for the certificate. `standing` is
/// the default one, or that of a deleted record with the same id.
pub fn record(object_id: ObjectId, computer: Computer, standing: Standing, now: Instant) -> Device {
    let named = registration::Computer {
        device_id: computer.device_id,
        display_name: String::new(),
        os: String::new(),
        os_version: String::new(),
        on_premises: OnPremises { sid: computer.sid, certificate: Vec::new() },
    };
    pending(object_id, named, standing, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: Instant = Instant::from_seconds(1_772_442_000);

    fn guid(number: u8) -> Guid {
        Guid::from_bytes([number; 16])
    }

    fn sid(number: u8) -> Sid {
        Sid::parse(&format!("S-1-5-21-1-2-3-{number}")).unwrap()
    }

    fn pc() -> Computer {
        computer(Some(guid(1)), Some(sid(1))).unwrap()
    }

    #[test]
    fn a_token_names_the_object_and_the_security_identifier_or_nobody() {
        assert_eq!(pc().device_id, DeviceId::new(guid(1)));
        for claims in [(None, None), (Some(guid(1)), None), (None, Some(sid(1)))] {
            assert_eq!(computer(claims.0, claims.1), Err(JoinRefusal::ClaimsMissing));
        }
    }

    #[test]
    fn a_computer_takes_its_own_record_and_no_other() {
        let own = record(ObjectId::new(guid(9)), pc(), Standing::default(), T);
        assert_eq!(may_take(None, &pc()), Ok(()));
        assert_eq!(may_take(Some(&own), &pc()), Ok(()));
        let other = Err(JoinRefusal::SidMismatch);
        let stranger = Computer { sid: sid(2), ..pc() };
        assert_eq!(may_take(Some(&own), &stranger), other);
        let joined = Device { trust: TrustType::AzureAd, ..own.clone() };
        assert_eq!(may_take(Some(&joined), &pc()), other);
        let without = Device { on_premises: None, ..own };
        assert_eq!(may_take(Some(&without), &pc()), other);
    }
}
