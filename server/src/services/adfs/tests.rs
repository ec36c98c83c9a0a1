//! The service through its router, in a world in memory.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use roxmltree::Document;

use super::router;
use crate::clock::{Clock, Instant, Span, format, rfc3339};
use crate::keys::saml::{Assertion, Presented, claims};
use crate::services::token::testing::{Answer, START, TestWorld};

const HOST: &str = "sts.fabrikam.test";
const DAVE: (&str, &str) = ("dave@fabrikam.test", "Correct-Horse-4");
const CLOUD: &str = "urn:federation:MicrosoftOnline";

async fn adfs() -> TestWorld {
    TestWorld::start(HOST, router()).await
}

fn stamp(created: Instant) -> String {
    let print = |moment| format(moment, "%Y-%m-%dT%H:%M:%SZ");
    format!(
        "<wsu:Timestamp wsu:Id=\"_0\"><wsu:Created>{}</wsu:Created><wsu:Expires>{}</wsu:Expires></wsu:Timestamp>",
        print(created),
        print(created + Span::from_minutes(10))
    )
}

fn token((name, password): (&str, &str)) -> String {
    format!(
        "<wsse:UsernameToken wsu:Id='ADALUsernameToken'><wsse:Username>{name}</wsse:Username><wsse:Password>{password}</wsse:Password></wsse:UsernameToken>"
    )
}

/// A message as MSAL Python sends it, with this in its security header and in its request.
fn message(version: &str, security: &str, more: &str, applies_to: &str) -> String {
    let (trust, key) = match version {
        "13" => (
            "http://docs.oasis-open.org/ws-sx/ws-trust/200512",
            "http://docs.oasis-open.org/ws-sx/ws-trust/200512/Bearer",
        ),
        _ => (
            "http://schemas.xmlsoap.org/ws/2005/02/trust",
            "http://schemas.xmlsoap.org/ws/2005/05/identity/NoProofKey",
        ),
    };
    format!(
        "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope' xmlns:wsa='http://www.w3.org/2005/08/addressing' xmlns:wsu='http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd'>
<s:Header><wsa:Action s:mustUnderstand='1'>{trust}/RST/Issue</wsa:Action><wsa:MessageID>urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8</wsa:MessageID>
<wsa:ReplyTo><wsa:Address>http://www.w3.org/2005/08/addressing/anonymous</wsa:Address></wsa:ReplyTo>
<wsse:Security s:mustUnderstand='1' xmlns:wsse='http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd'>{security}</wsse:Security></s:Header>
<s:Body><wst:RequestSecurityToken xmlns:wst='{trust}'><wsp:AppliesTo xmlns:wsp='http://schemas.xmlsoap.org/ws/2004/09/policy'><wsa:EndpointReference><wsa:Address>{applies_to}</wsa:Address></wsa:EndpointReference></wsp:AppliesTo>
<wst:KeyType>{key}</wst:KeyType><wst:RequestType>{trust}/Issue</wst:RequestType>{more}</wst:RequestSecurityToken></s:Body></s:Envelope>"
    )
}

fn sign_in(version: &str, who: (&str, &str)) -> String {
    message(version, &format!("{}{}", stamp(START), token(who)), "", CLOUD)
}

async fn post(world: &TestWorld, endpoint: &str, body: &str) -> Answer {
    let address = format!("/adfs/services/trust/{endpoint}");
    world.send(Method::POST, &address, None, &[], body).await
}

/// What lies between the tags, as clients cut it out: greedily, whatever the prefix.
fn cut<'a>(text: &'a str, name: &str) -> &'a str {
    let open = format!(":{name}>");
    let (_, rest) = text.split_once(&open).unwrap_or_else(|| panic!("no {name} in {text}"));
    let (inside, _) = rest.rsplit_once(&open).unwrap();
    inside.rsplit_once("</").unwrap().0
}

fn assertion(world: &TestWorld, answer: &Answer) -> Assertion {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let read = Presented::read(cut(&answer.text, "RequestedSecurityToken").as_bytes()).unwrap();
    let federation = world.world.federation("fabrikam.test").unwrap();
    read.signed_by(federation.signer.public()).unwrap().clone()
}

