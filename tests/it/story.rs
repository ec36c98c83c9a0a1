//! The naive twin of the directory: a list of what happened, walked from the start for every question.
//!
//! It knows no instants that were stored, no numbers and no tombstones, and shares no code with the rules.

use proptest::prelude::*;

pub(crate) const HOUR: i64 = 3_600_000;
pub(crate) const QUOTA: usize = 3;
/// Until resources that go on asking about users learn that one is disabled.
pub(crate) const USERS: i64 = HOUR / 2;

/// From when a disable and a deletion count: tokens and resources of each, in milliseconds.
pub(crate) type Delays = [i64; 4];

pub(crate) fn delays() -> impl Strategy<Value = Delays> {
    let one = || prop::sample::select(vec![0, HOUR / 2, HOUR]);
    prop_oneof![Just([0, HOUR, 0, HOUR]), [one(), one(), one(), one()]]
}

/// What happened to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Disabled(usize),
    Enabled(usize),
    Deleted(usize),
    Forbidden(usize),
    Allowed(usize),
    NewPassword(usize),
}

/// A grant or a token: for whom, on which device, and how much had happened when it was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    pub(crate) who: usize,
    pub(crate) on: Option<usize>,
    pub(crate) after: usize,
}

/// The twin.
#[derive(Debug, Default)]
pub(crate) struct Story {
    pub(crate) now: i64,
    pub(crate) events: Vec<(i64, What)>,
    /// Owner of each device ever made, and whether it was registered rather than joined.
    pub(crate) devices: Vec<(usize, bool)>,
    pub(crate) grants: Vec<Held>,
    pub(crate) tokens: Vec<Held>,
    pub(crate) delays: Delays,
}

pub(crate) type Told = Result<(), &'static str>;

impl Story {
    pub(crate) fn happen(&mut self, what: What) {
        self.events.push((self.now, what));
    }

    /// Since when a device was disabled after the first so many events.
    pub(crate) fn disabled(&self, device: usize, until: usize) -> Option<i64> {
        let mut since = None;
        for (at, what) in &self.events[..until] {
            match what {
                What::Disabled(which) if *which == device => since = since.or(Some(*at)),
                What::Enabled(which) if *which == device => since = None,
                _ => {}
            }
        }
        since
    }

    pub(crate) fn deleted(&self, device: usize) -> Option<i64> {
        let mut events = self.events.iter();
        events.find(|(_, what)| *what == What::Deleted(device)).map(|(at, _)| *at)
    }

    pub(crate) fn forbidden(&self, who: usize) -> bool {
        self.forbidden_since(who).is_some()
    }

    fn forbidden_since(&self, who: usize) -> Option<i64> {
        self.events.iter().fold(None, |since, (at, what)| match what {
            What::Forbidden(whom) if *whom == who => since.or(Some(*at)),
            What::Allowed(whom) if *whom == who => None,
            _ => since,
        })
    }

    pub(crate) fn passwords(&self, who: usize) -> usize {
        self.events.iter().filter(|(_, what)| *what == What::NewPassword(who)).count()
    }

    pub(crate) fn password(&self, who: usize) -> String {
        format!("password {who} {}", self.passwords(who))
    }

    pub(crate) fn owned(&self, who: usize) -> usize {
        let devices = self.devices.iter().enumerate();
        devices
            .filter(|(device, (owner, _))| *owner == who && self.deleted(*device).is_none())
            .count()
    }

    /// Whether a device counts, with the delays of tokens (0) or of resources (1).
    pub(crate) fn counts(&self, device: usize, place: usize) -> Result<(), bool> {
        if self.deleted(device).is_some_and(|at| at + self.delays[2 + place] <= self.now) {
            return Err(true);
        }
        let since = self.disabled(device, self.events.len());
        if since.is_some_and(|at| at + self.delays[place] <= self.now) {
            Err(false)
        } else {
            Ok(())
        }
    }

    pub(crate) fn may_issue(&self, device: usize) -> Told {
        self.counts(device, 0)
            .map_err(|deleted| if deleted { "device-deleted" } else { "device-disabled" })
    }

    pub(crate) fn may_join(&self, who: usize) -> Told {
        if self.forbidden(who) {
            Err("join-user-refused")
        } else if self.owned(who) >= QUOTA {
            Err("device-quota-reached")
        } else {
            Ok(())
        }
    }

    pub(crate) fn may_sign_in(&self, who: usize, on: Option<usize>, right: bool) -> Told {
        if let Some(device) = on {
            self.may_issue(device)?;
        }
        if !right {
            return Err("password-wrong");
        }
        if self.forbidden(who) { Err("user-disabled") } else { Ok(()) }
    }

    pub(crate) fn may_use(&self, grant: Held) -> Told {
        if let Some(device) = grant.on {
            self.may_issue(device)?;
            // Dead for good: since it was made, a disable that counted has been ended.
            for place in grant.after..self.events.len() {
                let (at, what) = self.events[place];
                let began = self.disabled(device, place);
                if what == What::Enabled(device) && began.is_some_and(|b| b + self.delays[0] <= at)
                {
                    return Err("device-grant-revoked");
                }
            }
        }
        if self.forbidden(grant.who) {
            return Err("user-disabled");
        }
        let changed =
            self.events[grant.after..].iter().any(|(_, w)| *w == What::NewPassword(grant.who));
        if changed { Err("grant-password-changed") } else { Ok(()) }
    }

    /// At a resource that goes on asking about users.
    pub(crate) fn may_call(&self, token: Held) -> Told {
        if self.forbidden_since(token.who).is_some_and(|at| at + USERS <= self.now) {
            return Err("token-user-disabled");
        }
        match token.on.map(|device| self.counts(device, 1)) {
            None | Some(Ok(())) => Ok(()),
            Some(Err(true)) => Err("token-device-deleted"),
            Some(Err(false)) => Err("token-device-disabled"),
        }
    }

    pub(crate) fn held(&self, who: usize, on: Option<usize>) -> Held {
        Held { who, on, after: self.events.len() }
    }
}
