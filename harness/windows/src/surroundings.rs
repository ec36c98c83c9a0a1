//! What the client is given from outside besides the network: the time and the chance.
//!
//! The client never reads a clock and never draws a number by itself, so that the same seed and the same clock give the
//! same requests. (TLS and the blinding inside RSA draw their own randomness; no byte the service sees as data depends
//! on it.)

use std::fmt::Write as _;

/// The time of the machines.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    fn now_ms(&self) -> i64;
}

/// The chance of the machines: named streams, so that another draw in one place moves nothing elsewhere.
pub trait Chance: Send + Sync {
    /// Fills `out` with the next bytes of the stream called `stream`, such as `pc1/client-request-id`.
    fn fill(&self, stream: &str, out: &mut [u8]);
}

/// A random (version 4) GUID in lower case with dashes, drawn from `stream`.
pub(crate) fn guid(chance: &dyn Chance, stream: &str) -> String {
    let mut bytes = [0_u8; 16];
    chance.fill(stream, &mut bytes);
    let value = u128::from_be_bytes(bytes) & !(0xf_u128 << 76) & !(0b11_u128 << 62);
    let value = value | (0x4_u128 << 76) | (0b10_u128 << 62);
    let hex = format!("{value:032x}");
    let mut text = String::with_capacity(36);
    for (place, digit) in hex.chars().enumerate() {
        if matches!(place, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(digit);
    }
    text
}

/// The bytes as hexadecimal digits, upper case as Windows prints thumbprints.
pub(crate) fn hex_upper(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        write!(text, "{byte:02X}").unwrap_or_default();
    }
    text
}

/// A moment as `dsregcmd` prints it: `2026-03-02 09:00:00.000 UTC`. A moment outside the calendar is printed as its number.
pub(crate) fn utc(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(
        |_| format!("{ms} ms"),
        |moment| moment.strftime("%Y-%m-%d %H:%M:%S.%3f UTC").to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u8);
    impl Chance for Fixed {
        fn fill(&self, _stream: &str, out: &mut [u8]) {
            out.fill(self.0);
        }
    }

    #[test]
    fn a_guid_carries_version_and_variant() {
        assert_eq!(guid(&Fixed(0xff), "x"), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(guid(&Fixed(0), "x"), "00000000-0000-4000-8000-000000000000");
    }

    #[test]
    fn moments_print_with_milliseconds_and_never_panic() {
        assert_eq!(utc(1_595_103_033_789), "2020-07-18 20:10:33.789 UTC");
        assert_eq!(utc(i64::MAX), format!("{} ms", i64::MAX));
    }

    #[test]
    fn thumbprints_are_upper_case() {
        assert_eq!(hex_upper(&[0x0a, 0xff]), "0AFF");
    }
}
