//! What actions take.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::scenario::decode::{Entries, FromNode, Tpl, record, words};
use crate::scenario::finding::{Finding, Span};
use crate::scenario::node::Node;
use crate::scenario::time::{Dur, Time};

record! {
    /// An action that takes nothing: `{}`.
    pub struct Nothing {}
}

record! {
    /// Joining Azure AD with the built-in client.
    pub struct JoinAction {
        /// Which kind. Default azure-ad.
        kind: Option<Tpl<JoinKind>>,
        /// Another name for the machine.
        name: Option<Tpl<String>>,
        /// Another password than the user's.
        password: Option<Tpl<String>>,
        /// Whether the built-in Administrator does it.
        builtin_administrator: Option<Tpl<bool>>,
        /// How terms of use of the device management are answered. Default accept.
        terms: Option<Tpl<TermsAnswer>>,
        /// What the user answers when a second factor is asked for: `authenticator`, or digits. Default nothing.
        second_factor: Option<Tpl<String>>,
    }
}

words! {
    /// An answer to terms of use.
    pub enum TermsAnswer {
        /// The user agrees.
        Accept = "accept",
        /// The user does not, which ends the join.
        Decline = "decline",
    }
}

words! {
    /// The kind of a join.
    pub enum JoinKind {
        /// Azure AD join.
        AzureAd = "azure-ad",
        /// Hybrid Azure AD join: what the scheduled task does on a computer of a domain. Takes no user.
        Hybrid = "hybrid",
        /// Registration of a work account. Not emulated yet: use `add_account`.
        Workplace = "workplace",
        /// Registration of a down-level Windows. Not emulated yet.
        DownLevel = "down-level",
    }
}

record! {
    /// Signing in to Windows.
    pub struct SignInAction {
        /// Another password than the user's.
        password: Option<Tpl<String>>,
    }
}

record! {
    /// Wiping a machine.
    pub struct WipeAction {
        /// Whether it gets its old name again. Default true.
        keep_name: Option<Tpl<bool>>,
        /// The machine whose disk it gets, as that is now, in place of a new system.
        image_of: Option<Tpl<String>>,
    }
}

record! {
    /// The network of a machine.
    pub struct NetworkAction {
        /// Whether it reaches anything.
        online: Tpl<bool>,
    }
}

record! {
    /// Asking for a token with the built-in client, through proxy and TLS.
    pub struct TokenAction {
        /// The application that asks: a well-known name, an app of the world or an application id.
        client: Option<Tpl<String>>,
        /// What the token is for: an app of the world, a well-known name or a URI.
        resource: Option<Tpl<String>>,
        /// Scopes in place of a resource.
        scope: Option<Tpl<String>>,
        /// The way to ask.
        flow: Option<Tpl<Flow>>,
        /// Another password than the user's.
        password: Option<Tpl<String>>,
        /// The refresh token to use.
        refresh_token: Option<Tpl<String>>,
        /// The redirect address of the flow auth-code.
        redirect_uri: Option<Tpl<String>>,
        /// Whether the client says that it understands claims challenges, so that resources ask about its user at each
        /// request. Default false.
        continuous_access: Option<Tpl<bool>>,
        /// What the user answers a page that asks for a second factor: `authenticator` (the code that its app shows), or
        /// digits. Default nothing.
        second_factor: Option<Tpl<String>>,
    }
}

/// The names of well-known applications that ask for tokens.
pub const CLIENTS: [&str; 6] =
    ["broker", "office", "teams", "edge", "azure-cli", "azure-powershell"];

/// The names of well-known resources that tokens are for, and their URIs.
pub const RESOURCES: [(&str, &str); 5] = [
    ("graph", "https://graph.microsoft.com"),
    ("aadgraph", "https://graph.windows.net"),
    ("drs", "urn:ms-drs:enterpriseregistration.windows.net"),
    ("management", "https://management.core.windows.net"),
    ("intune", "https://api.manage.microsoft.com"),
];

words! {
    /// The way to ask for a token.
    pub enum Flow {
        /// With the primary refresh token of the session.
        Prt = "prt",
        /// With user name and password.
        Password = "password",
        /// With a refresh token.
        RefreshToken = "refresh-token",
        /// With a device code. Not emulated yet.
        DeviceCode = "device-code",
        /// With an authorization code.
        AuthCode = "auth-code",
        /// As the application itself. Not emulated yet.
        ClientCredentials = "client-credentials",
        /// With an assertion of the federation server of the user's domain.
        WsTrust = "ws-trust",
    }
}

