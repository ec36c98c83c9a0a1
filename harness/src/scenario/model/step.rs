//! A step: context, one action, judgement.

use crate::scenario::decode::{Entries, Several, Tpl, record, words};
use crate::scenario::node::Node;
use crate::scenario::time::Dur;

use super::{
    AdminAction, CaptureFrom, ClockAction, Expect, ExportAction, FaultAction, HttpAction,
    JoinAction, NetworkAction, Nothing, RunAction, SignInAction, TokenAction, ToolAction,
    UseAction, WipeAction,
};

record! {
    /// A step: context, exactly one action, and what is expected of it.
    pub struct Step {
        /// A name for `repeat:` and `since:`.
        id: Option<String>,
        /// What happens, in words.
        name: Option<Tpl<String>>,
        /// Do it only when this is true.
        when: Option<Tpl<bool>>,
        /// The machine it happens on, an id of the world.
        machine: Option<Tpl<String>>,
        /// The user of the directory, an id of the world.
        user: Option<Tpl<String>>,
        /// The local Windows user.
        windows_user: Option<Tpl<String>>,
        /// With administrator's rights.
        elevated: Option<Tpl<bool>>,
        /// Do it once for each element; the element is `$(each)`.
        for_each: Option<Node>,
        /// How much real time it may take. Default 30s.
        timeout: Option<Tpl<Dur>>,

        /// The machine joins Azure AD as the user.
        join: Option<JoinAction>,
        /// Settings, Add Work or School Account, for the Windows user.
        add_account: Option<Nothing>,
        /// Settings, remove the work account of the Windows user.
        remove_account: Option<Nothing>,
        /// The machine leaves Azure AD.
        leave: Option<Nothing>,
        /// The emulated dsregcmd with these arguments, such as /status.
        dsregcmd: Option<Tpl<String>>,
        /// The emulated autoworkplace with these arguments, such as /j.
        autoworkplace: Option<Tpl<String>>,
        /// The user signs in to Windows.
        sign_in: Option<SignInAction>,
        /// The user signs out of Windows.
        sign_out: Option<Nothing>,
        /// The machine is wiped.
        wipe: Option<WipeAction>,
        /// The machine is renamed. Not emulated yet.
        rename: Option<Node>,
        /// The machine is restarted. Not emulated yet.
        restart: Option<Node>,
        /// The machine's network.
        network: Option<NetworkAction>,
        /// The built-in client asks for a token.
        token: Option<TokenAction>,
        /// A request through the proxy.
        http: Option<HttpAction>,
        /// An external command.
        run: Option<RunAction>,
        /// Another emulated tool, used by the user.
        tool: Option<ToolAction>,
        /// An administrator changes the directory.
        admin: Option<AdminAction>,
        /// The world's clock is moved.
        clock: Option<ClockAction>,
        /// A fault starts or stops, or runs as long as some steps do.
        fault: Option<FaultAction>,
        /// Expectations without an action.
        check: Option<Several<Expect>>,
        /// The action of the step with this id again.
        repeat: Option<String>,
        /// Steps in order, with the context of this one.
        sequence: Option<Vec<Step>>,
        /// Branches at the same time. Not emulated yet.
        parallel: Option<Node>,
        /// The steps of an action file.
        use_ as "use": Option<UseAction>,
        /// Evidence is written to files.
        export: Option<ExportAction>,
        /// Stops in step mode and in labs. Not emulated yet.
        pause: Option<Tpl<String>>,
        /// Text for the report. Not emulated yet.
        note: Option<Tpl<String>>,
        /// What a learner does, in a lab's solution. Not emulated yet.
        lab: Option<Node>,

        /// What must hold after the action.
        expect: Option<Several<Expect>>,
        /// Try again until it holds.
        eventually: Option<Eventually>,
        /// It must go on holding.
        consistently: Option<Consistently>,
        /// Values to keep: a name and where the value comes from.
        capture: Option<Entries<CaptureFrom>>,
    }
}

/// The keys of a step that are actions, in the order of the reference.
pub const ACTIONS: [&str; 28] = [
    "join",
    "add_account",
    "remove_account",
    "leave",
    "dsregcmd",
    "autoworkplace",
    "sign_in",
    "sign_out",
    "wipe",
    "rename",
    "restart",
    "network",
    "token",
    "http",
    "run",
    "tool",
    "admin",
    "clock",
    "fault",
    "check",
    "repeat",
    "sequence",
    "parallel",
    "use",
    "export",
    "pause",
    "note",
    "lab",
];

