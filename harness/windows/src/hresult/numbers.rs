//! The table of the numbers: each with the name that tools print, what it means and what usually leads to it.
//!
//! The comment above a number is what `linarite explain` says of it, so there is one text for both. Meanings and causes
//! follow errors.md 2 to 5. `Assumed` marks what no source confirms: the number's meaning, or that it is the one for this
//! situation.

use super::Known::{Assumed, Documented};
use super::Number;

macro_rules! numbers {
    ($($(#[doc = $about:literal])+ $constant:ident = $number:literal, $name:expr, $known:expr, [$($cause:literal),+ $(,)?];)+) => {
        $($(#[doc = $about])+ pub const $constant: u32 = $number;)+

        /// Every number that the client reports, in the order of their parts of Windows.
        pub const NUMBERS: &[Number] = &[$(Number {
            number: $number,
            name: $name,
            about: concat!($($about),+),
            causes: &[$($cause),+],
            known: $known,
        },)+];
    };
}

numbers! {
    /// Device registration: the message could not be understood by the service.
    DSREG_MESSAGE_FORMAT = 0x801c_0001, Some("DSREG_E_DEVICE_MESSAGE_FORMAT_ERROR"), Documented,
        ["something between computer and service changed the request", "the service wants another version of its protocol"];
    /// Device registration: the caller or the device was not authenticated.
    DSREG_AUTHENTICATION = 0x801c_0002, Some("DSREG_E_DEVICE_AUTHENTICATION_ERROR"), Documented,
        ["the token is expired, damaged or meant for another service", "the computer's proof does not fit its synchronised certificate or SID", "this kind of join is not offered"];
    /// Device registration: the user may not register devices.
    DSREG_AUTHORIZATION = 0x801c_0003, Some("DSREG_E_DEVICE_AUTHORIZATION_ERROR"), Documented,
        ["the tenant does not let this user join devices", "on some versions of Windows: the user has too many devices"];
    /// Device registration: the service failed.
    DSREG_INTERNAL_SERVICE = 0x801c_0006, Some("DSREG_E_DEVICE_INTERNALSERVICE_ERROR"), Documented,
        ["the service or its directory is in trouble: try again later", "the user of the token is gone or disabled"];
    /// Discovery was redirected to a place that is not trusted.
    DSREG_REDIRECTION_NOT_TRUSTED = 0x801c_000b, Some("DSREG_E_DISCOVERY_REDIRECTION_NOT_TRUSTED"), Documented,
        ["a captive portal or a proxy leads requests elsewhere", "the DNS alias of the domain leads to a foreign host"];
    /// Discovery failed.
    DSREG_DISCOVERY_FAILED = 0x801c_000c, Some("DSREG_E_DISCOVERY_FAILED"), Documented,
        ["the registration service answered with an error", "a proxy asks computers to sign in, and the system account cannot"];
    /// The user has too many devices.
    DSREG_QUOTA = 0x801c_000e, Some("DSREG_E_DEVICE_REGISTRATION_QUOTA_EXCCEEDED"), Documented,
        ["the user owns as many devices as the tenant allows: delete stale ones, or raise the quota"];
    /// The discovery document could not be understood.
    DSREG_DISCOVERY_BAD_MESSAGE = 0x801c_0012, Some("DSREG_E_DISCOVERY_BAD_MESSAGE_ERROR"), Documented,
        ["a web page came where the document should have been", "a proxy changed the document"];
    /// The service answered 503.
    DSREG_SERVER_BUSY = 0x801c_0025, Some("DSREG_SERVER_BUSY"), Documented,
        ["the service is busy or in maintenance: the scheduled task tries again"];
    /// Discovery knows no such tenant.
    DSREG_TENANT_NOT_FOUND = 0x801c_003a, Some("DSREG_DISCOVERY_TENANT_NOT_FOUND"), Documented,
        ["the service connection point names a domain that no tenant has verified", "it holds the id of another tenant, or the tenant has no subscription"];
    /// The user's realm could not be found.
    DSREG_REALM_FAILED = 0x801c_003d, Some("DSREG_AUTOJOIN_USERREALM_DISCOVERY_FAILED"), Documented,
        ["realm discovery at the sign-in service failed", "the computer cannot reach it as the system account"];
    /// The directory behind the service refused.
    DSREG_DIRECTORY = 0x801c_03f2, Some("DSREG_E_DIRECTORY_FAILURE"), Documented,
        ["the service throttles: try again after the time that it names", "the tenant was not found"];
    /// The directory does not hold the device.
    DSREG_DEVICE_NOT_FOUND = 0x801c_03f3, None, Assumed,
        ["the computer was not synchronised yet: wait for the next cycle", "its record was deleted, or it is out of the synchronised scope"];
    /// The token service refused the grant.
    TOKEN_INVALID_GRANT = 0xcaa2_0003, Some("SERVER_ERROR_INVALID_GRANT"), Documented,
        ["the assertion of the federation server was not accepted", "the user, the password or the device was refused: the AADSTS code says which"];
    /// Token library: the federation server answered a request for a token with a SOAP fault, or without a token.
    WSTRUST_REQUEST_FAILED = 0xcaa9_0014, Some("WSTRUST_REQUEST_SECURITYTOKEN_FAILED"), Documented,
        ["the federation server refused the user or the computer", "its endpoint is switched off or broken"];
    /// Token library: the identity provider speaks another protocol than WS-Trust.
    WSTRUST_PROTOCOL_NOT_SUPPORTED = 0xcaa9_0017, Some("PROTOCOL_NOT_SUPPORTED"), Documented,
        ["the domain is federated by SAML alone"];
    /// Token library: the federation server's metadata name no endpoint for integrated sign-in. The number stands next to
    /// the one for passwords.
    WSTRUST_NO_WINDOWS_ENDPOINT = 0xcaa9_0022, None, Assumed,
        ["the endpoint windowstransport is switched off on the federation server"];
    /// Token library: the federation server's metadata name no endpoint for user name and password.
    WSTRUST_NO_PASSWORD_ENDPOINT = 0xcaa9_0023, Some("COULDNOT_DISCOVER_USERNAME_PASSWORD_ENDPOINT"), Documented,
        ["the endpoint usernamemixed is switched off on the federation server", "the metadata could not be read"];
    /// Token library: what the federation server sent is no XML, or XML that is not read (with a DTD, too large).
    WSTRUST_NOT_XML = 0xcaa9_002c, Some("FAILED_TO_PARSE_XML"), Documented,
        ["a proxy's or a firewall's web page came in place of the metadata or the token"];
    /// Token library: the token service failed while an assertion was being exchanged for a token.
    WSTRUST_TOKEN_REQUEST_FAILED = 0xcaa9_0006, Some("WSTRUST_TOKEN_REQUEST_FAIL"), Documented,
        ["the token endpoint answered with an error: see the AADSTS code"];
    /// Automatic join: the service connection point of the Active Directory could not be read.
    AUTOJOIN_ADCONFIG_READ_FAILED = 0x801c_001d, Some("DSREG_AUTOJOIN_ADCONFIG_READ_FAILED"), Documented,
        ["the forest has no service connection point", "the computer does not reach a domain controller, or may not read it"];
    /// Automatic join: discovery did not answer in time.
    AUTOJOIN_DISCOVERY_TIMEOUT = 0x801c_001f, Some("DSREG_AUTOJOIN_DISC_WAIT_TIMEOUT"), Documented,
        ["the network of the computer is slow, or drops what the system account sends"];
    /// Automatic join: discovery failed; a second number says how.
    AUTOJOIN_DISCOVERY_FAILED = 0x801c_0021, Some("DSREG_AUTOJOIN_DISC_FAILED"), Documented,
        ["the registration service is out of reach or answers with an error: the second number says which"];
    /// The token service failed in another way.
    TOKEN_OTHER = 0xcaa1_002d, Some("OPERATION_PENDING"), Documented,
        ["the answer is not one that the library has a number for: see its text"];
    /// Token library: no answer in time.
    TOKEN_TIMEOUT = 0xcaa8_2ee2, Some("INTERNET_TIMEOUT"), Documented,
        ["the network or a proxy drops packets", "the service is overloaded"];
    /// Token library: the server's name could not be resolved.
    TOKEN_NAME_NOT_RESOLVED = 0xcaa8_2ee7, None, Assumed,
        ["the computer is offline", "its DNS does not know the host"];
    /// Token library: no connection could be made.
    TOKEN_CANNOT_CONNECT = 0xcaa8_2efd, Some("CANNOT_CONNECT"), Documented,
        ["a firewall or a proxy refuses the connection", "nothing listens there"];
    /// Token library: the connection broke before the answer was complete.
    TOKEN_ABORTED = 0xcaa8_2efe, Some("CONNECTION_ABORTED"), Documented,
        ["a firewall ends connections", "the service failed in the middle"];
    /// Token library: the server's certificate comes from an authority that is not trusted.
    TOKEN_UNTRUSTED_AUTHORITY = 0xcaa8_2f0d, None, Assumed,
        ["a proxy opens TLS with an authority of its own", "the authority is not in the computer's store"];
    /// Token library: TLS failed.
    TOKEN_TLS_FAILED = 0xcaa8_2f8f, Some("SECURE_FAILURE"), Documented,
        ["the certificate does not fit the host or the time: is the clock right?", "client and server share no version of TLS"];
    /// Windows: no answer in time.
    NETWORK_TIMEOUT = 0x8007_2ee2, Some("WININET_E_TIMEOUT"), Documented,
        ["the network or a proxy drops packets", "the service is overloaded"];
    /// Windows: the server's name could not be resolved.
    NETWORK_NAME_NOT_RESOLVED = 0x8007_2ee7, Some("WININET_E_NAME_NOT_RESOLVED"), Documented,
        ["the computer is offline", "its DNS does not know the host"];
    /// Windows: no connection could be made.
    NETWORK_CANNOT_CONNECT = 0x8007_2efd, Some("WININET_E_CANNOT_CONNECT"), Documented,
        ["a firewall or a proxy refuses the connection", "nothing listens there"];
    /// Windows: the connection broke before the answer was complete.
    NETWORK_ABORTED = 0x8007_2efe, Some("WININET_E_CONNECTION_ABORTED"), Documented,
        ["a firewall ends connections", "the service failed in the middle"];
    /// Windows: the server's certificate comes from an authority that is not trusted.
    NETWORK_UNTRUSTED_AUTHORITY = 0x8007_2f0d, Some("WININET_E_INVALID_CA"), Documented,
        ["a proxy opens TLS with an authority of its own", "the authority is not in the computer's store"];
    /// Windows: TLS failed.
    NETWORK_TLS_FAILED = 0x8007_2f8f, Some("WININET_E_DECODING_FAILED"), Documented,
        ["the certificate does not fit the host or the time: is the clock right?", "client and server share no version of TLS"];
    /// What came is no JSON.
    INVALID_DATA = 0x8007_000d, Some("E_INVALIDDATA"), Documented,
        ["a proxy's web page came in place of an answer", "the answer is too large or was cut"];
    /// Key store: the chip or the key in it is not what it was.
    NTE_BAD_KEYSET = 0x8009_0016, Some("NTE_BAD_KEYSET"), Documented,
        ["the image of another computer was put on this one", "the chip was cleared, or replaced with its board"];
    /// Key store: the chip is locked out.
    NTE_AUTHENTICATION_IGNORED = 0x8009_0031, Some("NTE_AUTHENTICATION_IGNORED"), Documented,
        ["too many failures at the chip: wait, or reset its lockout"];
    /// Chip: it is in FIPS mode.
    TPM_NOT_FIPS = 0x8028_0036, Some("TPM_E_NOTFIPS"), Documented,
        ["a TPM 1.2 in FIPS mode, which Windows does not use for this: switch the mode or the chip off"];
    /// Chip: it failed without a reason.
    TPM_INTERNAL = 0x8029_0407, Some("TPM_E_PCP_INTERNAL_ERROR"), Documented,
        ["a passing failure of the chip or of its firmware: try again, or update it"];
    /// A failure without a number of its own.
    UNKNOWN = 0x8000_4005, Some("E_FAIL"), Documented,
        ["look at the text beside it"];
    /// The system found no such object; under a service connection point that cannot be read.
    FILE_NOT_FOUND = 0x8007_0002, None, Documented,
        ["the Active Directory has no service connection point"];
    /// The caller is not elevated.
    ACCESS_DENIED = 0x8007_0005, Some("E_ACCESSDENIED"), Documented,
        ["the command prompt was not opened as an administrator"];
    /// This client does not emulate what was asked for.
    NOT_IMPLEMENTED = 0x8000_4001, Some("E_NOTIMPL"), Assumed,
        ["it is a limit of linarite, and its message names it"];
    /// An argument of the act makes no sense.
    INVALID_ARGUMENT = 0x8007_0057, Some("E_INVALIDARG"), Documented,
        ["a parameter is missing, misspelled, or does not go with another one"];

    /// Device management: the enrolment service did not understand the message.
    MDM_MESSAGE_FORMAT = 0x8018_0001, Some("MENROLL_E_DEVICE_MESSAGE_FORMAT_ERROR"), Documented,
        ["something between computer and service changed the message"];
    /// Device management: the user was not authenticated.
    MDM_AUTHENTICATION = 0x8018_0002, Some("MENROLL_E_DEVICE_AUTHENTICATION_ERROR"), Documented,
        ["the token is not accepted", "the device of the token is deleted or disabled"];
    /// Device management: the user may not enrol.
    MDM_AUTHORIZATION = 0x8018_0003, Some("MENROLL_E_DEVICE_AUTHORIZATION_ERROR"), Documented,
        ["the user is not in the scope of device management"];
    /// Device management: the certificate request was not taken.
    MDM_CERTIFICATE_REQUEST = 0x8018_0004, Some("MENROLL_E_DEVICE_CERTIFCATEREQUEST_ERROR"), Documented,
        ["the template of the request does not fit the policy", "the authority behind the service refuses"];
    /// Device management: what is behind the service failed.
    MDM_ENROLLMENT_SERVER = 0x8018_0005, Some("MENROLL_E_DEVICE_CONFIGMGRSERVER_ERROR"), Documented,
        ["the enrolment server is in trouble: try again later"];
    /// Device management: the service failed.
    MDM_INTERNAL_SERVICE = 0x8018_0006, Some("MENROLL_E_DEVICE_INTERNALSERVICE_ERROR"), Documented,
        ["the service is in trouble: try again later"];
    /// Device management: the message's security header was not taken.
    MDM_INVALID_SECURITY = 0x8018_0007, Some("MENROLL_E_DEVICE_INVALIDSECURITY_ERROR"), Documented,
        ["the token in the header is damaged or of another kind", "the clock of the computer is wrong"];
    /// Device management: a failure without a reason.
    MDM_UNKNOWN = 0x8018_0008, Some("MENROLL_E_DEVICE_UNKNOWN_ERROR"), Documented,
        ["the service sent a fault that Windows has no number for"];
    /// Device management: the machine is enrolled.
    MDM_ALREADY_ENROLLED = 0x8018_000a, Some("MENROLL_E_DEVICE_ALREADY_ENROLLED"), Documented,
        ["an earlier enrolment was never removed", "another user enrolled the computer"];
    /// Device management: the service could not be reached.
    MDM_CONNECTIVITY = 0x8018_0010, Some("MENROLL_E_CONNECTIVITY"), Documented,
        ["the address of the terms of use or of discovery is blank or leads nowhere", "the network is down"];
    /// Device management: the service's certificate is not trusted.
    MDM_INVALID_SSL_CERT = 0x8018_0012, Some("MENROLL_E_INVALIDSSLCERT"), Documented,
        ["a proxy opens TLS with an authority of its own"];
    /// Device management: the user has too many managed devices.
    MDM_DEVICE_CAP_REACHED = 0x8018_0013, Some("MENROLL_E_DEVICECAPREACHED"), Documented,
        ["the limit of managed devices is reached: remove stale ones, or raise it"];
    /// Device management: such devices are kept out.
    MDM_DEVICE_NOT_SUPPORTED = 0x8018_0014, Some("MENROLL_E_DEVICENOTSUPPORTED"), Documented,
        ["a restriction keeps this platform or its version out"];
    /// Device management: the service does not manage such devices.
    MDM_NOT_SUPPORTED = 0x8018_0015, Some("MENROLL_E_NOTSUPPORTED"), Documented,
        ["the service does not offer this kind of enrolment"];
    /// Device management: the certificate is not renewed.
    MDM_NOT_ELIGIBLE_TO_RENEW = 0x8018_0016, Some("MENROLL_E_NOTELIGIBLETORENEW"), Documented,
        ["the device is retired or out of scope"];
    /// Device management: the service is in maintenance.
    MDM_IN_MAINTENANCE = 0x8018_0017, Some("MENROLL_E_INMAINTENANCE"), Documented,
        ["the account is being moved: try again later"];
    /// Device management: the user has no licence.
    MDM_USER_LICENSE = 0x8018_0018, Some("MENROLL_E_USERLICENSE"), Documented,
        ["automatic enrolment is on for a user without a licence: give one, or take the user out of the scope"];
    /// Device management: the data of the enrolment are not valid.
    MDM_DATA_INVALID = 0x8018_0019, Some("MENROLL_E_ENROLLMENTDATAINVALID"), Documented,
        ["the service is set up wrongly", "the terms of use were not agreed to"];
    /// Device management: the service leads elsewhere.
    MDM_INSECURE_REDIRECT = 0x8018_001a, Some("MENROLL_E_INSECUREREDIRECT"), Documented,
        ["a proxy or a wrong address leads to plain HTTP or to a foreign host"];
    /// Device management: an empty answer came.
    MDM_EMPTY_MESSAGE = 0x8018_0029, Some("MENROLL_E_EMPTY_MESSAGE"), Documented,
        ["a proxy swallowed the answer", "the service failed without a word"];
    /// Device management: the user declined.
    MDM_USER_CANCELLED = 0x8018_0030, Some("MENROLL_E_USER_CANCELLED"), Documented,
        ["the user did not accept the terms of use, or closed the window"];
    /// Device management: the service gives a reason of its own.
    MDM_CUSTOM_SERVER_ERROR = 0x8018_0032, Some("MENROLL_E_CUSTOMSERVERERROR"), Documented,
        ["the text beside it says why"];

    /// Logon status: the user name or password is incorrect, or the token service could not be reached.
    STATUS_LOGON_FAILURE = 0xc000_006d, Some("STATUS_LOGON_FAILURE"), Documented,
        ["the password is wrong, expired or of a disabled account: the server's code says which", "the device is deleted or disabled", "the computer is offline: the HTTP error is then one of 12002 to 12175"];
    /// Logon status: the token service answered with a status above 400.
    STATUS_UNEXPECTED_NETWORK_ERROR = 0xc000_00c4, Some("STATUS_UNEXPECTED_NETWORK_ERROR"), Documented,
        ["the token service or the federation server is in trouble", "an endpoint of the federation server is switched off"];
    /// Logon status: the token service answered 400, or with something that could not be used.
    STATUS_REQUEST_NOT_ACCEPTED = 0xc000_00d0, Some("STATUS_REQUEST_NOT_ACCEPTED"), Documented,
        ["the answer is damaged", "the service does not accept the request's form"];
    /// Logon status: the realm of the user name was not found.
    STATUS_NO_SUCH_LOGON_SESSION = 0xc000_005f, Some("STATUS_NO_SUCH_LOGON_SESSION"), Documented,
        ["the domain of the user name is not verified in the tenant", "the user name on premises is not routable and no other one was chosen"];
    /// Logon status: the user name has no `@`.
    STATUS_USERNAME_MALFORMED = 0xc004_844c, Some("AAD_CLOUDAP_E_OAUTH_USERNAME_IS_MALFORMED"), Documented,
        ["a user name in the form DOMAIN\\name was typed"];
    /// Logon status: the federation server returned an error in place of an assertion.
    STATUS_SAML_TOKENS_EMPTY = 0xc004_84c1, Some("AAD_CLOUDAP_E_WSTRUST_SAML_TOKENS_ARE_EMPTY"), Documented,
        ["the federation server refused the user", "its rules issue nothing for this relying party"];
    /// Logon status: the federation server's metadata name no endpoint for user name and password.
    STATUS_PASSWORD_URI_EMPTY = 0xc004_848b, Some("AAD_CLOUDAP_E_HTTP_PASSWORD_URI_IS_EMPTY"), Documented,
        ["the endpoint usernamemixed is switched off on the federation server"];
    /// Logon status: the federation server sent XML with a DTD.
    STATUS_DTD_PROHIBITED = 0xc00c_ee4f, Some("WC_E_DTDPROHIBITED"), Documented,
        ["a proxy's web page came in place of the metadata", "the server's metadata are not those of WS-Trust"];

    /// Network error: no answer in time.
    WINHTTP_TIMEOUT = 12002, Some("ERROR_WINHTTP_TIMEOUT"), Documented,
        ["the network or a proxy drops packets"];
    /// Network error: the server's name could not be resolved.
    WINHTTP_NAME_NOT_RESOLVED = 12007, Some("ERROR_WINHTTP_NAME_NOT_RESOLVED"), Documented,
        ["the computer is offline", "its DNS does not know the host"];
    /// Network error: no connection could be made.
    WINHTTP_CANNOT_CONNECT = 12029, Some("ERROR_WINHTTP_CANNOT_CONNECT"), Documented,
        ["a firewall or a proxy refuses the connection"];
    /// Network error: the connection broke before the answer was complete.
    WINHTTP_CONNECTION_ERROR = 12030, Some("ERROR_WINHTTP_CONNECTION_ERROR"), Documented,
        ["a firewall ends connections", "the service failed in the middle"];
    /// Network error: TLS failed.
    WINHTTP_SECURE_FAILURE = 12175, Some("ERROR_WINHTTP_SECURE_FAILURE"), Documented,
        ["the certificate is not trusted, or does not fit the host or the time"];
}
