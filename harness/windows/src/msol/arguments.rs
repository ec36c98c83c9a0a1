//! The parameters of the cmdlets: names in any case, values behind a space or a colon, and one parameter set at a time.

use jiff::Timestamp;

use super::Cmdlet;
use crate::hresult;
use crate::outcome::Failure;

/// Which devices are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Choice {
    /// `-All`
    All,
    /// `-DeviceId`
    DeviceId(String),
    /// `-ObjectId`
    ObjectId(String),
    /// `-Name`
    Name(String),
    /// `-RegisteredOwnerUpn`
    Owner(String),
}

/// The parameters, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Arguments {
    pub(super) choice: Choice,
    /// `-ReturnRegisteredOwners`
    pub(super) owners: bool,
    /// `-IncludeSystemManagedDevices`
    pub(super) system_managed: bool,
    /// `-LogonTimeBefore`, as RFC 3339.
    pub(super) logon_before: Option<String>,
}

const SWITCHES: [&str; 4] =
    ["All", "ReturnRegisteredOwners", "IncludeSystemManagedDevices", "Force"];
const VALUES: [&str; 5] = ["DeviceId", "ObjectId", "Name", "RegisteredOwnerUpn", "LogonTimeBefore"];

fn wrong(message: impl Into<String>) -> Failure {
    Failure::new(hresult::INVALID_ARGUMENT, message)
}

fn guid(name: &str, value: &str) -> Result<String, Failure> {
    let digits = value.bytes().filter(u8::is_ascii_hexdigit).count();
    let dashes: Vec<usize> =
        value.char_indices().filter(|(_, c)| *c == '-').map(|(at, _)| at).collect();
    if value.len() == 36 && digits == 32 && dashes == [8, 13, 18, 23] {
        Ok(value.to_ascii_lowercase())
    } else {
        Err(wrong(format!("the value of -{name} is no GUID: `{value}`")))
    }
}

impl Arguments {
    /// Reads the parameters of a cmdlet.
    pub(super) fn read(cmdlet: Cmdlet, words: &[String]) -> Result<Self, Failure> {
        let mut given: Vec<(&'static str, String)> = Vec::new();
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            let Some(name) = word.strip_prefix('-') else {
                return Err(wrong(format!("`{word}` belongs to no parameter")));
            };
            let (name, inline) = match name.split_once(':') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (name, None),
            };
            let is = |known: &&&str| known.eq_ignore_ascii_case(name);
            let known = if let Some(switch) = SWITCHES.iter().find(is) {
                (*switch, String::new())
            } else if let Some(known) = VALUES.iter().find(is) {
                let value = inline.or_else(|| rest.next().cloned());
                (*known, value.ok_or_else(|| wrong(format!("-{known} needs a value")))?)
            } else {
                return Err(wrong(format!("there is no parameter -{name}, or it is not emulated")));
            };
            if given.iter().any(|(before, _)| *before == known.0) {
                return Err(wrong(format!("-{} is given twice", known.0)));
            }
            given.push(known);
        }
        let has = |name: &str| given.iter().any(|(known, _)| *known == name);
        let mut choices = Vec::new();
        let mut logon_before = None;
        for (name, value) in &given {
            match *name {
                "All" => choices.push(Choice::All),
                "DeviceId" => choices.push(Choice::DeviceId(guid(name, value)?)),
                "ObjectId" => choices.push(Choice::ObjectId(guid(name, value)?)),
                "Name" => choices.push(Choice::Name(value.clone())),
                "RegisteredOwnerUpn" => choices.push(Choice::Owner(value.clone())),
                "LogonTimeBefore" => logon_before = Some(time(value)?),
                _ => {}
            }
        }
        let of_get = ["All", "Name", "RegisteredOwnerUpn", "ReturnRegisteredOwners"];
        let of_get = of_get.iter().chain(&["IncludeSystemManagedDevices", "LogonTimeBefore"]);
        let asked = match cmdlet {
            Cmdlet::Get => {
                if has("Force") {
                    return Err(wrong("there is no parameter -Force"));
                }
                "one of -All, -DeviceId, -ObjectId, -Name and -RegisteredOwnerUpn is needed"
            }
            Cmdlet::Enable | Cmdlet::Disable | Cmdlet::Remove => {
                if let Some(name) = of_get.into_iter().find(|name| has(name)) {
                    return Err(wrong(format!("there is no parameter -{name}")));
                }
                "one of -DeviceId and -ObjectId is needed"
            }
        };
        let [choice] = choices.try_into().map_err(|_| wrong(asked))?;
        let with_all = ["ReturnRegisteredOwners", "IncludeSystemManagedDevices", "LogonTimeBefore"];
        if choice != Choice::All
            && let Some(name) = with_all.into_iter().find(|name| has(name))
        {
            return Err(wrong(format!("-{name} goes with -All")));
        }
        if cmdlet != Cmdlet::Get && !has("Force") {
            return Err(wrong(
                "it asks for confirmation, and nobody is at the keyboard: add -Force",
            ));
        }
        Ok(Self {
            choice,
            owners: has("ReturnRegisteredOwners"),
            system_managed: has("IncludeSystemManagedDevices"),
            logon_before,
        })
    }
}

