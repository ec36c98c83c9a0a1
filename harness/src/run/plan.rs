//! From paths to instances: find the files, read them, expand tables, choose by tags, derive seeds.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use linarite_server::clock::Instant;
use linarite_server::entropy::secret_of;
use linarite_server::keys::encoding::to_hex;
use serde_json::{Map, Value};

use super::events::Name;
use crate::scenario::decode::Entries;
use crate::scenario::finding::Span;
use crate::scenario::{
    Finding, Loaded, NotText, Project, Row, Scenario, load, load_action, load_world,
};

/// One scenario, or one row of its table, to be run in a world of its own.
#[derive(Clone, Debug)]
pub struct Instance {
    /// The scenario.
    pub scenario: Arc<Scenario>,
    /// The row.
    pub row: Row,
    /// Seed of its world.
    pub seed: u64,
}

impl Instance {
    /// Its name in reports.
    pub fn name(&self) -> Name {
        Name { id: self.scenario.id().to_owned(), row: self.row.case.clone() }
    }

    /// Its name where only letters, digits and `._-` may stand: in names of files and of worlds. Names that differ in other
    /// characters stay apart by some digits of what they really are.
    pub fn slug(&self) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
        let name = self.name();
        let clean: String = name.to_string().chars().map(plain).collect();
        let own = name.row.unwrap_or_default();
        if own.chars().all(|c| plain(c) == c) {
            return clean;
        }
        let digits = secret_of(0, "case", &own);
        format!("{clean}{}", to_hex(digits.get(..4).unwrap_or_default()))
    }

    /// What it needs of this machine.
    pub(crate) fn needs(&self) -> Result<Vec<String>, Box<Finding>> {
        let scope = plain_scope(&self.scenario, &self.row);
        let needs = self.scenario.file.needs.iter().flatten().map(|need| need.resolve(&scope));
        needs.filter(|need| !matches!(need, Ok(need) if need.is_empty())).collect()
    }
}

/// The scenario files below these paths, in order of their names, each once. A path that is a file is taken whatever it is
/// called.
pub fn find(paths: &[PathBuf]) -> Result<Vec<PathBuf>, (PathBuf, io::Error)> {
    let mut search = Search::default();
    for path in paths {
        let looked = if path.is_dir() {
            search.below(path)
        } else {
            std::fs::metadata(path).map(|_| search.take(path.clone()))
        };
        looked.map_err(|error| (path.clone(), error))?;
    }
    Ok(search.found)
}

/// Files that were found, and what was looked at, by the place where it really is: links may lead to one place by many ways.
#[derive(Default)]
struct Search {
    found: Vec<PathBuf>,
    seen: BTreeSet<PathBuf>,
}

impl Search {
    fn is_new(&mut self, path: &Path) -> bool {
        // What cannot be looked up is read later, and reported then.
        let place = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        self.seen.insert(place)
    }

    fn take(&mut self, file: PathBuf) {
        if self.is_new(&file) {
            self.found.push(file);
        }
    }

    fn below(&mut self, folder: &Path) -> io::Result<()> {
        if !self.is_new(folder) {
            return Ok(());
        }
        let entries = std::fs::read_dir(folder)?.map(|e| e.map(|e| e.path()));
        let mut entries = entries.collect::<io::Result<Vec<_>>>()?;
        entries.sort();
        for path in entries {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_dir() {
                self.below(&path)?;
            } else if name.ends_with(".scenario.yaml") || name.ends_with(".lab.yaml") {
                self.take(path);
            }
        }
        Ok(())
    }
}

/// Reads scenario files. Names of worlds and actions are looked up below the working folder.
pub fn read(paths: &[PathBuf]) -> Vec<Loaded> {
    let reader = |path: &Path| read_file(path);
    let project = Project::at(Path::new(""), &reader);
    let mut all: Vec<Loaded> = paths
        .iter()
        .map(|path| match Other::of(path) {
            None => load(path, &project),
            Some(other) => Loaded { scenario: None, findings: other.findings(path, &project) },
        })
        .collect();
    all.iter_mut().for_each(check_world);
    check_ids(&mut all);
    all
}

/// A file that scenarios use and that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Other {
    /// A world.
    World,
    /// An action file.
    Action,
}

impl Other {
    /// What a path is called, when it is not called a scenario.
    pub fn of(path: &Path) -> Option<Self> {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.ends_with(".world.yaml") {
            return Some(Self::World);
        }
        name.ends_with(".action.yaml").then_some(Self::Action)
    }

