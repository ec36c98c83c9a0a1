//! Device management: whose devices are enrolled, what has to be agreed to before, and the roads to "Oops".
//!
//! FAQ A26, section 13 of the device registration notes, and the fault table of errors.md section 5. Enrolment comes after
//! the join: when it is refused the record of the join is there, but neither managed nor compliant.
//! Left out: renewal of the management certificate, wiping and configuring a device, and compliance policies: a device
//! that enrolled counts as compliant until somebody says otherwise.

use std::collections::BTreeSet;

use crate::device::{Device, Management};
use crate::ids::UserId;
use crate::refusal::EnrolRefusal;
use crate::user::User;

/// Whose devices are enrolled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// Nobody's.
    #[default]
    None,
    /// Those of these users.
    Some(BTreeSet<UserId>),
    /// Everybody's.
    All,
}

/// What became of the page with the terms of use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Terms {
    /// It is shown.
    #[default]
    Shown,
    /// The tenant names no page: nothing is to be agreed to.
    Absent,
    /// The tenant names one, and there is none.
    Unreachable,
}

/// Mobile device management of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mdm {
    /// Whose devices are enrolled.
    pub scope: Scope,
    /// Users in the scope who have no licence for it. By default everybody has one.
    pub unlicensed: BTreeSet<UserId>,
    /// The page with the terms of use.
    pub terms: Terms,
    /// How many managed devices a user may own. Default 15.
    pub device_cap: u32,
    /// Whether computers with Windows are kept out by a restriction.
    pub windows_blocked: bool,
    /// What the service says to everyone, whoever asks: it is in maintenance, or broken in one of the ways of its table.
    pub refuses: Option<EnrolRefusal>,
}

impl Default for Mdm {
    fn default() -> Self {
        Self {
            scope: Scope::None,
            unlicensed: BTreeSet::new(),
            terms: Terms::Shown,
            device_cap: 15,
            windows_blocked: false,
            refuses: None,
        }
    }
}

impl Mdm {
    /// Whether this user's devices are to be enrolled.
    pub fn has_in_scope(&self, user: UserId) -> bool {
        match &self.scope {
            Scope::None => false,
            Scope::Some(users) => users.contains(&user),
            Scope::All => true,
        }
    }

    /// Whether this user is asked to agree to terms of use before a join.
    pub fn asks_for_terms(&self, user: UserId) -> bool {
        self.has_in_scope(user) && self.terms != Terms::Absent
    }
}

/// Whether the page with the terms of use is for this user.
pub fn may_read_terms(mdm: &Mdm, user: &User) -> Result<(), EnrolRefusal> {
    if !mdm.has_in_scope(user.id) {
        return Err(EnrolRefusal::NotInScope);
    }
    if mdm.unlicensed.contains(&user.id) {
        return Err(EnrolRefusal::LicenceMissing);
    }
    Ok(())
}

/// Whether a user may enrol a device. `device` is the record that the user's token is bound to, `managed` the number of
/// managed devices that the user owns, this one not counted; `agreed` says whether the terms of use were agreed to.
pub fn may_enrol(
    mdm: &Mdm,
    user: &User,
    device: Option<&Device>,
    managed: u32,
    agreed: bool,
) -> Result<(), EnrolRefusal> {
    if let Some(refusal) = mdm.refuses {
        return Err(refusal);
    }
    may_read_terms(mdm, user)?;
    let device = device.ok_or(EnrolRefusal::DeviceUnknown)?;
    if !device.enabled() {
        return Err(EnrolRefusal::DeviceDisabled);
    }
    if mdm.windows_blocked && device.os.eq_ignore_ascii_case("windows") {
        return Err(EnrolRefusal::PlatformBlocked);
    }
    if mdm.asks_for_terms(user.id) && !agreed {
        return Err(EnrolRefusal::TermsNotAgreed);
    }
    if managed >= mdm.device_cap { Err(EnrolRefusal::DeviceCapReached) } else { Ok(()) }
}

/// The record of a device that enrolled.
pub fn enrolled(device: Device) -> Device {
    let management = Management { managed: Some(true), compliant: Some(true) };
    Device { management, ..device }
}
