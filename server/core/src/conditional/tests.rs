//! Policies, requests and what comes of them, case by case.

use super::*;
use crate::device::{DeviceKey, Management, Tombstone};
use crate::ids::{DeviceId, Guid, ObjectId, Thumbprint};
use crate::instant::Instant;
use crate::revocation::Standing;
use crate::user::Account;
use PolicyRefusal::{
    Blocked, DeviceNotCompliant, DeviceNotHybrid, DeviceNotRegistered, DeviceNotShown,
    DeviceStateUnfit, SecondFactorMissing, SecondFactorRequired,
};
use proptest::prelude::*;

const FILES: AppId = AppId::new(Guid::from_bytes([1; 16]));
const MAIL: AppId = AppId::new(Guid::from_bytes([2; 16]));

fn user(devices: u32, groups: &[&str]) -> User {
    User {
        id: UserId::new(Guid::from_bytes([7; 16])),
        upn: "bob@contoso.test".to_owned(),
        name: "Bob".to_owned(),
        password: "right".to_owned(),
        enabled: true,
        roles: vec![],
        immutable_id: None,
        epoch: 0,
        devices,
        account: Account {
            groups: groups.iter().map(|&g| g.to_owned()).collect(),
            ..Account::default()
        },
    }
}

fn policy(number: u8, grant: &[Control]) -> Policy {
    Policy {
        id: PolicyId::new(Guid::from_bytes([number; 16])),
        name: format!("policy {number}"),
        state: PolicyState::On,
        apps: Scope::All,
        apps_except: vec![],
        users: Scope::All,
        groups: vec![],
        users_except: vec![],
        groups_except: vec![],
        platforms: vec![],
        grant: grant.to_vec(),
        any: false,
    }
}

fn device(trust: TrustType, compliant: bool, registered: bool) -> KnownDevice {
    let at = Instant::from_seconds(0);
    KnownDevice::Present(Device {
        object_id: ObjectId::new(Guid::from_bytes([3; 16])),
        device_id: DeviceId::new(Guid::from_bytes([4; 16])),
        display_name: "PC1".to_owned(),
        os: "Windows".to_owned(),
        os_version: "10.0.19045.2006".to_owned(),
        trust,
        owner: None,
        created: at,
        registered: registered.then_some(at),
        last_activity: None,
        key: Some(DeviceKey {
            thumbprint: Thumbprint::new([9; 20]),
            alt_security_id: String::new(),
        }),
        transport_key: None,
        on_premises: None,
        standing: Standing::default(),
        management: Management { managed: Some(compliant), compliant: Some(compliant) },
        second_factor: false,
    })
}

fn request<'a>(user: &'a User, device: Option<&'a KnownDevice>) -> Request<'a> {
    Request {
        app: FILES,
        sets_up_devices: false,
        user,
        device,
        platform: None,
        second_factor: SecondFactor::Absent,
        mfa_to_join: false,
    }
}

fn said(policies: &[Policy], request: &Request<'_>) -> Option<PolicyRefusal> {
    evaluate(policies, request).refusal
}

/// FAQ A20: which devices fulfil which requirement.
#[test]
fn only_a_compliant_device_is_compliant_and_only_one_of_a_domain_is_hybrid() {
    use TrustType::{AzureAd, ServerAd, Workplace};
    let bob = user(1, &[]);
    let (compliant, hybrid) = (policy(1, &[Control::Compliant]), policy(2, &[Control::Hybrid]));
    let both = policy(3, &[Control::Compliant, Control::Hybrid]);
    let (c, h) = (Some(DeviceNotCompliant), Some(DeviceNotHybrid));
    let rows = [
        (None, [c, h, c]),
        (Some(device(Workplace, false, true)), [c, h, c]),
        (Some(device(AzureAd, false, true)), [c, h, c]),
        (Some(device(AzureAd, true, true)), [None, h, h]),
        (Some(device(Workplace, true, true)), [None, h, h]),
        (Some(device(ServerAd, false, true)), [c, None, c]),
        (Some(device(ServerAd, true, true)), [None, None, None]),
        (Some(device(ServerAd, true, false)), [c, h, c]),
    ];
    for (known, expected) in rows {
        let asked = request(&bob, known.as_ref());
        let got = [&compliant, &hybrid, &both].map(|p| said(std::slice::from_ref(p), &asked));
        assert_eq!(got, expected, "{known:?}");
    }
}

