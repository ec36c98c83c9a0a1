//! Reading and writing SOAP 1.2 messages with WS-Addressing, for all services that speak it: federation servers, device
//! registration of older systems, device management.
//!
//! Each part is taken from its place and its namespace and may be there once. Messages are bounded in bytes, elements and
//! depth, and have no document type. Left out: attachments, signatures (federation servers read their own) and SOAP 1.1.

use roxmltree::{Document, Node};

use super::call::Call;
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
#[derive(Clone, Debug)]
pub struct Message<'a, 'input> {
    /// Its header, when it has one.
    pub header: Option<Node<'a, 'input>>,
    /// Its body.
    pub body: Node<'a, 'input>,
    /// The action that it asks for.
    pub action: Option<String>,
    /// Its id.
    pub id: Option<String>,
}

impl<'a, 'input> Message<'a, 'input> {
    /// Takes an envelope apart.
    pub fn of(document: &'a Document<'input>) -> Result<Self, String> {
        let root = document.root_element();
        if !root.has_tag_name((SOAP, "Envelope")) {
            return Err("it is not an envelope of SOAP 1.2".to_owned());
        }
        let header = one(root, SOAP, "Header")?;
        let addressing = |name| match header {
            Some(header) => one(header, ADDRESSING, name)?.map(text).transpose(),
            None => Ok(None),
        };
        let (action, id) = (addressing("Action")?, addressing("MessageID")?);
        Ok(Self { header, body: need(root, SOAP, "Body")?, action, id })
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

/// The id of a message, as far as one can be seen: for the answer to one that is wrong otherwise.
pub fn id_of(body: &[u8]) -> Option<String> {
    let document = read(body).ok()?;
    let root = document.root_element();
    if !root.has_tag_name((SOAP, "Envelope")) {
        return None;
    }
    let header = one(root, SOAP, "Header").ok()??;
    let id = text(one(header, ADDRESSING, "MessageID").ok()??).ok()?;
    Some(id.chars().take(200).collect())
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

/// An envelope with this action, what else its header holds, and the contents of its body.
pub fn envelope(action: &str, relates_to: Option<&str>, header: &str, body: &str) -> String {
    let relates = relates_to
        .map(|id| format!("<a:RelatesTo>{}</a:RelatesTo>", escape(id)))
        .unwrap_or_default();
    format!(
        "<s:Envelope xmlns:s=\"{SOAP}\" xmlns:a=\"{ADDRESSING}\"><s:Header><a:Action s:mustUnderstand=\"1\">{}</a:Action>{relates}{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>",
        escape(action),
    )
}

/// The ids by which the enrolment services let an exchange be found again, for the header of an answer.
pub fn activity(call: &Call) -> String {
    format!(
        "<ActivityId CorrelationId=\"{}\" xmlns=\"http://schemas.microsoft.com/2004/09/ServiceModel/Diagnostics\">{}</ActivityId>",
        call.correlation_id, call.request_id,
    )
}

/// A fault: code and subcode with their prefixes (`s` is the envelope's; what declares another one is `names`), the reason
/// and what else there is to say of it.
pub fn fault(code: &str, subcode: Option<(&str, &str)>, reason: &str, detail: &str) -> String {
    let subcode = subcode.map_or_else(String::new, |(names, subcode)| {
        format!("<s:Subcode><s:Value{names}>{}</s:Value></s:Subcode>", escape(subcode))
    });
    format!(
        "<s:Fault><s:Code><s:Value>{}</s:Value>{subcode}</s:Code><s:Reason><s:Text xml:lang=\"en-US\">{}</s:Text></s:Reason>{detail}</s:Fault>",
        escape(code),
        escape(reason),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" xmlns:a=\"http://www.w3.org/2005/08/addressing\"><s:Header><a:Action>urn:do</a:Action><a:MessageID> urn:uuid:1 </a:MessageID></s:Header><s:Body/></s:Envelope>";

    fn taken_apart(text: &str) -> Result<(Option<String>, Option<String>), String> {
        let document = read(text.as_bytes())?;
        Message::of(&document).map(|message| (message.action, message.id))
    }

    #[test]
    fn a_message_says_what_it_wants_and_who_it_is() {
        let said = taken_apart(GOOD).unwrap();
        assert_eq!(said, (Some("urn:do".to_owned()), Some("urn:uuid:1".to_owned())));
        let document = read(GOOD.as_bytes()).unwrap();
        assert_eq!(Message::of(&document).unwrap().security_token().unwrap(), None);
    }

    #[test]
    fn parts_in_other_namespaces_or_twice_are_mistakes() {
        for (from, to) in [
            ("2003/05/soap-envelope", "2001/12/soap-envelope"),
            ("<s:Body/>", ""),
            ("<s:Body/>", "<s:Body/><s:Body/>"),
            ("<a:MessageID>", "<a:Action>urn:other</a:Action><a:MessageID>"),
            ("<a:Action>", "<a:MessageID>urn:uuid:2</a:MessageID><a:Action>"),
            ("urn:do", "urn:<!-- -->do"),
        ] {
            assert!(taken_apart(&GOOD.replace(from, to)).is_err(), "{from}");
        }
    }

    #[test]
    fn the_id_is_seen_whatever_else_is_wrong() {
        let id = Some("urn:uuid:1".to_owned());
        for (from, to, due) in [
            ("urn:do", "urn:do", &id),
            ("<s:Body/>", "", &id),
            ("<a:Action>urn:do</a:Action>", "", &id),
            ("<s:Body/>", "<s:Body>", &None),
            ("<a:Action>", "<a:MessageID>urn:uuid:2</a:MessageID><a:Action>", &None),
            ("2003/05/soap-envelope", "2001/12/soap-envelope", &None),
        ] {
            assert_eq!(id_of(GOOD.replace(from, to).as_bytes()), *due, "{from}");
        }
        let long = GOOD.replace("urn:uuid:1", &"x".repeat(300));
        assert_eq!(id_of(long.as_bytes()).unwrap().len(), 200);
    }

    #[test]
    fn what_an_envelope_says_is_escaped() {
        let body = fault("s:Sender", Some((" xmlns:x=\"urn:x\"", "x:<&>")), "<&>", "");
        let written = envelope("urn:done<&>", Some("<&>"), "", &body);
        assert!(written.contains("<a:RelatesTo>&lt;&amp;&gt;</a:RelatesTo>"));
        assert_eq!(taken_apart(&written).unwrap().0.as_deref(), Some("urn:done<&>"));
        assert_eq!(written.matches("&lt;&amp;&gt;").count(), 4);
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
