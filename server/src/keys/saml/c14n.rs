//! Exclusive XML canonicalisation without comments (`http://www.w3.org/2001/10/xml-exc-c14n#`).
//!
//! An element declares the namespaces that its own name and its attributes use, and only those that no ancestor within
//! the canonical text has declared alike; where they were declared in the document does not matter. Nothing recurses.
//! Left out: inclusive prefix lists, which a reader has to refuse, and document types, which are not read at all.

use std::collections::BTreeMap;

use roxmltree::{Node, NodeId};

/// The identifier of this canonicalisation.
pub const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";

const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// The canonical text of an element, without the subtree at `without`.
pub fn canonical(top: Node<'_, '_>, without: Option<NodeId>) -> String {
    let mut writer = Writer { out: String::new(), declared: vec![BTreeMap::new()] };
    let mut node = top;
    loop {
        let descends = if Some(node.id()) == without { None } else { writer.open(node) };
        if let Some(child) = descends {
            node = child;
            continue;
        }
        // Up until something stands beside us.
        loop {
            if node == top {
                return writer.out;
            }
            if let Some(next) = node.next_sibling() {
                node = next;
                break;
            }
            match node.parent() {
                Some(parent) => {
                    writer.close(parent);
                    node = parent;
                }
                None => return writer.out,
            }
        }
    }
}

struct Writer {
    out: String,
    /// What is declared in the canonical text, one level for each open element.
    declared: Vec<BTreeMap<String, String>>,
}

impl Writer {
    /// Writes what comes before a node's children; its first child, when there is one.
    fn open<'a, 'i>(&mut self, node: Node<'a, 'i>) -> Option<Node<'a, 'i>> {
        if node.is_element() {
            self.start(node);
            let first = node.first_child();
            if first.is_none() {
                self.close(node);
            }
            return first;
        }
        if let Some(pi) = node.pi() {
            self.out.push_str("<?");
            self.out.push_str(pi.target);
            if let Some(value) = pi.value {
                self.out.push(' ');
                self.out.push_str(value);
            }
            self.out.push_str("?>");
        } else if node.is_text() {
            push_text(&mut self.out, node.text().unwrap_or_default());
        }
        None
    }

    fn start(&mut self, node: Node<'_, '_>) {
        let mut used = BTreeMap::from([(
            prefix(qualified(node)).to_owned(),
            node.tag_name().namespace().unwrap_or_default().to_owned(),
        )]);
        let source = node.document().input_text();
        let mut attributes: Vec<(&str, &str, &str, &str)> = node
            .attributes()
            .map(|attribute| {
                let name = source.get(attribute.range_qname()).unwrap_or_default();
                let namespace = attribute.namespace().unwrap_or_default();
                (namespace, attribute.name(), name, attribute.value())
            })
            .collect();
        attributes.sort_unstable();
        for (namespace, _, name, _) in &attributes {
            if !namespace.is_empty() && *namespace != XML {
                used.insert(prefix(name).to_owned(), (*namespace).to_owned());
            }
        }
        let mut declared = self.declared.last().cloned().unwrap_or_default();
        self.out.push('<');
        self.out.push_str(qualified(node));
        for (prefix, namespace) in used {
            // No declaration stands for no namespace.
            let now = declared.get(&prefix).map_or("", String::as_str);
            if now == namespace || prefix == "xml" {
                continue;
            }
            self.out.push_str(" xmlns");
            if !prefix.is_empty() {
                self.out.push(':');
                self.out.push_str(&prefix);
            }
            self.out.push_str("=\"");
            push_attribute(&mut self.out, &namespace);
            self.out.push('"');
            declared.insert(prefix, namespace);
        }
        for (_, _, name, value) in attributes {
            self.out.push(' ');
            self.out.push_str(name);
            self.out.push_str("=\"");
            push_attribute(&mut self.out, value);
            self.out.push('"');
        }
        self.out.push('>');
        self.declared.push(declared);
    }

    fn close(&mut self, node: Node<'_, '_>) {
        self.declared.pop();
        self.out.push_str("</");
        self.out.push_str(qualified(node));
        self.out.push('>');
    }
}

/// The name of an element as it is written, prefix included.
fn qualified<'i>(node: Node<'_, 'i>) -> &'i str {
    let source = node.document().input_text().get(node.range()).unwrap_or_default();
    let name = source.strip_prefix('<').unwrap_or(source);
    let end = name.find(|c: char| c.is_ascii_whitespace() || c == '/' || c == '>');
    end.and_then(|end| name.get(..end)).unwrap_or(name)
}

fn prefix(name: &str) -> &str {
    name.split_once(':').map_or("", |(prefix, _)| prefix)
}

/// Appends a text as canonical XML writes it. A character that XML cannot hold becomes U+FFFD.
pub fn push_text(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#xD;"),
            other => out.push(writable(other)),
        }
    }
}

/// Appends the value of an attribute as canonical XML writes it. A character that XML cannot hold becomes U+FFFD.
pub fn push_attribute(out: &mut String, value: &str) {
    for c in value.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '"' => out.push_str("&quot;"),
            '\t' => out.push_str("&#x9;"),
            '\n' => out.push_str("&#xA;"),
            '\r' => out.push_str("&#xD;"),
            other => out.push(writable(other)),
        }
    }
}

