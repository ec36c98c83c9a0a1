//! Lints of expectations: operators, regular expressions, durations, JSON paths.

use serde_json::{Value, json};

use crate::expect::matcher::regex;
use crate::expect::{JsonPath, Matcher, OPERATORS};
use crate::scenario::expr::Template;
use crate::scenario::finding::{Finding, Span};
use crate::scenario::node::{Kind, Node};
use crate::scenario::project::did_you_mean;

use super::fields;

/// Keys of an expectation whose value is a matcher.
const PLAIN: [&str; 8] =
    ["exit", "stdout", "stderr", "output", "status", "body", "took", "took_virtual"];

/// Keys of an expectation whose value is a map of matchers.
const MAPS: [&str; 6] = ["files", "header", "json", "claims", "error", "dsreg"];

/// What an error has.
const ERROR: [&str; 6] = ["aadsts", "code", "sub", "hresult", "oauth", "message"];

/// The references to steps that an expectation holds.
pub(super) type Since<'a> = Vec<(&'a str, &'a Span)>;

/// `expect:` or `check:`, one map or a list of them.
pub(super) fn expectations<'a>(node: &'a Node, since: &mut Since<'a>, findings: &mut Vec<Finding>) {
    if let Kind::List(elements) = &node.kind {
        for element in elements {
            expectation(element, since, findings);
        }
    } else {
        expectation(node, since, findings);
    }
}

fn expectation<'a>(node: &'a Node, since: &mut Since<'a>, findings: &mut Vec<Finding>) {
    let mut operators = Vec::new();
    for (key, value) in node.entries() {
        let name = key.text.as_str();
        if PLAIN.contains(&name) {
            matcher(value, findings);
        } else if MAPS.contains(&name) {
            matcher_map(name, value, findings);
        } else if ["devices", "users", "journal"].contains(&name) {
            if let Kind::List(elements) = &value.kind {
                for element in elements {
                    rows(name, element, since, findings);
                }
            } else {
                rows(name, value, since, findings);
            }
        } else if name == "lines" {
            for line in value.elements() {
                let pattern = line.text().filter(|text| !Template::is_needed(text));
                if let Some(Err(why)) = pattern.map(regex) {
                    findings.push(Finding::error("scn::bad-regex", line.at.clone(), why));
                }
            }
        } else if OPERATORS.contains(&name) {
            operators.push((key.clone(), value.clone()));
        }
    }
    match (node.entries().iter().find(|(key, _)| key.text == "value"), operators.first()) {
        (Some((key, _)), None) => {
            let title = "`value` needs an operator beside it, such as `equals`";
            findings.push(Finding::error("scn::bad-matcher", key.at.clone(), title));
        }
        (Some(_), Some(_)) => {
            matcher(&Node { kind: Kind::Map(operators), at: node.at.clone() }, findings);
        }
        (None, Some((key, _))) => {
            let title = format!("`{}` needs a `value` beside it", key.text);
            findings.push(Finding::error("scn::bad-matcher", key.at.clone(), title));
        }
        (None, None) => {}
    }
}

fn matcher_map(name: &str, node: &Node, findings: &mut Vec<Finding>) {
    for (key, value) in node.entries() {
        let literal = !Template::is_needed(&key.text);
        if name == "json"
            && literal
            && let Err(why) = JsonPath::parse(&key.text)
        {
            findings.push(Finding::error("scn::bad-path", key.at.clone(), why.to_string()));
        }
        if name == "error" && literal && !ERROR.contains(&key.text.as_str()) {
            let title = format!("an error has no `{}`", key.text);
            findings.push(
                Finding::error("scn::unknown-key", key.at.clone(), title)
                    .maybe_help(did_you_mean(&key.text, ERROR)),
            );
        }
        if name == "dsreg" && literal {
            fields::dsreg(&key.text, &key.at, findings);
        }
        if name == "claims" && key.text == "of" {
            fields::token(value, findings);
        }
        if name == "journal" && key.text == "kind" {
            fields::kind(value, findings);
        }
        fields::record(name, &key.text, &key.at, findings);
        matcher(value, findings);
    }
}

fn rows<'a>(subject: &str, node: &'a Node, since: &mut Since<'a>, findings: &mut Vec<Finding>) {
    for (key, value) in node.entries() {
        match key.text.as_str() {
            "where" | "each" | "some" | "none" => matcher_map(subject, value, findings),
            "count" => matcher(value, findings),
            "in_order" => {
                for fields in value.elements() {
                    matcher_map(subject, fields, findings);
                }
            }
            "distinct" | "same" => {
                let names = value.elements().iter().chain(std::iter::once(value));
                for (name, at) in names.filter_map(|name| Some((name.text()?, &name.at))) {
                    fields::record(subject, name, at, findings);
                }
            }
            "since" => {
                if let Some(text) = value.text().filter(|text| !Template::is_needed(text)) {
                    since.push((text, &value.at));
                }
            }
            _ => {}
        }
    }
}

/// A matcher in which references may stand.
fn matcher(node: &Node, findings: &mut Vec<Finding>) {
    let Kind::Map(entries) = &node.kind else { return };
    if entries.is_empty() {
        push(&json!({}), node, &node.at, findings);
    }
    for (key, operand) in entries {
        let name = key.text.as_str();
        if has_reference(operand) {
            if !OPERATORS.contains(&name) {
                push(&json!({ name: null }), operand, &key.at, findings);
            }
            continue;
        }
        match name {
            "count" | "not" => matcher(operand, findings),
            "of" if node.get("within").is_some() => {}
            "ignore_case"
                if operand.kind == Kind::Bool(true) || operand.kind == Kind::Bool(false) => {}
            "within" if node.get("of").is_some() => {
                push(&json!({ name: operand.to_json(), "of": 0 }), operand, &key.at, findings);
            }
            _ => push(&json!({ name: operand.to_json() }), operand, &key.at, findings),
        }
    }
}

/// Reads a matcher with one operator and reports why it is none: at the key when the key is wrong,
/// else at the operand.
fn push(value: &Value, operand: &Node, key: &Span, findings: &mut Vec<Finding>) {
    if let Err(error) = Matcher::parse(value) {
        let at = match error.code {
            "scn::bad-regex" | "scn::bad-duration" => &operand.at,
            "scn::bad-matcher" if operand.text().is_some() => &operand.at,
            _ => key,
        };
        findings.push(Finding::error(error.code, at.clone(), error.title).maybe_help(error.help));
    }
}

fn has_reference(node: &Node) -> bool {
    let mut found = false;
    node.each_text(&mut |text, _| found |= Template::is_needed(text));
    found
}
