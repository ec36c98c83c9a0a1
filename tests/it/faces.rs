//! The faces: the same services by proxy, by path prefix and by TLS straight to the port, and the names of hosts and
//! tenants on each of them.

use std::collections::BTreeSet;

use linarite_server::Emulator;
use linarite_windows::WireSpec;
use reqwest::Method;
use serde_json::Value;

use crate::support::{
    Answer, BOB, DRS, GRAPH, LOGIN, START, TENANT, Town, client, contoso, join, machine, read,
    wire_of,
};

/// A town with an HTTPS port, and a client for each face.
struct Faces {
    town: Town,
    direct: reqwest::Client,
    plain: reqwest::Client,
    port: u16,
}

impl Faces {
    async fn start() -> Self {
        let town = Town::built(Emulator::builder().world(contoso()).seed(7).https_port(0)).await;
        let https = town.emulator.https_address().unwrap();
        let ca = town.emulator.ca_pem();
        let mut direct = client(None, ca, None);
        for host in town.world().hosts() {
            direct = direct.resolve(host, https);
        }
        let (direct, plain) = (direct.build().unwrap(), client(None, ca, None).build().unwrap());
        Self { town, direct, plain, port: https.port() }
    }

    /// The same path of the same host by proxy, directly and by prefix, and how URLs of each begin.
    async fn all(&self, host: &str, path: &str) -> [(String, Answer); 3] {
        let proxy = format!("https://{host}");
        let direct = format!("https://{host}:{}", self.port);
        let prefix = format!("{}/{host}", self.prefix());
        let by_proxy = self.town.get(&format!("{proxy}{path}"), None).await;
        let by_direct = read(self.direct.get(format!("{direct}{path}"))).await;
        let by_prefix = read(self.plain.get(format!("{prefix}{path}"))).await;
        [
            ("https://".to_owned(), by_proxy),
            ("https://".to_owned(), by_direct),
            (format!("{}/", self.prefix()), by_prefix),
        ]
    }

    fn prefix(&self) -> String {
        format!("http://{}", self.town.emulator.proxy_address())
    }
}

/// Every text in a document that is a URL of an emulated host.
fn urls(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if text.starts_with("http") => drop(found.insert(text.clone())),
        Value::Array(items) => items.iter().for_each(|item| urls(item, found)),
        Value::Object(map) => map.values().for_each(|item| urls(item, found)),
        _ => {}
    }
}

/// The path of a URL behind its host, on whichever face.
fn path_of(url: &str, faces: &Faces) -> String {
    let rest = url.strip_prefix(&faces.prefix()).map(|rest| rest.trim_start_matches('/'));
    let rest = rest.or_else(|| url.strip_prefix("https://")).unwrap_or_else(|| panic!("{url}"));
    rest.replace(&format!(":{}/", faces.port), "/")
}

#[tokio::test]
async fn discovery_gives_addresses_of_the_face_that_asked() {
    let faces = Faces::start().await;
    for (host, path) in [
        ("enterpriseregistration.windows.net", "/contoso.test/Discover?api-version=1.9"),
        ("enterpriseregistration.contoso.test", "/contoso.test/Discover?api-version=1.9"),
        ("login.microsoftonline.com", "/common/.well-known/openid-configuration"),
        ("login.microsoftonline.com", "/contoso.test/v2.0/.well-known/openid-configuration"),
        ("login.windows.net", "/common/.well-known/openid-configuration"),
    ] {
        let mut paths = BTreeSet::new();
        for (face, (begin, answer)) in faces.all(host, path).await.into_iter().enumerate() {
            assert_eq!(answer.status, 200, "{host}{path}: {answer:?}");
            let mut document = answer.json();
            // Identities, which are no addresses.
            for name in ["issuer", "rbac_url"] {
                document.as_object_mut().unwrap().remove(name);
            }
            document.as_object_mut().unwrap().remove("AzureRbacService");
            let mut found = BTreeSet::new();
            urls(&document, &mut found);
            assert!(found.len() >= 4, "{document}");
            for url in &found {
                assert!(url.starts_with(&begin), "{host}{path}: {url}");
                let ported = url.contains(&format!(":{}/", faces.port));
                assert_eq!(ported, face == 1, "only TLS to the port has the port: {url}");
            }
            let own: Vec<String> = found.iter().map(|url| path_of(url, &faces)).collect();
            paths.insert(own.join("\n"));
        }
        assert_eq!(paths.len(), 1, "the three documents differ in more than the face: {paths:#?}");
    }
}

