//! The rows of the tables of refusals, as the codes that each says.

use super::Situation;
use crate::services::tables::{DrsRow, EnrolRow, GraphRow, StsRow, Tables, TrustRow};

/// A row with its codes.
pub(super) struct Said {
    pub(super) codes: Vec<String>,
    pub(super) speaker: &'static str,
    pub(super) table: &'static str,
    pub(super) reported_as: Option<String>,
    pub(super) situation: Situation,
}

/// A kind of row.
trait Row {
    fn codes(&self) -> Vec<String>;
    fn wire(&self) -> String;
    fn text(&self) -> &str;
    fn assumed(&self) -> bool;
    fn reported_as(&self) -> Option<String> {
        None
    }
}

/// HTTP status and the words beside the code.
fn wire(status: u16, words: &[Option<&str>]) -> String {
    let status = format!("HTTP {status}");
    let words = words.iter().flatten().map(|word| (*word).to_owned());
    std::iter::once(status).chain(words).collect::<Vec<_>>().join(", ")
}

impl Row for StsRow {
    fn codes(&self) -> Vec<String> {
        vec![format!("AADSTS{}", self.code)]
    }

    fn wire(&self) -> String {
        wire(self.status, &[Some(&self.error), self.suberror.as_deref()])
    }

    fn text(&self) -> &str {
        &self.text
    }

    fn assumed(&self) -> bool {
        self.assumed
    }
}

impl Row for DrsRow {
    fn codes(&self) -> Vec<String> {
        std::iter::once(self.code.clone()).chain(self.subcode.clone()).collect()
    }

    fn wire(&self) -> String {
        wire(self.status, &[Some(&self.code), self.subcode.as_deref()])
    }

    fn text(&self) -> &str {
        &self.message
    }

    fn assumed(&self) -> bool {
        self.assumed
    }
}

impl Row for GraphRow {
    fn codes(&self) -> Vec<String> {
        vec![self.code.clone()]
    }

    fn wire(&self) -> String {
        wire(self.status, &[])
    }

    fn text(&self) -> &str {
        &self.message
    }

    fn assumed(&self) -> bool {
        self.assumed
    }
}

impl Row for TrustRow {
    fn codes(&self) -> Vec<String> {
        vec![self.subcode.clone()]
    }

    fn wire(&self) -> String {
        wire(self.status, &[Some(&self.code)])
    }

    fn text(&self) -> &str {
        &self.text
    }

    fn assumed(&self) -> bool {
        self.assumed
    }
}

impl Row for EnrolRow {
    /// `s:Receiver` alone says nothing: the error type of the detail does.
    fn codes(&self) -> Vec<String> {
        match &self.error_type {
            Some(kind) => vec![kind.clone()],
            None => vec![self.subcode.clone()],
        }
    }

    fn wire(&self) -> String {
        format!("SOAP fault {}", self.subcode)
    }

    fn text(&self) -> &str {
        &self.text
    }

    fn assumed(&self) -> bool {
        self.assumed
    }

    fn reported_as(&self) -> Option<String> {
        Some(self.hresult.clone())
    }
}

/// Every row of every table whose rows have codes.
pub(super) fn all(tables: &Tables) -> Vec<Said> {
    fn rows<'a>(
        table: &'static str,
        speaker: &'static str,
        rows: impl IntoIterator<Item = (&'a String, &'a (impl Row + 'a))>,
    ) -> Vec<Said> {
        let said = |(reason, row): (&String, &dyn Row)| Said {
            codes: row.codes(),
            speaker,
            table,
            reported_as: row.reported_as(),
            situation: Situation {
                reason: reason.clone(),
                table: table.to_owned(),
                wire: row.wire(),
                text: row.text().to_owned(),
                assumed: row.assumed(),
            },
        };
        rows.into_iter().map(|(reason, row)| said((reason, row as &dyn Row))).collect()
    }
    let mut said = rows("aadsts.toml", "sign-in", &tables.sts);
    // Refusals of assertions stand in a table of their own, and are said by sign-in all the same.
    for said in said.iter_mut().filter(|said| said.situation.reason.starts_with("assertion-")) {
        "assertions.toml".clone_into(&mut said.situation.table);
    }
    said.extend(rows("drs.toml", "device registration", &tables.drs));
    said.extend(rows("graph.toml", "Graph and protected APIs", &tables.graph));
    said.extend(rows("aadgraph.toml", "Azure AD Graph", &tables.aadgraph));
    said.extend(rows("wstrust.toml", "a federation server", &tables.trust));
    said.extend(rows("mdm.toml", "device management", &tables.enrol));
    said
}
