//! How what hosts say gets to other parties, or doesn't.

use std::cell::OnceCell;
use std::rc::Rc;

use bytes::Bytes;
use meshbook::node::{Class, ConnId, Direction, Incoming, Input, verify_message};
use meshbook::protocol::{Dialect, ErrorCode, Message, PeerInfo, SessionConfig, decode, encode};
use meshbook::types::{Millis, NodeId, PeerAddress, PeerId};

use crate::clock::truth;
use crate::judge::rules;
use crate::network::{Cargo, End, Packet, Quality, Sent};
use crate::scenario::Fault;
use crate::show::is_chatter;
use crate::world::{Happening, World};

/// Where every host listens.
pub(crate) const PORT: u16 = 3000;

/// The address of a party.
pub(crate) fn address(party: usize) -> PeerAddress {
    let (high, low) = (party / 250, party % 250 + 1);
    let text = format!("10.0.{high}.{low}:{PORT}");
    text.parse().expect("an address")
}

impl World {
    fn party_at(&self, wanted: &PeerAddress) -> Option<usize> {
        let parties = match self.scenario.has(Fault::FalseClocks) {
            // Only who is dialed is asked for the time: rogues that lie about it can't be.
            true => self.hosts.len(),
            false => self.hosts.len() + self.rogues.len(),
        };
        (0..parties).find(|party| address(*party) == *wanted)
    }

    fn id_of(&self, party: usize) -> NodeId {
        match self.rogue_of(party) {
            Some(rogue) => self.rogues[rogue].id,
            None => self.hosts[party].id,
        }
    }

    /// What a party's clock shows.
    fn wall_of(&self, party: usize) -> Millis {
        match self.rogue_of(party) {
            Some(_) => truth(self.now),
            None => self.hosts[party].clock.now(self.now).wall,
        }
    }

    /// The rogue that a party is, if it is one.
    pub(crate) fn rogue_of(&self, party: usize) -> Option<usize> {
        party.checked_sub(self.hosts.len())
    }

    fn is_up(&self, party: usize) -> bool {
        let host = self.hosts.get(party);
        host.is_none_or(|host| host.node.is_some())
    }

    fn info(&self, party: usize) -> PeerInfo {
        PeerInfo {
            id: PeerId::Node(self.id_of(party)),
            dialect: Dialect::Secured,
            version: "1.0.0".to_owned(),
            port: PORT,
            capabilities: SessionConfig::default_capabilities(),
            clock_offset: None,
        }
    }

    pub(crate) fn send(
        &mut self,
        from: usize,
        conn: ConnId,
        class: Class,
        bytes: Bytes,
        packets: &mut Vec<Rc<Packet>>,
    ) {
        let same = |packet: &&Rc<Packet>| {
            packet.bytes.as_ptr() == bytes.as_ptr() && packet.bytes.len() == bytes.len()
        };
        let packet = if let Some(packet) = packets.iter().find(same) {
            Rc::clone(packet)
        } else {
            let incoming = OnceCell::new();
            let packet = Rc::new(Packet { bytes, incoming });
            let Some(message) = self.read(&packet) else {
                let found = format!("node {from} sends what can't be read");
                self.judge.fail(rules::MESSAGES, found);
                return;
            };
            let message = match message {
                // What it carries is read as its receiver will.
                Incoming::Forward(relayed) => relayed.arrived(),
                message => message,
            };
            // Whether or not it ever arrives: what is said of a piece counts.
            if let Incoming::Take { .. } | Incoming::Answer { .. } = &message {
                self.trace.say(self.now, || {
                    format!("{} sends {}", self.name(from), self.show(&message))
                });
            }
            self.judge.said(&message);
            packets.push(Rc::clone(&packet));
            packet
        };
        let end = End::of(conn);
        let bytes = packet.bytes.len() as u64;
        let sent = self
            .network
            .send(end, class, bytes, &mut self.luck, self.now);
        match sent {
            Sent::Arrives(times) => {
                match times.len() {
                    0 => self.judge.counts.one("messages: lost in a session"),
                    1 => {}
                    _ => self.judge.counts.one("messages: doubled in a session"),
                }
                for at in times {
                    let cargo = Cargo::Message(Rc::clone(&packet));
                    let end = end.other();
                    self.queue.add(at, Happening::Arrival { end, cargo });
                }
            }
            Sent::Dropped => {
                self.judge.counts.one("messages: dropped by a full queue");
                let messages = 1;
                self.input(from, Input::Dropped { conn, messages });
            }
            Sent::Nowhere => {}
        }
    }

