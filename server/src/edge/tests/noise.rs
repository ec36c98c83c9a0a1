//! Arbitrary bytes on the ports never end a listener.

use proptest::{collection::vec, prelude::*};

use super::*;

/// Bytes that begin like something, or like nothing.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let begin = prop_oneof![
        Just(Vec::new()),
        Just(vec![0x16, 3, 1]),
        Just(vec![0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3]),
        Just(b"CONNECT login.example.test:443 HTTP/1.1\r\n\r\n".to_vec()),
        Just(b"CONNECT login.example.test HTTP/1.0\r\n\r\n\x16\x03\x01".to_vec()),
        Just(b"CONNECT ".to_vec()),
        Just(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
        Just(b"GET http://login.example.test/".to_vec()),
        Just(b"POST /login.example.test/ HTTP/1.1\r\nContent-Length: 9\r\n".to_vec()),
        Just(b"POST /login.example.test/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec()),
    ];
    (begin, vec(any::<u8>(), 0..200), any::<bool>()).prop_map(|(mut bytes, more, text)| {
        bytes.extend(more);
        if text {
            bytes.extend(b" HTTP/1.1\r\nHost: x\r\n\r\n");
        }
        bytes
    })
}

#[test]
fn arbitrary_bytes_never_end_a_listener() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let edge = runtime.block_on(Running::start());
    let config = ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() };
    proptest!(config, |(bytes in noise())| {
        runtime.block_on(async {
            for address in [edge.proxy, edge.https] {
                let mut stream = TcpStream::connect(address).await.unwrap();
                drop(stream.write_all(&bytes).await);
                drop(stream.shutdown().await);
                drop(rest(&mut stream).await);
            }
            let answer = edge.raw(plain(&format!("GET /{LOGIN}/alive"), "x")).await;
            assert!(answer.contains("GET /alive "), "{answer}");
        });
    });
    for task in &edge.tasks {
        assert!(!task.is_finished());
    }
}
