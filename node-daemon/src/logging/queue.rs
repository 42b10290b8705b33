//! The lines that wait for stderr. One thread writes them, which is the only one that waits for
//! whoever reads; what doesn't fit is dropped and counted.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

use super::line::{self, Style};
use super::pace::Pace;

/// Bytes of lines that wait at most, some 2,000 lines.
const MAX_WAITING_BYTES: usize = 256 * 1024;
/// Bytes that are written at once.
const BATCH_BYTES: usize = 64 * 1024;
/// How often lines that came too fast are told of, and how soon a pipe is tried again that is full
/// and doesn't block.
const TICK: Duration = Duration::from_secs(1);
const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// Lines that wait for stderr.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    /// There is a line.
    filled: Condvar,
    /// What was there is written.
    written: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    /// Whether lines are out of the queue and not written yet.
    writing: bool,
    /// Lines that were dropped, in all.
    lost: u64,
    /// How many of them are told of.
    told: u64,
}

impl Queue {
    /// Takes a line, or drops it. Never waits.
    pub(super) fn push(&self, line: Vec<u8>) {
        let mut waiting = self.lock();
        if waiting.bytes + line.len() > MAX_WAITING_BYTES {
            waiting.lost += 1;
            return;
        }
        waiting.bytes += line.len();
        waiting.lines.push_back(line);
        self.filled.notify_one();
    }

    /// Counts a line that can't be written.
    fn lose(&self) {
        self.lock().lost += 1;
    }

    /// Lines that were dropped.
    pub(super) fn lost(&self) -> u64 {
        self.lock().lost
    }

    /// Waits until nothing waits, at most for `limit`.
    pub(super) fn flush(&self, limit: Duration) {
        let busy = |waiting: &mut Waiting| waiting.writing || !waiting.lines.is_empty();
        let waited = self.written.wait_timeout_while(self.lock(), limit, busy);
        // Whoever ends goes on in either case.
        drop(waited);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next lines, at most [`BATCH_BYTES`] unless one alone is longer; none after [`TICK`].
    fn next(&self) -> (Vec<u8>, u64) {
        let empty = |waiting: &mut Waiting| waiting.lines.is_empty();
        let waited = self.filled.wait_timeout_while(self.lock(), TICK, empty);
        let (mut waiting, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let (mut batch, mut lines) = (Vec::new(), 0);
        while let Some(line) = waiting
            .lines
            .pop_front_if(|line| batch.is_empty() || batch.len() + line.len() <= BATCH_BYTES)
        {
            waiting.bytes -= line.len();
            batch.extend_from_slice(&line);
            lines += 1;
        }
        waiting.writing = lines > 0;
        (batch, lines)
    }

    /// Says that the batch is written, or that its `lost` lines are not. Gives how many lines were
    /// dropped lately, once the queue is empty.
    fn done(&self, lost: u64) -> Option<u64> {
        let mut waiting = self.lock();
        waiting.writing = false;
        waiting.lost += lost;
        let empty = waiting.lines.is_empty();
        let untold = waiting.lost - waiting.told;
        if empty {
            self.written.notify_all();
        }
        // After a failed write nobody reads at all.
        (empty && lost == 0 && untold > 0).then(|| {
            waiting.told = waiting.lost;
            untold
        })
    }

    /// Writes what comes, for ever.
    fn serve(&self, out: &mut impl Write, pace: &Pace) {
        loop {
            let (batch, lines) = self.next();
            let written = write(out, &batch);
            if let Some(dropped) = self.done(if written.is_ok() { 0 } else { lines }) {
                tracing::warn!(dropped, "log lines were dropped while nobody read stderr");
            }
            pace.report();
        }
    }
}

/// Writes everything, also to a pipe that doesn't block.
fn write(out: &mut impl Write, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match out.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(RETRY_PAUSE),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A second handle of stderr: through the standard library's own, this thread would hold its lock for
/// as long as nobody reads.
fn stderr() -> io::Result<File> {
    #[cfg(unix)]
    let copy = std::os::fd::AsFd::as_fd(&io::stderr()).try_clone_to_owned()?;
    #[cfg(windows)]
    let copy = std::os::windows::io::AsHandle::as_handle(&io::stderr()).try_clone_to_owned()?;
    Ok(File::from(copy))
}

/// Starts the thread that writes.
pub(super) fn spawn(queue: Arc<Queue>, pace: Arc<Pace>) {
    let serve = move || match stderr() {
        Ok(mut out) => queue.serve(&mut out, &pace),
        // There is no stderr: what is logged is dropped and counted.
        Err(_) => queue.serve(&mut io::sink(), &pace),
    };
    // Without a thread the queue fills, and what comes then is counted.
    let _ = thread::Builder::new().name("logs".to_owned()).spawn(serve);
}

/// Puts lines into the queue.
#[derive(Clone, Debug)]
pub(super) struct LineWriter {
    queue: Arc<Queue>,
    style: Style,
}

impl LineWriter {
    pub(super) const fn new(queue: Arc<Queue>, style: Style) -> Self {
        Self { queue, style }
    }
}

impl<'a> MakeWriter<'a> for LineWriter {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Write for LineWriter {
    /// Takes one line, which the formatter writes at once.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match line::safe(line, self.style) {
            Some(safe) => self.queue.push(safe),
            None => self.queue.lose(),
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_drops_and_tells_once_it_is_empty() {
        let queue = Queue::default();
        let line = vec![b'x'; 1023];
        let fits = MAX_WAITING_BYTES / line.len();
        for _ in 0..fits + 3 {
            queue.push(line.clone());
        }
        assert_eq!(queue.lost(), 3);
        let mut taken = 0;
        let told = loop {
            let (batch, lines) = queue.next();
            assert!(!batch.is_empty() && batch.len() <= BATCH_BYTES);
            taken += lines;
            if let Some(told) = queue.done(0) {
                break told;
            }
        };
        assert_eq!((usize::try_from(taken).unwrap(), told), (fits, 3));
        queue.push(line);
        queue.next();
        assert_eq!(queue.done(0), None, "told once");
        queue.flush(Duration::from_secs(60));
    }

    #[test]
    fn a_reader_that_is_gone_costs_its_lines_only() {
        let queue = Queue::default();
        queue.push(b"a\n".to_vec());
        let (_, lines) = queue.next();
        assert_eq!((queue.done(lines), queue.lost()), (None, 1));
        queue.push(b"b\n".to_vec());
        queue.next();
        assert_eq!(queue.done(0), Some(1));
    }
}
