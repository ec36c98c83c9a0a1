//! Sizes, times and counts, at their boundaries; and a handler that panics.

use tokio::io::AsyncWriteExt as _;

use super::*;
use crate::edge::RefusalKind;

const SHORT: Duration = Duration::from_millis(60);

fn post(length: usize, uri: &str) -> Request<Full<Bytes>> {
    Request::post(uri).header("Host", LOGIN).body(Full::from(vec![b'x'; length])).unwrap()
}

#[tokio::test]
async fn a_body_may_be_as_long_as_the_limit_and_no_longer() {
    let limit = 300_000;
    let mut edge = Running::with(Limits { body_bytes: limit, ..Limits::default() }).await;
    for (length, status) in [(limit, 200), (limit + 1, 413), (limit * 8, 413)] {
        for alpn in ["http/1.1", "h2"] {
            let stream = edge.tunnel(LOGIN).await;
            let tls = edge.tls(stream, LOGIN, &[alpn], None).await.unwrap();
            let answer = if alpn == "h2" {
                ask_2(tls, post(length, &format!("https://{LOGIN}/x"))).await
            } else {
                ask_1(tls, post(length, "/x")).await
            };
            assert_eq!(answer.status(), status, "{length} by {alpn}: {}", answer.body());
            if status == 413 {
                let refusal = edge.refusal().await;
                assert_eq!(refusal.kind, RefusalKind::BodyTooLarge);
                assert_eq!(refusal.request.as_deref(), Some("POST /x"));
                assert_eq!(refusal.host.as_deref(), Some(LOGIN));
            } else {
                assert!(answer.body().contains(&format!(" body={length} ")));
            }
        }
    }
}

#[tokio::test]
async fn a_chunked_body_is_counted_as_it_comes() {
    let edge = Running::with(Limits { body_bytes: 10, ..Limits::default() }).await;
    for (body, status) in
        [("5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n", "200"), ("b\r\nhello world\r\n0\r\n\r\n", "413")]
    {
        let answer = edge
            .raw(format!(
                "POST /{LOGIN}/x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\
                 Connection: close\r\n\r\n{body}"
            ))
            .await;
        assert_eq!(answer.split(' ').nth(1), Some(status), "{answer}");
    }
}

