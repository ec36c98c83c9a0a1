//! How a request came, and how the same client reaches the other emulated hosts.

use std::{fmt, sync::Arc};

/// Which of the edge's faces the client spoke to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Face {
    /// The forward proxy: a `CONNECT` tunnel or an absolute-form request.
    Proxy,
    /// TLS straight to the listener, the host named by SNI or Host.
    Direct,
    /// Plain HTTP, the host being the first part of the path.
    Prefix,
}

impl fmt::Display for Face {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Proxy => "proxy",
            Self::Direct => "direct",
            Self::Prefix => "prefix",
        })
    }
}

/// The connection that a request came by, as far as an answer may depend on it.
#[derive(Debug, Clone)]
pub struct Link {
    /// Which face.
    pub face: Face,
    /// The emulated host that is asked: lower case, no port, no trailing dot.
    pub host: String,
    /// Whether this connection is TLS.
    pub secure: bool,
    /// The certificates that the client showed, DER, its own first. Empty: none. The client holds
    /// the key of the first one; nothing else about them has been checked.
    pub client_chain: Arc<[Vec<u8>]>,
    /// Number of the connection, from 1. Connections of the proxy listener are odd, those of the
    /// HTTPS listener even, so that the two of one world never share a number.
    pub connection: u64,
    base: Base,
}

/// What comes before host and path in an absolute URL of this face.
#[derive(Debug, Clone)]
enum Base {
    /// `https://host`
    Proxy,
    /// `https://host` or `https://host:port`
    Direct(Option<u16>),
    /// `http://authority/host`
    Prefix(String),
}

impl Link {
    /// A TLS request for `host` through the proxy, without client certificate, on connection 0.
    pub fn proxy(host: impl Into<String>) -> Self {
        Self::new(Face::Proxy, host.into(), true, Base::Proxy)
    }

    /// A TLS request straight to the listener, which the client reaches at `port` (443: `None`).
    pub fn direct(host: impl Into<String>, port: Option<u16>) -> Self {
        let port = port.filter(|port| *port != 443);
        Self::new(Face::Direct, host.into(), true, Base::Direct(port))
    }

    /// A plain request with the host in its path; the client reaches the listener at `authority`
    /// (`127.0.0.1:8080`).
    pub fn prefix(host: impl Into<String>, authority: impl Into<String>) -> Self {
        Self::new(Face::Prefix, host.into(), false, Base::Prefix(authority.into()))
    }

    fn new(face: Face, host: String, secure: bool, base: Base) -> Self {
        Self { face, host, secure, client_chain: Arc::default(), connection: 0, base }
    }

    /// The absolute URL of `path` (with its query) on the emulated host `host`, as the client of
    /// this connection reaches it: `https://host/path` by proxy, `https://host:port/path` directly,
    /// `http://127.0.0.1:port/host/path` by prefix. A missing leading slash is added.
    pub fn url(&self, host: &str, path: &str) -> String {
        let slash = if path.starts_with('/') { "" } else { "/" };
        match &self.base {
            Base::Proxy | Base::Direct(None) => format!("https://{host}{slash}{path}"),
            Base::Direct(Some(port)) => format!("https://{host}:{port}{slash}{path}"),
            Base::Prefix(authority) => format!("http://{authority}/{host}{slash}{path}"),
        }
    }

    /// Whether a client certificate can travel by this connection at all. Over plain HTTP it cannot:
    /// what needs one is refused by name there.
    pub fn can_mutual_tls(&self) -> bool {
        self.secure
    }
}
