//! A stand-in for the services on plain HTTP, made of canned answers and a little cryptography, so that the client can be
//! driven through every good and bad answer. It is not the server under test and shares no code with it or with the
//! client: certificates come from rcgen, keys are read from the blob on the wire.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OaepPublicEncryptingKey, PublicEncryptingKey, PublicKeyComponents,
};
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use linarite_windows::{
    Chance, Clock, Join, Machine, MachineSpec, Outcome, TokenRequest, Wire, WireSpec,
};
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

pub(crate) const START_MS: i64 = 1_772_442_000_000; // 2026-03-02T09:00:00Z
pub(crate) const TENANT: &str = "6babcaad-604b-40ac-a9d7-9fd97c0b779f";
pub(crate) const SESSION_KEY: [u8; 32] = [0x5a; 32];
pub(crate) const PRT: &str = "1.AXXX.prt-of-alice";

pub(crate) struct TestClock(pub(crate) AtomicI64);
impl Clock for TestClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// A counter per stream, hashed: repeatable and without another stream's influence.
#[derive(Default)]
pub(crate) struct TestChance(Mutex<BTreeMap<String, u64>>);
impl Chance for TestChance {
    fn fill(&self, stream: &str, out: &mut [u8]) {
        let mut counters = self.0.lock().unwrap();
        let counter = counters.entry(stream.to_owned()).or_default();
        for chunk in out.chunks_mut(32) {
            *counter += 1;
            let text = format!("{stream}#{counter}");
            let hash = digest::digest(&digest::SHA256, text.as_bytes());
            chunk.copy_from_slice(&hash.as_ref()[..chunk.len()]);
        }
    }
}

/// The steps of the walk, by which an answer can be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    Discover,
    Realm,
    Token,
    Device,
    Nonce,
    Prt,
    DeviceToken,
    Use,
    Renew,
    Delete,
    Authorize,
    Mex,
    Trust,
    Swap,
    Complete,
    Other,
}

#[derive(Default)]
pub(crate) struct Double {
    pub(crate) replaced: BTreeMap<Step, ResponseTemplate>,
    /// JSON merged over the certificate answer, or a certificate for another key.
    pub(crate) wrong_key: bool,
    pub(crate) wrong_subject: Option<String>,
    /// Whether to seal replies with CBC in place of GCM.
    pub(crate) cbc: bool,
    transport: Option<Vec<u8>>,
    devices: u64,
}

pub(crate) struct Shared(pub(crate) Arc<Mutex<Double>>);

pub(crate) fn step_of(request: &Request) -> Step {
    let path = request.url.path().to_lowercase();
    let body = String::from_utf8_lossy(&request.body).into_owned();
    match request.method.as_str() {
        "DELETE" => Step::Delete,
        "PUT" => Step::Complete,
        _ if path.contains("/services/trust/mex") => Step::Mex,
        _ if path.contains("/services/trust/") => Step::Trust,
        _ if path.contains("/discover") => Step::Discover,
        _ if path.contains("/userrealm/") => Step::Realm,
        _ if path.contains("/enrollmentserver/device") => Step::Device,
        _ if path.contains("/authorize") || path.contains("/signin") => Step::Authorize,
        _ if body.contains("srv_challenge") => Step::Nonce,
        _ if body.contains("jwt-bearer") => {
            let jwt = field(&body, "request").unwrap();
            let part = |place| {
                serde_json::from_slice::<Value>(
                    &URL_SAFE_NO_PAD.decode(jwt.split('.').nth(place).unwrap()).unwrap(),
                )
                .unwrap()
            };
            let (header, payload): (Value, Value) = (part(0), part(1));
            if payload["grant_type"] == "device_token" {
                Step::DeviceToken
            } else if header["alg"] == "RS256" {
                Step::Prt
            } else if payload["scope"].as_str().unwrap().contains("aza") {
                Step::Renew
            } else {
                Step::Use
            }
        }
        _ if body.contains("saml1_1-bearer") || body.contains("saml2-bearer") => Step::Swap,
        _ if path.contains("/token") => Step::Token,
        _ => Step::Other,
    }
}

