//! How device registration says no, in two generations of JSON (section 4.5). Words come from `server/data/drs.toml`.
//!
//! Requests of api-version 2.0 get the newer shape, all others the older one; a superset would be read by either client
//! and prove neither.

use http::StatusCode;
use linarite_core::refusal::{AccessRefusal, JoinRefusal};

use crate::directory::DirectoryError;
use crate::journal::{Fields, Kind};
use crate::services::call::Call;
use crate::services::envelope;
use crate::services::reply::{Reply, empty, private_json};
use crate::services::tables::fill;

/// A refusal with what fills its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) reason: &'static str,
    values: Vec<(&'static str, String)>,
}

impl From<JoinRefusal> for Refused {
    fn from(refusal: JoinRefusal) -> Self {
        Self::wire(refusal.reason())
    }
}

impl From<AccessRefusal> for Refused {
    fn from(refusal: AccessRefusal) -> Self {
        Self::wire(match refusal {
            AccessRefusal::TokenExpired => "token-expired",
            AccessRefusal::AudienceWrong => "token-audience-wrong",
            AccessRefusal::UserUnknown | AccessRefusal::UserDisabled => {
                JoinRefusal::UserRefused.reason()
            }
            AccessRefusal::RoleMissing | AccessRefusal::PermissionMissing => {
                JoinRefusal::NotAllowed.reason()
            }
            AccessRefusal::TokenMissing
            | AccessRefusal::TokenInvalid
            | AccessRefusal::UserMissing
            | AccessRefusal::DeviceDisabled
            | AccessRefusal::DeviceDeleted
            | AccessRefusal::DeviceUnknown => "token-invalid",
        })
    }
}

impl From<DirectoryError> for Refused {
    fn from(error: DirectoryError) -> Self {
        tracing::error!(%error, "a registration failed");
        Self::wire("directory-failed")
    }
}

impl Refused {
    /// A refusal by its word in the table.
    pub(super) const fn wire(reason: &'static str) -> Self {
        Self { reason, values: Vec::new() }
    }

    /// Fills `{name}` of the message.
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.values.push((name, value.into()));
        self
    }

    /// A malformed request, and what is wrong with it.
    pub(super) fn malformed(what: impl Into<String>) -> Self {
        Self::wire("request-malformed").with("name", what)
    }

    /// The refusal of a join, with its event in the journal.
    pub(super) fn reply_to_join(&self, call: &Call) -> Reply {
        let mut fields = Fields::new();
        fields.insert("reason", self.reason);
        let told = ["operation", "user", "computer", "join_type", "name", "device"];
        fields.copy(&call.facts(), &told);
        call.record(Kind::JoinDenied, fields);
        self.reply(call)
    }

    /// Its code and its text.
    pub(super) fn worded(&self, call: &Call) -> (String, String) {
        let values: Vec<(&str, &str)> =
            self.values.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let row = call.world.tables.drs(self.reason);
        row.map_or_else(Default::default, |row| (row.code.clone(), fill(&row.message, &values)))
    }

    /// The refusal as JSON.
    pub(super) fn reply(&self, call: &Call) -> Reply {
        let Some(row) = call.world.tables.drs(self.reason) else {
            return empty(StatusCode::INTERNAL_SERVER_ERROR);
        };
        call.note("reason", self.reason);
        let values: Vec<(&str, &str)> =
            self.values.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let message = fill(&row.message, &values);
        let body = envelope::registration(call, &row.code, row.subcode.as_deref(), &message);
        private_json(StatusCode::from_u16(row.status).unwrap_or(StatusCode::BAD_REQUEST), &body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::tables::Tables;

    /// The placeholders of a text, without their braces.
    fn placeholders(text: &str) -> Vec<&str> {
        let parts = text.split('{').skip(1);
        parts.map(|part| part.split_once('}').expect("an open brace").0).collect()
    }

    fn named(tables: &Tables, reason: &str) -> bool {
        let found = placeholders(&tables.drs(reason).unwrap().message);
        assert!(found.iter().all(|name| *name == "name"), "{reason}: {found:?}");
        !found.is_empty()
    }

    /// The modules of the service, without blanks.
    fn sources() -> Vec<String> {
        let modules = [
            include_str!("delete.rs"),
            include_str!("discovery.rs"),
            include_str!("enrolment.rs"),
            include_str!("hello.rs"),
            include_str!("join.rs"),
            include_str!("mod.rs"),
            include_str!("refuse.rs").split("#[cfg(test)]").next().unwrap(),
        ];
        modules.map(|text| text.split_whitespace().collect()).into()
    }

    #[test]
    fn every_refusal_that_is_made_by_its_word_fills_its_message_and_no_other_does() {
        let tables = Tables::load().unwrap();
        let mut seen = 0;
        for source in sources() {
            for made in source.split("::wire(\"").skip(1) {
                let (reason, rest) = made.split_once("\")").unwrap();
                let filled = rest.starts_with(".with(\"name\",");
                assert_eq!(
                    filled,
                    named(&tables, reason),
                    "{reason}: {}",
                    &rest[..rest.len().min(60)]
                );
                seen += 1;
            }
        }
        assert!(seen > 12, "the sources were not read: {seen}");
    }

    #[test]
    fn a_refused_token_leaves_nothing_to_fill() {
        let tables = Tables::load().unwrap();
        for refusal in AccessRefusal::ALL {
            let reason = Refused::from(*refusal).reason;
            assert!(!named(&tables, reason), "{reason}");
        }
    }

    /// Those are filled where they arise, with what the request named (`join.rs`).
    #[test]
    fn only_two_refusals_of_the_rules_name_something() {
        let tables = Tables::load().unwrap();
        let naming: Vec<JoinRefusal> = JoinRefusal::ALL
            .iter()
            .copied()
            .filter(|refusal| named(&tables, refusal.reason()))
            .collect();
        assert_eq!(naming, [JoinRefusal::TypeRefused, JoinRefusal::RecordMissing]);
        let join = include_str!("join.rs");
        let raised = join.matches("RecordMissing").count();
        assert_eq!(raised, 1, "each place that raises it has to name the record");
    }
}
