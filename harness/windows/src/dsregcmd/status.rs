//! The sections of `dsregcmd /status`, modern layout, in their order (device-registration.md 15), from the machine's memory
//! and clock alone: no byte is sent.
//!
//! `DeviceAuthStatus` is what the client last learned: Windows 21H1 and later ask the service with a device token here;
//! until the service emulates that grant, the last answer to a primary refresh token request stands in for it. So a device
//! deleted in the directory shows `SUCCESS` until the client next asks for something (FAQ A7).
//!
//! The pre-join diagnostics show on a machine of a domain, and also after a join that failed, where Windows shows them on
//! machines of a domain only. Left out: the 2017 layout, the proxy sections, Windows Hello, on-premises tickets.

use std::collections::BTreeMap;

use super::layout::{Section, fields};
use crate::hresult::AUTOJOIN_ADCONFIG_READ_FAILED;
use crate::machine::Machine;
use crate::machine::state::{
    DeviceAuth, FailedJoin, Profile, PrtDiagnostics, Registration, ServiceEntry,
};
use crate::surroundings::utc;
use crate::wire::Wire;

impl Machine {
    /// The fields of `dsregcmd /status` as it would print them for a Windows user; without one, for whoever is signed in.
    pub fn dsreg(&self, wire: &Wire, windows_user: Option<&str>) -> BTreeMap<String, String> {
        fields(&sections(self, wire.now_ms(), false, windows_user))
    }
}

/// All sections for one Windows user.
pub(super) fn sections(
    machine: &Machine,
    now_ms: i64,
    elevated: bool,
    windows_user: Option<&str>,
) -> Vec<Section> {
    let key = machine.acting(windows_user, None);
    let nobody = Profile::default();
    let profile = machine.memory.profiles.get(&key).unwrap_or(&nobody);
    let device = machine.memory.device.as_ref();
    let mut all = vec![device_state(machine)];
    if let Some(device) = device {
        all.push(device_details(device));
        all.push(tenant_details(device));
    }
    all.extend(user_state(profile, device.is_some()));
    all.push(sso_state(profile, device.is_some(), now_ms));
    if device.is_some() {
        let mut section = Section::new("Diagnostic Data");
        let signed = if elevated { "PASSED" } else { "MUST Run elevated to test." };
        section.yes_no("AadRecoveryEnabled", false).field("KeySignTest", signed);
        all.push(section);
    } else if machine.spec.domain.is_some() || machine.memory.failed_join.is_some() {
        all.push(before_join(machine, now_ms, elevated));
    }
    all.push(hello(profile, device.is_some()));
    all
}

pub(super) fn device_state(machine: &Machine) -> Section {
    let mut section = Section::new("Device State");
    section.yes_no("AzureAdJoined", machine.memory.device.is_some());
    section.yes_no("EnterpriseJoined", false);
    section.yes_no("DomainJoined", machine.spec.domain.is_some());
    if let Some(domain) = &machine.spec.domain {
        section.field("DomainName", domain);
    }
    section.field("Virtual Desktop", "NOT SET").field("Device Name", &machine.spec.name);
    section
}

fn device_details(device: &Registration) -> Section {
    let mut section = Section::new("Device Details");
    let validity = format!("[ {} -- {} ]", utc(device.not_before_ms), utc(device.not_after_ms));
    section
        .field("DeviceId", &device.device_id)
        .field("Thumbprint", &device.thumbprint)
        .field("DeviceCertificateValidity", validity)
        .field("KeyContainerId", &device.key_container)
        .field("KeyProvider", "Microsoft Software Key Storage Provider")
        .yes_no("TpmProtected", false)
        .field(
            "DeviceAuthStatus",
            match device.device_auth {
                DeviceAuth::Success => "SUCCESS",
                DeviceAuth::Refused => "FAILED. Device is either disabled or deleted",
            },
        );
    section
}

