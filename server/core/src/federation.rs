//! What a federation server decides before it issues an assertion (FAQ A24, A25).
//!
//! It checks the passwords and certificates of its own domains, which the directory does not, and the time that a message
//! claims for itself. Left out: expired and locked-out passwords, revoked certificates, second factors, and who may use
//! which relying party.

use crate::instant::{Instant, Span};
use crate::refusal::FederationRefusal;
use crate::registration::{FittingClock, span_fits};
use crate::signin::same_secret;
use crate::tenant::{Realm, Tenant};
use crate::user::User;

/// Checks a user name and a password at the federation server with this host name. `user` is the account with that name.
/// Only the right password learns that the account is disabled.
pub fn with_federated_password(
    tenant: &Tenant,
    host: &str,
    upn: &str,
    user: Option<&User>,
    password: &str,
) -> Result<(), FederationRefusal> {
    let user = account(tenant, host, upn, user)?;
    if user.password.is_empty() || !same_secret(&user.password, password) {
        return Err(FederationRefusal::PasswordWrong);
    }
    if user.enabled { Ok(()) } else { Err(FederationRefusal::UserDisabled) }
}

/// Checks a user whom the computer's own sign-in vouches for, at the federation server with this host name.
pub fn with_integrated_sign_in(
    tenant: &Tenant,
    host: &str,
    upn: &str,
    user: Option<&User>,
) -> Result<(), FederationRefusal> {
    let user = account(tenant, host, upn, user)?;
    if user.enabled { Ok(()) } else { Err(FederationRefusal::UserDisabled) }
}

/// What the certificate of a user says, as far as signing in with it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserCertificate<'a> {
    /// Whether an authority that the server trusts issued it.
    pub trusted: bool,
    /// The user principal name of its holder.
    pub upn: Option<&'a str>,
    /// The first second of its validity.
    pub first: Instant,
    /// The last second of its validity, which counts to its end.
    pub last: Instant,
}

/// Checks a user whom a certificate vouches for, at the federation server with this host name. `user` is the account with
/// the certificate's name. That its holder has the key is somebody else's to know.
pub fn with_user_certificate(
    tenant: &Tenant,
    host: &str,
    certificate: UserCertificate<'_>,
    user: Option<&User>,
    now: Instant,
) -> Result<(), FederationRefusal> {
    if !certificate.trusted {
        return Err(FederationRefusal::CertificateUntrusted);
    }
    if now < certificate.first {
        return Err(FederationRefusal::CertificateNotYetValid);
    }
    if certificate.last + Span::from_seconds(1) <= now {
        return Err(FederationRefusal::CertificateExpired);
    }
    let upn = certificate.upn.ok_or(FederationRefusal::CertificateNameless)?;
    with_integrated_sign_in(tenant, host, upn, user)
}

/// The account, when its domain is one of this server's.
fn account<'a>(
    tenant: &Tenant,
    host: &str,
    upn: &str,
    user: Option<&'a User>,
) -> Result<&'a User, FederationRefusal> {
    match tenant.realm(upn) {
        Realm::Federated(_, sts) if sts.eq_ignore_ascii_case(host) => {
            user.ok_or(FederationRefusal::UserUnknown)
        }
        Realm::Federated(..) | Realm::Managed(_) | Realm::Unknown => {
            Err(FederationRefusal::UserUnknown)
        }
    }
}

