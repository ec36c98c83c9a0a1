//! Which exchanges a fault means.
//!
//! A match is judged before the handler runs, so it goes by what the request says in clear: device and user are found in
//! path, form, SOAP body, client certificate and the claims of tokens, which are not verified here. What only the service
//! can open (sealed grants) is not seen.

use std::cell::OnceCell;

use serde_json::{Map, Value};

use super::model::Match;
use crate::keys::certificate::PeerCertificate;
use crate::keys::encoding::from_either;
use crate::services::call::Call;
use crate::world::Service;

/// What a request can ask for, in the words of the journal where it has one.
pub const OPERATIONS: &[&str] = &[
    "contract",
    "discover",
    "nonce",
    "join",
    "hybrid-join",
    "leave",
    "down-level-join",
    "hello-key",
    "openid",
    "keys",
    "instance",
    "user-realm",
    "token",
    "prt.request",
    "prt.use",
    "prt.renew",
    "authorize",
    "sign-in",
    "mex",
    "usernamemixed",
    "windowstransport",
    "certificatemixed",
    "passive",
    "devices.list",
    "devices.get",
    "devices.update",
    "devices.delete",
    "users.list",
    "users.get",
    "mdm.probe",
    "mdm.discover",
    "mdm.terms",
    "mdm.policy",
    "mdm.enrol",
    "sign-out",
    "portal.user",
    "portal.users",
    "portal.sign-ins",
    "portal.devices",
    "portal.device",
    "other",
];

/// Whether a text fits a pattern in which `*` stands for any characters; without regard to ASCII case.
pub fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0_usize, 0_usize);
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(t) {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, t));
                p += 1;
            }
            Some(wanted) if wanted.eq_ignore_ascii_case(byte) => {
                p += 1;
                t += 1;
            }
            _ => match star {
                // The last star takes one more.
                Some((behind, taken)) => {
                    p = behind;
                    t = taken + 1;
                    star = Some((behind, t));
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|byte| *byte == b'*')
}

/// A request as matches see it. What costs something to find is found once, when a match first asks for it.
pub(super) struct Seen<'a> {
    call: &'a Call,
    service: Service,
    operation: OnceCell<&'static str>,
    token: OnceCell<Map<String, Value>>,
}

impl<'a> Seen<'a> {
    pub(super) const fn new(call: &'a Call, service: Service) -> Self {
        Self { call, service, operation: OnceCell::new(), token: OnceCell::new() }
    }

    /// Whether a fault means this request.
    pub(super) fn fits(&self, wanted: &Match) -> bool {
        let call = self.call;
        let text = |pattern: &Option<String>, text: &str| {
            pattern.as_ref().is_none_or(|pattern| glob(pattern, text))
        };
        text(&wanted.host, &call.link.host)
            && text(&wanted.path, &call.path)
            && wanted.method.as_ref().is_none_or(|m| m.eq_ignore_ascii_case(call.method.as_str()))
            && wanted.operation.as_ref().is_none_or(|operation| operation == self.operation())
            && wanted.header.iter().all(|(name, pattern)| {
                let mut values = call.headers.get_all(name.as_str()).iter();
                values.any(|value| value.to_str().is_ok_and(|value| glob(pattern, value)))
            })
            && wanted.body.as_ref().is_none_or(|body| holds(&call.body, body.contains.as_bytes()))
            && wanted.device.as_ref().is_none_or(|device| self.is_of_device(device))
            && wanted.user.as_ref().is_none_or(|user| self.is_of_user(user))
    }

