//! Requests and worlds inside this process: CPU time of the threads that serve, for each of many requests.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use linarite_server::keys::tls::{TlsCa, TlsHosts};
use linarite_server::services::Services;
use linarite_server::world::document_from_yaml;
use linarite_server::{CA_DOMAINS, Emulator};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::client::Client;
use crate::device::{self, Prt};
use crate::table::{Bound, Table};
use crate::{ROUNDS, bare, cpu, federated};

const CONTOSO: &str = include_str!("../../../fixtures/worlds/contoso.world.yaml");
const EMPTY: &str =
    "{ tenant: { name: Empty, domains: { empty.test: { kind: managed, primary: true } } } }";

/// A runtime like that of the binary.
fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime")
}

fn tls() -> Arc<TlsHosts> {
    let ca = TlsCa::generate(0, CA_DOMAINS).expect("a CA");
    Arc::new(TlsHosts::new(Arc::new(ca)).expect("host certificates"))
}

/// What a request costs those who serve it; every request is sent once.
fn cost(client: &mut Client, requests: &[Vec<u8>]) -> f64 {
    let before = cpu::others();
    client.send_all(requests);
    cpu::each(cpu::others() - before, requests.len())
}

/// The values of one part, round by round.
#[derive(Default)]
struct Values(Vec<f64>);

impl Values {
    fn median(self) -> f64 {
        cpu::median(self.0)
    }
}

/// The parts, and what is made of them.
pub(crate) fn measure(table: &mut Table) {
    for connections in [1, 16] {
        table.title(&format!("requests, {connections} at a time"));
        with_worlds(|listeners| Rounds::run(listeners, connections).tell(table));
    }
}

/// Does one kind of thing a thousand times, and so often, so that a profiler sees little else.
pub(crate) fn repeat(what: &str, times: usize) {
    if what == "world" {
        for _ in 0..4 {
            let _measured = world_starts();
        }
        return;
    }
    with_worlds(|listeners| {
        let address = if what == "join" { listeners.kept } else { listeners.memory };
        let mut client = Client::new(address, 16);
        let graph = "https://graph.microsoft.com";
        let mut prt = (what == "prt").then(|| Prt::request(&mut client));
        let request = match what {
            "page" => {
                let token = device::access_token(&mut client, graph);
                device::page(&client, &token, "")
            }
            "join" => device::join(&mut client),
            _ => device::password_v1(&client, graph),
        };
        for _ in 0..times {
            let requests = match &mut prt {
                Some(prt) => (0..1024).map(|_| prt.usage(&mut client)).collect(),
                None => vec![request.clone(); 1024],
            };
            client.send_all(&requests);
        }
    });
}

/// Where the listeners are: nothing behind it, a world in memory, one in a state folder.
#[derive(Clone, Copy)]
struct Listeners<'a> {
    hello: SocketAddr,
    memory: SocketAddr,
    kept: SocketAddr,
    folder: &'a Path,
}

