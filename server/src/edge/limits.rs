//! How much of everything a client may use.

use std::time::Duration;

/// Limits of one listener. Times are real time: they guard sockets, not the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request's head: request line and header fields. More: 431.
    pub header_bytes: usize,
    /// Header fields of a request. More: 431.
    pub header_count: usize,
    /// Bytes of a request's body. More: 413.
    pub body_bytes: usize,
    /// From the first byte of a request's head to its last, and for a whole TLS handshake. Later:
    /// the connection is closed.
    pub header_time: Duration,
    /// For the whole of a request's body, and for every pause of a client that takes an answer.
    /// Later: 408, or the connection is closed.
    pub body_time: Duration,
    /// How long a connection may be open without a request.
    pub idle_time: Duration,
    /// Connections at once, of one listener. One more is told 503 and closed.
    pub connections: usize,
    /// How long requests that are being answered may go on when the listener stops.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_bytes: 64 * 1024,
            header_count: 100,
            body_bytes: 4 * 1024 * 1024,
            header_time: Duration::from_secs(10),
            body_time: Duration::from_secs(30),
            idle_time: Duration::from_secs(5 * 60),
            connections: 1024,
            grace: Duration::from_millis(500),
        }
    }
}
