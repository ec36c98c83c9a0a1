//! One device: what it looks like, and what changes it.

use http::Method;
use linarite_core::device::{DeviceKey, OnPremises, TrustType};
use linarite_core::ids::{Sid, Thumbprint};
use linarite_core::visibility::DeviceView;
use serde_json::{Value, json};

use super::super::shape::{DEVICE, Shown};
use super::{GRAPH, Graph, each, text};
use crate::directory::{DeviceQuery, NewDevice};
use crate::services::token::testing::START;

#[tokio::test]
async fn a_device_is_found_by_object_id_and_by_device_id_in_any_case() {
    let graph = Graph::start().await;
    let device = graph.device("SEED-2").await;
    let (id, device_id) = (text(&device, "id"), text(&device, "deviceId"));
    assert_ne!(id, device_id);
    for path in [
        format!("/v1.0/devices/{id}"),
        format!("//v1.0//DEVICES/{}", id.to_uppercase()),
        format!("/beta/devices('{id}')"),
        format!("/v1.0/devices(deviceId='{device_id}')"),
        format!("/v1.0/devices(deviceId=%27{}%27)", device_id.to_uppercase()),
    ] {
        let answer = graph.get(&path).await;
        assert_eq!(answer.json()["id"], id, "{path}");
    }
    for path in [
        format!("/v1.0/devices/{device_id}"),
        format!("/v1.0/devices(deviceId='{id}')"),
        "/v1.0/devices(deviceId='x')".to_owned(),
    ] {
        let answer = graph.get(&path).await;
        assert_eq!(answer.refusal(), (404, "Request_ResourceNotFound".to_owned()), "{path}");
    }
    let answer = graph.get("/v1.0/devices/SEED-2").await;
    assert_eq!(answer.refusal(), (400, "Request_BadRequest".to_owned()));
}

#[tokio::test]
async fn the_properties_come_in_the_documented_order_with_the_context_first() {
    let graph = Graph::start().await;
    let id = text(&graph.device("SEED-1").await, "id").to_owned();
    let answer = graph.get(&format!("/v1.0/devices/{id}")).await;
    let json = answer.json();
    let keys: Vec<&String> = json.as_object().unwrap().keys().collect();
    assert_eq!(keys[..4], ["@odata.context", "id", "deletedDateTime", "accountEnabled"]);
    assert_eq!(keys.last().unwrap().as_str(), "alternativeSecurityIds");
    assert_eq!(keys.len(), 1 + 35);
    assert_eq!(
        text(&json, "@odata.context"),
        "https://graph.microsoft.com/v1.0/$metadata#devices/$entity"
    );
    assert_eq!(json["trustType"], "AzureAd");
    assert_eq!(json["registrationDateTime"], "2026-03-02T09:00:00Z");
    assert_eq!(json["profileType"], "RegisteredDevice");
    assert_eq!(json["physicalIds"], json!([]));
    assert!(json["isCompliant"].is_null() && json["onPremisesSyncEnabled"].is_null());
}

#[tokio::test]
async fn the_key_is_utf_16_in_base64() {
    let graph = Graph::start().await;
    let query = DeviceQuery::default();
    let page = graph.world.world.directory.list_devices(query).await.unwrap().unwrap();
    let mut device = page.items[0].clone();
    let alt_security_id = "X509:<SHA1-TP-PUBKEY>AB".to_owned();
    device.key = Some(DeviceKey { thumbprint: Thumbprint::new([0; 20]), alt_security_id });
    let sid = Sid::parse("S-1-5-21-1-2-3-1104").unwrap();
    device.on_premises = Some(OnPremises { sid, certificate: vec![1] });
    let names = ["alternativeSecurityIds", "ONPREMISESSECURITYIDENTIFIER"].map(str::to_owned);
    let selection = DEVICE.select(Some(&names)).unwrap();
    let shown = Shown { first: None, object: &DeviceView::of(&device), selection: &selection };
    let json = serde_json::to_value(shown).unwrap();
    assert_eq!(json["onPremisesSecurityIdentifier"], "S-1-5-21-1-2-3-1104");
    // printf 'X509:<SHA1-TP-PUBKEY>AB' | iconv -t UTF-16LE | base64 -w0
    let key = "WAA1ADAAOQA6ADwAUwBIAEEAMQAtAFQAUAAtAFAAVQBCAEsARQBZAD4AQQBCAA==";
    assert_eq!(
        json["alternativeSecurityIds"],
        json!([{ "type": 2, "identityProvider": null, "key": key }])
    );
}

