//! Lints of faults: ids that are not there, faults that no step starts, and steps that say two things.

use crate::scenario::expr::Template;
use crate::scenario::finding::Finding;
use crate::scenario::node::{Key, Kind, Node};
use crate::scenario::project::did_you_mean;

/// The faults of a file, and which of them steps start.
pub(super) struct Faults<'a> {
    known: Vec<&'a Key>,
    used: Vec<&'a str>,
    /// Whether a step starts what a reference names.
    any: bool,
}

impl<'a> Faults<'a> {
    /// The faults of a scenario file; none for an action file.
    pub(super) fn of(node: &'a Node) -> Self {
        let faults = node.get("faults").map_or(&[][..], Node::entries);
        Self { known: faults.iter().map(|(key, _)| key).collect(), used: Vec::new(), any: false }
    }

    /// Looks at a `fault` step.
    pub(super) fn step(&mut self, fault: &'a Node, findings: &mut Vec<Finding>) {
        if !matches!(fault.kind, Kind::Map(_)) {
            return;
        }
        let ways: Vec<_> = fault
            .entries()
            .iter()
            .filter(|(key, _)| ["start", "stop", "with"].contains(&key.text.as_str()))
            .collect();
        let rule = "`fault` takes one of `start`, `stop` and `with`";
        match ways.as_slice() {
            [] => findings.push(Finding::error("scn::missing-key", fault.at.clone(), rule)),
            [_, (second, _), ..] => {
                findings.push(Finding::error("scn::one-of", second.at.clone(), rule));
            }
            [_] => {}
        }
        for (one, other) in [("with", "steps"), ("steps", "with")] {
            let key = fault.entries().iter().find(|(key, _)| key.text == one);
            if let (Some((key, _)), None) = (key, fault.get(other)) {
                let title = format!("`{one}` says something only beside `{other}`");
                findings.push(Finding::error("scn::missing-key", key.at.clone(), title));
            }
        }
        for way in ["start", "stop", "with"] {
            let Some(node) = fault.get(way) else { continue };
            let Some(id) = node.text() else { continue };
            if Template::is_needed(id) {
                self.any = true;
            } else if self.known.iter().any(|key| key.text == id) {
                self.used.push(id);
            } else {
                let known = self.known.iter().map(|key| key.text.as_str());
                let title = format!("no fault is called `{id}`");
                let finding = Finding::error("scn::unknown-fault", node.at.clone(), title);
                findings.push(finding.label("unknown fault").maybe_help(did_you_mean(id, known)));
            }
        }
    }

    /// Reports the faults that no step starts.
    pub(super) fn unused(&self, findings: &mut Vec<Finding>) {
        let unused = self.known.iter().filter(|key| !self.used.contains(&key.text.as_str()));
        for key in unused.filter(|_| !self.any) {
            let title = format!("no step starts the fault `{}`", key.text);
            findings.push(Finding::warning("scn::unused-fault", key.at.clone(), title));
        }
    }
}
