//! A node between sockets and a store that are somebody else's: what happened goes in, what is to be
//! done comes out. It knows nothing of JavaScript.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use meshbook::collections::BTreeMap;
use meshbook::ledger::{Identity, Verifier};
use meshbook::node::{
    Class, ConnId, Direction, Entry, Event, Incoming, Input, Node, NodeConfig, OrderResult, Output,
    PersistedPeer, Write, verify_messages,
};
use meshbook::protocol::{
    DEFAULT_MESSAGE_LIMIT, Dialect, Handshaking, LegacyPolicy, Message, Opening, SessionConfig,
    SessionError, Step, encode,
};
use meshbook::types::{InvalidValue, Millis, NodeId, Now, OrderId, PeerAddress};

use crate::socket::{Socket, State};

/// Bytes that a peer may have sent and the node has not looked at. A page can't hold its sockets
/// back, so whoever sends more is sent away.
const UNREAD_LIMIT: usize = 8 * 1024 * 1024;

/// What the page is to do, in this order.
#[derive(Debug)]
pub(crate) enum Action {
    /// Open a socket to this address, under this number.
    Dial { id: u64, address: PeerAddress },
    /// Send a frame.
    Send { id: u64, frame: Bytes },
    /// Close a socket, after what was sent on it.
    Close { id: u64 },
    /// Tell who listens.
    Event(Box<Event>),
    /// Answer the submitter of an order.
    Settled {
        order: OrderId,
        result: Box<OrderResult>,
    },
    /// Write the known peers down.
    SavePeers(Vec<PersistedPeer>),
}

/// A node, its sockets by their numbers, and what waits in between.
pub(crate) struct Engine {
    node: Node,
    session: Arc<SessionConfig>,
    verifier: Verifier,
    sockets: BTreeMap<u64, Socket>,
    next_socket: u64,
    inputs: Vec<Input>,
    /// What may be done only once the writes of its batch are safe.
    held: Option<Vec<Output>>,
    /// The same, while the store does not work.
    kept_back: Vec<Output>,
    actions: Vec<Action>,
}

impl Engine {
    /// A node that does nothing yet. `entropy` feeds jitter and random choices.
    pub(crate) fn new(config: NodeConfig, key: [u8; 32], entropy: [u8; 32], now: Now) -> Self {
        let identity = Arc::new(Identity::from_seed(key));
        let network = config.network.clone();
        let session = SessionConfig {
            signer: Arc::clone(&identity) as _,
            network: network.clone(),
            listen_port: 0,
            legacy: LegacyPolicy::Off,
            max_message: DEFAULT_MESSAGE_LIMIT,
            capabilities: SessionConfig::default_capabilities(),
        };
        Self {
            node: Node::new(config, identity, entropy, now),
            session: Arc::new(session),
            verifier: Verifier::new(network),
            sockets: BTreeMap::new(),
            next_socket: 1,
            inputs: Vec::new(),
            held: None,
            kept_back: Vec::new(),
            actions: Vec::new(),
        }
    }

    /// Goes on from what an earlier run has written.
    ///
    /// # Errors
    /// An entry that this version can't read; the node must not be started then.
    pub(crate) fn restore(&mut self, entries: Vec<Entry>, now: Now) -> Result<(), InvalidValue> {
        self.node.restore(entries, now)
    }

    pub(crate) fn start(&mut self, known: Vec<PersistedPeer>, now: Now) {
        self.node.start(known, None, now);
    }

    pub(crate) const fn node(&self) -> &Node {
        &self.node
    }

    /// For calls of the user; what follows from them comes with the next step.
    pub(crate) const fn node_mut(&mut self) -> &mut Node {
        &mut self.node
    }

    /// A socket is open. `entropy` makes the keys of its session.
    pub(crate) fn opened(&mut self, id: u64, entropy: [u8; 32], now: Now) {
        let Some(socket) = self.sockets.get_mut(&id) else {
            return;
        };
        let State::Opening { expect } = socket.state else {
            return;
        };
        let opening = Opening::Dial {
            expect,
            plain: false,
        };
        let session = Arc::clone(&self.session);
        let mut shaking = Handshaking::new(session, opening, entropy, now);
        send(id, shaking.outgoing(), &mut self.actions);
        socket.state = State::Shaking(Box::new(shaking));
    }

