//! What a JSON Schema says of each key that a person can write: its path, its type, and what its description tells.
//!
//! A description is sentences, then perhaps `Default X.` (or `Default X, in 2017 Y.`) and `Source: ....`, in this order.

use serde_json::Value;

/// A key of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// `settings.revoke.tokens`; `*` stands for a name, `[]` for the elements of a list.
    pub(super) path: String,
    /// What is written there.
    pub(super) kind: String,
    pub(super) about: About,
}

/// A description, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct About {
    pub(super) text: String,
    /// What holds when the key is left out.
    pub(super) default: Option<String>,
    /// The same in the era of 2017, when it is something else.
    pub(super) in_2017: Option<String>,
    /// The FAQ sentence or document behind it.
    pub(super) source: Option<String>,
}

impl About {
    pub(super) fn of(description: &str) -> Self {
        let plain = description.split_whitespace().collect::<Vec<_>>().join(" ");
        let whole = plain.trim();
        let (rest, source) = match whole.split_once("Source: ") {
            Some((rest, source)) => {
                (rest.trim_end(), Some(source.trim_end_matches('.').to_owned()))
            }
            None => (whole, None),
        };
        let (text, default) = match rest.rsplit_once("Default ") {
            Some((text, default)) if text.is_empty() || text.ends_with(". ") => {
                (text.trim_end(), Some(default.trim_end_matches('.')))
            }
            _ => (rest, None),
        };
        let (default, in_2017) = match default.and_then(|default| default.split_once(", in 2017 "))
        {
            Some((now, then)) => (Some(now), Some(then.to_owned())),
            None => (default, None),
        };
        Self { text: text.to_owned(), default: default.map(str::to_owned), in_2017, source }
    }
}

/// The keys below a place in a schema, in the order of their declaration. Keys in `skipped` (by path) are left out.
pub(super) fn keys(root: &Value, at: &Value, path: &str, skipped: &[&str]) -> Vec<Key> {
    let mut found = Vec::new();
    walk(root, at, path, skipped, 0, &mut found);
    found
}

/// Types do not hold themselves; a schema that does ends here.
const DEEPEST: usize = 12;

fn walk(
    root: &Value,
    at: &Value,
    path: &str,
    skipped: &[&str],
    depth: usize,
    found: &mut Vec<Key>,
) {
    let at = resolved(root, at);
    let properties = at.get("properties").and_then(Value::as_object);
    for (name, property) in properties.into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        if skipped.contains(&path.as_str()) || depth > DEEPEST {
            continue;
        }
        let said =
            property.get("description").or_else(|| resolved(root, property).get("description"));
        let about = About::of(said.and_then(Value::as_str).unwrap_or_default());
        let (inner, path) = below(root, property, path);
        if inner.get("properties").is_some() {
            walk(root, inner, &path, skipped, depth + 1, found);
        } else {
            found.push(Key { kind: kind(root, property), path, about });
        }
    }
}

/// What is behind references, choices with null, and wrappers of one.
fn resolved<'a>(root: &'a Value, at: &'a Value) -> &'a Value {
    let mut at = at;
    for _ in 0..DEEPEST {
        let target = at
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|name| root.pointer(name.trim_start_matches('#')));
        let choice = ["anyOf", "oneOf", "allOf"].iter().find_map(|word| {
            let choices = at.get(word)?.as_array()?;
            let mut real = choices
                .iter()
                .filter(|one| one.get("type").and_then(Value::as_str) != Some("null"));
            real.next().filter(|_| real.next().is_none())
        });
        match target.or(choice) {
            Some(next) => at = next,
            None => break,
        }
    }
    at
}

/// The schema of the values of a map or the elements of a list, with the path to them; else the schema itself.
fn below<'a>(root: &'a Value, property: &'a Value, path: String) -> (&'a Value, String) {
    let inner = resolved(root, property);
    if let Some(values) = inner.get("additionalProperties").filter(|values| values.is_object()) {
        let values = resolved(root, values);
        if values.get("properties").is_some() {
            return (values, format!("{path}.*"));
        }
    }
    if let Some(elements) = inner.get("items") {
        let elements = resolved(root, elements);
        if elements.get("properties").is_some() {
            return (elements, format!("{path}[]"));
        }
    }
    (inner, path)
}

