//! TLS of the client: trusts the authorities it was given and nothing else, with the provider named explicitly, so that no
//! process-wide default is needed.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, crypto};

use super::WireError;
use crate::keys::PoolKey;

/// The configuration for one client, with the certificate (DER) and key that it shows when asked.
pub(super) fn config(
    ca_pem: Option<&str>,
    identity: Option<(&[u8], PoolKey)>,
) -> Result<ClientConfig, WireError> {
    let mut roots = RootCertStore::empty();
    if let Some(pem) = ca_pem {
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let certificate =
                certificate.map_err(|error| WireError::Authority(error.to_string()))?;
            roots.add(certificate).map_err(|error| WireError::Authority(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(WireError::Authority("no certificate is in it".to_owned()));
        }
    }
    let trouble = |error: rustls::Error| WireError::Client(error.to_string());
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(trouble)?
        .with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let key = key.pkcs8().map_err(|error| WireError::Client(error.to_string()))?;
            builder
                .with_client_auth_cert(
                    vec![CertificateDer::from(certificate.to_vec())],
                    PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key)),
                )
                .map_err(trouble)?
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_that_is_no_certificate_is_refused_by_name() {
        let refused = config(Some("hello"), None).unwrap_err();
        assert!(refused.to_string().contains("no certificate is in it"), "{refused}");
        let broken = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
        assert!(matches!(config(Some(broken), None), Err(WireError::Authority(_))));
        assert!(config(None, None).is_ok());
    }
}
