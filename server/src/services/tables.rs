//! Codes and texts of refusals: `server/data/aadsts.toml`, `drs.toml`, `graph.toml`, `aadgraph.toml`, `wstrust.toml`,
//! `mdm.toml` and `portal.toml`.
//!
//! The word of each refusal of core has a row for each service that can say it. What no source confirms is marked
//! `assumed` in the table, so that it can be corrected without touching code. A table with a row missing does not load.

use std::collections::BTreeMap;

use linarite_core::refusal::{
    AccessRefusal, AssertionRefusal, DeviceRefusal, EnrolRefusal, FederationRefusal, GrantRefusal,
    JoinRefusal, PolicyRefusal, QueryRefusal, SignInRefusal,
};
use serde::Deserialize;

/// How sign-in says no.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct StsRow {
    /// The number behind `AADSTS`.
    pub code: u32,
    /// `error` of the answer.
    pub error: String,
    /// `suberror`, if any.
    pub suberror: Option<String>,
    /// `error` of the second version, when it is another one.
    pub error_v2: Option<String>,
    /// `suberror` of the second version, when it is another one.
    pub suberror_v2: Option<String>,
    /// HTTP status.
    pub status: u16,
    /// The text behind the code; `{name}` is filled in.
    pub text: String,
    /// Whether no source confirms the code, the error or the status.
    #[serde(default)]
    pub assumed: bool,
}

/// How device registration says no.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct DrsRow {
    /// `ErrorType` of the older shape, `code` of the newer one.
    pub code: String,
    /// `subcode` of the newer shape.
    pub subcode: Option<String>,
    /// HTTP status.
    pub status: u16,
    /// The message; `{name}` is filled in.
    pub message: String,
    /// Whether no source confirms it.
    #[serde(default)]
    pub assumed: bool,
}

/// How Graph, Azure AD Graph and other resources say no.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct GraphRow {
    /// `error.code`.
    pub code: String,
    /// HTTP status.
    pub status: u16,
    /// The message; `{name}` is filled in.
    pub message: String,
    /// Whether no source confirms it.
    #[serde(default)]
    pub assumed: bool,
}

/// How a federation server says no.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct TrustRow {
    /// Who is at fault in the SOAP fault: `Sender` or `Receiver`.
    pub code: String,
    /// The local name of the subcode.
    pub subcode: String,
    /// The vocabulary of the subcode: `trust` (WS-Trust, of the endpoint's version) or `security` (WS-Security).
    pub vocabulary: String,
    /// HTTP status.
    pub status: u16,
    /// The reason; `{name}` is filled in.
    pub text: String,
    /// What a page says instead.
    pub page: Option<String>,
    /// Whether no source confirms the fault for this situation.
    #[serde(default)]
    pub assumed: bool,
}

/// How the enrolment service of device management says no.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct EnrolRow {
    /// The subcode of the SOAP fault, with its prefix.
    pub subcode: String,
    /// `ErrorType` of the fault's detail, when it has one.
    pub error_type: Option<String>,
    /// What Windows makes of it, such as `0x80180018`.
    pub hresult: String,
    /// The reason; `{name}` is filled in.
    pub text: String,
    /// Whether no source confirms the fault for this situation.
    #[serde(default)]
    pub assumed: bool,
}

/// How the portal says no.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct PageRow {
    /// HTTP status.
    pub status: u16,
    /// The heading of the page.
    pub title: String,
    /// The text below it; `{name}` is filled in.
    pub text: String,
}

/// All tables.
#[derive(Clone, Debug)]
pub struct Tables {
    pub(crate) sts: BTreeMap<String, StsRow>,
    pub(crate) drs: BTreeMap<String, DrsRow>,
    pub(crate) graph: BTreeMap<String, GraphRow>,
    pub(crate) aadgraph: BTreeMap<String, GraphRow>,
    pub(crate) trust: BTreeMap<String, TrustRow>,
    pub(crate) enrol: BTreeMap<String, EnrolRow>,
    portal: BTreeMap<String, PageRow>,
}

/// Refusals of sign-in that are mistakes on the wire, not decisions.
pub const STS_WIRE: &[&str] = &[
    "parameter-missing",
    "grant-type-unsupported",
    "grant-type-not-emulated",
    "client-secret-missing",
    "request-malformed",
    "tenant-unknown",
    "client-unknown",
    "client-secret-wrong",
    "client-secret-on-public-client",
    "resource-unknown",
    "scope-invalid",
    "redirect-unknown",
    "response-type-unsupported",
    "authority-unknown",
    "endpoint-unknown",
    "session-missing",
    "device-token-unsupported",
    "directory-failed",
    "scope-not-default",
    "body-too-large",
];

