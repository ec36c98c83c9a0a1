//! Expectations and captures. Matchers stay trees until their references are replaced; then
//! [`crate::expect`] reads them.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::scenario::decode::{Entries, FromNode, Several, Tpl, record, words, wrong_type};
use crate::scenario::finding::Finding;
use crate::scenario::node::{Kind, Node};

record! {
    /// What must hold; all keys of the map.
    pub struct Expect {
        /// Words for the report.
        because: Option<Tpl<String>>,
        /// Another machine than the step's, for `dsreg`.
        machine: Option<Tpl<String>>,
        /// Another Windows user than the step's, for `dsreg`.
        windows_user: Option<Tpl<String>>,

        /// The exit code: a number, `timeout`, `signal:9` or a matcher.
        exit: Option<Matcher>,
        /// What was printed.
        stdout: Option<Matcher>,
        /// What was printed as errors.
        stderr: Option<Matcher>,
        /// Both, in the order of their arrival.
        output: Option<Matcher>,
        /// Regular expressions that are found in the output in this order.
        lines: Option<Vec<Tpl<String>>>,
        /// Files: path and matcher of the content.
        files: Option<Entries<Matcher>>,
        /// The HTTP status.
        status: Option<Matcher>,
        /// HTTP headers.
        header: Option<Entries<Matcher>>,
        /// The body as text.
        body: Option<Matcher>,
        /// The body as JSON: path such as `$.value[0].id` and matcher.
        json: Option<Entries<Matcher>>,
        /// The body as XML. Not emulated yet.
        xpath: Option<Node>,
        /// The TLS connection. Not emulated yet.
        tls: Option<Node>,
        /// Claims of the token just received; `of: id_token` selects another one.
        claims: Option<Entries<Matcher>>,
        /// The error: aadsts, code, sub, hresult, oauth, message.
        error: Option<Entries<Matcher>>,
        /// Fields of `dsregcmd /status`.
        dsreg: Option<Entries<Matcher>>,
        /// Device records in the directory.
        devices: Option<Several<Rows>>,
        /// Users in the directory.
        users: Option<Several<Rows>>,
        /// Events in the server's journal.
        journal: Option<Several<Rows>>,
        /// What the emulated portal shows.
        portal: Option<Several<Portal>>,
        /// Whether a user reaches an application, by a real sign-in.
        access: Option<Access>,
        /// How much real time the step took.
        took: Option<Matcher>,
        /// How much of the world's time the step took.
        took_virtual: Option<Matcher>,

        /// Any value, for the operators that stand beside it.
        value: Option<Node>,
        /// Equal to this.
        equals: Option<Node>,
        /// Not equal to this, or not matching this.
        is_not: Option<Node>,
        /// Text, list or map that contains this.
        contains: Option<Node>,
        /// A regular expression that is found in it.
        matches: Option<Node>,
        /// How it begins.
        starts_with: Option<Node>,
        /// How it ends.
        ends_with: Option<Node>,
        /// What it is: uuid, jwt, rfc3339 and so on.
        is: Option<Node>,
        /// One of these.
        one_of: Option<Node>,
        /// Whether there is something.
        exists: Option<Node>,
        /// Less than.
        lt: Option<Node>,
        /// Less than or equal to.
        le: Option<Node>,
        /// Greater than.
        gt: Option<Node>,
        /// Greater than or equal to.
        ge: Option<Node>,
        /// How many elements.
        count: Option<Node>,
        /// At most so far from `of`.
        within: Option<Node>,
        /// The value that `within` measures from.
        of: Option<Node>,
        /// A point in time longer ago than this.
        older_than: Option<Node>,
        /// A point in time less long ago than this.
        newer_than: Option<Node>,
        /// Whether capitals count. Default true.
        ignore_case: Option<Node>,
        /// The matcher that must not hold.
        not: Option<Node>,
    }
}

record! {
    /// A sign-in in a browser, and what it must come to.
    pub struct Access {
        /// The user; that of the step when it is left out.
        user: Option<Tpl<String>>,
        /// The machine that the browser runs on; that of the step when it is left out, one that is not joined when there
        /// is none.
        machine: Option<Tpl<String>>,
        /// Another Windows user than the step's.
        windows_user: Option<Tpl<String>>,
        /// The application: one of the world with a protected API, or `graph`.
        app: Option<Tpl<String>>,
        /// The client that signs in. Default `office`.
        client: Option<Tpl<String>>,
        /// `granted`, `denied`, or `prompt` when the user has to do something more.
        result: Option<Matcher>,
        /// The reason of the refusal, as the journal says it.
        reason: Option<Matcher>,
        /// The number behind AADSTS; 0 when sign-in refused nothing.
        aadsts: Option<Matcher>,
    }
}

