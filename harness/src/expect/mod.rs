//! Expectations: matchers, JSON paths and sets of records, as section "Expectations" of the
//! scenario format has them. Pure functions: the caller replaces references first, fetches what is
//! looked at, and says what time it is in the world.
//!
//! What a matcher does with a value that is not there: it is treated as `null`. So `exists: false`,
//! `is: empty`, `is: null` and a plain `null` hold, and `is_not` and `not` hold whenever what they
//! negate does not.
//!
//! Leaves out: `xpath` and `tls` (not emulated yet); `portal` and `access` are fetched in `run/`.

mod check;
pub(crate) mod matcher;
mod path;
mod rows;

pub(crate) use check::glob;
pub use check::{Outcome, Style};
pub use matcher::{Age, Is, Matcher, MatcherError, OPERATORS, Operator, Order};
pub use path::{JsonPath, PathError};
pub use rows::{Fields, RowSet};

#[cfg(test)]
mod tests;
