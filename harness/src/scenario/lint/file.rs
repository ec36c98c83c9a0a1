//! Lints of a file as a whole, and of worlds.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use crate::run::needs::malformed;
use crate::scenario::decode::wrong_type;
use crate::scenario::expr::Template;
use crate::scenario::finding::{Finding, Span};
use crate::scenario::node::{Key, Kind, Node};
use crate::scenario::project::did_you_mean;
use crate::scenario::rows::{MOST, NO_AXES, rows};
use crate::scenario::world::World;

pub(super) fn scenario(node: &Node, path: &Path, findings: &mut Vec<Finding>) {
    if let Some(id) = node.get("id") {
        check_id(id, path, findings);
    }
    if node.get("faq").is_none() {
        let at = node.entries().iter().find(|(key, _)| key.text == "id").map(|(key, _)| &key.at);
        findings.push(
            Finding::warning(
                "scn::no-faq",
                at.unwrap_or(&node.at).clone(),
                "this scenario does not say which FAQ cases it proves",
            )
            .help("name the cases, such as `faq: [A16]`, or none: `faq: []`; `linarite coverage` lists them"),
        );
    }
    for case in node.get("faq").map_or(&[][..], Node::elements) {
        if let Some(id) = case.text().filter(|id| !crate::faq::is_question(id)) {
            let title = format!("the FAQ has no question {id}");
            findings.push(
                Finding::warning("scn::no-faq", case.at.clone(), title)
                    .help("there are A1 to A28 and N1 to N38: see docs/faq.md"),
            );
        }
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
        let named = secret.text().and_then(|name| node.get("vars")?.get(name));
        if let Some(value) = named.filter(|value| !is_hidden(value)) {
            let title = "this secret is not hidden in reports";
            let finding = Finding::warning("scn::short-secret", value.at.clone(), title);
            findings.push(finding.help("texts and numbers of four characters and more are hidden"));
        }
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
    for need in node.get("needs").map_or(&[][..], Node::elements) {
        let text = need.text().filter(|text| !text.is_empty() && !Template::is_needed(text));
        if let Some(why) = text.and_then(malformed) {
            findings.push(Finding::error("scn::bad-need", need.at.clone(), why));
        }
    }
    check_rows(node, findings);
}

/// Whether reports hide a secret of this value, as far as the file says what it is.
fn is_hidden(value: &Node) -> bool {
    match &value.kind {
        Kind::Null | Kind::Bool(_) => false,
        Kind::Number(number) => number.to_string().len() >= 4,
        Kind::Text(text) => Template::is_needed(text) || text.chars().count() >= 4,
        Kind::List(items) => items.iter().all(is_hidden),
        Kind::Map(entries) => entries.iter().all(|(_, value)| is_hidden(value)),
    }
}

/// Characters of an id at most: files of reports are named after it.
const LONGEST: usize = 120;

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
    if text.len() > LONGEST {
        let title = format!("this id has {} characters: {LONGEST} at most", text.len());
        findings.push(Finding::error("scn::bad-id", id.at.clone(), title));
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

fn check_rows(node: &Node, findings: &mut Vec<Finding>) {
    let (table, matrix) = (node.get("table"), node.get("matrix"));
    if let Some(table) = table.filter(|table| table.kind == Kind::List(Vec::new())) {
        let title = "the table has no row, so nothing would run";
        findings.push(Finding::error("scn::no-rows", table.at.clone(), title));
    }
    let columns = table.map_or(&[][..], Node::elements).iter().flat_map(Node::entries);
    let columns: Vec<&Key> = columns.map(|(key, _)| key).collect();
    for (axis, values) in matrix.map_or(&[][..], Node::entries) {
        if NO_AXES.contains(&axis.text.as_str()) {
            for entry in values.elements().iter().filter(|e| !matches!(e.kind, Kind::Map(_))) {
                findings.push(wrong_type(entry, "a map"));
            }
        } else if let Some(column) = columns.iter().find(|key| key.text == axis.text) {
            let title = format!("`{}` is a column of the table already", axis.text);
            let finding = Finding::error("scn::duplicate-key", axis.at.clone(), title);
            findings.push(finding.also(column.at.clone(), "the column"));
        } else if values.kind == Kind::List(Vec::new()) {
            let title = format!("the axis `{}` has no value, so nothing would run", axis.text);
            findings.push(Finding::error("scn::no-rows", values.at.clone(), title));
        }
    }
    let found = rows(node);
    if found.len() > MOST {
        let at = matrix.or(table).map_or(&node.at, |rows| &rows.at);
        let title = format!("these are more than {MOST} rows");
        findings.push(Finding::error("scn::too-many-rows", at.clone(), title));
        return;
    }
    if found.is_empty() && !findings.iter().any(|finding| finding.code == "scn::no-rows") {
        let at = matrix.map_or(&node.at, |matrix| &matrix.at);
        let title = "`exclude` leaves no combination, so nothing would run";
        findings.push(Finding::error("scn::no-rows", at.clone(), title));
    }
    let mut seen: BTreeMap<String, &Span> = BTreeMap::new();
    for (row, at) in found {
        let case = row.case.unwrap_or_default();
        if let Some(first) = seen.get(&case) {
            let title = format!("two rows are called {case}");
            findings.push(
                Finding::error("scn::duplicate-id", at.clone(), title)
                    .also((*first).clone(), "first here"),
            );
        }
        seen.entry(case).or_insert(at);
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
    let of_machines = world.machines.iter().filter_map(|(_, machine)| machine.domain.as_ref());
    // A domain that depends on the row may be any of them.
    let domains: Option<Vec<&String>> = of_machines.map(|domain| domain.literal()).collect();
    for (name, _) in &world.active_directory.0 {
        if let Some(domains) = &domains
            && !domains.iter().any(|domain| domain.eq_ignore_ascii_case(&name.text))
        {
            let title = format!("no machine belongs to the domain `{}`", name.text);
            let finding = Finding::warning("scn::unused-domain", name.at.clone(), title);
            let known = domains.iter().map(|domain| domain.as_str());
            findings.push(finding.maybe_help(did_you_mean(&name.text, known)));
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
