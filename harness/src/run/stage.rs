//! The stage of one instance: its world, its machines, its working folder, and what was captured.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use linarite_server::Emulator;
use linarite_server::clock::{Clock, ClockMode, Instant};
use linarite_server::control::Control;
use linarite_server::directory::UserKey;
use linarite_server::due::DueList;
use linarite_server::journal::{Kind, Redactor};
use linarite_server::keys::tls::TlsHosts;
use linarite_server::services::Services;
use linarite_server::world::World;
use linarite_windows::{Machine, Wire};
use serde_json::{Map, Value, json};

use super::group::{Group, Printed};
use super::machines::{due, machines};
use super::plan::{Instance, plain_scope};
use crate::room::{SeededChance, WorldClock, wire};
use crate::scenario::expr::{Scope, Value as ExprValue};
use crate::scenario::model;
use crate::scenario::time::Time;
use crate::scenario::{Finding, Scenario};

/// What all instances of a run share.
pub(crate) struct Shared {
    pub(crate) tls: Arc<TlsHosts>,
    pub(crate) services: Services,
    pub(crate) control: Control,
    /// Variables of the caller that external commands may see.
    pub(crate) inherited: Vec<(String, String)>,
    /// Where libfaketime is.
    pub(crate) faketime: Option<PathBuf>,
    /// Whether a report has said already that clients see another time than the world's.
    pub(crate) told_clock: Arc<AtomicBool>,
    /// What is known of needs so far.
    pub(crate) needs: super::needs::Known,
}

/// The stage of one instance.
pub(crate) struct Stage {
    pub(crate) emulator: Emulator,
    pub(crate) control: (String, String),
    pub(crate) wire: Wire,
    pub(crate) http: reqwest::Client,
    pub(crate) machines: BTreeMap<String, Machine>,
    /// What recurs as the clock moves.
    pub(crate) due: DueList,
    pub(crate) work: tempfile::TempDir,
    pub(crate) ca_file: PathBuf,
    pub(crate) inherited: Vec<(String, String)>,
    pub(crate) instance: Instance,
    pub(crate) vars: BTreeMap<String, Value>,
    pub(crate) captures: BTreeMap<String, Value>,
    /// Items of the `for_each` around the current step, the innermost last.
    pub(crate) each: Vec<Value>,
    /// Number of the newest journal event when a step began, by the step's id.
    pub(crate) marks: BTreeMap<String, u64>,
    pub(crate) transcript: String,
    /// What the report is to say: whether it is a warning, and what.
    pub(crate) notes: Vec<(bool, String)>,
    /// Where libfaketime is.
    pub(crate) faketime: Option<PathBuf>,
    /// Whether a report has said already that clients see another time than the world's.
    told_clock: Arc<AtomicBool>,
    /// Commands that go on beside the steps, by name. They end with the stage.
    pub(crate) background: BTreeMap<String, Group>,
    /// What the command of the step that is under way prints.
    pub(crate) printing: Option<Arc<Mutex<Printed>>>,
    redactor: Redactor,
    /// What the scenario itself wants hidden, and what the world gave to its clients.
    hidden: Redactor,
    /// The last event of the journal from which such secrets were taken.
    learned: u64,
}

/// Why a stage cannot be set.
pub(crate) enum StageError {
    /// Something in the file is wrong.
    File(Box<Finding>),
    /// The machine does not allow it.
    Environment(String),
}

impl From<Box<Finding>> for StageError {
    fn from(finding: Box<Finding>) -> Self {
        Self::File(finding)
    }
}

