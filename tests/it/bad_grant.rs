//! Bad sign-ins over the wire: forms, grants, signed requests, nonces, codes. Each gets the token service's own number, and
//! no record changes.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use linarite_windows::Machine;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    ALICE, AZURE_CLI, Answer, BOB, FILES, GRAPH, LOGIN, TENANT, Town, fields, form, held, part,
    read, sign, test_key,
};

const LINE_APP: &str = "7c9c1f0a-2f54-4a0e-8f0b-5b7b6f0a7a02";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

#[tokio::test]
async fn each_mistake_in_a_form_has_its_own_number() {
    let town = Town::start().await;
    let before = town.records().await;
    let (v1, v2) =
        (format!("{LOGIN}/{TENANT}/oauth2/token"), format!("{LOGIN}/common/oauth2/v2.0/token"));
    let password = |client: &str, resource: &str, user: &str, password: &str| {
        form(&[
            ("grant_type", "password"),
            ("client_id", client),
            ("resource", resource),
            ("username", user),
            ("password", password),
        ])
    };
    let scoped = |scope: &str| {
        let user = [("username", ALICE.0), ("password", ALICE.1), ("scope", scope)];
        form(&[&[("grant_type", "password"), ("client_id", AZURE_CLI)], &user[..]].concat())
    };
    let refresh = |token: &str| {
        form(&[("grant_type", "refresh_token"), ("client_id", AZURE_CLI), ("refresh_token", token)])
    };
    let secret = |client: &str, secret: &str| {
        form(&[("grant_type", "refresh_token"), ("client_id", client), ("client_secret", secret)])
    };
    let long = "x".repeat(100_000);
    let cases = [
        (&v1, String::new(), 400, 900_144),
        (&v1, "&&&===&".to_owned(), 400, 900_144),
        (&v1, "{\"grant_type\":\"password\"}".to_owned(), 400, 900_144),
        (&v1, "grant_type=%zz%".to_owned(), 400, 70_003),
        (&v1, form(&[("grant_type", &long)]), 400, 70_003),
        (&v1, form(&[("grant_type", "device_code")]), 400, 70_003),
        (&v1, form(&[("grant_type", "password")]), 400, 900_144),
        (&v1, password("nonsense", FILES, ALICE.0, ALICE.1), 400, 700_016),
        (&v1, password(TENANT, FILES, ALICE.0, ALICE.1), 400, 700_016),
        (&v1, password(AZURE_CLI, "https://nowhere.test", ALICE.0, ALICE.1), 400, 500_011),
        (&v1, password(AZURE_CLI, FILES, ALICE.0, "wrong"), 400, 50_126),
        (&v1, password(AZURE_CLI, FILES, ALICE.0, ""), 400, 50_126),
        (&v1, password(AZURE_CLI, FILES, "zoe@contoso.test", "x"), 400, 50_034),
        (&v1, password(AZURE_CLI, FILES, "alice@nowhere.test", "x"), 400, 50_034),
        (&v1, password(AZURE_CLI, FILES, "dave@fabrikam.test", "Correct-Horse-4"), 400, 50_126),
        (&v2, scoped("https://nowhere.test/.default"), 400, 500_011),
        (&v2, scoped("https://files.contoso.test/x https://graph.microsoft.com/y"), 400, 70_011),
        (&v2, password(AZURE_CLI, FILES, ALICE.0, ALICE.1), 400, 900_144),
        (&v1, refresh(""), 400, 900_144),
        (&v1, refresh("nonsense"), 400, 70_000),
        (&v1, refresh(&long), 400, 70_000),
        (&v1, secret(LINE_APP, "wrong"), 401, 7_000_215),
        (&v1, secret(AZURE_CLI, "any"), 401, 700_025),
        (&v1, form(&[("grant_type", JWT_BEARER)]), 400, 900_144),
        (&v1, form(&[("grant_type", JWT_BEARER), ("request", "a.b.c")]), 400, 50_027),
        (&v1, form(&[("grant_type", JWT_BEARER), ("request", &long)]), 400, 50_027),
    ];
    for (url, body, status, number) in cases {
        let since = town.world().journal.last();
        let request = town.http.post(url.as_str());
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let answer = read(request.body(body.clone())).await;
        let shown: String = body.chars().take(120).collect();
        assert_eq!(answer.aadsts(), (status, number), "{shown}\n{answer:?}");
        let text = answer.json();
        let description = text["error_description"].as_str().unwrap();
        assert!(description.starts_with(&format!("AADSTS{number}: ")), "{description}");
        assert!(!description.contains("Correct-Horse"), "{description}");
        assert_eq!(town.reasons(since, "token.denied").len(), 1, "{shown}");
    }
    assert_eq!(town.records().await, before);
}

