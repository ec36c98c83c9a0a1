//! What recurs: three hours in one step and three hours in minutes leave the same journal, clock entries aside.

use serde_json::Value;

use crate::support::Desk;

fn text(advance: &str) -> String {
    format!(
        "linarite: 1\nid: due\ntitle: Due\nseed: 5\nworld:\n  use: contoso\n  machines:\n    a: {{ name: PC-A, os: windows-10, domain: contoso.test }}\n    b: {{ name: PC-B, os: windows-11, domain: contoso.test }}\n  active_directory:\n    contoso.test: {{ synchronisation_every: 30m, scheduled_task_every: 45m }}\nsteps:\n  - {{ machine: a, user: alice, sign_in: {{}} }}\n{advance}  - {{ export: {{ journal: journal.jsonl }} }}\n"
    )
}

/// The journal without clock entries: each event without its number, its real time and how long it took.
fn journal(advance: &str) -> Vec<Value> {
    let desk = Desk::new();
    desk.write("due.scenario.yaml", &text(advance));
    let ran = desk.run(&["run", "due.scenario.yaml"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let folder =
        std::fs::read_dir(desk.path(".linarite/exports")).unwrap().next().unwrap().unwrap();
    let lines = std::fs::read_to_string(folder.path().join("journal.jsonl")).unwrap();
    let clock =
        |event: &Value| event["kind"].as_str().is_some_and(|kind| kind.starts_with("clock"));
    let events = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    events
        .filter(|event| !clock(event))
        .map(|mut event| {
            if let Some(members) = event.as_object_mut() {
                for volatile in ["seq", "real_time", "took_us", "duration_us", "micros"] {
                    members.remove(volatile);
                }
            }
            event
        })
        .collect()
}

#[test]
fn three_hours_in_one_step_and_in_minutes_leave_the_same_journal() {
    let long = journal("  - { clock: { advance: 3h } }\n");
    let short = journal(&"  - { clock: { advance: 1m } }\n".repeat(180));
    let joins = |all: &[Value]| all.iter().filter(|event| event["kind"] == "join").count();
    assert_eq!(joins(&long), 2, "both computers are joined: {long:#?}");
    for (number, (one, other)) in long.iter().zip(&short).enumerate() {
        assert_eq!(one, other, "event {number}");
    }
    assert_eq!(long.len(), short.len());
}
