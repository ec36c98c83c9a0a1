//! A user of a federated domain, from the federation server to a resource: realm, WS-Trust, assertion, tokens, over the
//! wire and with the emulated client.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use linarite_server::clock::Span;
use linarite_server::keys::saml::{AssertionSpec, AuthnMethod, SamlVersion, Sealing};

use crate::support::{AZURE_CLI, FILES, START, Town, aadsts, access_token};

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
