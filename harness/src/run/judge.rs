//! Expectations: what is looked at for each key, and the verdicts of the matchers. All of a step are judged; none stops
//! the others.

use linarite_server::control::view;
use serde_json::Value;

use super::act::user;
use super::seen::Seen;
use super::stage::Stage;
use crate::expect::{JsonPath, Outcome, Style};
use crate::scenario::decode::{Entries, Tpl};
use crate::scenario::expr::resolve;
use crate::scenario::finding::{Finding, Span};
use crate::scenario::model::{Expect, Matcher, Pane, Portal, Rows};
use crate::scenario::node::{Kind, Node};
use crate::scenario::time::Time;

/// An expectation, judged, and where it is written.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    pub(crate) at: Span,
    pub(crate) outcome: Outcome,
}

/// Where a step stands in the story.
#[derive(Clone, Debug, Default)]
pub(crate) struct Around {
    /// Machine and Windows user of the step.
    pub(crate) machine: Option<String>,
    pub(crate) windows_user: Option<String>,
    /// User of the step.
    pub(crate) user: Option<String>,
    /// Number of the newest journal event when the step began.
    pub(crate) mark: u64,
    /// Real milliseconds and milliseconds of the world that the act took.
    pub(crate) took: u64,
    pub(crate) took_virtual: i64,
}

type Found = Result<(), Box<Finding>>;

struct Bench<'a> {
    stage: &'a Stage,
    seen: &'a Seen,
    around: &'a Around,
    now: Time,
    judged: Vec<Judged>,
}

/// Judges these expectations.
pub(crate) async fn judge(
    stage: &Stage,
    seen: &Seen,
    around: &Around,
    expects: &[Expect],
) -> Result<Vec<Judged>, Box<Finding>> {
    let mut bench = Bench { stage, seen, around, now: stage.now(), judged: Vec::new() };
    for expect in expects {
        bench.plain(expect)?;
        bench.fields(expect)?;
        bench.records(expect).await?;
        bench.access(expect).await?;
    }
    Ok(bench.judged)
}

/// Whether an expectation speaks of how the act came out, so that a failure is not one yet. Of what an act that never
/// came to an end does not have, no expectation speaks: that there is no exit code is not `exit: { is_not: 0 }`.
pub(crate) fn speaks_of(stage: &Stage, seen: &Seen, expect: &Expect) -> bool {
    let of_error = |fields: &Entries<Matcher>| {
        let mut names = fields.0.iter().map(|(key, _)| key.resolve(stage));
        // A name that cannot be found out is reported by the judgement.
        names.any(|name| name.map_or(true, |name| seen.error.contains_key(&name)))
    };
    expect.exit.is_some() && seen.exit.is_some()
        || expect.status.is_some() && seen.answer.is_some()
        || expect.error.as_ref().is_some_and(of_error)
}

