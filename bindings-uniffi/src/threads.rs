//! The threads that a node runs on.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use meshbook::client::ExchangeClient;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::watch;

use crate::error::MeshbookError;

/// The most threads that run a node's tasks; as many as the machine has cores, if those are fewer.
pub const WORKERS: usize = 8;

/// The most threads that wait for a node's files.
pub const BLOCKING_THREADS: usize = 16;

/// How long tasks that are left after a shutdown may take.
const REMAINS: Duration = Duration::from_millis(500);

/// A node's runtime, from its start to its end. Once it has ended it doesn't start again.
#[derive(Debug)]
pub(crate) struct Threads {
    life: Mutex<Life>,
    ended: watch::Sender<bool>,
}

#[derive(Debug)]
enum Life {
    New,
    Running(Runtime),
    Over,
}

/// What a runtime was when its end began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Was {
    New,
    Started,
}

impl Threads {
    pub(crate) fn new() -> Self {
        Self {
            life: Mutex::new(Life::New),
            ended: watch::Sender::new(false),
        }
    }

    /// Where to spawn, started if need be.
    ///
    /// # Errors
    /// Once it is over, and where the system gives no threads.
    pub(crate) fn start(&self) -> Result<Handle, MeshbookError> {
        let mut life = self.lock();
        match &*life {
            Life::Running(runtime) => Ok(runtime.handle().clone()),
            Life::Over => Err(MeshbookError::closed()),
            Life::New => {
                let cores = std::thread::available_parallelism().map_or(1, usize::from);
                let runtime = Builder::new_multi_thread()
                    .worker_threads(cores.min(WORKERS))
                    .max_blocking_threads(BLOCKING_THREADS)
                    .thread_name("meshbook")
                    .enable_all()
                    .build()
                    .map_err(|error| MeshbookError::system("NO_THREADS", &error))?;
                let handle = runtime.handle().clone();
                *life = Life::Running(runtime);
                Ok(handle)
            }
        }
    }

    /// Where to spawn, while it runs.
    pub(crate) fn handle(&self) -> Option<Handle> {
        match &*self.lock() {
            Life::Running(runtime) => Some(runtime.handle().clone()),
            Life::New | Life::Over => None,
        }
    }

    /// Gives the threads back after a start that failed, so that it may be tried again.
    pub(crate) async fn give_back(&self) {
        let life = std::mem::replace(&mut *self.lock(), Life::New);
        let Life::Running(runtime) = life else {
            *self.lock() = life;
            return;
        };
        let ended = watch::Sender::new(false);
        in_the_background(runtime, None, &ended);
        wait(&ended).await;
    }

    /// Shuts the client down and ends the threads. Dropped early, both go on. A further call waits
    /// for the end as well.
    pub(crate) async fn end(&self, client: &ExchangeClient) {
        if self.begin_end(client) == Was::New {
            // With no task to wait for this needs no runtime; it ends the streams of events.
            client.shutdown().await;
        }
        wait(&self.ended).await;
    }

    /// The same without waiting for it.
    pub(crate) fn begin_end(&self, client: &ExchangeClient) -> Was {
        let life = std::mem::replace(&mut *self.lock(), Life::Over);
        match life {
            Life::Running(runtime) => {
                in_the_background(runtime, Some(client.clone()), &self.ended);
                Was::Started
            }
            Life::New => {
                self.ended.send_replace(true);
                Was::New
            }
            Life::Over => Was::Started,
        }
    }

    /// Leaves everything as it is, for ever: in a forked process nothing of it can be ended.
    pub(crate) fn leak(&self) {
        // Not locked but tried: a thread that isn't here may hold the lock.
        if let Ok(mut life) = self.life.try_lock() {
            std::mem::forget(std::mem::replace(&mut *life, Life::Over));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A runtime can't be ended on its own threads, nor should its user's thread wait for it.
fn in_the_background(
    runtime: Runtime,
    client: Option<ExchangeClient>,
    ended: &watch::Sender<bool>,
) {
    let shared = Arc::new(Mutex::new(Some(runtime)));
    let (job, told) = (Arc::clone(&shared), ended.clone());
    let counted = Ending::begin();
    let work = move || {
        let _counted = counted;
        if let Some(runtime) = take(&job) {
            if let Some(client) = client {
                runtime.block_on(client.shutdown());
            }
            runtime.shutdown_timeout(REMAINS);
        }
        told.send_replace(true);
    };
    let thread = std::thread::Builder::new().name("meshbook-end".to_owned());
    // Without a thread to do it well, the tasks end where they are.
    if thread.spawn(work).is_err() {
        if let Some(runtime) = take(&shared) {
            runtime.shutdown_background();
        }
        ended.send_replace(true);
    }
}

/// How many ends are under way in this process.
static ENDING: Mutex<usize> = Mutex::new(0);
static ENDED: Condvar = Condvar::new();

struct Ending;

impl Ending {
    fn begin() -> Self {
        *ENDING.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Self
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        *ENDING.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        ENDED.notify_all();
    }
}

/// Waits until all nodes that are about to end have ended, those too that were dropped without
/// being closed: for the end of a process. At most so many milliseconds; whether it came to that.
#[uniffi::export]
pub fn wait_for_ends(timeout: u32) -> bool {
    let ending = ENDING.lock().unwrap_or_else(PoisonError::into_inner);
    let timeout = Duration::from_millis(timeout.into());
    let waited = ENDED.wait_timeout_while(ending, timeout, |ending| *ending > 0);
    let (ending, _) = waited.unwrap_or_else(PoisonError::into_inner);
    *ending == 0
}

fn take(runtime: &Mutex<Option<Runtime>>) -> Option<Runtime> {
    let mut runtime = runtime.lock().unwrap_or_else(PoisonError::into_inner);
    runtime.take()
}

async fn wait(ended: &watch::Sender<bool>) {
    // Fails only without a sender, and here is one.
    let _ = ended.subscribe().wait_for(|ended| *ended).await;
}
