//! Lints of steps, in their order: what a step may refer to depends on the steps before it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::scenario::capture::CaptureSource;
use crate::scenario::expr::Template;
use crate::scenario::finding::{Finding, Span};
use crate::scenario::load::inner_steps;
use crate::scenario::model::{
    ACTIONS, AdminAction, CLIENTS, ClockAction, HttpAction, RESOURCES, Step, TokenAction,
};
use crate::scenario::node::{Kind, Node};
use crate::scenario::project::{Project, did_you_mean};
use crate::scenario::rows::rows;
use crate::scenario::suggest;
use crate::scenario::world::World;

use super::faults::Faults;
use super::names::Names;
use super::{fit, idle, judgement, later, matchers};

/// Actions that happen on a machine.
const ON_MACHINE: [&str; 10] = [
    "join",
    "add_account",
    "remove_account",
    "leave",
    "dsregcmd",
    "autoworkplace",
    "sign_in",
    "sign_out",
    "wipe",
    "network",
];

/// Actions that change something each time they run.
const NOT_IDEMPOTENT: [&str; 7] =
    ["join", "add_account", "remove_account", "leave", "wipe", "admin", "run"];

pub(super) fn scenario(
    node: &Node,
    world: Option<&World>,
    actions: &BTreeMap<PathBuf, Node>,
    project: &Project<'_>,
    findings: &mut Vec<Finding>,
) {
    let mut names = Names::new(world);
    if node.get("table").or_else(|| node.get("matrix")).is_some() {
        names.set_rows(rows(node).into_iter().map(|(row, _)| row.values).collect());
    }
    names.set_constants(node.get("vars"));
    for (key, _) in node.get("vars").map_or(&[][..], Node::entries) {
        names.add_var(&key.text, &key.at, findings);
    }
    for key in ["title", "needs", "vars", "world", "files", "faults", "timeout"] {
        if let Some(part) = node.get(key) {
            part.each_text(&mut |text, at| names.check(text, at, findings));
        }
    }
    let mut walk = Walk {
        names,
        world,
        actions,
        project,
        ids: BTreeMap::new(),
        background: Vec::new(),
        faults: Faults::of(node),
        findings,
    };
    let parts: Vec<&Node> = ["steps", "always"].iter().filter_map(|key| node.get(key)).collect();
    for steps in &parts {
        walk.announce(steps);
    }
    for steps in &parts {
        walk.steps(steps, None, false);
    }
    walk.of_file(node);
    walk.faults.unused(walk.findings);
    if let Some(lab) = node.get("lab") {
        // Labs are not emulated yet, but what they use is used.
        let mut unsaid = Vec::new();
        lab.each_text(&mut |text, at| walk.names.check(text, at, &mut unsaid));
    }
    walk.names.report_unused(walk.findings);
}

pub(super) fn action_file(
    node: &Node,
    world: Option<&World>,
    actions: &BTreeMap<PathBuf, Node>,
    project: &Project<'_>,
    findings: &mut Vec<Finding>,
) {
    let mut names = Names::new(world);
    for (name, at, _) in params(node) {
        names.add_var(name, at, findings);
    }
    let mut walk = Walk {
        names,
        world,
        actions,
        project,
        ids: BTreeMap::new(),
        background: Vec::new(),
        faults: Faults::of(node),
        findings,
    };
    if let Some(steps) = node.get("steps") {
        walk.announce(steps);
        // Who uses the file may name the machine.
        walk.steps(steps, None, true);
    }
    for name in node.get("returns").map_or(&[][..], Node::elements) {
        if let Some(text) = name.text().filter(|text| !walk.names.use_capture(text)) {
            let title = format!("no step captures `{text}`");
            walk.findings.push(Finding::error("scn::undefined", name.at.clone(), title));
        }
    }
    walk.names.report_unused(walk.findings);
}

/// The parameters of an action file: name, place, and whether it may be left out.
fn params(node: &Node) -> Vec<(&str, &Span, bool)> {
    let Some(params) = node.get("params") else { return Vec::new() };
    let listed = params.elements().iter().filter_map(|p| Some((p.text()?, &p.at, false)));
    let mapped = params.entries().iter().map(|(k, v)| (k.text.as_str(), &k.at, !v.is_null()));
    listed.chain(mapped).collect()
}

/// A step with an id: where the id stands, and whether the walk has come by.
#[derive(Clone, Copy)]
struct Named<'a> {
    step: &'a Node,
    at: &'a Span,
    passed: bool,
}

