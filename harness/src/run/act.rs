//! What each action does. An act that cannot even begin (a reference without a value, a machine that is none) is a
//! finding at its place; one that fails is something seen.

use std::sync::Arc;
use std::time::Duration;

use linarite_server::clock::{ClockMode, Instant, Span as Length};
use linarite_server::control::admin::Admin;
use linarite_server::control::view;
use linarite_server::journal::Kind;
use linarite_windows::{
    Flow, Join, Machine, MachineSpec, Register, SecondFactor, Terms, TokenRequest,
};
use serde_json::{Map, Value, json};

use super::seen::Seen;
use super::stage::Stage;
use super::{http, process, tool};
use crate::scenario::Finding;
use crate::scenario::decode::Tpl;
use crate::scenario::expr::resolve;
use crate::scenario::finding::Span;
use crate::scenario::model::{
    self, Action, AdminAction, ClockAction, ExportAction, JoinAction, TokenAction,
};

/// Who acts where.
#[derive(Clone, Debug, Default)]
pub(crate) struct Context {
    pub(crate) machine: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) windows_user: Option<String>,
    /// Whether with the rights of an administrator, where it is said.
    pub(crate) elevated: Option<bool>,
    pub(crate) limit: Option<Duration>,
}

pub(super) type Acted = Result<Seen, Box<Finding>>;

pub(super) fn wrong(code: &'static str, at: &Span, title: impl Into<String>) -> Box<Finding> {
    Box::new(Finding::error(code, at.clone(), title.into()))
}

/// Carries out an action that is one act. Those that hold other steps are the runner's.
pub(crate) async fn act(
    stage: &mut Stage,
    context: &Context,
    action: Action<'_>,
    at: &Span,
) -> Acted {
    match action {
        Action::Http(action) => return http::act(stage, action).await,
        Action::Run(action) => return process::act(stage, action, context.limit).await,
        Action::Tool(action) => return tool::act(stage, context, action, at).await,
        Action::Admin(action) => return administer(stage, action).await,
        Action::Fault(action) => return fault(stage, action, at),
        Action::Clock(action) => {
            let seen = move_clock(stage, action).await;
            let told = |why: String| wrong("scn::unreadable", at, why);
            stage.set_background_clocks().map_err(told)?;
            return seen;
        }
        Action::Export(action) => return export(stage, action).await,
        Action::Check(_) => return Ok(Seen::default()),
        Action::Repeat(_) | Action::Sequence(_) | Action::Use(_) | Action::Later(_) => {
            return Err(wrong("scn::not-emulated", at, "not emulated yet: this action here"));
        }
        Action::Join(_)
        | Action::AddAccount
        | Action::RemoveAccount
        | Action::Leave
        | Action::Dsregcmd(_)
        | Action::Autoworkplace(_)
        | Action::SignIn(_)
        | Action::SignOut
        | Action::Wipe(_)
        | Action::Network(_)
        | Action::Token(_) => {}
    }
    let Some(name) = context.machine.clone() else {
        // A token can be asked for on a computer that the story does not know.
        if let Action::Token(action) = action {
            let spec = MachineSpec { key: "somewhere".to_owned(), ..MachineSpec::default() };
            let request = token_request(stage, context, action, at)?;
            let outcome = Machine::new(spec).token(&stage.wire.clone(), &request).await;
            return Ok(Seen::of_outcome(outcome));
        }
        return Err(wrong("scn::unknown-machine", at, "this action needs a machine"));
    };
    let mut machine = stage.machines.get(&name).cloned().ok_or_else(|| {
        wrong("scn::unknown-machine", at, format!("no machine is called `{name}`"))
    })?;
    let seen = on_machine(stage, context, &mut machine, action, at).await;
    stage.emulator.settled().await;
    note_tool(stage, &name, &machine, context, action);
    stage.machines.insert(name, machine);
    seen
}