    /// What is asked for.
    pub(super) fn operation(&self) -> &'static str {
        self.operation.get_or_init(|| operation(self.call, self.service))
    }

    /// The claims of the bearer token, unverified.
    fn token(&self) -> &Map<String, Value> {
        self.token.get_or_init(|| self.call.bearer().and_then(claims).unwrap_or_default())
    }

    fn is_of_device(&self, wanted: &str) -> bool {
        let same = |text: &str| glob(wanted, text);
        self.decoded_path().split('/').any(|part| same(part.trim_matches(['(', ')', '\''])))
            || self.token().get("deviceid").and_then(Value::as_str).is_some_and(same)
            || self
                .call
                .client_certificate()
                .and_then(|der| PeerCertificate::from_der(der).ok())
                .and_then(|certificate| certificate.device_id())
                .is_some_and(|device| same(&device.to_string()))
            || signed_request(self.call).is_some_and(|request| {
                let der = request.header.get("x5c").and_then(|chain| match chain {
                    Value::Array(chain) => chain.first()?.as_str().and_then(from_either),
                    Value::String(one) => from_either(one),
                    Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
                });
                der.and_then(|der| PeerCertificate::from_der(&der).ok())
                    .and_then(|certificate| certificate.device_id())
                    .is_some_and(|device| same(&device.to_string()))
            })
    }

    /// The user that the request names: in its path, its form or query, or inside what it signed.
    pub(super) fn user(&self) -> Option<String> {
        let in_path =
            self.decoded_path().split('/').find(|part| part.contains('@')).map(str::to_owned);
        let pairs = || {
            self.call
                .form()
                .iter()
                .chain(&self.call.query_pairs())
                .find(|(name, value)| names_user(name) && !value.is_empty())
                .map(|(_, value)| value.clone())
        };
        let signed =
            || signed_request(self.call)?.payload.get("username")?.as_str().map(str::to_owned);
        let found = in_path.or_else(pairs).or_else(signed)?;
        Some(found.chars().take(256).collect())
    }

    fn is_of_user(&self, wanted: &str) -> bool {
        let same = |text: &str| glob(wanted, text);
        self.decoded_path().split('/').any(same)
            || ["upn", "preferred_username", "unique_name"]
                .iter()
                .any(|claim| self.token().get(*claim).and_then(Value::as_str).is_some_and(same))
            || self
                .call
                .form()
                .iter()
                .chain(&self.call.query_pairs())
                .any(|(name, value)| names_user(name) && same(value))
            || signed_request(self.call).is_some_and(|request| {
                request.payload.get("username").and_then(Value::as_str).is_some_and(same)
            })
            || self.service == Service::Adfs && soap_user(&self.call.body).is_some_and(same)
    }

    fn decoded_path(&self) -> String {
        percent_encoding::percent_decode_str(&self.call.path).decode_utf8_lossy().into_owned()
    }
}

/// Whether a parameter holds the name of a user.
fn names_user(parameter: &str) -> bool {
    ["username", "login", "login_hint", "user"].iter().any(|n| parameter.eq_ignore_ascii_case(n))
}

/// The user name of a SOAP request: the text of its `Username` element, whatever the prefix.
fn soap_user(body: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, behind) = text.split_once("Username>")?;
    behind.split('<').next().map(str::trim)
}

fn holds(body: &[u8], part: &[u8]) -> bool {
    part.is_empty() || body.windows(part.len()).any(|window| window == part)
}

/// The payload of a JWT, unverified.
fn claims(token: &str) -> Option<Map<String, Value>> {
    let payload = from_either(token.split('.').nth(1)?)?;
    serde_json::from_slice(&payload).ok()
}

/// A request that is signed as a whole, as those for primary refresh tokens are.
struct SignedRequest {
    header: Map<String, Value>,
    payload: Map<String, Value>,
}

fn signed_request(call: &Call) -> Option<SignedRequest> {
    let form = call.form();
    let (_, request) = form.iter().find(|(name, _)| name == "request")?;
    let header = from_either(request.split('.').next()?)?;
    Some(SignedRequest {
        header: serde_json::from_slice(&header).ok()?,
        payload: claims(request).unwrap_or_default(),
    })
}

fn operation(call: &Call, service: Service) -> &'static str {
    let path = call.path.to_ascii_lowercase();
    let path = path.trim_matches('/');
    match service {
        Service::Drs => drs(call.method.as_str(), path),
        Service::Sts if path.contains("userrealm") => "user-realm",
        Service::Sts if path.ends_with("/token") => token(call),
        Service::Sts => by_end(path, &STS),
        Service::Adfs if path.starts_with("adfs/ls") => "passive",
        Service::Adfs => by_end(path, &ADFS),
        // The first segment is the version of the one and the tenant of the other.
        Service::Graph | Service::AadGraph => graph(call.method.as_str(), path),
        Service::Mdm if path == "enrollmentserver/discovery.svc" && call.method == "GET" => {
            "mdm.probe"
        }
        Service::Mdm => by_end(path, &MDM),
        Service::Portal => portal(call.method.as_str(), path),
        Service::Resource => "other",
    }
}

/// Operations of sign-in by the end of their path.
const STS: [(&str, &str); 5] = [
    (".well-known/openid-configuration", "openid"),
    ("/keys", "keys"),
    ("/discovery/instance", "instance"),
    ("/authorize", "authorize"),
    ("/login", "sign-in"),
];

/// Operations of a federation server by the end of their path.
const ADFS: [(&str, &str); 4] = [
    ("/mex", "mex"),
    ("/usernamemixed", "usernamemixed"),
    ("/windowstransport", "windowstransport"),
    ("/certificatemixed", "certificatemixed"),
];

