//! The Grape inside the node, where `EMBEDDED_GRAPE` says so.

use meshbook::client::Config;
use meshbook_grape::{BootstrapNode, Grape, GrapeConfig, GrapeError, Protocol};

use crate::failure::{Failure, Problem};

/// Why a Grape is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GrapeWish {
    /// A setting asks for it. Whoever asked counts on it, so a port that can't be had ends the
    /// start.
    Asked,
    /// Nothing says no.
    Default,
}

/// Starts the Grape that is configured, if there is one.
pub(crate) async fn start(config: &Config, wish: GrapeWish) -> Result<Option<Grape>, Failure> {
    if !config.embedded_grape {
        return Ok(None);
    }
    let bootstrap = config.grape_bootstrap_nodes.iter();
    let grape = GrapeConfig {
        host: config.grape_host.clone(),
        dht_port: config.grape_dht_port,
        api_port: config.grape_api_port,
        bootstrap: bootstrap
            .map(|address| BootstrapNode::new(address.host(), address.port()))
            .collect(),
    };
    match Grape::start(grape).await {
        Ok(grape) => Ok(Some(grape)),
        Err(error @ GrapeError::PortInUse { .. }) if wish == GrapeWish::Default => {
            tracing::warn!(%error, "no Grape here: perhaps another node runs one already");
            Ok(None)
        }
        Err(error) => Err(not_started(&error)),
    }
}

fn not_started(error: &GrapeError) -> Failure {
    let port = |protocol: &Protocol| match protocol {
        Protocol::Udp => "GRAPE_DHT_PORT",
        Protocol::Tcp => "GRAPE_API_PORT",
    };
    let (code, field) = match error {
        GrapeError::PortInUse { protocol, .. } => ("EADDRINUSE", Some(port(protocol))),
        GrapeError::Listen { protocol, .. } => ("CANNOT_LISTEN", Some(port(protocol))),
        GrapeError::Host { .. } => ("INVALID_HOST", Some("GRAPE_HOST")),
        GrapeError::TooManyBootstrapNodes { .. } => {
            ("INVALID_VALUE", Some("GRAPE_BOOTSTRAP_NODES"))
        }
        _ => ("GRAPE_NOT_STARTED", None),
    };
    Failure::from(Problem {
        field: field.map(str::to_owned),
        ..Problem::new(code, error)
    })
}
