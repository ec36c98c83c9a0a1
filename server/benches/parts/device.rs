//! A device of the bench: joins, asks for a primary refresh token, and signs uses of it, as an unmodified client does.

use aws_lc_rs::hmac;
use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use linarite_server::keys::encoding::{from_url, to_standard, to_url};
use linarite_server::keys::kdf::derive_v2;
use linarite_server::keys::public_key::PublicKey;
use linarite_server::keys::rsa_key::RsaKey;
use linarite_server::keys::transport::TransportKey;
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};
use rustls::pki_types::PrivatePkcs8KeyDer;
use serde_json::{Value, json};

use crate::client::Client;

const DEVICE_KEY: &[u8] = include_bytes!("../../../fixtures/keys/rsa-04.pk8");
const TRANSPORT_KEY: &[u8] = include_bytes!("../../../fixtures/keys/rsa-05.pk8");

const BROKER: &str = "29d9ed98-a469-4536-ade2-f981bc1d605e";
const TOKEN: &str = "/login.microsoftonline.com/common/oauth2/token";
const TOKEN_V2: &str = "/login.microsoftonline.com/common/oauth2/v2.0/token";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const USER: &str = "alice@contoso.test";
const PASSWORD: &str = "Correct-Horse-1";

fn read(body: &[u8]) -> Value {
    serde_json::from_slice(body).expect("an answer in JSON")
}

fn text<'a>(answer: &'a Value, pointer: &str) -> &'a str {
    answer.pointer(pointer).and_then(Value::as_str).expect("a member of the answer")
}

/// A password grant of the first version: an access token and an id token, two signatures.
pub(crate) fn password_v1(client: &Client, resource: &str) -> Vec<u8> {
    let form = format!(
        "grant_type=password&client_id={BROKER}&username={USER}&password={PASSWORD}&resource={resource}"
    );
    client.form(TOKEN, &form)
}

/// A password grant of the second version without an id token: one signature.
pub(crate) fn password_v2(client: &Client) -> Vec<u8> {
    let scope = "https%3A%2F%2Fgraph.microsoft.com%2F.default";
    let form = format!(
        "grant_type=password&client_id={BROKER}&username={USER}&password={PASSWORD}&scope={scope}"
    );
    client.form(TOKEN_V2, &form)
}

/// An access token for a resource.
pub(crate) fn access_token(client: &mut Client, resource: &str) -> String {
    let answer = read(&client.ask(&password_v1(client, resource)));
    text(&answer, "/access_token").to_owned()
}

/// A join. The same body joins as often as it is sent: each makes a record of its own.
pub(crate) fn join(client: &mut Client) -> Vec<u8> {
    let token = access_token(client, "urn:ms-drs:enterpriseregistration.windows.net");
    let pkcs8 = PrivatePkcs8KeyDer::from(DEVICE_KEY);
    let key = KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8, &PKCS_RSA_SHA256).expect("a key");
    let mut request = CertificateParams::default();
    request
        .distinguished_name
        .push(rcgen::DnType::CommonName, "7E980AD9-B86D-4306-9425-9AC066FB014A");
    let request = request.serialize_request(&key).expect("a certificate request");
    let transport = RsaKey::from_der(TRANSPORT_KEY).expect("a key");
    let transport = TransportKey::from_public_key(&PublicKey::Rsa(transport.public().clone()))
        .expect("an RSA key");
    let body = json!({
        "CertificateRequest": { "Type": "pkcs10", "Data": to_standard(request.der()) },
        "TransportKey": to_standard(transport.to_blob()),
        "TargetDomain": "contoso.test",
        "DeviceType": "Windows",
        "OSVersion": "10.0.19045.2006",
        "DeviceDisplayName": "BENCH-1",
        "JoinType": 0,
        "Attributes": { "ReuseDevice": "true", "ReturnClientSid": "true" },
    });
    let headers = format!("authorization: Bearer {token}\r\ncontent-type: application/json\r\n");
    let to = "/enterpriseregistration.windows.net/EnrollmentServer/device/?api-version=2.0";
    client.request("POST", to, &headers, &body.to_string())
}

