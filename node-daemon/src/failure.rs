//! Why a command failed: one shape for people, for programs and for the control address.

use std::fmt;

use meshbook::client::ConfigError;
use meshbook::types::InvalidValue;
use serde::{Deserialize, Serialize};

use crate::output;

/// The error as it is shown: `{"error": {"code", "message", "field"?}}` around it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Problem {
    /// A stable label for programs.
    pub(crate) code: String,
    /// For people: what is wrong and what is allowed.
    pub(crate) message: String,
    /// The field, option or variable that it is about, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) field: Option<String>,
}

impl Problem {
    pub(crate) fn new(code: impl Into<String>, message: impl fmt::Display) -> Self {
        Self {
            code: code.into(),
            message: message.to_string(),
            field: None,
        }
    }
}

impl From<InvalidValue> for Problem {
    fn from(error: InvalidValue) -> Self {
        Self {
            code: "INVALID_VALUE".to_owned(),
            message: error.to_string(),
            field: Some(error.field),
        }
    }
}

/// A problem in its envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ErrorBody {
    pub(crate) error: Problem,
}

/// A problem that ends the command, and its exit code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) problem: Problem,
    /// 2 for what the caller wrote, 1 for everything else.
    pub(crate) exit: u8,
}

impl Failure {
    /// Something went wrong.
    pub(crate) fn new(code: impl Into<String>, message: impl fmt::Display) -> Self {
        Self {
            problem: Problem::new(code, message),
            exit: 1,
        }
    }

    /// The caller wrote something that is not allowed.
    pub(crate) fn usage(problem: impl Into<Problem>) -> Self {
        Self {
            problem: problem.into(),
            exit: 2,
        }
    }

    /// Shows it: as JSON on stdout, or to people on stderr. Gives the exit code.
    pub(crate) fn report(self, json: bool) -> u8 {
        let exit = self.exit;
        if json {
            // When nobody reads stdout any more the exit code has to say it all.
            let _ = output::json(&ErrorBody {
                error: self.problem,
            });
        } else {
            output::note(&format!("error: {}", self.problem.message));
        }
        exit
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self { problem, exit: 1 }
    }
}

impl From<InvalidValue> for Failure {
    fn from(error: InvalidValue) -> Self {
        Self::usage(error)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        match error {
            ConfigError::Invalid(error) => error.into(),
            other => {
                let mut problem = Problem::new("CONFIG_FILE", other);
                problem.field = Some("--config".to_owned());
                Self::usage(problem)
            }
        }
    }
}
