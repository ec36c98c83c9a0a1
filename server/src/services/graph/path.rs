//! What a path names: `/v1.0/devices/{id}`, `/beta/devices(deviceId='{id}')`, `/me/ownedDevices/$count`.
//!
//! Names of collections are read in any case, keys stay as the client wrote them. Left out: everything that is not about
//! devices and their users.

use crate::services::call::Call;

/// How a path names a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum DeviceName {
    /// By its directory object.
    Object(String),
    /// By its device id, the alternate key.
    Device(String),
}

/// How a path names a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// The user of the token.
    Me,
    /// By object id or user principal name.
    Named(String),
}

/// Which tie between a user and a device. Both hold the same pairs: whoever registers a device owns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tie {
    /// `registeredOwners`, `ownedDevices`
    Owner,
    /// `registeredUsers`, `registeredDevices`
    User,
}

/// What a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// All devices.
    Devices,
    /// How many devices.
    DeviceCount,
    /// A device.
    Device(DeviceName),
    /// The users of a device.
    UsersOf(DeviceName, Tie),
    /// All users.
    Users,
    /// How many users.
    UserCount,
    /// A user.
    User(Who),
    /// The devices of a user; `cast`: as devices, not as directory objects.
    DevicesOf {
        /// Whose.
        who: Who,
        /// By which tie.
        tie: Tie,
        /// Whether the path casts to `microsoft.graph.device`.
        cast: bool,
    },
    /// How many devices a user has.
    DeviceCountOf(Who, Tie),
    /// The deleted devices.
    DeletedItems,
    /// One of them.
    DeletedItem(String),
    /// Where one of them is brought back.
    Restore(String),
}

/// A path of Graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// `v1.0` or `beta`.
    pub(super) version: &'static str,
    /// What it names.
    pub(super) target: Target,
}

/// Reads the path of a call; `None`: nothing that is emulated.
pub(super) fn read(call: &Call) -> Option<Place> {
    let count = call.path.split('/').filter(|part| !part.is_empty()).count();
    let segments = (0..count).map(|index| call.segment(index)).collect::<Option<Vec<_>>>()?;
    place(&segments)
}

fn place(segments: &[String]) -> Option<Place> {
    let (version, rest) = segments.split_first()?;
    let version = ["v1.0", "beta"].into_iter().find(|v| v.eq_ignore_ascii_case(version))?;
    let (collection, rest) = rest.split_first()?;
    let (collection, key) = split_key(collection)?;
    let words: Vec<String> = rest.iter().map(|word| word.to_ascii_lowercase()).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let target = match (collection.to_ascii_lowercase().as_str(), key, words.as_slice()) {
        ("devices", None, []) => Target::Devices,
        ("devices", None, ["$count"]) => Target::DeviceCount,
        ("devices", None, [_, words @ ..]) => of_device(DeviceName::Object(first(rest)?), words)?,
        ("devices", Some((name, key)), words) => {
            let name = match name.to_ascii_lowercase().as_str() {
                "" | "id" => DeviceName::Object(key),
                "deviceid" => DeviceName::Device(key),
                _ => return None,
            };
            of_device(name, words)?
        }
        ("users", None, []) => Target::Users,
        ("users", None, ["$count"]) => Target::UserCount,
        ("users", None, [_, words @ ..]) => of_user(Who::Named(first(rest)?), words)?,
        ("users", Some((name, key)), words) => {
            let known = ["", "id", "userprincipalname"];
            known.contains(&name.to_ascii_lowercase().as_str()).then_some(())?;
            of_user(Who::Named(key), words)?
        }
        ("me", None, words) => of_user(Who::Me, words)?,
        ("directory", None, ["deleteditems", _, words @ ..]) if version == "beta" => {
            deleted(rest.get(1)?, words)?
        }
        _ => return None,
    };
    Some(Place { version, target })
}

fn first(segments: &[String]) -> Option<String> {
    segments.first().filter(|key| !key.starts_with('$')).cloned()
}

/// Splits `devices(deviceId='x')` into name and key, and the key into its name (empty for `devices('x')`) and its value.
fn split_key(segment: &str) -> Option<(&str, Option<(&str, String)>)> {
    let Some((name, rest)) = segment.split_once('(') else { return Some((segment, None)) };
    let inner = rest.strip_suffix(')')?;
    let quote = inner.find('\'');
    let (key, value) = match inner.find('=').filter(|at| quote.is_none_or(|q| *at < q)) {
        Some(at) => (inner.get(..at)?, inner.get(at + 1..)?),
        None => ("", inner),
    };
    let value = value.trim().strip_prefix('\'')?.strip_suffix('\'')?;
    // A lone quote inside would end the text early.
    let unescaped = value.replace("''", "\u{0}");
    if unescaped.contains('\'') {
        return None;
    }
    Some((name, Some((key.trim(), unescaped.replace('\u{0}', "'")))))
}

