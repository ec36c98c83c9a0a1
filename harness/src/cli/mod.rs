//! The command line: one file for each subcommand.
//!
//! Exit codes are few and fixed ([`Exit`]); `exec` returns the client's own, or 125, 126, 127 when it never ran.

mod ca;
mod check;
mod client;
mod coverage;
mod docs;
mod doctor;
mod environment;
mod exec;
mod explain;
mod faults;
mod output;
mod run;
mod serve;
mod signals;
mod stage;

#[cfg(test)]
pub(crate) use environment::faketime;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What a run comes to, as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything passed; skips are allowed.
    Passed = 0,
    /// Something failed.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// A scenario, world or settings file is not valid.
    Invalid = 3,
    /// The environment does not allow it: a world that cannot start, a need that is not met, a report that cannot be written.
    Environment = 4,
    /// Nothing was selected.
    Nothing = 5,
    /// Its terminal went, and the teardown was done.
    HungUp = 129,
    /// An interrupt ended it.
    Interrupted = 130,
    /// It was asked to end, and the teardown was done.
    Terminated = 143,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An offline Azure AD device registration and directory service that misbehaves on purpose.
#[derive(Debug, Parser)]
#[command(name = "linarite", version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run scenarios
    Run(run::Run),
    /// Say what is wrong with scenario files, without running them
    Check(check::Check),
    /// Print the JSON Schema of scenario files
    Schema,
    /// Which questions of the FAQ scenarios answer, and which nothing shows
    Coverage(coverage::Coverage),
    /// Print a page of the documents that is made from what is there
    Docs(docs::Docs),
    /// What a code means, what leads to it, and which scenarios show it: linarite explain 50126
    Explain(explain::Explain),
    /// Run a client against an emulated world: linarite exec -- roadtx device -a join
    Exec(exec::Exec),
    /// Serve a world until interrupted
    Serve(serve::Serve),
    /// The faults that there are: what a client sees of each, and what they can be limited to
    Faults,
    /// Use the emulated Windows client against a served world
    Client(client::Client),
    /// The private CA: where it is, its certificate, how to trust it
    Ca(ca::Ca),
    /// What is missing on this machine and how to mend it
    Doctor(doctor::Doctor),
}

/// Runs the command.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    environment::start_logging();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::problem(&format!("the runtime does not start: {error}"));
            return Exit::Environment.into();
        }
    };
    runtime.block_on(async {
        match arguments.command {
            Command::Run(command) => run::run(command).await.into(),
            Command::Check(command) => check::check(&command).into(),
            Command::Schema => check::schema().into(),
            Command::Coverage(command) => coverage::run(&command).into(),
            Command::Docs(command) => docs::run(&command).into(),
            Command::Explain(command) => explain::run(&command).into(),
            Command::Exec(command) => exec::run(command).await,
            Command::Serve(command) => serve::run(command).await.into(),
            Command::Faults => faults::run().into(),
            Command::Client(command) => client::run(command).await.into(),
            Command::Ca(command) => ca::run(&command).into(),
            Command::Doctor(command) => doctor::run(&command).into(),
        }
    })
}
