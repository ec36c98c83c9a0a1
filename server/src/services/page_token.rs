//! A place in a list, as base64url of one tag byte, the object id and the sort key: `$skiptoken` of the directory APIs.
//!
//! The token is opaque to clients. One that was not made here, or was damaged, is refused rather than guessed at.

use linarite_core::ids::{Guid, ObjectId};
use linarite_core::instant::Instant;

use crate::directory::{Cursor, SortKey};
use crate::keys::encoding::{from_url, to_url};

/// Prints a place.
pub fn print(cursor: &Cursor) -> String {
    let (kind, key): (u8, Vec<u8>) = match &cursor.key {
        SortKey::Id => (0, Vec::new()),
        SortKey::Name(name) => (1, name.clone().into_bytes()),
        SortKey::Seen(None) => (2, Vec::new()),
        SortKey::Seen(Some(at)) => (2, at.millis().to_be_bytes().to_vec()),
    };
    let mut bytes = vec![kind * 2 + u8::from(cursor.descending)];
    bytes.extend_from_slice(cursor.id.guid().as_bytes());
    bytes.extend(key);
    to_url(bytes)
}

/// Reads a place; `None` when it is none of ours.
pub fn read(token: &str) -> Option<Cursor> {
    let bytes = from_url(token)?;
    let (tag, rest) = bytes.split_first()?;
    let (id, key) = rest.split_first_chunk::<16>()?;
    let key = match (tag / 2, key) {
        (0, []) => SortKey::Id,
        (1, name) => SortKey::Name(String::from_utf8(name.to_vec()).ok()?),
        (2, []) => SortKey::Seen(None),
        (2, at) => {
            let millis = i64::from_be_bytes(at.try_into().ok()?);
            SortKey::Seen(Some(Instant::from_millis(millis)))
        }
        _ => return None,
    };
    Some(Cursor { key, descending: tag % 2 == 1, id: ObjectId::new(Guid::from_bytes(*id)) })
}
