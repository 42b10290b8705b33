//! The one error of the border, in a few kinds that stay.

use meshbook::client::StartError;
use meshbook::node::{CancelError, OrderError};
use meshbook::orderbook::RefusedError;
use meshbook::storage::StorageError;
use meshbook::types::InvalidValue;
use thiserror::Error;

/// Why something was not done. The kind says what a program may do about it, `code` names the
/// case, and `message` is for people; kinds and codes stay what they are.
#[derive(Clone, Debug, PartialEq, Eq, Error, uniffi::Error)]
#[non_exhaustive]
pub enum MeshbookError {
    /// A value is not allowed. Nothing has changed.
    #[error("{message}")]
    InvalidValue {
        /// `INVALID_OPTION`, `INVALID_ORDER` or `INVALID_ARGUMENT`.
        code: String,
        /// What was wrong, by the name that the caller used.
        field: String,
        /// The value, cut to 64 characters.
        value: String,
        /// What is allowed, as a phrase.
        allowed: String,
        /// All of it as a sentence.
        message: String,
    },
    /// The node is not open, or not any more.
    #[error("{message}")]
    NotRunning {
        /// `NOT_INITIALIZED` or `SHUTTING_DOWN`.
        code: String,
        /// For people.
        message: String,
    },
    /// The node did not start. It may be tried again.
    #[error("{message}")]
    Start {
        /// Like `EADDRINUSE`.
        code: String,
        /// For people.
        message: String,
    },
    /// An order is allowed and was not taken all the same. Nothing has changed.
    #[error("{message}")]
    Refused {
        /// Like `POST_ONLY_WOULD_TAKE`.
        code: String,
        /// For people.
        message: String,
    },
    /// What must survive can't be read or written.
    #[error("{message}")]
    Storage {
        /// Like `STORAGE_FAILED`.
        code: String,
        /// For people.
        message: String,
    },
    /// The process was forked after the node was made.
    #[error("{message}")]
    Forked {
        /// `FORKED`.
        code: String,
        /// For people.
        message: String,
    },
    /// The caller ended the call, by a [`Cancellation`](crate::Cancellation).
    #[error("{message}")]
    Cancelled {
        /// `CANCELLED`.
        code: String,
        /// For people.
        message: String,
    },
    /// The system refuses what everything needs: threads, entropy.
    #[error("{message}")]
    System {
        /// Like `NO_ENTROPY`.
        code: String,
        /// For people.
        message: String,
    },
}

impl MeshbookError {
    pub(crate) fn invalid(code: &str, error: &InvalidValue) -> Self {
        Self::InvalidValue {
            code: code.to_owned(),
            field: error.field.clone(),
            value: error.value.clone(),
            allowed: error.allowed.clone(),
            message: error.to_string(),
        }
    }

    pub(crate) fn option(error: &InvalidValue) -> Self {
        Self::invalid("INVALID_OPTION", error)
    }

    pub(crate) fn order(error: &InvalidValue) -> Self {
        Self::invalid("INVALID_ORDER", error)
    }

    pub(crate) fn argument(error: &InvalidValue) -> Self {
        Self::invalid("INVALID_ARGUMENT", error)
    }

    pub(crate) fn closed() -> Self {
        OrderError::ShuttingDown.into()
    }

    pub(crate) fn cancelled() -> Self {
        Self::Cancelled {
            code: "CANCELLED".to_owned(),
            message: "the call was cancelled".to_owned(),
        }
    }

    pub(crate) fn system(code: &str, error: &dyn std::fmt::Display) -> Self {
        Self::System {
            code: code.to_owned(),
            message: error.to_string(),
        }
    }
}

impl From<StartError> for MeshbookError {
    fn from(error: StartError) -> Self {
        let (code, message) = (error.code().to_owned(), error.to_string());
        match error {
            StartError::Storage(_) | StartError::Restore { .. } => Self::Storage { code, message },
            StartError::Entropy(_) => Self::System { code, message },
            StartError::ShutDown => Self::NotRunning { code, message },
            _ => Self::Start { code, message },
        }
    }
}

impl From<OrderError> for MeshbookError {
    fn from(error: OrderError) -> Self {
        let (code, message) = (error.code().to_owned(), error.to_string());
        match error {
            OrderError::Invalid(error) => Self::order(&error),
            OrderError::NotInitialized | OrderError::ShuttingDown => {
                Self::NotRunning { code, message }
            }
            OrderError::Storage { .. } => Self::Storage { code, message },
            _ => Self::Refused { code, message },
        }
    }
}

impl From<CancelError> for MeshbookError {
    fn from(error: CancelError) -> Self {
        let (code, message) = (error.code().to_owned(), error.to_string());
        match error {
            CancelError::NotInitialized => Self::NotRunning { code, message },
            CancelError::Storage { .. } => Self::Storage { code, message },
            _ => Self::Refused { code, message },
        }
    }
}

impl From<StorageError> for MeshbookError {
    fn from(error: StorageError) -> Self {
        let (code, message) = (error.code().to_owned(), error.to_string());
        match error {
            StorageError::Closed { .. } => Self::closed(),
            _ => Self::Storage { code, message },
        }
    }
}

impl From<RefusedError> for MeshbookError {
    fn from(error: RefusedError) -> Self {
        let code = match error {
            RefusedError::CapacityReached { .. } => "TOO_MANY_ORDERS",
            _ => "ORDER_REFUSED",
        };
        Self::Refused {
            code: code.to_owned(),
            message: error.to_string(),
        }
    }
}
