//! The parts that bounds are made of: a bare request through the listener, a signature, a durable write.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::Response;
use linarite_server::edge::{
    self, EdgeRefusal, Handler, HostPolicy, Inbound, Limits, ListenerKind,
};
use linarite_server::keys::pool::TestKey;
use linarite_server::keys::tls::TlsHosts;
use rusqlite::{Connection, params};
use tokio::net::TcpListener;

use crate::cpu;

/// Answers everything in the same two words.
#[derive(Clone, Debug)]
struct Hello;

impl Handler for Hello {
    fn host(&self, _name: &str) -> Option<HostPolicy> {
        Some(HostPolicy::default())
    }

    async fn call(&self, _inbound: Inbound) -> Response<Bytes> {
        Response::new(Bytes::from_static(b"hello there"))
    }

    fn refused(&self, refusal: EdgeRefusal) {
        println!("the edge refused a bare request: {refusal:?}");
    }
}

/// Opens a listener like the emulator's with nothing behind it. Runs inside a runtime.
pub(crate) async fn hello(tls: Arc<TlsHosts>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let serving = edge::serve(
        listener,
        ListenerKind::Proxy,
        tls,
        Hello,
        Limits::default(),
        std::future::pending(),
    );
    drop(tokio::spawn(serving));
    address
}

/// Nanoseconds of one RSA-2048 signature over a token of the usual size, with the key parsed.
pub(crate) fn signature() -> f64 {
    const COUNT: usize = 1000;
    let key = TestKey::pick(0).load().expect("a test key");
    let message = [b'm'; 1200];
    let before = cpu::mine();
    for _ in 0..COUNT {
        let _signature = key.sign(&message).expect("a signature");
    }
    cpu::each(cpu::mine() - before, COUNT)
}

/// The same while another thread signs, too: two cores that share a unit take longer for each.
pub(crate) fn signature_of_two() -> f64 {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let key = TestKey::pick(0).load().expect("a test key");
            while !done.load(Ordering::Relaxed) {
                let _signature = key.sign(&[b'm'; 1200]).expect("a signature");
            }
        });
        let each = signature();
        done.store(true, Ordering::Relaxed);
        each
    })
}

/// Nanoseconds of one row of a device's size, committed by itself: WAL, `synchronous = NORMAL`, the key and four indexes.
pub(crate) fn durable_write(folder: &Path) -> f64 {
    const COUNT: u32 = 2000;
    let db = Connection::open(folder.join("bare.sqlite")).expect("a database");
    db.pragma_update(None, "journal_mode", "WAL").expect("WAL");
    db.pragma_update(None, "synchronous", "NORMAL").expect("a pragma");
    db.execute_batch(
        "CREATE TABLE IF NOT EXISTS row (id BLOB PRIMARY KEY, other BLOB NOT NULL UNIQUE, name TEXT NOT NULL,
           owner BLOB NOT NULL, print BLOB NOT NULL, body BLOB NOT NULL) STRICT, WITHOUT ROWID;
         CREATE INDEX IF NOT EXISTS row_by_name ON row (name, id);
         CREATE INDEX IF NOT EXISTS row_by_owner ON row (owner, id);
         CREATE INDEX IF NOT EXISTS row_by_print ON row (print);
         DELETE FROM row;",
    )
    .expect("a table");
    let mut insert =
        db.prepare("INSERT INTO row VALUES (?1, ?2, ?3, ?4, ?5, ?6)").expect("a statement");
    let before = cpu::mine();
    for n in 0..COUNT {
        // Ids are spread over the table, as drawn ones are.
        let id = |salt: u32| (n ^ salt).wrapping_mul(0x9E37_79B1).to_be_bytes().repeat(4);
        let name = format!("BENCH-{n}");
        insert
            .execute(params![id(0), id(0x5555), name, [1_u8; 16], id(0x3333), [7_u8; 500]])
            .expect("a row");
    }
    cpu::each(cpu::mine() - before, COUNT as usize)
}
