//! `linarite client`: the emulated Windows client by hand, against a world that `serve` or `exec` holds.
//!
//! A machine's state is kept in `.linarite/machines/NAME.json` between commands, private key numbers included (the keys
//! are public test keys).

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand, ValueEnum};
use linarite_server::entropy::Entropy;
use linarite_windows::msol::{self, Cmdlet, Credential};
use linarite_windows::{
    Flow, Join, Layout, Machine, MachineSpec, MachineState, Os, Outcome, Register, TokenRequest,
    Wire,
};

use super::{Exit, environment, output, stage};
use crate::room::{RealClock, SeededChance, wire};

#[derive(Debug, Args)]
pub(crate) struct Client {
    /// The machine; made when it is not known yet
    #[arg(long, default_value = "PC-1", value_name = "NAME", global = true)]
    machine: String,
    /// Operating system of a new machine; windows-10 when not given
    #[arg(long, value_name = "OS", global = true)]
    os: Option<Os>,
    /// The Windows user who acts
    #[arg(long, value_name = "NAME", global = true)]
    windows_user: Option<String>,
    /// The Active Directory domain it belongs to, when it is new
    #[arg(long, value_name = "NAME", global = true)]
    domain: Option<String>,
    /// The layout of its dsregcmd /status, when it is new: modern or 2017
    #[arg(long, value_name = "LAYOUT", global = true, default_value_t = Layout::Modern)]
    layout: Layout,
    /// The proxy of the emulated world; `LINARITE_PROXY` when not given
    #[arg(long, value_name = "URL", global = true)]
    proxy: Option<String>,
    /// The certificate of its CA; `LINARITE_CA`, or that of this user, when not given
    #[arg(long, value_name = "FILE", global = true)]
    ca: Option<PathBuf>,
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Args)]
struct Account {
    /// User name
    #[arg(long)]
    user: String,
    /// Password
    #[arg(long)]
    password: String,
}

