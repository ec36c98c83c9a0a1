//! The two messages of WS-Trust: the request for a token, and what comes back (client-msal.md 3.4 and 3.5).
//!
//! An assertion is kept as the very bytes that came, since it is signed. Of an answer exactly one assertion is taken.

use jiff::Timestamp;
use roxmltree::{Document, Node};

use super::mex::{Endpoint, Version};
use crate::wire::Line;
use crate::xml::escaped;

const ENVELOPE: &str = "http://www.w3.org/2003/05/soap-envelope";
const SAML1: &str = "urn:oasis:names:tc:SAML:1.0:assertion";
const SAML2: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
const UTILITY: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
const EXTENSION: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";

/// How long a request is good for: ten minutes.
const GOOD_FOR_MS: i64 = 10 * 60 * 1000;

/// An assertion of a federation server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::machine) struct Assertion {
    /// Its bytes as they came.
    pub(in crate::machine) xml: String,
    /// Whether it is SAML 2.0, else 1.1.
    pub(in crate::machine) second: bool,
}

impl Assertion {
    /// The grant type of the token service that takes it.
    pub(in crate::machine) fn grant(&self) -> &'static str {
        if self.second {
            "urn:ietf:params:oauth:grant-type:saml2-bearer"
        } else {
            "urn:ietf:params:oauth:grant-type:saml1_1-bearer"
        }
    }
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    Token(Assertion),
    /// The innermost code and the reason.
    Fault {
        code: String,
        reason: String,
    },
    /// Neither, and what is wrong with it.
    Neither(&'static str),
}

