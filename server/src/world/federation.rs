//! The federation of a domain: the server that its users sign in at, and the key that its assertions are signed with.
//!
//! Both follow from the world file and the seed, so that the federation server (which signs) and the token service (which
//! verifies) agree without asking each other. The keys are of the public pool.

use std::collections::BTreeMap;

use linarite_core::tenant::{DomainKind, Tenant};

use super::federation_settings::FederationSettings;
use super::running::WorldError;
use super::stock::Stock;
use crate::entropy::secret_of;
use crate::keys::rsa_key::RsaKey;

/// The audience that every assertion for this cloud is meant for.
pub const CLOUD_AUDIENCE: &str = "urn:federation:MicrosoftOnline";

/// The federation of one domain.
#[derive(Clone, Debug)]
pub struct Federation {
    /// The domain, in lower case.
    pub domain: String,
    /// Host name of its federation server.
    pub host: String,
    /// What assertions name as their issuer.
    pub issuer: String,
    /// Signs assertions.
    pub signer: RsaKey,
    /// A key that the token service does not know: for assertions with a defect.
    pub stranger: RsaKey,
    /// The self-signed certificate of `signer` in DER, valid from 2000 to 2100.
    pub certificate: Vec<u8>,
    /// How the server behaves.
    pub settings: FederationSettings,
}

/// The federation of each federated domain of a tenant.
pub(super) fn federations(
    tenant: &Tenant,
    mut settings: BTreeMap<String, FederationSettings>,
    seed: u64,
    stock: &Stock,
) -> Result<Vec<Federation>, WorldError> {
    let federated = tenant.domains.iter().filter_map(|domain| match &domain.kind {
        DomainKind::Federated { sts } => Some((domain.name.as_str(), sts.as_str())),
        DomainKind::Managed => None,
    });
    let made = federated.map(|(domain, host)| {
        federation(domain, host, settings.remove(domain).unwrap_or_default(), seed, stock)
    });
    made.collect()
}

fn federation(
    domain: &str,
    host: &str,
    settings: FederationSettings,
    seed: u64,
    stock: &Stock,
) -> Result<Federation, WorldError> {
    let [pick, ..] = secret_of(seed, "federation key", domain);
    let pick = usize::from(pick);
    let certificate = stock.certificate(pick, &format!("ADFS Signing - {host}"))?;
    Ok(Federation {
        domain: domain.to_owned(),
        host: host.to_owned(),
        issuer: match &settings.issuer {
            Some(issuer) => issuer.clone(),
            None => format!("http://{host}/adfs/services/trust"),
        },
        signer: stock.key(pick)?,
        stranger: stock.key(pick + 1)?,
        certificate,
        settings,
    })
}
