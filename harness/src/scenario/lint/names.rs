//! Which names a reference may use, and whether it may use them yet.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use regex::Regex;
use serde_json::{Map, Value as Json};

use crate::scenario::expr::{ExprError, Piece, Template};
use crate::scenario::finding::{Finding, Span};
use crate::scenario::load::inner_steps;
use crate::scenario::node::{Kind, Node};
use crate::scenario::suggest;
use crate::scenario::world::World;

/// Names that are always there.
pub(super) const ALWAYS: [&str; 11] = [
    "tenant", "sts", "clock", "world", "work", "env", "vars", "users", "machines", "apps",
    "devices",
];

/// A capture: where it is made, and whether anything uses it.
struct Capture {
    at: Span,
    used: bool,
}

/// The names at one point of a scenario.
pub(super) struct Names {
    /// Whether the world is known; if not, any name may be one of its objects.
    complete: bool,
    objects: BTreeSet<String>,
    vars: BTreeSet<String>,
    captures: BTreeMap<String, Capture>,
    /// Captures whose name is known at run time only.
    patterns: Vec<Regex>,
    /// All captures of the file with a plain name, also those to come.
    coming: BTreeMap<String, Span>,
    /// The rows of the table, when there is one.
    rows: Option<Vec<Map<String, Json>>>,
    /// The items of the `for_each` around this point; `None` when they are not known.
    each: Vec<Option<Vec<Json>>>,
    /// The constants of the file, as they are written.
    constants: Map<String, Json>,
}

impl Names {
    pub(super) fn new(world: Option<&World>) -> Self {
        let mut objects: BTreeSet<String> = ALWAYS.into_iter().map(str::to_owned).collect();
        if let Some(world) = world {
            for key in ["users", "machines", "apps", "devices"] {
                objects.extend(world.ids(key).map(str::to_owned));
            }
        }
        Self {
            complete: world.is_some(),
            objects,
            vars: BTreeSet::new(),
            captures: BTreeMap::new(),
            patterns: Vec::new(),
            coming: BTreeMap::new(),
            rows: None,
            each: Vec::new(),
            constants: Map::new(),
        }
    }

    /// Lets the values of constants be known.
    pub(super) fn set_constants(&mut self, vars: Option<&Node>) {
        if let Some(Json::Object(constants)) = vars.map(Node::to_json) {
            self.constants = constants;
        }
    }

    /// All that a text with references comes to over rows and items; nothing when it has none, or when that is not known.
    pub(super) fn values(&self, text: &str) -> Vec<String> {
        let template = Some(text).filter(|text| Template::is_needed(text));
        let template = template.and_then(|text| Template::parse(text).ok());
        template.and_then(|template| self.expand(&template)).unwrap_or_default()
    }

    /// Lets the constants of a file in, or the parameters of an action file.
    pub(super) fn add_var(&mut self, name: &str, at: &Span, findings: &mut Vec<Finding>) {
        self.check_shadow(name, at, findings);
        self.vars.insert(name.to_owned());
    }

    /// Lets the values of the rows in.
    pub(super) fn set_rows(&mut self, rows: Vec<Map<String, Json>>) {
        self.rows = Some(rows);
    }

    /// Notes all captures of some steps, to tell "not yet" from "never".
    pub(super) fn announce(&mut self, steps: &Node) {
        for step in steps.elements() {
            for (key, _) in step.get("capture").map_or(&[][..], Node::entries) {
                self.coming.entry(key.text.clone()).or_insert_with(|| key.at.clone());
            }
            if let Some(inner) = inner_steps(step) {
                self.announce(inner);
            }
        }
    }

    pub(super) fn enter_each(&mut self, items: &Node) {
        let mut plain = matches!(items.kind, Kind::List(_));
        items.each_text(&mut |text, _| plain &= !Template::is_needed(text));
        self.each.push(plain.then(|| items.elements().iter().map(Node::to_json).collect()));
    }

    pub(super) fn leave_each(&mut self) {
        self.each.pop();
    }

    /// Makes a capture known from here on.
    pub(super) fn capture(&mut self, name: &str, at: &Span, findings: &mut Vec<Finding>) {
        if !Template::is_needed(name) {
            return self.add_capture(name.to_owned(), at, findings);
        }
        let Ok(template) = Template::parse(name) else { return };
        if let Some(names) = self.expand(&template) {
            for name in names {
                self.add_capture(name, at, findings);
            }
            return;
        }
        let pieces = template.pieces.iter().map(|piece| match piece {
            Piece::Text(text) => regex::escape(text),
            Piece::Reference(_) => ".*".to_owned(),
        });
        self.patterns.extend(Regex::new(&format!("^{}$", pieces.collect::<String>())));
    }

    fn add_capture(&mut self, name: String, at: &Span, findings: &mut Vec<Finding>) {
        self.check_shadow(&name, at, findings);
        let capture = || Capture { at: at.clone(), used: false };
        self.captures.entry(name).or_insert_with(capture);
    }

