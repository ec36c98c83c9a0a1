//! The pages of a federation server: its front, the sign-in form, errors, and the form that posts the answer on.

use askama::Template;
use http::StatusCode;

use super::fault::Refused;
use crate::services::call::Call;
use crate::services::reply::{Reply, empty, page};

const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;margin:0;color-scheme:light dark}main{max-width:28rem;margin:10vh auto;padding:0 1rem}label{display:block;margin:1rem 0}input:not([type=checkbox]){display:block;width:100%;font:inherit;padding:.4rem;box-sizing:border-box}button{font:inherit;padding:.4rem 1.5rem}[role=alert]{border-left:.3rem solid;padding-left:.6rem}";

#[derive(Template)]
#[template(path = "adfs-sign-in.html")]
struct SignIn<'a> {
    style: &'static str,
    host: &'a str,
    error: Option<&'a str>,
    action: &'a str,
    login: &'a str,
}

#[derive(Template)]
#[template(path = "adfs-message.html")]
struct Message<'a> {
    style: &'static str,
    title: &'a str,
    text: &'a str,
}

#[derive(Template)]
#[template(path = "form-post.html")]
struct FormPost<'a> {
    action: &'a str,
    fields: &'a [(String, String)],
}

fn rendered(status: StatusCode, template: &impl Template) -> Reply {
    match template.render() {
        Ok(html) => page(status, html),
        Err(error) => {
            tracing::error!(%error, "a page could not be printed");
            empty(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

/// What the root of the host says.
pub(super) async fn front(call: Call) -> Reply {
    let domains: Vec<&str> = (call.world.federations().iter())
        .filter(|federation| federation.host == call.link.host)
        .map(|federation| federation.domain.as_str())
        .collect();
    let text = format!(
        "This is the federation server of {} (emulated by linarite). Clients find its endpoints at /adfs/services/trust/mex.",
        domains.join(", ")
    );
    rendered(StatusCode::OK, &Message { style: STYLE, title: &call.link.host, text: &text })
}

/// The sign-in form.
pub(super) fn sign_in(call: &Call, action: &str, login: &str, error: Option<&str>) -> Reply {
    let host = call.link.host.as_str();
    rendered(StatusCode::OK, &SignIn { style: STYLE, host, error, action, login })
}

/// The page of a refusal that no form can mend.
pub(super) fn refused(call: &Call, refused: &Refused) -> Reply {
    refused.note(call);
    let message =
        Message { style: STYLE, title: "An error occurred", text: &refused.page_text(call) };
    rendered(refused.status(call), &message)
}

/// A form that posts the answer on.
pub(super) fn form_post(action: &str, fields: &[(String, String)]) -> Reply {
    rendered(StatusCode::OK, &FormPost { action, fields })
}
