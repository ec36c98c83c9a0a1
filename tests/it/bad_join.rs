//! Bad joins and bad leaves over the wire: each gets the registration service's own words, and no record changes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    ALICE, BOB, DRS, DRS_RESOURCE, GRAPH, Sent, Town, client, contoso, held, openssl, part, read,
    sign, test_key,
};

const DEVICE: &str = "/EnrollmentServer/device/?api-version=1.0";

/// A town where bob has joined a machine, and what that machine sent.
async fn town() -> (Town, Sent) {
    let town = Town::start().await;
    town.joined("pc1", BOB).await;
    let sent = town.sent("POST", "/EnrollmentServer/device/", "CertificateRequest");
    (town, sent)
}

fn altered(sent: &Sent, pointer: &str, value: Value) -> String {
    let mut body: Value = serde_json::from_str(&sent.body).unwrap();
    *body.pointer_mut(pointer).unwrap() = value;
    body.to_string()
}

fn without(sent: &Sent, name: &str) -> String {
    let mut body: Value = serde_json::from_str(&sent.body).unwrap();
    body.as_object_mut().unwrap().remove(name);
    body.to_string()
}

/// Posts a body as a join and returns status, code, and the reason in the journal.
async fn post(town: &Town, path: &str, bearer: Option<&str>, body: &str) -> (u16, String, String) {
    let since = town.world().journal.last();
    let answer = town.send(Method::POST, &format!("{DRS}{path}"), bearer, body).await;
    let (status, code) = answer.code();
    let reasons = town.reasons(since, "join.denied");
    assert_eq!(reasons.len(), 1, "one refusal is one event: {answer:?}");
    (status, code, reasons[0].clone())
}

#[tokio::test]
async fn a_join_that_cannot_be_read_is_an_invalid_parameter() {
    let (town, sent) = town().await;
    let before = town.records().await;
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let long = "n".repeat(257);
    let malformed = [
        "{",
        "[]",
        "null",
        "\"text\"",
        "\u{feff}{}",
        deep.as_str(),
        &format!("{{\"JoinType\":{deep}}}"),
        &altered(&sent, "/JoinType", json!("0")),
        &altered(&sent, "/JoinType", json!(-1)),
        &altered(&sent, "/JoinType", json!(0.5)),
        &altered(&sent, "/DeviceDisplayName", json!(long)),
        &altered(&sent, "/DeviceDisplayName", json!("a\u{7}b")),
        &altered(&sent, "/DeviceDisplayName", json!(5)),
        &altered(&sent, "/DeviceDisplayName", json!("")),
        &altered(&sent, "/OSVersion", json!(null)),
        &altered(&sent, "/CertificateRequest", json!("pkcs10")),
        &altered(&sent, "/CertificateRequest/Type", json!("pkcs12")),
        &altered(&sent, "/CertificateRequest/Data", json!([1])),
        &without(&sent, "JoinType"),
        &without(&sent, "DeviceType"),
        &without(&sent, "TransportKey"),
        &without(&sent, "CertificateRequest"),
    ];
    for body in malformed {
        let said = post(&town, DEVICE, sent.bearer.as_deref(), body).await;
        let shown: String = body.chars().take(80).collect();
        assert_eq!(said, (400, "InvalidParameter".into(), "request-malformed".into()), "{shown}");
    }
    let unknown = altered(&sent, "/JoinType", json!(99));
    let said = post(&town, DEVICE, sent.bearer.as_deref(), &unknown).await;
    assert_eq!(said, (400, "AuthenticationError".into(), "join-type-refused".into()));
    assert_eq!(town.records().await, before);
}

#[tokio::test]
async fn an_empty_join_is_refused() {
    let (town, sent) = town().await;
    let before = town.records().await;
    let said = post(&town, DEVICE, sent.bearer.as_deref(), "").await;
    assert_eq!(said, (400, "InvalidParameter".into(), "request-malformed".into()));
    assert_eq!(town.records().await, before);
}

