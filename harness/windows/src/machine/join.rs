//! Azure AD join of the machine, and Add Work or School Account for one Windows user.
//!
//! A join when already joined changes nothing, whatever the directory says (FAQ A11): only a leave helps. A work account
//! belongs to one Windows user and has a certificate of its own (FAQ A13). The built-in administrator gets nothing: no
//! message and no byte on the wire (FAQ A27). An account that was just registered fetches its primary refresh token on a
//! best-effort basis, as the broker does.

use super::enrol::{EnrolFailure, JoinType, Signer, enrol};
use super::federation::{self, Caller};
use super::mdm::{self, Agreed, Enrolment, Terms};
use super::prt::{Credential, acquire, diagnostics, learned};
use super::realm::Realm;
use super::second_factor::SecondFactor;
use super::state::{DeviceAuth, FailedJoin, Registration, WorkAccount};
use super::{Machine, sign_in};
use crate::hresult;
use crate::outcome::{Failure, Outcome};
use crate::wire::{Line, Wire};

/// The most accounts that one Windows user can add (FAQ N10).
const MOST_ACCOUNTS: usize = 3;

/// An Azure AD join.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Join {
    /// The Windows user whose session the cloud user gets; without one, a new Windows user is named after the account.
    pub windows_user: Option<String>,
    /// The cloud user.
    pub upn: String,
    /// The cloud user's password.
    pub password: String,
    /// The one who clicks is the built-in administrator.
    pub builtin_administrator: bool,
    /// How terms of use of the device management are answered.
    pub terms: Terms,
    /// What the user answers when the tenant wants a second factor of whoever joins.
    pub second_factor: Option<SecondFactor>,
}

/// Add Work or School Account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Register {
    /// The Windows user who adds the account; without one, whoever is signed in.
    pub windows_user: Option<String>,
    /// The cloud user.
    pub upn: String,
    /// The cloud user's password.
    pub password: String,
    /// The one who clicks is the built-in administrator.
    pub builtin_administrator: bool,
    /// How terms of use of the device management are answered.
    pub terms: Terms,
    /// What the user answers when the tenant wants a second factor of whoever joins.
    pub second_factor: Option<SecondFactor>,
}

/// The enrolment of a join that was refused by device management shows as the dialogue of FAQ A26.
fn refused(failure: Failure) -> Outcome {
    let said = hresult::dialogue(failure.hresult).is_some().then(|| mdm::oops(&failure));
    let mut outcome = Outcome::from(failure);
    if let Some(said) = said {
        outcome.output = said;
    }
    outcome
}

impl Machine {
    /// Joins the machine to the cloud directory and signs the user in.
    ///
    /// A join that worked has exit 0 even when the sign-in after it did not: then `dsregcmd /status` says why.
    pub async fn join(&mut self, wire: &Wire, request: &Join) -> Outcome {
        if let Some(refusal) = self.not_this_os() {
            return refusal;
        }
        if request.builtin_administrator
            || self.is_builtin_administrator(request.windows_user.as_deref())
        {
            return Outcome::silent_refusal();
        }
        if let Some(device) = &self.memory.device {
            let message = format!(
                "{} is already joined to {} as device {}: nothing was done. Leave first, then join.",
                self.spec.name,
                tenant_name(device),
                device.device_id
            );
            let mut outcome = Outcome::from(Failure::new(hresult::UNKNOWN, message.clone()));
            // The service was not asked, and Windows has no number for this: exit 1 is all there is.
            outcome.hresult = None;
            outcome.output = format!("{message}\n");
            return outcome;
        }
        let line = self.line(wire);
        let user = Signer {
            upn: &request.upn,
            password: &request.password,
            second_factor: request.second_factor.as_ref(),
        };
        let enrolled = enrol(&line, &self.spec.name, JoinType::Join, user, request.terms).await;
        let (registration, realm, agreed) = match enrolled {
            Ok(enrolled) => (enrolled.registration, enrolled.realm, enrolled.agreed),
            Err(EnrolFailure { phase, failure }) => {
                self.memory.failed_join = Some(failed_join(&line, phase, &failure));
                return refused(failure);
            }
        };
        self.memory.failed_join = None;
        let mut output = format!(
            "{} joined {}\n{:>26} : {}\n",
            self.spec.name,
            tenant_name(&registration),
            "DeviceId",
            registration.device_id
        );
        self.memory.device = Some(registration);
        let key = request.windows_user.as_ref().unwrap_or(&request.upn).to_lowercase();
        self.memory.current = Some(key.clone());
        if let Err(failure) =
            self.logon_with_password(&line, &key, &request.upn, &request.password, &realm).await
        {
            output = format!(
                "{output}no primary refresh token: {} {}\n",
                failure.info.message,
                hresult::printed(failure.hresult)
            );
        }
        if let Err(failure) = self.enrol_machine(&line, &key, &agreed).await {
            let mut outcome = refused(failure);
            outcome.output.insert_str(0, &output);
            return outcome;
        }
        Outcome::done(output)
    }

