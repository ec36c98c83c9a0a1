//! The edge over real sockets: every test has its own listeners, on ports the system chose.

mod clients;
mod damage;
mod limits;
mod names;
mod noise;
mod proxy;
mod tls;

use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    Cut, CutHow, CutPoint, Damage, EdgeRefusal, Handler, HostPolicy, Inbound, Limits, ListenerKind,
    serve,
};
use crate::keys::tls::{TlsCa, TlsHosts};

/// Emulated, asks for no certificate.
const LOGIN: &str = "login.example.test";
/// Emulated, asks for a certificate.
const DEVICE: &str = "device.example.test";

/// Nothing here should take long; what does is stuck.
const STUCK: Duration = Duration::from_secs(20);

/// Answers with a line that says how the request came.
#[derive(Clone)]
struct Probe {
    /// A permit for every request for `/wait` that arrived; it is answered for a permit of the other.
    arrived: Arc<Semaphore>,
    leave: Arc<Semaphore>,
    refusals: mpsc::UnboundedSender<EdgeRefusal>,
}

impl Handler for Probe {
    fn host(&self, name: &str) -> Option<HostPolicy> {
        match name {
            LOGIN => Some(HostPolicy { asks_client_certificate: false }),
            DEVICE => Some(HostPolicy { asks_client_certificate: true }),
            _ => None,
        }
    }

    async fn call(&self, inbound: Inbound) -> Response<Bytes> {
        let Inbound { request, link } = inbound;
        match request.uri().path() {
            "/panic" => panic!("as asked"),
            "/date" => {
                return Response::builder()
                    .header("Date", "Fri, 01 Jan 2016 00:00:00 GMT")
                    .body(Bytes::new())
                    .unwrap();
            }
            "/wait" => {
                self.arrived.add_permits(1);
                self.leave.acquire().await.unwrap().forget();
            }
            path => {
                let mut parts = path.strip_prefix("/cut/").unwrap_or_default().split('/');
                let mut number = || parts.next().and_then(|part| part.parse::<usize>().ok());
                if let (Some(status), Some(length), Some(kept)) = (number(), number(), number()) {
                    let cut = Cut { after: CutPoint::Body(kept), how: CutHow::Close };
                    return Response::builder()
                        .status(u16::try_from(status).unwrap())
                        .extension(Damage { cut: Some(cut), ..Damage::default() })
                        .body(vec![b'x'; length].into())
                        .unwrap();
                }
            }
        }
        let line = format!(
            "{} {} host={} face={} secure={} chain={} body={} url={} mtls={}",
            request.method(),
            request.uri(),
            link.host,
            link.face,
            link.secure,
            link.client_chain.len(),
            request.body().len(),
            link.url(DEVICE, "/next?x=1"),
            link.can_mutual_tls(),
        );
        Response::new(line.into())
    }

    fn refused(&self, refusal: EdgeRefusal) {
        drop(self.refusals.send(refusal));
    }

    fn served(&self) -> Vec<String> {
        vec![LOGIN.to_owned(), DEVICE.to_owned()]
    }
}

/// Two listeners of one world.
struct Running {
    proxy: SocketAddr,
    https: SocketAddr,
    ca: Arc<TlsCa>,
    arrived: Arc<Semaphore>,
    leave: Arc<Semaphore>,
    refusals: mpsc::UnboundedReceiver<EdgeRefusal>,
    stop: Vec<oneshot::Sender<()>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
    async fn start() -> Self {
        Self::with(Limits::default()).await
    }

