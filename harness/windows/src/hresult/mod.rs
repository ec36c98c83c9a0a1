//! The numbers by which Windows reports a failure: HRESULTs of device registration (errors.md 2), of the token library
//! and the network (errors.md 3), and the statuses of the logon screen (errors.md 4).
//!
//! These tables are the client's own: they repeat what the service's tables say, on purpose. Names in errors.md marked as
//! unconfirmed are left out, so that such a number prints without a name. What a number means and what leads to it stands
//! in [`NUMBERS`].

mod numbers;

pub use numbers::*;

/// How well it is known what a number stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Pages or headers of the vendor say it.
    Documented,
    /// No source confirms the meaning, or the situation.
    Assumed,
}

/// A number that the client reports.
#[derive(Debug, Clone, Copy)]
pub struct Number {
    /// The HRESULT, the status of the logon, or the `WinHTTP` error.
    pub number: u32,
    /// The symbolic name, where a source gives one.
    pub name: Option<&'static str>,
    about: &'static str,
    /// What usually leads to it.
    pub causes: &'static [&'static str],
    /// How well it is known.
    pub known: Known,
}

impl Number {
    /// What it means, in a sentence or two.
    pub fn meaning(&self) -> &'static str {
        self.about.trim()
    }

    /// The number as tools print it: `WinHTTP` errors in decimal digits, all others as `0x801c03f2`.
    pub fn printed(&self) -> String {
        if self.number < 0x1_0000 {
            self.number.to_string()
        } else {
            format!("{:#010x}", self.number)
        }
    }

    /// The part of Windows that reports it.
    pub const fn speaker(&self) -> &'static str {
        match self.number >> 16 {
            0x801c => "the registration client of Windows",
            0x8018 => "the device management client of Windows",
            0xcaa1..=0xcaa9 => "the token library of Windows",
            0xc000 | 0xc004 | 0xc00c => "the logon of Windows",
            0 => "the network layer of Windows",
            _ => "Windows",
        }
    }
}

/// What the dialogue of a join that device management refused goes by. Where errors.md 5 gives none it is assumed to be the
/// one of a service that cannot be reached.
const DIALOGUES: &[(u32, &str)] = &[
    (MDM_MESSAGE_FORMAT, "idErrorServerConnectivity"),
    (MDM_AUTHENTICATION, "idErrorAuthenticationFailure"),
    (MDM_AUTHORIZATION, "idErrorAuthorizationFailure"),
    (MDM_CERTIFICATE_REQUEST, "idErrorMDMCertificateError"),
    (MDM_ENROLLMENT_SERVER, "idErrorServerConnectivity"),
    (MDM_INTERNAL_SERVICE, "idErrorServerConnectivity"),
    (MDM_INVALID_SECURITY, "idErrorServerConnectivity"),
    (MDM_UNKNOWN, "idErrorServerConnectivity"),
    (MDM_ALREADY_ENROLLED, "idErrorMDMAlreadyEnrolled"),
    (MDM_CONNECTIVITY, "idErrorServerConnectivity"),
    (MDM_INVALID_SSL_CERT, "idErrorServerConnectivity"),
    (MDM_DEVICE_CAP_REACHED, "idErrorDeviceLimit"),
    (MDM_DEVICE_NOT_SUPPORTED, "idErrorMDMNotSupported"),
    (MDM_NOT_SUPPORTED, "idErrorMDMNotSupported"),
    (MDM_NOT_ELIGIBLE_TO_RENEW, "idErrorMDMRenewalRejected"),
    (MDM_IN_MAINTENANCE, "idErrorMDMAccountMaintenance"),
    (MDM_USER_LICENSE, "idErrorMDMLicenseError"),
    (MDM_DATA_INVALID, "idErrorInvalidServerConfig"),
    (MDM_INSECURE_REDIRECT, "idErrorServerConnectivity"),
    (MDM_EMPTY_MESSAGE, "idErrorServerConnectivity"),
    (MDM_USER_CANCELLED, "idErrorRejectedTermsOfUse"),
    (MDM_CUSTOM_SERVER_ERROR, "idErrorServerConnectivity"),
];

/// The word for what the dialogue shows for a number of device management.
pub(crate) fn dialogue(code: u32) -> Option<&'static str> {
    DIALOGUES.iter().find(|(number, _)| *number == code).map(|(_, word)| *word)
}

/// The symbolic name of a number, when the tables have one.
pub fn name(code: u32) -> Option<&'static str> {
    NUMBERS.iter().find(|row| row.number == code).and_then(|row| row.name)
}

