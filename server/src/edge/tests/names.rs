//! Names that must agree, the prefix face, and what a curious person sees.

use tokio::io::AsyncWriteExt as _;

use super::*;
use crate::edge::{Face, RefusalKind};

#[tokio::test]
async fn connect_and_host_that_disagree_are_misdirected() {
    let mut edge = Running::start().await;
    for request in [
        plain("GET /x", DEVICE),
        plain(&format!("GET http://{DEVICE}/x"), LOGIN),
        plain(&format!("GET http://{DEVICE}/x"), DEVICE),
        plain("GET /x", "other.example.com"),
    ] {
        let mut stream = edge.tunnel(LOGIN).await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = rest(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 421 "), "{request:?} -> {answer}");
        assert!(answer.contains("CONNECT names login.example.test"), "{answer}");
        let refusal = edge.refusal().await;
        assert_eq!((refusal.kind, refusal.face), (RefusalKind::Mismatch, Some(Face::Proxy)));
    }
}

#[tokio::test]
async fn connect_and_sni_that_disagree_are_misdirected_after_the_handshake() {
    let mut edge = Running::start().await;
    let stream = edge.tunnel(LOGIN).await;
    let tls = edge.tls(stream, DEVICE, &["http/1.1"], None).await.unwrap();
    let answer = ask_1(tls, get("/x", DEVICE)).await;
    assert_eq!(answer.status(), 421);
    assert!(answer.body().contains("CONNECT names login.example.test, SNI names device"));
    assert_eq!(edge.refusal().await.kind, RefusalKind::Mismatch);
}

#[tokio::test]
async fn sni_and_host_that_disagree_are_misdirected_on_both_protocols() {
    let mut edge = Running::start().await;
    for alpn in ["http/1.1", "h2"] {
        let stream = TcpStream::connect(edge.https).await.unwrap();
        let tls = edge.tls(stream, LOGIN, &[alpn], None).await.unwrap();
        let answer = if alpn == "h2" {
            let request = Request::get(format!("https://{DEVICE}/x")).body(Full::default());
            ask_2(tls, request.unwrap()).await
        } else {
            ask_1(tls, get("/x", DEVICE)).await
        };
        assert_eq!(answer.status(), 421, "{alpn}");
        assert!(answer.body().contains("SNI names login.example.test"), "{}", answer.body());
        assert_eq!(edge.refusal().await.kind, RefusalKind::Mismatch);
    }
}

#[tokio::test]
async fn case_ports_and_trailing_dots_do_not_make_names_disagree() {
    let edge = Running::start().await;
    for host in ["LOGIN.Example.TEST", "login.example.test:443", "login.example.test.:8443"] {
        let mut stream = edge.tunnel(LOGIN).await;
        stream.write_all(plain("GET /x", host).as_bytes()).await.unwrap();
        let answer = rest(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{host}: {answer}");
    }
}

#[tokio::test]
async fn http_1_1_needs_a_host_and_http_1_0_does_not() {
    let mut edge = Running::start().await;
    for (request, status) in [
        ("GET /x HTTP/1.1\r\nConnection: close\r\n\r\n", "400"),
        ("GET /x HTTP/1.1\r\nHost: a\r\nHost: a\r\nConnection: close\r\n\r\n", "400"),
        ("GET /x HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n", "400"),
        ("OPTIONS * HTTP/1.1\r\nHost: login.example.test\r\nConnection: close\r\n\r\n", "400"),
        ("GET /x HTTP/1.0\r\n\r\n", "200"),
    ] {
        let mut stream = edge.tunnel(LOGIN).await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = rest(&mut stream).await;
        assert_eq!(answer.split(' ').nth(1), Some(status), "{request:?} -> {answer}");
        if status == "400" {
            assert_eq!(edge.refusal().await.kind, RefusalKind::BadRequest);
        }
    }
}

#[tokio::test]
async fn over_plain_http_the_path_begins_with_the_host() {
    let edge = Running::start().await;
    let local = edge.proxy;
    for (target, uri) in [
        ("/login.example.test/common/x?y=/z", "/common/x?y=/z"),
        ("/LOGIN.example.test/x", "/x"),
        ("/login.example.test:443/x", "/x"),
        ("//login.example.test//x", "//x"),
        ("/login.example.test", "/"),
        ("/login.example.test/", "/"),
        ("/login.example.test?q=1", "/?q=1"),
    ] {
        let answer = edge.raw(plain(&format!("GET {target}"), &local.to_string())).await;
        let expected = format!(
            "GET {uri} host=login.example.test face=prefix secure=false chain=0 body=0 \
             url=http://{local}/device.example.test/next?x=1 mtls=false"
        );
        assert!(answer.ends_with(&expected), "{target}: {answer}");
    }
}

#[tokio::test]
async fn prefix_urls_follow_the_name_that_the_client_uses_for_this_port() {
    let edge = Running::start().await;
    let local = edge.proxy.to_string();
    for (host, base) in [
        ("Host: localhost:8080\r\n", "localhost:8080"),
        ("Host: linarite\r\n", "linarite"),
        // A service's name is not this port's.
        ("Host: login.example.test\r\n", local.as_str()),
        ("Host: no host\r\n", local.as_str()),
        ("", local.as_str()),
    ] {
        let request = format!("GET /{LOGIN}/x HTTP/1.1\r\n{host}Connection: close\r\n\r\n");
        let answer = edge.raw(request).await;
        let url = format!(" url=http://{base}/device.example.test/next?x=1 ");
        assert!(answer.contains(&url), "{host:?}: {answer}");
    }
}

#[tokio::test]
async fn a_prefix_that_is_no_emulated_host_is_told_what_is_served() {
    let mut edge = Running::start().await;
    let answer = edge.raw(plain("GET /common/oauth2/token?x", LOGIN)).await;
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    assert!(answer.contains("content-type: text/plain"), "{answer}");
    assert!(answer.contains("emulated: login.example.test, device.example.test"), "{answer}");
    let refusal = edge.refusal().await;
    assert_eq!((refusal.kind, refusal.face), (RefusalKind::UnknownHost, Some(Face::Prefix)));
    assert_eq!(refusal.host.as_deref(), Some("common"));
    assert_eq!(refusal.request.as_deref(), Some("GET /common/oauth2/token"));
}

#[tokio::test]
async fn the_root_explains_what_this_port_is() {
    let mut edge = Running::start().await;
    let answer = edge.raw(plain("GET /", "127.0.0.1")).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains("HTTPS_PROXY") && answer.contains(LOGIN), "{answer}");
    assert!(edge.refusals.try_recv().is_err(), "a look is no refusal");
}

#[tokio::test]
async fn a_direct_url_carries_the_port_that_the_client_used() {
    let edge = Running::start().await;
    for (host, url) in [
        ("login.example.test", "https://device.example.test/next?x=1"),
        ("login.example.test:443", "https://device.example.test/next?x=1"),
        ("login.example.test:8443", "https://device.example.test:8443/next?x=1"),
    ] {
        // The proxy port speaks TLS straight away, too.
        for address in [edge.https, edge.proxy] {
            let stream = TcpStream::connect(address).await.unwrap();
            let tls = edge.tls(stream, LOGIN, &[], None).await.unwrap();
            let answer = ask_1(tls, get("/x", host)).await;
            let expected = format!("face=direct secure=true chain=0 body=0 url={url} mtls=true");
            assert!(answer.body().ends_with(&expected), "{}", answer.body());
        }
    }
}
