//! What reads strangers' bytes and is nobody else's business: for the fuzz targets. Nothing here does
//! anything of its own.

pub use crate::client::fuzzing::read_toml;
pub use crate::discovery::fuzzing::{read_looked_up, read_txt, write_txt};
pub use crate::protocol::fuzzing::{RawDial, Seal};
pub use crate::storage::fuzzing::{read_bans, read_peers, write_bans, write_peers};
