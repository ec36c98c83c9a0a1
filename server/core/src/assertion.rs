//! Whether an assertion of a federation server signs a user in, and why not.
//!
//! The service asks in one order: can it be read, who says it, did that one sign it, for whom, when, about whom. Times are
//! those of the world alone, without tolerance, because the federation server that stamped them lives in the same world.
//! Left out: replayed assertions, which the real service accepts within their time.

use crate::instant::Instant;
use crate::refusal::{AssertionRefusal, SessionRefusal};
use crate::tenant::{Realm, Tenant};
use crate::user::User;

/// What the signature of an assertion is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seal {
    /// The key of the issuer signed exactly this.
    Good,
    /// There is none.
    Missing,
    /// It does not fit the assertion, or is not of the accepted form.
    Damaged,
    /// Another key made it.
    OtherKey,
}

/// What is asked of an assertion before anybody looks for its user.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// Whether a domain of the tenant has this issuer.
    pub issuer_known: bool,
    /// What its signature is worth.
    pub seal: Seal,
    /// Whether one of its audiences is this cloud.
    pub for_this_cloud: bool,
    /// The first moment of its validity.
    pub not_before: Instant,
    /// The moment from which it is not valid any more.
    pub not_on_or_after: Instant,
    /// What ties its subject to a user of the directory.
    pub immutable_id: Option<&'a str>,
}

/// The immutable id that an assertion vouches for at this moment.
pub fn accept<'a>(shown: &Shown<'a>, now: Instant) -> Result<&'a str, AssertionRefusal> {
    is_good(shown, now)?;
    shown.immutable_id.ok_or(AssertionRefusal::ImmutableIdUnknown)
}

/// Whether an assertion about a domain computer counts at this moment. `object` is the id of its object on premises as the
/// assertion writes it; an immutable id beside it must be the same. Whether that is enough for a join is asked there.
pub fn accept_computer(
    shown: &Shown<'_>,
    object: Option<&str>,
    now: Instant,
) -> Result<(), AssertionRefusal> {
    is_good(shown, now)?;
    match shown.immutable_id {
        Some(id) if object != Some(id) => Err(AssertionRefusal::ImmutableIdUnknown),
        Some(_) | None => Ok(()),
    }
}

fn is_good(shown: &Shown<'_>, now: Instant) -> Result<(), AssertionRefusal> {
    if !shown.issuer_known {
        return Err(AssertionRefusal::IssuerUnknown);
    }
    match shown.seal {
        Seal::Good => {}
        Seal::Missing => return Err(AssertionRefusal::Unsigned),
        Seal::Damaged => return Err(AssertionRefusal::Damaged),
        Seal::OtherKey => return Err(AssertionRefusal::KeyWrong),
    }
    if !shown.for_this_cloud {
        return Err(AssertionRefusal::AudienceWrong);
    }
    if now < shown.not_before {
        return Err(AssertionRefusal::NotYetValid);
    }
    if now >= shown.not_on_or_after {
        return Err(AssertionRefusal::Expired);
    }
    Ok(())
}