#[test]
fn one_of_several_controls_is_enough_when_the_policy_says_so() {
    let bob = user(1, &[]);
    let either = Policy { any: true, ..policy(1, &[Control::Compliant, Control::Hybrid]) };
    let either = [either];
    let hybrid = device(TrustType::ServerAd, false, true);
    let neither = device(TrustType::AzureAd, false, true);
    assert_eq!(said(&either, &request(&bob, Some(&hybrid))), None);
    assert_eq!(said(&either, &request(&bob, Some(&neither))), Some(DeviceStateUnfit));
    let or_mfa = [Policy { any: true, ..policy(1, &[Control::Compliant, Control::SecondFactor]) }];
    let asked =
        Request { second_factor: SecondFactor::Registered, ..request(&bob, Some(&neither)) };
    assert_eq!(said(&or_mfa, &asked), Some(SecondFactorRequired));
    assert_eq!(said(&or_mfa, &Request { second_factor: SecondFactor::Proved, ..asked }), None);
}

#[test]
fn a_registered_device_has_to_be_shown_by_those_who_have_one() {
    let registered = [policy(1, &[Control::Registered])];
    let (one, none) = (user(1, &[]), user(0, &[]));
    assert_eq!(said(&registered, &request(&one, None)), Some(DeviceNotShown));
    assert_eq!(said(&registered, &request(&none, None)), Some(DeviceNotRegistered));
    let workplace = device(TrustType::Workplace, false, true);
    assert_eq!(said(&registered, &request(&none, Some(&workplace))), None);
}

#[test]
fn the_grave_of_a_device_fulfils_nothing() {
    let KnownDevice::Present(record) = device(TrustType::ServerAd, true, true) else { return };
    let grave = KnownDevice::Deleted(Tombstone {
        object_id: record.object_id,
        device_id: record.device_id,
        display_name: record.display_name,
        trust: record.trust,
        key: record.key,
        transport_key: None,
        standing: Standing::default(),
    });
    let bob = user(0, &[]);
    let asked = request(&bob, Some(&grave));
    assert_eq!(said(&[policy(1, &[Control::Compliant])], &asked), Some(DeviceNotCompliant));
    assert_eq!(said(&[policy(1, &[Control::Registered])], &asked), Some(DeviceNotRegistered));
}

#[test]
fn what_is_missing_is_told_in_the_documented_order() {
    let bob = user(0, &[]);
    let asked = Request { second_factor: SecondFactor::Registered, ..request(&bob, None) };
    let all = [
        policy(1, &[Control::Hybrid]),
        policy(2, &[Control::Compliant]),
        policy(3, &[Control::SecondFactor]),
        policy(4, &[Control::Block]),
    ];
    let told = [DeviceNotHybrid, DeviceNotCompliant, SecondFactorRequired, Blocked];
    for (count, expected) in (1..).zip(told) {
        assert_eq!(said(&all[..count], &asked), Some(expected));
    }
    let verdict = evaluate(&all, &asked);
    assert_eq!(verdict.unmet, all.iter().map(|p| p.id).collect::<Vec<_>>());
    let nothing_to_show = Request { second_factor: SecondFactor::Absent, ..asked };
    assert_eq!(said(&all[..3], &nothing_to_show), Some(SecondFactorMissing));
}

#[test]
fn a_policy_is_about_its_apps_users_groups_and_platforms_only() {
    let block = policy(1, &[Control::Block]);
    let bob = user(0, &["Sales"]);
    let blocks = |policy: Policy, request: &Request<'_>| said(&[policy], request).is_some();
    let asked = request(&bob, None);
    assert!(blocks(block.clone(), &asked));
    let these = |app| Scope::These(vec![app]);
    assert!(blocks(Policy { apps: these(FILES), ..block.clone() }, &asked));
    assert!(!blocks(Policy { apps: these(MAIL), ..block.clone() }, &asked));
    assert!(!blocks(Policy { apps_except: vec![FILES], ..block.clone() }, &asked));
    let nobody = Policy { users: Scope::These(vec![]), ..block.clone() };
    assert!(!blocks(nobody.clone(), &asked));
    assert!(blocks(Policy { groups: vec!["sales".to_owned()], ..nobody }, &asked));
    let but_sales = Policy { groups_except: vec!["sales".to_owned()], ..block.clone() };
    assert!(!blocks(but_sales, &asked));
    assert!(!blocks(Policy { users_except: vec![bob.id], ..block.clone() }, &asked));
    assert!(!blocks(Policy { state: PolicyState::Off, ..block.clone() }, &asked));
    let on_linux = Policy { platforms: vec![Platform::Linux], ..block };
    assert!(!blocks(on_linux.clone(), &asked), "an unknown platform");
    let linux = Request { platform: Some(Platform::Linux), ..asked };
    assert!(blocks(on_linux.clone(), &linux));
    // What the record says goes before what the client says.
    let windows = device(TrustType::AzureAd, false, true);
    assert!(!blocks(on_linux, &Request { device: Some(&windows), ..linux }));
}

