//! Reading the message by which older systems enrol (MS-DVRE; SOAP 1.2, WS-Addressing, WS-Security, WS-Trust 1.3).
//!
//! Every part is taken from its place and in its namespace, and may be there once. Messages are bounded in bytes, elements
//! and depth, and have no document type. Of the three context items all must be there; further ones are passed over.
//! Left out: timestamps and signed parts, which this message has none of.

use roxmltree::Node;

use crate::keys::encoding::from_either;
use crate::keys::saml::xml::{Limits, children, only_child, parse, text};

pub(super) const SOAP: &str = "http://www.w3.org/2003/05/soap-envelope";
pub(super) const ADDRESSING: &str = "http://www.w3.org/2005/08/addressing";
pub(super) const TRUST: &str = "http://docs.oasis-open.org/ws-sx/ws-trust/200512";
pub(super) const SECURITY: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
pub(super) const CONTEXT: &str = "http://schemas.xmlsoap.org/ws/2006/12/authorization";
pub(super) const ENROLMENT: &str = "http://schemas.microsoft.com/windows/pki/2009/01/enrollment";
pub(super) const TOKEN_TYPE: &str =
    "http://schemas.microsoft.com/5.0.0.0/ConfigurationManager/Enrollment/DeviceEnrollmentToken";

/// The one action of the service.
const ACTION: &str = "http://schemas.microsoft.com/windows/pki/2009/01/enrollment/RST/wstep";

/// The type of the bearer token in the header.
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// What a message may cost: a token, a certificate request and a handful of names.
const LIMITS: Limits =
    Limits { bytes: 64 << 10, depth: 24, nodes: 400, attributes: 24, namespaces: 64 };

/// How long a context item may be.
const ITEM: usize = 256;

/// A request to enrol.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Request {
    /// The id of the message.
    pub(super) message_id: Option<String>,
    /// The compact JWT of the header.
    pub(super) token: Option<String>,
    /// The certificate request, in base64.
    pub(super) certificate_request: String,
    pub(super) device_type: String,
    /// The version of the operating system, as the item `ApplicationVersion` has it.
    pub(super) os_version: String,
    pub(super) display_name: String,
}

/// Why a message was not read: its own id, as far as that could be seen, and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unread {
    pub(super) message_id: Option<String>,
    /// Whether it asks for something else than an enrolment.
    pub(super) other_action: bool,
    pub(super) what: String,
}

/// Reads a message.
pub(super) fn read(body: &[u8]) -> Result<Request, Unread> {
    let unread = |what: String| Unread { message_id: None, other_action: false, what };
    let document = parse(body, &LIMITS).map_err(|error| unread(error.to_string()))?;
    let root = document.root_element();
    if !root.has_tag_name((SOAP, "Envelope")) {
        return Err(unread("it is not an envelope of SOAP 1.2".to_owned()));
    }
    let header = only_child(root, SOAP, "Header");
    let message_id = header
        .and_then(|header| only_child(header, ADDRESSING, "MessageID"))
        .and_then(text)
        .map(|id| id.chars().take(200).collect::<String>());
    let request = header.ok_or_else(|| (false, "it has no Header, or two".to_owned()));
    request.and_then(|header| envelope(root, header)).map_or_else(
        |(other_action, what)| Err(Unread { message_id: message_id.clone(), other_action, what }),
        |request| Ok(Request { message_id: message_id.clone(), ..request }),
    )
}

/// What is wrong, and whether it is the action.
type Wrong = (bool, String);

fn need<'a, 'i>(node: Node<'a, 'i>, namespace: &str, name: &str) -> Result<Node<'a, 'i>, Wrong> {
    only_child(node, namespace, name).ok_or_else(|| (false, format!("it has no {name}, or two")))
}

fn plain<'a>(node: Node<'a, '_>) -> Result<&'a str, Wrong> {
    let name = node.tag_name().name();
    text(node).ok_or_else(|| (false, format!("{name} holds something else than text")))
}

