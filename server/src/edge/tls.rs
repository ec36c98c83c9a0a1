//! The TLS of a connection: which host the client means, whether that host asks for a certificate,
//! and what went wrong when the handshake fails.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use rustls::{AlertDescription, server::Acceptor};
use tokio::{
    io::AsyncWriteExt as _,
    time::{Instant, timeout_at},
};
use tokio_rustls::LazyConfigAcceptor;

use super::{
    ConnectionFault, Face, Handler, HostPolicy, RefusalKind, Stage,
    connection::{Road, Start, http_1, http_2},
    hosts,
    prefixed::Prefixed,
    refusal::listed,
};
use crate::keys::tls::{Alert, TlsTrouble};

/// The fatal alert `unrecognized_name` (RFC 6066 section 3): a whole TLS record.
const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// The fatal alert `internal_error` (RFC 8446 section 6.2).
const INTERNAL_ERROR: [u8; 7] = [21, 3, 3, 0, 2, 2, 80];

/// The fatal alert `handshake_failure` (RFC 8446 section 6.2).
const HANDSHAKE_FAILURE: [u8; 7] = [21, 3, 3, 0, 2, 2, 40];

/// A handshake under way, counted until it succeeded or its failure was told.
struct Shaking(Option<Arc<AtomicUsize>>);

impl Shaking {
    fn begin(count: Option<Arc<AtomicUsize>>) -> Self {
        if let Some(count) = &count {
            count.fetch_add(1, Ordering::AcqRel);
        }
        Self(count)
    }
}

impl Drop for Shaking {
    fn drop(&mut self) {
        if let Some(count) = &self.0 {
            count.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

/// Shakes hands on `stream` and serves what comes. `tunnel`: the host of the `CONNECT`, if there was
/// one, and what befalls the connection.
pub(super) async fn serve<H: Handler>(
    stream: Prefixed,
    mut start: Start<H>,
    tunnel: Option<(String, HostPolicy, Option<ConnectionFault>)>,
) {
    let shaking = Shaking::begin(start.edge.handler.handshakes());
    let until = Instant::now() + start.edge.limits.header_time;
    let connect_host = tunnel.as_ref().map(|(host, ..)| host.clone());

    let hello = LazyConfigAcceptor::new(Acceptor::default(), stream);
    let mut hello = match timeout_at(until, hello).await {
        Ok(Ok(hello)) => hello,
        Ok(Err(error)) => return start.refuse(RefusalKind::Tls, connect_host, explain(&error)),
        Err(_) => {
            let words = "the client did not finish its TLS hello in time".to_owned();
            return start.refuse(RefusalKind::Tls, connect_host, words);
        }
    };
    let sni = hello.client_hello().server_name().map(hosts::canonical);
    let decided = tunnel.as_ref().map(|(.., fault)| *fault);
    let (name, policy) = match (&sni, tunnel) {
        (Some(sni), tunnel) => {
            let policy = match &tunnel {
                Some((host, policy, _)) if host == sni => Some(*policy),
                Some(_) | None => start.edge.handler.host(sni),
            };
            let Some(policy) = policy else {
                drop(timeout_at(until, hello.io.write_all(&UNRECOGNIZED_NAME)).await);
                drop(timeout_at(until, hello.io.shutdown()).await);
                let served = listed(start.edge.handler.served());
                let words = format!("TLS for {sni}, which is not emulated; emulated: {served}");
                return start.refuse(RefusalKind::UnknownHost, Some(sni.clone()), words);
            };
            (sni.clone(), policy)
        }
        (None, Some((host, policy, _))) => (host, policy),
        (None, None) => {
            let address = start.local.ip().to_canonical().to_string();
            (address, HostPolicy::default())
        }
    };

    let fault = if let Some(fault) = decided {
        fault
    } else {
        start.cuts = start.edge.handler.cuts(&name);
        start.edge.handler.connecting(&name, Stage::Tls)
    };
    let asks = policy.asks_client_certificate;
    let settings = match fault {
        None => start.edge.tls.settings(&name, asks),
        Some(ConnectionFault::Fresh) => start.edge.tls.troubled(&name, asks, TlsTrouble::default()),
        Some(ConnectionFault::Reset) => {
            start.reset.store(true, Ordering::Release);
            return;
        }
        Some(ConnectionFault::Tls(TlsTrouble { alert: Some(Alert::HandshakeFailure), .. })) => {
            drop(timeout_at(until, hello.io.write_all(&HANDSHAKE_FAILURE)).await);
            drop(timeout_at(until, hello.io.shutdown()).await);
            return;
        }
        Some(
            ConnectionFault::Unreachable(_)
            | ConnectionFault::Tls(TlsTrouble { alert: Some(Alert::Close), .. }),
        ) => return,
        Some(ConnectionFault::Tls(trouble)) => start.edge.tls.troubled(&name, asks, trouble),
    };
    let settings = match settings {
        Ok(settings) => settings,
        Err(error) => {
            drop(timeout_at(until, hello.io.write_all(&INTERNAL_ERROR)).await);
            return start.refuse(RefusalKind::Tls, Some(name), error.to_string());
        }
    };
    let stream = match timeout_at(until, hello.into_stream(settings)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return start.refuse(RefusalKind::Tls, Some(name), explain(&error)),
        Err(_) => {
            let words = "the client did not finish the TLS handshake in time".to_owned();
            return start.refuse(RefusalKind::Tls, Some(name), words);
        }
    };

    drop(shaking);
    let (_, session) = stream.get_ref();
    let two = session.alpn_protocol() == Some(b"h2");
    let chain: Arc<[Vec<u8>]> = session
        .peer_certificates()
        .unwrap_or_default()
        .iter()
        .map(|certificate| certificate.as_ref().to_vec())
        .collect();
    let road = match (connect_host, sni) {
        (None, None) => Road::Unnamed,
        (None, Some(_)) => {
            Road::Named { face: Face::Direct, secure: true, host: name, disagrees: None }
        }
        (Some(host), _) => {
            let disagrees = (host != name).then_some(host);
            Road::Named { face: Face::Proxy, secure: true, host: name, disagrees }
        }
    };
    let channel = Arc::new(start.channel(road, chain));
    if two {
        http_2(stream, channel, &mut start.closing, start.cuts.take()).await;
    } else {
        http_1(stream, channel, &mut start.closing, start.cuts.take()).await;
    }
}

/// What a failed handshake means to the person who set the client up.
fn explain(error: &io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::AlertReceived(
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown,
        )) => format!(
            "the client does not accept the host certificate ({error}): make it trust the CA of \
             linarite"
        ),
        _ if error.kind() == io::ErrorKind::UnexpectedEof => {
            "the client closed during the TLS handshake: perhaps it does not trust the CA of \
             linarite"
                .to_owned()
        }
        _ => format!("the TLS handshake failed: {error}"),
    }
}
