//! The three messages of MS-MDE2 and what comes back (device-registration.md 13.3 to 13.6).
//!
//! Names are compared in their namespaces where the document has only one place for them, and by their local name where
//! servers differ. A fault's subcode and error type become Windows's number for it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use roxmltree::Node;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::Enrolment;
use crate::hresult;
use crate::jose::base64_lenient;
use crate::keys::PoolKey;
use crate::surroundings::hex_upper;
use crate::wire::Line;
use crate::xml::{escaped, parse};

const SOAP: &str = "http://www.w3.org/2003/05/soap-envelope";
const ADDRESSING: &str = "http://www.w3.org/2005/08/addressing";
const SECURITY: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const DISCOVERY: &str = "http://schemas.microsoft.com/windows/management/2012/01/enrollment";
const POLICY: &str = "http://schemas.microsoft.com/windows/pki/2009/01/enrollmentpolicy";
const TRUST: &str = "http://docs.oasis-open.org/ws-sx/ws-trust/200512";
const CONTEXT: &str = "http://schemas.xmlsoap.org/ws/2006/12/authorization";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const BASE64: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd#base64binary";

/// A message on its way.
#[derive(Debug, Clone)]
pub(super) struct Send {
    pub(super) action: &'static str,
    pub(super) envelope: String,
}

fn message(line: &Line, url: &str, action: &'static str, token: Option<&str>, body: &str) -> Send {
    let security = token.map_or_else(String::new, |token| {
        format!(
            "<wsse:Security xmlns:wsse=\"{SECURITY}\" s:mustUnderstand=\"1\"><wsse:BinarySecurityToken ValueType=\"{JWT}\" EncodingType=\"{BASE64}\">{}</wsse:BinarySecurityToken></wsse:Security>",
            STANDARD.encode(token)
        )
    });
    let envelope = format!(
        "<s:Envelope xmlns:s=\"{SOAP}\" xmlns:a=\"{ADDRESSING}\"><s:Header><a:Action s:mustUnderstand=\"1\">{action}</a:Action><a:MessageID>urn:uuid:{}</a:MessageID><a:ReplyTo><a:Address>{ADDRESSING}/anonymous</a:Address></a:ReplyTo><a:To s:mustUnderstand=\"1\">{}</a:To>{security}</s:Header><s:Body>{body}</s:Body></s:Envelope>",
        line.guid("message"),
        escaped(url),
    );
    Send { action, envelope }
}

/// Asks where the services are.
pub(super) fn discover(line: &Line, url: &str, upn: &str) -> Send {
    let body = format!(
        "<Discover xmlns=\"{DISCOVERY}\"><request><EmailAddress>{}</EmailAddress><OSEdition>4</OSEdition><RequestVersion>4.0</RequestVersion><DeviceType>CIMClient_Windows</DeviceType><ApplicationVersion>{}</ApplicationVersion><AuthPolicies><AuthPolicy>OnPremise</AuthPolicy><AuthPolicy>Federated</AuthPolicy></AuthPolicies></request></Discover>",
        escaped(upn),
        escaped(&line.os_version),
    );
    let action = "http://schemas.microsoft.com/windows/management/2012/01/enrollment/IDiscoveryService/Discover";
    message(line, url, action, None, &body)
}

/// Asks what a certificate request has to look like.
pub(super) fn policies(line: &Line, url: &str, token: &str) -> Send {
    let body = format!(
        "<GetPolicies xmlns=\"{POLICY}\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><client><lastUpdate xsi:nil=\"true\"/><preferredLanguage xsi:nil=\"true\"/></client><requestFilter xsi:nil=\"true\"/></GetPolicies>"
    );
    let action =
        "http://schemas.microsoft.com/windows/pki/2009/01/enrollmentpolicy/IPolicy/GetPolicies";
    message(line, url, action, Some(token), &body)
}

/// What a request for enrolment says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) token: &'a str,
    /// Base64.
    pub(super) pkcs10: &'a str,
    pub(super) name: &'a str,
    pub(super) device_id: &'a str,
    pub(super) os_version: &'a str,
    pub(super) agreed: &'a str,
    pub(super) kind: Enrolment,
}

