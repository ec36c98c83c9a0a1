//! Sign-in by a browser (WS-Federation 1.2, section 13): a form, and the answer that the browser posts to the cloud.
//!
//! `GET /adfs/ls/?wa=wsignin1.0&wtrealm=...&wctx=...[&username=...]`. What came in `wctx` goes back as it is. Left out:
//! sessions of the browser, `wreply`, sign-out, SAML-P and forms of other ways to sign in.

use linarite_core::refusal::FederationRefusal;

use super::endpoints::of_host;
use super::fault::Refused;
use super::issue::relying_party;
use super::{pages, trust};
use crate::services::call::Call;
use crate::services::reply::Reply;
use crate::world::federation_settings::{FederationEndpoint, TrustVersion};

/// How long a context may be.
const CONTEXT: usize = 16 << 10;

/// What a browser was sent here for.
struct Asked {
    context: String,
    login: String,
}

fn asked(call: &Call) -> Result<Asked, Refused> {
    call.note("operation", "adfs.passive");
    if !of_host(call).answers(call, FederationEndpoint::Passive) {
        return Err(Refused::wire("federation-endpoint-off"));
    }
    let value = |name: &str| call.query_value(name).unwrap_or_default();
    if call.query_value("samlrequest").is_some() {
        return Err(Refused::wire("passive-request-not-emulated").with("SAML-P sign-in"));
    }
    match value("wa").as_str() {
        "wsignin1.0" => {}
        "" => return Err(Refused::wire("passive-request-malformed").with("it has no wa")),
        other => {
            return Err(Refused::wire("passive-request-not-emulated").with(format!("wa={other}")));
        }
    }
    relying_party(&value("wtrealm"))?;
    let context = value("wctx");
    if context.len() > CONTEXT {
        return Err(Refused::wire("passive-request-malformed").with("wctx is too long"));
    }
    Ok(Asked { context, login: value("username").chars().take(200).collect() })
}

/// Where the form goes: here, with everything that came along.
fn action(call: &Call) -> String {
    call.url(&call.link.host, &format!("{}?{}", call.path, call.query))
}

/// `GET /adfs/ls/`.
pub(super) async fn start(call: Call) -> Reply {
    match asked(&call) {
        Ok(asked) => pages::sign_in(&call, &action(&call), &asked.login, None),
        Err(refused) => pages::refused(&call, &refused),
    }
}

/// `POST /adfs/ls/`: the form.
pub(super) async fn submit(call: Call) -> Reply {
    let asked = match asked(&call) {
        Ok(asked) => asked,
        Err(refused) => return pages::refused(&call, &refused),
    };
    let form = call.form();
    let field = |name: &str| {
        let found = form.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    };
    let method = field("AuthMethod");
    if !method.is_empty() && method != "FormsAuthentication" {
        let refused = Refused::wire("passive-request-not-emulated");
        return pages::refused(&call, &refused.with(format!("AuthMethod {method}")));
    }
    let upn = field("UserName").trim();
    match trust::sign_in(&call, upn, field("Password"), None) {
        Ok(issued) => pages::form_post(
            &call.url("login.microsoftonline.com", "/login.srf"),
            &[
                ("wa".to_owned(), "wsignin1.0".to_owned()),
                ("wresult".to_owned(), issued.response(TrustVersion::V2005)),
                ("wctx".to_owned(), asked.context),
            ],
        ),
        Err(refused) if may_try_again(&refused) => {
            refused.note(&call);
            pages::sign_in(&call, &action(&call), upn, Some(&refused.page_text(&call)))
        }
        Err(refused) => pages::refused(&call, &refused),
    }
}

fn may_try_again(refused: &Refused) -> bool {
    FederationRefusal::ALL.iter().any(|refusal| refusal.reason() == refused.reason)
}
