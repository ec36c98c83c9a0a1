//! Leaving: the machine's join, or one Windows user's work accounts.
//!
//! The service is told with mutual TLS, best effort: a refusal (the device was deleted already) and an unreachable service
//! do not stop the local part. When it could not be told, its record stays behind (FAQ A12).

use super::Machine;
use super::join::tenant_name;
use super::state::Registration;
use crate::outcome::{ErrorInfo, Failure, Outcome};
use crate::wire::{Ask, Line, Speaker, Wire, escaped};

/// Asks the service to delete the device of a registration.
async fn delete(line: &Line, registration: &Registration) -> Result<(), Failure> {
    let mut endpoint = line.relocate(&registration.tenant.join.url);
    if !endpoint.ends_with('/') {
        endpoint.push('/');
    }
    let certificate = registration.certificate_der();
    let ask =
        Ask::delete(format!("{endpoint}{}?api-version=1.0", escaped(&registration.device_id)))
            .like_dsreg(&line.os_version)
            .identity(&certificate, registration.device_key);
    let answer = line.send(ask).await.map_err(|fault| fault.into_failure(Speaker::Registration))?;
    if answer.is_success() { Ok(()) } else { Err(answer.registration_error()) }
}

fn told(output: &mut String, result: Result<(), Failure>) -> Option<ErrorInfo> {
    let failure = result.err()?;
    output.push_str("the service did not delete the device: ");
    output.push_str(&failure.info.message);
    output.push_str("\nif the directory has a record of the device, it stays behind\n");
    Some(*failure.info)
}

impl Machine {
    /// Leaves the cloud directory. Exit 0 whenever the machine is not joined afterwards; `error` says when the service
    /// refused the deletion or could not be reached.
    pub async fn leave(&mut self, wire: &Wire) -> Outcome {
        if let Some(refusal) = self.not_this_os() {
            return refusal;
        }
        let Some(device) = self.memory.device.take() else {
            return Outcome::done(format!("{} is not joined: nothing was done\n", self.spec.name));
        };
        self.memory.recovery = false;
        let result = delete(&self.line(wire), &device).await;
        // The cloud users' sessions go with the join; local users and their work accounts stay.
        for profile in self.memory.profiles.values_mut() {
            profile.prt = None;
            profile.diagnostics = None;
            if profile.cached.take().is_some() {
                profile.signed_in = false;
                profile.refresh_tokens.clear();
            }
        }
        self.memory.current = None;
        let mut output = format!("{} left {}\n", self.spec.name, tenant_name(&device));
        let error = told(&mut output, result);
        Outcome { output, error, ..Outcome::default() }
    }

    /// Removes work accounts of a Windows user: the one of `upn`, or all of them.
    pub async fn remove_account(
        &mut self,
        wire: &Wire,
        windows_user: Option<&str>,
        upn: Option<&str>,
    ) -> Outcome {
        if let Some(refusal) = self.not_this_os() {
            return refusal;
        }
        let key = self.acting(windows_user, upn);
        let line = self.line(wire);
        let accounts = std::mem::take(&mut self.profile(&key).work_accounts);
        let (gone, kept): (Vec<_>, Vec<_>) = accounts.into_iter().partition(|account| {
            upn.is_none_or(|upn| account.registration.upn.eq_ignore_ascii_case(upn))
        });
        self.profile(&key).work_accounts = kept;
        if gone.is_empty() {
            let message = format!("{key} has no such work or school account: nothing was done\n");
            return Outcome::done(message);
        }
        let mut outcome = Outcome::default();
        for account in &gone {
            let upn = &account.registration.upn;
            outcome.output = format!("{}{upn} was removed for {key}\n", outcome.output);
            let result = delete(&line, &account.registration).await;
            let error = told(&mut outcome.output, result);
            outcome.error = outcome.error.or(error);
        }
        outcome
    }
}
