//! Which events somebody asks for: by number, kind and equal fields.
//!
//! Richer conditions (globs, counts, order) are the harness's business, which has the events as JSON.

use super::Event;

/// A choice among events; the default chooses all.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    /// Only events after this number.
    pub since: u64,
    /// Only events of this kind.
    pub kind: Option<String>,
    /// Only events whose fields have these values; numbers and flags are compared as text.
    pub fields: Vec<(String, String)>,
}

impl EventFilter {
    pub(super) fn matches(&self, event: &Event) -> bool {
        self.kind.as_ref().is_none_or(|kind| kind == event.kind.word())
            && self.fields.iter().all(|(key, wanted)| event.fields.shows(key, wanted))
    }
}
