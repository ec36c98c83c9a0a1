//! `admin: dirsync`: one synchronisation cycle of the domain on premises, as Azure AD Connect runs it (section 19 of the
//! device registration notes).
//!
//! A computer that wrote its certificate to its account gets a record with trust `ServerAd`, pending until the computer
//! claims it. One that has a record already is passed over, and so is one whose account has no certificate yet. Left out:
//! changes and deletions on premises, users and groups.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use linarite_server::control::admin::{Admin, AdminError, CreateDevice, Trust};

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
    let connect = Admin::new(stage.world(), "dirsync");
    let in_scope = |key: &String| action.machines.is_none() || scope.contains(key);
    let machines = stage.machines.iter().filter(|(key, _)| in_scope(key));
    for (_, machine) in machines {
        let Some(computer) = machine.computer_object() else { continue };
        match connect.device(&computer.object_guid).await {
            Ok(_) => continue,
            Err(AdminError::DeviceUnknown(_)) => {}
            Err(error) => return Ok(Err(error)),
        }
        let new = CreateDevice {
            name: computer.name,
            os: machine.spec().os.key().to_owned(),
            trust: Trust::ServerAd,
            owner: None,
            device_id: Some(computer.object_guid),
            sid: Some(computer.sid),
            certificate: Some(STANDARD.encode(computer.certificate_der)),
        };
        if let Err(error) = connect.create_device(new).await {
            return Ok(Err(error));
        }
    }
    Ok(Ok(()))
}
