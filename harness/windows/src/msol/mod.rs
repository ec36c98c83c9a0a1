//! The device cmdlets of the `MSOnline` module for PowerShell: `Get-`, `Enable-`, `Disable-` and `Remove-MsolDevice`
//! (device-registration.md 10, 11, 12.1; FAQ A2 and A5).
//!
//! They sign in with user name and password (`Connect-MsolService`) and then speak Azure AD Graph, not SOAP. What the
//! directory does not say is worked out here, as the module does: the words of the trust type and the level of trust.
//! Without `-Force` the changing ones would ask at the keyboard; nobody sits there, so they say so and change nothing.
//! Left out: sign-in through a federation server, the other cmdlets, and objects of a pipeline.

mod arguments;
mod layout;

use serde_json::{Value, json};

use self::arguments::{Arguments, Choice};
use crate::answers::{member, text};
use crate::hresult;
use crate::outcome::{Failure, Outcome};
use crate::wire::{Answer, Ask, Line, Speaker, Wire, escaped};

/// The application id of the PowerShell module.
const CLIENT: &str = "1b730954-1685-4b74-9bfd-dac224a7b894";
/// What its tokens are for.
const RESOURCE: &str = "https://graph.windows.net";
const VERSION: &str = "api-version=1.6";
/// Devices on a page.
const PAGE: usize = 500;
/// Pages that are read before the answers are taken for endless.
const PAGES: usize = 10_000;

/// Who runs the cmdlets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// User name.
    pub upn: String,
    /// Password.
    pub password: String,
}

/// The cmdlets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cmdlet {
    /// `Get-MsolDevice`
    Get,
    /// `Enable-MsolDevice`
    Enable,
    /// `Disable-MsolDevice`
    Disable,
    /// `Remove-MsolDevice`
    Remove,
}

impl Cmdlet {
    /// Every cmdlet.
    pub const ALL: [Self; 4] = [Self::Get, Self::Enable, Self::Disable, Self::Remove];

    /// Its name as PowerShell prints it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "Get-MsolDevice",
            Self::Enable => "Enable-MsolDevice",
            Self::Disable => "Disable-MsolDevice",
            Self::Remove => "Remove-MsolDevice",
        }
    }

    /// The cmdlet with this name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cmdlet| cmdlet.name().eq_ignore_ascii_case(name))
    }
}

/// Runs a cmdlet with its parameters, as words: `["-DeviceId", "1c0f...", "-Force"]`.
pub async fn run(
    wire: &Wire,
    credential: &Credential,
    cmdlet: Cmdlet,
    arguments: &[String],
) -> Outcome {
    let line = Line {
        wire: wire.clone(),
        machine: "msonline".to_owned(),
        online: true,
        os_version: "10.0".to_owned(),
        tpm: crate::machine::Tpm::None,
    };
    match carry_out(&line, credential, cmdlet, arguments).await {
        Ok(output) => Outcome::done(output),
        Err(failure) => Outcome {
            exit: 1,
            output: format!("{} : {}\n", cmdlet.name(), layout::plain(&failure.info.message)),
            hresult: Some(failure.hresult),
            error: Some(*failure.info),
            tokens: None,
        },
    }
}

/// Splits a command line as PowerShell does with plain words: spaces part them, quotes keep them together.
pub fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

async fn carry_out(
    line: &Line,
    credential: &Credential,
    cmdlet: Cmdlet,
    arguments: &[String],
) -> Result<String, Failure> {
    let asked = Arguments::read(cmdlet, arguments)?;
    let session = Session::open(line, credential).await?;
    if cmdlet == Cmdlet::Get {
        return session.get(&asked).await;
    }
    let id = match &asked.choice {
        Choice::ObjectId(id) => id.clone(),
        Choice::DeviceId(id) => {
            let found = session.by_device_id(id).await?;
            text(&found, &["objectId"]).unwrap_or_default()
        }
        Choice::All | Choice::Name(_) | Choice::Owner(_) => String::new(),
    };
    let url = session.url(&format!("devices/{}?{VERSION}", escaped(&id)));
    let ask = match cmdlet {
        Cmdlet::Remove => Ask::delete(url),
        Cmdlet::Get | Cmdlet::Enable | Cmdlet::Disable => {
            Ask::json_patch(url, &json!({ "accountEnabled": cmdlet == Cmdlet::Enable }))
        }
    };
    session.send(ask).await.map(|_| String::new())
}