/// Refusals of device registration that are mistakes on the wire.
pub const DRS_WIRE: &[&str] = &[
    "request-malformed",
    "token-invalid",
    "token-expired",
    "token-audience-wrong",
    "api-version-unknown",
    "certificate-request-invalid",
    "transport-key-invalid",
    "endpoint-unknown",
    "tenant-unknown",
    "accept-missing",
    "mutual-tls-unavailable",
    "directory-failed",
    "directory-read-only",
    "body-too-large",
];

/// Refusals of Graph and resources that are mistakes on the wire.
pub const GRAPH_WIRE: &[&str] =
    &["endpoint-unknown", "method-unsupported", "directory-read-only", "body-too-large"];

/// Refusals of Azure AD Graph that are mistakes on the wire.
pub const AADGRAPH_WIRE: &[&str] = &[
    "endpoint-unknown",
    "method-unsupported",
    "directory-read-only",
    "api-version-missing",
    "api-version-unknown",
    "tenant-of-another",
    "body-too-large",
];

/// What the portal says no to.
pub const PORTAL_WIRE: &[&str] = &[
    "session-missing",
    "sign-in-refused",
    "sign-in-forged",
    "request-forged",
    "form-malformed",
    "role-missing",
    "object-not-found",
    "view-of-another-era",
    "cursor-invalid",
    "query-too-expensive",
    "endpoint-unknown",
    "method-unsupported",
    "directory-failed",
    "directory-read-only",
    "body-too-large",
];

/// Refusals of a federation server that are mistakes on the wire, or what is not emulated.
pub const TRUST_WIRE: &[&str] = &[
    "message-malformed",
    "message-addressed-wrong",
    "message-security-missing",
    "trust-request-unsupported",
    "trust-realm-unknown",
    "integrated-sign-in-malformed",
    "passive-request-malformed",
    "passive-request-not-emulated",
    "federation-endpoint-off",
    "federation-endpoint-unknown",
    "federation-failed",
    "message-too-large",
];

/// Refusals of the enrolment service that are mistakes on the wire, or what is not emulated.
pub const ENROL_WIRE: &[&str] =
    &["enrol-endpoint-unknown", "enrol-message-too-large", "directory-read-only"];

impl Tables {
    /// Reads the tables that are built in.
    pub fn load() -> Result<Self, String> {
        let read = |name: &str, error: toml::de::Error| format!("server/data/{name}: {error}");
        let tables = Self {
            sts: sts_rows()?,
            drs: toml::from_str(include_str!("../../data/drs.toml"))
                .map_err(|error| read("drs.toml", error))?,
            graph: toml::from_str(include_str!("../../data/graph.toml"))
                .map_err(|error| read("graph.toml", error))?,
            aadgraph: toml::from_str(include_str!("../../data/aadgraph.toml"))
                .map_err(|error| read("aadgraph.toml", error))?,
            trust: toml::from_str(include_str!("../../data/wstrust.toml"))
                .map_err(|error| read("wstrust.toml", error))?,
            enrol: toml::from_str(include_str!("../../data/mdm.toml"))
                .map_err(|error| read("mdm.toml", error))?,
            portal: toml::from_str(include_str!("../../data/portal.toml"))
                .map_err(|error| read("portal.toml", error))?,
        };
        tables.complete()?;
        Ok(tables)
    }