pub(crate) fn field(body: &str, name: &str) -> Option<String> {
    body.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        let value = percent_encoding::percent_decode_str(value).decode_utf8().ok()?;
        (key == name).then(|| value.into_owned())
    })
}

pub(crate) fn json_answer(status: u16, body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_raw(body.to_string(), "application/json")
}

pub(crate) fn refusal(code: u32) -> ResponseTemplate {
    json_answer(
        400,
        &json!({
            "error": "invalid_grant", "error_codes": [code],
            "error_description": format!("AADSTS{code}: refused by the double.\r\nTrace ID: x"),
        }),
    )
}

pub(crate) fn jwt(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.c2ln", part(&json!({ "alg": "RS256" })), part(claims))
}

fn discovery() -> Value {
    let drs = "https://enterpriseregistration.windows.net";
    let login = format!("https://login.microsoftonline.com/{TENANT}");
    json!({
        "DiscoveryService": { "DiscoveryEndpoint": format!("{drs}/x/Discover"), "ServiceVersion": "1.9" },
        "AuthenticationService": { "OAuth2": {
            "AuthCodeEndpoint": format!("{login}/oauth2/authorize"),
            "TokenEndpoint": format!("{login}/oauth2/token") } },
        "DeviceJoinService": { "JoinEndpoint": format!("{drs}/EnrollmentServer/device/"),
            "JoinResourceId": "urn:ms-drs:enterpriseregistration.windows.net", "ServiceVersion": "2.0" },
        "KeyProvisioningService": { "KeyProvisionEndpoint": format!("{drs}/EnrollmentServer/key/"),
            "KeyProvisionResourceId": "urn:ms-drs:enterpriseregistration.windows.net", "ServiceVersion": "1.0" },
        "TenantInfo": { "TenantId": TENANT, "TenantName": "contoso.test", "DisplayName": "Contoso" },
    })
}

impl Double {
    fn device(&mut self, body: &[u8], completes: Option<String>) -> ResponseTemplate {
        let body: Value = serde_json::from_slice(body).unwrap();
        let csr = STANDARD.decode(body["CertificateRequest"]["Data"].as_str().unwrap()).unwrap();
        let whole = if completes.is_some() { &body["ServerAdJoinData"] } else { &body };
        self.transport = Some(STANDARD.decode(whole["TransportKey"].as_str().unwrap()).unwrap());
        self.devices += 1;
        let made = format!("00000000-0000-4000-8000-{:012}", self.devices);
        let device_id = completes.unwrap_or(made);
        let csr = rcgen::CertificateSigningRequestParams::from_der(&csr.into()).unwrap();
        let mut params = csr.params;
        params.distinguished_name = rcgen::DistinguishedName::new();
        let subject = self.wrong_subject.clone().unwrap_or_else(|| device_id.clone());
        params.distinguished_name.push(rcgen::DnType::CommonName, subject);
        let ca_key = rcgen::KeyPair::generate().unwrap();
        let issuer = rcgen::Issuer::new(rcgen::CertificateParams::default(), &ca_key);
        let certificate = if self.wrong_key {
            params.signed_by(&rcgen::KeyPair::generate().unwrap(), &issuer).unwrap()
        } else {
            params.signed_by(&csr.public_key, &issuer).unwrap()
        };
        json_answer(
            200,
            &json!({ "Certificate": { "Thumbprint": "00", "RawBody": STANDARD.encode(certificate.der()) },
                "User": { "Upn": "" }, "MembershipChanges": [] }),
        )
    }

