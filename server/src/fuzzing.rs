//! What the fuzz targets of `tests/fuzz` call: the readers of what strangers send, each with what must hold for every
//! input beyond not panicking. Not part of the interface; it exists in tests and with the feature `fuzzing` only.
//!
//! The tests replay the kept corpora and finds. Left out: everything behind a socket, which has its own tests of noise.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use linarite_core::instant::{Instant, Span};

use crate::clock::ClockMode;
use crate::directory::UserKey;
use crate::edge::Link;
use crate::keys::certificate::PeerCertificate;
use crate::keys::csr::Csr;
use crate::keys::encoding::{to_standard, to_url};
use crate::keys::issue::self_signed;
use crate::keys::jose::Jws;
use crate::keys::kdf;
use crate::keys::pool::TestKey;
use crate::keys::rsa_key::RsaKey;
use crate::keys::saml::c14n::canonical;
use crate::keys::saml::xml::{Limits, parse};
use crate::keys::saml::{
    Assertion, AssertionSpec, AuthnMethod, Claim, Presented, SamlVersion, Sealing, claims,
};
use crate::keys::transport::TransportKey;
use crate::services::call::Call;
use crate::services::{adfs, graph, sts};
use crate::world::{Start, World, document_from_yaml};

/// 2026-03-02T09:00:00Z
const START: Instant = Instant::from_seconds(1_772_442_000);

/// A request for a token of a federation server, read as both versions of WS-Trust.
pub fn soap(data: &[u8]) {
    adfs::read_request(data);
}

/// Assertions: the verifier and the canonical form.
#[derive(Debug)]
pub struct Saml {
    key: RsaKey,
    said: Vec<Assertion>,
    texts: Vec<String>,
}

impl Saml {
    /// Makes the only assertions that the key ever signed; `None`: it cannot be used.
    pub fn new() -> Option<Self> {
        let key = TestKey::pick(0).load().ok()?;
        let certificate = self_signed(&key, "signing").ok()?;
        let texts = [SamlVersion::V1, SamlVersion::V2]
            .into_iter()
            .map(|version| spec(version).write(&key, &certificate, Sealing::Good).ok())
            .collect::<Option<Vec<_>>>()?;
        let said = texts
            .iter()
            .map(|text| {
                let presented = Presented::read(text.as_bytes()).ok()?;
                presented.signed_by(key.public()).ok().cloned()
            })
            .collect::<Option<Vec<_>>>()?;
        Some(Self { key, said, texts })
    }

    /// What the key signed, as text.
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    /// Whatever verifies says what was signed, however the text around it was arranged. The canonical form of a document
    /// is a document, and its own canonical form.
    pub fn check(&self, data: &[u8]) {
        if let Ok(presented) = Presented::read(data) {
            let _method = (presented.unproven().method(), presented.unproven().multiple_authn());
            if let Ok(assertion) = presented.signed_by(self.key.public()) {
                assert!(self.said.contains(assertion), "nobody ever said {assertion:?}");
            }
        }
        let Ok(document) = parse(data, &Limits::default()) else { return };
        let once = canonical(document.root_element(), None);
        let wide = Limits { bytes: usize::MAX, ..Limits::default() };
        match parse(once.as_bytes(), &wide) {
            Ok(again) => assert_eq!(canonical(again.root_element(), None), once, "not canonical"),
            Err(error) => assert!(false_of(&error), "the canonical form is no XML: {error}"),
        }
    }
}

/// Never true; names what went wrong in the message of an assertion.
fn false_of(_: &impl std::error::Error) -> bool {
    false
}

fn spec(version: SamlVersion) -> AssertionSpec {
    AssertionSpec {
        version,
        id: "_1".to_owned(),
        issuer: "http://fabrikam.test/adfs/services/trust/".to_owned(),
        audience: "urn:federation:MicrosoftOnline".to_owned(),
        not_before: START,
        not_on_or_after: START + Span::from_minutes(60),
        issue_instant: START,
        name_id: Some("ZGF2ZQ==".to_owned()),
        upn: Some("dave@fabrikam.test".to_owned()),
        immutable_id: Some("ZGF2ZQ==".to_owned()),
        authn_method: AuthnMethod::Password,
        claims: vec![Claim::new(claims::INSIDE_CORPORATE_NETWORK, "true")],
        recipient: None,
    }
}

/// A signed request or assertion of a client. A text of two lines or more is a header and a payload, and is signed with a
/// session key first: what is then read has passed the verification.
pub fn jose(data: &[u8]) {
    const SESSION_KEY: [u8; 32] = [7; 32];
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _answer = crate::keys::jwe::decrypt(&SESSION_KEY, text);
    if let Ok(jws) = Jws::parse(text) {
        read_jws(&jws);
        let _verified = jws.verify_with_session_key(&SESSION_KEY);
    }
    let Some((header, payload)) = text.split_once('\n') else { return };
    let input = format!("{}.{}", to_url(header), to_url(payload));
    let unsigned = Jws::parse(&format!("{input}."));
    let Ok(unsigned) = unsigned else { return };
    let (Some(context), Ok(version)) = (&unsigned.header().ctx, unsigned.header().kdf_version())
    else {
        read_jws(&unsigned);
        return;
    };
    let key = kdf::derive(version, &SESSION_KEY, context, payload.as_bytes());
    let mac = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &key);
    let signature = aws_lc_rs::hmac::sign(&mac, input.as_bytes());
    let Ok(jws) = Jws::parse(&format!("{input}.{}", to_url(signature))) else { return };
    let verified = jws.verify_with_session_key(&SESSION_KEY).is_ok();
    assert_eq!(verified, jws.header().alg == "HS256", "what was signed verifies, as HS256 only");
    assert!(jws.verify_with_session_key(&[8; 32]).is_err(), "another key verifies too");
    read_jws(&jws);
}

