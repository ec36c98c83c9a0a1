//! Signing in to Windows.
//!
//! On a joined machine the cloud (or the user's federation server, FAQ A25) checks the password, and the cloud gives a primary refresh token. When it does not, whatever the
//! reason, the last password that worked still opens the desktop (FAQ N13, N31), without a new token. Otherwise the lock
//! screen says that the user name or password is incorrect, and the status tells the reasons apart (errors.md 4, FAQ A22,
//! A23). On a machine that is not joined only local users sign in, without the
//! network, or users of its domain, whose controller is not emulated and believes every password; their sign-in lets the
//! scheduled task register the computer.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Machine;
use super::enrol::{Enrolled, JoinType, Signer, domain_of, enrol};
use super::mdm::Terms;
use super::prt::{diagnostics, logon_status};
use super::realm::realm;
use super::state::{CachedLogon, DomainLogon};
use crate::dsregcmd::Layout;
use crate::hresult;
use crate::outcome::{Failure, Outcome};
use crate::wire::{Line, Speaker, Wire};

const LOCK_SCREEN: &str = "The user name or password is incorrect. Try again.";

fn verifier(salt: &str, password: &str) -> String {
    STANDARD.encode(digest(&SHA256, &[salt.as_bytes(), password.as_bytes()].concat()))
}

/// What will open the desktop without the network from now on.
pub(super) fn cached_logon(line: &Line, upn: &str, password: &str) -> CachedLogon {
    let salt = STANDARD.encode(line.random::<16>("logon-salt"));
    CachedLogon { upn: upn.to_owned(), verifier: verifier(&salt, password), salt }
}

impl Machine {
    /// Signs a Windows user in. `windows_user` names the session; without one it is named after the account.
    pub async fn sign_in(
        &mut self,
        wire: &Wire,
        windows_user: Option<&str>,
        upn: &str,
        password: &str,
    ) -> Outcome {
        if !self.spec.os.is_down_level()
            && let Some(refusal) = self.not_this_os()
        {
            return refusal;
        }
        let local = windows_user.is_some_and(|name| self.is_local(name));
        if self.memory.device.is_none() {
            return match &self.spec.domain {
                Some(_) if !local => self.domain_sign_in(wire, windows_user, upn, password).await,
                _ => self.local_sign_in(windows_user, upn),
            };
        }
        let key = windows_user.map_or_else(|| self.session_of(upn), str::to_lowercase);
        let line = self.line(wire);
        if self.memory.recovery {
            self.recover(&line, upn, password).await;
        }
        match self.cloud_logon(&line, &key, upn, password).await {
            Ok(()) => {
                self.memory.current = Some(key.clone());
                self.end_dual_state(wire, &key, upn).await;
                Outcome::done(format!("{key} signed in to {}\n", self.spec.name))
            }
            Err(failure) if self.opens_from_cache(&key, upn, password) => {
                self.profile(&key).signed_in = true;
                self.memory.current = Some(key.clone());
                Outcome {
                    output: format!(
                        "{key} signed in to {} with the cached logon; no new primary refresh token: {}\n",
                        self.spec.name, failure.info.message
                    ),
                    error: Some(*failure.info),
                    ..Outcome::default()
                }
            }
            Err(failure) if self.opens_by_domain(&failure) => {
                let session = DomainLogon { upn: upn.to_owned(), password: password.to_owned() };
                let profile = self.profile(&key);
                profile.domain = Some(session);
                profile.signed_in = true;
                self.memory.current = Some(key.clone());
                Outcome {
                    output: format!(
                        "{key} signed in to {} by its domain; no primary refresh token: {}\n",
                        self.spec.name, failure.info.message
                    ),
                    error: Some(*failure.info),
                    ..Outcome::default()
                }
            }
            Err(failure) => lock_screen(failure),
        }
    }

    /// Joins again with the account that signs in, in place of a join that is marked for recovery. A failure shows in
    /// what the sign-in then meets with the old join; the mark stays.
    async fn recover(&mut self, line: &Line, upn: &str, password: &str) {
        let user = Signer { upn, password, second_factor: None };
        let enrolled = enrol(line, &self.spec.name, JoinType::Join, user, Terms::Accept).await;
        if let Ok(Enrolled { registration, .. }) = enrolled {
            self.memory.device = Some(registration);
            self.memory.recovery = false;
            for profile in self.memory.profiles.values_mut() {
                profile.prt = None;
            }
        }
    }

    async fn cloud_logon(
        &mut self,
        line: &Line,
        key: &str,
        upn: &str,
        password: &str,
    ) -> Result<(), Failure> {
        let found = match domain_of(upn) {
            Ok(_) => realm(line, upn, Speaker::Tokens).await,
            Err(failure) => Err(failure),
        };
        if let (Err(failure), Some(device)) = (&found, &self.memory.device) {
            let shown = diagnostics(failure, false, upn, line, device);
            self.profile(key).diagnostics = Some(shown);
            self.memory.events.sign_in_failed(line.wire.now_ms(), upn, failure);
        }
        self.logon_with_password(line, key, upn, password, &found?).await
    }

