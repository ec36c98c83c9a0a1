//! The machines of one instance, the domains on premises that they belong to, and what recurs there.
//!
//! Left out: what they do, which is `act`'s.

use std::collections::BTreeMap;

use linarite_server::clock::Instant;
use linarite_server::due::DueList;
use linarite_windows::{DomainPolicy, Layout, Machine, MachineSpec, Os, Tpm};

use super::stage::StageError;
use crate::scenario::Scenario;
use crate::scenario::expr::Scope;
use crate::scenario::model;

/// The emulated computers of a world.
pub(super) fn machines(
    scenario: &Scenario,
    scope: &dyn Scope,
) -> Result<BTreeMap<String, Machine>, StageError> {
    let mut machines = BTreeMap::new();
    for (key, machine) in scenario.world.machines.iter() {
        let text = |tpl: &Option<crate::scenario::decode::Tpl<String>>| {
            tpl.as_ref().map(|tpl| tpl.resolve(scope)).transpose()
        };
        let spec = MachineSpec {
            key: key.to_owned(),
            name: text(&machine.name)?.unwrap_or_else(|| key.to_uppercase()),
            os: match machine.os {
                Some(model::Os::Windows11) => Os::Windows11,
                Some(model::Os::Windows7) => Os::Windows7,
                Some(model::Os::Windows81) => Os::Windows81,
                Some(model::Os::Linux) => Os::Linux,
                Some(model::Os::Windows10) | None => Os::Windows10,
            },
            os_version: text(&machine.os_version)?,
            windows_users: machine
                .windows_users
                .iter()
                .flatten()
                .map(|name| name.resolve(scope))
                .collect::<Result<_, _>>()?,
            builtin_administrator: match &machine.builtin_administrator {
                Some(flag) => flag.resolve(scope)?,
                None => false,
            },
            domain: text(&machine.domain)?,
            layout: match machine.layout {
                Some(model::StatusLayout::Of2017) => Layout::Of2017,
                Some(model::StatusLayout::Modern) | None => Layout::Modern,
            },
            tpm: match &machine.tpm {
                Some(tpm) => chip(tpm.resolve(scope)?),
                None => Tpm::None,
            },
            block_work_accounts: match &machine.block_work_accounts {
                Some(flag) => flag.resolve(scope)?,
                None => false,
            },
        };
        let policy = spec.domain.as_deref().map(|domain| domain_policy(scenario, domain, scope));
        let targeted = text(&machine.targeted_tenant)?;
        let mut machine = Machine::new(spec);
        if let Some(policy) = policy {
            let mut policy = policy?;
            policy.tenant = targeted.or(policy.tenant);
            machine.set_domain_policy(policy);
        }
        machines.insert(key.to_owned(), machine);
    }
    Ok(machines)
}

fn chip(tpm: model::Tpm) -> Tpm {
    match tpm {
        model::Tpm::Absent => Tpm::None,
        model::Tpm::Ready => Tpm::Ready,
        model::Tpm::Fips => Tpm::Fips,
        model::Tpm::BadKeyset => Tpm::BadKeyset,
        model::Tpm::Broken => Tpm::Broken,
        model::Tpm::LockedOut => Tpm::LockedOut,
    }
}

/// What a domain on premises tells its computers.
fn domain_policy(
    scenario: &Scenario,
    domain: &str,
    scope: &dyn Scope,
) -> Result<DomainPolicy, StageError> {
    let mut all = scenario.world.active_directory.iter();
    let Some((_, written)) = all.find(|(name, _)| name.eq_ignore_ascii_case(domain)) else {
        return Ok(DomainPolicy::default());
    };
    let flag = |tpl: &Option<crate::scenario::decode::Tpl<bool>>| {
        tpl.as_ref().map_or(Ok(true), |tpl| tpl.resolve(scope))
    };
    let named = written.service_connection_point.as_ref().map(|tpl| tpl.resolve(scope));
    Ok(DomainPolicy {
        tenant: named.transpose()?.map(|name| if name == "none" { String::new() } else { name }),
        no_fallback_to_sync_join: !flag(&written.fallback_to_sync_join)?,
        no_automatic_join: !flag(&written.automatic_registration)?,
    })
}

/// What recurs in the domains on premises, as far as the file says how often.
pub(super) fn due(
    scenario: &Scenario,
    machines: &BTreeMap<String, Machine>,
    start: Instant,
    scope: &dyn Scope,
) -> Result<DueList, StageError> {
    let mut list = DueList::default();
    for (domain, written) in scenario.world.active_directory.iter() {
        if let Some(every) = &written.synchronisation_every {
            let every = super::due::every(every.resolve(scope)?.millis());
            list.put(super::due::of_domain(domain), start + every, every);
        }
        let Some(every) = &written.scheduled_task_every else { continue };
        let every = super::due::every(every.resolve(scope)?.millis());
        let own = machines.iter().filter(|(_, machine)| {
            let of = machine.spec().domain.as_deref();
            of.is_some_and(|of| of.eq_ignore_ascii_case(domain))
                && !machine.spec().os.is_down_level()
        });
        for (key, _) in own {
            list.put(super::due::of_machine(key), start + every, every);
        }
    }
    Ok(list)
}
