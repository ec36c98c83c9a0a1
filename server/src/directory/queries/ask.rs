//! What can be asked of the list of devices: conditions, an order, a place to go on from.
//!
//! Section 12 of the device registration notes says which conditions the service's own list takes; the words of the wire
//! are the services' business. A condition is true or false for every device, never unknown: what a device does not have
//! equals nothing but the absence that [`TimeTest::Never`] asks for.
//! Left out: conditions on management state, physical ids and alternative security ids.

use linarite_core::device::{Device, TrustType};
use linarite_core::ids::{DeviceId, ObjectId, UserId};
use linarite_core::instant::Instant;

/// Rows that one query may look at before it is refused, unless the caller says otherwise.
pub const ROW_BUDGET: u64 = 200_000;

/// A condition on a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Every one of these; true when there is none.
    All(Vec<Self>),
    /// One of these at least; false when there is none.
    Any(Vec<Self>),
    /// Not this.
    Not(Box<Self>),
    /// A test of one property.
    Is(Test),
}

/// A test of one property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// The directory object is this one.
    ObjectId(ObjectId),
    /// The device id is this one.
    DeviceId(DeviceId),
    /// The device id, printed in lower case with dashes, begins with this, in any case.
    DeviceIdStartsWith(String),
    /// Enabled, or not.
    Enabled(bool),
    /// The trust type is this one.
    Trust(TrustType),
    /// On the display name, without case.
    Name(TextTest),
    /// On the operating system, without the case of ASCII letters.
    Os(TextTest),
    /// On the version of the operating system, without the case of ASCII letters.
    OsVersion(TextTest),
    /// The security identifier on premises is this text.
    Sid(String),
    /// The record is synchronised from a domain on premises.
    Synchronised,
    /// On the time when it was last seen.
    Seen(TimeTest),
    /// The device id is one of these; at most some 30 000, which is as many values as a statement may bind.
    DeviceIdIn(Vec<DeviceId>),
}

/// A test of a text. Order is that of code points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextTest {
    /// The same.
    Equals(String),
    /// Begins with this.
    StartsWith(String),
    /// The same, or later in the order.
    AtLeast(String),
    /// The same, or earlier in the order.
    AtMost(String),
}

/// A test of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeTest {
    /// There is no such time.
    Never,
    /// Then or later.
    AtLeast(Instant),
    /// Then or earlier.
    AtMost(Instant),
}

/// What a list is ordered by; devices that are equal in it follow in the order of their object ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortBy {
    /// Display name, without case.
    Name,
    /// When it was last seen; devices that never were come first.
    Seen,
}

/// An order that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// By what.
    pub by: SortBy,
    /// The last one first.
    pub descending: bool,
}

/// The last device of a page, and where it stood in the order. The next page begins behind this place, whether the
/// device is still there or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Its sort key.
    pub key: SortKey,
    /// Whether the order is the reverse one.
    pub descending: bool,
    /// Its object id.
    pub id: ObjectId,
}

/// The sort key of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SortKey {
    /// None but the object id.
    Id,
    /// The display name, case-folded.
    Name(String),
    /// When it was last seen.
    Seen(Option<Instant>),
}

/// A question for a page of devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceQuery {
    /// Only devices of this owner.
    pub owner: Option<UserId>,
    /// Only devices that fulfil this.
    pub filter: Option<Filter>,
    /// Devices that are left out, whatever else is asked.
    pub hidden: Vec<DeviceId>,
    /// The order; when absent whichever costs least, but the same on every page.
    pub order: Option<Order>,
    /// Where the page before ended.
    pub after: Option<Cursor>,
    /// Devices on a page at most.
    pub top: usize,
    /// Whether to count all that fulfil the condition, on whichever page.
    pub count: bool,
    /// Rows that may be looked at.
    pub budget: u64,
}

impl Default for DeviceQuery {
    fn default() -> Self {
        Self {
            owner: None,
            filter: None,
            hidden: Vec::new(),
            order: None,
            after: None,
            top: 100,
            count: false,
            budget: ROW_BUDGET,
        }
    }
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The devices, in order.
    pub items: Vec<Device>,
    /// Where the next page goes on; absent when this is the last one.
    pub next: Option<Cursor>,
    /// How many there are on all pages, when that was asked.
    pub count: Option<u64>,
    /// How many hidden ones would be among them on all pages.
    pub hidden: u64,
    /// Whether no index served the question, so that rows had to be looked at one by one.
    pub scanned: bool,
}
