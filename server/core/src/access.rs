//! Whether a resource accepts an access token, and who may change devices in the directory.
//!
//! The token's signature is the wire's business; what is decided here is whether it is in force and for this resource, what
//! the directory knows of its user and its device (FAQ A8, A16), and which tokens a resource goes on asking about while they
//! last (continuous access evaluation: FAQ A18, section 18 of the device registration notes). A disabled user's token is
//! good to its end everywhere else. A disabled device is none of the events that resources learn of at once; it counts
//! after its hour.
//! Left out: conditional access, which is asked when a token is issued; of the other events that resources learn of, a new
//! password and revoked sessions.

use crate::conditional::Platform;
use crate::device::KnownDevice;
use crate::instant::{Instant, Span};
use crate::refusal::{AccessRefusal, DeviceRefusal};
use crate::tenant::Settings;
use crate::user::{Role, User};

/// What is wrong with a token before the directory is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFault {
    /// It says no end.
    Endless,
    /// Its time is over.
    Over,
    /// Its time has not come.
    NotYet,
    /// It is for another resource.
    ForAnother,
}

impl TokenFault {
    /// What a resource says of it.
    pub const fn refusal(self) -> AccessRefusal {
        match self {
            Self::Endless | Self::NotYet => AccessRefusal::TokenInvalid,
            Self::Over => AccessRefusal::TokenExpired,
            Self::ForAnother => AccessRefusal::AudienceWrong,
        }
    }
}

/// The time of a token and whom it is for, as it says itself.
#[derive(Clone, Copy, Debug)]
pub struct TokenTerms<'a> {
    /// The second from which on it counts; at once when it says none.
    pub begin: Option<i64>,
    /// The second at which it counts no more.
    pub end: Option<i64>,
    /// The resource that it is for.
    pub audience: &'a str,
}

/// Whether a token is in force now, and for a resource that goes by one of these names. Names have no case, and a slash at
/// their end makes no difference.
pub fn in_force(
    terms: &TokenTerms<'_>,
    audiences: &[&str],
    now: Instant,
) -> Result<(), TokenFault> {
    let now = now.seconds();
    if terms.end.ok_or(TokenFault::Endless)? <= now {
        return Err(TokenFault::Over);
    }
    if terms.begin.is_some_and(|begin| begin > now) {
        return Err(TokenFault::NotYet);
    }
    let bare = terms.audience.strip_suffix('/').unwrap_or(terms.audience);
    let meant = |known: &&str| known.trim_end_matches('/').eq_ignore_ascii_case(bare);
    if audiences.iter().any(meant) { Ok(()) } else { Err(TokenFault::ForAnother) }
}

/// The device that a token or a grant names, as the directory finds it.
#[derive(Clone, Copy, Debug)]
pub enum TokenDevice<'a> {
    /// The token is not bound to a device.
    None,
    /// It is, and this is what the directory knows of the device.
    Bound(Option<&'a KnownDevice>),
}

/// Who asks whether the user of an access token still counts, and when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Evaluation {
    /// Sign-in alone, when it issues the token: the token is good to its end.
    #[default]
    AtIssue,
    /// The resource too, at each request: its client understands the challenge that it then gets.
    Continuous,
}

impl Evaluation {
    /// How a token is evaluated: continuously when the world offers it, the resource takes part and the client has said
    /// that it understands (`cp1`).
    pub const fn agreed(settings: &Settings, resource: bool, client: bool) -> Self {
        if settings.continuous_access && resource && client {
            Self::Continuous
        } else {
            Self::AtIssue
        }
    }

    /// How long such a token lasts. Who is asked about at each request may keep it longer.
    pub const fn lifetime(self, settings: &Settings) -> Span {
        match self {
            Self::AtIssue => settings.access_token_lifetime,
            Self::Continuous => settings.continuous_token_lifetime,
        }
    }
}

/// Checks the user and the device of an otherwise valid access token.
pub fn with_token(
    user: Option<&User>,
    device: TokenDevice<'_>,
    evaluation: Evaluation,
    now: Instant,
) -> Result<(), AccessRefusal> {
    let user = user.ok_or(AccessRefusal::UserUnknown)?;
    if evaluation == Evaluation::Continuous && !user.may_access(now) {
        return Err(AccessRefusal::UserDisabled);
    }
    match device {
        TokenDevice::None => Ok(()),
        TokenDevice::Bound(None) => Err(DeviceRefusal::Unknown.into()),
        TokenDevice::Bound(Some(known)) => known.standing().may_access(now).map_err(Into::into),
    }
}

