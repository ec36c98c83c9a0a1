//! Lists against a naive twin: a vector of devices, filtered and sorted the slow way.

use std::collections::{BTreeMap, BTreeSet};

use linarite_core::device::{Device, Management, OnPremises, TrustType};
use linarite_core::ids::{DeviceId, Guid, ObjectId, Sid, UserId};
use linarite_core::instant::Instant;
use linarite_core::refusal::QueryRefusal;
use linarite_core::revocation::{Revocation, Standing};
use linarite_core::tenant::RevokeDelay;
use linarite_core::user::{Account, User};
use proptest::prelude::*;
use rusqlite::params_from_iter;

use super::plan::Plan;
use super::*;
use crate::directory::Identity;

fn guid(number: u8) -> Guid {
    // Spread out, so that the order of ids is not the order of numbers.
    Guid::from_bytes([
        number.wrapping_mul(37),
        number,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        number,
    ])
}

fn device(number: u8) -> Device {
    Device {
        object_id: ObjectId::new(guid(number)),
        device_id: DeviceId::new(guid(number.wrapping_mul(91))),
        display_name: format!("PC-{number}"),
        os: "Windows".to_owned(),
        os_version: "10.0".to_owned(),
        trust: TrustType::AzureAd,
        owner: None,
        created: Instant::from_seconds(0),
        registered: None,
        last_activity: None,
        key: None,
        transport_key: None,
        on_premises: None,
        standing: Standing::default(),
        management: Management::default(),
        second_factor: false,
    }
}

