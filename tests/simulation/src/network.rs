//! Connections between parties: what is said arrives in order or the connection breaks, like
//! over TCP. Only hostile sessions lose, double or reorder messages.
//!
//! Control messages may overtake bulk messages, since they wait in queues of their own; nothing
//! else overtakes.

use std::cell::OnceCell;
use std::rc::Rc;

use bytes::Bytes;
use meshbook::node::{Class, ConnId, Incoming};

use crate::random::Random;

/// A message that is decoded and verified once, however many peers get it.
#[derive(Debug)]
pub(crate) struct Packet {
    pub(crate) bytes: Bytes,
    pub(crate) incoming: OnceCell<Incoming>,
}

/// What travels over a connection.
#[derive(Clone, Debug)]
pub(crate) enum Cargo {
    Message(Rc<Packet>),
    /// The other end has closed it.
    End,
}

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct End {
    pub(crate) link: usize,
    pub(crate) side: usize,
}

impl End {
    /// The number that its own party gives it.
    pub(crate) fn conn(self) -> ConnId {
        ConnId(self.link as u64 * 2 + self.side as u64)
    }

    pub(crate) fn of(conn: ConnId) -> Self {
        Self {
            link: (conn.0 / 2) as usize,
            side: (conn.0 % 2) as usize,
        }
    }

    pub(crate) fn other(self) -> Self {
        Self {
            link: self.link,
            side: 1 - self.side,
        }
    }
}

/// How a connection carries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quality {
    /// The least that a message takes (ms).
    pub(crate) latency: u64,
    /// What it may take on top.
    pub(crate) jitter: u64,
    /// Bytes a millisecond, on slow links.
    pub(crate) rate: Option<u64>,
    /// Of a hundred messages so many each are lost, doubled, and late.
    pub(crate) hostile: u64,
}

/// Bulk bytes that may wait for a slow link.
const QUEUE_BYTES: u64 = 24 * 1024;

/// One direction.
#[derive(Debug, Default)]
struct Lane {
    /// The last arrivals, of control and of all messages.
    control: u64,
    all: u64,
    /// A slow link is busy with bulk messages until then.
    busy: u64,
}

#[derive(Debug)]
struct Link {
    parties: [usize; 2],
    /// Whether each end still takes part: false before it is told of the session, and after it
    /// has left.
    open: [bool; 2],
    /// Nothing arrives any more, whether or not the ends know.
    broken: bool,
    /// Nothing arrives for now: a partition. What is sent waits.
    held: Option<Vec<(End, Cargo)>>,
    quality: Quality,
    lanes: [Lane; 2],
}

/// What became of a message that was sent.
#[derive(Debug)]
pub(crate) enum Sent {
    /// It arrives at these times, mostly one.
    Arrives(Vec<u64>),
    /// The queue of bulk messages is full.
    Dropped,
    /// Nobody is there.
    Nowhere,
}

/// All connections there ever were.
#[derive(Debug, Default)]
pub(crate) struct Network {
    links: Vec<Link>,
    /// Which group each party is in, while the network is partitioned.
    groups: Option<Vec<u64>>,
}

impl Network {
    /// A new connection; its first end is the one that dialed. Each end learns of its session at
    /// its time in `ready`, and hears nothing before that.
    pub(crate) fn connect(
        &mut self,
        parties: [usize; 2],
        quality: Quality,
        ready: [u64; 2],
    ) -> usize {
        let lane = |ready| Lane {
            control: ready,
            all: ready,
            busy: 0,
        };
        self.links.push(Link {
            parties,
            open: [false; 2],
            broken: false,
            held: None,
            quality,
            lanes: ready.map(lane),
        });
        self.links.len() - 1
    }

    /// An end learns of its session, unless the connection broke before.
    pub(crate) fn open(&mut self, end: End) -> bool {
        let link = &mut self.links[end.link];
        link.open[end.side] = !link.broken;
        link.open[end.side]
    }

    /// This end takes part no more; says whether it did.
    pub(crate) fn shut(&mut self, end: End) -> bool {
        std::mem::take(&mut self.links[end.link].open[end.side])
    }

    pub(crate) fn party(&self, end: End) -> usize {
        self.links[end.link].parties[end.side]
    }

