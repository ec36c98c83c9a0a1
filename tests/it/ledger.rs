//! The naive twin of the projections: what each page and each API has to say of a record, worked out from what was done
//! to it and nothing else.
//!
//! It shares no code with the rules or with the printers: words, forms of time and who owns what are written out here as
//! the documents have them (section 11 of the device registration notes). Only the ids that chance draws are taken from
//! whoever shows them first, and have to stay.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// How a record came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Joined,
    Registered,
    Hybrid,
    DownLevel,
}

/// A record and all that was ever said of it.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) way: Way,
    pub(crate) device_id: String,
    /// Given by the directory; empty until somebody has shown it.
    pub(crate) object_id: String,
    pub(crate) name: String,
    pub(crate) version: &'static str,
    /// A place in the list of people.
    pub(crate) who: Option<usize>,
    pub(crate) enabled: bool,
    pub(crate) managed: Option<bool>,
    pub(crate) compliant: Option<bool>,
    /// In seconds after the start, as all of these.
    pub(crate) created: i64,
    pub(crate) registered: Option<i64>,
    pub(crate) active: Option<i64>,
    /// Of its certificate, in upper case; empty as long as it is pending.
    pub(crate) thumbprint: String,
    /// What was synchronised: the certificate in the domain.
    pub(crate) in_domain: Option<Vec<u8>>,
    pub(crate) gone: bool,
}

/// A person: user name and display name.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) upn: &'static str,
    pub(crate) name: &'static str,
}

/// The day, the hour, the minute and the second in March 2026, where all histories take place.
fn moment(seconds: i64) -> (i64, i64, i64, i64) {
    let seconds = seconds + 9 * 3600;
    (2 + seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
}

fn iso(seconds: i64) -> String {
    let (day, hour, minute, second) = moment(seconds);
    format!("2026-03-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

fn shown(seconds: Option<i64>) -> String {
    seconds.map_or_else(|| "N/A".to_owned(), |at| iso(at).replace('T', " "))
}

fn american(seconds: i64) -> String {
    let (day, hour, minute, second) = moment(seconds);
    let (of_12, half) =
        (if hour % 12 == 0 { 12 } else { hour % 12 }, if hour < 12 { "AM" } else { "PM" });
    format!("3/{day}/2026 {of_12}:{minute:02}:{second:02} {half}")
}

fn three(value: Option<bool>) -> &'static str {
    match value {
        None => "null",
        Some(true) => "true",
        Some(false) => "false",
    }
}

fn yes(value: bool) -> &'static str {
    if value { "Yes" } else { "No" }
}

impl Record {
    /// The word of the trust type, as Microsoft Graph and Azure AD Graph have it.
    fn trust(&self) -> &'static str {
        match self.way {
            Way::Joined => "AzureAd",
            Way::Registered => "Workplace",
            Way::Hybrid | Way::DownLevel => "ServerAd",
        }
    }

    fn level(&self) -> &'static str {
        let of_domain =
            matches!(self.way, Way::Hybrid | Way::DownLevel) && self.registered.is_some();
        if self.compliant == Some(true) {
            "Compliant"
        } else if self.managed == Some(true) || of_domain {
            "Managed"
        } else {
            "Authenticated"
        }
    }

    /// Whether it came by synchronisation.
    fn synchronised(&self) -> bool {
        self.way == Way::Hybrid
    }

    /// What Microsoft Graph has to show.
    pub(crate) fn in_graph(&self) -> String {
        let time = |at: Option<i64>| at.map_or_else(|| "null".to_owned(), iso);
        [
            self.object_id.as_str(),
            &self.device_id,
            &self.name,
            "Windows",
            self.version,
            self.trust(),
            three(Some(self.enabled)),
            three(self.synchronised().then_some(true)),
            three(self.managed),
            three(self.compliant),
            &iso(self.created),
            &time(self.registered),
            &time(self.active),
            &self.thumbprint,
        ]
        .join(" | ")
    }

    /// What Azure AD Graph has to show.
    pub(crate) fn in_aad_graph(&self, people: &[Person]) -> String {
        [
            self.object_id.as_str(),
            &self.device_id,
            &self.name,
            "Windows",
            self.version,
            self.trust(),
            three(Some(self.enabled)),
            three(self.synchronised().then_some(true)),
            three(self.managed),
            three(self.compliant),
            &self.active.map_or_else(|| "null".to_owned(), iso),
            &self.thumbprint,
            self.who.map_or("", |who| people[who].upn),
        ]
        .join(" | ")
    }

    /// What `Get-MsolDevice` has to print.
    pub(crate) fn in_msol(&self, people: &[Person]) -> String {
        let trust = match self.way {
            Way::Joined => "AzureAD Joined",
            Way::Registered => "Workplace Joined",
            Way::Hybrid | Way::DownLevel => "Domain Joined",
        };
        [
            self.object_id.as_str(),
            &self.device_id,
            &self.name,
            "Windows",
            self.version,
            trust,
            self.level(),
            if self.enabled { "True" } else { "False" },
            if self.synchronised() { "True" } else { "" },
            &self.active.map_or_else(String::new, american),
            &self.thumbprint,
            self.who.map_or("", |who| people[who].upn),
        ]
        .join(" | ")
    }

    fn join_type(&self) -> &'static str {
        match self.way {
            Way::Joined => "Azure AD joined",
            Way::Registered => "Azure AD registered",
            Way::Hybrid | Way::DownLevel => "Hybrid Azure AD joined",
        }
    }

    fn registration(&self) -> String {
        if self.registered.is_none() { "Pending".to_owned() } else { shown(self.registered) }
    }

    /// What a row of the portal has to show.
    pub(crate) fn in_portal(&self, people: &[Person]) -> String {
        [
            self.name.as_str(),
            yes(self.enabled),
            "Windows",
            self.version,
            self.join_type(),
            self.who.map_or("N/A", |who| people[who].name),
            self.compliant.map_or("N/A", yes),
            &self.registration(),
            &shown(self.active),
        ]
        .join(" | ")
    }

    /// What the page of the device has to show.
    pub(crate) fn on_its_page(&self, people: &[Person]) -> String {
        let thumbprint = if self.thumbprint.is_empty() { "N/A" } else { &self.thumbprint };
        [
            self.device_id.as_str(),
            &self.object_id,
            yes(self.enabled),
            "Windows",
            self.version,
            self.join_type(),
            self.level(),
            self.who.map_or("N/A", |who| people[who].upn),
            self.compliant.map_or("N/A", yes),
            &self.registration(),
            &shown(self.active),
            thumbprint,
        ]
        .join(" | ")
    }
}

