//! The sections of `dsregcmd /status`, modern layout, in their order (device-registration.md 15), from the machine's memory
//! and clock alone.
//!
//! `DeviceAuthStatus` is what the client last learned: the command itself asks the service right before it prints, as
//! Windows 21H1 and later do; requests for a primary refresh token teach it, too (FAQ A7).
//!
//! The pre-join diagnostics show on a machine of a domain, and also after a join that failed, where Windows shows them on
//! machines of a domain only. Work accounts and proxies stand where public outputs of newer builds have them. Left out:
//! Windows Hello, on-premises tickets, proxies other than none.

use std::collections::BTreeMap;

use super::earlier;
use super::layout::{Layout, Section, fields};
use crate::hresult::{AUTOJOIN_ADCONFIG_READ_FAILED, FILE_NOT_FOUND};
use crate::machine::Machine;
use crate::machine::state::{
    DeviceAuth, FailedJoin, Profile, Prt, PrtDiagnostics, Registration, ServiceEntry,
};
use crate::surroundings::utc;
use crate::wire::Wire;

impl Machine {
    /// The fields of `dsregcmd /status` as it would print them for a Windows user; without one, for whoever is signed in.
    pub fn dsreg(&self, wire: &Wire, windows_user: Option<&str>) -> BTreeMap<String, String> {
        fields(&sections(self, wire.now_ms(), false, windows_user))
    }
}

/// All sections for one Windows user, in the layout of the machine.
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
    if machine.spec.layout == Layout::Of2017 {
        return earlier::sections(machine, profile, now_ms, elevated);
    }
    let mut all = vec![device_state(machine)];
    if let Some(device) = device {
        all.push(device_details(device));
        all.push(tenant_details(device));
    }
    all.push(user_state(profile, device.is_some()));
    all.push(sso_state(profile, device.is_some(), now_ms));
    all.extend(work_accounts(profile));
    if device.is_some() {
        let mut section = Section::new("Diagnostic Data");
        let signed = if elevated { "PASSED" } else { "MUST Run elevated to test." };
        section.yes_no("AadRecoveryEnabled", machine.memory.recovery).field("KeySignTest", signed);
        all.push(section);
    } else if machine.spec.domain.is_some() || machine.memory.failed_join.is_some() {
        all.push(before_join(machine, now_ms, elevated));
    }
    all.extend(proxies());
    all.push(hello(profile, device.is_some()));
    all
}

fn device_state(machine: &Machine) -> Section {
    let mut section = Section::new("Device State");
    section.yes_no("AzureAdJoined", machine.memory.device.is_some());
    section.yes_no("EnterpriseJoined", false);
    section.yes_no("DomainJoined", machine.spec.domain.is_some());
    let (name, domain) = (&machine.spec.name, machine.spec.domain.as_deref());
    if let Some(domain) = domain {
        section.field("DomainName", netbios(domain));
    }
    section.field("Virtual Desktop", "NOT SET");
    let full = domain.map_or_else(|| name.clone(), |domain| format!("{name}.{domain}"));
    section.field("Device Name", full);
    section
}

/// The short name of a domain: `CONTOSO` for `contoso.test`.
pub(super) fn netbios(domain: &str) -> String {
    domain.split('.').next().unwrap_or_default().to_uppercase()
}

fn device_details(device: &Registration) -> Section {
    let mut section = Section::new("Device Details");
    section.field("DeviceId", &device.device_id).field("Thumbprint", &device.thumbprint);
    certificate(&mut section, device);
    section.field(
        "DeviceAuthStatus",
        match device.device_auth {
            DeviceAuth::Success => "SUCCESS",
            DeviceAuth::Refused => "FAILED. Device is either disabled or deleted",
            DeviceAuth::Error => "FAILED. ERROR",
        },
    );
    section
}

/// Where the certificate and its key are.
fn certificate(section: &mut Section, registration: &Registration) {
    let validity =
        format!("[ {} -- {} ]", utc(registration.not_before_ms), utc(registration.not_after_ms));
    section.field("DeviceCertificateValidity", validity);
    key_store(section, registration);
}

/// Where the key is, in either layout.
pub(super) fn key_store(section: &mut Section, registration: &Registration) {
    section
        .field("KeyContainerId", &registration.key_container)
        .field(
            "KeyProvider",
            if registration.tpm {
                "Microsoft Platform Crypto Provider"
            } else {
                "Microsoft Software Key Storage Provider"
            },
        )
        .yes_no("TpmProtected", registration.tpm);
}

