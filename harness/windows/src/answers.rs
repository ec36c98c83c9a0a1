//! Reading what the services say, leniently: keys in any case, numbers as text, HTML where JSON was due, nothing at all.
//! Never a panic and never a silent default: what is missing is named in the failure.

use serde_json::Value;

use crate::hresult;
use crate::outcome::{ErrorInfo, Failure, Tokens};
use crate::wire::Answer;

/// The member of an object, its name in any case.
pub(crate) fn member<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    let object = value.as_object()?;
    object.get(name).or_else(|| {
        object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    })
}

/// The text at a path of members; a number counts as its digits.
pub(crate) fn text(value: &Value, path: &[&str]) -> Option<String> {
    scalar(path.iter().try_fold(value, |value, name| member(value, name))?)
}

/// A text, or a number as its digits.
pub(crate) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The number at a path of members, also when it was sent as text.
pub(crate) fn number(value: &Value, path: &[&str]) -> Option<i64> {
    text(value, path)?.trim().parse().ok()
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as a JSON object.
    pub(crate) fn json(&self) -> Option<Value> {
        serde_json::from_slice::<Value>(&self.body).ok().filter(Value::is_object)
    }

    /// The start of the body in one line, to be shown.
    fn excerpt(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let short: String = line.chars().take(120).collect();
        if short.len() < line.len() { format!("{short}...") } else { short }
    }

    fn describe(&self) -> String {
        let kind =
            if self.content_type.is_empty() { "no content type" } else { &self.content_type };
        if self.body.is_empty() {
            format!("HTTP {} ({kind}) with an empty body", self.status)
        } else {
            format!("HTTP {} ({kind}): {}", self.status, self.excerpt())
        }
    }

    /// A failure about this answer.
    pub(crate) fn failure(&self, hresult: u32, message: impl Into<String>) -> Failure {
        let mut failure = Failure::new(hresult, message);
        failure.info.http_status = Some(self.status);
        failure.info.request_id = Some(self.request_id.clone());
        failure.info.exchange = Some(self.exchange.clone());
        failure
    }

    /// A failure: something else came than was due.
    pub(crate) fn unexpected(&self, hresult: u32, due: &str) -> Failure {
        self.failure(
            hresult,
            format!("{}: {due} was due, but this came: {}", self.exchange, self.describe()),
        )
    }

    /// The refusal of the token service in this answer.
    pub(crate) fn token_error(&self) -> Failure {
        let Some(json) = self.json() else {
            return self
                .unexpected(hresult::INVALID_DATA, "an answer of the token service in JSON");
        };
        let oauth = text(&json, &["error"]);
        let Some(oauth) = oauth else {
            let due = "a token, or an error with its reason,";
            return self.unexpected(hresult::TOKEN_OTHER, due);
        };
        let description = text(&json, &["error_description"]).unwrap_or_default();
        let listed = member(&json, "error_codes")
            .and_then(Value::as_array)
            .and_then(|codes| codes.first())
            .and_then(Value::as_u64)
            .and_then(|code| u32::try_from(code).ok());
        let message = if description.is_empty() { oauth.clone() } else { description.clone() };
        let mut failure = self.failure(hresult::of_token_error(Some(&oauth)), message);
        failure.info.aadsts = listed.or_else(|| aadsts(&description));
        failure.info.suberror = text(&json, &["suberror"]).filter(|sub| !sub.is_empty());
        failure.info.oauth = Some(oauth);
        failure
    }

    /// The refusal of the registration service in this answer, in either of its two generations.
    pub(crate) fn registration_error(&self) -> Failure {
        let Some(json) = self.json() else {
            let html = "an answer of the registration service in JSON";
            return match self.status {
                503 => self.unexpected(hresult::DSREG_SERVER_BUSY, html),
                200..=299 => self.unexpected(hresult::INVALID_DATA, html),
                status => {
                    let number = hresult::of_registration_error(status, None, None, "");
                    self.unexpected(number, html)
                }
            };
        };
        // The key service nests its errors; the others do not.
        let json = member(&json, "error").filter(|inner| inner.is_object()).unwrap_or(&json);
        let first = |names: &[&str]| names.iter().find_map(|name| text(json, &[name]));
        let info = ErrorInfo {
            code: first(&["code", "ErrorType"]),
            subcode: first(&["subcode", "ErrorSubCode"]),
            operation: first(&["operation"]),
            message: first(&["message"]).unwrap_or_default(),
            ..ErrorInfo::default()
        };
        let number = hresult::of_registration_error(
            self.status,
            info.code.as_deref(),
            info.subcode.as_deref(),
            &info.message,
        );
        if info.code.is_none() && info.message.is_empty() {
            return self.unexpected(number, "an error with its reason");
        }
        let mut failure = self.failure(number, String::new());
        let aadsts = aadsts(&info.message);
        *failure.info = ErrorInfo {
            http_status: failure.info.http_status,
            request_id: failure.info.request_id.take(),
            exchange: failure.info.exchange.take(),
            aadsts,
            ..info
        };
        if failure.info.message.is_empty() {
            failure.info.message = failure.info.code.clone().unwrap_or_default();
        }
        failure
    }

    /// The tokens in this answer, whose JSON (clear or opened) is `json`.
    pub(crate) fn tokens(&self, json: &Value) -> Result<Tokens, Failure> {
        let Some(access_token) = text(json, &["access_token"]).filter(|token| !token.is_empty())
        else {
            return Err(self.unexpected(hresult::TOKEN_OTHER, "an access_token"));
        };
        Ok(Tokens {
            access_token,
            refresh_token: text(json, &["refresh_token"]),
            id_token: text(json, &["id_token"]),
            token_type: text(json, &["token_type"]),
            expires_in: number(json, &["expires_in"]),
            scope: text(json, &["scope"]),
        })
    }
}