/// Asks for the management certificate.
pub(super) fn enrol(line: &Line, url: &str, asked: &Request<'_>) -> Send {
    let kind = match asked.kind {
        Enrolment::Device => "Device",
        Enrolment::Full => "Full",
    };
    let items = [
        ("OSEdition", "4"),
        ("OSVersion", asked.os_version),
        ("DeviceName", asked.name),
        ("EnrollmentType", kind),
        ("DeviceType", "CIMClient_Windows"),
        ("ApplicationVersion", asked.os_version),
        ("DeviceID", asked.device_id),
        ("EnrollmentData", asked.agreed),
        ("TargetedUserLoggedIn", "True"),
    ];
    let items = items.iter().fold(String::new(), |mut items, (name, value)| {
        for part in ["<ac:ContextItem Name=\"", name, "\"><ac:Value>", &escaped(value)] {
            items.push_str(part);
        }
        items.push_str("</ac:Value></ac:ContextItem>");
        items
    });
    let body = format!(
        "<wst:RequestSecurityToken xmlns:wst=\"{TRUST}\"><wst:TokenType>http://schemas.microsoft.com/5.0.0.0/ConfigurationManager/Enrollment/DeviceEnrollmentToken</wst:TokenType><wst:RequestType>{TRUST}/Issue</wst:RequestType><wsse:BinarySecurityToken xmlns:wsse=\"{SECURITY}\" ValueType=\"http://schemas.microsoft.com/windows/pki/2009/01/enrollment#PKCS10\" EncodingType=\"{BASE64}\">{}</wsse:BinarySecurityToken><ac:AdditionalContext xmlns:ac=\"{CONTEXT}\">{items}</ac:AdditionalContext></wst:RequestSecurityToken>",
        asked.pkcs10,
    );
    let action = "http://schemas.microsoft.com/windows/pki/2009/01/enrollment/RST/wstep";
    message(line, url, action, Some(asked.token), &body)
}

/// A fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// The local name of the subcode.
    pub(super) subcode: String,
    /// `ErrorType` of the detail.
    pub(super) error_type: Option<String>,
    pub(super) reason: String,
}

impl Fault {
    /// Windows's number for it.
    pub(super) fn number(&self) -> u32 {
        let typed = self.error_type.as_deref().and_then(|kind| match kind {
            "DeviceCapReached" => Some(hresult::MDM_DEVICE_CAP_REACHED),
            "DeviceNotSupported" => Some(hresult::MDM_DEVICE_NOT_SUPPORTED),
            "NotSupported" => Some(hresult::MDM_NOT_SUPPORTED),
            "NotEligibleToRenew" => Some(hresult::MDM_NOT_ELIGIBLE_TO_RENEW),
            "InMaintenance" => Some(hresult::MDM_IN_MAINTENANCE),
            "UserLicense" => Some(hresult::MDM_USER_LICENSE),
            "InvalidEnrollmentData" => Some(hresult::MDM_DATA_INVALID),
            "CustomServerError" => Some(hresult::MDM_CUSTOM_SERVER_ERROR),
            _ => None,
        });
        typed.unwrap_or(match self.subcode.as_str() {
            "MessageFormat" => hresult::MDM_MESSAGE_FORMAT,
            "Authentication" => hresult::MDM_AUTHENTICATION,
            "Authorization" => hresult::MDM_AUTHORIZATION,
            "CertificateRequest" => hresult::MDM_CERTIFICATE_REQUEST,
            "EnrollmentServer" => hresult::MDM_ENROLLMENT_SERVER,
            "InternalServiceFault" => hresult::MDM_INTERNAL_SERVICE,
            "InvalidSecurity" => hresult::MDM_INVALID_SECURITY,
            _ => hresult::MDM_UNKNOWN,
        })
    }
}

/// An answer that is no fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    /// Local name and text of every element without elements in it.
    leaves: Vec<(String, String)>,
}

