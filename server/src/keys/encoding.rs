//! The two alphabets of base64, strict where a signature depends on it and lenient where clients differ.
//!
//! Parts of a compact JWS or JWE are base64url and come without padding, though some clients pad them. Certificates,
//! key blobs and KDF contexts are standard base64, with line breaks now and then, and keys inside a JWK come either
//! way (RFC 4648 sections 4 and 5). Left out: any other encoding.

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const EITHER_PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const URL: GeneralPurpose =
    GeneralPurpose::new(&URL_SAFE, EITHER_PADDING.with_encode_padding(false));
const PLAIN: GeneralPurpose = GeneralPurpose::new(&STANDARD, EITHER_PADDING);

/// base64url without padding, as in every part of a JWS or JWE.
pub fn to_url(bytes: impl AsRef<[u8]>) -> String {
    URL.encode(bytes)
}

/// Appends base64url without padding to a text.
pub fn push_url(text: &mut String, bytes: impl AsRef<[u8]>) {
    URL.encode_string(bytes, text);
}

/// Standard base64 with padding, on one line.
pub fn to_standard(bytes: impl AsRef<[u8]>) -> String {
    PLAIN.encode(bytes)
}

/// Reads base64url with or without padding. `None` for any other character (white space included) and for bits
/// beyond the last byte that are not zero, so that no two texts of one length read alike.
pub fn from_url(text: &str) -> Option<Vec<u8>> {
    URL.decode(text).ok()
}

/// Reads base64 of either alphabet, with or without padding, with ASCII white space anywhere.
pub fn from_either(text: &str) -> Option<Vec<u8>> {
    // Most texts are in the standard alphabet and without a break.
    if let Ok(read) = PLAIN.decode(text) {
        return Some(read);
    }
    let plain: Vec<u8> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => other,
        })
        .collect();
    PLAIN.decode(plain).ok()
}

/// Lower-case hexadecimal.
pub fn to_hex(bytes: impl AsRef<[u8]>) -> String {
    use std::fmt::Write as _;
    bytes.as_ref().iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn padding_does_not_matter() {
        assert_eq!(from_url("-_8"), Some(vec![0xfb, 0xff]));
        assert_eq!(from_url("-_8="), Some(vec![0xfb, 0xff]));
        assert_eq!(from_either("+/8="), Some(vec![0xfb, 0xff]));
        assert_eq!(from_either("-_8"), Some(vec![0xfb, 0xff]));
    }

    #[test]
    fn line_breaks_are_tolerated_in_the_lenient_reading_only() {
        assert_eq!(from_either(" AAEC\r\nAwQ=\n"), Some(vec![0, 1, 2, 3, 4]));
        assert_eq!(from_url("AAEC\nAwQ"), None);
    }

    #[test]
    fn stray_bits_and_foreign_letters_are_refused() {
        for text in ["-_9", "A", "+/8=", "AA=A", "A===", "ä"] {
            assert_eq!(from_url(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(bytes: Vec<u8>) {
            prop_assert_eq!(from_url(&to_url(&bytes)), Some(bytes.clone()));
            prop_assert_eq!(from_either(&to_url(&bytes)), Some(bytes.clone()));
            prop_assert_eq!(from_either(&to_standard(&bytes)), Some(bytes));
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _read = from_url(&text);
            let _read = from_either(&text);
        }
    }
}
