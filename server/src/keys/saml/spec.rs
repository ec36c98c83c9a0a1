//! Writes assertions, in canonical form from the start, and signs them.
//!
//! The shapes are those of AD FS. Every namespace is declared on the assertion or inside it, because clients cut the
//! assertion out of its envelope with a regular expression. A seal may be asked for with a defect, so that a fault can
//! plant one; everything else that can be wrong (times, audience, issuer, names) is a field.

use linarite_core::instant::Instant;

use super::c14n::{EXCLUSIVE, push_attribute, push_text};
use super::{DSIG, ENVELOPED, RSA_SHA256, SHA256, SamlVersion};
use crate::clock::format;
use crate::keys::encoding::to_standard;
use crate::keys::rsa_key::{RsaKey, SigningFailed};

/// Types of claims, as assertions for this cloud carry them.
pub mod claims {
    /// The user principal name.
    pub const UPN: &str = "http://schemas.xmlsoap.org/claims/UPN";
    /// What ties a user to its account on premises.
    pub const IMMUTABLE_ID: &str =
        "http://schemas.microsoft.com/LiveID/Federation/2008/05/ImmutableID";
    /// What kind of account it is: `DJ` for a domain-joined computer.
    pub const ACCOUNT_TYPE: &str = "http://schemas.microsoft.com/ws/2012/01/accounttype";
    /// The GUID of a computer's object on premises, base64 of its bytes.
    pub const ON_PREM_OBJECT_GUID: &str =
        "http://schemas.microsoft.com/identity/claims/onpremobjectguid";
    /// Its security identifier.
    pub const PRIMARY_SID: &str =
        "http://schemas.microsoft.com/ws/2008/06/identity/claims/primarysid";
    /// The issuer, when several domains have one federation server.
    pub const ISSUER_ID: &str = "http://schemas.microsoft.com/ws/2008/06/identity/claims/issuerid";
    /// `true` inside the corporate network.
    pub const INSIDE_CORPORATE_NETWORK: &str =
        "http://schemas.microsoft.com/ws/2012/01/insidecorporatenetwork";
    /// Ways in which the user proved who it is, beside the one that the assertion names.
    pub const AUTHN_METHODS: &str = "http://schemas.microsoft.com/claims/authnmethodsreferences";
    /// The value of [`AUTHN_METHODS`] after a second factor.
    pub const MULTIPLE_AUTHN: &str = "http://schemas.microsoft.com/claims/multipleauthn";
}

/// A claim: its type as a URI, and its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The type. SAML 1.1 splits it at its last slash into name and namespace.
    pub uri: String,
    /// The values.
    pub values: Vec<String>,
}

impl Claim {
    /// A claim with one value.
    pub fn new(uri: &str, value: impl Into<String>) -> Self {
        Self { uri: uri.to_owned(), values: vec![value.into()] }
    }
}

/// How the holder of an assertion signed in at the federation server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthnMethod {
    /// With a password.
    Password,
    /// By the integrated sign-in of Windows.
    Windows,
    /// With a certificate.
    Certificate,
}

impl AuthnMethod {
    /// Every method.
    pub const ALL: [Self; 3] = [Self::Password, Self::Windows, Self::Certificate];

    /// Its identifier in an assertion of this version.
    pub const fn uri(self, version: SamlVersion) -> &'static str {
        match (self, version) {
            (Self::Password, SamlVersion::V1) => "urn:oasis:names:tc:SAML:1.0:am:password",
            (Self::Password, SamlVersion::V2) => {
                "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
            }
            (Self::Windows, _) => "urn:federation:authentication:windows",
            (Self::Certificate, SamlVersion::V1) => "urn:ietf:rfc:2246",
            (Self::Certificate, SamlVersion::V2) => {
                "urn:oasis:names:tc:SAML:2.0:ac:classes:TLSClient"
            }
        }
    }
}

/// How an assertion is sealed.
#[derive(Clone, Copy, Debug)]
pub enum Sealing<'a> {
    /// As it should be.
    Good,
    /// Not at all.
    None,
    /// With another key than the certificate inside says.
    WrongKey(&'a RsaKey),
    /// With a digest that is not the assertion's.
    WrongDigest,
}

