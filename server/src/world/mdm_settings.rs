//! Device management of a world file: whose devices are enrolled, and what stands in the way (FAQ A26).

use std::collections::BTreeSet;

use linarite_core::ids::UserId;
use linarite_core::management::{Mdm, Scope, Terms};
use linarite_core::refusal::EnrolRefusal;
use linarite_core::user::User;

use super::file::{MdmFile, MdmScopeFile, TermsFile, WorldFile};

/// The one licence that is known.
const LICENCE: &str = "intune";

/// Reads the settings. Problems come with a JSON pointer.
pub(super) fn settings(file: &WorldFile, users: &[(String, User)]) -> (Mdm, Vec<(String, String)>) {
    let mut problems = Vec::new();
    let mut mdm = Mdm::default();
    let id = |key: &str| users.iter().find(|(known, _)| known == key).map(|(_, user)| user.id);
    for (key, user) in &file.users {
        let Some(licences) = &user.licenses else { continue };
        for (index, licence) in licences.iter().enumerate() {
            if licence != LICENCE {
                let message = format!("`{licence}` is no licence that is known here: {LICENCE}");
                problems.push((format!("/users/{key}/licenses/{index}"), message));
            }
        }
        if let Some(id) = id(key).filter(|_| !licences.iter().any(|known| known == LICENCE)) {
            mdm.unlicensed.insert(id);
        }
    }
    if let Some(written) = &file.tenant.mdm {
        let of_tenant = |(pointer, message)| (format!("/tenant/mdm{pointer}"), message);
        problems.extend(apply(&mut mdm, written, id).into_iter().map(of_tenant));
    }
    (mdm, problems)
}

/// Puts what is written in the place of all that was said before, but for the licences. `user` finds the users that are
/// named. Problems come with a JSON pointer.
pub fn apply(
    mdm: &mut Mdm,
    written: &MdmFile,
    user: impl Fn(&str) -> Option<UserId>,
) -> Vec<(String, String)> {
    let mut problems = Vec::new();
    let mut named = BTreeSet::new();
    for (index, name) in written.users.iter().enumerate() {
        match user(name) {
            Some(id) => drop(named.insert(id)),
            None => problems
                .push((format!("/users/{index}"), format!("`{name}` is no user of this world"))),
        }
    }
    mdm.scope = match written.scope {
        MdmScopeFile::None => Scope::None,
        MdmScopeFile::Some => Scope::Some(named),
        MdmScopeFile::All => Scope::All,
    };
    if written.scope != MdmScopeFile::Some && !written.users.is_empty() {
        problems.push(("/users".to_owned(), "only `scope: some` has users".to_owned()));
    }
    mdm.terms = match written.terms_of_use {
        TermsFile::Shown => Terms::Shown,
        TermsFile::Absent => Terms::Absent,
        TermsFile::Unreachable => Terms::Unreachable,
    };
    mdm.device_cap = written.device_cap.unwrap_or_else(|| Mdm::default().device_cap);
    mdm.windows_blocked = written.windows_blocked;
    mdm.refuses = None;
    if let Some(word) = &written.refuses {
        mdm.refuses = refusal(word);
        if mdm.refuses.is_none() {
            let known: Vec<&str> = EnrolRefusal::ALL.iter().map(|r| short(*r)).collect();
            let message =
                format!("`{word}` is no refusal of device management: {}", known.join(", "));
            problems.push(("/refuses".to_owned(), message));
        }
    }
    problems
}

/// The word of a refusal without what all of them begin with.
pub(crate) fn short(refusal: EnrolRefusal) -> &'static str {
    let word = refusal.reason();
    word.strip_prefix("enrol-").unwrap_or(word)
}

fn refusal(word: &str) -> Option<EnrolRefusal> {
    EnrolRefusal::ALL.iter().copied().find(|refusal| short(*refusal) == word)
}

#[cfg(test)]
mod tests {
    use linarite_core::instant::Instant;
    use serde_json::{Value, json};

    use crate::world::build::plan;

    fn world(mdm: &Value, licenses: &Value) -> Value {
        json!({
            "tenant": { "name": "T", "domains": { "t.test": { "kind": "managed" } }, "mdm": mdm },
            "users": {
                "a": { "upn": "a@t.test", "password": "x" },
                "b": { "upn": "b@t.test", "password": "x", "licenses": licenses },
            },
        })
    }

    #[test]
    fn a_scope_names_users_and_licences_are_there_unless_said_otherwise() {
        let world = world(&json!({ "scope": "some", "users": ["b"] }), &json!([]));
        let plan = plan(&world, 1, Instant::from_seconds(0)).unwrap();
        let (a, b) = (plan.users[0].1.id, plan.users[1].1.id);
        let mdm = &plan.tenant.mdm;
        assert!(mdm.has_in_scope(b) && !mdm.has_in_scope(a));
        assert!(mdm.unlicensed.contains(&b) && !mdm.unlicensed.contains(&a));
        assert_eq!(mdm.device_cap, 15);
    }

    #[test]
    fn each_mistake_has_its_place() {
        let mdm = json!({ "scope": "all", "users": ["zoe"], "refuses": "everybody" });
        let problems =
            plan(&world(&mdm, &json!(["office"])), 1, Instant::from_seconds(0)).unwrap_err();
        let places: Vec<&str> = problems.iter().map(|p| p.pointer.as_str()).collect();
        assert_eq!(
            places,
            [
                "/users/b/licenses/0",
                "/tenant/mdm/users/0",
                "/tenant/mdm/users",
                "/tenant/mdm/refuses"
            ]
        );
        assert!(problems[3].message.contains("in-maintenance"), "{}", problems[3].message);
    }
}
