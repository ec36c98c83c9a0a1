//! Reading the message by which older systems enrol (MS-DVRE): MS-WSTEP with a token of the cloud directory and three
//! particulars, each of which must be there once. Further ones are passed over.

use crate::keys::csr::Csr;
use crate::services::soap::{self, Message};
use crate::services::wstep::{self, ACTION, JWT, Unread, bearer};

/// How long a particular may be.
const ITEM: usize = 256;

/// A request to enrol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// The compact JWT of the header.
    pub(super) token: Option<String>,
    asked: wstep::Request,
    pub(super) device_type: String,
    /// The version of the operating system, as the item `ApplicationVersion` has it.
    pub(super) os_version: String,
    pub(super) display_name: String,
}

impl Request {
    /// The certificate request; its signature fits.
    pub(super) fn csr(&self) -> Result<Csr, Unread> {
        self.asked.csr()
    }
}

/// Why a message was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// Whether it asks for something else than an enrolment.
    pub(super) other_action: bool,
    pub(super) what: String,
}

impl From<String> for Wrong {
    fn from(what: String) -> Self {
        Self { other_action: false, what }
    }
}

/// Reads a message.
pub(super) fn read(body: &[u8]) -> Result<Request, Wrong> {
    let document = soap::read(body)?;
    let message = Message::of(&document)?;
    match message.action.as_deref() {
        Some(ACTION) => {}
        Some(other) => {
            return Err(Wrong { other_action: true, what: other.chars().take(200).collect() });
        }
        None => return Err("it has no Action".to_owned().into()),
    }
    let token = bearer(&message, &[JWT])?;
    let asked = wstep::request(&message).map_err(String::from)?;
    let item = |name| asked.only(name, ITEM).map(str::to_owned);
    let (device_type, os_version) = (item("DeviceType")?, item("ApplicationVersion")?);
    let display_name = item("DeviceDisplayName")?;
    Ok(Request { token, asked, device_type, os_version, display_name })
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
        assert_eq!(request.token.as_deref(), Some("a.b.c"));
        assert_eq!((&*request.device_type, &*request.os_version), ("Windows", "6.1.7601.0"));
        assert_eq!(request.display_name, "pc-7.contoso.test");
        assert!(matches!(request.csr(), Err(Unread::CertificateRequest(_))), "AAAA is none");
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
    }

    #[test]
    fn a_message_is_bounded_in_bytes_depth_and_elements() {
        let deep = MESSAGE.replace("AAAA", &format!("{}{}", "<a>".repeat(40), "</a>".repeat(40)));
        assert!(read(deep.as_bytes()).unwrap_err().what.contains("nested"));
        let many = MESSAGE.replace("AAAA", &"<a/>".repeat(1100));
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
