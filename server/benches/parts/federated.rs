//! A user of a federated domain, from the realm to a token: four exchanges with two signatures in them.

use linarite_server::clock::{Clock, Span, rfc3339};
use linarite_server::keys::encoding::to_url;

use crate::client::Client;

const BROKER: &str = "29d9ed98-a469-4536-ade2-f981bc1d605e";
const USER: &str = "dave@fabrikam.test";
const PASSWORD: &str = "Correct-Horse-4";
const TRUST: &str = "http://docs.oasis-open.org/ws-sx/ws-trust/200512";
const WSS: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity";

/// The requests of one sign-in, in their order. The assertion in the last one is of an answer to the third, and may be
/// shown again within its hour.
pub(crate) fn sign_in(client: &mut Client) -> [Vec<u8>; 4] {
    let realm = format!("/login.microsoftonline.com/common/userrealm/{USER}?api-version=1.0");
    let realm = client.request("GET", &realm, "accept: application/json\r\n", "");
    let metadata = client.request("GET", "/sts.fabrikam.test/adfs/services/trust/mex", "", "");
    let trust = client.request(
        "POST",
        "/sts.fabrikam.test/adfs/services/trust/13/usernamemixed",
        "content-type: application/soap+xml; charset=utf-8\r\n",
        &message(),
    );
    let answer = String::from_utf8(client.ask(&trust)).expect("an answer in UTF-8");
    let (_, rest) = answer.split_once("RequestedSecurityToken>").expect("an assertion");
    let (assertion, _) = rest.split_once("</trust:RequestedSecurityToken>").expect("its end");
    let form = format!(
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Asaml1_1-bearer&client_id={BROKER}&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default&assertion={}",
        to_url(assertion)
    );
    let grant = client.form("/login.microsoftonline.com/organizations/oauth2/v2.0/token", &form);
    [realm, metadata, trust, grant]
}

/// A request for a token, as clients send it.
fn message() -> String {
    let now = Clock::real();
    let (created, expires) = (rfc3339(now), rfc3339(now + Span::from_minutes(10)));
    format!(
        "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope' xmlns:wsa='http://www.w3.org/2005/08/addressing' xmlns:wsu='{WSS}-utility-1.0.xsd'><s:Header><wsa:Action s:mustUnderstand='1'>{TRUST}/RST/Issue</wsa:Action><wsa:MessageID>urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8</wsa:MessageID><wsse:Security s:mustUnderstand='1' xmlns:wsse='{WSS}-secext-1.0.xsd'><wsu:Timestamp wsu:Id='_0'><wsu:Created>{created}</wsu:Created><wsu:Expires>{expires}</wsu:Expires></wsu:Timestamp><wsse:UsernameToken><wsse:Username>{USER}</wsse:Username><wsse:Password>{PASSWORD}</wsse:Password></wsse:UsernameToken></wsse:Security></s:Header><s:Body><wst:RequestSecurityToken xmlns:wst='{TRUST}'><wsp:AppliesTo xmlns:wsp='http://schemas.xmlsoap.org/ws/2004/09/policy'><wsa:EndpointReference><wsa:Address>urn:federation:MicrosoftOnline</wsa:Address></wsa:EndpointReference></wsp:AppliesTo><wst:KeyType>{TRUST}/Bearer</wst:KeyType><wst:RequestType>{TRUST}/Issue</wst:RequestType></wst:RequestSecurityToken></s:Body></s:Envelope>"
    )
}
