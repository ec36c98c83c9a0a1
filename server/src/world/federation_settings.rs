//! How the federation servers of a world behave: per domain, which endpoints are on, and how assertions are stamped.
//!
//! The world file's `federation` key (section 4.2 of the scenario reference); section 9 of the device registration notes
//! lists the endpoints. Left out: a choice of the signing key.

use std::collections::{BTreeMap, BTreeSet};

use linarite_core::instant::{Offset, Span};

use super::file::{FederationFile, parse_duration, parse_offset};
use crate::keys::certificate::PeerCertificate;

/// An endpoint of a federation server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FederationEndpoint {
    /// Metadata exchange.
    Mex,
    /// A WS-Trust endpoint.
    Trust(TrustVersion, TrustKind),
    /// Sign-in by a browser.
    Passive,
    /// Federation metadata.
    Metadata,
}

/// A version of WS-Trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TrustVersion {
    /// 1.3, of OASIS.
    V13,
    /// Of February 2005.
    V2005,
}

/// How a WS-Trust endpoint learns who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TrustKind {
    /// By user name and password in the message.
    UserName,
    /// By integrated sign-in of the transport.
    Windows,
    /// By a certificate in the message.
    Certificate,
}

impl TrustVersion {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V13, Self::V2005];

    /// Its segment of the path.
    pub const fn word(self) -> &'static str {
        match self {
            Self::V13 => "13",
            Self::V2005 => "2005",
        }
    }
}

impl TrustKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::UserName, Self::Windows, Self::Certificate];

    /// Its segment of the path.
    pub const fn word(self) -> &'static str {
        match self {
            Self::UserName => "usernamemixed",
            Self::Windows => "windowstransport",
            Self::Certificate => "certificatemixed",
        }
    }
}

/// The endpoints that a word stands for: `mex`, `passive`, `metadata`, a version (`13`), a kind of credential
/// (`usernamemixed`) or both (`13/usernamemixed`). Empty for a word that is none of them.
pub fn endpoints_of(word: &str) -> Vec<FederationEndpoint> {
    match word {
        "mex" => vec![FederationEndpoint::Mex],
        "passive" => vec![FederationEndpoint::Passive],
        "metadata" => vec![FederationEndpoint::Metadata],
        _ => {
            let all = TrustVersion::ALL
                .into_iter()
                .flat_map(|version| TrustKind::ALL.into_iter().map(move |kind| (version, kind)));
            all.filter(|(version, kind)| {
                let both = word.split_once('/');
                both == Some((version.word(), kind.word()))
                    || word == version.word()
                    || word == kind.word()
            })
            .map(|(version, kind)| FederationEndpoint::Trust(version, kind))
            .collect()
        }
    }
}

/// What is said of a word that stands for no endpoint.
pub fn no_endpoint(word: &str) -> String {
    format!(
        "no endpoint is called `{word}`; known are mex, passive, metadata, usernamemixed, windowstransport, certificatemixed, 13, 2005 and pairs such as 13/usernamemixed"
    )
}

/// How the federation server of one domain behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FederationSettings {
    /// Endpoints that are off.
    pub disabled: BTreeSet<FederationEndpoint>,
    /// The issuer that assertions name and that the directory expects; made from the server's host when absent.
    pub issuer: Option<String>,
    /// Lifetime of an assertion. Default one hour.
    pub token_lifetime: Span,
    /// What the server's clock shows beyond world time; below zero when it is slow. Default zero.
    pub clock_offset: Offset,
    /// The authority that issues certificates to its users. Default none.
    pub certificate_authority: Option<PeerCertificate>,
}

impl Default for FederationSettings {
    fn default() -> Self {
        Self {
            disabled: BTreeSet::new(),
            issuer: None,
            token_lifetime: Span::from_minutes(60),
            clock_offset: Offset::ZERO,
            certificate_authority: None,
        }
    }
}

/// Reads the certificate of an authority.
fn authority(pem: &str) -> Result<PeerCertificate, String> {
    let begun = pem.trim().strip_prefix("-----BEGIN CERTIFICATE-----");
    let inside = begun.and_then(|rest| rest.strip_suffix("-----END CERTIFICATE-----"));
    let inside =
        inside.ok_or("it is not one certificate in PEM (`-----BEGIN CERTIFICATE-----`)")?;
    let read = PeerCertificate::from_base64(inside).map_err(|error| error.to_string())?;
    if read.is_authority() {
        Ok(read)
    } else {
        Err(format!("`{}` is not an authority: it lacks the basic constraint CA", read.subject))
    }
}