    /// The names that a capture's template makes over all rows and items, when all are known.
    fn expand(&self, template: &Template) -> Option<Vec<String>> {
        let none = vec![Map::new()];
        let rows = self.rows.as_ref().unwrap_or(&none);
        let items = match self.each.last() {
            None => vec![Json::Null],
            Some(items) => items.clone()?,
        };
        if rows.len().saturating_mul(items.len()) > 10_000 {
            return None;
        }
        let mut names = Vec::new();
        for row in rows {
            for item in &items {
                let mut scope = self.constants.clone();
                scope.insert("row".to_owned(), Json::Object(row.clone()));
                scope.insert("each".to_owned(), item.clone());
                names.push(template.evaluate(&scope).ok()?.to_string());
            }
        }
        Some(names)
    }

    fn check_shadow(&self, name: &str, at: &Span, findings: &mut Vec<Finding>) {
        let hidden = if self.objects.contains(name) {
            "an object of the world"
        } else if self.vars.contains(name) {
            "one of the vars"
        } else if ["each", "row"].contains(&name) {
            "a name of the format"
        } else {
            return;
        };
        let title = format!("`{name}` would hide {hidden} of the same name");
        findings.push(
            Finding::error("scn::shadowed", at.clone(), title).help("choose another name for it"),
        );
    }

    /// Checks the references in a text.
    pub(super) fn check(&mut self, text: &str, at: &Span, findings: &mut Vec<Finding>) {
        if !Template::is_needed(text) {
            return;
        }
        let template = match Template::parse(text) {
            Ok(template) => template,
            Err(error) => return findings.push(error.finding(at)),
        };
        for expr in template.references() {
            expr.each_path(&mut |path| {
                if let Some((error, also)) = self.problem(path.name, &path.members, path.range)
                    && !path.may_be_missing
                {
                    let mut finding = error.finding(at);
                    finding.also = also;
                    findings.push(finding);
                }
            });
        }
    }

    /// What is wrong with a path, if anything. Marks captures as used.
    fn problem(
        &mut self,
        name: &str,
        members: &[&str],
        range: Range<usize>,
    ) -> Option<(ExprError, Option<(Span, String)>)> {
        let undefined = |title: String| ExprError::new("scn::undefined", range.clone(), title);
        match name {
            "each" => {
                let title = "`each` is known only in a step with `for_each`".to_owned();
                let Some(items) = self.each.last() else { return Some((undefined(title), None)) };
                return lacking(name, members, items.as_deref()?, undefined).map(|e| (e, None));
            }
            "row" => {
                let title =
                    "`row` is known only in a scenario with a `table` or a `matrix`".to_owned();
                let Some(rows) = &self.rows else { return Some((undefined(title), None)) };
                let rows: Vec<Json> = rows.iter().cloned().map(Json::Object).collect();
                return lacking(name, members, &rows, undefined).map(|e| (e, None));
            }
            _ => {}
        }
        if let Some(capture) = self.captures.get_mut(name) {
            capture.used = true;
            return None;
        }
        if self.vars.contains(name) || self.objects.contains(name) {
            return None;
        }
        if self.patterns.iter().any(|pattern| pattern.is_match(name)) || !self.complete {
            return None;
        }
        if let Some(at) = self.coming.get(name) {
            let error = undefined(format!("`{name}` is not known yet"))
                .help("a capture is known from the next step on");
            return Some((error, Some((at.clone(), "captured here".to_owned()))));
        }
        let mut error = undefined(format!("`{name}` is not defined"));
        error.help = suggest::nearest(name, self.known())
            .map(|near| format!("did you mean `{near}`?"))
            .or_else(|| {
                name.contains('-').then(|| "a subtraction needs spaces around its minus".to_owned())
            });
        Some((error, None))
    }

    fn known(&self) -> impl Iterator<Item = &str> {
        let captures = self.captures.keys().chain(self.coming.keys());
        captures.chain(&self.vars).chain(&self.objects).map(String::as_str)
    }

    /// The names that an action file gives back count as used.
    pub(super) fn use_capture(&mut self, name: &str) -> bool {
        match self.captures.get_mut(name) {
            Some(capture) => {
                capture.used = true;
                true
            }
            None => self.patterns.iter().any(|pattern| pattern.is_match(name)),
        }
    }

    /// Reports the captures that nothing uses. A script gets them as `LINARITE_VAR_NAME`.
    pub(super) fn report_unused(&self, findings: &mut Vec<Finding>) {
        for (name, capture) in &self.captures {
            let variable = format!("LINARITE_VAR_{}", name.to_uppercase().replace('-', "_"));
            if !capture.used && !capture.at.source.text.contains(&variable) {
                let title = format!("nothing uses the capture `{name}`");
                findings.push(Finding::warning("scn::unused-capture", capture.at.clone(), title));
            }
        }
    }
}

/// The first of some values that lacks the first member of a path.
fn lacking(
    name: &str,
    members: &[&str],
    values: &[Json],
    undefined: impl Fn(String) -> ExprError,
) -> Option<ExprError> {
    let member = *members.first()?;
    let at = values.iter().position(|value| value.get(member).is_none())?;
    let mut error = undefined(format!("`{name}.{member}` is missing in number {}", at + 1));
    let keys: BTreeSet<&str> = values
        .iter()
        .filter_map(Json::as_object)
        .flat_map(|map| map.keys().map(String::as_str))
        .collect();
    error.help = suggest::help(member, keys.iter().copied().filter(|key| *key != member));
    Some(error)
}
