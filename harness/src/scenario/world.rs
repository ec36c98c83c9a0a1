//! Worlds: `use:` followed, one's own keys merged over it, every value with its place.
//!
//! The server reads the rest of a world with types of its own; [`World::place`] finds the place of
//! what it refuses. The harness reads `machines`, `active_directory` and `clock`
//! itself.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::decode::{Entries, field, unknown_key, wrong_type};
use super::expr::{Scope, resolve};
use super::finding::{Finding, Span};
use super::model::{DomainPolicy, Machine, RESOURCES, Share, WorldClock};
use super::node::{Key, Kind, Node};
use super::project::{Project, check_version};

/// The keys of a world.
pub const WORLD_KEYS: [&str; 15] = [
    "linarite",
    "doc",
    "use",
    "tenant",
    "users",
    "machines",
    "devices",
    "apps",
    "policies",
    "federation",
    "active_directory",
    "mdm",
    "settings",
    "clock",
    "share",
];

/// Keys that the harness reads, which the server's reader does not get.
const HARNESS_KEYS: [&str; 7] =
    ["linarite", "doc", "use", "machines", "active_directory", "clock", "share"];

/// Keys of later versions: as empty lists and maps they say nothing, and nobody need refuse them.
const MAY_BE_EMPTY: [&str; 2] = ["policies", "mdm"];

/// A merged world.
#[derive(Clone, Debug)]
pub struct World {
    /// All of it, with places. References in it are not replaced yet.
    pub node: Node,
    /// The emulated client computers by id.
    pub machines: Entries<Machine>,
    /// What the domains on premises tell their computers, by the name of the domain.
    pub active_directory: Entries<DomainPolicy>,
    /// The clock.
    pub clock: Option<WorldClock>,
    /// Who shares it.
    pub share: Option<Share>,
}

impl World {
    /// The world for the server's reader: without the harness' own keys, references replaced.
    pub fn value(&self, scope: &dyn Scope) -> Result<Value, Box<Finding>> {
        let entries = self
            .node
            .entries()
            .iter()
            .filter(|(key, value)| {
                let empty = value.elements().is_empty() && value.entries().is_empty();
                let nothing = MAY_BE_EMPTY.contains(&key.text.as_str()) && empty;
                !nothing && !HARNESS_KEYS.contains(&key.text.as_str())
            })
            .cloned()
            .collect();
        resolve(&Node { kind: Kind::Map(entries), at: self.node.at.clone() }, scope)
    }

    /// The place of what an RFC 6901 pointer into [`World::value`] names, such as
    /// `/users/bob/upn`; of the nearest thing above it when it is not there.
    pub fn place(&self, pointer: &str) -> &Span {
        &self.node.nearest(pointer).at
    }

    /// The finding for what the server's reader says about [`World::value`].
    pub fn finding(&self, pointer: &str, message: &str) -> Finding {
        let at = self.place(pointer).clone();
        if let Some(what) = message.strip_prefix("not emulated yet: ") {
            return Finding::error("scn::not-emulated", at, format!("not emulated yet: {what}"));
        }
        Finding::error("scn::world", at, message)
    }

    /// The URI of a resource that a `token` step names: an app of the world, a well-known name, or
    /// a URI already.
    pub fn resource(&self, name: &str) -> String {
        let app = self.node.get("apps").and_then(|apps| apps.get(name));
        let own = app.and_then(|app| app.get("resource").or_else(|| app.get("app_id")));
        let known = RESOURCES.iter().find(|(known, _)| *known == name).map(|(_, uri)| *uri);
        own.and_then(Node::text).or(known).unwrap_or(name).to_owned()
    }

    /// The ids under one of the keys that hold maps: users, machines, apps, devices.
    pub fn ids(&self, key: &str) -> impl Iterator<Item = &str> {
        self.node.get(key).map_or(&[][..], Node::entries).iter().map(|(id, _)| id.text.as_str())
    }
}

/// Reads a world file for its own sake, as `serve` and `exec` do.
pub fn load_world(path: &Path, project: &Project<'_>) -> (Option<World>, Vec<Finding>) {
    let mut findings = Vec::new();
    let world = follow_file(path, None, project, &mut Vec::new(), &mut findings)
        .and_then(|node| read(node, &mut findings));
    super::lint::world_only(world.as_ref(), &mut findings);
    super::lint::sort(&mut findings);
    (world, findings)
}

