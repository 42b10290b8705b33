//! Frames on a byte stream: a 4-byte big-endian length, then so many bytes of payload.
//!
//! A WebSocket needs none of this: one binary message there is one payload.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use thiserror::Error;

/// The longest payload before a session is ready, in bytes.
pub const HANDSHAKE_FRAME_LIMIT: usize = 4 * 1024;

/// The longest message of a ready session, in bytes, unless the configuration says otherwise.
pub const DEFAULT_MESSAGE_LIMIT: usize = 1024 * 1024;

/// The length of the length.
pub const FRAME_HEADER: usize = 4;

/// A frame that claims to be longer than is allowed; the connection can't go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a frame of {length} bytes is longer than {limit}")]
pub struct FrameTooLarge {
    /// What the frame claims.
    pub length: usize,
    /// What is allowed.
    pub limit: usize,
}

impl FrameTooLarge {
    /// Whether the header is the start of an HTTP answer: what listens there is no peer's port.
    #[must_use]
    pub const fn reads_http(&self) -> bool {
        self.length == u32::from_be_bytes(*b"HTTP") as usize
    }
}

/// Cuts a byte stream into payloads.
///
/// It reserves nothing: memory is taken by bytes that have come, never by a length that a peer
/// claims. It looks at one frame at a time, so that a limit that is raised between two calls
/// holds for the next frame, even if its bytes came in the same read.
#[derive(Clone, Copy, Debug)]
pub struct FrameDecoder {
    limit: usize,
}

impl Default for FrameDecoder {
    /// With the limit of a session that isn't ready.
    fn default() -> Self {
        Self::new(HANDSHAKE_FRAME_LIMIT)
    }
}

impl FrameDecoder {
    /// A decoder that takes payloads of at most `limit` bytes.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self { limit }
    }

    /// From the next frame on, payloads of at most `limit` bytes are taken.
    pub const fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// The next payload, taken off the front of `stream`; `None` until all of it is there.
    ///
    /// # Errors
    /// If the next frame's length is above the limit; `stream` is left as it is.
    pub fn decode(&self, stream: &mut BytesMut) -> Result<Option<Bytes>, FrameTooLarge> {
        let Some((header, rest)) = stream.split_first_chunk::<FRAME_HEADER>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*header) as usize;
        if length > self.limit {
            let limit = self.limit;
            return Err(FrameTooLarge { length, limit });
        }
        if rest.len() < length {
            return Ok(None);
        }
        stream.advance(FRAME_HEADER);
        Ok(Some(stream.split_to(length).freeze()))
    }
}

/// The header of a payload of `length` bytes; `None` if no header can say it.
#[must_use]
pub fn frame_header(length: usize) -> Option<[u8; FRAME_HEADER]> {
    Some(u32::try_from(length).ok()?.to_be_bytes())
}

/// Appends `payload` as a frame to `out`.
///
/// # Errors
/// If the payload is longer than `limit`; nothing is appended.
pub fn write_frame(payload: &[u8], limit: usize, out: &mut BytesMut) -> Result<(), FrameTooLarge> {
    let length = payload.len();
    let header = frame_header(length).filter(|_| length <= limit);
    let header = header.ok_or(FrameTooLarge { length, limit })?;
    out.reserve(FRAME_HEADER + length);
    out.put_slice(&header);
    out.put_slice(payload);
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_claimed_length_above_the_limit_is_refused_from_its_header_alone() {
        let mut stream = BytesMut::from(&b"\x00\x00\x00\x05"[..]);
        let decoder = FrameDecoder::new(4);
        let error = decoder.decode(&mut stream).unwrap_err();
        assert_eq!((error.length, error.limit), (5, 4));
        let mut out = BytesMut::new();
        assert_eq!(write_frame(b"12345", 4, &mut out), Err(error));
        assert!(out.is_empty());
    }

    #[test]
    fn a_claimed_length_takes_no_memory() {
        let mut stream = BytesMut::from(&b"\x00\x10\x00\x00"[..]);
        let before = stream.capacity();
        let decoder = FrameDecoder::new(DEFAULT_MESSAGE_LIMIT);
        assert_eq!(decoder.decode(&mut stream), Ok(None));
        assert_eq!(stream.capacity(), before);
    }

    #[test]
    fn a_raised_limit_holds_for_bytes_that_are_already_there() {
        let mut stream = BytesMut::new();
        write_frame(b"ab", 9, &mut stream).unwrap();
        write_frame(b"cdefgh", 9, &mut stream).unwrap();
        let mut decoder = FrameDecoder::new(2);
        assert_eq!(decoder.decode(&mut stream).unwrap().unwrap(), "ab");
        decoder.set_limit(6);
        assert_eq!(decoder.decode(&mut stream).unwrap().unwrap(), "cdefgh");
    }

    proptest! {
        #[test]
        fn any_chopping_of_the_stream_gives_the_same_payloads(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..20),
            cuts in prop::collection::vec(1usize..50, 1..40),
        ) {
            let mut stream = BytesMut::new();
            for payload in &payloads {
                write_frame(payload, 300, &mut stream).unwrap();
            }
            let (mut buffer, mut got) = (BytesMut::new(), Vec::new());
            let decoder = FrameDecoder::new(300);
            let mut cuts = cuts.iter().cycle();
            while !stream.is_empty() {
                let step = (*cuts.next().unwrap()).min(stream.len());
                buffer.extend_from_slice(&stream.split_to(step));
                while let Some(payload) = decoder.decode(&mut buffer).unwrap() {
                    got.push(payload.to_vec());
                }
            }
            prop_assert_eq!(got, payloads);
            prop_assert!(buffer.is_empty());
        }
    }
}