impl Expect {
    /// The operators that stand beside `value`, as a matcher's map.
    pub fn value_matcher(&self) -> Option<Node> {
        self.value.as_ref()?;
        let operators = [
            ("equals", &self.equals),
            ("is_not", &self.is_not),
            ("contains", &self.contains),
            ("matches", &self.matches),
            ("starts_with", &self.starts_with),
            ("ends_with", &self.ends_with),
            ("is", &self.is),
            ("one_of", &self.one_of),
            ("exists", &self.exists),
            ("lt", &self.lt),
            ("le", &self.le),
            ("gt", &self.gt),
            ("ge", &self.ge),
            ("count", &self.count),
            ("within", &self.within),
            ("of", &self.of),
            ("older_than", &self.older_than),
            ("newer_than", &self.newer_than),
            ("ignore_case", &self.ignore_case),
            ("not", &self.not),
        ];
        let entries = operators
            .into_iter()
            .filter_map(|(name, node)| {
                let node = node.clone()?;
                let at = node.at.clone();
                Some((crate::scenario::node::Key { text: name.to_owned(), at }, node))
            })
            .collect();
        Some(Node { kind: Kind::Map(entries), at: self.at.clone() })
    }
}

record! {
    /// Records that are looked for, and what must hold for them.
    pub struct Rows {
        /// Which records count: matchers by field; all must hold.
        where_ as "where": Option<Entries<Matcher>>,
        /// How many there are: a number is exact. Default: at least one, for the journal.
        count: Option<Matcher>,
        /// What each of them must be.
        each: Option<Entries<Matcher>>,
        /// What at least one of them must be.
        some: Option<Entries<Matcher>>,
        /// What none of them may be.
        none: Option<Entries<Matcher>>,
        /// Fields whose values are all different.
        distinct: Option<Several<Tpl<String>>>,
        /// Fields whose values are all the same.
        same: Option<Several<Tpl<String>>>,
        /// From when on events count: `start`, `step` or the id of a step. Journal only.
        since: Option<Tpl<String>>,
        /// Matchers of events that come in this order. Journal only.
        in_order: Option<Vec<Entries<Matcher>>>,
    }
}

record! {
    /// A page of the emulated portal, seen by signing in to it over the wire.
    pub struct Portal {
        /// Whose pane it is; the step's user when left out.
        user: Option<Tpl<String>>,
        /// Who looks at it. Default: the same user.
        as_ as "as": Option<Tpl<String>>,
        /// Which pane. Default devices: USER info with its devices.
        pane: Option<Pane>,
        /// The object id of the device, for the pane `device`.
        device: Option<Tpl<String>>,
        /// The HTTP status. Default 200.
        status: Option<Matcher>,
        /// The headings of the table's columns.
        columns: Option<Matcher>,
        /// The labels of the navigation.
        navigation: Option<Matcher>,
        /// What the page says above its table, by its label.
        facts: Option<Entries<Matcher>>,
        /// Which rows count: matchers by column; all must hold.
        where_ as "where": Option<Entries<Matcher>>,
        /// How many rows there are: a number is exact.
        rows: Option<Matcher>,
        /// What each of them must be.
        each: Option<Entries<Matcher>>,
        /// What at least one of them must be.
        some: Option<Entries<Matcher>>,
        /// What none of them may be.
        none: Option<Entries<Matcher>>,
    }
}

words! {
    /// A pane of the portal.
    pub enum Pane {
        /// USER info with the devices of the user.
        Devices = "devices",
        /// The page of one device.
        Device = "device",
        /// The sign-ins of the user.
        SignIns = "sign-ins",
        /// All devices.
        AllDevices = "all-devices",
    }
}

/// A matcher: a plain value for equality, or a map of operators.
#[derive(Clone, Debug)]
pub struct Matcher(pub Node);

impl FromNode for Matcher {
    fn from_node(node: &Node, _findings: &mut Vec<Finding>) -> Option<Self> {
        Some(Self(node.clone()))
    }
}

impl JsonSchema for Matcher {
    fn schema_name() -> Cow<'static, str> {
        "Matcher".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        crate::scenario::schema::matcher(generator)
    }
}

/// Where a captured value comes from: `json:$.x`, `dsreg.DeviceId`, `access_token`, `$(...)`, or a
/// map with `from` and `redact`.
#[derive(Clone, Debug)]
pub struct CaptureFrom {
    /// The source, references in it not replaced yet.
    pub from: Node,
    /// Whether the value never shows in reports.
    pub redact: bool,
}

impl FromNode for CaptureFrom {
    fn from_node(node: &Node, findings: &mut Vec<Finding>) -> Option<Self> {
        match &node.kind {
            Kind::Text(_) => Some(Self { from: node.clone(), redact: false }),
            Kind::Map(_) => {
                let capture = RedactedCapture::from_node(node, findings)?;
                Some(Self { from: capture.from, redact: capture.redact.unwrap_or(false) })
            }
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::List(_) => {
                findings.push(wrong_type(node, "text such as dsreg.DeviceId"));
                None
            }
        }
    }
}

impl JsonSchema for CaptureFrom {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Capture".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let long = generator.subschema_for::<RedactedCapture>();
        json_schema!({ "anyOf": [{ "type": "string" }, long] })
    }
}

record! {
    /// A capture that reports do not show.
    pub struct RedactedCapture {
        /// Where the value comes from.
        from: Node,
        /// Whether the value never shows in reports.
        redact: Option<bool>,
    }
}
