//! Conditional access: setting and deleting policies.

use linarite_core::conditional::Policy;

use super::{Admin, AdminError};
use crate::world::policies::{PolicyFile, policy};

impl Admin<'_> {
    /// Sets a policy: a new one, or in the place of the one with its name. It counts from the next token on; tokens that
    /// were issued before stay good for as long as they are.
    pub async fn set_policy(&self, file: &PolicyFile) -> Result<Policy, AdminError> {
        let world = self.world();
        let user = |name: &str| self.user(name).ok().map(|(_, user)| user.id);
        let app = |name: &str| world.apps.named(name);
        let policy = policy(file, world.entropy.seed(), user, app).map_err(|problems| {
            let told = problems.iter().map(|(pointer, message)| {
                format!("{}: {message}", pointer.trim_start_matches('/').replace('/', "."))
            });
            AdminError::Invalid(format!("policy {}", told.collect::<Vec<_>>().join("; ")))
        })?;
        world.directory.set_policy(policy.clone()).await?;
        self.note_policy("set_policy", "set", &policy.name, policy.state.word());
        Ok(policy)
    }

    /// Deletes the policy with this name.
    pub async fn delete_policy(&self, name: &str) -> Result<(), AdminError> {
        if !self.world().directory.delete_policy(name.to_owned()).await? {
            return Err(AdminError::PolicyUnknown(name.to_owned()));
        }
        self.note_policy("delete_policy", "delete", name, "deleted");
        Ok(())
    }

    fn note_policy(&self, action: &str, change: &str, name: &str, state: &str) {
        self.journal(action, name, vec![("policy", name.into()), ("state", state.into())]);
        self.changed(change, "policy", vec![("policy", name.into()), ("state", state.into())]);
    }
}
