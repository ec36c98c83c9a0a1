//! The rows of a file: those of its `table`, the combinations of its `matrix`, or each row with each combination.
//!
//! `include` and `exclude` mean what they mean in GitHub's workflows (section 4.1 of the scenario reference): `exclude`
//! takes out the combinations that hold all of its values; then each `include` is added to every combination whose own
//! values it does not change, and stands alone when there is none.

use serde_json::{Map, Value};

use super::expr::Value as ExprValue;
use super::finding::Span;
use super::node::{Kind, Node};

/// Rows that one file may make; one that makes more is a mistake.
pub(super) const MOST: usize = 1000;

/// Keys of a `matrix` that are no axes.
pub(super) const NO_AXES: [&str; 2] = ["include", "exclude"];

/// One row of a table, one combination of a matrix, or the only row of a scenario without either.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What names it: the value of `case` (else the number from 1) and the values of the axes, joined by commas. `None`
    /// without table and matrix.
    pub case: Option<String>,
    /// The values for `$(row.x)`.
    pub values: Map<String, Value>,
    /// Its line in the file.
    pub line: u32,
}

/// The rows of a file, each with its place; one more than [`MOST`] at most.
pub(super) fn rows(node: &Node) -> Vec<(Row, &Span)> {
    let matrix = node.get("matrix");
    let table = node.get("table");
    if table.is_none() && matrix.is_none() {
        let row = Row { case: None, values: Map::new(), line: node.at.line };
        return vec![(row, &node.at)];
    }
    let axes: Vec<(&str, &[Node])> = matrix
        .map_or(&[][..], Node::entries)
        .iter()
        .filter(|(key, _)| !NO_AXES.contains(&key.text.as_str()))
        .map(|(key, values)| (key.text.as_str(), values.elements()))
        .collect();
    let listed = |name: &str| matrix.and_then(|m| m.get(name)).map_or(&[][..], Node::elements);
    let mut made = combined(node, table, &axes);
    for out in listed("exclude") {
        made.retain(|combination| {
            out.entries().iter().any(|(key, wanted)| {
                !combination.values.get(&key.text).is_some_and(|value| covers(value, wanted))
            })
        });
    }
    for more in listed("include") {
        include(&mut made, more);
    }
    let rows = made.into_iter().enumerate().take(MOST + 1);
    rows.map(|(at, made)| (made.row(at, table.is_some(), &axes), made.at)).collect()
}

/// A row in the making.
struct Combination<'a> {
    values: Map<String, Value>,
    /// The number of its row in the table, from 0.
    number: usize,
    /// How many of the values, from the first on, are its own: an `include` may not change them.
    own: usize,
    at: &'a Span,
}

impl Combination<'_> {
    fn row(&self, at: usize, in_table: bool, axes: &[(&str, &[Node])]) -> Row {
        let mut parts = Vec::new();
        let number = if in_table { self.number } else { at };
        match self.values.get("case") {
            Some(case) => parts.push(text(case)),
            None if in_table => parts.push((number + 1).to_string()),
            None => {}
        }
        for (axis, all) in axes.iter().filter(|(axis, _)| *axis != "case") {
            let Some(value) = self.values.get(*axis) else { continue };
            let place = || all.iter().position(|node| node.to_json() == *value).unwrap_or(at) + 1;
            parts.push(match value {
                Value::Object(map) => map.get("case").map_or_else(|| place().to_string(), text),
                Value::Array(_) => place().to_string(),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => text(value),
            });
        }
        let named = if parts.is_empty() { (number + 1).to_string() } else { parts.join(",") };
        Row { case: Some(named), values: self.values.clone(), line: self.at.line }
    }
}

fn text(value: &Value) -> String {
    ExprValue::Json(value.clone()).to_string()
}

/// Each row of the table, or none, with each combination of the axes; the first axis changes slowest.
fn combined<'a>(
    node: &'a Node,
    table: Option<&'a Node>,
    axes: &[(&str, &'a [Node])],
) -> Vec<Combination<'a>> {
    let mut made: Vec<Combination<'a>> = match table {
        Some(table) => {
            let rows = table.elements().iter().enumerate();
            rows.map(|(number, row)| {
                let first = || row.entries().first().map_or(&row.at, |(key, _)| &key.at);
                let at = row.get("case").map_or_else(first, |case| &case.at);
                Combination { values: members(row), number, own: 0, at }
            })
            .collect()
        }
        None if axes.is_empty() => return Vec::new(),
        None => {
            let at = node.entries().iter().find(|(key, _)| key.text == "matrix");
            let at = at.map_or(&node.at, |(key, _)| &key.at);
            vec![Combination { values: Map::new(), number: 0, own: 0, at }]
        }
    };
    for (axis, values) in axes {
        let longer = made.iter().flat_map(|combination| {
            values.iter().map(|value| {
                let mut longer = combination.values.clone();
                longer.insert((*axis).to_owned(), value.to_json());
                Combination { values: longer, ..*combination }
            })
        });
        made = longer.take(MOST + 1).collect();
    }
    for combination in &mut made {
        combination.own = combination.values.len();
    }
    made
}