    fn complete(&self) -> Result<(), String> {
        let sts = (DeviceRefusal::ALL.iter().map(|r| r.reason()))
            .chain(SignInRefusal::ALL.iter().map(|r| r.reason()))
            .chain(GrantRefusal::ALL.iter().map(|r| r.reason()))
            .chain(AssertionRefusal::ALL.iter().map(|r| r.reason()))
            .chain(PolicyRefusal::ALL.iter().map(|r| r.reason()))
            .chain(STS_WIRE.iter().copied());
        let drs = JoinRefusal::ALL.iter().map(|r| r.reason()).chain(DRS_WIRE.iter().copied());
        let graph = (AccessRefusal::ALL.iter().map(|r| r.reason()))
            .chain(QueryRefusal::ALL.iter().map(|r| r.reason()))
            .chain(GRAPH_WIRE.iter().copied());
        let aadgraph = (AccessRefusal::ALL.iter().map(|r| r.reason()))
            .chain(QueryRefusal::ALL.iter().map(|r| r.reason()))
            .chain(AADGRAPH_WIRE.iter().copied());
        let trust =
            FederationRefusal::ALL.iter().map(|r| r.reason()).chain(TRUST_WIRE.iter().copied());
        let enrol = EnrolRefusal::ALL.iter().map(|r| r.reason()).chain(ENROL_WIRE.iter().copied());
        let missing = sts
            .filter(|word| !self.sts.contains_key(*word))
            .map(|word| format!("aadsts.toml: no row for {word}"))
            .chain(
                drs.filter(|word| !self.drs.contains_key(*word))
                    .map(|word| format!("drs.toml: no row for {word}")),
            )
            .chain(
                graph
                    .filter(|word| !self.graph.contains_key(*word))
                    .map(|word| format!("graph.toml: no row for {word}")),
            )
            .chain(
                aadgraph
                    .filter(|word| !self.aadgraph.contains_key(*word))
                    .map(|word| format!("aadgraph.toml: no row for {word}")),
            )
            .chain(
                trust
                    .filter(|word| !self.trust.contains_key(*word))
                    .map(|word| format!("wstrust.toml: no row for {word}")),
            )
            .chain(
                enrol
                    .filter(|word| !self.enrol.contains_key(*word))
                    .map(|word| format!("mdm.toml: no row for {word}")),
            )
            .chain(
                PORTAL_WIRE
                    .iter()
                    .filter(|word| !self.portal.contains_key(**word))
                    .map(|word| format!("portal.toml: no row for {word}")),
            )
            .collect::<Vec<_>>();
        if missing.is_empty() { Ok(()) } else { Err(missing.join("\n")) }
    }

    /// How sign-in says this.
    pub fn sts(&self, reason: &str) -> Option<&StsRow> {
        self.sts.get(reason)
    }

    /// How sign-in says the first refusal in its table that has this number.
    pub fn sts_by_code(&self, code: u32) -> Option<&StsRow> {
        self.sts.values().find(|row| row.code == code)
    }

    /// The same with other codes for what is wrong with a device: each with the row of a device refusal that has this code.
    /// What no such row has is named.
    pub fn with_device_codes(&self, codes: &[(DeviceRefusal, u32)]) -> Result<Self, String> {
        let mut tables = self.clone();
        for (refusal, code) in codes {
            let known = || DeviceRefusal::ALL.iter().filter_map(|known| self.sts(known.reason()));
            let Some(row) = known().find(|row| row.code == *code) else {
                let mut codes: Vec<u32> = known().map(|row| row.code).collect();
                codes.sort_unstable();
                codes.dedup();
                return Err(format!(
                    "sign-in says AADSTS{code} of no device; what it says of devices is one of {codes:?}"
                ));
            };
            // Its own words stay when its number does.
            if self.sts(refusal.reason()).is_none_or(|own| own.code != *code) {
                tables.sts.insert(refusal.reason().to_owned(), row.clone());
            }
        }
        Ok(tables)
    }

    /// How device registration says this.
    pub fn drs(&self, reason: &str) -> Option<&DrsRow> {
        self.drs.get(reason)
    }

    /// How Graph and other resources say this.
    pub fn graph(&self, reason: &str) -> Option<&GraphRow> {
        self.graph.get(reason)
    }

    /// How Azure AD Graph says this.
    pub fn aadgraph(&self, reason: &str) -> Option<&GraphRow> {
        self.aadgraph.get(reason)
    }

    /// How the portal says this.
    pub fn portal(&self, reason: &str) -> Option<&PageRow> {
        self.portal.get(reason)
    }

    /// How a federation server says this.
    pub fn trust(&self, reason: &str) -> Option<&TrustRow> {
        self.trust.get(reason)
    }

    /// How device management says this.
    pub fn enrol(&self, reason: &str) -> Option<&EnrolRow> {
        self.enrol.get(reason)
    }
}

/// What sign-in says no to in general, and what it says to assertions.
fn sts_rows() -> Result<BTreeMap<String, StsRow>, String> {
    let mut rows: BTreeMap<String, StsRow> = toml::from_str(include_str!("../../data/aadsts.toml"))
        .map_err(|error| format!("server/data/aadsts.toml: {error}"))?;
    let assertions: BTreeMap<String, StsRow> =
        toml::from_str(include_str!("../../data/assertions.toml"))
            .map_err(|error| format!("server/data/assertions.toml: {error}"))?;
    rows.extend(assertions);
    Ok(rows)
}

/// Fills `{name}` in a text.
pub fn fill(text: &str, values: &[(&str, &str)]) -> String {
    values
        .iter()
        .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_a_row_in_the_table_of_each_service_that_can_say_it() {
        Tables::load().unwrap();
    }

    #[test]
    fn names_in_a_text_are_filled_in() {
        assert_eq!(
            fill("no {what} for {who}", &[("who", "bob"), ("what", "tea")]),
            "no tea for bob"
        );
    }
}
