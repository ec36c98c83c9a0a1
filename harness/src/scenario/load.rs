//! A scenario file with all that it uses: its world and its action files, read and looked over.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::decode::FromNode;
use super::finding::{Finding, Severity, Span};
use super::lint;
use super::model::{ActionFile, ScenarioFile, Step, UseAction, find_step};
use super::node::{Kind, Node};
use super::project::{Project, check_version};
use super::rows::{Row, rows};
use super::world::{World, read_world};

/// What came of a file.
#[derive(Debug)]
pub struct Loaded {
    /// The scenario, when all of it could be read; errors among the findings still forbid to run it.
    pub scenario: Option<Scenario>,
    /// What there is to say, in the order of the file.
    pub findings: Vec<Finding>,
}

impl Loaded {
    /// The scenario, unless an error forbids to run it.
    pub fn runnable(&self) -> Option<&Scenario> {
        self.scenario.as_ref().filter(|_| !self.findings.iter().any(Finding::is_error))
    }

    /// How many errors and warnings there are.
    pub fn counts(&self) -> (usize, usize) {
        let errors = self.findings.iter().filter(|f| f.severity == Severity::Error).count();
        (errors, self.findings.len() - errors)
    }
}

/// A scenario, ready to be run.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The path it was read from.
    pub path: PathBuf,
    /// What the file says.
    pub file: ScenarioFile,
    /// The same as a tree, for excerpts.
    pub node: Node,
    /// Its world, merged. Empty when the file has none.
    pub world: World,
    /// The action files that it uses, directly or not, by path.
    pub actions: BTreeMap<PathBuf, ActionFile>,
    actions_folder: PathBuf,
}

impl Scenario {
    /// The stable identity.
    pub fn id(&self) -> &str {
        &self.file.id
    }

    /// The FAQ cases that it proves.
    pub fn faq(&self) -> &[String] {
        self.file.faq.as_deref().unwrap_or_default()
    }

    /// The rows of the table and the combinations of the matrix; one without values when there is neither.
    pub fn rows(&self) -> Vec<Row> {
        rows(&self.node).into_iter().map(|(row, _)| row).collect()
    }

    /// The step with an id, in the body or in the teardown.
    pub fn step(&self, id: &str) -> Option<&Step> {
        find_step(self.steps(), id).or_else(|| find_step(self.always(), id))
    }

    /// The body.
    pub fn steps(&self) -> &[Step] {
        self.file.steps.as_deref().unwrap_or_default()
    }

    /// The teardown.
    pub fn always(&self) -> &[Step] {
        self.file.always.as_deref().unwrap_or_default()
    }

    /// The file that a `use` step names.
    pub fn action_file(&self, action: &UseAction) -> Option<&ActionFile> {
        let project = Project {
            worlds: PathBuf::new(),
            actions: self.actions_folder.clone(),
            read: &|_| Err(std::io::ErrorKind::Unsupported.into()),
        };
        self.actions.get(&project.action_path(&action.file.name, action.file.at.path()))
    }
}

/// Reads a scenario file, its world and its action files, and looks for mistakes in all of them.
pub fn load(path: &Path, project: &Project<'_>) -> Loaded {
    let mut findings = Vec::new();
    let scenario = load_into(path, project, &mut findings);
    lint::sort(&mut findings);
    Loaded { scenario, findings }
}

fn load_into(path: &Path, project: &Project<'_>, findings: &mut Vec<Finding>) -> Option<Scenario> {
    let node = project.open(path, None, findings)?;
    if node.is_null() {
        let finding = Finding::error("scn::wrong-type", node.at.clone(), "the file is empty");
        findings.push(
            finding.help("a scenario begins with `linarite: 1` and has `id`, `world` and `steps`"),
        );
        return None;
    }
    check_version(&node, true, findings);
    let file = ScenarioFile::from_node(&node, findings);
    if !matches!(node.kind, Kind::Map(_)) {
        return None;
    }
    let world = match node.get("world") {
        Some(own) => read_world(own, project, findings),
        None => read_world(
            &Node { kind: Kind::Map(Vec::new()), at: node.at.clone() },
            project,
            findings,
        ),
    };
    let mut opened = BTreeMap::new();
    for key in ["steps", "always"] {
        if let Some(steps) = node.get(key) {
            open_actions(steps, project, &mut Vec::new(), &mut opened, findings);
        }
    }
    let mut actions = BTreeMap::new();
    let mut complete = true;
    for (path, node) in &opened {
        match ActionFile::from_node(node, findings) {
            Some(file) => drop(actions.insert(path.clone(), file)),
            None => complete = false,
        }
    }
    lint::scenario(&node, path, world.as_ref(), &opened, project, findings);
    let (Some(file), Some(world), true) = (file, world, complete) else { return None };
    Some(Scenario {
        path: path.to_owned(),
        file,
        node,
        world,
        actions,
        actions_folder: project.actions.clone(),
    })
}

/// Reads an action file for its own sake. Who uses it may name machines and users, so that little is known of those.
pub fn load_action(path: &Path, project: &Project<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(node) = project.open(path, None, &mut findings) {
        check_version(&node, true, &mut findings);
        let _read = ActionFile::from_node(&node, &mut findings);
        let mut opened = BTreeMap::new();
        if let Some(steps) = node.get("steps") {
            let mut above = vec![path.to_owned()];
            open_actions(steps, project, &mut above, &mut opened, &mut findings);
        }
        lint::action_only(&node, &opened, project, &mut findings);
    }
    lint::sort(&mut findings);
    findings
}

/// The steps inside a step, of a `sequence` or of a `fault` that runs meanwhile.
pub(crate) fn inner_steps(step: &Node) -> Option<&Node> {
    step.get("sequence").or_else(|| step.get("fault")?.get("steps"))
}

/// Opens the action files that steps name, and those that they name.
fn open_actions(
    steps: &Node,
    project: &Project<'_>,
    above: &mut Vec<PathBuf>,
    opened: &mut BTreeMap<PathBuf, Node>,
    findings: &mut Vec<Finding>,
) {
    for step in steps.elements() {
        if let Some(inner) = inner_steps(step) {
            open_actions(inner, project, above, opened, findings);
        }
        let named = step.get("use").and_then(|action| action.get("file"));
        let Some((name, at)) = named.and_then(|node| Some((node.text()?, &node.at))) else {
            continue;
        };
        let path = project.action_path(name, at.path());
        if above.contains(&path) {
            findings.push(circle(at));
            continue;
        }
        if opened.contains_key(&path) {
            continue;
        }
        let Some(node) = project.open(&path, Some(at), findings) else { continue };
        check_version(&node, true, findings);
        if let Some(inner) = node.get("steps") {
            above.push(path.clone());
            open_actions(inner, project, above, opened, findings);
            above.pop();
        }
        opened.insert(path, node);
    }
}

fn circle(at: &Span) -> Finding {
    Finding::error("scn::circular-use", at.clone(), "this action file uses itself")
}
