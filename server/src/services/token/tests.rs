//! Tokens that are accepted, and each way in which one is not.

use linarite_core::ids::{DeviceId, Guid};
use linarite_core::refusal::AccessRefusal;
use serde_json::{Map, Value, json};

use super::testing::TestWorld;
use super::{accept, computer};
use crate::edge::Link;
use crate::services::call::Call;

const AUDIENCES: [&str; 2] = ["https://files.contoso.test", "3f1c5b9e-5d0c-4b1f-9b65-0d8f6f1a7a01"];

async fn world() -> TestWorld {
    TestWorld::start("files.contoso.test", axum::Router::new()).await
}

fn ask(world: &TestWorld, authorization: Option<&str>) -> Result<String, AccessRefusal> {
    let mut request = http::Request::builder().uri("/me");
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    let request = request.body(bytes::Bytes::new()).unwrap();
    let link = Link::proxy("files.contoso.test");
    let call = Call::new(std::sync::Arc::clone(&world.world), link, request);
    accept(&call, "files", &AUDIENCES).unwrap().map(|accepted| accepted.user.upn.clone())
}

fn with_claims(
    world: &TestWorld,
    change: impl FnOnce(&mut Map<String, Value>),
) -> Result<String, AccessRefusal> {
    let mut claims = world.claims("bob", "https://files.contoso.test", None);
    change(&mut claims);
    ask(world, Some(&format!("Bearer {}", world.sign(&claims))))
}

#[tokio::test]
async fn the_audience_is_the_uri_with_or_without_slash_or_the_application() {
    let world = world().await;
    for audience in [
        "https://files.contoso.test",
        "https://files.contoso.test/",
        "3F1C5B9E-5D0C-4B1F-9B65-0D8F6F1A7A01",
    ] {
        let accepted = with_claims(&world, |claims| {
            claims.insert("aud".to_owned(), audience.into());
        });
        assert_eq!(accepted, Ok("bob@contoso.test".to_owned()), "{audience}");
    }
    for audience in [
        "https://graph.microsoft.com",
        "",
        "https://files.contoso.test//",
        "https://files.contoso.test.evil.test",
    ] {
        let refused = with_claims(&world, |claims| {
            claims.insert("aud".to_owned(), audience.into());
        });
        assert_eq!(refused, Err(AccessRefusal::AudienceWrong), "{audience}");
    }
}

#[tokio::test]
async fn no_token_and_a_damaged_one_are_two_things() {
    let world = world().await;
    for header in [None, Some("Bearer"), Some("Bearer  "), Some("Basic YTpi")] {
        assert_eq!(ask(&world, header), Err(AccessRefusal::TokenMissing), "{header:?}");
    }
    let token = world.sign(&world.claims("bob", AUDIENCES[0], None));
    let cut = format!("Bearer {}", &token[..token.len() - 8]);
    let unsigned = "Bearer eyJhbGciOiJub25lIn0.e30.";
    for header in ["Bearer abc", "Bearer a.b.c", unsigned, cut.as_str()] {
        assert_eq!(ask(&world, Some(header)), Err(AccessRefusal::TokenInvalid), "{header}");
    }
    assert_eq!(ask(&world, Some(&format!("bEARER {token}"))), Ok("bob@contoso.test".to_owned()));
}

#[tokio::test]
async fn a_token_is_good_until_the_second_before_its_end() {
    let world = world().await;
    let token = format!("Bearer {}", world.sign(&world.claims("bob", AUDIENCES[0], None)));
    world.advance(7199);
    assert!(ask(&world, Some(&token)).is_ok());
    world.advance(1);
    assert_eq!(ask(&world, Some(&token)), Err(AccessRefusal::TokenExpired));
}

#[tokio::test]
async fn a_token_of_the_future_of_another_tenant_or_without_its_claims_is_invalid() {
    let world = world().await;
    let now = world.world.clock.now().seconds();
    for (claim, value) in [
        ("nbf", json!(now + 1)),
        ("exp", json!("soon")),
        ("tid", json!("00000000-0000-0000-0000-000000000001")),
        ("tid", json!(null)),
        ("oid", json!("bob")),
        ("deviceid", json!("not-a-guid")),
        ("deviceid", json!(7)),
    ] {
        let refused = with_claims(&world, |claims| {
            claims.insert(claim.to_owned(), value.clone());
        });
        assert_eq!(refused, Err(AccessRefusal::TokenInvalid), "{claim}: {value}");
    }
}

