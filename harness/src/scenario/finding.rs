//! Positions in source files, and findings: what is wrong, where, and what to do about it.
//!
//! A finding carries its source text, so that it can be printed long after the files were read.
//! Leaves out: SARIF and GitHub renderings (they belong to `report/`), and automatic fixes.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// One file that was read: its path as it was named, and its text.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// The path as the caller or the `use:` key named it.
    pub path: PathBuf,
    /// The whole text.
    pub text: String,
}

impl Source {
    /// The text of one line (1-based), without its line end.
    pub fn line(&self, line: u32) -> Option<&str> {
        self.text.lines().nth(usize::try_from(line).ok()?.checked_sub(1)?)
    }
}

/// A place in a source file.
#[derive(Clone)]
pub struct Span {
    /// The file.
    pub source: Arc<Source>,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// First byte in the text.
    pub start: u32,
    /// The byte after the last one.
    pub end: u32,
}

impl Span {
    /// The bytes of the text that this span covers, on character boundaries and inside the text.
    pub fn bytes(&self) -> Range<usize> {
        let text = &self.source.text;
        let floor = |at: u32| {
            let mut at = (at as usize).min(text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let start = floor(self.start);
        start..floor(self.end).max(start)
    }

    /// The text that this span covers.
    pub fn text(&self) -> &str {
        self.source.text.get(self.bytes()).unwrap_or_default()
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.source.path
    }

    /// The span of a part of this one, `start..end` in bytes from its beginning. A part that does
    /// not lie on one line of the span (block scalars, quotes with escapes) gives the whole span.
    #[must_use]
    pub fn part(&self, range: Range<usize>) -> Self {
        let whole = self.text();
        let Some(before) = whole.get(..range.start) else { return self.clone() };
        if before.contains('\n') || whole.get(range.clone()).is_none() || range.is_empty() {
            return self.clone();
        }
        let to_u32 = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let mut part = self.clone();
        part.column = self.column.saturating_add(to_u32(before.chars().count()));
        part.start = self.start.saturating_add(to_u32(range.start));
        part.end = self.start.saturating_add(to_u32(range.end));
        part
    }

    /// A span for the byte range `start..end` of a source, its line and column counted.
    pub fn of(source: &Arc<Source>, start: usize, end: usize) -> Self {
        let to_u32 = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let before = source.text.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before.get(line_start..).unwrap_or_default().chars().count();
        Self {
            source: Arc::clone(source),
            line: to_u32(before.matches('\n').count() + 1),
            column: to_u32(column + 1),
            start: to_u32(start),
            end: to_u32(end),
        }
    }

    /// A span for a value that no file holds, such as an override given on the command line.
    pub fn nowhere() -> Self {
        let source = Source { path: PathBuf::from("(no file)"), text: String::new() };
        Self { source: Arc::new(source), line: 1, column: 1, start: 0, end: 0 }
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.source.path.display(), self.line, self.column)
    }
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file can be run.
    Warning,
    /// The file cannot be run: exit code 3.
    Error,
}

/// One thing to say about a file.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The stable name of the rule, for `linarite explain`: `scn::unknown-key`.
    pub code: &'static str,
    /// Error or warning.
    pub severity: Severity,
    /// What is wrong, in a few words.
    pub title: String,
    /// Where.
    pub at: Span,
    /// A few words under the marked place.
    pub label: Option<String>,
    /// What to do.
    pub help: Option<String>,
    /// Another place that belongs to it, and what it is.
    pub also: Option<(Span, String)>,
}

impl Finding {
    /// An error.
    pub fn error(code: &'static str, at: Span, title: impl Into<String>) -> Self {
        let title = clipped(title.into());
        Self { code, severity: Severity::Error, title, at, label: None, help: None, also: None }
    }

    /// A warning.
    pub fn warning(code: &'static str, at: Span, title: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, at, title) }
    }

