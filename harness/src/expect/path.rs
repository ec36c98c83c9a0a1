//! JSON paths: the part of RFC 9535 that names one value. `$.a.b[0]['c d']`, `$["x"]`, `$[-1]`.
//! Leaves out wildcards, slices, filters and descendants, which name several.

use serde_json::Value;

/// A path to one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonPath {
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Member(String),
    Element(i64),
}

/// Why text is no path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` is not a JSON path: {why}")]
pub struct PathError {
    path: String,
    why: &'static str,
}

impl JsonPath {
    /// Reads a path. The `$` at its beginning may be left out before a name: `a.b[0]`.
    pub fn parse(path: &str) -> Result<Self, PathError> {
        let bad = |why| PathError { path: path.to_owned(), why };
        let mut steps = Vec::new();
        let mut rest = path.strip_prefix('$').unwrap_or(path);
        if rest.len() == path.len() && !rest.starts_with('[') {
            if rest.is_empty() {
                return Err(bad("it is empty; `$` is the whole"));
            }
            let (name, after) = name(rest);
            steps.push(Step::Member(name.to_owned()));
            rest = after;
            if name.is_empty() {
                return Err(bad("it begins with `$`"));
            }
        }
        while !rest.is_empty() {
            if rest.starts_with("..") {
                return Err(bad("descendants (`..`) are not supported"));
            }
            if let Some(after) = rest.strip_prefix('.') {
                let (name, after) = name(after);
                if name.is_empty() {
                    return Err(bad("a name is missing after the dot"));
                }
                if name == "*" {
                    return Err(bad("wildcards are not supported"));
                }
                steps.push(Step::Member(name.to_owned()));
                rest = after;
            } else if let Some(after) = rest.strip_prefix('[') {
                let (step, after) = bracket(after).map_err(bad)?;
                steps.push(step);
                rest = after;
            } else {
                return Err(bad("a dot or a bracket is expected"));
            }
        }
        Ok(Self { steps })
    }

    /// The value that the path names.
    pub fn find<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        self.steps.iter().try_fold(value, |value, step| match step {
            Step::Member(name) => value.get(name),
            Step::Element(at) => {
                let items = value.as_array()?;
                let at = if *at < 0 {
                    items.len().checked_sub(usize::try_from(at.unsigned_abs()).ok()?)?
                } else {
                    usize::try_from(*at).ok()?
                };
                items.get(at)
            }
        })
    }
}

fn name(text: &str) -> (&str, &str) {
    text.split_at(text.find(['.', '[']).unwrap_or(text.len()))
}

fn bracket(text: &str) -> Result<(Step, &str), &'static str> {
    let Some(quote) = text.chars().next().filter(|c| matches!(c, '\'' | '"')) else {
        let (inside, after) = text.split_once(']').ok_or("a bracket is not closed")?;
        let at = inside.trim().parse().map_err(|_| "a bracket holds a number or a quoted name")?;
        return Ok((Step::Element(at), after));
    };
    let mut name = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        if c == '\\' {
            name.push(chars.next().ok_or("a quote is not closed")?.1);
        } else if c == quote {
            let after = text.get(at + 1..).unwrap_or_default();
            let after = after.strip_prefix(']').ok_or("a bracket is not closed")?;
            return Ok((Step::Member(name), after));
        } else {
            name.push(c);
        }
    }
    Err("a quote is not closed")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_names_one_value() {
        let value = json!({"a": {"b": [{"c d": 1}, 2]}, "@odata.nextLink": "x", "it's": 3});
        for (path, found) in [
            ("$.a.b[0]['c d']", Some(json!(1))),
            ("$['a'][\"b\"][-1]", Some(json!(2))),
            ("a.b[1]", Some(json!(2))),
            ("$['@odata.nextLink']", Some(json!("x"))),
            ("$['it\\'s']", Some(json!(3))),
            ("$.a.b[2]", None),
            ("$.a.b[-3]", None),
            ("$.b", None),
            ("$", Some(value.clone())),
        ] {
            assert_eq!(JsonPath::parse(path).unwrap().find(&value), found.as_ref(), "{path}");
        }
    }

    #[test]
    fn what_names_several_or_nothing_is_refused() {
        for path in
            ["", ".", "$.", "$..a", "$.*", "$[*]", "$[", "$['a", "$[0", "$x", "a.", "$.a[x]"]
        {
            assert!(JsonPath::parse(path).is_err(), "{path}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(path in "\\PC*") {
            if let Ok(path) = JsonPath::parse(&path) {
                path.find(&json!({"a": [1, {"b": 2}]}));
            }
        }
    }
}
