//! Applications: the service's own, which every tenant has, and those of the world file.
//!
//! The own ones are a table (`server/data/apps.toml`); which ids exist and which redirect addresses they have was
//! observed on clients. A client or a resource that is in neither is refused, as the service does (AADSTS700016, 500011).

use aws_lc_rs::digest::{SHA256, digest};
use linarite_core::ids::{AppId, Guid, ObjectId, TenantId};
use serde::Deserialize;

/// An application of the world.
#[derive(Clone, Debug)]
pub struct App {
    /// Its key in the world file; the name for an application of the service.
    pub key: String,
    /// `client_id`, `appid`.
    pub id: AppId,
    /// Display name.
    pub name: String,
    /// Identifier URI, when it is a protected API.
    pub resource: Option<String>,
    /// Host that serves the protected API, when linarite emulates it.
    pub host: Option<String>,
    /// Client secret.
    pub secret: Option<String>,
    /// Redirect addresses.
    pub redirect: Vec<String>,
    /// Whether it may sign users in without a secret.
    pub public: bool,
    /// Whether it is one of the service's own, which share their refresh tokens.
    pub first_party: bool,
    /// Application permissions on Graph.
    pub graph: Vec<String>,
}

/// Every application that a world knows.
#[derive(Clone, Debug)]
pub struct Apps {
    apps: Vec<App>,
    resources: Vec<Resource>,
}

/// Something that access tokens are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Its application id, which is an audience too.
    pub id: AppId,
    /// Its identifier URIs, without a slash at the end.
    pub uris: Vec<String>,
    /// The permissions that delegated tokens carry in `scp`.
    pub scopes: String,
    /// Whether devices are registered or enrolled with it.
    pub sets_up_devices: bool,
    /// Whether it asks about a token's user at each request, of clients that understand the challenge (FAQ A18).
    pub continuous_access: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    client: Vec<ClientRow>,
    resource: Vec<ResourceRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientRow {
    id: String,
    name: String,
    #[serde(default)]
    redirect: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResourceRow {
    id: String,
    uris: Vec<String>,
    scopes: String,
    #[serde(default)]
    sets_up_devices: bool,
    #[serde(default)]
    continuous_access: bool,
}

/// Redirect addresses that every client of the service may use.
const COMMON_REDIRECTS: [&str; 2] =
    ["https://login.microsoftonline.com/common/oauth2/nativeclient", "urn:ietf:wg:oauth:2.0:oob"];

impl Apps {
    /// The service's own applications and these.
    pub fn new(own: Vec<App>) -> Result<Self, toml::de::Error> {
        let table: Table = toml::from_str(include_str!("../../data/apps.toml"))?;
        let (mut apps, mut resources) = (Vec::new(), Vec::new());
        for row in table.client {
            if let Ok(id) = row.id.parse() {
                apps.push(App {
                    key: row.name.clone(),
                    id,
                    name: row.name,
                    resource: None,
                    host: None,
                    secret: None,
                    redirect: row.redirect,
                    public: true,
                    first_party: true,
                    graph: Vec::new(),
                });
            }
        }
        for row in table.resource {
            if let Ok(id) = row.id.parse() {
                resources.push(Resource {
                    id,
                    uris: row.uris,
                    scopes: row.scopes,
                    sets_up_devices: row.sets_up_devices,
                    continuous_access: row.continuous_access,
                });
            }
        }
        Ok(Self { apps, resources }.with(own))
    }

    /// These applications too, before the ones there are.
    #[must_use]
    pub fn with(mut self, own: Vec<App>) -> Self {
        let resources = own.iter().filter_map(|app| {
            let uri = app.resource.as_ref()?.trim_end_matches('/').to_owned();
            let scopes = "user_impersonation".to_owned();
            Some(Resource {
                id: app.id,
                uris: vec![uri],
                scopes,
                sets_up_devices: false,
                continuous_access: true,
            })
        });
        self.resources.splice(..0, resources);
        self.apps.splice(..0, own);
        self
    }

    /// The application with this client id.
    pub fn client(&self, id: &str) -> Option<&App> {
        let id: AppId = id.parse().ok()?;
        self.apps.iter().find(|app| app.id == id)
    }

    /// The protected API that this host serves.
    pub fn by_host(&self, host: &str) -> Option<&App> {
        self.apps.iter().find(|app| app.host.as_deref() == Some(host))
    }

    /// The application that tokens are for, by the key of the world file, an identifier URI or its id.
    pub fn named(&self, name: &str) -> Option<AppId> {
        let own = self.apps.iter().find(|app| app.key == name && app.resource.is_some());
        own.map(|app| app.id).or_else(|| self.resource(name).map(|resource| resource.id))
    }

    /// Every application.
    pub fn iter(&self) -> impl Iterator<Item = &App> {
        self.apps.iter()
    }

    /// The resource that a request names by identifier URI or application id; slashes at the end do not count.
    pub fn resource(&self, name: &str) -> Option<&Resource> {
        let name = name.trim_end_matches('/');
        if let Ok(id) = name.parse::<AppId>() {
            return self.resources.iter().find(|r| r.id == id);
        }
        self.resources.iter().find(|r| r.uris.iter().any(|uri| uri.eq_ignore_ascii_case(name)))
    }
}

impl App {
    /// The object that stands for it in the directory of a tenant: the `oid` of what it is issued for itself.
    pub fn service_principal(&self, tenant: TenantId) -> ObjectId {
        let text = format!("service principal {tenant} {}", self.id);
        let mut bytes = [0; 16];
        for (to, from) in bytes.iter_mut().zip(digest(&SHA256, text.as_bytes()).as_ref()) {
            *to = *from;
        }
        ObjectId::new(Guid::from_random(bytes))
    }

    /// Whether answers may be sent to this address.
    pub fn may_redirect_to(&self, address: &str) -> bool {
        let exact = self.redirect.iter().map(String::as_str);
        let first_party = [
            format!("ms-appx-web://Microsoft.AAD.BrokerPlugin/{}", self.id),
            format!("msauth://{}", self.id),
        ];
        exact.chain(COMMON_REDIRECTS).chain(first_party.iter().map(String::as_str)).any(|known| {
            known.eq_ignore_ascii_case(address)
                || (is_loopback(known) && same_but_for_port(known, address))
        }) || (self.public && self.redirect.is_empty() && is_loopback(address))
    }
}

/// Whether an address is on this computer; the port of such a one does not count (RFC 8252, section 7.3).
fn is_loopback(address: &str) -> bool {
    ["http://localhost", "http://127.0.0.1", "http://[::1]"].iter().any(|start| {
        address
            .strip_prefix(start)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || rest.starts_with(':'))
    })
}

