//! A writer of DER (ITU-T X.690), as much of it as a certificate needs.
//!
//! Own because the usual certificate writers keep a name as a map and lose one of the two domain components of the
//! device issuer. It always writes the shortest length, so what comes out is DER and not just BER. Left out: reading,
//! which is x509-parser's part, and every type that no certificate of ours holds.

use jiff::Timestamp;
use jiff::tz::Offset;

/// One element: tag, length, content.
pub fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    // A tag, and a length of nine bytes at most.
    let mut out = Vec::with_capacity(content.len() + 10);
    out.push(tag);
    match u8::try_from(content.len()) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let length = content.len().to_be_bytes();
            let digits =
                length.iter().position(|byte| *byte != 0).map_or(0, |at| length.len() - at);
            // A usize has at most eight bytes.
            out.push(0x80 | u8::try_from(digits).unwrap_or(8));
            out.extend(length.iter().skip(length.len() - digits));
        }
    }
    out.extend_from_slice(content);
    out
}

/// SEQUENCE of these elements.
pub fn seq(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

/// SET OF these elements, in the order that DER asks for: by their own bytes.
pub fn set(parts: &[&[u8]]) -> Vec<u8> {
    let mut sorted = parts.to_vec();
    sorted.sort_unstable();
    tlv(0x31, &sorted.concat())
}

/// `[number]` of these elements: context-specific, constructed. Numbers up to 30.
pub fn context(number: u8, content: &[u8]) -> Vec<u8> {
    tlv(0xa0 | (number & 0x1f), content)
}

/// OBJECT IDENTIFIER with these arcs; the first is 0, 1 or 2.
pub fn oid(arcs: &[u32]) -> Vec<u8> {
    let mut content = Vec::with_capacity(5 * arcs.len());
    let (head, tail) = arcs.split_at(arcs.len().min(2));
    let first = head.iter().fold(0_u32, |sum, arc| sum.saturating_mul(40).saturating_add(*arc));
    for arc in std::iter::once(&first).chain(tail) {
        let digits = [0, 7, 14, 21, 28].map(|shift| (arc >> shift) & 0x7f);
        let highest = digits.iter().rposition(|digit| *digit != 0).unwrap_or(0);
        for (place, digit) in digits.iter().enumerate().take(highest + 1).rev() {
            let more = if place == 0 { 0 } else { 0x80 };
            content.push(u8::try_from(*digit).unwrap_or(0x7f) | more);
        }
    }
    tlv(0x06, &content)
}

/// INTEGER that is not negative, from big-endian bytes with or without leading zeroes.
pub fn integer(big_endian: &[u8]) -> Vec<u8> {
    let zeroes = big_endian.iter().take_while(|byte| **byte == 0).count();
    let mut content: Vec<u8> = big_endian.iter().skip(zeroes).copied().collect();
    if content.first().is_none_or(|byte| *byte >= 0x80) {
        content.insert(0, 0);
    }
    tlv(0x02, &content)
}

/// BOOLEAN.
pub fn boolean(value: bool) -> Vec<u8> {
    tlv(0x01, &[if value { 0xff } else { 0 }])
}

/// NULL.
pub fn null() -> Vec<u8> {
    tlv(0x05, &[])
}

/// OCTET STRING.
pub fn octets(content: &[u8]) -> Vec<u8> {
    tlv(0x04, content)
}

/// BIT STRING of whole bytes.
pub fn bits(content: &[u8]) -> Vec<u8> {
    bits_unused(0, content)
}

/// BIT STRING whose last byte leaves this many low bits unused (0 to 7).
pub fn bits_unused(unused: u8, content: &[u8]) -> Vec<u8> {
    tlv(0x03, &[&[unused], content].concat())
}

/// `UTF8String`.
pub fn utf8(text: &str) -> Vec<u8> {
    tlv(0x0c, text.as_bytes())
}

/// `PrintableString`: letters, digits, space and `'()+,-./:=?`, which the caller sees to.
pub fn printable(text: &str) -> Vec<u8> {
    tlv(0x13, text.as_bytes())
}

/// `IA5String`: ASCII, which the caller sees to.
pub fn ia5(text: &str) -> Vec<u8> {
    tlv(0x16, text.as_bytes())
}

/// Time of a certificate from seconds since 1970: `UTCTime` for 1950 to 2049, `GeneralizedTime` after that, as RFC 5280
/// section 4.1.2.5 rules. What lies before 1950 is written as 1950, what lies after 9999 as the end of 9999.
pub fn time(unix: i64) -> Vec<u8> {
    const START_OF_1950: i64 = -631_152_000;
    let instant = Timestamp::from_second(unix.max(START_OF_1950)).unwrap_or(Timestamp::MAX);
    let at = Offset::UTC.to_datetime(instant);
    let rest = format!(
        "{:02}{:02}{:02}{:02}{:02}Z",
        at.month(),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    );
    if at.year() < 2050 {
        tlv(0x17, format!("{:02}{rest}", at.year() % 100).as_bytes())
    } else {
        tlv(0x18, format!("{:04}{rest}", at.year()).as_bytes())
    }
}

/// Extension of a certificate: its identifier, whether it is critical, and the DER inside its OCTET STRING.
pub fn extension(id: &[u32], critical: bool, value: &[u8]) -> Vec<u8> {
    // DER leaves out a member that has its default, and the default here is false.
    let flag = if critical { boolean(true) } else { Vec::new() };
    seq(&[&oid(id), &flag, &octets(value)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lengths_take_the_shortest_form() {
        assert_eq!(tlv(4, &[0; 127])[..2], [4, 127]);
        assert_eq!(tlv(4, &[0; 128])[..3], [4, 0x81, 128]);
        assert_eq!(tlv(4, &[0; 255])[..3], [4, 0x81, 255]);
        assert_eq!(tlv(4, &[0; 256])[..4], [4, 0x82, 1, 0]);
        assert_eq!(tlv(4, &vec![0; 65_536])[..5], [4, 0x83, 1, 0, 0]);
    }

    // The values are those that X.690 section 8.19 and the registries print.
    #[test]
    fn identifiers_are_written_as_the_registries_print_them() {
        assert_eq!(oid(&[2, 5, 4, 3]), [6, 3, 0x55, 4, 3]);
        assert_eq!(oid(&[2, 999, 3]), [6, 3, 0x88, 0x37, 3]);
        assert_eq!(
            oid(&[1, 2, 840, 113_556, 1, 5, 284, 2]),
            [6, 11, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x14, 1, 5, 0x82, 0x1c, 2]
        );
        assert_eq!(
            oid(&[0, 9, 2342, 19_200_300, 100, 1, 25]),
            [6, 10, 9, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 0x19]
        );
    }

    #[test]
    fn integers_stay_positive_and_short() {
        assert_eq!(integer(&[]), [2, 1, 0]);
        assert_eq!(integer(&[0, 0]), [2, 1, 0]);
        assert_eq!(integer(&[0, 0x7f]), [2, 1, 0x7f]);
        assert_eq!(integer(&[0x80]), [2, 2, 0, 0x80]);
    }

    #[test]
    fn the_year_decides_the_form_of_a_time() {
        assert_eq!(time(0), tlv(0x17, b"700101000000Z"));
        assert_eq!(time(2_524_607_999), tlv(0x17, b"491231235959Z"));
        assert_eq!(time(2_524_608_000), tlv(0x18, b"20500101000000Z"));
        assert_eq!(time(i64::MIN), tlv(0x17, b"500101000000Z"));
        assert_eq!(time(i64::MAX)[..6], *b"\x18\x0f9999");
    }

    #[test]
    fn a_set_is_sorted() {
        assert_eq!(set(&[&integer(&[2]), &integer(&[1])]), [0x31, 6, 2, 1, 1, 2, 1, 2]);
    }

    proptest! {
        #[test]
        fn every_time_has_the_fixed_length(unix: i64) {
            let length = time(unix).len();
            prop_assert!(length == 15 || length == 17);
        }
    }
}
