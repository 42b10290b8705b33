//! Grapes as a source of peers.

use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::Instant;
use tracing::debug;

use super::breaker::CircuitBreaker;
use super::grape::{GRENACHE_SERVICE, Grape, GrapeError, LookedUp, grenache_service, http_client};
use crate::discovery::pace::Pace;
use crate::discovery::source::{Announcement, Candidate, Discovery, DiscoveryError};
use crate::node::{PeerSource, may_pass};
use crate::types::{Millis, PeerAddress};

/// The node is announced, and others are looked up, so often. An announcement holds for 120 s, so
/// eleven in a row may fail; a Grape that was restarted has forgotten everybody, and knows all of
/// them again after this time. The original's second finds nobody sooner but by chance.
pub const ANNOUNCE_EVERY: Duration = Duration::from_secs(10);

/// The pause after the first look-up; it doubles up to [`ANNOUNCE_EVERY`]. Nodes that are started
/// together don't wait for each other that long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Which Grapes, and how patient one is with them.
#[derive(Clone, Debug)]
pub struct GrenacheOptions {
    /// The HTTP addresses of Grapes, without a slash at the end. One is used at a time; the next
    /// is tried when it fails.
    pub urls: Vec<String>,
    /// Failures in a row that open a Grape's circuit breaker.
    pub failure_threshold: u32,
    /// How long an open breaker stays open.
    pub reset_timeout: Millis,
}

/// Announces the node's own port to a Grape and looks others up there.
///
/// Under the same name original nodes announce the port of their RPC. Which of both it is shows
/// when the address is dialed.
#[derive(Debug)]
pub struct Grenache {
    http: Option<reqwest::Client>,
    grapes: Vec<Grape>,
    /// The one that answered last.
    current: usize,
    own: Option<Announcement>,
    pace: Pace,
    announced: bool,
}

impl Grenache {
    /// Grapes that are not asked yet.
    #[must_use]
    pub fn new(options: GrenacheOptions) -> Self {
        let reset = Duration::from_millis(options.reset_timeout.0);
        let grape = |url| Grape {
            url,
            breaker: CircuitBreaker::new(options.failure_threshold, reset),
        };
        Self {
            http: None,
            grapes: options.urls.into_iter().map(grape).collect(),
            current: 0,
            own: None,
            pace: Pace::new(FIRST_PAUSE, ANNOUNCE_EVERY),
            announced: false,
        }
    }

    /// Has the first Grape that answers do it, the last one that answered before all others.
    async fn ask(&mut self, request: &Request) -> Result<LookedUp, DiscoveryError> {
        let http = match &self.http {
            Some(http) => http,
            None => self
                .http
                .insert(http_client().map_err(|error| no_grape(&error, None))?),
        };
        let mut reason = "every circuit breaker is open".to_owned();
        let mut wanted = 0;
        let count = self.grapes.len();
        for turn in 0..count {
            let index = (self.current + turn) % count;
            let Some(grape) = self.grapes.get_mut(index) else {
                continue;
            };
            if !request.is_for(grape) {
                continue;
            }
            wanted += 1;
            if grape.breaker.open_for(Instant::now()).is_some() {
                continue;
            }
            match request.send(grape, http).await {
                Ok(given) => {
                    grape.breaker.succeeded();
                    self.current = index;
                    return Ok(given);
                }
                Err(error) => {
                    grape.breaker.failed(Instant::now());
                    debug!(url = grape.url, %error, "a Grape failed");
                    reason = format!("{}: {error}", grape.url);
                }
            }
        }
        if wanted == 0 {
            return Ok(LookedUp::default());
        }
        Err(no_grape(&reason, self.all_open_for()))
    }

    /// How long no Grape will be asked.
    fn all_open_for(&self) -> Option<Duration> {
        let now = Instant::now();
        let open = self.grapes.iter().map(|grape| grape.breaker.open_for(now));
        open.collect::<Option<Vec<Duration>>>()?.into_iter().min()
    }

    async fn announce_own(&mut self) -> Result<(), DiscoveryError> {
        if let Some(own) = &self.own {
            let request = Request::Announce {
                service: grenache_service(&own.network),
                port: own.listen.port(),
                locally: own.is_local(),
            };
            self.ask(&request).await?;
        }
        self.announced = true;
        Ok(())
    }
}

/// What is asked of whichever Grape answers.
enum Request {
    Announce {
        service: String,
        port: u16,
        /// Only this machine reaches the port, so only a Grape of this machine may name it.
        locally: bool,
    },
    LookUp {
        service: String,
    },
}

impl Request {
    fn is_for(&self, grape: &Grape) -> bool {
        match self {
            Self::Announce { locally, .. } => !locally || is_local(&grape.url),
            Self::LookUp { .. } => true,
        }
    }

    async fn send(&self, grape: &Grape, http: &reqwest::Client) -> Result<LookedUp, GrapeError> {
        match self {
            Self::Announce { service, port, .. } => {
                grape.announce(http, service, *port).await?;
                Ok(LookedUp::default())
            }
            Self::LookUp { service } => grape.look_up(http, service).await,
        }
    }
}

impl Discovery for Grenache {
    fn source(&self) -> PeerSource {
        PeerSource::Grenache
    }