async fn filled(devices: Vec<Device>) -> Directory {
    let directory = Directory::in_memory().unwrap();
    let identity = Identity { seed: 1, document: String::new(), starts: 0 };
    directory.fill(identity, Vec::new(), devices, vec![]).await.unwrap();
    directory
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn texts(test: &TextTest, text: &str, fold: fn(&str) -> String) -> bool {
    let text = fold(text);
    match test {
        TextTest::Equals(other) => text == fold(other),
        TextTest::StartsWith(prefix) => text.starts_with(&fold(prefix)),
        TextTest::AtLeast(other) => text >= fold(other),
        TextTest::AtMost(other) => text <= fold(other),
    }
}

fn fits(filter: &Filter, device: &Device) -> bool {
    let lower: fn(&str) -> String = |text| text.to_lowercase();
    let ascii: fn(&str) -> String = |text| text.to_ascii_lowercase();
    match filter {
        Filter::All(parts) => parts.iter().all(|part| fits(part, device)),
        Filter::Any(parts) => parts.iter().any(|part| fits(part, device)),
        Filter::Not(part) => !fits(part, device),
        Filter::Is(test) => match test {
            Test::ObjectId(id) => device.object_id == *id,
            Test::DeviceId(id) => device.device_id == *id,
            Test::DeviceIdStartsWith(prefix) => {
                device.device_id.to_string().starts_with(&ascii(prefix))
            }
            Test::Enabled(enabled) => device.enabled() == *enabled,
            Test::Trust(trust) => device.trust == *trust,
            Test::Name(text) => texts(text, &device.display_name, lower),
            Test::Os(text) => texts(text, &device.os, ascii),
            Test::OsVersion(text) => texts(text, &device.os_version, ascii),
            Test::Sid(sid) => device.on_premises.as_ref().is_some_and(|on| on.sid.as_str() == sid),
            Test::Synchronised => device.on_premises.is_some(),
            Test::Seen(TimeTest::Never) => device.last_activity.is_none(),
            Test::Seen(TimeTest::AtLeast(at)) => device.last_activity.is_some_and(|t| t >= *at),
            Test::DeviceIdIn(ids) => ids.contains(&device.device_id),
            Test::Seen(TimeTest::AtMost(at)) => device.last_activity.is_some_and(|t| t <= *at),
        },
    }
}

fn key(device: &Device, by: Option<SortBy>) -> (String, Option<Instant>, ObjectId) {
    match by {
        None => (String::new(), None, device.object_id),
        Some(SortBy::Name) => (rows::fold(&device.display_name), None, device.object_id),
        Some(SortBy::Seen) => (String::new(), device.last_activity, device.object_id),
    }
}

/// Names that are near to one another, with the characters where ranges go wrong.
fn name() -> impl Strategy<Value = String> {
    "[aAbB@\\[é\u{D7FF}\u{10FFFF}]{1,3}"
}

fn any_device() -> impl Strategy<Value = Device> {
    let ids = (1_u8..255, 0_u8..4, prop::option::of(0_u8..3));
    (ids, name(), name(), prop::option::of(0_i64..4), any::<(bool, bool)>()).prop_map(
        |((number, trust, owner), display_name, os, seen, (disabled, synchronised))| {
            let at = Instant::from_seconds(0);
            let span = linarite_core::instant::Span::ZERO;
            let revocation = Revocation::new(at, RevokeDelay { tokens: span, resources: span });
            Device {
                display_name,
                os_version: os.clone(),
                os,
                trust: TrustType::ALL[usize::from(trust) % 3],
                owner: owner.map(|number| UserId::new(guid(number))),
                last_activity: seen.map(Instant::from_seconds),
                on_premises: synchronised.then(|| OnPremises {
                    sid: Sid::parse("S-1-5-21-1").unwrap(),
                    certificate: Vec::new(),
                }),
                standing: Standing {
                    disabled: disabled.then_some(revocation),
                    ..Standing::default()
                },
                ..device(number)
            }
        },
    )
}

fn text_test() -> impl Strategy<Value = TextTest> {
    let text = prop_oneof![5 => name(), 1 => Just(String::new())];
    (text, 0_u8..4).prop_map(|(text, kind)| match kind {
        0 => TextTest::Equals(text),
        1 => TextTest::StartsWith(text),
        2 => TextTest::AtLeast(text),
        _ => TextTest::AtMost(text),
    })
}

fn any_filter() -> impl Strategy<Value = Filter> {
    let id = 1_u8..255;
    let prefix = (id.clone(), 0_usize..37, any::<bool>()).prop_map(|(number, length, upper)| {
        let text = guid(number.wrapping_mul(91)).to_string()[..length.min(36)].to_owned();
        if upper { text.to_uppercase() } else { text }
    });
    let test = prop_oneof![
        id.clone().prop_map(|n| Test::ObjectId(ObjectId::new(guid(n)))),
        id.prop_map(|n| Test::DeviceId(DeviceId::new(guid(n.wrapping_mul(91))))),
        prefix.prop_map(Test::DeviceIdStartsWith),
        prop::collection::vec(any::<u8>(), 0..4).prop_map(|numbers| {
            let id = |n: u8| DeviceId::new(guid(n.wrapping_mul(91)));
            Test::DeviceIdIn(numbers.into_iter().map(id).collect())
        }),
        ".{0,2}".prop_map(Test::DeviceIdStartsWith),
        any::<bool>().prop_map(Test::Enabled),
        prop::sample::select(TrustType::ALL.to_vec()).prop_map(Test::Trust),
        text_test().prop_map(Test::Name),
        text_test().prop_map(Test::Os),
        text_test().prop_map(Test::OsVersion),
        Just(Test::Sid("S-1-5-21-1".to_owned())),
        Just(Test::Sid("S-1-5-21-2".to_owned())),
        Just(Test::Synchronised),
        Just(Test::Seen(TimeTest::Never)),
        (0_i64..4).prop_map(|s| Test::Seen(TimeTest::AtLeast(Instant::from_seconds(s)))),
        (0_i64..4).prop_map(|s| Test::Seen(TimeTest::AtMost(Instant::from_seconds(s)))),
    ];
    test.prop_map(Filter::Is).prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Filter::All),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Filter::Any),
            inner.prop_map(|part| Filter::Not(Box::new(part))),
        ]
    })
}

fn any_order() -> impl Strategy<Value = Option<Order>> {
    let order = (any::<bool>(), any::<bool>()).prop_map(|(name, descending)| Order {
        by: if name { SortBy::Name } else { SortBy::Seen },
        descending,
    });
    prop::option::of(order)
}