    fn prt(&self, form: &str) -> ResponseTemplate {
        let request = field(form, "request").unwrap();
        let (input, signature) = request.rsplit_once('.').unwrap();
        let header: Value = serde_json::from_slice(
            &URL_SAFE_NO_PAD.decode(input.split('.').next().unwrap()).unwrap(),
        )
        .unwrap();
        let certificate = STANDARD.decode(header["x5c"].as_str().unwrap()).unwrap();
        let (_, certificate) = x509_parser::parse_x509_certificate(&certificate).unwrap();
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, certificate.public_key().raw)
            .verify(input.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap())
            .expect("the request is signed by the key in its x5c");
        let blob = self.transport.as_ref().unwrap();
        let key = PublicKeyComponents { e: &blob[24..27], n: &blob[27..] };
        let public: PublicEncryptingKey = key.try_into().unwrap();
        let key = OaepPublicEncryptingKey::new(public).unwrap();
        let mut room = vec![0; key.ciphertext_size()];
        let wrapped = key.encrypt(&OAEP_SHA1_MGF1SHA1, &SESSION_KEY, &mut room, None).unwrap();
        let jwe = format!("eyJhbGciOiJSU0EtT0FFUCJ9.{}.AA.AA.AA", URL_SAFE_NO_PAD.encode(wrapped));
        json_answer(
            200,
            &json!({ "token_type": "pop", "refresh_token": PRT, "refresh_token_expires_in": "1209600",
                "session_key_jwe": jwe }),
        )
    }

    fn sealed(&self, form: &str, renewal: bool) -> ResponseTemplate {
        let request = field(form, "request").unwrap();
        check_session_signature(&request);
        let reply = if renewal {
            json!({ "token_type": "pop", "refresh_token": format!("{PRT}.renewed"),
                "refresh_token_expires_in": 1_209_600 })
        } else {
            json!({ "access_token": jwt(&json!({ "deviceid": "d", "exp": 1 })), "expires_in": "3599",
                "refresh_token": "rt", "token_type": "Bearer" })
        };
        let body = if self.cbc { seal_cbc(&reply) } else { seal_gcm(&reply) };
        ResponseTemplate::new(200).set_body_raw(body, "application/jose")
    }
}

fn kdf(context: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &SESSION_KEY);
    let input =
        [&[0, 0, 0, 1], &b"AzureAD-SecureConversation"[..], &[0], context, &[0, 0, 1, 0]].concat();
    hmac::sign(&key, &input).as_ref().to_vec()
}

fn check_session_signature(request: &str) {
    let (input, signature) = request.rsplit_once('.').unwrap();
    let (header, payload) = input.split_once('.').unwrap();
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    assert_eq!(header["kdf_ver"], 2);
    let ctx = STANDARD.decode(header["ctx"].as_str().unwrap()).unwrap();
    assert_eq!(ctx.len(), 24);
    let both = [ctx, URL_SAFE_NO_PAD.decode(payload).unwrap()].concat();
    let context = digest::digest(&digest::SHA256, &both);
    let key = hmac::Key::new(hmac::HMAC_SHA256, &kdf(context.as_ref()));
    hmac::verify(&key, input.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap())
        .expect("the request is signed by the session key");
}

fn sealed_header() -> String {
    URL_SAFE_NO_PAD.encode(
        json!({ "alg": "dir", "enc": "A256GCM", "ctx": STANDARD.encode([9; 24]) }).to_string(),
    )
}

fn seal_gcm(reply: &Value) -> String {
    let header = sealed_header();
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &kdf(&[9; 24])).unwrap());
    let mut text = reply.to_string().into_bytes();
    let tag = key
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key([3; 12]),
            Aad::from(header.as_bytes()),
            &mut text,
        )
        .unwrap();
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    format!("{header}..{}.{}.{}", part(&[3; 12]), part(&text), part(tag.as_ref()))
}