impl Bench<'_> {
    fn check(
        &mut self,
        path: &str,
        matcher: Option<&Matcher>,
        actual: Option<&Value>,
        style: Style,
    ) -> Found {
        if let Some(node) = matcher {
            let outcome = node.resolve(self.stage)?.check(path, actual, style, self.now);
            self.judged.push(Judged { at: node.0.at.clone(), outcome });
        }
        Ok(())
    }

    fn each_field(
        &mut self,
        path: &str,
        fields: Option<&Entries<Matcher>>,
        style: Style,
        find: impl Fn(&str) -> Option<Value>,
    ) -> Found {
        for field in fields.map(|fields| fields.resolve(self.stage)).transpose()?.iter().flatten() {
            let actual = find(&field.name);
            let path = format!("{path}.{}", field.name);
            let outcome = field.matcher.check(&path, actual.as_ref(), style, self.now);
            self.judged.push(Judged { at: field.at.clone(), outcome });
        }
        Ok(())
    }

    fn plain(&mut self, expect: &Expect) -> Found {
        let seen = self.seen;
        let text = |text: &Option<String>| text.clone().map(Value::String);
        self.check("exit", expect.exit.as_ref(), seen.exit.as_ref(), Style::Json)?;
        self.check("stdout", expect.stdout.as_ref(), text(&seen.stdout).as_ref(), Style::Text)?;
        self.check("stderr", expect.stderr.as_ref(), text(&seen.stderr).as_ref(), Style::Text)?;
        self.check("output", expect.output.as_ref(), text(&seen.output).as_ref(), Style::Text)?;
        let status = seen.answer.as_ref().map(|answer| Value::from(answer.status));
        self.check("status", expect.status.as_ref(), status.as_ref(), Style::Json)?;
        let body = seen.answer.as_ref().map(|answer| Value::from(answer.body.as_str()));
        self.check("body", expect.body.as_ref(), body.as_ref(), Style::Text)?;
        let took = Value::from(self.around.took);
        self.check("took", expect.took.as_ref(), Some(&took), Style::Json)?;
        let took = Value::from(self.around.took_virtual);
        self.check("took_virtual", expect.took_virtual.as_ref(), Some(&took), Style::Json)?;
        if let Some(node) = &expect.value {
            let actual = resolve(node, self.stage)?;
            if let Some(operators) = expect.value_matcher() {
                self.check("value", Some(&Matcher(operators)), Some(&actual), Style::Json)?;
            }
        }
        self.lines(expect)
    }

    /// Patterns that are found in this order.
    fn lines(&mut self, expect: &Expect) -> Found {
        let output = self.seen.output.clone().unwrap_or_default();
        let mut from = 0;
        for pattern in expect.lines.iter().flatten() {
            let text = pattern.resolve(self.stage)?;
            let regex = crate::expect::matcher::regex(&text).map_err(|why| {
                Box::new(Finding::error("scn::bad-regex", pattern.at.clone(), why))
            })?;
            let rest = output.get(from..).unwrap_or_default();
            let found = regex.find(rest);
            let outcome = Outcome {
                ok: found.is_some(),
                path: "lines".to_owned(),
                expected: format!("a line that matches {text}, after the ones before"),
                actual: rest.lines().take(5).collect::<Vec<_>>().join(" | "),
            };
            from += found.map_or(0, |found| found.end());
            self.judged.push(Judged { at: pattern.at.clone(), outcome });
        }
        Ok(())
    }

    fn fields(&mut self, expect: &Expect) -> Found {
        let seen = self.seen;
        let answer = seen.answer.clone().unwrap_or_default();
        self.each_field("header", expect.header.as_ref(), Style::Text, |name| {
            answer.headers.get(&name.to_ascii_lowercase()).cloned().map(Value::String)
        })?;
        let body: Value = match &seen.answer {
            Some(answer) => serde_json::from_str(&answer.body).unwrap_or(Value::Null),
            None => serde_json::from_str(seen.stdout.as_deref().unwrap_or_default())
                .unwrap_or(Value::Null),
        };
        for (path, matcher) in expect.json.iter().flat_map(Entries::iter) {
            let found = JsonPath::parse(path).map_err(|error| {
                Box::new(Finding::error("scn::bad-path", matcher.0.at.clone(), error.to_string()))
            })?;
            self.check(&format!("json.{path}"), Some(matcher), found.find(&body), Style::Json)?;
        }
        self.claims(expect)?;
        let error = &seen.error;
        self.each_field("error", expect.error.as_ref(), Style::Json, |name| {
            error.get(name).cloned()
        })?;
        self.dsreg(expect)?;
        for (path, matcher) in expect.files.iter().flat_map(Entries::iter) {
            let file = self.stage.in_work(path).map_err(|why| {
                Box::new(Finding::error("scn::bad-path", matcher.0.at.clone(), why))
            })?;
            let content = std::fs::read(&file).ok();
            let content =
                content.map(|bytes| Value::from(String::from_utf8_lossy(&bytes).into_owned()));
            self.check(&format!("files.{path}"), Some(matcher), content.as_ref(), Style::Text)?;
        }
        Ok(())
    }

    fn claims(&mut self, expect: &Expect) -> Found {
        let Some(claims) = &expect.claims else { return Ok(()) };
        let of = claims.get("of").map(|of| of.0.resolve(self.stage)).transpose()?;
        let token = match of.as_ref().map(Value::as_str) {
            None | Some(Some("access_token")) => &self.seen.access_token,
            Some(Some("id_token")) => &self.seen.id_token,
            Some(_) => {
                let title = "`of` names `access_token` or `id_token`";
                return Err(Box::new(Finding::error(
                    "scn::unknown-word",
                    expect.at.clone(),
                    title,
                )));
            }
        };
        let read = token.as_deref().and_then(crate::scenario::expr::jwt);
        for (name, matcher) in claims.iter().filter(|(name, _)| *name != "of") {
            let actual = read.as_ref().and_then(|claims| claims.get("claims")?.get(name)).cloned();
            self.check(&format!("claims.{name}"), Some(matcher), actual.as_ref(), Style::Json)?;
        }
        Ok(())
    }

    fn dsreg(&mut self, expect: &Expect) -> Found {
        let Some(fields) = &expect.dsreg else { return Ok(()) };
        let named = expect.machine.as_ref().map(|name| name.resolve(self.stage)).transpose()?;
        let user = expect.windows_user.as_ref().map(|name| name.resolve(self.stage)).transpose()?;
        let machine = named.or_else(|| self.around.machine.clone());
        let Some(found) = machine.as_ref().and_then(|name| self.stage.machines.get(name)) else {
            let title = "`dsreg` needs a machine: name one at the step or beside it";
            return Err(Box::new(Finding::error("scn::unknown-machine", expect.at.clone(), title)));
        };
        let user = user.or_else(|| self.around.windows_user.clone());
        let printed = found.dsreg(&self.stage.wire, user.as_deref());
        self.each_field("dsreg", Some(fields), Style::Text, |name| {
            printed.get(name).cloned().map(Value::String)
        })
    }

    async fn records(&mut self, expect: &Expect) -> Found {
        let world = std::sync::Arc::clone(self.stage.world());
        if let Some(rows) = &expect.devices {
            let devices = view::devices(&world).await.map_err(|error| broken(expect, &error))?;
            for rows in &rows.0 {
                self.rows("devices", rows, &devices, Style::Record)?;
            }
        }
        if let Some(rows) = &expect.users {
            let users = view::users(&world).await.map_err(|error| broken(expect, &error))?;
            for rows in &rows.0 {
                self.rows("users", rows, &users, Style::Record)?;
            }
        }
        for portal in expect.portal.iter().flat_map(|portal| &portal.0) {
            self.portal(portal).await?;
        }
        for rows in expect.journal.iter().flat_map(|rows| &rows.0) {
            let since = match &rows.since {
                Some(since) => self.since(&since.resolve(self.stage)?, rows)?,
                None => 0,
            };
            let events = world.journal.since(since);
            let events: Vec<Value> = events.iter().map(|event| event.to_json(false)).collect();
            self.rows("journal", rows, &events, Style::Event)?;
        }
        Ok(())
    }

    /// A page of the portal, fetched over the wire by somebody who signs in for it.
    async fn portal(&mut self, portal: &Portal) -> Found {
        let wrong =
            |title: String| Box::new(Finding::error("expect::portal", portal.at.clone(), title));
        let of = |name: Option<&Tpl<String>>, stage: &Stage| {
            name.map(|name| name.resolve(stage)).transpose()
        };
        let whose = of(portal.user.as_ref(), self.stage)?.or_else(|| self.around.user.clone());
        let whose = whose.ok_or_else(|| wrong("`portal` needs a user".to_owned()))?;
        let viewer = of(portal.as_.as_ref(), self.stage)?.unwrap_or_else(|| whose.clone());
        let known = |key: &str| {
            user(self.stage, key).ok_or_else(|| wrong(format!("no user is called `{key}`")))
        };
        let (upn, _) = known(&whose)?;
        let (viewer, password) = known(&viewer)?;
        let device = of(portal.device.as_ref(), self.stage)?;
        let path = match portal.pane.unwrap_or(Pane::Devices) {
            Pane::Devices => format!("/users/{upn}"),
            Pane::SignIns => format!("/users/{upn}/sign-ins"),
            Pane::AllDevices => "/devices".to_owned(),
            Pane::Device => {
                let device = device.ok_or_else(|| wrong("the pane needs a `device`".to_owned()))?;
                format!("/devices/{device}")
            }
        };
        let credential = linarite_windows::msol::Credential { upn: viewer, password };
        let seen = linarite_windows::portal::look(&self.stage.wire, &credential, &path).await;
        let seen = seen.map_err(wrong)?;
        let status = Value::from(seen.status);
        let fine = Matcher(Node { kind: Kind::Number(200.into()), at: portal.at.clone() });
        let wanted = portal.status.as_ref().unwrap_or(&fine);
        self.check("portal.status", Some(wanted), Some(&status), Style::Json)?;
        let columns = Value::from(seen.columns.clone());
        self.check("portal.columns", portal.columns.as_ref(), Some(&columns), Style::Json)?;
        let navigation = Value::from(seen.navigation.clone());
        self.check(
            "portal.navigation",
            portal.navigation.as_ref(),
            Some(&navigation),
            Style::Json,
        )?;
        self.each_field("portal.facts", portal.facts.as_ref(), Style::Text, |name| {
            let found = seen.facts.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| Value::from(value.as_str()))
        })?;
        let (where_, each) = (portal.where_.clone(), portal.each.clone());
        let (some, none) = (portal.some.clone(), portal.none.clone());
        if where_.is_none()
            && each.is_none()
            && some.is_none()
            && none.is_none()
            && portal.rows.is_none()
        {
            return Ok(());
        }
        let record = |row: &Vec<String>| {
            let cells =
                seen.columns.iter().cloned().zip(row.iter().map(|cell| cell.as_str().into()));
            Value::Object(cells.collect())
        };
        let records: Vec<Value> = seen.rows.iter().map(record).collect();
        let rows = Rows {
            where_,
            count: portal.rows.clone(),
            each,
            some,
            none,
            distinct: None,
            same: None,
            since: None,
            in_order: None,
            at: portal.at.clone(),
        };
        self.rows("portal", &rows, &records, Style::Record)
    }

    async fn access(&mut self, expect: &Expect) -> Found {
        let Some(access) = &expect.access else { return Ok(()) };
        let reached = super::access::reach(self.stage, access, self.around).await?;
        let result = Value::from(reached.result);
        self.check("access.result", access.result.as_ref(), Some(&result), Style::Json)?;
        let reason = reached.reason.map(Value::from);
        self.check("access.reason", access.reason.as_ref(), reason.as_ref(), Style::Json)?;
        let aadsts = Value::from(reached.aadsts);
        self.check("access.aadsts", access.aadsts.as_ref(), Some(&aadsts), Style::Json)
    }

    fn since(&self, since: &str, rows: &Rows) -> Result<u64, Box<Finding>> {
        match since {
            "start" => Ok(0),
            "step" => Ok(self.around.mark),
            id => self.stage.marks.get(id).copied().ok_or_else(|| {
                let title = format!("no step with the id `{id}` was run before this one");
                Box::new(Finding::error("scn::unknown-step", rows.at.clone(), title))
            }),
        }
    }

    fn rows(&mut self, path: &str, rows: &Rows, records: &[Value], style: Style) -> Found {
        let set = rows.resolve(self.stage)?;
        for outcome in set.check(path, records, style, self.now) {
            self.judged.push(Judged { at: rows.at.clone(), outcome });
        }
        Ok(())
    }
}

fn broken(expect: &Expect, error: &dyn std::fmt::Display) -> Box<Finding> {
    Box::new(Finding::error("scn::directory", expect.at.clone(), error.to_string()))
}
