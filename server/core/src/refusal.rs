//! The ways to say no: one closed enum for each decision.
//!
//! Each variant has a word (`reason` in the journal) under which the tables of the server keep the code and the text
//! that a client sees. A new variant therefore needs a row, and a test counts them.

/// Declares a refusal enum whose variants know their word and are listed in `ALL`.
macro_rules! refusals {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// Every variant.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word of this refusal in the journal and in the tables.
            pub const fn reason(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }
    };
}

refusals! {
    /// Why the standing of a device speaks against a grant or an access.
    DeviceRefusal {
        /// Disabled, and the instant has come (FAQ A16).
        Disabled = "device-disabled",
        /// Deleted, and the instant has come (FAQ A8).
        Deleted = "device-deleted",
        /// No record and no trace of one has this id or certificate.
        Unknown = "device-unknown",
        /// The record is there, but the certificate is not the one it was given (FAQ A21).
        CertificateMismatch = "device-certificate-mismatch",
        /// The record was synchronised but its registration was never completed.
        Pending = "device-pending",
        /// The grant is of before a disable that came to count; enabling did not bring it back (FAQ A17).
        GrantRevoked = "device-grant-revoked",
        /// The device's own certificate, at a time at which it is not valid: over, or not begun.
        CertificateExpired = "device-certificate-expired",
        /// The record is new, and the copy of the directory that sign-in asks does not have it yet.
        NotReplicated = "device-not-replicated",
        /// [`Self::Disabled`], to a user who signs in with Windows Hello.
        DisabledForHello = "device-disabled-hello",
        /// [`Self::Deleted`], to a user who signs in with Windows Hello.
        DeletedForHello = "device-deleted-hello",
    }
}

refusals! {
    /// Why a user may not sign in (FAQ A22, A24, A25).
    SignInRefusal {
        /// No such user in the directory.
        UserUnknown = "user-unknown",
        /// No password, or the wrong one.
        PasswordWrong = "password-wrong",
        /// The account is disabled.
        UserDisabled = "user-disabled",
        /// The domain's passwords are not known here; its federation server has to be asked.
        DomainFederated = "domain-federated",
        /// The user name is of no domain of the tenant.
        DomainUnknown = "domain-unknown",
        /// The password is right, and its time is over.
        PasswordExpired = "password-expired",
        /// The password is right, and an administrator's: the user has to choose another one first.
        PasswordTemporary = "password-temporary",
        /// Too many wrong passwords: for a while no password signs in.
        LockedOut = "user-locked-out",
    }
}

refusals! {
    /// Why a grant (refresh token, primary refresh token, code, nonce, signed request) is not honoured.
    GrantRefusal {
        /// It was not made by this world, or was damaged.
        Unreadable = "grant-unreadable",
        /// Its time is over.
        Expired = "grant-expired",
        /// Everything granted to the user before was taken back.
        UserRevoked = "user-grant-revoked",
        /// It was given to another client.
        OtherClient = "grant-of-another-client",
        /// A code was redeemed before.
        CodeUsed = "code-used",
        /// The redirect address is not the one that the code was asked with.
        RedirectMismatch = "redirect-mismatch",
        /// The code verifier does not match the challenge.
        VerifierMismatch = "code-verifier-mismatch",
        /// A request must carry a nonce and has none.
        NonceMissing = "nonce-missing",
        /// The nonce was not made by this world, or its time is over.
        NonceInvalid = "nonce-invalid",
        /// The nonce was used before.
        NonceUsed = "nonce-used",
        /// The request's signature does not fit its certificate.
        SignatureInvalid = "signature-invalid",
        /// The request is not signed with the session key.
        SessionKeyInvalid = "session-key-invalid",
        /// The key was derived the old way, and this world refuses that.
        KdfRefused = "kdf-v1-refused",
        /// The Windows Hello key is not known.
        HelloKeyUnknown = "hello-key-unknown",
        /// The Windows Hello assertion's signature does not fit the key.
        HelloSignatureInvalid = "hello-signature-invalid",
        /// The Windows Hello assertion is of another time.
        HelloOutdated = "hello-assertion-outdated",
        /// The grant is bound to a device, and not to the one that shows its certificate.
        OtherDevice = "grant-of-another-device",
        /// A primary refresh token of before a change of the password (newer FAQ, N31).
        SessionPasswordChanged = "session-password-changed",
        /// A refresh token or a code of before a change of the password.
        PasswordChanged = "grant-password-changed",
    }
}

