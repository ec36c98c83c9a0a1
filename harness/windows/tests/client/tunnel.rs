//! The real way out: TLS inside CONNECT, with the authority that was handed over, and mutual TLS for the deletion.

use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex};

use crate::double::{START_MS, TestClock, machine};
use linarite_windows::{Join, Machine, Outcome, Wire, WireSpec};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Asks for a client certificate and takes any.
#[derive(Debug)]
struct AnyClient(Arc<rustls::crypto::CryptoProvider>);

impl ClientCertVerifier for AnyClient {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }
    fn client_auth_mandatory(&self) -> bool {
        false
    }
    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let schemes = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, schemes)
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let schemes = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, schemes)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Seen {
    connect: String,
    request: String,
    client_certificate: Option<Vec<u8>>,
}

/// A proxy that speaks TLS itself and passes requests on to the stand-in (plain HTTP, by path prefix). Gives its address,
/// its authority as PEM, and what it saw.
async fn proxy(backend: String) -> (String, String, Arc<Mutex<Vec<Seen>>>) {
    let ca_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = params.self_signed(&ca_key).unwrap();
    let issuer = Issuer::new(params, ca_key);
    let key = KeyPair::generate().unwrap();
    let hosts = ["login.microsoftonline.com", "enterpriseregistration.windows.net"];
    let leaf = CertificateParams::new(hosts.map(str::to_owned).to_vec()).unwrap();
    let leaf = leaf.signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(Arc::new(AnyClient(provider)))
        .with_single_cert(
            vec![leaf.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let (acceptor, log, backend) = (acceptor.clone(), Arc::clone(&log), backend.clone());
            tokio::spawn(async move {
                let connect = head(&mut socket).await;
                socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                let Ok(mut tls) = acceptor.accept(socket).await else { return };
                let peer = tls.get_ref().1.peer_certificates();
                let client_certificate = peer.map(|chain| chain[0].to_vec());
                loop {
                    let request = head(&mut tls).await;
                    if request.is_empty() {
                        return;
                    }
                    let seen = Seen {
                        connect: connect.lines().next().unwrap().to_owned(),
                        request: request.lines().next().unwrap().to_owned(),
                        client_certificate: client_certificate.clone(),
                    };
                    let host = connect.split([' ', ':']).nth(1).unwrap().to_owned();
                    log.lock().unwrap().push(seen);
                    let length = request.to_lowercase();
                    let length = length.split("content-length: ").nth(1).map_or(0, |rest| {
                        rest.split("\r\n").next().unwrap().parse::<usize>().unwrap()
                    });
                    let mut body = vec![0; length];
                    tls.read_exact(&mut body).await.unwrap();
                    let mut forward = tokio::net::TcpStream::connect(&backend).await.unwrap();
                    let request = request.replacen(" /", &format!(" /{host}/"), 1);
                    let request = request.replacen("\r\n", "\r\nConnection: close\r\n", 1);
                    forward.write_all(request.as_bytes()).await.unwrap();
                    forward.write_all(&body).await.unwrap();
                    let mut answer = Vec::new();
                    forward.read_to_end(&mut answer).await.unwrap();
                    tls.write_all(&answer).await.unwrap();
                }
            });
        }
    });
    (address, ca.pem(), seen)
}

/// Reads up to the blank line.
async fn head(socket: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        match socket.read_u8().await {
            Ok(byte) => text.push(byte),
            Err(_) => return String::new(),
        }
    }
    String::from_utf8(text).unwrap()
}

fn wire(proxy: &str, pem: &str) -> Wire {
    let spec = WireSpec {
        proxy: Some(proxy.to_owned()),
        ca_pem: Some(pem.to_owned()),
        ..WireSpec::default()
    };
    let clock = Arc::new(TestClock(AtomicI64::new(START_MS)));
    Wire::new(spec, clock, Arc::new(crate::double::TestChance::default())).unwrap()
}

async fn join(machine: &mut Machine, wire: &Wire) -> Outcome {
    let request = Join {
        upn: "alice@contoso.test".to_owned(),
        password: "Correct-Horse-1".to_owned(),
        ..Join::default()
    };
    machine.join(wire, &request).await
}

#[tokio::test]
async fn everything_goes_through_the_proxy_and_only_the_deletion_shows_the_certificate() {
    let stage = crate::double::Stage::new().await;
    let (address, pem, seen) = proxy(stage.server.address().to_string()).await;
    let wire = wire(&address, &pem);
    let mut machine = machine("pc1", "PC-1");
    let outcome = join(&mut machine, &wire).await;
    assert_eq!(outcome.exit, 0, "{}", outcome.output);
    assert_eq!(machine.dsreg(&wire, None)["AzureAdPrt"], "YES", "{}", outcome.output);
    let thumbprint = machine.dsreg(&wire, None)["Thumbprint"].clone();
    let outcome = machine.leave(&wire).await;
    assert_eq!((outcome.exit, outcome.error), (0, None));
    let seen = seen.lock().unwrap().clone();
    let (last, before) = seen.split_last().unwrap();
    assert_eq!(last.connect, "CONNECT enterpriseregistration.windows.net:443 HTTP/1.1");
    assert!(last.request.starts_with("DELETE /EnrollmentServer/device/0000"), "{}", last.request);
    let shown = last.client_certificate.as_ref().unwrap();
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, shown);
    let hash = hash.as_ref().iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().concat();
    assert_eq!(hash, thumbprint);
    assert!(before.len() == 6 && before.iter().all(|seen| seen.client_certificate.is_none()));
}

#[tokio::test]
async fn another_authority_is_not_trusted() {
    let stage = crate::double::Stage::new().await;
    let (address, _, seen) = proxy(stage.server.address().to_string()).await;
    let (_, other_pem, _) = proxy(stage.server.address().to_string()).await;
    let outcome = join(&mut machine("pc1", "PC-1"), &wire(&address, &other_pem)).await;
    assert_eq!(outcome.hresult, Some(0x8007_2f0d), "{}", outcome.output);
    assert_eq!(outcome.error.unwrap().winhttp, Some(12175));
    assert!(seen.lock().unwrap().is_empty());
}
