//! Sign-in with assertions of a federation server, defect by defect, and user realms in their three shapes.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::Method;
use linarite_core::instant::Span;
use linarite_core::refusal::AssertionRefusal;
use serde_json::Value;

use super::router;
use crate::edge::Link;
use crate::keys::saml::{AssertionSpec, AuthnMethod, Claim, SamlVersion, Sealing, claims};
use crate::services::token::testing::{Answer, START, TestWorld};

const CLI: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";
const BOTH: [SamlVersion; 2] = [SamlVersion::V1, SamlVersion::V2];

/// What is done to a good assertion.
type Change = fn(&mut AssertionSpec);

struct Sts(TestWorld);

impl Sts {
    async fn start() -> Self {
        Self(TestWorld::start("login.microsoftonline.com", router()).await)
    }

    /// What the federation server of dave's domain says for an hour from the start of the world.
    fn spec(&self, version: SamlVersion) -> AssertionSpec {
        let realm = self.0.world.federation("Fabrikam.test").unwrap();
        AssertionSpec {
            version,
            id: "_1".to_owned(),
            issuer: realm.issuer.clone(),
            audience: "urn:federation:MicrosoftOnline".to_owned(),
            not_before: START,
            not_on_or_after: START + Span::from_minutes(60),
            issue_instant: START,
            name_id: Some("ZGF2ZQ==".to_owned()),
            upn: Some("dave@fabrikam.test".to_owned()),
            immutable_id: Some("ZGF2ZQ==".to_owned()),
            authn_method: AuthnMethod::Password,
            claims: vec![],
            recipient: None,
        }
    }

    fn write(&self, spec: &AssertionSpec, sealing: Sealing<'_>) -> String {
        let realm = self.0.world.federation("fabrikam.test").unwrap();
        spec.write(&realm.signer, &realm.certificate, sealing).unwrap()
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let encode = |text: &str| {
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
                .to_string()
        };
        let pairs: Vec<String> =
            form.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        self.0.send(Method::POST, path, None, &[], &pairs.join("&")).await
    }

    /// Redeems the text of a parameter `assertion`.
    async fn redeem(&self, version: SamlVersion, assertion: &str) -> Answer {
        let form = [
            ("client_id", CLI),
            ("grant_type", version.grant_type()),
            ("scope", "https://graph.microsoft.com/.default openid offline_access"),
            ("assertion", assertion),
        ];
        self.post("/organizations/oauth2/v2.0/token", &form).await
    }

    async fn give(&self, spec: &AssertionSpec, sealing: Sealing<'_>) -> Answer {
        let text = self.write(spec, sealing);
        self.redeem(spec.version, &URL_SAFE_NO_PAD.encode(text)).await
    }

    /// That the answer is what the table says for this defect, and that the journal knows the reason.
    fn refused(&self, answer: &Answer, refusal: AssertionRefusal) {
        let row = self.0.world.tables.sts(refusal.reason()).unwrap();
        let body = answer.json();
        assert_eq!(body["error_codes"][0], row.code, "{refusal:?}: {answer:?}");
        assert_eq!(body["error"], row.error);
        assert_eq!(answer.status.as_u16(), row.status);
        let denied = self.0.events("token.denied").pop().unwrap();
        assert!(denied.to_string().contains(refusal.reason()), "{denied}");
    }
}