    /// A frame came.
    pub(crate) fn received(&mut self, id: u64, frame: &[u8], now: Now) {
        let Some(socket) = self.sockets.get_mut(&id) else {
            return;
        };
        match &mut socket.state {
            State::Opening { .. } => {}
            State::Shaking(shaking) => {
                let step = shaking.on_frame(frame, now);
                send(id, shaking.outgoing(), &mut self.actions);
                match step {
                    Ok(Step::Continue) => {}
                    Ok(Step::Ready(established)) => {
                        let connected = Input::Connected {
                            conn: ConnId(id),
                            info: established.peer.clone(),
                            direction: Direction::Outbound,
                            remote: socket.address.clone(),
                        };
                        socket.make_ready(*established);
                        self.inputs.push(connected);
                    }
                    Err(error) => self.drop_socket(id, error.reason()),
                }
            }
            State::Ready(ready) => {
                ready.unread += frame.len();
                let read = ready.reader.read(frame, &mut ready.messages);
                let fault = match read {
                    Err(error) => Some(error.reason()),
                    Ok(()) if ready.unread > UNREAD_LIMIT => Some("too_fast"),
                    Ok(()) => None,
                };
                if let Some(reason) = fault {
                    self.verify(id);
                    self.drop_socket(id, reason);
                }
            }
        }
    }

    /// A socket is gone, or never came about.
    pub(crate) fn closed(&mut self, id: u64, now: Now) {
        let reason = match self.sockets.get_mut(&id).map(|socket| &mut socket.state) {
            None => return,
            Some(State::Opening { .. }) => "connection_refused",
            Some(State::Shaking(shaking)) => match shaking.deadline() <= now.mono {
                true => SessionError::HandshakeTimeout.reason(),
                false => shaking.on_closed().reason(),
            },
            Some(State::Ready(_)) => "closed_by_peer",
        };
        self.verify(id);
        self.drop_socket(id, reason);
    }

    /// Whether the peer drains what it is sent. While it doesn't, it is sent only what it must not
    /// miss.
    pub(crate) fn set_congested(&mut self, id: u64, congested: bool) {
        if let Some(socket) = self.sockets.get_mut(&id) {
            socket.congested = congested;
        }
    }

    /// When [`step`](Self::step) is due, whatever happens.
    pub(crate) fn due(&self) -> Option<Millis> {
        let waiting = !self.inputs.is_empty() && self.held.is_none();
        let shaking = self.sockets.values().filter_map(Socket::deadline);
        let at_once = waiting.then_some(Millis::ZERO);
        shaking.chain(self.node.next_wakeup()).chain(at_once).min()
    }

    /// Lets the node decide about everything that happened. Gives what must be written before
    /// anything else that it decided is done: that comes by [`committed`](Self::committed). Does
    /// nothing while earlier writes are under way.
    pub(crate) fn step(&mut self, now: Now) -> Vec<Write> {
        if self.held.is_some() {
            return Vec::new();
        }
        self.end_slow_handshakes(now);
        let ids: Vec<u64> = self.sockets.keys().copied().collect();
        for id in ids {
            self.verify(id);
        }
        for input in std::mem::take(&mut self.inputs) {
            self.node.handle(input, now);
        }
        if self.node.next_wakeup().is_some_and(|due| due <= now.mono) {
            self.node.tick(now);
        }
        self.take_outputs(now)
    }

    /// Says goodbye to the peers, and closes what nobody could fill any more.
    pub(crate) fn shutdown(&mut self, now: Now) -> Vec<Write> {
        self.node.shutdown(now);
        self.take_outputs(now)
    }

    fn take_outputs(&mut self, now: Now) -> Vec<Write> {
        let mut outputs = Vec::new();
        self.node.take_outputs(now, &mut outputs);
        let mut writes = Vec::new();
        let mut rest = Vec::with_capacity(outputs.len());
        for output in outputs {
            match output {
                Output::Persist(write) => writes.push(write),
                output => rest.push(output),
            }
        }
        if writes.is_empty() {
            self.carry_out(rest, now);
        } else {
            self.held = Some(rest);
        }
        writes
    }

    /// What the last step gave is written. The node knows before anybody is told: who hears of a trade
    /// and looks finds it.
    pub(crate) fn committed(&mut self, now: Now) {
        self.node.handle(Input::Committed, now);
        self.let_go(now);
    }

    /// It could not be written, and will be tried again.
    pub(crate) fn store_failed(&mut self, reason: String, now: Now) {
        self.node.handle(Input::StoreFailed { reason }, now);
        // The node goes on without promising anything; this waits until the store works.
        self.kept_back
            .extend(self.held.take().into_iter().flatten());
    }

    /// It is written after all.
    pub(crate) fn store_works(&mut self, now: Now) {
        self.node.handle(Input::StoreWorks, now);
        let kept_back = std::mem::take(&mut self.kept_back);
        self.carry_out(kept_back, now);
        self.let_go(now);
    }

    fn let_go(&mut self, now: Now) {
        let held = self.held.take().unwrap_or_default();
        self.carry_out(held, now);
    }

