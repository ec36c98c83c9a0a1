//! What every page is made of, how it says no, and what browsers may do with it.
//!
//! Pages are well-formed XML as well as HTML, so that tools read them without a browser. The policy allows the portal's own
//! sheet and nothing else: no script, no picture, no frame.

use askama::Template;
use http::StatusCode;
use http::header::{HeaderName, HeaderValue};

use super::{RESOURCE, Visitor};
use crate::directory::DirectoryError;
use crate::services::call::Call;
use crate::services::reply::{self, Reply};
use crate::services::tables::fill;
use crate::services::token::grant;

/// A link of the navigation.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) label: &'static str,
    pub(super) href: String,
    pub(super) current: bool,
}

/// A cell of a table.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) href: Option<String>,
}

impl Cell {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), href: None }
    }

    pub(super) fn link(text: impl Into<String>, href: String) -> Self {
        Self { text: text.into(), href: Some(href) }
    }
}

/// A table, whose first column names its rows.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) caption: String,
    pub(super) columns: Vec<&'static str>,
    pub(super) rows: Vec<Vec<Cell>>,
    /// What stands there when it has no rows.
    pub(super) empty: &'static str,
    /// The address of the next page.
    pub(super) next: Option<String>,
}

/// A form that changes something.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) action: String,
    pub(super) label: &'static str,
    /// What must be ticked first.
    pub(super) sure: Option<&'static str>,
}

/// What a page says.
#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) title: String,
    /// Sentences below the title.
    pub(super) text: Vec<String>,
    pub(super) alert: bool,
    /// Pairs of a name and a value.
    pub(super) facts: Vec<(&'static str, String)>,
    pub(super) links: Vec<Link>,
    pub(super) table: Option<Table>,
    pub(super) forms: Vec<Form>,
}

/// Who looks at the page.
#[derive(Debug)]
struct Me {
    upn: String,
    href: String,
    sign_out: String,
    token: String,
}

#[derive(Template)]
#[template(path = "portal.html")]
struct Page<'a> {
    style: String,
    tenant: &'a str,
    me: Option<Me>,
    navigation: Vec<Link>,
    content: &'a Content,
}

fn navigation(call: &Call, visitor: &Visitor, here: &str) -> Vec<Link> {
    let own = call.url(&call.link.host, &format!("/users/{}", visitor.user.id));
    let mut links = vec![("My user info", own), ("Users", call.url(&call.link.host, "/users"))];
    if linarite_core::visibility::portal_lists_all(&call.world.tenant.settings) {
        links.push(("All devices", call.url(&call.link.host, "/devices")));
    }
    let sign_ins = format!("/users/{}/sign-ins", visitor.user.id);
    links.push(("My sign-ins", call.url(&call.link.host, &sign_ins)));
    links.into_iter().map(|(label, href)| Link { label, current: href == here, href }).collect()
}

fn render(call: &Call, visitor: Option<&Visitor>, status: StatusCode, content: &Content) -> Reply {
    let here = call.url(&call.link.host, &call.path);
    let url = |path: &str| call.url(&call.link.host, path);
    let page = Page {
        style: url("/portal.css"),
        tenant: &call.world.tenant.name,
        me: visitor.map(|visitor| Me {
            upn: visitor.user.upn.clone(),
            href: url(&format!("/users/{}", visitor.user.id)),
            sign_out: url("/signout"),
            token: visitor.session.token.clone(),
        }),
        navigation: visitor.map(|visitor| navigation(call, visitor, &here)).unwrap_or_default(),
        content,
    };
    match page.render() {
        Ok(html) => reply::page(status, html),
        Err(error) => {
            tracing::error!(%error, "a page could not be printed");
            reply::empty(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

/// A page for somebody who is signed in, and its note in the journal.
pub(super) fn show(
    call: &Call,
    visitor: &Visitor,
    operation: &str,
    target: Option<&str>,
    content: &Content,
) -> Reply {
    grant(call, RESOURCE, operation, target);
    render(call, Some(visitor), StatusCode::OK, content)
}

/// What a sign-out says.
pub(super) fn signed_out(call: &Call) -> Reply {
    let content = Content {
        title: "You are signed out".to_owned(),
        links: vec![Link {
            label: "Sign in",
            href: call.url(&call.link.host, "/"),
            current: false,
        }],
        ..Content::default()
    };
    render(call, None, StatusCode::OK, &content)
}

/// Why there is no page.
#[derive(Debug)]
pub(super) struct Refused {
    reason: &'static str,
    name: String,
}

impl Refused {
    /// By the word of its row, and what the text names.
    pub(super) fn new(reason: &'static str, name: impl Into<String>) -> Self {
        Self { reason, name: name.into() }
    }

    /// The page that says so, and its note in the journal.
    pub(super) fn reply(self, call: &Call) -> Reply {
        if !call.has_fact("reason") {
            call.note("reason", self.reason);
        }
        let name: String = self.name.chars().take(300).collect();
        let row = call.world.tables.portal(self.reason);
        let status = row.and_then(|row| StatusCode::from_u16(row.status).ok());
        let back = call.url(&call.link.host, "/");
        let content = Content {
            title: row.map_or_else(|| "This failed".to_owned(), |row| row.title.clone()),
            text: row.map(|row| fill(&row.text, &[("name", &name)])).into_iter().collect(),
            alert: true,
            links: vec![Link { label: "Back to the portal", href: back, current: false }],
            ..Content::default()
        };
        let visitor = super::session::visitor(call).ok().flatten();
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        render(call, visitor.as_ref(), status, &content)
    }
}

impl From<DirectoryError> for Refused {
    fn from(error: DirectoryError) -> Self {
        tracing::error!(%error, "the directory failed");
        Self::new("directory-failed", "")
    }
}

/// What browsers may do with any answer of the portal.
pub(super) fn guard(reply: &mut Reply) {
    let policy = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    for (name, value) in [
        ("content-security-policy", policy),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        // Without a referrer at all browsers would call the origin of a form `null`.
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        reply.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
}
