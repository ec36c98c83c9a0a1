//! Lints of the world key `federation`: domains that are not federated, and endpoints that no federation server has.
//!
//! The server's reader says the same, without suggestions and only for worlds in which nothing else is wrong.

use linarite_server::world::federation_settings::endpoints_of;

use crate::scenario::expr::Template;
use crate::scenario::finding::Finding;
use crate::scenario::node::Node;
use crate::scenario::project::did_you_mean;

/// Words for endpoints, for suggestions.
const WORDS: [&str; 8] = [
    "mex",
    "passive",
    "metadata",
    "usernamemixed",
    "windowstransport",
    "certificatemixed",
    "13",
    "2005",
];

/// Looks over the key of a merged world.
pub(super) fn world(world: &Node, findings: &mut Vec<Finding>) {
    let domains = world.get("tenant").and_then(|tenant| tenant.get("domains"));
    let federated: Option<Vec<&str>> = domains.map(|domains| {
        let kinds = domains.entries().iter().filter(|(_, domain)| {
            let kind = domain.get("kind").and_then(Node::text).unwrap_or_default();
            kind == "federated" || Template::is_needed(kind)
        });
        kinds.map(|(name, _)| name.text.as_str()).collect()
    });
    for (name, settings) in world.get("federation").map_or(&[][..], Node::entries) {
        if let Some(federated) = &federated
            && !federated.iter().any(|domain| domain.eq_ignore_ascii_case(&name.text))
        {
            let title = format!("`{}` is not a federated domain of the tenant", name.text);
            let help = did_you_mean(&name.text, federated.iter().copied());
            let finding = Finding::error("scn::unknown-domain", name.at.clone(), title);
            findings.push(finding.maybe_help(help));
        }
        for word in settings.get("disable_endpoints").map_or(&[][..], Node::elements) {
            let Some(text) = word.text().filter(|text| !Template::is_needed(text)) else {
                continue;
            };
            if endpoints_of(text).is_empty() {
                let title = format!("no endpoint is called `{text}`");
                let finding = Finding::error("scn::unknown-endpoint", word.at.clone(), title);
                let help = did_you_mean(text, WORDS);
                findings.push(finding.label("unknown endpoint").maybe_help(help));
            }
        }
    }
}
