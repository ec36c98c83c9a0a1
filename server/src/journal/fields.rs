//! The particulars of an event: names with small values, in the order in which they were first given.
//!
//! Every request fills some of these and few are ever read, so they are kept in two pieces of memory, whatever their
//! number, and become JSON only when somebody asks. Left out: changing a value in place.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::ops::Range;

use serde_json::{Map, Value};

/// Particulars in order; a name that is given again keeps its place and takes the new value.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    entries: Vec<(Cow<'static, str>, Held)>,
    /// The texts of all of them, one behind the other.
    texts: String,
}

/// A value as it is kept.
#[derive(Clone, Debug, PartialEq)]
enum Held {
    Null,
    Bool(bool),
    Number(i64),
    /// Where its text is.
    Text(Range<u32>),
    /// Whatever else JSON has.
    Other(Box<Value>),
}

/// What may become the value of a particular.
pub trait Particular {
    /// Keeps it under this name.
    fn put(self, fields: &mut Fields, name: Cow<'static, str>);
}

impl Fields {
    /// None yet, and room for a usual number of them.
    pub fn new() -> Self {
        Self { entries: Vec::with_capacity(16), texts: String::with_capacity(512) }
    }

    /// Adds a particular, or replaces the one of this name.
    pub fn insert(&mut self, name: impl Into<Cow<'static, str>>, value: impl Particular) {
        value.put(self, name.into());
    }

    /// The same, and a text is cut after so many characters.
    pub fn insert_cut(&mut self, name: &'static str, value: impl Particular, characters: usize) {
        let before = self.texts.len();
        value.put(self, Cow::Borrowed(name));
        let added = self.texts.get(before..).unwrap_or_default();
        // Fewer bytes are fewer characters.
        if added.len() <= characters {
            return;
        }
        let Some((end, _)) = added.char_indices().nth(characters) else { return };
        self.texts.truncate(before + end);
        let cut = offset(before + end);
        if let Some((_, Held::Text(range))) =
            self.entries.iter_mut().find(|(other, _)| other == name)
        {
            range.end = cut;
        }
    }

    /// Adds these particulars behind its own; the same name takes the new value.
    pub fn extend_from(&mut self, other: &Self) {
        for (name, held) in &other.entries {
            let held = match held {
                Held::Text(range) => self.keep(other.text_at(range)),
                Held::Null | Held::Bool(_) | Held::Number(_) | Held::Other(_) => held.clone(),
            };
            self.set(name.clone(), held);
        }
    }

    /// Adds those of the named particulars that are there, in this order.
    pub fn copy(&mut self, from: &Self, names: &[&str]) {
        for name in names {
            let Some((name, held)) = from.entry(name) else { continue };
            let held = match held {
                Held::Text(range) => self.keep(from.text_at(range)),
                Held::Null | Held::Bool(_) | Held::Number(_) | Held::Other(_) => held.clone(),
            };
            self.set(name.clone(), held);
        }
    }

    /// The text of this name; `None` when there is none or it is no text.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.entry(name)?.1 {
            Held::Text(ref range) => Some(self.text_at(range)),
            Held::Null | Held::Bool(_) | Held::Number(_) | Held::Other(_) => None,
        }
    }

    /// The value of this name.
    pub fn get(&self, name: &str) -> Option<Value> {
        self.entry(name).map(|(_, held)| self.value(held))
    }

    /// Whether something has this name.
    pub fn contains(&self, name: &str) -> bool {
        self.entry(name).is_some()
    }

    /// Whether this name has a value that prints like this: a text as it is, anything else as JSON.
    pub fn shows(&self, name: &str, wanted: &str) -> bool {
        match self.entry(name) {
            None => false,
            Some((_, Held::Text(range))) => self.text_at(range) == wanted,
            Some((_, held)) => {
                let printed = self.value(held).to_string();
                printed == wanted
            }
        }
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Value)> {
        self.entries.iter().map(|(name, held)| (name.as_ref(), self.value(held)))
    }

    /// Roughly the bytes that they take.
    pub(super) fn size(&self) -> usize {
        self.texts.capacity() + self.entries.capacity() * size_of::<(Cow<'static, str>, Held)>()
    }

    /// Gives back the room that is not needed.
    pub(super) fn fit(&mut self) {
        self.entries.shrink_to_fit();
        self.texts.shrink_to_fit();
    }

    fn entry(&self, name: &str) -> Option<&(Cow<'static, str>, Held)> {
        self.entries.iter().find(|(other, _)| other == name)
    }

    fn value(&self, held: &Held) -> Value {
        match held {
            Held::Null => Value::Null,
            Held::Bool(value) => Value::Bool(*value),
            Held::Number(value) => Value::from(*value),
            Held::Text(range) => Value::from(self.text_at(range)),
            Held::Other(value) => Value::clone(value),
        }
    }

    fn text_at(&self, range: &Range<u32>) -> &str {
        let (start, end) = (usize::try_from(range.start), usize::try_from(range.end));
        let range = start.unwrap_or(usize::MAX)..end.unwrap_or(usize::MAX);
        self.texts.get(range).unwrap_or_default()
    }

    fn keep(&mut self, text: &str) -> Held {
        let start = offset(self.texts.len());
        self.texts.push_str(text);
        Held::Text(start..offset(self.texts.len()))
    }

    fn set(&mut self, name: Cow<'static, str>, held: Held) {
        match self.entries.iter_mut().find(|(other, _)| *other == name) {
            Some((_, old)) => *old = held,
            None => self.entries.push((name, held)),
        }
    }
}

