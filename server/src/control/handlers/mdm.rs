//! Settings of device management.

use linarite_core::management::{Mdm, Scope, Terms};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Answer, ok};
use crate::control::body::{Json, Parameters, Target};
use crate::world::file::MdmFile;
use crate::world::mdm_settings::short;

/// The settings, with the words of world files. Users are named by their object ids.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Mdm")]
pub(in crate::control) struct MdmView {
    /// `none`, `some` or `all`.
    scope: String,
    users: Vec<String>,
    /// Users without a licence.
    unlicensed: Vec<String>,
    /// `shown`, `absent` or `unreachable`.
    terms_of_use: String,
    device_cap: u32,
    windows_blocked: bool,
    /// What the service says to everyone; null for nothing.
    refuses: Option<String>,
}

impl From<&Mdm> for MdmView {
    fn from(mdm: &Mdm) -> Self {
        let (scope, users) = match &mdm.scope {
            Scope::None => ("none", Vec::new()),
            Scope::Some(users) => ("some", users.iter().map(ToString::to_string).collect()),
            Scope::All => ("all", Vec::new()),
        };
        let terms = match mdm.terms {
            Terms::Shown => "shown",
            Terms::Absent => "absent",
            Terms::Unreachable => "unreachable",
        };
        Self {
            scope: scope.to_owned(),
            users,
            unlicensed: mdm.unlicensed.iter().map(ToString::to_string).collect(),
            terms_of_use: terms.to_owned(),
            device_cap: mdm.device_cap,
            windows_blocked: mdm.windows_blocked,
            refuses: mdm.refuses.map(|refusal| short(refusal).to_owned()),
        }
    }
}

/// `GET /worlds/{world}/mdm`
pub(in crate::control) async fn get(target: Target, parameters: Parameters) -> Answer {
    parameters.finish(&[])?;
    Ok(ok(&MdmView::from(&*target.seat.world.mdm())))
}

/// `POST /worlds/{world}/mdm`
pub(in crate::control) async fn set(target: Target, Json(body): Json<MdmFile>) -> Answer {
    Ok(ok(&MdmView::from(&*target.admin().set_mdm(&body).await?)))
}