    /// The Windows user who signs in with the account `upn`: the one who did before, else a new one named after it.
    fn session_of(&self, upn: &str) -> String {
        let mut profiles = self.memory.profiles.iter();
        let known = profiles.find(|(_, profile)| {
            let cached = profile.cached.iter().map(|cached| &cached.upn);
            let domain = profile.domain.iter().map(|session| &session.upn);
            cached.chain(domain).any(|known| known.eq_ignore_ascii_case(upn))
        });
        known.map_or_else(|| upn.to_lowercase(), |(key, _)| key.clone())
    }

    fn opens_from_cache(&self, key: &str, upn: &str, password: &str) -> bool {
        let cached = self.memory.profiles.get(key).and_then(|profile| profile.cached.as_ref());
        cached.is_some_and(|cached| {
            cached.upn.eq_ignore_ascii_case(upn)
                && cached.verifier == verifier(&cached.salt, password)
        })
    }

    /// Takes the user's own registration away once the computer is a hybrid one, as Windows does since 1803.
    async fn end_dual_state(&mut self, wire: &Wire, key: &str, upn: &str) {
        let accounts = self.memory.profiles.get(key).map(|profile| &profile.work_accounts);
        let own = accounts.is_some_and(|accounts| {
            accounts.iter().any(|account| account.registration.upn.eq_ignore_ascii_case(upn))
        });
        if own && self.spec.domain.is_some() && self.spec.layout == Layout::Modern {
            drop(self.remove_account(wire, Some(key), Some(upn)).await);
        }
    }

    fn is_local(&self, name: &str) -> bool {
        self.spec.windows_users.iter().any(|user| user.eq_ignore_ascii_case(name))
    }

    /// Whether the domain opens the desktop although the cloud gave no token: it does unless the password is the reason.
    fn opens_by_domain(&self, failure: &Failure) -> bool {
        let credentials = [50034, 50053, 50055, 50056, 50057, 50126, 50144];
        let refused = failure.info.aadsts.is_some_and(|code| credentials.contains(&code));
        self.spec.domain.is_some() && self.online && !refused
    }

    /// Signs a user of the domain in to a computer that is not joined, and lets the scheduled task register it.
    async fn domain_sign_in(
        &mut self,
        wire: &Wire,
        windows_user: Option<&str>,
        upn: &str,
        password: &str,
    ) -> Outcome {
        let key = windows_user.map_or_else(|| self.session_of(upn), str::to_lowercase);
        let known = self.memory.profiles.get(&key).is_some_and(|profile| {
            profile.domain.as_ref().is_some_and(|session| session.upn.eq_ignore_ascii_case(upn))
        });
        if !self.online && !known {
            let message = format!("{}: no domain controller can be reached", self.spec.name);
            return lock_screen(Failure::new(hresult::STATUS_LOGON_FAILURE, message));
        }
        let session = DomainLogon { upn: upn.to_owned(), password: password.to_owned() };
        let profile = self.profile(&key);
        profile.domain = Some(session);
        profile.signed_in = true;
        self.memory.current = Some(key.clone());
        let task = self.task_of_sign_in(wire, &key).await;
        Outcome::done(format!("{key} signed in to {} by its domain\n{task}", self.spec.name))
    }

    /// What the scheduled task does at a sign-in; says it in one line.
    async fn task_of_sign_in(&mut self, wire: &Wire, key: &str) -> String {
        let outcome = if self.spec.os.is_down_level() {
            self.down_level_join(wire, key).await
        } else {
            self.automatic_join(wire).await
        };
        let first = outcome.output.lines().next().unwrap_or_default();
        format!("the scheduled task: {first}\n")
    }

    fn local_sign_in(&mut self, windows_user: Option<&str>, upn: &str) -> Outcome {
        let is_local = |name: &str| {
            self.is_local(name) || self.memory.profiles.contains_key(&name.to_lowercase())
        };
        match windows_user {
            Some(name) if is_local(name) => {
                let key = name.to_lowercase();
                self.profile(&key).signed_in = true;
                self.memory.current = Some(key);
                Outcome::done(format!("{name} signed in to {}\n", self.spec.name))
            }
            _ => lock_screen(Failure::new(
                hresult::STATUS_LOGON_FAILURE,
                format!(
                    "{} is not joined and has no local user `{}`: only local users sign in to it",
                    self.spec.name,
                    windows_user.unwrap_or(upn)
                ),
            )),
        }
    }
}

fn lock_screen(failure: Failure) -> Outcome {
    let status = match failure.hresult {
        local @ (hresult::STATUS_LOGON_FAILURE | hresult::NOT_IMPLEMENTED) => local,
        _ => logon_status(&failure),
    };
    let message = failure.info.message.replace('\r', "");
    let mut outcome = Outcome::from(failure.with_hresult(status));
    if status != hresult::NOT_IMPLEMENTED {
        outcome.output = format!("{LOCK_SCREEN}\n{message}\nstatus {}\n", hresult::printed(status));
    }
    outcome
}
