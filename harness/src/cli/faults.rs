//! `linarite faults`: the catalogue of faults, made from the code that carries them out.

use linarite_server::faults::{EffectKind, Fault, Match, OPERATIONS};
use schemars::JsonSchema;
use serde_json::Value;

use super::{Exit, output};

/// Prints the catalogue.
pub(crate) fn run() -> Exit {
    output::line(catalogue().trim_end());
    Exit::Passed
}

fn catalogue() -> String {
    let mut lines = vec![
        "Effects: a fault has one. Where it strikes, what the client sees, whether the handler of the request runs."
            .to_owned(),
    ];
    for kind in EffectKind::ALL {
        lines.push(format!(
            "  {:<12} {:<10}  {}; handler: {}",
            kind.word(),
            kind.layer(&Fault::default()).word(),
            kind.sees(),
            kind.handler()
        ));
    }
    lines.push(String::new());
    lines.push(
        "Scope: all that is given has to hold. Faults on connections match on the host alone."
            .to_owned(),
    );
    for (name, about) in properties::<Match>() {
        lines.push(format!("  {:<17} {about}", format!("match.{name}")));
    }
    for (name, about) in properties::<Fault>() {
        let is_effect = EffectKind::ALL.iter().any(|kind| kind.word() == name);
        if !is_effect && name != "match" {
            lines.push(format!("  {name:<17} {about}"));
        }
    }
    lines.push(String::new());
    lines.push(format!("Operations: {}", OPERATIONS.join(", ")));
    lines.join("\n")
}

/// The members of a type and what is said of each, in the order of their declaration.
fn properties<T: JsonSchema>() -> Vec<(String, String)> {
    let schema = schemars::schema_for!(T);
    let properties = schema.get("properties").and_then(Value::as_object);
    let about = |value: &Value| {
        let text = value.get("description").and_then(Value::as_str).unwrap_or_default();
        text.lines().collect::<Vec<_>>().join(" ")
    };
    properties.into_iter().flatten().map(|(name, value)| (name.clone(), about(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_effect_has_one_line_and_every_scope_key_its_meaning() {
        let text = catalogue();
        for kind in EffectKind::ALL {
            let begin = format!("  {} ", kind.word());
            assert_eq!(text.lines().filter(|line| line.starts_with(&begin)).count(), 1, "{begin}");
        }
        for key in [
            "match.host",
            "match.path",
            "match.method",
            "match.operation",
            "match.device",
            "match.user",
            "match.header",
            "match.body",
            "window",
            "times",
            "nth",
            "rate",
            "after",
        ] {
            let line = text.lines().find(|line| line.trim_start().starts_with(&format!("{key} ")));
            assert!(line.is_some_and(|line| line.trim().len() > key.len() + 10), "{key}: {line:?}");
        }
    }
}