/// What is written for a value, in words: `true` or `false`, a number, text, one of some words, a list of these.
fn kind(root: &Value, property: &Value) -> String {
    let at = resolved(root, property);
    let mut words = Vec::new();
    words_of(root, at, &mut words);
    if !words.is_empty() {
        return words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    }
    if let Some(choices) = ["anyOf", "oneOf"].iter().find_map(|word| at.get(word)?.as_array()) {
        let kinds =
            choices.iter().filter(|one| one.get("type").and_then(Value::as_str) != Some("null"));
        return kinds.map(|one| kind(root, one)).collect::<Vec<_>>().join(", or ");
    }
    let types = at.get("type");
    let named = types.and_then(Value::as_str).or_else(|| {
        let list = types?.as_array()?;
        list.iter().filter_map(Value::as_str).find(|name| *name != "null")
    });
    match named {
        Some("boolean") => "true or false".to_owned(),
        Some("integer" | "number") => "a number".to_owned(),
        Some("array") => match at.get("items") {
            Some(items) => format!("list of: {}", kind(root, items)),
            None => "a list".to_owned(),
        },
        Some("object") => "a map".to_owned(),
        Some(_) => "text".to_owned(),
        None => "anything".to_owned(),
    }
}

/// The words of an enumeration, however it is written down.
fn words_of(root: &Value, at: &Value, words: &mut Vec<String>) {
    let printed = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut take = |value: &Value| {
        let word = printed(value);
        if word != "null" && !words.contains(&word) {
            words.push(word);
        }
    };
    at.get("enum").and_then(Value::as_array).into_iter().flatten().for_each(&mut take);
    at.get("const").into_iter().for_each(&mut take);
    for choices in ["oneOf", "anyOf"].iter().filter_map(|word| at.get(word)?.as_array()) {
        let mut inner = Vec::new();
        for choice in choices {
            let mut one = Vec::new();
            words_of(root, resolved(root, choice), &mut one);
            if one.is_empty() {
                return;
            }
            inner.extend(one);
        }
        words.extend(inner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_description_is_taken_apart() {
        let about =
            About::of("How long.\nLonger still. Default 60m. Source: FAQ A16, \"up to an hour\".");
        assert_eq!(about.text, "How long. Longer still.");
        assert_eq!(about.default.as_deref(), Some("60m"));
        assert_eq!(about.source.as_deref(), Some("FAQ A16, \"up to an hour\""));
        let about = About::of("A page. Default true, in 2017 false. Source: FAQ A5.");
        assert_eq!(
            (about.default.as_deref(), about.in_2017.as_deref()),
            (Some("true"), Some("false"))
        );
        assert_eq!(About::of("The Default gateway.").default, None);
        assert_eq!(About::of(""), About::default());
    }

    #[test]
    fn keys_are_found_through_references_maps_and_lists() {
        let schema = json!({
            "properties": {
                "name": { "type": ["string", "null"], "description": "A name." },
                "users": { "additionalProperties": { "$ref": "#/$defs/User" } },
                "list": { "type": "array", "items": { "$ref": "#/$defs/User" } },
                "words": { "anyOf": [{ "$ref": "#/$defs/Word" }, { "type": "null" }] },
                "gone": { "type": "string" },
            },
            "$defs": {
                "User": { "properties": { "on": { "type": "boolean" } } },
                "Word": { "oneOf": [{ "const": "a" }, { "const": "b" }] },
            },
        });
        let found = keys(&schema, &schema, "", &["gone"]);
        let shown: Vec<(&str, &str)> =
            found.iter().map(|key| (key.path.as_str(), key.kind.as_str())).collect();
        assert_eq!(
            shown,
            [
                ("name", "text"),
                ("users.*.on", "true or false"),
                ("list[].on", "true or false"),
                ("words", "`a`, `b`")
            ]
        );
    }
}