/// A primary refresh token and its session key.
pub(crate) struct Prt {
    token: String,
    session_key: [u8; 32],
    count: u64,
}

fn nonce(client: &mut Client) -> String {
    let request = client.form(TOKEN, "grant_type=srv_challenge");
    text(&read(&client.ask(&request)), "/Nonce").to_owned()
}

fn input(header: &Value, payload: &Value) -> String {
    format!("{}.{}", to_url(header.to_string()), to_url(payload.to_string()))
}

fn exchange(client: &Client, signed: &str) -> Vec<u8> {
    let form =
        format!("windows_api_version=2.2&grant_type={JWT_BEARER}&request={signed}&client_info=1");
    client.form(TOKEN, &form)
}

impl Prt {
    /// Joins a device and asks for its primary refresh token.
    pub(crate) fn request(client: &mut Client) -> Self {
        let join = join(client);
        let joined = read(&client.ask(&join));
        let payload = json!({
            "client_id": "38aa3b87-a06d-4817-b275-7a316988d93b",
            "request_nonce": nonce(client),
            "scope": "openid aza ugs",
            "grant_type": "password",
            "username": USER,
            "password": PASSWORD,
        });
        let header =
            json!({ "alg": "RS256", "typ": "JWT", "x5c": text(&joined, "/Certificate/RawBody") });
        let input = input(&header, &payload);
        let key = RsaKey::from_der(DEVICE_KEY).expect("a key");
        let signature = key.sign(input.as_bytes()).expect("a signature");
        let request = exchange(client, &format!("{input}.{}", to_url(signature)));
        let answer = read(&client.ask(&request));
        let wrapped = text(&answer, "/session_key_jwe").split('.').nth(1).and_then(from_url);
        Self {
            token: text(&answer, "/refresh_token").to_owned(),
            session_key: unwrap(&wrapped.expect("a wrapped key")),
            count: 0,
        }
    }

    /// A use for an access token and an id token, signed with the session key and good for one time: two signatures.
    pub(crate) fn usage(&mut self, client: &mut Client) -> Vec<u8> {
        self.count += 1;
        let payload = json!({
            "client_id": BROKER,
            "request_nonce": nonce(client),
            "scope": "openid",
            "resource": "https://graph.microsoft.com",
            "grant_type": "refresh_token",
            "refresh_token": self.token,
            "iss": "aad:brokerplugin",
            "win_ver": "10.0.19041.868",
        });
        let context = self.count.to_be_bytes().repeat(3);
        let header =
            json!({ "alg": "HS256", "ctx": to_standard(&context), "kdf_ver": 2, "typ": "JWT" });
        let input = input(&header, &payload);
        let key = derive_v2(&self.session_key, &context, payload.to_string().as_bytes());
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), input.as_bytes());
        exchange(client, &format!("{input}.{}", to_url(tag)))
    }
}

fn unwrap(wrapped: &[u8]) -> [u8; 32] {
    let key = PrivateDecryptingKey::from_pkcs8(TRANSPORT_KEY).expect("a key");
    let key = OaepPrivateDecryptingKey::new(key).expect("a key");
    let mut plain = vec![0; key.min_output_size()];
    let plain = key.decrypt(&OAEP_SHA1_MGF1SHA1, wrapped, &mut plain, None).expect("a session key");
    plain.try_into().expect("32 bytes")
}

/// A page of devices.
pub(crate) fn page(client: &Client, token: &str, query: &str) -> Vec<u8> {
    let headers = format!("authorization: Bearer {token}\r\n");
    client.request("GET", &format!("/graph.microsoft.com/v1.0/devices{query}"), &headers, "")
}
