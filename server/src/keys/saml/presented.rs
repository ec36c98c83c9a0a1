//! Reads an assertion that somebody presents, and says what its seal is worth.
//!
//! What is returned is the one assertion that the signature covers, or nothing: the assertion is the root of the text,
//! there is no second one anywhere, its signature is its own child and the only one, refers to the assertion's id, and
//! passes through nothing but the enveloped-signature transform and exclusive canonicalisation; no id stands twice. An
//! attacker who moves signed parts about finds no place to put anything else. Each defect is a result of its own:
//! unreadable, unsigned, damaged, another key. Times, audience and issuer are read here and judged by a rule. Left out:
//! chains of certificates: the key is the one that the domain is known to have, never the one that the text brings.

use linarite_core::instant::Instant;
use roxmltree::{Document, Node};

use super::signature::{Form, Seal, SealDefect, same_id};
use super::spec::Claim;
use super::xml::{self, Limits, XmlError, child, children, is, only_child, text};
use super::{AuthnMethod, DSIG, SamlVersion, claims};
use crate::clock::from_rfc3339;
use crate::keys::public_key::RsaPublicKey;

/// Why a text is not one assertion.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssertionError {
    /// Not XML within the limits.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// The root is no assertion of SAML 1.1 or 2.0.
    #[error("the XML is not a SAML assertion of version 1.1 or 2.0")]
    NotAssertion,
    /// An assertion stands inside the assertion.
    #[error("there is more than one assertion in the text")]
    Several,
    /// Two elements have one id.
    #[error("the id `{0}` stands twice in the assertion")]
    SameId(String),
    /// A part that every assertion has is missing, stands twice or cannot be read.
    #[error("the assertion has no readable {0}")]
    Missing(&'static str),
    /// A condition that is not understood must not be passed over.
    #[error("not emulated: an assertion with {0}")]
    NotEmulated(&'static str),
}

/// What an assertion says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// Its version.
    pub version: SamlVersion,
    /// Its id.
    pub id: String,
    /// Who says it.
    pub issuer: String,
    /// Whom it is meant for; empty when it does not say.
    pub audiences: Vec<String>,
    /// The first moment of its validity.
    pub not_before: Instant,
    /// The moment from which it is not valid any more.
    pub not_on_or_after: Instant,
    /// The name of its subject.
    pub name_id: Option<String>,
    /// How the subject signed in, as a URI.
    pub authn_method: Option<String>,
    /// What it claims.
    pub claims: Vec<Claim>,
}

impl Assertion {
    /// The first value of a claim. Types of claims are compared in any case, as SAML 1.1 issuers differ in it.
    pub fn claim(&self, uri: &str) -> Option<&str> {
        let claim = self.claims.iter().find(|claim| claim.uri.eq_ignore_ascii_case(uri))?;
        claim.values.first().map(String::as_str)
    }

    /// The immutable id of the user: the claim, else the name of the subject.
    pub fn immutable_id(&self) -> Option<&str> {
        self.claim(claims::IMMUTABLE_ID).or(self.name_id.as_deref())
    }

    /// How the subject signed in, when it is one of the ways that are known here.
    pub fn method(&self) -> Option<AuthnMethod> {
        let uri = self.authn_method.as_deref()?;
        AuthnMethod::ALL.into_iter().find(|method| method.uri(self.version) == uri)
    }

    /// Whether the subject showed a second factor.
    pub fn multiple_authn(&self) -> bool {
        self.claims.iter().any(|claim| {
            claim.uri.eq_ignore_ascii_case(claims::AUTHN_METHODS)
                && claim.values.iter().any(|value| value == claims::MULTIPLE_AUTHN)
        })
    }
}

/// An assertion as it was presented. What it says counts only after [`Presented::signed_by`].
#[derive(Clone, Debug)]
pub struct Presented {
    assertion: Assertion,
    seal: Result<Seal, SealDefect>,
}

