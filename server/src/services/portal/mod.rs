//! portal.azure.com: what its users saw of their devices, as pages that need no script.
//!
//! FAQ A1 to A5, Q8: USER info with the devices of a user, the page of one device with enable, disable and delete, all
//! devices (not in the portal of 2017), and sign-ins with their error code, reason and correlation id from the journal.
//! The portal is a client of the sign-in service like any other: it sends the browser there and judges the id token that
//! comes back. Who sees what is [`linarite_core::visibility`]'s.
//! Left out: everything that is not about devices, the looks of the real portal, and export.

mod changes;
mod page;
mod panes;
mod session;
mod sign_in;
mod sign_ins;
#[cfg(test)]
mod tests;

use axum::Router;
use http::{Method, StatusCode};
use linarite_core::user::User;

use self::page::Refused;
use self::session::Session;
use super::call::Call;
use super::reply::{Reply, redirect, with_body};
use crate::edge::Face;

/// The word of this resource in the journal.
const RESOURCE: &str = "portal";

/// The portal's application.
const CLIENT: &str = "c44b4083-3bb0-49c1-b47d-974e53cbdf3c";

/// The sheet of all pages.
const STYLE: &str = include_str!("../../../templates/portal.css");

/// The routes of the service.
pub fn router() -> Router {
    Router::new().fallback(handle)
}

/// What is said of a body that was too long to be read.
pub(super) fn too_large(call: &Call) -> Reply {
    guarded(Refused::new("body-too-large", "").reply(call))
}

/// What is said of a change while the directory is read-only.
pub(super) fn read_only(call: &Call) -> Reply {
    guarded(Refused::new("directory-read-only", "").reply(call))
}

async fn handle(call: Call) -> Reply {
    let answered = answer(&call).await;
    guarded(answered.unwrap_or_else(|refused| refused.reply(&call)))
}

fn guarded(mut reply: Reply) -> Reply {
    page::guard(&mut reply);
    reply
}

/// Somebody who is signed in.
struct Visitor {
    user: User,
    session: Session,
}

async fn answer(call: &Call) -> Result<Reply, Refused> {
    let named = || format!("{} {}", call.method, call.path);
    let count = call.path.split('/').filter(|part| !part.is_empty()).count();
    let segments: Vec<String> = (0..count).filter_map(|index| call.segment(index)).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let unknown = || Refused::new("endpoint-unknown", named());
    // A browser keeps no cookie that was set in clear for an answer that comes by TLS.
    if call.link.face == Face::Proxy && !call.link.secure {
        let query = if call.query.is_empty() { String::new() } else { format!("?{}", call.query) };
        return Ok(redirect(&call.url(&call.link.host, &format!("{}{query}", call.path))));
    }
    if call.method == Method::POST {
        return match segments.as_slice() {
            ["signin", "index"] => sign_in::finish(call),
            ["signout"] => sign_in::end(call),
            ["devices", id, act] => changes::change(call, id, act).await,
            _ => Err(unknown()),
        };
    }
    if call.method != Method::GET && call.method != Method::HEAD {
        return Err(Refused::new("method-unsupported", named()));
    }
    match segments.as_slice() {
        ["portal.css"] => Ok(with_body(StatusCode::OK, "text/css; charset=utf-8", STYLE)),
        ["signin"] => sign_in::begin(call, "/"),
        ["signedout"] => Ok(page::signed_out(call)),
        _ => {
            let Some(visitor) = session::visitor(call)? else {
                return sign_in::begin(call, &call.path);
            };
            let operation = |word: &str| call.note("operation", word);
            match segments.as_slice() {
                [] => {
                    operation("portal.user");
                    panes::user(call, &visitor, &visitor.user.id.to_string()).await
                }
                ["users"] => {
                    operation("portal.users");
                    panes::users(call, &visitor).await
                }
                ["users", who] => {
                    operation("portal.user");
                    panes::user(call, &visitor, who).await
                }
                ["users", who, "sign-ins"] => {
                    operation("portal.sign-ins");
                    panes::sign_ins(call, &visitor, who)
                }
                ["devices"] => {
                    operation("portal.devices");
                    panes::all_devices(call, &visitor).await
                }
                ["devices", id] => {
                    operation("portal.device");
                    panes::device(call, &visitor, id)
                }
                _ => Err(unknown()),
            }
        }
    }
}