refusals! {
    /// Why conditional access gives no tokens (FAQ A20, A21). They stand in the order in which they are told.
    PolicyRefusal {
        /// A policy lets nobody in.
        Blocked = "policy-blocked",
        /// The user has a second factor and has not shown it.
        SecondFactorRequired = "second-factor-required",
        /// The user has none to show.
        SecondFactorMissing = "second-factor-not-registered",
        /// No device, or one that is not marked as compliant.
        DeviceNotCompliant = "device-not-compliant",
        /// No device, or one that is not joined on premises.
        DeviceNotHybrid = "device-not-hybrid",
        /// The user has registered devices, and none took part in the sign-in.
        DeviceNotShown = "device-not-shown",
        /// The user has no registered device.
        DeviceNotRegistered = "device-not-registered",
        /// One of several states of the device would do, and it is in none of them.
        DeviceStateUnfit = "device-state-unfit",
    }
}

/// Why no tokens are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionRefusal {
    /// Because of the user.
    SignIn(SignInRefusal),
    /// Because of the device.
    Device(DeviceRefusal),
    /// Because of the grant that was shown.
    Grant(GrantRefusal),
    /// Because of the assertion that was shown.
    Assertion(AssertionRefusal),
    /// Because of a policy.
    Policy(PolicyRefusal),
}

impl SessionRefusal {
    /// The word of this refusal in the journal and in the tables.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::SignIn(refusal) => refusal.reason(),
            Self::Device(refusal) => refusal.reason(),
            Self::Grant(refusal) => refusal.reason(),
            Self::Assertion(refusal) => refusal.reason(),
            Self::Policy(refusal) => refusal.reason(),
        }
    }
}

impl From<SignInRefusal> for SessionRefusal {
    fn from(refusal: SignInRefusal) -> Self {
        Self::SignIn(refusal)
    }
}

impl From<DeviceRefusal> for SessionRefusal {
    fn from(refusal: DeviceRefusal) -> Self {
        Self::Device(refusal)
    }
}

impl From<GrantRefusal> for SessionRefusal {
    fn from(refusal: GrantRefusal) -> Self {
        Self::Grant(refusal)
    }
}

impl From<AssertionRefusal> for SessionRefusal {
    fn from(refusal: AssertionRefusal) -> Self {
        Self::Assertion(refusal)
    }
}

impl From<PolicyRefusal> for SessionRefusal {
    fn from(refusal: PolicyRefusal) -> Self {
        Self::Policy(refusal)
    }
}

refusals! {
    /// Why a device may not join, register, complete a hybrid join or leave.
    JoinRefusal {
        /// The tenant does not let this user join devices.
        NotAllowed = "join-not-allowed",
        /// The user owns as many devices as the tenant allows.
        QuotaReached = "device-quota-reached",
        /// This kind of join is not offered here.
        TypeRefused = "join-type-refused",
        /// The user of the token is gone or disabled.
        UserRefused = "join-user-refused",
        /// A hybrid join of a record that was never synchronised, or is gone (FAQ A9).
        RecordMissing = "device-record-missing",
        /// The computer's proof does not fit the synchronised certificate or SID.
        SidMismatch = "sid-mismatch",
        /// The computer's proof is too old or of the future.
        ProofOutdated = "sid-proof-outdated",
        /// A leave without a client certificate.
        CertificateMissing = "certificate-missing",
        /// A leave with a certificate that no record has.
        CertificateUnknown = "certificate-unknown",
        /// A leave with the certificate of another device.
        CertificateOfAnother = "certificate-of-another-device",
        /// A Windows Hello key that is registered for another user already.
        HelloKeyOfAnother = "hello-key-of-another-user",
        /// A federated hybrid join whose token does not say which computer it is.
        ClaimsMissing = "computer-claims-missing",
        /// A Windows Hello key with a token that is bound to no device.
        HelloWithoutDevice = "hello-key-without-device",
        /// A Windows Hello key with a token whose user proved no second factor.
        HelloWithoutSecondFactor = "hello-key-without-second-factor",
        /// The tenant wants a second factor of whoever joins, and the token does not say that there was one (FAQ A24).
        SecondFactorMissing = "join-second-factor-missing",
    }
}

