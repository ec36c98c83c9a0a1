//! Signing in to Windows.
//!
//! On a joined machine the cloud (or the user's federation server, FAQ A25) checks the password, and the cloud gives a primary refresh token. When it does not, whatever the
//! reason, the last password that worked still opens the desktop (FAQ N13, N31), without a new token. Otherwise the lock
//! screen says that the user name or password is incorrect, and the status tells the reasons apart (errors.md 4, FAQ A22,
//! A23). On a machine that is not joined only local users sign in, without the network.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Machine;
use super::enrol::{Enrolled, JoinType, domain_of, enrol};
use super::mdm::Terms;
use super::prt::{diagnostics, logon_status};
use super::realm::realm;
use super::state::CachedLogon;
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
        if let Some(refusal) = self.not_this_os() {
            return refusal;
        }
        if self.memory.device.is_none() {
            return self.local_sign_in(windows_user, upn);
        }
        let key = windows_user.map_or_else(|| self.session_of(upn), str::to_lowercase);
        let line = self.line(wire);
        if self.memory.recovery {
            self.recover(&line, upn, password).await;
        }
        match self.cloud_logon(&line, &key, upn, password).await {
            Ok(()) => {
                self.memory.current = Some(key.clone());
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
            Err(failure) => lock_screen(failure),
        }
    }

    /// Joins again with the account that signs in, in place of a join that is marked for recovery. A failure shows in
    /// what the sign-in then meets with the old join; the mark stays.
    async fn recover(&mut self, line: &Line, upn: &str, password: &str) {
        let enrolled =
            enrol(line, &self.spec.name, JoinType::Join, upn, password, Terms::Accept).await;
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
            profile.cached.as_ref().is_some_and(|cached| cached.upn.eq_ignore_ascii_case(upn))
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

    fn local_sign_in(&mut self, windows_user: Option<&str>, upn: &str) -> Outcome {
        let is_local = |name: &str| {
            self.spec.windows_users.iter().any(|user| user.eq_ignore_ascii_case(name))
                || self.memory.profiles.contains_key(&name.to_lowercase())
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