/// A device cmdlet, as an administrator types it.
#[derive(Debug, Args)]
struct CmdletLine {
    #[command(flatten)]
    account: Account,
    /// The cmdlet's parameters, such as `-All` or `-DeviceId GUID -Force`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "PARAMETER")]
    parameters: Vec<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FlowArgument {
    Prt,
    Password,
    RefreshToken,
    AuthCode,
    WsTrust,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Join the machine to the cloud directory
    Join(Account),
    /// Add Work or School Account: register for one Windows user
    AddAccount(Account),
    /// Remove the work accounts of a Windows user
    RemoveAccount,
    /// Leave: delete the record and forget the join
    Leave,
    /// Sign in at the lock screen
    SignIn(Account),
    /// End the session
    SignOut,
    /// Reinstall the machine under the same name; the directory is not told
    Wipe,
    /// Get an access token and print it
    Token {
        /// The resource
        #[arg(long)]
        resource: String,
        /// The client: an id or a known name
        #[arg(long, default_value = "office")]
        client: String,
        /// How
        #[arg(long, value_enum, default_value = "prt")]
        flow: FlowArgument,
        /// User name, for flows that type one
        #[arg(long)]
        user: Option<String>,
        /// Password, for flows that type one
        #[arg(long)]
        password: Option<String>,
    },
    /// The dsregcmd tool: /status, /join, /leave, /forcerecovery, /debug
    Dsregcmd {
        /// Its arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// The autoworkplace tool of a down-level Windows: /i, /j, /l
    Autoworkplace {
        /// The domain user it runs for
        #[arg(long)]
        user: Option<String>,
        /// Its arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Get-MsolDevice: list device records, by no machine
    #[command(name = "get-msoldevice")]
    GetMsolDevice(CmdletLine),
    /// Enable-MsolDevice
    #[command(name = "enable-msoldevice")]
    EnableMsolDevice(CmdletLine),
    /// Disable-MsolDevice
    #[command(name = "disable-msoldevice")]
    DisableMsolDevice(CmdletLine),
    /// Remove-MsolDevice
    #[command(name = "remove-msoldevice")]
    RemoveMsolDevice(CmdletLine),
}

impl Act {
    /// The cmdlet, for an act that is one.
    const fn cmdlet(&self) -> Option<(Cmdlet, &CmdletLine)> {
        match self {
            Self::GetMsolDevice(line) => Some((Cmdlet::Get, line)),
            Self::EnableMsolDevice(line) => Some((Cmdlet::Enable, line)),
            Self::DisableMsolDevice(line) => Some((Cmdlet::Disable, line)),
            Self::RemoveMsolDevice(line) => Some((Cmdlet::Remove, line)),
            Self::Join(_)
            | Self::AddAccount(_)
            | Self::RemoveAccount
            | Self::Leave
            | Self::SignIn(_)
            | Self::SignOut
            | Self::Wipe
            | Self::Token { .. }
            | Self::Dsregcmd { .. }
            | Self::Autoworkplace { .. } => None,
        }
    }
}

pub(crate) async fn run(arguments: Client) -> Exit {
    match act(arguments).await {
        Ok(outcome) => {
            output::text(&outcome.output);
            if let Some(hresult) = outcome.hresult.filter(|_| outcome.exit != 0) {
                output::note(&format!("0x{hresult:08x}"));
            }
            if outcome.exit == 0 { Exit::Passed } else { Exit::Failed }
        }
        Err(problem) => {
            output::problem(&problem);
            Exit::Environment
        }
    }
}

async fn act(arguments: Client) -> Result<Outcome, String> {
    let wire = reach(&arguments)?;
    if let Some((cmdlet, line)) = arguments.act.cmdlet() {
        let Account { user, password } = &line.account;
        let credential = Credential { upn: user.clone(), password: password.clone() };
        return Ok(msol::run(&wire, &credential, cmdlet, &line.parameters).await);
    }
    let file = PathBuf::from(".linarite/machines")
        .join(format!("{}.json", file_name(&arguments.machine)?));
    let mut machine = load(&file, &arguments, &wire)?;
    let who = arguments.windows_user.as_deref();
    let outcome = match arguments.act {
        Act::Join(Account { user, password }) => {
            let join = Join {
                windows_user: arguments.windows_user.clone(),
                upn: user,
                password,
                ..Join::default()
            };
            machine.join(&wire, &join).await
        }
        Act::AddAccount(Account { user, password }) => {
            let register = Register {
                windows_user: arguments.windows_user.clone(),
                upn: user,
                password,
                ..Register::default()
            };
            machine.register(&wire, &register).await
        }
        Act::RemoveAccount => machine.remove_account(&wire, who, None).await,
        Act::Leave => machine.leave(&wire).await,
        Act::SignIn(Account { user, password }) => {
            machine.sign_in(&wire, who, &user, &password).await
        }
        Act::SignOut => machine.sign_out(who),
        Act::Wipe => machine.wipe(&wire, true),
        Act::Token { resource, client, flow, user, password } => {
            let request = TokenRequest {
                client,
                resource: Some(resource),
                flow: match flow {
                    FlowArgument::Prt => Flow::Prt,
                    FlowArgument::Password => Flow::Password,
                    FlowArgument::RefreshToken => Flow::RefreshToken,
                    FlowArgument::AuthCode => Flow::AuthCode,
                    FlowArgument::WsTrust => Flow::WsTrust,
                },
                windows_user: arguments.windows_user.clone(),
                upn: user,
                password,
                ..TokenRequest::default()
            };
            let mut outcome = machine.token(&wire, &request).await;
            if let Some(tokens) = &outcome.tokens {
                outcome.output = format!("{}\n", tokens.access_token);
            }
            outcome
        }
        // The person at this command line is taken for an administrator in an elevated window.
        Act::Dsregcmd { arguments } => {
            machine.dsregcmd(&wire, &arguments.join(" "), true, who).await
        }
        Act::Autoworkplace { user, arguments } => {
            machine.autoworkplace(&wire, &arguments.join(" "), who, user.as_deref()).await
        }
        Act::GetMsolDevice(_)
        | Act::EnableMsolDevice(_)
        | Act::DisableMsolDevice(_)
        | Act::RemoveMsolDevice(_) => Outcome::default(),
    };
    save(&file, &machine)?;
    Ok(outcome)
}

/// A name that is one file name and nothing else.
fn file_name(machine: &str) -> Result<&str, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !machine.is_empty() && machine.len() <= 63 && machine.chars().all(plain) {
        Ok(machine)
    } else {
        Err(format!("`{machine}` is no computer name: letters, digits and dashes, at most 63"))
    }
}

fn reach(arguments: &Client) -> Result<Wire, String> {
    let proxy = arguments.proxy.clone().or_else(|| environment::variable("LINARITE_PROXY"));
    let proxy = proxy.ok_or_else(|| {
        "where is the world? Give --proxy URL, or paste here what `linarite serve` printed"
            .to_owned()
    })?;
    let file =
        arguments.ca.clone().or_else(|| environment::variable("LINARITE_CA").map(PathBuf::from));
    let pem = match file {
        Some(file) => std::fs::read_to_string(&file)
            .map_err(|error| format!("the CA {}: {error}", file.display()))?,
        None => stage::tls()?.ca_pem().to_owned(),
    };
    let chance = SeededChance::new(Entropy::fresh_seed());
    wire(&proxy, &pem, Arc::new(RealClock), Arc::new(chance)).map_err(|error| error.to_string())
}

fn load(file: &PathBuf, arguments: &Client, wire: &Wire) -> Result<Machine, String> {
    match std::fs::read_to_string(file) {
        Ok(text) => {
            let state: MachineState = serde_json::from_str(&text).map_err(|error| {
                format!(
                    "the machine in {} cannot be read: {error}; delete the file to start anew",
                    file.display()
                )
            })?;
            let machine = Machine::restore(state, wire);
            let spec = machine.spec();
            let other_os = arguments.os.is_some_and(|os| os != spec.os);
            let domain = arguments.domain.as_ref();
            let other_domain = domain.is_some_and(|domain| Some(domain) != spec.domain.as_ref());
            if other_os || other_domain {
                return Err(format!(
                    "`{}` is known already, with {}{}: --os and --domain are for a new machine; delete {} to start anew",
                    arguments.machine,
                    spec.os.key(),
                    spec.domain.as_ref().map_or_else(String::new, |domain| format!(" in {domain}")),
                    file.display()
                ));
            }
            Ok(machine)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Ok(Machine::new(MachineSpec {
                key: arguments.machine.to_lowercase(),
                name: arguments.machine.clone(),
                os: arguments.os.unwrap_or_default(),
                windows_users: arguments.windows_user.iter().cloned().collect(),
                domain: arguments.domain.clone(),
                layout: arguments.layout,
                ..MachineSpec::default()
            }))
        }
        Err(error) => Err(format!("{}: {error}", file.display())),
    }
}

fn save(file: &std::path::Path, machine: &Machine) -> Result<(), String> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).map_err(|error| told(&error))?;
    }
    let text = serde_json::to_string_pretty(&machine.snapshot()).map_err(|error| told(&error))?;
    let fresh = file.with_extension("json.new");
    std::fs::write(&fresh, text).map_err(|error| told(&error))?;
    std::fs::rename(&fresh, file).map_err(|error| told(&error))
}
