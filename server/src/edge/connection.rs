//! One connection from its first byte on: TLS or plain, tunnel or not, HTTP/1.x or HTTP/2.

use std::{
    convert::Infallible,
    error::Error as StdError,
    future::{Future, poll_fn},
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError, atomic::AtomicBool},
    task::Poll,
};

use hyper::{
    body::Incoming,
    rt::Executor,
    server::conn::{http1, http2},
    service::{HttpService, service_fn},
    upgrade::OnUpgrade,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    sync::watch,
    task::JoinSet,
    time::timeout,
};

use super::{
    ConnectionFault, EdgeRefusal, Face, Handler, HostPolicy, Limits, ListenerKind, RefusalKind,
    Stage,
    damage::{AnswerBody, Doom},
    exchange,
    prefixed::Prefixed,
    tls,
    watched::{Expired, Protocol, Pulse, Watched},
};
use crate::keys::tls::TlsHosts;

/// The first byte of a TLS record that holds a handshake.
const TLS_HANDSHAKE: u8 = 0x16;

/// What the connections of a listener share.
pub(super) struct Edge<H> {
    pub(super) handler: H,
    pub(super) tls: Arc<TlsHosts>,
    pub(super) limits: Limits,
    pub(super) kind: ListenerKind,
    pub(super) http1: http1::Builder,
}

/// What is known of the host before a request is read.
#[derive(Debug)]
pub(super) enum Road {
    /// Plain HTTP to the proxy listener: nothing. `CONNECT`, absolute-form and prefix come by here.
    Open,
    /// TLS without SNI, straight to the listener: nothing either.
    Unnamed,
    /// A tunnel, or TLS with SNI: the host is settled, and requests must agree with it.
    Named {
        face: Face,
        secure: bool,
        /// In lower case, emulated.
        host: String,
        /// The host of the `CONNECT`, if it is another one.
        disagrees: Option<String>,
    },
}

/// An HTTP connection, as its requests see it.
pub(super) struct Channel<H> {
    pub(super) edge: Arc<Edge<H>>,
    pub(super) connection: u64,
    /// The listener's end.
    pub(super) local: SocketAddr,
    pub(super) road: Road,
    pub(super) client_chain: Arc<[Vec<u8>]>,
    pub(super) pulse: Arc<Pulse>,
    /// The end of the connection, when a request brings it about.
    pub(super) doom: Arc<Doom>,
    /// The tunnel that a `CONNECT` on this connection was granted.
    pub(super) granted: Mutex<Option<Tunnel>>,
}

/// A granted tunnel, until the connection becomes one.
pub(super) struct Tunnel {
    pub(super) upgrade: OnUpgrade,
    pub(super) host: String,
    pub(super) policy: HostPolicy,
    /// Moves when the connections of the host are to be closed.
    pub(super) cuts: Option<watch::Receiver<u64>>,
}

/// Where a connection stands before HTTP is spoken on it: shared by the roads to that point.
pub(super) struct Start<H> {
    pub(super) edge: Arc<Edge<H>>,
    pub(super) connection: u64,
    pub(super) local: SocketAddr,
    pub(super) closing: watch::Receiver<bool>,
    /// Whether the socket ends by a reset.
    pub(super) reset: Arc<AtomicBool>,
    /// Moves when the connection is to be closed with all others of its host.
    pub(super) cuts: Option<watch::Receiver<u64>>,
}

/// Serves one accepted connection to its end.
pub(super) async fn run<H: Handler>(
    edge: Arc<Edge<H>>,
    stream: TcpStream,
    connection: u64,
    closing: watch::Receiver<bool>,
) {
    // Answers are written whole; waiting for more would only delay them.
    drop(stream.set_nodelay(true));
    let Ok(local) = stream.local_addr() else { return };
    let reset = Arc::new(AtomicBool::new(false));
    let stream = Prefixed::fresh(stream, Arc::clone(&reset));
    let mut start = Start { edge, connection, local, closing, reset, cuts: None };
    let Some(first) = start.first_byte(&stream).await else { return };
    match (first, start.edge.kind) {
        (TLS_HANDSHAKE, _) => tls::serve(stream, start, None).await,
        (_, ListenerKind::Proxy) => {
            let channel = Arc::new(start.channel(Road::Open, Arc::default()));
            http_1(stream, Arc::clone(&channel), &mut start.closing, None).await;
            let granted = channel.granted.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(granted) = granted {
                tunnel(granted, start).await;
            }
        }
        (_, ListenerKind::Https) => plain_where_tls_is_due(stream, &start).await,
    }
}

