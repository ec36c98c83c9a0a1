//! All codes that a user of linarite can meet: those of the services, those of the emulated Windows client, and the
//! scenarios that show each.
//!
//! Which scenarios show a code follows from the scenarios: a code counts where it stands in what is done and expected, in
//! a row or in a fault, and so does the word of a reason that only one table has. Prose does not count.

use linarite_server::explain::{Explanation, Explanations};
use linarite_windows::hresult::{Known, NUMBERS};

use crate::scenario::{Kind, Loaded, Node};

/// Keys whose values are prose.
const PROSE: [&str; 5] = ["doc", "title", "name", "because", "description"];

/// The codes of all tables, shown by these scenarios. An error names the codes that are not explained.
pub fn explanations(scenarios: &[Loaded]) -> Result<Explanations, String> {
    let mut all = Explanations::built_in()?;
    for row in NUMBERS {
        all.add(Explanation {
            code: row.printed(),
            name: row.name.map(str::to_owned),
            meaning: row.meaning().to_owned(),
            causes: row.causes.iter().map(|cause| (*cause).to_owned()).collect(),
            said_by: vec![row.speaker().to_owned()],
            assumed: row.known == Known::Assumed,
            situations: Vec::new(),
            reported_as: Vec::new(),
            scenarios: Vec::new(),
        });
    }
    let mut shown: Vec<(String, &str)> = Vec::new();
    for scenario in scenarios.iter().filter_map(|loaded| loaded.scenario.as_ref()) {
        see(&scenario.node, None, &all, &mut |code| shown.push((code.to_owned(), scenario.id())));
    }
    for (code, scenario) in shown {
        all.shown_by(&code, scenario);
    }
    Ok(all)
}

/// Calls `found` with each code in a part of a scenario, which stands under this key.
fn see(node: &Node, key: Option<&str>, all: &Explanations, found: &mut impl FnMut(&str)) {
    match &node.kind {
        Kind::Text(text) => {
            all.codes_in(text).for_each(&mut *found);
            if key == Some("reason") {
                all.codes_of_reason(text).for_each(found);
            }
        }
        Kind::Number(number) => all.codes_in(&number.to_string()).for_each(found),
        Kind::List(elements) => elements.iter().for_each(|element| see(element, key, all, found)),
        Kind::Map(entries) => {
            for (name, value) in
                entries.iter().filter(|(key, _)| !PROSE.contains(&key.text.as_str()))
            {
                see(value, Some(&name.text), all, found);
            }
        }
        Kind::Null | Kind::Bool(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::plan::{find, read};

    #[test]
    fn every_number_of_the_client_is_found_by_itself_and_by_its_name() {
        let all = explanations(&[]).unwrap_or_else(|missing| panic!("{missing}"));
        for row in NUMBERS {
            let found: Vec<&str> =
                all.find(&row.printed()).iter().map(|one| one.code.as_str()).collect();
            assert_eq!(found, [row.printed()]);
            if let Some(name) = row.name {
                assert_eq!(all.find(name).len(), 1, "{name}");
            }
        }
    }

    #[test]
    fn what_device_management_says_is_reported_by_a_number_of_the_client() {
        let all = explanations(&[]).unwrap();
        for one in all.all() {
            for number in &one.reported_as {
                assert_eq!(all.find(number).len(), 1, "{} is reported as {number}", one.code);
            }
        }
    }

    #[test]
    fn scenarios_show_the_codes_that_they_expect_and_not_those_of_their_prose() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/faq");
        let loaded = read(&find(&[folder]).unwrap());
        let all = explanations(&loaded).unwrap();
        let shown = |code: &str| all.find(code).first().unwrap().scenarios.clone();
        let by = |code: &str, id: &str| shown(code).contains(&id.to_owned());
        assert!(by("50126", "faq.signin-bad-credentials"), "a number in a row");
        assert!(by("0xc000006d", "faq.signin-offline"), "text of a matcher");
        assert!(
            by("50053", "faq.locked-out") && by("Authorization_RequestDenied", "faq.all-devices")
        );
        assert!(by("UserLicense", "faq.oops"), "by the reason in the journal");
        assert!(!by("0x801c03f2", "faq.oops"));
    }
}
