//! `ExchangeClient`: the async facade over a node, and the driver that moves its bytes and time.

mod archive;
mod commit;
mod config;
mod connection;
mod direct_connection;
mod driver;
mod error;
mod events;
mod exchange_client;
mod finding;
mod history;
mod lanes;
mod outbox;
mod reading;
mod rpc;
mod saver;
mod shared;
mod start;
#[cfg(test)]
mod tests;
mod turns;
mod usage;

pub use archive::Archive;
#[cfg(feature = "fuzzing")]
pub(crate) use config::fuzzing;
pub use config::{Config, ConfigBuilder, ConfigError, LogFormat, LogLevel, well_known_nodes};
pub use connection::{CLOSE_TIME, DIAL_TIME, STALL_TIME};
pub use driver::BATCH;
pub use error::{BanError, StartError};
pub use events::{EVENTS, EventStream};
pub use exchange_client::{ExchangeClient, SHUTDOWN_TIME};
pub use history::{
    Cursor, HISTORY_PAGE, History, HistoryPage, HistoryQuery, OwnSide, PastTrade, Reading,
};
pub use lanes::INPUTS;
pub use outbox::{
    BULK_BYTES, BULK_BYTES_EACH, BULK_BYTES_IN_ALL, BULK_MESSAGES, CONTROL_BYTES, CONTROL_MESSAGES,
};
pub use reading::{READ_BATCH, READ_BATCH_BYTES};
pub use start::OpenStore;