    /// Enrols a machine that has joined in the device management of the user who joined it, if there is one.
    async fn enrol_machine(
        &mut self,
        line: &Line,
        key: &str,
        agreed: &Agreed,
    ) -> Result<(), Failure> {
        if agreed.urls.enrollment.is_empty() {
            return Ok(());
        }
        let prt = self.memory.profiles.get(key).and_then(|profile| profile.prt.clone());
        let (Some(device), Some(prt)) = (self.memory.device.clone(), prt) else {
            let message = "there is no primary refresh token to enrol the machine with";
            return Err(Failure::new(hresult::MDM_AUTHENTICATION, message));
        };
        let name = self.spec.name.clone();
        let enrolled = mdm::enrol(line, &name, &device, &prt, agreed, Enrolment::Device).await?;
        if let Some(device) = &mut self.memory.device {
            device.management.certificate = Some(enrolled);
        }
        Ok(())
    }

    /// Gets a primary refresh token for a Windows user of a joined machine and notes everything that comes of it.
    pub(super) async fn logon_with_password(
        &mut self,
        line: &Line,
        key: &str,
        upn: &str,
        password: &str,
        realm: &Realm,
    ) -> Result<(), Failure> {
        let Some(device) = self.memory.device.clone() else {
            return Err(Failure::new(hresult::UNKNOWN, "the machine is not joined"));
        };
        let acquired = match realm {
            Realm::Managed => acquire(line, &device, Credential::Password { upn, password }).await,
            Realm::Federated(federation) => {
                let caller = Caller::User { upn, password };
                match federation::assertion(line, federation, caller).await {
                    Ok(assertion) => {
                        let assertion = &assertion;
                        acquire(line, &device, Credential::Assertion { upn, assertion }).await
                    }
                    Err(failure) => Err(failure),
                }
            }
        };
        let profile = self.profile(key);
        match acquired {
            Ok(prt) => {
                profile.prt = Some(prt);
                profile.diagnostics = None;
                profile.signed_in = true;
                profile.cached = Some(sign_in::cached_logon(line, upn, password));
                self.note_device_auth(DeviceAuth::Success);
                Ok(())
            }
            Err(failure) => {
                profile.diagnostics = Some(diagnostics(&failure, false, upn, line, &device));
                self.memory.events.sign_in_failed(line.wire.now_ms(), upn, &failure);
                let profile = self.profile(key);
                if let Some(auth) = learned(&failure) {
                    if let Some(prt) = &mut profile.prt {
                        prt.refused = true;
                    }
                    self.note_device_auth(auth);
                }
                Err(failure)
            }
        }
    }

    pub(super) fn note_device_auth(&mut self, auth: DeviceAuth) {
        if let Some(device) = &mut self.memory.device {
            device.device_auth = auth;
        }
    }