/// What an assertion is to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssertionSpec {
    /// Its version.
    pub version: SamlVersion,
    /// Its id: an XML name, so no digit in front; `_` and a GUID, as a rule.
    pub id: String,
    /// Who says it.
    pub issuer: String,
    /// Whom it is meant for.
    pub audience: String,
    /// The first moment of its validity.
    pub not_before: Instant,
    /// The moment from which it is not valid any more.
    pub not_on_or_after: Instant,
    /// When it was made.
    pub issue_instant: Instant,
    /// The name of its subject: the immutable id of a user, as a rule.
    pub name_id: Option<String>,
    /// User principal name.
    pub upn: Option<String>,
    /// Immutable id.
    pub immutable_id: Option<String>,
    /// How the subject signed in.
    pub authn_method: AuthnMethod,
    /// What else is claimed, in this order.
    pub claims: Vec<Claim>,
    /// Who may use it (SAML 2.0, `Recipient` of the bearer confirmation).
    pub recipient: Option<String>,
}

impl AssertionSpec {
    /// The assertion, signed with `key`; `certificate` is the certificate of the key in DER.
    pub fn write(
        &self,
        key: &RsaKey,
        certificate: &[u8],
        sealing: Sealing<'_>,
    ) -> Result<String, SigningFailed> {
        let (before, after) = match self.version {
            SamlVersion::V1 => self.first(),
            SamlVersion::V2 => self.second(),
        };
        let mut text = before.0;
        let signer = match sealing {
            Sealing::None => {
                text.push_str(&after.0);
                return Ok(text);
            }
            Sealing::Good | Sealing::WrongDigest => key,
            Sealing::WrongKey(other) => other,
        };
        let digest = |parts: [&str; 2]| {
            let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
            for part in parts {
                context.update(part.as_bytes());
            }
            to_standard(context.finish())
        };
        let digest = match sealing {
            Sealing::WrongDigest => digest(["another assertion", ""]),
            Sealing::Good | Sealing::None | Sealing::WrongKey(_) => digest([&text, &after.0]),
        };
        let signed = self.signed_info(&digest, &[("xmlns:ds", DSIG)]);
        let value = to_standard(signer.sign(signed.as_bytes())?);
        let mut signature = Out::default();
        signature.open("ds:Signature", &[("xmlns:ds", DSIG)]);
        signature.0.push_str(&self.signed_info(&digest, &[]));
        signature.leaf("ds:SignatureValue", &[], &value);
        signature.open("ds:KeyInfo", &[]);
        signature.open("ds:X509Data", &[]);
        signature.leaf("ds:X509Certificate", &[], &to_standard(certificate));
        signature.close(&["ds:X509Data", "ds:KeyInfo", "ds:Signature"]);
        text.push_str(&signature.0);
        text.push_str(&after.0);
        Ok(text)
    }

    fn signed_info(&self, digest: &str, namespaces: &[(&str, &str)]) -> String {
        let mut out = Out::default();
        out.open("ds:SignedInfo", namespaces);
        out.leaf("ds:CanonicalizationMethod", &[("Algorithm", EXCLUSIVE)], "");
        out.leaf("ds:SignatureMethod", &[("Algorithm", RSA_SHA256)], "");
        out.open("ds:Reference", &[("URI", &format!("#{}", self.id))]);
        out.open("ds:Transforms", &[]);
        out.leaf("ds:Transform", &[("Algorithm", ENVELOPED)], "");
        out.leaf("ds:Transform", &[("Algorithm", EXCLUSIVE)], "");
        out.close(&["ds:Transforms"]);
        out.leaf("ds:DigestMethod", &[("Algorithm", SHA256)], "");
        out.leaf("ds:DigestValue", &[], digest);
        out.close(&["ds:Reference", "ds:SignedInfo"]);
        out.0
    }

    /// Every claim, the two that tie the user first.
    fn all_claims(&self) -> Vec<Claim> {
        let upn = self.upn.iter().map(|upn| Claim::new(claims::UPN, upn));
        let immutable = self.immutable_id.iter().map(|id| Claim::new(claims::IMMUTABLE_ID, id));
        upn.chain(immutable).chain(self.claims.iter().cloned()).collect()
    }

