//! `admin: dirsync`: one synchronisation cycle of the domain on premises, as Azure AD Connect runs it (section 19 of the
//! device registration notes), and the cycles that recur.
//!
//! A computer that wrote its certificate to its account gets a record with trust `ServerAd`, pending until the computer
//! claims it; a deleted record comes back so, too. A record follows the name and the certificate of its computer, and is
//! enabled when it was disabled in the cloud alone. A computer whose account has no certificate yet is passed over. Left
//! out: deletions on premises, users and groups.

use linarite_server::control::admin::{Admin, AdminError, SyncedComputer};
use linarite_windows::Machine;

use super::stage::Stage;
use crate::scenario::Finding;
use crate::scenario::model::Dirsync;

/// Runs a cycle. The first record that cannot be made ends it.
pub(super) async fn cycle(
    stage: &Stage,
    action: &Dirsync,
) -> Result<Result<(), AdminError>, Box<Finding>> {
    let mut scope: Vec<String> = Vec::new();
    for name in action.machines.iter().flatten() {
        let key = name.resolve(stage)?;
        if !stage.machines.contains_key(&key) {
            let title = format!("no machine is called `{key}`");
            return Err(Box::new(Finding::error("scn::unknown-machine", name.at.clone(), title)));
        }
        scope.push(key);
    }
    let in_scope = |key: &str| action.machines.is_none() || scope.iter().any(|own| own == key);
    let machines = stage.machines.iter().filter(|(key, _)| in_scope(key));
    Ok(bring(stage, machines.map(|(_, machine)| machine)).await)
}

/// Runs a cycle of one domain.
pub(super) async fn of_domain(stage: &Stage, domain: &str) -> Result<(), AdminError> {
    let own = |machine: &&Machine| {
        let of = machine.spec().domain.as_deref();
        of.is_some_and(|of| of.eq_ignore_ascii_case(domain))
    };
    bring(stage, stage.machines.values().filter(own)).await
}

async fn bring(stage: &Stage, machines: impl Iterator<Item = &Machine>) -> Result<(), AdminError> {
    let connect = Admin::new(stage.world(), "dirsync");
    for machine in machines {
        let Some(computer) = machine.computer_object() else { continue };
        let synced = SyncedComputer {
            name: computer.name,
            os: machine.spec().os.key().to_owned(),
            object_guid: computer.object_guid,
            sid: computer.sid,
            certificate: computer.certificate_der,
        };
        connect.synchronise(synced).await?;
    }
    Ok(())
}
