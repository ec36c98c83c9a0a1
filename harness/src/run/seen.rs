//! What an act came to: everything that expectations and captures look at.

use std::collections::BTreeMap;

use linarite_windows::Outcome;
use linarite_windows::hresult;
use serde_json::{Map, Value, json};

/// An HTTP answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case; repeated ones joined by a comma.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

/// What an act came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// The exit code: a number, `timeout` or `signal:9`.
    pub(crate) exit: Option<Value>,
    pub(crate) stdout: Option<String>,
    pub(crate) stderr: Option<String>,
    /// Both, in the order of their arrival.
    pub(crate) output: Option<String>,
    pub(crate) answer: Option<Answer>,
    pub(crate) access_token: Option<String>,
    pub(crate) refresh_token: Option<String>,
    pub(crate) id_token: Option<String>,
    /// `aadsts`, `code`, `sub`, `hresult`, `oauth`, `message`, as far as there are.
    pub(crate) error: Map<String, Value>,
    /// Why the act failed, for steps that expect nothing about it.
    pub(crate) failed: Option<String>,
}

impl Seen {
    /// An act that nobody waited for any longer.
    pub(crate) fn late(limit: std::time::Duration) -> Self {
        let failed = Some(format!("it took longer than {limit:?}"));
        Self { exit: Some("timeout".into()), failed, ..Self::default() }
    }

    /// What the emulated client's act came to.
    pub(crate) fn of_outcome(outcome: Outcome) -> Self {
        let mut error = Map::new();
        let mut put = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                error.insert(key.to_owned(), value);
            }
        };
        put("hresult", outcome.hresult.map(|code| hresult::printed(code).into()));
        if let Some(info) = &outcome.error {
            put("aadsts", info.aadsts.map(Into::into));
            put("code", info.code.clone().map(Into::into));
            put("sub", info.subcode.clone().or_else(|| info.suberror.clone()).map(Into::into));
            put("oauth", info.oauth.clone().map(Into::into));
            put("message", Some(info.message.clone().into()));
            put("status", info.http_status.map(Into::into));
        }
        let failed = (outcome.exit != 0).then(|| match &outcome.error {
            Some(info) => info.message.clone(),
            None if outcome.output.trim().is_empty() => "it failed without a word".to_owned(),
            None => outcome.output.trim().to_owned(),
        });
        let tokens = outcome.tokens;
        Self {
            exit: Some(outcome.exit.into()),
            stdout: Some(outcome.output.clone()),
            output: Some(outcome.output),
            access_token: tokens.as_ref().map(|t| t.access_token.clone()),
            refresh_token: tokens.as_ref().and_then(|t| t.refresh_token.clone()),
            id_token: tokens.as_ref().and_then(|t| t.id_token.clone()),
            error,
            failed,
            ..Self::default()
        }
    }

    /// What an HTTP answer came to.
    pub(crate) fn of_answer(answer: Answer) -> Self {
        let mut error = Map::new();
        if answer.status >= 400
            && let Ok(Value::Object(body)) = serde_json::from_str::<Value>(&answer.body)
        {
            let put = |error: &mut Map<String, Value>, key: &str, value: Option<&Value>| {
                if let Some(value) = value {
                    error.insert(key.to_owned(), value.clone());
                }
            };
            put(&mut error, "aadsts", body.get("error_codes").and_then(|codes| codes.get(0)));
            match body.get("error") {
                Some(Value::Object(nested)) => {
                    put(&mut error, "code", nested.get("code"));
                    put(&mut error, "message", nested.get("message"));
                }
                oauth => {
                    put(&mut error, "oauth", oauth);
                    put(&mut error, "code", body.get("code").or_else(|| body.get("ErrorType")));
                    let said = body.get("error_description").or_else(|| body.get("message"));
                    put(&mut error, "message", said.or_else(|| body.get("Message")));
                }
            }
            put(&mut error, "sub", body.get("suberror").or_else(|| body.get("subcode")));
        }
        let failed = (answer.status >= 400).then(|| format!("the answer is {}", answer.status));
        Self { answer: Some(answer), error, failed, ..Self::default() }
    }

    /// What an external command came to.
    pub(crate) fn of_process(exit: Value, stdout: String, stderr: String, output: String) -> Self {
        let failed = (exit != json!(0)).then(|| match exit.as_str() {
            Some(word) => format!("it ended by {word}"),
            None => format!("the exit code is {exit}"),
        });
        Self {
            exit: Some(exit),
            stdout: Some(stdout),
            stderr: Some(stderr),
            output: Some(output),
            failed,
            ..Self::default()
        }
    }

    /// The last lines of what was printed, for reports, its secrets taken out by `redact`. They are cut afterwards: a part
    /// of a secret is not recognised as one.
    pub(crate) fn tail(&self, redact: impl FnOnce(&str) -> String) -> Option<String> {
        /// Bytes of the end that are looked at.
        const END: usize = 64 << 10;
        let text = match (&self.output, &self.answer) {
            (Some(output), _) => output,
            (None, Some(answer)) => &answer.body,
            (None, None) => return None,
        };
        let end = last(text, END);
        let mut clean = redact(end);
        if end.len() < text.len() {
            // What the cut went through may be the rest of a secret.
            clean = clean.split_once('\n').map_or_else(String::new, |(_, rest)| rest.to_owned());
        }
        let lines: Vec<&str> = clean.lines().collect();
        let from = lines.len().saturating_sub(30);
        let tail = lines.get(from..).unwrap_or_default().join("\n");
        let tail = last(&tail, 4000).to_owned();
        (!tail.trim().is_empty()).then_some(tail)
    }
}

/// The end of a text, at most so many bytes.
fn last(text: &str, most: usize) -> &str {
    let start = text.len().saturating_sub(most);
    let start = (start..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(start);
    text.get(start..).unwrap_or_default()
}
