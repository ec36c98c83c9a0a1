//! The chip that keeps a machine's keys, and how it fails (errors.md 3; N8 of the newer FAQ, troubleshooting of A28).
//!
//! A machine without one keeps its keys in software, as the emulated ones do unless they are told otherwise. A chip that
//! fails does so when keys are made, before the service is asked for a certificate: nothing of it is on the wire.
//! Left out: attestation, and the end of a lockout, for which Windows waits.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::hresult;
use crate::outcome::Failure;

/// What chip a machine has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tpm {
    /// None: keys are kept in software.
    #[default]
    None,
    /// One that works.
    Ready,
    /// One of version 1.2 in FIPS mode, which Windows cannot use.
    Fips,
    /// One whose keys went with the image that the machine was installed from.
    BadKeyset,
    /// One that fails without saying why.
    Broken,
    /// One that is locked after too many wrong attempts.
    LockedOut,
}

/// A name that is no state of a chip.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no TPM here: none, ready, fips, bad-keyset, broken or locked-out")]
pub struct UnknownTpm(String);

impl Tpm {
    const ALL: [Self; 6] =
        [Self::None, Self::Ready, Self::Fips, Self::BadKeyset, Self::Broken, Self::LockedOut];

    /// The name in world files.
    pub fn key(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Ready => "ready",
            Self::Fips => "fips",
            Self::BadKeyset => "bad-keyset",
            Self::Broken => "broken",
            Self::LockedOut => "locked-out",
        }
    }

    /// Whether keys that are made now are kept in the chip; an error when they cannot be made at all.
    pub(crate) fn keeps_keys(self) -> Result<bool, Failure> {
        let (number, what) = match self {
            Self::None => return Ok(false),
            Self::Ready => return Ok(true),
            Self::Fips => (hresult::TPM_NOT_FIPS, "it is of version 1.2 and in FIPS mode"),
            Self::BadKeyset => (hresult::NTE_BAD_KEYSET, "its key set does not exist"),
            Self::Broken => (hresult::TPM_INTERNAL, "it failed without a reason"),
            Self::LockedOut => (hresult::NTE_AUTHENTICATION_IGNORED, "it is locked out"),
        };
        Err(Failure::new(number, format!("the TPM could not make the device's keys: {what}")))
    }
}

impl fmt::Display for Tpm {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.key())
    }
}

impl FromStr for Tpm {
    type Err = UnknownTpm;

    fn from_str(text: &str) -> Result<Self, UnknownTpm> {
        let found = Self::ALL.into_iter().find(|tpm| tpm.key() == text);
        found.ok_or_else(|| UnknownTpm(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_to_fail_has_the_documented_number() {
        let numbers = [
            (Tpm::Fips, 0x8028_0036),
            (Tpm::BadKeyset, 0x8009_0016),
            (Tpm::Broken, 0x8029_0407),
            (Tpm::LockedOut, 0x8009_0031),
        ];
        for (tpm, number) in numbers {
            assert_eq!(tpm.keeps_keys().unwrap_err().hresult, number, "{tpm}");
        }
        assert_eq!(Tpm::None.keeps_keys(), Ok(false));
        assert_eq!(Tpm::Ready.keeps_keys(), Ok(true));
    }

    #[test]
    fn names_are_read_as_they_are_written_and_others_are_told() {
        for tpm in Tpm::ALL {
            assert_eq!(tpm.key().parse(), Ok(tpm));
        }
        assert!("yes".parse::<Tpm>().unwrap_err().to_string().contains("locked-out"));
    }
}