impl Stage {
    pub(crate) async fn set(instance: Instance, shared: &Shared) -> Result<Self, StageError> {
        let scenario = Arc::clone(&instance.scenario);
        let told = |error: &dyn std::fmt::Display| StageError::Environment(error.to_string());
        let plain = plain_scope(&scenario, &instance.row);
        let document = scenario.world.value(&plain)?;
        let (mode, start) = clock(&scenario, &plain)?;
        let id = instance.slug();
        let emulator = Emulator::builder()
            .world(document)
            .id(&id)
            .seed(instance.seed)
            .clock(mode, start)
            .tls(Arc::clone(&shared.tls))
            .services(shared.services.clone())
            .start()
            .await
            .map_err(|error| world_error(&scenario, &error))?;
        let world = Arc::clone(emulator.world());
        shared.control.worlds().register_behind(world, emulator.proxy_url());
        let chance = SeededChance::new(instance.seed);
        let clock = WorldClock(Arc::clone(emulator.world()));
        let wire =
            wire(&emulator.proxy_url(), emulator.ca_pem(), Arc::new(clock), Arc::new(chance))
                .map_err(|error| told(&error))?;
        let http = super::http::client(&emulator.proxy_url(), emulator.ca_pem())
            .map_err(|error| told(&error))?;
        let work = tempfile::Builder::new().prefix("linarite-").tempdir().map_err(|e| told(&e))?;
        let ca_file = work.path().join("ca.pem");
        std::fs::write(&ca_file, emulator.ca_pem()).map_err(|error| told(&error))?;
        let machines = machines(&scenario, &plain)?;
        let due = due(&scenario, &machines, emulator.world().clock.now(), &plain)?;
        let redactor = Redactor::for_world(emulator.world()).await.map_err(|error| told(&error))?;
        let mut stage = Self {
            control: (shared.control.url(), shared.control.token().to_owned()),
            emulator,
            wire,
            http,
            machines,
            due,
            work,
            ca_file,
            inherited: shared.inherited.clone(),
            instance,
            vars: BTreeMap::new(),
            captures: BTreeMap::new(),
            each: Vec::new(),
            marks: BTreeMap::new(),
            transcript: String::new(),
            notes: Vec::new(),
            faketime: shared.faketime.clone(),
            told_clock: Arc::clone(&shared.told_clock),
            background: BTreeMap::new(),
            printing: None,
            redactor,
            hidden: Redactor::default(),
            learned: 0,
        };
        let token = stage.control.1.clone();
        stage.hidden.add("control_token", &token);
        stage.fill_vars()?;
        stage.write_files()?;
        Ok(stage)
    }

    fn fill_vars(&mut self) -> Result<(), StageError> {
        let scenario = Arc::clone(&self.instance.scenario);
        for (name, node) in
            scenario.file.vars.iter().flat_map(super::super::scenario::decode::Entries::iter)
        {
            let value = crate::scenario::expr::resolve(node, &*self)?;
            self.vars.insert(name.to_owned(), value);
        }
        for name in scenario.file.secrets.iter().flatten() {
            if let Some(secret) = self.vars.get(name).cloned() {
                self.keep_secret("secret", &secret);
            }
        }
        Ok(())
    }

    fn write_files(&mut self) -> Result<(), StageError> {
        let scenario = Arc::clone(&self.instance.scenario);
        for (name, text) in
            scenario.file.files.iter().flat_map(super::super::scenario::decode::Entries::iter)
        {
            let text = text.resolve(&*self)?;
            let path = self.in_work(name).map_err(StageError::Environment)?;
            let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
            made.and_then(|()| std::fs::write(&path, text))
                .map_err(|error| StageError::Environment(format!("{}: {error}", path.display())))?;
        }
        Ok(())
    }

    /// A path inside the working folder; nothing outside it is ever written by a scenario's own keys.
    pub(crate) fn in_work(&self, name: &str) -> Result<PathBuf, String> {
        let path = std::path::Path::new(name);
        let inside = path.components().all(|c| matches!(c, std::path::Component::Normal(_)));
        if inside && !name.is_empty() {
            Ok(self.work.path().join(path))
        } else if let Ok(rest) = path.strip_prefix(self.work.path()) {
            Ok(self.work.path().join(rest))
        } else {
            Err(format!(
                "`{name}` is not inside the working folder: give a relative path without `..`"
            ))
        }
    }

    /// Where evidence is written: `.linarite/exports/INSTANCE/NAME` below the folder that linarite was started in.
    pub(crate) fn in_exports(&self, name: &str) -> Result<PathBuf, String> {
        let folder = PathBuf::from(".linarite/exports").join(self.instance.slug());
        let inside = self.in_work(name)?;
        let rest = inside.strip_prefix(self.work.path()).map_err(|error| error.to_string())?;
        Ok(folder.join(rest))
    }

    pub(crate) fn world(&self) -> &Arc<World> {
        self.emulator.world()
    }

    /// The world's time.
    pub(crate) fn now(&self) -> Time {
        Time(self.world().clock.now().millis())
    }

    /// By how many milliseconds the world is ahead of this machine's time.
    pub(crate) fn ahead(&self) -> i64 {
        self.now().millis() - Clock::real().millis()
    }

    /// Notes, once in a run, that a command sees another time than the world's.
    pub(crate) fn tell_real_clock(&mut self) {
        let seconds = self.ahead() / 1000;
        if seconds.abs() <= 60 || self.told_clock.swap(true, Ordering::Relaxed) {
            return;
        }
        let (minutes, word) = (seconds.abs() / 60, if seconds > 0 { "behind" } else { "ahead of" });
        let text = format!(
            "external commands see real time, {minutes} min {word} the world; `client_clock: virtual` gives them the world's"
        );
        self.notes.push((false, text));
    }