/// All pages of a question.
fn all_pages(directory: &Directory, query: &DeviceQuery) -> Vec<Device> {
    let mut query = query.clone();
    let mut all = Vec::new();
    loop {
        let page = wait(directory.list_devices(query.clone())).unwrap().unwrap();
        assert!(page.items.len() <= query.top);
        all.extend(page.items);
        match page.next {
            None => return all,
            next => query.after = next,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn every_question_is_answered_as_the_naive_twin_answers_it(
        devices in prop::collection::btree_map(any::<u8>(), any_device(), 0..24),
        filter in prop::option::of(any_filter()),
        order in any_order(),
        owner in prop::option::of(0_u8..3),
        top in 1_usize..9,
    ) {
        let devices: BTreeMap<ObjectId, Device> =
            devices.into_values().map(|device| (device.object_id, device)).collect();
        let directory = wait(filled(devices.values().cloned().collect()));
        let owner = owner.map(|number| UserId::new(guid(number)));
        let mut expected: Vec<Device> = devices
            .into_values()
            .filter(|device| owner.is_none() || device.owner == owner)
            .filter(|device| filter.as_ref().is_none_or(|filter| fits(filter, device)))
            .collect();
        let query = DeviceQuery { owner, filter, order, top, count: true, ..DeviceQuery::default() };
        let first = wait(directory.list_devices(query.clone())).unwrap().unwrap();
        prop_assert_eq!(first.count, Some(expected.len() as u64));
        let mut found = all_pages(&directory, &query);
        expected.sort_by_key(|device| key(device, order.map(|order| order.by)));
        if order.is_some_and(|order| order.descending) {
            expected.reverse();
        }
        if order.is_none() {
            // Whichever order costs least; each device once all the same.
            found.sort_by_key(|device| device.object_id);
        }
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn devices_that_come_and_go_between_pages_neither_repeat_nor_hide_others(
        names in prop::collection::btree_map(1_u8..=254, name(), 1..24),
        changes in prop::collection::vec((1_u8..=254, name(), any::<bool>()), 0..12),
        order in any_order(),
        top in 1_usize..4,
    ) {
        let made = |number: u8, name: &str| Device { display_name: name.to_owned(), ..device(number) };
        let first: Vec<Device> = names.iter().map(|(number, name)| made(*number, name)).collect();
        let directory = wait(filled(first));
        let touched: BTreeSet<ObjectId> =
            changes.iter().map(|(number, ..)| device(*number).object_id).collect();
        let mut changes = changes.into_iter();
        let mut query = DeviceQuery { order, top, ..DeviceQuery::default() };
        let mut seen = Vec::new();
        loop {
            let page = wait(directory.list_devices(query.clone())).unwrap().unwrap();
            seen.extend(page.items);
            if page.next.is_none() {
                break;
            }
            query.after = page.next;
            if let Some((number, name, adds)) = changes.next() {
                let device = made(number, &name);
                wait(directory.store.write(move |c| {
                    if adds {
                        rows::put_device(c, &device)
                    } else {
                        let id = rows::id(device.object_id.guid());
                        c.execute("DELETE FROM devices WHERE object_id = ?1", [id])?;
                        Ok(())
                    }
                })).unwrap();
            }
        }
        let mut stable: Vec<ObjectId> =
            seen.iter().map(|device| device.object_id).filter(|id| !touched.contains(id)).collect();
        let mut expected: Vec<ObjectId> = names
            .keys()
            .map(|number| device(*number).object_id)
            .filter(|id| !touched.contains(id))
            .collect();
        stable.sort();
        expected.sort();
        prop_assert_eq!(stable, expected);
        let by = order.map(|order| order.by);
        let mut keys: Vec<_> = seen.iter().map(|device| key(device, by)).collect();
        if order.is_some_and(|order| order.descending) {
            keys.reverse();
        }
        prop_assert!(keys.is_sorted());
    }
}

/// How SQLite means to walk the rows of a page.
fn strategy(query: &DeviceQuery) -> String {
    let directory = Directory::in_memory().unwrap();
    let plan = Plan::new(query).unwrap();
    let Sql { text, values } = plan.page();
    directory
        .store
        .point(|c| {
            let mut explain = c.prepare(&format!("EXPLAIN QUERY PLAN {text}"))?;
            let lines =
                explain.query_map(params_from_iter(values), |row| row.get::<_, String>(3))?;
            Ok(lines.collect::<Result<Vec<_>, _>>()?.join("; "))
        })
        .unwrap()
}

fn with_filter(filter: Filter) -> DeviceQuery {
    DeviceQuery { filter: Some(filter), ..DeviceQuery::default() }
}

fn begins(prefix: &str) -> Filter {
    Filter::Is(Test::Name(TextTest::StartsWith(prefix.to_owned())))
}

fn after(key: SortKey) -> Cursor {
    Cursor { key, descending: false, id: ObjectId::new(guid(1)) }
}

#[test]
fn an_index_serves_names_ids_and_owners_and_nothing_is_sorted() {
    let name = Some(after(SortKey::Name("pc-1".to_owned())));
    let by_name = Some(Order { by: SortBy::Name, descending: true });
    let owner = Some(UserId::new(guid(1)));
    for (query, expected) in [
        (DeviceQuery::default(), "SCAN devices"),
        (
            DeviceQuery { after: Some(after(SortKey::Id)), ..DeviceQuery::default() },
            "SEARCH devices USING PRIMARY KEY (object_id>?)",
        ),
        (
            DeviceQuery { order: by_name, ..DeviceQuery::default() },
            "SCAN devices USING INDEX devices_by_name",
        ),
        (
            with_filter(begins("pc")),
            "SEARCH devices USING INDEX devices_by_name (name_key>? AND name_key<?)",
        ),
        (
            DeviceQuery { after: name, ..with_filter(begins("pc")) },
            "SEARCH devices USING INDEX devices_by_name ((name_key,object_id)>(?,?) AND name_key<?)",
        ),
        (
            with_filter(Filter::Is(Test::DeviceIdIn(vec![DeviceId::new(guid(1))]))),
            "SEARCH devices USING INDEX sqlite_autoindex_devices_2 (device_id=?)",
        ),
        (
            with_filter(Filter::All(vec![
                Filter::Is(Test::Enabled(true)),
                Filter::Is(Test::DeviceId(DeviceId::new(guid(1)))),
            ])),
            "SEARCH devices USING INDEX sqlite_autoindex_devices_2 (device_id=?)",
        ),
        (
            DeviceQuery { owner, ..DeviceQuery::default() },
            "SEARCH devices USING INDEX devices_by_owner (owner=?)",
        ),
        (
            DeviceQuery { owner, after: Some(after(SortKey::Id)), ..DeviceQuery::default() },
            "SEARCH devices USING INDEX devices_by_owner (owner=? AND object_id>?)",
        ),
    ] {
        let strategy = strategy(&query);
        assert_eq!(strategy, expected, "{query:?}");
        assert!(!Plan::new(&query).unwrap().scans());
    }
}

#[tokio::test]
async fn a_question_over_its_budget_is_refused_and_one_at_it_is_not() {
    let directory = filled((1..=10).map(device).collect()).await;
    let disabled = || with_filter(Filter::Is(Test::Enabled(false)));
    let seen = Some(Order { by: SortBy::Seen, descending: false });
    for query in [
        disabled(),
        DeviceQuery { count: true, ..disabled() },
        DeviceQuery { order: seen, ..disabled() },
        DeviceQuery { order: seen, top: 2, ..DeviceQuery::default() },
        DeviceQuery { order: seen, top: 2, ..with_filter(begins("pc")) },
        DeviceQuery { count: true, top: 2, ..with_filter(begins("pc")) },
    ] {
        let ask = async |budget| {
            directory.list_devices(DeviceQuery { budget, ..query.clone() }).await.unwrap()
        };
        assert_eq!(ask(9).await, Err(QueryRefusal::TooExpensive), "{query:?}");
        assert!(ask(10).await.is_ok(), "{query:?}");
    }
    // A full page ends the walk before the budget does.
    let page = DeviceQuery { top: 2, budget: 3, ..with_filter(begins("pc")) };
    assert_eq!(directory.list_devices(page).await.unwrap().unwrap().items.len(), 2);
    // The kept count costs nothing.
    let counted = DeviceQuery { top: 2, count: true, budget: 3, ..DeviceQuery::default() };
    assert_eq!(directory.list_devices(counted).await.unwrap().unwrap().count, Some(10));
}

#[tokio::test]
async fn a_place_of_another_order_is_refused() {
    let directory = filled(vec![device(1)]).await;
    let name = || after(SortKey::Name("a".to_owned()));
    let order = |by, descending| Some(Order { by, descending });
    for (order, after) in [
        (None, name()),
        (order(SortBy::Name, false), after(SortKey::Id)),
        (order(SortBy::Name, true), name()),
        (order(SortBy::Seen, false), name()),
    ] {
        let query = DeviceQuery { order, after: Some(after), ..DeviceQuery::default() };
        assert_eq!(directory.list_devices(query).await.unwrap(), Err(QueryRefusal::CursorInvalid));
    }
}

#[tokio::test]
async fn the_owner_of_a_device_may_be_gone() {
    let directory = Directory::in_memory().unwrap();
    let owner = User {
        id: UserId::new(guid(1)),
        upn: "bob@contoso.test".to_owned(),
        name: "Bob".to_owned(),
        password: String::new(),
        enabled: true,
        roles: Vec::new(),
        immutable_id: None,
        epoch: 0,
        devices: 0,
        account: Account::default(),
    };
    let owned = |number, owner| Device { owner: Some(UserId::new(guid(owner))), ..device(number) };
    let identity = Identity { seed: 1, document: String::new(), starts: 0 };
    let devices = vec![device(1), owned(2, 1), owned(3, 2)];
    directory.fill(identity, vec![("bob".to_owned(), owner)], devices, vec![]).await.unwrap();
    let upns = |number| {
        let owners = directory.owners_of(device(number).object_id).unwrap();
        owners.map(|owners| owners.into_iter().map(|user| user.upn).collect::<Vec<_>>())
    };
    assert_eq!(upns(1), Some(vec![]));
    assert_eq!(upns(2), Some(vec!["bob@contoso.test".to_owned()]));
    assert_eq!(upns(3), Some(vec![]));
    assert_eq!(upns(4), None);
    let bobs = directory.devices_of_owner(UserId::new(guid(1)), DeviceQuery::default()).await;
    assert_eq!(bobs.unwrap().unwrap().items, [owned(2, 1)]);
}

#[tokio::test]
async fn a_folder_answers_like_memory() {
    let folder = tempfile::tempdir().unwrap();
    let directory = Directory::in_folder(folder.path()).unwrap();
    let identity = Identity { seed: 1, document: String::new(), starts: 0 };
    directory.fill(identity, Vec::new(), (1..=5).map(device).collect(), vec![]).await.unwrap();
    let query = DeviceQuery { count: true, top: 2, ..with_filter(begins("pc-")) };
    let page = directory.list_devices(query).await.unwrap().unwrap();
    assert_eq!((page.count, page.items.len()), (Some(5), 2));
    assert_eq!(
        page.next,
        Some(Cursor {
            key: SortKey::Name("pc-2".to_owned()),
            descending: false,
            id: device(2).object_id,
        })
    );
    assert_eq!(directory.list_users(None, 1, true).await.unwrap().count, Some(0));
}

#[tokio::test]
async fn what_is_hidden_costs_neither_a_walk_nor_a_count_of_all() {
    let seen = |number: u8| Device {
        last_activity: Some(Instant::from_seconds(i64::from(number))),
        ..device(number)
    };
    let directory = filled((1..=10).map(seen).collect()).await;
    let hidden: Vec<DeviceId> = [3, 4, 99].map(|number| device(number).device_id).into();
    let ask = async |query: DeviceQuery| {
        let query = DeviceQuery { hidden: hidden.clone(), count: true, ..query };
        directory.list_devices(query).await.unwrap()
    };
    let page = ask(DeviceQuery { top: 2, budget: 5, ..DeviceQuery::default() }).await.unwrap();
    assert_eq!((page.count, page.hidden, page.items.len()), (Some(8), 2, 2));
    assert!(!page.scanned && page.next.is_some());
    let order = Some(Order { by: SortBy::Seen, descending: false });
    let sorted = ask(DeviceQuery { top: 3, order, ..DeviceQuery::default() }).await.unwrap();
    let expected: Vec<Device> = [1, 2, 5].map(seen).into();
    assert_eq!(sorted.items, expected);
    assert_eq!(sorted.next.map(|next| next.id), Some(device(5).object_id));
    let one = Filter::Is(Test::DeviceId(device(3).device_id));
    let page = ask(with_filter(one)).await.unwrap();
    assert_eq!((page.count, page.hidden, page.items.len()), (Some(0), 1, 0));
    let none = ask(with_filter(begins("nothing"))).await.unwrap();
    assert_eq!((none.count, none.hidden), (Some(0), 0));
}

#[tokio::test]
async fn users_are_found_by_id_and_counted_only_when_that_is_asked() {
    let directory = filled(vec![]).await;
    let nobody = directory.users_by_id([UserId::new(guid(1))].into()).await.unwrap();
    assert_eq!(nobody, BTreeMap::new());
    assert_eq!(directory.list_users(None, 1, false).await.unwrap().count, None);
}

#[tokio::test]
async fn an_id_leads_to_no_device_of_another_owner() {
    let owned = |number, owner| Device { owner: Some(UserId::new(guid(owner))), ..device(number) };
    let directory = filled(vec![owned(1, 1), owned(2, 2)]).await;
    let ask = async |filter: Option<Filter>, hidden: Vec<DeviceId>| {
        let owner = Some(UserId::new(guid(1)));
        let query = DeviceQuery { owner, filter, hidden, count: true, ..DeviceQuery::default() };
        let page = directory.list_devices(query).await.unwrap().unwrap();
        (page.items.len(), page.count, page.hidden)
    };
    let of = |number| Some(Filter::Is(Test::DeviceId(device(number).device_id)));
    assert_eq!(ask(of(1), vec![]).await, (1, Some(1), 0));
    assert_eq!(ask(of(2), vec![]).await, (0, Some(0), 0));
    assert_eq!(ask(None, vec![device(2).device_id]).await, (1, Some(1), 0));
    assert_eq!(ask(None, vec![device(1).device_id]).await, (0, Some(0), 1));
}