/// Reads the settings of one domain. Each problem comes with the key that it is about.
pub(super) fn settings(file: &FederationFile) -> (FederationSettings, BTreeMap<String, String>) {
    let mut settings = FederationSettings::default();
    let mut problems = BTreeMap::new();
    for (index, word) in file.disable_endpoints.iter().enumerate() {
        let found = endpoints_of(word);
        if found.is_empty() {
            problems.insert(format!("disable_endpoints/{index}"), no_endpoint(word));
        }
        settings.disabled.extend(found);
    }
    if let Some(issuer) = &file.issuer {
        let plain = |c: char| c.is_ascii_graphic() && !"<>&\"'".contains(c);
        if issuer.is_empty() || !issuer.chars().all(plain) {
            problems.insert("issuer".to_owned(), format!("`{issuer}` is not a URI"));
        }
        settings.issuer = Some(issuer.clone());
    }
    if let Some(pem) = &file.certificate_authority {
        match authority(pem) {
            Ok(read) => settings.certificate_authority = Some(read),
            Err(message) => {
                problems.insert("certificate_authority".to_owned(), message);
            }
        }
    }
    let mut unread = |key: &str, text: &str, slow: &str| {
        let message =
            format!("`{text}` is not a length of time; write it like `60m` or `1h 30m`{slow}");
        problems.insert(key.to_owned(), message);
    };
    if let Some(text) = &file.token_lifetime {
        match parse_duration(text) {
            Some(millis) => settings.token_lifetime = Span::from_millis(millis),
            None => unread("token_lifetime", text, ""),
        }
    }
    if let Some(text) = &file.clock_offset {
        match parse_offset(text) {
            Some(offset) => settings.clock_offset = offset,
            None => unread("clock_offset", text, ", with `-` before it for a slow clock"),
        }
    }
    (settings, problems)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_stands_for_one_endpoint_or_several() {
        assert_eq!(endpoints_of("mex"), [FederationEndpoint::Mex]);
        let one = FederationEndpoint::Trust(TrustVersion::V13, TrustKind::UserName);
        assert_eq!(endpoints_of("13/usernamemixed"), [one]);
        assert_eq!(endpoints_of("usernamemixed").len(), 2);
        assert_eq!(endpoints_of("2005").len(), 3);
        for word in ["", "13/", "/usernamemixed", "14", "13/usernamemixed/x", "MEX"] {
            assert_eq!(endpoints_of(word), [], "{word}");
        }
    }

    #[test]
    fn settings_read_as_they_are_written() {
        let written = FederationFile {
            disable_endpoints: vec!["mex".to_owned(), "2005".to_owned()],
            issuer: Some("http://fabrikam.test/adfs/services/trust/".to_owned()),
            token_lifetime: Some("10m".to_owned()),
            clock_offset: Some("-1h 30m".to_owned()),
            certificate_authority: None,
        };
        let (settings, problems) = settings(&written);
        assert_eq!(problems, BTreeMap::new());
        assert_eq!(settings.disabled.len(), 4);
        assert_eq!(settings.token_lifetime, Span::from_minutes(10));
        assert_eq!(settings.clock_offset, Offset::from_minutes(-90));
        assert_eq!(settings.clock_offset.millis(), -5_400_000);
    }

    #[test]
    fn each_mistake_is_named_with_its_place() {
        let written = FederationFile {
            disable_endpoints: vec!["mex".to_owned(), "mecks".to_owned()],
            issuer: Some("<x>".to_owned()),
            token_lifetime: Some("-5m".to_owned()),
            clock_offset: Some("soon".to_owned()),
            certificate_authority: Some("-----BEGIN CERTIFICATE-----".to_owned()),
        };
        let (_, problems) = settings(&written);
        let places: Vec<&str> = problems.keys().map(String::as_str).collect();
        let due = [
            "certificate_authority",
            "clock_offset",
            "disable_endpoints/1",
            "issuer",
            "token_lifetime",
        ];
        assert_eq!(places, due);
    }
}
