//! The control API: a JSON API on a listener of its own, for those who run a world rather than use it.
//!
//! It always wants its token (but for its document and for what codes mean, which say nothing of a world), never shares a
//! port with the emulated hosts, and allows no other origin: an answer carries no `Access-Control` header, and a request
//! for another host name than the loopback's is refused, so that a page in a browser cannot reach it under a name of its
//! own. What it can do, and in which words, is one table (`routes`), from which both the router and the document at
//! `/openapi.json` are made.
//!
//! [`admin`] has the same actions as plain functions and [`view`] the same projections, for those in the same process.
//! Left out: making worlds, TLS, and more than one token.

pub mod admin;
mod body;
mod error;
mod guard;
mod handlers;
mod listener;
mod openapi;
mod registry;
mod routes;
pub mod snapshots;
#[cfg(test)]
mod tests;
pub mod view;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::entropy::Entropy;
use crate::explain::Explanations;
use crate::keys::encoding::to_hex;
use guard::Shared;
pub use registry::Worlds;

/// Why the control listener does not start.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The address cannot be used.
    #[error("the control API cannot listen on {address}: {cause}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        cause: std::io::Error,
    },
    /// The token that was given cannot be one.
    #[error(
        "the token of the control API has to be {LEAST_TOKEN} or more visible ASCII characters without spaces; leave it out to have one drawn"
    )]
    Token,
}

/// Characters of the shortest token that may be given.
const LEAST_TOKEN: usize = 8;

/// The running control API. Dropping it stops it; requests that change something are carried through.
pub struct Control {
    address: SocketAddr,
    token: String,
    worlds: Worlds,
    shared: Arc<Shared>,
    listener: JoinHandle<()>,
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Control {
    /// Starts the API; port 0 is any free one. A token is drawn when none is given. No world is registered yet.
    pub async fn start(address: SocketAddr, token: Option<String>) -> Result<Self, ControlError> {
        let token = token.unwrap_or_else(|| to_hex(Entropy::secret()));
        if token.len() < LEAST_TOKEN || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ControlError::Token);
        }
        let failed = |cause| ControlError::Listen { address, cause };
        let socket = TcpListener::bind(address).await.map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        let worlds = Worlds::default();
        let shared = Arc::new(Shared::new(&token, address.ip().is_loopback(), worlds.clone()));
        let listener = tokio::spawn(listener::serve(socket, routes::router(Arc::clone(&shared))));
        Ok(Self { address, token, worlds, shared, listener })
    }

    /// The URL that paths are added to, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The token that every request needs: `Authorization: Bearer <token>`.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Explains codes by these instead of the server's own alone: `GET /explain`.
    pub fn explain(&self, explanations: Explanations) {
        self.shared.set_explanations(explanations);
    }

    /// The worlds that it can reach.
    pub const fn worlds(&self) -> &Worlds {
        &self.worlds
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.listener.abort();
    }
}
