//! A synchronisation cycle of a domain on premises, one computer at a time (device registration notes, section 19).
//!
//! A record that was deleted in the cloud comes back with the next cycle, pending and under its old id (FAQ A9); one that
//! was disabled in the cloud alone is enabled. Left out: deletions on premises.

use linarite_core::device::{Device, KnownDevice};
use linarite_core::instant::Instant;
use linarite_core::registration::{Computer, Synced, synchronised};

use super::devices::{draw_ids, known};
use super::{Directory, DirectoryError, rows};

impl Directory {
    /// Brings a computer of the domain, or what has changed of it.
    pub async fn synchronise(
        &self,
        computer: Computer,
        seed: u64,
        now: Instant,
    ) -> Result<(Device, Synced), DirectoryError> {
        self.store
            .write(move |c| {
                let (record, grave) = match known(c, computer.device_id)? {
                    Some(KnownDevice::Present(device)) => (Some(device), None),
                    Some(KnownDevice::Deleted(grave)) => (None, Some(grave.standing.epoch)),
                    None => (None, None),
                };
                let object_id = match &record {
                    Some(device) => device.object_id,
                    None => draw_ids(c, seed)?.0,
                };
                let (device, synced) = synchronised(record, computer, grave, object_id, now);
                if synced != Synced::Unchanged {
                    rows::put_device(c, &device)?;
                }
                if synced == Synced::Created {
                    rows::count_device(c, &device, 1)?;
                }
                Ok((device, synced))
            })
            .await
    }
}