#[tokio::test]
async fn a_certificate_request_that_proves_nothing_is_refused() {
    let (town, sent) = town().await;
    let before = town.records().await;
    let body: Value = serde_json::from_str(&sent.body).unwrap();
    let der = STANDARD.decode(body["CertificateRequest"]["Data"].as_str().unwrap()).unwrap();
    let mut bad_signature = der.clone();
    *bad_signature.last_mut().unwrap() ^= 1;
    let mut longer = der.clone();
    longer.push(0);
    let mut requests = vec![
        "not base64!".to_owned(),
        STANDARD.encode("not a request"),
        STANDARD.encode(&der[..der.len() - 1]),
        STANDARD.encode(bad_signature),
        STANDARD.encode(longer),
        STANDARD.encode(vec![0x30; 200_000]),
    ];
    let folder = tempfile::tempdir().unwrap();
    let weak = "req -new -newkey rsa:1024 -nodes -keyout key -outform DER -out weak -subj /CN=weak";
    if openssl(folder.path(), weak).is_some() {
        requests.push(STANDARD.encode(std::fs::read(folder.path().join("weak")).unwrap()));
    }
    for request in requests {
        let body = altered(&sent, "/CertificateRequest/Data", json!(request));
        let (status, code, reason) = post(&town, DEVICE, sent.bearer.as_deref(), &body).await;
        let shown: String = request.chars().take(60).collect();
        assert_eq!((status, code.as_str()), (400, "InvalidParameter"), "{shown}");
        assert_eq!(reason, "certificate-request-invalid", "{shown}");
    }
    assert_eq!(town.records().await, before);
}

#[tokio::test]
async fn a_transport_key_that_wraps_nothing_is_refused() {
    let (town, sent) = town().await;
    let before = town.records().await;
    let body: Value = serde_json::from_str(&sent.body).unwrap();
    let blob = STANDARD.decode(body["TransportKey"].as_str().unwrap()).unwrap();
    let jwk = |jwk: Value| STANDARD.encode(jwk.to_string());
    for key in [
        "%%%".to_owned(),
        STANDARD.encode("RSA1"),
        STANDARD.encode(&blob[..blob.len() - 1]),
        STANDARD.encode([b"RSA2", &blob[4..]].concat()),
        jwk(json!({ "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA" })),
        jwk(json!({ "kty": "RSA", "e": "AQAB" })),
        jwk(json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB" })),
    ] {
        let body = altered(&sent, "/TransportKey", json!(key));
        let said = post(&town, DEVICE, sent.bearer.as_deref(), &body).await;
        assert_eq!(said, (400, "InvalidParameter".into(), "transport-key-invalid".into()), "{key}");
    }
    assert_eq!(town.records().await, before);
}

#[tokio::test]
async fn an_unknown_api_version_is_named() {
    let (town, sent) = town().await;
    let before = town.records().await;
    let token = sent.bearer.as_deref();
    for version in
        ["?api-version=3.0", "?api-version=", "", "?api-version=1.0.0", "?api-version=%00"]
    {
        let path = format!("/EnrollmentServer/device/{version}");
        let said = post(&town, &path, token, &sent.body).await;
        assert_eq!(
            said,
            (400, "InvalidParameter".into(), "api-version-unknown".into()),
            "{version}"
        );
    }
    for (path, answered) in [
        ("/contoso.test/Discover?api-version=1.9", 200),
        ("/contoso.test/Discover?api-version=2.0", 400),
        ("/contoso.test/Discover?api-version=1.10", 400),
        ("/contoso.test/Discover?api-version=1.+1", 400),
        ("/contoso.test/Discover", 400),
        ("/EnrollmentServer/contract?api-version=1.1", 400),
    ] {
        assert_eq!(town.get(&format!("{DRS}{path}"), None).await.status, answered, "{path}");
    }
    assert_eq!(town.records().await, before);
}

/// Tokens that are none, by what is wrong with them.
fn forged(good: &str) -> Vec<(&'static str, String)> {
    let (header, claims) = (part(good, 0), part(good, 1));
    let parts: Vec<&str> = good.split('.').collect();
    let mut other = claims.clone();
    other["oid"] = json!("00000000-0000-4000-8000-000000000000");
    let raw =
        |value: &Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string());
    let mut none = header.clone();
    none["alg"] = json!("none");
    let mut hmac = header.clone();
    hmac["alg"] = json!("HS256");
    vec![
        ("not a token", "nonsense".to_owned()),
        ("three empty parts", "..".to_owned()),
        ("alg none", format!("{}.{}.", raw(&none), parts[1])),
        ("alg none with the old signature", format!("{}.{}.{}", raw(&none), parts[1], parts[2])),
        ("alg HS256", format!("{}.{}.{}", raw(&hmac), parts[1], parts[2])),
        ("other claims", format!("{}.{}.{}", parts[0], raw(&other), parts[2])),
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
        ("a foreign key", sign(&header, &claims, &test_key(23))),
        ("claims that are a list", sign(&header, &json!([1]), &test_key(23))),
        ("one character more", format!("{good}A")),
        ("large", format!("{}.{}.{}", parts[0], "A".repeat(20_000), parts[2])),
    ]
}

