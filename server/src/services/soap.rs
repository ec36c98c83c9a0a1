//! Reading SOAP 1.2 messages with WS-Addressing, as far as the enrolment services need them, and writing their faults.
//!
//! Each part is taken from its place and its namespace and may be there once. Messages are bounded in bytes, elements and
//! depth, and have no document type. Left out: attachments, signatures (the transport protects the message) and SOAP 1.1.

use roxmltree::{Document, Node};

use super::reply::escape;
use crate::keys::saml::xml::{Limits, parse};

/// SOAP 1.2.
pub const SOAP: &str = "http://www.w3.org/2003/05/soap-envelope";
/// WS-Addressing 1.0.
pub const ADDRESSING: &str = "http://www.w3.org/2005/08/addressing";
/// WS-Security.
pub const SECURITY: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
/// The content type of SOAP 1.2.
pub const SOAP_XML: &str = "application/soap+xml; charset=utf-8";

/// What a message may cost.
const LIMITS: Limits =
    Limits { bytes: 64 << 10, depth: 32, nodes: 1000, attributes: 32, namespaces: 64 };

/// Reads the text of a message.
pub fn read(body: &[u8]) -> Result<Document<'_>, String> {
    parse(body, &LIMITS).map_err(|error| error.to_string())
}

/// A message whose envelope was understood.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a, 'input> {
    /// Its header, when it has one.
    pub header: Option<Node<'a, 'input>>,
    /// Its body.
    pub body: Node<'a, 'input>,
}

impl<'a, 'input> Message<'a, 'input> {
    /// Takes an envelope apart.
    pub fn of(document: &'a Document<'input>) -> Result<Self, String> {
        let root = document.root_element();
        if !root.has_tag_name((SOAP, "Envelope")) {
            return Err("it is not an envelope of SOAP 1.2".to_owned());
        }
        Ok(Self { header: one(root, SOAP, "Header")?, body: need(root, SOAP, "Body")? })
    }

    /// The action that it asks for.
    pub fn action(&self) -> Result<Option<String>, String> {
        self.addressing("Action")
    }

    /// Its id.
    pub fn message_id(&self) -> Result<Option<String>, String> {
        self.addressing("MessageID")
    }

    fn addressing(&self, name: &str) -> Result<Option<String>, String> {
        let Some(header) = self.header else { return Ok(None) };
        one(header, ADDRESSING, name)?.map(text).transpose()
    }

    /// The token that its security header carries, with its type.
    pub fn security_token(&self) -> Result<Option<(String, String)>, String> {
        let Some(header) = self.header else { return Ok(None) };
        let Some(security) = one(header, SECURITY, "Security")? else { return Ok(None) };
        let Some(token) = one(security, SECURITY, "BinarySecurityToken")? else { return Ok(None) };
        let kind = token.attribute("ValueType").unwrap_or_default().to_owned();
        Ok(Some((kind, text(token)?)))
    }
}

/// The one child with this name; two of them are a mistake.
pub fn one<'a, 'input>(
    parent: Node<'a, 'input>,
    namespace: &str,
    name: &str,
) -> Result<Option<Node<'a, 'input>>, String> {
    let mut found = parent.children().filter(|node| node.has_tag_name((namespace, name)));
    let first = found.next();
    if found.next().is_some() {
        return Err(format!("it has more than one {name}"));
    }
    Ok(first)
}

/// The one child with this name, which must be there.
pub fn need<'a, 'input>(
    parent: Node<'a, 'input>,
    namespace: &str,
    name: &str,
) -> Result<Node<'a, 'input>, String> {
    one(parent, namespace, name)?
        .ok_or_else(|| format!("it has no {name}, or in another namespace"))
}

/// The text of an element without elements in it. Comments are no way to cut it in two.
pub fn whole_text(node: Node<'_, '_>) -> Result<String, String> {
    if node.children().any(|child| !child.is_text()) {
        return Err(format!("{} holds something else than text", node.tag_name().name()));
    }
    Ok(node.children().filter_map(|child| child.text()).collect())
}

/// The text of an element without elements in it, without the spaces around it.
pub fn text(node: Node<'_, '_>) -> Result<String, String> {
    whole_text(node).map(|text| text.trim().to_owned())
}

/// An envelope with this action and these contents of its body.
pub fn envelope(action: &str, relates_to: Option<&str>, correlation: &str, body: &str) -> String {
    let relates = relates_to
        .map(|id| format!("<a:RelatesTo>{}</a:RelatesTo>", escape(id)))
        .unwrap_or_default();
    format!(
        "<s:Envelope xmlns:s=\"{SOAP}\" xmlns:a=\"{ADDRESSING}\"><s:Header><a:Action s:mustUnderstand=\"1\">{}</a:Action>{relates}<ActivityId CorrelationId=\"{}\" xmlns=\"http://schemas.microsoft.com/2004/09/ServiceModel/Diagnostics\">{}</ActivityId></s:Header><s:Body>{body}</s:Body></s:Envelope>",
        escape(action),
        escape(correlation),
        escape(correlation),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" xmlns:a=\"http://www.w3.org/2005/08/addressing\"><s:Header><a:Action>urn:do</a:Action><a:MessageID> urn:uuid:1 </a:MessageID></s:Header><s:Body/></s:Envelope>";

    #[test]
    fn a_message_says_what_it_wants_and_who_it_is() {
        let document = read(GOOD.as_bytes()).unwrap();
        let message = Message::of(&document).unwrap();
        assert_eq!(message.action().unwrap().as_deref(), Some("urn:do"));
        assert_eq!(message.message_id().unwrap().as_deref(), Some("urn:uuid:1"));
        assert_eq!(message.security_token().unwrap(), None);
    }

    #[test]
    fn parts_in_other_namespaces_or_twice_are_mistakes() {
        for (from, to) in [
            ("2003/05/soap-envelope", "2001/12/soap-envelope"),
            ("<s:Body/>", ""),
            ("<s:Body/>", "<s:Body/><s:Body/>"),
        ] {
            let changed = GOOD.replace(from, to);
            let document = read(changed.as_bytes()).unwrap();
            assert!(Message::of(&document).is_err(), "{changed}");
        }
        let twice = GOOD.replace("<a:MessageID>", "<a:Action>urn:other</a:Action><a:MessageID>");
        let document = read(twice.as_bytes()).unwrap();
        assert!(Message::of(&document).unwrap().action().is_err());
        let cut = GOOD.replace("urn:do", "urn:<!-- -->do");
        let document = read(cut.as_bytes()).unwrap();
        assert!(Message::of(&document).unwrap().action().is_err());
    }

    #[test]
    fn what_an_envelope_says_is_escaped() {
        let written = envelope("urn:done", Some("<&>"), "id", "<x/>");
        assert!(written.contains("<a:RelatesTo>&lt;&amp;&gt;</a:RelatesTo>"));
        let document = read(written.as_bytes()).unwrap();
        assert_eq!(Message::of(&document).unwrap().action().unwrap().as_deref(), Some("urn:done"));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(document) = read(&bytes) {
                let _message = Message::of(&document);
            }
        }
    }
}
