//! Reads compact JWS as devices really send them, and verifies them strictly.
//!
//! Real headers break the common readers: `x5c` is a string as often as an array, its base64 may hold line breaks,
//! `kdf_ver` and `ctx` are members of Microsoft's own, and times come as numbers or strings (client-roadtx.md section
//! 0, client-libhimmelblau.md section 1). So the header is read leniently here, the payload is kept byte for byte
//! (KDF version 2 hashes it), and the signature is verified over exactly what was sent. Left out: the JSON
//! serialization, `crit`, detached payloads, and every check of times, which needs a clock.

use aws_lc_rs::hmac;
use serde::Deserialize as _;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::certificate::{MAX_CERTIFICATE, PeerCertificate};
use super::encoding::{from_either, from_url};
use super::kdf::{self, KdfVersion};
use super::public_key::{PublicKey, SignatureAlgorithm, VerifyError};

/// The longest compact JWS that is read, in characters.
pub const MAX_JWS: usize = 256 * 1024;
/// The most certificates that an `x5c` may hold.
pub const MAX_CHAIN: usize = 8;
const MAX_CONTEXT: usize = 256;

/// Why a JWS was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoseError {
    /// Longer than [`MAX_JWS`] characters.
    #[error("the JWT is longer than {MAX_JWS} characters")]
    TooLong,
    /// Not three parts of base64url.
    #[error("the JWT does not consist of three parts of base64url")]
    NotCompact,
    /// The header is not a JSON object.
    #[error("the JWT header is not a JSON object")]
    Header,
    /// A member of the header is missing or cannot be read.
    #[error("the JWT header has no readable `{0}`")]
    Member(&'static str),
    /// The payload is not the JSON that was expected.
    #[error("the JWT payload is not readable: {0}")]
    Payload(String),
    /// The algorithm is not the one that this place asks for.
    #[error("the JWT is signed with `{0}`, which is not accepted here")]
    Algorithm(String),
    /// `kdf_ver` is neither 1 nor 2.
    #[error("the JWT asks for version {0} of the key derivation, versions 1 and 2 are known")]
    KdfVersion(i64),
    /// The signature does not verify.
    #[error("the JWT signature does not verify")]
    Signature,
}

/// The members of a JOSE header that matter. All others are ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JoseHeader {
    /// `alg`, as sent; may be one that nothing here verifies.
    pub alg: String,
    /// `typ`.
    pub typ: Option<String>,
    /// `kid`.
    pub kid: Option<String>,
    /// `use`: `ngc` in a Hello assertion.
    pub key_use: Option<String>,
    /// `x5c`: the certificates in DER, the signer's own first; empty when there are none.
    pub x5c: Vec<Vec<u8>>,
    /// `x5t`: SHA-1 of the signer's certificate.
    pub x5t: Option<Vec<u8>>,
    /// `x5t#S256`: SHA-256 of the signer's certificate.
    pub x5t_s256: Option<Vec<u8>>,
    /// `ctx`: the context of the key derivation.
    pub ctx: Option<Vec<u8>>,
    /// `kdf_ver`, as sent.
    pub kdf_ver: Option<i64>,
}

impl JoseHeader {
    fn read(json: &[u8]) -> Result<Self, JoseError> {
        let members: Map<String, Value> =
            serde_json::from_slice(json).map_err(|_| JoseError::Header)?;
        // Some clients send members that they have no value for as null.
        let get = |name: &str| members.get(name).filter(|value| !value.is_null());
        let text = |name: &'static str| match get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(JoseError::Member(name)),
        };
        let bytes = |name: &'static str| {
            text(name)?
                .map(|text| {
                    from_either(&text)
                        .filter(|bytes| bytes.len() <= MAX_CONTEXT)
                        .ok_or(JoseError::Member(name))
                })
                .transpose()
        };
        Ok(Self {
            alg: text("alg")?.ok_or(JoseError::Member("alg"))?,
            typ: text("typ")?,
            kid: text("kid")?,
            key_use: text("use")?,
            x5c: get("x5c").map(chain).transpose()?.unwrap_or_default(),
            x5t: bytes("x5t")?,
            x5t_s256: bytes("x5t#S256")?,
            ctx: bytes("ctx")?,
            kdf_ver: get("kdf_ver")
                .map(|value| integer(value).ok_or(JoseError::Member("kdf_ver")))
                .transpose()?,
        })
    }

    /// The version of the key derivation that the header asks for; 1 when it says nothing.
    pub fn kdf_version(&self) -> Result<KdfVersion, JoseError> {
        match self.kdf_ver {
            None | Some(1) => Ok(KdfVersion::V1),
            Some(2) => Ok(KdfVersion::V2),
            Some(other) => Err(JoseError::KdfVersion(other)),
        }
    }
}

/// The certificates of an `x5c`, one base64 text or an array of them.
fn chain(value: &Value) -> Result<Vec<Vec<u8>>, JoseError> {
    const ERROR: JoseError = JoseError::Member("x5c");
    let entries = value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice);
    if entries.len() > MAX_CHAIN {
        return Err(ERROR);
    }
    entries
        .iter()
        .map(|entry| {
            entry
                .as_str()
                .and_then(from_either)
                .filter(|der| !der.is_empty() && der.len() <= MAX_CERTIFICATE)
                .ok_or(ERROR)
        })
        .collect()
}

