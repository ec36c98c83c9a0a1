//! `access`: whether a user reaches an application, found out by a real sign-in (FAQ A20, A21).
//!
//! A browser on the machine asks for a token: with the primary refresh token that the machine holds, else through the
//! sign-in form. The token is then shown to the application. What the machine learns by it is forgotten again. Left out:
//! applications without a protected API, Graph aside.

use linarite_windows::{Flow, Machine, MachineSpec, TokenRequest};
use serde_json::Value;

use super::act::{app_resource, user};
use super::judge::Around;
use super::stage::Stage;
use crate::scenario::finding::Finding;
use crate::scenario::model::Access;

/// Numbers that ask the user to do something more and let it in then.
const PROMPTS: [u32; 6] = [50058, 50072, 50074, 50076, 50078, 50079];

/// What a sign-in came to.
#[derive(Debug, Default)]
pub(super) struct Reached {
    /// `granted`, `denied` or `prompt`.
    pub(super) result: &'static str,
    /// The reason of the refusal in the journal.
    pub(super) reason: Option<String>,
    /// The number behind AADSTS; 0 when sign-in refused nothing.
    pub(super) aadsts: u32,
}

/// Signs in and shows the token.
pub(super) async fn reach(
    stage: &Stage,
    access: &Access,
    around: &Around,
) -> Result<Reached, Box<Finding>> {
    let wrong = |code: &'static str, title: String| {
        Box::new(Finding::error(code, access.at.clone(), title))
    };
    let named = access.machine.as_ref().map(|name| name.resolve(stage)).transpose()?;
    let mut machine = match named.or_else(|| around.machine.clone()) {
        None => Machine::new(MachineSpec { key: "browser".to_owned(), ..MachineSpec::default() }),
        Some(name) => stage.machines.get(&name).cloned().ok_or_else(|| {
            wrong("scn::unknown-machine", format!("no machine is called `{name}`"))
        })?,
    };
    let key = access.user.as_ref().map(|name| name.resolve(stage)).transpose()?;
    let account = match key.or_else(|| around.user.clone()) {
        None => return Err(wrong("scn::unknown-user", "`access` needs a user".to_owned())),
        Some(key) => user(stage, &key)
            .ok_or_else(|| wrong("scn::unknown-user", format!("no user is called `{key}`")))?,
    };
    let app = match &access.app {
        Some(app) => app.resolve(stage)?,
        None => return Err(wrong("scn::missing-key", "`access` needs an `app`".to_owned())),
    };
    let resource = app_resource(stage, &app);
    let client = access.client.as_ref().map(|client| client.resolve(stage)).transpose()?;
    let windows_user = access.windows_user.as_ref().map(|user| user.resolve(stage)).transpose()?;
    let (upn, password) = account;
    let request = TokenRequest {
        client: client.unwrap_or_else(|| "office".to_owned()),
        resource: Some(resource.clone()),
        flow: Flow::AuthCode,
        windows_user: windows_user.or_else(|| around.windows_user.clone()),
        upn: Some(upn),
        password: Some(password),
        ..TokenRequest::default()
    };
    let mark = stage.world().journal.last();
    let outcome = machine.token(&stage.wire.clone(), &request).await;
    let Some(tokens) = outcome.tokens else {
        let aadsts = outcome.error.and_then(|error| error.aadsts).unwrap_or_default();
        let result = if PROMPTS.contains(&aadsts) { "prompt" } else { "denied" };
        return Ok(Reached { result, reason: refused(stage, mark), aadsts });
    };
    let path = if app == "graph" { "/v1.0/me" } else { "/me" };
    let url = format!("{}{path}", resource.trim_end_matches('/'));
    let answer = stage.http.get(url).bearer_auth(tokens.access_token).send().await;
    let granted = answer.is_ok_and(|answer| answer.status().is_success());
    Ok(Reached {
        result: if granted { "granted" } else { "denied" },
        reason: if granted { None } else { refused(stage, mark) },
        aadsts: 0,
    })
}

/// The reason of the last refusal since then.
fn refused(stage: &Stage, mark: u64) -> Option<String> {
    let events = stage.world().journal.since(mark);
    let denied = events.iter().rev().find(|e| e.kind.word().ends_with(".denied"));
    denied?.fields.get("reason").as_ref().and_then(Value::as_str).map(str::to_owned)
}
