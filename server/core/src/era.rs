//! The year whose service is emulated: one value from which presets of the settings follow.
//!
//! The FAQ was written in 2017; what it says of the portal and of quotas was true then and is not now (A5; section 18 of
//! the device registration notes). An era only says what a setting is when a world leaves it out: any setting may say
//! otherwise. Left out: years between, and what changed on the wire.

use crate::instant::Span;
use crate::tenant::{Lockout, Rejoin, RevokeDelay, Settings};
use crate::visibility::UserView;

/// The year whose service is emulated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Era {
    /// The service as the FAQ of June 2017 describes it.
    Y2017,
    /// The service as its newest pages describe it.
    #[default]
    Current,
}

impl Era {
    /// Every era.
    pub const ALL: [Self; 2] = [Self::Y2017, Self::Current];

    /// Its word in world files.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Y2017 => "2017",
            Self::Current => "current",
        }
    }

    /// The era with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|era| era.word() == word)
    }

    /// How many devices a user may own when the tenant does not say: 20 then, 50 now.
    pub const fn device_quota(self) -> u32 {
        match self {
            Self::Y2017 => 20,
            Self::Current => 50,
        }
    }

    /// The settings of a world that sets none itself.
    pub const fn settings(self) -> Settings {
        let hour = RevokeDelay { tokens: Span::ZERO, resources: Span::from_minutes(60) };
        Settings {
            era: self,
            access_token_lifetime: Span::from_minutes(60),
            refresh_token_lifetime: Span::from_days(90),
            prt_lifetime: Span::from_days(14),
            code_lifetime: Span::from_minutes(10),
            nonce_lifetime: Span::from_minutes(10),
            client_clock_tolerance: Span::from_minutes(5),
            activity_interval: Span::from_days(14),
            revoke: hour,
            revoke_deleted: hour,
            rejoin: Rejoin::Duplicate,
            soft_delete: Span::ZERO,
            revoke_users: Span::from_minutes(15),
            continuous_access: matches!(self, Self::Current),
            continuous_token_lifetime: Span::from_minutes(28 * 60),
            kdf_v1: true,
            lockout: Lockout { threshold: 10, duration: Span::from_minutes(1) },
            user_view: UserView::ByOwner,
            portal_all_devices: matches!(self, Self::Current),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_names_its_era() {
        for era in Era::ALL {
            assert_eq!(Era::from_word(era.word()), Some(era));
            assert_eq!(era.settings().era, era);
        }
        assert_eq!(Era::from_word("2018"), None);
    }

    #[test]
    fn only_the_portal_of_today_lists_all_devices() {
        assert!(!Era::Y2017.settings().portal_all_devices);
        assert!(Era::Current.settings().portal_all_devices);
    }
}
