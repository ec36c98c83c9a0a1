//! The CA and the leaves, judged by other people's code.

use std::{io::Write as _, process::Command, sync::Arc};

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{TlsCa, TlsError, TlsHosts};

const NOW: i64 = 1_700_000_000;
const DOMAINS: [&str; 2] = ["microsoftonline.com", "windows.net"];

fn ca() -> TlsCa {
    TlsCa::generate(NOW, DOMAINS).unwrap()
}

fn pem(der: &[u8]) -> String {
    super::ca::pem_block("CERTIFICATE", der)
}

/// Runs openssl; `None` when the machine has none.
fn openssl(arguments: &[&str]) -> Option<(bool, String)> {
    match Command::new("openssl").args(arguments).output() {
        Ok(output) => {
            let text = [output.stdout, output.stderr].concat();
            Some((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            println!("SKIPPED: openssl is not installed");
            None
        }
        Err(error) => panic!("openssl: {error}"),
    }
}

/// What `openssl verify -x509_strict` says about a leaf for `host`.
fn verdict(ca: &TlsCa, host: &str) -> Option<(bool, String)> {
    let folder = tempfile::tempdir().unwrap();
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let leaf = ca.issue(host, &key, &[]).unwrap();
    let (root, file) = (folder.path().join("ca.pem"), folder.path().join("leaf.pem"));
    std::fs::write(&root, ca.ca_pem()).unwrap();
    std::fs::write(&file, pem(leaf.der())).unwrap();
    let flag =
        if host.parse::<std::net::IpAddr>().is_ok() { "-verify_ip" } else { "-verify_hostname" };
    openssl(&[
        "verify",
        "-x509_strict",
        "-purpose",
        "sslserver",
        flag,
        host,
        "-CAfile",
        root.to_str().unwrap(),
        file.to_str().unwrap(),
    ])
}

#[test]
fn openssl_accepts_the_emulated_hosts_strictly() {
    let ca = ca();
    let long = format!("{}.example.test", "a".repeat(60));
    for host in [
        "login.microsoftonline.com",
        "microsoftonline.com",
        "enterpriseregistration.windows.net",
        "files.contoso.test",
        "localhost",
        "127.0.0.1",
        "::1",
        &long,
    ] {
        let Some((good, text)) = verdict(&ca, host) else { return };
        assert!(good, "{host}: {text}");
        assert!(ca.permits(host), "{host}");
    }
}

#[test]
fn openssl_rejects_what_the_ca_may_not_certify() {
    let ca = ca();
    for host in ["example.com", "notmicrosoftonline.com", "contest", "192.0.2.1", "::2"] {
        let Some((good, text)) = verdict(&ca, host) else { return };
        assert!(!good && text.contains("permitted subtree violation"), "{host}: {text}");
        assert!(!ca.permits(host), "{host}");
    }
}

#[test]
fn openssl_reads_the_root_as_it_is_meant() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(ca().ca_pem().as_bytes()).unwrap();
    let arguments = ["x509", "-noout", "-text", "-in", file.path().to_str().unwrap()];
    let Some((_, text)) = openssl(&arguments) else { return };
    for line in [
        "Not Before: Jan  1 00:00:00 2000 GMT",
        "Not After : Jan  1 00:00:00 2100 GMT",
        "X509v3 Basic Constraints: critical",
        "CA:TRUE, pathlen:0",
        "X509v3 Key Usage: critical",
        "Certificate Sign, CRL Sign",
        "X509v3 Subject Key Identifier:",
        "X509v3 Name Constraints: critical",
        "DNS:microsoftonline.com",
        "DNS:test",
        "DNS:localhost",
        "IP:127.0.0.0/255.0.0.0",
        "CN = linarite local test CA ",
        "made 2023-11-14",
        "ASN1 OID: prime256v1",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

#[test]
fn serial_numbers_are_positive_and_differ_by_host_and_salt() {
    let ca = ca();
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let serial = |host: &str, salt: &[u8]| {
        let leaf = ca.issue(host, &key, salt).unwrap();
        let (_, leaf) = X509Certificate::from_der(leaf.der()).unwrap();
        assert_eq!(leaf.raw_serial().len(), 16);
        assert_eq!(leaf.raw_serial()[0] & 0x80, 0);
        leaf.raw_serial().to_vec()
    };
    assert_eq!(serial("a.test", &[]), serial("a.test", &[]));
    assert_ne!(serial("a.test", &[]), serial("b.test", &[]));
    assert_ne!(serial("a.test", &[]), serial("a.test", &[1]));
}

#[test]
fn a_ca_survives_its_pem() {
    let made = ca();
    let read = TlsCa::from_pem(&made.to_pem()).unwrap();
    assert_eq!(read.ca_der(), made.ca_der());
    assert_eq!(read.to_pem(), made.to_pem());
    assert_eq!(read.ca_pem(), made.ca_pem());
    assert!(read.permits("login.microsoftonline.com") && !read.permits("example.com"));
    let Some((good, text)) = verdict(&read, "login.microsoftonline.com") else { return };
    assert!(good, "{text}");
}

#[test]
fn a_pem_that_is_not_our_ca_is_named_as_such() {
    let (one, other) = (ca(), ca());
    let key_of_one = one.to_pem().replace(one.ca_pem(), "");
    for (text, reason) in [
        (String::new(), "no certificate"),
        (one.ca_pem().to_owned(), "no private key"),
        (key_of_one.clone(), "no certificate"),
        (format!("{key_of_one}{}", other.ca_pem()), "the key is not the certificate's"),
    ] {
        let Err(TlsError::Pem(why)) = TlsCa::from_pem(&text) else { panic!("{text} was taken") };
        assert!(why.contains(reason), "{why}");
    }
}

#[test]
fn a_folder_keeps_its_ca() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("state");
    let first = TlsCa::load_or_create(&dir, NOW, DOMAINS).unwrap();
    let again = TlsCa::load_or_create(&dir, NOW + 1, ["windows.net"]).unwrap();
    assert_eq!(first.ca_der(), again.ca_der());
    let public = std::fs::read_to_string(TlsCa::certificate_path(&dir)).unwrap();
    assert_eq!(public, first.ca_pem());
    assert!(!public.contains("PRIVATE"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode =
            |name: &str| std::fs::metadata(dir.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode("tls-ca.key.pem"), 0o600);
    }
}

#[test]
fn a_ca_for_other_domains_and_a_damaged_one_are_refused_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    TlsCa::load_or_create(folder.path(), NOW, DOMAINS).unwrap();
    let error = TlsCa::load_or_create(folder.path(), NOW, ["windows.net", "corp.example"]);
    let words = error.unwrap_err().to_string();
    assert!(words.contains("may not certify corp.example:"), "{words}");

    std::fs::write(folder.path().join("tls-ca.key.pem"), "nonsense").unwrap();
    let error = TlsCa::load_or_create(folder.path(), NOW, DOMAINS).unwrap_err();
    assert!(matches!(&error, TlsError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("move it away"), "{error}");
}

#[test]
fn many_that_start_at_once_share_one_ca() {
    let folder = tempfile::tempdir().unwrap();
    let roots: Vec<Vec<u8>> = std::thread::scope(|scope| {
        let makers: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let ca = TlsCa::load_or_create(folder.path(), NOW, DOMAINS).unwrap();
                    ca.ca_der().to_vec()
                })
            })
            .collect();
        makers.into_iter().map(|maker| maker.join().unwrap()).collect()
    });
    assert!(roots.iter().all(|root| *root == roots[0]));
}