    /// What is to be done now.
    pub(crate) fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    fn carry_out(&mut self, outputs: Vec<Output>, now: Now) {
        let mut queues: BTreeMap<u64, Vec<Bytes>> = BTreeMap::new();
        for output in outputs {
            match output {
                Output::Dial {
                    address, expect, ..
                } => self.dial(address, expect),
                Output::Send {
                    conn,
                    class,
                    message,
                } => {
                    let congested = |socket: &Socket| socket.congested && class == Class::Bulk;
                    if self.sockets.get(&conn.0).is_some_and(congested) {
                        self.inputs.push(Input::Dropped { conn, messages: 1 });
                    } else {
                        queues.entry(conn.0).or_default().push(message);
                    }
                }
                Output::Close {
                    conn,
                    error,
                    reason,
                } => {
                    let mut last = queues.remove(&conn.0).unwrap_or_default();
                    if let Some((code, message)) = error {
                        let from = self.node.node_id().to_string();
                        let error = Message::Error { code, message };
                        last.extend(encode(&error, Dialect::Secured, &from, now.wall));
                    }
                    self.write(conn.0, &last);
                    self.drop_socket(conn.0, reason);
                }
                // Taken out before. A page can't hold a WebSocket back: what is too much ends it in
                // `socket.rs`. And only its own peers reach a page, so a ban needn't outlast it.
                Output::Persist(_) | Output::Pause { .. } | Output::SaveBans => {}
                // A page has one thread.
                Output::Compute(computation) => {
                    self.inputs.push(Input::Computed(computation.run()));
                }
                Output::SavePeers => {
                    let peers = self.node.persisted_peers(now);
                    self.actions.push(Action::SavePeers(peers));
                }
                Output::Event(event) => self.actions.push(Action::Event(Box::new(event))),
                Output::Settled { order, result } => self.actions.push(Action::Settled {
                    order,
                    result: Box::new(result),
                }),
            }
        }
        for (id, messages) in queues {
            self.write(id, &messages);
        }
    }

    fn dial(&mut self, address: PeerAddress, expect: Option<NodeId>) {
        let id = self.next_socket;
        self.next_socket += 1;
        let socket = Socket::opening(address.clone(), expect);
        self.sockets.insert(id, socket);
        self.actions.push(Action::Dial { id, address });
    }

    /// Writes messages as frames of the session.
    fn write(&mut self, id: u64, messages: &[Bytes]) {
        let socket = self.sockets.get_mut(&id);
        let Some(State::Ready(ready)) = socket.map(|socket| &mut socket.state) else {
            return;
        };
        let mut frames = Vec::new();
        match ready.writer.write_those_that_fit(messages, &mut frames) {
            Ok(_too_long) => send(id, frames, &mut self.actions),
            Err(error) => self.drop_socket(id, error.reason()),
        }
    }

    /// Checks the signatures of what a peer has sent since the last time.
    fn verify(&mut self, id: u64) {
        let socket = self.sockets.get_mut(&id);
        let Some(State::Ready(ready)) = socket.map(|socket| &mut socket.state) else {
            return;
        };
        let messages = std::mem::take(&mut ready.messages);
        // What belongs to no whole message yet is counted with the next one.
        let mut bytes = match messages.is_empty() {
            true => return,
            false => std::mem::take(&mut ready.unread),
        };
        let verified = verify_messages(messages, self.node.node_id(), &self.verifier);
        let received = verified
            .into_iter()
            .map(|message: Incoming| Input::Received {
                conn: ConnId(id),
                bytes: std::mem::take(&mut bytes),
                message,
            });
        self.inputs.extend(received);
    }

    fn end_slow_handshakes(&mut self, now: Now) {
        let late = |socket: &Socket| socket.deadline().is_some_and(|due| due <= now.mono);
        let late: Vec<u64> = self
            .sockets
            .iter()
            .filter(|(_, socket)| late(socket))
            .map(|(id, _)| *id)
            .collect();
        for id in late {
            if let Some(State::Shaking(shaking)) =
                self.sockets.get_mut(&id).map(|socket| &mut socket.state)
            {
                let error = shaking.on_timeout(now);
                send(id, shaking.outgoing(), &mut self.actions);
                self.drop_socket(id, error.reason());
            }
        }
    }

    /// Forgets a socket, has it closed, and tells the node.
    fn drop_socket(&mut self, id: u64, reason: &'static str) {
        let Some(socket) = self.sockets.remove(&id) else {
            return;
        };
        self.actions.push(Action::Close { id });
        self.inputs.push(match socket.state {
            State::Ready(_) => Input::Disconnected {
                conn: ConnId(id),
                reason,
            },
            State::Opening { .. } | State::Shaking(_) => Input::DialFailed {
                address: socket.address,
                reason,
                instead: None,
            },
        });
    }
}

fn send(id: u64, frames: Vec<Bytes>, actions: &mut Vec<Action>) {
    let frames = frames.into_iter();
    actions.extend(frames.map(|frame| Action::Send { id, frame }));
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("sockets", &self.sockets.len())
            .finish_non_exhaustive()
    }
}
