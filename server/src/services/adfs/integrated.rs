//! Integrated sign-in: a stand-in for Kerberos, which is not emulated.
//!
//! Only the emulated Windows client makes it. The header is `Authorization: Negotiate ` and the base64 (standard alphabet,
//! padded) of a JSON object that says what it is, and who signs in: a computer or a user.
//!
//! ```json
//! {"stand_in": "kerberos", "computer": {"name": "PC1", "domain": "fabrikam.test",
//!  "object_guid": "5f2c...-...", "sid": "S-1-5-21-1-2-3-1001"}}
//! {"stand_in": "kerberos", "user": {"upn": "dave@fabrikam.test"}}
//! ```
//!
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
    pub(super) domain: String,
    /// The id of its object on premises.
    pub(super) object_guid: Guid,
    pub(super) sid: Sid,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StandIn {
    stand_in: String,
    computer: Option<ComputerStandIn>,
    user: Option<UserStandIn>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ComputerStandIn {
    name: String,
    domain: String,
    object_guid: String,
    sid: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserStandIn {
    upn: String,
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
    if stand_in.stand_in != "kerberos" {
        return Err(malformed("stand_in is not kerberos"));
    }
    match (stand_in.computer, stand_in.user) {
        (Some(computer), None) => Ok(Some(Principal::Computer(Computer {
            object_guid: computer
                .object_guid
                .parse()
                .map_err(|_| malformed("object_guid is not a GUID"))?,
            sid: Sid::parse(&computer.sid)
                .ok_or_else(|| malformed("sid is not a security identifier"))?,
            name: computer.name.chars().take(64).collect(),
            domain: computer.domain.to_ascii_lowercase(),
        }))),
        (None, Some(user)) => Ok(Some(Principal::User(user.upn))),
        (Some(_), Some(_)) | (None, None) => Err(malformed("it names not one principal")),
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
