//! The threads on which nodes run, and promises for what is done there.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::OnceLock;
use std::thread::available_parallelism;

use futures_util::FutureExt;
use napi::bindgen_prelude::{Object, ToNapiValue};
use napi::{Env, Error, Result};
use tokio::runtime::{Builder, Runtime};

/// The most threads for all clients of a process together; verifying signatures is what they do
/// most.
const MAX_THREADS: usize = 8;

/// One for the process, whichever thread of JavaScript asks first. It is never taken down: a
/// client that is dropped with its worker still says goodbye on it.
static RUNTIME: OnceLock<std::result::Result<Runtime, String>> = OnceLock::new();

/// The runtime of all clients.
pub(crate) fn runtime() -> Result<&'static Runtime> {
    let started = RUNTIME.get_or_init(|| {
        let threads = available_parallelism().map_or(1, |count| count.get().min(MAX_THREADS));
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("meshbook")
            .enable_all()
            .build();
        runtime.map_err(|error| error.to_string())
    });
    let no_threads = |error: &String| Error::from_reason(format!("no threads for a node: {error}"));
    started.as_ref().map_err(no_threads)
}

/// A promise for what `work` gives. It keeps the process alive until then. A panic rejects it.
pub(crate) fn promise<'env, T>(
    env: &'env Env,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<Object<'env>>
where
    T: ToNapiValue + Send + 'static,
{
    let runtime = runtime()?;
    let (deferred, promise) = env.create_deferred()?;
    runtime.spawn(async move {
        match AssertUnwindSafe(work).catch_unwind().await {
            Ok(value) => deferred.resolve(move |_| Ok(value)),
            Err(panic) => deferred.reject(Error::from_reason(format!(
                "a fault in meshbook: {}",
                reason(&*panic)
            ))),
        }
    });
    Ok(promise)
}

/// What a panic says.
fn reason(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a text")
}
