//! Reading MS-WSTEP: a SOAP message that carries a token, a certificate request and a few particulars. Device registration
//! of older systems (MS-DVRE) and enrolment in device management (MS-MDE2) ask in the same way; what comes of it differs.
//!
//! Sections 3 and 13.5 of the device registration notes. Left out: renewal, and attestation of keys.

use std::collections::BTreeMap;

use super::soap::{Message, SECURITY, need, one, text};
use crate::keys::csr::Csr;
use crate::keys::encoding::from_either;

/// WS-Trust 1.3.
pub const TRUST: &str = "http://docs.oasis-open.org/ws-sx/ws-trust/200512";
/// WS-Federation's authorization, where the particulars stand.
pub const CONTEXT: &str = "http://schemas.xmlsoap.org/ws/2006/12/authorization";
/// The enrolment's own names.
pub const ENROLLMENT: &str = "http://schemas.microsoft.com/windows/pki/2009/01/enrollment";
/// The action of a request.
pub const ACTION: &str = "http://schemas.microsoft.com/windows/pki/2009/01/enrollment/RST/wstep";
/// The action of an answer.
pub const ANSWER: &str = "http://schemas.microsoft.com/windows/pki/2009/01/enrollment/RSTRC/wstep";
/// The type of token that is asked for.
pub const TOKEN_TYPE: &str =
    "http://schemas.microsoft.com/5.0.0.0/ConfigurationManager/Enrollment/DeviceEnrollmentToken";

/// The only kind of request.
const ISSUE: &str = "http://docs.oasis-open.org/ws-sx/ws-trust/200512/Issue";
/// The type of a token of the cloud directory.
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
/// The other name that such a token goes by.
const USER_TOKEN: &str = "http://schemas.microsoft.com/5.0.0.0/ConfigurationManager/Enrollment/DeviceEnrollmentUserToken";
/// Particulars of one request, and characters of each.
const MOST: (usize, usize) = (64, 4096);

/// A request for a device certificate.
#[derive(Clone, Debug)]
pub struct Request {
    /// The certificate request; its signature fits.
    pub csr: Csr,
    /// What the device says of itself, by name.
    pub context: BTreeMap<String, String>,
}

/// Why a request was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// The message is not what it should be.
    Message(String),
    /// Its certificate request is not.
    CertificateRequest(String),
}

impl From<String> for Unread {
    fn from(what: String) -> Self {
        Self::Message(what)
    }
}

/// The token in the security header of a message: base64 of the token as text.
pub fn bearer(message: &Message<'_, '_>) -> Result<Option<String>, String> {
    let Some((kind, value)) = message.security_token()? else { return Ok(None) };
    if kind != JWT && kind != USER_TOKEN {
        return Err(format!("a token of the type `{kind}`"));
    }
    let bytes = from_either(&value).ok_or_else(|| "its token is not base64".to_owned())?;
    String::from_utf8(bytes).map(Some).map_err(|_| "its token is not text".to_owned())
}

/// Reads the body of a request.
pub fn request(message: &Message<'_, '_>) -> Result<Request, Unread> {
    let asked = need(message.body, TRUST, "RequestSecurityToken")?;
    expect(&text(need(asked, TRUST, "TokenType")?)?, TOKEN_TYPE, "TokenType")?;
    expect(&text(need(asked, TRUST, "RequestType")?)?, ISSUE, "RequestType")?;
    let pkcs10 = need(asked, SECURITY, "BinarySecurityToken")?;
    let kind = pkcs10.attribute("ValueType").unwrap_or_default();
    if !kind.ends_with("#PKCS10") {
        return Err(Unread::CertificateRequest(format!("its type is `{kind}`, not PKCS10")));
    }
    let written: String = text(pkcs10)?.split_whitespace().collect();
    let csr = Csr::from_base64(&written)
        .map_err(|error| Unread::CertificateRequest(error.to_string()))?;
    let mut context = BTreeMap::new();
    if let Some(particulars) = one(asked, CONTEXT, "AdditionalContext")? {
        for item in particulars.children().filter(|n| n.has_tag_name((CONTEXT, "ContextItem"))) {
            let Some(name) = item.attribute("Name") else {
                return Err(Unread::Message("a ContextItem has no Name".to_owned()));
            };
            let value = one(item, CONTEXT, "Value")?.map(text).transpose()?.unwrap_or_default();
            if context.len() >= MOST.0 || value.chars().count() > MOST.1 {
                return Err(Unread::Message("its AdditionalContext is too long".to_owned()));
            }
            if value.chars().any(char::is_control) {
                return Err(Unread::Message(format!("{name} holds control characters")));
            }
            // Some items are there several times by design (network addresses); the first one counts.
            context.entry(name.to_owned()).or_insert(value);
        }
    }
    Ok(Request { csr, context })
}

fn expect(value: &str, due: &str, name: &str) -> Result<(), Unread> {
    if value == due {
        Ok(())
    } else {
        Err(Unread::Message(format!("{name} is `{value}`, which is not emulated")))
    }
}
