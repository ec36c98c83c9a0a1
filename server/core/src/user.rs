//! A user of the directory and what its directory roles allow.
//!
//! Left out: licences (see [`management`](crate::management)), and groups as objects of their own: a group is a name that
//! its members carry.

use crate::ids::UserId;
use crate::instant::{Instant, Span};
use crate::revocation::Revocation;
use crate::tenant::{Lockout, RevokeDelay};

/// A directory role, as far as devices are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::enum_variant_names, reason = "these are the names of the roles")]
pub enum Role {
    /// May do everything.
    GlobalAdministrator,
    /// May enable, disable and delete devices.
    CloudDeviceAdministrator,
    /// May delete devices.
    IntuneAdministrator,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] =
        [Self::GlobalAdministrator, Self::CloudDeviceAdministrator, Self::IntuneAdministrator];

    /// Its word in world files.
    pub const fn word(self) -> &'static str {
        match self {
            Self::GlobalAdministrator => "global-administrator",
            Self::CloudDeviceAdministrator => "cloud-device-administrator",
            Self::IntuneAdministrator => "intune-administrator",
        }
    }

    /// The template id that tokens carry in `wids`, the same in every tenant.
    pub const fn template_id(self) -> &'static str {
        match self {
            Self::GlobalAdministrator => "62e90394-69f5-4237-9190-012177145e10",
            Self::CloudDeviceAdministrator => "7698a772-787b-4ac8-901f-60d6b08affd2",
            Self::IntuneAdministrator => "3a2c62db-5318-420d-8d74-23affee5d9d5",
        }
    }

    /// The role with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.word() == word)
    }
}

/// What is to be said of a password beside whether it is the right one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PasswordState {
    /// Nothing.
    #[default]
    Good,
    /// Its time is over: it has to be changed before it signs anybody in.
    Expired,
    /// An administrator gave it; the user has to choose another one first.
    Temporary,
}

impl PasswordState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Good, Self::Expired, Self::Temporary];

    /// Its word in world files.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Expired => "expired",
            Self::Temporary => "temporary",
        }
    }

    /// The state with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }
}

/// Wrong passwords in a row, and whether the account is locked because of them (FAQ A22).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// How many since the last right one, or since the last lock ended.
    pub count: u32,
    /// Until when no password signs in; not at that instant any more.
    pub locked_until: Option<Instant>,
}

/// What a password that was typed turned out to be, as far as wrong ones are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typed {
    /// The right one, whatever else stands in the way.
    Right,
    /// A wrong one.
    Wrong,
    /// Nobody looked at it.
    Unread,
}

impl Failures {
    /// Whether no password signs in at this moment.
    pub fn is_locked(&self, now: Instant) -> bool {
        self.locked_until.is_some_and(|until| now < until)
    }

    /// How it stands after another password; `None` when that changes nothing.
    pub fn after(mut self, typed: Typed, now: Instant, rule: Lockout) -> Option<Self> {
        match typed {
            Typed::Right => (self != Self::default()).then(Self::default),
            Typed::Wrong => {
                self.fail(now, rule);
                Some(self)
            }
            Typed::Unread => None,
        }
    }

    /// One more wrong password.
    pub fn fail(&mut self, now: Instant, rule: Lockout) {
        if self.locked_until.is_some_and(|until| until <= now) {
            *self = Self::default();
        }
        self.count = self.count.saturating_add(1);
        if self.count >= rule.threshold {
            *self = Self { count: 0, locked_until: Some(now + rule.duration) };
        }
    }
}

/// What the directory knows of an account beside its name and its password.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Names of the groups that the user is a member of.
    pub groups: Vec<String>,
    /// The secret of a time-based one-time password, base32: the user's second factor.
    pub totp: Option<String>,
    /// What is to be said of the password.
    pub password_state: PasswordState,
    /// Wrong passwords in a row.
    pub failures: Failures,
    /// [`User::epoch`] since the password was last changed: a grant that carries less was given for an older one.
    pub password_epoch: u32,
    /// Set when the account was disabled, and as long as it is; `None` too for one that was never enabled.
    pub disabled: Option<Revocation>,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its object id, `oid` in tokens.
    pub id: UserId,
    /// User principal name, as written in the world file.
    pub upn: String,
    /// Display name.
    pub name: String,
    /// The password that the directory knows; federated users may have one that only their server uses.
    pub password: String,
    /// Whether sign-in is allowed.
    pub enabled: bool,
    /// Directory roles.
    pub roles: Vec<Role>,
    /// What ties the user to its account on premises, base64.
    pub immutable_id: Option<String>,
    /// How often everything granted to the user before was taken back (password change, revoke of sessions). A grant
    /// counts only while it carries this number.
    pub epoch: u32,
    /// Joined and registered devices that the user owns.
    pub devices: u32,
    /// What else is known of the account.
    pub account: Account,
}

impl User {
    /// Takes back everything that was granted before.
    pub fn revoke(&mut self) {
        self.epoch = self.epoch.saturating_add(1);
    }

    /// Sets a new password. Everything that was granted for the old one is taken back, and a lock ends.
    pub fn change_password(&mut self, password: String) {
        self.revoke();
        self.password = password;
        self.account.password_epoch = self.epoch;
        self.account.password_state = PasswordState::Good;
        self.account.failures = Failures::default();
    }

    /// Whether one of these roles is held.
    pub fn has_any(&self, roles: &[Role]) -> bool {
        self.roles.iter().any(|r| roles.contains(r))
    }

    /// Allows or forbids sign-in. What was granted to the user counts no more from that moment on; `delay` is how long
    /// resources that evaluate access continuously need to learn of it. Forbidding it again does not start that again.
    pub fn set_enabled(&mut self, enabled: bool, now: Instant, delay: Span) {
        if self.enabled && !enabled {
            let delay = RevokeDelay { tokens: Span::ZERO, resources: delay };
            self.account.disabled = Some(Revocation::new(now, delay));
        } else if enabled {
            self.account.disabled = None;
        }
        self.enabled = enabled;
    }

    /// Whether a resource that asks at this moment is told that the account is enabled.
    pub fn may_access(&self, now: Instant) -> bool {
        self.enabled || self.account.disabled.is_some_and(|disabled| now < disabled.resources)
    }
}
