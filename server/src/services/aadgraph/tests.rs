//! Requests against a world in memory.

use http::Method;
use serde_json::{Value, json};

use super::router;
use crate::control::admin::Admin;
use crate::services::token::testing::{Answer, TestWorld};

const RESOURCE: &str = "https://graph.windows.net";
const VERSION: &str = "api-version=1.6";

struct Directory {
    world: TestWorld,
    token: String,
}

impl Directory {
    async fn of(user: &str) -> Self {
        let host = "graph.windows.net";
        let world = TestWorld::start(host, router()).await;
        let admin = Admin::new(&world.world, "test");
        // Beside what the shared world has: a domain computer of today, an old one, and a telephone.
        for device in [
            json!({ "name": "DESK-1", "os": "windows-10", "trust": "server-ad" }),
            json!({ "name": "OLD-1", "os": "windows-7", "trust": "server-ad", "owner": "bob" }),
            json!({ "name": "Bob's phone", "os": "ios", "trust": "workplace", "owner": "bob" }),
        ] {
            admin.create_device(serde_json::from_value(device).unwrap()).await.unwrap();
        }
        let token = world.sign(&world.claims(user, RESOURCE, None));
        Self { world, token }
    }

    async fn send(&self, method: Method, address: &str, body: &str) -> Answer {
        self.world.send(method, address, Some(&self.token), &[], body).await
    }

    /// A path below the tenant, with the version.
    async fn get(&self, path: &str) -> Answer {
        let sign = if path.contains('?') { '&' } else { '?' };
        let address = format!("/contoso.test/{path}{sign}{VERSION}");
        self.send(Method::GET, &address, "").await
    }

    async fn device(&self, name: &str) -> Value {
        let name = name.replace('\'', "''").replace(' ', "%20");
        let found = self.get(&format!("devices?$filter=displayName%20eq%20'{name}'")).await;
        found.json()["value"][0].clone()
    }
}