/// The account of a step's user: name and password, or another password.
pub(super) fn account(
    stage: &Stage,
    context: &Context,
    other: Option<&Tpl<String>>,
    at: &Span,
) -> Result<(String, String), Box<Finding>> {
    let key = context
        .user
        .as_ref()
        .ok_or_else(|| wrong("scn::unknown-user", at, "this action needs a user"))?;
    let (upn, own) = user(stage, key)
        .ok_or_else(|| wrong("scn::unknown-user", at, format!("no user is called `{key}`")))?;
    let password = other.map(|password| password.resolve(stage)).transpose()?.unwrap_or(own);
    Ok((upn, password))
}

/// User name and password of a key of the world; a name with an `@` stands for itself.
pub(super) fn user(stage: &Stage, key: &str) -> Option<(String, String)> {
    use linarite_server::directory::UserKey;
    let directory = &stage.world().directory;
    let by_key = directory.user(&UserKey::Key(key.to_owned())).ok().flatten();
    let found = by_key.or_else(|| directory.user(&UserKey::parse(key)).ok().flatten());
    match found {
        Some(user) => Some((user.upn, user.password)),
        None if key.contains('@') => Some((key.to_owned(), String::new())),
        // A user that was deleted since is still what the file calls so.
        None => {
            let users = stage.world().document.get("users")?.get(key)?;
            let text = |name: &str| users.get(name).and_then(Value::as_str).map(str::to_owned);
            Some((text("upn")?, text("password").unwrap_or_default()))
        }
    }
}

async fn on_machine(
    stage: &Stage,
    context: &Context,
    machine: &mut Machine,
    action: Action<'_>,
    at: &Span,
) -> Acted {
    let wire = stage.wire.clone();
    let who = context.windows_user.as_deref();
    let outcome = match action {
        Action::Join(action) => return join(stage, context, machine, action, at).await,
        Action::AddAccount => {
            let (upn, password) = account(stage, context, None, at)?;
            let windows_user = context.windows_user.clone();
            let register = Register { windows_user, upn, password, ..Register::default() };
            machine.register(&wire, &register).await
        }
        Action::RemoveAccount => {
            let upn = context.user.as_ref().and_then(|key| user(stage, key)).map(|(upn, _)| upn);
            machine.remove_account(&wire, who, upn.as_deref()).await
        }
        Action::Leave => machine.leave(&wire).await,
        Action::Dsregcmd(arguments) => {
            let arguments = arguments.resolve(stage)?;
            let elevated = context.elevated.unwrap_or(false);
            machine.dsregcmd(&wire, &arguments, elevated, who).await
        }
        Action::Autoworkplace(arguments) => {
            let arguments = arguments.resolve(stage)?;
            let upn = context.user.as_ref().and_then(|key| user(stage, key)).map(|(upn, _)| upn);
            machine.autoworkplace(&wire, &arguments, who, upn.as_deref()).await
        }
        Action::SignIn(action) => {
            let (upn, password) = account(stage, context, action.password.as_ref(), at)?;
            machine.sign_in(&wire, who, &upn, &password).await
        }
        Action::SignOut => machine.sign_out(who),
        Action::Wipe(action) if action.image_of.is_some() => {
            let of = action.image_of.as_ref().map(|of| of.resolve(stage)).transpose()?;
            let of = of.unwrap_or_default();
            let image = stage.machines.get(&of).ok_or_else(|| {
                wrong("scn::unknown-machine", at, format!("no machine is called `{of}`"))
            })?;
            machine.take_image(image)
        }
        Action::Wipe(action) => {
            let keep = action.keep_name.as_ref().map(|keep| keep.resolve(stage)).transpose()?;
            machine.wipe(&wire, keep.unwrap_or(true))
        }
        Action::Network(action) => {
            machine.online = action.online.resolve(stage)?;
            return Ok(Seen::default());
        }
        Action::Token(action) => {
            let request = token_request(stage, context, action, at)?;
            machine.token(&wire, &request).await
        }
        Action::Http(_)
        | Action::Run(_)
        | Action::Tool(_)
        | Action::Fault(_)
        | Action::Admin(_)
        | Action::Clock(_)
        | Action::Export(_)
        | Action::Check(_)
        | Action::Repeat(_)
        | Action::Sequence(_)
        | Action::Use(_)
        | Action::Later(_) => {
            return Err(wrong("scn::not-emulated", at, "this action is not done on a machine"));
        }
    };
    Ok(Seen::of_outcome(outcome))
}