#[tokio::test]
async fn a_client_that_waits_for_leave_to_upload_too_much_does_not_get_it() {
    let edge = Running::with(Limits { body_bytes: 10, ..Limits::default() }).await;
    let head = |length| {
        format!(
            "POST /{LOGIN}/x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    let (_, answer) = open(edge.proxy, &head(11)).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let (_, answer) = open(edge.proxy, &head(10)).await;
    assert!(answer.starts_with("HTTP/1.1 100 "), "{answer}");
}

#[tokio::test]
async fn a_body_that_dawdles_is_timed_out() {
    let mut edge = Running::with(Limits { body_time: SHORT, ..Limits::default() }).await;
    let (_stream, head) =
        open(edge.proxy, &format!("POST /{LOGIN}/x HTTP/1.1\r\nContent-Length: 5\r\n\r\nab")).await;
    assert!(head.starts_with("HTTP/1.1 408 "), "{head}");
    assert_eq!(edge.refusal().await.kind, RefusalKind::BodyTooSlow);
}

#[tokio::test]
async fn a_body_that_breaks_off_reaches_no_handler() {
    let mut edge = Running::start().await;
    let answer = edge.raw(format!("POST /{LOGIN}/x HTTP/1.1\r\nContent-Length: 5\r\n\r\nab")).await;
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(edge.refusal().await.kind, RefusalKind::BadRequest);
}

#[tokio::test]
async fn heads_are_limited_in_bytes_and_in_fields() {
    let limits = Limits { header_bytes: 16 * 1024, header_count: 20, ..Limits::default() };
    let mut edge = Running::with(limits).await;
    let fields = |count: usize| "a: b\r\n".repeat(count);
    for (extra, fits) in [
        (fields(19), true),
        (fields(20), false),
        (fields(101), false),
        (format!("a: {}\r\n", "x".repeat(15 * 1024)), true),
        (format!("a: {}\r\n", "x".repeat(17 * 1024)), false),
        (format!("a: {}\r\n", "x".repeat(1024 * 1024)), false),
    ] {
        let line = format!("GET /{LOGIN}/x HTTP/1.1\r\nConnection: close\r\n");
        let mut stream = TcpStream::connect(edge.proxy).await.unwrap();
        let request = format!("{line}{extra}\r\n");
        let (mut reader, mut writer) = stream.split();
        let (_, answer) = tokio::join!(writer.write_all(request.as_bytes()), rest(&mut reader));
        if fits {
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
            continue;
        }
        // A client that still sends when the connection is closed may lose the answer.
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
        assert_eq!(edge.refusal().await.kind, RefusalKind::HeadersTooLarge);
    }
}

#[tokio::test]
async fn heads_of_http_2_are_limited_alike() {
    let limits = Limits { header_bytes: 8 * 1024, header_count: 20, ..Limits::default() };
    let mut edge = Running::with(limits).await;
    for (fields, size, status) in [(10, 10, 200), (21, 10, 431), (2, 5 * 1024, 431)] {
        let stream = edge.tunnel(LOGIN).await;
        let tls = edge.tls(stream, LOGIN, &["h2"], None).await.unwrap();
        let mut request = Request::get(format!("https://{LOGIN}/x"));
        for field in 0..fields {
            request = request.header(format!("x-{field}"), "v".repeat(size));
        }
        let answer = ask_2(tls, request.body(Full::default()).unwrap()).await;
        assert_eq!(answer.status(), status, "{fields} of {size}: {}", answer.body());
        if status == 431 {
            assert_eq!(edge.refusal().await.kind, RefusalKind::HeadersTooLarge);
        }
    }
}

#[tokio::test]
async fn a_head_that_dawdles_is_closed_and_an_idle_connection_is_not() {
    let mut edge = Running::with(Limits { header_time: SHORT, ..Limits::default() }).await;
    // Idle before and between requests for longer than a head may take.
    let mut idle = TcpStream::connect(edge.proxy).await.unwrap();
    let mut slow = TcpStream::connect(edge.proxy).await.unwrap();
    slow.write_all(format!("GET /{LOGIN}/x HTTP/1.1\r\nHo").as_bytes()).await.unwrap();
    assert_eq!(rest(&mut slow).await, "");
    assert_eq!(edge.refusal().await.kind, RefusalKind::HeadersTooSlow);

    let keep = format!("GET /{LOGIN}/x HTTP/1.1\r\nHost: x\r\n\r\n");
    idle.write_all(keep.as_bytes()).await.unwrap();
    let mut second = TcpStream::connect(edge.proxy).await.unwrap();
    second.write_all(b"GET ").await.unwrap();
    assert_eq!(rest(&mut second).await, "");
    idle.write_all(plain(&format!("GET /{LOGIN}/y"), "x").as_bytes()).await.unwrap();
    let answer = rest(&mut idle).await;
    assert!(answer.contains("GET /x ") && answer.contains("GET /y "), "{answer}");
}

#[tokio::test]
async fn a_tls_hello_that_dawdles_is_closed() {
    let mut edge = Running::with(Limits { header_time: SHORT, ..Limits::default() }).await;
    for address in [edge.proxy, edge.https] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&[0x16, 3, 1]).await.unwrap();
        assert_eq!(rest(&mut stream).await, "");
        assert_eq!(edge.refusal().await.kind, RefusalKind::Tls);
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed_in_the_end_wherever_it_stands() {
    let idle_time = Duration::from_millis(300);
    let edge = Running::with(Limits { idle_time, ..Limits::default() }).await;
    let mut silent = TcpStream::connect(edge.proxy).await.unwrap();
    let mut tunnel = edge.tunnel(LOGIN).await;
    let mut tls = TcpStream::connect(edge.https).await.unwrap();
    let mut tls = edge.tls(&mut tls, LOGIN, &["http/1.1"], None).await.unwrap();
    let mut two = TcpStream::connect(edge.https).await.unwrap();
    let mut two = edge.tls(&mut two, LOGIN, &["h2"], None).await.unwrap();
    let request = format!("GET /{LOGIN}/x HTTP/1.1\r\nHost: x\r\n\r\n");
    let (mut kept, _) = open(edge.proxy, &request).await;
    assert_eq!(rest(&mut silent).await, "");
    assert_eq!(rest(&mut tunnel).await, "");
    assert_eq!(rest(&mut tls).await, "");
    drop(rest(&mut two).await);
    assert!(rest(&mut kept).await.starts_with("GET /x "));
}

#[tokio::test]
async fn one_connection_too_many_is_told_and_the_others_go_on() {
    let mut edge = Running::with(Limits { connections: 2, ..Limits::default() }).await;
    let first = edge.tunnel(LOGIN).await;
    let second = edge.tunnel(LOGIN).await;
    let mut third = TcpStream::connect(edge.proxy).await.unwrap();
    let answer = rest(&mut third).await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("too many"), "{answer}");
    assert_eq!(edge.refusal().await.kind, RefusalKind::TooManyConnections);
    let tls = edge.tls(second, LOGIN, &[], None).await.unwrap();
    assert_eq!(ask_1(tls, get("/x", LOGIN)).await.status(), 200);
    drop(first);
}

#[tokio::test]
async fn a_panic_is_a_500_and_nothing_else_ends() {
    let mut edge = Running::start().await;
    for alpn in ["http/1.1", "h2"] {
        let stream = edge.tunnel(LOGIN).await;
        let tls = edge.tls(stream, LOGIN, &[alpn], None).await.unwrap();
        let answer = if alpn == "h2" {
            ask_2(tls, post(3, &format!("https://{LOGIN}/panic?secret"))).await
        } else {
            ask_1(tls, post(3, "/panic?secret")).await
        };
        assert_eq!(answer.status(), 500, "{alpn}");
        let refusal = edge.refusal().await;
        assert_eq!(refusal.kind, RefusalKind::Panic);
        assert!(refusal.detail.contains("as asked"), "{}", refusal.detail);
        assert_eq!(refusal.request.as_deref(), Some("POST /panic"));
    }
    // The same connection serves the next request.
    let two = format!(
        "GET /{LOGIN}/panic HTTP/1.1\r\nHost: x\r\n\r\n{}",
        plain(&format!("GET /{LOGIN}/after"), "x")
    );
    let answer = edge.raw(two).await;
    assert!(answer.starts_with("HTTP/1.1 500 ") && answer.contains("GET /after "), "{answer}");
}

#[tokio::test]
async fn a_head_request_has_the_length_and_no_body() {
    let edge = Running::start().await;
    let line = |method: &str| plain(&format!("{method} /{LOGIN}/x"), "x");
    let get = edge.raw(line("GET")).await;
    let head = edge.raw(line("HEAD")).await;
    let length = |answer: &str| {
        answer.lines().find_map(|line| line.strip_prefix("content-length: ").map(str::to_owned))
    };
    assert!(head.ends_with("\r\n\r\n"), "{head}");
    // "HEAD" is one letter longer than "GET", and so is what the handler says.
    let expected = length(&get).unwrap().parse::<usize>().unwrap() + 1;
    assert_eq!(length(&head), Some(expected.to_string()));

    let stream = edge.tunnel(LOGIN).await;
    let tls = edge.tls(stream, LOGIN, &["h2"], None).await.unwrap();
    let request = Request::head(format!("https://{LOGIN}/x")).body(Full::default()).unwrap();
    let answer = ask_2(tls, request).await;
    assert_eq!((answer.status().as_u16(), answer.body().as_str()), (200, ""));
    assert!(answer.headers().contains_key("content-length"));
}

#[tokio::test]
async fn a_date_of_the_handler_is_kept_and_none_is_added() {
    let edge = Running::start().await;
    let answer = edge.raw(plain(&format!("GET /{LOGIN}/date"), "x")).await;
    assert!(answer.contains("date: Fri, 01 Jan 2016 00:00:00 GMT\r\n"), "{answer}");
    let answer = edge.raw(plain(&format!("GET /{LOGIN}/x"), "x")).await;
    assert!(!answer.to_lowercase().contains("date:"), "{answer}");
    let answer = edge.raw("nonsense\r\n\r\n").await;
    assert!(!answer.to_lowercase().contains("date:"), "{answer}");
}
