//! The use of grants: refresh tokens, primary refresh tokens, authorization codes, nonces, and the steps of a sign-in.
//!
//! A grant itself says for whom and until when it is. What is decided here is whether it is in time, who may redeem it
//! (RFC 6749 sections 4.1.3 and 6; the service's own clients share their refresh tokens), whether the verifier fits the
//! challenge (RFC 7636 section 4.6), and which key derivation is taken. Left out: whether the directory still stands by
//! user and device ([`crate::signin`]), and whether something one-time was used before, which the directory knows.

use crate::ids::AppId;
use crate::instant::Instant;
use crate::refusal::GrantRefusal;
use crate::tenant::Settings;

/// Whether a grant that ends at this moment is in time: it counts up to the moment, not at it.
pub fn in_time(now: Instant, until: Instant) -> Result<(), GrantRefusal> {
    if now < until { Ok(()) } else { Err(GrantRefusal::Expired) }
}

/// The same of a nonce, which is as good as none when its time is over.
pub fn nonce_in_time(now: Instant, until: Instant) -> Result<(), GrantRefusal> {
    in_time(now, until).map_err(|_| GrantRefusal::NonceInvalid)
}

/// A client, as far as its use of grants goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its id.
    pub id: AppId,
    /// Whether it is one of the family that shares refresh tokens: the service's own.
    pub family: bool,
}

/// Whether a client may redeem a refresh token that was issued to another, or to itself. A client that the world has no
/// more (`None`) shares with nobody.
pub fn may_redeem(issued_to: Option<Client>, client: Client) -> Result<(), GrantRefusal> {
    let allowed = issued_to
        .is_some_and(|issued_to| issued_to.id == client.id || (issued_to.family && client.family));
    if allowed { Ok(()) } else { Err(GrantRefusal::OtherClient) }
}

/// What a code was asked for with.
#[derive(Clone, Copy, Debug)]
pub struct CodeTerms<'a> {
    /// When it ends.
    pub until: Instant,
    /// The client that it was issued to.
    pub issued_to: Option<AppId>,
    /// The redirect address that it was sent to.
    pub redirect: &'a str,
    /// Method and value of the code challenge, when there was one.
    pub challenge: Option<(&'a str, &'a str)>,
}

/// What is shown with a code.
#[derive(Clone, Copy, Debug)]
pub struct CodeUse<'a> {
    /// Now.
    pub now: Instant,
    /// The client that redeems it.
    pub client: AppId,
    /// The redirect address that it repeats.
    pub redirect: Option<&'a str>,
    /// The verifier, when one is shown.
    pub verifier: Option<Verifier<'a>>,
}

/// A code verifier.
#[derive(Clone, Copy, Debug)]
pub struct Verifier<'a> {
    /// As it came.
    pub text: &'a str,
    /// Its SHA-256 in base64url.
    pub s256: &'a str,
}

/// Whether a code may be redeemed like this. Codes are not shared, not even in the family.
pub fn may_redeem_code(terms: &CodeTerms<'_>, shown: &CodeUse<'_>) -> Result<(), GrantRefusal> {
    in_time(shown.now, terms.until)?;
    if terms.issued_to != Some(shown.client) {
        return Err(GrantRefusal::OtherClient);
    }
    if shown.redirect.is_none_or(|redirect| !redirect.eq_ignore_ascii_case(terms.redirect)) {
        return Err(GrantRefusal::RedirectMismatch);
    }
    let fits = match (terms.challenge, shown.verifier) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some((method, challenge)), Some(verifier)) => {
            let s256 = method.eq_ignore_ascii_case("s256");
            challenge == if s256 { verifier.s256 } else { verifier.text }
        }
    };
    if fits { Ok(()) } else { Err(GrantRefusal::VerifierMismatch) }
}