fn names(answer: &Answer) -> Vec<String> {
    let list = answer.json();
    let mut names: Vec<_> = list["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|device| device["displayName"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

fn refusal(answer: &Answer) -> (u16, String) {
    let code = answer.json()["odata.error"]["code"].as_str().unwrap_or_default().to_owned();
    (answer.status.as_u16(), code)
}

#[tokio::test]
async fn a_list_has_the_shapes_of_odata_3() {
    let directory = Directory::of("bob").await;
    let answer = directory.get("devices").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("dataserviceversion"), "3.0;");
    let list = answer.json();
    assert_eq!(
        list["odata.metadata"],
        "https://graph.windows.net/contoso.test/$metadata#directoryObjects"
    );
    assert_eq!(list.get("odata.nextLink"), None);
    let names = names(&answer);
    for name in ["DESK-1", "OLD-1", "Bob's phone"] {
        assert!(names.iter().any(|known| known == name), "{names:?}");
    }
    let hybrid = directory.device("DESK-1").await;
    for (property, expected) in [
        ("odata.type", json!("Microsoft.DirectoryServices.Device")),
        ("objectType", json!("Device")),
        ("deviceTrustType", json!("ServerAd")),
        ("accountEnabled", json!(true)),
        ("alternativeSecurityIds", json!([])),
        ("approximateLastLogonTimestamp", json!(null)),
        ("deviceObjectVersion", json!(2)),
        ("deviceOSType", json!("Windows")),
        ("isManaged", json!(null)),
    ] {
        assert_eq!(hybrid[property], expected, "{property}");
    }
}

#[tokio::test]
async fn pages_follow_relative_links_and_hold_every_device_once() {
    let directory = Directory::of("bob").await;
    let all = names(&directory.get("devices").await);
    let mut seen = Vec::new();
    let mut next = Some("devices?$top=2".to_owned());
    while let Some(link) = next {
        assert!(seen.len() <= all.len());
        let page = directory.get(&link).await;
        seen.extend(names(&page));
        next = page.json()["odata.nextLink"].as_str().map(str::to_owned);
        if let Some(link) = &next {
            let start =
                "directoryObjects/$/Microsoft.DirectoryServices.Device?$top=2&$skiptoken=X'";
            assert!(link.starts_with(start), "{link}");
        }
    }
    seen.sort();
    assert_eq!(seen, all);
}

#[tokio::test]
async fn a_device_is_found_by_its_object_and_filtered_by_its_device_id() {
    let directory = Directory::of("bob").await;
    let phone = directory.device("Bob's phone").await;
    let (object, id) = (phone["objectId"].as_str().unwrap(), phone["deviceId"].as_str().unwrap());
    let one = directory.get(&format!("devices/{object}?$expand=registeredOwners")).await.json();
    assert_eq!(
        one["odata.metadata"],
        "https://graph.windows.net/contoso.test/$metadata#directoryObjects/@Element"
    );
    assert_eq!(one["deviceId"], id);
    assert_eq!(one["registeredOwners"][0]["userPrincipalName"], "bob@contoso.test");
    let found = directory.get(&format!("devices?$filter=deviceId%20eq%20guid'{id}'")).await;
    assert_eq!(names(&found), ["Bob's phone"]);
    let links = directory.get(&format!("devices/{object}/$links/registeredOwners")).await.json();
    let address = links["value"][0]["url"].as_str().unwrap();
    assert!(address.ends_with("/Microsoft.DirectoryServices.User"), "{address}");
    let path = address.strip_prefix(RESOURCE).unwrap();
    let user = directory.send(Method::GET, &format!("{path}?{VERSION}"), "").await;
    assert_eq!(user.status, 200, "{user:?}");
    assert_eq!(user.json()["objectId"], directory.world.user("bob").id.to_string());
}

#[tokio::test]
async fn a_users_devices_leave_out_the_hybrid_computer_of_today() {
    let directory = Directory::of("bob").await;
    for path in
        ["users/bob@contoso.test/ownedDevices", "users('bob@contoso.test')/registeredDevices"]
    {
        let names = names(&directory.get(path).await);
        assert!(names.contains(&"OLD-1".to_owned()), "{names:?}");
        assert!(names.contains(&"Bob's phone".to_owned()), "{names:?}");
        assert!(!names.contains(&"DESK-1".to_owned()), "{names:?}");
    }
    let hybrid = directory.device("DESK-1").await;
    let owners = format!("devices/{}/registeredOwners", hybrid["objectId"].as_str().unwrap());
    assert_eq!(directory.get(&owners).await.json()["value"], json!([]));
    let me = format!("/me/ownedDevices?{VERSION}");
    assert!(names(&directory.send(Method::GET, &me, "").await).contains(&"OLD-1".to_owned()));
}

#[tokio::test]
async fn an_administrator_disables_and_deletes() {
    let directory = Directory::of("alice").await;
    let device = directory.device("DESK-1").await;
    let path = format!("/contoso.test/devices/{}?{VERSION}", device["objectId"].as_str().unwrap());
    let answer = directory.send(Method::PATCH, &path, r#"{"accountEnabled":false}"#).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""));
    assert_eq!(directory.device("DESK-1").await["accountEnabled"], false);
    assert_eq!(directory.send(Method::DELETE, &path, "").await.status, 204);
    let gone = directory.send(Method::GET, &path, "").await;
    assert_eq!(refusal(&gone), (404, "Request_ResourceNotFound".to_owned()));
    let mut changes = directory.world.events("directory.change");
    changes.retain(|event| event["resource"] == "aadgraph");
    assert_eq!(changes.len(), 2);
    assert_eq!(changes[0]["enabled"], false);
    assert_eq!(changes[1]["operation"], "devices.delete");
}

#[tokio::test]
async fn a_user_without_a_role_changes_nothing() {
    let directory = Directory::of("bob").await;
    let device = directory.device("DESK-1").await;
    let path = format!("/contoso.test/devices/{}?{VERSION}", device["objectId"].as_str().unwrap());
    for (method, body) in
        [(Method::PATCH, r#"{"accountEnabled":false}"#), (Method::PATCH, "{"), (Method::DELETE, "")]
    {
        let answer = directory.send(method, &path, body).await;
        assert_eq!(refusal(&answer), (403, "Authorization_RequestDenied".to_owned()));
    }
    assert_eq!(directory.device("DESK-1").await, device);
    let denied = directory.world.events("access.denied");
    assert_eq!(denied.len(), 3);
    assert_eq!(denied[2]["operation"], "devices.delete");
}

#[tokio::test]
async fn bad_tokens_are_refused_in_the_envelope() {
    let directory = Directory::of("bob").await;
    let address = format!("/contoso.test/devices?{VERSION}");
    let world = &directory.world;
    let mut other = world.claims("bob", RESOURCE, None);
    other.insert("tid".to_owned(), "11111111-2222-3333-4444-555555555555".into());
    let tokens = [
        None,
        Some("nonsense".to_owned()),
        Some(world.sign(&world.claims("bob", "https://graph.microsoft.com", None))),
        Some(world.sign(&other)),
    ];
    for token in tokens {
        let answer = world.send(Method::GET, &address, token.as_deref(), &[], "").await;
        assert_eq!(refusal(&answer), (401, "Authentication_MissingOrMalformed".to_owned()));
        let error = &answer.json()["odata.error"];
        assert_eq!(error["message"]["lang"], "en");
        assert_eq!(error["date"], "2026-03-02T09:00:00");
        assert_eq!(error["requestId"], answer.header("request-id"));
        assert!(answer.header("www-authenticate").contains("00000002-0000-0000-c000-000000000000"));
    }
    world.advance(7200);
    let late = directory.send(Method::GET, &address, "").await;
    assert_eq!(refusal(&late), (401, "Authentication_ExpiredToken".to_owned()));
}

#[tokio::test]
async fn the_tenant_of_the_address_is_the_tokens() {
    let directory = Directory::of("bob").await;
    let id = directory.world.world.tenant.id.to_string();
    for tenant in ["contoso.test", "CONTOSO.test", "myorganization", id.as_str()] {
        let address = format!("/{tenant}/devices?{VERSION}");
        assert_eq!(directory.send(Method::GET, &address, "").await.status, 200, "{tenant}");
    }
    for tenant in ["tailspin.test", "common", "11111111-2222-3333-4444-555555555555"] {
        let address = format!("/{tenant}/devices?{VERSION}");
        let answer = directory.send(Method::GET, &address, "").await;
        assert_eq!(refusal(&answer), (401, "Authentication_Unauthorized".to_owned()), "{tenant}");
    }
}

#[tokio::test]
async fn malformed_and_oversized_requests_are_refused_by_name() {
    let directory = Directory::of("alice").await;
    let long = "x".repeat(40_000);
    let skip = format!("devices?$skiptoken=X'{}'", "61".repeat(20_000));
    let bad = "Request_BadRequest";
    let unsupported = "Request_UnsupportedQuery";
    let expired = "Directory_ExpiredPageToken";
    for (path, code) in [
        ("devices?$filter=deviceId%20eq%20'x'", bad),
        ("devices?$filter=deviceId%20eq%20guid'x'", bad),
        ("devices?$filter=isManaged%20eq%20true", unsupported),
        ("devices?$top=0", bad),
        ("devices?$top=1000", bad),
        ("devices?$top=1&$top=2", bad),
        ("devices?$nonsense=1", bad),
        ("devices?$orderby=displayName", unsupported),
        ("devices?$expand=memberOf", unsupported),
        ("devices?$skiptoken=abc", expired),
        ("devices?$skiptoken=X'zz'", expired),
        ("devices?$skiptoken=X'\u{20ac}'", expired),
        (skip.as_str(), expired),
        ("devices/nonsense", bad),
        (format!("devices/{long}").as_str(), bad),
    ] {
        let path = path.replace('\u{20ac}', "%E2%82%AC");
        let answer = directory.get(&path).await;
        let shown: String = path.chars().take(60).collect();
        assert_eq!(refusal(&answer), (400, code.to_owned()), "{shown}");
        assert!(answer.text.len() < 1000, "{shown}: the answer repeats what it was sent");
    }
    let object = directory.device("OLD-1").await["objectId"].as_str().unwrap().to_owned();
    let path = format!("/contoso.test/devices/{object}?{VERSION}");
    let name = format!(r#"{{"displayName":"{}"}}"#, "x".repeat(257));
    for body in ["", "[]", "{", r#"{"accountEnabled":"no"}"#, r#"{"isCompliant":true}"#, &name] {
        let answer = directory.send(Method::PATCH, &path, body).await;
        assert_eq!(refusal(&answer), (400, bad.to_owned()), "{body}");
    }
}

#[tokio::test]
async fn what_is_not_emulated_is_named() {
    let directory = Directory::of("alice").await;
    let groups = directory.get("groups").await;
    assert_eq!(refusal(&groups), (404, "Request_InvalidRequestUrl".to_owned()));
    assert!(groups.text.contains("Not emulated: GET /contoso.test/groups"), "{}", groups.text);
    let address = format!("/contoso.test/devices?{VERSION}");
    let post = directory.send(Method::POST, &address, "{}").await;
    assert_eq!(post.status, 405);
    let missing = directory.send(Method::GET, "/contoso.test/devices", "").await;
    assert_eq!(refusal(&missing), (400, "Request_DataContractVersionMissing".to_owned()));
    let unknown = directory.send(Method::GET, "/contoso.test/devices?api-version=0.5", "").await;
    assert_eq!(refusal(&unknown), (400, "Request_DataContractVersionMissing".to_owned()));
}
