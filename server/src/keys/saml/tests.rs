//! Assertions against themselves, against attackers, and against a foreign verifier (`xmlsec1`).

use std::fs;
use std::process::Command;

use linarite_core::instant::Instant;
use proptest::prelude::*;
use tempfile::TempDir;

use super::c14n::canonical;
use super::xml::{Limits, XmlError, parse};
use super::*;
use crate::keys::issue::self_signed;
use crate::keys::pool::TestKey;
use crate::keys::rsa_key::RsaKey;

/// 2026-03-02T09:00:00Z
const START: Instant = Instant::from_seconds(1_772_442_000);

fn spec(version: SamlVersion) -> AssertionSpec {
    AssertionSpec {
        version,
        id: "_2f0f1f0e-8a52-4b2c-9a52-0d0d34c3b1a1".to_owned(),
        issuer: "http://sts.fabrikam.test/adfs/services/trust".to_owned(),
        audience: "urn:federation:MicrosoftOnline".to_owned(),
        not_before: START,
        not_on_or_after: Instant::from_millis(START.millis() + 3_600_000),
        issue_instant: START,
        name_id: Some("ZGF2ZQ==".to_owned()),
        upn: Some("d'ave<&>\"é\r\n@fabrikam.test".to_owned()),
        immutable_id: Some("ZGF2ZQ==".to_owned()),
        authn_method: AuthnMethod::Password,
        claims: vec![
            Claim::new(claims::INSIDE_CORPORATE_NETWORK, "true"),
            Claim {
                uri: claims::AUTHN_METHODS.to_owned(),
                values: vec!["one".to_owned(), claims::MULTIPLE_AUTHN.to_owned()],
            },
        ],
        recipient: Some("https://login.microsoftonline.com/login.srf?a=1&b=\"2\"".to_owned()),
    }
}

fn key(number: usize) -> RsaKey {
    TestKey::pick(number).load().unwrap()
}

fn written(version: SamlVersion, sealing: Sealing<'_>) -> String {
    let certificate = self_signed(&key(0), "signing").unwrap();
    spec(version).write(&key(0), &certificate, sealing).unwrap()
}

fn defect(text: &str) -> SealDefect {
    Presented::read(text.as_bytes()).unwrap().signed_by(key(0).public()).unwrap_err()
}

fn unreadable(text: &str) -> AssertionError {
    Presented::read(text.as_bytes()).unwrap_err()
}

const BOTH: [SamlVersion; 2] = [SamlVersion::V1, SamlVersion::V2];

