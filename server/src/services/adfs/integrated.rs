//! Integrated sign-in: a stand-in for Kerberos, which is not emulated.
//!
//! Only the emulated Windows client makes it. The header is `Authorization: Negotiate ` and the base64 of a JSON object that
//! says who signs in: a computer with the id of its object on premises and its security identifier, or a user.
//!
//! ```json
//! {"computer": "PC1$", "objectGuid": "1f0c5b9e-5d0c-4b1f-9b65-0d8f6f1a7a01", "sid": "S-1-5-21-1-2-3-1001"}
//! {"user": "dave@fabrikam.test"}
//! ```
//!
//! `domain` may name the computer's domain; without it, it is the first one that the server serves.
//! It proves nothing: the network between the emulated computer and the emulated server is believed. A ticket of a real
//! Kerberos client is refused with 401, and the journal says why. Left out: the domain controller, and with it the
//! question whether the computer has an account there.

use http::StatusCode;
use http::header::{HeaderValue, WWW_AUTHENTICATE};
use linarite_core::ids::{Guid, Sid};
use serde::Deserialize;

use super::fault::Refused;
use crate::keys::encoding::from_either;
use crate::services::call::Call;
use crate::services::reply::{Reply, with_body};

/// Who signs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Principal {
    /// A computer of a domain.
    Computer(Computer),
    /// A user, by its user principal name.
    User(String),
}

/// A computer of a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Computer {
    pub(super) name: String,
    /// DNS name of its domain.
    pub(super) domain: Option<String>,
    /// The id of its object on premises.
    pub(super) object_guid: Guid,
    pub(super) sid: Sid,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct StandIn {
    computer: Option<String>,
    domain: Option<String>,
    object_guid: Option<String>,
    sid: Option<String>,
    user: Option<String>,
}

/// Bytes of a header that are looked at.
const BYTES: usize = 8 << 10;

/// Reads the header; `None`: there is none, and the client is to be asked for one.
pub(super) fn principal(call: &Call) -> Result<Option<Principal>, Refused> {
    let Some(header) = call.header("authorization") else { return Ok(None) };
    let malformed = |what: &str| Refused::wire("integrated-sign-in-malformed").with(what);
    let token = match header.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("negotiate") => token.trim(),
        Some(_) | None => return Err(malformed("the scheme is not Negotiate")),
    };
    let bytes = Some(token).filter(|token| token.len() <= BYTES).and_then(from_either);
    let bytes = bytes.ok_or_else(|| malformed("it is too long or not base64"))?;
    let stand_in: StandIn = serde_json::from_slice(&bytes).map_err(|_| {
        malformed("it is not the JSON of the emulated client; Kerberos and NTLM are not emulated")
    })?;
    match (stand_in.computer, stand_in.user) {
        (Some(name), None) => {
            let guid = stand_in.object_guid.and_then(|guid| guid.parse().ok());
            let sid = stand_in.sid.and_then(|sid| Sid::parse(&sid));
            Ok(Some(Principal::Computer(Computer {
                name: name.chars().take(64).collect(),
                domain: stand_in.domain,
                object_guid: guid.ok_or_else(|| malformed("objectGuid is not a GUID"))?,
                sid: sid.ok_or_else(|| malformed("sid is not a security identifier"))?,
            })))
        }
        (None, Some(upn)) => Ok(Some(Principal::User(upn))),
        (Some(_), Some(_)) | (None, None) => Err(malformed("it does not name one principal")),
    }
}

/// Asks for integrated sign-in.
pub(super) fn ask() -> Reply {
    let mut reply = with_body(
        StatusCode::UNAUTHORIZED,
        "text/html; charset=utf-8",
        "<h2>401 - Unauthorized</h2>",
    );
    reply.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Negotiate"));
    reply
}
