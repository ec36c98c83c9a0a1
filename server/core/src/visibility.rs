//! Who sees which device, and the one view from which every projection of a record prints.
//!
//! FAQ A1 to A5; section 11 of the device registration notes. A hybrid computer with Windows 10 or Windows Server 2016 has
//! no owner, so the pages about a user do not show it; lists of all devices do. The FAQ names three kinds that USER info
//! lists, and a computer with Windows 10 that is joined to the cloud directory alone is none of them although it has an
//! owner: [`UserView`] says which reading counts.
//! Left out: management state beyond what makes the trust level, and devices that the service itself made (Autopilot).

use crate::device::{Device, DeviceKey, Management, TrustType};
use crate::ids::{DeviceId, ObjectId, UserId};
use crate::instant::Instant;
use crate::refusal::AccessRefusal;
use crate::tenant::Settings;
use crate::user::User;

/// Which of a user's devices USER info lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UserView {
    /// Those that the user owns, as the directory's links say.
    #[default]
    ByOwner,
    /// Of those, only the three kinds that the FAQ names.
    FaqLiteral,
}

impl UserView {
    /// Both.
    pub const ALL: [Self; 2] = [Self::ByOwner, Self::FaqLiteral];

    /// Its word in world files.
    pub const fn word(self) -> &'static str {
        match self {
            Self::ByOwner => "by_owner",
            Self::FaqLiteral => "faq_literal",
        }
    }

    /// The rule with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.word() == word)
    }
}

/// How far the directory trusts a device, as `Get-MsolDevice` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TrustLevel {
    /// Its certificate proves which device it is.
    Authenticated,
    /// The organization manages it, by a domain or by device management.
    Managed,
    /// It is managed and fulfils the rules.
    Compliant,
}

impl TrustLevel {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Authenticated => "Authenticated",
            Self::Managed => "Managed",
            Self::Compliant => "Compliant",
        }
    }

    /// The level of a device. The documents show `Managed` for a hybrid one that may pass conditional access; the rest of
    /// the rule is assumed.
    pub const fn of(trust: TrustType, pending: bool, managed: bool, compliant: bool) -> Self {
        match (compliant, managed, trust) {
            (true, _, _) => Self::Compliant,
            (false, true, _) => Self::Managed,
            (false, false, TrustType::ServerAd) if !pending => Self::Managed,
            (false, false, _) => Self::Authenticated,
        }
    }
}

/// Whether this is Windows 10, Windows Server 2016 or a later one, by the version number that all of them share. A Windows
/// that does not say its version is taken for one.
pub fn is_windows_10_or_later(os: &str, version: &str) -> bool {
    let windows = os.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("windows"));
    let major = version.trim().split('.').next().and_then(|part| part.parse::<u32>().ok());
    windows && major.is_none_or(|major| major >= 10)
}

/// Whether a record of this kind comes by synchronisation: that of a hybrid computer with Windows 10 or later. It belongs
/// to nobody (FAQ A1), and its registration is completed later. A hybrid one with an older Windows is made by the sign-in
/// of a domain user, and is that user's from the start (FAQ A3).
pub fn comes_by_synchronisation(trust: TrustType, os: &str, version: &str) -> bool {
    match trust {
        TrustType::AzureAd | TrustType::Workplace => false,
        TrustType::ServerAd => is_windows_10_or_later(os, version),
    }
}

/// A device record as every projection shows it. None of them works out one of these again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceView<'a> {
    /// The directory object.
    pub object_id: ObjectId,
    /// The id in the device's certificate.
    pub device_id: DeviceId,
    /// Display name; several devices may have the same.
    pub display_name: &'a str,
    /// Operating system.
    pub os: &'a str,
    /// Its version.
    pub os_version: &'a str,
    /// How it came here.
    pub trust: TrustType,
    /// How far it is trusted.
    pub level: TrustLevel,
    /// The user that owns it, who is its registered user too.
    pub owner: Option<UserId>,
    /// Whether it waits for its registration to be completed.
    pub pending: bool,
    /// Whether an administrator lets it be used, whether a disable bites yet or not.
    pub enabled: bool,
    /// Whether device management has it; `None` when that was never said.
    pub managed: Option<bool>,
    /// Whether it fulfils the rules of device management; `None` when that was never said.
    pub compliant: Option<bool>,
    /// The computer's security identifier on premises, when it is synchronised.
    pub sid: Option<&'a str>,
    /// Its key; a pending device has none.
    pub key: Option<&'a DeviceKey>,
    /// When the object was made, to the second, as all of these times.
    pub created: Instant,
    /// When registration was completed.
    pub registered: Option<Instant>,
    /// Approximately when it was last seen.
    pub last_activity: Option<Instant>,
}

