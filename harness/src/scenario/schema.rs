//! JSON Schema (draft-07) of scenario files, for editors.

use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator, json_schema};

use super::model::ScenarioFile;

/// The schema as indented JSON text with a line end.
pub fn scenario_schema() -> String {
    let generator = SchemaSettings::draft07().into_generator();
    let mut schema = generator.into_root_schema_for::<ScenarioFile>();
    schema.insert("title".to_owned(), "linarite scenario".into());
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
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
