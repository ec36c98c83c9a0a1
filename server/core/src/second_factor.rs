//! The second factor of a sign-in: a one-time password that follows from a shared secret and the time (RFC 6238).
//!
//! What is decided here is which codes count at a moment. Working one out takes a hash function, which is not a rule.
//! Left out: other second factors, counting wrong codes, and refusing a code that was used before.

use crate::device::{Device, TrustType};
use crate::ids::UserId;
use crate::instant::Instant;

/// How many seconds a code is shown.
const STEP: i64 = 30;

/// The time steps whose codes count at this moment: the present one, and the one before it, because typing takes time.
pub const fn steps(now: Instant) -> [i64; 2] {
    let step = now.seconds().div_euclid(STEP);
    [step, step - 1]
}

/// Whether a device counts as the second factor of somebody who signs in on it: one that its owner registered with a second
/// factor does, for its owner alone, and a hybrid one never does (newer FAQ, N36).
pub fn is_device(device: &Device, user: UserId) -> bool {
    device.second_factor && device.owner == Some(user) && device.trust != TrustType::ServerAd
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Management;
    use crate::ids::{DeviceId, Guid, ObjectId};
    use crate::revocation::Standing;

    fn id(number: u8) -> Guid {
        Guid::from_bytes([number; 16])
    }

    #[test]
    fn a_device_counts_for_whoever_registered_it_with_a_second_factor() {
        let (own, other) = (UserId::new(id(1)), UserId::new(id(2)));
        for (trust, second_factor, user, expected) in [
            (TrustType::AzureAd, true, own, true),
            (TrustType::Workplace, true, own, true),
            (TrustType::AzureAd, true, other, false),
            (TrustType::AzureAd, false, own, false),
            (TrustType::ServerAd, true, own, false),
        ] {
            let device = Device {
                object_id: ObjectId::new(id(3)),
                device_id: DeviceId::new(id(4)),
                display_name: "pc".to_owned(),
                os: "Windows".to_owned(),
                os_version: "10".to_owned(),
                trust,
                owner: Some(own),
                created: Instant::from_seconds(0),
                registered: None,
                last_activity: None,
                key: None,
                transport_key: None,
                on_premises: None,
                standing: Standing::default(),
                management: Management::default(),
                second_factor,
            };
            assert_eq!(is_device(&device, user), expected, "{trust:?} {second_factor}");
        }
    }

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