/// Reads the `world:` key of a scenario.
pub(crate) fn read_world(
    own: &Node,
    project: &Project<'_>,
    findings: &mut Vec<Finding>,
) -> Option<World> {
    follow(own, project, &mut Vec::new(), findings).and_then(|node| read(node, findings))
}

fn read(node: Node, findings: &mut Vec<Finding>) -> Option<World> {
    let machines = field::<Option<Entries<Machine>>>(&node, "machines", findings);
    let domains = field::<Option<Entries<DomainPolicy>>>(&node, "active_directory", findings);
    let clock = field(&node, "clock", findings);
    let share = field(&node, "share", findings);
    Some(World {
        machines: machines?.unwrap_or_default(),
        active_directory: domains?.unwrap_or_default(),
        clock: clock?,
        share: share?,
        node,
    })
}

fn follow_file(
    path: &Path,
    named_at: Option<&Span>,
    project: &Project<'_>,
    above: &mut Vec<PathBuf>,
    findings: &mut Vec<Finding>,
) -> Option<Node> {
    let node = project.open(path, named_at, findings)?;
    check_version(&node, true, findings);
    above.push(path.to_owned());
    let merged = follow(&node, project, above, findings);
    above.pop();
    merged
}

fn follow(
    own: &Node,
    project: &Project<'_>,
    above: &mut Vec<PathBuf>,
    findings: &mut Vec<Finding>,
) -> Option<Node> {
    if !matches!(own.kind, Kind::Map(_)) {
        findings.push(wrong_type(own, "a map"));
        return None;
    }
    for (key, _) in own.entries() {
        if !WORLD_KEYS.contains(&key.text.as_str()) {
            findings.push(unknown_key(key, WORLD_KEYS));
        }
    }
    let Some(name) = own.get("use") else { return Some(without_null(own.clone())) };
    let Some(text) = name.text() else {
        findings.push(wrong_type(name, "the name of a world, text"));
        return None;
    };
    let path = project.world_path(text, name.at.path());
    if above.contains(&path) || name.at.path() == path {
        let mut circle: Vec<String> = above.iter().map(|p| p.display().to_string()).collect();
        circle.push(path.display().to_string());
        findings.push(
            Finding::error("scn::circular-use", name.at.clone(), "this world uses itself")
                .help(format!("the circle: {}", circle.join(" -> "))),
        );
        return None;
    }
    let base = follow_file(&path, Some(&name.at), project, above, findings)?;
    Some(merge(base, own, true))
}

/// One's own keys over those of the base: maps key by key, null removes, the rest replaces; the
/// list `policies` of the world is appended to, the same `id` replaces.
fn merge(base: Node, own: &Node, top: bool) -> Node {
    let (Kind::Map(mut entries), Kind::Map(over)) = (base.kind, &own.kind) else {
        return without_null(own.clone());
    };
    for (key, value) in over {
        let found = entries.iter().position(|(name, _)| name.text == key.text);
        let old = found.map(|at| entries.remove(at));
        if value.is_null() {
            continue;
        }
        let merged = match old {
            Some((_, old)) if top && key.text == "policies" => append(old, value),
            Some((_, old)) => merge(old, value, false),
            None => without_null(value.clone()),
        };
        let at = found.unwrap_or(entries.len()).min(entries.len());
        entries.insert(at, (key.clone(), merged));
    }
    Node { kind: Kind::Map(entries), at: own.at.clone() }
}

fn append(base: Node, own: &Node) -> Node {
    let (Kind::List(mut elements), Kind::List(more)) = (base.kind, &own.kind) else {
        return own.clone();
    };
    for element in more {
        let id = element.get("id");
        match elements.iter_mut().find(|old| id.is_some() && old.get("id") == id) {
            Some(old) => *old = element.clone(),
            None => elements.push(element.clone()),
        }
    }
    Node { kind: Kind::List(elements), at: own.at.clone() }
}

/// A map without the entries that are null: there is nothing for them to remove.
fn without_null(node: Node) -> Node {
    let Kind::Map(entries) = node.kind else { return node };
    let entries: Vec<(Key, Node)> = entries
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| (key, without_null(value)))
        .collect();
    Node { kind: Kind::Map(entries), at: node.at }
}
