//! Faults of a scenario: read from the file, started and stopped by steps, or as long as some steps run.
//!
//! What the server says of a fault is put at its place in the file. Files of faults alone are read for `serve --fault`.

use std::path::{Component, Path};

use linarite_server::control::admin::Admin;
use linarite_server::faults::{Fault, FaultError, Faults};
use serde_json::{Map, Value};

use super::plan::read_file;
use super::stage::Stage;
use crate::scenario::decode::{unknown_key, wrong_type};
use crate::scenario::expr::{Scope, resolve};
use crate::scenario::model::FaultAction;
use crate::scenario::project::check_version;
use crate::scenario::{Finding, Key, Kind, Node, Project};

/// Reads a fault and says what is wrong with it, at its place.
pub(crate) fn read(id: &str, node: &Node, scope: &dyn Scope) -> Result<Fault, Box<Finding>> {
    let mut value = resolve(node, scope)?;
    take_body_file(node, &mut value)?;
    let wrong = |at: &Node, why: String| Box::new(Finding::error("scn::fault", at.at.clone(), why));
    let fault: Fault = serde_json::from_value(value.clone())
        .map_err(|error| wrong(misread(node, &value), error.to_string()))?;
    match Faults::check(id, &fault) {
        Ok(_) => Ok(fault),
        Err(FaultError::Problems { problems, .. }) => Err(match problems.into_iter().next() {
            Some(first) => wrong(node.nearest(&first.pointer), first.message),
            None => wrong(node, format!("the fault `{id}` cannot be started")),
        }),
        Err(
            other @ (FaultError::Running(_) | FaultError::TooMany | FaultError::NotRunning { .. }),
        ) => Err(wrong(node, other.to_string())),
    }
}

/// Bytes of a `body_file` at most.
const BODY_FILE: u64 = 4 << 20;

/// Puts the text of `reply.body_file` in its place: of a file below the folder of the file that names it.
fn take_body_file(node: &Node, value: &mut Value) -> Result<(), Box<Finding>> {
    let Some(Value::Object(reply)) = value.get_mut("reply") else { return Ok(()) };
    let Some(Value::String(name)) = reply.get("body_file") else { return Ok(()) };
    let named = node.nearest("/reply/body_file");
    let text = below(named.at.path().parent().unwrap_or_else(|| Path::new("")), name)
        .map_err(|why| Box::new(Finding::error("scn::fault", named.at.clone(), why)))?;
    if reply.contains_key("body") || reply.contains_key("json") {
        // Which one is meant is for the check of the fault to say.
        return Ok(());
    }
    reply.remove("body_file");
    reply.insert("body".to_owned(), text.into());
    Ok(())
}

/// The text of a file below a folder.
fn below(folder: &Path, name: &str) -> Result<String, String> {
    let inside = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    let outside = || format!("`{name}` does not lie below the folder of this file");
    if name.is_empty() || !Path::new(name).components().all(inside) {
        return Err(outside());
    }
    let failed = |error: std::io::Error| format!("`{name}` cannot be read: {error}");
    let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let root = here.canonicalize().map_err(failed)?;
    let path = here.join(name).canonicalize().map_err(failed)?;
    // A link may lead out of the folder.
    if !path.starts_with(&root) {
        return Err(outside());
    }
    let data = std::fs::metadata(&path).map_err(failed)?;
    if !data.is_file() {
        return Err(format!("`{name}` is no file"));
    }
    if data.len() > BODY_FILE {
        return Err(format!("`{name}` is over {BODY_FILE} bytes"));
    }
    std::fs::read_to_string(&path).map_err(failed)
}

