//! A peer with a secured session whose every message the test chooses, honest or not.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use meshbook::ledger::{Identity, Payload, RawStatement, Statement, Verifier};
use meshbook::protocol::{
    Dialect, Established, Handshaking, LegacyPolicy, Message, Opening, SessionConfig, SessionError,
    SessionReader, SessionWriter, Signer, Step, TakeRequest, encode,
};
use meshbook::transport::MAX_FRAME;
use meshbook::types::{Millis, NetworkId, NodeId, Now};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::PATIENCE;

/// A key that may claim to be another.
#[derive(Debug)]
struct Claim {
    identity: Arc<Identity>,
    claimed: NodeId,
}

impl Signer for Claim {
    fn node_id(&self) -> NodeId {
        self.claimed
    }

    fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.identity.sign_bytes(bytes)
    }
}

/// Who a [`SecuredPeer`] is.
#[derive(Clone, Debug)]
pub struct Persona {
    identity: Arc<Identity>,
    claimed: NodeId,
    network: NetworkId,
    ahead: Millis,
}

impl Persona {
    /// An honest owner of the key that follows from `seed`, in the network `local`.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn new(seed: u8) -> Self {
        Self::of_seed([seed; 32])
    }

    pub(crate) fn of_seed(seed: [u8; 32]) -> Self {
        let identity = Arc::new(Identity::from_seed(seed));
        Self {
            claimed: identity.node_id(),
            identity,
            network: "local".parse().expect("a name of a network"),
            ahead: Millis::ZERO,
        }
    }

    /// One of any number of honest owners, none of them one of [`Persona::new`].
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn numbered(number: u32) -> Self {
        let mut seed = [0xff; 32];
        seed[..4].copy_from_slice(&number.to_be_bytes());
        Self::of_seed(seed)
    }

    /// One that claims somebody else's id.
    #[must_use]
    pub fn claiming(mut self, id: NodeId) -> Self {
        self.claimed = id;
        self
    }

    /// One of another network.
    ///
    /// # Panics
    /// Where that is no name of a network.
    #[must_use]
    pub fn of_network(mut self, network: &str) -> Self {
        self.network = network.parse().expect("a name of a network");
        self
    }

    /// One whose clock shows so much more than it should.
    #[must_use]
    pub const fn with_clock_ahead(mut self, ahead: Millis) -> Self {
        self.ahead = ahead;
        self
    }

    /// What its clock shows.
    #[must_use]
    pub fn now(&self) -> Now {
        let Now { mono, wall } = now();
        let wall = wall + self.ahead;
        Now { mono, wall }
    }

    /// Its node id, as its key has it.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.identity.node_id()
    }

    /// Signs a statement for its network.
    ///
    /// # Panics
    /// Where the payload breaks its own contract.
    #[must_use]
    pub fn sign(&self, payload: Payload) -> Statement {
        let signed = self.identity.sign(&self.network, payload);
        signed.expect("a payload that holds")
    }
}

/// A secured session with a node.
#[derive(Debug)]
pub struct SecuredPeer {
    read: OwnedReadHalf,
    reader: SessionReader,
    waiting: Vec<Message>,
    teller: Teller,
}

/// The side of a session that sends.
#[derive(Debug)]
pub struct Teller {
    who: Persona,
    write: OwnedWriteHalf,
    writer: SessionWriter,
}

impl Teller {
    /// Sends a message as a node would.
    ///
    /// # Panics
    /// Where the node takes nothing more.
    pub async fn send(&mut self, message: &Message) {
        let sent = self.try_send(message).await;
        sent.expect("the node takes the message");
    }

    /// Sends a message to a node that may be gone.
    ///
    /// # Errors
    /// It takes nothing more.
    pub async fn try_send(&mut self, message: &Message) -> std::io::Result<()> {
        for frame in self.frames(message) {
            write_frame(&mut self.write, &frame).await?;
        }
        Ok(())
    }

    /// Sends statements.
    ///
    /// # Panics
    /// Where the node takes nothing more.
    pub async fn state(&mut self, statements: &[RawStatement]) {
        let message = Message::Statements(statements.to_vec());
        self.send(&message).await;
    }

    fn frames(&mut self, message: &Message) -> Vec<Bytes> {
        let id = self.who.id().to_string();
        let json = encode(message, Dialect::Secured, &id, now().wall);
        let json = json.expect("a message of the dialect");
        let mut frames = Vec::new();
        let written = self.writer.write(&[json], &mut frames);
        written.expect("the session can write");
        frames
    }
}

impl SecuredPeer {
    /// Dials a node.
    ///
    /// # Errors
    /// What ended the handshake, as far as this side knows; where nobody listens, it ended early.
    ///
    /// # Panics
    /// Where nothing happens in time.
    pub async fn dial(node: SocketAddr, who: Persona) -> Result<Self, SessionError> {
        let dialed = Self::handshake(node, who);
        let dialed = tokio::time::timeout(PATIENCE, dialed).await;
        dialed.expect("the handshake comes to an end")
    }

    async fn handshake(node: SocketAddr, who: Persona) -> Result<Self, SessionError> {
        let stream = TcpStream::connect(node).await;
        let mut stream = stream.map_err(|_| SessionError::ClosedEarly)?;
        let ready = shake_hands(&mut stream, &who).await?;
        let (read, write) = stream.into_split();
        Ok(Self {
            read,
            reader: ready.reader,
            waiting: ready.early,
            teller: Teller {
                who,
                write,
                writer: ready.writer,
            },
        })
    }