    async fn with(limits: Limits) -> Self {
        let ca = Arc::new(TlsCa::generate(1_700_000_000, ["example.org"]).unwrap());
        let hosts = Arc::new(TlsHosts::new(Arc::clone(&ca)).unwrap());
        let (sender, refusals) = mpsc::unbounded_channel();
        let (arrived, leave) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let probe =
            Probe { arrived: Arc::clone(&arrived), leave: Arc::clone(&leave), refusals: sender };
        let (mut addresses, mut stop, mut tasks) = (Vec::new(), Vec::new(), Vec::new());
        for kind in [ListenerKind::Proxy, ListenerKind::Https] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            addresses.push(listener.local_addr().unwrap());
            let (sender, stopped) = oneshot::channel();
            stop.push(sender);
            tasks.push(tokio::spawn(serve(
                listener,
                kind,
                Arc::clone(&hosts),
                probe.clone(),
                limits,
                async {
                    drop(stopped.await);
                },
            )));
        }
        Self { proxy: addresses[0], https: addresses[1], ca, refusals, arrived, leave, stop, tasks }
    }

    /// The next refusal that the handler was told of.
    async fn refusal(&mut self) -> EdgeRefusal {
        soon(self.refusals.recv()).await.expect("the handler is gone")
    }

    /// What the proxy port answers to `bytes`, until it closes.
    async fn raw(&self, bytes: impl AsRef<[u8]>) -> String {
        raw(self.proxy, bytes).await
    }

    /// A tunnel to `host`, opened by an HTTP/1.1 `CONNECT` as curl writes it.
    async fn tunnel(&self, host: &str) -> TcpStream {
        let connect = format!("CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n");
        let (stream, head) = open(self.proxy, &connect).await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        stream
    }

    /// TLS on `stream` with `sni`, trusting the CA, offering `alpn`, showing `identity`.
    async fn tls<I: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: I,
        sni: &str,
        alpn: &[&str],
        identity: Option<(CertificateDer<'static>, PrivateKeyDer<'static>)>,
    ) -> std::io::Result<TlsStream<I>> {
        let config = self.client(alpn, identity);
        let name = ServerName::try_from(sni.to_owned()).unwrap();
        soon(TlsConnector::from(Arc::new(config)).connect(name, stream)).await
    }

    fn client(
        &self,
        alpn: &[&str],
        identity: Option<(CertificateDer<'static>, PrivateKeyDer<'static>)>,
    ) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(self.ca.ca_der().to_vec())).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match identity {
            Some((certificate, key)) => {
                builder.with_client_auth_cert(vec![certificate], key).unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = alpn.iter().map(|p| p.as_bytes().to_vec()).collect();
        config
    }
}

/// The value, or a failed test instead of a hanging one.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(STUCK, future).await.expect("stuck")
}

/// Sends `bytes`, closes the sending side, and reads to the end.
async fn raw(address: SocketAddr, bytes: impl AsRef<[u8]>) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes.as_ref()).await.unwrap();
    stream.shutdown().await.unwrap();
    rest(&mut stream).await
}

/// Everything that still comes, until the other side closes or breaks off.
async fn rest(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut answer = Vec::new();
    drop(soon(stream.read_to_end(&mut answer)).await);
    String::from_utf8_lossy(&answer).into_owned()
}

/// Sends `bytes` and reads the head of the answer.
async fn open(address: SocketAddr, bytes: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(soon(stream.read_u8()).await.expect("closed within the head"));
    }
    (stream, String::from_utf8(head).unwrap())
}

/// One request over HTTP/1.1: status, header fields, body.
async fn ask_1<I>(io: I, request: Request<Full<Bytes>>) -> Response<String>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(io)).await.unwrap();
    drop(tokio::spawn(connection));
    whole(soon(sender.send_request(request)).await.unwrap()).await
}

/// One request over HTTP/2.
async fn ask_2<I>(io: I, request: Request<Full<Bytes>>) -> Response<String>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(io))
            .await
            .unwrap();
    drop(tokio::spawn(connection));
    whole(soon(sender.send_request(request)).await.unwrap()).await
}

async fn whole(response: Response<hyper::body::Incoming>) -> Response<String> {
    let (parts, body) = response.into_parts();
    let body = soon(body.collect()).await.unwrap().to_bytes();
    Response::from_parts(parts, String::from_utf8(body.to_vec()).unwrap())
}

fn get(uri: &str, host: &str) -> Request<Full<Bytes>> {
    Request::get(uri).header("Host", host).body(Full::default()).unwrap()
}

/// Bytes of a request with `Connection: close`, so that the answer ends.
fn plain(line: &str, host: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
}
