//! What a request began is done and noted whatever becomes of its client, and a body that is too long never begins anything.

use std::pin::pin;
use std::time::Duration;

use linarite_server::Emulator;
use reqwest::{Client, Method, Proxy, Version};

use crate::support::{BOB, DRS, FILES, GRAPH, LOGIN, Town, contoso, read, tls};

const DEVICE: &str = "/EnrollmentServer/device/?api-version=1.0";
const MDM: &str = "https://enrollment.manage.microsoft.com";
const TRUST: &str = "https://sts.fabrikam.test/adfs/services/trust";

#[tokio::test]
async fn a_body_that_is_too_long_gets_the_services_own_error_and_changes_nothing() {
    let town = Town::start().await;
    town.joined("pc1", BOB).await;
    let before = town.records().await;
    let large = "x".repeat(5 << 20);
    for (url, words) in [
        (format!("{LOGIN}/common/oauth2/token"), r#""error_codes":[9002313]"#),
        (format!("{LOGIN}/contoso.test/login"), r#""error":"invalid_request""#),
        (format!("{DRS}{DEVICE}"), r#""ErrorType":"InvalidParameter""#),
        (format!("{DRS}/EnrollmentServer/key/"), "InvalidParameter"),
        (
            format!("{DRS}/EnrollmentServer/DeviceEnrollmentWebService.svc"),
            "<ErrorType>InvalidParameter</ErrorType>",
        ),
        (
            format!("{MDM}/enrollmentserver/enrollment.svc"),
            "<s:Text xml:lang=\"en-US\">The message is too large.",
        ),
        (format!("{MDM}/TermsOfUse.aspx"), "<h2>The message is too large.</h2>"),
        ("https://portal.azure.com/signout".to_owned(), "<h1>Nothing was changed</h1>"),
        (format!("{GRAPH}/v1.0/devices"), r#"{"error":{"code":"Request_BadRequest""#),
        ("https://graph.windows.net/contoso.test/devices".to_owned(), "odata.error"),
        (format!("{FILES}/me"), r#""message":"The request body is too large.""#),
        (
            format!("{TRUST}/13/usernamemixed"),
            "<s:Text xml:lang=\"en-US\">The message is too large.",
        ),
        (format!("{TRUST}/2005/usernamemixed"), "02/trust\">a:InvalidRequest"),
        ("https://sts.fabrikam.test/adfs/ls/".to_owned(), "<h2>The message is too large.</h2>"),
    ] {
        let since = town.world().journal.last();
        let answer = read(town.http.post(&url).body(large.clone())).await;
        assert_eq!(answer.status, 413, "{url}: {answer:?}");
        assert!(answer.text.contains(words), "{url}: {answer:?}");
        let events = town.world().journal.since(since);
        let noted = events.iter().find(|event| event.kind.word() == "http").unwrap();
        assert!(noted.fields.text("reason").unwrap().ends_with("too-large"), "{url}");
        assert!(noted.exchange.as_ref().unwrap().request_body().is_empty(), "{url}");
        assert!(town.reasons(since, "edge.refused").is_empty(), "{url}");
    }
    assert_eq!(town.records().await, before);
}

/// A client that speaks HTTP/2.
fn client(town: &Town) -> Client {
    let mut config = tls(town.emulator.ca_pem(), None);
    config.alpn_protocols = vec![b"h2".to_vec()];
    Client::builder()
        .tls_backend_preconfigured(config)
        .proxy(Proxy::all(town.emulator.proxy_url()).unwrap())
        .build()
        .unwrap()
}

/// How often the journal has these: exchanges about joins, and joins.
fn noted(town: &Town) -> (usize, usize) {
    let events = town.world().journal.since(0);
    let joins = events.iter().filter(|event| event.kind.word() == "join").count();
    let exchanges = events.iter().filter(|event| {
        event.kind.word() == "http" && event.fields.text("operation") == Some("join")
    });
    (exchanges.count(), joins)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_join_whose_client_takes_the_request_back_is_in_the_journal_all_the_same() {
    const JOINS: u64 = 30;
    let folder = tempfile::tempdir().unwrap();
    let mut document = contoso();
    document["tenant"]["device_quota"] = 1000.into();
    // Joins wait for the thread that writes, which gives clients time to go.
    let builder = Emulator::builder().world(document).seed(7).state(folder.path());
    let town = Town::built(builder).await;
    town.joined("pc1", BOB).await;
    let sent = town.sent("POST", "/EnrollmentServer/device/", "CertificateRequest");
    let client = client(&town);
    let hello = client.get(format!("{LOGIN}/common/discovery/keys")).send().await.unwrap();
    assert_eq!(hello.version(), Version::HTTP_2);
    let directory = &town.world().directory;
    for _ in 0..JOINS {
        let made = directory.device_count().unwrap() + 1;
        let request = client.request(Method::POST, format!("{DRS}{DEVICE}"));
        let request = request.bearer_auth(sent.bearer.as_deref().unwrap()).body(sent.body.clone());
        let mut answer = pin!(request.send());
        let is_made = async {
            while directory.device_count().unwrap() < made {
                tokio::task::yield_now().await;
            }
        };
        // As soon as the record is there the client goes, if it has no answer yet.
        tokio::select! {
            biased;
            () = is_made => {}
            answer = &mut answer => assert_eq!(answer.unwrap().status(), 200),
        }
    }
    let records = usize::try_from(JOINS).unwrap() + 1;
    let all_noted = async {
        while noted(&town) != (records, records) {
            tokio::task::yield_now().await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(20), all_noted).await;
    assert!(in_time.is_ok(), "{:?} of {records}", noted(&town));
}
