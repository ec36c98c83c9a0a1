//! The listener of the control API: plain HTTP/1.1 with limits, all connections ended with it.

use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Connections at once; one more is closed.
const CONNECTIONS: usize = 256;
/// From a connection's being free to the end of the next request's head.
const HEAD_TIME: Duration = Duration::from_secs(30);
/// Bytes of a request's head.
const HEAD_BYTES: usize = 32 * 1024;
/// How long accepting rests when the system has no descriptor left.
const REST: Duration = Duration::from_millis(50);

/// Serves until the future is dropped.
pub(super) async fn serve(listener: TcpListener, router: Router) {
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            Some(_ended) = connections.join_next() => continue,
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                stream
            } else {
                // Out of descriptors, or a client that was gone at once: neither ends the listener.
                drop(timeout(REST, std::future::pending::<()>()).await);
                continue;
            },
        };
        if connections.len() >= CONNECTIONS {
            continue;
        }
        let service = TowerToHyperService::new(router.clone());
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME)
            .max_buf_size(HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service);
        connections.spawn(async move {
            // A client that goes away in the middle is no matter.
            let _ended = connection.await;
        });
    }
}