#[tokio::test]
async fn the_nonce_call_works_without_a_content_type_and_with_a_wrong_one() {
    let town = Town::start().await;
    let url = format!("{LOGIN}/{TENANT}/oauth2/token");
    for kind in [None, Some("text/plain"), Some("application/json")] {
        let mut request = town.http.post(&url).body("grant_type=srv_challenge");
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        let answer = read(request).await;
        assert_eq!(answer.status, 200, "{kind:?}: {answer:?}");
        assert!(!answer.json()["Nonce"].as_str().unwrap().is_empty());
    }
}

#[tokio::test]
async fn an_oversized_form_is_cut_off_before_the_service() {
    let town = Town::start().await;
    let answer = town.grant(&[("grant_type", &"x".repeat(5 << 20))]).await;
    assert_eq!(answer.status, 413);
    assert_eq!(town.reasons(0, "token.denied"), ["body-too-large"]);
    let huge = "h".repeat(70_000);
    let answer = town.get(&format!("{FILES}/me"), Some(&huge)).await;
    assert_eq!(answer.status, 431);
}

#[tokio::test]
async fn a_tenant_segment_leads_nowhere_else() {
    let town = Town::start().await;
    let before = town.records().await;
    for segment in [
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e",
        "..",
        "..%5c..",
        "%00",
        "contoso.test%00",
        "contoso.test%2f..",
        "nowhere.test",
        "00000000-0000-4000-8000-000000000000",
        "%ff%fe",
        "'; DROP TABLE devices; --",
    ] {
        let segment = segment.replace(' ', "%20");
        for (host, path, method) in [
            ("login.microsoftonline.com", "oauth2/token", "POST"),
            ("login.microsoftonline.com", "v2.0/.well-known/openid-configuration", "GET"),
            ("login.microsoftonline.com", "oauth2/authorize", "GET"),
            ("enterpriseregistration.windows.net", "Discover?api-version=1.9", "GET"),
        ] {
            // Raw, because clients tidy such paths up before they send them.
            let request = format!(
                "{method} /{host}/{segment}/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            );
            let answer = town.raw(request.as_bytes()).await;
            let status: u16 = answer.split(' ').nth(1).unwrap().parse().unwrap();
            // The authorization endpoint says no on a page, which has 200 as the service's own.
            let refused = (400..=404).contains(&status) || answer.contains("AADSTS90002");
            assert!(refused, "{method} {host} {segment}: {answer}");
            assert!(!answer.contains("root:"), "{answer}");
        }
    }
    assert_eq!(town.records().await, before);
}

/// A request for a primary refresh token that can be signed again and again.
pub(crate) struct PrtRequest {
    header: Value,
    payload: Value,
    key: Vec<u8>,
    pub(crate) sent: String,
}

impl PrtRequest {
    /// The one that a machine sent when it was joined.
    pub(crate) fn of(town: &Town, machine: &Machine) -> Self {
        let sent = town.sent("POST", "/oauth2/token", "request=");
        let sent = fields(&sent.body)["request"].clone();
        Self { header: part(&sent, 0), payload: part(&sent, 1), key: held(machine).key, sent }
    }

    fn with(&self, name: &str, value: impl Into<Value>) -> Value {
        let mut payload = self.payload.clone();
        payload[name] = value.into();
        payload
    }

    pub(crate) fn nonce(&self, nonce: &str) -> String {
        sign(&self.header, &self.with("request_nonce", nonce), &self.key)
    }
}

pub(crate) async fn signed(town: &Town, request: &str) -> Answer {
    let fields = [
        ("windows_api_version", "2.2"),
        ("grant_type", JWT_BEARER),
        ("request", request),
        ("client_info", "1"),
        ("tgt", "true"),
    ];
    town.grant(&fields).await
}

#[tokio::test]
async fn a_nonce_works_once_and_two_live_ones_both_work() {
    let town = Town::start().await;
    let machine = town.joined("pc1", BOB).await;
    let request = PrtRequest::of(&town, &machine);
    let before = town.records().await;
    assert_eq!(
        signed(&town, &request.sent).await.aadsts(),
        (400, 140_000),
        "the request of the join"
    );
    let (first, second) = (town.nonce().await, town.nonce().await);
    assert_ne!(first, second);
    let used = request.nonce(&second);
    assert_eq!(signed(&town, &used).await.status, 200, "the newer one first");
    assert_eq!(signed(&town, &request.nonce(&first)).await.status, 200, "the older one still");
    let since = town.world().journal.last();
    assert_eq!(signed(&town, &used).await.aadsts(), (400, 140_000));
    assert_eq!(town.reasons(since, "token.denied"), ["nonce-used"]);
    assert_eq!(town.records().await, before);
}

#[tokio::test]
async fn a_nonce_lasts_ten_minutes_that_instant_excluded() {
    let town = Town::start().await;
    let machine = town.joined("pc1", BOB).await;
    let request = PrtRequest::of(&town, &machine);
    let (first, second) = (town.nonce().await, town.nonce().await);
    town.advance(599);
    assert_eq!(signed(&town, &request.nonce(&first)).await.status, 200);
    town.advance(1);
    assert_eq!(signed(&town, &request.nonce(&second)).await.aadsts(), (400, 140_000));
}

#[tokio::test]
async fn a_signed_request_is_read_leniently_and_verified_strictly() {
    let town = Town::start().await;
    let machine = town.joined("pc1", BOB).await;
    let request = PrtRequest::of(&town, &machine);
    let before = town.records().await;
    let certificate = STANDARD.encode(held(&machine).certificate);
    let header = |name: &str, value: Value| {
        let mut header = request.header.clone();
        header[name] = value;
        header
    };
    for x5c in [json!(certificate), json!([certificate]), json!([certificate, "rest"])] {
        let payload = request.with("request_nonce", town.nonce().await);
        let jws = sign(&header("x5c", x5c.clone()), &payload, &request.key);
        assert_eq!(signed(&town, &jws).await.status, 200, "{x5c}");
    }
    let good = request.with("request_nonce", town.nonce().await);
    let jws = sign(&request.header, &good, &request.key);
    let parts: Vec<&str> = jws.split('.').collect();
    let raw = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let mut other = good.clone();
    other["username"] = json!(ALICE.0);
    let stranger = rcgen::generate_simple_self_signed(vec!["pc1".to_owned()]).unwrap();
    let bad = [
        ("alg none", format!("{}.{}.", raw(&header("alg", json!("none"))), parts[1])),
        ("alg HS256", format!("{}.{}.{}", raw(&header("alg", json!("HS256"))), parts[1], parts[2])),
        ("alg a number", format!("{}.{}.{}", raw(&header("alg", json!(1))), parts[1], parts[2])),
        ("another payload", format!("{}.{}.{}", parts[0], raw(&other), parts[2])),
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
        ("two parts", format!("{}.{}", parts[0], parts[1])),
        ("four parts", format!("{jws}.AAAA")),
        ("a foreign key", sign(&request.header, &good, &test_key(0))),
        ("x5c that is no certificate", sign(&header("x5c", json!("AAAA")), &good, &request.key)),
        ("x5c that is no base64", sign(&header("x5c", json!("%")), &good, &request.key)),
        ("x5c of a foreign key", {
            let der = STANDARD.encode(stranger.cert.der());
            sign(&header("x5c", json!([der])), &good, &request.key)
        }),
        ("a huge x5c", sign(&header("x5c", json!("A".repeat(200_000))), &good, &request.key)),
        ("a huge header", sign(&header("x", json!("A".repeat(200_000))), &good, &test_key(0))),
    ];
    for (what, jws) in bad {
        let answer = signed(&town, &jws).await;
        assert_eq!(answer.aadsts(), (400, 50_027), "{what}: {answer:?}");
    }
    let list = sign(&request.header, &json!([1, 2]), &request.key);
    assert_eq!(signed(&town, &list).await.aadsts(), (400, 9_002_313), "claims that are a list");
    assert_eq!(signed(&town, &jws).await.status, 200, "the nonce was not used up by any of them");
    assert_eq!(town.records().await, before);
}

#[tokio::test]
async fn each_mistake_in_a_signed_request_has_its_own_number() {
    let town = Town::start().await;
    let machine = town.joined("pc1", BOB).await;
    let request = PrtRequest::of(&town, &machine);
    let before = town.records().await;
    let cases = [
        ("request_nonce", json!(""), 50_027),
        ("request_nonce", Value::Null, 50_027),
        ("request_nonce", json!("nonsense"), 140_000),
        ("client_id", json!("nonsense"), 700_016),
        ("grant_type", json!("client_credentials"), 70_003),
        ("grant_type", json!("device_token"), 900_144),
        ("grant_type", Value::Null, 900_144),
        ("username", Value::Null, 900_144),
        ("password", json!("wrong"), 50_126),
        ("scope", json!("https://nowhere.test/.default"), 500_011),
        ("grant_type", json!("refresh_token"), 900_144),
        ("grant_type", json!(JWT_BEARER), 900_144),
    ];
    for (name, value, number) in cases {
        let mut payload = request.with("request_nonce", town.nonce().await);
        payload[name] = value.clone();
        let answer = signed(&town, &sign(&request.header, &payload, &request.key)).await;
        assert_eq!(answer.aadsts(), (400, number), "{name}: {value}\n{answer:?}");
    }
    assert_eq!(town.records().await, before);
}

#[tokio::test]
async fn a_certificate_of_another_world_is_of_no_device() {
    let town = Town::start().await;
    let machine = town.joined("pc1", BOB).await;
    let request = PrtRequest::of(&town, &machine);
    let other =
        Town::built(linarite_server::Emulator::builder().world(crate::support::contoso()).seed(8))
            .await;
    let stranger = other.joined("pc9", BOB).await;
    let stranger = held(&stranger);
    let mut header = request.header.clone();
    header["x5c"] = json!([STANDARD.encode(&stranger.certificate)]);
    let payload = request.with("request_nonce", town.nonce().await);
    let since = town.world().journal.last();
    let answer = signed(&town, &sign(&header, &payload, &stranger.key)).await;
    assert_eq!(answer.aadsts(), (400, 50_155), "{answer:?}");
    assert_eq!(town.reasons(since, "token.denied"), ["device-unknown"]);
}

#[tokio::test]
async fn a_primary_refresh_token_is_worth_nothing_without_its_session_key() {
    let town = Town::start().await;
    let mut machine = town.joined("pc1", BOB).await;
    assert_eq!(town.prt_token(&mut machine).await.exit, 0);
    let before = town.records().await;
    let sent = fields(&town.sent("POST", "/oauth2/token", "request=").body)["request"].clone();
    assert_eq!(signed(&town, &sent).await.aadsts(), (400, 140_000), "replayed");
    let mut payload = part(&sent, 1);
    payload["request_nonce"] = json!(town.nonce().await);
    let parts: Vec<&str> = sent.split('.').collect();
    let raw = URL_SAFE_NO_PAD.encode(payload.to_string());
    let tampered = format!("{}.{raw}.{}", parts[0], parts[2]);
    assert_eq!(signed(&town, &tampered).await.aadsts(), (400, 140_001), "another payload");
    payload["refresh_token"] = json!("nonsense");
    let raw = URL_SAFE_NO_PAD.encode(payload.to_string());
    let nonsense = format!("{}.{raw}.{}", parts[0], parts[2]);
    assert_eq!(signed(&town, &nonsense).await.aadsts(), (400, 70_000), "no such grant");
    let prt = part(&sent, 1)["refresh_token"].as_str().unwrap().to_owned();
    let plain =
        [("grant_type", "refresh_token"), ("client_id", AZURE_CLI), ("refresh_token", &prt)];
    assert_eq!(town.grant(&plain).await.aadsts(), (400, 70_000), "not a refresh token");
    assert_eq!(town.records().await, before);
}

#[tokio::test]
async fn refresh_tokens_are_bound_to_their_client_and_their_time() {
    let town = Town::start().await;
    let answer = town.password(ALICE, GRAPH).await;
    let token = answer.json()["refresh_token"].as_str().unwrap().to_owned();
    let redeem = |client: &'static str, token: String| {
        let town = &town;
        async move {
            let secret = if client == LINE_APP { "line-app-secret-1" } else { "" };
            town.grant(&[
                ("grant_type", "refresh_token"),
                ("client_id", client),
                ("client_secret", secret),
                ("refresh_token", token.as_str()),
            ])
            .await
        }
    };
    assert_eq!(redeem(AZURE_CLI, token.clone()).await.status, 200);
    assert_eq!(redeem(LINE_APP, token.clone()).await.aadsts(), (400, 700_005));
    let middle = token.len() / 2;
    let other = if token.as_bytes()[middle] == b'A' { "B" } else { "A" };
    let mut tampered = token.clone();
    tampered.replace_range(middle..=middle, other);
    assert_eq!(redeem(AZURE_CLI, tampered).await.aadsts(), (400, 70_000));
    town.advance(90 * 86_400 - 1);
    assert_eq!(redeem(AZURE_CLI, token.clone()).await.status, 200, "one second before its end");
    town.advance(1);
    assert_eq!(redeem(AZURE_CLI, token).await.aadsts(), (400, 70_008));
}