    /// SAML 1.1, before and after the place of the signature.
    fn first(&self) -> (Out, Out) {
        let (issued, begin, end) = self.times();
        let method = self.authn_method.uri(self.version);
        let mut out = Out::default();
        out.open(
            "saml:Assertion",
            &[
                ("xmlns:saml", self.version.namespace()),
                ("AssertionID", &self.id),
                ("IssueInstant", &issued),
                ("Issuer", &self.issuer),
                ("MajorVersion", "1"),
                ("MinorVersion", "1"),
            ],
        );
        out.open("saml:Conditions", &[("NotBefore", &begin), ("NotOnOrAfter", &end)]);
        out.open("saml:AudienceRestrictionCondition", &[]);
        out.leaf("saml:Audience", &[], &self.audience);
        out.close(&["saml:AudienceRestrictionCondition", "saml:Conditions"]);
        let all = self.all_claims();
        if !all.is_empty() {
            out.open("saml:AttributeStatement", &[]);
            self.first_subject(&mut out);
            for claim in &all {
                let (namespace, name) = claim.uri.rsplit_once('/').unwrap_or(("", &claim.uri));
                out.open(
                    "saml:Attribute",
                    &[("AttributeName", name), ("AttributeNamespace", namespace)],
                );
                for value in &claim.values {
                    out.leaf("saml:AttributeValue", &[], value);
                }
                out.close(&["saml:Attribute"]);
            }
            out.close(&["saml:AttributeStatement"]);
        }
        out.open(
            "saml:AuthenticationStatement",
            &[("AuthenticationInstant", &issued), ("AuthenticationMethod", method)],
        );
        self.first_subject(&mut out);
        out.close(&["saml:AuthenticationStatement"]);
        let mut after = Out::default();
        after.close(&["saml:Assertion"]);
        (out, after)
    }

    fn first_subject(&self, out: &mut Out) {
        out.open("saml:Subject", &[]);
        if let Some(name) = &self.name_id {
            let format = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified";
            out.leaf("saml:NameIdentifier", &[("Format", format)], name);
        }
        out.open("saml:SubjectConfirmation", &[]);
        out.leaf("saml:ConfirmationMethod", &[], "urn:oasis:names:tc:SAML:1.0:cm:bearer");
        out.close(&["saml:SubjectConfirmation", "saml:Subject"]);
    }

    /// SAML 2.0, before and after the place of the signature.
    fn second(&self) -> (Out, Out) {
        let (issued, begin, end) = self.times();
        let mut before = Out::default();
        before.open(
            "Assertion",
            &[
                ("xmlns", self.version.namespace()),
                ("ID", &self.id),
                ("IssueInstant", &issued),
                ("Version", "2.0"),
            ],
        );
        before.leaf("Issuer", &[], &self.issuer);
        let mut out = Out::default();
        out.open("Subject", &[]);
        if let Some(name) = &self.name_id {
            let format = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";
            out.leaf("NameID", &[("Format", format)], name);
        }
        out.open("SubjectConfirmation", &[("Method", "urn:oasis:names:tc:SAML:2.0:cm:bearer")]);
        let mut data = vec![("NotOnOrAfter", end.as_str())];
        data.extend(self.recipient.iter().map(|recipient| ("Recipient", recipient.as_str())));
        out.leaf("SubjectConfirmationData", &data, "");
        out.close(&["SubjectConfirmation", "Subject"]);
        out.open("Conditions", &[("NotBefore", &begin), ("NotOnOrAfter", &end)]);
        out.open("AudienceRestriction", &[]);
        out.leaf("Audience", &[], &self.audience);
        out.close(&["AudienceRestriction", "Conditions"]);
        let all = self.all_claims();
        if !all.is_empty() {
            out.open("AttributeStatement", &[]);
            for claim in &all {
                out.open("Attribute", &[("Name", &claim.uri)]);
                for value in &claim.values {
                    out.leaf("AttributeValue", &[], value);
                }
                out.close(&["Attribute"]);
            }
            out.close(&["AttributeStatement"]);
        }
        out.open("AuthnStatement", &[("AuthnInstant", &issued), ("SessionIndex", &self.id)]);
        out.open("AuthnContext", &[]);
        out.leaf("AuthnContextClassRef", &[], self.authn_method.uri(self.version));
        out.close(&["AuthnContext", "AuthnStatement", "Assertion"]);
        (before, out)
    }

    fn times(&self) -> (String, String, String) {
        let print = |moment| format(moment, "%Y-%m-%dT%H:%M:%S%.3fZ");
        (print(self.issue_instant), print(self.not_before), print(self.not_on_or_after))
    }
}

/// Canonical XML as it is written. Attributes are given in canonical order.
#[derive(Default)]
struct Out(String);

impl Out {
    fn open(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.0.push('<');
        self.0.push_str(name);
        for (attribute, value) in attributes {
            self.0.push(' ');
            self.0.push_str(attribute);
            self.0.push_str("=\"");
            push_attribute(&mut self.0, value);
            self.0.push('"');
        }
        self.0.push('>');
    }

    fn close(&mut self, names: &[&str]) {
        for name in names {
            self.0.push_str("</");
            self.0.push_str(name);
            self.0.push('>');
        }
    }

    fn leaf(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) {
        self.open(name, attributes);
        push_text(&mut self.0, text);
        self.close(&[name]);
    }
}
