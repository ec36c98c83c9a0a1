//! The pages of sign-in: the form, messages, and the form that posts an answer back.
//!
//! Each holds a `$Config` object as clients scrape it: text up to the last `//]]>`, less two characters; and `&`, `<`, `>`
//! written as `\u0026`, `\u003c`, `\u003e`, because some clients read the script through an HTML parser.

use askama::Template;
use http::StatusCode;
use serde_json::{Value, json};

use super::refuse::{Refused, Shown};
use crate::services::call::Call;
use crate::services::reply::{Reply, page};

const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;margin:0;color-scheme:light dark}main{max-width:28rem;margin:10vh auto;padding:0 1rem}label{display:block;margin:1rem 0}input{display:block;width:100%;font:inherit;padding:.4rem;box-sizing:border-box}button{font:inherit;padding:.4rem 1.5rem}pre{white-space:pre-wrap}[role=alert]{border-left:.3rem solid;padding-left:.6rem}dt{font-weight:600}dd{margin:0 0 .5rem;overflow-wrap:anywhere}";

#[derive(Template)]
#[template(path = "sign-in.html")]
struct SignIn<'a> {
    style: &'static str,
    app: &'a str,
    tenant: &'a str,
    error: Option<&'a str>,
    action: &'a str,
    ctx: &'a str,
    login: &'a str,
    config: String,
}

#[derive(Template)]
#[template(path = "second-factor.html")]
struct SecondFactor<'a> {
    style: &'static str,
    user: &'a str,
    error: Option<&'a str>,
    action: &'a str,
    ctx: &'a str,
    config: String,
}

#[derive(Template)]
#[template(path = "message.html")]
struct Message<'a> {
    style: &'static str,
    title: &'a str,
    text: &'a str,
    details: Option<&'a str>,
    config: String,
}

#[derive(Template)]
#[template(path = "blocked.html")]
struct Blocked<'a> {
    style: &'static str,
    title: &'a str,
    text: &'a str,
    rows: &'a [(&'a str, &'a str)],
    config: String,
}

#[derive(Template)]
#[template(path = "form-post.html")]
struct FormPost<'a> {
    action: &'a str,
    fields: &'a [(String, String)],
}

/// JSON that survives an HTML parser and ends no script.
fn config(value: &Value) -> String {
    value.to_string().replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e")
}

