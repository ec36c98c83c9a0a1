//! The edge takes the socket: forward proxy, TLS by host name, optional client certificates, limits.
//!
//! One listener speaks proxy (`CONNECT`, absolute-form requests), TLS straight away, and plain HTTP
//! with the host as the first part of the path; another one speaks TLS only. Whatever the road, a
//! [`Handler`] gets a whole request and a [`Link`] that says how it came, and gives back a whole
//! response. The edge knows neither worlds nor services: the handler tells which hosts exist.
//!
//! Nothing leaves the machine: this module opens no outgoing connection at all. What it refuses by
//! itself (unknown hosts, names that disagree, oversized and malformed requests, broken handshakes)
//! is told to [`Handler::refused`], so that the journal has it.
//!
//! It follows RFC 9110 and 9112, and what real clients of the emulated hosts send: `CONNECT` in
//! HTTP/1.0 without Host (Python up to 3.11), without a port and with the proxy's own name in Host,
//! and plain HTTP inside the tunnel (MSAL Node 2 and 3).
//!
//! Left out: HTTP/2 without TLS, `CONNECT` inside a tunnel or over HTTP/2, a proxy that is itself
//! reached by TLS, the proxy credential (passed on unread), and streamed bodies in either direction.

mod body;
mod connection;
mod damage;
mod exchange;
mod hosts;
mod limits;
mod link;
mod listener;
mod prefixed;
mod refusal;
#[cfg(test)]
mod tests;
mod tls;
mod watched;

use std::future::Future;

use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use tokio::sync::watch;

pub use damage::{Cut, CutHow, CutPoint, Damage};
pub use limits::Limits;
pub use link::{Face, Link};
pub use listener::{ListenerKind, serve};
pub use refusal::{EdgeRefusal, RefusalKind};

pub use crate::keys::tls::{Alert, TlsTrouble, WrongCertificate};

/// Who answers requests. It is called for many requests at once.
pub trait Handler: Clone + Send + Sync + 'static {
    /// Which emulated host this is; `None`: not emulated. `name` is in lower case, without port and
    /// without a trailing dot. Asked once per tunnel and handshake, and per request where neither
    /// names the host; so it should be cheap.
    fn host(&self, name: &str) -> Option<HostPolicy>;

    /// Answers one request. The request's URI is path and query only; its body is complete.
    ///
    /// The response is sent as it is, with a `Content-Length` of the edge's making. No `Date` is
    /// added: time is the world's. A `HEAD` may be answered like a `GET`; the body is dropped. A
    /// panic becomes a 500. Over HTTP/2 the future is dropped when the client takes its request
    /// back, so what must be finished is to be spawned; over HTTP/1.1 it always runs to its end. A
    /// [`Damage`] among the extensions of the response spoils it on its way out.
    fn call(&self, inbound: Inbound) -> impl Future<Output = http::Response<Bytes>> + Send;

    /// Answers a request whose body was longer than the limit, and thrown away: it is empty here. `None`: the edge
    /// answers with a 413 of its own, and tells [`Self::refused`].
    fn oversized(
        &self,
        inbound: Inbound,
    ) -> impl Future<Output = Option<http::Response<Bytes>>> + Send {
        drop(inbound);
        std::future::ready(None)
    }

    /// What befalls a new connection to this host; asked once for each, and over plain HTTP, where a
    /// connection has no host, for each request. A tunnel is asked about twice: when it is wanted, and
    /// when its first byte says what is spoken in it.
    fn connecting(&self, host: &str, stage: Stage) -> Option<ConnectionFault> {
        let _ = (host, stage);
        None
    }

    /// A number that moves when all open connections to this host are to be closed.
    fn cuts(&self, host: &str) -> Option<watch::Receiver<u64>> {
        let _ = host;
        None
    }

    /// Where TLS handshakes that are under way are counted, for whoever wants to wait for their end.
    fn handshakes(&self) -> Option<Arc<AtomicUsize>> {
        None
    }

    /// Told about what never reaches [`Self::call`], or does not come out of it whole.
    fn refused(&self, refusal: EdgeRefusal);

    /// Names of emulated hosts, for texts that help a person who asked for another one.
    fn served(&self) -> Vec<String> {
        Vec::new()
    }
}

/// How far a connection has come when it is asked what befalls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// A tunnel is wanted, and nothing was said in it yet.
    Tunnel,
    /// TLS begins.
    Tls,
    /// Plain HTTP was begun.
    Plain,
}

/// What befalls a connection as soon as its host is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionFault {
    /// The host cannot be reached: `CONNECT` is answered with this status, and any other connection
    /// closed.
    Unreachable(http::StatusCode),
    /// The connection is reset.
    Reset,
    /// The TLS handshake goes wrong. Not heard over plain HTTP.
    Tls(TlsTrouble),
    /// Nothing goes wrong, but no TLS session is resumed.
    Fresh,
}

/// What the edge must know about an emulated host before it speaks to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HostPolicy {
    /// The host offers clients to show a certificate in the TLS handshake. Browsers then ask the
    /// user, so only hosts that read device certificates should.
    pub asks_client_certificate: bool,
}

/// A whole request and how it came.
#[derive(Debug)]
pub struct Inbound {
    /// The request. Its URI is origin-form (`/path?query`) whatever the client sent.
    pub request: http::Request<Bytes>,
    /// The connection that it came by.
    pub link: Link,
}
