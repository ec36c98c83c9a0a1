//! Lists: filters, orders, counts and pages as clients ask for them.

use http::Method;
use serde_json::{Value, json};

use super::{Graph, each, text};

async fn names(graph: &Graph, query: &str) -> Vec<String> {
    let answer = graph.eventual(&format!("/v1.0/devices?{query}&$count=true")).await;
    let mut names = each(&answer.json(), "displayName");
    names.sort();
    names
}

#[tokio::test]
async fn all_devices_are_listed_with_a_context() {
    let graph = Graph::start().await;
    let list = graph.get("/v1.0//devices").await.json();
    assert_eq!(text(&list, "@odata.context"), "https://graph.microsoft.com/v1.0/$metadata#devices");
    assert_eq!(list["value"].as_array().unwrap().len(), 3);
    assert!(list.get("@odata.count").is_none() && list.get("@odata.nextLink").is_none());
    let granted = graph.world.events("access.granted");
    assert_eq!(granted[0]["operation"], "devices.list");
}

#[tokio::test]
async fn filters_choose() {
    let graph = Graph::start().await;
    let seed = graph.device("SEED-1").await;
    let id = text(&seed, "deviceId");
    for (filter, expected) in [
        (format!("deviceId eq '{id}'"), vec!["SEED-1"]),
        (format!("deviceId eq {id}"), vec!["SEED-1"]),
        (format!("deviceId eq '{}'", text(&seed, "id")), vec![]),
        (format!("startswith(deviceId,'{}')", &id[..9].to_uppercase()), vec!["SEED-1"]),
        (format!("id in ('{}', 'x')", text(&seed, "id")), vec!["SEED-1"]),
        ("displayName eq 'seed-2'".to_owned(), vec!["SEED-2"]),
        ("startsWith(displayName,'Seed-')".to_owned(), vec!["SEED-1", "SEED-2", "SEED-3"]),
        ("displayName ge 'seed-2' and displayName le 'seed-2z'".to_owned(), vec!["SEED-2"]),
        ("accountEnabled eq false".to_owned(), vec!["SEED-3"]),
        ("accountEnabled ne false and trustType eq 'Workplace'".to_owned(), vec!["SEED-2"]),
        ("trustType in ('AzureAd','ServerAd')".to_owned(), vec!["SEED-1"]),
        ("not (trustType eq 'AzureAd' or accountEnabled eq true)".to_owned(), vec!["SEED-3"]),
        ("isManaged eq true".to_owned(), vec![]),
        ("isManaged ne true".to_owned(), vec!["SEED-1", "SEED-2", "SEED-3"]),
        (
            "onPremisesSyncEnabled eq null and not startsWith(displayName,'seed-1')".to_owned(),
            vec!["SEED-2", "SEED-3"],
        ),
        ("approximateLastSignInDateTime le 2020-01-01T00:00:00Z".to_owned(), vec![]),
        ("operatingSystem eq 'windows' and displayName eq 'it''s'".to_owned(), vec![]),
    ] {
        let query = format!("$filter={}", filter.replace(' ', "%20"));
        assert_eq!(names(&graph, &query).await, expected, "{filter}");
    }
}

#[tokio::test]
async fn a_filter_that_cannot_be_answered_says_why() {
    let graph = Graph::start().await;
    let (bad, unsupported) = ("Request_BadRequest", "Request_UnsupportedQuery");
    for (filter, code, named) in [
        ("", bad, "condition"),
        ("displayName", bad, "operator"),
        ("displayName eq 'x", bad, "not closed"),
        ("displayName eq x", bad, "quotes"),
        ("(displayName eq 'x'", bad, "`)`"),
        ("shoeSize eq 43", bad, "shoeSize"),
        ("accountEnabled eq 'true'", bad, "true or false"),
        ("approximateLastSignInDateTime ge 'x'", bad, "time"),
        ("frobnicate(displayName,'x')", bad, "frobnicate"),
        ("displayName lt 'x'", unsupported, "lt"),
        ("operatingSystem in ('a')", unsupported, "in"),
        ("startsWith(trustType,'A')", unsupported, "trustType"),
        ("accountEnabled eq null", unsupported, "null"),
        ("model eq 'x'", unsupported, "model"),
        ("endsWith(displayName,'x')", unsupported, "endsWith"),
        ("contains(displayName,'x')", unsupported, "contains"),
        ("displayName ne 'x'", unsupported, "ConsistencyLevel"),
        ("not (displayName eq 'x')", unsupported, "ConsistencyLevel"),
    ] {
        let answer =
            graph.get(&format!("/v1.0/devices?$filter={}", filter.replace(' ', "%20"))).await;
        assert_eq!(answer.refusal(), (400, code.to_owned()), "{filter}");
        assert!(answer.text.contains(named), "{filter}: {}", answer.text);
    }
    // The header alone is not enough.
    let answer = graph.eventual("/v1.0/devices?$filter=displayName%20ne%20'x'").await;
    assert_eq!(answer.refusal(), (400, unsupported.to_owned()));
}

