//! The accept loop: one task per connection, all of them ended when the listener is.

use std::{
    future::Future,
    io::Write as _,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use hyper::server::conn::http1;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinError, JoinSet},
    time::timeout,
};

use super::{
    EdgeRefusal, Handler, Limits, RefusalKind,
    connection::{self, Edge},
};
use crate::keys::tls::TlsHosts;

/// What a listener speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListenerKind {
    /// Everything on one port: forward proxy, plain HTTP with a path prefix, and TLS straight away.
    Proxy,
    /// TLS only, as port 443 of the emulated hosts.
    Https,
}

/// How long accepting rests when the system has no descriptor left.
const REST: Duration = Duration::from_millis(50);

/// What one connection too many is told. Where TLS is spoken it is just closed.
const FULL: &str = "linarite: too many connections are open; close some, or raise the limit\n";

/// Serves `listener` until `shutdown` resolves; then the listener is closed, what is being answered
/// gets [`Limits::grace`], and all connections end. Dropping the future ends everything at once.
pub async fn serve<H: Handler>(
    listener: TcpListener,
    kind: ListenerKind,
    tls: Arc<TlsHosts>,
    handler: H,
    limits: Limits,
    shutdown: impl Future<Output = ()> + Send,
) {
    let room = limits.connections;
    let grace = limits.grace;
    let edge = Arc::new(Edge { http1: http1_settings(&limits), handler, tls, limits, kind });
    let (closing, closed) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    let mut number = match kind {
        ListenerKind::Proxy => 1_u64,
        ListenerKind::Https => 2,
    };
    loop {
        let stream = tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(ended) = connections.join_next() => {
                reap(&edge, ended);
                continue;
            }
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                stream
            } else {
                // Out of descriptors, or a client that was gone at once: neither ends the
                // listener, and a connection that ends may cure the first.
                drop(timeout(REST, connections.join_next()).await);
                continue;
            },
        };
        let connection = number;
        number = number.wrapping_add(2);
        if connections.len() >= room {
            turn_away(&edge, stream, connection);
        } else {
            drop(connections.spawn(connection::run(
                Arc::clone(&edge),
                stream,
                connection,
                closed.clone(),
            )));
        }
    }
    drop(listener);
    closing.send_replace(true);
    let all = async {
        while let Some(ended) = connections.join_next().await {
            reap(&edge, ended);
        }
    };
    if timeout(grace, all).await.is_err() {
        connections.shutdown().await;
    }
}

/// HTTP/1.x as every connection speaks it.
fn http1_settings(limits: &Limits) -> http1::Builder {
    /// The HTTP library takes no smaller buffer.
    const SMALLEST_BUFFER: usize = 8192;
    /// Up to this many fields the library reads a head without allocating; fewer are counted after.
    const FREE_FIELDS: usize = 100;
    let mut http1 = http1::Builder::new();
    http1
        // Some clients close their sending side after the request and still read the answer.
        .half_close(true)
        .auto_date_header(false)
        .header_read_timeout(None)
        .max_header_size(limits.header_bytes)
        .max_buf_size(limits.header_bytes.max(SMALLEST_BUFFER));
    if limits.header_count > FREE_FIELDS {
        http1.max_headers(limits.header_count);
    }
    http1
}

/// A connection has ended. That its task panicked is a bug, and ends nothing else.
fn reap<H: Handler>(edge: &Edge<H>, ended: Result<(), JoinError>) {
    let Err(error) = ended else { return };
    if error.is_panic() {
        let refusal = EdgeRefusal {
            kind: RefusalKind::Panic,
            status: None,
            host: None,
            request: None,
            face: None,
            connection: 0,
            detail: format!("a connection ended by a panic, which is a bug in linarite: {error}"),
        };
        // The handler may be what panicked.
        drop(catch_unwind(AssertUnwindSafe(|| edge.handler.refused(refusal))));
    }
}

/// One connection too many: told so without waiting, and closed.
fn turn_away<H: Handler>(edge: &Edge<H>, stream: TcpStream, connection: u64) {
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{FULL}",
        FULL.len()
    );
    let told = edge.kind == ListenerKind::Proxy
        && stream.into_std().is_ok_and(|mut stream| stream.write_all(answer.as_bytes()).is_ok());
    let refusal = EdgeRefusal {
        kind: RefusalKind::TooManyConnections,
        status: told.then_some(http::StatusCode::SERVICE_UNAVAILABLE),
        host: None,
        request: None,
        face: None,
        connection,
        detail: format!("{} connections are open, which is the limit", edge.limits.connections),
    };
    drop(catch_unwind(AssertUnwindSafe(|| edge.handler.refused(refusal))));
}
