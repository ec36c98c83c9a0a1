//! URL-encoded forms and queries: pairs of a name and a value, decoded.
//!
//! WHATWG URL section 5.1, but for bytes that are no UTF-8, which are replaced. Whoever reads a form or a query in this
//! house reads it here. Left out: which names there may be, and how often.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// A part of a form or a query, decoded.
pub(crate) fn decode(part: &str) -> Cow<'_, str> {
    if part.contains('+') {
        let spaced = part.replace('+', " ");
        Cow::Owned(percent_decode_str(&spaced).decode_utf8_lossy().into_owned())
    } else {
        percent_decode_str(part).decode_utf8_lossy()
    }
}

/// The pairs of a form or a query, decoded.
pub(crate) fn pairs(text: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn plus_and_percent_are_decoded() {
        let read: Vec<_> = pairs("a=1+2&b=%40%2B&c&=d&").collect();
        let expected = [("a", "1 2"), ("b", "@+"), ("c", ""), ("", "d")];
        assert_eq!(read, expected.map(|(name, value)| (name.into(), value.into())));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*") {
            assert!(pairs(&text).count() <= text.len());
        }
    }
}
