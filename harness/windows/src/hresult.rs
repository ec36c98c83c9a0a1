//! The numbers by which Windows reports a failure: HRESULTs of device registration (errors.md 2), of the token library
//! and the network (errors.md 3), and the statuses of the logon screen (errors.md 4).
//!
//! These tables are the client's own: they repeat what the service's tables say, on purpose. Names in errors.md marked as
//! unconfirmed are left out, so that such a number prints without a name.

/// Device registration: the message could not be understood by the service.
pub const DSREG_MESSAGE_FORMAT: u32 = 0x801c_0001;
/// Device registration: the caller or the device was not authenticated.
pub const DSREG_AUTHENTICATION: u32 = 0x801c_0002;
/// Device registration: the user may not register devices.
pub const DSREG_AUTHORIZATION: u32 = 0x801c_0003;
/// Device registration: the service failed.
pub const DSREG_INTERNAL_SERVICE: u32 = 0x801c_0006;
/// Discovery was redirected to a place that is not trusted.
pub const DSREG_REDIRECTION_NOT_TRUSTED: u32 = 0x801c_000b;
/// Discovery failed.
pub const DSREG_DISCOVERY_FAILED: u32 = 0x801c_000c;
/// The user has too many devices.
pub const DSREG_QUOTA: u32 = 0x801c_000e;
/// The discovery document could not be understood.
pub const DSREG_DISCOVERY_BAD_MESSAGE: u32 = 0x801c_0012;
/// The service answered 503.
pub const DSREG_SERVER_BUSY: u32 = 0x801c_0025;
/// Discovery knows no such tenant.
pub const DSREG_TENANT_NOT_FOUND: u32 = 0x801c_003a;
/// The user's realm could not be found.
pub const DSREG_REALM_FAILED: u32 = 0x801c_003d;
/// The directory behind the service refused.
pub const DSREG_DIRECTORY: u32 = 0x801c_03f2;
/// The directory does not hold the device.
pub const DSREG_DEVICE_NOT_FOUND: u32 = 0x801c_03f3;
/// The token service refused the grant.
pub const TOKEN_INVALID_GRANT: u32 = 0xcaa2_0003;
/// Token library: the federation server answered a request for a token with a SOAP fault, or without a token.
pub const WSTRUST_REQUEST_FAILED: u32 = 0xcaa9_0014;
/// Token library: the identity provider speaks another protocol than WS-Trust.
pub const WSTRUST_PROTOCOL_NOT_SUPPORTED: u32 = 0xcaa9_0017;
/// Token library: the federation server's metadata name no endpoint for integrated sign-in. *Assumed*: it stands next to
/// the number for passwords, and no source confirms its meaning; so it prints without a name.
pub const WSTRUST_NO_WINDOWS_ENDPOINT: u32 = 0xcaa9_0022;
/// Token library: the federation server's metadata name no endpoint for user name and password.
pub const WSTRUST_NO_PASSWORD_ENDPOINT: u32 = 0xcaa9_0023;
/// Token library: what the federation server sent is no XML, or XML that is not read (with a DTD, too large).
pub const WSTRUST_NOT_XML: u32 = 0xcaa9_002c;
/// Token library: the token service failed while an assertion was being exchanged for a token.
pub const WSTRUST_TOKEN_REQUEST_FAILED: u32 = 0xcaa9_0006;
/// Automatic join: the service connection point of the Active Directory could not be read.
pub const AUTOJOIN_ADCONFIG_READ_FAILED: u32 = 0x801c_001d;
/// Automatic join: discovery did not answer in time.
pub const AUTOJOIN_DISCOVERY_TIMEOUT: u32 = 0x801c_001f;
/// Automatic join: discovery failed; a second number says how.
pub const AUTOJOIN_DISCOVERY_FAILED: u32 = 0x801c_0021;
/// The token service failed in another way.
pub const TOKEN_OTHER: u32 = 0xcaa1_002d;
/// What came is no JSON.
pub const INVALID_DATA: u32 = 0x8007_000d;
/// Key store: the chip or the key in it is not what it was.
pub const NTE_BAD_KEYSET: u32 = 0x8009_0016;
/// Key store: the chip is locked out.
pub const NTE_AUTHENTICATION_IGNORED: u32 = 0x8009_0031;
/// Chip: it is in FIPS mode.
pub const TPM_NOT_FIPS: u32 = 0x8028_0036;
/// Chip: it failed without a reason.
pub const TPM_INTERNAL: u32 = 0x8029_0407;
/// A failure without a number of its own.
pub const UNKNOWN: u32 = 0x8000_4005;
/// The system found no such object; under a service connection point that cannot be read.
pub const FILE_NOT_FOUND: u32 = 0x8007_0002;
/// The caller is not elevated.
pub const ACCESS_DENIED: u32 = 0x8007_0005;
/// This client does not emulate what was asked for.
pub const NOT_IMPLEMENTED: u32 = 0x8000_4001;
/// An argument of the act makes no sense.
pub const INVALID_ARGUMENT: u32 = 0x8007_0057;

