//! Tools that belong to no machine: the device cmdlets, run by the step's user over the wire.

use linarite_server::journal::Kind;
use linarite_windows::msol::{self, Cmdlet, Credential};
use serde_json::Map;

use super::act::{Acted, Context, account, wrong};
use super::seen::Seen;
use super::stage::Stage;
use crate::scenario::finding::Span;
use crate::scenario::model::ToolAction;

/// Runs a tool, and notes it in the journal, so that a story can ask for it.
pub(super) async fn act(stage: &Stage, context: &Context, action: &ToolAction, at: &Span) -> Acted {
    let name = action.name.resolve(stage)?;
    let cmdlet = Cmdlet::from_name(&name).ok_or_else(|| {
        let known = Cmdlet::ALL.map(|cmdlet| cmdlet.name().to_ascii_lowercase()).join(", ");
        wrong("scn::unknown-tool", at, format!("no tool is called `{name}`; known are {known}"))
    })?;
    let (upn, password) = account(stage, context, None, at)?;
    let args = action.args.as_ref().map(|args| args.resolve(stage)).transpose()?;
    let args = args.unwrap_or_default();
    let credential = Credential { upn: upn.clone(), password };
    let outcome = msol::run(&stage.wire, &credential, cmdlet, &msol::words(&args)).await;
    let mut fields = Map::new();
    fields.insert("tool".to_owned(), name.to_ascii_lowercase().into());
    fields.insert("args".to_owned(), args.into());
    fields.insert("actor".to_owned(), upn.into());
    let world = stage.world();
    world.journal.record(&world.clock, Kind::Tool, None, fields, None);
    Ok(Seen::of_outcome(outcome))
}
