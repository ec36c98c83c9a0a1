//! Where files are: the folders of a project, and how files are read (the caller does it).

use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::finding::{Finding, Source, Span};
use super::node::{Kind, Node};
use super::{suggest, yaml};

/// The folders that names are looked up in, and the reader of files.
pub struct Project<'a> {
    /// Where `use: NAME` of a world looks for NAME.world.yaml, normally fixtures/worlds.
    pub worlds: PathBuf,
    /// Where `use: {file: NAME}` of a step looks for NAME.action.yaml, normally fixtures/actions.
    pub actions: PathBuf,
    /// Reads a file.
    pub read: &'a (dyn Fn(&Path) -> io::Result<String> + Sync),
}

/// Why a file is no text: what stands before the first byte that is no UTF-8.
#[derive(Debug, thiserror::Error)]
#[error("it is not UTF-8")]
pub struct NotText {
    before: String,
}

impl NotText {
    /// The error that a reader of files gives for bytes that are no text.
    pub fn error(error: std::string::FromUtf8Error) -> io::Error {
        let end = error.utf8_error().valid_up_to();
        let mut bytes = error.into_bytes();
        bytes.truncate(end);
        let before = String::from_utf8(bytes).unwrap_or_default();
        io::Error::new(io::ErrorKind::InvalidData, Self { before })
    }
}

impl<'a> Project<'a> {
    /// The usual folders below a root; an empty root gives relative paths.
    pub fn at(root: &Path, read: &'a (dyn Fn(&Path) -> io::Result<String> + Sync)) -> Self {
        Self { worlds: root.join("fixtures/worlds"), actions: root.join("fixtures/actions"), read }
    }

    /// The path of the world that a file names: `./x` stands beside that file.
    pub fn world_path(&self, name: &str, named_in: &Path) -> PathBuf {
        Self::path(&self.worlds, name, "world", named_in)
    }

    /// The path of the action file that a file names: `./x` stands beside that file.
    pub fn action_path(&self, name: &str, named_in: &Path) -> PathBuf {
        Self::path(&self.actions, name, "action", named_in)
    }

    fn path(folder: &Path, name: &str, kind: &str, named_in: &Path) -> PathBuf {
        if name.starts_with("./") || name.starts_with("../") {
            return normal(&named_in.parent().unwrap_or_else(|| Path::new("")).join(name));
        }
        folder.join(format!("{name}.{kind}.yaml"))
    }

    /// Reads and parses a file. `named_at` is where another file names it.
    pub(crate) fn open(
        &self,
        path: &Path,
        named_at: Option<&Span>,
        findings: &mut Vec<Finding>,
    ) -> Option<Node> {
        match (self.read)(path) {
            Ok(text) => {
                let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
                let source = Arc::new(Source { path: path.to_owned(), text });
                yaml::parse(&source, findings)
            }
            Err(error) => {
                let no_text = error.get_ref().and_then(|inner| inner.downcast_ref::<NotText>());
                if let Some(NotText { before }) = no_text {
                    let source =
                        Arc::new(Source { path: path.to_owned(), text: format!("{before}?") });
                    let at = Span::of(&source, before.len(), before.len() + 1);
                    let title = "the file is not UTF-8 from here on";
                    findings.push(Finding::error("scn::not-text", at, title));
                    return None;
                }
                let source = Arc::new(Source { path: path.to_owned(), text: String::new() });
                let at = named_at.cloned().unwrap_or_else(|| Span::of(&source, 0, 0));
                let title = format!("{} cannot be read: {error}", path.display());
                findings.push(Finding::error("scn::unreadable", at, title));
                None
            }
        }
    }
}

/// A path without `.` and with `..` taken back where that is possible.
fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        let after_name = matches!(out.components().next_back(), Some(Component::Normal(_)));
        if part == Component::ParentDir && after_name {
            out.pop();
        } else if part != Component::CurDir {
            out.push(part);
        }
    }
    out
}

/// Reports a version of the format that this program does not know. `required` files must say it.
pub(crate) fn check_version(node: &Node, required: bool, findings: &mut Vec<Finding>) {
    match node.get("linarite") {
        Some(version) if version.to_json() == 1 => {}
        Some(version) => {
            let title = if let Kind::Number(n) = &version.kind {
                format!("this file needs linarite >= {n}")
            } else {
                "the version of the format is the number 1".to_owned()
            };
            findings.push(
                Finding::error("scn::version", version.at.clone(), title)
                    .help("this program knows version 1 of the format: `linarite: 1`"),
            );
        }
        None if required && matches!(node.kind, Kind::Map(_)) => findings.push(
            Finding::error("scn::version", node.at.clone(), "the version of the format is missing")
                .help("begin the file with `linarite: 1`"),
        ),
        None => {}
    }
}

/// The help line for a name that is not one of those there are.
pub(crate) fn did_you_mean<'a, I>(name: &str, known: I) -> Option<String>
where
    I: IntoIterator<Item = &'a str>,
{
    let known: Vec<_> = known.into_iter().collect();
    suggest::help(name, known.iter().copied())
}
