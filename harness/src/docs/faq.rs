//! docs/faq.md: each question with what happens, why, how well that is known, and the scenarios that show it.

use std::fmt::Write as _;

use super::cell;
use crate::faq::{answers, contradictions, faq as questions};
use crate::scenario::{Loaded, Node, Scenario};

const HEAD: &str = "# The FAQ, question by question

The questions of the FAQ on automatic device registration (June 2017), in short, and those that newer pages added. Each
scenario is a file to read, and to run: `linarite run scenarios/faq/revoke-latency.scenario.yaml`. What linarite assumes
where the sources are silent stands in [fidelity.md](fidelity.md); what can be set, in [settings.md](settings.md);
`linarite explain CODE` tells about any code that a scenario shows.

<!-- Made by `linarite docs faq > docs/faq.md` from harness/data/faq.yaml and the scenarios. Do not edit it here. -->
";

/// The page. Errors say where questions and scenarios contradict each other.
pub fn faq(loaded: &[Loaded]) -> Result<String, String> {
    let questions = questions()?;
    let answers = answers(loaded);
    let contradictions = contradictions(&questions, &answers);
    if !contradictions.is_empty() {
        return Err(contradictions.join("\n"));
    }
    let mut page = HEAD.to_owned();
    let mut line = |text: &str| {
        let _infallible = writeln!(page, "{text}");
    };
    for case in &questions.cases {
        line(&format!("\n## {}: {}\n", case.id, case.question));
        line(&format!("{} {}\n", case.happens, case.why));
        line(&format!("*How well known:* {}.\n", case.known));
        match answers.get(case.id.as_str()) {
            None => line("*Scenario:* none yet."),
            Some(scenarios) => {
                for scenario in scenarios {
                    line(&format!("- {}", described(scenario)));
                }
            }
        }
    }
    line("\n## Newer questions\n");
    line("| | Question | What happens | Scenario |");
    line("|---|---|---|---|");
    for one in &questions.newer {
        let happens = match (&one.happens, &one.not_emulated) {
            (Some(happens), _) => happens.clone(),
            (None, why) => format!("Not emulated: {}.", why.as_deref().unwrap_or_default()),
        };
        let scenarios = answers.get(one.id.as_str());
        let links = scenarios.into_iter().flatten().map(|scenario| link(scenario));
        let links: Vec<String> = links.collect();
        line(&format!(
            "| {} | {} | {} | {} |",
            one.id,
            cell(&one.question),
            cell(&happens),
            links.join(", ")
        ));
    }
    Ok(page)
}

/// The scenario's id, leading to its file.
fn link(scenario: &Scenario) -> String {
    let path = scenario.path.to_string_lossy().replace('\\', "/");
    format!("[{}](../{path})", scenario.id())
}

fn described(scenario: &Scenario) -> String {
    let title = scenario.node.get("title").and_then(Node::text).unwrap_or_default();
    // What depends on the row is not said here.
    let plain = title.split("$(").next().unwrap_or_default();
    let plain = plain.trim_end().trim_end_matches(['(', ':', ',', '-', '"']).trim_end();
    if plain.is_empty() { link(scenario) } else { format!("{}: {}", link(scenario), cell(plain)) }
}