    /// Adds a work or school account to a Windows user's profile, which registers the machine once more.
    pub async fn register(&mut self, wire: &Wire, request: &Register) -> Outcome {
        if let Some(refusal) = self.not_this_os() {
            return refusal;
        }
        if request.builtin_administrator
            || self.is_builtin_administrator(request.windows_user.as_deref())
        {
            return Outcome::silent_refusal();
        }
        let key = self.acting(request.windows_user.as_deref(), None);
        if self.spec.block_work_accounts {
            let policy = "BlockAADWorkplaceJoin: a policy of this computer lets nobody add a work or school account";
            return told_without_number(policy);
        }
        if let Some(refusal) = self.cannot_add(&key, &request.upn) {
            return refusal;
        }
        let line = self.line(wire);
        let upn = request.upn.as_str();
        let user = Signer {
            upn,
            password: &request.password,
            second_factor: request.second_factor.as_ref(),
        };
        let name = self.spec.name.clone();
        let enrolled = enrol(&line, &name, JoinType::Register, user, request.terms).await;
        let (mut registration, tokens, agreed) = match enrolled {
            Ok(enrolled) => (enrolled.registration, enrolled.tokens, enrolled.agreed),
            Err(EnrolFailure { failure, .. }) => return refused(failure),
        };
        let prt = match tokens.refresh_token.as_deref() {
            None => None,
            Some(token) => {
                acquire(&line, &registration, Credential::RefreshToken { upn, token }).await.ok()
            }
        };
        let output = format!(
            "{upn} was added for {key} on {}\n{:>26} : {}\n",
            self.spec.name, "WorkplaceDeviceId", registration.device_id
        );
        let mut failed = None;
        if let Some(prt) = prt.as_ref().filter(|_| !agreed.urls.enrollment.is_empty()) {
            match mdm::enrol(&line, &name, &registration, prt, &agreed, Enrolment::Full).await {
                Ok(enrolled) => registration.management.certificate = Some(enrolled),
                Err(failure) => failed = Some(failure),
            }
        }
        self.profile(&key).work_accounts.push(WorkAccount { registration, prt });
        match failed {
            None => Outcome::done(output),
            Some(failure) => {
                let mut outcome = refused(failure);
                outcome.output.insert_str(0, &output);
                outcome
            }
        }
    }

    fn cannot_add(&self, key: &str, upn: &str) -> Option<Outcome> {
        let accounts = &self.memory.profiles.get(key)?.work_accounts;
        let message = if accounts.len() >= MOST_ACCOUNTS {
            format!("{key} has {MOST_ACCOUNTS} accounts already: remove one first")
        } else if accounts.iter().any(|known| known.registration.upn.eq_ignore_ascii_case(upn)) {
            format!("{upn} was added for {key} before: nothing was done")
        } else {
            return None;
        };
        Some(told_without_number(&message))
    }
}

/// A refusal of the computer itself, for which no source gives a number.
fn told_without_number(message: &str) -> Outcome {
    let mut outcome = Outcome::from(Failure::new(hresult::UNKNOWN, message));
    outcome.hresult = None;
    outcome.output = format!("{message}\n");
    outcome
}

/// The tenant as people know it.
pub(super) fn tenant_name(registration: &Registration) -> &str {
    let tenant = &registration.tenant;
    [&tenant.display_name, &tenant.name, &tenant.id]
        .into_iter()
        .find(|name| !name.is_empty())
        .map_or("a tenant without a name", String::as_str)
}

pub(super) fn failed_join(line: &Line, phase: &str, failure: &Failure) -> FailedJoin {
    let info = &failure.info;
    FailedJoin {
        at_ms: line.wire.now_ms(),
        phase: phase.to_owned(),
        registration_type: String::new(),
        token_error: None,
        cause: None,
        client_error: failure.hresult,
        server_error: info.code.clone().or_else(|| info.oauth.clone()).unwrap_or_default(),
        server_suberror: info.subcode.clone().or_else(|| info.suberror.clone()).unwrap_or_default(),
        server_operation: info.operation.clone().unwrap_or_default(),
        server_message: info.message.split(['\r', '\n']).next().unwrap_or_default().to_owned(),
        http_status: info.http_status.unwrap_or(0),
        request_id: info.request_id.clone().unwrap_or_default(),
    }
}
