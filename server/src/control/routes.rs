//! The one table of routes: the router and the OpenAPI document are both made from it.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::handler::Handler;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, MethodRouter, on};
use http::{Method, StatusCode, Uri};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::admin::{CreateDevice, CreateUser};
use super::error::Refusal;
use super::guard::{self, Shared};
use super::handlers::{
    clock, devices, explain, faults, journal, mdm, policies, snapshots, stream, users, worlds,
};
use super::openapi;
use super::snapshots::SnapshotView;
use super::view::{DeletedDeviceView, DeviceView, UserView};
use crate::faults::FaultStatus;
use crate::services::reply;
use crate::world::file::MdmFile;
use crate::world::policies::PolicyFile;

/// Makes the schema of a type.
pub(super) type Shape = fn(&mut SchemaGenerator) -> Schema;

fn shape<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// What a route answers when it does not refuse.
#[derive(Clone, Copy)]
pub(super) enum Content {
    /// JSON of this shape.
    Json(Shape),
    /// JSON of this shape by default, or another form that the caller asks for.
    Journal(Shape),
    /// Server-sent events.
    Events,
    /// Nothing.
    Nothing,
}

/// The name in the document for parameters of any other name.
pub(super) const PARTICULARS: &str = "particulars";

/// A parameter of the query.
#[derive(Clone, Copy)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
}

/// One route.
pub(super) struct Route {
    pub(super) verb: Verb,
    pub(super) path: &'static str,
    /// Its name for programs that are generated from the document.
    pub(super) operation: &'static str,
    pub(super) about: &'static str,
    pub(super) parameters: &'static [Parameter],
    pub(super) body: Option<Shape>,
    pub(super) status: StatusCode,
    pub(super) content: Content,
    handler: MethodRouter<Arc<Shared>>,
}

/// The methods that routes have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Get,
    Post,
    Patch,
    Delete,
}

impl Verb {
    const fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Patch => MethodFilter::PATCH,
            Self::Delete => MethodFilter::DELETE,
        }
    }

    /// Its word in the document.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }
}

fn route<H, T>(
    verb: Verb,
    path: &'static str,
    operation: &'static str,
    about: &'static str,
    content: Content,
    handler: H,
) -> Route
where
    H: Handler<T, Arc<Shared>>,
    T: 'static,
{
    Route {
        verb,
        path,
        operation,
        about,
        parameters: &[],
        body: None,
        status: match content {
            Content::Nothing => StatusCode::NO_CONTENT,
            Content::Json(_) | Content::Journal(_) | Content::Events => StatusCode::OK,
        },
        content,
        handler: on(verb.filter(), handler),
    }
}

impl Route {
    const fn asks(mut self, parameters: &'static [Parameter]) -> Self {
        self.parameters = parameters;
        self
    }

    fn reads<T: JsonSchema>(mut self) -> Self {
        self.body = Some(shape::<T>);
        self
    }

    const fn creates(mut self) -> Self {
        self.status = StatusCode::CREATED;
        self
    }
}

const LIMIT: Parameter =
    Parameter { name: "limit", about: "Records on the page, 1 to 1000; 100 by default." };
const AFTER: Parameter = Parameter { name: "after", about: "`next` of the page before." };
const USERS: &[Parameter] = &[LIMIT, AFTER];
const DEVICES: &[Parameter] = &[
    Parameter { name: "name", about: "Only devices with this display name, in any case." },
    Parameter { name: "deviceId", about: "Only the device with this device id." },
    Parameter {
        name: "owner",
        about: "Only devices of this user: id, user principal name or key.",
    },
    Parameter {
        name: "trust",
        about: "Only devices of this trust: azure-ad, workplace or server-ad.",
    },
    Parameter { name: "enabled", about: "Only enabled (`true`) or disabled (`false`) devices." },
    LIMIT,
    AFTER,
];
const FAULTS: &[Parameter] = &[Parameter {
    name: "running",
    about: "Only faults that run (`true`) or that stopped (`false`).",
}];
const SINCE: Parameter = Parameter { name: "since", about: "Only events after this number." };
const KIND: Parameter =
    Parameter { name: "kind", about: "Only events of this kind, such as `token.denied`." };
const REQUEST: Parameter =
    Parameter { name: "request", about: "Only events of the request with this id." };
