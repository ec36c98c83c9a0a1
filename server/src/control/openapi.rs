//! The OpenAPI 3.1 document, made from the table of routes and the types of requests and answers.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::error::ErrorBody;
use super::routes::{Content, PARTICULARS, Parameter, Route};

/// The document of these routes.
pub(super) fn document(routes: &[Route]) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let error = generator.subschema_for::<ErrorBody>();
    let mut paths = Map::new();
    for route in routes {
        let mut parameters = path_parameters(route.path);
        parameters.extend(route.parameters.iter().map(query_parameter));
        let content = match route.content {
            Content::Nothing => None,
            Content::Json(shape) => {
                Some(json!({ "application/json": { "schema": shape(&mut generator) } }))
            }
            Content::Journal(shape) => Some(json!({
                "application/json": { "schema": shape(&mut generator) },
                "application/x-ndjson": { "schema": { "type": "string" } },
            })),
            Content::Events => {
                Some(json!({ "text/event-stream": { "schema": { "type": "string" } } }))
            }
        };
        let mut answer = json!({
            "description": route.status.canonical_reason().unwrap_or_default(),
        });
        if let (Some(content), Some(answer)) = (content, answer.as_object_mut()) {
            answer.insert("content".to_owned(), content);
        }
        let mut operation = json!({
            "operationId": route.operation,
            "summary": route.about,
            "parameters": parameters,
            "responses": {
                route.status.as_str(): answer,
                "default": { "$ref": "#/components/responses/Error" },
            },
        });
        if let (Some(shape), Some(operation)) = (route.body, operation.as_object_mut()) {
            let schema = shape(&mut generator);
            operation.insert(
                "requestBody".to_owned(),
                json!({ "content": { "application/json": { "schema": schema } } }),
            );
        }
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(route.verb.word().to_owned(), operation);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "linarite control API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Runs the worlds of linarite: directory, clock, faults, journal, snapshots. Every request but the one for this document wants the token of the listener.",
        },
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "responses": {
                "Error": {
                    "description": "Refused: `code` is for programs, `message` says what to do.",
                    "content": { "application/json": { "schema": error } },
                },
            },
            "schemas": generator.take_definitions(true),
        },
    })
}

/// The parts of a path in braces.
fn path_parameters(path: &str) -> Vec<Value> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| {
            json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } })
        })
        .collect()
}

fn query_parameter(parameter: &Parameter) -> Value {
    let any = json!({ "type": "object", "additionalProperties": { "type": "string" } });
    let schema = if parameter.name == PARTICULARS { any } else { json!({ "type": "string" }) };
    json!({
        "name": parameter.name,
        "in": "query",
        "description": parameter.about,
        "schema": schema,
        "style": "form",
        "explode": true,
    })
}