const fn to_the_second(moment: Instant) -> Instant {
    Instant::from_seconds(moment.seconds())
}

impl<'a> DeviceView<'a> {
    /// The view of a record.
    pub fn of(device: &'a Device) -> Self {
        let Device { os, os_version, trust, management, .. } = device;
        let pending = device.registered.is_none();
        let Management { managed, compliant } = *management;
        Self {
            object_id: device.object_id,
            device_id: device.device_id,
            display_name: &device.display_name,
            os,
            os_version,
            trust: *trust,
            level: TrustLevel::of(*trust, pending, managed == Some(true), compliant == Some(true)),
            owner: device.owner.filter(|_| !comes_by_synchronisation(*trust, os, os_version)),
            pending,
            enabled: device.enabled(),
            managed,
            compliant,
            sid: device.on_premises.as_ref().map(|on| on.sid.as_str()),
            key: device.key.as_ref(),
            created: to_the_second(device.created),
            registered: device.registered.map(to_the_second),
            last_activity: device.last_activity.map(to_the_second),
        }
    }

    /// Whether the record comes from a directory on premises.
    pub const fn synchronised(&self) -> bool {
        self.sid.is_some()
    }

    /// Whether USER info of this user lists it.
    pub fn in_user_info(&self, user: UserId, rule: UserView) -> bool {
        let named_by_the_faq =
            self.trust == TrustType::Workplace || !is_windows_10_or_later(self.os, self.os_version);
        self.owner == Some(user)
            && match rule {
                UserView::ByOwner => true,
                UserView::FaqLiteral => named_by_the_faq,
            }
    }
}

/// Whether the portal has a page of all devices (FAQ A5). `Get-MsolDevice` and the directory's APIs always list them all.
pub const fn portal_lists_all(settings: &Settings) -> bool {
    settings.portal_all_devices
}

