//! Sign-in with a certificate, by messages that openssl and xmlsec1 made (`fixtures/wire/certificatemixed`), and by what
//! somebody who only has these messages could make of them.

use http::Method;
use linarite_core::instant::{Instant, Span};

use super::router;
use crate::keys::saml::{AuthnMethod, Presented, claims};
use crate::services::token::testing::{Answer, START, TestWorld};

const AUTHORITY: &str = include_str!("../../../../fixtures/wire/certificatemixed/authority.pem");
const GOOD: &str = include_str!("../../../../fixtures/wire/certificatemixed/good-13.xml");

macro_rules! golden {
    ($name:literal) => {
        include_str!(concat!("../../../../fixtures/wire/certificatemixed/", $name, ".xml"))
    };
}

async fn adfs() -> TestWorld {
    let pem = AUTHORITY.replace('\n', "\n      ");
    let more = format!("federation:\n  fabrikam.test:\n    certificate_authority: |\n      {pem}");
    TestWorld::start_with("sts.fabrikam.test", router(), &more).await
}

async fn post(world: &TestWorld, version: &str, body: &str) -> Answer {
    let address = format!("/adfs/services/trust/{version}/certificatemixed");
    world.send(Method::POST, &address, None, &[], body).await
}

/// Why a message was refused, as the journal has it, and the subcode and text that its sender gets.
async fn refused(world: &TestWorld, body: &str) -> (String, String) {
    let answer = post(world, "13", body).await;
    assert!(!answer.status.is_success(), "{}", answer.text);
    let event = world.events("federation.denied").pop().unwrap();
    let told = answer.text.split("<s:Subcode><s:Value").nth(1).unwrap();
    let subcode = told.split_once('>').unwrap().1.split_once('<').unwrap().0;
    (event["reason"].as_str().unwrap().to_owned(), subcode.to_owned())
}

/// The element with this name, tags included.
fn element<'a>(text: &'a str, name: &str) -> &'a str {
    let start = text.find(&format!("<{name}")).unwrap();
    let close = format!("</{name}>");
    let end = text[start..].find(&close).unwrap() + close.len();
    &text[start..start + end]
}

fn changed(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    GOOD.replacen(from, to, 1)
}