record! {
    /// A request through the proxy. Exactly one of the methods gives the URL.
    pub struct HttpAction {
        /// The URL of a GET.
        get: Option<Tpl<String>>,
        /// The URL of a POST.
        post: Option<Tpl<String>>,
        /// The URL of a PUT.
        put: Option<Tpl<String>>,
        /// The URL of a PATCH.
        patch: Option<Tpl<String>>,
        /// The URL of a DELETE.
        delete: Option<Tpl<String>>,
        /// The URL of a HEAD.
        head: Option<Tpl<String>>,
        /// The URL of an OPTIONS.
        options: Option<Tpl<String>>,
        /// The token for the Authorization header.
        bearer: Option<Tpl<String>>,
        /// More headers.
        headers: Option<Entries<Tpl<String>>>,
        /// The body as JSON.
        json: Option<Node>,
        /// The body as a form.
        form: Option<Entries<Node>>,
        /// The body as text.
        body: Option<Tpl<String>>,
        /// The body from a file.
        body_file: Option<Tpl<String>>,
        /// Whether redirects are followed. Default false.
        follow: Option<Tpl<bool>>,
        /// The machine whose device certificate is shown.
        from: Option<Tpl<String>>,
    }
}

impl HttpAction {
    /// Method and URL.
    pub fn request(&self) -> Option<(&'static str, &Tpl<String>)> {
        let methods = [
            ("GET", &self.get),
            ("POST", &self.post),
            ("PUT", &self.put),
            ("PATCH", &self.patch),
            ("DELETE", &self.delete),
            ("HEAD", &self.head),
            ("OPTIONS", &self.options),
        ];
        methods.into_iter().find_map(|(method, url)| Some((method, url.as_ref()?)))
    }
}

record! {
    /// An external command: `argv` or `sh`.
    pub struct RunAction {
        /// The command and its arguments, without a shell.
        argv: Option<Vec<Tpl<String>>>,
        /// A script for the shell. References are not replaced in it: captures come as `LINARITE_VAR_NAME`.
        sh: Option<String>,
        /// More environment variables.
        env: Option<Entries<Tpl<String>>>,
        /// The folder to run in. Default `$(work)`.
        cwd: Option<Tpl<String>>,
        /// What it reads.
        stdin: Option<Tpl<String>>,
        /// Whether it gets a terminal. Not emulated yet.
        tty: Option<Node>,
        /// A name under which it goes on beside the next steps, at most until the scenario ends.
        background: Option<Tpl<String>>,
        /// When a command in the background is ready; the step takes so long.
        ready_when: Option<ReadyWhen>,
        /// The command in the background to wait for.
        wait: Option<Tpl<String>>,
        /// The command in the background to stop.
        stop: Option<Tpl<String>>,
        /// The signal to stop it with. Default TERM.
        signal: Option<Signal>,
        /// Which time the command sees. Default real.
        client_clock: Option<ClientClock>,
        /// Whether it is told to trust the world's CA. Default true.
        trust_ca: Option<Tpl<bool>>,
        /// Whether it is told to use the proxy. Default true.
        use_proxy: Option<Tpl<bool>>,
        /// How much real time it may take.
        timeout: Option<Tpl<Dur>>,
    }
}

record! {
    /// When a command in the background is ready; exactly one of them.
    pub struct ReadyWhen {
        /// When something listens at this port of this machine.
        port: Option<Tpl<u32>>,
        /// When this URL is answered, without the proxy, with a status below 500.
        http: Option<Tpl<String>>,
        /// When this regular expression is found in what it prints.
        stdout: Option<Tpl<String>>,
    }
}

words! {
    /// A signal that ends a command.
    pub enum Signal {
        /// As the terminal does with Ctrl-C.
        Int = "INT",
        /// As asked to end.
        Term = "TERM",
        /// As when the terminal goes.
        Hup = "HUP",
        /// As the terminal does to get a core.
        Quit = "QUIT",
        /// Without being asked.
        Kill = "KILL",
    }
}

impl Signal {
    /// Its number, the same on all systems that have it.
    pub const fn number(self) -> i32 {
        match self {
            Self::Hup => 1,
            Self::Int => 2,
            Self::Quit => 3,
            Self::Kill => 9,
            Self::Term => 15,
        }
    }
}

words! {
    /// Which time an external command sees.
    pub enum ClientClock {
        /// The time of this machine.
        Real = "real",
        /// The world's, through libfaketime; the scenario is skipped where that is not there.
        Virtual = "virtual",
    }
}

record! {
    /// An emulated tool that is not part of a machine; the step's user runs it.
    pub struct ToolAction {
        /// Its name: get-msoldevice, enable-msoldevice, disable-msoldevice or remove-msoldevice.
        name: Tpl<String>,
        /// Its parameters as on a command line, such as `-All`.
        args: Option<Tpl<String>>,
    }
}

