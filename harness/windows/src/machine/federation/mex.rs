//! The metadata (MEX) of a federation server: a WSDL whose ports lead to bindings, and these to policies that say how one
//! signs in there (client-msal.md 3.3).
//!
//! A port counts when its address is safe, its binding is SOAP 1.2 over HTTP with an action of WS-Trust 1.3 or 2005, and
//! its policy asks for the wanted credential. Names of bindings are not looked at. 1.3 goes before 2005.

use roxmltree::{Document, Node};

const WSDL: &str = "http://schemas.xmlsoap.org/wsdl/";
const SOAP12: &str = "http://schemas.xmlsoap.org/wsdl/soap12/";
const OVER_HTTP: &str = "http://schemas.xmlsoap.org/soap/http";
const POLICY: &str = "http://schemas.xmlsoap.org/ws/2004/09/policy";
const UTILITY: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
const SECURITY: [&str; 2] = [
    "http://docs.oasis-open.org/ws-sx/ws-securitypolicy/200702",
    "http://schemas.xmlsoap.org/ws/2005/07/securitypolicy",
];
const HTTP_POLICY: &str = "http://schemas.microsoft.com/ws/06/2004/policy/http";
const ADDRESSING: &str = "http://www.w3.org/2005/08/addressing";

/// The generation of WS-Trust that an endpoint speaks, the preferred one first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Version {
    Trust13,
    Trust2005,
}

/// How one signs in at an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// With user name and password (`usernamemixed`).
    Password,
    /// With the Windows session, here of the computer (`windowstransport`).
    Windows,
}

/// One endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) url: String,
    pub(super) version: Version,
}

impl Version {
    /// The action by which a token is asked for.
    pub(super) fn action(self) -> &'static str {
        match self {
            Self::Trust13 => "http://docs.oasis-open.org/ws-sx/ws-trust/200512/RST/Issue",
            Self::Trust2005 => "http://schemas.xmlsoap.org/ws/2005/02/trust/RST/Issue",
        }
    }

    fn of_action(action: &str) -> Option<Self> {
        [Self::Trust13, Self::Trust2005].into_iter().find(|version| version.action() == action)
    }

    /// The generation that an address of AD FS names.
    pub(super) fn of_address(url: &str) -> Self {
        let named = url.to_ascii_lowercase().contains("/trust/13/");
        if named { Self::Trust13 } else { Self::Trust2005 }
    }
}

/// The best endpoint of a way in a metadata document; `safe` says which addresses may be used.
pub(super) fn endpoint(
    document: &Document<'_>,
    way: Way,
    safe: impl Fn(&str) -> bool,
) -> Option<Endpoint> {
    let root = document.root_element();
    let ports = children(root, WSDL, "service").flat_map(|service| children(service, WSDL, "port"));
    let found = ports.filter_map(|port| {
        let url = address(port)?;
        let name = port.attribute("binding")?.rsplit(':').next()?;
        let binding = children(root, WSDL, "binding")
            .find(|binding| binding.attribute("name") == Some(name))?;
        let version = version(binding)?;
        let policy = policy(root, binding)?;
        (safe(url) && asks_for(policy, way)).then(|| Endpoint { url: url.to_owned(), version })
    });
    // The first of its generation counts, as the document lists them.
    found.min_by_key(|endpoint| endpoint.version)
}

fn children<'a, 'i>(
    node: Node<'a, 'i>,
    namespace: &'static str,
    name: &'static str,
) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(move |child| child.has_tag_name((namespace, name)))
}

fn address<'a>(port: Node<'a, '_>) -> Option<&'a str> {
    let reference = children(port, ADDRESSING, "EndpointReference").next()?;
    children(reference, ADDRESSING, "Address").next()?.text().map(str::trim)
}

fn version(binding: Node<'_, '_>) -> Option<Version> {
    let soap = children(binding, SOAP12, "binding").next()?;
    if soap.attribute("transport") != Some(OVER_HTTP) {
        return None;
    }
    children(binding, WSDL, "operation")
        .flat_map(|operation| children(operation, SOAP12, "operation"))
        .find_map(|operation| Version::of_action(operation.attribute("soapAction")?))
}

fn policy<'a, 'i>(root: Node<'a, 'i>, binding: Node<'a, 'i>) -> Option<Node<'a, 'i>> {
    let reference = children(binding, POLICY, "PolicyReference").next()?;
    let id = reference.attribute("URI")?.strip_prefix('#')?;
    children(root, POLICY, "Policy").find(|policy| policy.attribute((UTILITY, "Id")) == Some(id))
}

fn asks_for(policy: Node<'_, '_>, way: Way) -> bool {
    let holds = |name: &'static str| {
        let mut all = policy.descendants();
        all.any(|node| SECURITY.iter().any(|space| node.has_tag_name((*space, name))))
    };
    let negotiates = || {
        policy.descendants().any(|node| node.has_tag_name((HTTP_POLICY, "NegotiateAuthentication")))
    };
    holds("TransportBinding")
        && match way {
            Way::Password => holds("UsernameToken"),
            Way::Windows => negotiates(),
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEX: &str = include_str!("../../../tests/client/mex.xml");

    fn best(text: &str, way: Way) -> Option<Endpoint> {
        let document = crate::xml::parse(text.as_bytes()).unwrap();
        endpoint(&document, way, |url| url.starts_with("https://"))
    }

    #[test]
    fn the_newer_generation_is_preferred_wherever_it_stands() {
        let found = best(MEX, Way::Password).unwrap();
        assert_eq!(found.url, "https://sts.fabrikam.test/adfs/services/trust/13/usernamemixed");
        assert_eq!(found.version, Version::Trust13);
        let found = best(MEX, Way::Windows).unwrap();
        assert_eq!(found.url, "https://sts.fabrikam.test/adfs/services/trust/13/windowstransport");
    }

    #[test]
    fn the_older_generation_serves_when_the_newer_is_off() {
        let without = MEX.replace("tns:UserName13", "tns:Gone");
        let found = best(&without, Way::Password).unwrap();
        assert_eq!(found.url, "https://sts.fabrikam.test/adfs/services/trust/2005/usernamemixed");
        assert_eq!(found.version, Version::Trust2005);
    }

    #[test]
    fn what_does_not_ask_for_a_password_over_tls_does_not_count() {
        for (from, to) in [
            ("UsernameToken", "X509Token"),
            ("TransportBinding", "SymmetricBinding"),
            ("https://", "http://"),
            ("http://schemas.xmlsoap.org/soap/http", "http://schemas.xmlsoap.org/soap/smtp"),
            ("RST/Issue", "RST/Renew"),
            ("PolicyReference URI=\"#", "PolicyReference URI=\""),
        ] {
            assert_eq!(best(&MEX.replace(from, to), Way::Password), None, "{from}");
        }
        assert_eq!(best("<html/>", Way::Password), None);
    }

    #[test]
    fn an_address_without_metadata_tells_its_generation() {
        assert_eq!(
            Version::of_address("https://x/adfs/services/Trust/13/usernamemixed"),
            Version::Trust13
        );
        assert_eq!(
            Version::of_address("https://x/adfs/services/trust/2005/usernamemixed"),
            Version::Trust2005
        );
    }
}
