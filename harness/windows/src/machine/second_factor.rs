//! What a user answers when a sign-in page asks for a second factor: the code that an authenticator app shows (RFC 6238),
//! or digits of the user's own.

use aws_lc_rs::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, sign};

/// The numbers by which sign-in asks for a second factor that the user has (errors.md 1).
const ASKED: [u32; 3] = [50074, 50076, 50078];

/// How many seconds an app shows a code.
const STEP_S: i64 = 30;

/// What the user types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecondFactor {
    /// What the app shows that was set up with this secret (base32).
    Authenticator(String),
    /// These digits.
    Code(String),
}

impl SecondFactor {
    /// The digits at this moment; `None` when the secret is no base32.
    pub(super) fn typed(&self, now_ms: i64) -> Option<String> {
        match self {
            Self::Code(code) => Some(code.clone()),
            Self::Authenticator(secret) => {
                let step = now_ms.div_euclid(1000).div_euclid(STEP_S);
                shown(&base32(secret)?, step)
            }
        }
    }
}

/// Whether a refusal asks for a second factor.
pub(super) fn is_asked(aadsts: Option<u32>) -> bool {
    aadsts.is_some_and(|number| ASKED.contains(&number))
}

fn base32(text: &str) -> Option<Vec<u8>> {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let letters = text.trim_end_matches('=').bytes().filter(|letter| !letter.is_ascii_whitespace());
    let mut bits: Vec<bool> = Vec::new();
    for letter in letters {
        let value = LETTERS.iter().position(|known| *known == letter.to_ascii_uppercase())?;
        bits.extend([16, 8, 4, 2, 1].map(|bit| value & bit != 0));
    }
    let byte = |eight: &[bool]| eight.iter().fold(0_u8, |sum, bit| (sum << 1) | u8::from(*bit));
    Some(bits.chunks_exact(8).map(byte).collect()).filter(|bytes: &Vec<u8>| !bytes.is_empty())
}

fn shown(secret: &[u8], step: i64) -> Option<String> {
    let tag = sign(&Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret), &step.to_be_bytes());
    let start = usize::from(tag.as_ref().last()? % 16);
    let number = tag.as_ref().get(start..start + 4)?;
    let number = number.iter().fold(0_u32, |sum, byte| (sum << 8) | u32::from(*byte));
    Some(format!("{:06}", number % (1 << 31) % 1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 6238, appendix B: the last six of its eight digits.
    #[test]
    fn an_app_shows_the_published_codes() {
        let app = SecondFactor::Authenticator("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ".to_owned());
        for (seconds, expected) in
            [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924")]
        {
            assert_eq!(app.typed(seconds * 1000).as_deref(), Some(expected), "{seconds}");
        }
        assert_eq!(SecondFactor::Authenticator("1".to_owned()).typed(0), None);
    }
}
