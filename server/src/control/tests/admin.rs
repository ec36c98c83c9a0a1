//! The same actions without the wire, and the views that expectations read.

use serde_json::json;

use super::*;
use crate::control::admin::{Admin, AdminError};
use crate::control::view;

#[tokio::test]
async fn an_action_bears_the_name_of_its_actor() {
    let world = contoso().await;
    let admin = Admin::new(&world, "step disable-it");
    let device = admin.disable_device("SEED-2").await.unwrap();
    assert!(!device.enabled());
    let event = world.journal.since(0).remove(0);
    assert_eq!(event.fields.text("actor"), Some("step disable-it"));
    assert_eq!(event.fields.text("target"), Some(&*device.device_id.to_string()));
}

#[tokio::test]
async fn the_views_hold_every_record_and_no_password() {
    let world = contoso().await;
    let devices = view::devices(&world).await.unwrap();
    let mut names: Vec<_> =
        devices.iter().map(|d| d["displayName"].as_str().unwrap().to_owned()).collect();
    names.sort();
    assert_eq!(names, ["SEED-1", "SEED-2", "SEED-3"]);
    let third = devices.iter().find(|d| d["displayName"] == "SEED-3").unwrap();
    assert_eq!(third["accountEnabled"], false);
    assert_eq!(third["revocation"]["disabledAt"], "1970-01-01T00:00:00Z");
    let users = view::users(&world).await.unwrap();
    assert_eq!(users.len(), 6);
    assert_eq!(
        users[1],
        json!({
            "id": users[1]["id"],
            "key": "bob",
            "upn": "bob@contoso.test",
            "displayName": "Bob Baker",
            "accountEnabled": true,
            "roles": [],
            "ownedDevices": 1,
        })
    );
    assert!(!format!("{users:?}{devices:?}").contains("Correct-Horse"));
}

#[tokio::test]
async fn the_device_of_a_deleted_owner_has_none() {
    let world = contoso().await;
    Admin::new(&world, "test").delete_user("bob").await.unwrap();
    let devices = view::devices(&world).await.unwrap();
    let first = devices.iter().find(|d| d["displayName"] == "SEED-1").unwrap();
    assert_eq!(first["registeredOwners"], json!([]));
}

#[tokio::test]
async fn more_devices_than_a_page_are_all_in_the_view() {
    let world = contoso().await;
    let admin = Admin::new(&world, "test");
    for number in 0..1000 {
        let new = serde_json::from_value(
            json!({ "name": format!("PC-{number}"), "os": "linux", "trust": "workplace" }),
        );
        admin.create_device(new.unwrap()).await.unwrap();
    }
    assert_eq!(view::devices(&world).await.unwrap().len(), 1003);
}

#[tokio::test]
async fn a_device_id_is_never_given_again() {
    let world = contoso().await;
    let admin = Admin::new(&world, "test");
    let grave = admin.delete_device("SEED-1").await.unwrap();
    let new = json!({
        "name": "SEED-1", "os": "linux", "trust": "workplace",
        "device_id": grave.device_id.to_string(),
    });
    let again = admin.create_device(serde_json::from_value(new).unwrap()).await;
    assert!(matches!(again, Err(AdminError::Conflict(_))));
}