fn rendered(status: StatusCode, template: &impl Template) -> Reply {
    match template.render() {
        Ok(html) => page(status, html),
        Err(error) => {
            tracing::error!(%error, "a page could not be printed");
            crate::services::reply::empty(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

/// What the root of a sign-in host says.
pub(super) fn front() -> String {
    let template = Message {
        style: STYLE,
        title: "Sign-in",
        text: "This is the sign-in service of an emulated directory (linarite). Clients find it by its metadata.",
        details: None,
        config: config(&json!({ "pgid": "Front" })),
    };
    template.render().unwrap_or_default()
}

/// What a sign-out says. There are no session cookies to take back.
pub(super) fn signed_out() -> String {
    let template = Message {
        style: STYLE,
        title: "You signed out of your account",
        text: "It's a good idea to close all browser windows.",
        details: None,
        config: config(&json!({ "pgid": "SignedOut" })),
    };
    template.render().unwrap_or_default()
}

/// What the page of a form says in its settings, and why it is shown when something was missing.
fn form_values(call: &Call, page: &str, ctx: &str, action: &str, shown: Option<&Shown>) -> Value {
    let mut values = json!({
        "pgid": page,
        "urlPost": action,
        "sFT": ctx,
        "sFTName": "flowToken",
        "sCtx": ctx,
        "canary": call.request_id.to_string(),
        "sessionId": call.correlation_id.to_string(),
        "correlationId": call.correlation_id.to_string(),
    });
    if let (Some(shown), Value::Object(members)) = (shown, &mut values) {
        members.insert("sErrorCode".to_owned(), shown.code.to_string().into());
        members.insert("iErrorCode".to_owned(), shown.code.into());
        members.insert("sErrTxt".to_owned(), shown.text.as_str().into());
    }
    values
}

/// The sign-in form.
pub(super) fn sign_in(
    call: &Call,
    app: &str,
    ctx: &str,
    action: &str,
    login: &str,
    refused: Option<&Shown>,
) -> Reply {
    let values = form_values(call, "ConvergedSignIn", ctx, action, refused);
    rendered(
        StatusCode::OK,
        &SignIn {
            style: STYLE,
            app,
            tenant: &call.world.tenant.name,
            error: refused.map(|shown| shown.text.as_str()),
            action,
            ctx,
            login,
            config: config(&values),
        },
    )
}

/// The form that asks for the second factor, and why when it is asked again.
pub(super) fn second_factor(
    call: &Call,
    user: &str,
    ctx: &str,
    action: &str,
    shown: Option<&Shown>,
    again: bool,
) -> Reply {
    let values = form_values(call, "ConvergedTFA", ctx, action, shown);
    rendered(
        StatusCode::OK,
        &SecondFactor {
            style: STYLE,
            user,
            error: shown.filter(|_| again).map(|shown| shown.text.as_str()),
            action,
            ctx,
            config: config(&values),
        },
    )
}

/// The page of a refusal that no redirect may carry.
pub(super) fn refused(call: &Call, shown: &Shown) -> Reply {
    let values = json!({
        "pgid": "ConvergedError",
        "iErrorCode": shown.code,
        "sErrorCode": shown.code.to_string(),
        "strMainMessage": "Sorry, but we\u{2019}re having trouble signing you in.",
        "strAdditionalMessage": format!("AADSTS{}: {}", shown.code, shown.text),
        "strServiceExceptionMessage": shown.description,
        "strTraceId": call.request_id.to_string(),
        "correlationId": call.correlation_id.to_string(),
        "sessionId": call.correlation_id.to_string(),
        "canary": "",
    });
    rendered(
        StatusCode::OK,
        &Message {
            style: STYLE,
            title: "Sorry, but we\u{2019}re having trouble signing you in.",
            text: &format!("AADSTS{}: {}", shown.code, shown.text),
            details: Some(&format!(
                "Request Id: {}\nCorrelation Id: {}\nTimestamp: {}",
                call.request_id, call.correlation_id, shown.timestamp
            )),
            config: config(&values),
        },
    )
}

/// The page of a refusal by a policy of conditional access (FAQ A20).
pub(super) fn blocked(call: &Call, refused: &Refused, shown: &Shown) -> Reply {
    const TITLE: &str = "You can\u{2019}t get there from here";
    let values = json!({
        "pgid": "ConvergedConditionalAccess",
        "iErrorCode": shown.code,
        "sErrorCode": shown.code.to_string(),
        "sErrTxt": shown.text,
        "strMainMessage": TITLE,
        "strAdditionalMessage": format!("AADSTS{}: {}", shown.code, shown.text),
        "strServiceExceptionMessage": shown.description,
        "strTraceId": call.request_id.to_string(),
        "correlationId": call.correlation_id.to_string(),
        "sessionId": call.correlation_id.to_string(),
        "canary": "",
    });
    let facts = call.facts();
    let client = facts.text("client_id").unwrap_or_default();
    let app = call.world.apps.client(client).map_or(client, |app| app.name.as_str());
    let (code, request, correlation) =
        (shown.code.to_string(), call.request_id.to_string(), call.correlation_id.to_string());
    let device = match (refused.value("device"), refused.value("device_name")) {
        (Some(id), Some(name)) => format!("{id} ({name})"),
        _ => "not available".to_owned(),
    };
    let rows = [
        ("App name", app),
        ("Error code", code.as_str()),
        ("Request Id", request.as_str()),
        ("Correlation Id", correlation.as_str()),
        ("Timestamp", shown.timestamp.as_str()),
        ("Device identifier", device.as_str()),
        ("Device platform", refused.value("platform").unwrap_or("not available")),
        ("Device state", refused.value("state").unwrap_or("unregistered")),
    ];
    rendered(
        StatusCode::OK,
        &Blocked {
            style: STYLE,
            title: TITLE,
            text: &shown.text,
            rows: &rows,
            config: config(&values),
        },
    )
}

/// A form that posts an answer back to the client.
pub(super) fn form_post(action: &str, fields: &[(String, String)]) -> Reply {
    rendered(StatusCode::OK, &FormPost { action, fields })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn config_ends_no_script_and_survives_an_html_parser() {
        let text = config(&json!({ "a": "</script>&amp;" }));
        assert_eq!(text, r#"{"a":"\u003c/script\u003e\u0026amp;"}"#);
        let back: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(back["a"], "</script>&amp;");
    }
}