fn claims_of(token: &Value) -> Value {
    let payload = token.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

#[tokio::test]
async fn a_good_assertion_signs_in_however_its_text_is_wrapped() {
    let sts = Sts::start().await;
    for version in BOTH {
        let text = sts.write(&sts.spec(version), Sealing::Good);
        let wide = format!("\r\n  {text}\n");
        for assertion in [
            URL_SAFE_NO_PAD.encode(&text),
            STANDARD.encode(&text),
            format!(" {}\n", STANDARD.encode(&wide)),
        ] {
            let answer = sts.redeem(version, &assertion).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            let body = answer.json();
            let claims = claims_of(&body["access_token"]);
            assert_eq!(claims["upn"], "dave@fabrikam.test");
            assert_eq!(claims["amr"], serde_json::json!(["pwd"]));
            assert!(body["refresh_token"].is_string());
        }
    }
}

#[tokio::test]
async fn the_first_version_of_the_endpoint_takes_it_and_its_refresh_token_works() {
    let sts = Sts::start().await;
    let mut spec = sts.spec(SamlVersion::V1);
    spec.authn_method = AuthnMethod::Windows;
    spec.claims.push(Claim::new(claims::AUTHN_METHODS, claims::MULTIPLE_AUTHN));
    let assertion = STANDARD.encode(sts.write(&spec, Sealing::Good));
    let form = [
        ("client_id", CLI),
        ("grant_type", spec.version.grant_type()),
        ("resource", "https://graph.windows.net"),
        ("assertion", assertion.as_str()),
    ];
    let answer = sts.post("/common/oauth2/token", &form).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    let amr = &claims_of(&body["access_token"])["amr"];
    assert_eq!(*amr, serde_json::json!(["wia", "mfa"]));
    let refresh = body["refresh_token"].as_str().unwrap();
    let form = [("client_id", CLI), ("grant_type", "refresh_token"), ("refresh_token", refresh)];
    assert_eq!(sts.post("/common/oauth2/token", &form).await.status, 200);
}

#[tokio::test]
async fn each_defect_is_refused_with_the_code_of_its_row() {
    let sts = Sts::start().await;
    let stranger = sts.0.world.federation("fabrikam.test").unwrap().stranger.clone();
    let nothing: Change = |_| {};
    let cases: [(AssertionRefusal, Change, Sealing<'_>); 9] = [
        (AssertionRefusal::Unsigned, nothing, Sealing::None),
        (AssertionRefusal::Damaged, nothing, Sealing::WrongDigest),
        (AssertionRefusal::KeyWrong, nothing, Sealing::WrongKey(&stranger)),
        (
            AssertionRefusal::IssuerUnknown,
            |spec| spec.issuer = "http://sts.evil.test/adfs/services/trust".to_owned(),
            Sealing::Good,
        ),
        (
            AssertionRefusal::AudienceWrong,
            |spec| spec.audience = "urn:federation:other".to_owned(),
            Sealing::Good,
        ),
        (
            AssertionRefusal::NotYetValid,
            |spec| spec.not_before = START + Span::from_millis(1),
            Sealing::Good,
        ),
        (AssertionRefusal::Expired, |spec| spec.not_on_or_after = START, Sealing::Good),
        (
            AssertionRefusal::ImmutableIdUnknown,
            |spec| spec.immutable_id = Some("bm9ib2R5".to_owned()),
            Sealing::Good,
        ),
        (
            AssertionRefusal::ImmutableIdUnknown,
            |spec| (spec.immutable_id, spec.name_id) = (None, None),
            Sealing::Good,
        ),
    ];
    for version in BOTH {
        for (refusal, change, sealing) in &cases {
            let mut spec = sts.spec(version);
            change(&mut spec);
            sts.refused(&sts.give(&spec, *sealing).await, *refusal);
        }
        let good = sts.spec(version);
        assert_eq!(sts.give(&good, Sealing::Good).await.status, 200, "repaired, it works again");
    }
}

#[tokio::test]
async fn its_time_is_world_time_to_the_second() {
    let sts = Sts::start().await;
    let spec = sts.spec(SamlVersion::V1);
    sts.0.advance(3599);
    assert_eq!(sts.give(&spec, Sealing::Good).await.status, 200);
    sts.0.advance(1);
    sts.refused(&sts.give(&spec, Sealing::Good).await, AssertionRefusal::Expired);
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_quickly() {
    let sts = Sts::start().await;
    let good = sts.write(&sts.spec(SamlVersion::V1), Sealing::Good);
    let bomb = format!("<!DOCTYPE a [<!ENTITY x \"{}\">]>{good}", "ha".repeat(1000));
    let wrapped = format!("<x>{good}{good}</x>");
    for text in ["", "no XML", bomb.as_str(), wrapped.as_str(), &"<a>".repeat(30_000)] {
        let text = STANDARD.encode(format!(" {text}"));
        sts.refused(&sts.redeem(SamlVersion::V1, &text).await, AssertionRefusal::Unreadable);
    }
    sts.refused(&sts.redeem(SamlVersion::V1, "not base64!").await, AssertionRefusal::Unreadable);
    // An assertion of the other version than the grant says.
    let answer = sts.redeem(SamlVersion::V2, &STANDARD.encode(&good)).await;
    sts.refused(&answer, AssertionRefusal::Unreadable);
}

#[tokio::test]
async fn an_issuer_cannot_speak_for_users_of_other_domains_nor_for_disabled_ones() {
    let sts = Sts::start().await;
    let spec = sts.spec(SamlVersion::V2);
    sts.0.enable("dave", false).await;
    let answer = sts.give(&spec, Sealing::Good).await;
    assert_eq!(answer.json()["error_codes"][0], 50057, "{answer:?}");
    sts.0.enable("dave", true).await;
    // A password of the directory is no way in, even the right one.
    let form = [
        ("client_id", CLI),
        ("grant_type", "password"),
        ("scope", "openid"),
        ("username", "dave@fabrikam.test"),
        ("password", "Correct-Horse-4"),
    ];
    let answer = sts.post("/organizations/oauth2/v2.0/token", &form).await;
    assert_eq!(answer.json()["error_codes"][0], 50126, "{answer:?}");
}

#[tokio::test]
async fn a_computers_assertion_gets_a_token_for_device_registration_and_signs_nobody_in() {
    let sts = Sts::start().await;
    let mut spec = sts.spec(SamlVersion::V1);
    let object = "nls1DG1eT0uFwlD7KOU0FQ==";
    (spec.immutable_id, spec.upn) = (Some(object.to_owned()), None);
    spec.claims = vec![
        Claim::new(claims::ACCOUNT_TYPE, "DJ"),
        Claim::new(claims::ON_PREM_OBJECT_GUID, object),
        Claim::new(claims::PRIMARY_SID, "S-1-5-21-1-2-3-1001"),
    ];
    let redeem = async |spec: &AssertionSpec, sealing: Sealing<'_>, resource: &str| {
        let assertion = STANDARD.encode(sts.write(spec, sealing));
        let grant = spec.version.grant_type();
        let form = [
            ("client_id", CLI),
            ("grant_type", grant),
            ("resource", resource),
            ("assertion", &assertion),
        ];
        sts.post("/common/oauth2/token", &form).await
    };
    let registration = "urn:ms-drs:enterpriseregistration.windows.net";
    let answer = redeem(&spec, Sealing::Good, registration).await.json();
    assert!(answer["refresh_token"].is_null() && answer["id_token"].is_null(), "{answer}");
    let token = answer["access_token"].as_str().unwrap().split('.').nth(1).unwrap();
    let said: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token).unwrap()).unwrap();
    assert_eq!((&said["accounttype"], &said["aud"]), (&"DJ".into(), &registration.into()));
    assert_eq!(said["onpremobjectguid"], object);
    assert_eq!(said["primarysid"], "S-1-5-21-1-2-3-1001");
    assert!(said["oid"].is_null() && said["upn"].is_null(), "{said}");
    let elsewhere = redeem(&spec, Sealing::Good, "https://graph.microsoft.com").await;
    assert!(elsewhere.text.contains("Not emulated"), "{elsewhere:?}");
    let unsigned = redeem(&spec, Sealing::None, registration).await;
    sts.refused(&unsigned, AssertionRefusal::Unsigned);
    spec.immutable_id = Some("ZGF2ZQ==".to_owned());
    let other = redeem(&spec, Sealing::Good, registration).await;
    sts.refused(&other, AssertionRefusal::ImmutableIdUnknown);
    sts.0.advance(3600);
    spec.immutable_id = None;
    let over = redeem(&spec, Sealing::Good, registration).await;
    sts.refused(&over, AssertionRefusal::Expired);
}

