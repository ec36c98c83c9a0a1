//! Device management: changing its settings while the world runs (FAQ A26).

use std::sync::Arc;

use linarite_core::management::Mdm;

use super::{Admin, AdminError};
use crate::world::file::MdmFile;
use crate::world::mdm_settings::apply;

impl Admin<'_> {
    /// Puts these settings in the place of all that was said before, but for the licences of users. They count from the
    /// next enrolment on.
    pub async fn set_mdm(&self, file: &MdmFile) -> Result<Arc<Mdm>, AdminError> {
        let world = self.world();
        let find = |name: &str| self.user(name).ok().map(|(_, user)| user.id);
        let problems = apply(&mut Mdm::clone(&world.mdm()), file, find);
        if !problems.is_empty() {
            let told = problems.iter().map(|(pointer, message)| {
                format!("{}: {message}", pointer.trim_start_matches('/').replace('/', "."))
            });
            return Err(AdminError::Invalid(format!(
                "mdm {}",
                told.collect::<Vec<_>>().join("; ")
            )));
        }
        let ids = file.users.iter().filter_map(|name| find(name)).map(|id| id.to_string());
        world.set_mdm(&MdmFile { users: ids.collect(), ..file.clone() }).await?;
        let told = serde_json::to_value(file).unwrap_or_default();
        self.journal("set_mdm", &world.tenant.name, vec![("mdm", told.clone())]);
        self.changed("set", "mdm", vec![("mdm", told)]);
        Ok(world.mdm())
    }
}
