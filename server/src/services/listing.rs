//! A page of devices as every service may see it: without the records that faults keep back.

use std::sync::Arc;

use linarite_core::refusal::QueryRefusal;

use super::call::Call;
use crate::directory::{DeviceQuery, DirectoryError, Filter, Page, Test};

/// A page of devices; whether rows had to be looked at one by one is noted.
pub async fn devices(
    call: &Call,
    mut query: DeviceQuery,
) -> Result<Result<Arc<Page>, QueryRefusal>, DirectoryError> {
    hold_back(call, &mut query).await?;
    let page = call.world.directory.shown_devices(query).await?;
    if page.as_ref().is_ok_and(|page| page.scanned) {
        call.note("scan", true);
    }
    Ok(page)
}

/// Leaves out the records that faults keep back; the strike is noted when there are such among what is asked for.
async fn hold_back(call: &Call, query: &mut DeviceQuery) -> Result<(), DirectoryError> {
    let unseen = call.world.faults.unseen_records(call.now());
    let Some((fault, _)) = unseen.first().cloned() else { return Ok(()) };
    let held = Filter::Is(Test::DeviceIdIn(unseen.into_iter().map(|(_, id)| id).collect()));
    let asked: Vec<Filter> = query.filter.take().into_iter().collect();
    let and = |other: Filter| Some(Filter::All(asked.iter().cloned().chain([other]).collect()));
    let hidden = DeviceQuery {
        filter: and(held.clone()),
        owner: query.owner,
        top: 1,
        ..DeviceQuery::default()
    };
    let found = call.world.directory.list_devices(hidden).await?;
    if found.is_ok_and(|page| !page.items.is_empty()) {
        call.note("fault", fault);
    }
    query.filter = and(Filter::Not(Box::new(held)));
    Ok(())
}
