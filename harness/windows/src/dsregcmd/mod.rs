//! `dsregcmd.exe`: `/status`, `/join`, `/leave` and `/forcerecovery`, with `/debug` (device-registration.md 15).
//!
//! Options are read without case, with `/` or `-`. `/join` is what the scheduled task runs: it joins machines of a domain
//! and has nothing to do on any other (exit 1, as public traces show). `/leave` and `/forcerecovery` want elevation; the
//! latter marks the join for recovery, and the next sign-in joins again (N6 of the newer FAQ).
//! Without `/debug` they print nothing when they succeed, as on Windows.

mod automatic;
mod earlier;
mod layout;
mod names;
mod status;

pub use self::layout::{Layout, UnknownLayout};
use self::layout::{field_line, print};
pub use self::names::{FIELDS, is_field};
use self::status::sections;
use crate::hresult;
use crate::machine::Machine;
use crate::outcome::{Failure, Outcome};
use crate::wire::Wire;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Command {
    Status,
    Join,
    Leave,
    ForceRecovery,
}

const USAGE: &str = "\
usage: dsregcmd [/debug] /status | /join | /leave | /forcerecovery
          /status : show the state of this device and of the current user
            /join : do what the scheduled task for automatic join does
           /leave : leave the directory (needs elevation)
   /forcerecovery : join again at the next sign-in (needs elevation)
           /debug : trace what is done
";

/// What the modern `/status` prints last.
const REFERENCE: &str = "For more information, please visit https://www.microsoft.com/aadjerrors";

/// Options that Windows knows and this client does not.
const NOT_EMULATED: [&str; 5] =
    ["status_old", "refreshprt", "cleanupaccounts", "listaccounts", "refreshp2pcerts"];

/// The command and whether `/debug` was given; an error says which option is wrong.
fn parse(arguments: &str) -> Result<(Option<Command>, bool), Failure> {
    let (mut command, mut debug) = (None, false);
    for word in arguments.split_whitespace() {
        let option = word.strip_prefix(['/', '-']).unwrap_or_default().to_ascii_lowercase();
        let found = match option.as_str() {
            "status" => Command::Status,
            "join" => Command::Join,
            "leave" => Command::Leave,
            "forcerecovery" => Command::ForceRecovery,
            "debug" => {
                debug = true;
                continue;
            }
            "?" | "help" => return Ok((None, debug)),
            known if NOT_EMULATED.contains(&known) => {
                let message = format!("not emulated: dsregcmd /{known}");
                return Err(Failure::new(hresult::NOT_IMPLEMENTED, message));
            }
            _ => return Err(wrong(format!("dsregcmd does not know `{word}`"))),
        };
        if command.is_some_and(|command| command != found) {
            let one = "dsregcmd takes one of /status, /join, /leave and /forcerecovery";
            return Err(wrong(one));
        }
        command = Some(found);
    }
    Ok((command, debug))
}

fn wrong(message: impl Into<String>) -> Failure {
    Failure::new(hresult::INVALID_ARGUMENT, message)
}

impl Machine {
    /// Runs `dsregcmd` with its arguments as one string, such as `/debug /leave`.
    ///
    /// `windows_user` is whose session it runs in; without one, whoever is signed in.
    pub async fn dsregcmd(
        &mut self,
        wire: &Wire,
        arguments: &str,
        elevated: bool,
        windows_user: Option<&str>,
    ) -> Outcome {
        if let Some(refusal) = self.not_this_os() {
            return refusal;
        }
        let (command, debug) = match parse(arguments) {
            Ok((None, _)) => return Outcome::done(USAGE),
            Ok((Some(command), debug)) => (command, debug),
            Err(failure) => {
                let usage = if failure.hresult == hresult::INVALID_ARGUMENT { USAGE } else { "" };
                let mut outcome = Outcome::from(failure);
                outcome.output.push_str(usage);
                return outcome;
            }
        };
        let mut outcome = match command {
            Command::Status => {
                let modern = self.spec.layout == Layout::Modern;
                if modern {
                    self.ask_device_auth(wire).await;
                }
                let all = sections(self, wire.now_ms(), elevated, windows_user);
                Outcome::done(print(&all, if modern { REFERENCE } else { "" }))
            }
            Command::Join => self.join_by_command(wire, debug, elevated).await,
            Command::Leave => self.leave_by_command(wire, debug, elevated).await,
            Command::ForceRecovery => self.force_recovery(debug, elevated),
        };
        if debug {
            outcome.output = format!("dsregcmd::wmain logging initialized.\n{}", outcome.output);
            if command != Command::Status {
                outcome.output = format!("{}{}", outcome.output, self.end_status());
            }
        }
        outcome
    }

    fn end_status(&self) -> String {
        let joined = if self.memory.device.is_some() { "YES" } else { "NO" };
        let lines = [field_line("AzureAdJoined", joined), field_line("EnterpriseJoined", "NO")];
        format!("DSREGCMD_END_STATUS\n{}\n", lines.join("\n"))
    }

    async fn leave_by_command(&mut self, wire: &Wire, debug: bool, elevated: bool) -> Outcome {
        if !elevated {
            let message = "dsregcmd /leave must run elevated";
            return Failure::new(hresult::ACCESS_DENIED, message).into();
        }
        let mut outcome = self.leave(wire).await;
        if !debug {
            outcome.output.clear();
        }
        outcome
    }
}

impl Machine {
    /// Marks the join for recovery. Nothing is sent.
    fn force_recovery(&mut self, debug: bool, elevated: bool) -> Outcome {
        if !elevated {
            let message = "dsregcmd /forcerecovery must run elevated";
            return Failure::new(hresult::ACCESS_DENIED, message).into();
        }
        if self.memory.device.is_none() {
            let message = format!("{} is not joined: there is nothing to recover", self.spec.name);
            let mut outcome = Outcome::from(Failure::new(hresult::UNKNOWN, message.clone()));
            outcome.hresult = None;
            outcome.output = format!("{message}\n");
            return outcome;
        }
        self.memory.recovery = true;
        let name = &self.spec.name;
        let told = format!("{name} is marked for recovery: the next sign-in joins it again\n");
        Outcome::done(if debug { told } else { String::new() })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn options_are_read_without_case_and_with_either_mark() {
        assert_eq!(parse("/STATUS").unwrap(), (Some(Command::Status), false));
        assert_eq!(parse("-debug  /Leave").unwrap(), (Some(Command::Leave), true));
        assert_eq!(parse("/status /debug /status").unwrap(), (Some(Command::Status), true));
        assert_eq!(parse("").unwrap(), (None, false));
        assert_eq!(parse("/?").unwrap(), (None, false));
    }

    #[test]
    fn unknown_options_and_two_commands_are_told() {
        assert!(parse("status").unwrap_err().info.message.contains("does not know `status`"));
        assert!(parse("/join /leave").unwrap_err().info.message.contains("one of"));
        let refused = parse("/refreshprt").unwrap_err();
        assert!(refused.info.message.contains("not emulated: dsregcmd /refreshprt"), "{refused:?}");
    }

    proptest! {
        #[test]
        fn any_arguments_parse_without_panic(arguments in ".{0,60}") {
            drop(parse(&arguments));
        }
    }
}
