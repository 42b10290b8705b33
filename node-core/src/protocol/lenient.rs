//! Reading what peers of other makes may write differently: numbers for strings, strings for
//! numbers.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::message::MAX_NAME;
use crate::types::Millis;

/// Reads a name or a number as the text that it is. A number keeps its digits: no float comes
/// between. `null` reads as the empty text. Longer than [`MAX_NAME`] is an error.
pub(super) fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = scalar(deserializer)?;
    if name.chars().nth(MAX_NAME).is_some() {
        return Err(D::Error::custom("a name is too long"));
    }
    Ok(name)
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
    let whole = json.get().split('.').next().unwrap_or_default();
    Ok(Millis(whole.parse().unwrap_or_default()))
}
