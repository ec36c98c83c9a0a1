//! Asking the service whether the machine's device still counts, as `dsregcmd /status` of Windows 21H1 and later does
//! before it prints `DeviceAuthStatus` (device-registration.md 15; FAQ A7): a token for the device alone, asked for with
//! the device's certificate. No user takes part, so it does not matter who is signed in.
//!
//! *Assumed*: that the tool asks by this grant, and for device registration.

use super::Machine;
use super::enrol::REGISTRATION_RESOURCE;
use super::prt::{device_token, learned};
use super::state::DeviceAuth;
use crate::wire::Wire;

impl Machine {
    /// Asks, and remembers the answer until the next one. Nothing is sent by a machine that is not joined.
    pub(crate) async fn ask_device_auth(&mut self, wire: &Wire) {
        let Some(device) = &self.memory.device else { return };
        let line = self.line(wire);
        let found = match device_token(&line, device, REGISTRATION_RESOURCE).await {
            Ok(_) => DeviceAuth::Success,
            Err(failure) => learned(&failure).unwrap_or(DeviceAuth::Error),
        };
        self.note_device_auth(found);
    }
}
