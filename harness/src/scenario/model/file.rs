//! Whole files: scenarios (and labs), worlds as far as the harness reads them, action files.

use crate::scenario::decode::{Entries, Several, Tpl, record, words};
use crate::scenario::node::Node;
use crate::scenario::time::Dur;

use linarite_server::faults::Fault;

use super::{Expect, Step};

record! {
    /// A scenario file, `NAME.scenario.yaml` or `NAME.lab.yaml`.
    pub struct ScenarioFile {
        /// The version of the format: 1.
        #[schemars(extend("const" = 1))]
        linarite: Node,
        /// The stable identity of the scenario, words joined by dots, such as `faq.revoke-latency`.
        id: String,
        /// What it shows, in one line. May use `$(row.x)`.
        title: Option<Tpl<String>>,
        /// What it shows, at length, in Markdown.
        doc: Option<String>,
        /// The FAQ cases that it proves, such as A16.
        faq: Option<Vec<String>>,
        /// Words to select scenarios by.
        tags: Option<Vec<String>>,
        /// What must be there on this machine, such as `exe:python3` or `py:msal`; else it is skipped. May use `$(row.x)`;
        /// an empty text is no need.
        needs: Option<Vec<Tpl<String>>>,
        /// The seed of the world; without it one is derived from the run's seed, the id and the row.
        seed: Option<u64>,
        /// How much real time the whole scenario may take. Default 60s.
        timeout: Option<Tpl<Dur>>,
        /// The world it plays in: `use: NAME` and what is different in this one.
        #[schemars(with = "Option<WorldKeys>")]
        world: Option<Node>,
        /// Constants, for `$(NAME)`.
        vars: Option<Entries<Node>>,
        /// The names of vars that never show in reports.
        secrets: Option<Vec<String>>,
        /// Files to write into `$(work)` before the first step: path and content.
        files: Option<Entries<Tpl<String>>>,
        /// One run per row; `$(row.x)` is a value of the row, `case` names it.
        table: Option<Vec<Entries<Node>>>,
        /// One run per combination of the axes, each a list of values, and of the rows of the table when there is one.
        /// `exclude` takes combinations out, `include` adds values to them, or rows.
        matrix: Option<Entries<Vec<Node>>>,
        /// Faults by id: which exchanges, when, and one effect. Steps start and stop them.
        #[schemars(with = "Option<std::collections::BTreeMap<String, Fault>>")]
        faults: Option<Entries<Node>>,
        /// What is done and expected, in order.
        #[schemars(required)]
        steps: Option<Vec<Step>>,
        /// What is done at the end in any case.
        always: Option<Vec<Step>>,
        /// What must hold after each step and each move of the clock.
        invariants: Option<Several<Expect>>,
        /// An expected failure.
        xfail: Option<ExpectedFailure>,
        /// The training lab. Not emulated yet.
        lab: Option<Node>,
        /// Run only this one, and others that say so too. An error where `CI` is set.
        only: Option<bool>,
        /// Run nothing beside it. Not emulated yet.
        serial: Option<bool>,
        /// Names of things that only one scenario may use at a time. Not emulated yet.
        locks: Option<Vec<String>>,
    }
}

record! {
    /// Why a scenario fails for now, so that its failure does not hide others.
    pub struct ExpectedFailure {
        /// Why.
        because: String,
        /// Where it is followed up: a number or an address.
        issue: Option<String>,
        /// Whether it is a failure when it passes after all. Default true.
        strict: Option<bool>,
        /// The ids of the steps that may fail. Any step of the body when they are left out.
        steps: Option<Vec<String>>,
    }
}

record! {
    /// An action file, `NAME.action.yaml`: steps with parameters.
    pub struct ActionFile {
        /// The version of the format: 1.
        #[schemars(extend("const" = 1))]
        linarite: Node,
        /// What it does.
        doc: Option<String>,
        /// The parameters: a list of names, or a map from name to default value.
        params: Option<Node>,
        /// What is done.
        steps: Vec<Step>,
        /// The captures that the caller sees.
        returns: Option<Vec<String>>,
    }
}

record! {
    /// A world: what `use` names, and what is different. `null` removes an entry.
    pub struct WorldKeys {
        /// `NAME` for fixtures/worlds/NAME.world.yaml, or a path that begins with `./`.
        use_ as "use": Option<String>,
        /// What it is for, in Markdown.
        doc: Option<String>,
        /// The tenant: name, id, domains, `device_quota`, `may_join`, mdm.
        tenant: Option<Node>,
        /// Users by id: upn, name, password and so on.
        users: Option<Entries<Node>>,
        /// Emulated client computers by id.
        machines: Option<Entries<Machine>>,
        /// Records that are in the directory already, by id: name, os, trust, owner, enabled.
        devices: Option<Entries<Node>>,
        /// Applications by id: `app_id`, resource, secret, redirect.
        apps: Option<Entries<Node>>,
        /// Policies of conditional access; appended to those of the world used.
        policies: Option<Node>,
        /// Federation servers, by federated domain: endpoints that are off, issuer, lifetime, clock.
        federation: Option<Node>,
        /// What domains on premises tell their computers about automatic registration, by the name of the domain.
        active_directory: Option<Entries<DomainPolicy>>,
        /// Device management of its own. Not emulated yet: use the tenant's `mdm`.
        mdm: Option<Node>,
        /// Lifetimes and latencies: `access_token_lifetime`, revoke and so on.
        settings: Option<Node>,
        /// The clock.
        clock: Option<WorldClock>,
        /// Who shares the world.
        share: Option<Share>,
    }
}