#[test]
fn a_host_is_minted_once() {
    let hosts = TlsHosts::new(Arc::new(ca())).unwrap();
    let first = hosts.settings("a.test", false).unwrap();
    assert!(Arc::ptr_eq(&first, &hosts.settings("a.test", false).unwrap()));
    assert!(!Arc::ptr_eq(&first, &hosts.settings("a.test", true).unwrap()));
    // More hosts than are remembered do no harm.
    for host in 0..1100 {
        hosts.settings(&format!("h{host}.test"), false).unwrap();
    }
    hosts.settings("a.test", false).unwrap();
}

#[test]
fn names_that_no_certificate_can_hold_are_refused() {
    let ca = ca();
    let hosts = TlsHosts::new(Arc::new(ca)).unwrap();
    for name in ["", "a..b", "a b", "*.test", "\u{e9}.test", &"a".repeat(64)] {
        let error = hosts.settings(name, false).unwrap_err();
        assert!(matches!(error, TlsError::Name { .. }), "{name}: {error}");
        assert!(matches!(TlsCa::generate(NOW, [name]), Err(TlsError::Name { .. })), "{name}");
    }
}

#[test]
fn the_root_is_readable_by_the_library_that_clients_in_rust_use() {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from(ca().ca_der().to_vec())).unwrap();
}