/// The pair of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const REDIRECT: &str = "http://localhost:8400/";

async fn authorize(town: &Town, changes: &[(&str, &str)]) -> Answer {
    let mut asked = vec![
        ("client_id", LINE_APP),
        ("response_type", "code"),
        ("redirect_uri", REDIRECT),
        ("resource", FILES),
        ("state", "s"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    asked.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    asked.extend(changes);
    town.get(&format!("{LOGIN}/{TENANT}/oauth2/authorize?{}", form(&asked)), None).await
}

/// Signs in by the form and returns the code.
pub(crate) async fn code(town: &Town) -> String {
    let page = authorize(town, &[]).await;
    assert_eq!(page.status, 200, "{page:?}");
    let ctx = page.text.split("name=\"ctx\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let login = format!("{LOGIN}/{TENANT}/login");
    let wrong = [("ctx", ctx), ("login", ALICE.0), ("passwd", "wrong")];
    let again = town.post_form(&login, &wrong).await;
    assert!(again.status == 200 && again.text.contains("50126"), "the form comes again: {again:?}");
    let sent =
        town.post_form(&login, &[("ctx", ctx), ("login", ALICE.0), ("passwd", ALICE.1)]).await;
    assert_eq!(sent.status, 302, "{sent:?}");
    let location = sent.header("location").to_owned();
    let query = location.strip_prefix(REDIRECT).unwrap().trim_start_matches('?');
    assert_eq!(fields(query)["state"], "s");
    fields(query)["code"].clone()
}

pub(crate) async fn redeem(town: &Town, code: &str, changes: &[(&str, &str)]) -> Answer {
    let mut asked = vec![
        ("grant_type", "authorization_code"),
        ("client_id", LINE_APP),
        ("client_secret", "line-app-secret-1"),
        ("redirect_uri", REDIRECT),
        ("code", code),
        ("code_verifier", VERIFIER),
    ];
    asked.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    asked.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
    town.grant(&asked).await
}

#[tokio::test]
async fn a_code_is_redeemed_once_by_whoever_asked_for_it() {
    let town = Town::start().await;
    let before = town.records().await;
    let code = code(&town).await;
    let cases: [(&[(&str, &str)], u64); 8] = [
        (&[("code_verifier", "wrong")], 501_481),
        (&[("code_verifier", "")], 501_481),
        (&[("code_verifier", CHALLENGE)], 501_481),
        (&[("redirect_uri", "http://localhost:8401/")], 70_000),
        (&[("redirect_uri", "")], 70_000),
        (&[("client_id", AZURE_CLI), ("client_secret", "")], 700_005),
        (&[("code", "nonsense")], 70_000),
        (&[("resource", "https://nowhere.test")], 500_011),
    ];
    for (changes, number) in cases {
        let answer = redeem(&town, &code, changes).await;
        assert_eq!(answer.aadsts(), (400, number), "{changes:?}: {answer:?}");
    }
    assert_eq!(redeem(&town, &code, &[]).await.status, 200, "failures did not use it up");
    assert_eq!(redeem(&town, &code, &[]).await.aadsts(), (400, 54_005));
    assert_eq!(town.records().await, before);
}

#[tokio::test]
async fn a_code_lasts_ten_minutes_that_instant_excluded() {
    let town = Town::start().await;
    let (first, second) = (code(&town).await, code(&town).await);
    town.advance(599);
    assert_eq!(redeem(&town, &first, &[]).await.status, 200);
    town.advance(1);
    assert_eq!(redeem(&town, &second, &[]).await.aadsts(), (400, 70_008));
}

#[tokio::test]
async fn a_bad_request_for_authorization_never_redirects_to_a_stranger() {
    let town = Town::start().await;
    for (changes, number) in [
        (("client_id", "nonsense"), "700016"),
        (("client_id", "</script><script>alert(1)</script>"), "700016"),
        (("redirect_uri", "https://evil.test/"), "50011"),
        (("redirect_uri", "http://localhost.evil.test:8400/"), "50011"),
        (("redirect_uri", "javascript:alert(1)"), "50011"),
    ] {
        let answer = authorize(&town, &[changes]).await;
        assert_eq!(answer.header("location"), "", "{changes:?}");
        assert!(answer.text.contains(&format!("AADSTS{number}")), "{changes:?}: {answer:?}");
        assert!(!answer.text.contains("<script>alert"), "{answer:?}");
    }
    for (changes, error) in [
        (("response_type", "token"), "unsupported_response_type"),
        (("resource", "https://nowhere.test"), "invalid_resource"),
        (("prompt", "none"), "login_required"),
    ] {
        let answer = authorize(&town, &[changes]).await;
        assert_eq!(answer.status, 302, "{changes:?}: {answer:?}");
        let location = answer.header("location");
        let said = fields(location.strip_prefix(REDIRECT).unwrap().trim_start_matches('?'));
        assert_eq!(said["error"], error);
        assert_eq!(said["state"], "s");
    }
    let login = format!("{LOGIN}/{TENANT}/login");
    for ctx in ["", "nonsense"] {
        let answer =
            town.post_form(&login, &[("ctx", ctx), ("login", ALICE.0), ("passwd", ALICE.1)]).await;
        assert!(answer.text.contains("AADSTS70000"), "{answer:?}");
    }
}

#[tokio::test]
async fn a_directory_request_that_cannot_be_carried_out_changes_nothing() {
    let town = Town::start().await;
    let machine = town.joined("pc1", BOB).await;
    let before = town.records().await;
    let (alice, bob) = (town.token_of(ALICE, GRAPH).await, town.token_of(BOB, GRAPH).await);
    let device = format!("{GRAPH}/v1.0/devices(deviceId='{}')", machine.device_id().unwrap());
    let many = format!("{{\"displayName\":\"{}\"}}", "n".repeat(257));
    for body in [
        "{",
        "[]",
        "null",
        "{\"accountEnabled\":\"false\"}",
        "{\"accountEnabled\":0}",
        "{\"displayName\":\" \"}",
        "{\"deviceId\":\"x\"}",
        "{\"accountEnabled\":false,\"nonsense\":1}",
        &many,
    ] {
        let answer = town.send(Method::PATCH, &device, Some(&alice), body).await;
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
        answer.code();
    }
    for (method, url, token, status) in [
        (Method::PATCH, device.clone(), &bob, 403),
        (Method::DELETE, device.clone(), &bob, 403),
        (Method::DELETE, format!("{GRAPH}/v1.0/devices/{TENANT}"), &alice, 404),
        (Method::DELETE, format!("{GRAPH}/v1.0/devices/nonsense"), &alice, 400),
        (Method::PATCH, format!("{GRAPH}/v1.0/devices/..%2f..%2fusers"), &alice, 400),
        (Method::GET, format!("{GRAPH}/v1.0/devices?$filter=nonsense"), &alice, 400),
        (
            Method::GET,
            format!("{GRAPH}/v1.0/devices?$filter=startsWith(displayName,'"),
            &alice,
            400,
        ),
        (Method::GET, format!("{GRAPH}/v1.0/devices?$top=-1"), &alice, 400),
        (Method::GET, format!("{GRAPH}/v1.0/devices?$skiptoken=nonsense"), &alice, 400),
        (Method::GET, format!("{GRAPH}/v9.9/devices"), &alice, 404),
    ] {
        let body = if method == Method::PATCH { "{\"accountEnabled\":false}" } else { "" };
        let answer = town.send(method.clone(), &url, Some(token), body).await;
        assert_eq!(answer.status, status, "{method} {url}: {answer:?}");
        answer.code();
    }
    assert_eq!(town.records().await, before);
}