#[tokio::test]
async fn select_prints_what_was_asked_and_refuses_what_is_unknown() {
    let graph = Graph::start().await;
    let id = text(&graph.device("SEED-1").await, "id").to_owned();
    let answer = graph.get(&format!("/v1.0/devices/{id}?$select=displayname,id")).await;
    let json = answer.json();
    assert_eq!(
        json,
        json!({
            "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#devices(id,displayName)/$entity",
            "id": id,
            "displayName": "SEED-1",
        })
    );
    for select in ["", "id,,displayName", "id,shoeSize", "registeredOwners"] {
        let answer = graph.get(&format!("/v1.0/devices/{id}?$select={select}")).await;
        assert_eq!(answer.refusal(), (400, "Request_BadRequest".to_owned()), "{select}");
    }
    let answer = graph.get(&format!("/v1.0/devices/{id}?$count=false&$filter=x")).await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn a_device_is_disabled_renamed_and_enabled_by_patch() {
    let graph = Graph::start().await;
    let device = graph.device("SEED-1").await;
    let by_key = format!("/v1.0/devices(deviceId='{}')", text(&device, "deviceId"));
    let by_id = format!("/v1.0/devices/{}", text(&device, "id"));
    let change =
        r##"{"@odata.type":"#microsoft.graph.device","accountEnabled":false,"displayName":"NEW"}"##;
    let answer = graph.send(Method::PATCH, &by_key, change).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""));
    let changed = graph.get(&by_id).await.json();
    assert_eq!((&changed["accountEnabled"], text(&changed, "displayName")), (&json!(false), "NEW"));
    assert_eq!(graph.send(Method::PATCH, &by_id, r#"{"accountEnabled":true}"#).await.status, 204);
    assert_eq!(graph.get(&by_id).await.json()["accountEnabled"], true);
    let changes = graph.world.events("directory.change");
    assert_eq!(changes.len(), 2);
    assert_eq!(changes[0]["operation"], "devices.update");
    assert_eq!(changes[0]["enabled"], false);
    assert_eq!(changes[0]["name"], "NEW");
    assert_eq!(changes[0]["target"], device["id"]);
}

#[tokio::test]
async fn a_change_that_cannot_be_made_is_refused_by_name_and_changes_nothing() {
    let graph = Graph::start().await;
    let device = graph.device("SEED-1").await;
    let path = format!("/v1.0/devices/{}", text(&device, "id"));
    let long = format!(r#"{{"displayName":"{}"}}"#, "x".repeat(257));
    for (body, named) in [
        ("", "Payload"),
        ("{", "JSON object"),
        ("[]", "JSON object"),
        (r#"{"accountEnabled":"false"}"#, "accountEnabled"),
        (r#"{"accountEnabled":null}"#, "accountEnabled"),
        (r#"{"displayName":" "}"#, "displayName"),
        (long.as_str(), "displayName"),
        (r#"{"accountEnabled":false,"isCompliant":"yes"}"#, "isCompliant"),
        (r#"{"deviceId":"x"}"#, "deviceId"),
        (r#"{"shoeSize":43}"#, "shoeSize"),
    ] {
        let answer = graph.send(Method::PATCH, &path, body).await;
        assert_eq!(answer.refusal(), (400, "Request_BadRequest".to_owned()), "{body}");
        assert!(answer.text.contains(named), "{body}: {}", answer.text);
    }
    assert_eq!(graph.device("SEED-1").await, device);
    let longest = format!(r#"{{"displayName":"{}"}}"#, "é".repeat(256));
    assert_eq!(graph.send(Method::PATCH, &path, &longest).await.status, 204);
}

#[tokio::test]
async fn a_deleted_device_is_gone() {
    let graph = Graph::start().await;
    let path = format!("/v1.0/devices/{}", text(&graph.device("SEED-3").await, "id"));
    assert_eq!(graph.send(Method::DELETE, &path, "").await.status, 204);
    for method in [Method::GET, Method::DELETE] {
        let answer = graph.send(method, &path, "").await;
        assert_eq!(answer.refusal(), (404, "Request_ResourceNotFound".to_owned()));
    }
    assert_eq!(graph.send(Method::PATCH, &path, r#"{"displayName":"x"}"#).await.status, 404);
    assert_eq!(graph.world.events("directory.change")[0]["operation"], "devices.delete");
}

#[tokio::test]
async fn whoever_registered_a_device_owns_and_uses_it_and_a_hybrid_one_has_nobody() {
    let graph = Graph::start().await;
    let device = graph.device("SEED-1").await;
    for relation in ["registeredOwners", "registeredUsers"] {
        let path = format!("/v1.0/devices/{}/{relation}", text(&device, "id"));
        let owners = graph.get(&path).await.json();
        assert_eq!(owners["value"][0]["@odata.type"], "#microsoft.graph.user");
        assert_eq!(each(&owners, "userPrincipalName"), ["bob@contoso.test"]);
    }
    let hybrid = NewDevice {
        display_name: "HYBRID".to_owned(),
        os: "Windows".to_owned(),
        os_version: "10.0".to_owned(),
        trust: TrustType::ServerAd,
        owner: Some(graph.world.user("bob").id),
        device_id: None,
        on_premises: None,
    };
    let made = graph.world.world.directory.create_device(hybrid, 7, START).await.unwrap().unwrap();
    let owners = graph.get(&format!("/v1.0/devices/{}/registeredOwners", made.object_id)).await;
    assert_eq!(owners.json()["value"], json!([]));
    assert!(graph.device("HYBRID").await["registrationDateTime"].is_null());
}

#[tokio::test]
async fn device_management_alone_says_that_a_device_is_compliant() {
    // Alice is a cloud device administrator: she disables devices and does not manage them.
    let graph = Graph::start().await;
    let id = text(&graph.device("SEED-1").await, "id").to_owned();
    let path = format!("/v1.0/devices/{id}");
    let compliant = r#"{"isCompliant":true}"#;
    let refused = graph.send(Method::PATCH, &path, compliant).await;
    assert_eq!(refused.refusal(), (403, "Authorization_RequestDenied".to_owned()));
    let both = r#"{"accountEnabled":false,"isCompliant":true}"#;
    assert_eq!(graph.send(Method::PATCH, &path, both).await.status, 403);
    let device = graph.device("SEED-1").await;
    assert_eq!((&device["isCompliant"], &device["accountEnabled"]), (&Value::Null, &json!(true)));

    let admin = crate::control::admin::Admin::new(&graph.world.world, "test");
    let ivy = json!({ "upn": "ivy@contoso.test", "key": "ivy", "roles": ["intune-administrator"] });
    admin.create_user(serde_json::from_value(ivy).unwrap()).await.unwrap();
    let token = graph.world.sign(&graph.world.claims("ivy", GRAPH, None));
    let graph = Graph { token, ..graph };
    let said = r#"{"isCompliant":true,"isManaged":true}"#;
    assert_eq!(graph.send(Method::PATCH, &path, said).await.status, 204);
    let device = graph.device("SEED-1").await;
    assert_eq!((&device["isCompliant"], &device["isManaged"]), (&json!(true), &json!(true)));
    assert_eq!(graph.send(Method::PATCH, &path, both).await.status, 403);
    assert_eq!(graph.send(Method::PATCH, &path, r#"{"isCompliant":null}"#).await.status, 403);
}
