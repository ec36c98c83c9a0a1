//! What a path names: `/{tenant}/devices/{object id}`, `/myorganization/users('{upn}')/ownedDevices`, `/me/ownedDevices`.
//!
//! The next page of all devices has an address of its own, `/{tenant}/directoryObjects/$/Microsoft.DirectoryServices.Device`,
//! as the service writes it into its relative next links.

use linarite_core::ids::UserId;

use crate::services::call::Call;

/// How a path names a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// The user of the token.
    Me,
    /// By object id or user principal name.
    Named(String),
}

/// What a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// All devices.
    Devices,
    /// A device, by its object id.
    Device(String),
    /// The owners of a device, who are its users too; `links`: only their addresses.
    UsersOf {
        /// The object id.
        device: String,
        /// Whether the path goes through `$links`.
        links: bool,
    },
    /// A user.
    User(Who),
    /// The devices of a user, and the name of the collection as it is written.
    DevicesOf(Who, &'static str),
}

/// A path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The tenant as the path names it.
    pub(super) tenant: String,
    /// What it names there.
    pub(super) target: Target,
}

/// The word for the tenant of the token.
const OWN: &str = "myorganization";

/// Whether a path is about the tenant of this world.
pub(super) fn is_own(call: &Call, tenant: &str) -> bool {
    let words = ["common", "organizations"];
    tenant.eq_ignore_ascii_case(OWN)
        || (!words.iter().any(|word| tenant.eq_ignore_ascii_case(word))
            && call.world.tenant.answers_to(tenant))
}

/// Reads the path of a call; `None`: nothing that is emulated.
pub(super) fn read(call: &Call) -> Option<Place> {
    let count = call.path.split('/').filter(|part| !part.is_empty()).count();
    let segments = (0..count).map(|index| call.segment(index)).collect::<Option<Vec<_>>>()?;
    place(&segments)
}

fn place(segments: &[String]) -> Option<Place> {
    let (tenant, rest) = match segments {
        [me, ..] if me.eq_ignore_ascii_case("me") => (OWN, segments),
        [tenant, rest @ ..] => (tenant.as_str(), rest),
        [] => return None,
    };
    Some(Place { tenant: tenant.to_owned(), target: target(rest)? })
}

fn target(segments: &[String]) -> Option<Target> {
    let (first, rest) = segments.split_first()?;
    let (collection, key) = split_key(first)?;
    let collection = collection.to_ascii_lowercase();
    let words: Vec<String> = rest.iter().map(|word| word.to_ascii_lowercase()).collect();
    let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
    if collection == "me" && key.is_none() {
        return of_user(Who::Me, &words);
    }
    if collection == "directoryobjects" {
        return match (words.as_slice(), rest.first()) {
            (["$", "microsoft.directoryservices.device"], _) => Some(Target::Devices),
            // Where `$links` leads to.
            ([_, "microsoft.directoryservices.user"], Some(id)) => {
                id.parse::<UserId>().ok().map(|_| Target::User(Who::Named(id.clone())))
            }
            _ => None,
        };
    }
    let key = match key {
        Some(key) => Some(key),
        None if words.is_empty() => None,
        None => {
            words.remove(0);
            rest.first().filter(|key| !key.starts_with('$')).cloned()
        }
    };
    match (collection.as_str(), key) {
        ("devices", None) if rest.is_empty() => Some(Target::Devices),
        ("devices", Some(device)) => match words.as_slice() {
            [] => Some(Target::Device(device)),
            ["registeredowners" | "registeredusers"] => {
                Some(Target::UsersOf { device, links: false })
            }
            ["$links", "registeredowners" | "registeredusers"] => {
                Some(Target::UsersOf { device, links: true })
            }
            _ => None,
        },
        ("users", Some(name)) => of_user(Who::Named(name), &words),
        _ => None,
    }
}

fn of_user(who: Who, words: &[&str]) -> Option<Target> {
    match words {
        [] => Some(Target::User(who)),
        ["owneddevices"] => Some(Target::DevicesOf(who, "ownedDevices")),
        ["registereddevices"] => Some(Target::DevicesOf(who, "registeredDevices")),
        _ => None,
    }
}

/// Splits `devices('x')` into name and key.
fn split_key(segment: &str) -> Option<(&str, Option<String>)> {
    let Some((name, rest)) = segment.split_once('(') else { return Some((segment, None)) };
    let value = rest.strip_suffix(')')?.strip_prefix('\'')?.strip_suffix('\'')?;
    // A lone quote inside would end the text early.
    let unescaped = value.replace("''", "\u{0}");
    if unescaped.contains('\'') {
        return None;
    }
    Some((name, Some(unescaped.replace('\u{0}', "'"))))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(path: &str) -> Option<(String, Target)> {
        let segments: Vec<_> =
            path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        place(&segments).map(|place| (place.tenant, place.target))
    }

    #[test]
    fn devices_users_and_their_devices_have_paths() {
        let own = |target| Some((OWN.to_owned(), target));
        let device = || Target::Device("a-1".to_owned());
        let bob = || Who::Named("bob@contoso.test".to_owned());
        let users = |links| Target::UsersOf { device: "a-1".to_owned(), links };
        for (path, expected) in [
            ("/myorganization/devices", own(Target::Devices)),
            ("/myorganization/devices/a-1", own(device())),
            ("/myorganization/Devices('a-1')", own(device())),
            ("/myorganization/devices/a-1/registeredOwners", own(users(false))),
            ("/myorganization/devices/a-1/$links/registeredUsers", own(users(true))),
            ("/myorganization/users/bob@contoso.test", own(Target::User(bob()))),
            (
                "/myorganization/users('bob@contoso.test')/ownedDevices",
                own(Target::DevicesOf(bob(), "ownedDevices")),
            ),
            ("/me/registeredDevices", own(Target::DevicesOf(Who::Me, "registeredDevices"))),
            ("/myorganization/me", own(Target::User(Who::Me))),
            (
                "/myorganization/directoryObjects/$/Microsoft.DirectoryServices.Device",
                own(Target::Devices),
            ),
        ] {
            assert_eq!(read(path), expected, "{path}");
        }
        let (tenant, _) = read("/contoso.test/devices").unwrap();
        assert_eq!(tenant, "contoso.test");
    }

    #[test]
    fn other_paths_name_nothing() {
        for path in [
            "",
            "/contoso.test",
            "/contoso.test/groups",
            "/contoso.test/users",
            "/contoso.test/devices/$count",
            "/contoso.test/devices('a'b')",
            "/contoso.test/devices('a'",
            "/contoso.test/devices()",
            "/contoso.test/devices/a/memberOf",
            "/contoso.test/directoryObjects/a",
        ] {
            assert_eq!(read(path), None, "{path}");
        }
    }

    proptest! {
        #[test]
        fn no_path_panics(path in ".{0,60}") {
            let _read = read(&path);
        }
    }
}
