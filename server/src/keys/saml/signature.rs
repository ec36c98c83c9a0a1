//! XML signatures (XML-DSig), as assertions and the messages that ask for them carry them.
//!
//! One form is accepted for each use, and what it covers is said by the reader beforehand: a signature that refers to
//! anything else is of no worth, wherever that stands. The caller sees to it that no id stands twice ([`same_id`]) and that
//! the signature stands where it belongs. Left out: everything but RSA and exclusive canonicalisation, lists of inclusive
//! prefixes, and keys that a text brings: whose key it is, is the caller's to know.

use std::collections::BTreeSet;

use roxmltree::{Document, Node};

use super::c14n::{EXCLUSIVE, canonical};
use super::xml::{is, only_child, text};
use super::{DSIG, ENVELOPED, RSA_SHA256, SHA256};
use crate::keys::encoding::from_either;
use crate::keys::public_key::{Hash, RsaPublicKey, SignatureAlgorithm};

const RSA_SHA1: &str = "http://www.w3.org/2000/09/xmldsig#rsa-sha1";
const SHA1: &str = "http://www.w3.org/2000/09/xmldsig#sha1";

/// What is wrong with a seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealDefect {
    /// There is no signature.
    #[error("it is not signed")]
    Unsigned,
    /// The signature is not of the one accepted form.
    #[error("its signature has {0}")]
    Form(&'static str),
    /// What is covered is not what was signed.
    #[error("it was changed after it was signed")]
    Changed,
    /// The signature was not made by this key.
    #[error("it is not signed with the key that it should be")]
    OtherKey,
}

/// The accepted forms of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Inside the one element that it covers; SHA-256.
    Enveloped,
    /// Beside the elements that it covers; SHA-256, or SHA-1, which the policies of federation servers ask for (`Basic256`).
    Beside,
}

impl Form {
    const fn transforms(self) -> &'static [&'static str] {
        match self {
            Self::Enveloped => &[ENVELOPED, EXCLUSIVE],
            Self::Beside => &[EXCLUSIVE],
        }
    }

    fn hash(self, algorithm: &str, legacy: &str, current: &str) -> Option<Hash> {
        if algorithm == current {
            Some(Hash::Sha256)
        } else if algorithm == legacy && self == Self::Beside {
            Some(Hash::Sha1)
        } else {
            None
        }
    }
}

/// A signature whose digests are those of what it covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    algorithm: SignatureAlgorithm,
    signed: String,
    value: Vec<u8>,
}

impl Seal {
    /// Reads a signature. `covered` are the elements that it may refer to, with their ids; the first one it must refer to,
    /// and none of them twice.
    pub fn read(
        signature: Node<'_, '_>,
        covered: &[(&str, Node<'_, '_>)],
        form: Form,
    ) -> Result<Self, SealDefect> {
        let info = one(signature, "SignedInfo")?;
        let method = one(info, "CanonicalizationMethod")?;
        if plain(method)? != EXCLUSIVE {
            return Err(SealDefect::Form("another canonicalisation than the exclusive one"));
        }
        let algorithm = plain(one(info, "SignatureMethod")?)?;
        let hash = form.hash(algorithm, RSA_SHA1, RSA_SHA256);
        let hash = hash.ok_or(SealDefect::Form("another algorithm than RSA with SHA-256"))?;
        let mut open: Vec<(&str, Node<'_, '_>)> = covered.to_vec();
        let mut references = info.children().filter(|node| is(*node, DSIG, "Reference")).peekable();
        if references.peek().is_none() {
            return Err(SealDefect::Form("a part missing"));
        }
        for reference in references {
            let id = reference.attribute("URI").and_then(|uri| uri.strip_prefix('#'));
            let found = open.iter().position(|(due, _)| Some(*due) == id);
            let Some(found) = found else {
                return Err(SealDefect::Form("a reference to something else than what it covers"));
            };
            let (_, element) = open.swap_remove(found);
            covers(reference, element, signature, form)?;
        }
        if let Some((due, _)) = covered.first()
            && open.iter().any(|(id, _)| id == due)
        {
            return Err(SealDefect::Form("no reference to what it has to cover"));
        }
        let value = bytes(signature, "SignatureValue")?;
        let algorithm = SignatureAlgorithm::RsaPkcs1(hash);
        Ok(Self { algorithm, signed: canonical(info, None), value })
    }

    /// Whether this key made the signature.
    pub fn made_by(&self, key: &RsaPublicKey) -> Result<(), SealDefect> {
        key.verify(self.algorithm, self.signed.as_bytes(), &self.value)
            .map_err(|_| SealDefect::OtherKey)
    }
}

/// Compares the digest of a reference with the element that it refers to.
fn covers(
    reference: Node<'_, '_>,
    element: Node<'_, '_>,
    signature: Node<'_, '_>,
    form: Form,
) -> Result<(), SealDefect> {
    let transforms = one(reference, "Transforms")?;
    let mut steps = transforms.children().filter(Node::is_element);
    for expected in form.transforms() {
        let step = steps.next().filter(|step| is(*step, DSIG, "Transform"));
        if plain(step.ok_or(SealDefect::Form("a transform missing"))?)? != *expected {
            return Err(SealDefect::Form("a transform that is not accepted"));
        }
    }
    if steps.next().is_some() {
        return Err(SealDefect::Form("a transform that is not accepted"));
    }
    let algorithm = plain(one(reference, "DigestMethod")?)?;
    let hash = form.hash(algorithm, SHA1, SHA256);
    let digest = match hash.ok_or(SealDefect::Form("another digest than SHA-256"))? {
        Hash::Sha1 => &aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY,
        Hash::Sha256 | Hash::Sha384 | Hash::Sha512 => &aws_lc_rs::digest::SHA256,
    };
    let without = (form == Form::Enveloped).then(|| signature.id());
    let actual = aws_lc_rs::digest::digest(digest, canonical(element, without).as_bytes());
    if actual.as_ref() == bytes(reference, "DigestValue")? {
        Ok(())
    } else {
        Err(SealDefect::Changed)
    }
}

fn one<'a, 'i>(parent: Node<'a, 'i>, name: &str) -> Result<Node<'a, 'i>, SealDefect> {
    only_child(parent, DSIG, name).ok_or(SealDefect::Form("a part missing"))
}

fn bytes(parent: Node<'_, '_>, name: &str) -> Result<Vec<u8>, SealDefect> {
    let value = text(one(parent, name)?).and_then(from_either);
    value.ok_or(SealDefect::Form("a value that is not base64"))
}

/// An algorithm without parameters, such as a list of inclusive prefixes.
fn plain<'a>(node: Node<'a, '_>) -> Result<&'a str, SealDefect> {
    if node.children().any(|child| child.is_element()) {
        return Err(SealDefect::Form("an algorithm with parameters, which are not emulated"));
    }
    Ok(node.attribute("Algorithm").unwrap_or_default())
}

/// The first id that stands twice in a text, whatever namespace its attribute hides in.
pub fn same_id(document: &Document<'_>) -> Option<String> {
    let mut ids = BTreeSet::new();
    let attributes = document.descendants().flat_map(|node| node.attributes());
    let mut named = attributes.filter(|attribute| {
        attribute.name().eq_ignore_ascii_case("id")
            || attribute.name().eq_ignore_ascii_case("AssertionID")
    });
    let twice = named.find(|attribute| !ids.insert(attribute.value()))?;
    Some(twice.value().chars().take(80).collect())
}