fn envelope(root: Node<'_, '_>, header: Node<'_, '_>) -> Result<Request, Wrong> {
    let action = plain(need(header, ADDRESSING, "Action")?)?;
    if action != ACTION {
        return Err((true, action.chars().take(200).collect()));
    }
    let token = match only_child(header, SECURITY, "Security") {
        None => None,
        Some(security) => Some(bearer(security)?),
    };
    let body = need(root, SOAP, "Body")?;
    let request = need(body, TRUST, "RequestSecurityToken")?;
    expect(request, "TokenType", TOKEN_TYPE)?;
    expect(request, "RequestType", &format!("{TRUST}/Issue"))?;
    let pkcs10 = need(request, SECURITY, "BinarySecurityToken")?;
    if pkcs10.attribute("ValueType") != Some(&format!("{ENROLMENT}#PKCS10")) {
        return Err((false, "its certificate request is not of type PKCS10".to_owned()));
    }
    let context = need(request, CONTEXT, "AdditionalContext")?;
    Ok(Request {
        message_id: None,
        token,
        // Encoders break base64 into lines.
        certificate_request: plain(pkcs10)?.split_whitespace().collect(),
        device_type: item(context, "DeviceType")?,
        os_version: item(context, "ApplicationVersion")?,
        display_name: item(context, "DeviceDisplayName")?,
    })
}

fn expect(request: Node<'_, '_>, name: &str, due: &str) -> Result<(), Wrong> {
    let found = plain(need(request, TRUST, name)?)?;
    if found == due { Ok(()) } else { Err((false, format!("{name} is not {due}"))) }
}

/// The bearer token: base64 of the compact form, as the protocol wraps it.
fn bearer(security: Node<'_, '_>) -> Result<String, Wrong> {
    let token = need(security, SECURITY, "BinarySecurityToken")?;
    if token.attribute("ValueType") != Some(JWT) {
        return Err((false, format!("its security token is not of type {JWT}")));
    }
    let wrapped: String = plain(token)?.split_whitespace().collect();
    let bytes = from_either(&wrapped).and_then(|bytes| String::from_utf8(bytes).ok());
    bytes.ok_or_else(|| (false, "its security token is not base64 of a text".to_owned()))
}