    fn findings(self, path: &Path, project: &Project<'_>) -> Vec<Finding> {
        if self == Self::Action {
            return load_action(path, project);
        }
        let (world, mut findings) = load_world(path, project);
        let document = world.as_ref().and_then(|world| Some((world, world.value(&()).ok()?)));
        if let Some((world, document)) = document.filter(|_| findings.is_empty()) {
            let problems = linarite_server::world::plan(&document, 0, Instant::from_millis(0));
            let problems = problems.err().into_iter().flatten();
            findings
                .extend(problems.map(|problem| world.finding(&problem.pointer, &problem.message)));
        }
        findings
    }
}

/// Reports ids that two files have: reports and worlds are told apart by them.
fn check_ids(all: &mut [Loaded]) {
    let mut first: BTreeMap<String, Span> = BTreeMap::new();
    for loaded in all {
        let Some(scenario) = &loaded.scenario else { continue };
        let at = scenario.node.get("id").map_or(&scenario.node.at, |id| &id.at).clone();
        if let Some(other) = first.get(scenario.id()) {
            let path = other.path().display();
            let title = format!("the id `{}` is that of {path} too", scenario.id());
            let finding = Finding::error("scn::duplicate-id", at, title);
            loaded.findings.push(finding.help("ids are unique among the files of a run"));
        } else {
            first.insert(scenario.id().to_owned(), at);
        }
    }
}

/// Adds what the server's own reader says of a scenario's world and faults, for each row that makes another one of them.
fn check_world(loaded: &mut Loaded) {
    let Some(scenario) = loaded.runnable() else { return };
    if scenario.node.get("world").is_none() {
        let at = scenario.node.at.clone();
        let finding = Finding::error("scn::missing-key", at, "there is no `world`");
        let help = "`world: { use: contoso }` is the one that every linarite brings along";
        loaded.findings.push(finding.help(help));
        return;
    }
    let mut found = Vec::new();
    let mut seen: Vec<Value> = Vec::new();
    for row in scenario.rows() {
        let scope = plain_scope(scenario, &row);
        if seen.is_empty() {
            super::faults::check(scenario, &scope, &mut found);
        }
        match scenario.world.value(&scope) {
            Ok(document) if seen.contains(&document) => {}
            Ok(document) => {
                let problems = linarite_server::world::plan(&document, 0, Instant::from_millis(0));
                for problem in problems.err().into_iter().flatten() {
                    found.push(scenario.world.finding(&problem.pointer, &problem.message));
                }
                seen.push(document);
            }
            Err(finding) => found.push(*finding),
        }
        if !found.is_empty() {
            break;
        }
    }
    loaded.findings.extend(found);
}

/// What references in a world may use before it runs: the row and the constants.
pub(crate) fn plain_scope(scenario: &Scenario, row: &Row) -> Map<String, Value> {
    let mut scope = Map::new();
    scope.insert("row".to_owned(), Value::Object(row.values.clone()));
    for (name, node) in scenario.file.vars.iter().flat_map(Entries::iter) {
        scope.insert(name.to_owned(), node.to_json());
    }
    scope
}

/// Files longer than this are no scenarios.
const LONGEST: u64 = 4 << 20;

/// The world that every linarite carries with it, for folders that have no copy of their own.
const CONTOSO: (&str, &str) = (
    "fixtures/worlds/contoso.world.yaml",
    include_str!("../../../fixtures/worlds/contoso.world.yaml"),
);

