//! `linarite serve --state`: a killed server loses no join that it answered.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;

use linarite_harness::room::{RealClock, SeededChance, wire};
use linarite_windows::{Flow, Join, Machine, MachineSpec, TokenRequest, Wire};
use reqwest::{Client, Proxy};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::support::Desk;

const PEOPLE: [(&str, &str); 4] = [
    ("alice@contoso.test", "Correct-Horse-1"),
    ("bob@contoso.test", "Correct-Horse-2"),
    ("carol@contoso.test", "Correct-Horse-3"),
    ("erin@contoso.test", "Correct-Horse-5"),
];

/// A running `linarite serve`, killed when dropped.
struct Served {
    child: Child,
    proxy: String,
    ca_pem: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended already.
        let _gone = self.child.kill();
        let _ended = self.child.wait();
    }
}

impl Served {
    /// Starts one and reads where it is from the lines that it prints.
    fn start(desk: &Desk) -> Self {
        let mut command = desk.command(&["serve", "--state", "state", "--seed", "3"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (mut proxy, mut ca) = (None, None);
        while proxy.is_none() || ca.is_none() {
            let line = lines.next().unwrap_or_else(|| panic!("serve ended early")).unwrap();
            let words = line.strip_prefix("export ").unwrap_or_default().split(' ');
            for (name, value) in words.filter_map(|word| word.split_once('=')) {
                match name {
                    "LINARITE_PROXY" => proxy = Some(value.to_owned()),
                    "LINARITE_CA" => ca = Some(value.trim_matches('\'').to_owned()),
                    _ => {}
                }
            }
        }
        // The path may be relative to where the command was started.
        let ca = desk.path(&ca.unwrap());
        Self { child, proxy: proxy.unwrap(), ca_pem: std::fs::read_to_string(ca).unwrap() }
    }

    fn wire(&self, seed: u64) -> Wire {
        let chance = Arc::new(SeededChance::new(seed));
        wire(&self.proxy, &self.ca_pem, Arc::new(RealClock), chance).unwrap()
    }

    fn http(&self) -> Client {
        let mut roots = rustls::RootCertStore::empty();
        roots.add_parsable_certificates(
            CertificateDer::pem_slice_iter(self.ca_pem.as_bytes()).flatten(),
        );
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let builder = Client::builder().tls_backend_preconfigured(tls).no_proxy();
        builder.proxy(Proxy::all(&self.proxy).unwrap()).build().unwrap()
    }

    /// Device ids and names of all records, by Graph.
    async fn records(&self) -> Vec<(String, String)> {
        let mut admin =
            Machine::new(MachineSpec { key: "admin".to_owned(), ..MachineSpec::default() });
        let request = TokenRequest {
            client: "azure-cli".to_owned(),
            resource: Some("https://graph.microsoft.com".to_owned()),
            flow: Flow::Password,
            upn: Some(PEOPLE[0].0.to_owned()),
            password: Some(PEOPLE[0].1.to_owned()),
            ..TokenRequest::default()
        };
        let token = admin.token(&self.wire(0), &request).await.tokens.unwrap().access_token;
        let url = "https://graph.microsoft.com/v1.0/devices?$top=999";
        let answer = self.http().get(url).bearer_auth(token).send().await.unwrap();
        let page: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        let text = |device: &Value, name: &str| device[name].as_str().unwrap().to_owned();
        let devices = page["value"].as_array().unwrap().iter();
        devices.map(|device| (text(device, "deviceId"), text(device, "displayName"))).collect()
    }
}

/// Joins machines one after the other until the server is gone, and tells of each that was answered.
async fn join_until_killed(
    wire: Wire,
    round: usize,
    who: usize,
    told: mpsc::Sender<(String, String)>,
) {
    for number in 0.. {
        let key = format!("pc-{round}-{who}-{number}");
        let mut machine = Machine::new(MachineSpec {
            key: key.clone(),
            name: key.clone(),
            ..MachineSpec::default()
        });
        let (upn, password) = (PEOPLE[who].0.to_owned(), PEOPLE[who].1.to_owned());
        machine.join(&wire, &Join { upn, password, ..Join::default() }).await;
        // A join that was answered counts, whatever became of the sign-in after it.
        let Some(id) = machine.device_id() else { return };
        if told.send((id.to_owned(), key)).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_during_joins_loses_none_that_it_answered() {
    let desk = Desk::new();
    let mut answered: Vec<(String, String)> = Vec::new();
    for round in 0..4 {
        let mut served = Served::start(&desk);
        let found = served.records().await;
        for join in &answered {
            assert!(found.contains(join), "round {round}: {join:?} was answered and is gone");
        }
        let (tell, mut told) = mpsc::channel(100);
        let mut joining = Vec::new();
        for who in 0..PEOPLE.len() {
            let wire = served.wire(u64::try_from(round * 10 + who).unwrap());
            joining.push(tokio::spawn(join_until_killed(wire, round, who, tell.clone())));
        }
        drop(tell);
        // The others are in the middle of theirs when this many have been answered.
        for _ in 0..(3 + 2 * round) {
            answered.push(told.recv().await.unwrap());
        }
        served.child.kill().unwrap();
        while let Some(join) = told.recv().await {
            answered.push(join);
        }
        for task in joining {
            task.await.unwrap();
        }
    }
    let served = Served::start(&desk);
    let found = served.records().await;
    for join in &answered {
        assert!(found.contains(join), "{join:?} was answered and is gone");
    }
    let mut ids: Vec<&String> = found.iter().map(|(id, _)| id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), found.len(), "no id was given twice");
    println!("{} joins answered, {} records", answered.len(), found.len());
}

#[test]
fn a_server_that_is_asked_to_stop_stops_with_success_and_keeps_its_authority() {
    let desk = Desk::new();
    let mut pems = Vec::new();
    for _ in 0..2 {
        let mut served = Served::start(&desk);
        pems.push(served.ca_pem.clone());
        let pid = served.child.id().to_string();
        let sent = std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        assert!(sent.success());
        assert!(served.child.wait().unwrap().success());
    }
    assert_eq!(pems[0], pems[1]);
    assert!(Path::new(&desk.path("state")).join("directory.sqlite").exists());
}