refusals! {
    /// Why a resource does not accept a token, or a caller may not do what it asks.
    AccessRefusal {
        /// No token at all.
        TokenMissing = "token-missing",
        /// Not a token of this tenant, or a damaged one.
        TokenInvalid = "token-invalid",
        /// Its time is over.
        TokenExpired = "token-expired",
        /// Meant for another resource.
        AudienceWrong = "token-audience-wrong",
        /// The user of the token is gone.
        UserUnknown = "token-user-unknown",
        /// The user of the token is disabled.
        UserDisabled = "token-user-disabled",
        /// The device of the token is disabled, and the instant has come.
        DeviceDisabled = "token-device-disabled",
        /// The device of the token is deleted, and the instant has come.
        DeviceDeleted = "token-device-deleted",
        /// The directory knows nothing of the token's device.
        DeviceUnknown = "token-device-unknown",
        /// The caller holds no role that allows it.
        RoleMissing = "role-missing",
        /// The application that calls for itself holds no permission that allows it.
        PermissionMissing = "permission-missing",
        /// An application calls for itself where only a user can.
        UserMissing = "token-without-user",
    }
}

impl From<DeviceRefusal> for AccessRefusal {
    fn from(refusal: DeviceRefusal) -> Self {
        match refusal {
            DeviceRefusal::Disabled | DeviceRefusal::DisabledForHello => Self::DeviceDisabled,
            DeviceRefusal::Deleted | DeviceRefusal::DeletedForHello => Self::DeviceDeleted,
            DeviceRefusal::Unknown
            | DeviceRefusal::CertificateMismatch
            | DeviceRefusal::CertificateExpired
            | DeviceRefusal::Pending
            | DeviceRefusal::NotReplicated
            | DeviceRefusal::GrantRevoked => Self::DeviceUnknown,
        }
    }
}

refusals! {
    /// Why a directory query or change is not carried out.
    QueryRefusal {
        /// No such object.
        NotFound = "object-not-found",
        /// The request is malformed.
        Malformed = "query-malformed",
        /// The query is well formed but not supported, or not without `ConsistencyLevel: eventual`.
        Unsupported = "query-unsupported",
        /// The page cursor is not one of ours.
        CursorInvalid = "cursor-invalid",
        /// No index serves the query, and more rows than a query may look at would have to be looked at.
        TooExpensive = "query-too-expensive",
        /// Another object has this name already.
        Conflict = "object-exists",
    }
}

refusals! {
    /// Why a federation server issues no assertion (FAQ A24, A25).
    FederationRefusal {
        /// No account of its domains has this name.
        UserUnknown = "federated-user-unknown",
        /// No password, or the wrong one.
        PasswordWrong = "federated-password-wrong",
        /// The account is disabled.
        UserDisabled = "federated-user-disabled",
        /// No computer of its domains is the one that signs in.
        ComputerUnknown = "federated-computer-unknown",
        /// The message says that it is valid at another time, or says no time at all.
        StampOutdated = "message-stamp-outdated",
        /// The message is not what the holder of its certificate signed.
        SignatureWrong = "message-signature-wrong",
        /// The certificate is from no authority that the server trusts.
        CertificateUntrusted = "user-certificate-untrusted",
        /// The certificate's time has not come.
        CertificateNotYetValid = "user-certificate-not-yet-valid",
        /// The certificate's time is over.
        CertificateExpired = "user-certificate-expired",
        /// The certificate names no user.
        CertificateNameless = "user-certificate-nameless",
    }
}