    /// The finding with a few words under the marked place.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(clipped(label.into()));
        self
    }

    /// The finding with advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(clipped(help.into()));
        self
    }

    /// The finding with advice, when there is some.
    #[must_use]
    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.map(clipped).or(self.help);
        self
    }

    /// The finding with another place that belongs to it.
    #[must_use]
    pub fn also(mut self, at: Span, words: impl Into<String>) -> Self {
        self.also = Some((at, words.into()));
        self
    }

    /// Whether it keeps the file from running.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.at.source.path
    }

    /// The line, from 1.
    pub fn line(&self) -> u32 {
        self.at.line
    }

    /// The column in characters, from 1.
    pub fn column(&self) -> u32 {
        self.at.column
    }

    /// The finding as a block of text with the source excerpt, as compilers print it. Ends without
    /// a line end. Without colour it holds no escape sequence, whatever the file holds.
    pub fn render(&self, color: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let path = self.at.source.path.display().to_string();
        let here = Excerpt::of(&self.at);
        let mut annotation = AnnotationKind::Primary.span(here.marked.clone());
        if let Some(label) = &self.label {
            annotation = annotation.label(label);
        }
        let mut snippet = here.snippet(&path).annotation(annotation);
        let mut other = None;
        if let Some((at, words)) = &self.also {
            let there = Excerpt::of(at);
            let same = Arc::ptr_eq(&at.source, &self.at.source);
            if same && here.whole && there.whole {
                snippet = snippet
                    .annotation(AnnotationKind::Context.span(at.bytes()).label(words.as_str()));
            } else {
                other = Some((there, words, at.source.path.display().to_string()));
            }
        }
        let mut group: Group<'_> = level.primary_title(&self.title).id(self.code).element(snippet);
        if let Some((there, words, path)) = &other {
            let annotation = AnnotationKind::Context.span(there.marked.clone());
            group = group.element(there.snippet(path).annotation(annotation.label(words.as_str())));
        }
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help));
        }
        let renderer = if color {
            Renderer::styled().decor_style(DecorStyle::Unicode)
        } else {
            Renderer::plain().decor_style(DecorStyle::Ascii)
        };
        renderer.render(&[group])
    }
}

/// Characters of a sentence about a file at most: a name in it may be as long as the file.
const LONGEST: usize = 400;

/// Bytes of a line that are shown as they are.
const LINE: usize = 400;

fn clipped(mut text: String) -> String {
    if let Some((at, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(at);
        text.push_str(" ...");
    }
    text
}

/// The text around a place, and what is marked in it: the whole file, or a part of a line that is too long to be shown.
struct Excerpt<'a> {
    text: &'a str,
    marked: Range<usize>,
    /// The number of the text's first line.
    line: u32,
    /// Whether the text is the whole file.
    whole: bool,
}

impl<'a> Excerpt<'a> {
    fn of(at: &'a Span) -> Self {
        let text = at.source.text.as_str();
        let marked = at.bytes();
        let start = text.get(..marked.start).and_then(|t| t.rfind('\n')).map_or(0, |at| at + 1);
        let rest = text.get(start..).unwrap_or_default();
        let end = start + rest.find('\n').unwrap_or(rest.len());
        if end - start <= LINE && marked.len() <= LINE {
            return Self { text, marked, line: 1, whole: true };
        }
        let floor = |mut at: usize| {
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let from = floor(start.max(marked.start.saturating_sub(LINE / 2)));
        let to = floor(end.min(marked.start + LINE / 2)).max(from);
        let marked = marked.start - from..marked.end.min(to).max(marked.start) - from;
        Self { text: text.get(from..to).unwrap_or_default(), marked, line: at.line, whole: false }
    }

    fn snippet<'b, T: Clone>(&'b self, path: &'b str) -> Snippet<'b, T> {
        let line = usize::try_from(self.line).unwrap_or(1);
        Snippet::source(self.text).line_start(line).path(path).fold(true)
    }
}
