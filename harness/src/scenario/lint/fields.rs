//! Lints of names that expectations look at: kinds of journal events, fields of records and of `dsregcmd /status`, tokens.
//!
//! A name that nothing ever has is treated as absent when the step runs, and a negation of it would hold for ever.
//! Left out: fields of journal events, which differ from kind to kind.

use linarite_server::control::view::{DeviceView, UserView};
use linarite_server::journal::Kind as EventKind;
use schemars::{JsonSchema, schema_for};

use crate::expect::glob;
use crate::scenario::expr::Template;
use crate::scenario::finding::{Finding, Span};
use crate::scenario::node::Node;
use crate::scenario::project::did_you_mean;

/// The tokens whose claims may be looked at.
const TOKENS: [&str; 2] = ["access_token", "id_token"];

/// A field of the map under `dsreg`.
pub(super) fn dsreg(name: &str, at: &Span, findings: &mut Vec<Finding>) {
    if !linarite_windows::is_field(name) {
        let title = format!("`dsregcmd /status` has no `{name}`");
        let finding = Finding::error("scn::unknown-key", at.clone(), title);
        findings
            .push(finding.maybe_help(did_you_mean(name, linarite_windows::FIELDS.iter().copied())));
    }
}

/// The token that `claims` looks at.
pub(super) fn token(of: &Node, findings: &mut Vec<Finding>) {
    if of.text().is_some_and(|word| TOKENS.contains(&word) || Template::is_needed(word)) {
        return;
    }
    let title = "`of` names the token to look at: access_token or id_token";
    let finding = Finding::error("scn::unknown-word", of.at.clone(), title);
    findings.push(finding.maybe_help(did_you_mean(of.text().unwrap_or_default(), TOKENS)));
}

/// A field of the records under `devices`, `users` or `journal`; a path is known by its first part.
pub(super) fn record(subject: &str, name: &str, at: &Span, findings: &mut Vec<Finding>) {
    let known = match subject {
        "devices" => properties::<DeviceView>(),
        "users" => properties::<UserView>(),
        _ => return,
    };
    let path = name.strip_prefix("$.").unwrap_or(name);
    let first = path.split(['.', '[']).next().unwrap_or_default();
    if Template::is_needed(name) || known.iter().any(|known| known == first) {
        return;
    }
    let what = if subject == "devices" { "a device" } else { "a user" };
    let title = format!("{what} has no `{first}`");
    let finding = Finding::error("scn::unknown-key", at.clone(), title);
    findings.push(finding.maybe_help(did_you_mean(first, known.iter().map(String::as_str))));
}

/// The names in the projection of a record.
fn properties<T: JsonSchema>() -> Vec<String> {
    let schema = schema_for!(T);
    let properties = schema.get("properties").and_then(serde_json::Value::as_object);
    properties.into_iter().flat_map(|all| all.keys().cloned()).collect()
}

/// The matcher of a `kind` in the journal: each word in it is the kind of some event.
pub(super) fn kind(matcher: &Node, findings: &mut Vec<Finding>) {
    for operator in ["equals", "is_not", "one_of", "not"] {
        if let Some(operand) = matcher.get(operator) {
            kind(operand, findings);
        }
    }
    for word in matcher.elements() {
        kind(word, findings);
    }
    let words = || EventKind::ALL.iter().map(|kind| kind.word());
    let Some(text) = matcher.text().filter(|text| !Template::is_needed(text)) else { return };
    if !words().any(|word| glob(text, word)) {
        let title = format!("no event of the journal has the kind `{text}`");
        let finding = Finding::error("scn::unknown-word", matcher.at.clone(), title);
        findings.push(finding.maybe_help(did_you_mean(text, words())));
    }
}
