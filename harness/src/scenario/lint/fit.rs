//! Whether expectations fit the action they stand with. An expectation that nobody can judge would
//! otherwise be found out only when the step runs.

use crate::scenario::finding::Finding;
use crate::scenario::model::ACTIONS;
use crate::scenario::node::Node;

/// What is expected of a kind of result.
struct Group {
    keys: &'static [&'static str],
    /// The actions that have such a result.
    actions: &'static [&'static str],
    what: &'static str,
}

const GROUPS: [Group; 4] = [
    Group {
        keys: &["status", "header", "body", "json"],
        actions: &["http"],
        what: "the answer to a request",
    },
    Group { keys: &["claims"], actions: &["token"], what: "a token" },
    Group {
        keys: &["stdout", "stderr", "output", "lines"],
        actions: &[
            "join",
            "add_account",
            "remove_account",
            "leave",
            "dsregcmd",
            "autoworkplace",
            "sign_in",
            "sign_out",
            "wipe",
            "rename",
            "restart",
            "token",
            "run",
            "tool",
        ],
        what: "output",
    },
    Group {
        keys: &["exit"],
        actions: &[
            "join",
            "add_account",
            "remove_account",
            "leave",
            "dsregcmd",
            "autoworkplace",
            "sign_in",
            "sign_out",
            "wipe",
            "rename",
            "restart",
            "token",
            "run",
            "tool",
            "admin",
        ],
        what: "an exit code",
    },
];

/// The name of a step's first action.
pub(super) fn action(step: &Node) -> Option<&'static str> {
    step.entries()
        .iter()
        .find_map(|(key, _)| ACTIONS.iter().find(|action| **action == key.text).copied())
}

/// Looks at the expectations that hold after every step, which have no action of their own.
pub(super) fn invariants(invariants: &Node, findings: &mut Vec<Finding>) {
    for part in invariants.elements().iter().chain(std::iter::once(invariants)) {
        for (key, _) in part.entries() {
            let of_act = GROUPS.iter().any(|group| group.keys.contains(&key.text.as_str()));
            if of_act || ["error", "took", "took_virtual"].contains(&key.text.as_str()) {
                let title = format!("`{}` looks at one step, not at all of them", key.text);
                let finding = Finding::error("scn::misplaced-expectation", key.at.clone(), title);
                findings.push(finding.help(
                    "an invariant looks at devices, users, journal, dsreg, files or a value",
                ));
            }
        }
    }
}

/// Looks at the expectations of a step with this action, which for a `repeat` is the action of the
/// step that is repeated.
pub(super) fn expectations(step: &Node, action: &str, findings: &mut Vec<Finding>) {
    for key in ["expect", "check"] {
        let Some(expect) = step.get(key) else { continue };
        for part in expect.elements().iter().chain(std::iter::once(expect)) {
            for (key, _) in part.entries() {
                let group = GROUPS.iter().find(|group| group.keys.contains(&key.text.as_str()));
                if let Some(group) = group.filter(|group| !group.actions.contains(&action)) {
                    let title = format!("`{action}` gives no `{}` to look at", key.text);
                    findings.push(
                        Finding::error("scn::misplaced-expectation", key.at.clone(), title).help(
                            format!("{} comes from: {}", group.what, group.actions.join(", ")),
                        ),
                    );
                }
            }
        }
    }
}