    /// What a packet says, as the receiver's connection task would find; forwarded messages as
    /// everybody but their receiver does.
    pub(crate) fn read(&self, packet: &Packet) -> Option<Incoming> {
        if let Some(incoming) = packet.incoming.get() {
            return Some(incoming.clone());
        }
        let nobody = NodeId([0; 32]);
        let message = decode(&packet.bytes, Dialect::Secured).ok()?;
        let incoming = verify_message(message, nobody, &self.verifier);
        Some(packet.incoming.get_or_init(|| incoming).clone())
    }

    pub(crate) fn arrival(&mut self, end: End, cargo: Cargo) {
        if !self.network.arrives(end, &cargo) {
            self.judge
                .counts
                .one("messages: held up, or lost with a connection");
            return;
        }
        let packet = match cargo {
            Cargo::End => {
                self.gone(end, "closed_by_peer");
                return;
            }
            Cargo::Message(packet) => packet,
        };
        self.messages += 1;
        let party = self.network.party(end);
        let Some(incoming) = self.read(&packet) else {
            // The connection's task ends a session that says what can't be read.
            let (other, reason) = (end.other(), "closed_by_peer");
            self.gone(end, "malformed");
            self.queue
                .add(self.now + 1, Happening::Gone { end: other, reason });
            return;
        };
        let message = match incoming {
            Incoming::Forward(relayed) if relayed.to == self.id_of(party) => relayed.arrived(),
            incoming => incoming,
        };
        let message = match self.rogue_of(party) {
            None => self.unverified(message, &packet),
            Some(_) => message,
        };
        if !is_chatter(&message) {
            self.trace.say(self.now, || {
                let from = self.network.party(end.other());
                let (to, from) = (self.name(party), self.name(from));
                format!("{to} hears from {from}: {}", self.show(&message))
            });
        }
        let conn = end.conn();
        if let Some(rogue) = self.rogue_of(party) {
            self.rogue_hears(rogue, conn, message);
            return;
        }
        let input = Input::Received {
            conn,
            bytes: packet.bytes.len(),
            message,
        };
        self.input(party, input);
    }

    /// What a node that breaks the rule takes instead: also what nobody has signed.
    #[cfg(feature = "mutations")]
    fn unverified(&self, message: Incoming, packet: &Packet) -> Incoming {
        if self.scenario.mutation != Some(crate::Mutation::RelaysUnverified) {
            return message;
        }
        match decode(&packet.bytes, Dialect::Secured) {
            Ok(Message::Statements(raw)) => {
                // Not the judge's own verifier, which must not believe them as well.
                let verifier = meshbook::ledger::Verifier::new(crate::world::network_id());
                let valid = meshbook::mutations::believe(raw, &verifier);
                let refused = Vec::new();
                Incoming::Statements { valid, refused }
            }
            _ => message,
        }
    }

    /// Without the feature every node verifies.
    #[cfg(not(feature = "mutations"))]
    #[expect(clippy::unused_self, reason = "the other one uses it")]
    fn unverified(&self, message: Incoming, _: &Packet) -> Incoming {
        message
    }

    pub(crate) fn close(
        &mut self,
        host: usize,
        conn: ConnId,
        error: Option<(ErrorCode, String)>,
        reason: &'static str,
    ) {
        let end = End::of(conn);
        if let Some((code, message)) = error {
            let message = Message::Error { code, message };
            let wall = self.hosts[host].clock.now(self.now).wall;
            let from = self.id_of(host).to_string();
            if let Ok(bytes) = encode(&message, Dialect::Secured, &from, wall) {
                self.send(host, conn, Class::Control, bytes, &mut Vec::new());
            }
        }
        let at = self.network.last_arrival(end, self.now);
        if self.network.shut(end) {
            self.trace.say(self.now, || {
                let other = self.name(self.network.party(end.other()));
                format!("node {host} closes its connection to {other}: {reason}")
            });
            let (end, cargo) = (end.other(), Cargo::End);
            self.queue.add(at, Happening::Arrival { end, cargo });
            self.input(host, Input::Disconnected { conn, reason });
        }
    }

    /// An end learns that its connection is gone.
    pub(crate) fn gone(&mut self, end: End, reason: &'static str) {
        if self.network.shut(end) {
            let party = self.network.party(end);
            self.trace.say(self.now, || {
                let other = self.name(self.network.party(end.other()));
                let party = self.name(party);
                format!("{party} loses its connection to {other}: {reason}")
            });
            let conn = end.conn();
            match self.rogue_of(party) {
                Some(rogue) => self.rogue_left(rogue, self.network.party(end.other())),
                None => self.input(party, Input::Disconnected { conn, reason }),
            }
        }
    }

