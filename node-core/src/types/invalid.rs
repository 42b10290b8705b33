//! The one error for a value that is not allowed.

use thiserror::Error;

/// A value that is not allowed: names the field, the value and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{field} {value:?} is not allowed: {allowed}")]
pub struct InvalidValue {
    /// The field, option or variable, by the name that the caller used for it.
    pub field: String,
    /// The value as it was given, cut to 64 characters.
    pub value: String,
    /// What is allowed, as a phrase: "a decimal string greater than 0 and at most 1000000".
    pub allowed: String,
}

impl InvalidValue {
    /// An error for `field`, which was given `value` where only `allowed` is.
    pub fn new(
        field: impl Into<String>,
        value: impl AsRef<str>,
        allowed: impl Into<String>,
    ) -> Self {
        let value = value.as_ref();
        let value = match value.char_indices().nth(64) {
            Some((cut, _)) => format!("{}...", &value[..cut]),
            None => value.to_owned(),
        };
        Self {
            field: field.into(),
            value,
            allowed: allowed.into(),
        }
    }

    /// The same error under another field name: the name by which the caller knows it.
    #[must_use]
    pub fn for_field(mut self, field: impl Into<String>) -> Self {
        self.field = field.into();
        self
    }
}
