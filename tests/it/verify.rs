//! Foreign verifiers: what the server signs is judged by openssl, by Python, and by a JWT library that knows only the
//! published keys.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;

use crate::support::{
    ALICE, BOB, FILES, GRAPH, HOUR, LOGIN, START, TENANT, Town, access_token, held, openssl,
};

/// A device certificate and its authority's, in DER files of a folder.
async fn certificates(folder: &std::path::Path) -> (Town, String) {
    let town = Town::start().await;
    let machine = town.joined("pc1", BOB).await;
    let held = held(&machine);
    let pem = |der: &[u8]| {
        let body = STANDARD.encode(der);
        let lines: Vec<&str> =
            body.as_bytes().chunks(64).map(|l| std::str::from_utf8(l).unwrap()).collect();
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
    };
    std::fs::write(folder.join("device.pem"), pem(&held.certificate)).unwrap();
    std::fs::write(folder.join("ca.pem"), pem(town.world().keys.devices.certificate())).unwrap();
    std::fs::write(folder.join("tls.pem"), town.emulator.ca_pem()).unwrap();
    (town, held.device_id)
}

#[tokio::test]
async fn openssl_finds_the_chain_and_the_fields_of_a_device_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let (town, device) = certificates(folder.path()).await;
    let at = (START.seconds() + HOUR).to_string();
    let verify =
        format!("verify -x509_strict -purpose sslclient -attime {at} -CAfile ca.pem device.pem");
    let Some(said) = openssl(folder.path(), &verify) else { return };
    assert_eq!(said.trim(), "device.pem: OK");
    let fields = "x509 -in device.pem -noout -subject -issuer -dates -nameopt RFC2253";
    let said = openssl(folder.path(), fields).unwrap();
    assert!(said.contains(&format!("subject=CN={device}")), "{said}");
    // All four values stand in one relative distinguished name, hence the plus signs.
    let issuer = said.lines().find(|line| line.starts_with("issuer=")).unwrap();
    for value in [
        "DC=net",
        "DC=windows",
        "CN=MS-Organization-Access",
        "OU=82dbaca4-3e81-46ca-9c73-0950c1eaca97",
    ] {
        assert!(issuer.contains(value), "{issuer}");
    }
    assert_eq!(issuer.matches('+').count(), 3, "{issuer}");
    assert!(said.contains("notBefore=Mar  1 09:00:00 2026 GMT"), "back-dated by a day: {said}");
    let text = openssl(folder.path(), "x509 -in device.pem -noout -text").unwrap();
    for expected in
        ["sha256WithRSAEncryption", "CA:FALSE", "TLS Web Client Authentication", "(2048 bit)"]
    {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let parsed = openssl(folder.path(), "asn1parse -in device.pem").unwrap();
    let user =
        town.world().directory.user(&linarite_server::directory::UserKey::Upn(BOB.0.to_owned()));
    let user = user.unwrap().unwrap().id.to_string();
    for (last, guid) in [(2, device.as_str()), (3, user.as_str()), (5, TENANT)] {
        let oid = format!("1.2.840.113556.1.5.284.{last}");
        let place = parsed.find(&format!(":{oid}\n")).unwrap_or_else(|| panic!("{oid}: {parsed}"));
        let dump = parsed[place..].lines().nth(1).unwrap().rsplit(':').next().unwrap();
        assert_eq!(dump, format!("048110{}", little_endian(guid)), "{oid}");
    }
}

/// A GUID as Windows lays it out in memory, in upper-case digits.
fn little_endian(guid: &str) -> String {
    let parts: Vec<&str> = guid.split('-').collect();
    let turned = |part: &str| {
        let pairs: Vec<&str> =
            (0..part.len()).step_by(2).rev().map(|at| &part[at..at + 2]).collect();
        pairs.concat()
    };
    let words = [turned(parts[0]), turned(parts[1]), turned(parts[2])].concat();
    format!("{words}{}{}", parts[3], parts[4]).to_uppercase()
}

#[test]
fn the_layout_of_a_guid_is_the_known_one() {
    let known = "00112233-4455-6677-8899-aabbccddeeff";
    assert_eq!(little_endian(known), "33221100554477668899AABBCCDDEEFF");
}

#[tokio::test]
async fn the_device_authority_is_not_the_one_of_tls() {
    let folder = tempfile::tempdir().unwrap();
    let (town, _) = certificates(folder.path()).await;
    let printed = openssl(folder.path(), "x509 -in tls.pem -noout -subject -ext nameConstraints");
    let Some(printed) = printed else { return };
    assert!(printed.contains("Permitted"), "the TLS authority is name-constrained: {printed}");
    let mut command = std::process::Command::new("openssl");
    command.args(["verify", "-CAfile", "tls.pem", "device.pem"]).current_dir(folder.path());
    assert!(!command.output().unwrap().status.success(), "it vouches for no device");
    drop(town);
}

