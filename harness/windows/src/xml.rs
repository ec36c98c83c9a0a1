//! Reading the XML of a federation server: no document type, no entity but the five of XML, and a limit on size, nodes and
//! namespace declarations, so that no server can make the client work for long.
//!
//! The reader builds its tree without recursion, so depth needs no limit of its own.

use roxmltree::{Document, Error, ParsingOptions};

/// The largest document that is read. Metadata of a real AD FS have some 50 KB.
const LARGEST: usize = 1024 * 1024;

/// The most nodes that a document may have.
const MOST_NODES: u32 = 40_000;

/// The most namespace declarations: each element that declares one copies those around it.
const MOST_NAMESPACES: usize = 3000;

/// Why a text is not read as XML.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum XmlTrouble {
    /// It has a document type, as HTML pages have, too.
    #[error("a document type (DTD) stands in it, which is not read")]
    Dtd,
    /// It is beyond one of the limits.
    #[error("it is larger than this client reads")]
    Large,
    /// It is no XML.
    #[error("it is no XML ({0})")]
    Malformed(String),
}

/// The tree of an XML text in UTF-8.
pub(crate) fn parse(bytes: &[u8]) -> Result<Document<'_>, XmlTrouble> {
    if bytes.len() > LARGEST {
        return Err(XmlTrouble::Large);
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| XmlTrouble::Malformed(format!("not UTF-8: {error}")))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.matches("xmlns").count() > MOST_NAMESPACES {
        return Err(XmlTrouble::Large);
    }
    let options = ParsingOptions { nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).map_err(|error| {
        if error == Error::DtdDetected {
            XmlTrouble::Dtd
        } else if error == Error::NodesLimitReached {
            XmlTrouble::Large
        } else {
            XmlTrouble::Malformed(error.to_string())
        }
    })
}

/// A text as it may stand between tags or in an attribute.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn document_types_are_refused_with_and_without_entities() {
        for text in [
            "<!DOCTYPE html><html/>",
            "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>",
            "<?xml version=\"1.0\"?><!DOCTYPE a SYSTEM \"http://x/\"><a/>",
        ] {
            assert_eq!(parse(text.as_bytes()).unwrap_err(), XmlTrouble::Dtd, "{text}");
        }
    }

    #[test]
    fn each_limit_is_kept() {
        let padded = |size: usize| format!("<a>{}</a>", " ".repeat(size - 7)).into_bytes();
        assert!(parse(&padded(LARGEST)).is_ok());
        assert_eq!(parse(&padded(LARGEST + 1)).unwrap_err(), XmlTrouble::Large);
        let many = format!("<a>{}</a>", "<b/>".repeat(50_000));
        assert_eq!(parse(many.as_bytes()).unwrap_err(), XmlTrouble::Large);
        let spaces = format!("<a>{}</a>", "<b xmlns=\"x\"/>".repeat(3001));
        assert_eq!(parse(spaces.as_bytes()).unwrap_err(), XmlTrouble::Large);
        let deep = format!("{}{}", "<a>".repeat(30_000), "</a>".repeat(30_000));
        assert!(parse(deep.as_bytes()).is_ok(), "depth is no danger");
    }

    #[test]
    fn a_byte_order_mark_is_no_text_and_other_encodings_are_no_xml() {
        assert!(parse("\u{feff}<a/>".as_bytes()).is_ok());
        assert!(matches!(parse(&[0xff, 0xfe, b'<', 0]), Err(XmlTrouble::Malformed(_))));
        assert!(matches!(parse(b""), Err(XmlTrouble::Malformed(_))));
        assert!(matches!(parse(b"<a>&bomb;</a>"), Err(XmlTrouble::Malformed(_))));
    }

    proptest! {
        #[test]
        fn whatever_is_escaped_comes_back(text in "[ -~äß€]{0,40}") {
            let wrapped = format!("<a b=\"{0}\">{0}</a>", escaped(&text));
            let document = parse(wrapped.as_bytes()).unwrap();
            prop_assert_eq!(document.root_element().text().unwrap_or_default(), text.as_str());
            prop_assert_eq!(document.root_element().attribute("b"), Some(text.as_str()));
        }

        #[test]
        fn reading_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            drop(parse(&bytes));
        }
    }
}
