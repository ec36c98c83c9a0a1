//! Which secrets a world has given to its clients: read from its answers, and from what its machines keep.
//!
//! They are hidden by value, so that no report shows them in any encoding. Of a signed token only the signature is a
//! secret: people want to read its claims. Left out: what is sealed to a client's key and opened by it alone, unless the
//! client is an emulated machine.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use linarite_server::journal::Exchange;
use linarite_windows::Machine;
use serde_json::Value;

/// Members of answers that are secrets.
const MEMBERS: [&str; 6] =
    ["access_token", "refresh_token", "id_token", "session_key_jwe", "device_code", "code"];

type Secrets = Vec<(&'static str, String)>;

/// The secrets of an answer: tokens, cookies, codes, and signatures of assertions.
pub(super) fn of_exchange(exchange: &Exchange) -> Secrets {
    let fields = exchange.response_headers().iter();
    let cookies = fields.filter(|(name, _)| *name == "set-cookie").map(|(_, value)| value);
    of_answer(&cookies.collect::<Vec<_>>(), exchange.response_body())
}

fn of_answer(cookies: &[&[u8]], body: &[u8]) -> Secrets {
    let mut found = Secrets::new();
    for value in cookies {
        let value = String::from_utf8_lossy(value);
        let pair = value.split(';').next().and_then(|pair| pair.split_once('='));
        found.extend(pair.map(|(_, value)| ("cookie", value.trim().to_owned())));
    }
    let body = String::from_utf8_lossy(body);
    if let Ok(Value::Object(body)) = serde_json::from_str::<Value>(&body) {
        for label in MEMBERS {
            if let Some(value) = body.get(label).and_then(Value::as_str) {
                found.push((label, key_part(value).to_owned()));
            }
        }
    }
    for (at, _) in body.match_indices("SignatureValue>") {
        let rest = body.get(at..).unwrap_or_default();
        let value = rest.split_once('>').and_then(|(_, rest)| rest.split_once('<'));
        found.extend(value.map(|(value, _)| ("signature", value.trim().to_owned())));
    }
    found.retain(|(_, value)| value.len() >= 8);
    found
}

/// What makes a token usable: the signature of a signed one, all of any other.
fn key_part(token: &str) -> &str {
    let parts: Vec<&str> = token.split('.').collect();
    match parts.as_slice() {
        [head, _, signature] if head.starts_with("eyJ") && !signature.is_empty() => signature,
        _ => token,
    }
}

/// The secrets that an emulated machine keeps: session keys, in each form that a tool may print them in, and tokens.
pub(super) fn of_machine(machine: &Machine) -> Secrets {
    let mut found = Secrets::new();
    if let Ok(state) = serde_json::to_value(machine.snapshot()) {
        kept(&state, &mut found);
    }
    found
}

fn kept(value: &Value, found: &mut Secrets) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| kept(item, found)),
        Value::Object(members) => {
            for (name, member) in members {
                match (name.as_str(), member) {
                    ("session_key", Value::String(key)) => session_key(key, found),
                    ("token", Value::String(token)) => {
                        found.push(("refresh_token", key_part(token).to_owned()));
                    }
                    _ => kept(member, found),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn session_key(key: &str, found: &mut Secrets) {
    found.push(("session_key", key.to_owned()));
    let Ok(bytes) = STANDARD.decode(key) else { return };
    found.push(("session_key", URL_SAFE_NO_PAD.encode(&bytes)));
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    found.push(("session_key", hex.to_ascii_uppercase()));
    found.push(("session_key", hex));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_gives_its_tokens_cookies_and_signatures() {
        let cookie = &b"ESTSAUTH=1.Acookie.abcdefgh; Path=/; HttpOnly"[..];
        let answer = |body: &str| of_answer(&[cookie], body.as_bytes());
        let json = r#"{"access_token":"eyJh.e30.c2lnbmF0dXJl","refresh_token":"1.Art.opaque","expires_in":1}"#;
        assert_eq!(
            answer(json),
            [
                ("cookie", "1.Acookie.abcdefgh".to_owned()),
                ("access_token", "c2lnbmF0dXJl".to_owned()),
                ("refresh_token", "1.Art.opaque".to_owned()),
            ]
        );
        let xml = "<a><ds:SignatureValue>c2lnbmF0dXJl</ds:SignatureValue></a>";
        assert_eq!(answer(xml)[1], ("signature", "c2lnbmF0dXJl".to_owned()));
    }

    #[test]
    fn a_machine_gives_its_session_keys_in_every_form() {
        let mut found = Secrets::new();
        let state = serde_json::json!({"profiles": {"a": {"prt": {"token": "1.Aprt.x", "session_key": "+/8="}}}});
        kept(&state, &mut found);
        let all: Vec<&str> = found.iter().map(|(_, secret)| secret.as_str()).collect();
        assert_eq!(all, ["1.Aprt.x", "+/8=", "-_8", "FBFF", "fbff"]);
    }
}