    /// Sends a message as a node would.
    pub async fn send(&mut self, message: &Message) {
        self.teller.send(message).await;
    }

    /// Sends statements.
    pub async fn state(&mut self, statements: &[RawStatement]) {
        self.teller.state(statements).await;
    }

    /// From now on it takes what the node sends, and cares for none of it.
    #[must_use]
    pub fn ignoring(mut self) -> Teller {
        tokio::spawn(async move {
            let _ = tokio::io::copy(&mut self.read, &mut tokio::io::sink()).await;
        });
        self.teller
    }

    /// From now on what the node says goes to `hear`, until the session ends.
    #[must_use]
    pub fn hearing(self, mut hear: impl FnMut(Message) + Send + 'static) -> Teller {
        let Self {
            mut read,
            mut reader,
            mut waiting,
            teller,
        } = self;
        tokio::spawn(async move {
            waiting.drain(..).for_each(&mut hear);
            while let Some(payload) = read_frame(&mut read).await {
                let read = reader.read(&payload, &mut waiting);
                read.expect("the node speaks correctly");
                waiting.drain(..).for_each(&mut hear);
            }
        });
        teller
    }

    /// Sends a frame whose last byte somebody has changed on its way.
    pub async fn send_tampered_frame(&mut self) {
        let heartbeat = Message::Heartbeat {
            timestamp: now().wall,
        };
        let mut frames = self.teller.frames(&heartbeat);
        let mut frame = frames.pop().expect("one frame").to_vec();
        *frame.last_mut().expect("not empty") ^= 1;
        let sent = write_frame(&mut self.teller.write, &frame).await;
        sent.expect("the node takes the frame");
    }

    /// Reads on until a take comes that the node signed, and verifies it.
    ///
    /// # Panics
    /// Where none comes in time, or it doesn't hold.
    pub async fn takes(&mut self) -> Take {
        let verifier = Verifier::new(self.teller.who.network.clone());
        let take = tokio::time::timeout(PATIENCE, async {
            loop {
                let message = self.next().await.expect("the session goes on");
                if let Message::Take(TakeRequest { req, place }) = message {
                    return (req, place);
                }
            }
        });
        let (req, place) = take.await.expect("a take comes");
        Take {
            req: verifier.verify(req).expect("the req holds"),
            place: verifier.verify(place).expect("the place holds"),
        }
    }

    /// Reads on until the node has closed the session.
    ///
    /// # Panics
    /// Where it doesn't in time.
    pub async fn is_closed(&mut self) {
        let closed = async { while self.next().await.is_some() {} };
        let closed = tokio::time::timeout(PATIENCE, closed).await;
        closed.expect("the node closes the session");
    }

    async fn next(&mut self) -> Option<Message> {
        while self.waiting.is_empty() {
            let payload = read_frame(&mut self.read).await?;
            let read = self.reader.read(&payload, &mut self.waiting);
            read.expect("the node speaks correctly");
        }
        Some(self.waiting.remove(0))
    }
}

/// The dialer's side of a handshake, on a connection that is up.
pub(crate) async fn shake_hands(
    stream: &mut TcpStream,
    who: &Persona,
) -> Result<Established, SessionError> {
    let signer = Claim {
        identity: Arc::clone(&who.identity),
        claimed: who.claimed,
    };
    let config = SessionConfig {
        signer: Arc::new(signer),
        network: who.network.clone(),
        listen_port: 0,
        legacy: LegacyPolicy::Off,
        max_message: 1 << 20,
        capabilities: SessionConfig::default_capabilities(),
    };
    let opening = Opening::Dial {
        expect: None,
        plain: false,
    };
    // Secret enough for a test, and different for each of its keys.
    let entropy = who.identity.sign_bytes(&now().wall.0.to_be_bytes());
    let entropy = entropy[..32].try_into().expect("32 of 64 bytes");
    let mut handshaking = Handshaking::new(Arc::new(config), opening, entropy, who.now());
    loop {
        for payload in handshaking.outgoing() {
            // A node that has refused us may be gone; what it said can still be read.
            let _ = write_frame(stream, &payload).await;
        }
        let Some(payload) = read_frame(stream).await else {
            return Err(handshaking.on_closed());
        };
        if let Step::Ready(ready) = handshaking.on_frame(&payload, who.now())? {
            for payload in handshaking.outgoing() {
                let written = write_frame(stream, &payload).await;
                written.map_err(|_| SessionError::ClosedEarly)?;
            }
            return Ok(*ready);
        }
    }
}

/// A request for a piece of an order of the test's.
#[derive(Clone, Debug)]
pub struct Take {
    /// The taker's `req`.
    pub req: Statement,
    /// The taker's order.
    pub place: Statement,
}

/// The two clocks; both are the wall clock here.
#[must_use]
pub fn now() -> Now {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let wall = Millis(since.map_or(0, |t| t.as_millis() as u64));
    Now { mono: wall, wall }
}

async fn write_frame(
    stream: &mut (impl AsyncWrite + Unpin),
    payload: &[u8],
) -> std::io::Result<()> {
    let length = u32::try_from(payload.len()).map_err(std::io::Error::other)?;
    stream.write_all(&length.to_be_bytes()).await?;
    stream.write_all(payload).await
}

pub(crate) async fn read_frame(stream: &mut (impl AsyncRead + Unpin)) -> Option<Vec<u8>> {
    let length = stream.read_u32().await.ok()? as usize;
    // Nothing that a node sends is as long: this is what a refusal in HTTP reads as.
    if length > MAX_FRAME {
        return None;
    }
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).await.ok()?;
    Some(payload)
}
