//! A client certificate is welcome, whoever made it: the directory judges it, not the handshake.
//!
//! The one thing checked here is that the client holds the private key (its signature over the
//! handshake). The certificate is read with a lenient reader, because a device certificate with an
//! unknown critical extension, of version 1, expired, deleted or self-signed must reach the service,
//! which answers in its own words. Left out: trust anchors, dates, key usage.

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, PeerMisbehaved,
    SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::WebPkiSupportedAlgorithms,
    pki_types::{CertificateDer, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Asks for a certificate, wants none, and takes any whose key the client holds.
#[derive(Debug)]
pub(super) struct AnyClientCertificate {
    algorithms: WebPkiSupportedAlgorithms,
}

impl AnyClientCertificate {
    /// Checks signatures with `algorithms`.
    pub(super) fn new(algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self { algorithms }
    }

    /// Whether `dss` is a signature over `message` by the key of `certificate`. TLS 1.3 ties the
    /// curve to the scheme, so only the first algorithm of a scheme counts there; TLS 1.2 does not.
    fn verify(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
        first_only: bool,
    ) -> Result<HandshakeSignatureValid, Error> {
        let (_, parsed) = X509Certificate::from_der(certificate)
            .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let key = parsed.public_key();
        let candidates = self
            .algorithms
            .mapping
            .iter()
            .find(|(scheme, _)| *scheme == dss.scheme)
            .map(|(_, algorithms)| *algorithms)
            .ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
        let candidates = candidates.iter().take(if first_only { 1 } else { usize::MAX });
        let algorithm = content_of(parsed.subject_pki.raw);
        for candidate in candidates {
            if algorithm != Some(candidate.public_key_alg_id().as_ref()) {
                continue;
            }
            let bits = &key.subject_public_key.data;
            if candidate.verify_signature(bits, message, dss.signature()).is_ok() {
                return Ok(HandshakeSignatureValid::assertion());
            }
        }
        Err(Error::InvalidCertificate(CertificateError::BadSignature))
    }
}

impl ClientCertVerifier for AnyClientCertificate {
    fn offer_client_auth(&self) -> bool {
        true
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify(message, cert, dss, false)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        // RFC 8446 section 4.2.3: PKCS#1 v1.5 is for signatures in certificates only.
        if matches!(
            dss.scheme,
            SignatureScheme::RSA_PKCS1_SHA1
                | SignatureScheme::RSA_PKCS1_SHA256
                | SignatureScheme::RSA_PKCS1_SHA384
                | SignatureScheme::RSA_PKCS1_SHA512
        ) {
            return Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
        }
        self.verify(message, cert, dss, true)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// The content of the `AlgorithmIdentifier` that a `SubjectPublicKeyInfo` begins with (both are DER
/// sequences; the identifier is short, so its length is one byte).
fn content_of(public_key_info: &[u8]) -> Option<&[u8]> {
    let (0x30, rest) = public_key_info.split_first()? else { return None };
    let (&length, rest) = rest.split_first()?;
    let long_form = if length & 0x80 == 0 { 0 } else { usize::from(length & 0x7f) };
    let (&[0x30, length], rest) = rest.get(long_form..)?.split_first_chunk::<2>()? else {
        return None;
    };
    rest.get(..usize::from(length))
}
