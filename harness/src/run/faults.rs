//! Faults of a scenario: read from the file, started and stopped by steps, or as long as some steps run.
//!
//! What the server says of a fault is put at its place in the file.

use linarite_server::control::admin::Admin;
use linarite_server::faults::{Fault, FaultError, Faults};
use serde_json::{Map, Value};

use super::stage::Stage;
use crate::scenario::Finding;
use crate::scenario::Node;
use crate::scenario::expr::{Scope, resolve};
use crate::scenario::model::FaultAction;

/// Reads a fault and says what is wrong with it, at its place.
pub(crate) fn read(id: &str, node: &Node, scope: &dyn Scope) -> Result<Fault, Box<Finding>> {
    let value = resolve(node, scope)?;
    let wrong = |at: &Node, why: String| Box::new(Finding::error("scn::fault", at.at.clone(), why));
    let fault: Fault = serde_json::from_value(value.clone())
        .map_err(|error| wrong(misread(node, &value), error.to_string()))?;
    match Faults::check(id, &fault) {
        Ok(_) => Ok(fault),
        Err(FaultError::Problems { problems, .. }) => Err(match problems.into_iter().next() {
            Some(first) => wrong(node.nearest(&first.pointer), first.message),
            None => wrong(node, format!("the fault `{id}` cannot be started")),
        }),
        Err(other @ (FaultError::Running(_) | FaultError::NotRunning { .. })) => {
            Err(wrong(node, other.to_string()))
        }
    }
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
    let told =
        |id: &String| format!("the fault `{id}` was started and never struck: look at its `match`");
    idle.iter().map(told).collect()
}