/// The one action of a step that this version carries out.
#[derive(Clone, Copy, Debug)]
pub enum Action<'a> {
    /// `join`
    Join(&'a JoinAction),
    /// `add_account`
    AddAccount,
    /// `remove_account`
    RemoveAccount,
    /// `leave`
    Leave,
    /// `dsregcmd`, with its arguments.
    Dsregcmd(&'a Tpl<String>),
    /// `autoworkplace`, with its arguments.
    Autoworkplace(&'a Tpl<String>),
    /// `sign_in`
    SignIn(&'a SignInAction),
    /// `sign_out`
    SignOut,
    /// `wipe`
    Wipe(&'a WipeAction),
    /// `network`
    Network(&'a NetworkAction),
    /// `token`
    Token(&'a TokenAction),
    /// `http`
    Http(&'a HttpAction),
    /// `run`
    Run(&'a RunAction),
    /// `tool`
    Tool(&'a ToolAction),
    /// `admin`
    Admin(&'a AdminAction),
    /// `clock`
    Clock(&'a ClockAction),
    /// `fault`
    Fault(&'a FaultAction),
    /// `check`
    Check(&'a [Expect]),
    /// `repeat`, with the id of a step.
    Repeat(&'a str),
    /// `sequence`
    Sequence(&'a [Step]),
    /// `use`
    Use(&'a UseAction),
    /// `export`
    Export(&'a ExportAction),
    /// One that is not emulated yet; files with such a step do not get past the lints.
    Later(&'static str),
}

impl Step {
    /// The steps inside this one.
    pub fn inner(&self) -> &[Self] {
        let of_fault = self.fault.as_ref().and_then(|fault| fault.steps.as_deref());
        self.sequence.as_deref().or(of_fault).unwrap_or_default()
    }

    /// The one action. `None` is possible only in files that did not get past the lints.
    pub fn action(&self) -> Option<Action<'_>> {
        if let Some(of) = &self.join {
            return Some(Action::Join(of));
        }
        let nothing = [
            (&self.add_account, Action::AddAccount),
            (&self.remove_account, Action::RemoveAccount),
            (&self.leave, Action::Leave),
            (&self.sign_out, Action::SignOut),
        ];
        if let Some((_, action)) = nothing.into_iter().find(|(of, _)| of.is_some()) {
            return Some(action);
        }
        let first = |of: Option<Action<'_>>| of.is_some();
        let found = [
            self.dsregcmd.as_ref().map(Action::Dsregcmd),
            self.autoworkplace.as_ref().map(Action::Autoworkplace),
            self.sign_in.as_ref().map(Action::SignIn),
            self.wipe.as_ref().map(Action::Wipe),
            self.network.as_ref().map(Action::Network),
            self.token.as_ref().map(Action::Token),
            self.http.as_ref().map(Action::Http),
            self.run.as_ref().map(Action::Run),
            self.tool.as_ref().map(Action::Tool),
            self.admin.as_ref().map(Action::Admin),
            self.clock.as_ref().map(Action::Clock),
            self.fault.as_ref().map(Action::Fault),
            self.check.as_ref().map(|of| Action::Check(&of.0)),
            self.repeat.as_deref().map(Action::Repeat),
            self.sequence.as_deref().map(Action::Sequence),
            self.use_.as_ref().map(Action::Use),
            self.export.as_ref().map(Action::Export),
        ];
        if let Some(action) = found.into_iter().find(|of| first(*of)) {
            return action;
        }
        let later = [
            (self.rename.is_some(), "rename"),
            (self.restart.is_some(), "restart"),
            (self.parallel.is_some(), "parallel"),
            (self.pause.is_some(), "pause"),
            (self.note.is_some(), "note"),
            (self.lab.is_some(), "lab"),
        ];
        later.into_iter().find(|(is, _)| *is).map(|(_, name)| Action::Later(name))
    }
}

record! {
    /// The action and its expectations are tried again until all hold.
    pub struct Eventually {
        /// How long at most.
        within: Tpl<Dur>,
        /// How long between two attempts.
        every: Option<Tpl<Dur>>,
        /// Which time: `virtual` moves the world's clock and never waits. Default virtual.
        clock: Option<WhichClock>,
        /// Expectations that end the attempts at once. Not emulated yet.
        give_up_when: Option<Node>,
    }
}

record! {
    /// The expectations are tried at 0, every, 2 x every and exactly at the end; all must hold.
    pub struct Consistently {
        /// How long.
        for_ as "for": Tpl<Dur>,
        /// How long between two attempts.
        every: Tpl<Dur>,
        /// Which time: `virtual` moves the world's clock and never waits. Default virtual.
        clock: Option<WhichClock>,
    }
}

words! {
    /// Which time passes.
    pub enum WhichClock {
        /// The time of this machine. Not emulated yet.
        Real = "real",
        /// The world's.
        Virtual = "virtual",
    }
}