/// By which clock a message is in time. It counts from `created` up to `expires`, not at it, and the tolerance is added
/// on both sides; world time is asked first.
pub fn message_in_time(
    created: Instant,
    expires: Instant,
    world: Instant,
    real: Instant,
    tolerance: Span,
) -> Result<FittingClock, FederationRefusal> {
    let fits = span_fits(created, expires, world, real, tolerance);
    fits.filter(|_| created < expires).ok_or(FederationRefusal::StampOutdated)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Guid, TenantId, UserId};
    use crate::tenant::{Domain, DomainKind, MayJoin, Settings};
    use crate::user::Account;

    const STS: &str = "sts.fabrikam.test";

    fn tenant() -> Tenant {
        let domain = |name: &str, kind| Domain { name: name.to_owned(), kind };
        let federated = |sts: &str| DomainKind::Federated { sts: sts.to_owned() };
        Tenant {
            id: TenantId::new(Guid::from_bytes([1; 16])),
            name: "Contoso".to_owned(),
            domains: vec![
                domain("contoso.test", DomainKind::Managed),
                domain("fabrikam.test", federated(STS)),
                domain("tailspin.test", federated("sts.tailspin.test")),
            ],
            initial_domain: "contoso.test".to_owned(),
            device_quota: 50,
            may_join: MayJoin::Everyone,
            mdm: crate::management::Mdm::default(),
            mfa_to_join: false,
            settings: Settings::default(),
        }
    }

    fn dave(enabled: bool) -> User {
        User {
            id: UserId::new(Guid::from_bytes([2; 16])),
            upn: "dave@fabrikam.test".to_owned(),
            name: "Dave".to_owned(),
            password: "right".to_owned(),
            enabled,
            roles: vec![],
            immutable_id: None,
            epoch: 0,
            devices: 0,
            account: Account::default(),
        }
    }

    fn check(upn: &str, user: Option<&User>, password: &str) -> Result<(), FederationRefusal> {
        with_federated_password(&tenant(), STS, upn, user, password)
    }

    #[test]
    fn the_right_password_is_accepted_whatever_the_case_of_the_domain() {
        assert_eq!(check("dave@Fabrikam.TEST", Some(&dave(true)), "right"), Ok(()));
    }

    #[test]
    fn users_of_other_domains_are_not_known() {
        for upn in ["dave@contoso.test", "dave@tailspin.test", "dave@nowhere.test", "dave", ""] {
            let refused = check(upn, Some(&dave(true)), "right");
            assert_eq!(refused, Err(FederationRefusal::UserUnknown), "{upn}");
        }
    }

    #[test]
    fn each_fault_has_its_own_refusal() {
        let name = "dave@fabrikam.test";
        assert_eq!(check(name, None, "right"), Err(FederationRefusal::UserUnknown));
        assert_eq!(check(name, Some(&dave(true)), "wrong"), Err(FederationRefusal::PasswordWrong));
        assert_eq!(check(name, Some(&dave(true)), ""), Err(FederationRefusal::PasswordWrong));
        assert_eq!(check(name, Some(&dave(false)), "right"), Err(FederationRefusal::UserDisabled));
        assert_eq!(check(name, Some(&dave(false)), "wrong"), Err(FederationRefusal::PasswordWrong));
    }

    #[test]
    fn integrated_sign_in_asks_for_no_password_but_for_an_enabled_account_of_the_server() {
        let check = |upn, user: Option<&User>| with_integrated_sign_in(&tenant(), STS, upn, user);
        let name = "dave@fabrikam.test";
        assert_eq!(check(name, Some(&dave(true))), Ok(()));
        assert_eq!(check(name, Some(&dave(false))), Err(FederationRefusal::UserDisabled));
        assert_eq!(check(name, None), Err(FederationRefusal::UserUnknown));
        let other = check("dave@tailspin.test", Some(&dave(true)));
        assert_eq!(other, Err(FederationRefusal::UserUnknown));
    }

    #[test]
    fn a_certificate_counts_from_its_first_second_to_the_end_of_its_last() {
        let at = Instant::from_seconds;
        let shown = UserCertificate {
            trusted: true,
            upn: Some("dave@fabrikam.test"),
            first: at(1_000),
            last: at(2_000),
        };
        let check = |certificate, user: Option<&User>, now| {
            with_user_certificate(&tenant(), STS, certificate, user, now)
        };
        let dave_now = |now| check(shown, Some(&dave(true)), now);
        let moment = Span::from_millis(1);
        assert_eq!(dave_now(at(1_000) - moment), Err(FederationRefusal::CertificateNotYetValid));
        assert_eq!(dave_now(at(1_000)), Ok(()));
        assert_eq!(dave_now(at(2_001) - moment), Ok(()));
        assert_eq!(dave_now(at(2_001)), Err(FederationRefusal::CertificateExpired));
        let now = at(1_500);
        let stranger = UserCertificate { trusted: false, ..shown };
        let refused = check(stranger, Some(&dave(true)), now);
        assert_eq!(refused, Err(FederationRefusal::CertificateUntrusted));
        let nameless = UserCertificate { upn: None, ..shown };
        assert_eq!(check(nameless, None, now), Err(FederationRefusal::CertificateNameless));
        assert_eq!(check(shown, None, now), Err(FederationRefusal::UserUnknown));
        let disabled = check(shown, Some(&dave(false)), now);
        assert_eq!(disabled, Err(FederationRefusal::UserDisabled));
        let elsewhere = UserCertificate { upn: Some("dave@tailspin.test"), ..shown };
        let refused = check(elsewhere, Some(&dave(true)), now);
        assert_eq!(refused, Err(FederationRefusal::UserUnknown));
    }

    #[test]
    fn an_account_without_a_password_signs_nobody_in() {
        let blank = User { password: String::new(), ..dave(true) };
        let refused = check("dave@fabrikam.test", Some(&blank), "");
        assert_eq!(refused, Err(FederationRefusal::PasswordWrong));
    }

    #[test]
    fn a_message_counts_from_its_creation_up_to_its_expiry_with_the_tolerance_on_both_sides() {
        let at = Instant::from_seconds;
        let far = at(1_000_000_000);
        let (created, expires, tolerance) = (at(10_000), at(10_600), Span::from_seconds(300));
        let fits = |now| message_in_time(created, expires, now, far, tolerance);
        assert_eq!(fits(at(9_700)), Ok(FittingClock::World));
        assert_eq!(fits(at(9_700) - Span::from_millis(1)), Err(FederationRefusal::StampOutdated));
        assert_eq!(fits(at(10_900) - Span::from_millis(1)), Ok(FittingClock::World));
        assert_eq!(fits(at(10_900)), Err(FederationRefusal::StampOutdated));
    }

    #[test]
    fn a_message_of_real_time_is_accepted_in_a_world_of_another_time() {
        let at = Instant::from_seconds;
        let fits = |real| message_in_time(at(0), at(600), at(1_000_000), real, Span::ZERO);
        assert_eq!(fits(at(0)), Ok(FittingClock::Real));
        assert_eq!(fits(at(599)), Ok(FittingClock::Real));
        assert_eq!(fits(at(600)), Err(FederationRefusal::StampOutdated));
    }

    #[test]
    fn a_message_that_ends_before_it_begins_is_never_in_time() {
        let at = Instant::from_seconds;
        let refused = message_in_time(at(100), at(100), at(100), at(100), Span::from_days(1));
        assert_eq!(refused, Err(FederationRefusal::StampOutdated));
    }
}