#[tokio::test]
async fn the_realm_of_a_name_has_an_older_shape() {
    let sts = Sts::start().await;
    let ask = async |login: &str| {
        let path = format!("/GetUserRealm.srf?login={login}&xml=0");
        sts.0.send(Method::GET, &path, None, &[], "").await.json()
    };
    let federated = ask("dave%40fabrikam.test").await;
    assert_eq!((&federated["State"], &federated["UserState"]), (&3.into(), &2.into()));
    assert_eq!(federated["NameSpaceType"], "Federated");
    assert_eq!(federated["DomainName"], "fabrikam.test");
    let auth = federated["AuthURL"].as_str().unwrap();
    assert!(auth.starts_with("https://sts.fabrikam.test/adfs/ls/?"), "{auth}");
    let managed = ask("alice%40contoso.test").await;
    assert_eq!((&managed["State"], &managed["UserState"]), (&4.into(), &1.into()));
    assert_eq!(managed["NameSpaceType"], "Managed");
    assert_eq!(ask("x%40nowhere.test").await["NameSpaceType"], "Unknown");
    let missing = sts.0.send(Method::GET, "/GetUserRealm.srf", None, &[], "").await;
    assert_eq!(missing.json()["error_codes"][0], 900_144);
}

const LINE_APP: &str = "7c9c1f0a-2f54-4a0e-8f0b-5b7b6f0a7a02";

