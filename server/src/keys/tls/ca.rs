//! The root: a P-256 CA, limited by name constraints to the hosts that are emulated.
//!
//! Its validity runs from 2000 to 2100, so that no world time and no wrong client clock falls out of
//! it. Its name holds the day it was made and a piece of its key, because clients that keep several
//! CAs with one name confuse them. Left out: intermediate CAs (the path length is 0) and roots that
//! linarite did not make.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use aws_lc_rs::digest;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CidrSubnet, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    NameConstraints, PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType, SerialNumber, date_time_ymd,
    string::Ia5String,
};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use super::TlsError;

/// Domains that every CA may certify, besides the ones it is made for.
const ALWAYS: [&str; 2] = ["test", "localhost"];

/// Certificates count from the start of this year to the start of [`LAST_YEAR`]: clients judge them
/// by their own clock, whatever the world's says.
const FIRST_YEAR: i32 = 2000;
const LAST_YEAR: i32 = 2100;

/// The longest common name that X.520 allows.
const LONGEST_COMMON_NAME: usize = 64;

/// The private root that signs the certificates of the emulated hosts.
///
/// It may certify the domains it was made for and all names below them, `test`, `localhost`, and
/// addresses of the loopback interface; clients reject anything else by its name constraints.
pub struct TlsCa {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    certificate_pem: String,
    domains: Vec<String>,
}

impl std::fmt::Debug for TlsCa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsCa").field("domains", &self.domains).finish_non_exhaustive()
    }
}

impl TlsCa {
    /// Makes a new CA with a fresh P-256 key.
    ///
    /// `now_unix` (seconds since 1970) only names the day in the subject. `domains` are DNS names
    /// without a leading dot; each allows itself and every name below it.
    ///
    /// # Errors
    /// A domain that is no DNS name, or the crypto library.
    pub fn generate(
        now_unix: i64,
        domains: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Self, TlsError> {
        let mut permitted: Vec<String> = ALWAYS.map(str::to_owned).to_vec();
        for domain in domains {
            permitted.push(clean_domain(domain.as_ref())?);
        }
        permitted.sort_unstable();
        permitted.dedup();

        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)
            .map_err(|e| TlsError::crypto("make the key of the CA", e))?;
        let day = jiff::Timestamp::from_second(now_unix)
            .map_or_else(|_| "an unknown day".to_owned(), |t| t.strftime("%Y-%m-%d").to_string());
        let print = digest::digest(&digest::SHA256, key.der_bytes());
        let print = print.as_ref().first_chunk::<4>().map_or(0, |b| u32::from_be_bytes(*b));

        let mut params = CertificateParams::default();
        params.distinguished_name = subject(
            &format!("linarite local test CA {print:08x}"),
            &format!("made {day}, for tests on this machine only"),
        );
        params.serial_number = Some(serial(&[key.der_bytes(), &now_unix.to_be_bytes()]));
        params.not_before = date_time_ymd(FIRST_YEAR, 1, 1);
        params.not_after = date_time_ymd(LAST_YEAR, 1, 1);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: permitted
                .iter()
                .map(|domain| GeneralSubtree::DnsName(domain.clone()))
                .chain([
                    GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([127, 0, 0, 0], 8)),
                    GeneralSubtree::IpAddress(CidrSubnet::from_v6_prefix(
                        Ipv6Addr::LOCALHOST.octets(),
                        128,
                    )),
                ])
                .collect(),
            excluded_subtrees: Vec::new(),
        });
        let certificate =
            params.self_signed(&key).map_err(|e| TlsError::crypto("sign the CA", e))?;
        Ok(Self {
            certificate: certificate.der().clone(),
            certificate_pem: certificate.pem(),
            issuer: Issuer::new(params, key),
            domains: permitted,
        })
    }

    /// Reads back what [`Self::to_pem`] wrote: the private key and the certificate.
    ///
    /// # Errors
    /// [`TlsError::Pem`] when a part is missing, when key and certificate do not belong together,
    /// or when the certificate is not one that linarite made.
    pub fn from_pem(pem: &str) -> Result<Self, TlsError> {
        let bad = |reason: String| TlsError::Pem(reason);
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes())
            .map_err(|e| bad(format!("no certificate: {e}")))?;
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes())
            .map_err(|e| bad(format!("no private key: {e}")))?;
        let key = KeyPair::from_pkcs8_der_and_sign_algo(&key, &PKCS_ECDSA_P256_SHA256)
            .map_err(|e| bad(format!("the private key is no P-256 key: {e}")))?;

        let (rest, parsed) = X509Certificate::from_der(&certificate)
            .map_err(|e| bad(format!("the certificate cannot be read: {e}")))?;
        if !rest.is_empty() {
            return Err(bad("there are bytes after the certificate".to_owned()));
        }
        if *parsed.public_key().subject_public_key.data != *key.der_bytes() {
            return Err(bad("the key is not the certificate's".to_owned()));
        }
        let name = |value: Option<&x509_parser::x509::AttributeTypeAndValue<'_>>| {
            value.and_then(|v| v.as_str().ok()).unwrap_or_default().to_owned()
        };
        let mut params = CertificateParams::default();
        params.distinguished_name = subject(
            &name(parsed.subject().iter_common_name().next()),
            &name(parsed.subject().iter_organizational_unit().next()),
        );
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let constraints = parsed
            .name_constraints()
            .map_err(|e| bad(format!("its name constraints cannot be read: {e}")))?;
        let permitted = constraints.and_then(|found| found.value.permitted_subtrees.as_ref());
        let mut domains = Vec::new();
        for subtree in permitted.into_iter().flatten() {
            if let GeneralName::DNSName(name) = subtree.base {
                domains.push(name.to_owned());
            }
        }
        domains.sort_unstable();
        let subject_raw = parsed.subject().as_raw().to_vec();

        let ca = Self {
            issuer: Issuer::new(params, key),
            certificate_pem: pem_block("CERTIFICATE", &certificate),
            certificate,
            domains,
        };
        // A leaf names its issuer by the bytes of the CA's subject: a CA whose name we would write
        // in another way (another tool's) would only fail later, in the client.
        let probe = ca.issue("localhost", &ca.issuer.key(), &[])?;
        let (_, probe) = X509Certificate::from_der(probe.der())
            .map_err(|e| bad(format!("a certificate made with it cannot be read: {e}")))?;
        if probe.issuer().as_raw() != subject_raw {
            return Err(bad("its subject is not in the form that linarite writes".to_owned()));
        }
        Ok(ca)
    }

    /// The private key and the certificate, as two PEM blocks. Keep it private.
    pub fn to_pem(&self) -> String {
        format!("{}{}", self.issuer.key().serialize_pem(), self.certificate_pem)
    }

    /// The certificate alone, as PEM: what clients are told to trust.
    pub fn ca_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The certificate alone, as DER.
    pub fn ca_der(&self) -> &[u8] {
        &self.certificate
    }

    /// Whether clients will accept a certificate of this CA for `host` (a DNS name in lower case,
    /// or an IP address).
    pub fn permits(&self, host: &str) -> bool {
        if let Ok(address) = host.parse::<IpAddr>() {
            return match address {
                IpAddr::V4(v4) => v4.octets().first() == Some(&127),
                IpAddr::V6(v6) => v6 == Ipv6Addr::LOCALHOST,
            };
        }
        self.domains.iter().any(|domain| {
            host.strip_suffix(domain.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    }

    /// Signs a certificate for `host` with the public key of `key`. `salt` keeps the serial numbers
    /// of certificates for the same host and key apart (RFC 5280 section 4.1.2.2: unique per CA).
    pub(super) fn issue(
        &self,
        host: &str,
        key: &impl PublicKeyData,
        salt: &[u8],
    ) -> Result<Certificate, TlsError> {
        self.issue_for(host, key, salt, (FIRST_YEAR, LAST_YEAR))
    }

    /// [`Self::issue`] with another validity: from the start of one year to the start of another.
    pub(super) fn issue_for(
        &self,
        host: &str,
        key: &impl PublicKeyData,
        salt: &[u8],
        (first, last): (i32, i32),
    ) -> Result<Certificate, TlsError> {
        let address = host.parse::<IpAddr>().ok();
        let name = match address {
            Some(address) => SanType::IpAddress(canonical(address)),
            None => SanType::DnsName(
                Ia5String::try_from(clean_domain(host)?)
                    .map_err(|e| TlsError::Name { name: host.to_owned(), reason: e.to_string() })?,
            ),
        };
        let mut params = CertificateParams::default();
        // Some verifiers also look at a common name that resembles a host: it only repeats one.
        let common_name = if address.is_none() && host.len() <= LONGEST_COMMON_NAME {
            host
        } else {
            "linarite emulated host"
        };
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "linarite");
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.subject_alt_names = vec![name];
        params.serial_number =
            Some(serial(&[&self.certificate, key.der_bytes(), host.as_bytes(), salt]));
        params.not_before = date_time_ymd(first, 1, 1);
        params.not_after = date_time_ymd(last, 1, 1);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages =
            vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params
            .signed_by(key, &self.issuer)
            .map_err(|e| TlsError::crypto("sign a host certificate", e))
    }
}

/// The subject of the CA. Written in one place, since leaves must repeat it byte by byte.
fn subject(common_name: &str, unit: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "linarite");
    name.push(DnType::OrganizationalUnitName, unit);
    name.push(DnType::CommonName, common_name);
    name
}

