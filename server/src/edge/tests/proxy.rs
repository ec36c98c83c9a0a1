//! The forward proxy: tunnels in every spelling, absolute-form requests, hosts that do not exist.

use tokio::io::AsyncWriteExt as _;

use super::*;
use crate::edge::RefusalKind;

#[tokio::test]
async fn connect_works_in_every_spelling_that_clients_use() {
    let edge = Running::start().await;
    for connect in [
        // Python up to 3.11.
        format!("CONNECT {LOGIN}:443 HTTP/1.0\r\n\r\n"),
        format!("CONNECT {LOGIN}:443 HTTP/1.0\r\nProxy-Authorization: Basic YTpi\r\n\r\n"),
        format!("CONNECT {LOGIN}:443 HTTP/1.1\r\n\r\n"),
        // MSAL Node 2 and 3: no port, and the proxy in Host.
        format!("CONNECT {LOGIN} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", edge.proxy),
        format!("CONNECT Login.Example.Test.:8443 HTTP/1.1\r\nHost: {LOGIN}:8443\r\n\r\n"),
        format!("CONNECT {LOGIN}:80 HTTP/1.1\r\nHost: {LOGIN}\r\n\r\n"),
    ] {
        let (stream, head) = open(edge.proxy, &connect).await;
        let status = head.split(' ').nth(1);
        assert_eq!(status, Some("200"), "{connect:?} -> {head:?}");
        assert!(!head.to_lowercase().contains("content-length"), "{head:?}");
        assert!(!head.to_lowercase().contains("transfer-encoding"), "{head:?}");
        let tls = edge.tls(stream, LOGIN, &["http/1.1"], None).await.unwrap();
        let answer = ask_1(tls, get("/a?b=c", LOGIN)).await;
        assert_eq!(
            answer.body(),
            "GET /a?b=c host=login.example.test face=proxy secure=true chain=0 body=0 \
             url=https://device.example.test/next?x=1 mtls=true",
            "{connect:?}"
        );
    }
}

#[tokio::test]
async fn a_hello_that_comes_right_behind_the_connect_is_not_lost() {
    let edge = Running::start().await;
    // The CONNECT travels in one write with what the tunnel carries.
    let inner = plain("GET /early", LOGIN);
    let answer = edge.raw(format!("CONNECT {LOGIN}:80 HTTP/1.1\r\n\r\n{inner}")).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("GET /early host=login.example.test face=proxy secure=false"));
}

#[tokio::test]
async fn plain_http_inside_a_tunnel_is_served_in_origin_and_absolute_form() {
    let edge = Running::start().await;
    for target in ["/t", "https://login.example.test/t", "http://LOGIN.example.test:80/t"] {
        let mut stream = edge.tunnel(LOGIN).await;
        stream.write_all(plain(&format!("GET {target}"), LOGIN).as_bytes()).await.unwrap();
        let answer = rest(&mut stream).await;
        assert!(
            answer.ends_with(
                "GET /t host=login.example.test face=proxy secure=false chain=0 body=0 \
                 url=https://device.example.test/next?x=1 mtls=false"
            ),
            "{target}: {answer}"
        );
    }
}

#[tokio::test]
async fn absolute_form_requests_are_served_without_a_tunnel() {
    let edge = Running::start().await;
    for target in [format!("http://{LOGIN}/x?y"), format!("http://{LOGIN}:80/x?y")] {
        let answer = edge.raw(plain(&format!("GET {target}"), LOGIN)).await;
        assert!(answer.contains("GET /x?y host=login.example.test face=proxy secure=false"));
    }
    let answer = edge.raw(plain(&format!("GET http://{LOGIN}"), LOGIN)).await;
    assert!(answer.contains("\r\n\r\nGET / host="), "{answer}");
    // HTTP/1.0 has no Host.
    let answer = edge.raw(format!("GET http://{LOGIN}/ten HTTP/1.0\r\n\r\n")).await;
    assert!(answer.contains("GET /ten host=login.example.test"), "{answer}");
}