    fn announce<'a>(
        &'a mut self,
        own: &'a Announcement,
    ) -> BoxFuture<'a, Result<(), DiscoveryError>> {
        self.own = Some(own.clone());
        self.pace.again();
        Box::pin(self.announce_own())
    }

    fn next(&mut self) -> BoxFuture<'_, Result<Vec<Candidate>, DiscoveryError>> {
        Box::pin(async {
            self.pace.due().await;
            if !self.announced {
                self.announce_own().await?;
            }
            let own = self.own.as_ref();
            let service = own.map(|own| grenache_service(&own.network));
            let service = service.unwrap_or_else(|| GRENACHE_SERVICE.to_owned());
            let found = self.ask(&Request::LookUp { service }).await?;
            self.announced = false;
            self.pace.worked();
            Ok(candidates(&found))
        })
    }

    fn look_again(&mut self) {
        self.pace.again();
    }

    fn end(&mut self) -> BoxFuture<'_, ()> {
        // A Grape forgets by itself; there is nothing to take back an announcement by.
        Box::pin(std::future::ready(()))
    }
}

fn no_grape(reason: &impl ToString, retry_in: Option<Duration>) -> DiscoveryError {
    DiscoveryError::NoGrape {
        reason: reason.to_string(),
        retry_in,
    }
}

/// Whether a Grape's address says that it is on this machine.
fn is_local(url: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(url) else {
        return false;
    };
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host
            .parse()
            .is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

/// The addresses that make sense, as far as the Grape could reach them itself: a Grape elsewhere
/// can't know what is on this machine.
fn candidates(found: &LookedUp) -> Vec<Candidate> {
    let Some(grape) = found.grape.map(PeerAddress::from) else {
        return Vec::new();
    };
    let addresses = found.addresses.iter().filter_map(|text| text.parse().ok());
    addresses
        .filter(|address: &PeerAddress| address.ip().is_some() && may_pass(address, &grape))
        .map(|address| Candidate { address, id: None })
        .collect()
}

#[cfg(feature = "fuzzing")]
#[expect(missing_docs, reason = "it is what it calls")]
pub(crate) mod fuzzing {
    use std::net::SocketAddr;

    use super::super::grape::read;
    use super::{Candidate, LookedUp, candidates};

    pub fn read_looked_up(body: &[u8], grape: SocketAddr) -> Result<Vec<Candidate>, String> {
        let addresses = read(body).map_err(|error| error.to_string())?;
        Ok(candidates(&LookedUp::new(addresses, Some(grape))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grape_is_believed_as_far_as_it_could_reach_itself() {
        let names = [
            "127.0.0.1:1",
            "192.168.0.9:2",
            "8.8.8.8:3",
            "0.0.0.0:4",
            "host:5",
            "8.8.8.8:0",
            "8.8.8.8",
            "",
        ];
        let from = |grape: &str| {
            let found = LookedUp {
                addresses: names.map(str::to_owned).to_vec(),
                grape: Some(grape.parse().unwrap()),
            };
            let candidates = candidates(&found).into_iter();
            candidates.map(|c| c.address.port()).collect::<Vec<u16>>()
        };
        assert_eq!(from("127.0.0.1:30001"), [1, 2, 3]);
        assert_eq!(from("192.168.0.1:30001"), [2, 3]);
        assert_eq!(from("9.9.9.9:30001"), [3]);
    }

    #[tokio::test]
    async fn grapes_that_failed_often_enough_are_not_asked_for_a_while() {
        // A port that was free a moment ago.
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", nobody.local_addr().unwrap());
        drop(nobody);
        let mut grenache = Grenache::new(GrenacheOptions {
            urls: vec![url.clone(), url],
            failure_threshold: 2,
            reset_timeout: Millis::from_secs(60),
        });
        let own = Announcement {
            node_id: crate::types::NodeId([1; 32]),
            network: "local".parse().unwrap(),
            listen: "127.0.0.1:3000".parse().unwrap(),
        };
        let first = grenache.announce(&own).await.unwrap_err();
        assert_eq!(first.retry_in(), None);
        let second = grenache.announce(&own).await.unwrap_err();
        assert!(second.to_string().contains("refused"), "{second}");
        let third = grenache.announce(&own).await.unwrap_err();
        assert!(third.to_string().contains("breaker"), "{third}");
        for error in [second, third] {
            let retry_in = error.retry_in().unwrap();
            assert!(retry_in > Duration::from_secs(50), "{retry_in:?}");
        }
    }

    #[tokio::test]
    async fn a_port_of_this_machine_alone_is_told_to_no_grape_elsewhere() {
        let mut grenache = Grenache::new(GrenacheOptions {
            // Nothing is ever sent there (RFC 5737).
            urls: vec!["http://192.0.2.1:30001".to_owned()],
            failure_threshold: 1,
            reset_timeout: Millis::from_secs(60),
        });
        let own = Announcement {
            node_id: crate::types::NodeId([1; 32]),
            network: "local".parse().unwrap(),
            listen: "127.0.0.1:3000".parse().unwrap(),
        };
        grenache.announce(&own).await.unwrap();
        assert_eq!(grenache.all_open_for(), None);
    }

    #[test]
    fn a_grape_of_this_machine_is_known_by_its_address() {
        for here in [
            "http://127.0.0.1:30001",
            "http://[::1]:1",
            "http://localhost/x",
        ] {
            assert!(is_local(here), "{here}");
        }
        for elsewhere in ["http://10.0.0.1:30001", "http://localhost.example.org", "x"] {
            assert!(!is_local(elsewhere), "{elsewhere}");
        }
    }
}
