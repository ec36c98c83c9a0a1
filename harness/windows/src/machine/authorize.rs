//! The authorization code flow in a browser on the machine: code challenge S256, the primary refresh token as a cookie when
//! there is one (client-roadtx.md 6.5), else the sign-in form.
//!
//! The browser is a small one: it follows redirects to the sign-in host, fills in the first form it finds and sends it.
//! It runs no script, so pages that need one end with what they said.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Url;

use super::Machine;
use super::prt::{Target, cookie};
use super::token::{TokenRequest, plain_grant};
use crate::answers::{aadsts, scalar};
use crate::hresult;
use crate::outcome::{Failure, Tokens};
use crate::wire::{Answer, Ask, Line, Speaker, form};

const NATIVE_CLIENT: &str = "https://login.microsoftonline.com/common/oauth2/nativeclient";

/// How the browser calls itself.
const BROWSER: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Edg/131.0.0.0";

/// Pages after which the browser gives up.
const MOST_PAGES: usize = 8;

impl Machine {
    pub(super) async fn with_browser(
        &mut self,
        line: &Line,
        key: &str,
        client: &str,
        request: &TokenRequest,
    ) -> Result<Tokens, Failure> {
        let mut cookies = Vec::new();
        if let Some(held) = self.held(key, request.upn.as_deref()) {
            let credential = cookie(line, &held.registration, &held.prt).await?;
            cookies.push(format!("x-ms-RefreshTokenCredential={credential}"));
        }
        by_code(line, client, request, cookies).await
    }
}

/// The flow from its first page to the tokens.
pub(super) async fn by_code(
    line: &Line,
    client: &str,
    request: &TokenRequest,
    cookies: Vec<String>,
) -> Result<Tokens, Failure> {
    let target = request.target()?;
    let redirect_uri = request.redirect_uri.as_deref().unwrap_or(NATIVE_CLIENT);
    let verifier = URL_SAFE_NO_PAD.encode(line.random::<32>("code-verifier"));
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
    let state = line.guid("state");
    let (path, name, wanted) = match target {
        Target::Resource(resource) => ("/common/oauth2/authorize", "resource", resource.to_owned()),
        Target::Scope(scope) => {
            ("/common/oauth2/v2.0/authorize", "scope", format!("{scope} openid offline_access"))
        }
    };
    let mut query = vec![
        ("client_id", client),
        ("response_type", "code"),
        ("redirect_uri", redirect_uri),
        ("state", &state),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
        (name, &wanted),
    ];
    if let Some(upn) = &request.upn {
        query.push(("login_hint", upn));
    }
    let start = line.login(&format!("{path}?{}", form(&query)));
    let code = browse(line, start, cookies, redirect_uri, &state, request).await?;
    let fields = [
        ("client_id", client),
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", redirect_uri),
        ("code_verifier", verifier.as_str()),
    ];
    plain_grant(line, request, &fields).await
}

/// Goes from page to page until the redirect address is reached; gives the code.
async fn browse(
    line: &Line,
    start: String,
    mut cookies: Vec<String>,
    redirect_uri: &str,
    state: &str,
    request: &TokenRequest,
) -> Result<String, Failure> {
    let mut url = start;
    let mut body: Option<String> = None;
    // Where the password was typed: another server on the way may ask for it too, the same one asks again when it is wrong.
    let (mut typed, mut answered) = (BTreeSet::new(), false);
    for _ in 0..MOST_PAGES {
        let ask = match body.take() {
            None => Ask::get(url.clone()),
            Some(fields) => Ask::encoded_form(url.clone(), fields),
        };
        let ask = ask.header("user-agent", BROWSER).header("accept", "text/html");
        let ask = if cookies.is_empty() { ask } else { ask.header("cookie", cookies.join("; ")) };
        let answer = line.send(ask).await.map_err(|fault| fault.into_failure(Speaker::Tokens))?;
        for cookie in &answer.cookies {
            let name = cookie.split('=').next().unwrap_or_default();
            cookies.retain(|known| known.split('=').next() != Some(name));
            cookies.push(cookie.clone());
        }
        if let (300..=399, Some(location)) = (answer.status, &answer.location) {
            if starts_with_ignoring_case(location, redirect_uri) {
                return code_of(&answer, location, state);
            }
            url = resolve(line, &url, location)
                .ok_or_else(|| answer.unexpected(hresult::INVALID_DATA, "a usable redirect"))?;
            continue;
        }
        let page = String::from_utf8_lossy(&answer.body).into_owned();
        let form = Form::first(&page).filter(|_| answer.is_success());
        let code = request.second_factor.as_ref().and_then(|own| own.typed(line.wire.now_ms()));
        let host = Url::parse(&url).ok().and_then(|url| url.host_str().map(str::to_owned));
        let stuck = |form: &Form| {
            (form.asks_password() && typed.contains(&host))
                || (form.asks_code() && (answered || code.is_none()))
        };
        let Some(mut found) = form.filter(|form| !stuck(form)) else {
            return Err(page_failure(&answer, &page));
        };
        if let (true, Some(code)) = (found.asks_code(), &code) {
            answered = true;
            found.fill(code, "");
        }
        if found.asks_password() {
            typed.insert(host);
            found.fill(request.upn()?, request.password()?);
        }
        url = resolve(line, &url, &found.action).ok_or_else(|| {
            answer.unexpected(hresult::INVALID_DATA, "a form with a usable action")
        })?;
        body = Some(found.encoded());
    }
    Err(Failure::new(
        hresult::TOKEN_OTHER,
        format!("the sign-in went through {MOST_PAGES} pages without coming back to the app"),
    ))
}