#[tokio::test]
async fn the_issuer_is_the_services_own_name_on_every_face() {
    let faces = Faces::start().await;
    let path = format!("/{TENANT}/v2.0/.well-known/openid-configuration");
    for (_, answer) in faces.all("login.microsoftonline.com", &path).await {
        assert_eq!(answer.json()["issuer"], format!("{LOGIN}/{TENANT}/v2.0").as_str());
    }
}

#[tokio::test]
async fn what_one_face_issues_another_accepts() {
    let faces = Faces::start().await;
    let token = faces.town.token_of(BOB, GRAPH).await;
    let direct = format!("https://graph.microsoft.com:{}/v1.0/me", faces.port);
    let prefix = format!("{}/graph.microsoft.com/v1.0/me", faces.prefix());
    let by_direct = read(faces.direct.get(direct).bearer_auth(&token)).await;
    let by_prefix = read(faces.plain.get(prefix).bearer_auth(&token)).await;
    assert_eq!((by_direct.status, by_prefix.status), (200, 200));
    assert_eq!(by_direct.json()["userPrincipalName"], BOB.0);
}

#[tokio::test]
async fn next_links_lead_on_by_the_same_face() {
    let faces = Faces::start().await;
    let token = faces.town.token_of(BOB, GRAPH).await;
    let prefix = format!("{}/graph.microsoft.com/v1.0/devices?$top=2", faces.prefix());
    let first = read(faces.plain.get(prefix).bearer_auth(&token)).await.json();
    let next = first["@odata.nextLink"].as_str().unwrap();
    assert!(next.starts_with(&faces.prefix()), "{next}");
    let second = read(faces.plain.get(next).bearer_auth(&token)).await.json();
    assert_eq!(first["value"].as_array().unwrap().len(), 2);
    assert_eq!(second["value"].as_array().unwrap().len(), 1);
    assert!(second.get("@odata.nextLink").is_none());
}

#[tokio::test]
async fn a_machine_registers_by_the_prefix_face_but_cannot_leave_by_it() {
    let faces = Faces::start().await;
    let base = |host: &str| format!("{}/{host}", faces.prefix());
    let spec = WireSpec {
        login: base("login.microsoftonline.com"),
        registration: base("enterpriseregistration.windows.net"),
        ..WireSpec::default()
    };
    let wire = wire_of(spec, faces.town.world());
    let mut machine = machine("pc1");
    let joined = join(&mut machine, &wire, BOB).await;
    assert_eq!((joined.exit, joined.error), (0, None), "{}", joined.output);
    assert_eq!(faces.town.world().directory.device_count().unwrap(), 4);
    let left = machine.leave(&wire).await;
    assert_eq!(left.error.unwrap().http_status, Some(401));
    assert_eq!(faces.town.world().directory.device_count().unwrap(), 4, "its record stays behind");
}

#[tokio::test]
async fn a_delete_over_plain_http_is_refused_by_name() {
    let faces = Faces::start().await;
    let machine = faces.town.joined("pc1", BOB).await;
    let held = crate::support::held(&machine);
    let before = faces.town.records().await;
    let host = "enterpriseregistration.windows.net";
    let path = format!("/EnrollmentServer/device/{}?api-version=1.0", held.device_id);
    let answer = read(faces.plain.delete(format!("{}/{host}{path}", faces.prefix()))).await;
    assert_eq!(answer.code(), (401, "AuthenticationError".to_owned()));
    assert!(answer.text.contains("plain HTTP"), "{answer:?}");
    assert!(faces.town.reasons(0, "http").contains(&"mutual-tls-unavailable".to_owned()));
    assert_eq!(faces.town.records().await, before);

    let https = faces.town.emulator.https_address().unwrap();
    let identity = Some((&held.certificate[..], &held.key[..]));
    let known = client(None, faces.town.emulator.ca_pem(), identity).resolve(host, https);
    let url = format!("https://{host}:{}{path}", faces.port);
    let answer = read(known.build().unwrap().delete(url)).await;
    assert_eq!(answer.status, 200, "TLS straight to the port can: {answer:?}");
}