async fn join(
    stage: &Stage,
    context: &Context,
    machine: &mut Machine,
    action: &JoinAction,
    at: &Span,
) -> Acted {
    let kind = action.kind.as_ref().map(|kind| kind.resolve(stage)).transpose()?;
    if let Some(later @ (model::JoinKind::Workplace | model::JoinKind::DownLevel)) = kind {
        let title = format!("not emulated yet: kind: {}", later.word());
        return Err(wrong("scn::not-emulated", at, title));
    }
    if let Some(name) = &action.name {
        machine.rename(name.resolve(stage)?);
    }
    if kind == Some(model::JoinKind::Hybrid) {
        return Ok(Seen::of_outcome(machine.automatic_join(&stage.wire.clone()).await));
    }
    let (upn, password) = account(stage, context, action.password.as_ref(), at)?;
    let builtin =
        action.builtin_administrator.as_ref().map(|flag| flag.resolve(stage)).transpose()?;
    let terms = action.terms.as_ref().map(|terms| terms.resolve(stage)).transpose()?;
    let join = Join {
        second_factor: second_factor(stage, context, action.second_factor.as_ref())?,
        windows_user: context.windows_user.clone(),
        upn,
        password,
        builtin_administrator: builtin.unwrap_or(false),
        terms: match terms {
            Some(model::TermsAnswer::Decline) => Terms::Decline,
            Some(model::TermsAnswer::Accept) | None => Terms::Accept,
        },
    };
    Ok(Seen::of_outcome(machine.join(&stage.wire.clone(), &join).await))
}

/// What the step's user answers a page that asks for a second factor. Who has no app has no code to type.
fn second_factor(
    stage: &Stage,
    context: &Context,
    answer: Option<&Tpl<String>>,
) -> Result<Option<SecondFactor>, Box<Finding>> {
    use linarite_server::directory::UserKey;
    let Some(answer) = answer else { return Ok(None) };
    let typed = answer.resolve(stage)?;
    if typed != "authenticator" {
        return Ok(Some(SecondFactor::Code(typed)));
    }
    let Some(key) = &context.user else { return Ok(None) };
    let directory = &stage.world().directory;
    let by_key = directory.user(&UserKey::Key(key.clone())).ok().flatten();
    let found = by_key.or_else(|| directory.user(&UserKey::parse(key)).ok().flatten());
    Ok(found.and_then(|user| user.account.totp).map(SecondFactor::Authenticator))
}

/// The resource of an app of the world, of one that every tenant has, or the name itself.
pub(super) fn app_resource(stage: &Stage, name: &str) -> String {
    let app = stage.world().apps.iter().find(|app| app.key == name);
    let known = model::RESOURCES.iter().find(|(word, _)| *word == name);
    app.and_then(|app| app.resource.clone())
        .or_else(|| known.map(|(_, uri)| (*uri).to_owned()))
        .unwrap_or_else(|| name.to_owned())
}

