//! Lints of a file as a whole, and of worlds.

use std::path::{Component, Path};

use crate::scenario::expr::Template;
use crate::scenario::finding::Finding;
use crate::scenario::node::{Kind, Node};
use crate::scenario::project::did_you_mean;
use crate::scenario::world::World;

pub(super) fn scenario(node: &Node, path: &Path, findings: &mut Vec<Finding>) {
    if let Some(id) = node.get("id") {
        check_id(id, path, findings);
    }
    if node.get("faq").is_none_or(|faq| faq.elements().is_empty()) {
        let at = node.entries().iter().find(|(key, _)| key.text == "id").map(|(key, _)| &key.at);
        findings.push(
            Finding::warning(
                "scn::no-faq",
                at.unwrap_or(&node.at).clone(),
                "this scenario proves no FAQ case",
            )
            .help("name the cases, such as `faq: [A16]`; `linarite coverage` lists them"),
        );
    }
    if let Some(steps) = node.get("steps").filter(|steps| steps.kind == Kind::List(Vec::new())) {
        findings.push(Finding::warning("scn::no-steps", steps.at.clone(), "there is no step"));
    }
    if node.get("steps").is_none() && matches!(node.kind, Kind::Map(_)) {
        findings.push(Finding::error("scn::missing-key", node.at.clone(), "there are no `steps`"));
    }
    let vars: Vec<&str> = node
        .get("vars")
        .map_or(&[][..], Node::entries)
        .iter()
        .map(|(key, _)| key.text.as_str())
        .collect();
    for secret in node.get("secrets").map_or(&[][..], Node::elements) {
        if let Some(name) = secret.text().filter(|name| !vars.contains(name)) {
            findings.push(
                Finding::error(
                    "scn::undefined",
                    secret.at.clone(),
                    format!("`{name}` is not one of the vars"),
                )
                .maybe_help(did_you_mean(name, vars.iter().copied())),
            );
        }
    }
    check_table(node, findings);
}

/// `scenarios/faq/x.scenario.yaml` has the id `faq.x`.
fn check_id(id: &Node, path: &Path, findings: &mut Vec<Finding>) {
    let Some(text) = id.text() else { return };
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if text.split('.').any(|word| word.is_empty() || !word.chars().all(fits)) {
        findings.push(
            Finding::error("scn::bad-id", id.at.clone(), format!("`{text}` is not an id"))
                .help("an id is words of letters, digits and `-`, joined by dots"),
        );
        return;
    }
    let parts: Vec<&str> = path
        .components()
        .filter_map(|part| if let Component::Normal(part) = part { part.to_str() } else { None })
        .collect();
    let Some(root) = parts.iter().rposition(|part| *part == "scenarios") else { return };
    let Some((name, folders)) = parts.get(root + 1..).and_then(<[&str]>::split_last) else {
        return;
    };
    let name = [".scenario.yaml", ".lab.yaml"].iter().find_map(|end| name.strip_suffix(end));
    let Some(name) = name else { return };
    let mut wanted = folders.to_vec();
    wanted.push(name);
    let wanted = wanted.join(".");
    if text != wanted {
        findings.push(
            Finding::warning("scn::id-path", id.at.clone(), "the id differs from the path")
                .help(format!("by its path the id would be `{wanted}`")),
        );
    }
}

fn check_table(node: &Node, findings: &mut Vec<Finding>) {
    let Some(table) = node.get("table") else { return };
    if table.kind == Kind::List(Vec::new()) {
        let title = "the table has no row, so nothing would run";
        findings.push(Finding::error("scn::no-rows", table.at.clone(), title));
    }
    let mut seen: Vec<&Node> = Vec::new();
    for case in table.elements().iter().filter_map(|row| row.get("case")) {
        if let Some(first) = seen.iter().find(|first| **first == case) {
            let title = format!("two rows are called {}", case.at.text());
            findings.push(
                Finding::error("scn::duplicate-id", case.at.clone(), title)
                    .also(first.at.clone(), "first here"),
            );
        }
        seen.push(case);
    }
}

/// What the harness itself knows of a world.
pub(super) fn world(world: &World, findings: &mut Vec<Finding>) {
    let users: Vec<&str> = world.ids("users").collect();
    for (_, machine) in world.machines.iter() {
        let Some(owner) = &machine.owner else { continue };
        if let Some(name) = owner.literal().filter(|name| !users.contains(&name.as_str())) {
            let title = format!("no user is called `{name}`");
            findings.push(
                Finding::error("scn::unknown-user", owner.at.clone(), title)
                    .maybe_help(did_you_mean(name, users.iter().copied())),
            );
        }
    }
    let start = world.clock.as_ref().and_then(|clock| clock.start.as_ref());
    if let Some(start) = start
        && let Some(text) = start.literal()
        && text != "now"
        && let Err(why) = text.parse::<crate::scenario::time::Time>()
    {
        findings.push(
            Finding::error("scn::bad-time", start.at.clone(), why)
                .help("a world starts at a point in time or `now`"),
        );
    }
    world.node.each_text(&mut |text, at| {
        if Template::is_needed(text)
            && let Err(error) = Template::parse(text)
        {
            findings.push(error.finding(at));
        }
    });
}
