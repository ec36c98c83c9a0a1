//! What the redactor takes out, and what it leaves.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::keys::encoding::{to_standard, to_url};
use crate::services::reply::escape;

fn plain() -> Redactor {
    Redactor::default()
}

/// The digits of a tag: the first four of a SHA-256, here from another tool (`printf %s secret | sha256sum`).
const SECRET: &str = "2bb8";

#[test]
fn members_of_forms_and_queries_become_tags() {
    let text = "grant_type=password&username=bob&password=secret&client_secret=secret";
    assert_eq!(
        plain().redact(text),
        format!(
            "grant_type=password&username=bob&password=‹password:{SECRET}›&client_secret=‹client_secret:{SECRET}›"
        )
    );
    assert_eq!(
        plain().redact("https://h.test/cb?code=secret&state=1#id_token=secret"),
        format!("https://h.test/cb?code=‹code:{SECRET}›&state=1#id_token=‹id_token:{SECRET}›")
    );
    assert_eq!(plain().redact("pass%77ord=se%63ret"), format!("pass%77ord=‹password:{SECRET}›"));
    assert_eq!(plain().redact("password=&x=1"), "password=&x=1");
}

#[test]
fn members_of_json_become_tags_and_error_codes_stay() {
    let text = r#"{"access_token":"secret", "Refresh_Token" : "se\u0063ret","expires_in":3600,"code":"Request_ResourceNotFound"}"#;
    assert_eq!(
        plain().redact(text),
        format!(
            r#"{{"access_token":"‹access_token:{SECRET}›", "Refresh_Token" : "‹refresh_token:{SECRET}›","expires_in":3600,"code":"Request_ResourceNotFound"}}"#
        )
    );
    let nested = r#"{"page":"{\"password\":\"secret\",\"x\":1}"}"#;
    assert!(
        plain()
            .redact(nested)
            .contains(&format!(r#"\"password\":\"‹password:{SECRET}›\",\"x\":1"#))
    );
}

#[test]
fn a_cut_member_is_taken_out_to_the_end() {
    assert_eq!(plain().redact(r#"{"password":"secr"#).split('‹').next(), Some(r#"{"password":""#));
    assert!(!plain().redact(r#"{"password":"secr"#).contains("secr"));
    assert!(!plain().redact(r#"{"password":"secr\"#).contains("secr"));
}

#[test]
fn elements_become_tags() {
    let text =
        "<s:Envelope><wsse:Password Type=\"#PasswordText\">secret</wsse:Password><a/></s:Envelope>";
    assert_eq!(
        plain().redact(text),
        format!(
            "<s:Envelope><wsse:Password Type=\"#PasswordText\">‹password:{SECRET}›</wsse:Password><a/></s:Envelope>"
        )
    );
    assert_eq!(plain().redact("<Password/>secret"), "<Password/>secret");
}

#[test]
fn the_same_secret_has_the_same_tag_wherever_it_stands() {
    let redactor = plain();
    let header = redactor.header("Authorization", "Bearer secret");
    let member = redactor.redact(r#"{"access_token":"secret"}"#);
    assert_eq!(header, format!("Bearer ‹access_token:{SECRET}›"));
    assert!(member.contains(&format!("‹access_token:{SECRET}›")));
    assert_eq!(
        redactor.redact("GET /\nAuthorization: Bearer secret\r\nX: 1"),
        format!("GET /\nAuthorization: Bearer ‹access_token:{SECRET}›\r\nX: 1")
    );
}

#[test]
fn headers_lose_their_secrets_and_keep_the_rest() {
    let redactor = plain();
    assert_eq!(
        redactor.header("proxy-authorization", "Basic secret"),
        format!("Basic ‹credentials:{SECRET}›")
    );
    assert_eq!(
        redactor.header("Cookie", "a=secret; b=secret"),
        format!("a=‹cookie:{SECRET}›; b=‹cookie:{SECRET}›")
    );
    assert_eq!(
        redactor.header("Set-Cookie", "a=secret; Path=/; HttpOnly"),
        format!("a=‹cookie:{SECRET}›; Path=/; HttpOnly")
    );
    assert_eq!(
        redactor.header("x-ms-RefreshTokenCredential", "secret"),
        format!("‹prt_cookie:{SECRET}›")
    );
    assert_eq!(redactor.header("content-type", "text/html"), "text/html");
    assert_eq!(redactor.member("password", "secret"), format!("‹password:{SECRET}›"));
    assert_eq!(redactor.member("state", "secret"), "secret");
}

#[test]
fn a_signed_token_keeps_header_and_claims_and_loses_its_signature() {
    let (header, claims) = (to_url(r#"{"alg":"RS256"}"#), to_url(r#"{"upn":"bob"}"#));
    let token = format!("{header}.{claims}.c2lnbmF0dXJl");
    let clean = plain().redact(&format!("see {token}, please"));
    assert!(clean.starts_with(&format!("see {header}.{claims}.‹signature:")), "{clean}");
    assert!(clean.ends_with("›, please") && !clean.contains("c2lnbmF0dXJl"), "{clean}");
}

#[test]
fn claims_that_hold_secrets_go_with_the_signature() {
    let token = |claims: &str| format!("{}.{}.c2ln", to_url(r#"{"alg":"HS256"}"#), to_url(claims));
    let clean = plain().redact(&token(r#"{"refresh_token":"secret"}"#));
    assert!(clean.contains(".‹claims:") && clean.contains(".‹signature:"), "{clean}");
    let known = Redactor::new([("password", "Correct-Horse-1")]);
    let clean = known.redact(&token(r#"{"x":"Correct-Horse-1"}"#));
    assert!(clean.contains(".‹claims:"), "{clean}");
}

#[test]
fn an_encrypted_token_keeps_its_header_only() {
    let token = format!("{}.a2V5.aXY.Y3Q.dGFn", to_url(r#"{"alg":"dir"}"#));
    let clean = plain().redact(&token);
    assert_eq!(clean.split('.').count(), 2, "{clean}");
    assert!(clean.contains("‹encrypted:"), "{clean}");
}

#[test]
fn sealed_grants_become_tags_and_nonces_stay() {
    let body = "A".repeat(40);
    for (kind, label) in [("rt", "refresh_token"), ("prt", "prt"), ("code", "code"), ("ctx", "ctx")]
    {
        let clean = plain().redact(&format!("x 1.A{kind}.{body}\n"));
        assert!(clean.starts_with(&format!("x ‹{label}:")) && clean.ends_with("›\n"), "{clean}");
    }
    let nonce = format!("{{\"Nonce\":\"1.Anonce.{body}\"}}");
    assert_eq!(plain().redact(&nonce), nonce);
    assert_eq!(
        plain().redact("version 1.A1.5 and 21.Art.AAAAAAAAAAAAAAAAAAAA"),
        "version 1.A1.5 and 21.Art.AAAAAAAAAAAAAAAAAAAA"
    );
}

#[test]
fn what_holds_no_secret_stays_as_it_is() {
    for text in ["", "plain", "a=b&c=d", "{\"a\":[1,2]}", "<a b=\"c\">d</a>", "Date: now\n", "ä‹x›"]
    {
        assert_eq!(plain().redact(text), text);
    }
}

#[test]
fn a_known_secret_goes_in_every_encoding_with_the_tag_of_its_plain_form() {
    let secret = "P\"ä&s <1/+%";
    let redactor = Redactor::new([("password", secret)]);
    let tag = redactor.redact(secret);
    assert!(tag.starts_with("‹password:"));
    let json = json!(secret).to_string();
    for written in [
        "P%22%C3%A4%26s%20%3C1%2F%2B%25",
        "P%22%c3%a4%26s+%3c1%2f%2b%25",
        json.trim_matches('"'),
        r#"P\"ä"#,
        r"\u0050\u0022\u00e4\u0026s \u003c1\/+%",
        "P&quot;ä&amp;s &lt;1/+%",
        "P&#34;&#xE4;&#38;s &#x3c;1/+%",
    ] {
        let clean = redactor.redact(&format!("[{written}]"));
        if written == r#"P\"ä"# {
            assert_eq!(clean, format!("[{written}]"), "only a part of it");
        } else {
            assert_eq!(clean, format!("[{tag}]"), "{written}");
        }
    }
    for around in ["", "u", "us", "usr", "user:"] {
        for encoded in
            [to_standard(format!("{around}{secret}")), to_url(format!("{around}{secret}!"))]
        {
            let clean = redactor.redact(&encoded);
            assert!(clean.contains(&tag), "{around} {encoded} {clean}");
        }
    }
}

#[test]
fn short_secrets_are_left_and_members_take_them_out_all_the_same() {
    let redactor = Redactor::new([("password", "abc")]);
    assert_eq!(redactor.redact("abc alphabet"), "abc alphabet");
    assert!(!redactor.redact("password=abc").contains("abc&"));
    assert!(!redactor.redact("password=abc").ends_with("abc"));
}

#[test]
fn a_secret_that_is_a_word_of_the_tags_does_not_survive_in_them() {
    for secret in [
        "password",
        "hidden",
        "hidden:",
        "‹password",
        "word:5e88",
        "‹hidden›",
        "5e88",
        "…›…›",
        "x›‹y",
    ] {
        let redactor = Redactor::new([("password", secret)]);
        for text in [
            format!("a {secret} b"),
            format!("password={secret}"),
            format!("{secret}{secret}"),
            format!("password=x{secret}"),
        ] {
            let clean = redactor.redact(&text);
            // The name of the member is the word itself; what is judged is what stands behind it.
            assert!(!clean.trim_start_matches("password=").contains(secret), "{text} -> {clean}");
        }
    }
}

#[tokio::test]
async fn a_world_knows_passwords_of_before_and_now_and_client_secrets() {
    let yaml = include_str!("../../../../fixtures/worlds/contoso.world.yaml");
    let document = crate::world::document_from_yaml(yaml).unwrap();
    let start = crate::world::Start { id: "w".to_owned(), seed: Some(1), ..Default::default() };
    let world = World::start(&document, start).await.unwrap();
    let admin = crate::control::admin::Admin::new(&world, "test");
    admin.reset_password("alice", Some("Brand-New-1")).await.unwrap();
    let redactor = Redactor::for_world(&world).await.unwrap();
    let clean =
        redactor.redact("Correct-Horse-1 Brand-New-1 Correct-Horse-6 line-app-secret-1 generated");
    assert!(!clean.contains("Horse") && !clean.contains("Brand") && !clean.contains("line-app"));
    assert!(clean.ends_with(" generated"));
}

fn encodings(secret: &str) -> Vec<String> {
    let json = json!(secret).to_string();
    vec![
        secret.to_owned(),
        utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
        json[1..json.len() - 1].to_owned(),
        escape(secret),
        to_standard(secret),
        to_url(secret),
    ]
}

fn around() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "[ -~]{0,12}",
        ".{0,8}",
        Just("%4".to_owned()),
        Just("%".to_owned()),
        Just("\\".to_owned()),
        Just("\\u00".to_owned()),
        Just("&#".to_owned()),
        Just("password=".to_owned()),
        Just("\"access_token\":\"".to_owned()),
        Just("<Password>".to_owned()),
        Just("eyJ.".to_owned()),
        Just("Authorization: ".to_owned()),
    ]
}

fn secret() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{4,16}",
        "\\PC{4,10}",
        Just("password".to_owned()),
        Just("‹x›y".to_owned()),
        Just("hidden".to_owned()),
        Just("%41bc".to_owned()),
        Just("\\\"a\\n".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_registered_secret_survives(
        secrets in prop::collection::vec(secret(), 1..4),
        parts in prop::collection::vec((around(), any::<prop::sample::Index>(), 0..6_usize, around()), 1..4),
    ) {
        let redactor = Redactor::new(secrets.iter().map(|s| ("password", s.as_str())));
        let text = parts.iter().fold(String::new(), |mut text, (before, which, form, behind)| {
            text.push_str(before);
            text.push_str(&encodings(which.get::<String>(&secrets))[*form]);
            text.push_str(behind);
            text
        });
        let clean = redactor.redact(&text);
        for secret in &secrets {
            for form in encodings(secret) {
                prop_assert!(!clean.contains(&form), "{:?} of {:?} survives in {:?}", form, secret, clean);
            }
        }
    }

    #[test]
    fn no_text_panics_and_nothing_grows_without_a_tag(text in ".*") {
        let redactor = Redactor::new([("password", "Correct-Horse-1")]);
        let clean = redactor.redact(&text);
        prop_assert!(clean == text || clean.contains('‹'));
        let _header = redactor.header("cookie", &text);
        let _header = redactor.header("authorization", &text);
        let _member = redactor.member("code", &text);
    }

    #[test]
    fn no_fragments_of_syntax_panic(parts in prop::collection::vec(prop_oneof![
        Just("\""), Just("\\"), Just("password"), Just("="), Just(":"), Just("<"), Just(">"), Just("/"),
        Just("eyJ"), Just("."), Just("1.A"), Just("rt."), Just("AAAAAAAAAAAAAAAAAAAA"), Just("%"), Just("ä"),
        Just("authorization:"), Just("\n"), Just(";"), Just("&"), Just("\\u"), Just("#x"),
    ], 0..24)) {
        let _clean = Redactor::new([("password", "ä=<\"")]).redact(&parts.concat());
    }
}

#[test]
fn a_token_in_a_security_header_does_not_survive_in_base64() {
    let token = "eyJhbGciOiJSUzI1NiJ9.eyJ1cG4iOiJib2IifQ.c2lnbmF0dXJl";
    let wrapped = to_standard(token);
    assert!(wrapped.starts_with("ZXlK"));
    let text = format!(
        "<wsse:Security><wsse:BinarySecurityToken ValueType=\"urn:x\" EncodingType=\"y\">{wrapped}</wsse:BinarySecurityToken></wsse:Security>"
    );
    let clean = plain().redact(&text);
    assert!(!clean.contains(&wrapped) && !clean.contains(&wrapped[..40]), "{clean}");
    assert!(clean.contains("EncodingType=\"y\">‹binarysecuritytoken:"), "{clean}");
    assert!(clean.ends_with("›</wsse:BinarySecurityToken></wsse:Security>"), "{clean}");
}

#[test]
fn the_answer_of_a_federation_server_goes_in_the_form_and_on_the_page() {
    let answer = "<t:RequestSecurityTokenResponse><ds:SignatureValue>c2VjcmV0</ds:SignatureValue></t:RequestSecurityTokenResponse>";
    let encoded = utf8_percent_encode(answer, NON_ALPHANUMERIC).to_string();
    let posted = plain().redact(&format!("wa=wsignin1.0&wresult={encoded}&wctx=c"));
    assert!(posted.starts_with("wa=wsignin1.0&wresult=‹wresult:"), "{posted}");
    assert!(posted.ends_with("›&wctx=c"), "{posted}");
    let tag = posted.split('&').nth(1).unwrap().trim_start_matches("wresult=");
    for (before, quote) in [("", '"'), ("id=\"r\" ", '"'), ("", '\'')] {
        let page = format!(
            "<form><input type=\"hidden\" name={quote}wresult{quote} {before}value={quote}{}{quote}/><input name=\"wctx\" value=\"c\"/></form>",
            escape(answer)
        );
        let clean = plain().redact(&page);
        assert!(!clean.contains("c2VjcmV0") && clean.contains(tag), "{tag} {clean}");
        assert!(clean.ends_with("<input name=\"wctx\" value=\"c\"/></form>"), "{clean}");
    }
    let cut = format!("<input name=\"wresult\" value=\"{}", escape(answer));
    assert!(!plain().redact(&cut[..cut.len() - 60]).contains("c2Vj"));
}