fn tenant_details(device: &Registration) -> Section {
    let tenant = &device.tenant;
    let mut section = Section::new("Tenant Details");
    let name = if tenant.display_name.is_empty() { &tenant.name } else { &tenant.display_name };
    section
        .field("TenantName", name)
        .field("TenantId", &tenant.id)
        .field("Idp", "login.windows.net")
        .field("AuthCodeUrl", &tenant.auth_code_url)
        .field("AccessTokenUrl", &tenant.access_token_url)
        .field("MdmUrl", "")
        .field("MdmTouUrl", "")
        .field("MdmComplianceUrl", "")
        .field("SettingsUrl", "");
    let mut service = |prefix: &str, version: &str, entry: &ServiceEntry| {
        section
            .field(&format!("{prefix}{version}"), &entry.version)
            .field(&format!("{prefix}Url"), &entry.url)
            .field(&format!("{prefix}Id"), &entry.id);
    };
    service("JoinSrv", "Version", &tenant.join);
    service("KeySrv", "Version", &tenant.key);
    service("WebAuthNSrv", "Version", &tenant.web_authn);
    service("DeviceManagementSrv", "Ver", &tenant.management);
    section
}

fn user_state(profile: &Profile, joined: bool) -> Vec<Section> {
    let mut section = Section::new("User State");
    section.yes_no("NgcSet", false);
    section.yes_no("WorkplaceJoined", !profile.work_accounts.is_empty());
    let cloud = joined && profile.signed_in && profile.cached.is_some();
    section.yes_no("WamDefaultSet", cloud);
    if cloud {
        section
            .field("WamDefaultAuthority", "organizations")
            .field("WamDefaultId", "https://login.microsoft.com")
            .field("WamDefaultGUID", "{B16898C6-A148-4967-9171-64D755DA8520} (AzureAd)");
    }
    let mut all = vec![section];
    for (place, account) in profile.work_accounts.iter().enumerate() {
        let registration = &account.registration;
        let mut section = Section::new(format!("Work Account {}", place + 1));
        section
            .field("WorkplaceDeviceId", &registration.device_id)
            .field("WorkplaceThumbprint", &registration.thumbprint)
            .field("WorkplaceIdp", "login.windows.net")
            .field("WorkplaceTenantId", &registration.tenant.id)
            .field("WorkplaceTenantName", &registration.tenant.display_name)
            .field("WorkplaceMdmUrl", "")
            .field("WorkplaceSettingsUrl", "");
        all.push(section);
    }
    all
}

fn sso_state(profile: &Profile, joined: bool, now_ms: i64) -> Section {
    let mut section = Section::new("SSO State");
    let usable = profile
        .prt
        .as_ref()
        .filter(|prt| joined && profile.signed_in && !prt.refused && now_ms < prt.expires_ms);
    section.yes_no("AzureAdPrt", usable.is_some());
    if let Some(prt) = usable {
        section
            .field("AzureAdPrtUpdateTime", utc(prt.updated_ms))
            .field("AzureAdPrtExpiryTime", utc(prt.expires_ms))
            .field("AzureAdPrtAuthority", &prt.authority);
    }
    if let Some(shown) = profile.diagnostics.as_ref().filter(|_| joined) {
        prt_diagnostics(&mut section, shown);
    }
    section.yes_no("EnterprisePrt", false).field("EnterprisePrtAuthority", "");
    section.yes_no("OnPremTgt", false).yes_no("CloudTgt", false);
    section
}

fn prt_diagnostics(section: &mut Section, shown: &PrtDiagnostics) {
    let kind = if shown.renewal { "RefreshPrtDiagnostics" } else { "AcquirePrtDiagnostics" };
    section
        .field(kind, "PRESENT")
        .field("Previous Prt Attempt", utc(shown.at_ms))
        .field("Attempt Status", format!("{:#010x}", shown.status))
        .field("User Identity", &shown.upn)
        .field("Credential Type", &shown.credential)
        .field("Correlation ID", &shown.correlation_id)
        .field("Endpoint URI", &shown.endpoint)
        .field("HTTP Method", &shown.method)
        .field("HTTP Error", format!("{:#x}", shown.http_error))
        .field("HTTP status", shown.http_status.to_string())
        .field("Server Error Code", &shown.error)
        .field("Server Error Description", &shown.description);
}