/// The number as tools print it, with its name: `0x801c03f2 (DSREG_E_DIRECTORY_FAILURE)`.
pub fn printed(code: u32) -> String {
    name(code).map_or_else(|| format!("{code:#010x}"), |name| format!("{code:#010x} ({name})"))
}

/// The HRESULT for a refusal by the registration service.
///
/// `code` is its `ErrorType` or `code`, `subcode` and `message` what came with it; all are compared without case and
/// underscores, since two generations of the service spell them differently.
pub(crate) fn of_registration_error(
    status: u16,
    code: Option<&str>,
    subcode: Option<&str>,
    message: &str,
) -> u32 {
    let plain = |text: &str| text.to_lowercase().replace(['_', ' '], "");
    let (code, subcode, message) =
        (plain(code.unwrap_or_default()), plain(subcode.unwrap_or_default()), plain(message));
    let says = |word: &str| [&code, &subcode, &message].into_iter().any(|text| text.contains(word));
    if status == 503 {
        return DSREG_SERVER_BUSY;
    }
    if says("devicecapreached") {
        return DSREG_QUOTA;
    }
    let missing = subcode.contains("missingdevice") || subcode.contains("devicenotfound");
    match code.as_str() {
        "directoryerror" | "authenticationerror" if missing => DSREG_DEVICE_NOT_FOUND,
        "directoryerror" => DSREG_DIRECTORY,
        "authenticationerror" => DSREG_AUTHENTICATION,
        "authorizationerror" if says("quota") || says("devicelimit") || says("toomanydevices") => {
            DSREG_QUOTA
        }
        "authorizationerror" => DSREG_AUTHORIZATION,
        "invalidparameter" | "invalidrequest" => DSREG_MESSAGE_FORMAT,
        "certificateauthorityerror" | "sqlerror" | "unknownerror" | "directoryaccounterror" => {
            DSREG_INTERNAL_SERVICE
        }
        _ => match status {
            401 => DSREG_AUTHENTICATION,
            403 => DSREG_AUTHORIZATION,
            500.. => DSREG_INTERNAL_SERVICE,
            _ => DSREG_MESSAGE_FORMAT,
        },
    }
}

/// The HRESULT for a refusal by the token service.
pub(crate) fn of_token_error(oauth: Option<&str>) -> u32 {
    match oauth {
        Some("invalid_grant") => TOKEN_INVALID_GRANT,
        _ => TOKEN_OTHER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_generations_of_service_errors_map_to_the_documented_numbers() {
        let rows = [
            ((400, Some("AuthenticationError"), None, "Invalid JWT token."), 0x801c_0002),
            ((400, Some("authentication_error"), None, ""), 0x801c_0002),
            ((400, Some("DirectoryError"), None, "asks to retry"), 0x801c_03f2),
            ((400, Some("DirectoryError"), Some("error_missing_device"), ""), 0x801c_03f3),
            ((400, Some("DirectoryError"), Some("DeviceNotFound"), ""), 0x801c_03f3),
            ((400, Some("AuthorizationError"), None, "not allowed"), 0x801c_0003),
            ((400, Some("AuthorizationError"), Some("DeviceCapReached"), ""), 0x801c_000e),
            ((500, Some("SqlError"), None, ""), 0x801c_0006),
            ((400, Some("invalid_request"), None, ""), 0x801c_0001),
            ((503, None, None, ""), 0x801c_0025),
            ((401, None, None, ""), 0x801c_0002),
            ((500, None, None, ""), 0x801c_0006),
            ((418, Some("Teapot"), None, ""), 0x801c_0001),
        ];
        for ((status, code, subcode, message), expected) in rows {
            assert_eq!(
                of_registration_error(status, code, subcode, message),
                expected,
                "{status} {code:?} {subcode:?} {message}"
            );
        }
    }

    #[test]
    fn numbers_print_with_their_names_and_none_is_named_twice() {
        assert_eq!(printed(0x801c_03f2), "0x801c03f2 (DSREG_E_DIRECTORY_FAILURE)");
        assert_eq!(printed(0x801c_03f3), "0x801c03f3");
        let mut numbers: Vec<u32> = NUMBERS.iter().map(|row| row.number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), NUMBERS.len());
    }

    #[test]
    fn every_number_says_what_it_means_and_what_leads_to_it() {
        for row in NUMBERS {
            let meaning = row.meaning();
            assert!(meaning.len() > 10 && meaning.ends_with('.'), "{}: {meaning}", row.printed());
            assert!(row.causes.iter().all(|cause| cause.len() > 10), "{}", row.printed());
            assert_ne!(row.speaker(), "", "{}", row.printed());
        }
        assert_eq!(NUMBERS.iter().find(|row| row.number == 12007).unwrap().printed(), "12007");
    }
}
