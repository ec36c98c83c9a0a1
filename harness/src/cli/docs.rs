//! `linarite docs`: the pages of the documents that are made from what is there. The gate compares them.

use clap::{Args, ValueEnum};

use super::{Exit, check, output};
use crate::docs;

#[derive(Debug, Args)]
pub(crate) struct Docs {
    /// Which page
    page: Page,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Page {
    /// docs/faq.md: each question with what happens, why, and its scenarios
    Faq,
    /// docs/settings.md: what a world file can say, with defaults, presets and sources
    Settings,
}

/// Prints the page.
pub(crate) fn run(arguments: &Docs) -> Exit {
    let text = match arguments.page {
        Page::Faq => match check::load(&["scenarios".into()]) {
            Ok(loaded) => docs::faq(&loaded),
            Err(exit) => return exit,
        },
        Page::Settings => docs::settings(),
    };
    match text {
        Ok(text) => {
            output::text(&text);
            Exit::Passed
        }
        Err(problems) => {
            output::problem(&problems);
            Exit::Failed
        }
    }
}