/// What follows a granted `CONNECT`: TLS or plain HTTP, as its first byte says.
async fn tunnel<H: Handler>(granted: Tunnel, mut start: Start<H>) {
    let Tunnel { upgrade, host, policy, cuts } = granted;
    start.cuts = cuts;
    let Ok(upgraded) = upgrade.await else { return };
    let Ok(parts) = upgraded.downcast::<TokioIo<Watched<Prefixed>>>() else { return };
    let stream = parts.io.into_inner().into_inner().unread(parts.read_buf);
    let Some(first) = start.first_byte(&stream).await else { return };
    let stage = if first == TLS_HANDSHAKE { Stage::Tls } else { Stage::Plain };
    let fault = start.edge.handler.connecting(&host, stage);
    if first == TLS_HANDSHAKE {
        tls::serve(stream, start, Some((host, policy, fault))).await;
    } else if matches!(fault, Some(ConnectionFault::Reset | ConnectionFault::Unreachable(_))) {
        // It began to run when the tunnel was granted already.
        start.reset.store(true, std::sync::atomic::Ordering::Release);
    } else {
        let road = Road::Named { face: Face::Proxy, secure: false, host, disagrees: None };
        let channel = Arc::new(start.channel(road, Arc::default()));
        http_1(stream, channel, &mut start.closing, start.cuts.take()).await;
    }
}

impl<H: Handler> Start<H> {
    /// Waits for the client to say something. `None`: it did not, or the listener stops.
    async fn first_byte(&mut self, stream: &Prefixed) -> Option<u8> {
        tokio::select! {
            biased;
            byte = timeout(self.edge.limits.idle_time, stream.peek()) => byte.ok().flatten(),
            () = stopped(&mut self.closing) => None,
            () = cut(&mut self.cuts) => None,
        }
    }

    /// The HTTP connection that this becomes.
    pub(super) fn channel(&self, road: Road, client_chain: Arc<[Vec<u8>]>) -> Channel<H> {
        Channel {
            edge: Arc::clone(&self.edge),
            connection: self.connection,
            local: self.local,
            road,
            client_chain,
            pulse: Arc::default(),
            doom: Arc::new(Doom::of(&self.reset)),
            granted: Mutex::new(None),
        }
    }

    /// Tells the handler about a connection that no request came from.
    pub(super) fn refuse(&self, kind: RefusalKind, host: Option<String>, detail: String) {
        self.edge.handler.refused(EdgeRefusal {
            kind,
            status: None,
            host,
            request: None,
            face: None,
            connection: self.connection,
            detail,
        });
    }
}

/// Resolves when the listener stops.
async fn stopped(closing: &mut watch::Receiver<bool>) {
    drop(closing.wait_for(|closing| *closing).await.map(|_| ()));
}

/// Resolves when the connections of the host are to be closed.
async fn cut(cuts: &mut Option<watch::Receiver<u64>>) {
    if let Some(cuts) = cuts
        && cuts.changed().await.is_ok()
    {
        return;
    }
    // Its sender lives as long as the world does, and some connections have none.
    std::future::pending::<()>().await;
}

/// Lets what was given to a connection go out, as far as the socket takes it.
async fn flush<F: Future>(mut serving: Pin<&mut F>) {
    poll_fn(|cx| {
        // Whether it ends by itself makes no difference now.
        let _ended = serving.as_mut().poll(cx).is_ready();
        Poll::Ready(())
    })
    .await;
}

/// Serves a connection to its end: the client's own, that of the listener (`leave` lets what is under way be finished), or
/// the one that a fault brings about.
async fn serve_out<H: Handler, C>(
    serving: C,
    leave: fn(Pin<&mut C>),
    channel: &Channel<H>,
    closing: &mut watch::Receiver<bool>,
    mut cuts: Option<watch::Receiver<u64>>,
) where
    C: Future<Output = hyper::Result<()>>,
{
    let mut serving = pin!(serving);
    let ended = tokio::select! {
        biased;
        ended = serving.as_mut() => ended,
        () = channel.doom.wanted() => return flush(serving).await,
        () = cut(&mut cuts) => return,
        () = stopped(closing) => {
            leave(serving.as_mut());
            tokio::select! {
                biased;
                ended = serving.as_mut() => ended,
                () = channel.doom.wanted() => return flush(serving).await,
            }
        }
    };
    if let Err(error) = ended {
        channel.broken(&error);
    }
}

/// The bytes of a connection, under the limits of its protocol.
fn watched<H: Handler, I>(io: I, protocol: Protocol, channel: &Channel<H>) -> TokioIo<Watched<I>> {
    let (pulse, doom) = (Arc::clone(&channel.pulse), Arc::clone(&channel.doom));
    TokioIo::new(Watched::new(io, protocol, pulse, doom, &channel.edge.limits))
}

/// Answers the requests of a connection.
fn answering<H: Handler>(
    channel: &Arc<Channel<H>>,
) -> impl HttpService<Incoming, ResBody = AnswerBody, Error = Infallible, Future: Send> + use<H> {
    let channel = Arc::clone(channel);
    service_fn(move |request| {
        let channel = Arc::clone(&channel);
        async move { Ok::<_, Infallible>(exchange::answer(&channel, request).await) }
    })
}

