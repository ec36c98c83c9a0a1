//! A page of devices as every service may see it: without the records that faults keep back.

use std::sync::Arc;

use linarite_core::refusal::QueryRefusal;

use super::call::Call;
use crate::directory::{DeviceQuery, DirectoryError, Page};

/// A page of devices; whether rows had to be looked at one by one is noted, and the fault that keeps back one that would be
/// among what is asked for.
pub async fn devices(
    call: &Call,
    mut query: DeviceQuery,
) -> Result<Result<Arc<Page>, QueryRefusal>, DirectoryError> {
    let unseen = call.world.faults.unseen_records(call.now());
    let fault = unseen.first().map(|(fault, _)| fault.clone());
    query.hidden = unseen.into_iter().map(|(_, id)| id).collect();
    let page = call.world.directory.shown_devices(query).await?;
    if let Ok(page) = &page {
        if page.scanned {
            call.note("scan", true);
        }
        if let Some(fault) = fault.filter(|_| page.hidden > 0) {
            call.note("fault", fault);
        }
    }
    Ok(page)
}
