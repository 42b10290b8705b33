//! The command `meshbook`, run in this process.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::Path;

use meshbook_node::{Defaults, run_command};
use napi::bindgen_prelude::{Either, Object};
use napi::{Env, Result};
use napi_derive::napi;

use crate::failure::Failure;
use crate::runtime::promise;

/// Runs a command line, without the name of the program, and gives the exit code.
#[napi(catch_unwind)]
pub fn run<'env>(env: &'env Env, args: Vec<String>) -> Result<Object<'env>> {
    let name = std::iter::once("meshbook".to_owned());
    let args: Vec<OsString> = name.chain(args).map(OsString::from).collect();
    let defaults = Defaults {
        embedded_grape: true,
    };
    promise(env, async move {
        // It has a runtime of its own, which must not be made inside of another.
        let run = move || run_command(args, defaults);
        let ended = tokio::task::spawn_blocking(run).await;
        // A fault is told on stderr by itself.
        ended.map_or(101, u32::from)
    })
}

/// A variable and its value.
#[napi(object)]
#[derive(Debug)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value.
    pub text: String,
}

/// Reads the settings in the file `.env` of this folder, if there is one.
#[napi(catch_unwind)]
pub fn env_file() -> Either<Vec<Variable>, Failure> {
    let is_set = |name: &str| std::env::var_os(name).is_some();
    match meshbook_node::env_file(Path::new(".env"), is_set) {
        Ok(variables) => {
            let variable = |(name, text)| Variable { name, text };
            Either::A(variables.into_iter().map(variable).collect())
        }
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            Either::B(Failure::new("ENV_FILE", format!("the file .env: {error}")))
        }
        // It may be another program's.
        Err(_) => Either::A(Vec::new()),
    }
}
