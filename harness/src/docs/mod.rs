//! Pages of the documents that are made from what is there, so that they cannot go out of date unseen: the FAQ from its
//! questions and the scenarios, the settings from the types that world files are read with.

mod faq;
mod schema;
mod settings;

pub use faq::faq;
pub use settings::settings;

/// Text in a cell of a Markdown table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").split_whitespace().collect::<Vec<_>>().join(" ")
}