fn of_device(device: DeviceName, words: &[&str]) -> Option<Target> {
    match words {
        [] => Some(Target::Device(device)),
        ["registeredowners"] => Some(Target::UsersOf(device, Tie::Owner)),
        ["registeredusers"] => Some(Target::UsersOf(device, Tie::User)),
        _ => None,
    }
}

fn deleted(segment: &str, words: &[&str]) -> Option<Target> {
    match words {
        [] if segment.eq_ignore_ascii_case("microsoft.graph.device") => Some(Target::DeletedItems),
        [] => Some(Target::DeletedItem(segment.to_owned())),
        ["restore" | "microsoft.graph.restore"] => Some(Target::Restore(segment.to_owned())),
        _ => None,
    }
}

fn of_user(who: Who, words: &[&str]) -> Option<Target> {
    let (tie, rest) = match words {
        [] => return Some(Target::User(who)),
        ["owneddevices", rest @ ..] => (Tie::Owner, rest),
        ["registereddevices", rest @ ..] => (Tie::User, rest),
        _ => return None,
    };
    match rest {
        [] => Some(Target::DevicesOf { who, tie, cast: false }),
        ["microsoft.graph.device"] => Some(Target::DevicesOf { who, tie, cast: true }),
        ["$count"] | ["microsoft.graph.device", "$count"] => Some(Target::DeviceCountOf(who, tie)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(path: &str) -> Option<Target> {
        let segments: Vec<_> = path.split('/').map(str::to_owned).collect();
        place(&segments).map(|place| place.target)
    }

    #[test]
    fn a_device_is_named_by_its_object_or_by_the_alternate_key() {
        let object = Target::Device(DeviceName::Object("A-1".to_owned()));
        let device = Target::Device(DeviceName::Device("A-1".to_owned()));
        assert_eq!(target("v1.0/devices/A-1"), Some(object.clone()));
        assert_eq!(target("BETA/Devices('A-1')"), Some(object));
        assert_eq!(target("v1.0/devices(deviceId='A-1')"), Some(device.clone()));
        assert_eq!(target("v1.0/devices(deviceid = 'A-1')"), Some(device));
    }

    #[test]
    fn a_key_that_is_not_closed_names_nothing() {
        for path in [
            "v1.0/devices(deviceId='x'",
            "v1.0/devices(deviceId=x)",
            "v1.0/devices(deviceId='x'y')",
            "v1.0/devices(')",
            "v1.0/devices()",
            "v1.0/devices(name='x')",
            "v1.0/devices/$ref",
            "v1.0",
            "v2.0/devices",
            "v1.0/me('x')",
        ] {
            assert_eq!(target(path), None, "{path}");
        }
    }

    #[test]
    fn deleted_devices_are_in_beta_alone() {
        let list = "directory/deletedItems/microsoft.graph.device";
        assert_eq!(target(&format!("beta/{list}")), Some(Target::DeletedItems));
        assert_eq!(target(&format!("v1.0/{list}")), None);
        let one = "beta/directory/deletedItems/A-1";
        assert_eq!(target(one), Some(Target::DeletedItem("A-1".to_owned())));
        let restore = target(&format!("{one}/restore"));
        assert_eq!(restore, Some(Target::Restore("A-1".to_owned())));
        for path in ["beta/directory", "beta/directory/deletedItems", "beta/directory/roles/A-1"] {
            assert_eq!(target(path), None, "{path}");
        }
        assert_eq!(target(&format!("{one}/restore/now")), None);
    }

    #[test]
    fn a_users_devices_are_listed_cast_and_counted() {
        let bob = || Who::Named("bob@contoso.test".to_owned());
        let of = |who, tie, cast| Some(Target::DevicesOf { who, tie, cast });
        assert_eq!(target("v1.0/me/ownedDevices"), of(Who::Me, Tie::Owner, false));
        assert_eq!(
            target("v1.0/users/bob@contoso.test/registeredDevices/microsoft.graph.device"),
            of(bob(), Tie::User, true)
        );
        assert_eq!(
            target("v1.0/users('bob@contoso.test')/ownedDevices/$count"),
            Some(Target::DeviceCountOf(bob(), Tie::Owner))
        );
        assert_eq!(target("v1.0/me/messages"), None);
    }
}
