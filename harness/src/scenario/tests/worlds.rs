//! Worlds: merging, circles, places.

use serde_json::json;

use super::*;

fn world(text: &str, files: &[(&str, &str)]) -> Loaded {
    let text = format!(
        "linarite: 1\nid: faq.x\nfaq: [A1]\nworld:\n{text}\nsteps: [{{ clock: {{ advance: 1m }} }}]\n"
    );
    let mut all = vec![("scenarios/faq/x.scenario.yaml", text.as_str())];
    all.extend(files);
    Files::new(&all).load("scenarios/faq/x.scenario.yaml")
}

#[test]
fn own_keys_are_merged_over_those_of_the_base() {
    let loaded = world(
        "  use: small\n  users: { bob: null, alice: { password: c }, eve: { upn: eve@contoso.test } }\n  settings: { revoke: { tokens: 1m } }\n  machines: { pc1: { name: PC-1 } }\n  clock: { start: now }",
        &[],
    );
    assert_eq!(lines(&loaded), Vec::<String>::new());
    let world = &loaded.runnable().unwrap().world;
    let value = world.value(&()).unwrap();
    assert_eq!(
        value["users"],
        json!({
            "alice": { "upn": "alice@contoso.test", "password": "c" },
            "eve": { "upn": "eve@contoso.test" },
        })
    );
    assert_eq!(value["tenant"]["name"], "Contoso");
    let keys: Vec<&String> = value.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        ["tenant", "users", "apps", "devices", "settings"],
        "not what the harness reads"
    );
    assert_eq!(
        world.machines.get("pc1").unwrap().name.as_ref().unwrap().literal().unwrap(),
        "PC-1"
    );
}

#[test]
fn every_merged_value_has_its_place_in_its_own_file() {
    let loaded = world("  use: small\n  users: { alice: { password: c } }", &[]);
    let world = &loaded.runnable().unwrap().world;
    let place = |pointer: &str| world.place(pointer).to_string();
    assert_eq!(place("/users/alice/password"), "scenarios/faq/x.scenario.yaml:6:31");
    assert_eq!(place("/users/alice/upn"), "fixtures/worlds/small.world.yaml:4:17");
    assert_eq!(place("/users/bob/nothing/there"), "fixtures/worlds/small.world.yaml:5:8");
    assert_eq!(place("/devices/seed-1/owner"), "fixtures/worlds/small.world.yaml:9:34");
}

#[test]
fn policies_are_appended_and_the_same_id_replaces() {
    let base = "linarite: 1\npolicies: [{ id: a, state: on }, { id: b }]\n";
    let loaded = world(
        "  use: ./base.world.yaml\n  policies: [{ id: a, state: off }, { id: c }]",
        &[("scenarios/faq/base.world.yaml", base)],
    );
    assert_eq!(lines(&loaded), [""; 0]);
    let world = &loaded.scenario.unwrap().world;
    let policies = world.value(&()).unwrap()["policies"].clone();
    assert_eq!(policies, json!([{ "id": "a", "state": "off" }, { "id": "b" }, { "id": "c" }]));
}

#[test]
fn a_world_that_uses_itself_is_an_error() {
    let loaded = world(
        "  use: ./a.world.yaml",
        &[
            ("scenarios/faq/a.world.yaml", "linarite: 1\nuse: ./b.world.yaml\n"),
            ("scenarios/faq/b.world.yaml", "linarite: 1\nuse: ../faq/a.world.yaml\n"),
        ],
    );
    assert_eq!(lines(&loaded), ["2:6 circular-use: this world uses itself"]);
    assert_eq!(loaded.findings[0].file(), Path::new("scenarios/faq/b.world.yaml"));
}

#[test]
fn mistakes_in_a_world_are_shown_where_they_are() {
    let loaded = world("  use: smal\n  sers: {}", &[]);
    assert_eq!(
        lines(&loaded),
        [
            "5:8 unreadable: fixtures/worlds/smal.world.yaml cannot be read: entity not found",
            "6:3 unknown-key: there is no key `sers` here",
        ]
    );
    let loaded = world(
        "  use: small\n  clock: { start: tomorrow, mode: fast }\n  machines: { pc1: { owner: eve, oss: x }, pc2: { os: windows-95 } }",
        &[],
    );
    assert_eq!(
        lines(&loaded),
        [
            "6:35 unknown-word: `fast` is not one of the words that may stand here",
            "7:34 unknown-key: there is no key `oss` here",
            "7:55 unknown-word: `windows-95` is not one of the words that may stand here",
        ]
    );
}