record! {
    /// What an administrator does; exactly one of them. Devices are named by device id, users by
    /// id of the world, object id or user principal name.
    pub struct AdminAction {
        /// A new user: id, upn, name, password and so on, as in a world file.
        create_user: Option<Node>,
        /// The user may not sign in any more.
        disable_user: Option<Tpl<String>>,
        /// The user may sign in again.
        enable_user: Option<Tpl<String>>,
        /// The user is deleted.
        delete_user: Option<Tpl<String>>,
        /// A user gets another name: `user` and `upn`.
        rename_user: Option<Node>,
        /// A new device record: name, os, trust, owner and so on, as in a world file.
        create_device: Option<Node>,
        /// The device is disabled.
        disable_device: Option<Tpl<String>>,
        /// The device is enabled.
        enable_device: Option<Tpl<String>>,
        /// The device is deleted.
        delete_device: Option<Tpl<String>>,
        /// The deleted device is brought back, while the world keeps it (`soft_delete`).
        restore_device: Option<Tpl<String>>,
        /// A record gets another name, of which its computer does not learn: `device` and `name`.
        rename_device: Option<Node>,
        /// A user gets another password: `user`, and `password` unless one is to be made. Everything that was granted for
        /// the old one is taken back.
        reset_password: Option<Node>,
        /// Everything that was granted to the user before is taken back; the password stays.
        revoke_sessions: Option<Tpl<String>>,
        /// The password of a user has to be changed before it signs in again.
        expire_password: Option<Tpl<String>>,
        /// Device management says something of a device: `device`, and `managed` or `compliant`.
        manage_device: Option<Node>,
        /// A policy of conditional access is set, as in a world file; the one with its `id` is replaced.
        set_policy: Option<Node>,
        /// The policy with this `id` is deleted.
        delete_policy: Option<Tpl<String>>,
        /// A domain is federated. Not emulated yet.
        set_federation: Option<Node>,
        /// A synchronisation cycle of the domain on premises: computers that wrote their certificate get a record.
        dirsync: Option<Dirsync>,
        /// Settings of device management, as `tenant.mdm` of a world has them, in the place of all others.
        mdm: Option<Node>,
    }
}

record! {
    /// A synchronisation cycle.
    pub struct Dirsync {
        /// The machines whose computer accounts are in its scope. Default all.
        machines: Option<Vec<Tpl<String>>>,
    }
}

record! {
    /// Starting or stopping a fault, or steps while one runs.
    pub struct FaultAction {
        /// The id of the fault to start.
        start: Option<Tpl<String>>,
        /// The id of the fault to stop.
        stop: Option<Tpl<String>>,
        /// The id of a fault, or a fault that is written here: it runs as long as the `steps` do.
        with: Option<Node>,
        /// The steps that are done while it runs.
        steps: Option<Vec<super::Step>>,
    }
}

record! {
    /// Moving the world's clock.
    pub struct ClockAction {
        /// By how much, forward.
        advance: Option<Tpl<Dur>>,
        /// To when.
        set: Option<Tpl<Time>>,
        /// How time goes on from here.
        mode: Option<super::ClockMode>,
        /// How fast time goes. Not emulated yet.
        rate: Option<Node>,
        /// Whether `set` may go back.
        allow_backwards: Option<bool>,
    }
}

record! {
    /// The steps of an action file.
    pub struct UseAction {
        /// `NAME` for fixtures/actions/NAME.action.yaml, or a path that begins with `./`.
        file: Place,
        /// Values for its parameters.
        with: Option<Entries<Node>>,
    }
}

record! {
    /// Evidence to write: paths of files.
    pub struct ExportAction {
        /// The directory's records, as JSON.
        directory: Option<Tpl<String>>,
        /// The journal, as JSON lines.
        journal: Option<Tpl<String>>,
        /// The exchanges, as HAR.
        har: Option<Tpl<String>>,
        /// What the tools printed.
        transcript: Option<Tpl<String>>,
    }
}

/// The name of another file, and where it is named. References are not replaced in it.
#[derive(Clone, Debug)]
pub struct Place {
    /// The name as it is written.
    pub name: String,
    /// Where it is written.
    pub at: Span,
}

impl FromNode for Place {
    fn from_node(node: &Node, findings: &mut Vec<Finding>) -> Option<Self> {
        String::from_node(node, findings).map(|name| Self { name, at: node.at.clone() })
    }
}

impl JsonSchema for Place {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "file".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}
