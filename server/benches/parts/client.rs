//! A client that costs little: some keep-alive connections, a request on each, then an answer from each.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

/// A client of one listener.
pub(crate) struct Client {
    host: SocketAddr,
    connections: Vec<Connection>,
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    /// A client that keeps this many connections busy at once.
    pub(crate) fn new(host: SocketAddr, connections: usize) -> Self {
        let connect = |_| {
            let stream = TcpStream::connect(host).expect("the listener accepts");
            stream.set_nodelay(true).expect("a socket");
            Connection { stream, buffer: vec![0; 1 << 20] }
        };
        Self { host, connections: (0..connections).map(connect).collect() }
    }

    /// A request by path prefix: `to` is `/host/path?query`.
    pub(crate) fn request(&self, method: &str, to: &str, headers: &str, body: &str) -> Vec<u8> {
        let host = self.host;
        let length = body.len();
        format!("{method} {to} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
            .into_bytes()
    }

    /// A form by POST.
    pub(crate) fn form(&self, to: &str, body: &str) -> Vec<u8> {
        self.request("POST", to, "content-type: application/x-www-form-urlencoded\r\n", body)
    }

    /// Sends every request and reads every answer. Each has to be a 200.
    pub(crate) fn send_all(&mut self, requests: &[Vec<u8>]) {
        for round in requests.chunks(self.connections.len()) {
            for (connection, request) in self.connections.iter_mut().zip(round) {
                connection.stream.write_all(request).expect("the listener reads");
            }
            for connection in self.connections.iter_mut().take(round.len()) {
                connection.answer();
            }
        }
    }

    /// Sends one request and gives the body of its answer, which has to be a 200.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Vec<u8> {
        let connection = self.connections.first_mut().expect("a connection");
        connection.stream.write_all(request).expect("the listener reads");
        connection.answer().to_vec()
    }
}

impl Connection {
    fn answer(&mut self) -> &[u8] {
        let mut filled = 0;
        loop {
            let room = self.buffer.get_mut(filled..).expect("an answer of less than a mebibyte");
            let read = self.stream.read(room).expect("an answer");
            assert!(read > 0, "the listener closed");
            filled += read;
            let so_far = self.buffer.get(..filled).unwrap_or_default();
            let Some(head) = so_far.windows(4).position(|end| end == b"\r\n\r\n") else { continue };
            let text = String::from_utf8_lossy(so_far.get(..head).unwrap_or_default());
            let whole = head + 4 + content_length(&text);
            if filled < whole {
                continue;
            }
            assert!(
                text.starts_with("HTTP/1.1 200"),
                "{text}\n{}",
                String::from_utf8_lossy(so_far.get(head..).unwrap_or_default())
            );
            return self.buffer.get(head + 4..whole).unwrap_or_default();
        }
    }
}

fn content_length(head: &str) -> usize {
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    let length = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    length.and_then(|(_, value)| value.trim().parse().ok()).unwrap_or(0)
}
