//! What worlds have in common and none of them changes: the tables of refusals, the service's own applications, and what
//! signs with the public test keys.
//!
//! Reading the tables, parsing a key and signing a certificate with it cost many times what the rest of a world's start
//! does, so whoever starts a world for each row of a scenario gives all of them one stock. Each piece is made when a world
//! first wants it. Left out: anything that belongs to one world, such as tokens that were verified.

use std::sync::{Arc, OnceLock};

use super::apps::Apps;
use super::running::WorldError;
use crate::keys::device_ca::DeviceCa;
use crate::keys::pool::TestKey;
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
    tokens: [Piece<TokenSigner>; TestKey::COUNT],
    devices: [Piece<Arc<DeviceCa>>; TestKey::COUNT],
}

fn take<T: Clone>(
    piece: &Piece<T>,
    make: impl FnOnce() -> Result<T, String>,
) -> Result<T, WorldError> {
    piece.get_or_init(make).clone().map_err(WorldError::Damaged)
}

/// The piece of this test key.
fn of_key<T: Clone>(
    pieces: &[Piece<T>; TestKey::COUNT],
    pick: u8,
    make: impl FnOnce(crate::keys::rsa_key::RsaKey) -> Result<T, String>,
) -> Result<T, WorldError> {
    let number = usize::from(pick) % TestKey::COUNT;
    let make = || make(TestKey::pick(number).load().map_err(|error| error.to_string())?);
    match pieces.get(number) {
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

    /// What signs tokens with the test key of this number, counted round.
    pub(super) fn tokens(&self, pick: u8) -> Result<TokenSigner, WorldError> {
        of_key(&self.0.tokens, pick, |key| {
            TokenSigner::new(key, "accounts.accesscontrol.windows.net")
                .map_err(|error| error.to_string())
        })
    }

    /// What issues device certificates with the test key of this number, counted round.
    pub(super) fn devices(&self, pick: u8) -> Result<Arc<DeviceCa>, WorldError> {
        of_key(&self.0.devices, pick, |key| {
            DeviceCa::new(key).map(Arc::new).map_err(|error| error.to_string())
        })
    }
}