#[test]
fn what_the_server_refuses_is_shown_at_its_place() {
    let loaded = world("  use: small\n  users: { alice: { password: c } }\n  policies: []", &[]);
    let world = &loaded.runnable().unwrap().world;
    assert!(world.value(&()).unwrap().get("policies").is_none(), "an empty list says nothing");
    let finding = world.finding("/users/alice/password", "too short");
    assert_eq!((finding.code, finding.line(), finding.column()), ("scn::world", 6, 31));
    let finding = world.finding("/tenant/mdm", "not emulated yet: mdm");
    assert_eq!((finding.code, finding.line()), ("scn::not-emulated", 2));
}

#[test]
fn a_resource_is_an_app_or_well_known_or_itself() {
    let own = "  use: small\n  apps: { files: { resource: 'https://files.contoso.test' } }";
    let loaded = world(own, &[]);
    let world = &loaded.runnable().unwrap().world;
    assert_eq!(world.resource("files"), "https://files.contoso.test");
    assert_eq!(world.resource("graph"), "https://graph.microsoft.com");
    assert_eq!(world.resource("urn:x"), "urn:x");
}

#[test]
fn a_world_can_be_read_for_its_own_sake() {
    let files = Files::new(&[]);
    let read = |path: &Path| files.read(path);
    let project = Project::at(Path::new(""), &read);
    let (world, findings) = load_world(&project.worlds.join("small.world.yaml"), &project);
    assert!(findings.is_empty(), "{findings:?}");
    assert_eq!(world.unwrap().ids("users").collect::<Vec<_>>(), ["alice", "bob"]);
}

#[test]
fn a_world_may_depend_on_the_row() {
    let text = with_head("table: [{ wait: 1m }]\nsteps: [{ clock: { advance: 1m } }]\n")
        .replace("use: small,", "use: small, settings: { revoke: { tokens: $(row.wait) } },");
    let loaded = load_text(&text);
    assert_eq!(lines(&loaded), Vec::<String>::new());
    let scenario = loaded.runnable().unwrap();
    let mut scope = serde_json::Map::new();
    scope.insert("row".to_owned(), scenario.rows()[0].values.clone().into());
    let value = scenario.world.value(&scope).unwrap();
    assert_eq!(value["settings"]["revoke"]["tokens"], "1m");
    assert!(scenario.world.value(&()).is_err(), "without the row there is no value");
}

#[test]
fn a_federation_names_federated_domains_and_endpoints_that_there_are() {
    let domains = "linarite: 1\ntenant: { name: F, domains: { contoso.test: { kind: managed }, fabrikam.test: { kind: federated, sts: sts.fabrikam.test } } }\n";
    let own = "  use: ./f.world.yaml\n  federation:\n    fabrikan.test: { disable_endpoints: [mex] }\n    contoso.test: {}\n    Fabrikam.test: { disable_endpoints: [13, 13/usernamemixed, usernamemxed, $(vars.x)] }\n    FABRIKAM.test: {}\n  tenant: { name: X }\n";
    let loaded = world(own, &[("scenarios/faq/f.world.yaml", domains)]);
    assert_eq!(
        lines(&loaded),
        [
            "7:5 unknown-domain: `fabrikan.test` is not a federated domain of the tenant",
            "8:5 unknown-domain: `contoso.test` is not a federated domain of the tenant",
            "9:64 unknown-endpoint: no endpoint is called `usernamemxed`",
        ]
    );
    let helps: Vec<&str> = loaded.findings.iter().filter_map(|f| f.help.as_deref()).collect();
    assert_eq!(helps[0], "did you mean `fabrikam.test`?");
    assert_eq!(helps.last(), Some(&"did you mean `usernamemixed`?"));
}

#[test]
fn a_domain_on_premises_is_one_of_a_machine() {
    let machines =
        "  use: small\n  machines: { pc1: { domain: corp.local } }\n  active_directory:\n";
    let domains = "    corp.local: { fallback_to_sync_join: 5 }\n    Corp.Local: { scp: x }\n";
    assert_eq!(
        lines(&world(&format!("{machines}{domains}"), &[])),
        [
            "8:42 wrong-type: true or false is expected, not a number",
            "9:19 unknown-key: there is no key `scp` here",
        ]
    );
    let domains = "    CORP.local: { service_connection_point: none }\n    crop.local: {}\n";
    assert_eq!(
        lines(&world(&format!("{machines}{domains}"), &[])),
        ["~9:5 unused-domain: no machine belongs to the domain `crop.local`"]
    );
}
