//! Expectations on the journal, each where it holds and where it does not, and needs of a row.

use super::*;

/// Two requests, of which only the second is refused, and one of these expectations.
fn looked(expect: &str) -> String {
    format!(
        "steps:
  - id: first
    http: {{ get: 'https://login.microsoftonline.com/common/userrealm/alice@contoso.test?api-version=1.0' }}
  - id: second
    http: {{ get: 'https://graph.microsoft.com/v1.0/devices' }}
    expect: {{ status: 401 }}
  - check: {{ journal: {expect} }}
"
    )
}

#[tokio::test]
async fn a_journal_is_asked_what_was_there_how_often_since_when_and_in_which_order() {
    let realm = "{ kind: http, operation: user-realm }";
    let graph = "{ kind: http, host: graph.* }";
    for (expect, holds) in [
        (format!("{{ where: {realm} }}"), true),
        (format!("{{ where: {realm}, count: 1 }}"), true),
        (format!("{{ where: {realm}, count: 2 }}"), false),
        (format!("{{ where: {realm}, since: first }}"), true),
        (format!("{{ where: {realm}, since: second }}"), false),
        (format!("{{ where: {realm}, since: second, count: 0 }}"), true),
        (format!("{{ where: {graph}, since: step }}"), false),
        (format!("{{ where: {{ kind: http }}, in_order: [{realm}, {graph}] }}"), true),
        (format!("{{ where: {{ kind: http }}, in_order: [{graph}, {realm}] }}"), false),
        ("{ where: { kind: http }, each: { status: 200 } }".to_owned(), false),
        (format!("[{{ where: {realm} }}, {{ where: {graph}, count: 0 }}]"), false),
    ] {
        let ran = ran(&looked(&expect)).await;
        let wanted = if holds { Verdict::Pass } else { Verdict::Fail };
        assert_eq!(ran.verdicts(), [wanted], "{expect}: {}", ran.failures());
    }
}

#[tokio::test]
async fn a_row_whose_need_is_not_met_is_skipped_alone() {
    let ran = ran("needs: [$(row.client.needs)]
matrix: { client: [{ case: own, needs: '' }, { case: far, needs: 'env:NOT_SET_ANYWHERE' }] }
steps: [{ clock: { advance: 1m } }]
")
    .await;
    let mut verdicts = ran.verdicts();
    verdicts.sort();
    assert_eq!(verdicts, [Verdict::Pass, Verdict::Skip], "{}", ran.failures());
    assert!(ran.failures().contains("env:NOT_SET_ANYWHERE is not there"));
}