/// The number behind the first `AADSTS` of a text.
pub(crate) fn aadsts(text: &str) -> Option<u32> {
    let (_, rest) = text.split_once("AADSTS")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            content_type: "application/json".to_owned(),
            body: body.as_bytes().to_vec(),
            exchange: "POST https://x/".to_owned(),
            request_id: "id".to_owned(),
            ..Answer::default()
        }
    }

    // The body is a public capture (device-registration.md 4.5).
    #[test]
    fn the_classic_error_is_taken_apart() {
        let failure = answer(
            400,
            r#"{"ErrorType":"AuthenticationError","Message":"Invalid JWT token.","TraceId":"x","Time":"07-28-2025 19:25:39Z"}"#,
        )
        .registration_error();
        assert_eq!(failure.hresult, 0x801c_0002);
        assert_eq!(failure.info.code.as_deref(), Some("AuthenticationError"));
        assert_eq!(failure.info.message, "Invalid JWT token.");
        assert_eq!(failure.info.http_status, Some(400));
    }

    #[test]
    fn the_new_error_is_taken_apart_also_when_nested() {
        let flat = r#"{"code":"directory_error","subcode":"error_missing_device","message":"gone","operation":"DeviceRenew"}"#;
        for body in [flat.to_owned(), format!(r#"{{"error":{flat}}}"#)] {
            let failure = answer(400, &body).registration_error();
            assert_eq!(failure.hresult, 0x801c_03f3, "{body}");
            assert_eq!(failure.info.subcode.as_deref(), Some("error_missing_device"));
            assert_eq!(failure.info.operation.as_deref(), Some("DeviceRenew"));
        }
    }

    #[test]
    fn a_token_error_gives_its_number_from_the_list_or_from_the_text() {
        let listed = answer(
            400,
            r#"{"error":"invalid_grant","error_description":"x","error_codes":[50126]}"#,
        );
        assert_eq!(listed.token_error().info.aadsts, Some(50126));
        let told =
            answer(400, r#"{"error":"invalid_grant","error_description":"AADSTS700003: x"}"#);
        let failure = told.token_error();
        assert_eq!(failure.info.aadsts, Some(700_003));
        assert_eq!(failure.hresult, 0xcaa2_0003);
    }

    #[test]
    fn html_and_emptiness_are_shown_and_named() {
        let mut page = answer(200, "<html>\n<body>Portal   login</body>");
        page.content_type = "text/html".to_owned();
        let failure = page.registration_error();
        assert_eq!(failure.hresult, 0x8007_000d);
        assert!(failure.info.message.contains("<html> <body>Portal login"), "{failure:?}");
        assert!(answer(502, "").token_error().info.message.contains("empty body"));
        assert_eq!(answer(503, "busy").registration_error().hresult, 0x801c_0025);
        assert_eq!(answer(500, "{}").registration_error().hresult, 0x801c_0006);
        assert_eq!(answer(400, "[1]").registration_error().hresult, 0x801c_0001);
    }

    #[test]
    fn numbers_may_be_text() {
        let json: Value = serde_json::json!({ "Expires_In": "3599", "a": { "B": 7 } });
        assert_eq!(number(&json, &["expires_in"]), Some(3599));
        assert_eq!(number(&json, &["a", "b"]), Some(7));
        assert_eq!(number(&json, &["a"]), None);
    }

    proptest! {
        #[test]
        fn reading_never_panics(status in 0_u16..1000, body in proptest::collection::vec(any::<u8>(), 0..300)) {
            let answer = Answer { status, body, ..Answer::default() };
            drop(answer.token_error());
            drop(answer.registration_error());
            if let Some(json) = answer.json() {
                drop(answer.tokens(&json));
            }
        }

        #[test]
        fn any_json_is_read_without_panic(
            status in prop_oneof![Just(200_u16), Just(400), Just(503)],
            key in "(error|code|ErrorType|message|access_token|error_codes|subcode)",
            value in prop_oneof![Just("null".to_owned()), Just("[]".to_owned()), Just("{}".to_owned()), "[0-9]{1,30}", "\"[a-z AADST0-9]{0,30}\""],
        ) {
            let body = format!("{{\"{key}\":{value}}}").into_bytes();
            let answer = Answer { status, body, ..Answer::default() };
            drop(answer.token_error());
            drop(answer.registration_error());
        }
    }
}