fn moment(ms: i64) -> String {
    Timestamp::from_millisecond(ms)
        .map_or_else(|_| ms.to_string(), |moment| moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// The envelope that asks `endpoint` for an assertion; `user` holds name and password where they are asked for.
pub(super) fn request(
    line: &Line,
    endpoint: &Endpoint,
    audience: &str,
    user: Option<(&str, &str)>,
) -> String {
    let (trust, key) = match endpoint.version {
        Version::Trust13 => {
            let trust = "http://docs.oasis-open.org/ws-sx/ws-trust/200512";
            (trust, format!("{trust}/Bearer"))
        }
        Version::Trust2005 => (
            "http://schemas.xmlsoap.org/ws/2005/02/trust",
            "http://schemas.xmlsoap.org/ws/2005/05/identity/NoProofKey".to_owned(),
        ),
    };
    let security = user.map_or_else(String::new, |(name, password)| {
        let now_ms = line.wire.now_ms();
        let (created, expires) = (moment(now_ms), moment(now_ms.saturating_add(GOOD_FOR_MS)));
        let (name, password) = (escaped(name), escaped(password));
        format!(
            "<o:Security s:mustUnderstand=\"1\" xmlns:o=\"{EXTENSION}\">\
             <u:Timestamp u:Id=\"_0\"><u:Created>{created}</u:Created><u:Expires>{expires}</u:Expires></u:Timestamp>\
             <o:UsernameToken u:Id=\"ADALUsernameToken\"><o:Username>{name}</o:Username>\
             <o:Password>{password}</o:Password></o:UsernameToken></o:Security>"
        )
    });
    format!(
        "<s:Envelope xmlns:s=\"{ENVELOPE}\" xmlns:a=\"http://www.w3.org/2005/08/addressing\" xmlns:u=\"{UTILITY}\">\
         <s:Header><a:Action s:mustUnderstand=\"1\">{action}</a:Action>\
         <a:MessageID>urn:uuid:{id}</a:MessageID>\
         <a:ReplyTo><a:Address>http://www.w3.org/2005/08/addressing/anonymous</a:Address></a:ReplyTo>\
         <a:To s:mustUnderstand=\"1\">{to}</a:To>{security}</s:Header>\
         <s:Body><t:RequestSecurityToken xmlns:t=\"{trust}\">\
         <p:AppliesTo xmlns:p=\"http://schemas.xmlsoap.org/ws/2004/09/policy\">\
         <a:EndpointReference><a:Address>{audience}</a:Address></a:EndpointReference></p:AppliesTo>\
         <t:KeyType>{key}</t:KeyType><t:RequestType>{trust}/Issue</t:RequestType>\
         </t:RequestSecurityToken></s:Body></s:Envelope>",
        action = endpoint.version.action(),
        id = line.guid("ws-trust"),
        to = escaped(&endpoint.url),
        audience = escaped(audience),
    )
}

/// Reads an answer.
pub(super) fn reply(document: &Document<'_>) -> Reply {
    let root = document.root_element();
    if let Some(fault) = root.descendants().find(|node| node.has_tag_name((ENVELOPE, "Fault"))) {
        return read_fault(fault);
    }
    let mut requested =
        root.descendants().filter(|node| node.tag_name().name() == "RequestedSecurityToken");
    let Some(holder) = requested.next() else {
        return Reply::Neither("neither a token nor a fault stands in it");
    };
    let mut tokens = holder.children().filter(Node::is_element);
    let (Some(token), None, None) = (tokens.next(), tokens.next(), requested.next()) else {
        return Reply::Neither("it holds not exactly one token");
    };
    let second = match (token.tag_name().namespace(), token.tag_name().name()) {
        (Some(SAML1), "Assertion") => false,
        (Some(SAML2), "Assertion") => true,
        _ => return Reply::Neither("its token is no SAML assertion"),
    };
    let xml = document.input_text().get(token.range()).unwrap_or_default().to_owned();
    Reply::Token(Assertion { xml, second })
}

fn read_fault(fault: Node<'_, '_>) -> Reply {
    let of = |node: Node<'_, '_>, name: &'static str| {
        let text = node.children().find(|child| child.has_tag_name((ENVELOPE, name)))?.text()?;
        Some(text.trim().to_owned())
    };
    // Subcodes nest: the last value is the most exact one.
    let values = fault.descendants().filter(|node| node.has_tag_name((ENVELOPE, "Value")));
    let code = values.filter_map(|value| value.text()).next_back();
    let code = code.unwrap_or_default().trim().to_owned();
    let reason = fault.children().find(|child| child.has_tag_name((ENVELOPE, "Reason")));
    let reason = reason.and_then(|reason| of(reason, "Text")).unwrap_or_default();
    Reply::Fault { code, reason }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RSTR: &str = include_str!("../../../tests/client/rstr-13.xml");
    const FAULT: &str = include_str!("../../../tests/client/fault.xml");

    fn read(text: &str) -> Reply {
        reply(&crate::xml::parse(text.as_bytes()).unwrap())
    }

    #[test]
    fn an_assertion_keeps_its_bytes() {
        let Reply::Token(assertion) = read(RSTR) else { panic!("a token was due") };
        assert!(!assertion.second);
        let start = RSTR.find("<saml:Assertion").unwrap();
        let end = RSTR.find("</saml:Assertion>").unwrap() + "</saml:Assertion>".len();
        assert_eq!(assertion.xml, &RSTR[start..end]);
        assert!(assertion.xml.contains("&apos;"), "entities stay as they came");
    }

    #[test]
    fn the_second_generation_of_saml_takes_another_grant() {
        let Reply::Token(assertion) = read(&RSTR.replace(SAML1, SAML2)) else {
            panic!("a token was due")
        };
        assert_eq!(assertion.grant(), "urn:ietf:params:oauth:grant-type:saml2-bearer");
    }

    #[test]
    fn a_fault_gives_its_subcode_and_its_reason() {
        let Reply::Fault { code, reason } = read(FAULT) else { panic!("a fault was due") };
        assert_eq!(code, "a:FailedAuthentication");
        assert!(reason.starts_with("ID3242:"), "{reason}");
        let bare = FAULT
            .replace("Subcode", "Other")
            .replace("<s:Text", "<s:Tex")
            .replace("</s:Text", "</s:Tex");
        assert!(matches!(read(&bare), Reply::Fault { reason, .. } if reason.is_empty()));
    }

    #[test]
    fn no_token_two_tokens_and_foreign_tokens_are_not_taken() {
        let two = RSTR.replace("</saml:Assertion>", "</saml:Assertion><b/>");
        for text in [&two, "<a/>", &RSTR.replace(SAML1, "urn:x"), "<RequestedSecurityToken/>"] {
            assert!(matches!(read(text), Reply::Neither(_)), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_xml_is_read_without_panic(
            names in proptest::collection::vec("(Fault|Value|Reason|Text|RequestedSecurityToken|Assertion)", 1..8),
            space in prop_oneof![Just(ENVELOPE), Just(SAML1)],
        ) {
            let text = names.iter().fold("x".to_owned(), |inner, name| {
                format!("<{name} xmlns=\"{space}\">{inner}</{name}>")
            });
            drop(reply(&crate::xml::parse(text.as_bytes()).unwrap()));
        }
    }
}