/// A place among the texts. No event comes near four gigabytes of them.
fn offset(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

impl PartialEq for Fields {
    /// The same values under the same names; their order makes no difference.
    fn eq(&self, other: &Self) -> bool {
        self.entries.len() == other.entries.len()
            && self.iter().all(|(name, value)| other.get(name) == Some(value))
    }
}

impl From<Map<String, Value>> for Fields {
    fn from(map: Map<String, Value>) -> Self {
        let mut fields = Self::new();
        for (name, value) in map {
            value.put(&mut fields, Cow::Owned(name));
        }
        fields
    }
}

impl Particular for &str {
    fn put(self, fields: &mut Fields, name: Cow<'static, str>) {
        // What was said before is often said again.
        if fields.text(&name) != Some(self) {
            let held = fields.keep(self);
            fields.set(name, held);
        }
    }
}

impl Particular for String {
    fn put(self, fields: &mut Fields, name: Cow<'static, str>) {
        self.as_str().put(fields, name);
    }
}

impl Particular for fmt::Arguments<'_> {
    fn put(self, fields: &mut Fields, name: Cow<'static, str>) {
        let start = offset(fields.texts.len());
        // Writing to a string cannot fail.
        let _infallible = fields.texts.write_fmt(self);
        let held = Held::Text(start..offset(fields.texts.len()));
        fields.set(name, held);
    }
}

impl Particular for bool {
    fn put(self, fields: &mut Fields, name: Cow<'static, str>) {
        fields.set(name, Held::Bool(self));
    }
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl Particular for $number {
            fn put(self, fields: &mut Fields, name: Cow<'static, str>) {
                let held = match i64::try_from(self) {
                    Ok(small) => Held::Number(small),
                    Err(_) => Held::Other(Box::new(Value::from(self))),
                };
                fields.set(name, held);
            }
        }
    )*};
}

numbers!(u8 u16 u32 u64 usize i32 i64);

impl<P: Particular> Particular for Option<P> {
    fn put(self, fields: &mut Fields, name: Cow<'static, str>) {
        match self {
            Some(value) => value.put(fields, name),
            None => fields.set(name, Held::Null),
        }
    }
}

impl<T: Into<Value>> Particular for Vec<T> {
    fn put(self, fields: &mut Fields, name: Cow<'static, str>) {
        fields.set(name, Held::Other(Box::new(self.into())));
    }
}

impl Particular for Value {
    fn put(self, fields: &mut Fields, name: Cow<'static, str>) {
        match self {
            Self::Null => fields.set(name, Held::Null),
            Self::Bool(value) => value.put(fields, name),
            Self::String(text) => text.put(fields, name),
            Self::Number(number) => {
                let held = match number.as_i64() {
                    Some(small) => Held::Number(small),
                    None => Held::Other(Box::new(Self::Number(number))),
                };
                fields.set(name, held);
            }
            Self::Array(_) | Self::Object(_) => fields.set(name, Held::Other(Box::new(self))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn any_value() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,20}".prop_map(Value::from),
            proptest::collection::vec(".{0,3}", 0..3).prop_map(Value::from),
        ]
    }

    proptest! {
        #[test]
        fn they_are_what_a_map_would_be(
            given in proptest::collection::vec(("[a-d]", any_value()), 0..12),
        ) {
            let mut map = Map::new();
            let mut fields = Fields::default();
            for (name, value) in given {
                map.insert(name.clone(), value.clone());
                fields.insert(name, value);
            }
            let read: Map<String, Value> =
                fields.iter().map(|(name, value)| (name.to_owned(), value)).collect();
            prop_assert!(read.keys().eq(map.keys()), "{read:?} {map:?}");
            prop_assert_eq!(&read, &map);
            prop_assert_eq!(&Fields::from(map), &fields);
            let mut copied = Fields::new();
            copied.extend_from(&fields);
            prop_assert_eq!(copied, fields);
        }

        #[test]
        fn a_cut_text_is_the_first_characters_of_the_whole(text in ".{0,40}", most in 0_usize..30) {
            let mut fields = Fields::new();
            fields.insert("before", "here");
            fields.insert_cut("text", text.as_str(), most);
            fields.insert("behind", "there");
            let kept: String = text.chars().take(most).collect();
            prop_assert_eq!(fields.text("text"), Some(kept.as_str()));
            prop_assert_eq!(fields.text("before"), Some("here"));
            prop_assert_eq!(fields.text("behind"), Some("there"));
        }
    }

    #[test]
    fn a_name_that_is_given_again_keeps_its_place() {
        let mut fields = Fields::new();
        fields.insert("a", 1_u8);
        fields.insert("b", format_args!("{}-{}", 2, 3));
        fields.insert("a", "one");
        let all: Vec<_> = fields.iter().collect();
        assert_eq!(all, [("a", json!("one")), ("b", json!("2-3"))]);
        assert!(fields.shows("a", "one") && !fields.shows("c", "one"));
    }

    #[test]
    fn numbers_and_flags_show_as_they_print() {
        let mut fields = Fields::new();
        fields.insert("status", 200_u16);
        fields.insert("scan", true);
        fields.insert("big", u64::MAX);
        fields.insert("none", None::<&str>);
        assert!(fields.shows("status", "200") && fields.shows("scan", "true"));
        assert!(fields.shows("big", "18446744073709551615") && fields.shows("none", "null"));
    }

    #[test]
    fn only_what_is_there_is_copied_and_in_the_order_asked_for() {
        let mut from = Fields::new();
        from.insert("user", "alice");
        from.insert("reason", "because");
        let mut to = Fields::new();
        to.copy(&from, &["reason", "device", "user"]);
        let names: Vec<_> = to.iter().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(names, ["reason", "user"]);
    }
}
