//! Deleted devices that are kept: who may see them, bring them back and delete them for good.

use http::{Method, StatusCode};

use super::{GRAPH, Graph, each, router, text};
use crate::services::token::testing::TestWorld;

const LIST: &str = "/beta/directory/deletedItems/microsoft.graph.device";

/// As this user in a world that keeps deleted devices for a day; the object id of SEED-1, which is deleted.
async fn kept(user: &str) -> (Graph, String) {
    let text = include_str!("../../../../../fixtures/worlds/contoso.world.yaml");
    let text = text.replace("settings:", "settings:\n  soft_delete: 1d");
    let world = TestWorld::start_from("graph.microsoft.com", router(), &text).await;
    let token = world.sign(&world.claims(user, GRAPH, None));
    let graph = Graph { world, token };
    let id = super::text(&graph.device("SEED-1").await, "id").to_owned();
    let directory = &graph.world.world.directory;
    let settings = &graph.world.world.tenant.settings;
    let now = graph.world.world.clock.now();
    directory.delete_device(id.parse().unwrap(), settings, now).await.unwrap().unwrap();
    (graph, id)
}

fn item(id: &str) -> String {
    format!("/beta/directory/deletedItems/{id}")
}

#[tokio::test]
async fn a_deleted_device_is_listed_and_shown_with_the_time_of_its_deletion() {
    let (graph, id) = kept("bob").await;
    let list = graph.get(LIST).await.json();
    assert_eq!(each(&list, "displayName"), ["SEED-1"]);
    assert_eq!(list["value"][0]["deletedDateTime"], "2026-03-02T09:00:00Z");
    let one = graph.get(&format!("{}?$select=id,deletedDateTime", item(&id))).await.json();
    assert_eq!(one["@odata.type"], "#microsoft.graph.device");
    assert_eq!((text(&one, "id"), one.as_object().unwrap().len()), (id.as_str(), 3));
    graph.world.advance(24 * 3600 - 1);
    let token = graph.world.sign(&graph.world.claims("bob", GRAPH, None));
    let graph = Graph { token, ..graph };
    assert_eq!(graph.get(&item(&id)).await.status, StatusCode::OK);
    graph.world.advance(1);
    assert_eq!(graph.get(&item(&id)).await.status, StatusCode::NOT_FOUND);
    assert_eq!(each(&graph.get(LIST).await.json(), "id"), [""; 0]);
}

#[tokio::test]
async fn only_roles_that_change_devices_bring_one_back_or_delete_it_for_good() {
    let (graph, id) = kept("bob").await;
    let restore = format!("{}/restore", item(&id));
    for (method, path) in [(Method::POST, restore.as_str()), (Method::DELETE, &item(&id))] {
        let refused = graph.send(method, path, "").await.refusal();
        assert_eq!(refused, (403, "Authorization_RequestDenied".to_owned()), "{path}");
    }
    let token = graph.world.sign(&graph.world.claims("alice", GRAPH, None));
    let graph = Graph { token, ..graph };
    let back = graph.send(Method::POST, &restore, "").await;
    assert_eq!((back.status, text(&back.json(), "displayName")), (StatusCode::OK, "SEED-1"));
    assert_eq!(graph.send(Method::POST, &restore, "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(text(&graph.device("SEED-1").await, "id"), id);
    let changes = graph.world.events("directory.change");
    assert_eq!(changes.last().unwrap()["operation"], "deletedItems.restore");
}

#[tokio::test]
async fn what_is_no_deleted_device_is_refused_and_nothing_changes() {
    let (graph, id) = kept("alice").await;
    let nobody = "00000000-0000-0000-0000-000000000001";
    let odd = "%3Cscript%3E";
    for (method, path, status) in [
        (Method::GET, item(nobody), 404),
        (Method::GET, item(odd), 400),
        (Method::DELETE, item(nobody), 404),
        (Method::DELETE, LIST.to_owned(), 405),
        (Method::POST, format!("{}/restore", item(odd)), 400),
        (Method::GET, format!("{}/restore", item(&id)), 405),
        (Method::PATCH, item(&id), 405),
        (Method::GET, format!("{LIST}?$filter=id%20eq%20'x'"), 400),
        (Method::GET, format!("{LIST}?$skiptoken=x"), 400),
        (Method::GET, LIST.replace("/beta", "/v1.0"), 404),
    ] {
        let answer = graph.send(method.clone(), &path, "").await;
        assert_eq!(answer.status.as_u16(), status, "{method} {path}: {}", answer.text);
    }
    assert_eq!(each(&graph.get(LIST).await.json(), "id"), [id]);
}
