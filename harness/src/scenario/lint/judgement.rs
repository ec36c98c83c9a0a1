//! Lints of how a step is judged: expectations that ask for nothing, attempts that cannot be made, times that are none.

use crate::scenario::expr::Template;
use crate::scenario::finding::Finding;
use crate::scenario::node::{Key, Kind, Node};
use crate::scenario::time::Dur;

/// Keys of an expectation that only say where it looks, or why.
const ASIDE: [&str; 3] = ["because", "machine", "windows_user"];

/// Maps of an expectation that ask for nothing when they are empty.
const MAPS: [&str; 6] = ["files", "header", "json", "claims", "error", "dsreg"];

/// Looks at the judgement of one step.
pub(super) fn step(step: &Node, findings: &mut Vec<Finding>) {
    for key in ["expect", "check"] {
        let Some(node) = step.get(key) else { continue };
        asks(key, node, findings);
    }
    if let Some(items) = step.get("for_each").filter(|items| items.kind == Kind::List(Vec::new())) {
        let title = "`for_each` has no element, so nothing would run";
        findings.push(Finding::error("scn::no-rows", items.at.clone(), title));
    }
    attempts(step, findings);
    for (at, keys) in [
        (Some(step), &["timeout"][..]),
        (step.get("run"), &["timeout"]),
        (step.get("eventually"), &["within", "every"]),
        (step.get("consistently"), &["for", "every"]),
    ] {
        for key in keys {
            longer_than_nothing(at.and_then(|at| at.get(key)), findings);
        }
    }
    let advance = step.get("clock").and_then(|clock| clock.get("advance"));
    if let Some((node, length)) = advance.and_then(length)
        && length.millis() < 0
    {
        let title = "`advance` only goes forward";
        let finding = Finding::error("scn::bad-duration", node.at.clone(), title);
        findings.push(finding.help("`set` with `allow_backwards: true` goes back"));
    }
}

/// A duration that has to be longer than nothing.
pub(super) fn longer_than_nothing(node: Option<&Node>, findings: &mut Vec<Finding>) {
    if let Some((node, length)) = node.and_then(length)
        && length.millis() <= 0
    {
        let title = format!("`{length}` is no time at all: it must be longer than nothing");
        findings.push(Finding::error("scn::bad-duration", node.at.clone(), title));
    }
}

fn length(node: &Node) -> Option<(&Node, Dur)> {
    let text = node.text().filter(|text| !Template::is_needed(text))?;
    Some((node, text.parse().ok()?))
}

/// Reports expectations in which nothing is expected.
pub(super) fn asks(key: &str, node: &Node, findings: &mut Vec<Finding>) {
    let parts: Vec<&Node> = match &node.kind {
        Kind::List(parts) => parts.iter().collect(),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::Map(_) => vec![node],
    };
    let mut nothing = |node: &Node, title: String| {
        findings.push(Finding::error("scn::no-expectation", node.at.clone(), title));
    };
    if parts.is_empty() {
        nothing(node, format!("`{key}` expects nothing"));
    }
    for part in parts.into_iter().filter(|part| matches!(part.kind, Kind::Map(_))) {
        // A key that is written wrongly is reported as such.
        if part.entries().iter().all(|(key, _)| ASIDE.contains(&key.text.as_str())) {
            nothing(part, format!("`{key}` expects nothing"));
        }
        for (name, value) in part.entries() {
            empty(name, value, &mut nothing);
        }
    }
}

/// Reports a key of an expectation whose value asks for nothing.
fn empty(name: &Key, value: &Node, nothing: &mut impl FnMut(&Node, String)) {
    let is_empty = |node: &Node| {
        let only_of =
            name.text == "claims" && node.entries().iter().all(|(key, _)| key.text == "of");
        node.kind == Kind::Map(Vec::new()) || matches!(node.kind, Kind::Map(_)) && only_of
    };
    let title = |key: &str| format!("`{key}` names nothing to look at");
    match name.text.as_str() {
        map if MAPS.contains(&map) && is_empty(value) => nothing(value, title(map)),
        "lines" if value.kind == Kind::List(Vec::new()) => nothing(value, title("lines")),
        "devices" | "users" | "journal" | "portal" => {
            let rows = if value.elements().is_empty() {
                std::slice::from_ref(value)
            } else {
                value.elements()
            };
            if value.kind == Kind::List(Vec::new()) {
                nothing(value, title(&name.text));
            }
            for key in ["each", "some"] {
                for fields in rows.iter().filter_map(|rows| rows.get(key)) {
                    if fields.kind == Kind::Map(Vec::new()) {
                        nothing(fields, title(key));
                    }
                }
            }
        }
        "access"
            if matches!(value.kind, Kind::Map(_))
                && ["result", "reason", "aadsts"].iter().all(|key| value.get(key).is_none()) =>
        {
            let title = "`access` says nothing of how it ends: add `result`, `reason` or `aadsts`";
            nothing(value, title.to_owned());
        }
        _ => {}
    }
}

/// `eventually` and `consistently` repeat one act, and only one of them does.
fn attempts(step: &Node, findings: &mut Vec<Finding>) {
    let of = |name: &str| step.entries().iter().find(|(key, _)| key.text == name);
    if let (Some((first, _)), Some((second, _))) = (of("eventually"), of("consistently")) {
        let (first, second) =
            if first.at.line <= second.at.line { (first, second) } else { (second, first) };
        let title = "a step has either `eventually` or `consistently`";
        let finding = Finding::error("scn::one-of", second.at.clone(), title);
        findings.push(finding.also(first.at.clone(), "the other one"));
    }
    let holder = ["sequence", "use", "fault"].into_iter().find(|name| step.get(name).is_some());
    let holder = holder.filter(|name| {
        *name != "fault" || step.get("fault").is_some_and(|f| f.get("with").is_some())
    });
    for name in ["eventually", "consistently"] {
        if let (Some(holder), Some((key, _))) = (holder, of(name)) {
            let title = format!("`{name}` does not repeat the steps of a `{holder}`");
            let finding = Finding::error("scn::misplaced-expectation", key.at.clone(), title);
            findings
                .push(finding.help("put it on one of the steps, such as a `check` at their end"));
        }
    }
}