fn token_request(
    stage: &Stage,
    context: &Context,
    action: &TokenAction,
    at: &Span,
) -> Result<TokenRequest, Box<Finding>> {
    let text = |tpl: &Option<Tpl<String>>| tpl.as_ref().map(|tpl| tpl.resolve(stage)).transpose();
    let app = |name: &str| stage.world().apps.iter().find(|app| app.key == name);
    let client = text(&action.client)?.unwrap_or_else(|| "office".to_owned());
    let client = app(&client).map_or(client, |app| app.id.to_string());
    let resource = text(&action.resource)?.map(|name| app_resource(stage, &name));
    let flow = action.flow.as_ref().map(|flow| flow.resolve(stage)).transpose()?;
    let flow = match flow.unwrap_or(model::Flow::Prt) {
        model::Flow::Prt => Flow::Prt,
        model::Flow::Password => Flow::Password,
        model::Flow::RefreshToken => Flow::RefreshToken,
        model::Flow::AuthCode => Flow::AuthCode,
        model::Flow::WsTrust => Flow::WsTrust,
        later @ (model::Flow::DeviceCode | model::Flow::ClientCredentials) => {
            let title = format!("not emulated yet: flow: {}", later.word());
            return Err(wrong("scn::not-emulated", at, title));
        }
    };
    let (upn, password) = match context.user {
        Some(_) => {
            let (upn, password) = account(stage, context, action.password.as_ref(), at)?;
            (Some(upn), Some(password))
        }
        None => (None, text(&action.password)?),
    };
    Ok(TokenRequest {
        client,
        resource,
        scope: text(&action.scope)?,
        flow,
        windows_user: context.windows_user.clone(),
        upn,
        password,
        refresh_token: text(&action.refresh_token)?,
        redirect_uri: text(&action.redirect_uri)?,
        continuous_access: (action.continuous_access.as_ref())
            .map(|tpl| tpl.resolve(stage))
            .transpose()?
            .unwrap_or_default(),
        second_factor: second_factor(stage, context, action.second_factor.as_ref())?,
    })
}

/// Notes in the journal which emulated tool was used where, so that a story can ask for it.
fn note_tool(stage: &Stage, name: &str, machine: &Machine, context: &Context, action: Action<'_>) {
    // What cannot be resolved did not run.
    let given = |arguments: &Tpl<String>| arguments.resolve(stage).unwrap_or_default();
    let (tool, args) = match action {
        Action::Dsregcmd(arguments) => ("dsregcmd", given(arguments)),
        Action::Autoworkplace(arguments) => ("autoworkplace", given(arguments)),
        Action::Join(_) => ("join", String::new()),
        Action::AddAccount => ("add-account", String::new()),
        Action::RemoveAccount => ("remove-account", String::new()),
        Action::Leave => ("leave", String::new()),
        Action::SignIn(_) => ("sign-in", String::new()),
        Action::SignOut => ("sign-out", String::new()),
        Action::Wipe(_) => ("wipe", String::new()),
        Action::Network(_)
        | Action::Token(_)
        | Action::Http(_)
        | Action::Run(_)
        | Action::Tool(_)
        | Action::Fault(_)
        | Action::Admin(_)
        | Action::Clock(_)
        | Action::Check(_)
        | Action::Repeat(_)
        | Action::Sequence(_)
        | Action::Use(_)
        | Action::Export(_)
        | Action::Later(_) => return,
    };
    let mut fields = Map::new();
    fields.insert("tool".to_owned(), tool.into());
    fields.insert("args".to_owned(), args.into());
    fields.insert("machine".to_owned(), name.into());
    fields.insert("computer".to_owned(), machine.name().into());
    if let Some(user) = &context.user {
        fields.insert("actor".to_owned(), user.as_str().into());
    }
    let world = stage.world();
    world.journal.record(&world.clock, Kind::Tool, None, fields, None);
}