#[tokio::test]
async fn the_holder_of_a_certificate_gets_an_assertion_in_both_versions() {
    let world = adfs().await;
    for (version, body) in
        [("13", GOOD), ("2005", golden!("good-2005")), ("13", golden!("stamp-only"))]
    {
        let answer = post(&world, version, body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let (_, rest) = answer.text.split_once(":RequestedSecurityToken>").unwrap();
        let read =
            rest.rsplit_once(":RequestedSecurityToken>").unwrap().0.rsplit_once("</").unwrap().0;
        let federation = world.world.federation("fabrikam.test").unwrap();
        let read = Presented::read(read.as_bytes()).unwrap();
        let read = read.signed_by(federation.signer.public()).unwrap();
        assert_eq!(read.claim(claims::UPN), Some("dave@fabrikam.test"));
        assert_eq!(read.immutable_id(), Some("ZGF2ZQ=="));
        assert_eq!(read.method(), Some(AuthnMethod::Certificate));
        let event = world.events("federation.issued").pop().unwrap();
        assert_eq!(event["endpoint"], format!("{version}/certificatemixed"));
        assert_eq!(event["user"], "dave@fabrikam.test");
        assert_eq!(event["certificate"].as_str().unwrap().len(), 40);
    }
}

#[tokio::test]
async fn each_certificate_that_does_not_count_has_its_reason() {
    let world = adfs().await;
    for (body, reason) in [
        (golden!("expired"), "user-certificate-expired"),
        (golden!("not-yet"), "user-certificate-not-yet-valid"),
        (golden!("untrusted"), "user-certificate-untrusted"),
        (golden!("nameless"), "user-certificate-nameless"),
        (golden!("unknown"), "federated-user-unknown"),
        (golden!("elsewhere"), "federated-user-unknown"),
    ] {
        let expected = (reason.to_owned(), "a:FailedAuthentication".to_owned());
        assert_eq!(refused(&world, body).await, expected);
    }
    let expected = ("message-signature-wrong".to_owned(), "a:InvalidSecurity".to_owned());
    assert_eq!(refused(&world, golden!("other-key")).await, expected);
    assert_eq!(world.events("federation.issued").len(), 0);
}

#[tokio::test]
async fn a_certificate_counts_by_the_second_in_world_time() {
    // A second later the one counts; a second and a little earlier the other did.
    let world = adfs().await;
    world.advance(1);
    assert_eq!(post(&world, "13", golden!("not-yet")).await.status, 200);
    let early = adfs().await;
    early.world.clock.set(START - Span::from_millis(1), true).unwrap();
    assert_eq!(post(&early, "13", golden!("expired")).await.status, 200);
}

#[tokio::test]
async fn without_an_authority_in_the_world_file_no_certificate_is_trusted() {
    let world = TestWorld::start_with("sts.fabrikam.test", router(), "").await;
    assert_eq!(refused(&world, GOOD).await.0, "user-certificate-untrusted");
}

#[tokio::test]
async fn a_message_may_be_shown_again_while_its_timestamp_counts_and_not_after() {
    let world = adfs().await;
    for _ in 0..2 {
        assert_eq!(post(&world, "13", GOOD).await.status, 200);
    }
    // Five minutes of its own, and five of tolerance.
    let end: Instant = START + Span::from_minutes(10);
    world.world.clock.set(end - Span::from_millis(1), true).unwrap();
    assert_eq!(post(&world, "13", GOOD).await.status, 200);
    world.world.clock.set(end, true).unwrap();
    let late = refused(&world, GOOD).await;
    assert_eq!(late, ("message-stamp-outdated".to_owned(), "a:InvalidSecurity".to_owned()));
}

#[tokio::test]
async fn what_was_changed_or_moved_after_it_was_signed_is_refused() {
    let world = adfs().await;
    let (stamp, signature) = (element(GOOD, "u:Timestamp"), element(GOOD, "Signature"));
    let token = element(GOOD, "o:BinarySecurityToken");
    let fresh = stamp.replace("09:05:00", "23:05:00");
    let later = fresh.replace("_0", "_9");
    let reference = element(signature, "Reference");
    let tampered = [
        // The time is drawn out.
        changed("09:05:00.000Z", "23:05:00.000Z"),
        // Another address.
        changed("https://sts.fabrikam.test/", "https://sts.other.test/"),
        // The signed timestamp is moved aside, and another one stands in its place.
        changed(stamp, &later).replace("</s:Header>", &format!("<x>{stamp}</x></s:Header>")),
        changed(stamp, &format!("{later}<x>{stamp}</x>")),
        changed(stamp, &later)
            .replace("</Signature>", &format!("<Object>{stamp}</Object></Signature>")),
        // A signature over something else, over nothing, over the same twice.
        changed("URI=\"#_0\"", "URI=\"\""),
        changed("URI=\"#_0\"", "URI=\"#uuid-1\""),
        changed(reference, ""),
        changed(reference, &reference.repeat(2)),
        // Another form: a transform more, another canonical form, prefixes that count, an HMAC.
        changed(
            "<Transforms>",
            "<Transforms><Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"/>",
        ),
        changed(
            "<Transforms>",
            "<Transforms><Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xslt-19991116\"/>",
        ),
        changed(
            "xml-exc-c14n#\"/><SignatureMethod",
            "xml-exc-c14n#WithComments\"/><SignatureMethod",
        ),
        changed("xmldsig-more#rsa-sha256", "xmldsig-more#hmac-sha256"),
        changed(
            "http://www.w3.org/2001/04/xmlenc#sha256",
            "http://www.w3.org/2001/04/xmldsig-more#md5",
        ),
        changed("<SignatureValue>", "<SignatureValue>AAAA"),
        changed("<DigestValue>", "<DigestValue>AAAA"),
        // The key of another token.
        changed("URI=\"#uuid-1\"", "URI=\"#uuid-2\""),
        // What is signed has no id that the signature could mean.
        changed("u:Id=\"_0\"", ""),
        changed("u:Id=\"_0\"", "Id=\"_0\""),
    ];
    for body in &tampered {
        let wrong = ("message-signature-wrong".to_owned(), "a:InvalidSecurity".to_owned());
        assert_eq!(refused(&world, body).await, wrong, "{body}");
    }
    let twice = [
        changed(stamp, &format!("{stamp}{stamp}")),
        changed(stamp, &fresh).replace("</s:Header>", &format!("<x>{stamp}</x></s:Header>")),
        changed(token, &token.repeat(2)),
        changed(token, &format!("{token}{}", token.replace("uuid-1", "uuid-2"))),
        changed(signature, &signature.repeat(2)),
        changed(
            "</o:Security>",
            "</o:Security><o:Security xmlns:o=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd\"/>",
        ),
        changed(
            token,
            &format!(
                "{token}<o:UsernameToken><o:Username>bob@fabrikam.test</o:Username><o:Password>x</o:Password></o:UsernameToken>"
            ),
        ),
        // An entity, a document type, a token of another kind, one that is nothing.
        format!("<!DOCTYPE x [<!ENTITY y \"z\">]>{GOOD}"),
        changed("#X509v3\" EncodingType", "#X509PKIPathv1\" EncodingType"),
        changed(element(token, "o:BinarySecurityToken"), &token.replace("MII", "AII")),
        changed("<KeyInfo>", "<KeyInfo><o:SecurityTokenReference/>"),
        changed("<s:Body>", "<s:Body u:Id=\"_0\">"),
    ];
    for body in &twice {
        let malformed = ("message-malformed".to_owned(), "a:InvalidRequest".to_owned());
        assert_eq!(refused(&world, body).await, malformed, "{body}");
    }
    for body in [changed(signature, ""), changed(token, "")] {
        assert_eq!(refused(&world, &body).await.0, "message-security-missing");
    }
    assert_eq!(world.events("federation.issued").len(), 0);
    assert_eq!(post(&world, "13", GOOD).await.status, 200, "nothing of it lasts");
}

#[tokio::test]
async fn a_disabled_account_signs_in_with_no_certificate() {
    let world = adfs().await;
    world.enable("dave", false).await;
    assert_eq!(refused(&world, GOOD).await.0, "federated-user-disabled");
}