#[tokio::test]
async fn the_directory_must_stand_by_user_and_device() {
    let world = world().await;
    let stranger = with_claims(&world, |claims| {
        claims.insert("oid".to_owned(), Guid::from_bytes([9; 16]).to_string().into());
    });
    assert_eq!(stranger, Err(AccessRefusal::UserUnknown));
    let strange_device = with_claims(&world, |claims| {
        let id = DeviceId::new(Guid::from_bytes([9; 16]));
        claims.insert("deviceid".to_owned(), id.to_string().into());
    });
    assert_eq!(strange_device, Err(AccessRefusal::DeviceUnknown));
    let denied = world.events("access.denied");
    assert_eq!(denied.len(), 2);
    assert_eq!(denied[1]["user"], "bob@contoso.test");
    assert_eq!(denied[1]["resource"], "files");
    assert_eq!(denied[1]["reason"], "token-device-unknown");
}

#[tokio::test]
async fn a_disabled_users_token_is_good_to_its_end_but_where_the_resource_goes_on_asking() {
    let world = world().await;
    let (plain, continuous) = (
        |_: &mut Map<String, Value>| {},
        |claims: &mut Map<String, Value>| {
            claims.insert("xms_cc".to_owned(), json!(["CP1"]));
        },
    );
    // Both last two hours.
    let before = world.world.clock.now();
    let since = before.seconds();
    let stamped = move |claims: &mut Map<String, Value>| {
        for (name, value) in [("iat", since), ("nbf", since), ("exp", since + 7200)] {
            claims.insert(name.to_owned(), value.into());
        }
    };
    world.enable("bob", false).await;
    for (seconds, told) in [(0, true), (899, true), (1, false), (1, false), (6298, false)] {
        world.advance(seconds);
        let asked = |more: fn(&mut Map<String, Value>)| {
            with_claims(&world, |claims| {
                stamped(claims);
                more(claims);
            })
        };
        assert!(asked(plain).is_ok());
        let refused = asked(continuous);
        assert_eq!(refused.is_ok(), told, "{:?}", world.world.clock.now());
        assert!(told || refused == Err(AccessRefusal::UserDisabled));
    }
    let denied = world.events("access.denied");
    assert_eq!(denied[0]["reason"], "token-user-disabled");
    assert_eq!(denied[0]["evaluation"], "continuous");
    assert_eq!(denied[0]["revoked"], "2026-03-02T09:00:00Z");
    assert_eq!(denied[0]["counts_from"], "2026-03-02T09:15:00Z");
    world.enable("bob", true).await;
    let answer = with_claims(&world, |claims| {
        stamped(claims);
        continuous(claims);
    });
    assert!(answer.is_ok());
}

#[tokio::test]
async fn a_computer_of_another_tenant_is_no_computer_here() {
    let world = world().await;
    let own = world.world.tenant.id.to_string();
    let ask = |tenant: Value| {
        let mut claims = world.claims("bob", AUDIENCES[0], None);
        claims.insert("tid".to_owned(), tenant);
        claims.insert("accounttype".to_owned(), "DJ".into());
        claims.insert("primarysid".to_owned(), "S-1-5-21-1-2-3-1001".into());
        let token = format!("Bearer {}", world.sign(&claims));
        let request = http::Request::builder().uri("/me").header("authorization", token);
        let request = request.body(bytes::Bytes::new()).unwrap();
        let link = Link::proxy("files.contoso.test");
        let call = Call::new(std::sync::Arc::clone(&world.world), link, request);
        let found = computer(&call, "files", &AUDIENCES).unwrap().is_some();
        (found, accept(&call, "files", &AUDIENCES).unwrap().map(drop))
    };
    assert!(ask(own.to_uppercase().into()).0);
    for other in [json!("00000000-0000-0000-0000-000000000001"), json!(null)] {
        assert_eq!(ask(other), (false, Err(AccessRefusal::TokenInvalid)));
    }
}
