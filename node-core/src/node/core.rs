//! The node itself: its parts, its clockwork, and what a driver calls.

use std::net::SocketAddr;
use std::sync::Arc;

use super::admission::Admission;
use super::answers::Answers;
use super::clock::ClockState;
use super::config::NodeConfig;
use super::counters::Counters;
use super::gossip::Gossip;
use super::io::{Event, Input, Output};
use super::keep_alive::KeepAlive;
use super::legacy::{PlainBook, Unsigned};
use super::maker::Postponed;
use super::market::Market;
use super::own::OwnOrders;
use super::peers::{PeerManager, PersistedPeer, Scope, scope};
use super::persist::FreshTrade;
use super::rate::RateLimit;
use super::restore::Boot;
use super::rng::Rng;
use super::router::MessageRouter;
use super::sequence::Sequence;
use super::sync::Sync;
use super::takes::Takes;
use super::view::{PeerSource, Trade};
use super::wanted::Wanted;
use crate::collections::BTreeMap;
use crate::ledger::{Identity, Proof, TradeRecord};
use crate::types::{Millis, NodeId, Now, OrderId, PeerAddress};

/// Peers, own orders and waiting messages are looked after so often while nothing else happens.
const CHORES_EVERY: Millis = Millis(250);

/// One node of the network, as a state machine: give it inputs and the time, carry out its
/// outputs in their order. It holds no clock, no socket and no task.
///
/// A driver calls [`handle`](Self::handle) for everything that happens and [`tick`](Self::tick)
/// when [`next_wakeup`](Self::next_wakeup) is due, then [`take_outputs`](Self::take_outputs) once
/// for the whole batch.
#[derive(Debug)]
pub struct Node {
    pub(super) config: NodeConfig,
    pub(super) identity: Arc<Identity>,
    pub(super) sequence: Sequence,
    pub(super) rng: Rng,
    pub(super) peers: PeerManager,
    pub(super) router: MessageRouter,
    pub(super) gossip: Gossip,
    pub(super) wanted: Wanted,
    pub(super) sync: Sync,
    pub(super) admission: Admission,
    pub(super) market: Market,
    pub(super) own: OwnOrders,
    pub(super) takes: Takes,
    pub(super) answers: Answers,
    pub(super) postponed: Vec<Postponed>,
    pub(super) unsigned: Unsigned,
    pub(super) plain: PlainBook,
    pub(super) keep_alive: KeepAlive,
    pub(super) rate: RateLimit,
    pub(super) counters: Counters,
    pub(super) outputs: Vec<Output>,
    pub(super) phase: Phase,
    /// What the user was told of the clock last.
    pub(super) clock_told: ClockState,
    /// Why the store fails at present, if it does.
    pub(super) store_failure: Option<String>,
    /// What there is to mind after a start from a store; none without a store.
    pub(super) boot: Option<Boot>,
    /// The own order that takes what crosses it at this moment: not at its end before that is over.
    pub(super) matching: Option<OrderId>,
    /// Trades to be written down.
    pub(super) fresh_trades: Vec<FreshTrade>,
    /// Proofs to be written down.
    pub(super) fresh_proofs: Vec<Proof>,
    /// Own trades that are written down with the present batch, and with the one before.
    pub(super) uncommitted: [Vec<TradeRecord>; 2],
    /// The same for trades of own orders with unsigned ones.
    pub(super) uncommitted_unsigned: [Vec<(OrderId, Trade)>; 2],
    /// The store doesn't say yet which network it is of.
    pub(super) network_unsaved: bool,
    chores_due: Millis,
}

/// Where the node is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    New,
    Running,
    Stopped,
}

impl Node {
    /// A node that does nothing yet. `seed` feeds jitter and random choices, never a key.
    #[must_use]
    pub fn new(config: NodeConfig, identity: Arc<Identity>, seed: [u8; 32], now: Now) -> Self {
        let mut rng = Rng::new(seed);
        let peers = PeerManager::new(identity.node_id(), &config, rng.seed(), now);
        let book_seed = rng.wide();
        Self {
            sequence: Sequence::starting(now),
            peers,
            router: MessageRouter::new(config.bounds),
            gossip: Gossip::new(config.bounds),
            wanted: Wanted::new(config.bounds.wanted_per_peer),
            sync: Sync::default(),
            admission: Admission::default(),
            market: Market::new(&config, identity.node_id(), book_seed),
            own: OwnOrders::default(),
            takes: Takes::new(config.bounds.avoided),
            answers: Answers::new(config.bounds.refusals),
            postponed: Vec::new(),
            unsigned: Unsigned::new(config.legacy),
            plain: PlainBook::new(book_seed),
            keep_alive: KeepAlive::default(),
            rate: RateLimit::new(config.order_rate),
            counters: Counters::default(),
            outputs: Vec::new(),
            phase: Phase::New,
            clock_told: ClockState::default(),
            store_failure: None,
            boot: None,
            matching: None,
            fresh_trades: Vec::new(),
            fresh_proofs: Vec::new(),
            uncommitted: Default::default(),
            uncommitted_unsigned: Default::default(),
            network_unsaved: true,
            chores_due: now.mono,
            rng,
            config,
            identity,
        }
    }