/// Operations of device management by the end of their path.
const MDM: [(&str, &str); 4] = [
    ("enrollmentserver/discovery.svc", "mdm.discover"),
    ("termsofuse.aspx", "mdm.terms"),
    ("enrollmentserver/policy.svc", "mdm.policy"),
    ("enrollmentserver/enrollment.svc", "mdm.enrol"),
];

fn by_end(path: &str, operations: &[(&str, &'static str)]) -> &'static str {
    operations.iter().find(|(end, _)| path.ends_with(end)).map_or("other", |(_, word)| word)
}

fn drs(method: &str, path: &str) -> &'static str {
    let Some(rest) = path.strip_prefix("enrollmentserver/") else {
        return if path.ends_with("/discover") { "discover" } else { "other" };
    };
    match (method, rest.split('/').collect::<Vec<_>>().as_slice()) {
        ("GET", ["contract", ..]) => "contract",
        ("GET", ["nonce", ..]) => "nonce",
        ("POST", ["device"]) => "join",
        ("PUT", ["device", _]) => "hybrid-join",
        ("DELETE", ["device", _]) => "leave",
        ("POST", ["key"]) => "hello-key",
        ("POST", ["deviceenrollmentwebservice.svc"]) => "down-level-join",
        _ => "other",
    }
}

fn token(call: &Call) -> &'static str {
    let form = call.form();
    let is = |name: &str, wanted: &str| form.iter().any(|(n, v)| n == name && v == wanted);
    if is("grant_type", "srv_challenge") {
        return "nonce";
    }
    match signed_request(call) {
        None => "token",
        Some(request) if request.header.contains_key("x5c") => "prt.request",
        Some(request) => {
            let scope = request.payload.get("scope").and_then(Value::as_str).unwrap_or_default();
            let renews = scope.split_whitespace().any(|word| word == "aza");
            if renews { "prt.renew" } else { "prt.use" }
        }
    }
}

fn graph(method: &str, path: &str) -> &'static str {
    let mut parts = path.split('/').skip(1);
    let (first, more) = (parts.next().unwrap_or_default(), parts.next().is_some());
    let one = more || first.contains('(');
    match (method, first.split('(').next().unwrap_or_default(), one) {
        ("GET", "devices", false) => "devices.list",
        ("GET", "devices", true) => "devices.get",
        ("PATCH", "devices", true) => "devices.update",
        ("DELETE", "devices", true) => "devices.delete",
        ("GET", "users", false) => "users.list",
        ("GET", "users", true) => "users.get",
        _ => "other",
    }
}

/// What the pages of the portal show, and what they change, in the words of Graph, as the journal has them.
fn portal(method: &str, path: &str) -> &'static str {
    match (method, path.split('/').collect::<Vec<_>>().as_slice()) {
        ("POST", ["devices", _, "enable" | "disable"]) => "devices.update",
        ("POST", ["devices", _, "delete"]) => "devices.delete",
        (_, ["signin"]) | ("POST", ["signin", "index"]) => "sign-in",
        ("POST", ["signout"]) => "sign-out",
        ("GET" | "HEAD", ["users", _, "sign-ins"]) => "portal.sign-ins",
        ("GET" | "HEAD", [""] | ["users", _]) => "portal.user",
        ("GET" | "HEAD", ["users"]) => "portal.users",
        ("GET" | "HEAD", ["devices"]) => "portal.devices",
        ("GET" | "HEAD", ["devices", _]) => "portal.device",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, text) in [
            ("*", ""),
            ("/*/token", "/contoso.test/oauth2/v2.0/token"),
            ("*.WINDOWS.net", "graph.windows.NET"),
            ("a*b*c", "aXbYbZc"),
            ("**", "x"),
            ("", ""),
        ] {
            assert!(glob(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("", "x"), ("a", "ab"), ("a*b", "a"), ("/x/*", "/x"), ("b*", "ab")]
        {
            assert!(!glob(pattern, text), "{pattern} {text}");
        }
    }

    proptest! {
        #[test]
        fn no_pattern_panics_and_stars_around_always_fit(text in ".{0,30}", pattern in "[a-c*]{0,12}") {
            let _fits = glob(&pattern, &text);
            let around = format!("*{text}*");
            prop_assert!(glob(&around, &text));
        }

        #[test]
        fn no_token_panics(text in ".{0,60}") {
            let _read = claims(&text);
            let _user = soap_user(text.as_bytes());
        }
    }
}
