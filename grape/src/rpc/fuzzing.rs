//! The bodies of the RPC as they come from strangers: for the fuzz targets.

use serde_json::value::RawValue;

use super::{RpcAnswer, gzip, wire};

/// The id, the key and the payload of a request.
#[must_use]
pub fn read_call(
    body: &[u8],
    header: Option<&[u8]>,
) -> Option<(Box<RawValue>, String, Box<RawValue>)> {
    let call = wire::read_call(body, header)?;
    Some((call.id, call.key, call.payload))
}

/// The answer to the request of this id.
#[must_use]
pub fn read_answer(body: &[u8], id: &str) -> Option<RpcAnswer> {
    wire::read_answer(body, id)
}

/// A compressed body, at most so many bytes of it.
#[must_use]
pub fn unpack(body: &[u8], most: usize) -> Option<Vec<u8>> {
    gzip::unpack(body, most).ok()
}