    /// Starts to look for peers and to take orders. `known` are the peers of an earlier run;
    /// `listen` is the address that this node listens on, which it never dials.
    pub fn start(&mut self, known: Vec<PersistedPeer>, listen: Option<SocketAddr>, now: Now) {
        if self.phase != Phase::New {
            return;
        }
        self.phase = Phase::Running;
        let mut known = known;
        // What a name leads to may have changed: only one that the user names now is dialed.
        let chosen = &self.config.bootstrap_peers;
        known.retain(|peer| peer.address.ip().is_some() || chosen.contains(&peer.address));
        self.peers.load_persisted_peers(known, now);
        for address in &self.config.bootstrap_peers {
            self.peers.learn(address, PeerSource::Bootstrap, now);
        }
        if let Some(listen) = listen {
            let listen = PeerAddress::from(listen);
            self.peers.never_dial(&listen, now);
            if scope(&listen) == Some(Scope::Public) {
                self.keep_alive.addrs = vec![listen];
            }
        }
        self.close_left_behind(now);
        self.tick(now);
    }

    /// Takes in what happened.
    pub fn handle(&mut self, input: Input, now: Now) {
        match input {
            Input::Connected {
                conn,
                info,
                direction,
                remote,
            } => self.on_connected(conn, info, direction, remote, now),
            Input::DialFailed {
                address,
                reason,
                instead,
            } => {
                self.counters.count(reason);
                let rng = &mut self.rng;
                self.peers.dial_failed(&address, reason, instead, rng, now);
                self.chores_due = now.mono;
            }
            Input::Found {
                address,
                id,
                source,
            } => self.on_found(&address, id, source, now),
            Input::Refused { reason } => self.counters.count(reason),
            Input::Told { from, message } => self.on_told(&from, message, now),
            Input::Received {
                conn,
                bytes,
                message,
            } => self.on_message(conn, bytes, message, now),
            Input::Dropped { conn, messages } => {
                self.counters.add("queue_full", messages);
                self.sync_dropped(conn, now);
            }
            Input::Disconnected { conn, reason } => self.on_disconnected(conn, reason, now),
            Input::Computed(computed) => self.on_computed(computed, now),
            Input::Committed => self.on_committed(),
            Input::StoreFailed { reason } => self.on_store_failed(reason),
            Input::StoreWorks => self.on_store_works(now),
        }
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Now) {
        if self.phase != Phase::Running {
            return;
        }
        self.chores_due = now.mono + CHORES_EVERY;
        self.look_after_peers(now);
        self.look_after_boot(now);
        self.admit_postponed_orders(now);
        self.follow_plain_book(now);
        self.look_after_clock();
        self.keep_alive(now);
        self.look_after_orders(now);
        self.look_after_sync(now);
        let undelivered = self.router.expire(now);
        self.counters.add("undeliverable", undelivered);
        self.unsigned.expire(now);
        self.follow_unsigned();
        self.answers.expire(now);
    }

    /// When [`tick`](Self::tick) is due next (monotonic); never, before the start and after the
    /// end.
    #[must_use]
    pub fn next_wakeup(&self) -> Option<Millis> {
        (self.phase == Phase::Running).then_some(self.chores_due)
    }

    /// Appends what is to be done to `into`, in order. Call it once for each batch of inputs:
    /// news for the peers leaves here, all of the batch together.
    pub fn take_outputs(&mut self, now: Now, into: &mut Vec<Output>) {
        self.meet_arrivals(now);
        self.take_proofs(now);
        self.ask_for_wanted(now);
        self.flush_gossip(now);
        if self.market.take_changed() {
            let (bid, ask) = self.market.best();
            self.event(Event::Book { bid, ask });
        }
        self.hold_back(now);
        if self.peers.take_changed() {
            self.outputs.push(Output::SavePeers);
        }
        if self.peers.take_bans_changed() {
            self.outputs.push(Output::SaveBans);
        }
        self.persist_changes();
        into.append(&mut self.outputs);
    }

    /// Says goodbye to every peer. Without a store own open orders are closed everywhere, since
    /// nobody could fill them any more; with one they go on after the next start. Nothing is taken
    /// after that.
    pub fn shutdown(&mut self, now: Now) {
        if self.phase != Phase::Running {
            self.phase = Phase::Stopped;
            return;
        }
        if self.boot.is_some() {
            // They go on after the next start.
            self.settle_all();
        } else {
            self.close_all_orders(now);
        }
        self.say_goodbye(now);
        self.flush_gossip(now);
        self.persist_changes();
        self.part_from_peers(now);
        self.phase = Phase::Stopped;
    }

    /// This node's id: its public key.
    #[must_use]
    pub fn node_id(&self) -> NodeId {
        self.identity.node_id()
    }

    /// The peers worth keeping for the next run, the latest first.
    #[must_use]
    pub fn persisted_peers(&self, now: Now) -> Vec<PersistedPeer> {
        self.peers.persisted_peers(now)
    }

    /// Why things were refused, ignored or dropped: one number a reason.
    #[must_use]
    pub const fn counters(&self) -> &BTreeMap<&'static str, u64> {
        self.counters.all()
    }

    pub(super) fn event(&mut self, event: Event) {
        self.outputs.push(Output::Event(event));
    }

    fn flush_gossip(&mut self, now: Now) {
        let own_id = self.identity.node_id();
        self.gossip
            .flush(&own_id, &mut self.peers, &mut self.outputs, now);
        if let Some(due) = self.gossip.next_due() {
            self.hurry(due);
        }
    }

    /// Runs the chores at the next opportunity instead of at their usual time.
    pub(super) fn hurry(&mut self, due: Millis) {
        self.chores_due = self.chores_due.min(due);
    }

    pub(super) fn is_own(&self, id: &OrderId) -> bool {
        self.own.contains(id)
    }
}