fn starts_with_ignoring_case(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start))
}

fn resolve(line: &Line, from: &str, to: &str) -> Option<String> {
    let url = Url::parse(from).ok()?.join(to).ok()?;
    Some(line.relocate(url.as_str()))
}

/// A parameter of an address, decoded.
pub(super) fn query_value(address: &str, name: &str) -> Option<String> {
    let query = address.split_once('?').map_or("", |(_, query)| query);
    let query = query.split('#').next().unwrap_or_default();
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        let value = value.replace('+', " ");
        let value = percent_encoding::percent_decode_str(&value).decode_utf8_lossy();
        (key == name).then(|| value.into_owned())
    })
}

fn code_of(answer: &Answer, location: &str, state: &str) -> Result<String, Failure> {
    let get = |name: &str| query_value(location, name);
    if let Some(error) = get("error") {
        let description = get("error_description").unwrap_or_default();
        let message = if description.is_empty() { error.clone() } else { description };
        let mut failure = answer.failure(hresult::of_token_error(Some(&error)), message);
        failure.info.aadsts = aadsts(&failure.info.message);
        failure.info.oauth = Some(error);
        return Err(failure);
    }
    if get("state").is_none_or(|returned| returned != state) {
        let message = "the redirect carries another state than the one that was sent";
        return Err(answer.failure(hresult::TOKEN_OTHER, message));
    }
    get("code").ok_or_else(|| answer.failure(hresult::TOKEN_OTHER, "the redirect carries no code"))
}

fn page_failure(answer: &Answer, page: &str) -> Failure {
    let mut failure = if answer.json().is_some() && !answer.is_success() {
        answer.token_error()
    } else {
        answer.unexpected(hresult::TOKEN_OTHER, "the way back to the app")
    };
    // A page that shows its form again says why in the settings of its script.
    let listed = setting(page, "sErrorCode").and_then(|code| code.parse().ok());
    if let Some(code) = listed.filter(|code| *code != 0) {
        failure.info.aadsts = Some(code);
        failure.info.message = setting(page, "sErrTxt").unwrap_or_default();
        if !failure.info.message.contains("AADSTS") {
            failure.info.message = format!("AADSTS{code}: {}", failure.info.message);
        }
    } else if let Some(code) = aadsts(page) {
        failure.info.aadsts = Some(code);
        // The page's own sentence, without its markup.
        let sentence = page.split("AADSTS").nth(1).unwrap_or_default();
        let sentence: String = sentence
            .chars()
            .take_while(|letter| !matches!(letter, '<' | '"' | '\n'))
            .take(300)
            .collect();
        failure.info.message = format!("AADSTS{}", sentence.trim_end());
    }
    failure
}

/// A text among the settings (`$Config`, JSON) that sign-in pages carry for their script.
fn setting(page: &str, name: &str) -> Option<String> {
    let (_, rest) = page.split_once(&format!("\"{name}\":"))?;
    let mut values = serde_json::Deserializer::from_str(rest).into_iter::<serde_json::Value>();
    scalar(&values.next()?.ok()?)
}

/// A form of a page, as far as this browser understands forms.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Form {
    action: String,
    inputs: Vec<Input>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Input {
    name: String,
    value: String,
    kind: String,
}

impl Form {
    pub(crate) fn first(page: &str) -> Option<Self> {
        let lower = page.to_ascii_lowercase();
        let start = lower.find("<form")?;
        let end = lower.get(start..)?.find("</form").map_or(page.len(), |length| start + length);
        let text = page.get(start..end)?;
        let mut form = Self::default();
        for tag in text.split('<').skip(1) {
            let tag = tag.split('>').next().unwrap_or_default();
            let name = tag.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
            let get = |attribute: &str| attribute_of(tag, attribute).unwrap_or_default();
            match name.as_str() {
                "form" => form.action = get("action"),
                "input" => form.inputs.push(Input {
                    name: get("name"),
                    value: get("value"),
                    kind: get("type").to_ascii_lowercase(),
                }),
                _ => {}
            }
        }
        Some(form)
    }

    /// Where it goes.
    pub(crate) fn action(&self) -> &str {
        &self.action
    }

