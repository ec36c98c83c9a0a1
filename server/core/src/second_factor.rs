//! The second factor of a sign-in: a one-time password that follows from a shared secret and the time (RFC 6238).
//!
//! What is decided here is which codes count at a moment. Working one out takes a hash function, which is not a rule.
//! Left out: other second factors, counting wrong codes, and refusing a code that was used before.

use crate::instant::Instant;

/// How many seconds a code is shown.
const STEP: i64 = 30;

/// The time steps whose codes count at this moment: the present one, and the one before it, because typing takes time.
pub const fn steps(now: Instant) -> [i64; 2] {
    let step = now.seconds().div_euclid(STEP);
    [step, step - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_counts_in_its_step_and_in_the_next_one() {
        let begin = Instant::from_seconds(1_772_442_000);
        assert_eq!(begin.seconds() % STEP, 0);
        let own = begin.seconds() / STEP;
        let counts =
            |millis: i64| steps(Instant::from_millis(begin.millis() + millis)).contains(&own);
        for (millis, expected) in [
            (-1, false),
            (0, true),
            (29_999, true),
            (30_000, true),
            (59_999, true),
            (60_000, false),
        ] {
            assert_eq!(counts(millis), expected, "{millis}");
        }
    }
}