/// Status, subcode and reason of a fault, in the places where clients look for them.
fn fault(answer: &Answer) -> (u16, String, String) {
    let document = Document::parse(&answer.text).unwrap_or_else(|e| panic!("{e}: {}", answer.text));
    let soap = "http://www.w3.org/2003/05/soap-envelope";
    let walk = |names: &[&str]| {
        let found = names.iter().try_fold(document.root_element(), |node, name| {
            node.children().find(|child| child.has_tag_name((soap, *name)))
        });
        found.and_then(|node| node.text()).unwrap_or_default().to_owned()
    };
    let subcode = walk(&["Body", "Fault", "Code", "Subcode", "Value"]);
    (answer.status.as_u16(), subcode, walk(&["Body", "Fault", "Reason", "Text"]))
}

fn last(world: &TestWorld, kind: &str) -> serde_json::Value {
    world.events(kind).pop().unwrap_or_else(|| panic!("no {kind} in the journal"))
}

#[tokio::test]
async fn both_versions_sign_a_user_in_with_one_signed_assertion() {
    let world = adfs().await;
    for version in ["13", "2005"] {
        let answer =
            post(&world, &format!("{version}/usernamemixed"), &sign_in(version, DAVE)).await;
        let issued = assertion(&world, &answer);
        assert_eq!(issued.claim(claims::UPN), Some("dave@fabrikam.test"));
        assert_eq!(issued.immutable_id(), Some("ZGF2ZQ=="));
        assert_eq!(issued.audiences, [CLOUD]);
        assert_eq!(issued.issuer, "http://sts.fabrikam.test/adfs/services/trust");
        assert_eq!(
            (issued.not_before, issued.not_on_or_after),
            (START, START + Span::from_minutes(60))
        );
        assert_eq!(cut(&answer.text, "TokenType"), "urn:oasis:names:tc:SAML:1.0:assertion");
        let collection =
            answer.text.matches("<trust:RequestSecurityTokenResponseCollection").count();
        assert_eq!(collection, usize::from(version == "13"));
        let event = last(&world, "federation.issued");
        assert_eq!(event["user"], "dave@fabrikam.test");
        assert_eq!(event["endpoint"], format!("{version}/usernamemixed"));
        assert_eq!(event["stamped_by"], "world time");
        assert!(!event.to_string().contains("Correct-Horse"));
    }
}