#[tokio::test]
async fn an_application_gets_a_token_for_itself_and_nothing_else() {
    let sts = Sts::start().await;
    let client = [("client_id", LINE_APP), ("client_secret", "line-app-secret-1")];
    let grant = ("grant_type", "client_credentials");
    let ask = async |path: &str, wanted: (&str, &str)| {
        sts.post(path, &[client.as_slice(), &[grant, wanted]].concat()).await
    };
    let newer =
        ask("/contoso.test/oauth2/v2.0/token", ("scope", "https://graph.microsoft.com/.default"))
            .await;
    assert_eq!(newer.status, 200, "{newer:?}");
    let newer = newer.json();
    assert_eq!(newer["expires_in"], 3600);
    let older = ask("/contoso.test/oauth2/token", ("resource", "https://graph.microsoft.com/"))
        .await
        .json();
    assert_eq!(older["expires_in"], "3600");
    assert_eq!(older["resource"], "https://graph.microsoft.com/");
    for answer in [&newer, &older] {
        for user_only in ["refresh_token", "id_token", "client_info"] {
            assert!(answer.get(user_only).is_none(), "{user_only}");
        }
        let claims = claims_of(&answer["access_token"]);
        assert_eq!(claims["idtyp"], "app");
        assert_eq!(claims["appid"], LINE_APP);
        assert_eq!(claims["app_displayname"], "line-app");
        assert_eq!(claims["roles"], serde_json::json!(["Device.Read.All"]));
        assert_eq!(claims["oid"], claims["sub"]);
        assert!(claims.get("upn").is_none() && claims.get("scp").is_none());
    }
    let (newer, older) = (claims_of(&newer["access_token"]), claims_of(&older["access_token"]));
    assert_eq!(newer["oid"], older["oid"], "the application is the same one each time");
    // Its permissions are on Graph.
    let files =
        ask("/contoso.test/oauth2/v2.0/token", ("scope", "https://files.contoso.test/.default"))
            .await
            .json();
    assert!(claims_of(&files["access_token"]).get("roles").is_none());
    assert_eq!(sts.0.events("token.issued").len(), 3);
}

