//! How much folders take on disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::task::JoinHandle;

/// How often it is looked.
const INTERVAL: Duration = Duration::from_secs(1);

/// Watches folders until this is dropped.
#[derive(Debug)]
pub struct DiskUse {
    folders: Vec<PathBuf>,
    log: Option<PathBuf>,
    most: Arc<AtomicU64>,
    watching: JoinHandle<()>,
}

impl DiskUse {
    /// Watches these; a log in one of them counts nothing.
    #[must_use]
    pub fn of(folders: Vec<PathBuf>, log: Option<&Path>) -> Self {
        let log = log.map(Path::to_owned);
        let most = Arc::new(AtomicU64::new(0));
        let watching = {
            let (folders, log, most) = (folders.clone(), log.clone(), Arc::clone(&most));
            tokio::spawn(async move {
                loop {
                    most.fetch_max(largest(&folders, log.as_deref()), Relaxed);
                    tokio::time::sleep(INTERVAL).await;
                }
            })
        };
        Self {
            folders,
            log,
            most,
            watching,
        }
    }

    /// The most bytes that one of them had since the last call.
    #[must_use]
    pub fn take_most(&self) -> u64 {
        let now = largest(&self.folders, self.log.as_deref());
        self.most.swap(0, Relaxed).max(now)
    }
}

impl Drop for DiskUse {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

fn largest(folders: &[PathBuf], log: Option<&Path>) -> u64 {
    let sizes = folders.iter().map(|folder| bytes_in(folder, log));
    sizes.max().unwrap_or(0)
}

/// All files in a folder and in those in it. Files that go meanwhile count nothing.
fn bytes_in(folder: &Path, log: Option<&Path>) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => bytes_in(&entry.path(), log),
        Ok(meta) if log != Some(entry.path().as_path()) => meta.len(),
        Ok(_) | Err(_) => 0,
    });
    sizes.sum()
}
