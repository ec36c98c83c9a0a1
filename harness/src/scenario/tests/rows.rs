//! What is said about tables and matrices.

use super::*;

const STEPS: &str = "steps: [{ check: { value: $(row.client), is: string } }]\n";

fn said(rows: &str) -> Vec<String> {
    findings(&with_head(&format!("{rows}{STEPS}")))
}

#[test]
fn a_matrix_names_its_rows_after_their_values() {
    let text = with_head(&format!(
        "table: [{{ case: mex-404 }}, {{ case: healthy }}]\nmatrix: {{ client: [curl, python], exclude: [{{ case: healthy, client: curl }}] }}\n{STEPS}"
    ));
    let loaded = load_text(&text);
    assert_eq!(lines(&loaded), Vec::<String>::new());
    let rows = loaded.runnable().unwrap().rows();
    let cases: Vec<&str> = rows.iter().filter_map(|row| row.case.as_deref()).collect();
    assert_eq!(cases, ["mex-404,curl", "mex-404,python", "healthy,python"]);
    assert_eq!(rows[2].values["client"], "python");
    assert_eq!(rows[2].line, 5);
}

#[test]
fn each_mistake_in_a_matrix_has_its_place() {
    assert_eq!(
        said("matrix: { client: curl }\n"),
        [
            "5:9 no-rows: `exclude` leaves no combination, so nothing would run",
            "5:19 wrong-type: a list is expected, not text",
        ]
    );
    assert_eq!(
        said("matrix: { client: [] }\n"),
        ["5:19 no-rows: the axis `client` has no value, so nothing would run"]
    );
    assert_eq!(
        said("matrix: { client: [a], exclude: [{ client: a }] }\n"),
        ["5:9 no-rows: `exclude` leaves no combination, so nothing would run"]
    );
    assert_eq!(
        said("matrix: { client: [a, a], include: [b] }\n"),
        ["5:1 duplicate-id: two rows are called a", "5:37 wrong-type: a map is expected, not text"]
    );
    assert_eq!(
        said("table: [{ client: x }]\nmatrix: { client: [a] }\n"),
        ["6:11 duplicate-key: `client` is a column of the table already"]
    );
    let axes: Vec<String> = (0..12).map(|n| format!(", a{n}: [1, 2, 3, 4, 5, 6, 7, 8]")).collect();
    let many = format!("matrix: {{ client: [a]{} }}\n", axes.concat());
    assert_eq!(said(&many), ["5:9 too-many-rows: these are more than 1000 rows"]);
}

#[test]
fn a_value_that_a_row_lacks_is_missed_before_it_runs() {
    let found = said("matrix: { client: [a], include: [{ other: b, client: c }, { third: d }] }\n");
    assert_eq!(found, Vec::<String>::new(), "the last one is added to the first");
    let found = said("matrix: { case: [a], include: [{ case: b, client: c }] }\n");
    assert_eq!(found, ["6:29 undefined: `row.client` is missing in number 1"]);
}
