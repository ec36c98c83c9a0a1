//! The page that asks for the second factor: a code of an authenticator app, by the world's clock.
//!
//! A stand-in, and a plain one: the real service offers what the user has registered, by a page that talks to it while the
//! telephone rings. Here there is one way, a one-time password by time (`users.X.mfa.totp` of a world), and a form that
//! needs no script. Whoever has none to show is refused; registering one is not emulated. What was proved before (the
//! password, a primary refresh token, the word of a federation server) goes along, sealed.

use linarite_core::conditional::is_second_factor;
use linarite_core::second_factor::steps;
use linarite_core::signin::GrantKind;

use super::authorize::{Failed, admit};
use super::grants::{Asked, Holder, new_interaction};
use super::pages;
use super::refuse::{Refused, Shown};
use super::request::wanted;
use crate::directory::{SignIn, UserKey};
use crate::keys::totp;
use crate::services::call::Call;
use crate::services::reply::Reply;

/// The word for it in `amr`.
const WORD: &str = "mfa";

/// Says in `amr` that a second factor was proved.
pub(super) fn note_in(amr: &mut Vec<String>) {
    if !amr.iter().any(|word| is_second_factor(word)) {
        amr.push(WORD.to_owned());
    }
}

/// Asks for the code. `again`: the one before was wrong.
pub(super) fn ask(
    call: &Call,
    asked: &Asked,
    proved: Holder,
    upn: &str,
    shown: Option<&Shown>,
    again: bool,
) -> Result<Reply, Refused> {
    call.note("second_factor", if again { "wrong" } else { "asked" });
    let ctx = new_interaction(call, asked.clone(), Some(proved))?;
    let action = call.url(&call.link.host, "/organizations/login");
    Ok(pages::second_factor(call, upn, &ctx, &action, shown, again))
}

/// The answer to the form.
pub(super) async fn submitted(
    call: &Call,
    asked: &Asked,
    proved: Holder,
    typed: &str,
) -> Result<Reply, Failed> {
    let failed = |_| Refused::wire("directory-failed");
    let user = call.world.directory.user(&UserKey::Id(proved.user_id()?)).map_err(failed)?;
    let upn = user.as_ref().map(|user| user.upn.clone()).unwrap_or_default();
    call.note("user", upn.as_str());
    let secret = user.and_then(|user| user.account.totp);
    let typed: String = typed.chars().filter(char::is_ascii_digit).take(7).collect();
    let right = secret.is_some_and(|secret| {
        steps(call.now()).into_iter().any(|step| totp::code(&secret, step).as_ref() == Some(&typed))
    });
    if !right {
        let refused = Refused::wire("second-factor-wrong");
        let shown = refused.shown(call);
        if let Some(shown) = &shown {
            refused.note(call, shown);
        }
        return Ok(ask(call, asked, proved, &upn, shown.as_ref(), true)?);
    }
    call.note("second_factor", "proved");
    let mut amr = proved.amr.clone();
    note_in(&mut amr);
    let sign_in = SignIn {
        user: proved.user(GrantKind::Token)?,
        device: proved.device()?,
        once: Vec::new(),
        now: call.now(),
        purpose: wanted(call, Some(&asked.resource), &asked.scope)?.purpose(call, &amr),
    };
    Ok(admit(call, asked, sign_in, &amr, true).await?)
}