fn seal_cbc(reply: &Value) -> String {
    use aws_lc_rs::cipher::{
        AES_256, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey,
    };
    let key = UnboundCipherKey::new(&AES_256, &kdf(&[9; 24])).unwrap();
    let mut text = reply.to_string().into_bytes();
    PaddedBlockEncryptingKey::cbc_pkcs7(key)
        .unwrap()
        .less_safe_encrypt(&mut text, EncryptionContext::Iv128([4; 16].into()))
        .unwrap();
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    format!("{}..{}.{}.AA", sealed_header(), part(&[4; 16]), part(&text))
}

/// A sign-in in a browser: the cookie is enough; else a form whose hidden field carries where to go back.
fn authorize(request: &Request, form: &str) -> ResponseTemplate {
    let query = request.url.query().unwrap_or_default();
    let back = |query: &str| {
        let (to, state) = (field(query, "redirect_uri").unwrap(), field(query, "state").unwrap());
        ResponseTemplate::new(302)
            .insert_header("location", format!("{to}?code=code-1&state={state}&session_state=x"))
    };
    let cookie = request.headers.get("cookie").map(|cookie| cookie.to_str().unwrap().to_owned());
    if let Some(jwt) = cookie.and_then(|cookie| {
        cookie.split_once("x-ms-RefreshTokenCredential=").map(|(_, jwt)| jwt.to_owned())
    }) {
        check_session_signature(jwt.split(';').next().unwrap());
        return back(query);
    }
    if request.method.as_str() == "GET" {
        let query = query.replace('&', "&amp;");
        let page = format!(
            r#"<form method="post" action="/login.microsoftonline.com/common/signin?x=1">
            <input type="hidden" name="ctx" value="{query}"><input name="login"><input type="password" name="passwd"></form>"#
        );
        return ResponseTemplate::new(200).set_body_raw(page, "text/html");
    }
    if field(form, "passwd").as_deref() == Some("Correct-Horse-1") {
        return back(&field(form, "ctx").unwrap());
    }
    let page = "<p>AADSTS50126: wrong user or password</p><form><input type=password></form>";
    ResponseTemplate::new(200).set_body_raw(page, "text/html")
}

impl Respond for Shared {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let mut double = self.0.lock().unwrap();
        let step = step_of(request);
        if let Some(answer) = double.replaced.get(&step) {
            return answer.clone();
        }
        let form = String::from_utf8_lossy(&request.body).into_owned();
        match step {
            Step::Discover => json_answer(200, &discovery()),
            Step::Realm => json_answer(200, &json!({ "ver": "1.0", "account_type": "Managed" })),
            Step::Token | Step::Swap => json_answer(
                200,
                &json!({ "token_type": "Bearer", "access_token": jwt(&json!({ "tid": TENANT })),
                    "refresh_token": "rt-plain", "expires_in": 3599 }),
            ),
            Step::Nonce => json_answer(200, &json!({ "Nonce": "nonce-1" })),
            Step::Device => double.device(&request.body, None),
            Step::Complete => {
                let id = request.url.path().rsplit('/').next().unwrap().to_owned();
                double.device(&request.body, Some(id))
            }
            Step::Trust => soap(200, RSTR),
            Step::Prt => double.prt(&form),
            Step::DeviceToken => json_answer(
                200,
                &json!({ "token_type": "Bearer", "expires_in": "3600", "access_token": jwt(&json!({ "idtyp": "device" })) }),
            ),
            Step::Use => double.sealed(&form, false),
            Step::Renew => double.sealed(&form, true),
            Step::Delete => ResponseTemplate::new(200),
            Step::Authorize => authorize(request, &form),
            Step::Mex | Step::Other => ResponseTemplate::new(404),
        }
    }
}

pub(crate) const MEX: &str = include_str!("mex.xml");
pub(crate) const RSTR: &str = include_str!("rstr-13.xml");
pub(crate) const FAULT: &str = include_str!("fault.xml");

pub(crate) fn soap(status: u16, body: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_raw(body, "application/soap+xml; charset=utf-8")
}