/// The thumbprint in an alternative security id: base64 of UTF-16 of `X509:<SHA1-TP-PUBKEY>`, 40 digits and a key.
fn thumbprint(ids: &Value) -> String {
    let Some([id]) = ids.as_array().map(Vec::as_slice) else { return String::new() };
    let bytes = STANDARD.decode(id["key"].as_str().unwrap()).unwrap();
    let units: Vec<u16> =
        bytes.chunks_exact(2).map(|pair| u16::from(pair[0]) | u16::from(pair[1]) << 8).collect();
    of_security_id(&String::from_utf16(&units).unwrap())
}

pub(crate) fn of_security_id(text: &str) -> String {
    let rest = text.strip_prefix("X509:<SHA1-TP-PUBKEY>").unwrap_or("no X509 id");
    rest.chars().take(40).collect()
}

fn line(device: &Value, names: &[&str], ids: &Value) -> Vec<String> {
    let text = |name: &&str| match &device[*name] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut parts: Vec<String> = names.iter().map(text).collect();
    parts.push(thumbprint(ids));
    parts
}

/// A device of Microsoft Graph as a line.
pub(crate) fn graph_line(device: &Value) -> String {
    let names = [
        "id",
        "deviceId",
        "displayName",
        "operatingSystem",
        "operatingSystemVersion",
        "trustType",
        "accountEnabled",
        "onPremisesSyncEnabled",
        "isManaged",
        "isCompliant",
        "createdDateTime",
        "registrationDateTime",
        "approximateLastSignInDateTime",
    ];
    line(device, &names, &device["alternativeSecurityIds"]).join(" | ")
}

/// A device of Azure AD Graph as a line.
pub(crate) fn aad_graph_line(device: &Value) -> String {
    let names = [
        "objectId",
        "deviceId",
        "displayName",
        "deviceOSType",
        "deviceOSVersion",
        "deviceTrustType",
        "accountEnabled",
        "dirSyncEnabled",
        "isManaged",
        "isCompliant",
        "approximateLastLogonTimestamp",
    ];
    let mut parts = line(device, &names, &device["alternativeSecurityIds"]);
    let owners = device["registeredOwners"].as_array().unwrap();
    parts.push(owners.iter().map(|o| o["userPrincipalName"].as_str().unwrap()).collect());
    parts.join(" | ")
}

/// The devices that `Get-MsolDevice` printed, as lines.
pub(crate) fn msol_lines(printed: &str) -> Vec<String> {
    let block = |block: &str| {
        let value = |name: &str| {
            let line = block.lines().find(|line| line.split(' ').next() == Some(name));
            let value = line.and_then(|line| line.split_once(" :")).map_or("", |(_, value)| value);
            value.trim().to_owned()
        };
        let within = |name: &str| value(name).trim_matches(['{', '}']).to_owned();
        let ids = within("AlternativeSecurityIds");
        [
            value("ObjectId"),
            value("DeviceId"),
            value("DisplayName"),
            value("DeviceOsType"),
            value("DeviceOsVersion"),
            value("DeviceTrustType"),
            value("DeviceTrustLevel"),
            value("Enabled"),
            value("DirSyncEnabled"),
            value("ApproximateLastLogonTimestamp"),
            if ids.is_empty() { ids } else { of_security_id(&ids) },
            within("RegisteredOwners"),
        ]
        .join(" | ")
    };
    printed.split("\n\n").filter(|part| !part.trim().is_empty()).map(block).collect()
}

fn unescaped(text: &str) -> String {
    text.replace("&#60;", "<").replace("&#62;", ">").replace("&#34;", "\"").replace("&#38;", "&")
}

/// Text between tags.
fn bare(html: &str) -> String {
    let parts = html.split('<').map(|part| part.split_once('>').map_or(part, |(_, rest)| rest));
    unescaped(parts.collect::<String>().trim())
}

/// The rows of a table of the portal, as lines.
pub(crate) fn portal_lines(page: &str) -> Vec<String> {
    let body = page.split("<tbody>").nth(1).and_then(|rest| rest.split("</tbody>").next());
    let rows = body.unwrap_or_default().split("</tr>").filter(|row| row.contains("<tr>"));
    rows.map(|row| {
        let cells = row.replace("</th>", "</td>");
        let mut cells: Vec<String> = cells.split("</td>").map(bare).collect();
        cells.pop();
        cells.join(" | ")
    })
    .collect()
}

/// The facts of a page of the portal, as a line.
pub(crate) fn portal_facts(page: &str) -> String {
    let facts = page.split("<dd>").skip(1).map(|rest| bare(rest.split("</dd>").next().unwrap()));
    facts.collect::<Vec<_>>().join(" | ")
}