/// Reads a scenario, world or action file.
pub fn read_file(path: &Path) -> io::Result<String> {
    match std::fs::metadata(path) {
        // Opening a pipe would wait for somebody to write to it.
        Ok(data) if !data.is_file() => {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && path == Path::new(CONTOSO.0) => {
            return Ok(CONTOSO.1.to_owned());
        }
        Ok(_) | Err(_) => {}
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(LONGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the file is over 4 MiB"));
    }
    String::from_utf8(bytes).map_err(NotText::error)
}

/// Which scenarios are wanted, by their tags: a term with `and`, `or`, `not` and brackets; `not` binds tightest.
#[derive(Clone, Debug)]
pub enum Tags {
    /// The scenario has this tag.
    Has(String),
    /// The term does not hold.
    Not(Box<Self>),
    /// Both hold.
    And(Box<Self>, Box<Self>),
    /// One holds.
    Or(Box<Self>, Box<Self>),
}

impl Tags {
    /// Reads a term.
    pub fn parse(text: &str) -> Result<Self, String> {
        let spaced = text.replace('(', " ( ").replace(')', " ) ");
        let words: Vec<&str> = spaced.split_whitespace().collect();
        let (term, rest) = Self::or(&words, 0)?;
        match rest.first() {
            None => Ok(term),
            Some(word) => Err(format!("`{word}` does not fit there; write `a and not (b or c)`")),
        }
    }

    fn or<'a>(words: &'a [&'a str], depth: usize) -> Result<(Self, &'a [&'a str]), String> {
        let (mut left, mut rest) = Self::and(words, depth)?;
        while let Some((&"or", after)) = rest.split_first() {
            let (right, after) = Self::and(after, depth)?;
            (left, rest) = (Self::Or(Box::new(left), Box::new(right)), after);
        }
        Ok((left, rest))
    }

    fn and<'a>(words: &'a [&'a str], depth: usize) -> Result<(Self, &'a [&'a str]), String> {
        let (mut left, mut rest) = Self::not(words, depth)?;
        while let Some((&"and", after)) = rest.split_first() {
            let (right, after) = Self::not(after, depth)?;
            (left, rest) = (Self::And(Box::new(left), Box::new(right)), after);
        }
        Ok((left, rest))
    }

    fn not<'a>(words: &'a [&'a str], depth: usize) -> Result<(Self, &'a [&'a str]), String> {
        if depth > 50 {
            return Err("too many brackets".to_owned());
        }
        match words.split_first() {
            None => Err("a tag is missing at the end".to_owned()),
            Some((&"not", rest)) => {
                let (term, rest) = Self::not(rest, depth + 1)?;
                Ok((Self::Not(Box::new(term)), rest))
            }
            Some((&"(", rest)) => {
                let (term, rest) = Self::or(rest, depth + 1)?;
                match rest.split_first() {
                    Some((&")", rest)) => Ok((term, rest)),
                    _ => Err("a bracket is not closed".to_owned()),
                }
            }
            Some((word, _)) if ["and", "or", ")"].contains(word) => {
                Err(format!("a tag is missing before `{word}`"))
            }
            Some((word, rest)) => Ok((Self::Has((*word).to_owned()), rest)),
        }
    }

    /// Whether the term holds for these tags.
    pub fn holds(&self, tags: &[String]) -> bool {
        match self {
            Self::Has(tag) => tags.iter().any(|have| have == tag),
            Self::Not(term) => !term.holds(tags),
            Self::And(a, b) => a.holds(tags) && b.holds(tags),
            Self::Or(a, b) => a.holds(tags) || b.holds(tags),
        }
    }
}

/// The instances of these scenarios.
pub fn expand(scenarios: Vec<Arc<Scenario>>, run_seed: u64, tags: Option<&Tags>) -> Vec<Instance> {
    let wanted = |scenario: &Arc<Scenario>| {
        tags.is_none_or(|tags| tags.holds(scenario.file.tags.as_deref().unwrap_or_default()))
    };
    let mut instances = Vec::new();
    for scenario in scenarios.into_iter().filter(wanted) {
        for row in scenario.rows() {
            let case = row.case.as_deref().unwrap_or_default();
            let name = format!("{}[{case}]", scenario.id());
            let [a, b, c, d, e, ..] = secret_of(run_seed, "instance", &name);
            let derived = u64::from_be_bytes([0, 0, 0, a, b, c, d, e]);
            let seed = scenario.file.seed.unwrap_or(derived);
            instances.push(Instance { scenario: Arc::clone(&scenario), row, seed });
        }
    }
    instances
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn holds(term: &str, tags: &[&str]) -> bool {
        let tags: Vec<String> = tags.iter().map(|&tag| tag.to_owned()).collect();
        Tags::parse(term).unwrap().holds(&tags)
    }

    #[test]
    fn not_binds_tightest_and_before_or() {
        assert!(holds("faq and not slow", &["faq"]));
        assert!(!holds("faq and not slow", &["faq", "slow"]));
        assert!(holds("a or b and c", &["a"]));
        assert!(!holds("(a or b) and c", &["a"]));
        assert!(holds("not a or b", &["b", "a"]));
    }

    #[test]
    fn a_broken_term_is_told() {
        for term in ["", "a b", "(a", "a and", "or", "not", ")"] {
            assert!(Tags::parse(term).is_err(), "{term}");
        }
    }

    proptest! {
        #[test]
        fn no_term_panics(text in "[ab() ]{0,30}|(not |and |or |\\()*") {
            let _read = Tags::parse(&text);
        }
    }
}