    /// A party's connections die with its process.
    pub(crate) fn leave_all(&mut self, party: usize, silent: bool) {
        for end in self.network.ends_of(party) {
            self.network.shut(end);
            self.network.break_link(end.link);
            if !silent {
                let end = end.other();
                let at = self.now + self.luck.below(2_000);
                let reason = "connection_lost";
                self.queue.add(at, Happening::Gone { end, reason });
            }
        }
    }

    /// A connection breaks; each end hears of it some time later, or by its own patience alone.
    pub(crate) fn break_link(&mut self, link: usize, silent: bool) {
        self.network.break_link(link);
        for side in 0..2 {
            if !silent {
                let end = End { link, side };
                let at = self.now + self.luck.below(3_000);
                let reason = "connection_lost";
                self.queue.add(at, Happening::Gone { end, reason });
            }
        }
    }

    pub(crate) fn dial(&mut self, host: usize, address: PeerAddress, expect: Option<NodeId>) {
        let to = self.party_at(&address);
        let expected = |party: &usize| expect.is_none_or(|id| id == self.id_of(*party));
        let to = to.filter(expected);
        let boot = self.hosts[host].boot;
        let takes = match to {
            Some(to) if self.network.reach(host, to) => self.luck.between(1, 200),
            _ => self.luck.between(1_000, 5_000),
        };
        let dialed = Happening::Dialed {
            host,
            boot,
            address,
            to,
        };
        self.queue.add(self.now + takes, dialed);
    }

    pub(crate) fn dialed(
        &mut self,
        host: usize,
        boot: u32,
        address: PeerAddress,
        to: Option<usize>,
    ) {
        if self.hosts[host].boot != boot || !self.is_up(host) {
            return;
        }
        let reason = match to {
            None => "dial_timeout",
            Some(to) if to == host => "self_connection",
            Some(to) if !self.network.reach(host, to) => "dial_timeout",
            Some(to) if !self.is_up(to) => "dial_refused",
            Some(to) => {
                self.connect(host, to);
                return;
            }
        };
        let failed = Input::DialFailed {
            address,
            reason,
            instead: None,
        };
        self.input(host, failed);
    }

    pub(crate) fn connect(&mut self, from: usize, to: usize) {
        let quality = self.quality();
        let ready = [(); 2].map(|()| self.now + self.luck.between(1, quality.latency + 20));
        let link = self.network.connect([from, to], quality, ready);
        for (side, at) in ready.into_iter().enumerate() {
            let end = End { link, side };
            self.queue.add(at, Happening::Ready { end });
        }
    }

    fn quality(&mut self) -> Quality {
        let troubled = self.healed_at.is_none();
        let slow = troubled && self.scenario.has(Fault::SlowLinks) && self.luck.percent(40);
        let hostile = troubled && self.scenario.has(Fault::Sessions) && self.luck.percent(60);
        Quality {
            latency: self.luck.between(1, 80),
            jitter: self.luck.pick(&[0, 5, 60, 300]),
            rate: slow.then(|| self.luck.between(1, 20)),
            hostile: if hostile { self.luck.between(1, 30) } else { 0 },
        }
    }

    /// An end learns that it has a session.
    pub(crate) fn ready(&mut self, end: End) {
        let (party, other) = (self.network.party(end), self.network.party(end.other()));
        if !self.is_up(party) {
            self.network.break_link(end.link);
            let (end, reason) = (end.other(), "connection_lost");
            self.queue
                .add(self.now + 1, Happening::Gone { end, reason });
            return;
        }
        if !self.network.open(end) {
            return;
        }
        let (direction, remote) = match end.side {
            0 => (Direction::Outbound, address(other)),
            _ => {
                let from = address(other).at_port(55_555);
                (Direction::Inbound, from.unwrap_or_else(|| address(other)))
            }
        };
        self.trace.say(self.now, || {
            let (party, other) = (self.name(party), self.name(other));
            format!("{party} has a session with {other} ({direction:?})")
        });
        if self.rogue_of(party).is_some() {
            return;
        }
        let mut info = self.info(other);
        if direction == Direction::Outbound {
            // As the handshake tells the dialer.
            let [ours, theirs] = [party, other].map(|party| self.wall_of(party).0);
            info.clock_offset = Some(theirs.wrapping_sub(ours).cast_signed());
        }
        let connected = Input::Connected {
            conn: end.conn(),
            info,
            direction,
            remote,
        };
        self.input(party, connected);
    }
}