/// Device management: the enrolment service did not understand the message.
pub const MDM_MESSAGE_FORMAT: u32 = 0x8018_0001;
/// Device management: the user was not authenticated.
pub const MDM_AUTHENTICATION: u32 = 0x8018_0002;
/// Device management: the user may not enrol.
pub const MDM_AUTHORIZATION: u32 = 0x8018_0003;
/// Device management: the certificate request was not taken.
pub const MDM_CERTIFICATE_REQUEST: u32 = 0x8018_0004;
/// Device management: what is behind the service failed.
pub const MDM_ENROLLMENT_SERVER: u32 = 0x8018_0005;
/// Device management: the service failed.
pub const MDM_INTERNAL_SERVICE: u32 = 0x8018_0006;
/// Device management: the message's security header was not taken.
pub const MDM_INVALID_SECURITY: u32 = 0x8018_0007;
/// Device management: a failure without a reason.
pub const MDM_UNKNOWN: u32 = 0x8018_0008;
/// Device management: the machine is enrolled.
pub const MDM_ALREADY_ENROLLED: u32 = 0x8018_000a;
/// Device management: the service could not be reached.
pub const MDM_CONNECTIVITY: u32 = 0x8018_0010;
/// Device management: the service's certificate is not trusted.
pub const MDM_INVALID_SSL_CERT: u32 = 0x8018_0012;
/// Device management: the user has too many managed devices.
pub const MDM_DEVICE_CAP_REACHED: u32 = 0x8018_0013;
/// Device management: such devices are kept out.
pub const MDM_DEVICE_NOT_SUPPORTED: u32 = 0x8018_0014;
/// Device management: the service does not manage such devices.
pub const MDM_NOT_SUPPORTED: u32 = 0x8018_0015;
/// Device management: the certificate is not renewed.
pub const MDM_NOT_ELIGIBLE_TO_RENEW: u32 = 0x8018_0016;
/// Device management: the service is in maintenance.
pub const MDM_IN_MAINTENANCE: u32 = 0x8018_0017;
/// Device management: the user has no licence.
pub const MDM_USER_LICENSE: u32 = 0x8018_0018;
/// Device management: the data of the enrolment are not valid.
pub const MDM_DATA_INVALID: u32 = 0x8018_0019;
/// Device management: the service leads elsewhere.
pub const MDM_INSECURE_REDIRECT: u32 = 0x8018_001a;
/// Device management: an empty answer came.
pub const MDM_EMPTY_MESSAGE: u32 = 0x8018_0029;
/// Device management: the user declined.
pub const MDM_USER_CANCELLED: u32 = 0x8018_0030;
/// Device management: the service gives a reason of its own.
pub const MDM_CUSTOM_SERVER_ERROR: u32 = 0x8018_0032;

/// Logon status: the user name or password is incorrect, or the token service could not be reached.
pub const STATUS_LOGON_FAILURE: u32 = 0xc000_006d;
/// Logon status: the token service answered with a status above 400.
pub const STATUS_UNEXPECTED_NETWORK_ERROR: u32 = 0xc000_00c4;
/// Logon status: the token service answered 400, or with something that could not be used.
pub const STATUS_REQUEST_NOT_ACCEPTED: u32 = 0xc000_00d0;
/// Logon status: the realm of the user name was not found.
pub const STATUS_NO_SUCH_LOGON_SESSION: u32 = 0xc000_005f;
/// Logon status: the user name has no `@`.
pub const STATUS_USERNAME_MALFORMED: u32 = 0xc004_844c;
/// Logon status: the federation server returned an error in place of an assertion.
pub const STATUS_SAML_TOKENS_EMPTY: u32 = 0xc004_84c1;
/// Logon status: the federation server's metadata name no endpoint for user name and password.
pub const STATUS_PASSWORD_URI_EMPTY: u32 = 0xc004_848b;
/// Logon status: the federation server sent XML with a DTD.
pub const STATUS_DTD_PROHIBITED: u32 = 0xc00c_ee4f;