fn read_jws(jws: &Jws) {
    sts::read_request(jws);
    let _certificate = jws.verify_with_own_certificate();
}

/// What comes in DER or in blobs of keys: certificate requests, certificates, transport keys; as bytes and as base64.
pub fn csr(data: &[u8]) {
    let of_der = Csr::from_der(data);
    let _certificate = PeerCertificate::from_der(data).map(|read| (read.device_id(), read.key));
    if let Ok(key) = TransportKey::from_blob(data) {
        assert_eq!(TransportKey::from_blob(&key.to_blob()).as_ref(), Ok(&key), "another key");
    }
    if let Ok(text) = std::str::from_utf8(data) {
        let _of_text = (Csr::from_base64(text), TransportKey::from_base64(text));
    }
    assert_eq!(Csr::from_base64(&to_standard(data)), of_der, "base64 makes a difference");
}

/// Requests to Graph that read.
#[derive(Debug)]
pub struct Graph {
    world: Arc<World>,
    runtime: tokio::runtime::Runtime,
}

impl Graph {
    /// Starts the shared world; `None`: it does not start.
    pub fn new() -> Option<Self> {
        let text = include_str!("../../fixtures/worlds/contoso.world.yaml");
        let start = Start {
            id: "fuzz".to_owned(),
            seed: Some(7),
            clock_start: Some(START),
            clock_mode: Some(ClockMode::Manual),
            new_clock_mode: None,
            state: None,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().ok()?;
        let document = document_from_yaml(text).ok()?;
        let world = runtime.block_on(World::start(&document, start)).ok()?;
        Some(Self { world: Arc::new(world), runtime })
    }

    /// A path with its query, percent-encoded or not; a `!` in front asks with `ConsistencyLevel: eventual`. No request
    /// makes the service fail.
    pub fn check(&self, data: &[u8]) {
        let Ok(text) = std::str::from_utf8(data) else { return };
        let (text, level) = match text.strip_prefix('!') {
            Some(rest) => (rest, "eventual"),
            None => (text, "session"),
        };
        let plain: String = text
            .bytes()
            .map(|byte| match byte {
                0x21 | 0x24..=0x7e => char::from(byte).to_string(),
                other => format!("%{other:02X}"),
            })
            .collect();
        let request = Request::get(format!("/v1.0/{plain}"))
            .header("ConsistencyLevel", level)
            .body(Bytes::new());
        let Ok(request) = request else { return };
        let call = Call::new(Arc::clone(&self.world), Link::proxy("graph.microsoft.com"), request);
        let alice = self.world.directory.user(&UserKey::Key("alice".to_owned()));
        let Ok(Some(alice)) = alice else { return };
        let status = self.runtime.block_on(graph::read_as(&call, alice));
        assert!(!status.is_server_error(), "the directory failed: {status}");
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    /// How long all kept inputs of a target may take together.
    const LIMIT: Duration = Duration::from_secs(60);

    /// Gives every kept input of a target to its reader.
    fn replay(target: &'static str, read: impl FnOnce() -> Box<dyn Fn(&[u8])> + Send + 'static) {
        let (done, wait) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let read = read();
            let mut count = 0;
            for kept in ["corpus", "finds"] {
                let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz");
                let Ok(folder) = std::fs::read_dir(fuzz.join(kept).join(target)) else { continue };
                for entry in folder {
                    let path = entry.unwrap().path();
                    println!("{}", path.display());
                    read(&std::fs::read(&path).unwrap());
                    count += 1;
                }
            }
            done.send(count).unwrap();
        });
        match wait.recv_timeout(LIMIT) {
            Ok(count) => assert!(count > 0, "no inputs are kept for {target}"),
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("the inputs of {target} take too long"),
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                std::panic::resume_unwind(thread.join().unwrap_err())
            }
        }
    }

    #[test]
    fn kept_soap_is_read_quickly_and_without_panic() {
        replay("soap", || Box::new(soap));
    }

    #[test]
    fn kept_assertions_verify_as_what_was_signed_or_not_at_all() {
        replay("saml", || {
            let saml = Saml::new().unwrap();
            for text in saml.texts() {
                saml.check(text.as_bytes());
            }
            Box::new(move |data| saml.check(data))
        });
    }

    #[test]
    fn kept_jwts_are_read_quickly_and_without_panic() {
        replay("jose", || Box::new(jose));
    }

    #[test]
    fn kept_certificate_requests_are_read_alike_in_der_and_base64() {
        replay("csr", || Box::new(csr));
    }

    #[test]
    fn kept_queries_never_make_the_service_fail() {
        replay("odata", || {
            let graph = Graph::new().unwrap();
            Box::new(move |data| graph.check(data))
        });
    }
}
