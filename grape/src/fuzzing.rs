//! What reads strangers' bytes and is nobody else's business: for the fuzz targets. Nothing here does
//! anything of its own.

pub use crate::dht::fuzzing::{Node, reread};
pub use crate::rpc::fuzzing::{read_answer, read_call, unpack};
