//! Identifiers that can never stand in for one another.
//!
//! A device has two ids that look alike (object id and device id) and are mixed up in every support case, so each
//! kind of id is a type of its own. GUIDs print in lower case with dashes, as every projection of the directory does.
//! Left out: how ids are drawn, which is the business of whoever holds the seed.

use std::fmt;
use std::str::FromStr;

/// Sixteen bytes in the order in which a GUID is written down (RFC 9562), not the Windows memory layout.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Guid([u8; 16]);

/// A text that is not a GUID (32 hexadecimal digits, with dashes at 8-4-4-4-12 or none, braces tolerated).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAGuid;

impl fmt::Display for NotAGuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a GUID")
    }
}

impl std::error::Error for NotAGuid {}

impl Guid {
    /// The GUID with these bytes, in written order.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes in written order.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The version 4 GUID that these bytes become when version and variant are written over them.
    pub const fn from_random(mut bytes: [u8; 16]) -> Self {
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Self(bytes)
    }

    /// The bytes as Windows keeps a GUID in memory: the first three fields little-endian. Device certificates and
    /// security identifiers hold this layout.
    pub const fn to_bytes_le(self) -> [u8; 16] {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = self.0;
        [d, c, b, a, f, e, h, g, i, j, k, l, m, n, o, p]
    }

    /// The reverse of [`Guid::to_bytes_le`].
    pub const fn from_bytes_le(bytes: [u8; 16]) -> Self {
        Self(Self(bytes).to_bytes_le())
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Ids are printed several times in every answer, so each byte has its place and its digits at once.
        const PLACES: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
        let digit = |nibble: u8| nibble + if nibble < 10 { b'0' } else { b'a' - 10 };
        let mut text = [b'-'; 36];
        for (byte, place) in self.0.iter().zip(PLACES) {
            if let Some([high, low]) = text.get_mut(place..place + 2) {
                (*high, *low) = (digit(byte >> 4), digit(byte & 0x0f));
            }
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Guid {
    type Err = NotAGuid;

    fn from_str(text: &str) -> Result<Self, NotAGuid> {
        let text = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')).unwrap_or(text);
        if text.len() != 36 && text.len() != 32 {
            return Err(NotAGuid);
        }
        let dashed = text.len() == 36;
        let mut bytes = [0_u8; 16];
        let mut digits = 0_usize;
        for (index, c) in text.bytes().enumerate() {
            if dashed && matches!(index, 8 | 13 | 18 | 23) {
                if c != b'-' {
                    return Err(NotAGuid);
                }
                continue;
            }
            let value = match c {
                b'0'..=b'9' => c - b'0',
                b'a'..=b'f' => c - b'a' + 10,
                b'A'..=b'F' => c - b'A' + 10,
                _ => return Err(NotAGuid),
            };
            let byte = bytes.get_mut(digits / 2).ok_or(NotAGuid)?;
            *byte = (*byte << 4) | value;
            digits += 1;
        }
        if digits == 32 { Ok(Self(bytes)) } else { Err(NotAGuid) }
    }
}

macro_rules! guid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Guid);

        impl $name {
            /// The id with this GUID.
            pub const fn new(guid: Guid) -> Self {
                Self(guid)
            }

            /// The GUID of this id.
            pub const fn guid(self) -> Guid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = NotAGuid;

            fn from_str(text: &str) -> Result<Self, NotAGuid> {
                text.parse().map(Self)
            }
        }
    };
}

guid_id!(
    /// A tenant.
    TenantId
);
guid_id!(
    /// The directory object of a device: `id` in Graph, `objectId` in the older projections.
    ObjectId
);
guid_id!(
    /// The device itself, as its certificate names it: `deviceId` in every projection.
    DeviceId
);
guid_id!(
    /// The directory object of a user: `oid` in tokens.
    UserId
);
guid_id!(
    /// An application: `client_id`, `appid`.
    AppId
);
guid_id!(
    /// A policy of conditional access, as a claims challenge names it.
    PolicyId
);

/// The SHA-1 thumbprint of a certificate. Prints in upper-case hexadecimal, as Windows and the join answer do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Thumbprint([u8; 20]);

impl Thumbprint {
    /// The thumbprint with these bytes.
    pub const fn new(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digit = |nibble: u8| nibble + if nibble < 10 { b'0' } else { b'A' - 10 };
        let mut text = [0; 40];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            if let [high, low] = pair {
                (*high, *low) = (digit(byte >> 4), digit(byte & 0x0f));
            }
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Thumbprint({self})")
    }
}

/// A Windows security identifier in its text form (`S-1-5-21-...`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Sid(String);

impl Sid {
    /// The SID with this text, or `None` when it does not begin like one.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("S-1-")?;
        let parts = rest.split('-').collect::<Vec<_>>();
        let numbers = parts.iter().all(|p| p.parse::<u64>().is_ok());
        (numbers && parts.len() >= 2 && parts.len() <= 16).then(|| Self(text.to_owned()))
    }

    /// The SID that a cloud object has on a joined device: `S-1-12-1-` and its id as four little-endian numbers.
    pub fn of_object(id: Guid) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = id.to_bytes_le();
        let [w, x, y, z] =
            [[a, b, c, d], [e, f, g, h], [i, j, k, l], [m, n, o, p]].map(u32::from_le_bytes);
        Self(format!("S-1-12-1-{w}-{x}-{y}-{z}"))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_guid_prints_in_lower_case_with_dashes() {
        let guid: Guid = "{E20C2341-C3F0-467E-A17A-E8D6B9C12F98}".parse().unwrap();
        assert_eq!(guid.to_string(), "e20c2341-c3f0-467e-a17a-e8d6b9c12f98");
        assert_eq!("e20c2341c3f0467ea17ae8d6b9c12f98".parse(), Ok(guid));
    }

    #[test]
    fn the_windows_layout_swaps_the_first_three_fields() {
        let guid: Guid = "e20c2341-c3f0-467e-a17a-e8d6b9c12f98".parse().unwrap();
        assert_eq!(guid.to_bytes_le()[..8], [0x41, 0x23, 0x0c, 0xe2, 0xf0, 0xc3, 0x7e, 0x46]);
        assert_eq!(Guid::from_bytes_le(guid.to_bytes_le()), guid);
    }

    // The pair stands in the public write-up of the join answer's role SIDs.
    #[test]
    fn a_cloud_object_becomes_the_published_sid() {
        let guid: Guid = "e20c2341-c3f0-467e-a17a-e8d6b9c12f98".parse().unwrap();
        let sid = Sid::of_object(guid);
        assert_eq!(sid.as_str(), "S-1-12-1-3792446273-1182712816-3605559969-2553266617");
        assert_eq!(Sid::parse(sid.as_str()), Some(sid));
    }

    #[test]
    fn what_is_no_sid_is_refused() {
        for text in ["", "S-1-", "S-1-5", "S-1-5-x", "s-1-5-21", "S-1-5-21-"] {
            assert_eq!(Sid::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_guid_reads_back(bytes: [u8; 16]) {
            let guid = Guid::from_bytes(bytes);
            prop_assert_eq!(guid.to_string().parse(), Ok(guid));
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _unused = text.parse::<Guid>();
            let _unused = Sid::parse(&text);
        }

        #[test]
        fn a_random_guid_is_of_version_four(bytes: [u8; 16]) {
            let text = Guid::from_random(bytes).to_string();
            prop_assert_eq!(text.as_bytes()[14], b'4');
            prop_assert!(matches!(text.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
        }
    }
}