/// A JWS whose form is sound. Its signature is not verified by reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jws {
    header: JoseHeader,
    payload: Vec<u8>,
    signing_input: String,
    signature: Vec<u8>,
}

impl Jws {
    /// Takes a compact JWS apart. White space around it is ignored; `alg` may be anything.
    pub fn parse(compact: &str) -> Result<Self, JoseError> {
        if compact.len() > MAX_JWS {
            return Err(JoseError::TooLong);
        }
        let compact = compact.trim();
        let (signing_input, signature) = compact.rsplit_once('.').ok_or(JoseError::NotCompact)?;
        let (header, payload) = signing_input.split_once('.').ok_or(JoseError::NotCompact)?;
        let read = |part| from_url(part).ok_or(JoseError::NotCompact);
        let (header, payload, signature) = (read(header)?, read(payload)?, read(signature)?);
        let header = JoseHeader::read(&header)?;
        Ok(Self { header, payload, signing_input: signing_input.to_owned(), signature })
    }

    /// Its header.
    pub const fn header(&self) -> &JoseHeader {
        &self.header
    }

    /// Its payload, exactly the bytes that were sent.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Its payload as JSON.
    pub fn payload_json<T: DeserializeOwned>(&self) -> Result<T, JoseError> {
        serde_json::from_slice(&self.payload).map_err(|error| JoseError::Payload(error.to_string()))
    }

    /// What the signature covers: header and payload in base64url with the dot between them.
    pub fn signing_input(&self) -> &[u8] {
        self.signing_input.as_bytes()
    }

    /// The bytes of the signature.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// Refuses every `alg` but this one.
    pub fn expect_algorithm(&self, alg: &str) -> Result<(), JoseError> {
        if self.header.alg == alg {
            Ok(())
        } else {
            Err(JoseError::Algorithm(self.header.alg.clone()))
        }
    }

    /// Verifies with a public key by whichever of RS, PS and ES256 the header names. Never `none`, never HMAC.
    pub fn verify(&self, key: &PublicKey) -> Result<(), JoseError> {
        let unsuitable = || JoseError::Algorithm(self.header.alg.clone());
        let algorithm = SignatureAlgorithm::from_jose(&self.header.alg).ok_or_else(unsuitable)?;
        key.verify(algorithm, self.signing_input(), &self.signature).map_err(|error| match error {
            VerifyError::Unsuitable => unsuitable(),
            VerifyError::Mismatch => JoseError::Signature,
        })
    }

    /// Verifies with the certificate that the header brings along, and returns it: whose it is and whether it was ever
    /// issued is for the directory to say. Without an `x5c` there is nothing to verify with.
    pub fn verify_with_own_certificate(&self) -> Result<PeerCertificate, JoseError> {
        let certificate = self
            .header
            .x5c
            .first()
            .and_then(|der| PeerCertificate::from_der(der).ok())
            .ok_or(JoseError::Member("x5c"))?;
        self.verify(&certificate.key)?;
        Ok(certificate)
    }

    /// Verifies as RS256 with a public key; every other `alg` is refused.
    pub fn verify_rs256(&self, key: &PublicKey) -> Result<(), JoseError> {
        self.expect_algorithm("RS256")?;
        self.verify(key)
    }

    /// Verifies as ES256 with a public key; every other `alg` is refused.
    pub fn verify_es256(&self, key: &PublicKey) -> Result<(), JoseError> {
        self.expect_algorithm("ES256")?;
        self.verify(key)
    }

    /// Verifies as HS256 with a key; every other `alg` is refused.
    pub fn verify_hs256(&self, key: &[u8; 32]) -> Result<(), JoseError> {
        self.expect_algorithm("HS256")?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        hmac::verify(&key, self.signing_input(), &self.signature).map_err(|_| JoseError::Signature)
    }

    /// Verifies as HS256 with the key that the header's `ctx` and `kdf_ver` derive from a session key.
    pub fn verify_with_session_key(&self, session_key: &[u8; 32]) -> Result<(), JoseError> {
        self.expect_algorithm("HS256")?;
        let context = self.header.ctx.as_deref().ok_or(JoseError::Member("ctx"))?;
        let version = self.header.kdf_version()?;
        self.verify_hs256(&kdf::derive(version, session_key, context, &self.payload))
    }
}

/// A whole number out of JSON: a number, or a string that holds one. A fraction is dropped. `None` for anything else
/// and beyond 2^53.
pub fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
        Value::String(text) => {
            let text = text.trim();
            text.parse().ok().or_else(|| whole(text.parse().ok()?))
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the bound is inside what an i64 holds")]
fn whole(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (number.abs() <= EXACT).then(|| number.floor() as i64)
}

/// For `#[serde(default, deserialize_with = "...")]` on an `Option<i64>`: seconds since 1970 as a number or a string,
/// null as nothing.
pub fn deserialize_seconds<'de, D>(deserializer: D) -> Result<Option<i64>, D::Error>
where
    D: serde::Deserializer<'de>,
{
    let value = Value::deserialize(deserializer)?;
    if value.is_null() {
        return Ok(None);
    }
    integer(&value)
        .map(Some)
        .ok_or_else(|| serde::de::Error::custom("expected seconds as a number or a string"))
}