/// The faults of a file: a map of faults by id, as `faults` of a scenario is; alone, or under that key.
pub(crate) fn of_file(path: &Path) -> Result<Vec<(String, Fault)>, Vec<Finding>> {
    let reader = |path: &Path| read_file(path);
    let project = Project::at(Path::new(""), &reader);
    let mut found = Vec::new();
    let Some(file) = project.open(path, None, &mut found) else { return Err(found) };
    check_version(&file, false, &mut found);
    let map = match file.get("faults") {
        None => &file,
        Some(faults) => {
            const KEYS: [&str; 3] = ["linarite", "doc", "faults"];
            let other = |(key, _): &&(Key, Node)| !KEYS.contains(&key.text.as_str());
            found
                .extend(file.entries().iter().filter(other).map(|(key, _)| unknown_key(key, KEYS)));
            faults
        }
    };
    if !matches!(map.kind, Kind::Map(_)) {
        found.push(wrong_type(map, "a map of faults by id"));
    }
    let mut faults = Vec::new();
    for (id, node) in map.entries().iter().filter(|(key, _)| key.text != "linarite") {
        match read(&id.text, node, &()) {
            Ok(fault) => faults.push((id.text.clone(), fault)),
            Err(finding) => found.push(*finding),
        }
    }
    if found.iter().any(Finding::is_error) { Err(found) } else { Ok(faults) }
}

/// What is said of a fault that was started and never struck.
pub(crate) fn told_idle(id: &str) -> String {
    format!("the fault `{id}` was started and never struck: look at its `match`")
}

/// The part of a fault that cannot be read: the first key that is wrong by itself.
fn misread<'a>(node: &'a Node, value: &Value) -> &'a Node {
    let Value::Object(map) = value else { return node };
    let alone = |(key, value): (&String, &Value)| -> Map<String, Value> {
        std::iter::once((key.clone(), value.clone())).collect()
    };
    let bad = map
        .iter()
        .find(|pair| serde_json::from_value::<Fault>(Value::Object(alone(*pair))).is_err());
    bad.and_then(|(key, _)| node.get(key)).unwrap_or(node)
}

/// What is wrong with the faults of a file, as far as that can be known before it runs.
pub(crate) fn check(
    scenario: &crate::scenario::Scenario,
    scope: &dyn Scope,
    found: &mut Vec<Finding>,
) {
    for (id, node) in scenario.file.faults.iter().flat_map(crate::scenario::decode::Entries::iter) {
        let mut plain = true;
        node.each_text(&mut |text, _| plain &= !crate::scenario::expr::Template::is_needed(text));
        // One that refers to what a world has is looked at when it starts.
        if plain && let Err(finding) = read(id, node, scope) {
            found.push(*finding);
        }
    }
}

/// Starts the fault of this id, as the file describes it.
pub(crate) fn start(stage: &Stage, id: &str, action: &FaultAction) -> Result<(), Box<Finding>> {
    let scenario = std::sync::Arc::clone(&stage.instance.scenario);
    let Some(node) = scenario.file.faults.as_ref().and_then(|faults| faults.get(id)) else {
        let title = format!("no fault is called `{id}`");
        return Err(Box::new(Finding::error("scn::unknown-fault", action.at.clone(), title)));
    };
    begin(stage, id, node)
}

fn begin(stage: &Stage, id: &str, node: &Node) -> Result<(), Box<Finding>> {
    let fault = read(id, node, stage)?;
    Admin::new(stage.world(), "scenario")
        .start_fault(id, fault)
        .map(drop)
        .map_err(|error| Box::new(Finding::error("scn::fault", node.at.clone(), error.to_string())))
}

/// Starts the fault of a window and gives its id: one of the file, or one that is written in the step.
pub(crate) fn open(
    stage: &Stage,
    with: &Node,
    action: &FaultAction,
) -> Result<String, Box<Finding>> {
    if with.text().is_none() {
        let id = format!("line-{}", action.at.line);
        return begin(stage, &id, with).map(|()| id);
    }
    let value = resolve(with, stage)?;
    let id = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    start(stage, &id, action).map(|()| id)
}

/// Stops a fault.
pub(crate) fn stop(stage: &Stage, id: &str) -> Result<(), String> {
    let stopped = Admin::new(stage.world(), "scenario").stop_fault(id);
    stopped.map(drop).map_err(|error| error.to_string())
}

/// Stops all that run, and says which of all that were started never struck.
pub(crate) fn end(stage: &Stage) -> Vec<String> {
    let admin = Admin::new(stage.world(), "scenario");
    admin.stop_faults();
    let idle = stage.world().faults.never_struck();
    idle.iter().map(|id| told_idle(id)).collect()
}
