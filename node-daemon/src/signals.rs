//! The signals that end a command.

use std::io;

use tokio::sync::mpsc;

/// SIGINT (Ctrl-C) and SIGTERM, from the moment that this is made.
pub(crate) struct Signals(mpsc::Receiver<&'static str>);

impl Signals {
    /// Starts to listen, in place of the default action, which would end the process at once.
    pub(crate) fn listen() -> io::Result<Self> {
        let (sender, receiver) = mpsc::channel(4);
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            for (kind, name) in [
                (SignalKind::terminate(), "SIGTERM"),
                (SignalKind::interrupt(), "SIGINT"),
            ] {
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
