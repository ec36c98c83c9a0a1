//! Lints of keys that would do nothing where they stand.

use crate::scenario::finding::Finding;
use crate::scenario::node::{Key, Kind, Node};
use crate::scenario::world::World;

/// Ways to give the body of a request.
const BODIES: [&str; 4] = ["json", "form", "body", "body_file"];

/// What a `run` that only waits for a command, or stops it, has no use for.
const OF_A_START: [&str; 8] =
    ["env", "cwd", "stdin", "background", "ready_when", "client_clock", "trust_ca", "use_proxy"];

/// What only a question about the journal can say.
const OF_EVENTS: [&str; 2] = ["since", "in_order"];

/// Looks at the actions and the expectations of a step.
pub(super) fn step(step: &Node, findings: &mut Vec<Finding>) {
    if let Some(http) = step.get("http") {
        let mut bodies = keys(http, &BODIES);
        if let (Some(first), Some(second)) = (bodies.next(), bodies.next()) {
            let title = format!("a request has one body: `{}` is a second one", second.text);
            let finding = Finding::error("scn::one-of", second.at.clone(), title);
            findings.push(finding.also(first.at.clone(), "the first one"));
        }
    }
    if let Some(run) = step.get("run") {
        for way in ["wait", "stop"].into_iter().filter(|way| run.get(way).is_some()) {
            keys(run, &OF_A_START)
                .for_each(|key| idle(key, way, "a command that is started", findings));
        }
    }
    for node in ["expect", "check"].into_iter().filter_map(|key| step.get(key)) {
        for part in node.elements().iter().chain(std::iter::once(node)) {
            for subject in ["devices", "users"] {
                let Some(rows) = part.get(subject) else { continue };
                for rows in rows.elements().iter().chain(std::iter::once(rows)) {
                    keys(rows, &OF_EVENTS)
                        .for_each(|key| idle(key, subject, "events of the journal", findings));
                }
            }
        }
    }
}

/// Looks at the machines of a world.
pub(super) fn world(world: &World, findings: &mut Vec<Finding>) {
    for (_, machine) in world.node.get("machines").map_or(&[][..], Node::entries) {
        if machine.get("domain").is_none_or(|domain| domain.kind == Kind::Null) {
            for key in keys(machine, &["targeted_tenant"]) {
                let title = "`targeted_tenant` says something only beside `domain`";
                findings.push(Finding::error("scn::missing-key", key.at.clone(), title));
            }
        }
    }
}

fn idle(key: &Key, beside: &str, of: &str, findings: &mut Vec<Finding>) {
    let title = format!("`{}` says nothing beside `{beside}`: it is for {of}", key.text);
    findings.push(Finding::error("scn::misplaced-key", key.at.clone(), title));
}

fn keys<'a>(node: &'a Node, names: &'a [&str]) -> impl Iterator<Item = &'a Key> {
    let keys = node.entries().iter().map(|(key, _)| key);
    keys.filter(|key| names.contains(&key.text.as_str()))
}