fn same_but_for_port(known: &str, address: &str) -> bool {
    let without_port = |text: &str| {
        let (scheme, rest) = text.split_once("://")?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
        Some(format!("{scheme}://{host}/{path}").to_ascii_lowercase())
    };
    without_port(known).is_some() && without_port(known) == without_port(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(redirect: &[&str], public: bool) -> App {
        App {
            key: "a".to_owned(),
            id: "04b07795-8ddb-461a-bbee-02f9e1bf7b46".parse().unwrap(),
            name: "a".to_owned(),
            resource: None,
            host: None,
            secret: None,
            redirect: redirect.iter().map(|&r| r.to_owned()).collect(),
            public,
            first_party: false,
            graph: vec![],
        }
    }

    #[test]
    fn every_row_of_the_table_reads() {
        let table: Table = toml::from_str(include_str!("../../data/apps.toml")).unwrap();
        assert!(table.client.iter().all(|row| row.id.parse::<AppId>().is_ok()));
        assert!(table.resource.iter().all(|row| row.id.parse::<AppId>().is_ok()));
    }

    #[test]
    fn the_port_of_a_loopback_redirect_does_not_count() {
        let line = app(&["http://localhost"], true);
        assert!(line.may_redirect_to("http://localhost:53817/"));
        assert!(line.may_redirect_to("http://localhost:53817"));
        assert!(!line.may_redirect_to("http://localhost.evil.test:53817"));
        assert!(!line.may_redirect_to("https://localhost:53817/"));
        assert!(!line.may_redirect_to("http://localhost:53817/other"));
    }

    #[test]
    fn the_broker_redirect_names_its_own_client() {
        let cli = app(&[], true);
        let own = "ms-appx-web://Microsoft.AAD.BrokerPlugin/04b07795-8ddb-461a-bbee-02f9e1bf7b46";
        assert!(cli.may_redirect_to(own));
        assert!(!cli.may_redirect_to(&own.replace("04b0", "04b1")));
    }

    #[test]
    fn resources_are_found_by_uri_and_by_id() {
        let apps = Apps::new(vec![]).unwrap();
        let graph = apps.resource("https://graph.microsoft.com/").unwrap();
        assert_eq!(apps.resource("00000003-0000-0000-c000-000000000000"), Some(graph));
        assert_eq!(apps.resource("https://graph.example.test"), None);
    }
}