#[tokio::test]
async fn a_join_with_a_token_that_is_none_is_refused() {
    let (town, sent) = town().await;
    let before = town.records().await;
    let good = town.token_of(ALICE, DRS_RESOURCE).await;
    let expected = |reason: &str| (401, "AuthenticationError".to_owned(), reason.to_owned());
    for (what, token) in forged(&good) {
        let said = post(&town, DEVICE, Some(&token), &sent.body).await;
        assert_eq!(said, expected("token-invalid"), "{what}");
    }
    assert_eq!(post(&town, DEVICE, None, &sent.body).await, expected("token-invalid"));
    let graph = town.token_of(ALICE, GRAPH).await;
    let said = post(&town, DEVICE, Some(&graph), &sent.body).await;
    assert_eq!(said, expected("token-audience-wrong"));
    town.advance(3600);
    let said = post(&town, DEVICE, Some(&good), &sent.body).await;
    assert_eq!(said, expected("token-expired"));
    assert_eq!(town.records().await, before);
}

#[tokio::test]
async fn graph_and_files_accept_no_forged_token() {
    let town = Town::start().await;
    let good = town.token_of(ALICE, GRAPH).await;
    for (what, token) in forged(&good) {
        for url in ["https://graph.microsoft.com/v1.0/me", "https://files.contoso.test/me"] {
            let answer = town.get(url, Some(&token)).await;
            assert_eq!(answer.code(), (401, "InvalidAuthenticationToken".into()), "{what} {url}");
        }
    }
}

#[tokio::test]
async fn a_join_works_whatever_its_content_type_says_and_a_large_one_is_cut_off() {
    let (town, sent) = town().await;
    let token = sent.bearer.as_deref().unwrap();
    let url = format!("{DRS}{DEVICE}");
    for content_type in [None, Some("text/plain"), Some("application/json; charset=utf-8")] {
        let count = town.world().directory.device_count().unwrap();
        let mut request = town.http.post(&url).bearer_auth(token).body(sent.body.clone());
        if let Some(kind) = content_type {
            request = request.header("content-type", kind);
        }
        let answer = read(request).await;
        assert_eq!(answer.status, 200, "{content_type:?}: {answer:?}");
        assert_eq!(town.world().directory.device_count().unwrap(), count + 1);
    }
    let before = town.records().await;
    let large = format!("{}{}", sent.body, " ".repeat(5 << 20));
    let answer = read(town.http.post(&url).bearer_auth(token).body(large)).await;
    assert_eq!(answer.status, 413, "{answer:?}");
    assert_eq!(answer.code().1, "InvalidParameter", "{answer:?}");
    assert_eq!(town.records().await, before);
}