/// What somebody wants to do to a device record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceChange {
    /// Enable, disable or rename it.
    Update,
    /// Say whether it is managed, and compliant.
    Manage,
    /// Delete it.
    Delete,
    /// Bring a deleted one back.
    Restore,
    /// Delete a deleted one for good.
    Purge,
}

/// What an application asks of the directory for itself, without a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApplicationUse {
    /// Read devices and whose they are.
    ReadDevices,
    /// Read users.
    ReadUsers,
    /// Change device records.
    ChangeDevices,
}

/// Whether an application, as an approved device management, may say of such a device that it is managed or compliant: of
/// one with Windows only. Those who run the service's own device management may of any.
pub fn application_may_manage(os: &str) -> Result<(), AccessRefusal> {
    let windows = Platform::of_record(os) == Some(Platform::Windows);
    if windows { Ok(()) } else { Err(AccessRefusal::PermissionMissing) }
}

impl ApplicationUse {
    /// The application permissions of Graph, each of which allows it.
    pub const fn permissions(self) -> &'static [&'static str] {
        match self {
            Self::ReadDevices => &[
                "Device.Read.All",
                "Device.ReadWrite.All",
                "Directory.Read.All",
                "Directory.ReadWrite.All",
            ],
            Self::ReadUsers => &[
                "User.Read.All",
                "User.ReadWrite.All",
                "Directory.Read.All",
                "Directory.ReadWrite.All",
            ],
            Self::ChangeDevices => &["Device.ReadWrite.All", "Directory.ReadWrite.All"],
        }
    }
}

/// Whether an application with these permissions may do this for itself.
pub fn application_may<S: AsRef<str>>(
    permissions: &[S],
    wanted: ApplicationUse,
) -> Result<(), AccessRefusal> {
    let allowing = wanted.permissions();
    let allowed = permissions.iter().any(|granted| allowing.contains(&granted.as_ref()));
    if allowed { Ok(()) } else { Err(AccessRefusal::PermissionMissing) }
}

