//! JSON objects that are printed while they are made, without a map in between.
//!
//! Answers and tokens are made for every request and read by nobody here; a map of owned names and values would cost more
//! than what it holds. Left out: everything that is not an object of a few members; `serde_json` prints that.

use std::fmt::{Display, Write as _};

use serde::Serialize;

/// An object on its way, compact, its members in the order in which they are given. Names are words of this program that
/// need no escape, and each is given once.
#[derive(Debug)]
pub(crate) struct Members(String);

impl Members {
    /// An object without members, and room for so many bytes.
    pub(crate) fn with_room(bytes: usize) -> Self {
        let mut printed = String::with_capacity(bytes);
        printed.push('{');
        Self(printed)
    }

    fn name(&mut self, name: &'static str) {
        self.0.push_str(if self.0.len() > 1 { ",\"" } else { "\"" });
        self.0.push_str(name);
        self.0.push_str("\":");
    }

    /// A text.
    pub(crate) fn text(&mut self, name: &'static str, text: &str) {
        self.name(name);
        push_text(&mut self.0, text);
    }

    /// What prints as letters, digits and signs that JSON does not escape: an id, a number that clients want as text.
    pub(crate) fn shown(&mut self, name: &'static str, value: impl Display) {
        self.name(name);
        // Writing to a string cannot fail.
        let _infallible = write!(self.0, "\"{value}\"");
    }

    /// A number.
    pub(crate) fn number(&mut self, name: &'static str, number: i64) {
        self.name(name);
        let _infallible = write!(self.0, "{number}");
    }

    /// Texts.
    pub(crate) fn texts(
        &mut self,
        name: &'static str,
        texts: impl IntoIterator<Item = impl AsRef<str>>,
    ) {
        self.name(name);
        self.0.push('[');
        for (index, text) in texts.into_iter().enumerate() {
            if index > 0 {
                self.0.push(',');
            }
            push_text(&mut self.0, text.as_ref());
        }
        self.0.push(']');
    }

    /// The object as it is printed.
    pub(crate) fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// Prints a text with its quotes. Nearly none has anything to escape, and that is seen faster for the whole of it.
fn push_text(printed: &mut String, text: &str) {
    // Many bytes at once, where a search that ends at the first one would look at each.
    let escapes =
        |byte: u8| u8::from(byte < b' ') | u8::from(byte == b'"') | u8::from(byte == b'\\');
    if text.bytes().fold(0, |found, byte| found | escapes(byte)) != 0 {
        // A text always prints.
        printed.push_str(&serde_json::to_string(text).unwrap_or_default());
    } else {
        printed.push('"');
        printed.push_str(text);
        printed.push('"');
    }
}

/// A value as compact JSON.
pub(crate) fn printed(value: &impl Serialize) -> String {
    // What is printed here is made of texts and numbers under names that are texts.
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    #[test]
    fn members_print_in_their_order() {
        let mut members = Members::with_room(0);
        members.text("a", "x\"y");
        members.shown("b", 7);
        members.number("c", -7);
        members.texts("d", ["e", "\n"]);
        members.texts("f", [""; 0]);
        let printed = members.finish();
        assert_eq!(printed, r#"{"a":"x\"y","b":"7","c":-7,"d":["e","\n"],"f":[]}"#);
        assert_eq!(Members::with_room(64).finish(), "{}");
    }

    proptest! {
        #[test]
        fn any_text_reads_back(text in any::<String>(), other in "[ -~]{0,40}") {
            let mut members = Members::with_room(16);
            members.text("text", &text);
            members.texts("texts", [&text, &other]);
            let read: Value = serde_json::from_str(&members.finish()).unwrap();
            prop_assert_eq!(read, json!({ "text": text, "texts": [text, other] }));
        }
    }
}
