//! What the system says of a process.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::task::JoinHandle;

/// How often it is looked how much memory there is in use.
const INTERVAL: Duration = Duration::from_millis(100);

/// Watches a process, as far as the system tells as Linux does; elsewhere all figures are `None`.
#[derive(Debug)]
pub struct Vitals {
    process: u32,
    most: Arc<AtomicU64>,
    watching: JoinHandle<()>,
}

impl Vitals {
    /// Watches the process of this id until this is dropped.
    #[must_use]
    pub fn of(process: u32) -> Self {
        let most = Arc::new(AtomicU64::new(0));
        let noting = Arc::clone(&most);
        let watching = tokio::spawn(async move {
            loop {
                noting.fetch_max(resident(process).unwrap_or(0), Relaxed);
                tokio::time::sleep(INTERVAL).await;
            }
        });
        Self {
            process,
            most,
            watching,
        }
    }

    /// The resident memory now, in bytes.
    #[must_use]
    pub fn resident(&self) -> Option<u64> {
        resident(self.process)
    }

    /// The most resident memory since the last call, in bytes.
    #[must_use]
    pub fn take_most_resident(&self) -> Option<u64> {
        let now = self.resident();
        let most = self.most.swap(0, Relaxed).max(now.unwrap_or(0));
        (most > 0).then_some(most)
    }

    /// The most resident memory since the start or since the last call, in bytes: as the system
    /// counts it, so that no moment is missed. Where the system can't begin anew, it is the most
    /// since the start.
    #[must_use]
    pub fn take_peak(&self) -> Option<u64> {
        let peak = memory(self.process, "VmHWM:");
        // Resets the peak, and nothing else (proc(5)).
        let _ = std::fs::write(file(self.process, "clear_refs"), "5");
        peak
    }

    /// User and system time so far.
    #[must_use]
    pub fn cpu(&self) -> Option<Duration> {
        let stat = std::fs::read_to_string(file(self.process, "stat")).ok()?;
        let after_name = stat.rsplit(')').next()?;
        Some(ticks(after_name.split_whitespace().skip(11).take(2)))
    }

    /// The time that all processors of the machine have been busy so far, with whatever.
    #[must_use]
    pub fn all_cpus() -> Option<Duration> {
        let stat = std::fs::read_to_string("/proc/stat").ok()?;
        let mut fields = stat.lines().next()?.split_whitespace().skip(1);
        // User, nice and system; then idle and waiting; then interrupts.
        let work = ticks(fields.by_ref().take(3));
        Some(work + ticks(fields.skip(2).take(2)))
    }
}

impl Drop for Vitals {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

/// Linux counts in hundredths of a second for every program.
fn ticks<'a>(fields: impl Iterator<Item = &'a str>) -> Duration {
    let ticks = fields.filter_map(|field| field.parse::<u64>().ok());
    Duration::from_millis(ticks.sum::<u64>() * 10)
}

fn resident(process: u32) -> Option<u64> {
    memory(process, "VmRSS:")
}

fn memory(process: u32, field: &str) -> Option<u64> {
    let status = std::fs::read_to_string(file(process, "status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024)
}

fn file(process: u32, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{process}/{name}"))
}