const fn writable(c: char) -> char {
    match c {
        '\t' | '\n' | '\r' | '\u{20}'..='\u{fffd}' | '\u{10000}'.. => c,
        _ => char::REPLACEMENT_CHARACTER,
    }
}

#[cfg(test)]
mod tests {
    use super::super::xml::{Limits, parse};
    use super::*;

    /// The canonical text of the first element called `of`.
    fn of(name: &str, text: &str) -> String {
        let document = parse(text.as_bytes(), &Limits::default()).unwrap();
        let node = document.descendants().find(|n| n.tag_name().name() == name).unwrap();
        canonical(node, None)
    }

    // Canonical XML 1.0, section 3.3: the start and end tags of its example that need no document type, as the
    // exclusive form writes them.
    #[test]
    fn tags_and_attributes_take_their_published_order() {
        let text = "<doc>\n   <e1   />\n   <e2   ></e2>\n   <e3   name = \"elem3\"   id=\"elem3\"   />\n   \
                    <e5 a:attr=\"out\" b:attr=\"sorted\" attr2=\"all\" attr=\"I'm\" \
                    xmlns:b=\"http://www.ietf.org\" xmlns:a=\"http://www.w3.org\" \
                    xmlns=\"http://example.org\"/>\n</doc>";
        let expected = "<doc>\n   <e1></e1>\n   <e2></e2>\n   <e3 id=\"elem3\" name=\"elem3\"></e3>\n   \
                        <e5 xmlns=\"http://example.org\" xmlns:a=\"http://www.w3.org\" \
                        xmlns:b=\"http://www.ietf.org\" attr=\"I'm\" attr2=\"all\" b:attr=\"sorted\" \
                        a:attr=\"out\"></e5>\n</doc>";
        assert_eq!(of("doc", text), expected);
    }

    // Canonical XML 1.0, section 3.4, without what its document type adds.
    #[test]
    fn characters_are_escaped_as_published() {
        let text = "<doc><text>First line&#x0d;&#10;Second line</text><value>&#x32;</value>\
                    <compute><![CDATA[value>\"0\" && value<\"10\" ?\"valid\":\"error\"]]></compute>\
                    <norm attr=' &apos;   &#x20;&#13;&#xa;&#9;   &apos; '/></doc>";
        let expected = "<doc><text>First line&#xD;\nSecond line</text><value>2</value>\
                        <compute>value&gt;\"0\" &amp;&amp; value&lt;\"10\" ?\"valid\":\"error\"</compute>\
                        <norm attr=\" '    &#xD;&#xA;&#x9;   ' \"></norm></doc>";
        assert_eq!(of("doc", text), expected);
    }

    // Exclusive XML Canonicalization, section 2.2: the same signed part in two contexts.
    #[test]
    fn what_stands_around_an_element_does_not_matter() {
        let inside = |around: &str| {
            format!(
                "<{around}><n1:elem2 xmlns:n1=\"http://b.example\" xml:lang=\"en\"><n3:stuff \
                 xmlns:n3=\"ftp://example.org\"/></n1:elem2></{}>",
                around.split(' ').next().unwrap()
            )
        };
        let expected = "<n1:elem2 xmlns:n1=\"http://b.example\" xml:lang=\"en\"><n3:stuff \
                        xmlns:n3=\"ftp://example.org\"></n3:stuff></n1:elem2>";
        for around in [
            "n0:pdu xmlns:n0='http://a.example'",
            "n2:pdu xmlns:n1='http://example.com' xmlns:n2='http://foo.example' xml:lang='fr'",
            "pdu xmlns='http://default.example'",
        ] {
            assert_eq!(of("elem2", &inside(around)), expected, "{around}");
        }
    }

    #[test]
    fn namespaces_of_ancestors_are_declared_where_they_are_used() {
        let text = "<a xmlns='urn:a' xmlns:b='urn:b' xmlns:unused='urn:u'><top b:x='1'><in/><b:in/>\
                    <none xmlns=''><deep/></none></top></a>";
        let expected = "<top xmlns=\"urn:a\" xmlns:b=\"urn:b\" b:x=\"1\"><in></in><b:in></b:in>\
                        <none xmlns=\"\"><deep></deep></none></top>";
        assert_eq!(of("top", text), expected);
    }

    #[test]
    fn comments_go_instructions_stay_and_one_subtree_can_be_left_out() {
        let text = "<a><!-- x -->1<?go  on?><?stop?><sig><b/></sig>2<c/></a>";
        assert_eq!(of("a", text), "<a>1<?go on?><?stop?><sig><b></b></sig>2<c></c></a>");
        let document = parse(text.as_bytes(), &Limits::default()).unwrap();
        let signature = document.descendants().find(|n| n.tag_name().name() == "sig").unwrap();
        let rest = canonical(document.root_element(), Some(signature.id()));
        assert_eq!(rest, "<a>1<?go on?><?stop?>2<c></c></a>");
    }

    #[test]
    fn what_xml_cannot_hold_is_replaced() {
        let mut out = String::new();
        push_text(&mut out, "a\u{1}b\u{ffff}c");
        assert_eq!(out, "a\u{fffd}b\u{fffd}c");
    }
}
