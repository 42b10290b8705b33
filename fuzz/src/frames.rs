//! The first bytes of a connection, and frames.

use bytes::{Bytes, BytesMut};
use meshbook::protocol::{
    FrameDecoder, FrameTooLarge, HttpHeadError, MAX_HTTP_HEAD, SNIFF_BYTES, http_head, sniff,
    write_frame,
};

/// A stream gives the same payloads however it is cut, they make the same stream, and no limit is
/// passed. What a connection is, is decided once and within a few bytes.
pub fn frames(data: &[u8]) {
    sniffing(data);
    let Some((set, stream)) = data.split_first() else {
        return;
    };
    let limit = [0, 4, 64, 4096][usize::from(set & 3)];
    let step = 1 + usize::from(set >> 2);
    let (whole, fault) = cut(stream, stream.len().max(1), limit);
    assert_eq!(cut(stream, step, limit), (whole.clone(), fault));
    let mut again = BytesMut::new();
    for payload in &whole {
        assert!(payload.len() <= limit);
        let written = write_frame(payload, limit, &mut again);
        assert_eq!(written, Ok(()));
    }
    assert!(stream.starts_with(&again));
}

/// The payloads of a stream that comes in pieces of `step` bytes, and what ended it.
fn cut(stream: &[u8], step: usize, limit: usize) -> (Vec<Bytes>, Option<FrameTooLarge>) {
    let decoder = FrameDecoder::new(limit);
    let (mut buffer, mut payloads) = (BytesMut::new(), Vec::new());
    for piece in stream.chunks(step) {
        buffer.extend_from_slice(piece);
        loop {
            match decoder.decode(&mut buffer) {
                Ok(Some(payload)) => payloads.push(payload),
                Ok(None) => break,
                Err(fault) => return (payloads, Some(fault)),
            }
        }
        // A payload and its header at most wait for their end.
        assert!(buffer.len() < limit + 4);
    }
    (payloads, None)
}

fn sniffing(data: &[u8]) {
    let mut decided = None;
    for length in 0..=data.len().min(SNIFF_BYTES + 4) {
        let sniffed = sniff(&data[..length]);
        if decided.is_some() {
            assert_eq!(sniffed, decided, "it was decided before");
        }
        decided = sniffed;
        assert!(length < SNIFF_BYTES || decided.is_some());
    }
    match http_head(data) {
        Ok(None) => assert!(data.len() < MAX_HTTP_HEAD),
        Ok(Some(head)) => {
            assert!(head.length <= MAX_HTTP_HEAD);
            let alone = &data[..head.length];
            assert!(alone.ends_with(b"\r\n\r\n"));
            assert_eq!(http_head(alone), Ok(Some(head)));
            assert_eq!(http_head(&alone[..alone.len() - 1]), Ok(None));
        }
        Err(HttpHeadError::TooLarge) => assert!(data.len() >= MAX_HTTP_HEAD),
        Err(_) => {}
    }
}