const NAMES: &[(u32, &str)] = &[
    (DSREG_MESSAGE_FORMAT, "DSREG_E_DEVICE_MESSAGE_FORMAT_ERROR"),
    (DSREG_AUTHENTICATION, "DSREG_E_DEVICE_AUTHENTICATION_ERROR"),
    (DSREG_AUTHORIZATION, "DSREG_E_DEVICE_AUTHORIZATION_ERROR"),
    (DSREG_INTERNAL_SERVICE, "DSREG_E_DEVICE_INTERNALSERVICE_ERROR"),
    (DSREG_REDIRECTION_NOT_TRUSTED, "DSREG_E_DISCOVERY_REDIRECTION_NOT_TRUSTED"),
    (DSREG_DISCOVERY_FAILED, "DSREG_E_DISCOVERY_FAILED"),
    (DSREG_QUOTA, "DSREG_E_DEVICE_REGISTRATION_QUOTA_EXCCEEDED"),
    (DSREG_DISCOVERY_BAD_MESSAGE, "DSREG_E_DISCOVERY_BAD_MESSAGE_ERROR"),
    (AUTOJOIN_ADCONFIG_READ_FAILED, "DSREG_AUTOJOIN_ADCONFIG_READ_FAILED"),
    (AUTOJOIN_DISCOVERY_TIMEOUT, "DSREG_AUTOJOIN_DISC_WAIT_TIMEOUT"),
    (AUTOJOIN_DISCOVERY_FAILED, "DSREG_AUTOJOIN_DISC_FAILED"),
    (DSREG_SERVER_BUSY, "DSREG_SERVER_BUSY"),
    (DSREG_TENANT_NOT_FOUND, "DSREG_DISCOVERY_TENANT_NOT_FOUND"),
    (DSREG_REALM_FAILED, "DSREG_AUTOJOIN_USERREALM_DISCOVERY_FAILED"),
    (DSREG_DIRECTORY, "DSREG_E_DIRECTORY_FAILURE"),
    (TOKEN_INVALID_GRANT, "SERVER_ERROR_INVALID_GRANT"),
    (TOKEN_OTHER, "OPERATION_PENDING"),
    (WSTRUST_REQUEST_FAILED, "WSTRUST_REQUEST_SECURITYTOKEN_FAILED"),
    (WSTRUST_PROTOCOL_NOT_SUPPORTED, "PROTOCOL_NOT_SUPPORTED"),
    (WSTRUST_NO_PASSWORD_ENDPOINT, "COULDNOT_DISCOVER_USERNAME_PASSWORD_ENDPOINT"),
    (WSTRUST_NOT_XML, "FAILED_TO_PARSE_XML"),
    (WSTRUST_TOKEN_REQUEST_FAILED, "WSTRUST_TOKEN_REQUEST_FAIL"),
    (0xcaa8_2ee2, "INTERNET_TIMEOUT"),
    (0xcaa8_2efd, "CANNOT_CONNECT"),
    (0xcaa8_2efe, "CONNECTION_ABORTED"),
    (0xcaa8_2f8f, "SECURE_FAILURE"),
    (0x8007_2ee2, "WININET_E_TIMEOUT"),
    (0x8007_2ee7, "WININET_E_NAME_NOT_RESOLVED"),
    (0x8007_2efd, "WININET_E_CANNOT_CONNECT"),
    (0x8007_2efe, "WININET_E_CONNECTION_ABORTED"),
    (0x8007_2f0d, "WININET_E_INVALID_CA"),
    (0x8007_2f8f, "WININET_E_DECODING_FAILED"),
    (NTE_BAD_KEYSET, "NTE_BAD_KEYSET"),
    (NTE_AUTHENTICATION_IGNORED, "NTE_AUTHENTICATION_IGNORED"),
    (TPM_NOT_FIPS, "TPM_E_NOTFIPS"),
    (TPM_INTERNAL, "TPM_E_PCP_INTERNAL_ERROR"),
    (INVALID_DATA, "E_INVALIDDATA"),
    (UNKNOWN, "E_FAIL"),
    (ACCESS_DENIED, "E_ACCESSDENIED"),
    (NOT_IMPLEMENTED, "E_NOTIMPL"),
    (INVALID_ARGUMENT, "E_INVALIDARG"),
    (STATUS_LOGON_FAILURE, "STATUS_LOGON_FAILURE"),
    (STATUS_UNEXPECTED_NETWORK_ERROR, "STATUS_UNEXPECTED_NETWORK_ERROR"),
    (STATUS_REQUEST_NOT_ACCEPTED, "STATUS_REQUEST_NOT_ACCEPTED"),
    (STATUS_NO_SUCH_LOGON_SESSION, "STATUS_NO_SUCH_LOGON_SESSION"),
    (STATUS_SAML_TOKENS_EMPTY, "AAD_CLOUDAP_E_WSTRUST_SAML_TOKENS_ARE_EMPTY"),
    (STATUS_PASSWORD_URI_EMPTY, "AAD_CLOUDAP_E_HTTP_PASSWORD_URI_IS_EMPTY"),
    (STATUS_DTD_PROHIBITED, "WC_E_DTDPROHIBITED"),
    (STATUS_USERNAME_MALFORMED, "AAD_CLOUDAP_E_OAUTH_USERNAME_IS_MALFORMED"),
    (MDM_MESSAGE_FORMAT, "MENROLL_E_DEVICE_MESSAGE_FORMAT_ERROR"),
    (MDM_AUTHENTICATION, "MENROLL_E_DEVICE_AUTHENTICATION_ERROR"),
    (MDM_AUTHORIZATION, "MENROLL_E_DEVICE_AUTHORIZATION_ERROR"),
    (MDM_CERTIFICATE_REQUEST, "MENROLL_E_DEVICE_CERTIFCATEREQUEST_ERROR"),
    (MDM_ENROLLMENT_SERVER, "MENROLL_E_DEVICE_CONFIGMGRSERVER_ERROR"),
    (MDM_INTERNAL_SERVICE, "MENROLL_E_DEVICE_INTERNALSERVICE_ERROR"),
    (MDM_INVALID_SECURITY, "MENROLL_E_DEVICE_INVALIDSECURITY_ERROR"),
    (MDM_UNKNOWN, "MENROLL_E_DEVICE_UNKNOWN_ERROR"),
    (MDM_ALREADY_ENROLLED, "MENROLL_E_DEVICE_ALREADY_ENROLLED"),
    (MDM_CONNECTIVITY, "MENROLL_E_CONNECTIVITY"),
    (MDM_INVALID_SSL_CERT, "MENROLL_E_INVALIDSSLCERT"),
    (MDM_DEVICE_CAP_REACHED, "MENROLL_E_DEVICECAPREACHED"),
    (MDM_DEVICE_NOT_SUPPORTED, "MENROLL_E_DEVICENOTSUPPORTED"),
    (MDM_NOT_SUPPORTED, "MENROLL_E_NOTSUPPORTED"),
    (MDM_NOT_ELIGIBLE_TO_RENEW, "MENROLL_E_NOTELIGIBLETORENEW"),
    (MDM_IN_MAINTENANCE, "MENROLL_E_INMAINTENANCE"),
    (MDM_USER_LICENSE, "MENROLL_E_USERLICENSE"),
    (MDM_DATA_INVALID, "MENROLL_E_ENROLLMENTDATAINVALID"),
    (MDM_INSECURE_REDIRECT, "MENROLL_E_INSECUREREDIRECT"),
    (MDM_EMPTY_MESSAGE, "MENROLL_E_EMPTY_MESSAGE"),
    (MDM_USER_CANCELLED, "MENROLL_E_USER_CANCELLED"),
    (MDM_CUSTOM_SERVER_ERROR, "MENROLL_E_CUSTOMSERVERERROR"),
];

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
    NAMES.iter().find(|(number, _)| *number == code).map(|(_, name)| *name)
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
        let mut numbers: Vec<u32> = NAMES.iter().map(|(number, _)| *number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), NAMES.len());
    }
}