/// Whether the roles of a user allow a change.
pub fn may_change(user: &User, change: DeviceChange) -> Result<(), AccessRefusal> {
    let roles: &[Role] = match change {
        DeviceChange::Update | DeviceChange::Restore | DeviceChange::Purge => {
            &[Role::GlobalAdministrator, Role::CloudDeviceAdministrator]
        }
        DeviceChange::Manage => &[Role::GlobalAdministrator, Role::IntuneAdministrator],
        DeviceChange::Delete => {
            &[Role::GlobalAdministrator, Role::CloudDeviceAdministrator, Role::IntuneAdministrator]
        }
    };
    if user.has_any(roles) { Ok(()) } else { Err(AccessRefusal::RoleMissing) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::era::Era;
    use crate::ids::{Guid, UserId};
    use crate::user::Account;

    const T: Instant = Instant::from_seconds(1_772_442_000);
    const TICK: Span = Span::from_millis(1);

    fn bob() -> User {
        User {
            id: UserId::new(Guid::from_bytes([1; 16])),
            upn: "bob@contoso.test".to_owned(),
            name: "Bob".to_owned(),
            password: "right".to_owned(),
            enabled: true,
            roles: vec![],
            immutable_id: None,
            epoch: 0,
            devices: 0,
            account: Account::default(),
        }
    }

    #[test]
    fn a_disabled_user_is_refused_from_the_delay_on_where_access_is_evaluated_continuously() {
        let settings = Era::Current.settings();
        let mut bob = bob();
        bob.set_enabled(false, T, settings.revoke_users);
        let access = |evaluation, now| with_token(Some(&bob), TokenDevice::None, evaluation, now);
        let end = T + settings.revoke_users;
        for (now, told) in [
            (T, Ok(())),
            (end - TICK, Ok(())),
            (end, Err(AccessRefusal::UserDisabled)),
            (end + TICK, Err(AccessRefusal::UserDisabled)),
        ] {
            assert_eq!(access(Evaluation::Continuous, now), told, "{now:?}");
            assert_eq!(access(Evaluation::AtIssue, now), Ok(()), "{now:?}");
        }
    }

    #[test]
    fn disabling_a_disabled_user_does_not_start_the_delay_again_and_enabling_ends_it() {
        let delay = Era::Current.settings().revoke_users;
        let mut bob = bob();
        bob.set_enabled(false, T, delay);
        bob.set_enabled(false, T + delay - TICK, delay);
        assert!(bob.may_access(T + delay - TICK) && !bob.may_access(T + delay));
        bob.set_enabled(true, T + delay, delay);
        assert!(bob.may_access(T + delay));
        bob.set_enabled(false, T + delay, delay);
        assert!(bob.may_access(T + delay) && !bob.may_access(T + delay + delay));
        // Who was never enabled has no delay to wait for.
        let never = User { enabled: false, account: Account::default(), ..bob };
        assert!(!never.may_access(T));
    }

    #[test]
    fn a_token_is_evaluated_continuously_when_world_resource_and_client_all_want_it() {
        let now = Era::Current.settings();
        assert_eq!(Evaluation::agreed(&now, true, true), Evaluation::Continuous);
        assert_eq!(Evaluation::agreed(&now, false, true), Evaluation::AtIssue);
        assert_eq!(Evaluation::agreed(&now, true, false), Evaluation::AtIssue);
        assert_eq!(Evaluation::agreed(&Era::Y2017.settings(), true, true), Evaluation::AtIssue);
        assert_eq!(Evaluation::AtIssue.lifetime(&now), Span::from_minutes(60));
        assert_eq!(Evaluation::Continuous.lifetime(&now), Span::from_minutes(28 * 60));
    }

    #[test]
    fn an_application_manages_computers_with_windows_only() {
        for (os, may) in [("Windows", true), ("windows 10", true), ("IPhone", false), ("", false)] {
            assert_eq!(application_may_manage(os).is_ok(), may, "{os}");
        }
    }

    #[test]
    fn a_token_is_in_force_from_its_beginning_until_its_end_and_not_at_it() {
        let terms = TokenTerms { begin: Some(100), end: Some(200), audience: "https://files.test" };
        for (now, expected) in [
            (99, Err(TokenFault::NotYet)),
            (100, Ok(())),
            (199, Ok(())),
            (200, Err(TokenFault::Over)),
            (201, Err(TokenFault::Over)),
        ] {
            let decided = in_force(&terms, &["https://files.test"], Instant::from_seconds(now));
            assert_eq!(decided, expected, "{now}");
        }
        let now = Instant::from_seconds(150);
        let endless = TokenTerms { end: None, ..terms };
        assert_eq!(in_force(&endless, &[], now), Err(TokenFault::Endless));
        let at_once = TokenTerms { begin: None, ..terms };
        assert_eq!(in_force(&at_once, &["HTTPS://files.test/"], now), Ok(()));
    }

    #[test]
    fn a_token_is_for_the_resource_that_it_names() {
        let now = Instant::from_seconds(0);
        for (audience, names, expected) in [
            ("https://files.test/", ["x", "https://files.test"], true),
            ("https://FILES.test", ["x", "https://files.test/"], true),
            ("https://files.test//", ["x", "https://files.test"], false),
            ("https://files.test.", ["x", "https://files.test"], false),
            ("", ["x", "https://files.test"], false),
        ] {
            let terms = TokenTerms { begin: None, end: Some(1), audience };
            assert_eq!(in_force(&terms, &names, now).is_ok(), expected, "{audience}");
        }
        assert_eq!(TokenFault::ForAnother.refusal(), AccessRefusal::AudienceWrong);
        assert_eq!(TokenFault::Over.refusal(), AccessRefusal::TokenExpired);
    }

    #[test]
    fn a_permission_to_read_devices_is_none_to_change_them_or_to_read_users() {
        let read = ["Device.Read.All"];
        assert_eq!(application_may(&read, ApplicationUse::ReadDevices), Ok(()));
        let missing = Err(AccessRefusal::PermissionMissing);
        assert_eq!(application_may(&read, ApplicationUse::ReadUsers), missing);
        assert_eq!(application_may(&read, ApplicationUse::ChangeDevices), missing);
        let all = ["x", "Directory.ReadWrite.All"];
        for wanted in
            [ApplicationUse::ReadDevices, ApplicationUse::ReadUsers, ApplicationUse::ChangeDevices]
        {
            assert_eq!(application_may(&all, wanted), Ok(()));
            assert_eq!(application_may::<&str>(&[], wanted), missing);
        }
    }
}
