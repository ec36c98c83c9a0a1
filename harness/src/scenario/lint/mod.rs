//! What can be known to be wrong before anything runs. The lints walk the tree, not the typed
//! model, so that one wrong type in a step hides nothing else.
//!
//! Leaves out lints of what is not emulated yet (objectives), and those that
//! would need a run (a `when` that is always false).

mod faults;
mod federation;
mod fields;
mod file;
mod fit;
mod idle;
mod judgement;
mod later;
mod matchers;
mod names;
mod steps;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::finding::{Finding, Severity};
use super::node::Node;
use super::project::Project;
use super::world::World;

/// Looks over a scenario with its world and its action files.
pub(crate) fn scenario(
    node: &Node,
    path: &Path,
    world: Option<&World>,
    actions: &BTreeMap<PathBuf, Node>,
    project: &Project<'_>,
    findings: &mut Vec<Finding>,
) {
    file::scenario(node, path, findings);
    later::scenario(node, findings);
    if let Some(world) = world {
        file::world(world, findings);
        federation::world(&world.node, findings);
        later::world(world, findings);
        idle::world(world, findings);
    }
    steps::scenario(node, world, actions, project, findings);
    for action in actions.values() {
        steps::action_file(action, world, actions, project, findings);
    }
}

/// Looks over an action file that stands for itself.
pub(crate) fn action_only(
    node: &Node,
    actions: &BTreeMap<PathBuf, Node>,
    project: &Project<'_>,
    findings: &mut Vec<Finding>,
) {
    steps::action_file(node, None, actions, project, findings);
}

/// Looks over a world that stands for itself.
pub(crate) fn world_only(world: Option<&World>, findings: &mut Vec<Finding>) {
    if let Some(world) = world {
        file::world(world, findings);
        federation::world(&world.node, findings);
        later::world(world, findings);
        idle::world(world, findings);
    }
}

/// Puts findings in the order of the files, without repetitions.
pub(crate) fn sort(findings: &mut Vec<Finding>) {
    findings.sort_by(|a, b| {
        let key = |f: &Finding| (f.at.line, f.at.column, std::cmp::Reverse(f.severity));
        (a.file(), key(a)).cmp(&(b.file(), key(b)))
    });
    findings.dedup_by(|a, b| {
        a.code == b.code
            && a.title == b.title
            && a.file() == b.file()
            && (a.line(), a.column()) == (b.line(), b.column())
    });
    // One mistake may be seen from two sides: an error outdoes a warning at the same place.
    let errors: Vec<(PathBuf, u32, u32)> = findings
        .iter()
        .filter(|f| f.is_error())
        .map(|f| (f.file().to_owned(), f.line(), f.column()))
        .collect();
    findings.retain(|f| {
        f.severity == Severity::Error
            || !errors.contains(&(f.file().to_owned(), f.line(), f.column()))
    });
}