impl Reply {
    /// Reads an answer: a reply, a fault, or neither.
    pub(super) fn read(bytes: &[u8]) -> Result<Result<Self, Fault>, String> {
        let document = parse(bytes).map_err(|trouble| trouble.to_string())?;
        let root = document.root_element();
        if !root.has_tag_name((SOAP, "Envelope")) {
            return Err("it is not an envelope of SOAP 1.2".to_owned());
        }
        let body = root.children().find(|node| node.has_tag_name((SOAP, "Body")));
        let body = body.ok_or_else(|| "it has no body".to_owned())?;
        if let Some(fault) = body.children().find(|node| node.has_tag_name((SOAP, "Fault"))) {
            return Ok(Err(fault_of(fault)));
        }
        let leaves = body
            .descendants()
            .filter(|node| node.is_element() && !node.children().any(|child| child.is_element()));
        let leaves = leaves.map(|leaf| {
            (leaf.tag_name().name().to_owned(), leaf.text().unwrap_or_default().trim().to_owned())
        });
        Ok(Ok(Self { leaves: leaves.collect() }))
    }

    /// The text of the first element with this local name, when it has one.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let found = self.leaves.iter().find(|(known, _)| known == name);
        found.map(|(_, text)| text.clone()).filter(|text| !text.is_empty())
    }

    /// The thumbprint of the management certificate in a provisioning document; the certificate must hold this key.
    pub(super) fn certificate(&self, key: PoolKey) -> Result<String, String> {
        let document = self.text("BinarySecurityToken").and_then(|text| base64_lenient(&text));
        let document = document.ok_or("the answer has no provisioning document")?;
        let document = parse(&document).map_err(|trouble| trouble.to_string())?;
        let named = |node: &Node<'_, '_>, kind: &str| {
            node.is_element() && node.attribute("type") == Some(kind)
        };
        let own = document.descendants().find(|node| named(node, "My"));
        let own = own.ok_or("the provisioning document has no certificate for the machine")?;
        let encoded = own.descendants().find_map(|node| {
            (node.attribute("name") == Some("EncodedCertificate"))
                .then(|| node.attribute("value").and_then(base64_lenient))?
        });
        let der = encoded.ok_or("the provisioning document has no certificate for the machine")?;
        let Ok((_, certificate)) = X509Certificate::from_der(&der) else {
            return Err("the management certificate is not an X.509 certificate".to_owned());
        };
        let ours = key.subject_public_key_info().map_err(|trouble| trouble.to_string())?;
        if certificate.public_key().raw != ours {
            return Err("the management certificate holds another key than was sent".to_owned());
        }
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, &der);
        Ok(hex_upper(digest.as_ref()))
    }
}

fn fault_of(fault: Node<'_, '_>) -> Fault {
    let text = |name: &str| {
        let found = fault.descendants().rfind(|node| node.tag_name().name() == name);
        found.and_then(|node| node.text()).unwrap_or_default().trim().to_owned()
    };
    // The innermost value is the most particular one.
    let subcode = text("Value");
    let subcode = subcode.rsplit(':').next().unwrap_or_default().to_owned();
    let error_type = Some(text("ErrorType")).filter(|kind| !kind.is_empty());
    let reason = fault
        .descendants()
        .find(|node| node.has_tag_name((SOAP, "Text")))
        .and_then(|node| node.text())
        .unwrap_or_default();
    Fault { subcode, error_type, reason: reason.trim().to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FAULT: &str = "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"><s:Body><s:Fault><s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value>s:Authorization</s:Value></s:Subcode></s:Code><s:Reason><s:Text xml:lang=\"en-us\">User is not allowed</s:Text></s:Reason>DETAIL</s:Fault></s:Body></s:Envelope>";

    fn number(detail: &str) -> u32 {
        Reply::read(FAULT.replace("DETAIL", detail).as_bytes()).unwrap().unwrap_err().number()
    }

    #[test]
    fn the_error_type_goes_before_the_subcode() {
        assert_eq!(number(""), 0x8018_0003);
        let detail = "<s:Detail><DeviceEnrollmentServiceError xmlns=\"http://schemas.microsoft.com/windows/pki/2009/01/enrollment\"><ErrorType>UserLicense</ErrorType><Message>x</Message></DeviceEnrollmentServiceError></s:Detail>";
        assert_eq!(number(detail), 0x8018_0018);
        assert_eq!(number(&detail.replace("UserLicense", "Unheard")), 0x8018_0003);
    }

    #[test]
    fn what_is_no_message_is_none() {
        for text in ["", "<html/>", "<!DOCTYPE html><html></html>", "nothing"] {
            assert!(Reply::read(text.as_bytes()).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _read = Reply::read(&bytes);
        }
    }
}