refusals! {
    /// Why the assertion of a federation server is not honoured (FAQ A25).
    AssertionRefusal {
        /// It is no single SAML assertion of the version that the grant says.
        Unreadable = "assertion-unreadable",
        /// No domain of the tenant has its issuer.
        IssuerUnknown = "assertion-issuer-unknown",
        /// It is not signed.
        Unsigned = "assertion-unsigned",
        /// Its signature does not fit it, or is of another form than the accepted one.
        Damaged = "assertion-damaged",
        /// It is signed with another key than the domain's.
        KeyWrong = "assertion-key-wrong",
        /// It is meant for somebody else.
        AudienceWrong = "assertion-audience-wrong",
        /// Its time has not come.
        NotYetValid = "assertion-not-yet-valid",
        /// Its time is over.
        Expired = "assertion-expired",
        /// No user has its immutable id, or it has none.
        ImmutableIdUnknown = "assertion-immutable-id-unknown",
        /// The user is of a domain that its issuer does not speak for.
        DomainOfAnother = "assertion-domain-of-another",
    }
}

refusals! {
    /// Why device management does not take a device (FAQ A26).
    EnrolRefusal {
        /// The user's devices are not managed.
        NotInScope = "enrol-not-in-scope",
        /// The user has no licence for device management: the usual reason for "Oops".
        LicenceMissing = "enrol-licence-missing",
        /// The user's token names no device of the directory.
        DeviceUnknown = "enrol-device-unknown",
        /// The device is disabled.
        DeviceDisabled = "enrol-device-disabled",
        /// Windows is kept out by a restriction.
        PlatformBlocked = "enrol-platform-blocked",
        /// The terms of use were not agreed to.
        TermsNotAgreed = "enrol-terms-not-agreed",
        /// The user has too many managed devices.
        DeviceCapReached = "enrol-device-cap-reached",
        /// The service is in maintenance.
        InMaintenance = "enrol-in-maintenance",
        /// The kind of enrolment is not supported.
        NotSupported = "enrol-not-supported",
        /// The certificate is not to be renewed.
        NotEligibleToRenew = "enrol-not-eligible-to-renew",
        /// The service does not take the certificate request.
        CertificateRequestRefused = "enrol-certificate-request-refused",
        /// What is behind the service failed.
        ServerFailed = "enrol-server-failed",
        /// The service itself failed.
        ServiceFailed = "enrol-service-failed",
        /// The service does not take the security header of the message.
        SecurityRefused = "enrol-security-refused",
        /// The service does not understand the message.
        MessageRefused = "enrol-message-refused",
        /// The service does not believe who the user is.
        AuthenticationRefused = "enrol-authentication-refused",
        /// The service has a reason of its own, which is shown.
        Custom = "enrol-custom",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_word_stands_for_two_refusals() {
        let words: Vec<&str> = (DeviceRefusal::ALL.iter().map(|r| r.reason()))
            .chain(SignInRefusal::ALL.iter().map(|r| r.reason()))
            .chain(GrantRefusal::ALL.iter().map(|r| r.reason()))
            .chain(JoinRefusal::ALL.iter().map(|r| r.reason()))
            .chain(AccessRefusal::ALL.iter().map(|r| r.reason()))
            .chain(QueryRefusal::ALL.iter().map(|r| r.reason()))
            .chain(FederationRefusal::ALL.iter().map(|r| r.reason()))
            .chain(AssertionRefusal::ALL.iter().map(|r| r.reason()))
            .chain(PolicyRefusal::ALL.iter().map(|r| r.reason()))
            .chain(EnrolRefusal::ALL.iter().map(|r| r.reason()))
            .collect();
        assert_eq!(words.iter().collect::<BTreeSet<_>>().len(), words.len());
    }
}
