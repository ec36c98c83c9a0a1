//! Values that a service hands out sealed by the world's key, and takes back: grants, sessions, steps of a dialogue.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::call::Call;
use crate::entropy::Stream;

/// Seals a value as one of this kind. `None`: it cannot be printed, or the key is of no use.
pub fn seal(call: &Call, kind: &'static str, value: &impl Serialize) -> Option<String> {
    let plain = serde_json::to_vec(value).ok()?;
    let iv = call.world.entropy.draw(Stream::Seal);
    call.world.keys.grants.seal(kind, iv, &plain).ok()
}

/// Opens a value of this kind; whether it is still in time is the caller's question.
pub fn open<T: DeserializeOwned>(call: &Call, kind: &'static str, text: &str) -> Option<T> {
    serde_json::from_slice(&call.world.keys.grants.open(kind, text)?).ok()
}
