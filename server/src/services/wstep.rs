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
pub const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
/// The other name that such a token goes by.
pub const USER_TOKEN: &str = "http://schemas.microsoft.com/5.0.0.0/ConfigurationManager/Enrollment/DeviceEnrollmentUserToken";
/// Particulars of one request, and characters of each.
const MOST: (usize, usize) = (64, 4096);

/// A request for a device certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The certificate request, in base64.
    certificate_request: String,
    /// What the device says of itself, by name. Some items are there several times by design (network addresses).
    context: BTreeMap<String, Vec<String>>,
}

impl Request {
    /// The certificate request; its signature fits.
    pub fn csr(&self) -> Result<Csr, Unread> {
        Csr::from_base64(&self.certificate_request)
            .map_err(|error| Unread::CertificateRequest(error.to_string()))
    }

    /// The first particular with this name; empty when there is none.
    pub fn first(&self, name: &str) -> &str {
        self.context.get(name).and_then(|values| values.first()).map_or("", String::as_str)
    }

    /// The particular with this name, which has to be there once and to be of one to `most` characters.
    pub fn only(&self, name: &str, most: usize) -> Result<&str, String> {
        let Some([value]) = self.context.get(name).map(Vec::as_slice) else {
            return Err(format!("it has no context item {name}, or two"));
        };
        if value.is_empty() || value.chars().count() > most {
            return Err(format!("{name} is empty or longer than {most} characters"));
        }
        Ok(value)
    }
}

/// Why a request was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// The message is not what it should be.
    Message(String),
    /// Its certificate request is not.
    CertificateRequest(String),
}

impl From<Unread> for String {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Message(what) | Unread::CertificateRequest(what) => what,
        }
    }
}

impl From<String> for Unread {
    fn from(what: String) -> Self {
        Self::Message(what)
    }
}

/// The token in the security header of a message, which is of one of these types: base64 of the token as text.
pub fn bearer(message: &Message<'_, '_>, types: &[&str]) -> Result<Option<String>, String> {
    let Some((kind, value)) = message.security_token()? else { return Ok(None) };
    if !types.contains(&kind.as_str()) {
        return Err(format!("its security token is of the type `{kind}`"));
    }
    let text = from_either(&value).and_then(|bytes| String::from_utf8(bytes).ok());
    text.map(Some).ok_or_else(|| "its security token is not base64 of a text".to_owned())
}

/// Reads the body of a request.
pub fn request(message: &Message<'_, '_>) -> Result<Request, Unread> {
    let asked = need(message.body, TRUST, "RequestSecurityToken")?;
    expect(&text(need(asked, TRUST, "TokenType")?)?, TOKEN_TYPE, "TokenType")?;
    expect(&text(need(asked, TRUST, "RequestType")?)?, ISSUE, "RequestType")?;
    let pkcs10 = need(asked, SECURITY, "BinarySecurityToken")?;
    let kind = pkcs10.attribute("ValueType").unwrap_or_default();
    if kind.strip_prefix(ENROLLMENT) != Some("#PKCS10") {
        return Err(Unread::CertificateRequest(format!("its type is `{kind}`, not PKCS10")));
    }
    // Encoders break base64 into lines.
    let certificate_request = text(pkcs10)?.split_whitespace().collect();
    let mut context: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let particulars = one(asked, CONTEXT, "AdditionalContext")?;
    let items = particulars.into_iter().flat_map(|particulars| {
        particulars.children().filter(|node| node.has_tag_name((CONTEXT, "ContextItem")))
    });
    for (count, item) in items.enumerate() {
        let Some(name) = item.attribute("Name") else {
            return Err(Unread::Message("a ContextItem has no Name".to_owned()));
        };
        let value = one(item, CONTEXT, "Value")?.map(text).transpose()?.unwrap_or_default();
        if count >= MOST.0 || value.chars().count() > MOST.1 {
            return Err(Unread::Message("its AdditionalContext is too long".to_owned()));
        }
        if value.chars().any(char::is_control) {
            return Err(Unread::Message(format!("{name} holds control characters")));
        }
        context.entry(name.to_owned()).or_default().push(value);
    }
    Ok(Request { certificate_request, context })
}

fn expect(value: &str, due: &str, name: &str) -> Result<(), Unread> {
    if value == due {
        Ok(())
    } else {
        Err(Unread::Message(format!("{name} is `{value}`, which is not emulated")))
    }
}