    /// Lets background commands with a virtual clock see the world's time as it is now.
    pub(crate) fn set_background_clocks(&self) -> Result<(), String> {
        let text = super::process::faketime_offset(self.ahead());
        for file in self.background.values().filter_map(|group| group.clock_file.as_ref()) {
            std::fs::write(file, &text).map_err(|error| format!("{}: {error}", file.display()))?;
        }
        Ok(())
    }

    /// Takes secrets out of a text; the one place that all reports go through.
    pub(crate) fn redact(&self, text: &str) -> String {
        let work = self.work.path().display().to_string();
        self.redactor.redact(&self.hidden.redact(text)).replace(&work, "$(work)")
    }

    /// What a report shows of a text: without secrets, and cut to what people read.
    pub(crate) fn shown(&self, text: &str) -> String {
        const LONGEST: usize = 2000;
        let mut clean = self.redact(text);
        if let Some((at, _)) = clean.char_indices().nth(LONGEST) {
            clean.truncate(at);
            clean.push_str("...");
        }
        clean
    }

    /// Takes secrets out of every text in a value.
    pub(crate) fn redact_json(&self, mut value: Value) -> Value {
        self.hidden.json(&mut value);
        self.redactor.json(&mut value);
        self.hide_numbers(&mut value);
        value
    }

    /// A number that is a secret becomes the text that stands for it.
    fn hide_numbers(&self, value: &mut Value) {
        match value {
            Value::Number(number) => {
                let (plain, clean) = (number.to_string(), self.hidden.redact(&number.to_string()));
                if clean != plain {
                    *value = clean.into();
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.hide_numbers(item)),
            Value::Object(members) => {
                members.values_mut().for_each(|member| self.hide_numbers(member));
            }
            Value::String(_) | Value::Bool(_) | Value::Null => {}
        }
    }

    /// Learns the secrets that the world has given to its clients since the last time, and those that somebody gave the
    /// world by the control API.
    pub(crate) async fn learn(&mut self) -> Result<(), String> {
        if self.learn_minted() { self.learn_secrets().await } else { Ok(()) }
    }

    /// Says whether an administrator did something.
    fn learn_minted(&mut self) -> bool {
        let events = self.emulator.world().journal.since(self.learned);
        self.learned = events.last().map_or(self.learned, |event| event.seq);
        for exchange in events.iter().filter_map(|event| event.exchange.as_ref()) {
            for (label, secret) in super::minted::of_exchange(exchange) {
                self.hidden.add(label, &secret);
            }
        }
        for machine in self.machines.values() {
            for (label, secret) in super::minted::of_machine(machine) {
                self.hidden.add(label, &secret);
            }
        }
        events.iter().any(|event| event.kind == Kind::Admin)
    }

    /// All exchanges so far as HAR, redacted.
    pub(crate) fn har(&self) -> String {
        let world = self.world();
        let har = linarite_server::journal::har(&world.id, &world.journal.since(0), &self.redactor);
        serde_json::to_string_pretty(&har).unwrap_or_default()
    }

    /// Learns the secrets that a step gave the world, so that reports hide them too.
    pub(crate) async fn learn_secrets(&mut self) -> Result<(), String> {
        let world = Arc::clone(self.world());
        self.redactor.learn(&world).await.map_err(|error| error.to_string())
    }

    /// Makes reports hide every text and number of a value.
    pub(crate) fn keep_secret(&mut self, label: &str, value: &Value) {
        match value {
            Value::String(secret) => self.hidden.add(label, secret),
            Value::Number(secret) => self.hidden.add(label, &secret.to_string()),
            Value::Array(items) => items.iter().for_each(|item| self.keep_secret(label, item)),
            Value::Object(members) => {
                members.values().for_each(|member| self.keep_secret(label, member));
            }
            // There are two of the one and one of the other: who hides them hides every such word.
            Value::Bool(_) | Value::Null => {}
        }
    }

    fn object(&self, name: &str) -> Option<Value> {
        let world = self.world();
        if let Some(machine) = self.machines.get(name) {
            return Some(json!({
                "key": name,
                "name": machine.name(),
                "os": machine.spec().os.key(),
                "deviceId": machine.device_id(),
                "online": machine.online,
            }));
        }
        if let Ok(Some(user)) = world.directory.user(&UserKey::Key(name.to_owned())) {
            return Some(json!({
                "key": name,
                "id": user.id.to_string(),
                "upn": user.upn,
                "name": user.name,
                "password": user.password,
            }));
        }
        if let Some(app) = world.apps.iter().find(|app| app.key == name) {
            return Some(json!({
                "key": name,
                "appId": app.id.to_string(),
                "app_id": app.id.to_string(),
                "resource": app.resource,
                "secret": app.secret,
            }));
        }
        None
    }

    fn devices_of_file(&self) -> Map<String, Value> {
        let plan = linarite_server::world::plan(
            &self.world().document,
            self.world().entropy.seed(),
            self.world().clock.now(),
        );
        let keys = self.world().document.get("devices").and_then(Value::as_object);
        let planned = plan.map(|plan| plan.devices).unwrap_or_default();
        keys.into_iter()
            .flat_map(|devices| devices.keys())
            .zip(planned)
            .map(|(key, device)| {
                (
                    key.clone(),
                    json!({
                        "deviceId": device.device_id.to_string(),
                        "objectId": device.object_id.to_string(),
                        "name": device.display_name,
                    }),
                )
            })
            .collect()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        tracing::debug!(world = %self.world().id, "the stage is cleared");
    }
}

impl Scope for Stage {
    fn lookup(&self, name: &str) -> Option<ExprValue> {
        let json = |value: Value| Some(ExprValue::Json(value));
        if name == "each" {
            return json(self.each.last()?.clone());
        }
        if name == "row" {
            return json(Value::Object(self.instance.row.values.clone()));
        }
        if let Some(value) = self.captures.get(name).or_else(|| self.vars.get(name)) {
            return json(value.clone());
        }
        let world = self.world();
        match name {
            "vars" => json(self.vars.clone().into_iter().collect()),
            "tenant" => json(json!({
                "id": world.tenant.id.to_string(),
                "name": world.tenant.name,
                "domain": world.tenant.primary_domain(),
                "initial_domain": world.tenant.initial_domain,
            })),
            "clock" => json(json!({
                "now": self.now().to_string(),
                "mode": world.clock.mode().word(),
            })),
            "world" => json(json!({
                "id": world.id,
                "proxy": self.emulator.proxy_url(),
                "ca": self.ca_file.display().to_string(),
            })),
            "work" => json(self.work.path().display().to_string().into()),
            "seed" => json(world.entropy.seed().into()),
            "env" => json(
                self.inherited.iter().map(|(k, v)| (k.clone(), Value::from(v.as_str()))).collect(),
            ),
            "devices" => json(Value::Object(self.devices_of_file())),
            "users" | "machines" | "apps" => {
                let keys: Vec<String> = match name {
                    "machines" => self.machines.keys().cloned().collect(),
                    "apps" => world.apps.iter().map(|app| app.key.clone()).collect(),
                    _ => self.instance.scenario.world.ids("users").map(str::to_owned).collect(),
                };
                json(keys.into_iter().filter_map(|k| Some((k.clone(), self.object(&k)?))).collect())
            }
            _ => self.object(name).and_then(json),
        }
    }