async fn administer(stage: &Stage, action: &AdminAction) -> Acted {
    let world = Arc::clone(stage.world());
    let admin = Admin::new(&world, "admin");
    let text = |tpl: &Tpl<String>| tpl.resolve(stage);
    let done = if let Some(of) = &action.disable_device {
        admin.disable_device(&text(of)?).await.map(drop)
    } else if let Some(of) = &action.enable_device {
        admin.enable_device(&text(of)?).await.map(drop)
    } else if let Some(of) = &action.restore_device {
        admin.restore_device(&text(of)?).await.map(drop)
    } else if let Some(of) = &action.delete_device {
        admin.delete_device(&text(of)?).await.map(drop)
    } else if let Some(of) = &action.disable_user {
        admin.disable_user(&text(of)?).await.map(drop)
    } else if let Some(of) = &action.enable_user {
        admin.enable_user(&text(of)?).await.map(drop)
    } else if let Some(of) = &action.delete_user {
        admin.delete_user(&text(of)?).await.map(drop)
    } else if let Some(node) = &action.set_policy {
        admin.set_policy(&described(stage, node)?).await.map(drop)
    } else if let Some(node) = &action.manage_device {
        let act: ManageDevice = described(stage, node)?;
        admin.manage_device(&act.device, act.managed, act.compliant).await.map(drop)
    } else if let Some(node) = &action.mdm {
        admin.set_mdm(&described(stage, node)?).await.map(drop)
    } else if let Some(of) = &action.delete_policy {
        admin.delete_policy(&text(of)?).await
    } else if let Some(node) = &action.reset_password {
        let act: ResetPassword = described(stage, node)?;
        admin.reset_password(&act.user, act.password.as_deref()).await.map(drop)
    } else if let Some(of) = &action.revoke_sessions {
        admin.revoke_sessions(&text(of)?).await.map(drop)
    } else if let Some(node) = &action.rename_user {
        let act: RenameUser = described(stage, node)?;
        admin.rename_user(&act.user, &act.upn).await.map(drop)
    } else if let Some(node) = &action.rename_device {
        let act: RenameDevice = described(stage, node)?;
        admin.rename_device(&act.device, &act.name).await.map(drop)
    } else if let Some(of) = &action.expire_password {
        admin.set_password_state(&text(of)?, "expired").await.map(drop)
    } else if let Some(node) = &action.create_user {
        admin.create_user(described(stage, node)?).await.map(drop)
    } else if let Some(node) = &action.create_device {
        admin.create_device(described(stage, node)?).await.map(drop)
    } else if let Some(cycle) = &action.dirsync {
        super::dirsync::cycle(stage, cycle).await?
    } else {
        return Err(wrong("scn::not-emulated", &action.at, "not emulated yet: this admin action"));
    };
    Ok(match done {
        Ok(()) => Seen { exit: Some(json!(0)), ..Seen::default() },
        Err(error) => {
            Seen { failed: Some(error.to_string()), exit: Some(json!(1)), ..Seen::default() }
        }
    })
}

/// A new password of a user; one that follows from the seed when it is absent.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ResetPassword {
    user: String,
    password: Option<String>,
}

/// A new name of a user.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RenameUser {
    user: String,
    upn: String,
}

/// A new name of a record.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RenameDevice {
    device: String,
    name: String,
}

/// What device management is to say of a device.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ManageDevice {
    device: String,
    managed: Option<bool>,
    compliant: Option<bool>,
}

/// What a `create_...` describes, as the type that the directory wants.
fn described<T: serde::de::DeserializeOwned>(
    stage: &Stage,
    node: &crate::scenario::Node,
) -> Result<T, Box<Finding>> {
    serde_json::from_value(resolve(node, stage)?)
        .map_err(|error| wrong("scn::wrong-type", &node.at, error.to_string()))
}

fn fault(stage: &Stage, action: &model::FaultAction, at: &Span) -> Acted {
    if let Some(id) = &action.start {
        super::faults::start(stage, &id.resolve(stage)?, action)?;
    } else if let Some(id) = &action.stop {
        if let Err(why) = super::faults::stop(stage, &id.resolve(stage)?) {
            return Ok(Seen { failed: Some(why), ..Seen::default() });
        }
    } else {
        return Err(wrong(
            "scn::missing-key",
            at,
            "`fault` takes one of `start`, `stop` and `with`",
        ));
    }
    Ok(Seen::default())
}

