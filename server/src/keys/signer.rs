//! Signs the tokens of a world, and reads back its own.
//!
//! A token is a compact JWS with RS256. The header is the same for every token of a form and is encoded once; the key
//! is parsed once; so a token costs one RSA signature and little else. Version 1 tokens carry `x5t` beside `kid`,
//! version 2 tokens `kid` alone, and both are the SHA-1 of the signing certificate, as in the real service. Left out:
//! what a token says and whether it is still valid.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use linarite_core::ids::Thumbprint;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::encoding::{from_url, push_url, to_standard, to_url};
use super::issue;
use super::jose::MAX_JWS;
use super::public_key::{RsaPublicKey, sha1};
use super::rsa_key::{RsaKey, SigningFailed};

/// Why a signer could not be made or did not sign.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// The crypto library refused the key or the signature.
    #[error(transparent)]
    Signing(#[from] SigningFailed),
    /// The claims cannot be written as JSON.
    #[error("the claims cannot be written as JSON: {0}")]
    Claims(#[from] serde_json::Error),
}

/// Why a token was not accepted as one of this signer's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not three parts of base64url, or too long.
    #[error("not a JWT")]
    NotCompact,
    /// The header cannot be read.
    #[error("the header of the token is not readable")]
    Header,
    /// The token is signed with something else than RS256, or not at all.
    #[error("the token is signed with `{0}`, and only RS256 is accepted")]
    Algorithm(String),
    /// The token names a key that is not this world's.
    #[error("the token names the signing key `{0}`, which is not one of this world's")]
    UnknownKey(String),
    /// The signature does not verify.
    #[error("the signature of the token does not verify")]
    Signature,
    /// The payload is not a JSON object.
    #[error("the payload of the token is not a JSON object")]
    Payload,
}

/// Tokens that are remembered at most; one that is shown again and again is mostly among the last few.
const VERIFIED: usize = 64;

/// The token-signing key of one world, with its certificate. Clones share the key, and forget which tokens were verified.
pub struct TokenSigner {
    key: RsaKey,
    verifier: ParsedPublicKey,
    kid: String,
    certificate: Vec<u8>,
    header_v1: String,
    header_v2: String,
    verified: Mutex<BTreeMap<String, Arc<Map<String, Value>>>>,
}

impl Clone for TokenSigner {
    fn clone(&self) -> Self {
        Self {
            key: self.key.clone(),
            verifier: self.verifier.clone(),
            kid: self.kid.clone(),
            certificate: self.certificate.clone(),
            header_v1: self.header_v1.clone(),
            header_v2: self.header_v2.clone(),
            verified: Mutex::default(),
        }
    }
}