#[test]
fn all_applications_are_not_those_that_set_devices_up() {
    let bob = user(0, &[]);
    let asked = Request { sets_up_devices: true, ..request(&bob, None) };
    let block = policy(1, &[Control::Block]);
    assert_eq!(said(std::slice::from_ref(&block), &asked), None);
    let by_name = Policy { apps: Scope::These(vec![FILES]), ..block };
    assert_eq!(said(&[by_name], &asked), Some(Blocked));
}

#[test]
fn a_tenant_can_want_a_second_factor_of_whoever_joins() {
    let bob = user(0, &[]);
    let join = Request { mfa_to_join: true, sets_up_devices: true, ..request(&bob, None) };
    assert_eq!(said(&[], &join), Some(SecondFactorMissing));
    assert_eq!(
        said(&[], &Request { second_factor: SecondFactor::Registered, ..join }),
        Some(SecondFactorRequired)
    );
    assert_eq!(said(&[], &Request { second_factor: SecondFactor::Proved, ..join }), None);
    assert_eq!(said(&[], &Request { sets_up_devices: false, ..join }), None);
}

#[test]
fn a_report_only_policy_tells_and_refuses_nothing() {
    let bob = user(0, &[]);
    let report = Policy { state: PolicyState::ReportOnly, ..policy(1, &[Control::Compliant]) };
    let verdict = evaluate(&[report], &request(&bob, None));
    assert_eq!(verdict.refusal, None);
    assert_eq!(verdict.reported, ["policy 1"]);
}

#[test]
fn every_word_reads_back() {
    assert!(Control::ALL.iter().all(|c| Control::from_word(c.word()) == Some(*c)));
    assert!(Platform::ALL.iter().all(|p| Platform::from_word(p.word()) == Some(*p)));
    assert!(PolicyState::ALL.iter().all(|s| PolicyState::from_word(s.word()) == Some(*s)));
    for (os, platform) in [
        ("Windows", Platform::Windows),
        ("MacMDM", Platform::MacOs),
        ("Linux", Platform::Linux),
        ("IPhone", Platform::Ios),
        ("Android", Platform::Android),
    ] {
        assert_eq!(Platform::of_record(os), Some(platform));
    }
    assert_eq!(Platform::of_record("BeOS"), None);
}

fn any_control() -> impl Strategy<Value = Control> {
    proptest::sample::select(Control::ALL)
}

proptest! {
    /// Whatever the policies are: one more never lets anybody in, and a policy that refuses alone refuses among others.
    #[test]
    fn more_policies_never_let_more_in(
        grants in prop::collection::vec((prop::collection::vec(any_control(), 0..4), any::<bool>()), 0..5),
        compliant: bool,
        second_factor: bool,
        has_device: bool,
    ) {
        let bob = user(0, &[]);
        let known = device(TrustType::AzureAd, compliant, true);
        let second_factor =
            if second_factor { SecondFactor::Proved } else { SecondFactor::Absent };
        let asked = Request { second_factor, ..request(&bob, has_device.then_some(&known)) };
        let policies: Vec<Policy> = grants
            .iter()
            .zip(1..)
            .map(|((grant, any), number)| Policy { any: *any, ..policy(number, grant) })
            .collect();
        let alone = policies.iter().any(|p| said(std::slice::from_ref(p), &asked).is_some());
        prop_assert_eq!(said(&policies, &asked).is_some(), alone);
    }
}

/// User agents as these programs send them.
#[test]
fn a_client_says_its_platform_in_whole_words() {
    for (said, platform) in [
        ("axios/1.7.2", None),
        ("Mozilla/5.0 (X11; Linux x86_64) axios/1.7", Some(Platform::Linux)),
        ("Kubernetes-darwinian winter-client", None),
        ("", None),
        ("python-requests/2.31.0", None),
        ("win32", Some(Platform::Windows)),
        ("Windows 10.0.19045", Some(Platform::Windows)),
        ("Dsreg/10.0 (Windows 10.0.19044.1826)", Some(Platform::Windows)),
        ("Windows-AzureAD-Authentication-Provider/1.0", Some(Platform::Windows)),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36", Some(Platform::Windows)),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)", Some(Platform::MacOs)),
        ("Mac OS X", Some(Platform::MacOs)),
        ("macOS", Some(Platform::MacOs)),
        ("darwin", Some(Platform::MacOs)),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X)", Some(Platform::Ios)),
        ("Mozilla/5.0 (iPad; CPU OS 9_3 like Mac OS X)", Some(Platform::Ios)),
        ("iOS", Some(Platform::Ios)),
        ("Mozilla/5.0 (Linux; Android 14; Pixel 8)", Some(Platform::Android)),
        ("Dsreg/10.0 (linux)", Some(Platform::Linux)),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:131.0)", Some(Platform::Linux)),
    ] {
        assert_eq!(Platform::said(said), platform, "{said}");
    }
}