#[tokio::test]
async fn a_tenant_goes_by_its_id_its_domains_and_two_words() {
    let town = Town::start().await;
    let upper = TENANT.to_uppercase();
    for segment in [
        TENANT,
        upper.as_str(),
        "contoso.test",
        "Contoso.TEST",
        "contoso.onmicrosoft.test",
        "fabrikam.test",
        "common",
        "ORGANIZATIONS",
    ] {
        let configuration =
            town.get(&format!("{LOGIN}/{segment}/.well-known/openid-configuration"), None).await;
        assert_eq!(configuration.status, 200, "{segment}");
        let endpoint = configuration.json()["token_endpoint"].as_str().unwrap().to_owned();
        let word =
            ["common", "organizations"].into_iter().find(|word| segment.eq_ignore_ascii_case(word));
        assert_eq!(endpoint, format!("{LOGIN}/{}/oauth2/token", word.unwrap_or(TENANT)));
        let discovered = town.get(&format!("{DRS}/{segment}/Discover?api-version=1.9"), None).await;
        assert_eq!(discovered.json()["TenantInfo"]["TenantId"], TENANT, "{segment}");
        let form = [("grant_type", "srv_challenge")];
        assert_eq!(
            town.post_form(&format!("{LOGIN}/{segment}/oauth2/token"), &form).await.status,
            200
        );
        assert_eq!(town.get(&format!("{LOGIN}/{segment}/discovery/keys"), None).await.status, 200);
    }
    for segment in ["consumers", "nowhere.test", "contoso.test.", "contoso"] {
        let answer =
            town.get(&format!("{LOGIN}/{segment}/.well-known/openid-configuration"), None).await;
        assert_eq!(answer.aadsts(), (400, 90_002), "{segment}");
    }
}

#[tokio::test]
async fn case_and_doubled_slashes_do_not_matter() {
    let town = Town::start().await;
    let token = town.token_of(BOB, GRAPH).await;
    for (url, token) in [
        (format!("{DRS}//contoso.test//Discover?api-version=1.9"), None),
        (format!("{DRS}/CONTOSO.TEST/dISCOVER?API-VERSION=1.9"), None),
        (format!("{DRS}/enrollmentserver/CONTRACT?api-version=1.2"), None),
        (format!("{LOGIN}//Common//Discovery//Keys"), None),
        (format!("{LOGIN}/common/UserRealm/bob@contoso.test?api-version=1.0"), None),
        (format!("{GRAPH}//v1.0//Devices"), Some(token.as_str())),
        (format!("{GRAPH}/V1.0/ME/OwnedDevices"), Some(token.as_str())),
    ] {
        let answer = town.get(&url, token).await;
        assert_eq!(answer.status, 200, "{url}: {answer:?}");
    }
    let mut hosts =
        vec!["LOGIN.MicrosoftOnline.com".to_owned(), "login.microsoftonline.com.".to_owned()];
    hosts.push("login.microsoftonline.com:443".to_owned());
    for host in hosts {
        let request = format!(
            "GET http://{host}/common/discovery/keys HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        );
        let answer = town.raw(request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{host}: {answer}");
    }
}

#[tokio::test]
async fn an_unknown_host_is_refused_by_name_and_noted() {
    let town = Town::start().await;
    let connect = "CONNECT www.example.com:443 HTTP/1.1\r\nHost: www.example.com:443\r\nConnection: close\r\n\r\n";
    let get = "GET http://example.org/x HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n";
    let address =
        "CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: 169.254.169.254\r\nConnection: close\r\n\r\n";
    for (request, host) in
        [(connect, "www.example.com"), (get, "example.org"), (address, "169.254.169.254")]
    {
        let since = town.world().journal.last();
        let answer = town.raw(request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
        assert!(answer.contains(host) && answer.contains("not emulated"), "{answer}");
        let events = town.world().journal.since(since);
        let refused: Vec<_> = events.iter().filter(|e| e.kind.word() == "edge.refused").collect();
        assert_eq!(refused.len(), 1);
        assert_eq!(refused[0].fields.text("reason"), Some("unknown-host"));
        assert_eq!(refused[0].fields.text("host"), Some(host));
    }
    let error = town.http.get("https://www.example.com/").send().await.unwrap_err();
    assert!(error.is_connect(), "a client behind the proxy gets nowhere: {error:?}");
}

#[tokio::test]
async fn names_that_disagree_are_misdirected() {
    let town = Town::start().await;
    let request = "GET http://login.microsoftonline.com/common/discovery/keys HTTP/1.1\r\nHost: graph.microsoft.com\r\nConnection: close\r\n\r\n";
    let answer = town.raw(request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 421"), "{answer}");
    let request = town.http.request(Method::GET, format!("{LOGIN}/common/discovery/keys"));
    let answer = read(request.header("host", "graph.microsoft.com")).await;
    assert_eq!(answer.status, 421, "{answer:?}");
    assert_eq!(town.reasons(0, "edge.refused"), ["mismatch", "mismatch"]);
}

#[tokio::test]
async fn answers_carry_the_worlds_time() {
    let town = Town::start().await;
    let answer = town.get(&format!("{LOGIN}/common/discovery/keys"), None).await;
    assert_eq!(answer.header("date"), "Mon, 02 Mar 2026 09:00:00 GMT");
    assert_eq!(town.world().clock.now(), START);
}