async fn move_clock(stage: &mut Stage, action: &ClockAction) -> Acted {
    let world = Arc::clone(stage.world());
    let admin = Admin::new(&world, "admin");
    let failed = |error: &dyn std::fmt::Display| {
        Ok(Seen { failed: Some(error.to_string()), ..Seen::default() })
    };
    if let Some(by) = &action.advance {
        let length = by.resolve(stage)?;
        if length.millis() < 0 {
            let title =
                format!("`advance: {length}` would go back: `set` may, with `allow_backwards`");
            return Err(wrong("scn::bad-duration", &by.at, title));
        }
        let by = Length::from_millis(length.millis());
        let from = world.clock.now();
        if let Err(why) = super::due::pass(stage, from + by).await {
            return Ok(Seen { failed: Some(why), ..Seen::default() });
        }
        let rest = (from + by).millis() - world.clock.now().millis();
        if let Err(error) = admin.advance_clock_by(Length::from_millis(rest.max(0))).await {
            return failed(&error);
        }
    }
    if let Some(to) = &action.set {
        let to = Instant::from_millis(to.resolve(stage)?.millis());
        let back = action.allow_backwards.unwrap_or(false);
        if let Err(why) = super::due::pass(stage, to).await {
            return Ok(Seen { failed: Some(why), ..Seen::default() });
        }
        if let Err(error) = admin.set_clock(to, back).await {
            return failed(&error);
        }
        super::due::restart(stage, to);
    }
    if let Some(mode) = action.mode {
        let mode = match mode {
            model::ClockMode::Manual => ClockMode::Manual,
            model::ClockMode::Follow => ClockMode::Follow,
        };
        if let Err(error) = admin.set_clock_mode(mode).await {
            return failed(&error);
        }
    }
    Ok(Seen::default())
}

/// Moves the world's clock between two attempts.
pub(crate) async fn advance(stage: &mut Stage, by: i64) -> Result<(), String> {
    let world = Arc::clone(stage.world());
    let to = world.clock.now() + Length::from_millis(by);
    super::due::pass(stage, to).await?;
    let rest = Length::from_millis((to.millis() - world.clock.now().millis()).max(0));
    let moved = Admin::new(&world, "scenario").advance_clock_by(rest).await;
    moved.map(drop).map_err(|error| error.to_string())?;
    stage.set_background_clocks()
}

async fn export(stage: &Stage, action: &ExportAction) -> Acted {
    let world = stage.world();
    let failed = |what: &dyn std::fmt::Display| {
        Ok(Seen { failed: Some(what.to_string()), ..Seen::default() })
    };
    let mut written = Vec::new();
    if let Some(to) = &action.directory {
        let devices = match view::devices(world).await {
            Ok(devices) => devices,
            Err(error) => return failed(&error),
        };
        let users = match view::users(world).await {
            Ok(users) => users,
            Err(error) => return failed(&error),
        };
        let text = serde_json::to_string_pretty(&json!({ "devices": devices, "users": users }));
        written.push((to.resolve(stage)?, text.unwrap_or_default()));
    }
    let events = world.journal.since(0);
    if let Some(to) = &action.journal {
        let lines = events.iter().map(|event| format!("{}\n", event.to_json(true)));
        written.push((to.resolve(stage)?, lines.collect()));
    }
    if let Some(to) = &action.har {
        written.push((to.resolve(stage)?, stage.har()));
    }
    if let Some(to) = &action.transcript {
        written.push((to.resolve(stage)?, stage.transcript.clone()));
    }
    for (name, text) in written {
        let path = match stage.in_exports(&name) {
            Ok(path) => path,
            Err(why) => return failed(&why),
        };
        let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        if let Err(error) = made.and_then(|()| std::fs::write(&path, stage.redact(&text))) {
            return failed(&format!("{name}: {error}"));
        }
    }
    Ok(Seen::default())
}