#[tokio::test]
async fn the_type_of_token_that_is_asked_for_is_given() {
    let world = adfs().await;
    let wss = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV2.0";
    for (asked, namespace) in [
        ("urn:oasis:names:tc:SAML:2.0:assertion", "urn:oasis:names:tc:SAML:2.0:assertion"),
        (wss, "urn:oasis:names:tc:SAML:2.0:assertion"),
        ("urn:oasis:names:tc:SAML:1.0:assertion", "urn:oasis:names:tc:SAML:1.0:assertion"),
    ] {
        let security = format!("{}{}", stamp(START), token(DAVE));
        let more = format!("<wst:TokenType>{asked}</wst:TokenType>");
        let body = message("13", &security, &more, CLOUD);
        let answer = post(&world, "13/usernamemixed", &body).await;
        assert_eq!(assertion(&world, &answer).version.namespace(), namespace);
        assert_eq!(cut(&answer.text, "TokenType"), asked);
    }
    let more = "<wst:TokenType>urn:ietf:params:oauth:token-type:jwt</wst:TokenType>";
    let body = message("13", &format!("{}{}", stamp(START), token(DAVE)), more, CLOUD);
    let refused = fault(&post(&world, "13/usernamemixed", &body).await);
    assert_eq!((refused.0, refused.1.as_str()), (500, "a:InvalidRequest"));
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_user_look_alike_to_the_client_and_not_in_the_journal() {
    let world = adfs().await;
    let text = "ID3242: The security token could not be authenticated or authorized.";
    for (who, reason) in [
        (("dave@fabrikam.test", "wrong"), "federated-password-wrong"),
        (("nobody@fabrikam.test", "Correct-Horse-4"), "federated-user-unknown"),
        (("alice@contoso.test", "Correct-Horse-1"), "federated-user-unknown"),
    ] {
        for version in ["13", "2005"] {
            let answer =
                post(&world, &format!("{version}/usernamemixed"), &sign_in(version, who)).await;
            assert_eq!(fault(&answer), (500, "a:FailedAuthentication".to_owned(), text.to_owned()));
            assert_eq!(answer.header("content-type"), "application/soap+xml; charset=utf-8");
            let event = last(&world, "federation.denied");
            assert_eq!((&event["reason"], &event["user"]), (&reason.into(), &who.0.into()));
        }
    }
    assert_eq!(world.events("federation.issued").len(), 0);
}

#[tokio::test]
async fn a_message_is_judged_by_world_time_or_real_time() {
    let world = adfs().await;
    let with = |created| message("13", &format!("{}{}", stamp(created), token(DAVE)), "", CLOUD);
    let tolerance = Span::from_minutes(5);
    for (created, fits) in [
        (START + tolerance, Some("world time")),
        (START + tolerance + Span::from_seconds(1), None),
        (START - Span::from_minutes(15) + Span::from_seconds(1), Some("world time")),
        (START - Span::from_minutes(15), None),
        (Clock::real(), Some("real time")),
    ] {
        let answer = post(&world, "13/usernamemixed", &with(created)).await;
        if let Some(clock) = fits {
            assert_eq!(answer.status, 200, "{}", rfc3339(created));
            assert_eq!(last(&world, "federation.issued")["stamped_by"], clock);
        } else {
            assert_eq!(fault(&answer).1, "a:InvalidSecurity", "{}", rfc3339(created));
            assert_eq!(last(&world, "federation.denied")["reason"], "message-stamp-outdated");
        }
    }
    let unstamped = message("13", &token(DAVE), "", CLOUD);
    assert_eq!(fault(&post(&world, "13/usernamemixed", &unstamped).await).1, "a:InvalidSecurity");
}

#[tokio::test]
async fn a_message_for_somebody_else_is_refused() {
    let world = adfs().await;
    let security = format!("{}{}", stamp(START), token(DAVE));
    let other = message("13", &security, "", "urn:federation:Elsewhere");
    assert_eq!(fault(&post(&world, "13/usernamemixed", &other).await).1, "a:InvalidScope");
    // The message of one version at the endpoint of the other.
    let mixed = post(&world, "2005/usernamemixed", &sign_in("13", DAVE)).await;
    assert_eq!(fault(&mixed).0, 400);
    let to = sign_in("13", DAVE).replace(
        "<wsa:ReplyTo>",
        "<wsa:To>https://sts.fabrikam.test/adfs/services/trust/2005/usernamemixed</wsa:To><wsa:ReplyTo>",
    );
    assert_eq!(fault(&post(&world, "13/usernamemixed", &to).await).1, "a:InvalidRequest");
    assert_eq!(last(&world, "federation.denied")["reason"], "message-addressed-wrong");
}

#[tokio::test]
async fn hostile_xml_is_refused_quickly_at_every_soap_endpoint() {
    let world = adfs().await;
    let good = sign_in("13", DAVE);
    let bomb = format!(
        "<!DOCTYPE x [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]>{}",
        good.replace(DAVE.1, "&b;")
    );
    let twice = good.replace("<wst:KeyType>", "<wst:RequestType>x</wst:RequestType><wst:KeyType>");
    let hostile = [
        bomb,
        format!("<!DOCTYPE x SYSTEM \"file:///etc/passwd\">{good}"),
        good.replace(DAVE.0, "&file;"),
        format!("{}{}", "<a>".repeat(20_000), "</a>".repeat(20_000)),
        "<a/>".repeat(50_000),
        format!(
            "<a{}/>",
            (0..3000).map(|n| format!(" xmlns:p{n}='u{n}'")).collect::<Vec<_>>().concat()
        ),
        "<".repeat(60_000),
        "x".repeat(1 << 20),
        good.replace(
            "http://www.w3.org/2003/05/soap-envelope",
            "http://schemas.xmlsoap.org/soap/envelope/",
        ),
        good.replace("wss-wssecurity-secext-1.0", "wss-wssecurity-secext-9.9")
            .replace("200512'", "200513'"),
        good.replace("dave@fabrikam", "dave<!-- x -->@fabrikam"),
        format!("{good}{good}"),
        twice,
        // A second place from which another reader might take who signs in, for whom, or what.
        doubled(&good, "wsse:UsernameToken"),
        doubled(&good, "wsse:Security"),
        doubled(&good, "wsu:Timestamp"),
        doubled(&good, "wsp:AppliesTo"),
        doubled(&good, "s:Body"),
        doubled(&good, "s:Header"),
        format!("<!DOCTYPE x [<!ENTITY % all SYSTEM \"http://127.0.0.1:1/x.dtd\">%all;]>{good}"),
        String::new(),
        "{}".to_owned(),
    ];
    for kind in ["usernamemixed", "windowstransport", "certificatemixed"] {
        for body in &hostile {
            for version in ["13", "2005"] {
                let header = [("authorization", negotiate(r#"{"user":"dave@fabrikam.test"}"#))];
                let header: Vec<(&str, &str)> =
                    header.iter().map(|(n, v)| (*n, v.as_str())).collect();
                let address = format!("/adfs/services/trust/{version}/{kind}");
                let asked = world.send(Method::POST, &address, None, &header, body);
                let answer = tokio::time::timeout(Duration::from_secs(2), asked).await.unwrap();
                let start: String = body.chars().take(80).collect();
                assert_eq!(fault(&answer).0, 400, "{version}/{kind} {start}");
                assert_eq!(last(&world, "federation.denied")["reason"], "message-malformed");
            }
        }
    }
}

/// The message with this element twice, the second one right behind the first.
fn doubled(message: &str, name: &str) -> String {
    let start = message.find(&format!("<{name}")).unwrap();
    let close = format!("</{name}>");
    let end = message.find(&close).unwrap() + close.len();
    format!("{}{}", &message[..end], &message[start..])
}

fn negotiate(json: &str) -> String {
    format!("Negotiate {}", STANDARD.encode(json))
}

async fn integrated(world: &TestWorld, header: &str) -> Answer {
    let body = message("2005", "", "", CLOUD);
    let address = "/adfs/services/trust/2005/windowstransport";
    world.send(Method::POST, address, None, &[("authorization", header)], &body).await
}

#[tokio::test]
async fn a_domain_computer_gets_the_claims_of_a_hybrid_join() {
    let world = adfs().await;
    let who = r#"{"computer":"PC1$","objectGuid":"00112233-4455-6677-8899-aabbccddeeff","sid":"S-1-5-21-1-2-3-1001"}"#;
    let issued = assertion(&world, &integrated(&world, &negotiate(who)).await);
    assert_eq!(issued.claim(claims::ACCOUNT_TYPE), Some("DJ"));
    // The GUID as Windows lays it out: 33221100-5544-7766-8899-aabbccddeeff in bytes.
    assert_eq!(issued.claim(claims::ON_PREM_OBJECT_GUID), Some("MyIRAFVEd2aImaq7zN3u/w=="));
    assert_eq!(issued.claim(claims::PRIMARY_SID), Some("S-1-5-21-1-2-3-1001"));
    assert_eq!(issued.claim(claims::UPN), None);
    assert_eq!(issued.claim(claims::ISSUER_ID), None, "one domain has one issuer");
    assert_eq!(last(&world, "federation.issued")["computer"], "PC1$");
    let elsewhere = who.replace("\"sid\"", "\"domain\":\"contoso.test\",\"sid\"");
    let refused = integrated(&world, &negotiate(&elsewhere)).await;
    assert_eq!(fault(&refused).2, "MSIS7068: Access denied.");
}

#[tokio::test]
async fn a_user_at_a_domain_computer_signs_in_without_a_password() {
    let world = adfs().await;
    let answer = integrated(&world, &negotiate(r#"{"user":"dave@fabrikam.test"}"#)).await;
    assert_eq!(assertion(&world, &answer).immutable_id(), Some("ZGF2ZQ=="));
    let answer = integrated(&world, &negotiate(r#"{"user":"alice@contoso.test"}"#)).await;
    assert_eq!(fault(&answer).1, "a:FailedAuthentication");
}

#[tokio::test]
async fn integrated_sign_in_asks_for_negotiate_and_refuses_what_the_emulated_client_did_not_make() {
    let world = adfs().await;
    let body = message("2005", "", "", CLOUD);
    let answer = post(&world, "2005/windowstransport", &body).await;
    assert_eq!((answer.status.as_u16(), answer.header("www-authenticate")), (401, "Negotiate"));
    let ticket = STANDARD.encode(b"\x60\x82\x06\x0a\x06\x06+\x06\x01\x05\x05\x02");
    for header in [
        format!("Negotiate {ticket}"),
        "Negotiate".to_owned(),
        "Negotiate !!".to_owned(),
        "Basic ZGF2ZTp4".to_owned(),
        negotiate("{}"),
        negotiate(r#"{"computer":"PC1$","objectGuid":"x","sid":"S-1-5-21-1"}"#),
        negotiate(r#"{"computer":"PC1$","user":"dave@fabrikam.test"}"#),
        negotiate(&"[".repeat(5000)),
    ] {
        let answer = integrated(&world, &header).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("www-authenticate")),
            (401, "Negotiate"),
            "{header}"
        );
        assert_eq!(last(&world, "federation.denied")["reason"], "integrated-sign-in-malformed");
    }
}

#[tokio::test]
async fn metadata_exchange_names_every_endpoint_as_clients_read_it() {
    let world = adfs().await;
    let answer = world.send(Method::GET, "/adfs/services/trust/mex", None, &[], "").await;
    let document = Document::parse(&answer.text).unwrap();
    let all = |name: &str| {
        document.descendants().filter(|n| n.tag_name().name() == name).collect::<Vec<_>>()
    };
    let (soap12, wsdl) =
        ("http://schemas.xmlsoap.org/wsdl/soap12/", "http://schemas.xmlsoap.org/wsdl/");
    let bindings: Vec<_> =
        document.root_element().children().filter(|n| n.has_tag_name((wsdl, "binding"))).collect();
    assert_eq!(bindings.len(), 6);
    for binding in &bindings {
        let own = binding.children().find(|n| n.has_tag_name((soap12, "binding"))).unwrap();
        assert_eq!(own.attribute("transport"), Some("http://schemas.xmlsoap.org/soap/http"));
        let operation = binding.children().find(|n| n.has_tag_name((wsdl, "operation"))).unwrap();
        let action = operation.children().find(|n| n.has_tag_name((soap12, "operation"))).unwrap();
        assert!(action.attribute("soapAction").unwrap().ends_with("/RST/Issue"));
    }
    let addresses: Vec<_> = all("Address").iter().map(|n| n.text().unwrap()).collect();
    assert_eq!(addresses.len(), 6);
    assert!(addresses.contains(&"https://sts.fabrikam.test/adfs/services/trust/13/usernamemixed"));
    assert!(addresses.iter().all(|a| a.starts_with("https://") && a.trim() == *a));
    assert_eq!(all("WssUsernameToken10").len(), 2);
    assert_eq!(all("NegotiateAuthentication").len(), 2);
}

#[tokio::test]
async fn settings_of_the_world_file_switch_endpoints_off_and_set_the_clock() {
    let more = "federation: { fabrikam.test: { disable_endpoints: [13/usernamemixed, passive], clock_offset: 30m, token_lifetime: 10m, issuer: 'http://fabrikam.test/trust' } }";
    let world = TestWorld::start_with(HOST, router(), more).await;
    let mex = world.send(Method::GET, "/adfs/services/trust/mex", None, &[], "").await;
    assert!(!mex.text.contains("13/usernamemixed") && mex.text.contains("2005/usernamemixed"));
    let off = post(&world, "13/usernamemixed", &sign_in("13", DAVE)).await;
    assert_eq!(off.status, 503);
    assert_eq!(last(&world, "federation.denied")["reason"], "federation-endpoint-off");
    let issued =
        assertion(&world, &post(&world, "2005/usernamemixed", &sign_in("2005", DAVE)).await);
    assert_eq!(issued.issuer, "http://fabrikam.test/trust");
    assert_eq!(issued.not_before, START + Span::from_minutes(30));
    assert_eq!(issued.not_on_or_after, START + Span::from_minutes(40));
    let passive = format!("/adfs/ls/?wa=wsignin1.0&wtrealm={CLOUD}");
    assert_eq!(world.send(Method::GET, &passive, None, &[], "").await.status, 503);
}

#[tokio::test]
async fn a_browser_signs_in_by_a_form_and_takes_the_answer_to_the_cloud() {
    let world = adfs().await;
    let address = format!(
        "/adfs/ls/?wa=wsignin1.0&wtrealm={CLOUD}&wctx=a%26b%3C&username=dave%40fabrikam.test"
    );
    let form = world.send(Method::GET, &address, None, &[], "").await;
    for name in [
        "name=\"UserName\"",
        "name=\"Password\"",
        "name=\"Kmsi\"",
        "value=\"FormsAuthentication\"",
        "value=\"dave@fabrikam.test\"",
    ] {
        assert!(form.text.contains(name), "{name} in {}", form.text);
    }
    let typed = |password: &str| {
        format!(
            "UserName=dave%40fabrikam.test&Password={password}&Kmsi=&AuthMethod=FormsAuthentication"
        )
    };
    let wrong = world.send(Method::POST, &address, None, &[], &typed("x")).await;
    assert!(wrong.text.contains("Incorrect user ID or password"));
    assert_eq!(last(&world, "federation.denied")["operation"], "adfs.passive");
    let right = world.send(Method::POST, &address, None, &[], &typed("Correct-Horse-4")).await;
    let page = Document::parse(
        right.text.trim_start_matches("<!DOCTYPE html>").trim().split("<noscript>").next().unwrap(),
    );
    assert!(page.is_err(), "a page is no XML");
    assert!(right.text.contains("action=\"https://login.microsoftonline.com/login.srf\""));
    let field = |name: &str| {
        let (_, rest) = right.text.split_once(&format!("name=\"{name}\" value=\"")).unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    };
    assert_eq!(field("wa"), "wsignin1.0");
    assert!(field("wctx").starts_with("a&") && field("wctx").contains('b'));
    let unescape = |text: String| {
        let pairs = [
            ("&#60;", "<"),
            ("&#62;", ">"),
            ("&#34;", "\""),
            ("&#39;", "'"),
            ("&lt;", "<"),
            ("&gt;", ">"),
            ("&quot;", "\""),
            ("&#38;", "&"),
            ("&amp;", "&"),
        ];
        pairs.iter().fold(text, |text, (from, to)| text.replace(from, to))
    };
    let result = unescape(field("wresult"));
    let read = Presented::read(cut(&result, "RequestedSecurityToken").as_bytes()).unwrap();
    let federation = world.world.federation("fabrikam.test").unwrap();
    assert_eq!(
        read.signed_by(federation.signer.public()).unwrap().immutable_id(),
        Some("ZGF2ZQ==")
    );
}

#[tokio::test]
async fn passive_requests_that_are_not_for_sign_in_are_refused_by_name() {
    let world = adfs().await;
    for (query, status) in [
        ("", 400),
        ("?wa=wsignout1.0", 501),
        ("?SAMLRequest=x", 501),
        ("?wa=wsignin1.0&wtrealm=urn:elsewhere", 500),
    ] {
        let answer = world.send(Method::GET, &format!("/adfs/ls/{query}"), None, &[], "").await;
        assert_eq!(answer.status, status, "{query}");
        assert!(answer.text.contains("errorText"));
    }
    let certificate = format!("/adfs/ls/?wa=wsignin1.0&wtrealm={CLOUD}");
    let answer = world
        .send(Method::POST, &certificate, None, &[], "AuthMethod=CertificateAuthentication")
        .await;
    assert_eq!(answer.status, 501);
}

#[tokio::test]
async fn federation_metadata_hold_the_certificate_that_signs() {
    let world = adfs().await;
    let address = "/FederationMetadata/2007-06/FederationMetadata.xml";
    let answer = world.send(Method::GET, address, None, &[], "").await;
    let document = Document::parse(&answer.text).unwrap();
    let found = document.descendants().find(|n| n.tag_name().name() == "X509Certificate").unwrap();
    let federation = world.world.federation("fabrikam.test").unwrap();
    assert_eq!(STANDARD.decode(found.text().unwrap()).unwrap(), federation.certificate);
    assert_eq!(document.root_element().attribute("entityID"), Some(federation.issuer.as_str()));
}

#[tokio::test]
async fn what_is_not_there_is_refused_by_name() {
    let world = adfs().await;
    assert!(world.send(Method::GET, "/", None, &[], "").await.text.contains("fabrikam.test"));
    for (method, path) in [
        (Method::GET, "/adfs/oauth2/authorize"),
        (Method::GET, "/adfs/services/trust/13/usernamemixed"),
        (Method::POST, "/adfs/services/trust/14/usernamemixed"),
    ] {
        let answer = world.send(method, path, None, &[], "").await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.text.contains("not emulated"), "{path}");
    }
}
