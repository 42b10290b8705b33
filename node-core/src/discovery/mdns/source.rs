//! Multicast DNS as a source of peers.

use std::fmt;
use std::time::Duration;

use futures_util::future::BoxFuture;
use mdns_sd::{DaemonEvent, IfKind, Receiver, ServiceDaemon, ServiceEvent};
use tokio::time::timeout;
use tracing::{debug, trace};

use super::present::Present;
use super::services::{MESHBOOK_SERVICE, ORIGINAL_SERVICE, SERVICE_NAME_LENGTH, services};
use crate::discovery::source::{Announcement, Candidate, Discovery, DiscoveryError};
use crate::node::PeerSource;

/// How long the goodbye of one service may take.
const GOODBYE_TIME: Duration = Duration::from_millis(500);
/// A machine without a network gets one at any time, and costs nothing until then.
const NETWORK_CHECK: Duration = Duration::from_secs(5);

/// How the library says that it searches where nobody can hear it.
const NOWHERE: &str = " on 0 interfaces ";

/// Announces the node on the local network and finds others there, under [`MESHBOOK_SERVICE`] and
/// [`ORIGINAL_SERVICE`]. Interfaces may come and go.
///
/// The library that does the work has one thread, and a cache that no number bounds: what is
/// announced under the two services stays there until it expires.
#[derive(Default)]
pub struct Mdns {
    running: Option<Running>,
}

impl Mdns {
    /// Multicast DNS, not yet in use.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

/// The library at work.
struct Running {
    daemon: ServiceDaemon,
    own: Announcement,
    /// The full names of what is announced.
    announced: Vec<String>,
    meshbook: Receiver<ServiceEvent>,
    original: Receiver<ServiceEvent>,
    daemon_events: Receiver<DaemonEvent>,
    present: Present,
}

impl Running {
    fn start(own: &Announcement) -> mdns_sd::Result<Self> {
        let daemon = ServiceDaemon::new()?;
        let started = Self::set_up(&daemon, own);
        if started.is_err() {
            // It ends when it gets to it; nobody waits.
            let _ = daemon.shutdown();
        }
        let (announced, [meshbook, original], daemon_events) = started?;
        Ok(Self {
            daemon,
            own: own.clone(),
            announced,
            meshbook,
            original,
            daemon_events,
            present: Present::default(),
        })
    }

    #[expect(
        clippy::type_complexity,
        reason = "taken apart at once, in the only place"
    )]
    fn set_up(
        daemon: &ServiceDaemon,
        own: &Announcement,
    ) -> mdns_sd::Result<(
        Vec<String>,
        [Receiver<ServiceEvent>; 2],
        Receiver<DaemonEvent>,
    )> {
        daemon.set_service_name_len_max(SERVICE_NAME_LENGTH)?;
        daemon.disable_interface(vec![IfKind::LoopbackV4, IfKind::LoopbackV6])?;
        let events = daemon.monitor()?;
        let mut announced = Vec::new();
        for service in services(own)? {
            announced.push(service.get_fullname().to_owned());
            daemon.register(service)?;
        }
        let browse = |service| daemon.browse(service);
        let found = [browse(MESHBOOK_SERVICE)?, browse(ORIGINAL_SERVICE)?];
        Ok((announced, found, events))
    }

    /// True where that is news.
    fn take(&mut self, event: ServiceEvent) -> Result<bool, DiscoveryError> {
        match event {
            ServiceEvent::ServiceResolved(service) => self.present.came(&service, &self.own),
            ServiceEvent::ServiceRemoved(_, name) => self.present.left(&name),
            ServiceEvent::SearchStarted(text) if text.contains(NOWHERE) => {
                return Err(DiscoveryError::Mdns {
                    reason: "no interface with multicast is up".to_owned(),
                    retry_in: Some(NETWORK_CHECK),
                });
            }
            ServiceEvent::SearchStarted(text) => trace!(text, "searching"),
            _ => return Ok(false),
        }
        Ok(true)
    }

    async fn next(&mut self) -> Result<Vec<Candidate>, DiscoveryError> {
        loop {
            // All of them end only with the thread, or if nobody read them for very long.
            let ended = |_| failed("it ended by itself");
            let event = tokio::select! {
                event = self.meshbook.recv_async() => event.map_err(ended)?,
                event = self.original.recv_async() => event.map_err(ended)?,
                event = self.daemon_events.recv_async() => {
                    match event.map_err(ended)? {
                        DaemonEvent::Error(error) => debug!(%error, "multicast DNS"),
                        event => trace!(?event, "multicast DNS"),
                    }
                    continue;
                }
            };
            if self.take(event)? {
                return Ok(self.present.candidates());
            }
        }
    }

    async fn say_goodbye(&self) {
        for name in &self.announced {
            if let Ok(done) = self.daemon.unregister(name) {
                // Whoever gets no goodbye forgets this node within two minutes.
                let _ = timeout(GOODBYE_TIME, done.recv_async()).await;
            }
        }
        if let Ok(done) = self.daemon.shutdown() {
            let _ = timeout(GOODBYE_TIME, done.recv_async()).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.daemon.shutdown();
    }
}

impl Discovery for Mdns {
    fn source(&self) -> PeerSource {
        PeerSource::Mdns
    }

    fn announce<'a>(
        &'a mut self,
        own: &'a Announcement,
    ) -> BoxFuture<'a, Result<(), DiscoveryError>> {
        Box::pin(async {
            if let Some(old) = self.running.take() {
                old.say_goodbye().await;
            }
            let running = Running::start(own).map_err(|error| failed(&error))?;
            self.running = Some(running);
            Ok(())
        })
    }

    fn next(&mut self) -> BoxFuture<'_, Result<Vec<Candidate>, DiscoveryError>> {
        Box::pin(async {
            match &mut self.running {
                Some(running) => running.next().await,
                None => Err(failed("it is not announced")),
            }
        })
    }

    fn look_again(&mut self) {
        let Some(running) = &mut self.running else {
            return;
        };
        // A new search for the same service takes the place of the old one, and asks at once.
        for (service, found) in [
            (MESHBOOK_SERVICE, &mut running.meshbook),
            (ORIGINAL_SERVICE, &mut running.original),
        ] {
            match running.daemon.browse(service) {
                Ok(again) => *found = again,
                Err(error) => debug!(%error, service, "no new search"),
            }
        }
    }

    fn end(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            if let Some(running) = self.running.take() {
                running.say_goodbye().await;
            }
        })
    }
}

impl fmt::Debug for Mdns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let announced = self.running.as_ref().map(|running| &running.announced);
        f.debug_struct("Mdns")
            .field("announced", &announced)
            .finish_non_exhaustive()
    }
}

fn failed(reason: &(impl ToString + ?Sized)) -> DiscoveryError {
    DiscoveryError::Mdns {
        reason: reason.to_string(),
        retry_in: None,
    }
}