#[tokio::test]
async fn options_that_are_wrong_or_not_emulated_are_refused_by_name() {
    let graph = Graph::start().await;
    for (query, named) in [
        ("$top=0", "between 1 and 999"),
        ("$top=1000", "between 1 and 999"),
        ("$top=-1", "between 1 and 999"),
        ("$top=x", "between 1 and 999"),
        ("$top=1&%24top=2", "twice"),
        ("$count=yes", "true or false"),
        ("$count=true", "ConsistencyLevel"),
        ("$search=%22displayName:x%22", "$search"),
        ("$expand=registeredOwners", "$expand"),
        ("$skip=1", "$skip"),
        ("$frob=1", "$frob"),
        ("$orderby=model", "model"),
        ("$orderby=shoeSize", "shoeSize"),
        ("$orderby=displayName%20up", "asc or desc"),
        ("$orderby=displayName,id", "more than one"),
        ("$orderby=", "$orderby"),
    ] {
        let answer = graph.get(&format!("/v1.0/devices?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.text.contains(named), "{query}: {}", answer.text);
    }
    let ignored = graph.get("/v1.0/devices?client-request-id=x&$count=false&top=2").await;
    assert_eq!(ignored.json()["value"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_count_is_a_number_beside_the_list_or_text_by_itself() {
    let graph = Graph::start().await;
    let list = graph.eventual("/v1.0/devices?$count=true&$top=1").await.json();
    assert_eq!((&list["@odata.count"], list["value"].as_array().unwrap().len()), (&json!(3), 1));
    let keys: Vec<&String> = list.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["@odata.context", "@odata.count", "@odata.nextLink", "value"]);
    let alone = graph.eventual("/v1.0/devices/$count").await;
    assert_eq!((alone.text.as_str(), alone.header("content-type")), ("3", "text/plain"));
    let some = graph.eventual("/v1.0/devices/$count?$filter=accountEnabled%20ne%20true").await;
    assert_eq!(some.text, "1");
    assert_eq!(graph.get("/v1.0/devices/$count").await.status, 400);
    assert_eq!(graph.eventual("/v1.0/users/$count").await.text, "6");
}

/// Follows the links and gives the names of each page.
async fn pages(graph: &Graph, first: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut address = first.to_owned();
    loop {
        let page = graph.get(&address).await.json();
        pages.push(each(&page, "displayName"));
        let Some(next) = page["@odata.nextLink"].as_str() else { return pages };
        address = next.strip_prefix("https://graph.microsoft.com").unwrap().to_owned();
    }
}

#[tokio::test]
async fn pages_follow_their_links_in_every_order() {
    let graph = Graph::start().await;
    let order = |names: [&str; 3]| names.map(|name| vec![name.to_owned()]).to_vec();
    let up = pages(&graph, "/v1.0/devices?$orderby=displayName&$top=1").await;
    assert_eq!(up, order(["SEED-1", "SEED-2", "SEED-3"]));
    let down = pages(&graph, "/v1.0/devices?%24top=1&%24orderby=displayName%20desc").await;
    assert_eq!(down, order(["SEED-3", "SEED-2", "SEED-1"]));
    for by in
        ["", "&$orderby=approximateLastSignInDateTime", "&$filter=startsWith(displayName,'s')"]
    {
        let all = pages(&graph, &format!("/beta/devices?$top=2&$select=displayName{by}")).await;
        let mut all = all.concat();
        all.sort();
        assert_eq!(all, ["SEED-1", "SEED-2", "SEED-3"], "{by}");
    }
}

#[tokio::test]
async fn the_link_keeps_what_was_asked_and_follows_the_face() {
    let graph = Graph::start().await;
    let first = "/v1.0/devices?%24top=1&%24select=id&%24skiptoken=";
    let list = graph.get(&format!("{first}&x")).await;
    assert_eq!(list.refusal(), (400, "Directory_ExpiredPageToken".to_owned()));
    let list = graph.get("/v1.0/devices?%24top=1&%24select=id").await.json();
    let link = text(&list, "@odata.nextLink");
    assert!(
        link.starts_with(
            "https://graph.microsoft.com/v1.0/devices?%24top=1&%24select=id&$skiptoken="
        ),
        "{link}"
    );
    let path = link.strip_prefix("https://graph.microsoft.com").unwrap();
    let second = graph.get(path).await.json();
    assert_eq!(text(&second, "@odata.nextLink").matches("skiptoken").count(), 1);
}

#[tokio::test]
async fn a_page_token_that_is_not_ours_is_refused() {
    let graph = Graph::start().await;
    let list = graph.get("/v1.0/devices?$top=1").await.json();
    let token = text(&list, "@odata.nextLink").split("$skiptoken=").nth(1).unwrap().to_owned();
    let cut = &token[..token.len() - 2];
    for query in [
        "$skiptoken=x".to_owned(),
        "$skiptoken=%00".to_owned(),
        format!("$skiptoken={cut}"),
        format!("$skiptoken={}", "A".repeat(9000)),
        format!("$skiptoken={token}&$orderby=displayName"),
    ] {
        let answer = graph.get(&format!("/v1.0/devices?{query}")).await;
        assert_eq!(answer.refusal(), (400, "Directory_ExpiredPageToken".to_owned()), "{query}");
    }
}

#[tokio::test]
async fn the_devices_of_a_user_are_objects_until_they_are_cast() {
    let graph = Graph::of("carol").await;
    for relation in ["ownedDevices", "registeredDevices"] {
        for user in [
            "me".to_owned(),
            "users/Carol@contoso.test".to_owned(),
            format!("users/{}", graph.world.user("carol").id),
        ] {
            let path = format!("/v1.0/{user}/{relation}");
            let list = graph.get(&path).await.json();
            assert_eq!(each(&list, "@odata.type"), ["#microsoft.graph.device"; 2]);
            assert!(text(&list, "@odata.context").ends_with("/v1.0/$metadata#directoryObjects"));
            let cast =
                graph.get(&format!("{path}/microsoft.graph.device?$orderby=displayName")).await;
            assert_eq!(each(&cast.json(), "displayName"), ["SEED-2", "SEED-3"]);
            assert!(cast.json()["value"][0].get("@odata.type").is_none());
            assert_eq!(graph.eventual(&format!("{path}/$count")).await.text, "2");
        }
    }
    assert_eq!(graph.get("/v1.0/users/nobody@contoso.test/ownedDevices").await.status, 404);
    assert_eq!(
        graph.get("/v1.0/users/mia@contoso.test/ownedDevices").await.json()["value"],
        json!([])
    );
}

#[tokio::test]
async fn users_are_found_and_listed() {
    let graph = Graph::of("bob").await;
    let me = graph.get("/v1.0/me").await.json();
    assert_eq!(text(&me, "displayName"), "Bob Baker");
    assert!(text(&me, "@odata.context").ends_with("$metadata#users/$entity"));
    let by_name = graph.get("/v1.0/users/bob%40contoso.test?$select=id").await.json();
    assert_eq!(by_name["id"], me["id"]);
    assert_eq!(graph.get("/v1.0/users/nobody").await.status, 404);
    let mut all: Vec<Value> = Vec::new();
    let mut path = "/v1.0/users?$top=4".to_owned();
    loop {
        let page = graph.get(&path).await.json();
        all.extend(page["value"].as_array().unwrap().iter().cloned());
        let Some(next) = page["@odata.nextLink"].as_str() else { break };
        path = next.strip_prefix("https://graph.microsoft.com").unwrap().to_owned();
    }
    assert_eq!(all.len(), 6);
    assert_eq!(graph.get("/v1.0/users?$filter=displayName%20eq%20'x'").await.status, 400);
    assert_eq!(graph.send(Method::PATCH, "/v1.0/me", "{}").await.status, 405);
}

#[tokio::test]
async fn a_scan_is_noted() {
    let graph = Graph::start().await;
    let call = |query: &str| {
        let request = http::Request::builder()
            .uri(format!("/v1.0/devices?{query}"))
            .header("authorization", format!("Bearer {}", graph.token))
            .body(bytes::Bytes::new())
            .unwrap();
        let link = crate::edge::Link::proxy("graph.microsoft.com");
        crate::services::call::Call::new(std::sync::Arc::clone(&graph.world.world), link, request)
    };
    for (query, scan) in [
        ("$filter=accountEnabled%20eq%20true", true),
        ("$orderby=approximateLastSignInDateTime", true),
        ("$filter=displayName%20eq%20'x'%20and%20accountEnabled%20eq%20true", false),
        ("$orderby=displayName", false),
        ("$top=1", false),
    ] {
        let call = call(query);
        assert_eq!(super::super::handle(call.clone()).await.status(), 200);
        assert_eq!(call.has_fact("scan"), scan, "{query}");
    }
}
