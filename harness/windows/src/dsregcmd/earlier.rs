//! The sections of `dsregcmd /status` in the layout of 2017 (device-registration.md 15): everything of the device in one
//! section, everything of the user in another, no diagnostics, and nothing by which a refused device could be told.
//!
//! Published is the output of a computer of a domain that is joined. What other states print, and where the fields of a
//! work account stand, is assumed from public outputs of the next versions, which still had these sections.

use super::layout::Section;
use super::status::{default_account, key_store, netbios, usable};
use crate::machine::Machine;
use crate::machine::state::{Profile, Registration, ServiceEntry};

/// Where the names of Device State end.
const DEVICE_COLUMN: usize = 17;

/// Where the names of User State end.
const USER_COLUMN: usize = 19;

pub(super) fn sections(
    machine: &Machine,
    profile: &Profile,
    now_ms: i64,
    elevated: bool,
) -> Vec<Section> {
    vec![device_state(machine, elevated), user_state(machine, profile, now_ms)]
}

fn device_state(machine: &Machine, elevated: bool) -> Section {
    let mut section = Section::narrow("Device State", DEVICE_COLUMN);
    let device = machine.memory.device.as_ref();
    section.yes_no("AzureAdJoined", device.is_some()).yes_no("EnterpriseJoined", false);
    if let Some(device) = device {
        joined(&mut section, device, elevated);
    }
    section.yes_no("DomainJoined", machine.spec.domain.is_some());
    if let Some(domain) = &machine.spec.domain {
        section.field("DomainName", netbios(domain));
    }
    section
}

fn joined(section: &mut Section, device: &Registration, elevated: bool) {
    let tenant = &device.tenant;
    section.field("DeviceId", &device.device_id).field("Thumbprint", &device.thumbprint);
    key_store(section, device);
    section
        // The colon is the tool's own.
        .field("KeySignTest:", if elevated { "PASSED" } else { "MUST Run elevated to test." })
        .field("Idp", "login.microsoftonline.com")
        .field("TenantId", &tenant.id)
        .field("TenantName", device.tenant_name())
        .field("AuthCodeUrl", &tenant.auth_code_url)
        .field("AccessTokenUrl", &tenant.access_token_url)
        .field("MdmUrl", &device.management.enrollment)
        .field("MdmTouUrl", &device.management.terms)
        // So the published sample has it, for MdmComplianceUrl.
        .field("dmComplianceUrl", &device.management.compliance)
        .field("SettingsUrl", "");
    let mut service = |prefix: &str, entry: &ServiceEntry| {
        section
            .field(&format!("{prefix}Version"), &entry.version)
            .field(&format!("{prefix}Url"), &entry.url)
            .field(&format!("{prefix}Id"), &entry.id);
    };
    service("JoinSrv", &tenant.join);
    service("KeySrv", &tenant.key);
}

fn user_state(machine: &Machine, profile: &Profile, now_ms: i64) -> Section {
    let joined = machine.memory.device.is_some();
    let mut section = Section::narrow("User State", USER_COLUMN);
    section.yes_no("NgcSet", false);
    section.yes_no("WorkplaceJoined", !profile.work_accounts.is_empty());
    for account in &profile.work_accounts {
        let registration = &account.registration;
        section
            .field("WorkplaceDeviceId", &registration.device_id)
            .field("WorkplaceThumbprint", &registration.thumbprint)
            .field("WorkplaceIdp", "login.windows.net")
            .field("WorkplaceTenantId", &registration.tenant.id)
            .field("WorkplaceTenantName", &registration.tenant.display_name)
            .field("WorkplaceMdmUrl", &registration.management.enrollment)
            .field("WorkplaceSettingsUrl", "");
    }
    default_account(&mut section, profile, joined);
    section.yes_no("AzureAdPrt", usable(profile, joined, now_ms).is_some());
    section
}
