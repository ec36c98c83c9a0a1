//! `linarite explain`: what a code means, what usually leads to it, who says it, and which scenarios show it.

use std::path::{Path, PathBuf};

use clap::Args;
use linarite_server::explain::{Explanation, Explanations};

use super::{Exit, output};
use crate::explain::explanations;
use crate::run::plan::{find, read};
use crate::scenario::suggest::distance;

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// A code in any spelling (50126, AADSTS50126, c000006d, -2145648637, `DirectoryError`), a symbolic name, or a reason
    /// of the journal; all codes when left out
    #[arg(value_name = "CODE", allow_hyphen_values = true)]
    code: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Where to look for scenarios that show a code
    #[arg(long, default_value = "scenarios", value_name = "PATH")]
    scenarios: PathBuf,
}

/// All codes, with the scenarios below this path when there is one.
pub(super) fn codes(scenarios: &Path) -> Result<Explanations, String> {
    // Without scenarios, as in a folder of somebody else's, codes mean the same.
    let files = find(&[scenarios.to_owned()]).unwrap_or_default();
    explanations(&read(&files))
}

/// Explains.
pub(crate) fn run(arguments: &Explain) -> Exit {
    let all = match codes(&arguments.scenarios) {
        Ok(all) => all,
        Err(missing) => {
            output::problem(&missing);
            return Exit::Environment;
        }
    };
    let found: Vec<&Explanation> = match &arguments.code {
        None => all.all().collect(),
        Some(word) => all.find(word),
    };
    match &arguments.code {
        Some(word) if found.is_empty() => {
            output::problem(&unknown(word, &all));
            return Exit::Usage;
        }
        _ if arguments.json => match serde_json::to_string_pretty(&found) {
            Ok(text) => output::line(&text),
            Err(error) => output::problem(&error.to_string()),
        },
        None => found.iter().for_each(|one| output::line(&in_the_list(one))),
        Some(_) => {
            let texts: Vec<String> = found.iter().map(|one| at_length(one)).collect();
            output::text(&texts.join("\n"));
        }
    }
    Exit::Passed
}

fn unknown(word: &str, all: &Explanations) -> String {
    let shown: String = word.chars().take(60).flat_map(char::escape_default).collect();
    let near = nearest(word, all);
    let help = match near.as_slice() {
        [] => "`linarite explain` lists all that there are".to_owned(),
        near => format!("the nearest are {}", near.join(", ")),
    };
    format!("no table has a code `{shown}`; {help}")
}

/// The three codes or names that are nearest to a word, when they are near at all.
fn nearest<'a>(word: &str, all: &'a Explanations) -> Vec<&'a str> {
    let word = word.trim();
    if word.is_empty() || word.len() > 64 {
        return Vec::new();
    }
    let spellings = |one: &'a Explanation| {
        let plain = one.code.strip_prefix("AADSTS").or_else(|| one.code.strip_prefix("0x"));
        let names = one.name.as_deref().into_iter().chain(plain).chain([one.code.as_str()]);
        names.map(move |name| (distance(word, name), one.code.as_str()))
    };
    let limit = (word.chars().count() / 3).clamp(1, 3);
    let mut near: Vec<(usize, &str)> =
        all.all().filter_map(|one| spellings(one).min()).filter(|(far, _)| *far <= limit).collect();
    near.sort_unstable();
    near.into_iter().take(3).map(|(_, code)| code).collect()
}

fn in_the_list(one: &Explanation) -> String {
    let name = one.name.as_deref().unwrap_or_default();
    format!("{:<30} {:<46} {}", one.code, name, one.meaning).trim_end().to_owned()
}

fn at_length(one: &Explanation) -> String {
    let mut lines = vec![match &one.name {
        Some(name) => format!("{}  {name}", one.code),
        None => one.code.clone(),
    }];
    lines.push(format!("  {}", one.meaning));
    lines.push("\nLikely causes".to_owned());
    lines.extend(one.causes.iter().map(|cause| format!("  - {cause}")));
    lines.push(format!("\nSaid by         {}", one.said_by.join(", ")));
    lines.push(format!("How well known  {}", one.how_well_known()));
    if !one.reported_as.is_empty() {
        lines.push(format!("Reported on as  {}", one.reported_as.join(", ")));
    }
    if !one.situations.is_empty() {
        lines.push("\nReasons in the journal for which linarite says it".to_owned());
        for at in &one.situations {
            let known = if at.assumed { "; assumed" } else { "" };
            lines.push(format!("  {:<30} {}{known}", at.reason, at.wire));
        }
    }
    lines.push("\nScenarios that show it".to_owned());
    lines.extend(one.scenarios.iter().map(|id| format!("  {id}")));
    if one.scenarios.is_empty() {
        lines.push("  none".to_owned());
    }
    lines.push(String::new());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_code_is_told_with_the_nearest_ones() {
        let all = explanations(&[]).unwrap();
        for (word, near) in [
            ("50127", "AADSTS50126"),
            ("AADSTS50120", "AADSTS50126"),
            ("0xc000006e", "0xc000006d"),
            ("DirectryError", "DirectoryError"),
            ("STATUS_LOGIN_FAILURE", "0xc000006d"),
        ] {
            let told = unknown(word, &all);
            assert!(told.contains(&format!("`{word}`")) && told.contains(near), "{told}");
        }
        for word in ["", "nothing at all like it", &"x".repeat(500), "\u{1b}[2J"] {
            let told = unknown(word, &all);
            assert!(told.contains("lists all") && !told.contains('\u{1b}'), "{told}");
        }
    }

    #[test]
    fn an_explanation_says_everything_that_it_has() {
        let mut all = explanations(&[]).unwrap();
        all.shown_by("AADSTS135011", "faq.revoke-latency");
        let text = at_length(all.find("135011").first().unwrap());
        for part in [
            "AADSTS135011\n",
            "Likely causes\n  - ",
            "Said by         sign-in\n",
            "assumed",
            "  device-disabled",
            "HTTP 400, invalid_grant",
            "  faq.revoke-latency\n",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
