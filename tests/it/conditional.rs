//! Conditional access over the wire (FAQ A20, A21): no grant leads round a policy, and what a client is told.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use linarite_server::clock::Span;
use linarite_server::control::admin::Admin;
use linarite_server::keys::saml::{AssertionSpec, AuthnMethod, SamlVersion, Sealing};
use linarite_server::world::policies::PolicyFile;
use linarite_windows::{Flow, Machine, TokenRequest};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    AZURE_CLI, Answer, BOB, FILES, GRAPH, LOGIN, START, TENANT, Town, aadsts, contoso, form,
    machine, part, read,
};

const DAVE: (&str, &str) = ("dave@fabrikam.test", "Correct-Horse-4");

async fn set(town: &Town, policy: Value) {
    let file: PolicyFile = serde_json::from_value(policy).unwrap();
    Admin::new(town.world(), "test").set_policy(&file).await.unwrap();
}

fn v2() -> String {
    format!("{LOGIN}/{TENANT}/oauth2/v2.0/token")
}

fn refresh_token(answer: &Answer) -> String {
    answer.json()["refresh_token"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned()
}

async fn password_v2(town: &Town) -> Answer {
    town.post_form(
        &v2(),
        &[
            ("grant_type", "password"),
            ("client_id", AZURE_CLI),
            ("scope", "https://files.contoso.test/.default openid offline_access"),
            ("username", BOB.0),
            ("password", BOB.1),
        ],
    )
    .await
}

async fn refresh(town: &Town, url: &str, token: &str, wanted: (&str, &str)) -> Answer {
    let fields = [("grant_type", "refresh_token"), ("client_id", AZURE_CLI)];
    town.post_form(url, &[&fields[..], &[("refresh_token", token), wanted]].concat()).await
}

async fn by_machine(town: &Town, machine: &mut Machine, flow: Flow) -> u32 {
    let with_password = matches!(flow, Flow::Password);
    let request = TokenRequest {
        client: "office".to_owned(),
        resource: Some(FILES.to_owned()),
        flow,
        upn: with_password.then(|| BOB.0.to_owned()),
        password: with_password.then(|| BOB.1.to_owned()),
        ..TokenRequest::default()
    };
    aadsts(&machine.token(&town.wire, &request).await)
}

/// The page or the redirect that a browser without a credential ends on after its form.
async fn by_form(town: &Town) -> Answer {
    let ctx = context(&page(town, FILES).await);
    let fields = form(&[("ctx", &ctx), ("login", BOB.0), ("passwd", BOB.1)]);
    read(town.http.post(format!("{LOGIN}/{TENANT}/login")).body(fields)).await
}

async fn redeem_code(town: &Town, code: &str) -> Answer {
    town.grant(&[
        ("grant_type", "authorization_code"),
        ("client_id", AZURE_CLI),
        ("code", code),
        ("redirect_uri", "http://localhost"),
    ])
    .await
}

fn assertion(town: &Town) -> String {
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
    STANDARD.encode(spec.write(&realm.signer, &realm.certificate, Sealing::Good).unwrap())
}

#[tokio::test]
async fn no_grant_leads_a_blocked_user_round_the_policy() {
    let town = Town::start().await;
    let mut pc = town.joined("pc", BOB).await;
    let signed_in = pc.sign_in(&town.wire, None, BOB.0, BOB.1).await;
    assert_eq!(signed_in.exit, 0, "{}", signed_in.output);
    let first = refresh_token(&town.password(BOB, FILES).await);
    let second = refresh_token(&password_v2(&town).await);
    let of_graph = refresh_token(&town.password(BOB, GRAPH).await);
    let at = by_form(&town).await.header("location").to_owned();
    let code = at.split("code=").nth(1).unwrap().split('&').next().unwrap().to_owned();

    set(&town, json!({ "id": "nobody", "apps": ["files"], "grant": ["block"] })).await;

    let since = town.world().journal.last();
    let v1 = format!("{LOGIN}/{TENANT}/oauth2/token");
    let resource = ("resource", FILES);
    let scope = ("scope", "https://files.contoso.test/.default");
    let answers = [
        ("password, first version", town.password(BOB, FILES).await),
        ("password, second version", password_v2(&town).await),
        ("refresh token, first version", refresh(&town, &v1, &first, resource).await),
        ("refresh token, second version", refresh(&town, &v2(), &second, scope).await),
        ("refresh token of another resource", refresh(&town, &v1, &of_graph, resource).await),
        ("code", redeem_code(&town, &code).await),
        (
            "assertion",
            town.grant(&[
                ("grant_type", "urn:ietf:params:oauth:grant-type:saml1_1-bearer"),
                ("client_id", AZURE_CLI),
                ("resource", FILES),
                ("assertion", &assertion(&town)),
            ])
            .await,
        ),
    ];
    for (what, answer) in &answers {
        assert_eq!(answer.aadsts(), (400, 53003), "{what}: {answer:?}");
        let claims = answer.json()["claims"].as_str().unwrap().to_owned();
        let claims: Value = serde_json::from_str(&claims).unwrap();
        let ids = claims["access_token"]["capolids"]["values"].as_array().unwrap().clone();
        assert_eq!(ids.len(), 1, "{what}");
    }
    assert_eq!(by_machine(&town, &mut pc, Flow::Prt).await, 53003);
    assert_eq!(by_machine(&town, &mut pc, Flow::AuthCode).await, 53003, "PRT cookie");
    assert_eq!(by_machine(&town, &mut pc, Flow::Password).await, 53003);
    let page = by_form(&town).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("get there from here") && page.text.contains("53003"), "{page:?}");
    let reasons = town.reasons(since, "token.denied");
    assert!(reasons.iter().all(|reason| reason == "policy-blocked"), "{reasons:?}");
    assert_eq!(reasons.len(), answers.len() + 4);

    // A primary refresh token is for no resource: neither its request nor its renewal asks a policy.
    let again = pc.sign_in(&town.wire, None, BOB.0, BOB.1).await;
    assert_eq!((again.exit, aadsts(&again)), (0, 0), "{}", again.output);
    // And another resource is another matter.
    assert_eq!(town.password(BOB, GRAPH).await.status, 200);
    assert_eq!(refresh(&town, &v1, &first, ("resource", GRAPH)).await.status, 200);
}