/// Whether somebody may see the sign-ins of a user: one's own, and those of all with a directory role.
pub fn may_see_sign_ins(viewer: &User, of: UserId) -> Result<(), AccessRefusal> {
    if viewer.id == of || !viewer.roles.is_empty() {
        Ok(())
    } else {
        Err(AccessRefusal::RoleMissing)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::device::OnPremises;
    use crate::ids::{Guid, Sid, Thumbprint};
    use crate::instant::Span;
    use crate::revocation::{Revocation, Standing};

    const NOON: Instant = Instant::from_seconds(1_500_000_000);

    fn user(number: u8) -> UserId {
        UserId::new(Guid::from_bytes([number; 16]))
    }

    fn device(trust: TrustType, os: &str, version: &str, owner: Option<UserId>) -> Device {
        Device {
            object_id: ObjectId::new(Guid::from_bytes([1; 16])),
            device_id: DeviceId::new(Guid::from_bytes([2; 16])),
            display_name: "PC-1".to_owned(),
            os: os.to_owned(),
            os_version: version.to_owned(),
            trust,
            owner,
            created: NOON,
            registered: Some(NOON),
            last_activity: Some(NOON + Span::from_millis(999)),
            key: None,
            transport_key: None,
            on_premises: None,
            standing: Standing::default(),
            management: Management::default(),
            second_factor: false,
        }
    }

    fn shown(device: &Device, rule: UserView) -> bool {
        DeviceView::of(device).in_user_info(user(7), rule)
    }

    #[test]
    fn user_info_lists_what_the_faq_says() {
        use TrustType::{AzureAd, ServerAd, Workplace};
        let by_both = [true, true];
        let rows = [
            ("hybrid Windows 10", ServerAd, "Windows", "10.0.15063.0", [false, false]),
            ("hybrid Server 2016", ServerAd, "Windows Server", "10.0.14393.0", [false, false]),
            ("personal Windows 10", Workplace, "Windows", "10.0.15063.0", by_both),
            ("domain Windows 8.1", ServerAd, "Windows", "6.3.9600.0", by_both),
            ("domain Windows 7", ServerAd, "Windows", "6.1.7601.0", by_both),
            ("telephone", Workplace, "IPhone", "10.3", by_both),
            ("joined telephone", AzureAd, "Android", "13.0", by_both),
            ("cloud-only Windows 10", AzureAd, "Windows", "10.0.15063.0", [true, false]),
        ];
        for (name, trust, os, version, expected) in rows {
            let device = device(trust, os, version, Some(user(7)));
            let seen = UserView::ALL.map(|rule| shown(&device, rule));
            assert_eq!(seen, expected, "{name}");
        }
    }

    #[test]
    fn the_line_is_drawn_at_version_10() {
        let rows = [
            ("Windows", "9.9.9999", false),
            ("Windows", "10", true),
            ("windows", "10.0.10240.0", true),
            ("Windows 10 Enterprise", "11.0", true),
            ("Windows", "", true),
            ("Windows", "unknown", true),
            ("Window", "10.0", false),
            ("WindowsPhone", "8.1", false),
            ("Linux", "12", false),
            ("", "10.0", false),
            ("\u{fc}windows", "10.0", false),
        ];
        for (os, version, expected) in rows {
            assert_eq!(is_windows_10_or_later(os, version), expected, "{os} {version}");
        }
    }

    #[test]
    fn times_are_shown_to_the_second() {
        let device = device(TrustType::AzureAd, "Windows", "10.0", None);
        assert_eq!(DeviceView::of(&device).last_activity, Some(NOON));
    }

    fn any_device() -> impl Strategy<Value = Device> {
        let os =
            prop_oneof![Just("Windows"), Just("windows"), Just("IPhone"), Just("Linux"), Just("")];
        let version = prop_oneof![
            Just("6.1.7601"),
            Just("9"),
            Just("10"),
            Just("10.0.19045"),
            Just("11.0"),
            Just("")
        ];
        let trust = prop::sample::select(TrustType::ALL.to_vec());
        let owner = prop::option::of((6_u8..9).prop_map(user));
        (os, version, trust, owner, any::<[bool; 4]>()).prop_map(
            |(os, version, trust, owner, [registered, disabled, key, synchronised])| {
                let mut device = device(trust, os, version, owner);
                device.registered = registered.then_some(NOON);
                let revocation = Revocation { made: NOON, tokens: NOON, resources: NOON };
                device.standing.disabled = disabled.then_some(revocation);
                device.key = key.then(|| DeviceKey {
                    thumbprint: Thumbprint::new([3; 20]),
                    alt_security_id: "X509:<SHA1-TP-PUBKEY>".to_owned(),
                });
                device.on_premises = synchronised.then(|| OnPremises {
                    sid: Sid::parse("S-1-5-21-1-2-3-1104").unwrap(),
                    certificate: Vec::new(),
                });
                device
            },
        )
    }

    proptest! {
        #[test]
        fn no_rule_shows_a_device_to_a_user_who_does_not_own_it(device in any_device()) {
            let view = DeviceView::of(&device);
            for rule in UserView::ALL {
                for number in 6..9 {
                    let seen = view.in_user_info(user(number), rule);
                    prop_assert!(!seen || view.owner == Some(user(number)));
                }
            }
        }

        #[test]
        fn the_literal_rule_never_shows_more(device in any_device()) {
            prop_assert!(!shown(&device, UserView::FaqLiteral) || shown(&device, UserView::ByOwner));
        }

        #[test]
        fn a_hybrid_computer_of_today_is_nobodys(device in any_device()) {
            let view = DeviceView::of(&device);
            let hybrid = device.trust == TrustType::ServerAd
                && device.os.eq_ignore_ascii_case("windows")
                && !["6.1.7601", "9"].contains(&device.os_version.as_str());
            prop_assert_eq!(view.owner, if hybrid { None } else { device.owner });
        }

        #[test]
        fn an_unmanaged_device_is_managed_only_by_a_completed_hybrid_join(device in any_device()) {
            let view = DeviceView::of(&device);
            let hybrid = device.trust == TrustType::ServerAd && device.registered.is_some();
            let expected = if hybrid { TrustLevel::Managed } else { TrustLevel::Authenticated };
            prop_assert_eq!(view.level, expected);
            prop_assert_eq!(view.pending, device.registered.is_none());
            prop_assert_eq!(view.enabled, device.standing.disabled.is_none());
        }

        #[test]
        fn the_level_only_rises_with_management(
            trust in prop::sample::select(TrustType::ALL.to_vec()),
            pending: bool,
        ) {
            let level = |managed, compliant| TrustLevel::of(trust, pending, managed, compliant);
            prop_assert!(level(false, false) <= level(true, false));
            prop_assert_eq!(level(true, false), TrustLevel::Managed);
            prop_assert_eq!(level(true, true), TrustLevel::Compliant);
        }
    }
}