/// A positive serial number of 16 bytes, derived and not drawn.
fn serial(parts: &[&[u8]]) -> SerialNumber {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut bytes: Vec<u8> = context.finish().as_ref().iter().take(16).copied().collect();
    if let Some(first) = bytes.first_mut() {
        *first = (*first & 0x3f) | 0x40;
    }
    SerialNumber::from(bytes)
}

/// An IPv4 address that came dressed as IPv6 is certified as what it is.
fn canonical(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from(v4.octets())),
    }
}

/// A DNS name in lower case without a trailing dot, or why it is none.
fn clean_domain(name: &str) -> Result<String, TlsError> {
    let clean = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let bad = |reason: &str| TlsError::Name { name: name.to_owned(), reason: reason.to_owned() };
    if clean.is_empty() || clean.len() > 253 {
        return Err(bad("its length is not between 1 and 253"));
    }
    if clean.split('.').any(|label| label.is_empty() || label.len() > 63) {
        return Err(bad("a part between its dots is empty or longer than 63"));
    }
    if !clean.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')) {
        return Err(bad("it may hold letters, digits, hyphens, underscores and dots only"));
    }
    Ok(clean)
}

/// One PEM block, in lines of 64 characters with a line feed each.
pub(super) fn pem_block(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    for (index, character) in text.chars().enumerate() {
        if index > 0 && index % 64 == 0 {
            pem.push('\n');
        }
        pem.push(character);
    }
    pem.push_str("\n-----END ");
    pem.push_str(label);
    pem.push_str("-----\n");
    pem
}
