//! The layout of `dsregcmd` (device-registration.md 15): boxed titles of 72 columns, a blank line, fields whose names are
//! aligned to column 26.

use std::collections::BTreeMap;

/// What stands between the corners of a box.
const INNER: usize = 70;

/// One boxed section.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) title: String,
    pub(super) fields: Vec<(String, String)>,
}

impl Section {
    pub(super) fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), fields: Vec::new() }
    }

    pub(super) fn field(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        self.fields.push((name.to_owned(), value.into()));
        self
    }

    pub(super) fn yes_no(&mut self, name: &str, value: bool) -> &mut Self {
        self.field(name, if value { "YES" } else { "NO" })
    }
}

/// One field as it is printed, without a line end.
pub(super) fn field_line(name: &str, value: &str) -> String {
    format!("{name:>26} : {value}").trim_end().to_owned()
}

/// The sections as the tool prints them. Lines end with LF.
pub(super) fn print(sections: &[Section]) -> String {
    let rule = format!("+{}+", "-".repeat(INNER));
    let mut lines = Vec::new();
    for section in sections {
        let title = format!(" {}", section.title);
        lines.extend([String::new(), rule.clone(), format!("|{title:<INNER$}|"), rule.clone()]);
        lines.push(String::new());
        lines.extend(section.fields.iter().map(|(name, value)| field_line(name, value)));
    }
    lines.extend([String::new(), String::new()]);
    lines.join("\n")
}

/// The fields by name. Where a name stands twice (second work account), the later one carries its section's title:
/// `Work Account 2.WorkplaceDeviceId`.
pub(super) fn fields(sections: &[Section]) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for section in sections {
        for (name, value) in &section.fields {
            let name = if all.contains_key(name) {
                format!("{}.{name}", section.title)
            } else {
                name.clone()
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
        assert_eq!(print(&[section]), expected);
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
}