#[test]
fn what_is_written_is_canonical_already_and_reads_back() {
    for version in BOTH {
        let text = written(version, Sealing::Good);
        let document = parse(text.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(canonical(document.root_element(), None), text);
        let spec = spec(version);
        let presented = Presented::read(format!("\r\n {text}\n").as_bytes()).unwrap();
        let read = presented.signed_by(key(0).public()).unwrap();
        assert_eq!(read.version, version);
        assert_eq!(read.id, spec.id);
        assert_eq!(read.issuer, spec.issuer);
        assert_eq!(read.audiences, [spec.audience]);
        assert_eq!(
            (read.not_before, read.not_on_or_after),
            (spec.not_before, spec.not_on_or_after)
        );
        assert_eq!(read.name_id, spec.name_id);
        assert_eq!(read.claim(claims::UPN), spec.upn.as_deref());
        assert_eq!(read.immutable_id(), spec.immutable_id.as_deref());
        assert_eq!(read.method(), Some(AuthnMethod::Password));
        assert!(read.multiple_authn());
        assert_eq!(read.claim(claims::INSIDE_CORPORATE_NETWORK), Some("true"));
    }
}

#[test]
fn each_planted_defect_is_told_apart() {
    for version in BOTH {
        assert_eq!(defect(&written(version, Sealing::None)), SealDefect::Unsigned);
        assert_eq!(defect(&written(version, Sealing::WrongDigest)), SealDefect::Changed);
        let other = key(1);
        assert_eq!(defect(&written(version, Sealing::WrongKey(&other))), SealDefect::OtherKey);
        let presented = Presented::read(written(version, Sealing::WrongKey(&other)).as_bytes());
        assert!(presented.unwrap().signed_by(other.public()).is_ok());
        let bad = written(version, Sealing::Good).replace("fabrikam", "evilcorp");
        assert_eq!(defect(&bad), SealDefect::Changed);
    }
}

/// `xmlsec1`, or nothing when this machine has none, which is said aloud.
fn xmlsec(version: SamlVersion, text: &str) -> Option<bool> {
    if Command::new("xmlsec1").arg("--version").output().is_err() {
        eprintln!("SKIPPED: no `xmlsec1` command on this machine, nothing foreign verified this");
        return None;
    }
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("text"), text).unwrap();
    fs::write(folder.path().join("certificate"), self_signed(&key(0), "signing").unwrap()).unwrap();
    let output = Command::new("xmlsec1")
        .args(["--verify", "--trusted-der", "certificate"])
        .arg(format!("--id-attr:{}", version.id_attribute()))
        .args([&format!("{}:Assertion", version.namespace()), "text"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    Some(output.status.success())
}

#[test]
fn a_foreign_verifier_agrees_alone_and_inside_an_envelope() {
    for version in BOTH {
        let good = written(version, Sealing::Good);
        let Some(verdict) = xmlsec(version, &good) else { return };
        assert!(verdict, "{good}");
        let inside = format!(
            "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" xmlns=\"urn:x\" \
             xmlns:ds=\"urn:y\"><s:Body>{good}</s:Body></s:Envelope>"
        );
        assert_eq!(xmlsec(version, &inside), Some(true));
        for sealing in [Sealing::WrongDigest, Sealing::WrongKey(&key(1)), Sealing::None] {
            assert_eq!(xmlsec(version, &written(version, sealing)), Some(false), "{sealing:?}");
        }
        assert_eq!(xmlsec(version, &good.replace("ZGF2ZQ==", "ZXZpbA==")), Some(false));
    }
}

#[test]
fn an_assertion_that_a_foreign_tool_signed_is_accepted() {
    // Written by hand, not canonical, namespaces declared elsewhere than here; `xmlsec1` fills in digest and signature.
    let template = r##"<?xml version="1.0"?>
<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:1.0:assertion" xmlns="http://www.w3.org/2000/09/xmldsig#"
   MinorVersion='1' MajorVersion='1' Issuer="http://sts" AssertionID="_1" IssueInstant="2026-03-02T09:00:00Z">
 <!-- left out --><saml:Conditions NotOnOrAfter="2026-03-02T10:00:00Z" NotBefore="2026-03-02T09:00:00Z"/>
 <Signature><SignedInfo><CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>
 <SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/><Reference URI="#_1"><Transforms>
 <Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>
 <Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/></Transforms>
 <DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><DigestValue/></Reference></SignedInfo>
 <SignatureValue/></Signature></saml:Assertion>"##;
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("template"), template).unwrap();
    fs::write(folder.path().join("key"), TestKey::pick(0).der()).unwrap();
    let signed = Command::new("xmlsec1")
        .args(["--sign", "--privkey-der", "key", "--id-attr:AssertionID", "Assertion", "template"])
        .current_dir(folder.path())
        .output();
    let Ok(signed) = signed else {
        eprintln!("SKIPPED: no `xmlsec1` command on this machine, nothing foreign signed this");
        return;
    };
    assert!(signed.status.success(), "{}", String::from_utf8_lossy(&signed.stderr));
    let presented = Presented::read(&signed.stdout).unwrap();
    assert_eq!(presented.signed_by(key(0).public()).map(|a| a.issuer.as_str()), Ok("http://sts"));
}

/// The assertion of an attacker around the one that was signed, and the places where the latter can be hidden.
#[test]
fn a_signed_assertion_wrapped_into_another_is_refused() {
    for version in BOTH {
        let good = written(version, Sealing::Good);
        let end = good.rfind("</").unwrap();
        let tag = &good[end..];
        let signature = &good[good.find("<ds:Signature ").unwrap()
            ..good.find("</ds:Signature>").unwrap() + "</ds:Signature>".len()];
        let stripped = good.replace(signature, "");
        let evil = stripped.replace("ZGF2ZQ==", "ZXZpbA==").replace("_2f0f", "_evil");
        let evil_end = evil.rfind("</").unwrap();
        let wrap = |inside: &str| format!("{}{inside}{tag}", &evil[..evil_end]);
        // The signed one inside the attacker's, as a child, in an extension, in the signature's object.
        assert_eq!(unreadable(&wrap(&good)), AssertionError::Several);
        let extension = format!("<x xmlns=\"urn:x\">{good}</x>");
        assert_eq!(unreadable(&wrap(&extension)), AssertionError::Several);
        let object = signature.replace(
            "</ds:Signature>",
            &format!("<ds:Object>{stripped}</ds:Object></ds:Signature>"),
        );
        assert_eq!(unreadable(&wrap(&object)), AssertionError::Several);
        // Both in one envelope.
        let envelope = format!("<x>{evil}{good}</x>");
        assert_eq!(unreadable(&envelope), AssertionError::NotAssertion);
        // The signature moved under the attacker's: it refers to something else.
        let moved = defect(&wrap(signature));
        assert!(matches!(moved, SealDefect::Form(_)), "{moved:?}");
        // The signed content under another name, with the id that the signature wants.
        let renamed = stripped.replace("Assertion ", "Other ").replace("Assertion>", "Other>");
        let both = unreadable(&wrap(&format!("{renamed}{signature}")).replace("_evil", "_2f0f"));
        assert!(matches!(both, AssertionError::SameId(_)), "{both:?}");
        // A second signature, and one that stands deeper.
        let twice = good.replace(signature, &signature.repeat(2));
        assert!(matches!(defect(&twice), SealDefect::Form(_)));
        let deeper = good.replace(signature, &format!("<x>{signature}</x>"));
        assert!(matches!(defect(&deeper), SealDefect::Form(_)));
    }
}

#[test]
fn a_signature_of_another_form_is_refused_and_named() {
    let good = written(SamlVersion::V1, Sealing::Good);
    let exclusive = "<ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\">";
    let changes: [(&str, &str); 7] = [
        ("URI=\"#_2f0f1f0e-8a52-4b2c-9a52-0d0d34c3b1a1\"", "URI=\"\""),
        ("xmldsig-more#rsa-sha256", "xmldsig-more#hmac-sha256"),
        ("xmlenc#sha256", "xmlenc#sha512"),
        (
            "CanonicalizationMethod Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#",
            "CanonicalizationMethod Algorithm=\"http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
        ),
        (exclusive, "<ds:Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xslt-19991116\">"),
        (
            exclusive,
            &format!(
                "{exclusive}<c:InclusiveNamespaces xmlns:c=\"http://www.w3.org/2001/10/xml-exc-c14n#\" PrefixList=\"saml\"></c:InclusiveNamespaces>"
            ),
        ),
        ("<ds:DigestValue>", "<ds:DigestValue>!"),
    ];
    for (from, to) in changes {
        assert!(good.contains(from), "{from}");
        let found = defect(&good.replace(from, to));
        assert!(matches!(found, SealDefect::Form(_)), "{from}: {found:?}");
    }
}

#[test]
fn what_is_no_assertion_is_refused() {
    for version in BOTH {
        let good = written(version, Sealing::Good);
        let other = good.replace(version.namespace(), "urn:oasis:names:tc:SAML:3.0:assertion");
        assert_eq!(unreadable(&other), AssertionError::NotAssertion);
        let dtd = format!("<!DOCTYPE x [<!ENTITY e \"x\">]>{good}");
        assert_eq!(unreadable(&dtd), XmlError::DocumentType.into());
        let deep = good.replace("ZGF2ZQ==", &"<x>".repeat(2_000));
        assert!(matches!(unreadable(&deep), AssertionError::Xml(XmlError::TooDeep(_))));
        let (from, to) = ("NotOnOrAfter=\"2026", "NotOnOrAfter=\"soon");
        assert_eq!(unreadable(&good.replace(from, to)), AssertionError::Missing("NotOnOrAfter"));
        let condition = good
            .replace("<saml:AudienceRestrictionCondition>", "<saml:Other/>")
            .replace("</saml:AudienceRestrictionCondition>", "")
            .replace("<AudienceRestriction>", "<ProxyRestriction/>")
            .replace("</AudienceRestriction>", "");
        assert!(matches!(unreadable(&condition), AssertionError::NotEmulated(_)));
        // Half of a name behind a comment.
        let hidden = good.replace("ZGF2ZQ==", "ZGF2<!-- -->ZQ==");
        assert!(matches!(unreadable(&hidden), AssertionError::Missing(_)));
    }
    assert!(matches!(unreadable(""), AssertionError::Xml(XmlError::Malformed(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_panic_and_no_changed_byte_goes_unseen(
        bytes: Vec<u8>, at in 0_usize..4000, with: u8, second: bool,
    ) {
        let _read = Presented::read(&bytes);
        let version = if second { SamlVersion::V2 } else { SamlVersion::V1 };
        let good = written(version, Sealing::Good);
        let mut changed = good.clone().into_bytes();
        let at = at % changed.len();
        changed[at] = with;
        if let Ok(presented) = Presented::read(&changed)
            && let Ok(read) = presented.signed_by(key(0).public())
        {
            // Whatever is accepted says the same; the certificate that is sent along is nobody's concern.
            let kept = Presented::read(good.as_bytes()).unwrap();
            prop_assert_eq!(read, kept.unproven());
        }
    }
}
