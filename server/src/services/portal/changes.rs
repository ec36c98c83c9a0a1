//! Enabling, disabling and deleting a device from its page.

use linarite_core::access::{DeviceChange, may_change};

use super::page::Refused;
use super::sign_in::see_other;
use super::{RESOURCE, panes, session};
use crate::directory::DeviceEdit;
use crate::services::call::Call;
use crate::services::change::{Change, carry_out};
use crate::services::reply::Reply;
use crate::services::token::deny;

/// `POST /devices/{id}/{enable|disable|delete}`.
pub(super) async fn change(call: &Call, id: &str, act: &str) -> Result<Reply, Refused> {
    let enabled =
        |enabled| Change::Update(DeviceEdit { enabled: Some(enabled), ..DeviceEdit::default() });
    let record = format!("/devices/{id}");
    let (change, needed, back) = match act {
        "enable" => (enabled(true), DeviceChange::Update, record),
        "disable" => (enabled(false), DeviceChange::Update, record),
        "delete" => (Change::Delete, DeviceChange::Delete, "/".to_owned()),
        _ => {
            let named = format!("{} {}", call.method, call.path);
            return Err(Refused::new("endpoint-unknown", named));
        }
    };
    call.note("operation", change.operation());
    call.note("target", id);
    let (visitor, form) = session::posting(call)?;
    if let Err(refusal) = may_change(&visitor.user, needed) {
        deny(call, RESOURCE, refusal);
        return Err(Refused::new("role-missing", format!("{act} a device")));
    }
    let sure = form.iter().any(|(name, value)| name == "sure" && value == "yes");
    if change == Change::Delete && !sure {
        let text = "To delete a device, tick the box that says what that means.";
        return Err(Refused::new("form-malformed", text));
    }
    let device = panes::find(call, id)?;
    carry_out(call, RESOURCE, &device, change)
        .await?
        .map_err(|_| Refused::new("object-not-found", id))?;
    Ok(see_other(&call.url(&call.link.host, &back)))
}