#[tokio::test]
async fn a_host_that_is_not_emulated_gets_a_502_that_names_it() {
    let mut edge = Running::start().await;
    let answer = edge.raw("CONNECT Blob.Example.Com:443 HTTP/1.1\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    assert!(answer.contains("blob.example.com is not emulated"), "{answer}");
    assert!(answer.contains("emulated: login.example.test, device.example.test"), "{answer}");
    let refusal = edge.refusal().await;
    assert_eq!(refusal.kind, RefusalKind::UnknownHost);
    assert_eq!(refusal.host.as_deref(), Some("blob.example.com"));
    assert_eq!(refusal.status.map(|s| s.as_u16()), Some(502));
    assert_eq!(refusal.request.as_deref(), Some("CONNECT Blob.Example.Com:443"));
    assert_eq!(refusal.connection % 2, 1);

    let answer = edge.raw(plain("GET http://blob.example.com/secret?sig=1", "blob.example.com"));
    assert!(answer.await.starts_with("HTTP/1.1 502 "));
    let refusal = edge.refusal().await;
    assert_eq!(refusal.kind, RefusalKind::UnknownHost);
    assert_eq!(refusal.request.as_deref(), Some("GET /secret"));
}

#[tokio::test]
async fn after_a_refused_connect_the_same_connection_may_ask_for_another_host() {
    let edge = Running::start().await;
    let two = format!(
        "CONNECT no.example.com:443 HTTP/1.1\r\n\r\n{}",
        plain(&format!("GET http://{LOGIN}/after"), LOGIN)
    );
    let answer = edge.raw(two).await;
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    assert!(answer.contains("GET /after host=login.example.test"), "{answer}");
}

#[tokio::test]
async fn a_connect_that_names_no_host_is_a_bad_request() {
    let mut edge = Running::start().await;
    for target in ["user@login.example.test:443", "login.example.test:99999", "%00:443"] {
        let answer = edge.raw(format!("CONNECT {target} HTTP/1.1\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{target}: {answer}");
        assert_eq!(edge.refusal().await.kind, RefusalKind::BadRequest, "{target}");
    }
}

#[tokio::test]
async fn a_tunnel_inside_a_tunnel_is_refused_by_name() {
    let mut edge = Running::start().await;
    let mut stream = edge.tunnel(LOGIN).await;
    let again = format!("CONNECT {DEVICE}:443 HTTP/1.1\r\nConnection: close\r\n\r\n");
    stream.write_all(again.as_bytes()).await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("not emulated: CONNECT inside a tunnel"), "{answer}");
    assert_eq!(edge.refusal().await.kind, RefusalKind::BadRequest);
}

#[tokio::test]
async fn when_the_listener_stops_its_connections_end_and_its_port_is_free() {
    let mut edge = Running::start().await;
    // One that said nothing, one within a request's head, one idle tunnel.
    let mut silent = TcpStream::connect(edge.proxy).await.unwrap();
    let mut half = TcpStream::connect(edge.proxy).await.unwrap();
    half.write_all(b"GET /").await.unwrap();
    let mut tunnel = edge.tunnel(LOGIN).await;
    for stop in edge.stop.drain(..) {
        stop.send(()).unwrap();
    }
    for task in edge.tasks.drain(..) {
        soon(task).await.unwrap();
    }
    for stream in [&mut silent, &mut half, &mut tunnel] {
        assert_eq!(rest(stream).await, "");
    }
    TcpListener::bind(edge.proxy).await.unwrap();
}

#[tokio::test]
async fn when_the_task_is_aborted_everything_ends_at_once() {
    let mut edge = Running::start().await;
    let mut tunnel = edge.tunnel(LOGIN).await;
    for task in edge.tasks.drain(..) {
        task.abort();
        assert!(soon(task).await.unwrap_err().is_cancelled());
    }
    assert_eq!(rest(&mut tunnel).await, "");
    TcpListener::bind(edge.proxy).await.unwrap();
}

#[tokio::test]
async fn what_is_being_answered_when_the_listener_stops_is_answered() {
    let mut edge = Running::with(Limits { grace: STUCK, ..Limits::default() }).await;
    for alpn in ["http/1.1", "h2"] {
        let stream = TcpStream::connect(edge.https).await.unwrap();
        let tls = edge.tls(stream, LOGIN, &[alpn], None).await.unwrap();
        let asked = if alpn == "h2" {
            let request = Request::get(format!("https://{LOGIN}/wait")).body(Full::default());
            tokio::spawn(ask_2(tls, request.unwrap()))
        } else {
            tokio::spawn(ask_1(tls, get("/wait", LOGIN)))
        };
        soon(edge.arrived.acquire()).await.unwrap().forget();
        edge.tasks.push(tokio::spawn(async move {
            let answer = asked.await.unwrap();
            assert!(answer.body().starts_with("GET /wait host="), "{}", answer.body());
        }));
    }
    for stop in edge.stop.drain(..) {
        stop.send(()).unwrap();
    }
    edge.leave.add_permits(2);
    for task in edge.tasks.drain(..) {
        soon(task).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_not_answered_within_the_grace_is_cut() {
    let grace = Duration::from_millis(20);
    let mut edge = Running::with(Limits { grace, ..Limits::default() }).await;
    let mut stream = edge.tunnel(LOGIN).await;
    stream.write_all(plain("GET /wait", LOGIN).as_bytes()).await.unwrap();
    soon(edge.arrived.acquire()).await.unwrap().forget();
    for stop in edge.stop.drain(..) {
        stop.send(()).unwrap();
    }
    for task in edge.tasks.drain(..) {
        soon(task).await.unwrap();
    }
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test]
async fn over_http_1_1_a_client_that_goes_away_does_not_stop_the_handler() {
    let edge = Running::start().await;
    let mut stream = edge.tunnel(LOGIN).await;
    stream.write_all(plain("GET /wait", LOGIN).as_bytes()).await.unwrap();
    soon(edge.arrived.acquire()).await.unwrap().forget();
    drop(stream);
    edge.leave.add_permits(1);
    // The handler takes its leave only if it is still there.
    soon(async {
        while edge.leave.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