fn item(context: Node<'_, '_>, name: &str) -> Result<String, Wrong> {
    let mut found = children(context, CONTEXT, "ContextItem")
        .filter(|item| item.attribute("Name") == Some(name));
    let (Some(item), None) = (found.next(), found.next()) else {
        return Err((false, format!("it has no context item {name}, or two")));
    };
    let value = plain(need(item, CONTEXT, "Value")?)?;
    if value.is_empty() || value.chars().count() > ITEM || value.chars().any(char::is_control) {
        let what =
            format!("{name} is empty, longer than {ITEM} characters or holds control characters");
        return Err((false, what));
    }
    Ok(value.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Put together by hand from the example of MS-DVRE 4.1, with a short token and request.
    pub(super) const MESSAGE: &str = r#"<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://www.w3.org/2005/08/addressing">
  <s:Header>
    <a:Action s:mustUnderstand="1">http://schemas.microsoft.com/windows/pki/2009/01/enrollment/RST/wstep</a:Action>
    <a:MessageID>urn:uuid:1</a:MessageID>
    <wsse:Security xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd">
      <wsse:BinarySecurityToken ValueType="urn:ietf:params:oauth:token-type:jwt" EncodingType="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary">YS5i
LmM=</wsse:BinarySecurityToken>
    </wsse:Security>
  </s:Header>
  <s:Body>
    <wst:RequestSecurityToken xmlns:wst="http://docs.oasis-open.org/ws-sx/ws-trust/200512">
      <wst:TokenType>http://schemas.microsoft.com/5.0.0.0/ConfigurationManager/Enrollment/DeviceEnrollmentToken</wst:TokenType>
      <wst:RequestType>http://docs.oasis-open.org/ws-sx/ws-trust/200512/Issue</wst:RequestType>
      <wsse:BinarySecurityToken xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd" ValueType="http://schemas.microsoft.com/windows/pki/2009/01/enrollment#PKCS10" EncodingType="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd#base64binary">AAAA</wsse:BinarySecurityToken>
      <ac:AdditionalContext xmlns:ac="http://schemas.xmlsoap.org/ws/2006/12/authorization">
        <ac:ContextItem Name="DeviceType"><ac:Value>Windows</ac:Value></ac:ContextItem>
        <ac:ContextItem Name="ApplicationVersion"><ac:Value>6.1.7601.0</ac:Value></ac:ContextItem>
        <ac:ContextItem Name="DeviceDisplayName"><ac:Value>pc-7.contoso.test</ac:Value></ac:ContextItem>
      </ac:AdditionalContext>
    </wst:RequestSecurityToken>
  </s:Body>
</s:Envelope>"#;

    #[test]
    fn the_message_of_the_specification_is_read() {
        let request = read(MESSAGE.as_bytes()).unwrap();
        assert_eq!(request.message_id.as_deref(), Some("urn:uuid:1"));
        assert_eq!(request.token.as_deref(), Some("a.b.c"));
        assert_eq!((&*request.device_type, &*request.os_version), ("Windows", "6.1.7601.0"));
        assert_eq!(request.display_name, "pc-7.contoso.test");
        assert_eq!(request.certificate_request, "AAAA");
    }

    #[test]
    fn what_is_missing_doubled_or_of_another_kind_is_told() {
        let item =
            "<ac:ContextItem Name=\"DeviceType\"><ac:Value>Windows</ac:Value></ac:ContextItem>";
        for (from, to, due) in [
            ("<s:Header>", "<s:Other>", "not well-formed"),
            (
                "xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"",
                "xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"",
                "SOAP 1.2",
            ),
            (item, "", "no context item DeviceType"),
            (item, &item.repeat(2), "or two"),
            ("Name=\"DeviceDisplayName\"", "Name=\"Other\"", "DeviceDisplayName"),
            ("#PKCS10", "#PKCS7", "PKCS10"),
            ("200512/Issue<", "200512/Renew<", "RequestType"),
            ("token-type:jwt", "token-type:saml", "security token"),
            ("YS5i", "&lt;", "base64"),
            ("pc-7.contoso.test", &"x".repeat(257), "256"),
            ("pc-7.contoso.test", "pc<!-- -->7", "something else than text"),
            ("<s:Envelope", "<!DOCTYPE a [<!ENTITY x \"y\">]><s:Envelope", "document type"),
            ("Windows<", "&x;<", "not well-formed"),
        ] {
            assert!(MESSAGE.contains(from), "{from}");
            let unread = read(MESSAGE.replace(from, to).as_bytes()).unwrap_err();
            assert!(unread.what.contains(due), "{from}: {}", unread.what);
            assert!(!unread.other_action);
        }
        let other = MESSAGE.replace("RST/wstep", "RSTRC/wstep");
        let unread = read(other.as_bytes()).unwrap_err();
        assert!(unread.other_action);
        assert_eq!(unread.message_id.as_deref(), Some("urn:uuid:1"), "the fault can relate to it");
    }

    #[test]
    fn a_message_is_bounded_in_bytes_depth_and_elements() {
        let deep = MESSAGE.replace("AAAA", &format!("{}{}", "<a>".repeat(40), "</a>".repeat(40)));
        assert!(read(deep.as_bytes()).unwrap_err().what.contains("nested"));
        let many = MESSAGE.replace("AAAA", &"<a/>".repeat(500));
        assert!(read(many.as_bytes()).unwrap_err().what.contains("nodes"));
        let long = MESSAGE.replace("AAAA", &"A".repeat(70_000));
        assert!(read(long.as_bytes()).unwrap_err().what.contains("bytes"));
    }

    #[test]
    fn without_a_token_the_message_is_read_and_somebody_else_asks_for_one() {
        let start = MESSAGE.find("<wsse:Security").unwrap();
        let end = MESSAGE.find("</wsse:Security>").unwrap() + "</wsse:Security>".len();
        let without = format!("{}{}", &MESSAGE[..start], &MESSAGE[end..]);
        assert_eq!(read(without.as_bytes()).unwrap().token, None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(read(&bytes).is_err());
        }

        #[test]
        fn no_cut_or_insertion_makes_the_reader_panic(at in 0_usize..MESSAGE.len(), noise in "[<>&\"'a-z!\\[\\]]{0,12}") {
            let (before, after) = MESSAGE.split_at(at);
            drop(read(format!("{before}{noise}{after}").as_bytes()));
            drop(read(before.as_bytes()));
        }
    }
}