    fn names(&self) -> Vec<String> {
        let own = [
            "tenant", "clock", "world", "work", "seed", "env", "devices", "users", "machines",
            "apps", "vars",
        ];
        let scenario = &self.instance.scenario;
        own.into_iter()
            .map(str::to_owned)
            .chain(self.captures.keys().cloned())
            .chain(self.vars.keys().cloned())
            .chain(self.machines.keys().cloned())
            .chain(scenario.world.ids("users").map(str::to_owned))
            .collect()
    }
}

fn clock(
    scenario: &Scenario,
    scope: &dyn Scope,
) -> Result<(ClockMode, Option<Instant>), StageError> {
    let clock = scenario.world.clock.as_ref();
    let mode = match clock.and_then(|clock| clock.mode) {
        None | Some(model::ClockMode::Manual) => ClockMode::Manual,
        Some(model::ClockMode::Follow) => ClockMode::Follow,
    };
    let start = clock.map(|clock| clock.start_at(scope)).transpose()?.flatten();
    Ok((
        mode,
        match start.unwrap_or(model::Start::At(model::DEFAULT_START)) {
            model::Start::Now => None,
            model::Start::At(time) => Some(Instant::from_millis(time.millis())),
        },
    ))
}

fn world_error(scenario: &Scenario, error: &linarite_server::StartError) -> StageError {
    use linarite_server::StartError;
    use linarite_server::world::WorldError;
    if let StartError::World(WorldError::Problems(problems)) = error
        && let Some(problem) = problems.first()
    {
        return Box::new(scenario.world.finding(&problem.pointer, &problem.message)).into();
    }
    StageError::Environment(error.to_string())
}
