//! A bounded reader for XML that strangers send: assertions, and the SOAP that asks for them.
//!
//! A text is measured before it is parsed (bytes, depth, elements, attributes, namespaces, document types), in one pass
//! and without recursion, so that a hostile one costs no more than its length. No document type is accepted, so there
//! are no entities beyond the five of XML, and nothing is ever fetched. Left out: encodings other than UTF-8.

use roxmltree::{Document, Node, ParsingOptions};

/// What an XML text may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Length in bytes.
    pub bytes: usize,
    /// Elements inside elements.
    pub depth: usize,
    /// Elements, texts, comments and processing instructions together.
    pub nodes: u32,
    /// Attributes of one element, namespace declarations included.
    pub attributes: usize,
    /// Namespace declarations in the whole text.
    pub namespaces: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 128 * 1024, depth: 48, nodes: 4096, attributes: 48, namespaces: 256 }
    }
}

/// Why a text was not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// More bytes than allowed.
    #[error("the XML is longer than {0} bytes")]
    TooLong(usize),
    /// Not UTF-8.
    #[error("the XML is not UTF-8")]
    NotText,
    /// It has a document type declaration, which could define entities.
    #[error("the XML has a document type declaration, and none is accepted")]
    DocumentType,
    /// Elements are nested too deeply.
    #[error("the XML is nested deeper than {0} elements")]
    TooDeep(usize),
    /// Too many nodes.
    #[error("the XML has more than {0} nodes")]
    TooMany(u32),
    /// Too many attributes on one element.
    #[error("an element of the XML has more than {0} attributes")]
    TooManyAttributes(usize),
    /// Too many namespace declarations.
    #[error("the XML declares more than {0} namespaces")]
    TooManyNamespaces(usize),
    /// Not well-formed; the words and the place are the parser's.
    #[error("the XML is not well-formed: {0}")]
    Malformed(String),
}

/// Reads a text within these limits.
pub fn parse<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Document<'a>, XmlError> {
    if bytes.len() > limits.bytes {
        return Err(XmlError::TooLong(limits.bytes));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| XmlError::NotText)?;
    measure(text, limits)?;
    let options =
        ParsingOptions { allow_dtd: false, nodes_limit: limits.nodes, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).map_err(|error| {
        if matches!(error, roxmltree::Error::DtdDetected) {
            XmlError::DocumentType
        } else if matches!(error, roxmltree::Error::NodesLimitReached) {
            XmlError::TooMany(limits.nodes)
        } else {
            XmlError::Malformed(error.to_string())
        }
    })
}

/// Looks at the tags alone. What is not well-formed may slip through: the parser comes after.
fn measure(text: &str, limits: &Limits) -> Result<(), XmlError> {
    if text.matches("xmlns").count() > limits.namespaces {
        return Err(XmlError::TooManyNamespaces(limits.namespaces));
    }
    let (mut rest, mut depth, mut elements) = (text, 0_usize, 0_u32);
    while let Some((_, tag)) = rest.split_once('<') {
        let skipped = if let Some(comment) = tag.strip_prefix("!--") {
            comment.split_once("-->")
        } else if let Some(data) = tag.strip_prefix("![CDATA[") {
            data.split_once("]]>")
        } else if tag.starts_with('!') {
            return Err(XmlError::DocumentType);
        } else if let Some(instruction) = tag.strip_prefix('?') {
            instruction.split_once("?>")
        } else if let Some(closing) = tag.strip_prefix('/') {
            depth = depth.saturating_sub(1);
            closing.split_once('>')
        } else {
            elements += 1;
            if elements > limits.nodes {
                return Err(XmlError::TooMany(limits.nodes));
            }
            let Some((inside, attributes)) = start_tag(tag) else { break };
            if attributes > limits.attributes {
                return Err(XmlError::TooManyAttributes(limits.attributes));
            }
            if !inside.ends_with('/') {
                depth += 1;
                if depth > limits.depth {
                    return Err(XmlError::TooDeep(limits.depth));
                }
            }
            tag.get(inside.len() + 1..).map(|after| ("", after))
        };
        match skipped {
            Some((_, after)) => rest = after,
            None => break,
        }
    }
    Ok(())
}

/// What stands before the `>` that ends a start tag, and how many attributes that is.
fn start_tag(text: &str) -> Option<(&str, usize)> {
    let (mut quote, mut attributes) = (None, 0);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if open == c => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '=') => attributes += 1,
            (None, '>') => return text.get(..at).map(|inside| (inside, attributes)),
            (Some(_) | None, _) => {}
        }
    }
    None
}

/// The children with this name, in order.
pub fn children<'a, 'i>(
    node: Node<'a, 'i>,
    namespace: &'a str,
    name: &'a str,
) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(move |child| is(*child, namespace, name))
}

/// The first child with this name.
pub fn child<'a, 'i>(node: Node<'a, 'i>, namespace: &str, name: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|child| is(*child, namespace, name))
}