struct Walk<'a, 'f> {
    names: Names,
    world: Option<&'a World>,
    actions: &'a BTreeMap<PathBuf, Node>,
    project: &'a Project<'a>,
    /// Steps with an id.
    ids: BTreeMap<&'a str, Named<'a>>,
    /// Names of commands in the background, so far.
    background: Vec<&'a str>,
    faults: Faults<'a>,
    findings: &'f mut Vec<Finding>,
}

impl<'a> Walk<'a, '_> {
    fn push(&mut self, code: &'static str, at: &Span, title: impl Into<String>) -> &mut Finding {
        self.findings.push(Finding::error(code, at.clone(), title));
        let last = self.findings.len() - 1;
        #[expect(clippy::indexing_slicing, reason = "the element was pushed a line above")]
        &mut self.findings[last]
    }

    /// Notes ids and captures before the walk, to tell "later" from "never".
    fn announce(&mut self, steps: &'a Node) {
        self.names.announce(steps);
        for step in steps.elements() {
            if let Some((text, at)) = step.get("id").and_then(|id| Some((id.text()?, &id.at))) {
                match self.ids.get(text) {
                    Some(first) => {
                        let first = first.at.clone();
                        let title = format!("two steps are called `{text}`");
                        self.push("scn::duplicate-id", at, title).also =
                            Some((first, "first here".to_owned()));
                    }
                    None => drop(self.ids.insert(text, Named { step, at, passed: false })),
                }
            }
            if let Some(inner) = inner_steps(step) {
                self.announce(inner);
            }
        }
    }

    fn steps(&mut self, steps: &'a Node, machine: Option<&'a str>, inherited: bool) {
        for step in steps.elements() {
            if matches!(step.kind, Kind::Map(_)) {
                self.step(step, machine, inherited);
            }
        }
    }

    /// `inherited` says that a machine is known, though perhaps not which.
    fn step(&mut self, step: &'a Node, machine: Option<&'a str>, inherited: bool) {
        self.one_action(step);
        later::step(step, self.findings);
        judgement::step(step, self.findings);
        idle::step(step, self.findings);
        if let Some(items) = step.get("for_each") {
            self.texts(items);
            self.names.enter_each(items);
        }
        later::words(step, &self.names, self.findings);
        let machine = literal(step.get("machine")).map(|(name, _)| name).or(machine);
        self.context(step, machine);
        let here = machine.is_some() || step.get("machine").is_some();
        self.on_machine(step, here || inherited);
        let mut since = Vec::new();
        for (key, value) in step.entries() {
            match key.text.as_str() {
                "id" | "for_each" | "sequence" | "capture" => {}
                "repeat" => since.extend(value.text().map(|text| (text, &value.at))),
                "fault" => {
                    let others = value.entries().iter().filter(|(key, _)| key.text != "steps");
                    others.for_each(|(_, value)| self.texts(value));
                }
                "run" => {
                    // References are not replaced in scripts: `$(...)` is the shell's there.
                    let others = value.entries().iter().filter(|(key, _)| key.text != "sh");
                    others.for_each(|(_, value)| self.texts(value));
                    self.run(value);
                }
                "expect" | "check" => {
                    self.texts(value);
                    matchers::expectations(value, &mut since, self.findings);
                }
                _ => self.texts(value),
            }
        }
        for (id, at) in since {
            self.step_id(id, at);
        }
        self.action(step);
        self.repeated(step);
        let repeated = literal(step.get("repeat")).map(|(id, _)| self.ids.get(id));
        let judged = repeated.map_or(Some(step), |named| named.map(|named| named.step));
        if let Some(action) = judged.and_then(fit::action).filter(|action| *action != "repeat") {
            fit::expectations(step, action, self.findings);
        }
        if let Some((id, _)) = literal(step.get("id"))
            && let Some(entry) = self.ids.get_mut(id)
        {
            entry.passed = true;
        }
        if let Some(fault) = step.get("fault") {
            self.faults.step(fault, self.findings);
        }
        if let Some(inner) = inner_steps(step) {
            self.steps(inner, machine, here || inherited);
        }
        if let Some(named) = step.get("use") {
            self.use_file(named);
        }
        self.captures(step);
        if step.get("for_each").is_some() {
            self.names.leave_each();
        }
    }

    /// Only single acts are repeated.
    fn repeated(&mut self, step: &Node) {
        let Some((id, at)) = literal(step.get("repeat")) else { return };
        let action = self.ids.get(id).and_then(|named| fit::action(named.step)).unwrap_or_default();
        let holds = self.ids.get(id).is_some_and(|named| inner_steps(named.step).is_some());
        if holds || ["use", "repeat"].contains(&action) {
            let title = format!("the step `{id}` is a `{action}`, which is not repeated");
            self.push("scn::unknown-step", at, title).help =
                Some("repeat a step that does something itself".to_owned());
        }
    }

    /// What the file says about its steps as a whole.
    fn of_file(&mut self, node: &'a Node) {
        if let Some(invariants) = node.get("invariants") {
            self.texts(invariants);
            let mut since = Vec::new();
            matchers::expectations(invariants, &mut since, self.findings);
            fit::invariants(invariants, self.findings);
            judgement::asks("invariants", invariants, self.findings);
            for (id, at) in since {
                self.step_id(id, at);
            }
        }
        let Some(xfail) = node.get("xfail") else { return };
        if matches!(xfail.kind, Kind::Map(_)) && xfail.get("issue").is_none() {
            let title = "nobody is told where this expected failure is followed up";
            let finding = Finding::warning("scn::xfail-no-issue", xfail.at.clone(), title);
            self.findings.push(finding.help("add `issue:` with an address, or a number in quotes"));
        }
        for step in xfail.get("steps").map_or(&[][..], Node::elements) {
            if let Some((id, at)) = literal(Some(step)) {
                self.step_id(id, at);
            }
        }
    }

    fn texts(&mut self, node: &Node) {
        node.each_text(&mut |text, at| self.names.check(text, at, self.findings));
    }

    fn one_action(&mut self, step: &Node) {
        let mut actions =
            step.entries().iter().filter(|(key, _)| ACTIONS.contains(&key.text.as_str()));
        let Some((first, _)) = actions.next() else {
            // An action written wrongly is reported as an unknown key.
            if step.entries().iter().all(|(key, _)| Step::KEYS.contains(&key.text.as_str())) {
                self.push("scn::one-action", &step.at, "this step has no action").help = Some(
                    "a step has exactly one action, such as join, token, http, run, admin, clock \
                     or check"
                        .to_owned(),
                );
            }
            return;
        };
        for (key, _) in actions {
            let title = format!("`{}` is a second action in this step", key.text);
            let finding = self.push("scn::one-action", &key.at, title);
            finding.help = Some("a step has exactly one action: make two steps".to_owned());
            finding.also = Some((first.at.clone(), "the first action".to_owned()));
        }
    }

    fn context(&mut self, step: &Node, machine: Option<&str>) {
        self.of_world("machines", "machine", step.get("machine"));
        self.of_world("users", "user", step.get("user"));
        for key in ["expect", "check"] {
            let Some(expect) = step.get(key) else { continue };
            for part in expect.elements().iter().chain(std::iter::once(expect)) {
                self.of_world("machines", "machine", part.get("machine"));
            }
        }
        let Some((name, at)) = literal(step.get("windows_user")) else { return };
        let Some(world) = self.world else { return };
        let users = machine
            .and_then(|machine| world.machines.get(machine))
            .and_then(|machine| machine.windows_users.as_ref());
        let Some(users) = users else { return };
        let users: Option<Vec<&String>> = users.iter().map(|user| user.literal()).collect();
        let Some(users) = users.filter(|users| !users.iter().any(|user| *user == name)) else {
            return;
        };
        let machine = machine.unwrap_or_default();
        self.push("scn::unknown-user", at, format!("`{machine}` has no Windows user `{name}`"))
            .help = did_you_mean(name, users.iter().map(|user| user.as_str()));
    }

    /// Checks that a plain id is one of those under a key of the world.
    fn of_world(&mut self, key: &str, kind: &str, node: Option<&Node>) {
        let (Some(world), Some((name, at))) = (self.world, literal(node)) else { return };
        if world.ids(key).any(|id| id == name) {
            return;
        }
        let users = world.node.get("users").map_or(&[][..], Node::entries);
        let by_upn = users
            .iter()
            .find(|(_, user)| user.get("upn").and_then(Node::text) == Some(name))
            .filter(|_| key == "users")
            .map(|(id, _)| format!("users stand here by their id: `{}`", id.text));
        let ids: Vec<&str> = world.ids(key).collect();
        let help = by_upn.or_else(|| did_you_mean(name, ids.iter().copied()));
        let code = match kind {
            "machine" => "scn::unknown-machine",
            "user" => "scn::unknown-user",
            _ => "scn::unknown-app",
        };
        let title = format!("no {kind} is called `{name}`");
        let finding = self.push(code, at, title);
        finding.label = Some(format!("unknown {kind}"));
        finding.help = help;
    }

    fn on_machine(&mut self, step: &Node, known: bool) {
        let action = step.entries().iter().find(|(key, value)| match key.text.as_str() {
            "token" => value.get("flow").is_none_or(|flow| flow.text() == Some("prt")),
            name => ON_MACHINE.contains(&name),
        });
        if let Some((key, _)) = action.filter(|_| !known) {
            let title = format!("`{}` happens on a machine, and this step names none", key.text);
            self.push("scn::no-machine", &key.at, title).help =
                Some("add `machine:` with the id of one of the world's machines".to_owned());
        }
    }

    fn step_id(&mut self, id: &str, at: &Span) {
        if ["step", "start"].contains(&id) || Template::is_needed(id) {
            return;
        }
        match self.ids.get(id).copied() {
            Some(named) if named.passed => {}
            Some(named) => {
                let place = (named.at.clone(), "it is this step".to_owned());
                self.push("scn::unknown-step", at, format!("the step `{id}` has not run before"))
                    .also = Some(place);
            }
            None => {
                let help = did_you_mean(id, self.ids.keys().copied());
                self.push("scn::unknown-step", at, format!("no step has the id `{id}`")).help =
                    help;
            }
        }
    }

    fn action(&mut self, step: &Node) {
        let eventually = step.entries().iter().find(|(key, _)| key.text == "eventually");
        let action = step.entries().iter().find(|(k, _)| NOT_IDEMPOTENT.contains(&k.text.as_str()));
        if let (Some((key, _)), Some((action, _))) = (eventually, action) {
            let title = format!("`eventually` repeats `{}`, which changes something", action.text);
            self.findings.push(
                Finding::warning("scn::repeated-action", key.at.clone(), title)
                    .help("do it once, and put `eventually` on a step that only looks"),
            );
        }
        if let Some(token) = step.get("token") {
            self.token(token);
        }
        if let Some(http) = step.get("http") {
            self.of_world("machines", "machine", http.get("from"));
            self.exactly_one(
                http,
                &["get", "post", "put", "patch", "delete", "head", "options"],
                HttpAction::KEYS,
                "a request has exactly one method",
            );
        }
        if let Some(clock) = step.get("clock") {
            self.exactly_one(
                clock,
                &["advance", "set", "mode"],
                ClockAction::KEYS,
                "`clock` does one of these",
            );
        }
        if let Some(admin) = step.get("admin") {
            let all = AdminAction::KEYS;
            self.exactly_one(admin, all, all, "`admin` does exactly one thing");
            for key in ["disable_user", "enable_user", "delete_user"] {
                if literal(admin.get(key)).is_some_and(|(n, _)| !n.contains('@') && !is_guid(n)) {
                    self.of_world("users", "user", admin.get(key));
                }
            }
        }
    }

    fn token(&mut self, token: &Node) {
        self.exactly_one(
            token,
            &["resource", "scope"],
            TokenAction::KEYS,
            "a token is for either a resource or a scope",
        );
        let resources: Vec<&str> = RESOURCES.iter().map(|(name, _)| *name).collect();
        for (key, words) in [("resource", &resources[..]), ("client", &CLIENTS[..])] {
            let (Some(world), Some((name, at))) = (self.world, literal(token.get(key))) else {
                continue;
            };
            let known: Vec<&str> = world.ids("apps").chain(words.iter().copied()).collect();
            if known.contains(&name) || name.contains(':') || is_guid(name) {
                continue;
            }
            let help = suggest::help(name, known.iter().copied());
            self.push("scn::unknown-app", at, format!("no app is called `{name}`")).help = help;
        }
    }

    fn exactly_one(&mut self, node: &Node, keys: &[&str], all: &[&str], rule: &str) {
        if !matches!(node.kind, Kind::Map(_)) {
            return;
        }
        let mut found = node.entries().iter().filter(|(key, _)| keys.contains(&key.text.as_str()));
        let help = Some(format!("one of: {}", keys.join(", ")));
        match (found.next(), found.next()) {
            // A misspelt one is reported as an unknown key already.
            (None, _) if node.entries().iter().all(|(k, _)| all.contains(&k.text.as_str())) => {
                self.push("scn::missing-key", &node.at, rule).help = help;
            }
            (Some(_), Some((second, _))) => {
                self.push("scn::one-of", &second.at, rule).help = help;
            }
            _ => {}
        }
    }

    fn run(&mut self, run: &'a Node) {
        if !matches!(run.kind, Kind::Map(_)) {
            return;
        }
        let key = |name: &str| run.entries().iter().find(|(key, _)| key.text == name);
        let ways = ["argv", "sh", "wait", "stop"];
        let mut found = ways.iter().filter_map(|way| key(way)).collect::<Vec<_>>();
        found.sort_by_key(|(key, _)| (key.at.line, key.at.column));
        if let [_, (second, _), ..] = found.as_slice() {
            let title = "`run` takes one of `argv`, `sh`, `wait` and `stop`";
            self.push("scn::one-of", &second.at, title);
        }
        if found.is_empty() {
            self.push("scn::missing-key", &run.at, "`run` needs `argv`, `sh`, `wait` or `stop`");
        }
        if let Some((key, list)) = key("argv")
            && list.kind == Kind::List(Vec::new())
        {
            self.push("scn::missing-key", &key.at, "`argv` names no command");
        }
        for (name, other) in [("ready_when", "background"), ("signal", "stop")] {
            if let (Some((at, _)), None) = (key(name), key(other)) {
                let title = format!("`{name}` says something only beside `{other}`");
                self.push("scn::missing-key", &at.at, title);
            }
        }
        if let Some(ready) = run.get("ready_when") {
            let signs = ["port", "http", "stdout"];
            self.exactly_one(ready, &signs, &signs, "a command is ready by exactly one sign");
        }
        for way in ["wait", "stop"] {
            let Some((name, at)) = literal(run.get(way)) else { continue };
            // Nothing is known of a name that is made up while the steps run.
            if !self.background.iter().any(|known| *known == name || Template::is_needed(known)) {
                let help = did_you_mean(name, self.background.iter().copied());
                let title = format!("no step before this one runs `{name}` in the background");
                self.push("scn::unknown-background", at, title).help = help;
            }
        }
        self.background.extend(run.get("background").and_then(Node::text));
    }

    fn use_file(&mut self, named: &'a Node) {
        let Some((name, at)) = literal(named.get("file")) else { return };
        let Some(file) = self.actions.get(&self.project.action_path(name, at.path())) else {
            return;
        };
        let params = params(file);
        let given = named.get("with").map_or(&[][..], Node::entries);
        for (key, _) in given {
            if !params.iter().any(|(param, ..)| *param == key.text) {
                let help = did_you_mean(&key.text, params.iter().map(|(param, ..)| *param));
                let title = format!("`{name}` has no parameter `{}`", key.text);
                self.push("scn::unknown-key", &key.at, title).help = help;
            }
        }
        for (param, _, optional) in &params {
            if !optional && !given.iter().any(|(key, _)| key.text == *param) {
                let title = format!("the parameter `{param}` of `{name}` is missing");
                self.push("scn::missing-key", at, title);
            }
        }
        for returned in file.get("returns").map_or(&[][..], Node::elements) {
            if let Some(text) = returned.text() {
                self.names.capture(text, at, self.findings);
                // What comes back is an offer, not a promise to use it.
                self.names.use_capture(text);
            }
        }
    }

    fn captures(&mut self, step: &Node) {
        let Some(capture) = step.get("capture") else { return };
        for (key, value) in capture.entries() {
            self.names.check(&key.text, &key.at, self.findings);
            let from = value.get("from").unwrap_or(value);
            if let Some(text) = from.text() {
                self.names.check(text, &from.at, self.findings);
                let plain = !Template::is_needed(text);
                if plain && let Err(error) = CaptureSource::parse(text) {
                    let finding = Finding::error(error.code, from.at.clone(), error.title);
                    self.findings.push(finding.maybe_help(error.help));
                }
            }
        }
        for (key, _) in capture.entries() {
            self.names.capture(&key.text, &key.at, self.findings);
        }
    }
}

/// The text of a node without references.
fn literal(node: Option<&Node>) -> Option<(&str, &Span)> {
    let node = node?;
    node.text().filter(|text| !Template::is_needed(text)).map(|text| (text, &node.at))
}

fn is_guid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12]
}