#[tokio::test]
async fn an_application_without_its_secret_or_with_a_narrower_scope_gets_nothing() {
    let sts = Sts::start().await;
    let all = "https://graph.microsoft.com/.default";
    for (id, secret, scope, code) in [
        (LINE_APP, Some("line-app-secret-2"), all, 7_000_215),
        // It may sign users in without its secret, but not itself.
        (LINE_APP, None, all, 7_000_218),
        // One of the service's own, which has none.
        (CLI, None, all, 7_000_218),
        (CLI, Some("x"), all, 700_025),
        ("11111111-2222-4333-8444-555555555555", Some("x"), all, 700_016),
        (
            LINE_APP,
            Some("line-app-secret-1"),
            "https://graph.microsoft.com/Device.Read.All",
            1_002_012,
        ),
        (LINE_APP, Some("line-app-secret-1"), "https://nowhere.test/.default", 500_011),
    ] {
        let mut form = vec![("client_id", id), ("grant_type", "client_credentials")];
        form.push(("scope", scope));
        form.extend(secret.map(|secret| ("client_secret", secret)));
        let answer = sts.post("/contoso.test/oauth2/v2.0/token", &form).await;
        assert_eq!(answer.json()["error_codes"][0], code, "{id} {secret:?} {scope}: {answer:?}");
    }
    let form = [
        ("client_id", LINE_APP),
        ("grant_type", "client_credentials"),
        ("scope", all),
        ("client_assertion", "a.b.c"),
    ];
    let answer = sts.post("/contoso.test/oauth2/v2.0/token", &form).await;
    assert!(answer.text.contains("Not emulated"), "{answer:?}");
}

#[test]
fn the_published_meanings_of_the_codes_stay_with_their_defects() {
    let tables = crate::services::tables::Tables::load().unwrap();
    let code = |refusal: AssertionRefusal| tables.sts(refusal.reason()).map(|row| row.code);
    for (refusal, expected) in [
        (AssertionRefusal::Expired, 500_133),
        (AssertionRefusal::NotYetValid, 500_133),
        (AssertionRefusal::Unsigned, 50006),
        (AssertionRefusal::Damaged, 50006),
        (AssertionRefusal::KeyWrong, 50008),
        (AssertionRefusal::AudienceWrong, 50008),
        (AssertionRefusal::IssuerUnknown, 50107),
        (AssertionRefusal::ImmutableIdUnknown, 51004),
    ] {
        assert_eq!(code(refusal), Some(expected), "{refusal:?}");
    }
    let all = AssertionRefusal::ALL.iter();
    assert!(all.into_iter().all(|refusal| tables.sts(refusal.reason()).unwrap().assumed));
}

#[tokio::test]
async fn an_answer_goes_to_a_known_address_as_the_face_of_the_request_prints_it() {
    let sts = Sts::start().await;
    let login = "login.microsoftonline.com";
    let faces = [
        (Link::proxy(login), "https://portal.azure.com"),
        (Link::direct(login, Some(8443)), "https://portal.azure.com:8443"),
        (Link::prefix(login, "[::1]:8080"), "http://[::1]:8080/portal.azure.com"),
        (Link::prefix(login, "10.0.0.5:8080"), "http://10.0.0.5:8080/portal.azure.com"),
    ];
    let ask = async |link: &Link, to: &str| {
        let to = percent_encoding::utf8_percent_encode(to, percent_encoding::NON_ALPHANUMERIC);
        let path = format!(
            "/organizations/oauth2/v2.0/authorize?client_id=c44b4083-3bb0-49c1-b47d-974e53cbdf3c&response_type=code&scope=openid&prompt=select_account&redirect_uri={to}"
        );
        let answer = sts.0.send_by(link.clone(), Method::GET, &path, None, &[], "").await;
        !answer.text.contains("50011")
    };
    for (link, own) in &faces {
        for (_, other) in &faces {
            let known = own == other || *other == "https://portal.azure.com";
            assert_eq!(ask(link, &format!("{other}/signin/index/")).await, known, "{own} {other}");
            assert!(!ask(link, &format!("{other}/signin/other/")).await, "{other}");
        }
        assert!(!ask(link, &own.replace("portal.azure.com", "evil.test")).await, "{own}");
    }
}
