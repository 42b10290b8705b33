//! Length-prefixed frames over a stream of bytes: `[4-byte big-endian length][payload]`.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use super::connection::{FrameSource, TransportError};
use crate::protocol::{FrameDecoder, HANDSHAKE_FRAME_LIMIT, write_frame};

/// The longest payload that any transport carries: below it the first byte of a frame is 0,
/// which tells a frame from an HTTP request.
pub const MAX_FRAME: usize = (1 << 24) - 1;
/// How many bytes wait in a sink before it isn't ready for more.
pub const SEND_BUFFER: usize = 64 * 1024;
/// The longest payload before a session is ready.
pub const FIRST_LIMIT: usize = HANDSHAKE_FRAME_LIMIT;

/// How much is read at once, and how much room is made for it.
const READ_CHUNK: usize = 16 * 1024;

/// Takes frames from a stream of bytes.
pub(super) struct FramedSource<R> {
    io: R,
    buffer: BytesMut,
    decoder: FrameDecoder,
    ended: bool,
}

impl<R> FramedSource<R> {
    pub(super) fn new(io: R) -> Self {
        Self {
            io,
            buffer: BytesMut::new(),
            decoder: FrameDecoder::new(FIRST_LIMIT),
            ended: false,
        }
    }
}

impl<R: AsyncRead + Unpin> FramedSource<R> {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        // Room for what a read can bring, never for the length that the prefix claims: a long
        // frame grows the buffer as its bytes arrive.
        if self.buffer.capacity() - self.buffer.len() < READ_CHUNK / 4 {
            self.buffer.reserve(READ_CHUNK);
        }
        pin!(self.io.read_buf(&mut self.buffer)).poll(cx)
    }
}

impl<R: AsyncRead + Unpin> Stream for FramedSource<R> {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        while !this.ended {
            match this.decoder.decode(&mut this.buffer) {
                Ok(Some(frame)) => return Poll::Ready(Some(Ok(frame))),
                Ok(None) => {}
                Err(error) => {
                    this.ended = true;
                    return Poll::Ready(Some(Err(error.into())));
                }
            }
            let read = ready!(this.poll_fill(cx));
            this.ended = !matches!(read, Ok(1..));
            match read {
                Ok(0) if !this.buffer.is_empty() => {
                    return Poll::Ready(Some(Err(TransportError::Truncated)));
                }
                Ok(_) => {}
                // The peer's process is gone or closed with our bytes unread: the same end.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
                Err(error) => return Poll::Ready(Some(Err(error.into()))),
            }
        }
        Poll::Ready(None)
    }
}

impl<R: AsyncRead + Send + Unpin> FrameSource for FramedSource<R> {
    fn set_limit(&mut self, bytes: usize) {
        self.decoder.set_limit(bytes.min(MAX_FRAME));
    }
}

impl<R> fmt::Debug for FramedSource<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FramedSource")
            .field("buffered", &self.buffer.len())
            .field("decoder", &self.decoder)
            .finish_non_exhaustive()
    }
}

/// Puts frames into a stream of bytes.
pub(super) struct FramedSink<W> {
    io: W,
    buffer: BytesMut,
    failed: bool,
}

impl<W> FramedSink<W> {
    pub(super) fn new(io: W) -> Self {
        Self {
            io,
            buffer: BytesMut::new(),
            failed: false,
        }
    }
}

impl<W: AsyncWrite + Unpin> FramedSink<W> {
    /// Writes until fewer than `target` bytes wait, or none where it is 0.
    fn poll_write_below(
        &mut self,
        target: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), TransportError>> {
        if self.failed {
            return Poll::Ready(Err(TransportError::Closed));
        }
        while self.buffer.has_remaining() && self.buffer.len() >= target {
            let written = ready!(Pin::new(&mut self.io).poll_write(cx, &self.buffer));
            match written {
                Ok(0) => {
                    self.failed = true;
                    return Poll::Ready(Err(TransportError::Closed));
                }
                Ok(written) => self.buffer.advance(written),
                Err(error) => {
                    self.failed = true;
                    return Poll::Ready(Err(error.into()));
                }
            }
        }
        if self.buffer.is_empty() && self.buffer.capacity() > 2 * SEND_BUFFER {
            // One long frame must not cost its length for the rest of the connection.
            self.buffer = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<W: AsyncWrite + Unpin> Sink<Bytes> for FramedSink<W> {
    type Error = TransportError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        self.get_mut().poll_write_below(SEND_BUFFER, cx)
    }

    fn start_send(self: Pin<&mut Self>, frame: Bytes) -> Result<(), TransportError> {
        let this = self.get_mut();
        Ok(write_frame(&frame, MAX_FRAME, &mut this.buffer)?)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        let this = self.get_mut();
        ready!(this.poll_write_below(0, cx))?;
        Pin::new(&mut this.io).poll_flush(cx).map_err(Into::into)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        let this = self.get_mut();
        ready!(this.poll_write_below(0, cx))?;
        Pin::new(&mut this.io).poll_shutdown(cx).map_err(Into::into)
    }
}

impl<W> fmt::Debug for FramedSink<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FramedSink")
            .field("buffered", &self.buffer.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn a_claimed_length_allocates_nothing() {
        let (mut peer, here) = tokio::io::duplex(64);
        let mut source = FramedSource::new(here);
        source.set_limit(MAX_FRAME);
        peer.write_all(&[0, 0xff, 0xff, 0xff, 1, 2, 3])
            .await
            .unwrap();
        assert!(futures_util::poll!(source.next()).is_pending());
        assert!(source.buffer.capacity() <= 2 * READ_CHUNK);
    }

    #[tokio::test]
    async fn a_frame_that_dribbles_in_byte_by_byte_is_one_frame() {
        let (mut peer, here) = tokio::io::duplex(1);
        let mut source = FramedSource::new(here);
        let sent = tokio::spawn(async move {
            for byte in [0, 0, 0, 3, 7, 8, 9, 0, 0, 0, 0] {
                peer.write_all(&[byte]).await.unwrap();
            }
        });
        assert_eq!(source.next().await.unwrap().unwrap(), [7, 8, 9].as_slice());
        assert_eq!(source.next().await.unwrap().unwrap(), [].as_slice());
        assert!(source.next().await.is_none());
        sent.await.unwrap();
    }

    #[tokio::test]
    async fn an_end_within_a_frame_is_an_error_and_then_the_end() {
        for cut in [&[0u8][..], &[0, 0, 0, 3], &[0, 0, 0, 3, 7, 8]] {
            let (mut peer, here) = tokio::io::duplex(64);
            let mut source = FramedSource::new(here);
            peer.write_all(cut).await.unwrap();
            drop(peer);
            let end = source.next().await;
            assert!(
                matches!(end, Some(Err(TransportError::Truncated))),
                "{end:?}"
            );
            assert!(source.next().await.is_none());
        }
    }
}