impl Presented {
    /// Reads the bytes of an assertion; white space around it is nothing.
    pub fn read(bytes: &[u8]) -> Result<Self, AssertionError> {
        let document = xml::parse(bytes.trim_ascii(), &Limits::default())?;
        let root = document.root_element();
        let version = [SamlVersion::V1, SamlVersion::V2]
            .into_iter()
            .find(|version| is(root, version.namespace(), "Assertion"))
            .ok_or(AssertionError::NotAssertion)?;
        alone(&document)?;
        let assertion = match version {
            SamlVersion::V1 => first(root)?,
            SamlVersion::V2 => second(root)?,
        };
        let seal = seal(root, &assertion.id);
        Ok(Self { assertion, seal })
    }

    /// What it says it is, for finding the key and for the journal: nothing of it is proven.
    pub const fn unproven(&self) -> &Assertion {
        &self.assertion
    }

    /// The assertion, when this key signed exactly it.
    pub fn signed_by(&self, key: &RsaPublicKey) -> Result<&Assertion, SealDefect> {
        let seal = self.seal.as_ref().map_err(|defect| *defect)?;
        seal.made_by(key)?;
        Ok(&self.assertion)
    }
}

/// No second assertion, and no id twice, whatever namespace they hide in.
fn alone(document: &Document<'_>) -> Result<(), AssertionError> {
    for node in document.descendants().filter(Node::is_element) {
        let name = node.tag_name().name();
        if name == "EncryptedAssertion" {
            return Err(AssertionError::NotEmulated("an encrypted assertion"));
        }
        if name == "Assertion" && node != document.root_element() {
            return Err(AssertionError::Several);
        }
    }
    same_id(document).map_or(Ok(()), |id| Err(AssertionError::SameId(id)))
}

fn attribute(node: Node<'_, '_>, name: &'static str) -> Result<String, AssertionError> {
    let value = node.attribute(name).filter(|value| !value.is_empty());
    value.map(str::to_owned).ok_or(AssertionError::Missing(name))
}

fn moment(node: Node<'_, '_>, name: &'static str) -> Result<Instant, AssertionError> {
    node.attribute(name).and_then(from_rfc3339).ok_or(AssertionError::Missing(name))
}

fn texts(nodes: impl Iterator<Item = Option<String>>) -> Result<Vec<String>, AssertionError> {
    nodes.collect::<Option<_>>().ok_or(AssertionError::Missing("text in an element"))
}

fn owned(node: Node<'_, '_>) -> Option<String> {
    text(node).map(str::to_owned)
}

/// Conditions that nobody here understands make an assertion worthless.
fn known_conditions(conditions: Node<'_, '_>, known: &[&str]) -> Result<(), AssertionError> {
    let mut elements = conditions.children().filter(Node::is_element);
    if elements.all(|node| known.contains(&node.tag_name().name())) {
        Ok(())
    } else {
        Err(AssertionError::NotEmulated("a condition other than its audience"))
    }
}

