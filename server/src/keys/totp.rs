//! One-time passwords by time: HMAC-SHA-1 over the time step, cut to six digits (RFC 4226 and RFC 6238).

use aws_lc_rs::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, sign};

/// The bytes of a secret in base32 (RFC 4648) as apps take them: in any case, with spaces and without padding. `None` when
/// it is not one.
fn secret(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0_u32);
    for letter in text.bytes().filter(|letter| ![b' ', b'-', b'='].contains(letter)) {
        let value = match letter.to_ascii_uppercase() {
            upper @ b'A'..=b'Z' => upper - b'A',
            digit @ b'2'..=b'7' => digit - b'2' + 26,
            _ => return None,
        };
        held = (held << 5) | u32::from(value);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits).ok()?);
            held &= (1 << bits) - 1;
        }
    }
    (!bytes.is_empty()).then_some(bytes)
}

/// The six digits of a time step; `None` when the secret is no base32.
pub fn code(base32: &str, step: i64) -> Option<String> {
    let key = Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, &secret(base32)?);
    let tag = sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag.last()? & 0x0f);
    let cut: [u8; 4] = tag.get(offset..offset + 4)?.try_into().ok()?;
    Some(format!("{:06}", (u32::from_be_bytes(cut) & 0x7fff_ffff) % 1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "12345678901234567890", the secret of both documents.
    const PUBLISHED: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    // RFC 4226, appendix D.
    #[test]
    fn the_published_counters_give_the_published_codes() {
        let codes = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583",
            "399871", "520489",
        ];
        for (step, expected) in (0..).zip(codes) {
            assert_eq!(code(PUBLISHED, step).as_deref(), Some(expected), "{step}");
        }
    }

    // RFC 6238, appendix B, the last six of its eight digits.
    #[test]
    fn the_published_times_give_the_published_codes() {
        for (seconds, expected) in [
            (59_i64, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code(PUBLISHED, seconds / 30).as_deref(), Some(expected), "{seconds}");
        }
    }

    #[test]
    fn a_secret_is_read_as_people_copy_it_and_nothing_else_is_one() {
        let spaced = "gezd gnbv-gy3t qojq GEZD GNBV GY3T QOJQ==";
        assert_eq!(code(spaced, 1), code(PUBLISHED, 1));
        for odd in ["", "===", "A", "0189", "GEZD!", "\u{e9}"] {
            assert_eq!(code(odd, 1), None, "{odd}");
        }
    }
}
