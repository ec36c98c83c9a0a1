//! `dsregcmd.exe`: `/status`, `/join` and `/leave`, with `/debug` (device-registration.md 15).
//!
//! Options are read without case, with `/` or `-`. `/join` is what the scheduled task runs: it joins machines of a domain
//! and has nothing to do on any other (exit 1, as public traces show). `/leave` wants elevation.
//! Without `/debug` both print nothing when they succeed, as on Windows.

mod automatic;
mod layout;
mod status;

use self::layout::{field_line, print};
use self::status::{device_state, sections};
use crate::hresult;
use crate::machine::Machine;
use crate::outcome::{Failure, Outcome};
use crate::wire::Wire;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Command {
    Status,
    Join,
    Leave,
}

const USAGE: &str = "\
usage: dsregcmd [/debug] /status | /join | /leave
   /status : show the state of this device and of the current user
     /join : do what the scheduled task for automatic join does
    /leave : leave the directory (needs elevation)
    /debug : trace what is done
";

/// Options that Windows knows and this client does not.
const NOT_EMULATED: [&str; 6] = [
    "status_old",
    "forcerecovery",
    "refreshprt",
    "cleanupaccounts",
    "listaccounts",
    "refreshp2pcerts",
];

/// The command and whether `/debug` was given; an error says which option is wrong.
fn parse(arguments: &str) -> Result<(Option<Command>, bool), Failure> {
    let (mut command, mut debug) = (None, false);
    for word in arguments.split_whitespace() {
        let option = word.strip_prefix(['/', '-']).unwrap_or_default().to_ascii_lowercase();
        let found = match option.as_str() {
            "status" => Command::Status,
            "join" => Command::Join,
            "leave" => Command::Leave,
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
            return Err(wrong("dsregcmd takes one of /status, /join and /leave"));
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
                let all = sections(self, wire.now_ms(), elevated, windows_user);
                Outcome::done(print(&all))
            }
            Command::Join => self.join_by_command(wire, debug, elevated).await,
            Command::Leave => self.leave_by_command(wire, debug, elevated).await,
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
        let state = device_state(self);
        let lines = state
            .fields
            .iter()
            .take(2)
            .map(|(name, value)| format!("{}\n", field_line(name, value)));
        format!("DSREGCMD_END_STATUS\n{}", lines.collect::<String>())
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
        let refused = parse("/forcerecovery").unwrap_err();
        assert!(
            refused.info.message.contains("not emulated: dsregcmd /forcerecovery"),
            "{refused:?}"
        );
    }

    proptest! {
        #[test]
        fn any_arguments_parse_without_panic(arguments in ".{0,60}") {
            drop(parse(&arguments));
        }
    }
}
