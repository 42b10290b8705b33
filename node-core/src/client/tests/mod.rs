//! Whole clients in one process, over real sockets and in memory.

#[cfg(unix)]
mod bounded_history;
mod history;
mod life;
mod peers;
mod store;
mod trading;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use super::{Config, ExchangeClient};
use crate::node::{NewOrder, OrderKind, PeerStatus, TimeInForce};
use crate::transport::Transport;
use crate::types::{PeerAddress, Side};

/// Far more than anything here takes; only a hang comes near it.
const PATIENCE: Duration = Duration::from_secs(30);

/// A client with a data directory of its own, which goes with it.
struct Place {
    client: ExchangeClient,
    dir: TempDir,
}

/// Settings of a client that listens on a free port of this machine and knows nobody.
fn quiet(dir: &TempDir) -> Config {
    Config {
        data_dir: dir.path().join("node"),
        p2p_host: "127.0.0.1".to_owned(),
        p2p_port: 0,
        use_well_known_nodes: false,
        discovery_mdns: false,
        discovery_grenache: false,
        ..Config::default()
    }
}

/// A started client that dials `bootstrap`.
async fn start(transport: &Arc<dyn Transport>, bootstrap: &[&Place]) -> Place {
    let dir = tempfile::tempdir().unwrap();
    let mut config = quiet(&dir);
    config.bootstrap_peers = bootstrap.iter().map(|place| place.address()).collect();
    let client = ExchangeClient::with_transport(config, Arc::clone(transport)).unwrap();
    client.initialize().await.unwrap();
    Place { client, dir }
}

impl Place {
    fn address(&self) -> PeerAddress {
        self.client.p2p_address().unwrap().into()
    }

    fn connected(&self) -> usize {
        let peers = self.client.peers();
        let up = |status| matches!(status, PeerStatus::Connected);
        peers.into_iter().filter(|peer| up(peer.status)).count()
    }
}

/// Waits until `condition` holds.
async fn until(what: &str, condition: impl Fn() -> bool) {
    let met = async {
        while !condition() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(timeout(PATIENCE, met).await.is_ok(), "never: {what}");
}

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("in time")
}

fn order(side: Side, amount: &str, price: &str) -> NewOrder {
    NewOrder {
        side,
        amount: amount.parse().unwrap(),
        kind: OrderKind::Limit(price.parse().unwrap()),
        time_in_force: TimeInForce::Gtc,
        user: None,
        lifetime: None,
    }
}