fn with_worlds(run: impl FnOnce(Listeners<'_>)) {
    let folder = tempfile::tempdir().expect("a folder for a state");
    let runtime = runtime();
    let tls = tls();
    let mut contoso: Value = document_from_yaml(CONTOSO).expect("the contoso world");
    if let Some(quota) = contoso.pointer_mut("/tenant/device_quota") {
        *quota = 1_000_000.into();
    }
    let builder = |document: &Value| {
        Emulator::builder().world(document.clone()).seed(7).tls(Arc::clone(&tls))
    };
    let (memory, kept, hello) = runtime.block_on(async {
        let memory = builder(&contoso).start().await.expect("a world in memory");
        let kept =
            builder(&contoso).state(folder.path()).start().await.expect("a world in a folder");
        (memory, kept, bare::hello(Arc::clone(&tls)).await)
    });
    run(Listeners {
        hello,
        memory: memory.proxy_address(),
        kept: kept.proxy_address(),
        folder: folder.path(),
    });
}

#[derive(Default)]
struct Rounds {
    hello: Values,
    signature: Values,
    signature_of_two: Values,
    write: Values,
    password_v1: Values,
    password_v2: Values,
    prt: Values,
    federated: Values,
    page: Values,
    page_of_100: Values,
    join: Values,
}

impl Rounds {
    fn run(listeners: Listeners<'_>, connections: usize) -> Self {
        let client = |address| Client::new(address, connections);
        let (mut bare, mut memory, mut kept) =
            (client(listeners.hello), client(listeners.memory), client(listeners.kept));
        let hello = vec![bare.request("GET", "/login.microsoftonline.com/hello", "", ""); 16_384];
        let graph = device::access_token(&mut memory, "https://graph.microsoft.com");
        let page = vec![device::page(&memory, &graph, ""); 4096];
        let password_v1 = vec![device::password_v1(&memory, "https://graph.microsoft.com"); 512];
        let password_v2 = vec![device::password_v2(&memory); 512];
        let join = vec![device::join(&mut kept); 512];
        let federated = federated::sign_in(&mut memory);
        let federated: Vec<_> = federated.iter().cycle().take(4 * 256).cloned().collect();
        let mut rounds = Self::default();
        // The page is one of contoso's own three devices and the one below.
        let mut prt = Prt::request(&mut memory);
        for _ in 0..ROUNDS {
            rounds.hello.0.push(cost(&mut bare, &hello));
            rounds.signature.0.push(bare::signature());
            rounds.signature_of_two.0.push(bare::signature_of_two());
            rounds.write.0.push(bare::durable_write(listeners.folder));
            rounds.password_v1.0.push(cost(&mut memory, &password_v1));
            rounds.password_v2.0.push(cost(&mut memory, &password_v2));
            let uses: Vec<_> = (0..512).map(|_| prt.usage(&mut memory)).collect();
            rounds.prt.0.push(cost(&mut memory, &uses));
            // All four exchanges together.
            rounds.federated.0.push(4.0 * cost(&mut memory, &federated));
            rounds.page.0.push(cost(&mut memory, &page));
            rounds.join.0.push(cost(&mut kept, &join));
        }
        let graph = device::access_token(&mut kept, "https://graph.microsoft.com");
        let page = vec![device::page(&kept, &graph, "?$top=100"); 512];
        for _ in 0..ROUNDS {
            rounds.page_of_100.0.push(cost(&mut kept, &page));
        }
        rounds
    }

    fn tell(self, table: &mut Table) {
        let (hello, signature, write) =
            (self.hello.median(), self.signature.median(), self.write.median());
        table.row("bare request (hello)", hello, Bound::None);
        table.row("RSA-2048 signature", signature, Bound::None);
        let of_two = self.signature_of_two.median();
        table.row("RSA-2048 signature, two at once", of_two, Bound::None);
        table.row("durable write", write, Bound::None);
        let signed = |n: f64| Bound::sum(&[(n, "signature", signature), (6.0, "hello", hello)]);
        table.row("password grant, v1 (2 tokens)", self.password_v1.median(), signed(2.0));
        table.row("password grant, v2 (1 token)", self.password_v2.median(), signed(1.0));
        table.row("PRT use (2 tokens)", self.prt.median(), signed(2.0));
        // Half of the rate that the two signatures allow.
        let two = Bound::sum(&[(4.0, "signature", signature)]);
        table.row("federated sign-in (realm, MEX, RST, SAML grant)", self.federated.median(), two);
        table.row("Graph page (4 devices)", self.page.median(), signed(0.0));
        let join = [(1.0, "signature", signature), (2.0, "write", write), (6.0, "hello", hello)];
        table.row("join, state folder", self.join.median(), Bound::sum(&join));
        table.row("Graph page (100 devices), state folder", self.page_of_100.median(), Bound::None);
    }
}

/// What it costs to start contoso with its listener, and a world with nothing but a domain.
pub(crate) fn world_starts() -> (f64, f64) {
    let runtime = runtime();
    let (tls, services) = (tls(), Services::new());
    let starts = |text: &str| {
        const COUNT: usize = 50;
        let document: Value = document_from_yaml(text).expect("a world");
        let before = cpu::own();
        for _ in 0..COUNT {
            let builder = Emulator::builder()
                .world(document.clone())
                .seed(7)
                .tls(Arc::clone(&tls))
                .services(services.clone());
            drop(runtime.block_on(builder.start()).expect("a world"));
        }
        cpu::each(cpu::own() - before, COUNT)
    };
    let (mut row, mut empty) = (Values::default(), Values::default());
    for _ in 0..ROUNDS {
        row.0.push(starts(CONTOSO));
        empty.0.push(starts(EMPTY));
    }
    (row.median(), empty.median())
}