/// The tests before a join. They are not run: what the last automatic join met stands for them.
fn tests_of_domain(section: &mut Section, failed: Option<&FailedJoin>, fallback: bool) {
    let phase = failed.map_or("", |failed| failed.phase.as_str());
    let number = failed.map_or(0, |failed| failed.client_error);
    let fails = |number: u32, cause: Option<u32>| {
        format!("FAIL [{number:#010x}/{:#010x}]", cause.unwrap_or(number))
    };
    let failed_here = fails(number, failed.and_then(|failed| failed.cause));
    let skipped = || "SKIPPED".to_owned();
    let pass = || "PASS".to_owned();
    let no_tenant = number == AUTOJOIN_ADCONFIG_READ_FAILED;
    section.field("AD Connectivity Test", pass());
    let token_error = failed.and_then(|failed| failed.token_error);
    let federated = failed.is_some_and(|failed| failed.registration_type == "fed");
    let [configuration, discovery, connectivity, token] = match phase {
        "" => [pass(), skipped(), skipped(), skipped()],
        _ if no_tenant => [failed_here, skipped(), skipped(), skipped()],
        "discover" => [pass(), failed_here, skipped(), skipped()],
        _ => {
            let token = match token_error {
                Some(number) => fails(number, None),
                None if federated => pass(),
                None => skipped(),
            };
            [pass(), pass(), pass(), token]
        }
    };
    section
        .field("AD Configuration Test", configuration)
        .field("DRS Discovery Test", discovery)
        .field("DRS Connectivity Test", connectivity)
        .field("Token acquisition Test", token)
        .field("Fallback to Sync-Join", if fallback { "ENABLED" } else { "DISABLED" });
}

fn before_join(machine: &Machine, now_ms: i64, elevated: bool) -> Section {
    let failed = machine.memory.failed_join.as_ref();
    let mut section = Section::new("Diagnostic Data");
    section
        .field("Diagnostics Reference", "www.microsoft.com/aadjerrors")
        .field("User Context", if elevated { "ELEVATED User" } else { "UN-ELEVATED User" })
        .field("Client Time", utc(now_ms));
    if machine.spec.domain.is_some() {
        let fallback = !machine.memory.policy.no_fallback_to_sync_join;
        tests_of_domain(&mut section, failed, fallback);
    }
    if let Some(failed) = failed {
        section.field("Previous Registration", utc(failed.at_ms));
        if !failed.registration_type.is_empty() {
            section.field("Registration Type", &failed.registration_type);
        }
        section
            .field("Error Phase", &failed.phase)
            .field("Client ErrorCode", format!("{:#010x}", failed.client_error))
            .field("Server ErrorCode", &failed.server_error)
            .field("Server ErrorSubCode", &failed.server_suberror)
            .field("Server Operation", &failed.server_operation)
            .field("Server Message", &failed.server_message)
            .field("Https Status", failed.http_status.to_string())
            .field("Request Id", &failed.request_id);
    }
    section
}

fn hello(profile: &Profile, joined: bool) -> Section {
    let mut section = Section::new("Ngc Prerequisite Check");
    section
        .yes_no("IsDeviceJoined", joined)
        .yes_no("IsUserAzureAD", joined && profile.cached.is_some())
        .yes_no("PolicyEnabled", false)
        .yes_no("PostLogonEnabled", true)
        .yes_no("DeviceEligible", true)
        .yes_no("SessionIsNotRemote", true)
        .field("CertEnrollment", "none")
        .field("PreReqResult", "WillNotProvision");
    section
}
