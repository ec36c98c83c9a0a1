//! Leaf certificates and TLS settings by host name, made when they are first wanted.
//!
//! One P-256 key serves all hosts of the process: what is measured and emulated is the service, and
//! a key per host would only cost. Settings are built once per host and shared by its connections.
//! Hosts that ask for a client certificate resume no session, because a resumed one would carry the
//! identity of the earlier handshake.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::{
    ServerConfig,
    crypto::CryptoProvider,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    server::{NoServerSessionStorage, ResolvesServerCert},
    sign::{CertifiedKey, SigningKey},
};

use super::{TlsCa, TlsError, TlsTrouble, WrongCertificate, client_cert::AnyClientCertificate};

/// How many hosts are remembered. Who names more than that makes others wait for a signature.
const REMEMBERED_HOSTS: usize = 1024;

/// Ready TLS settings for every host that the CA certifies.
pub struct TlsHosts {
    ca: Arc<TlsCa>,
    leaf: KeyPair,
    signer: Arc<dyn SigningKey>,
    plain: ServerConfig,
    asking: ServerConfig,
    known: RwLock<BTreeMap<String, Host>>,
    minted: AtomicU64,
}

impl std::fmt::Debug for TlsHosts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsHosts").field("ca", &self.ca).finish_non_exhaustive()
    }
}

#[derive(Clone)]
struct Host {
    plain: Arc<ServerConfig>,
    asking: Arc<ServerConfig>,
}

impl TlsHosts {
    /// Makes the key of the hosts and the settings that they share: TLS 1.2 and 1.3, HTTP/2 and
    /// HTTP/1.1 by ALPN.
    ///
    /// # Errors
    /// Only the crypto library's.
    pub fn new(ca: Arc<TlsCa>) -> Result<Self, TlsError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let leaf = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)
            .map_err(|e| TlsError::crypto("make the key of the hosts", e))?;
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(leaf.serialize_der()));
        let signer = provider
            .key_provider
            .load_private_key(der)
            .map_err(|e| TlsError::crypto("load the key of the hosts", e))?;
        let plain = settings(&provider, false)?;
        let asking = settings(&provider, true)?;
        Ok(Self {
            ca,
            leaf,
            signer,
            plain,
            asking,
            known: RwLock::new(BTreeMap::new()),
            minted: AtomicU64::new(0),
        })
    }

    /// The CA's certificate as PEM: what clients are told to trust.
    pub fn ca_pem(&self) -> &str {
        self.ca.ca_pem()
    }

    /// Whether clients will accept a certificate for `host`: see [`TlsCa::permits`].
    pub fn permits(&self, host: &str) -> bool {
        self.ca.permits(host)
    }

    /// The settings for `host`: a DNS name in lower case without a trailing dot, or an IP address.
    /// `asks_client_certificate`: offer the client to show one; it need not.
    ///
    /// The caller decides which hosts exist: this mints for any name that a certificate can hold,
    /// though clients reject those that [`TlsCa::permits`] does not know.
    ///
    /// # Errors
    /// A name that no certificate can hold.
    pub fn settings(
        &self,
        host: &str,
        asks_client_certificate: bool,
    ) -> Result<Arc<ServerConfig>, TlsError> {
        let pick = |found: &Host| {
            Arc::clone(if asks_client_certificate { &found.asking } else { &found.plain })
        };
        if let Some(found) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(host) {
            return Ok(pick(found));
        }
        let made = self.mint(host)?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED_HOSTS {
            drop(known.pop_first());
        }
        // Two that came at once: the first one stays.
        Ok(pick(known.entry(host.to_owned()).or_insert(made)))
    }

    /// Settings for `host` with something wrong. They resume no session, neither their own nor one of
    /// [`Self::settings`], and are made anew every time: what goes wrong on purpose need not be fast.
    ///
    /// # Errors
    /// A name that no certificate can hold, or the crypto library.
    pub fn troubled(
        &self,
        host: &str,
        asks_client_certificate: bool,
        trouble: TlsTrouble,
    ) -> Result<Arc<ServerConfig>, TlsError> {
        /// A name that no world has; every CA may certify it.
        const OTHER: &str = "another-host.test";
        let salt = self.minted.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let certificate = match trouble.certificate {
            None => self.ca.issue(host, &self.leaf, &salt)?,
            Some(WrongCertificate::UntrustedCa) => {
                TlsCa::generate(0, [host])?.issue(host, &self.leaf, &salt)?
            }
            Some(WrongCertificate::Expired) => {
                self.ca.issue_for(host, &self.leaf, &salt, (2000, 2001))?
            }
            Some(WrongCertificate::NotYetValid) => {
                self.ca.issue_for(host, &self.leaf, &salt, (2099, 2100))?
            }
            Some(WrongCertificate::WrongName) => self.ca.issue(OTHER, &self.leaf, &salt)?,
        };
        let certified =
            CertifiedKey::new(vec![certificate.der().clone()], Arc::clone(&self.signer));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut settings = if trouble.only_tls13 {
            settings_of(&provider, asks_client_certificate, &[&rustls::version::TLS13])?
        } else {
            settings(&provider, asks_client_certificate)?
        };
        settings.session_storage = Arc::new(NoServerSessionStorage {});
        settings.send_tls13_tickets = 0;
        settings.cert_resolver = Arc::new(OneLeaf(Arc::new(certified)));
        Ok(Arc::new(settings))
    }

    fn mint(&self, host: &str) -> Result<Host, TlsError> {
        let count = self.minted.fetch_add(1, Ordering::Relaxed);
        let certificate = self.ca.issue(host, &self.leaf, &count.to_be_bytes())?;
        let certified =
            CertifiedKey::new(vec![certificate.der().clone()], Arc::clone(&self.signer));
        let resolver: Arc<dyn ResolvesServerCert> = Arc::new(OneLeaf(Arc::new(certified)));
        let with = |base: &ServerConfig| {
            let mut settings = base.clone();
            settings.cert_resolver = Arc::clone(&resolver);
            Arc::new(settings)
        };
        Ok(Host { plain: with(&self.plain), asking: with(&self.asking) })
    }
}