/// Speaks HTTP/1.x on `io` until it ends or becomes a tunnel.
pub(super) async fn http_1<H: Handler, I>(
    io: I,
    channel: Arc<Channel<H>>,
    closing: &mut watch::Receiver<bool>,
    cuts: Option<watch::Receiver<u64>>,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let io = watched(io, Protocol::Http1, &channel);
    let serving = channel.edge.http1.serve_connection(io, answering(&channel)).with_upgrades();
    serve_out(serving, http1::UpgradeableConnection::graceful_shutdown, &channel, closing, cuts)
        .await;
}

/// Speaks HTTP/2 on `io` until it ends.
pub(super) async fn http_2<H: Handler, I>(
    io: I,
    channel: Arc<Channel<H>>,
    closing: &mut watch::Receiver<bool>,
    cuts: Option<watch::Receiver<u64>>,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let io = watched(io, Protocol::Http2, &channel);
    let mut http2 = http2::Builder::new(Streams::default());
    http2.auto_date_header(false).max_header_list_size(header_list(&channel.edge.limits));
    let serving = http2.serve_connection(io, answering(&channel));
    serve_out(serving, http2::Connection::graceful_shutdown, &channel, closing, cuts).await;
}

/// What the HTTP/2 library is told about the size of a head: it counts 32 bytes more per field
/// (RFC 9113 section 6.5.2) and answers an empty 431 by itself, so it gets twice the limit, and the
/// limit proper is held afterwards, with words.
fn header_list(limits: &Limits) -> u32 {
    let fields = limits.header_count.saturating_mul(32);
    u32::try_from(limits.header_bytes.saturating_add(fields).saturating_mul(2)).unwrap_or(u32::MAX)
}

/// The streams of one HTTP/2 connection. They end with it.
#[derive(Clone, Default)]
struct Streams(Arc<Mutex<JoinSet<()>>>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let mut streams = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while streams.try_join_next().is_some() {}
        drop(streams.spawn(stream));
    }
}

impl<H: Handler> Channel<H> {
    /// Which face a request on this connection speaks to, as far as that is settled.
    pub(super) fn face(&self) -> Option<Face> {
        match &self.road {
            Road::Open => None,
            Road::Unnamed => Some(Face::Direct),
            Road::Named { face, .. } => Some(*face),
        }
    }

    /// The HTTP library gave the connection up: tells the handler if the client is to blame.
    fn broken(&self, error: &hyper::Error) {
        use http::StatusCode;
        let (kind, status, detail) = if error.is_parse_too_large() {
            let limits = &self.edge.limits;
            (
                RefusalKind::HeadersTooLarge,
                Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
                format!(
                    "the head of a request is longer than {} bytes or {} fields",
                    limits.header_bytes, limits.header_count
                ),
            )
        } else if error.is_parse_version_h2() {
            let words = "not emulated: HTTP/2 without TLS".to_owned();
            (RefusalKind::BadRequest, None, words)
        } else if error.is_parse() {
            (RefusalKind::BadRequest, Some(StatusCode::BAD_REQUEST), format!("no HTTP: {error}"))
        } else if expired(error) == Some(Expired::Head) {
            (RefusalKind::HeadersTooSlow, None, Expired::Head.to_string())
        } else {
            // The client went away, or was idle for too long.
            return;
        };
        let host = match &self.road {
            Road::Named { host, .. } => Some(host.clone()),
            Road::Open | Road::Unnamed => None,
        };
        self.edge.handler.refused(EdgeRefusal {
            kind,
            status,
            host,
            request: None,
            face: self.face(),
            connection: self.connection,
            detail,
        });
    }
}

/// The deadline that ended the connection, if one did.
fn expired(error: &hyper::Error) -> Option<Expired> {
    let mut cause = StdError::source(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return io.get_ref()?.downcast_ref::<Expired>().copied();
        }
        cause = error.source();
    }
    None
}

/// A client that speaks plain HTTP to the TLS port is told so in its own tongue.
async fn plain_where_tls_is_due<H: Handler>(mut stream: Prefixed, start: &Start<H>) {
    const WORDS: &str = "linarite: this port speaks TLS only: use https://, or the proxy port\n";
    start.refuse(RefusalKind::BadRequest, None, "plain HTTP sent to the HTTPS port".to_owned());
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{WORDS}",
        WORDS.len()
    );
    let farewell = async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await?;
        // Closing on unread bytes would take the answer back.
        tokio::io::copy(&mut (&mut stream).take(64 * 1024), &mut tokio::io::sink()).await
    };
    drop(timeout(start.edge.limits.header_time, farewell).await);
}
