//! The two layouts of `dsregcmd` (device-registration.md 15): boxed titles of 72 columns, a blank line, fields whose names
//! are aligned at their right end.
//!
//! The modern one aligns all names to column 26. The one of 2017 is narrower, 17 columns in Device State and 19 in User
//! State, as its published sample shows; a section with a longer name is as wide as that name (assumed).

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Which layout a machine's `dsregcmd /status` has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Layout {
    /// Sections for device, tenant, user, single sign-on and diagnostics, as Windows prints since 1803.
    #[default]
    #[serde(rename = "modern")]
    Modern,
    /// One section for the device and one for the user, without diagnostics, as Windows printed in 2017.
    #[serde(rename = "2017")]
    Of2017,
}

impl Layout {
    /// The name in scenario files: `modern` or `2017`.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Modern => "modern",
            Self::Of2017 => "2017",
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.key())
    }
}

/// A name that is no layout.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no layout of dsregcmd: modern or 2017")]
pub struct UnknownLayout(String);

impl FromStr for Layout {
    type Err = UnknownLayout;

    fn from_str(text: &str) -> Result<Self, UnknownLayout> {
        [Self::Modern, Self::Of2017]
            .into_iter()
            .find(|layout| layout.key() == text)
            .ok_or_else(|| UnknownLayout(text.to_owned()))
    }
}

/// What stands between the corners of a box.
const INNER: usize = 70;

/// Where the names of the modern layout end.
const COLUMN: usize = 26;

/// One boxed section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section {
    title: String,
    column: usize,
    /// A field, or nothing for a blank line.
    lines: Vec<Option<(String, String)>>,
}

impl Section {
    pub(super) fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), column: COLUMN, lines: Vec::new() }
    }

    /// A section whose names end at another column.
    pub(super) fn narrow(title: impl Into<String>, column: usize) -> Self {
        Self { column, ..Self::new(title) }
    }

    pub(super) fn field(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        debug_assert!(
            super::names::is_field(name.trim_end_matches(':')),
            "`{name}` is missing in dsregcmd/names.rs"
        );
        self.lines.push(Some((name.to_owned(), value.into())));
        self
    }

    pub(super) fn yes_no(&mut self, name: &str, value: bool) -> &mut Self {
        self.field(name, if value { "YES" } else { "NO" })
    }

    pub(super) fn blank(&mut self) -> &mut Self {
        self.lines.push(None);
        self
    }

    fn fields(&self) -> impl Iterator<Item = &(String, String)> {
        self.lines.iter().flatten()
    }

    fn printed(&self) -> impl Iterator<Item = String> {
        let longest = self.fields().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        let column = if self.column == COLUMN { COLUMN } else { self.column.max(longest) };
        self.lines.iter().map(move |line| {
            line.as_ref().map_or_else(String::new, |(name, value)| line_at(column, name, value))
        })
    }
}

fn line_at(column: usize, name: &str, value: &str) -> String {
    format!("{name:>column$} : {value}").trim_end().to_owned()
}

/// One field as the modern layout prints it, without a line end.
pub(super) fn field_line(name: &str, value: &str) -> String {
    line_at(COLUMN, name, value)
}

/// The sections as the tool prints them, and what it prints under them. Lines end with LF.
pub(super) fn print(sections: &[Section], last: &str) -> String {
    let rule = format!("+{}+", "-".repeat(INNER));
    let mut lines = Vec::new();
    for section in sections {
        let title = format!(" {}", section.title);
        lines.extend([String::new(), rule.clone(), format!("|{title:<INNER$}|"), rule.clone()]);
        lines.push(String::new());
        lines.extend(section.printed());
    }
    lines.push(String::new());
    if !last.is_empty() {
        lines.push(last.to_owned());
    }
    lines.push(String::new());
    lines.join("\n")
}

/// The fields by name, without the colon that the layout of 2017 prints in one of them. Where a name stands twice (second
/// work account, its certificate), the later one carries its section's title: `Work Account 2.WorkplaceDeviceId`.
pub(super) fn fields(sections: &[Section]) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for section in sections {
        for (name, value) in section.fields() {
            let name = name.trim_end_matches(':');
            let name = if all.contains_key(name) {
                format!("{}.{name}", section.title)
            } else {
                name.to_owned()
            };
            all.insert(name, value.clone());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    // The published sample of the Device State section, with the blank lines of newer builds.
    #[test]
    fn a_section_prints_as_published() {
        let mut section = Section::new("Device State");
        section.yes_no("AzureAdJoined", true).yes_no("EnterpriseJoined", false);
        section.yes_no("DomainJoined", true).field("DomainName", "HYBRIDADFS");
        let expected = "
+----------------------------------------------------------------------+
| Device State                                                         |
+----------------------------------------------------------------------+

             AzureAdJoined : YES
          EnterpriseJoined : NO
              DomainJoined : YES
                DomainName : HYBRIDADFS

";
        assert_eq!(print(&[section], ""), format!("{expected}"));
        assert!(
            expected
                .lines()
                .filter(|line| line.starts_with(['+', '|']))
                .all(|line| line.len() == 72)
        );
    }

    #[test]
    fn names_longer_than_the_column_are_not_cut() {
        assert_eq!(field_line("Server Error Description", "x"), "  Server Error Description : x");
        assert_eq!(field_line(&"n".repeat(30), "x"), format!("{} : x", "n".repeat(30)));
        assert_eq!(field_line("MdmUrl", ""), "                    MdmUrl :");
    }

    #[test]
    fn a_narrow_section_is_as_wide_as_its_longest_name() {
        let mut section = Section::narrow("User State", 19);
        section.field("NgcSet", "NO").field("WorkplaceSettingsUrl", "");
        let text = print(&[section], "");
        assert!(text.contains("\n              NgcSet : NO\nWorkplaceSettingsUrl :\n"), "{text}");
    }

    #[test]
    fn a_name_that_stands_twice_carries_its_section() {
        let (mut first, mut second) =
            (Section::new("Device State"), Section::new("Work Account 1"));
        first.field("KeySignTest:", "PASSED").field("Idp", "a");
        second.blank().field("Idp", "b");
        let fields = fields(&[first, second]);
        assert_eq!(fields["KeySignTest"], "PASSED");
        assert_eq!((&*fields["Idp"], &*fields["Work Account 1.Idp"]), ("a", "b"));
    }

    #[test]
    fn layouts_are_known_by_their_names() {
        for layout in [Layout::Modern, Layout::Of2017] {
            assert_eq!(layout.to_string().parse(), Ok(layout));
        }
        assert!("1607".parse::<Layout>().unwrap_err().to_string().contains("modern or 2017"));
    }
}
