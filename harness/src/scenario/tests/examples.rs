//! Files that are right.

use serde_json::{Map, Value, json};

use super::*;
use crate::scenario::expr::Scope;
use crate::scenario::model::{Action, JoinKind};

pub(super) const DUPLICATES: &str = r#"title: Where duplicates come from
steps:
  - name: "$(each.who) registers"
    for_each:
      - { who: ann, cloud: alice }
      - { who: ben, cloud: bob }
    machine: pc2
    windows_user: $(each.who)
    user: $(each.cloud)
    add_account: {}
    expect:
      exit: 0
      dsreg: { WorkplaceJoined: "YES" }
    capture: { "wpj_$(each.who)": dsreg.WorkplaceDeviceId }
  - name: Two records
    check:
      - devices:
          where: { displayName: PC-2 }
          count: 2
          each: { trustType: Workplace }
          distinct: [deviceId, registeredOwners]
      - value: $(wpj_ann)
        is_not: $(wpj_ben)
  - machine: pc2
    user: alice
    sequence:
      - wipe: { keep_name: true }
      - clock: { advance: 3d }
      - id: again
        join: { kind: azure-ad }
        capture: { second: dsreg.DeviceId }
  - id: call
    http: { get: "https://files.contoso.test/$(second)", bearer: "$(default(nothing, 'x'))" }
    expect: { status: 200, json: { "$.exp": { within: 5s, of: '$(clock.now + duration("2h"))' } } }
  - repeat: call
    consistently: { for: 59m, every: 10m, clock: virtual }
  - repeat: call
    expect:
      journal: { where: { kind: token.denied }, count: { ge: 1 }, since: step }
always:
  - export: { directory: d.json, har: d.har }
"#;

fn duplicates() -> String {
    format!(
        "linarite: 1\nid: faq.x\nfaq: [A13]\nworld: {{ use: small, machines: {{ pc2: {{ name: PC-2, os: windows-10, windows_users: [ann, ben] }} }} }}\n{DUPLICATES}"
    )
}

#[test]
fn a_right_file_has_no_findings() {
    let loaded = load_text(&duplicates());
    assert_eq!(lines(&loaded), Vec::<String>::new());
    assert!(loaded.runnable().is_some());
}

#[test]
fn steps_are_read_with_their_places() {
    let loaded = load_text(&duplicates());
    let scenario = loaded.runnable().unwrap();
    assert_eq!((scenario.id(), scenario.faq()), ("faq.x", &["A13".to_owned()][..]));
    let steps = scenario.file.steps.as_deref().unwrap();
    assert_eq!((steps[0].at.line, steps[0].at.column), (7, 5));
    assert!(matches!(steps[0].action(), Some(Action::AddAccount)));
    let Some(Action::Sequence(inner)) = steps[2].action() else { panic!("a sequence") };
    let Some(Action::Join(join)) = inner[2].action() else { panic!("a join") };
    assert_eq!(join.kind.as_ref().unwrap().literal(), Some(&JoinKind::AzureAd));
    let expect = &steps[0].expect.as_ref().unwrap().0[0];
    assert_eq!(expect.exit.as_ref().unwrap().0.at.line, 16);
    let Some(Action::Http(http)) = steps[3].action() else { panic!("a request") };
    assert_eq!(http.request().unwrap().0, "GET");
}

#[test]
fn references_are_replaced_when_a_step_runs() {
    let loaded = load_text(&duplicates());
    let steps = loaded.runnable().unwrap().file.steps.clone().unwrap();
    let mut scope = Map::new();
    scope.insert("each".to_owned(), json!({"who": "ann", "cloud": "alice"}));
    let scope: &dyn Scope = &scope;
    assert_eq!(steps[0].name.as_ref().unwrap().resolve(scope).unwrap(), "ann registers");
    assert_eq!(steps[0].user.as_ref().unwrap().resolve(scope).unwrap(), "alice");
    let (name, _) = &steps[0].capture.as_ref().unwrap().0[0];
    let name = expr::Template::parse(&name.text).unwrap();
    assert_eq!(name.evaluate(scope).unwrap().to_string(), "wpj_ann");
    let error = steps[0].user.as_ref().unwrap().resolve(&()).unwrap_err();
    assert_eq!((error.code, error.line(), error.column()), ("scn::undefined", 13, 13));
}

