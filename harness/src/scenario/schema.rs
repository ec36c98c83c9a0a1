//! JSON Schema (draft-07) of scenario files, for editors.

use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::model::ScenarioFile;

/// The schema as indented JSON text with a line end.
pub fn scenario_schema() -> String {
    let generator = SchemaSettings::draft07().into_generator();
    let mut schema = generator.into_root_schema_for::<ScenarioFile>();
    schema.insert("title".to_owned(), "linarite scenario".into());
    let mut schema = schema.to_value();
    without_null(&mut schema);
    // A scenario takes a machine of its base away with `pc1: null`.
    let machines = "/definitions/WorldKeys/properties/machines/additionalProperties";
    if let Some(machine) = schema.pointer_mut(machines) {
        *machine = json!({ "anyOf": [machine, { "type": "null" }] });
    }
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

/// A key that may be left out may not be null instead: "or null" goes, and choices within choices
/// become one.
fn without_null(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(without_null),
        Value::Object(map) => {
            map.values_mut().for_each(without_null);
            if let Some(Value::Array(types)) = map.get_mut("type") {
                types.retain(|kind| kind != "null");
                if let [one] = types.as_slice() {
                    let one = one.clone();
                    map.insert("type".to_owned(), one);
                }
            }
            let Some(Value::Array(choices)) = map.remove("anyOf") else { return };
            let mut flat = Vec::new();
            for choice in choices {
                match choice.get("anyOf").and_then(Value::as_array) {
                    Some(inner) if choice.as_object().is_some_and(|map| map.len() == 1) => {
                        flat.extend(inner.iter().cloned());
                    }
                    _ if choice == json!({ "type": "null" }) => {}
                    _ => flat.push(choice),
                }
            }
            match (flat.as_slice(), flat.first().and_then(Value::as_object)) {
                // Draft-07 reads nothing that stands beside a `$ref`.
                ([_], Some(one)) if one.contains_key("$ref") => {
                    map.insert("allOf".to_owned(), flat.into());
                }
                ([_], Some(one)) => map.extend(one.clone()),
                _ => drop(map.insert("anyOf".to_owned(), flat.into())),
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The schema of a matcher: anything plain, or a map of the known operators.
pub(crate) fn matcher(_generator: &mut SchemaGenerator) -> Schema {
    let mut operators = serde_json::Map::new();
    for name in crate::expect::OPERATORS {
        operators.insert((*name).to_owned(), true.into());
    }
    json_schema!({
        "description": "A plain value for equality, or a map of operators that must all hold.",
        "if": { "type": "object" },
        "then": { "properties": operators, "additionalProperties": false },
    })
}