record! {
    /// What a domain on premises tells its computers about automatic registration.
    pub struct DomainPolicy {
        /// The verified domain that its service connection point names, or `none` for a domain without one. Default the
        /// domain itself.
        service_connection_point: Option<Tpl<String>>,
        /// Whether a federated join that fails is tried again by way of synchronisation. Default true.
        fallback_to_sync_join: Option<Tpl<bool>>,
        /// Whether computers register by themselves. Default true.
        automatic_registration: Option<Tpl<bool>>,
        /// How often its computers are synchronised to the cloud as the clock moves, usually 30m. Default only by
        /// `admin: dirsync`.
        synchronisation_every: Option<Tpl<Dur>>,
        /// How often the scheduled task of its computers runs as the clock moves, usually 1h; at a sign-in it always does.
        /// Default only then.
        scheduled_task_every: Option<Tpl<Dur>>,
    }
}

record! {
    /// An emulated client computer.
    pub struct Machine {
        /// Its name, such as PC-1.
        name: Option<Tpl<String>>,
        /// Its operating system. Default windows-10.
        os: Option<Os>,
        /// A version other than the usual one of the operating system.
        os_version: Option<Tpl<String>>,
        /// The Active Directory domain it belongs to.
        domain: Option<Tpl<String>>,
        /// The tenant that its registry names for a targeted rollout, by a verified domain, in place of the service
        /// connection point of its domain.
        targeted_tenant: Option<Tpl<String>>,
        /// The layout of its dsregcmd /status. Default modern.
        layout: Option<StatusLayout>,
        /// The local Windows users.
        windows_users: Option<Vec<Tpl<String>>>,
        /// Whether the built-in Administrator is the one who works on it.
        builtin_administrator: Option<Tpl<bool>>,
        /// Whether its policy `BlockAADWorkplaceJoin` keeps users from adding work or school accounts. Default false.
        block_work_accounts: Option<Tpl<bool>>,
        /// The chip with its keys. Default none.
        tpm: Option<Tpl<Tpm>>,
        /// Whose it is.
        owner: Option<Tpl<String>>,
        /// The state it starts in. Not emulated yet.
        state: Option<Node>,
    }
}

words! {
    /// The layout of dsregcmd /status.
    pub enum StatusLayout {
        /// As Windows prints since 1803.
        Modern = "modern",
        /// As Windows printed in 2017.
        Of2017 = "2017",
    }
}

words! {
    /// The chip with the keys of a machine, and how it fails.
    pub enum Tpm {
        /// None: keys are kept in software.
        Absent = "none",
        /// One that works.
        Ready = "ready",
        /// One of version 1.2 in FIPS mode.
        Fips = "fips",
        /// One whose keys went with the image that the machine was installed from.
        BadKeyset = "bad-keyset",
        /// One that fails without saying why.
        Broken = "broken",
        /// One that is locked out.
        LockedOut = "locked-out",
    }
}

words! {
    /// The operating system of a machine.
    pub enum Os {
        /// Windows 10.
        Windows10 = "windows-10",
        /// Windows 11.
        Windows11 = "windows-11",
        /// Windows 7.
        Windows7 = "windows-7",
        /// Windows 8.1.
        Windows81 = "windows-8.1",
        /// Linux. Not emulated yet.
        Linux = "linux",
    }
}

record! {
    /// The clock of a world.
    pub struct WorldClock {
        /// When the world starts: RFC 3339 or `now`. Scenarios start at 2026-03-02T09:00:00Z.
        start: Option<Tpl<String>>,
        /// Whether time stands still between `clock:` steps. Default manual.
        mode: Option<ClockMode>,
        /// How fast time goes in mode `follow`. Not emulated yet.
        rate: Option<Node>,
    }
}

words! {
    /// How a world's time goes on.
    pub enum ClockMode {
        /// It stands still except in `clock:` steps.
        Manual = "manual",
        /// It goes on like real time.
        Follow = "follow",
    }
}

words! {
    /// Who shares a world.
    pub enum Share {
        /// Each row has its own.
        Scenario = "scenario",
        /// All rows of a file. Not emulated yet.
        File = "file",
        /// All scenarios of a run. Not emulated yet.
        Run = "run",
    }
}