#[test]
fn expectations_and_captures_are_read_when_a_step_runs() {
    let loaded = load_text(&duplicates());
    let scenario = loaded.runnable().unwrap();
    let mut scope = Map::new();
    scope.insert("wpj_ann".to_owned(), json!("a"));
    scope.insert("wpj_ben".to_owned(), json!("b"));
    let Some(Action::Check(checks)) = scenario.steps()[1].action() else { panic!("a check") };
    let rows = [
        json!({"displayName": "PC-2", "trustType": "Workplace", "deviceId": "a"}),
        json!({"displayName": "PC-2", "trustType": "AzureAd", "deviceId": "b"}),
    ];
    let set = checks[0].devices.as_ref().unwrap().0[0].resolve(&scope).unwrap();
    let now = model::DEFAULT_START;
    assert_eq!(now.to_string(), "2026-03-02T09:00:00Z");
    let outcomes = set.check("devices", &rows, crate::expect::Style::Record, now);
    let failed: Vec<&str> =
        outcomes.iter().filter(|outcome| !outcome.ok).map(|o| o.path.as_str()).collect();
    assert_eq!(failed, ["devices[1].trustType", "devices.distinct.registeredOwners"]);

    let value = checks[1].value.as_ref().unwrap().resolve(&scope).unwrap();
    let matcher = model::Matcher(checks[1].value_matcher().unwrap()).resolve(&scope).unwrap();
    assert!(matcher.holds(&value, crate::expect::Style::Json, now));
    let error = model::Matcher(checks[1].value_matcher().unwrap()).resolve(&()).unwrap_err();
    assert_eq!((error.code, error.line()), ("scn::undefined", 27));

    let step = scenario.step("again").unwrap();
    let (_, from) = &step.capture.as_ref().unwrap().0[0];
    let source = from.source(&()).unwrap();
    assert!(matches!(source, capture::CaptureSource::Dsreg(field) if field == "DeviceId"));
}

#[test]
fn a_row_is_a_run_of_its_own() {
    let text = with_head(
        "table:\n  - { case: a, exit: 0, off: true }\n  - { exit: 1, off: false }\nsteps:\n  - run: { argv: [x, $(row.exit)], use_proxy: $(row.off), timeout: 5s }\n    when: $(row.exit != 1)\n",
    );
    let loaded = load_text(&text);
    assert_eq!(lines(&loaded), Vec::<String>::new());
    let scenario = loaded.runnable().unwrap();
    let rows = scenario.rows();
    assert_eq!(
        rows.iter().map(|row| row.case.as_deref()).collect::<Vec<_>>(),
        [Some("a"), Some("2")]
    );
    assert_eq!((rows[0].line, rows[1].line), (6, 7));
    let mut scope = Map::new();
    scope.insert("row".to_owned(), Value::Object(rows[0].values.clone()));
    let step = &scenario.file.steps.as_ref().unwrap()[0];
    assert!(step.when.as_ref().unwrap().resolve(&scope).unwrap());
    let Some(Action::Run(run)) = step.action() else { panic!("a command") };
    assert!(run.use_proxy.as_ref().unwrap().resolve(&scope).unwrap());
    let argument = run.argv.as_ref().unwrap()[1].resolve(&scope);
    assert_eq!(argument.unwrap(), "0", "a number becomes text where text is wanted");
}

#[test]
fn an_action_file_gives_back_what_it_returns() {
    let action = "linarite: 1\nparams: { who: null, kind: azure-ad }\nsteps:\n  - { machine: pc1, user: $(who), join: { kind: $(kind) }, capture: { got: dsreg.DeviceId, own: exit } }\n  - { check: { value: $(own), equals: 0 } }\nreturns: [got]\n";
    let files = |with: &str, then: &str| {
        let text = with_head(&format!(
            "steps:\n  - use: {{ file: join-one, with: {with} }}\n  - check: {{ value: {then}, is: uuid }}\n"
        ));
        let files = Files::new(&[
            ("scenarios/faq/x.scenario.yaml", &text),
            ("fixtures/actions/join-one.action.yaml", action),
        ]);
        files.load("scenarios/faq/x.scenario.yaml")
    };
    let loaded = files("{ who: alice }", "$(got)");
    assert_eq!(lines(&loaded), Vec::<String>::new());
    let scenario = loaded.runnable().unwrap();
    let Some(Action::Use(named)) = scenario.file.steps.as_ref().unwrap()[0].action() else {
        panic!("a use")
    };
    assert_eq!(scenario.action_file(named).unwrap().steps.len(), 2);
    assert_eq!(
        lines(&files("{ whom: alice }", "$(own)")),
        [
            "6:18 missing-key: the parameter `who` of `join-one` is missing",
            "6:36 unknown-key: `join-one` has no parameter `whom`",
            "7:23 undefined: `own` is not defined",
        ]
    );
}

#[test]
fn the_schema_is_a_draft_07_schema_of_all_keys() {
    let schema: Value = serde_json::from_str(&scenario_schema()).unwrap();
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    let keys: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
    assert!(keys.iter().any(|key| *key == "steps") && !keys.iter().any(|key| *key == "at"));
    let step = &schema["definitions"]["Step"];
    for key in model::Step::KEYS {
        assert!(step["properties"][key]["description"].is_string(), "{key} has a description");
    }
    assert_eq!(step["additionalProperties"], json!(false));
    assert_eq!(step["properties"]["machine"]["type"], "string", "left out, but never null");
    let machines = &schema["definitions"]["WorldKeys"]["properties"]["machines"];
    assert_eq!(machines["additionalProperties"]["anyOf"][1]["type"], "null", "it may be removed");
    assert!(scenario_schema().ends_with("}\n"));
}