fn first(root: Node<'_, '_>) -> Result<Assertion, AssertionError> {
    let ns = SamlVersion::V1.namespace();
    if (root.attribute("MajorVersion"), root.attribute("MinorVersion")) != (Some("1"), Some("1")) {
        return Err(AssertionError::NotAssertion);
    }
    let conditions =
        only_child(root, ns, "Conditions").ok_or(AssertionError::Missing("Conditions"))?;
    known_conditions(conditions, &["AudienceRestrictionCondition", "DoNotCacheCondition"])?;
    let audiences = children(conditions, ns, "AudienceRestrictionCondition")
        .flat_map(|restriction| children(restriction, ns, "Audience"))
        .map(owned);
    let statements = || {
        ["AttributeStatement", "AuthenticationStatement"]
            .into_iter()
            .flat_map(|name| children(root, ns, name))
    };
    let names: Vec<String> = texts(
        statements()
            .filter_map(|statement| child(child(statement, ns, "Subject")?, ns, "NameIdentifier"))
            .map(owned),
    )?;
    if names.windows(2).any(|pair| matches!(pair, [one, other] if one != other)) {
        return Err(AssertionError::NotEmulated("more than one subject"));
    }
    let mut claims = Vec::new();
    for node in children(root, ns, "AttributeStatement")
        .flat_map(|statement| children(statement, ns, "Attribute"))
    {
        let (name, namespace) = (
            node.attribute("AttributeName").unwrap_or_default(),
            node.attribute("AttributeNamespace").unwrap_or_default(),
        );
        let values = texts(children(node, ns, "AttributeValue").map(owned))?;
        claims.push(Claim { uri: format!("{}/{name}", namespace.trim_end_matches('/')), values });
    }
    let authentication = child(root, ns, "AuthenticationStatement");
    Ok(Assertion {
        version: SamlVersion::V1,
        id: attribute(root, "AssertionID")?,
        issuer: attribute(root, "Issuer")?,
        audiences: texts(audiences)?,
        not_before: moment(conditions, "NotBefore")?,
        not_on_or_after: moment(conditions, "NotOnOrAfter")?,
        name_id: names.into_iter().next(),
        authn_method: authentication
            .and_then(|node| node.attribute("AuthenticationMethod"))
            .map(str::to_owned),
        claims,
    })
}

fn second(root: Node<'_, '_>) -> Result<Assertion, AssertionError> {
    let ns = SamlVersion::V2.namespace();
    if root.attribute("Version") != Some("2.0") {
        return Err(AssertionError::NotAssertion);
    }
    let need = |name: &'static str| only_child(root, ns, name).ok_or(AssertionError::Missing(name));
    let conditions = need("Conditions")?;
    known_conditions(conditions, &["AudienceRestriction", "OneTimeUse"])?;
    let audiences = children(conditions, ns, "AudienceRestriction")
        .flat_map(|restriction| children(restriction, ns, "Audience"))
        .map(owned);
    let issuer = owned(need("Issuer")?).filter(|issuer| !issuer.is_empty());
    let name = match child(need("Subject")?, ns, "NameID") {
        Some(name) => Some(owned(name).ok_or(AssertionError::Missing("NameID"))?),
        None => None,
    };
    let mut claims = Vec::new();
    for node in children(root, ns, "AttributeStatement")
        .flat_map(|statement| children(statement, ns, "Attribute"))
    {
        let values = texts(children(node, ns, "AttributeValue").map(owned))?;
        claims.push(Claim { uri: attribute(node, "Name")?, values });
    }
    let method = child(root, ns, "AuthnStatement")
        .and_then(|statement| child(statement, ns, "AuthnContext"))
        .and_then(|context| child(context, ns, "AuthnContextClassRef"))
        .and_then(owned);
    Ok(Assertion {
        version: SamlVersion::V2,
        id: attribute(root, "ID")?,
        issuer: issuer.ok_or(AssertionError::Missing("Issuer"))?,
        audiences: texts(audiences)?,
        not_before: moment(conditions, "NotBefore")?,
        not_on_or_after: moment(conditions, "NotOnOrAfter")?,
        name_id: name,
        authn_method: method,
        claims,
    })
}

/// The signature of an assertion, when its digest is the assertion's.
fn seal(root: Node<'_, '_>, id: &str) -> Result<Seal, SealDefect> {
    let mut signatures = root.descendants().filter(|node| is(*node, DSIG, "Signature"));
    let signature = signatures.next().ok_or(SealDefect::Unsigned)?;
    if signatures.next().is_some() {
        return Err(SealDefect::Form("a second signature beside it"));
    }
    if signature.parent() != Some(root) {
        return Err(SealDefect::Form("a place that is not directly in the assertion"));
    }
    Seal::read(signature, &[(id, root)], Form::Enveloped)
}
