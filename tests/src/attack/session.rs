//! A session of an attacker, which says what it likes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use bytes::Bytes;
use meshbook::protocol::{Dialect, Message, SessionError, SessionReader, SessionWriter, encode};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::tally::Tally;
use crate::Persona;
use crate::secured::{now, read_frame, shake_hands};

/// A secured session with the node.
#[derive(Debug)]
pub(super) struct Session {
    read: OwnedReadHalf,
    reader: SessionReader,
    mouth: Mouth,
}

/// The side of it that speaks.
#[derive(Debug)]
pub(super) struct Mouth {
    write: OwnedWriteHalf,
    writer: SessionWriter,
    /// The node has closed the session.
    over: Arc<AtomicBool>,
    tally: Arc<Tally>,
}

impl Session {
    pub(super) async fn open(
        mut stream: TcpStream,
        who: &Persona,
        tally: Arc<Tally>,
    ) -> Result<Self, SessionError> {
        let ready = shake_hands(&mut stream, who).await?;
        let (read, write) = stream.into_split();
        Ok(Self {
            read,
            reader: ready.reader,
            mouth: Mouth {
                write,
                writer: ready.writer,
                over: Arc::default(),
                tally,
            },
        })
    }

    /// The side that speaks. What the node says is read, and goes to `hear`.
    pub(super) fn hearing(mut self, mut hear: impl FnMut(Message) + Send + 'static) -> Mouth {
        let (over, tally) = (Arc::clone(&self.mouth.over), Arc::clone(&self.mouth.tally));
        tokio::spawn(async move {
            let mut messages = Vec::new();
            while let Some(payload) = read_frame(&mut self.read).await {
                if self.reader.read(&payload, &mut messages).is_err() {
                    break;
                }
                for message in messages.drain(..) {
                    if let Message::Error { code, .. } = &message {
                        tally.told(&format!("sent away: {code}"));
                    }
                    hear(message);
                }
            }
            over.store(true, Relaxed);
        });
        self.mouth
    }

    /// The side that speaks. What the node says is read, and means nothing.
    pub(super) fn ignoring(self) -> Mouth {
        self.hearing(|_| {})
    }

    /// The side that speaks, and the other one, from which nobody reads.
    pub(super) fn deaf(self) -> (Mouth, OwnedReadHalf) {
        (self.mouth, self.read)
    }
}

impl Mouth {
    /// Says texts, each in a frame of its own.
    ///
    /// # Errors
    /// The session is over.
    pub(super) async fn say(&mut self, texts: &[Bytes]) -> io::Result<()> {
        let mut payloads = Vec::with_capacity(texts.len());
        for text in texts {
            let written = self.writer.write(std::slice::from_ref(text), &mut payloads);
            written.map_err(io::Error::other)?;
        }
        self.send(&payloads).await
    }

    /// Says texts in as few frames as hold them.
    ///
    /// # Errors
    /// The session is over.
    pub(super) async fn say_packed(&mut self, texts: &[Bytes]) -> io::Result<()> {
        let mut payloads = Vec::new();
        let written = self.writer.write(texts, &mut payloads);
        written.map_err(io::Error::other)?;
        self.send(&payloads).await
    }

    /// Whether the node has closed the session.
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Relaxed)
    }

    /// Sends bytes as they are, whatever they mean.
    ///
    /// # Errors
    /// The session is over.
    pub(super) async fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.is_over() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.write.write_all(bytes).await
    }

    async fn send(&mut self, payloads: &[Bytes]) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(payloads.iter().map(|p| p.len() + 4).sum());
        for payload in payloads {
            let length = u32::try_from(payload.len()).map_err(io::Error::other)?;
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(payload);
        }
        self.send_raw(&bytes).await?;
        self.tally.sent(payloads.len(), bytes.len());
        Ok(())
    }
}

/// The text of a message, as a secured session carries it. The node does not look at who is said
/// to say it: that is proved.
pub(super) fn text(message: &Message) -> Bytes {
    let text = encode(message, Dialect::Secured, "stranger", now().wall);
    text.expect("a message of the dialect")
}