#[tokio::test]
async fn rules_refuse_a_join_in_their_own_words() {
    let mut document = contoso();
    document["tenant"]["device_quota"] = json!(1);
    let town = Town::of(document).await;
    town.joined("pc1", ALICE).await;
    let sent = town.sent("POST", "/EnrollmentServer/device/", "CertificateRequest");
    let before = town.records().await;
    let said = post(&town, DEVICE, sent.bearer.as_deref(), &sent.body).await;
    assert_eq!(said, (400, "AuthorizationError".into(), "device-quota-reached".into()));
    assert_eq!(town.records().await, before);

    let mut document = contoso();
    document["tenant"]["may_join"] = json!("nobody");
    let town = Town::of(document).await;
    let token = town.token_of(ALICE, DRS_RESOURCE).await;
    let before = town.records().await;
    let said = post(&town, DEVICE, Some(&token), &sent.body).await;
    assert_eq!(said, (400, "AuthorizationError".into(), "join-not-allowed".into()));
    assert_eq!(town.records().await, before);
}

#[tokio::test]
async fn a_leave_wants_the_devices_own_certificate() {
    let town = Town::start().await;
    let (one, other) = (town.joined("pc1", BOB).await, town.joined("pc2", BOB).await);
    let (one, other) = (held(&one), held(&other));
    let made = rcgen::generate_simple_self_signed(vec!["pc1".to_owned()]).unwrap();
    let (stranger, stranger_key) = (made.cert.der().to_vec(), made.signing_key.serialize_der());
    let before = town.records().await;
    let own = format!("{DRS}/EnrollmentServer/device/{}?api-version=1.0", one.device_id);
    let unknown =
        format!("{DRS}/EnrollmentServer/device/{}?api-version=1.0", crate::support::TENANT);
    let nameless = format!("{DRS}/EnrollmentServer/device/nonsense?api-version=1.0");
    let showing = |certificate: &[u8], key: &[u8]| {
        let proxy = town.emulator.proxy_url();
        client(Some(&proxy), town.emulator.ca_pem(), Some((certificate, key))).build().unwrap()
    };
    let bob = showing(&one.certificate, &one.key);
    let cases = [
        (town.http.clone(), &own, 401, "AuthenticationError"),
        (showing(&stranger, &stranger_key), &own, 401, "AuthenticationError"),
        (showing(&other.certificate, &other.key), &own, 401, "AuthenticationError"),
        (bob.clone(), &unknown, 401, "AuthenticationError"),
        (bob.clone(), &nameless, 400, "InvalidParameter"),
    ];
    for (http, url, status, code) in cases {
        let answer = read(http.delete(url.as_str())).await;
        assert_eq!(answer.code(), (status, code.to_owned()), "{url}");
    }
    let reasons: Vec<String> =
        town.reasons(0, "http").into_iter().filter(|reason| reason != "none").collect();
    assert_eq!(
        reasons,
        [
            "certificate-missing",
            "certificate-unknown",
            "certificate-of-another-device",
            "certificate-of-another-device",
            "request-malformed"
        ]
    );
    assert_eq!(town.records().await, before);
    assert_eq!(read(bob.delete(&own)).await.status, 200, "its own certificate deletes it");
    assert_eq!(read(bob.delete(&own)).await.status, 401, "once");
}

#[tokio::test]
async fn a_hybrid_join_of_nothing_is_refused() {
    let (town, sent) = town().await;
    let before = town.records().await;
    for id in [crate::support::TENANT, "nonsense", "..%2f..%2fetc"] {
        let url = format!("{DRS}/EnrollmentServer/device/{id}?api-version=1.0");
        for body in ["{", &sent.body] {
            let answer = town.send(Method::PUT, &url, None, body).await;
            assert_eq!(answer.status, 400, "{id}: {answer:?}");
            answer.code();
        }
    }
    assert_eq!(town.records().await, before);
}