fn members(map: &Node) -> Map<String, Value> {
    map.entries().iter().map(|(key, value)| (key.text.clone(), value.to_json())).collect()
}

/// Adds an `include` to the combinations whose own values it leaves alone, or as a row of its own.
fn include<'a>(made: &mut Vec<Combination<'a>>, more: &'a Node) {
    let values = members(more);
    let mut added = false;
    for combination in made.iter_mut().filter(|combination| combination.own > 0) {
        let own: Vec<String> = combination.values.keys().take(combination.own).cloned().collect();
        let fits = values.iter().all(|(key, value)| {
            !own.contains(key) || combination.values.get(key).is_some_and(|old| old == value)
        });
        if fits {
            combination.values.extend(values.clone());
            added = true;
        }
    }
    if !added {
        let number = made.len();
        made.push(Combination { values, number, own: 0, at: &more.at });
    }
}

/// Whether a value is the one that an `exclude` names; of a map the members that it names.
fn covers(value: &Value, wanted: &Node) -> bool {
    let Kind::Map(entries) = &wanted.kind else { return *value == wanted.to_json() };
    entries
        .iter()
        .all(|(key, wanted)| value.get(&key.text).is_some_and(|member| covers(member, wanted)))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use super::*;
    use crate::scenario::finding::Source;

    fn cases(text: &str) -> Vec<String> {
        let source = Arc::new(Source { path: PathBuf::from("t.yaml"), text: text.to_owned() });
        let node = crate::scenario::yaml::parse(&source, &mut Vec::new()).unwrap();
        let named = |(row, _): (Row, &Span)| {
            let x =
                row.values.get("x").map_or_else(String::new, |x| format!("={}", super::text(x)));
            format!("{}{x}", row.case.unwrap_or_default())
        };
        rows(&node).into_iter().map(named).collect()
    }

    #[test]
    fn a_matrix_is_every_combination_of_its_axes() {
        assert_eq!(
            cases(
                "matrix: { version: [13, 2005], client: [curl, { case: py, exe: python3 }, [a]] }"
            ),
            ["13,curl", "13,py", "13,3", "2005,curl", "2005,py", "2005,3"]
        );
        assert_eq!(cases("matrix: { case: [a, b] }"), ["a", "b"]);
        assert_eq!(cases("steps: []"), [""]);
    }

    #[test]
    fn a_table_is_combined_with_the_matrix_beside_it() {
        assert_eq!(
            cases("table: [{ case: a, x: 1 }, { x: 2 }]\nmatrix: { client: [c, d] }"),
            ["a,c=1", "a,d=1", "2,c=2", "2,d=2"]
        );
    }

    #[test]
    fn exclude_takes_out_what_holds_all_of_its_values() {
        assert_eq!(
            cases(
                "matrix: { a: [1, 2], b: [{ case: u, v: 1 }, { case: w, v: 2 }], exclude: [{ a: 2, b: { v: 1 } }] }"
            ),
            ["1,u", "1,w", "2,w"]
        );
        assert_eq!(
            cases(
                "table: [{ case: p }, { case: q }]\nmatrix: { a: [1, 2], exclude: [{ case: p }] }"
            ),
            ["q,1", "q,2"]
        );
    }

    /// The example of GitHub's own documentation of `include`, with its results.
    #[test]
    fn include_adds_to_what_it_does_not_change_and_else_stands_alone() {
        let text = "matrix:
  fruit: [apple, pear]
  animal: [cat, dog]
  include:
    - { color: green }
    - { color: pink, animal: cat }
    - { fruit: apple, shape: circle }
    - { fruit: banana }
    - { fruit: banana, animal: cat }
";
        let source = Arc::new(Source { path: PathBuf::from("t.yaml"), text: text.to_owned() });
        let node = crate::scenario::yaml::parse(&source, &mut Vec::new()).unwrap();
        let all: Vec<String> = rows(&node)
            .into_iter()
            .map(|(row, _)| serde_json::to_string(&row.values).unwrap())
            .collect();
        assert_eq!(
            all,
            [
                r#"{"fruit":"apple","animal":"cat","color":"pink","shape":"circle"}"#,
                r#"{"fruit":"apple","animal":"dog","color":"green","shape":"circle"}"#,
                r#"{"fruit":"pear","animal":"cat","color":"pink"}"#,
                r#"{"fruit":"pear","animal":"dog","color":"green"}"#,
                r#"{"fruit":"banana"}"#,
                r#"{"fruit":"banana","animal":"cat"}"#,
            ]
        );
    }

    #[test]
    fn a_matrix_that_explodes_is_cut_off() {
        let axes: Vec<String> =
            (0..12).map(|n| format!("  a{n}: [1, 2, 3, 4, 5, 6, 7, 8]\n")).collect();
        assert_eq!(cases(&format!("matrix:\n{}", axes.concat())).len(), MOST + 1);
    }
}