/// Everything that one test needs.
pub(crate) struct Stage {
    pub(crate) server: MockServer,
    pub(crate) double: Arc<Mutex<Double>>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) wire: Wire,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let server = MockServer::start().await;
        let double = Arc::new(Mutex::new(Double::default()));
        Mock::given(any()).respond_with(Shared(Arc::clone(&double))).mount(&server).await;
        let clock = Arc::new(TestClock(AtomicI64::new(START_MS)));
        let wire = wire(&server.uri(), &clock, |_| {});
        Self { server, double, clock, wire }
    }

    /// A stage whose users have a federation server; its metadata stand in `mex.xml`.
    pub(crate) async fn federated() -> Self {
        let stage = Self::new().await;
        stage.federate();
        stage
    }

    pub(crate) fn federate(&self) {
        self.realm(&json!({}));
        self.replace(Step::Mex, self.mex(MEX));
    }

    /// The realm of a federated user, with members put over those of a healthy one.
    pub(crate) fn realm(&self, over: &Value) {
        let trust = format!("{}/sts.fabrikam.test/adfs/services/trust", self.server.uri());
        let mut body = json!({
            "ver": "1.0", "account_type": "Federated", "domain_name": "fabrikam.test",
            "federation_protocol": "WSTrust", "federation_metadata_url": format!("{trust}/mex"),
            "federation_active_auth_url": format!("{trust}/2005/usernamemixed"),
            "cloud_instance_name": "microsoftonline.com",
            "cloud_audience_urn": "urn:federation:MicrosoftOnline",
        });
        for (name, value) in over.as_object().unwrap() {
            body[name] = value.clone();
        }
        self.replace(Step::Realm, json_answer(200, &body));
    }

    /// Metadata whose addresses lead here.
    pub(crate) fn mex(&self, text: &str) -> ResponseTemplate {
        let here = format!("{}/sts.fabrikam.test", self.server.uri());
        let text = text.replace("https://sts.fabrikam.test", &here);
        ResponseTemplate::new(200).set_body_raw(text, "text/xml; charset=UTF-8")
    }

    pub(crate) fn replace(&self, step: Step, answer: ResponseTemplate) {
        self.double.lock().unwrap().replaced.insert(step, answer);
    }

    pub(crate) fn restore(&self, step: Step) {
        self.double.lock().unwrap().replaced.remove(&step);
    }

    pub(crate) async fn steps(&self) -> Vec<Step> {
        self.server.received_requests().await.unwrap().iter().map(step_of).collect()
    }

    pub(crate) async fn joined(&self) -> Machine {
        let mut machine = machine("pc1", "PC-1");
        let outcome = self.join(&mut machine).await;
        assert_eq!(outcome.exit, 0, "{}", outcome.output);
        machine
    }

    pub(crate) async fn join(&self, machine: &mut Machine) -> Outcome {
        let request = Join {
            upn: "alice@contoso.test".to_owned(),
            password: "Correct-Horse-1".to_owned(),
            ..Join::default()
        };
        machine.join(&self.wire, &request).await
    }
}

pub(crate) fn wire(base: &str, clock: &Arc<TestClock>, change: impl FnOnce(&mut WireSpec)) -> Wire {
    let mut spec = WireSpec {
        login: format!("{base}/login.microsoftonline.com"),
        registration: format!("{base}/enterpriseregistration.windows.net"),
        ..WireSpec::default()
    };
    change(&mut spec);
    Wire::new(spec, Arc::<TestClock>::clone(clock), Arc::new(TestChance::default())).unwrap()
}

pub(crate) fn machine(key: &str, name: &str) -> Machine {
    Machine::new(MachineSpec {
        key: key.to_owned(),
        name: name.to_owned(),
        ..MachineSpec::default()
    })
}

pub(crate) fn prt_request(resource: &str) -> TokenRequest {
    TokenRequest {
        client: "office".to_owned(),
        resource: Some(resource.to_owned()),
        ..TokenRequest::default()
    }
}
