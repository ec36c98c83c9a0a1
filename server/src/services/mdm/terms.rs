//! The page with the terms of use, before the join (section 13.2 of the device registration notes).
//!
//! What is answered goes back by a redirect to the client's own address; whoever accepted gets a sealed value along, which
//! the enrolment asks for. A client without a browser posts the same form. Left out: terms of more than one version.

use http::StatusCode;
use linarite_core::ids::UserId;
use linarite_core::instant::{Instant, Span};
use linarite_core::management::{Terms, may_read_terms};
use serde::{Deserialize, Serialize};

use super::fault::Refused;
use super::{AUDIENCES, pages};
use crate::services::call::Call;
use crate::services::reply::{Reply, empty, redirect, with_query};
use crate::services::sealed;
use crate::services::token::accept;

/// How long a reader may take, and how long having agreed counts.
const READING: Span = Span::from_minutes(60);

/// What is sealed into the form, and into the answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Sealed {
    user: String,
    back: String,
    until: i64,
}

const ASKED: &str = "terms";
const AGREED: &str = "agreed";

fn open(call: &Call, kind: &'static str, text: &str) -> Option<Sealed> {
    let sealed: Sealed = sealed::open(call, kind, text)?;
    (call.now() < Instant::from_millis(sealed.until)).then_some(sealed)
}

/// Whether this value says that the user agreed, not too long ago.
pub(super) fn agreed(call: &Call, user: UserId, value: &str) -> bool {
    open(call, AGREED, value).is_some_and(|sealed| sealed.user == user.to_string())
}

fn sent_back(call: &Call, back: &str, error: &str, refused: &Refused) -> Reply {
    refused.note(call);
    redirect(&with_query(back, &[("error", error), ("error_description", &refused.text(call))]))
}

/// An address that the page may send people back to: one of a client on the computer, never another site.
fn is_own_address(address: &str) -> bool {
    ["ms-appx-web://", "ms-aadj-redir://", "ms-app://"].iter().any(|own| address.starts_with(own))
        && address.len() <= 2048
        && !address.chars().any(|c| c.is_control() || c.is_whitespace())
}

/// `GET /TermsOfUse.aspx?redirect_uri=..&api-version=1.0[&mode=azureadjoin]`.
pub(super) async fn show(call: Call) -> Reply {
    call.note("operation", "mdm.terms");
    if call.world.mdm().terms == Terms::Unreachable {
        call.note("reason", "terms-unreachable");
        return empty(StatusCode::NOT_FOUND);
    }
    let back = call.query_value("redirect_uri").unwrap_or_default();
    if !is_own_address(&back) {
        let refused = Refused::malformed("redirect_uri is missing, or not an address of a client");
        return pages::refused(&call, &refused);
    }
    let version = call.query_value("api-version").unwrap_or_default();
    if version != "1.0" {
        let refused = Refused::malformed(format!("api-version `{version}`"));
        return sent_back(&call, &back, "invalid_request", &refused);
    }
    let user = match accept(&call, "mdm", &AUDIENCES) {
        Ok(Ok(accepted)) => accepted.user,
        Ok(Err(refusal)) => return sent_back(&call, &back, "unauthorized_client", &refusal.into()),
        Err(error) => return sent_back(&call, &back, "server_error", &error.into()),
    };
    if let Err(refusal) = may_read_terms(&call.world.mdm(), &user) {
        let refused = Refused::from(refusal).with(&user.upn);
        return sent_back(&call, &back, "unauthorized_client", &refused);
    }
    let until = (call.now() + READING).millis();
    match sealed::seal(&call, ASKED, &Sealed { user: user.id.to_string(), back, until }) {
        Some(ctx) => pages::terms(&call, &ctx),
        None => empty(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// `POST /TermsOfUse.aspx`: the form. Nobody can send it who was not shown the page.
pub(super) async fn answer(call: Call) -> Reply {
    call.note("operation", "mdm.terms");
    let form = call.form();
    let field = |name: &str| {
        form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    };
    let Some(asked) = open(&call, ASKED, field("ctx")) else {
        return pages::refused(&call, &Refused::malformed("the page was open for too long"));
    };
    match field("answer") {
        "accept" => {
            let until = (call.now() + READING).millis();
            let back = asked.back.clone();
            let Some(blob) = sealed::seal(&call, AGREED, &Sealed { until, ..asked }) else {
                return empty(StatusCode::INTERNAL_SERVER_ERROR);
            };
            call.note("answer", "accept");
            redirect(&with_query(&back, &[("IsAccepted", "true"), ("OpaqueBlob", &blob)]))
        }
        "decline" => {
            call.note("answer", "decline");
            redirect(&with_query(&asked.back, &[("IsAccepted", "false")]))
        }
        _ => pages::refused(&call, &Refused::malformed("the form has no answer")),
    }
}