const FIELD: Parameter = Parameter {
    name: PARTICULARS,
    about: "Any other name is a particular of the event and has to have this value: `user=bob@contoso.test`.",
};
const JOURNAL: &[Parameter] = &[
    SINCE,
    KIND,
    REQUEST,
    FIELD,
    Parameter { name: "limit", about: "Events in the answer, 1 to 200000; 1000 by default." },
    Parameter {
        name: "format",
        about: "`json`, `jsonl` (one event on a line) or `har` (the exchanges among the events).",
    },
];
const STREAM: &[Parameter] = &[
    Parameter {
        name: "since",
        about: "First the events after this number, without gap or double; only new ones when absent.",
    },
    KIND,
    REQUEST,
    FIELD,
];

/// Every route that wants the token.
pub(super) fn table() -> Vec<Route> {
    use Content::{Events, Journal, Json, Nothing};
    use Verb::{Delete, Get, Patch, Post};
    let device = Json(shape::<DeviceView>);
    let user = Json(shape::<UserView>);
    let with_password = Json(shape::<users::WithPassword>);
    let clock_view = Json(shape::<clock::ClockView>);
    let snapshot = Json(shape::<SnapshotView>);
    let fault = Json(shape::<FaultStatus>);
    vec![
        route(Get, "/worlds", "listWorlds", "The worlds that there are.", Json(shape::<worlds::Worlds>), worlds::list),
        route(Get, "/worlds/{world}", "getWorld", "The state of a world.", Json(shape::<worlds::WorldView>), worlds::get),
        route(Get, "/worlds/{world}/clock", "getClock", "What the clock of the world shows.", clock_view, clock::get),
        route(Post, "/worlds/{world}/clock/advance", "advanceClock", "Advances the clock. Nothing waits: what counts from a moment counts once it is reached.", clock_view, clock::advance)
            .reads::<clock::Advance>(),
        route(Post, "/worlds/{world}/clock/set", "setClock", "Puts the clock to a moment.", clock_view, clock::set)
            .reads::<clock::Set>(),
        route(Post, "/worlds/{world}/clock/mode", "setClockMode", "Changes how time passes, without a jump.", clock_view, clock::mode)
            .reads::<clock::SetMode>(),
        route(Get, "/worlds/{world}/users", "listUsers", "The users, in the order of their names.", Json(shape::<users::Users>), users::list)
            .asks(USERS),
        route(Post, "/worlds/{world}/users", "createUser", "Makes a user.", with_password, users::create)
            .reads::<CreateUser>()
            .creates(),
        route(Get, "/worlds/{world}/users/{user}", "getUser", "A user, by id, user principal name or key.", user, users::get),
        route(Patch, "/worlds/{world}/users/{user}", "renameUser", "Gives a user another user principal name.", user, users::rename)
            .reads::<users::Rename>(),
        route(Delete, "/worlds/{world}/users/{user}", "deleteUser", "Deletes a user. Its devices stay.", Nothing, users::delete),
        route(Post, "/worlds/{world}/users/{user}/disable", "disableUser", "Forbids sign-in.", user, users::disable),
        route(Post, "/worlds/{world}/users/{user}/enable", "enableUser", "Allows sign-in.", user, users::enable),
        route(Post, "/worlds/{world}/users/{user}/reset-password", "resetPassword", "Sets a password. Everything granted to the user before is taken back.", with_password, users::reset_password)
            .reads::<users::NewPassword>(),
        route(Post, "/worlds/{world}/users/{user}/password-state", "setPasswordState", "Says that the password is expired, temporary, or good again.", user, users::password_state)
            .reads::<users::State>(),
        route(Post, "/worlds/{world}/users/{user}/revoke-sessions", "revokeSessions", "Takes back everything granted to the user before. The password stays.", user, users::revoke_sessions),
        route(Get, "/worlds/{world}/devices", "listDevices", "The device records.", Json(shape::<devices::Devices>), devices::list)
            .asks(DEVICES),
        route(Post, "/worlds/{world}/devices", "createDevice", "Makes a record without a join.", device, devices::create)
            .reads::<CreateDevice>()
            .creates(),
        route(Get, "/worlds/{world}/devices/{device}", "getDevice", "A record, by device id, object id, or a display name that only one has.", device, devices::get),
        route(Patch, "/worlds/{world}/devices/{device}", "renameDevice", "Renames a record.", device, devices::rename)
            .reads::<devices::Rename>(),
        route(Delete, "/worlds/{world}/devices/{device}", "deleteDevice", "Deletes a record. The computer does not learn of it.", Json(shape::<DeletedDeviceView>), devices::delete),
        route(Post, "/worlds/{world}/devices/{device}/disable", "disableDevice", "Disables a device. `revocation` says from when that counts.", device, devices::disable),
        route(Post, "/worlds/{world}/devices/{device}/enable", "enableDevice", "Enables a device. Grants that had died stay dead.", device, devices::enable),
        route(Post, "/worlds/{world}/devices/{device}/restore", "restoreDevice", "Brings a deleted device back, by device id or object id, while it is kept.", device, devices::restore),
        route(Post, "/worlds/{world}/devices/{device}/management", "manageDevice", "Says that a device is managed or compliant, or not.", device, devices::manage)
            .reads::<devices::Manage>(),
        route(Get, "/worlds/{world}/policies", "listPolicies", "The policies of conditional access, by name.", Json(shape::<policies::Policies>), policies::list),
        route(Post, "/worlds/{world}/policies", "setPolicy", "Sets a policy: a new one, or in the place of the one with its `id`. It counts from the next token on.", Json(shape::<policies::PolicyView>), policies::set)
            .reads::<PolicyFile>(),
        route(Delete, "/worlds/{world}/policies/{policy}", "deletePolicy", "Deletes a policy.", Nothing, policies::remove),
        route(Get, "/worlds/{world}/mdm", "getMdm", "The settings of device management.", Json(shape::<mdm::MdmView>), mdm::get),
        route(Post, "/worlds/{world}/mdm", "setMdm", "Puts these settings of device management in the place of all others, but for the licences of users.", Json(shape::<mdm::MdmView>), mdm::set)
            .reads::<MdmFile>(),
        route(Get, "/worlds/{world}/faults", "listFaults", "The faults: those that stopped, then those that run, each with how often it struck.", Json(shape::<faults::List>), faults::list)
            .asks(FAULTS),
        route(Post, "/worlds/{world}/faults", "startFault", "Starts a fault. `linarite faults` lists the effects.", fault, faults::start)
            .reads::<faults::Start>()
            .creates(),
        route(Delete, "/worlds/{world}/faults", "stopFaults", "Stops all faults that run, the one started last first.", Json(shape::<faults::List>), faults::stop_all),
        route(Delete, "/worlds/{world}/faults/{fault}", "stopFault", "Stops a fault and says how it stood.", fault, faults::stop),
        route(Get, "/worlds/{world}/journal", "queryJournal", "What happened, oldest first.", Journal(shape::<journal::Events>), journal::query)
            .asks(JOURNAL),
        route(Get, "/worlds/{world}/journal/stream", "streamJournal", "What happens, as server-sent events: one event of the journal each, and `lost` with a count when the journal let some go before they were sent.", Events, stream::stream)
            .asks(STREAM),
        route(Get, "/worlds/{world}/snapshots", "listSnapshots", "The snapshots that are kept, oldest first.", Json(shape::<snapshots::Kept>), snapshots::list),
        route(Post, "/worlds/{world}/snapshots", "takeSnapshot", "Takes a snapshot: records, revocation, clock, chance and the faults that run.", snapshot, snapshots::take)
            .creates(),
        route(Post, "/worlds/{world}/snapshots/{snapshot}/restore", "restoreSnapshot", "Puts the world back to a snapshot. The journal goes on.", snapshot, snapshots::restore),
        route(Delete, "/worlds/{world}/snapshots/{snapshot}", "deleteSnapshot", "Deletes a snapshot.", Nothing, snapshots::remove),
    ]
}

/// The router of the control API.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    let guarded = table()
        .into_iter()
        .fold(Router::new(), |router, route| router.route(route.path, route.handler))
        .fallback(unknown)
        .method_not_allowed_fallback(method)
        .layer(from_fn_with_state(Arc::clone(&shared), guard::token));
    let document = openapi::document(&table());
    let open = Router::new().route(
        "/openapi.json",
        on(MethodFilter::GET, move |State(_): State<Arc<Shared>>| async move {
            reply::json(StatusCode::OK, &document)
        }),
    );
    let open = open
        .route("/explain", on(MethodFilter::GET, explain::all))
        .route("/explain/{code}", on(MethodFilter::GET, explain::one))
        .method_not_allowed_fallback(method);
    guarded
        .merge(open)
        .layer(from_fn_with_state(Arc::clone(&shared), guard::host))
        .with_state(shared)
}

async fn unknown(uri: Uri) -> Refusal {
    let message = format!("there is no {}; GET /openapi.json says what there is", uri.path());
    Refusal::new(StatusCode::NOT_FOUND, "path-unknown", message)
}

async fn method(method: Method, uri: Uri) -> Refusal {
    let message =
        format!("{} does not take {method}; GET /openapi.json says what there is", uri.path());
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", message)
}