    /// Sends a message from `end`.
    pub(crate) fn send(
        &mut self,
        end: End,
        class: Class,
        bytes: u64,
        random: &mut Random,
        now: u64,
    ) -> Sent {
        let link = &mut self.links[end.link];
        if !link.open[end.side] {
            return Sent::Nowhere;
        }
        let quality = link.quality;
        // What goes to an end is kept with that end.
        let lane = &mut link.lanes[1 - end.side];
        let travel = quality.latency + random.below(quality.jitter + 1);
        if let Some(rate) = quality.rate
            && class == Class::Bulk
        {
            let waiting = lane.busy.saturating_sub(now) * rate;
            if waiting > QUEUE_BYTES {
                return Sent::Dropped;
            }
            lane.busy = lane.busy.max(now) + bytes / rate + 1;
        }
        if quality.hostile > 0 {
            return Sent::Arrives(unreliably(quality, travel, random, now));
        }
        let arrival = match class {
            Class::Control => {
                lane.control = lane.control.max(now + travel);
                lane.control
            }
            Class::Bulk => {
                let start = if quality.rate.is_some() {
                    lane.busy
                } else {
                    now
                };
                lane.all.max(lane.control).max(start + travel)
            }
        };
        lane.all = lane.all.max(arrival);
        Sent::Arrives(vec![arrival])
    }

    /// When the other end hears that this one has closed: after everything that was said.
    pub(crate) fn last_arrival(&self, end: End, now: u64) -> u64 {
        let link = &self.links[end.link];
        let lane = &link.lanes[1 - end.side];
        lane.all.max(lane.busy).max(lane.control).max(now) + link.quality.latency
    }

    /// Whether cargo for `end` arrives now. What a partition holds up waits in here.
    pub(crate) fn arrives(&mut self, end: End, cargo: &Cargo) -> bool {
        let link = &mut self.links[end.link];
        if link.broken || !link.open[end.side] {
            return false;
        }
        if let Some(held) = &mut link.held {
            held.push((end, cargo.clone()));
            return false;
        }
        true
    }

    /// Nothing arrives on it any more.
    pub(crate) fn break_link(&mut self, link: usize) {
        self.links[link].broken = true;
    }

    /// Connections of which at least one end takes part.
    pub(crate) fn alive(&self) -> Vec<usize> {
        let alive = |link: &&Link| !link.broken && link.open.contains(&true);
        let links = self.links.iter().enumerate();
        links
            .filter(|(_, link)| alive(link))
            .map(|(i, _)| i)
            .collect()
    }

    /// The ends of this party's connections in which it takes part.
    pub(crate) fn ends_of(&self, party: usize) -> Vec<End> {
        let links = self.links.iter().enumerate();
        let ends = links.flat_map(|(link, it)| {
            let mine = move |side: &usize| it.parties[*side] == party && it.open[*side];
            (0..2).filter(mine).map(move |side| End { link, side })
        });
        ends.collect()
    }

    /// The network falls into these groups. Returns the connections between them.
    pub(crate) fn divide(&mut self, groups: Vec<u64>) -> Vec<usize> {
        self.groups = Some(groups);
        let alive = self.alive();
        let crossing = |link: &usize| {
            let [a, b] = self.links[*link].parties;
            !self.reach(a, b)
        };
        alive.into_iter().filter(crossing).collect()
    }

    /// Holds up what is on its way on this connection until [`Self::unite`].
    pub(crate) fn hold(&mut self, link: usize) {
        self.links[link].held.get_or_insert_default();
    }

    /// The partition heals; what was held up arrives now.
    pub(crate) fn unite(&mut self) -> Vec<(End, Cargo)> {
        self.groups = None;
        let links = self.links.iter_mut();
        let held = links.filter_map(|link| link.held.take());
        held.flatten().collect()
    }

    /// Whether a message from one party to the other can arrive at all.
    pub(crate) fn reach(&self, a: usize, b: usize) -> bool {
        let groups = self.groups.as_ref();
        groups.is_none_or(|groups| groups.get(a) == groups.get(b))
    }

    /// From now on every connection carries what is said, once and in order.
    pub(crate) fn pacify(&mut self) {
        for link in &mut self.links {
            link.quality.hostile = 0;
            link.quality.rate = None;
        }
    }
}

fn unreliably(quality: Quality, travel: u64, random: &mut Random, now: u64) -> Vec<u64> {
    let mut arrivals = Vec::new();
    if !random.percent(quality.hostile) {
        arrivals.push(now + travel);
    }
    if random.percent(quality.hostile) {
        arrivals.push(now + travel + random.below(3_000));
    }
    if random.percent(quality.hostile)
        && let Some(first) = arrivals.first_mut()
    {
        *first += random.below(3_000);
    }
    arrivals
}