/// The child with this name, when there is exactly one.
pub fn only_child<'a, 'i>(node: Node<'a, 'i>, namespace: &str, name: &str) -> Option<Node<'a, 'i>> {
    let mut found = node.children().filter(|child| is(*child, namespace, name));
    let first = found.next();
    if found.next().is_some() { None } else { first }
}

/// Whether this is an element with this name.
pub fn is(node: Node<'_, '_>, namespace: &str, name: &str) -> bool {
    // Not `has_tag_name`: a name without a namespace must not match one with a namespace.
    node.is_element()
        && node.tag_name().name() == name
        && node.tag_name().namespace().unwrap_or_default() == namespace
}

/// The whole text of an element, trimmed. `None` when anything but text stands in it: a comment in the middle of a name
/// makes careless readers see half of it.
pub fn text<'a>(node: Node<'a, '_>) -> Option<&'a str> {
    let mut children = node.children();
    match (children.next(), children.next()) {
        (None, _) => Some(""),
        (Some(only), None) if only.is_text() => only.text().map(str::trim),
        (Some(_), _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refused(text: &str) -> XmlError {
        parse(text.as_bytes(), &Limits::default()).unwrap_err()
    }

    #[test]
    fn well_formed_text_is_read() {
        let text =
            "<?xml version=\"1.0\"?><!-- <!x --><a b='>' c=\"<\"><![CDATA[<!DOCTYPE]]><d/></a>";
        assert!(matches!(refused(text), XmlError::Malformed(_)), "`<` in an attribute");
        let text = text.replace("\"<\"", "\"&lt;\"");
        let read = parse(text.as_bytes(), &Limits::default()).unwrap();
        assert!(is(read.root_element(), "", "a"));
    }

    #[test]
    fn a_document_type_is_refused_wherever_entities_could_come_from() {
        let bomb = "<!DOCTYPE a [<!ENTITY x \"ha\"><!ENTITY y \"&x;&x;&x;\">]><a>&y;</a>";
        let outside = "<?xml version=\"1.0\"?><!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>";
        for text in [bomb, outside, "<!doctype a><a/>", "<a><!ENTITY x \"\"></a>"] {
            assert_eq!(refused(text), XmlError::DocumentType, "{text}");
        }
        assert!(matches!(refused("<a>&x;</a>"), XmlError::Malformed(_)));
    }

    #[test]
    fn each_limit_holds_at_its_boundary() {
        let limits = Limits::default();
        let nested = |n: usize| format!("{}{}", "<a>".repeat(n), "</a>".repeat(n));
        assert!(parse(nested(limits.depth).as_bytes(), &limits).is_ok());
        assert_eq!(refused(&nested(limits.depth + 1)), XmlError::TooDeep(limits.depth));
        // A deep one that never closes costs its length and no more.
        assert_eq!(refused(&"<a>".repeat(40_000)), XmlError::TooDeep(limits.depth));
        let wide = format!("<a>{}</a>", "<b/>".repeat(5000));
        assert_eq!(refused(&wide), XmlError::TooMany(limits.nodes));
        let texts = format!("<a>{}</a>", "<!---->x".repeat(5000));
        assert_eq!(refused(&texts), XmlError::TooMany(limits.nodes));
        let attributes = |n: usize| {
            let all: Vec<String> = (0..n).map(|n| format!("b{n}=''")).collect();
            format!("<a {}/>", all.join(" "))
        };
        assert!(parse(attributes(limits.attributes).as_bytes(), &limits).is_ok());
        assert_eq!(
            refused(&attributes(limits.attributes + 1)),
            XmlError::TooManyAttributes(limits.attributes)
        );
        let spaces = format!("<a>{}</a>", "<b xmlns='x'/>".repeat(limits.namespaces + 1));
        assert_eq!(refused(&spaces), XmlError::TooManyNamespaces(limits.namespaces));
        assert_eq!(refused(&" ".repeat(limits.bytes + 1)), XmlError::TooLong(limits.bytes));
        assert_eq!(parse(b"<a>\xff</a>", &limits).unwrap_err(), XmlError::NotText);
    }

    #[test]
    fn a_comment_in_a_text_hides_nothing() {
        let limits = Limits::default();
        let read = |text: &str| {
            let document = parse(text.as_bytes(), &limits).unwrap();
            super::text(document.root_element()).map(str::to_owned)
        };
        assert_eq!(read("<a> bob </a>").as_deref(), Some("bob"));
        assert_eq!(read("<a/>").as_deref(), Some(""));
        assert_eq!(read("<a>bob<!-- x -->.evil</a>"), None);
        assert_eq!(read("<a>bob<b/></a>"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, text in "[<>/!?a=\"' \\[\\]&;x-]{0,80}") {
            let _read = parse(&bytes, &Limits::default());
            let _read = parse(text.as_bytes(), &Limits::default());
        }
    }
}
