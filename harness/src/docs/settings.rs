//! docs/settings.md: what a world file can say, from the types that it is read with.
//!
//! The descriptions of those types are the only source: text, then `Default X.` (or `Default X, in 2017 Y.`), then
//! `Source: ....` for what the documents leave open.

use std::fmt::Write as _;

use linarite_server::world::file::{WorldFile, parse_duration};
use schemars::schema_for;
use serde_json::Value;

use super::cell;
use super::schema::{Key, keys};
use crate::scenario::scenario_schema;

const HEAD: &str = "# What a world file can say

All keys of a world file, with what they are by default. What the documents of the real service leave open (\"might\", \"up
to\") is a setting, never a dice roll, and names the sentence behind it. How a world is written and used stands in
[scenarios.md](scenarios.md). In paths, `*` is a name that the file chooses, and `[]` any element of a list.

<!-- Made by `linarite docs settings > docs/settings.md` from the types that world files are read with. Do not edit it here. -->
";

/// Keys of a world that the harness reads, by their definition in the schema of scenarios.
const OF_THE_HARNESS: [(&str, &str); 3] =
    [("machines.*", "Machine"), ("active_directory.*", "DomainPolicy"), ("clock", "WorldClock")];

/// All keys of a world file.
fn all() -> Vec<Key> {
    let world = schema_for!(WorldFile).to_value();
    let mut found = keys(&world, &world, "", &["machines", "active_directory", "clock"]);
    let scenario: Value = serde_json::from_str(&scenario_schema()).unwrap_or_default();
    for (path, name) in OF_THE_HARNESS {
        if let Some(definition) = scenario.pointer(&format!("/definitions/{name}")) {
            found.extend(keys(&scenario, definition, path, &[]));
        }
    }
    found
}

/// A length of time is text whose default reads as one, or is that of another key that is one.
fn kind(key: &Key, all: &[Key]) -> String {
    let of_another = |text: &str| {
        let path = text.strip_prefix("that of `")?.strip_suffix('`')?;
        let other = all.iter().find(|other| other.path == format!("settings.{path}"))?;
        parse_duration(other.about.default.as_deref()?)
    };
    let duration = |text: &str| parse_duration(text).or_else(|| of_another(text)).is_some();
    match key.kind.as_str() {
        "text" if key.about.default.as_deref().is_some_and(duration) => {
            "a length of time".to_owned()
        }
        kind => kind.to_owned(),
    }
}

/// The page. Errors name the keys that their types do not describe.
pub fn settings() -> Result<String, String> {
    let all = all();
    let problems = undescribed(&all);
    if !problems.is_empty() {
        return Err(problems.join("\n"));
    }
    let mut page = HEAD.to_owned();
    let mut line = |text: &str| {
        let _infallible = writeln!(page, "{text}");
    };
    let (settings, others): (Vec<&Key>, Vec<&Key>) =
        all.iter().partition(|key| key.path.starts_with("settings."));
    line("\n## Eras\n");
    line("`settings.era` is one value from which others follow; each of them may say otherwise.\n");
    line("| Key | `era: current` | `era: 2017` |");
    line("|---|---|---|");
    for key in &all {
        if let (Some(now), Some(then)) = (&key.about.default, &key.about.in_2017) {
            line(&format!("| `{}` | {} | {} |", key.path, cell(now), cell(then)));
        }
    }
    line("\n## Settings: what the documents leave open\n");
    line("| Key | Is | Default | Means | Because of |");
    line("|---|---|---|---|---|");
    for key in settings {
        let source = key.about.source.as_deref().unwrap_or_default();
        line(&format!("{} {} |", row(key, &all), cell(source)));
    }
    let mut section = "";
    for key in others {
        let name = key.path.split(['.', '[']).next().unwrap_or_default();
        if name != section {
            section = name;
            line(&format!("\n## `{name}`\n"));
            line("| Key | Is | Default | Means |");
            line("|---|---|---|---|");
        }
        match &key.about.source {
            Some(source) => line(&format!(
                "{} (Because of: {}) |",
                row(key, &all).trim_end_matches(" |"),
                cell(source)
            )),
            None => line(&row(key, &all)),
        }
    }
    Ok(page)
}

fn row(key: &Key, all: &[Key]) -> String {
    let about = &key.about;
    let default = match (&about.default, &about.in_2017) {
        (Some(now), Some(then)) => format!("{now}; in 2017 {then}"),
        (Some(now), None) => now.clone(),
        (None, _) => String::new(),
    };
    format!(
        "| `{}` | {} | {} | {} |",
        key.path,
        cell(&kind(key, all)),
        cell(&default),
        cell(&about.text)
    )
}

/// Keys whose descriptions lack something, and what to write.
fn undescribed(all: &[Key]) -> Vec<String> {
    let mut problems = Vec::new();
    for key in all {
        let about = &key.about;
        let left_open = key.path.starts_with("settings.");
        let missing = if about.text.is_empty() {
            "a comment that says what it is"
        } else if left_open && about.default.is_none() {
            "`Default X.` at the end of its comment"
        } else if left_open && about.source.is_none() {
            "`Source: FAQ A16, \"up to an hour\".` (or the document that leaves it open) at the end of its comment"
        } else {
            continue;
        };
        problems.push(format!(
            "`{}` of a world file has no description: its type needs {missing}; then `linarite docs settings > docs/settings.md`",
            key.path
        ));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use linarite_server::clock::Instant;
    use linarite_server::world::plan;
    use serde_json::{Map, json};

    #[test]
    fn every_key_is_described_and_every_setting_says_default_and_source() {
        let problems = undescribed(&all());
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }

    /// The document with a value under a path of names.
    fn with(mut document: Value, path: &str, value: Value) -> Value {
        let mut at = &mut document;
        for name in path.split('.') {
            at = at
                .as_object_mut()
                .unwrap()
                .entry(name)
                .or_insert_with(|| Value::Object(Map::new()));
        }
        *at = value;
        document
    }

    #[test]
    fn what_a_description_calls_the_default_is_what_holds_when_the_key_is_left_out() {
        let mut checked = 0;
        for era in ["current", "2017"] {
            let bare = json!({
                "tenant": { "name": "T", "domains": { "t.test": { "kind": "managed" } } },
                "settings": { "era": era },
            });
            let left_out = plan(&bare, 7, Instant::from_millis(0)).unwrap().tenant;
            for key in all() {
                let known =
                    ["settings.", "tenant."].iter().any(|start| key.path.starts_with(start));
                let default = match (&key.about.in_2017, era) {
                    (Some(then), "2017") => Some(then),
                    _ => key.about.default.as_ref(),
                };
                let Some(default) = default.filter(|text| {
                    known
                        && !key.path.contains('*')
                        && key.path != "settings.era"
                        && !text.starts_with("that of")
                }) else {
                    continue;
                };
                let plain = default.trim_matches('`');
                let value = serde_json::from_str(plain).unwrap_or_else(|_| json!(plain));
                let written = with(bare.clone(), &key.path, value);
                let written = plan(&written, 7, Instant::from_millis(0));
                let written =
                    written.unwrap_or_else(|problems| panic!("{}: {problems:?}", key.path)).tenant;
                assert_eq!(written, left_out, "{} in {era}: is {default} the default?", key.path);
                checked += 1;
            }
        }
        assert!(checked > 30, "{checked} defaults were looked at");
    }
}