/// What all hosts have in common. The leaf is filled in per host.
fn settings(
    provider: &Arc<CryptoProvider>,
    asks_client_certificate: bool,
) -> Result<ServerConfig, TlsError> {
    let versions = [&rustls::version::TLS13, &rustls::version::TLS12];
    settings_of(provider, asks_client_certificate, &versions)
}

fn settings_of(
    provider: &Arc<CryptoProvider>,
    asks_client_certificate: bool,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> Result<ServerConfig, TlsError> {
    let builder = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(versions)
        .map_err(|e| TlsError::crypto("set up TLS", e))?;
    let no_leaf: Arc<dyn ResolvesServerCert> = Arc::new(NoLeaf);
    let mut settings = if asks_client_certificate {
        let verifier = AnyClientCertificate::new(provider.signature_verification_algorithms);
        let mut settings =
            builder.with_client_cert_verifier(Arc::new(verifier)).with_cert_resolver(no_leaf);
        settings.session_storage = Arc::new(NoServerSessionStorage {});
        settings.send_tls13_tickets = 0;
        settings
    } else {
        builder.with_no_client_auth().with_cert_resolver(no_leaf)
    };
    settings.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(settings)
}

/// The same leaf whatever the client asks for: the name was looked up before.
#[derive(Debug)]
struct OneLeaf(Arc<CertifiedKey>);

impl ResolvesServerCert for OneLeaf {
    fn resolve(&self, _hello: rustls::server::ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// Stands in the shared settings, which no connection uses.
#[derive(Debug)]
struct NoLeaf;

impl ResolvesServerCert for NoLeaf {
    fn resolve(&self, _hello: rustls::server::ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        None
    }
}