/// Whether an accepted assertion of the issuer of these domains signs this user in: the one that the directory has under
/// the immutable id.
pub fn signs_in(
    tenant: &Tenant,
    domains: &[String],
    user: Option<&User>,
) -> Result<(), SessionRefusal> {
    let user = user.ok_or(AssertionRefusal::ImmutableIdUnknown)?;
    match tenant.realm(&user.upn) {
        Realm::Federated(domain, _) if domains.contains(&domain.name) => {}
        Realm::Federated(..) | Realm::Managed(_) | Realm::Unknown => {
            return Err(AssertionRefusal::DomainOfAnother.into());
        }
    }
    if user.enabled { Ok(()) } else { Err(crate::refusal::SignInRefusal::UserDisabled.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Guid, TenantId, UserId};
    use crate::refusal::SignInRefusal;
    use crate::tenant::{Domain, DomainKind, MayJoin, Settings};
    use crate::user::Account;

    const START: Instant = Instant::from_millis(1_000_000);
    const END: Instant = Instant::from_millis(2_000_000);
    const GOOD: Shown<'_> = Shown {
        issuer_known: true,
        seal: Seal::Good,
        for_this_cloud: true,
        not_before: START,
        not_on_or_after: END,
        immutable_id: Some("id"),
    };

    #[test]
    fn it_counts_from_its_first_moment_up_to_its_last_and_not_at_it() {
        let at = |millis| accept(&GOOD, Instant::from_millis(millis));
        assert_eq!(at(START.millis() - 1), Err(AssertionRefusal::NotYetValid));
        assert_eq!(at(START.millis()), Ok("id"));
        assert_eq!(at(END.millis() - 1), Ok("id"));
        assert_eq!(at(END.millis()), Err(AssertionRefusal::Expired));
    }

    #[test]
    fn each_defect_has_its_own_refusal_and_an_unproven_word_decides_nothing() {
        let check = |shown: Shown<'_>| accept(&shown, START).map(|_| ()).unwrap_err();
        assert_eq!(
            check(Shown { issuer_known: false, seal: Seal::OtherKey, ..GOOD }),
            AssertionRefusal::IssuerUnknown
        );
        for (seal, refusal) in [
            (Seal::Missing, AssertionRefusal::Unsigned),
            (Seal::Damaged, AssertionRefusal::Damaged),
            (Seal::OtherKey, AssertionRefusal::KeyWrong),
        ] {
            // Whoever did not sign does not choose between the later refusals.
            assert_eq!(check(Shown { seal, for_this_cloud: false, ..GOOD }), refusal);
            assert_eq!(check(Shown { seal, not_before: END, ..GOOD }), refusal);
        }
        assert_eq!(check(Shown { for_this_cloud: false, ..GOOD }), AssertionRefusal::AudienceWrong);
        assert_eq!(
            check(Shown { immutable_id: None, ..GOOD }),
            AssertionRefusal::ImmutableIdUnknown
        );
    }

    #[test]
    fn a_computer_is_asked_the_same_and_has_one_id() {
        let shown = |immutable_id| Shown { immutable_id, ..GOOD };
        let other = Err(AssertionRefusal::ImmutableIdUnknown);
        assert_eq!(accept_computer(&shown(Some("id")), Some("id"), START), Ok(()));
        assert_eq!(accept_computer(&shown(None), Some("id"), START), Ok(()));
        assert_eq!(accept_computer(&shown(None), None, START), Ok(()));
        assert_eq!(accept_computer(&shown(Some("id")), Some("other"), START), other);
        assert_eq!(accept_computer(&shown(Some("id")), None, START), other);
        let ended = accept_computer(&GOOD, Some("id"), END);
        assert_eq!(ended, Err(AssertionRefusal::Expired));
        let unsigned = Shown { seal: Seal::Missing, ..shown(Some("other")) };
        let refused = accept_computer(&unsigned, Some("id"), START);
        assert_eq!(refused, Err(AssertionRefusal::Unsigned));
    }

    #[test]
    fn an_issuer_speaks_for_its_own_domains_only() {
        let federated = |name: &str| Domain {
            name: name.to_owned(),
            kind: DomainKind::Federated { sts: format!("sts.{name}") },
        };
        let tenant = Tenant {
            id: TenantId::new(Guid::from_bytes([1; 16])),
            name: "Contoso".to_owned(),
            domains: vec![
                Domain { name: "contoso.test".to_owned(), kind: DomainKind::Managed },
                federated("fabrikam.test"),
                federated("northwind.test"),
            ],
            initial_domain: "contoso.test".to_owned(),
            device_quota: 50,
            may_join: MayJoin::Everyone,
            mdm: crate::management::Mdm::default(),
            mfa_to_join: false,
            settings: Settings::default(),
        };
        let user = |upn: &str, enabled| User {
            id: UserId::new(Guid::from_bytes([2; 16])),
            upn: upn.to_owned(),
            name: String::new(),
            password: String::new(),
            enabled,
            roles: vec![],
            immutable_id: Some("id".to_owned()),
            epoch: 0,
            devices: 0,
            account: Account::default(),
        };
        let domains = ["fabrikam.test".to_owned()];
        let check = |user: Option<&User>| signs_in(&tenant, &domains, user);
        assert_eq!(check(Some(&user("dave@Fabrikam.test", true))), Ok(()));
        assert_eq!(
            check(Some(&user("dave@fabrikam.test", false))),
            Err(SignInRefusal::UserDisabled.into())
        );
        for upn in ["dave@northwind.test", "dave@contoso.test", "dave@nowhere.test"] {
            let refused = check(Some(&user(upn, true)));
            assert_eq!(refused, Err(AssertionRefusal::DomainOfAnother.into()), "{upn}");
        }
        assert_eq!(check(None), Err(AssertionRefusal::ImmutableIdUnknown.into()));
    }
}