#[tokio::test]
async fn a_client_of_each_version_is_told_in_its_own_words() {
    let town = Town::start().await;
    set(&town, json!({ "id": "compliant", "grant": ["compliant"] })).await;
    let first = town.password(BOB, FILES).await.json();
    assert_eq!(first["error"], "interaction_required");
    assert!(first["suberror"].is_null());
    let second = password_v2(&town).await.json();
    assert_eq!(
        (&second["error"], &second["suberror"]),
        (&json!("invalid_grant"), &json!("message_only"))
    );
    for answer in [first, second] {
        assert_eq!(answer["error_codes"][0], 53000);
        let text = answer["error_description"].as_str().unwrap();
        assert!(text.contains("unregistered"), "{text}");
    }
}

#[tokio::test]
async fn a_wrong_password_learns_nothing_of_policies() {
    let town = Town::start().await;
    set(&town, json!({ "id": "nobody", "grant": ["block"] })).await;
    assert_eq!(town.password((BOB.0, "wrong"), FILES).await.aadsts(), (400, 50126));
}

#[tokio::test]
async fn the_blocked_page_tells_its_particulars_and_shows_markup_as_text() {
    let town = Town::start().await;
    let mut pc = machine("pc");
    pc.rename("<b>PC</b>&\"".to_owned());
    let joined = crate::support::join(&mut pc, &town.wire, BOB).await;
    assert_eq!(joined.exit, 0, "{}", joined.output);
    let signed_in = pc.sign_in(&town.wire, None, BOB.0, BOB.1).await;
    assert_eq!(signed_in.exit, 0, "{}", signed_in.output);
    set(&town, json!({ "id": "compliant", "grant": ["compliant"] })).await;
    assert_eq!(by_machine(&town, &mut pc, Flow::AuthCode).await, 53000);
    let events = town.world().journal.since(0);
    let page = events
        .iter()
        .rev()
        .filter_map(|event| event.exchange.as_ref())
        .find(|exchange| exchange.url().contains("/authorize"))
        .map(|exchange| String::from_utf8_lossy(exchange.response_body()).into_owned())
        .unwrap();
    for expected in [
        "You can\u{2019}t get there from here",
        "Error code</dt><dd>53000",
        "Request Id",
        "Correlation Id",
        "2026-03-02 09:00:00Z",
        "Device state</dt><dd>registered",
        "Device platform</dt><dd>Windows",
        "color-scheme:light dark",
    ] {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    assert!(!page.contains("<b>PC"), "{page}");
    let device = crate::support::held(&pc).device_id;
    assert!(page.contains(&device), "{page}");
}

#[tokio::test]
async fn a_report_only_policy_is_told_in_the_journal_alone() {
    let town = Town::start().await;
    let report = json!({ "id": "someday", "state": "report-only", "grant": ["compliant"] });
    set(&town, report).await;
    assert_eq!(town.password(BOB, FILES).await.status, 200);
    let events = town.world().journal.since(0);
    let issued = events.iter().rev().find(|event| event.kind.word() == "token.issued").unwrap();
    assert_eq!(issued.fields.get("report_only"), Some(json!(["someday"])));
}

#[tokio::test]
async fn the_registration_service_wants_the_second_factor_in_the_token_itself() {
    // Two worlds of one seed: the token of the one is good in the other, which wants more of whoever joins.
    let easy = Town::start().await;
    easy.joined("pc", BOB).await;
    let sent = easy.sent("POST", "/EnrollmentServer/device", "TransportKey");
    let mut document = contoso();
    document["tenant"]["mfa_to_join"] = true.into();
    let strict = Town::of(document).await;
    let before = strict.records().await;
    let bearer = sent.bearer.unwrap();
    let refused = strict.send(Method::POST, &sent.url, Some(&bearer), &sent.body).await;
    assert_eq!(refused.code(), (400, "error_mfa_required".to_owned()), "{refused:?}");
    assert_eq!(strict.reasons(0, "join.denied"), ["join-second-factor-missing"]);
    assert_eq!(strict.records().await, before);
    let mut claims = part(&bearer, 1);
    claims["amr"] = json!(["pwd", "mfa"]);
    let proved = strict.world().keys.tokens.sign_jwt(&claims).unwrap();
    let joined = strict.send(Method::POST, &sent.url, Some(&proved), &sent.body).await;
    assert_eq!(joined.status, 200, "{joined:?}");
}

/// The page of the sign-in form, and where its answer goes.
async fn page(town: &Town, resource: &str) -> String {
    let query = form(&[
        ("client_id", AZURE_CLI),
        ("response_type", "code"),
        ("redirect_uri", "http://localhost"),
        ("resource", resource),
    ]);
    town.get(&format!("{LOGIN}/{TENANT}/oauth2/authorize?{query}"), None).await.text
}

fn context(page: &str) -> String {
    page.split("\"sFT\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn the_page_for_the_second_factor_takes_no_short_cuts() {
    const MIA: (&str, &str) = ("mia@contoso.test", "Correct-Horse-6");
    let town = Town::start().await;
    set(&town, json!({ "id": "factor", "apps": ["files"], "grant": ["mfa"] })).await;
    let login = format!("{LOGIN}/organizations/login");
    let first = context(&page(&town, FILES).await);
    let password = [("ctx", first.as_str()), ("login", MIA.0), ("passwd", MIA.1)];
    let asked = town.post_form(&login, &password).await;
    assert!(asked.text.contains("ConvergedTFA"), "{asked:?}");
    let second = context(&asked.text);
    // Of the secret in the shared world at 09:00:00Z and a minute before, worked out elsewhere.
    let (code, old) = ("586844", "066423");
    // A code for a sign-in whose password was not looked at yet, no code, odd ones, and one of a minute ago.
    let skipped = town.post_form(&login, &[("ctx", &first), ("otc", code)]).await;
    assert!(skipped.text.contains("ConvergedSignIn"), "{skipped:?}");
    for typed in ["", "0", "１２３４５６", old, &format!("{code}0"), &"9".repeat(5000)] {
        let refused = town.post_form(&login, &[("ctx", &second), ("otc", typed)]).await;
        assert!(refused.text.contains("500121"), "{typed}: {refused:?}");
        assert_eq!(refused.header("location"), "");
    }
    let done = town.post_form(&login, &[("ctx", &second), ("otc", code)]).await;
    assert!(done.header("location").starts_with("http://localhost?code="), "{done:?}");
    // What was proved does not outlive a new password.
    Admin::new(town.world(), "test").reset_password("mia", Some("New-1")).await.unwrap();
    let late = town.post_form(&login, &[("ctx", &second), ("otc", code)]).await;
    assert!(late.text.contains("50133"), "{late:?}");
    // Silently nothing is asked: the client learns of it.
    let since = town.world().journal.last();
    assert_eq!(town.password((MIA.0, "New-1"), FILES).await.aadsts(), (400, 50076));
    assert_eq!(town.reasons(since, "token.denied"), ["second-factor-required"]);
}