/// A signed-in session.
struct Session<'a> {
    line: &'a Line,
    authorization: String,
    tenant: String,
}

impl<'a> Session<'a> {
    async fn open(line: &'a Line, credential: &Credential) -> Result<Self, Failure> {
        let fields = [
            ("client_id", CLIENT),
            ("grant_type", "password"),
            ("username", credential.upn.as_str()),
            ("password", credential.password.as_str()),
            ("resource", RESOURCE),
        ];
        let answer = line.send(Ask::form(line.login("/common/oauth2/token"), &fields)).await;
        let answer = answer.map_err(|fault| fault.into_failure(Speaker::Tokens))?;
        if !answer.is_success() {
            return Err(answer.token_error().during("Connect-MsolService"));
        }
        let json = answer.json();
        let json =
            json.ok_or_else(|| answer.unexpected(hresult::INVALID_DATA, "a token in JSON"))?;
        let tokens = answer.tokens(&json)?;
        let claims = tokens.claims();
        let tenant = claims.and_then(|claims| text(&claims, &["tid"]));
        Ok(Self {
            line,
            authorization: format!("Bearer {}", tokens.access_token),
            tenant: tenant.unwrap_or_else(|| "myorganization".to_owned()),
        })
    }

    /// An address below the tenant.
    fn url(&self, path: &str) -> String {
        self.line.directory(&format!("/{}/{path}", self.tenant))
    }

    async fn send(&self, ask: Ask<'_>) -> Result<Answer, Failure> {
        let ask = ask.header("authorization", self.authorization.as_str());
        let answer = self.line.send(ask.header("accept", "application/json")).await;
        let answer = answer.map_err(|fault| fault.into_failure(Speaker::Tokens))?;
        if answer.is_success() { Ok(answer) } else { Err(refusal(&answer)) }
    }

    async fn json(&self, path: &str) -> Result<Value, Failure> {
        let answer = self.send(Ask::get(self.url(path))).await?;
        let due = "an answer of the directory in JSON";
        answer.json().ok_or_else(|| answer.unexpected(hresult::INVALID_DATA, due))
    }

    /// Every object of a list, page after page.
    async fn list(&self, first: String) -> Result<Vec<Value>, Failure> {
        let (mut all, mut next) = (Vec::new(), Some(first));
        for _ in 0..PAGES {
            let Some(path) = next else { return Ok(all) };
            let page = self.json(&path).await?;
            let Some(Value::Array(items)) = member(&page, "value") else {
                let message = "the directory's list has no `value`";
                return Err(Failure::new(hresult::INVALID_DATA, message));
            };
            all.extend(items.iter().cloned());
            next = text(&page, &["odata.nextLink"]).map(|link| self.next(&path, &link));
        }
        Err(Failure::new(hresult::INVALID_DATA, "the directory's list does not end"))
    }

    /// Where the next page is. Links come without a version; the one of all devices is meant below the tenant, any other
    /// beside the page before.
    fn next(&self, path: &str, link: &str) -> String {
        let tenant = self.line.directory(&format!("/{}/", self.tenant));
        let link = link.strip_prefix(&tenant).unwrap_or(link);
        let beside = path.split('?').next().and_then(|path| path.rsplit_once('/'));
        let base = beside.filter(|_| !link.starts_with("directoryObjects"));
        let base = base.map_or_else(String::new, |(base, _)| format!("{base}/"));
        format!("{base}{link}&{VERSION}")
    }

