//! Why something was not done, as JavaScript gets it: the facade makes an `Error` of its own of it.

use meshbook::client::StartError;
use meshbook::node::{CancelError, OrderError};
use meshbook::types::InvalidValue;
use meshbook_grape::GrapeError;
use napi_derive::napi;

/// Why something was not done.
#[napi(object)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// A stable label for programs.
    pub code: String,
    /// For people.
    pub message: String,
    /// What the value that is not allowed was given for, if that is the reason.
    pub field: Option<String>,
    /// That value, cut where it is long.
    pub value: Option<String>,
    /// What is allowed.
    pub allowed: Option<String>,
}

impl Failure {
    pub(crate) fn new(code: &str, message: impl ToString) -> Self {
        Self {
            code: code.to_owned(),
            message: message.to_string(),
            field: None,
            value: None,
            allowed: None,
        }
    }

    /// The same under another code, with what is known of a value that is not allowed.
    fn invalid(code: &str, error: InvalidValue) -> Self {
        let message = error.to_string();
        Self {
            code: code.to_owned(),
            message,
            field: Some(error.field),
            value: Some(error.value),
            allowed: Some(error.allowed),
        }
    }
}

impl From<InvalidValue> for Failure {
    fn from(error: InvalidValue) -> Self {
        Self::invalid("INVALID_VALUE", error)
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self::new(error.code(), error)
    }
}

impl From<OrderError> for Failure {
    fn from(error: OrderError) -> Self {
        let code = error.code();
        match error {
            OrderError::Invalid(error) => Self::invalid(code, error),
            error => Self::new(code, error),
        }
    }
}

impl From<CancelError> for Failure {
    fn from(error: CancelError) -> Self {
        Self::new(error.code(), error)
    }
}

impl From<GrapeError> for Failure {
    fn from(error: GrapeError) -> Self {
        let code = match error {
            GrapeError::PortInUse { .. } => "EADDRINUSE",
            _ => "GRAPE_NOT_STARTED",
        };
        Self::new(code, format!("the embedded Grape: {error}"))
    }
}