/// Whether a key derived the first way is taken (the second one always is).
pub const fn may_derive_the_first_way(settings: &Settings) -> Result<(), GrantRefusal> {
    if settings.kdf_v1 { Ok(()) } else { Err(GrantRefusal::KdfRefused) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Guid;
    use proptest::prelude::*;

    const UNTIL: Instant = Instant::from_millis(1_000_000);
    const BEFORE: Instant = Instant::from_millis(999_000);
    // The pair of RFC 7636, appendix B.
    const VERIFIER: Verifier<'_> = Verifier {
        text: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        s256: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    };

    const fn app(n: u8) -> AppId {
        AppId::new(Guid::from_bytes([n; 16]))
    }

    const fn client(n: u8, family: bool) -> Client {
        Client { id: app(n), family }
    }

    fn terms(challenge: Option<(&'static str, &'static str)>) -> CodeTerms<'static> {
        let redirect = "https://app.test/Back";
        CodeTerms { until: UNTIL, issued_to: Some(app(1)), redirect, challenge }
    }

    fn shown(verifier: Option<Verifier<'static>>) -> CodeUse<'static> {
        CodeUse { now: BEFORE, client: app(1), redirect: Some("https://app.test/back"), verifier }
    }

    #[test]
    fn a_grant_counts_until_its_end_and_not_at_it() {
        for (offset, expected) in [
            (-1000, Ok(())),
            (-1, Ok(())),
            (0, Err(GrantRefusal::Expired)),
            (1, Err(GrantRefusal::Expired)),
            (1000, Err(GrantRefusal::Expired)),
        ] {
            let now = Instant::from_millis(UNTIL.millis() + offset);
            assert_eq!(in_time(now, UNTIL), expected, "{offset}");
            let nonce = nonce_in_time(now, UNTIL);
            assert_eq!(nonce.is_ok(), expected.is_ok());
            assert!(nonce.is_ok() || nonce == Err(GrantRefusal::NonceInvalid));
            let code = may_redeem_code(&terms(None), &CodeUse { now, ..shown(None) });
            assert_eq!(code, expected, "{offset}");
        }
    }

    #[test]
    fn the_family_shares_refresh_tokens_and_everybody_else_keeps_its_own() {
        let other = Err(GrantRefusal::OtherClient);
        for (issued_to, redeems, expected) in [
            (Some(client(1, false)), client(1, false), Ok(())),
            (Some(client(1, true)), client(1, true), Ok(())),
            (Some(client(1, true)), client(2, true), Ok(())),
            (Some(client(1, true)), client(2, false), other),
            (Some(client(1, false)), client(2, true), other),
            (Some(client(1, false)), client(2, false), other),
            (None, client(1, true), other),
        ] {
            assert_eq!(may_redeem(issued_to, redeems), expected, "{issued_to:?} {redeems:?}");
        }
    }

    #[test]
    fn a_code_is_for_its_client_and_its_redirect_address_alone() {
        assert_eq!(may_redeem_code(&terms(None), &shown(None)), Ok(()), "the case is the same");
        let other = CodeUse { client: app(2), ..shown(None) };
        assert_eq!(may_redeem_code(&terms(None), &other), Err(GrantRefusal::OtherClient));
        let gone = CodeTerms { issued_to: None, ..terms(None) };
        assert_eq!(may_redeem_code(&gone, &shown(None)), Err(GrantRefusal::OtherClient));
        for redirect in [None, Some("https://app.test/"), Some("https://app.test/back/")] {
            let elsewhere = CodeUse { redirect, ..shown(None) };
            let refused = may_redeem_code(&terms(None), &elsewhere);
            assert_eq!(refused, Err(GrantRefusal::RedirectMismatch), "{redirect:?}");
        }
    }

    #[test]
    fn the_published_verifier_fits_its_challenge_and_nothing_else_does() {
        let published = ("S256", VERIFIER.s256);
        let mismatch = Err(GrantRefusal::VerifierMismatch);
        let wrong = Verifier { text: "other", s256: "2cYtpAoXkrVd6E0ZFGoh-dMp8lF3FGm5P9MwVxtJOvs" };
        for (challenge, verifier, expected) in [
            (Some(published), Some(VERIFIER), Ok(())),
            (Some(("s256", VERIFIER.s256)), Some(VERIFIER), Ok(())),
            (Some(published), Some(wrong), mismatch),
            (Some(published), None, mismatch),
            (Some(("S256", VERIFIER.text)), Some(VERIFIER), mismatch),
            (Some(("plain", VERIFIER.text)), Some(VERIFIER), Ok(())),
            (Some(("plain", VERIFIER.s256)), Some(VERIFIER), mismatch),
            (None, None, Ok(())),
            (None, Some(wrong), Ok(())),
        ] {
            let decided = may_redeem_code(&terms(challenge), &shown(verifier));
            assert_eq!(decided, expected, "{challenge:?} {verifier:?}");
        }
    }

    #[test]
    fn the_first_derivation_is_taken_where_the_world_says_so() {
        for (kdf_v1, expected) in [(true, Ok(())), (false, Err(GrantRefusal::KdfRefused))] {
            let settings = Settings { kdf_v1, ..Settings::default() };
            assert_eq!(may_derive_the_first_way(&settings), expected);
        }
    }

    proptest! {
        #[test]
        fn whoever_may_redeem_is_the_same_client_or_of_the_family(
            one in 0_u8..3, one_family: bool, other in 0_u8..3, other_family: bool,
        ) {
            let allowed = may_redeem(Some(client(one, one_family)), client(other, other_family));
            prop_assert_eq!(allowed.is_ok(), one == other || (one_family && other_family));
        }

        #[test]
        fn a_code_with_a_challenge_is_never_redeemed_by_another_text(
            text in "[A-Za-z0-9._~-]{0,50}", s256 in "[A-Za-z0-9_-]{43}",
        ) {
            let verifier = Verifier { text: &text, s256: &s256 };
            let terms = terms(Some(("S256", VERIFIER.s256)));
            let shown = CodeUse {
                now: BEFORE,
                client: app(1),
                redirect: Some("https://app.test/back"),
                verifier: Some(verifier),
            };
            prop_assert_eq!(may_redeem_code(&terms, &shown).is_ok(), s256 == VERIFIER.s256);
        }

        #[test]
        fn time_never_comes_back_to_a_grant(until in -1_000_i64..1_000, now in -1_000_i64..1_000, later in 0_i64..1_000) {
            let at = Instant::from_millis;
            if in_time(at(now), at(until)).is_err() {
                prop_assert!(in_time(at(now + later), at(until)).is_err());
            }
        }
    }
}
