//! Reading what peers of other makes may write differently: numbers for strings, strings for
//! numbers, lists without an end. Nothing here fails on a value that can be skipped.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::message::{MAX_NAME, MAX_TEXT};
use crate::types::Millis;

/// `text` cut to so many characters.
pub(super) fn cut(text: &str, characters: usize) -> &str {
    match text.char_indices().nth(characters) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

/// Reads a text for people, cut to [`MAX_TEXT`]; anything but a string reads as its JSON text.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(cut(&scalar(deserializer)?, MAX_TEXT).to_owned())
}

/// Reads a name or a number as the text that it is. A number keeps its digits: no float comes
/// between. `null` reads as the empty text. Longer than [`MAX_NAME`] is an error.
pub(super) fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = scalar(deserializer)?;
    if name.chars().nth(MAX_NAME).is_some() {
        return Err(D::Error::custom("a name is too long"));
    }
    Ok(name)
}

/// As [`name`], for a field that may be left out.
pub(super) fn optional_name<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    Ok(Some(name(deserializer)?).filter(|name| !name.is_empty()))
}

fn scalar<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let raw = Box::<RawValue>::deserialize(deserializer)?;
    let json = raw.get();
    if json.starts_with('"') {
        return serde_json::from_str(json).map_err(D::Error::custom);
    }
    match json {
        "null" => Ok(String::new()),
        _ => Ok(json.to_owned()),
    }
}

/// Reads a time in milliseconds. What isn't a number that can be one reads as zero: a legacy
/// peer's clock is shown at most, and decides nothing.
pub(super) fn millis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Millis, D::Error> {
    let json = Box::<RawValue>::deserialize(deserializer)?;
    let (whole, fraction) = json
        .get()
        .split_once('.')
        .unwrap_or_else(|| (json.get(), ""));
    let exponent = fraction.contains(['e', 'E']);
    let time = whole.parse().ok().filter(|_| !exponent);
    Ok(Millis(time.unwrap_or_default()))
}

/// As [`millis`], for a field that may be left out.
pub(super) fn optional_millis<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Millis>, D::Error> {
    Ok(Some(millis(deserializer)?).filter(|time| *time != Millis::ZERO))
}

/// Reads a port from a number or a string of digits; what isn't a port reads as 0.
pub(super) fn port<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    Ok(scalar(deserializer)?.parse().unwrap_or_default())
}

/// A name in a list.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Name(#[serde(deserialize_with = "name")] pub(super) String);

/// Reads an object of at most `N` flags; what is not `true` is off, what comes after is skipped.
pub(super) struct Flags<const N: usize>(pub(super) Vec<(String, bool)>);

impl<'de, const N: usize> Deserialize<'de> for Flags<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FlagsVisitor(usize);

        impl<'de> Visitor<'de> for FlagsVisitor {
            type Value = Vec<(String, bool)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of flags")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut flags = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
                    if flags.len() < self.0 {
                        flags.push((cut(&name, MAX_NAME).to_owned(), value.get() == "true"));
                    }
                }
                Ok(flags)
            }
        }

        deserializer.deserialize_map(FlagsVisitor(N)).map(Self)
    }
}

/// What becomes of the items of a list beyond its bound.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Excess {
    /// They are skipped.
    Skip,
    /// They make the message invalid.
    Refuse,
}

/// Reads a list of at most `N` items; with `Excess::Skip` it also skips items that can't be
/// read, where the JSON itself is right.
pub(super) struct List<T, const N: usize>(pub(super) Vec<T>);

impl<'de, T: Deserialize<'de>, const N: usize> Deserialize<'de> for List<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let visitor = ListVisitor {
            bound: N,
            excess: Excess::Refuse,
            item: PhantomData,
        };
        deserializer.deserialize_seq(visitor).map(Self)
    }
}

/// As [`List`], but lenient: what is too much or can't be read is skipped.
pub(super) struct SomeOf<T, const N: usize>(pub(super) Vec<T>);

impl<'de, T: serde::de::DeserializeOwned, const N: usize> Deserialize<'de> for SomeOf<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let visitor = ListVisitor::<Box<RawValue>> {
            bound: N,
            excess: Excess::Skip,
            item: PhantomData,
        };
        let items = deserializer.deserialize_seq(visitor)?;
        let read = items
            .iter()
            .filter_map(|item| serde_json::from_str(item.get()).ok());
        Ok(Self(read.collect()))
    }
}

impl<T, const N: usize> Default for SomeOf<T, N> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

struct ListVisitor<T> {
    bound: usize,
    excess: Excess,
    item: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {} items", self.bound)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
        let mut list = Vec::new();
        while list.len() < self.bound {
            let Some(item) = items.next_element_seed(PhantomData::<T>)? else {
                return Ok(list);
            };
            list.push(item);
        }
        while items.next_element::<IgnoredAny>()?.is_some() {
            if self.excess == Excess::Refuse {
                return Err(A::Error::invalid_length(self.bound + 1, &self));
            }
        }
        Ok(list)
    }
}
