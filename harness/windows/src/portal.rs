//! Looking at the portal as a person does: a browser without script that signs in, fetches a page and reads its table.
//!
//! FAQ A1 to A5. The portal's pages are well-formed XML, which is how they are read here; pages of the sign-in service are
//! read as tags. Left out: changing anything.

use std::collections::{BTreeMap, BTreeSet};

use roxmltree::{Document, Node, ParsingOptions};

use crate::machine::Form;
use crate::msol::Credential;
use crate::wire::{Answer, Ask, Line, Wire};

const PORTAL: &str = "https://portal.azure.com";
/// Pages and redirects from the first request to the page that was asked for.
const MOST_STEPS: usize = 12;

/// What a page shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pane {
    /// The status.
    pub status: u16,
    /// The first heading.
    pub title: String,
    /// Names and values above the table.
    pub facts: Vec<(String, String)>,
    /// The headings of the table's columns.
    pub columns: Vec<String>,
    /// The cells of the table, row by row.
    pub rows: Vec<Vec<String>>,
    /// The labels of the links in the navigation.
    pub navigation: Vec<String>,
    /// Where the rest of the table is.
    pub next: Option<String>,
}

/// Signs in and fetches a page by its path, with all pages of its table; an error says which step failed.
pub async fn look(wire: &Wire, credential: &Credential, path: &str) -> Result<Pane, String> {
    let line = Line {
        wire: wire.clone(),
        machine: "browser".to_owned(),
        online: true,
        os_version: "10.0".to_owned(),
        tpm: crate::machine::Tpm::None,
    };
    let mut browser = Browser { line, jar: BTreeMap::new() };
    let mut pane = browser.page(credential, &format!("{PORTAL}{path}")).await?;
    for _ in 0..1000 {
        let Some(next) = pane.next.take() else { return Ok(pane) };
        let more = browser.page(credential, &next).await?;
        pane.rows.extend(more.rows);
        pane.next = more.next;
    }
    Err("the table does not end".to_owned())
}

struct Browser {
    line: Line,
    /// Cookies, by host.
    jar: BTreeMap<String, BTreeMap<String, String>>,
}

/// The host of an address.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

impl Browser {
    async fn send(&mut self, url: &str, form: Option<String>) -> Result<Answer, String> {
        let ask = match form {
            None => Ask::get(url),
            Some(fields) => Ask::encoded_form(url, fields),
        };
        let cookies: Vec<String> = self
            .jar
            .get(host(url))
            .into_iter()
            .flatten()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let ask = if cookies.is_empty() { ask } else { ask.header("cookie", cookies.join("; ")) };
        let answer = self.line.send(ask).await;
        let answer = answer.map_err(|fault| format!("{}: {}", fault.exchange, fault.detail))?;
        let jar = self.jar.entry(host(url).to_owned()).or_default();
        for pair in &answer.cookies {
            let Some((name, value)) = pair.split_once('=') else { continue };
            if value.is_empty() {
                jar.remove(name);
            } else {
                jar.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(answer)
    }

    /// Goes to an address, through the sign-in when the portal asks for one.
    async fn page(&mut self, credential: &Credential, url: &str) -> Result<Pane, String> {
        let (mut url, mut fields) = (url.to_owned(), None);
        // Where the password was typed: the sign-in service may send the browser on to another that asks for it, but who
        // asks twice has refused it.
        let mut typed = BTreeSet::new();
        for _ in 0..MOST_STEPS {
            let answer = self.send(&url, fields.take()).await?;
            if let (300..400, Some(location)) = (answer.status, &answer.location) {
                url.clone_from(location);
                continue;
            }
            let text = String::from_utf8_lossy(&answer.body);
            if host(&url) == host(PORTAL) {
                return read(answer.status, &text);
            }
            let asked = host(&url).to_owned();
            let form =
                Form::first(&text).filter(|form| !(form.asks_password() && typed.contains(&asked)));
            let Some(mut form) = form else {
                return Err(format!("{} did not let {} in", answer.exchange, credential.upn));
            };
            if form.asks_password() {
                form.fill(&credential.upn, &credential.password);
                typed.insert(asked);
            }
            fields = Some(form.encoded());
            url = form.action().to_owned();
        }
        Err("the portal and the sign-in service send the browser round in circles".to_owned())
    }
}

fn text(node: Node<'_, '_>) -> String {
    let all: String = node.descendants().filter_map(|n| n.text().filter(|_| n.is_text())).collect();
    all.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Reads a page.
fn read(status: u16, page: &str) -> Result<Pane, String> {
    // A document type that is not the plain one is not read.
    let page = page.trim_start();
    let page = page.strip_prefix("<!DOCTYPE html>").unwrap_or(page);
    let options = ParsingOptions { nodes_limit: 1_000_000, ..ParsingOptions::default() };
    let document = Document::parse_with_options(page, options)
        .map_err(|error| format!("the portal's page is not well-formed: {error}"))?;
    let all = |root: Node<'_, '_>, name: &str| {
        root.descendants().filter(|n| n.has_tag_name(name)).map(text).collect::<Vec<_>>()
    };
    let root = document.root();
    let find = |name: &str| root.descendants().find(|n| n.has_tag_name(name));
    let names = all(root, "dt");
    let cells = |row: Node<'_, '_>| {
        let cells = row.children().filter(|n| n.has_tag_name("th") || n.has_tag_name("td"));
        cells.map(text).collect::<Vec<_>>()
    };
    let rows = |part: Node<'_, '_>| {
        part.children().filter(|n| n.has_tag_name("tr")).map(cells).collect::<Vec<_>>()
    };
    let next = root.descendants().find(|n| n.attribute("rel") == Some("next"));
    Ok(Pane {
        status,
        title: find("h1").map(text).unwrap_or_default(),
        facts: names.into_iter().zip(all(root, "dd")).collect(),
        columns: find("thead").and_then(|head| rows(head).into_iter().next()).unwrap_or_default(),
        rows: find("tbody").map(rows).unwrap_or_default(),
        navigation: find("nav").map(|nav| all(nav, "a")).unwrap_or_default(),
        next: next.and_then(|link| link.attribute("href")).map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_page_is_read_with_its_table() {
        let page = r#"<!DOCTYPE html>
            <html lang="en"><body><nav><a href="/users">Users</a></nav><h1>USER info: Bob</h1>
            <dl><div><dt>Owner</dt><dd>N/A</dd></div></dl>
            <table><thead><tr><th>Name</th><th>Enabled</th></tr></thead>
            <tbody><tr><th><a href="/x">&#60;b&#62; PC</a></th><td>Yes</td></tr></tbody></table>
            <a rel="next" href="/more">Next</a></body></html>"#;
        let pane = read(200, page).unwrap();
        assert_eq!(pane.title, "USER info: Bob");
        assert_eq!(pane.facts, [("Owner".to_owned(), "N/A".to_owned())]);
        assert_eq!(pane.columns, ["Name", "Enabled"]);
        assert_eq!(pane.rows, [["<b> PC", "Yes"]]);
        assert_eq!(pane.navigation, ["Users"]);
        assert_eq!(pane.next.as_deref(), Some("/more"));
    }

    proptest! {
        #[test]
        fn reading_never_panics(page in "(<table>|<tr>|</tr>|<th>|x|</table>|&#60;|<h1/>){0,20}") {
            let _read = read(200, &page);
        }
    }
}
