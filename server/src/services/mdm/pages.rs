//! The pages of device management: the front, the terms of use, and what went wrong.

use askama::Template;
use http::StatusCode;

use super::fault::Refused;
use crate::services::call::Call;
use crate::services::reply::{Reply, empty, page};

const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;margin:0;color-scheme:light dark}main{max-width:32rem;margin:10vh auto;padding:0 1rem}button{font:inherit;padding:.4rem 1.5rem;margin-right:.5rem}[role=alert]{border-left:.3rem solid;padding-left:.6rem}";

#[derive(Template)]
#[template(path = "mdm-terms.html")]
struct TermsOfUse<'a> {
    style: &'static str,
    tenant: &'a str,
    ctx: &'a str,
}

#[derive(Template)]
#[template(path = "adfs-message.html")]
struct Message<'a> {
    style: &'static str,
    title: &'a str,
    text: &'a str,
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

/// What the root of a host says.
pub(super) async fn front(call: Call) -> Reply {
    let text = "This is the device management of an emulated directory (linarite). Devices enrol at /enrollmentserver/discovery.svc.";
    rendered(StatusCode::OK, &Message { style: STYLE, title: &call.link.host, text })
}

/// The terms of use, with a form that carries this sealed value.
pub(super) fn terms(call: &Call, ctx: &str) -> Reply {
    let tenant = call.world.tenant.name.as_str();
    rendered(StatusCode::OK, &TermsOfUse { style: STYLE, tenant, ctx })
}

/// A page that says what went wrong, when there is no client to tell it to.
pub(super) fn refused(call: &Call, refused: &Refused) -> Reply {
    refused.note(call);
    let text = refused.text(call);
    let title = "Something went wrong";
    rendered(StatusCode::BAD_REQUEST, &Message { style: STYLE, title, text: &text })
}
