//! What `Get-MsolDevice` prints: the properties of each device in PowerShell's list format (device-registration.md 10).
//!
//! The order of the properties is that of the documents. Names reach a terminal, so control characters are made visible.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::Value;

use crate::answers::{member, text};

/// Text for a terminal: control characters, and those that turn the direction of writing, as their code points.
pub(super) fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || turns {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// The words of the trust type.
fn trust_type(word: &str) -> String {
    match word.to_ascii_lowercase().as_str() {
        "workplace" => "Workplace Joined".to_owned(),
        "azuread" => "AzureAD Joined".to_owned(),
        "serverad" => "Domain Joined".to_owned(),
        _ => plain(word),
    }
}

/// How far the device is trusted: `Managed` is documented for a hybrid device that completed its registration, the rest is
/// assumed.
fn trust_level(device: &Value, security_ids: &[String]) -> &'static str {
    let is = |name: &str| member(device, name).and_then(Value::as_bool) == Some(true);
    let hybrid =
        text(device, &["deviceTrustType"]).is_some_and(|t| t.eq_ignore_ascii_case("ServerAd"));
    let registered = security_ids.iter().any(|id| id.starts_with("X509:"));
    if is("isCompliant") {
        "Compliant"
    } else if is("isManaged") || (hybrid && registered) {
        "Managed"
    } else {
        "Authenticated"
    }
}

/// A time as PowerShell prints it in American English: `2/1/2017 5:46:51 AM`.
fn time(value: &str) -> String {
    let read: Result<Timestamp, _> = value.parse();
    read.map_or_else(|_| plain(value), |at| at.strftime("%-m/%-d/%Y %-I:%M:%S %p").to_string())
}

fn flag(value: Option<&Value>) -> String {
    match value.and_then(Value::as_bool) {
        Some(true) => "True".to_owned(),
        Some(false) => "False".to_owned(),
        None => String::new(),
    }
}

fn braced(items: &[String]) -> String {
    format!("{{{}}}", items.join(", "))
}

fn list<'v>(device: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    member(device, name).and_then(Value::as_array).into_iter().flatten()
}

/// The text behind an alternative security id: base64 of UTF-16.
fn security_id(id: &Value) -> Option<String> {
    let bytes = STANDARD.decode(text(id, &["key"])?).ok()?;
    let units = bytes.chunks_exact(2).map(|pair| match pair {
        [low, high] => u16::from_le_bytes([*low, *high]),
        _ => 0,
    });
    Some(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
}

/// One device.
pub(super) fn device(device: &Value) -> String {
    let get = |name: &str| text(device, &[name]).unwrap_or_default();
    let ids: Vec<String> = list(device, "alternativeSecurityIds").filter_map(security_id).collect();
    let shown: Vec<String> = ids.iter().map(|id| plain(id)).collect();
    let physical: Vec<String> =
        list(device, "devicePhysicalIds").filter_map(|id| id.as_str().map(plain)).collect();
    let owners: Vec<String> = list(device, "registeredOwners")
        .filter_map(|owner| text(owner, &["userPrincipalName"]).map(|upn| plain(&upn)))
        .collect();
    let fields = [
        ("Enabled", flag(member(device, "accountEnabled"))),
        ("ObjectId", plain(&get("objectId"))),
        ("DeviceId", plain(&get("deviceId"))),
        ("DisplayName", plain(&get("displayName"))),
        ("DeviceObjectVersion", plain(&get("deviceObjectVersion"))),
        ("DeviceOsType", plain(&get("deviceOSType"))),
        ("DeviceOsVersion", plain(&get("deviceOSVersion"))),
        ("DeviceTrustType", trust_type(&get("deviceTrustType"))),
        ("DeviceTrustLevel", trust_level(device, &ids).to_owned()),
        ("DevicePhysicalIds", braced(&physical)),
        ("ApproximateLastLogonTimestamp", time(&get("approximateLastLogonTimestamp"))),
        ("AlternativeSecurityIds", braced(&shown)),
        ("DirSyncEnabled", flag(member(device, "dirSyncEnabled"))),
        ("LastDirSyncTime", time(&get("lastDirSyncTime"))),
        ("RegisteredOwners", braced(&owners)),
        ("GraphDeviceObject", "Microsoft.Azure.ActiveDirectory.GraphClient.Device".to_owned()),
    ];
    let mut printed = String::from("\n");
    for (name, value) in fields {
        let line = format!("{name:<29} : {value}");
        printed.push_str(line.trim_end());
        printed.push('\n');
    }
    printed
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_hybrid_device_prints_as_documented() {
        let key = STANDARD.encode(
            "X509:<SHA1-TP-PUBKEY>AB".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>(),
        );
        let hybrid = json!({
            "accountEnabled": true,
            "objectId": "11111111-1111-1111-1111-111111111111",
            "deviceId": "22222222-2222-2222-2222-222222222222",
            "displayName": "DESK-1",
            "deviceObjectVersion": 2,
            "deviceOSType": "Windows 10 Enterprise",
            "deviceOSVersion": "10.0 (15063)",
            "deviceTrustType": "ServerAd",
            "devicePhysicalIds": ["[USER-GID]:1:2", "[GID]:g:2"],
            "approximateLastLogonTimestamp": "2017-02-01T05:46:51Z",
            "alternativeSecurityIds": [{ "type": 2, "key": key }],
            "dirSyncEnabled": true,
            "lastDirSyncTime": null,
        });
        let expected = "
Enabled                       : True
ObjectId                      : 11111111-1111-1111-1111-111111111111
DeviceId                      : 22222222-2222-2222-2222-222222222222
DisplayName                   : DESK-1
DeviceObjectVersion           : 2
DeviceOsType                  : Windows 10 Enterprise
DeviceOsVersion               : 10.0 (15063)
DeviceTrustType               : Domain Joined
DeviceTrustLevel              : Managed
DevicePhysicalIds             : {[USER-GID]:1:2, [GID]:g:2}
ApproximateLastLogonTimestamp : 2/1/2017 5:46:51 AM
AlternativeSecurityIds        : {X509:<SHA1-TP-PUBKEY>AB}
DirSyncEnabled                : True
LastDirSyncTime               :
RegisteredOwners              : {}
GraphDeviceObject             : Microsoft.Azure.ActiveDirectory.GraphClient.Device
";
        assert_eq!(device(&hybrid), expected);
    }

    #[test]
    fn a_pending_device_is_only_authenticated() {
        let pending = json!({ "deviceTrustType": "ServerAd", "alternativeSecurityIds": [] });
        assert!(device(&pending).contains("DeviceTrustLevel              : Authenticated\n"));
    }

    #[test]
    fn what_would_move_the_cursor_is_printed_as_its_code() {
        let named = json!({ "displayName": "PC\u{1b}[2J\r\nEnabled\u{202e}" });
        assert!(device(&named).contains("PC\\u{1b}[2J\\u{d}\\u{a}Enabled\\u{202e}\n"));
    }

    #[test]
    fn an_object_of_another_shape_prints_without_a_panic() {
        for odd in [json!(null), json!([]), json!({ "alternativeSecurityIds": [{ "key": "A" }] })] {
            assert!(device(&odd).contains("DisplayName"));
        }
    }
}