    async fn by_device_id(&self, id: &str) -> Result<Value, Failure> {
        let filter = escaped(&format!("deviceId eq guid'{id}'"));
        let found = self.list(format!("devices?$filter={filter}&{VERSION}")).await?;
        found.into_iter().next().ok_or_else(|| {
            Failure::new(hresult::FILE_NOT_FOUND, format!("no device has the DeviceId {id}"))
        })
    }

    async fn get(&self, asked: &Arguments) -> Result<String, Failure> {
        let mut devices = match &asked.choice {
            Choice::ObjectId(id) => {
                vec![self.json(&format!("devices/{}?{VERSION}", escaped(id))).await?]
            }
            Choice::DeviceId(id) => vec![self.by_device_id(id).await?],
            Choice::Name(name) => {
                let filter = format!("displayName eq '{}'", name.replace('\'', "''"));
                self.list(format!("devices?$filter={}&{VERSION}", escaped(&filter))).await?
            }
            Choice::Owner(upn) => {
                let path = format!("users/{}/ownedDevices?{VERSION}", escaped(upn));
                self.list(path).await?
            }
            Choice::All => {
                let mut path = format!("devices?$top={PAGE}");
                if let Some(before) = &asked.logon_before {
                    let filter = format!("approximateLastLogonTimestamp le datetime'{before}'");
                    path.push_str("&$filter=");
                    path.push_str(&escaped(&filter));
                }
                if asked.owners {
                    path.push_str("&$expand=registeredOwners");
                }
                self.list(format!("{path}&{VERSION}")).await?
            }
        };
        if asked.choice == Choice::All && !asked.system_managed {
            devices.retain(|device| !is_system_managed(device));
        }
        Ok(devices.iter().map(layout::device).collect())
    }
}

/// Whether the service made the object itself: Autopilot gives it a `ZTDID`, Exchange an `ActiveSync` id.
fn is_system_managed(device: &Value) -> bool {
    let ids = member(device, "devicePhysicalIds").and_then(Value::as_array);
    let autopilot = |id: &Value| id.as_str().is_some_and(|id| id.starts_with("[ZTDID]"));
    let exchange = member(device, "exchangeActiveSyncId").and_then(Value::as_array);
    ids.is_some_and(|ids| ids.iter().any(autopilot)) || exchange.is_some_and(|ids| !ids.is_empty())
}

/// What the directory says instead of an answer.
fn refusal(answer: &Answer) -> Failure {
    let json = answer.json().unwrap_or_default();
    let error = member(&json, "odata.error");
    let said = |path: &[&str]| error.and_then(|error| text(error, path));
    let Some(code) = said(&["code"]) else {
        return answer.unexpected(hresult::INVALID_DATA, "an error of the directory in JSON");
    };
    let message = said(&["message", "value"]).unwrap_or_default();
    let number = match answer.status {
        401 | 403 => hresult::ACCESS_DENIED,
        404 => hresult::FILE_NOT_FOUND,
        _ => hresult::INVALID_DATA,
    };
    let mut failure = answer.failure(number, format!("{message} ({code})"));
    failure.info.code = Some(code);
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_split_at_spaces_outside_quotes() {
        assert_eq!(words("-Name 'Bob PC'  -All"), ["-Name", "Bob PC", "-All"]);
        assert_eq!(words("-Name \"it's\" ''"), ["-Name", "it's", ""]);
        assert_eq!(words("  "), Vec::<String>::new());
        assert_eq!(words("-Name 'open"), ["-Name", "open"]);
    }

    #[test]
    fn objects_of_autopilot_and_exchange_are_the_systems() {
        assert!(is_system_managed(&json!({ "devicePhysicalIds": ["[GID]:g:1", "[ZTDID]:2"] })));
        assert!(is_system_managed(&json!({ "exchangeActiveSyncId": ["x"] })));
        assert!(!is_system_managed(
            &json!({ "devicePhysicalIds": [], "exchangeActiveSyncId": [] })
        ));
        assert!(!is_system_managed(&json!({})));
    }
}
