//! A user of a federated domain, from the federation server to a resource: realm, WS-Trust, assertion, tokens, over the
//! wire and with the emulated client.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use linarite_server::clock::Span;
use linarite_server::keys::saml::{AssertionSpec, AuthnMethod, SamlVersion, Sealing};

use crate::support::{
    AZURE_CLI, Answer, FILES, LOGIN, START, TENANT, Town, aadsts, access_token, fields, form,
};

const DAVE: (&str, &str) = ("dave@fabrikam.test", "Correct-Horse-4");

#[tokio::test]
async fn a_federated_user_joins_gets_a_primary_refresh_token_and_reaches_a_resource() {
    let town = Town::start().await;
    let mut machine = town.joined("pc", DAVE).await;
    let signed_in = machine.sign_in(&town.wire, None, DAVE.0, DAVE.1).await;
    assert_eq!((signed_in.exit, aadsts(&signed_in)), (0, 0), "{}", signed_in.output);
    let token = town.prt_token(&mut machine).await;
    assert_eq!(aadsts(&token), 0, "{}", token.output);
    let answer = town.get(&format!("{FILES}/"), Some(&access_token(&token))).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn an_assertion_made_elsewhere_is_judged_by_the_token_endpoint() {
    let town = Town::start().await;
    let realm = town.world().federation("fabrikam.test").unwrap();
    let spec = AssertionSpec {
        version: SamlVersion::V1,
        id: "_1".to_owned(),
        issuer: realm.issuer.clone(),
        audience: "urn:federation:MicrosoftOnline".to_owned(),
        not_before: START,
        not_on_or_after: START + Span::from_minutes(60),
        issue_instant: START,
        name_id: None,
        upn: Some(DAVE.0.to_owned()),
        immutable_id: Some("ZGF2ZQ==".to_owned()),
        authn_method: AuthnMethod::Password,
        claims: vec![],
        recipient: None,
    };
    let redeem = async |sealing: Sealing<'_>| {
        let text = spec.write(&realm.signer, &realm.certificate, sealing).unwrap();
        town.grant(&[
            ("grant_type", spec.version.grant_type()),
            ("client_id", AZURE_CLI),
            ("resource", FILES),
            ("assertion", &STANDARD.encode(text)),
        ])
        .await
    };
    assert_eq!(redeem(Sealing::Good).await.status, 200);
    assert_eq!(redeem(Sealing::None).await.aadsts(), (400, 50006));
    assert_eq!(redeem(Sealing::WrongKey(&realm.stranger)).await.aadsts(), (400, 50008));
    town.advance(3600);
    assert_eq!(redeem(Sealing::Good).await.aadsts(), (400, 500_133));
    assert_eq!(town.reasons(0, "token.denied").last().unwrap(), "assertion-expired");
}

const LOOPBACK: &str = "http://localhost:8400/";

/// The values that a page writes into this attribute, in their order, as a browser reads them.
fn attributes(page: &Answer, name: &str) -> Vec<String> {
    let start = format!("{name}=\"");
    let rest = page.text.split(&start).skip(1);
    let read = |part: &str| {
        let raw = part.split('"').next().unwrap();
        let pairs =
            [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")];
        pairs.iter().fold(raw.to_owned(), |text, (from, to)| text.replace(from, to))
    };
    rest.map(read).collect()
}

/// The fields of the form that a page posts on by itself, and where to.
fn posted_on(page: &Answer) -> (String, Vec<(String, String)>) {
    let action = attributes(page, "action").remove(0);
    let (names, values) = (attributes(page, "name"), attributes(page, "value"));
    // The first name is that of the form itself.
    (action, names.into_iter().skip(1).zip(values).collect())
}

impl Town {
    /// A browser of dave's from the authorization endpoint to the form that his federation server posts on.
    async fn browse(&self, password: &str) -> Answer {
        let query = form(&[
            ("client_id", AZURE_CLI),
            ("response_type", "code"),
            ("redirect_uri", LOOPBACK),
            ("resource", FILES),
            ("state", "s1"),
            ("login_hint", DAVE.0),
        ]);
        let asked = self.get(&format!("{LOGIN}/{TENANT}/oauth2/authorize?{query}"), None).await;
        assert_eq!(asked.status, 302, "{asked:?}");
        let page = self.get(asked.header("location"), None).await;
        assert!(page.text.contains(DAVE.0), "the name is filled in: {page:?}");
        let action = attributes(&page, "action").remove(0);
        let typed =
            [("UserName", DAVE.0), ("Password", password), ("AuthMethod", "FormsAuthentication")];
        self.post_form(&action, &typed).await
    }

    async fn post_on(&self, page: &Answer) -> Answer {
        let (action, fields) = posted_on(page);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (&**k, &**v)).collect();
        self.post_form(&action, &fields).await
    }
}

#[tokio::test]
async fn a_browser_goes_by_the_federation_server_to_a_code_and_a_resource() {
    let town = Town::start().await;
    let page = town.browse(DAVE.1).await;
    let (action, _) = posted_on(&page);
    assert_eq!(action, "https://login.microsoftonline.com/login.srf");
    let back = town.post_on(&page).await;
    let (address, answer) = back.header("location").split_once('?').unwrap();
    assert_eq!(address, LOOPBACK);
    let answer = fields(answer);
    assert_eq!(answer["state"], "s1");
    let redeem = [
        ("grant_type", "authorization_code"),
        ("client_id", AZURE_CLI),
        ("redirect_uri", LOOPBACK),
        ("code", &answer["code"]),
    ];
    let tokens = town.grant(&redeem).await;
    let token = tokens.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(town.get(&format!("{FILES}/"), Some(&token)).await.status, 200);
    assert_eq!(town.grant(&redeem).await.status, 400, "a code counts once");
    assert_eq!(town.reasons(0, "federation.denied"), Vec::<String>::new());
}

#[tokio::test]
async fn a_browser_with_a_wrong_password_stays_at_the_federation_server_and_may_try_again() {
    let town = Town::start().await;
    let page = town.browse("wrong").await;
    assert!(page.text.contains("Incorrect user ID or password"), "{page:?}");
    assert!(attributes(&page, "action")[0].starts_with("https://sts.fabrikam.test/adfs/ls/"));
    assert_eq!(town.reasons(0, "federation.denied").len(), 1);
    assert_eq!(town.reasons(0, "token.denied").len(), 0);
}

#[tokio::test]
async fn a_browser_that_dawdles_is_told_that_its_sign_in_is_over() {
    let town = Town::start().await;
    let page = town.browse(DAVE.1).await;
    town.advance(3600);
    let back = town.post_on(&page).await;
    assert!(back.text.contains("AADSTS70008"), "{back:?}");
    assert_eq!(town.reasons(0, "token.denied"), ["grant-expired"]);
}