/// The claims of a token, verified with the keys that are published at this address.
async fn verified(town: &Town, jwks: &str, token: &str, audience: &str) -> Value {
    let keys = town.get(jwks, None).await.json();
    let header = jsonwebtoken::decode_header(token).unwrap();
    let key = keys["keys"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["kid"] == header.kid.as_deref().unwrap());
    let key = key.unwrap_or_else(|| panic!("no key {:?} in {keys}", header.kid));
    assert_eq!((key["kty"].as_str(), key["use"].as_str()), (Some("RSA"), Some("sig")));
    let key =
        DecodingKey::from_rsa_components(key["n"].as_str().unwrap(), key["e"].as_str().unwrap());
    let mut wanted = Validation::new(Algorithm::RS256);
    wanted.set_audience(&[audience]);
    // Its clock is the real one, and the world stands still at another time.
    wanted.validate_exp = false;
    let read = jsonwebtoken::decode::<Value>(token, &key.unwrap(), &wanted).unwrap();
    let now = START.seconds();
    let claims = read.claims;
    assert_eq!((claims["iat"].as_i64(), claims["exp"].as_i64()), (Some(now), Some(now + HOUR)));
    claims
}

#[tokio::test]
async fn a_jwt_library_verifies_our_tokens_with_the_published_keys() {
    let town = Town::start().await;
    let configuration = town
        .get(&format!("{LOGIN}/contoso.test/.well-known/openid-configuration"), None)
        .await
        .json();
    let second = town
        .get(&format!("{LOGIN}/contoso.test/v2.0/.well-known/openid-configuration"), None)
        .await
        .json();
    let (first, second) =
        (configuration["jwks_uri"].as_str().unwrap(), second["jwks_uri"].as_str().unwrap());
    let mut pc = town.joined("pc1", BOB).await;
    let bound = access_token(&town.prt_token(&mut pc).await);
    let claims = verified(&town, first, &bound, FILES).await;
    assert_eq!(claims["deviceid"], pc.device_id().unwrap());
    assert_eq!(claims["tid"], TENANT);
    assert_eq!(claims["upn"], BOB.0);
    assert_eq!(claims["iss"], format!("https://sts.windows.net/{TENANT}/").as_str());
    assert_eq!(claims["iss"], configuration["issuer"]);
    let answer = town.password(ALICE, GRAPH).await.json();
    let claims = verified(&town, second, answer["access_token"].as_str().unwrap(), GRAPH).await;
    assert!(claims.get("deviceid").is_none(), "{claims}");
    let client = crate::support::AZURE_CLI;
    verified(&town, first, answer["id_token"].as_str().unwrap(), client).await;
}

#[tokio::test]
async fn python_verifies_a_token_by_the_certificate_of_its_key() {
    const SCRIPT: &str = r#"
import base64, json, sys
try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa
except ImportError:
    print("SKIPPED"); sys.exit(0)
read = lambda text: base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
number = lambda text: int.from_bytes(read(text), "big")
keys, token = json.loads(sys.argv[1])["keys"], sys.argv[2]
head, body, signature = token.split(".")
key = next(k for k in keys if k["kid"] == json.loads(read(head))["kid"])
certificate = x509.load_der_x509_certificate(base64.b64decode(key["x5c"][0]))
public = certificate.public_key()
assert public.public_numbers() == rsa.RSAPublicNumbers(number(key["e"]), number(key["n"]))
assert read(key["x5t"]) == certificate.fingerprint(hashes.SHA1())
public.verify(read(signature), f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256())
device = x509.load_pem_x509_certificate(open(sys.argv[3], "rb").read())
authority = x509.load_pem_x509_certificate(open(sys.argv[4], "rb").read())
device.verify_directly_issued_by(authority)
print("VERIFIED", json.loads(read(body))["upn"])
"#;
    let folder = tempfile::tempdir().unwrap();
    let (town, _) = certificates(folder.path()).await;
    let keys = town.get(&format!("{LOGIN}/common/discovery/keys"), None).await.text;
    let token = town.token_of(BOB, FILES).await;
    let mut python = std::process::Command::new("python3");
    python.args(["-c", SCRIPT, &keys, &token, "device.pem", "ca.pem"]).current_dir(folder.path());
    let output = match python.output() {
        Ok(output) => output,
        Err(error) => {
            println!("SKIPPED: python3 cannot be run: {error}");
            return;
        }
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if said.trim() == "SKIPPED" {
        println!("SKIPPED: python3 has no module `cryptography`");
        return;
    }
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(said.trim(), format!("VERIFIED {}", BOB.0), "{errors}");
}