    /// Puts in a value, as a click on a button of this name does.
    pub(super) fn put(&mut self, name: &str, value: &str) {
        let (name, value, kind) = (name.to_owned(), value.to_owned(), "submit".to_owned());
        self.inputs.push(Input { name, value, kind });
    }

    pub(crate) fn asks_password(&self) -> bool {
        self.inputs.iter().any(|input| input.kind == "password")
    }

    /// Whether it asks for the second factor.
    fn asks_code(&self) -> bool {
        self.inputs.iter().any(|input| input.name == "otc")
    }

    pub(crate) fn fill(&mut self, upn: &str, password: &str) {
        for input in &mut self.inputs {
            match input.kind.as_str() {
                "password" => password.clone_into(&mut input.value),
                "" | "text" | "email" => upn.clone_into(&mut input.value),
                _ => {}
            }
        }
    }

    pub(crate) fn encoded(&self) -> String {
        let named = self.inputs.iter().filter(|input| !input.name.is_empty());
        let pairs: Vec<(&str, &str)> =
            named.map(|input| (input.name.as_str(), input.value.as_str())).collect();
        form(&pairs)
    }
}

fn attribute_of(tag: &str, wanted: &str) -> Option<String> {
    let mut rest = tag;
    while let Some((before, after)) = rest.split_once('=') {
        let name = before.split_whitespace().last().unwrap_or_default();
        let after = after.trim_start();
        let quote = after.chars().next().filter(|first| matches!(first, '"' | '\''));
        let (value, left) = match quote {
            Some(quote) => {
                let inside = after.get(1..).unwrap_or_default();
                inside.split_once(quote).unwrap_or((inside, ""))
            }
            None => after.split_once(char::is_whitespace).unwrap_or((after, "")),
        };
        if name.eq_ignore_ascii_case(wanted) {
            return Some(unescaped(value));
        }
        rest = left;
    }
    None
}

/// A text of a page without its character references: the five that have names, and those by number.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let referred = after.split_once(';').and_then(|(name, left)| Some((referred(name)?, left)));
        if let Some((letter, left)) = referred {
            plain.push(letter);
            rest = left;
        } else {
            plain.push('&');
            rest = after;
        }
    }
    plain.push_str(rest);
    plain
}

/// What a character reference stands for: `amp`, `#60`, `#x3C`.
fn referred(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let digits = name.strip_prefix('#')?;
            let number = match digits.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => digits.parse(),
            };
            char::from_u32(number.ok()?)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_form_is_read_filled_and_encoded() {
        let page = r#"<p>x</p><FORM method=post action="/c/login?a=1&amp;b=2">
            <input type="hidden" name='ctx' value="a&quot;b"><input name=login type="email">
            <input type="password" name="passwd"/><button>go</button></form><form action="/other">"#;
        let mut form = Form::first(page).unwrap();
        assert_eq!(form.action, "/c/login?a=1&b=2");
        assert!(form.asks_password());
        form.fill("alice@contoso.test", "p w");
        assert_eq!(form.encoded(), "ctx=a%22b&login=alice%40contoso.test&passwd=p%20w");
    }

    #[test]
    fn a_form_that_asks_for_a_code_is_told_from_one_that_asks_for_a_password() {
        let page = r#"<form action="/x"><input type="hidden" name="ctx" value="c"/>
            <input name="otc" type="text"/></form>"#;
        let mut form = Form::first(page).unwrap();
        assert!(form.asks_code() && !form.asks_password());
        form.fill("123456", "");
        assert_eq!(form.encoded(), "ctx=c&otc=123456");
    }

    #[test]
    fn references_by_name_and_number_are_replaced_once() {
        let escaped =
            "&#60;a b=&#34;c&#x22;&#x3E;&amp;lt; &lt;&gt;&quot;&apos; &; &#; &#xD800; & &nbsp;";
        assert_eq!(unescaped(escaped), "<a b=\"c\">&lt; <>\"' &; &#; &#xD800; & &nbsp;");
    }

    #[test]
    fn the_reason_is_read_from_the_settings_of_a_page() {
        let page = r#"<script>$Config={"a":{},"sErrorCode":"50126","sErrTxt":"no \u003cgood\u003e"};</script>"#;
        assert_eq!(setting(page, "sErrorCode").as_deref(), Some("50126"));
        let failure = page_failure(&Answer { status: 200, ..Answer::default() }, page);
        assert_eq!(failure.info.aadsts, Some(50126));
        assert_eq!(failure.info.message, "AADSTS50126: no <good>");
        assert_eq!(setting(r#""sErrorCode":"#, "sErrorCode"), None);
    }

    proptest! {
        #[test]
        fn reading_a_page_never_panics(page in "(<form|<input|</form>|action=|name='|\"|é|[a-z <>=]{0,9}){0,30}") {
            drop(Form::first(&page));
            drop(page_failure(&Answer::default(), &format!("\"sErrorCode\":{page}")));
        }
    }
}