fn tenant_details(device: &Registration) -> Section {
    let tenant = &device.tenant;
    let mut section = Section::new("Tenant Details");
    section
        .field("TenantName", device.tenant_name())
        .field("TenantId", &tenant.id)
        .field("Idp", "login.windows.net")
        .field("AuthCodeUrl", &tenant.auth_code_url)
        .field("AccessTokenUrl", &tenant.access_token_url)
        .field("MdmUrl", &device.management.enrollment)
        .field("MdmTouUrl", &device.management.terms)
        .field("MdmComplianceUrl", &device.management.compliance)
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

fn user_state(profile: &Profile, joined: bool) -> Section {
    let mut section = Section::new("User State");
    section.yes_no("NgcSet", false);
    section.yes_no("WorkplaceJoined", !profile.work_accounts.is_empty());
    if !profile.work_accounts.is_empty() {
        section.field("WorkAccountCount", profile.work_accounts.len().to_string());
    }
    default_account(&mut section, profile, joined);
    section
}

/// The default account of the web account manager, in either layout.
pub(super) fn default_account(section: &mut Section, profile: &Profile, joined: bool) {
    let cloud = joined && profile.signed_in && profile.cached.is_some();
    section.yes_no("WamDefaultSet", cloud);
    if cloud {
        section
            .field("WamDefaultAuthority", "organizations")
            .field("WamDefaultId", "https://login.microsoft.com")
            .field("WamDefaultGUID", "{B16898C6-A148-4967-9171-64D755DA8520} (AzureAd)");
    }
}

fn work_accounts(profile: &Profile) -> impl Iterator<Item = Section> {
    profile.work_accounts.iter().enumerate().map(|(place, account)| {
        let registration = &account.registration;
        let mut section = Section::new(format!("Work Account {}", place + 1));
        section
            .field("WorkplaceDeviceId", &registration.device_id)
            .field("WorkplaceThumbprint", &registration.thumbprint);
        certificate(&mut section, registration);
        section
            .field("WorkplaceTenantId", &registration.tenant.id)
            .field("WorkplaceTenantName", &registration.tenant.display_name)
            .field("WorkplaceMdmUrl", &registration.management.enrollment)
            .field("WorkplaceSettingsUrl", "")
            .yes_no("NgcSet", false);
        section
    })
}

/// The primary refresh token that the user's session can use.
pub(super) fn usable(profile: &Profile, joined: bool, now_ms: i64) -> Option<&Prt> {
    let prt = profile.prt.as_ref();
    prt.filter(|prt| joined && profile.signed_in && !prt.refused && now_ms < prt.expires_ms)
}

fn sso_state(profile: &Profile, joined: bool, now_ms: i64) -> Section {
    let mut section = Section::new("SSO State");
    let usable = usable(profile, joined, now_ms);
    section.yes_no("AzureAdPrt", usable.is_some());
    if let Some(prt) = usable {
        section
            .field("AzureAdPrtUpdateTime", utc(prt.updated_ms))
            .field("AzureAdPrtExpiryTime", utc(prt.expires_ms))
            .field("AzureAdPrtAuthority", &prt.authority);
    } else {
        let kept = profile.prt.as_ref().filter(|_| joined).map(|prt| prt.authority.as_str());
        section.field("AzureAdPrtAuthority", kept.unwrap_or("NO"));
    }
    if let Some(shown) = profile.diagnostics.as_ref().filter(|_| joined) {
        prt_diagnostics(&mut section, shown);
    }
    section.yes_no("EnterprisePrt", false);
    if joined {
        section.field("EnterprisePrtAuthority", "");
        section.yes_no("OnPremTgt", false).yes_no("CloudTgt", false);
    } else {
        section.field("EnterprisePrtAuthority", "NO");
    }
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
    let unread = format!("FAIL [{FILE_NOT_FOUND:#010x}]");
    section.field("AD Connectivity Test", pass());
    let token_error = failed.and_then(|failed| failed.token_error);
    let federated = failed.is_some_and(|failed| failed.registration_type == "fed");
    let [configuration, discovery, connectivity, token] = match phase {
        "" => [pass(), skipped(), skipped(), skipped()],
        _ if no_tenant => [unread, skipped(), skipped(), skipped()],
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
        section.blank().field("Previous Registration", utc(failed.at_ms));
        let text = |name: &str, value: &str, section: &mut Section| {
            if !value.is_empty() {
                section.field(name, value);
            }
        };
        text("Registration Type", &failed.registration_type, &mut section);
        section
            .field("Error Phase", &failed.phase)
            .field("Client ErrorCode", format!("{:#010x}", failed.client_error));
        // What the service did not say is not shown.
        text("Server ErrorCode", &failed.server_error, &mut section);
        text("Server ErrorSubCode", &failed.server_suberror, &mut section);
        text("Server Operation", &failed.server_operation, &mut section);
        if failed.http_status > 0 {
            text("Server Message", &failed.server_message, &mut section);
            section
                .field("Https Status", failed.http_status.to_string())
                .field("Request Id", &failed.request_id);
        }
    }
    section
}

/// What the tool prints of proxies: none. Where the traffic of an emulated machine really goes is not its business.
fn proxies() -> [Section; 2] {
    let mut of_user = Section::new("IE Proxy Config for Current User");
    of_user
        .yes_no("Auto Detect Settings", false)
        .field("Auto-Configuration URL", "")
        .field("Proxy Server List", "")
        .field("Proxy Bypass List", "");
    let mut of_system = Section::new("WinHttp Default Proxy Config");
    of_system.field("Access Type", "DIRECT");
    [of_user, of_system]
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