/// A time, with or without an hour.
fn time(value: &str) -> Result<String, Failure> {
    let whole = if value.len() == 10 { format!("{value}T00:00:00Z") } else { value.to_owned() };
    let read: Result<Timestamp, _> = whole.parse();
    read.map(|time| time.to_string()).map_err(|_| {
        wrong(format!("the value of -LogonTimeBefore is no time such as 2026-03-02: `{value}`"))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::words;
    use super::*;

    const ID: &str = "1c0ffee0-0000-4000-8000-00000000000A";

    fn read(cmdlet: Cmdlet, line: &str) -> Result<Arguments, String> {
        Arguments::read(cmdlet, &words(line)).map_err(|failure| failure.info.message)
    }

    #[test]
    fn each_parameter_set_reads() {
        let get = |line: &str| read(Cmdlet::Get, line).map(|read| read.choice);
        assert_eq!(get("-all"), Ok(Choice::All));
        assert_eq!(get(&format!("-DeviceId {ID}")), Ok(Choice::DeviceId(ID.to_lowercase())));
        assert_eq!(get(&format!("-OBJECTID:{ID}")), Ok(Choice::ObjectId(ID.to_lowercase())));
        assert_eq!(get("-Name 'PC 1'"), Ok(Choice::Name("PC 1".to_owned())));
        assert_eq!(get("-RegisteredOwnerUpn bob@x"), Ok(Choice::Owner("bob@x".to_owned())));
        let all = read(Cmdlet::Get, "-All -ReturnRegisteredOwners -LogonTimeBefore 2026-03-02");
        let all = all.unwrap();
        assert!(all.owners && !all.system_managed);
        assert_eq!(all.logon_before.as_deref(), Some("2026-03-02T00:00:00Z"));
        assert!(read(Cmdlet::Remove, &format!("-Force -DeviceId {ID}")).is_ok());
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let id = format!("-DeviceId {ID}");
        for (cmdlet, line, said) in [
            (Cmdlet::Get, "", "one of -All"),
            (Cmdlet::Get, "-All -Name x", "one of -All"),
            (Cmdlet::Get, "-Name", "needs a value"),
            (Cmdlet::Get, "-DeviceId x", "no GUID"),
            (Cmdlet::Get, "-Fancy", "no parameter -Fancy"),
            (Cmdlet::Get, "x", "belongs to no parameter"),
            (Cmdlet::Get, "-All -all", "twice"),
            (Cmdlet::Get, "-Name x -ReturnRegisteredOwners", "goes with -All"),
            (Cmdlet::Get, "-All -LogonTimeBefore soon", "no time"),
            (Cmdlet::Get, "-All -Force", "no parameter -Force"),
            (Cmdlet::Disable, id.as_str(), "add -Force"),
            (Cmdlet::Disable, "-All -Force", "no parameter -All"),
            (Cmdlet::Enable, "-Force", "one of -DeviceId"),
        ] {
            let found = read(cmdlet, line).unwrap_err();
            assert!(found.contains(said), "{line}: {found}");
        }
    }

    proptest! {
        #[test]
        fn no_command_line_panics(line in ".{0,80}") {
            let _read = read(Cmdlet::Get, &line);
        }
    }
}
