//! `autoworkplace.exe`: `/i`, `/j` and `/l` on Windows 7 and 8.1 (device-registration.md 16; FAQ A3, A6, A10).
//!
//! Options are read without case. `/i` shows in a window whether the computer is registered for the user; here its content
//! is printed. The words are this project's own: no text of the windows is published.

use crate::hresult;
use crate::machine::Machine;
use crate::outcome::{Failure, Outcome};
use crate::wire::Wire;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Command {
    Info,
    Join,
    Leave,
}

const USAGE: &str = "\
usage: autoworkplace /i | /j | /l
   /i : show whether this computer is registered for the current user
   /j : register this computer for the current user
   /l : forget the registration of the current user
";

fn parse(arguments: &str) -> Result<Option<Command>, Failure> {
    let wrong = |message: String| Err(Failure::new(hresult::INVALID_ARGUMENT, message));
    let mut words = arguments.split_whitespace();
    let (Some(word), None) = (words.next(), words.next()) else {
        return wrong("autoworkplace takes one of /i, /j and /l".to_owned());
    };
    match word.strip_prefix(['/', '-']).unwrap_or_default().to_ascii_lowercase().as_str() {
        "i" => Ok(Some(Command::Info)),
        "j" => Ok(Some(Command::Join)),
        "l" => Ok(Some(Command::Leave)),
        "?" | "help" => Ok(None),
        _ => wrong(format!("autoworkplace does not know `{word}`")),
    }
}

impl Machine {
    /// Runs `autoworkplace` with its arguments as one string, such as `/j`, in the session of `windows_user`, of
    /// the one who uses the account `upn` here, or of whoever is signed in.
    pub async fn autoworkplace(
        &mut self,
        wire: &Wire,
        arguments: &str,
        windows_user: Option<&str>,
        upn: Option<&str>,
    ) -> Outcome {
        if !self.spec.os.is_down_level() {
            let message = format!(
                "{} runs {}: autoworkplace is a tool of windows-7 and windows-8.1; see dsregcmd",
                self.spec.key, self.spec.os
            );
            return Failure::new(hresult::FILE_NOT_FOUND, message).into();
        }
        let key = self.acting(windows_user, upn);
        match parse(arguments) {
            Err(failure) => {
                let mut outcome = Outcome::from(failure);
                outcome.output.push_str(USAGE);
                outcome
            }
            Ok(None) => Outcome::done(USAGE),
            Ok(Some(Command::Info)) => Outcome::done(self.workplace_state(&key)),
            Ok(Some(Command::Join)) => self.down_level_join(wire, &key).await,
            Ok(Some(Command::Leave)) => self.down_level_leave(&key),
        }
    }

    /// The content of the window of `/i`. No byte is sent.
    fn workplace_state(&self, key: &str) -> String {
        let accounts = self.memory.profiles.get(key).map(|profile| &profile.work_accounts);
        let Some(account) = accounts.and_then(|accounts| accounts.first()) else {
            let failed = self.memory.events.newest_of_workplace_join();
            let why = failed.map_or_else(String::new, |event| format!("{}\n", event.message));
            return format!(
                "Workplace Join\n{} is not registered for {key}.\n{why}",
                self.spec.name
            );
        };
        let registration = &account.registration;
        format!(
            "Workplace Join\n{} is registered for {}.\n{:>26} : {}\n{:>26} : {}\n",
            self.spec.name,
            registration.upn,
            "WorkplaceDeviceId",
            registration.device_id,
            "WorkplaceThumbprint",
            registration.thumbprint,
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn options_are_read_without_case_and_one_at_a_time() {
        assert_eq!(parse("/J").unwrap(), Some(Command::Join));
        assert_eq!(parse("-l").unwrap(), Some(Command::Leave));
        assert_eq!(parse(" /i ").unwrap(), Some(Command::Info));
        assert_eq!(parse("/?").unwrap(), None);
        for wrong in ["", "j", "/x", "/i /j"] {
            assert_eq!(parse(wrong).unwrap_err().hresult, hresult::INVALID_ARGUMENT, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_arguments_parse_without_panic(arguments in ".{0,40}") {
            drop(parse(&arguments));
        }
    }
}