impl std::fmt::Debug for TokenSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenSigner").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl TokenSigner {
    /// The signer with this key. Its certificate and key id depend on nothing but the key and `name`, the common
    /// name of the certificate (`accounts.accesscontrol.windows.net` in the real service).
    pub fn new(key: RsaKey, name: &str) -> Result<Self, SignerError> {
        let certificate = issue::self_signed(&key, name)?;
        let kid = to_url(sha1(&certificate));
        let verifier = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public().to_pkcs1())
            .map_err(|_| SigningFailed)?;
        // A key id in base64url holds nothing that JSON would have to escape.
        let header_v1 =
            to_url(format!(r#"{{"typ":"JWT","alg":"RS256","x5t":"{kid}","kid":"{kid}"}}"#));
        let header_v2 = to_url(format!(r#"{{"typ":"JWT","alg":"RS256","kid":"{kid}"}}"#));
        let verified = Mutex::default();
        Ok(Self { key, verifier, kid, certificate, header_v1, header_v2, verified })
    }

    /// The key id: base64url of the SHA-1 of the certificate.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The self-signed certificate in DER, valid from 2000 to 2100.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// The SHA-1 of the certificate.
    pub fn thumbprint(&self) -> Thumbprint {
        Thumbprint::new(sha1(&self.certificate))
    }

    /// The public key.
    pub const fn public(&self) -> &RsaPublicKey {
        self.key.public()
    }

    /// The key as a member of a JWKS: `kty use kid x5t n e x5c`.
    pub fn jwk(&self) -> Value {
        json!({
            "kty": "RSA",
            "use": "sig",
            "kid": self.kid,
            "x5t": self.kid,
            "n": to_url(self.public().modulus()),
            "e": to_url(self.public().exponent()),
            "x5c": [to_standard(&self.certificate)],
        })
    }

    /// Signs a token of version 2: header `typ alg kid`.
    pub fn sign_jwt(&self, claims: &impl Serialize) -> Result<String, SignerError> {
        self.sign_with(&self.header_v2, claims)
    }

    /// Signs a token of version 1: header `typ alg x5t kid`.
    pub fn sign_jwt_v1(&self, claims: &impl Serialize) -> Result<String, SignerError> {
        self.sign_with(&self.header_v1, claims)
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256 over any bytes, for signatures in other formats.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningFailed> {
        self.key.sign(message)
    }

    fn sign_with(&self, header: &str, claims: &impl Serialize) -> Result<String, SignerError> {
        // Growing step by step costs more than printing.
        let mut printed = Vec::with_capacity(2048);
        serde_json::to_writer(&mut printed, claims)?;
        Ok(self.sign_printed(header, &printed)?)
    }

    /// Signs a token of version 2 whose claims are printed as JSON already.
    pub fn sign_claims(&self, claims: &str) -> Result<String, SigningFailed> {
        self.sign_printed(&self.header_v2, claims.as_bytes())
    }

    fn sign_printed(&self, header: &str, claims: &[u8]) -> Result<String, SigningFailed> {
        // Four characters for three bytes, and a signature of at most 342 characters for the usual key.
        let mut token = String::with_capacity(header.len() + claims.len() * 4 / 3 + 350);
        token.push_str(header);
        token.push('.');
        push_url(&mut token, claims);
        let signature = self.key.sign(token.as_bytes())?;
        token.push('.');
        push_url(&mut token, signature);
        Ok(token)
    }

    /// The claims of a token that this signer made. Times, audience and issuer are the caller's to check.
    ///
    /// What was once found right stays right, and clients show the same token many times: the last ones are remembered.
    pub fn verify(&self, compact: &str) -> Result<Arc<Map<String, Value>>, TokenError> {
        if let Some(claims) = self.verified().get(compact) {
            return Ok(Arc::clone(claims));
        }
        let claims = Arc::new(self.read(compact)?);
        let mut verified = self.verified();
        if verified.len() >= VERIFIED {
            verified.clear();
        }
        verified.insert(compact.to_owned(), Arc::clone(&claims));
        Ok(claims)
    }

    fn verified(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Map<String, Value>>>> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, compact: &str) -> Result<Map<String, Value>, TokenError> {
        if compact.len() > MAX_JWS {
            return Err(TokenError::NotCompact);
        }
        let (signed, signature) = compact.rsplit_once('.').ok_or(TokenError::NotCompact)?;
        let (header, payload) = signed.split_once('.').ok_or(TokenError::NotCompact)?;
        if header != self.header_v2 && header != self.header_v1 {
            self.check_header(header)?;
        }
        let signature = from_url(signature).ok_or(TokenError::NotCompact)?;
        self.verifier
            .verify_sig(signed.as_bytes(), &signature)
            .map_err(|_| TokenError::Signature)?;
        let payload = from_url(payload).ok_or(TokenError::NotCompact)?;
        serde_json::from_slice(&payload).map_err(|_| TokenError::Payload)
    }

    /// Reads a header that is not byte for byte one of ours, mostly to say what is wrong with it.
    fn check_header(&self, header: &str) -> Result<(), TokenError> {
        let header = from_url(header).ok_or(TokenError::NotCompact)?;
        let header: Map<String, Value> =
            serde_json::from_slice(&header).map_err(|_| TokenError::Header)?;
        let text = |name| header.get(name).and_then(Value::as_str);
        let alg = text("alg").ok_or(TokenError::Header)?;
        if alg != "RS256" {
            return Err(TokenError::Algorithm(alg.to_owned()));
        }
        match text("kid") {
            Some(kid) if kid != self.kid => Err(TokenError::UnknownKey(kid.to_owned())),
            Some(_) | None => Ok(()),
        }
    }
}
