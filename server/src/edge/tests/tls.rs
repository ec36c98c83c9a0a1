//! TLS: which leaf, which protocol, and client certificates that the handshake does not judge.

use rcgen::{CertificateParams, CustomExtension, KeyPair, PKCS_ECDSA_P256_SHA256};
use tokio::io::AsyncWriteExt as _;

use super::*;
use crate::edge::RefusalKind;

/// A self-signed certificate with its key.
fn stranger(critical: bool) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    if critical {
        let mut unknown = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![4, 0]);
        unknown.set_criticality(true);
        params.custom_extensions.push(unknown);
    }
    params.not_after = rcgen::date_time_ymd(1980, 1, 1);
    let certificate = params.self_signed(&key).unwrap().der().clone();
    (certificate, PrivateKeyDer::try_from(key.serialize_der()).unwrap())
}

#[tokio::test]
async fn http_2_and_http_1_1_are_chosen_by_alpn() {
    let edge = Running::start().await;
    for (alpn, chosen) in
        [(&["h2", "http/1.1"][..], "h2"), (&["http/1.1"][..], "http/1.1"), (&[][..], "")]
    {
        let stream = edge.tunnel(LOGIN).await;
        let tls = edge.tls(stream, LOGIN, alpn, None).await.unwrap();
        assert_eq!(tls.get_ref().1.alpn_protocol().unwrap_or_default(), chosen.as_bytes());
        let answer = if chosen == "h2" {
            let request =
                Request::post(format!("https://{LOGIN}/x?y")).body(Full::from("body")).unwrap();
            ask_2(tls, request).await
        } else {
            let request = Request::post("/x?y").header("Host", LOGIN).body(Full::from("body"));
            ask_1(tls, request.unwrap()).await
        };
        assert!(
            answer.body().starts_with("POST /x?y host=login.example.test face=proxy secure=true"),
            "{alpn:?}: {}",
            answer.body()
        );
        assert!(answer.body().contains(" body=4 "));
        assert_eq!(answer.headers()["content-length"], answer.body().len().to_string());
        assert!(!answer.headers().contains_key("date"), "virtual time must not be contradicted");
    }
}

#[tokio::test]
async fn a_client_certificate_reaches_the_handler_whoever_made_it() {
    let edge = Running::start().await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        for (identity, chain) in [(None, 0), (Some(stranger(false)), 1), (Some(stranger(true)), 1)]
        {
            let stream = TcpStream::connect(edge.https).await.unwrap();
            let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from(edge.ca.ca_der().to_vec())).unwrap();
            let builder = ClientConfig::builder_with_provider(provider)
                .with_protocol_versions(&[version])
                .unwrap()
                .with_root_certificates(roots);
            let config = match identity {
                None => builder.with_no_client_auth(),
                Some((certificate, key)) => {
                    let provider = rustls::crypto::aws_lc_rs::default_provider();
                    let key = provider.key_provider.load_private_key(key).unwrap();
                    let certified = rustls::sign::CertifiedKey::new(vec![certificate], key);
                    let resolver = rustls::sign::SingleCertAndKey::from(certified);
                    builder.with_client_cert_resolver(Arc::new(resolver))
                }
            };
            let name = ServerName::try_from(DEVICE).unwrap();
            let tls = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
            let answer = ask_1(tls, get("/x", DEVICE)).await;
            assert!(answer.body().contains(&format!(" chain={chain} ")), "{}", answer.body());
        }
    }
}

#[tokio::test]
async fn a_host_that_does_not_ask_gets_no_certificate() {
    let edge = Running::start().await;
    let stream = TcpStream::connect(edge.https).await.unwrap();
    let tls = edge.tls(stream, LOGIN, &[], Some(stranger(false))).await.unwrap();
    assert!(ask_1(tls, get("/x", LOGIN)).await.body().contains(" chain=0 "));
}

#[tokio::test]
async fn a_certificate_without_its_key_ends_the_handshake() {
    let mut edge = Running::start().await;
    let (certificate, _) = stranger(false);
    let (_, other_key) = stranger(false);
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let key = provider.key_provider.load_private_key(other_key).unwrap();
    let thief = rustls::sign::CertifiedKey::new(vec![certificate], key);
    let mut config = edge.client(&[], None);
    config.client_auth_cert_resolver = Arc::new(rustls::sign::SingleCertAndKey::from(thief));
    let stream = TcpStream::connect(edge.https).await.unwrap();
    let name = ServerName::try_from(DEVICE).unwrap();
    let tls = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    // In TLS 1.3 the client learns of it when it reads.
    if let Ok(mut tls) = tls {
        drop(tls.write_all(plain("GET /x", DEVICE).as_bytes()).await);
        assert_eq!(rest(&mut tls).await, "");
    }
    let refusal = edge.refusal().await;
    assert_eq!(refusal.kind, RefusalKind::Tls);
    assert_eq!(refusal.host.as_deref(), Some(DEVICE));
}

#[tokio::test]
async fn tls_for_an_unknown_host_ends_with_the_alert_made_for_it() {
    let mut edge = Running::start().await;
    let stream = TcpStream::connect(edge.https).await.unwrap();
    let error = edge.tls(stream, "other.example.test", &[], None).await.unwrap_err();
    let error = error.get_ref().unwrap().downcast_ref::<rustls::Error>().unwrap().clone();
    assert_eq!(error, rustls::Error::AlertReceived(rustls::AlertDescription::UnrecognisedName));
    let refusal = edge.refusal().await;
    assert_eq!(refusal.kind, RefusalKind::UnknownHost);
    assert_eq!(refusal.host.as_deref(), Some("other.example.test"));
    assert_eq!(refusal.connection % 2, 0);
}

#[tokio::test]
async fn without_sni_the_tunnel_names_the_host_and_else_the_address_does() {
    let mut edge = Running::start().await;
    // In a tunnel: the certificate is the CONNECT host's, and its policy counts.
    let stream = edge.tunnel(DEVICE).await;
    let mut config = edge.client(&[], Some(stranger(false)));
    config.enable_sni = false;
    let name = ServerName::try_from(DEVICE).unwrap();
    let tls = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    let answer = ask_1(tls, get("/x", DEVICE)).await;
    assert!(answer.body().contains("host=device.example.test face=proxy secure=true chain=1"));

    // Directly: a certificate for the address; Host decides then.
    for (host, status) in [(LOGIN, 200), ("127.0.0.1", 421)] {
        let stream = TcpStream::connect(edge.https).await.unwrap();
        let tls = edge.tls(stream, "127.0.0.1", &[], None).await.unwrap();
        let answer = ask_1(tls, get("/x", host)).await;
        assert_eq!(answer.status(), status, "{}", answer.body());
    }
    assert_eq!(edge.refusal().await.kind, RefusalKind::UnknownHost);
}

#[tokio::test]
async fn a_client_that_does_not_trust_the_ca_is_journaled_with_the_remedy() {
    let mut edge = Running::start().await;
    let other = Running::start().await;
    let stream = TcpStream::connect(edge.https).await.unwrap();
    assert!(other.tls(stream, LOGIN, &[], None).await.is_err());
    let refusal = edge.refusal().await;
    assert_eq!(refusal.kind, RefusalKind::Tls);
    assert!(refusal.detail.contains("trust the CA"), "{}", refusal.detail);
}

#[tokio::test]
async fn plain_http_to_the_tls_port_is_told_so() {
    let mut edge = Running::start().await;
    let answer = raw(edge.https, plain("GET /x", LOGIN)).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("speaks TLS only"), "{answer}");
    assert_eq!(edge.refusal().await.kind, RefusalKind::BadRequest);
}
