//! What worlds have in common and none of them changes: the tables of refusals, the service's own applications, the public
//! test keys and what signs with them.
//!
//! Reading the tables, parsing a key and signing a certificate with it cost many times what the rest of a world's start
//! does, so whoever starts a world for each row of a scenario gives all of them one stock. Each piece is made when a world
//! first wants it. Left out: anything that belongs to one world, such as tokens that were verified.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::apps::Apps;
use super::running::WorldError;
use crate::keys::device_ca::DeviceCa;
use crate::keys::issue::self_signed;
use crate::keys::pool::TestKey;
use crate::keys::rsa_key::RsaKey;
use crate::keys::signer::TokenSigner;
use crate::services::tables::Tables;

/// A stock; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Stock(Arc<Shelf>);

/// A piece, or what is wrong with it.
type Piece<T> = OnceLock<Result<T, String>>;

#[derive(Debug, Default)]
struct Shelf {
    tables: Piece<Arc<Tables>>,
    apps: Piece<Apps>,
    keys: [Piece<RsaKey>; TestKey::COUNT],
    tokens: [Piece<TokenSigner>; TestKey::COUNT],
    devices: [Piece<Arc<DeviceCa>>; TestKey::COUNT],
    /// Certificates of federation servers, by key and common name.
    certificates: Mutex<BTreeMap<(usize, String), Vec<u8>>>,
}

/// Certificates of federation servers that are kept at most: worlds of one run are mostly alike.
const CERTIFICATES: usize = 64;

fn take<T: Clone>(
    piece: &Piece<T>,
    make: impl FnOnce() -> Result<T, String>,
) -> Result<T, WorldError> {
    piece.get_or_init(make).clone().map_err(WorldError::Damaged)
}

/// The piece of a test key, by its number counted round.
fn of_key<T: Clone>(
    pieces: &[Piece<T>; TestKey::COUNT],
    number: usize,
    make: impl FnOnce() -> Result<T, String>,
) -> Result<T, WorldError> {
    match pieces.get(number % TestKey::COUNT) {
        Some(piece) => take(piece, make),
        None => make().map_err(WorldError::Damaged),
    }
}

impl Stock {
    /// The tables of refusals.
    pub(super) fn tables(&self) -> Result<Arc<Tables>, WorldError> {
        take(&self.0.tables, || Tables::load().map(Arc::new))
    }

    /// The service's own applications.
    pub(super) fn apps(&self) -> Result<Apps, WorldError> {
        take(&self.0.apps, || Apps::new(Vec::new()).map_err(|error| error.to_string()))
    }

    /// The test key of this number, counted round.
    pub(super) fn key(&self, number: usize) -> Result<RsaKey, WorldError> {
        of_key(&self.0.keys, number, || {
            TestKey::pick(number).load().map_err(|error| error.to_string())
        })
    }

    /// What signs tokens with the test key of this number, counted round.
    pub(super) fn tokens(&self, number: usize) -> Result<TokenSigner, WorldError> {
        let key = self.key(number)?;
        of_key(&self.0.tokens, number, || {
            TokenSigner::new(key, "accounts.accesscontrol.windows.net")
                .map_err(|error| error.to_string())
        })
    }

    /// What issues device certificates with the test key of this number, counted round.
    pub(super) fn devices(&self, number: usize) -> Result<Arc<DeviceCa>, WorldError> {
        let key = self.key(number)?;
        of_key(&self.0.devices, number, || {
            DeviceCa::new(key).map(Arc::new).map_err(|error| error.to_string())
        })
    }

    /// The self-signed certificate (DER) of the test key of this number, counted round, under this common name.
    pub(super) fn certificate(&self, number: usize, name: &str) -> Result<Vec<u8>, WorldError> {
        let key = self.key(number)?;
        let mut kept = self.0.certificates.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (number % TestKey::COUNT, name.to_owned());
        if let Some(certificate) = kept.get(&place) {
            return Ok(certificate.clone());
        }
        let certificate = self_signed(&key, name)
            .map_err(|_| WorldError::Damaged("a federation key cannot sign".to_owned()))?;
        if kept.len() >= CERTIFICATES {
            kept.clear();
        }
        kept.insert(place, certificate.clone());
        Ok(certificate)
    }
}
