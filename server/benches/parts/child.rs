//! Processes: a minimal one to compare with, and the released `linarite`.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use linarite_server::clock::Stopwatch;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use crate::cpu;

/// The argument that makes this bench the minimal binary.
pub(crate) const MINIMAL: &str = "minimal";

/// Starts of each process; the median counts.
const STARTS: usize = 9;

/// The least that a server of this kind can do before it answers: a runtime, a CA and a host certificate with TLS
/// settings, a SQLite file in WAL mode, a listener, an HTTP connection.
pub(crate) fn minimal(port: u16, folder: &Path) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        std::fs::create_dir_all(folder).expect("a folder");
        let file = folder.join("ca.pem");
        let key = if let Ok(pem) = std::fs::read_to_string(&file) {
            KeyPair::from_pem(&pem).expect("a key")
        } else {
            let key = KeyPair::generate().expect("a key");
            std::fs::write(&file, key.serialize_pem()).expect("a file");
            key
        };
        let mut ca = CertificateParams::default();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = Issuer::new(ca, key);
        let leaf_key = KeyPair::generate().expect("a key");
        let leaf = CertificateParams::new(vec!["login.microsoftonline.com".to_owned()])
            .and_then(|leaf| leaf.signed_by(&leaf_key, &issuer))
            .expect("a certificate");
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(leaf_key.serialize_der());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("TLS")
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key.into())
            .expect("a certificate");
        let _acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(tls));
        let db = rusqlite::Connection::open(folder.join("db.sqlite")).expect("a database");
        db.pragma_update(None, "journal_mode", "WAL").expect("WAL");
        db.execute_batch("CREATE TABLE IF NOT EXISTS row (id BLOB PRIMARY KEY) STRICT")
            .expect("a table");
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.expect("the port");
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            drop(tokio::spawn(async move {
                let answer = hyper::service::service_fn(async |_| {
                    let body = Full::new(bytes::Bytes::from_static(b"hello there"));
                    Ok::<_, std::convert::Infallible>(http::Response::new(body))
                });
                let io = hyper_util::rt::TokioIo::new(stream);
                let ended = hyper::server::conn::http1::Builder::new().serve_connection(io, answer);
                drop(ended.await);
            }));
        }
    });
}

/// How a process came up.
pub(crate) struct Ready {
    /// Nanoseconds from its start to the first 200.
    pub(crate) wall: f64,
    /// Nanoseconds of CPU until then.
    pub(crate) cpu: f64,
    /// Bytes in memory when it idles.
    pub(crate) resident: f64,
}

impl Ready {
    /// This bench as the minimal binary.
    pub(crate) fn of_minimal(folder: &Path) -> Self {
        let own = std::env::current_exe().expect("a path");
        Self::of(|port| {
            let mut command = Command::new(&own);
            command.arg(MINIMAL).arg(port.to_string()).arg(folder);
            command
        })
    }

    /// `linarite serve` with a state folder that was used before.
    pub(crate) fn of_linarite(linarite: &Path, folder: &Path) -> Self {
        Self::of(|port| {
            let mut command = Command::new(linarite);
            command.args(["serve", "--world", "contoso", "--proxy-port"]).arg(port.to_string());
            command.arg("--state").arg(folder);
            command
        })
    }

    fn of(command: impl Fn(u16) -> Command) -> Self {
        // The first one makes what the others find.
        let _made = Self::once(&command);
        let starts: Vec<_> = (0..STARTS).map(|_| Self::once(&command)).collect();
        let median = |of: fn(&Self) -> f64| cpu::median(starts.iter().map(of).collect());
        Self {
            wall: median(|start| start.wall),
            cpu: median(|start| start.cpu),
            resident: median(|start| start.resident),
        }
    }

    fn once(command: impl Fn(u16) -> Command) -> Self {
        let port = free_port();
        let mut command = command(port);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let watch = Stopwatch::start();
        let mut child = command.spawn().expect("a process");
        while !answers(port) {
            let runs = matches!(child.try_wait(), Ok(None)) && watch.micros() < 20_000_000;
            assert!(runs, "{command:?} does not come up");
            pause(Duration::from_micros(200));
        }
        let wall = cpu::each(watch.micros() * 1000, 1);
        let cpu = cpu::each(cpu::of_process(child.id()), 1);
        pause(Duration::from_millis(200));
        let resident = resident(child.id());
        child.kill().expect("a child");
        child.wait().expect("a child");
        Self { wall, cpu, resident }
    }
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// Whether a request through the proxy on this port is answered with 200.
fn answers(port: u16) -> bool {
    const REQUEST: &[u8] = b"GET http://login.microsoftonline.com/common/.well-known/openid-configuration HTTP/1.1\r\n\
        host: login.microsoftonline.com\r\nconnection: close\r\n\r\n";
    let Ok(mut stream) = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))) else {
        return false;
    };
    let mut answer = Vec::new();
    let exchanged = stream.write_all(REQUEST).and_then(|()| stream.read_to_end(&mut answer));
    exchanged.is_ok() && answer.starts_with(b"HTTP/1.1 200")
}

#[expect(clippy::disallowed_methods, reason = "another process has a time of its own")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Bytes of a process in memory.
fn resident(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    kib.map_or(f64::NAN, |kib| kib * 1024.0)
}

/// Scenarios, by these paths, that need no foreign client: nanoseconds by the wall clock, and of CPU.
pub(crate) fn scenarios(linarite: &Path, paths: &[&str]) -> (f64, f64) {
    const RUNS: usize = 3;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (mut wall, mut cpu) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let before = cpu::ended_children();
        let watch = Stopwatch::start();
        let run = Command::new(linarite)
            .arg("run")
            .args(paths)
            // Without a path there is no foreign client, and what needs one is skipped.
            .env("PATH", "")
            .current_dir(&root)
            .stdin(Stdio::null())
            .output()
            .expect("a run");
        wall.push(cpu::each(watch.micros() * 1000, 1));
        cpu.push(cpu::each(cpu::ended_children() - before, 1));
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stdout));
    }
    (cpu::median(wall), cpu::median(cpu))
}
