//! The signals that end a command.

use std::io;

use tokio::sync::mpsc;

/// The name of the signal that comes when the terminal is closed, often more than once.
pub(crate) const HANGUP: &str = "SIGHUP";

/// SIGINT (Ctrl-C), SIGTERM, SIGHUP (the terminal is gone) and SIGQUIT (Ctrl-\), from the moment that this
/// is made.
pub(crate) struct Signals(mpsc::Receiver<&'static str>);

impl Signals {
    /// Starts to listen, in place of the default action, which would end the process at once.
    pub(crate) fn listen() -> io::Result<Self> {
        let (sender, receiver) = mpsc::channel(4);
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let hangup = (!hangup_is_ignored()).then_some((SignalKind::hangup(), HANGUP));
            let signals = [
                (SignalKind::terminate(), "SIGTERM"),
                (SignalKind::interrupt(), "SIGINT"),
                (SignalKind::quit(), "SIGQUIT"),
            ];
            for (kind, name) in signals.into_iter().chain(hangup) {
                let mut signal = signal(kind)?;
                let sender = sender.clone();
                tokio::spawn(async move {
                    while signal.recv().await.is_some() && sender.send(name).await.is_ok() {}
                });
            }
        }
        #[cfg(not(unix))]
        tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() && sender.send("Ctrl-C").await.is_ok() {}
        });
        Ok(Self(receiver))
    }

    /// The next signal's name. Cancel safe.
    pub(crate) async fn next(&mut self) -> &'static str {
        match self.0.recv().await {
            Some(name) => name,
            // The listening tasks live as long as the runtime.
            None => std::future::pending().await,
        }
    }
}

/// Whether this process was started to outlive its terminal, as `nohup` does. Only Linux tells.
#[cfg(unix)]
fn hangup_is_ignored() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| ignores_hangup(&status))
}

/// Whether the first signal is among those that a process ignores, by its `status` in `/proc`.
#[cfg(unix)]
fn ignores_hangup(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 == 1)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn an_ignored_hangup_is_read_from_the_mask() {
        assert!(ignores_hangup("Name:\tx\nSigIgn:\t0000000000001001\n"));
        assert!(!ignores_hangup("SigBlk:\t1\nSigIgn:\t0000000000001000\n"));
        assert!(!ignores_hangup(""));
    }
}
