//! What the format has and this version does not do: it is named at its place, so that nobody takes
//! a scenario for proven that was not run in full. Each later version makes these lists shorter.

use crate::scenario::finding::{Finding, Span};
use crate::scenario::node::{Kind, Node};
use crate::scenario::world::World;

use super::names::Names;

/// Keys of a scenario file.
const FILE: [&str; 3] = ["lab", "serial", "locks"];

/// Keys of a world; an empty list or map does no harm.
const WORLD: [&str; 1] = ["mdm"];

/// Keys of a step.
const STEP: [&str; 6] = ["rename", "restart", "parallel", "pause", "note", "lab"];

/// Keys within an action or a judgement.
const WITHIN: [(&str, &[&str]); 4] = [
    ("run", &["tty"]),
    ("admin", &["set_federation"]),
    ("clock", &["rate"]),
    ("eventually", &["give_up_when"]),
];

/// The tools that the format names and that are not there.
const TOOLS: [&str; 2] = ["portal", "event-viewer"];

/// Words within an action or a judgement.
const WORDS: [(&str, &str, &[&str]); 4] = [
    ("join", "kind", &["workplace", "down-level"]),
    ("token", "flow", &["device-code", "client-credentials"]),
    ("eventually", "clock", &["real"]),
    ("consistently", "clock", &["real"]),
];

/// Keys of an expectation.
const EXPECT: [&str; 2] = ["xpath", "tls"];

fn later(what: &str, at: &Span) -> Finding {
    Finding::error("scn::not-emulated", at.clone(), format!("not emulated yet: {what}"))
}

fn keys(node: &Node, names: &[&str], findings: &mut Vec<Finding>) {
    for (key, value) in node.entries() {
        let harmless = value.is_null() || value.kind == Kind::Bool(false);
        if names.contains(&key.text.as_str()) && !harmless {
            findings.push(later(&key.text, &key.at));
        }
    }
}

pub(super) fn scenario(node: &Node, findings: &mut Vec<Finding>) {
    keys(node, &FILE, findings);
}

pub(super) fn world(world: &World, findings: &mut Vec<Finding>) {
    for (key, value) in world.node.entries() {
        let empty = value.elements().is_empty() && value.entries().is_empty();
        if WORLD.contains(&key.text.as_str()) && !empty {
            findings.push(later(&key.text, &key.at));
        }
        if key.text == "share"
            && let Some(word @ ("file" | "run")) = value.text()
        {
            findings.push(later(&format!("share: {word}"), &value.at));
        }
        if key.text == "clock" {
            keys(value, &["rate"], findings);
        }
    }
    for (_, machine) in world.node.get("machines").map_or(&[][..], Node::entries) {
        keys(machine, &["state"], findings);
        if let Some(os) = machine.get("os")
            && let Some(word @ "linux") = os.text()
        {
            findings.push(later(&format!("machines with {word}"), &os.at));
        }
    }
}

/// A step; its inner steps are looked at when their turn comes.
pub(super) fn step(step: &Node, findings: &mut Vec<Finding>) {
    keys(step, &STEP, findings);
    for (action, names) in WITHIN {
        if let Some(node) = step.get(action) {
            keys(node, names, findings);
        }
    }
    for (action, key, words) in WORDS {
        let node = step.get(action).and_then(|node| node.get(key));
        if let Some((word, node)) = node.and_then(|node| Some((node.text()?, node)))
            && words.contains(&word)
        {
            findings.push(later(&format!("{key}: {word}"), &node.at));
        }
    }
    if let Some(name) = step.get("tool").and_then(|tool| tool.get("name"))
        && let Some(word) = name.text().filter(|word| TOOLS.contains(word))
    {
        findings.push(later(&format!("tool: {word}"), &name.at));
    }
    for key in ["expect", "check"] {
        if let Some(node) = step.get(key) {
            let several = node.elements().iter().chain(std::iter::once(node));
            several.for_each(|expect| keys(expect, &EXPECT, findings));
        }
    }
    for (_, from) in step.get("capture").map_or(&[][..], Node::entries) {
        if from.text().is_some_and(|text| text.starts_with("xpath:")) {
            findings.push(later("xpath", &from.at));
        }
    }
}

/// The same words where a reference gives them, as far as its values are known before anything runs.
pub(super) fn words(step: &Node, names: &Names, findings: &mut Vec<Finding>) {
    for (action, key, words) in WORDS.into_iter().chain([("tool", "name", &TOOLS[..])]) {
        let Some(node) = step.get(action).and_then(|action| action.get(key)) else { continue };
        let values = node.text().map(|text| names.values(text)).unwrap_or_default();
        if let Some(word) = values.iter().find(|value| words.contains(&value.as_str())) {
            findings.push(later(&format!("{key}: {word}"), &node.at));
        }
    }
}
