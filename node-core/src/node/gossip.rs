//! What must still be told to the peers: whatever changed this node's store.
//!
//! News is collected while a batch of inputs is applied and leaves together, so that a burst costs
//! a few frames instead of one for each statement. A node tells only what changed its own store,
//! so nothing circles.
//!
//! Its own word goes whole to several peers, others' word to those peers only that have not had it
//! from elsewhere: every node tells the neighbours that bring it nothing new to be lazy, and lazy
//! neighbours announce by a short hash, a moment later. Who misses something asks the first that
//! announced it, and gets all further news from there at once (Plumtree: Leitao, Pereira and
//! Rodrigues, "Epidemic Broadcast Trees", 2007). So news spreads along trees that form by
//! themselves, each node hears it about once, and a tree that breaks costs a moment and no news.
//!
//! Trees alone are deep where a network is large. So what comes straight from its owner goes on at
//! once, and to other neighbours too, but those that have the same owner for a neighbour and say
//! so by being told in vain; and among many neighbours what came from further away waits a moment,
//! as long as most of them turn out to have it by then.

use std::collections::HashMap;

use bytes::Bytes;

use super::bounds::NodeBounds;
use super::held::Held;
use super::io::{Class, ConnId, Output};
use super::peers::PeerManager;
use super::recent::Recent;
use crate::collections::BTreeMap;
use crate::ledger::Retained;
use crate::ledger::prefix_of;
use crate::protocol::{
    Dialect, MAX_BATCH_BYTES, MAX_PREFIXES, Message, Prefix, encode, encode_proofs,
    encode_statements, encode_trades,
};
use crate::types::{Millis, NodeId, Now};

/// This node's own word goes whole to so many peers.
const OWN_EAGER: usize = 50;
/// Others' word goes whole to so many eager peers at most.
const PASSED_EAGER: usize = 50;
/// What came straight from its owner goes whole besides to so many of five that are not eager...
const STRAIGHT_OF_FIVE: usize = 4;
/// ... or to as many as let each node that is no neighbour of the owner get it about so often.
const STRAIGHT_COPIES: usize = 3;
/// Number of neighbours above which second-hand news is held before relaying, where holding saves
/// copies.
const MANY: usize = 12;
/// Maximum number of held news items; beyond it the oldest is relayed.
pub(super) const HELD: usize = 4_096;
/// So many connections are eager before anything is known about them.
const EAGER_AT_FIRST: usize = 3;
/// A neighbour is told to be lazy once its merit is so far below zero.
const LAZY_AFTER: i32 = 8;
/// What something new adds to the merit of who brought it; something known takes one away. So who
/// is first in one of three cases stays eager, and a node keeps two or three that bring it all:
/// with a single one the ways are long, and different owners' trees fight over it.
const NEW_MERIT: i32 = 3;
/// Announcements wait so long: most of what they would tell arrives meanwhile by itself.
const ANNOUNCE_AFTER: Millis = Millis(100);
/// To so many peers something is announced as soon as that, each thing to others.
const PROMPT: usize = 4;
/// To the others it is announced after this time and at most twice it, together with what came
/// meanwhile: most have it by then, and of two neighbours one announces it to the other.
const ANNOUNCE_LATER: Millis = Millis(500);
/// Announcements are due at multiples of this, so that few moments serve all peers.
const STEP: Millis = Millis(50);
/// Announcements that may wait for one peer. What is beyond that is found by reconciliation.
const ANNOUNCED: usize = 1 << 16;

/// Who gets something whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// It is this node's own word.
    Own,
    /// Somebody else's word, which came by itself or was announced as news.
    Passed,
    /// Nobody: it is announced. Others are likely to have it.
    Announced,
    /// Everybody: it is rare, and matters.
    Everybody,
}

/// News, and the connection that brought it, which need not hear it again.
#[derive(Debug)]
struct News {
    what: Retained,
    prefix: Prefix,
    from: Option<ConnId>,
    reach: Reach,
}

impl News {
    /// The connection to the owner, who need not hear it again either.
    fn owner(&self, peers: &PeerManager) -> Option<ConnId> {
        let Retained::Statement(statement) = &self.what else {
            return None;
        };
        conn_of(statement.owner(), peers)
    }

    /// Whether it came from a peer that signed some of it, and so knew it first.
    fn is_first_hand(&self, peers: &PeerManager) -> bool {
        let signers = match &self.what {
            Retained::Statement(statement) => [Some(statement.owner()), None],
            Retained::Trade(trade) => [trade.fill(), trade.req()].map(|by| Some(by.owner())),
            Retained::Proof(_) => [None, None],
        };
        let mut conns = signers
            .into_iter()
            .flatten()
            .map(|signer| conn_of(signer, peers));
        conns.any(|conn| self.is_straight(conn))
    }

    /// Whether it came from its owner, the peer at `owner`.
    fn is_straight(&self, owner: Option<ConnId>) -> bool {
        self.from.is_some() && self.from == owner
    }
}

/// The connection to a node, if it is a neighbour.
fn conn_of(node: NodeId, peers: &PeerManager) -> Option<ConnId> {
    peers.get_node(node).map(|peer| peer.conn)
}

/// What is known of one neighbour.
#[derive(Debug, Default)]
struct Link {
    /// Others' word goes to it whole.
    eager: bool,
    /// What this node hears straight from the owners goes to it whole in vain: most of them are
    /// its neighbours as well.
    near: bool,
    /// How useful was what it brought lately.
    merit: i32,
    announce: Vec<Waiting>,
    /// When the first of these has to go out.
    due: Option<Millis>,
}

/// Something that is still to be announced to a neighbour.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    prefix: Prefix,
    /// It may go out with others from then on, and has to at `due`.
    from: Millis,
    due: Millis,
}

impl Link {
    fn announce(&mut self, waiting: Waiting) {
        if self.announce.len() < ANNOUNCED {
            self.announce.push(waiting);
            self.due = Some(self.due.map_or(waiting.due, |due| due.min(waiting.due)));
        }
    }

    /// What goes out now: all that may, if something has to.
    fn take_announcements(&mut self, now: Millis) -> Vec<Prefix> {
        if self.due.is_none_or(|due| due > now) {
            return Vec::new();
        }
        let ripe = self.announce.extract_if(.., |waiting| waiting.from <= now);
        let ripe = ripe.map(|waiting| waiting.prefix).collect();
        self.due = self.announce.iter().map(|waiting| waiting.due).min();
        ripe
    }
}

/// The news of the present batch, and what is known of the neighbours.
#[derive(Debug)]
pub(super) struct Gossip {
    news: Vec<News>,
    /// News held back before relaying.
    held: Held<News>,
    links: BTreeMap<ConnId, Link>,
    recent: Recent,
}

impl Gossip {
    pub(super) fn new(bounds: NodeBounds) -> Self {
        Self {
            news: Vec::new(),
            held: Held::new(bounds.held_news),
            links: BTreeMap::new(),
            recent: Recent::new(bounds.recent_news),
        }
    }

    /// What came lately.
    pub(super) const fn recent(&self) -> &Recent {
        &self.recent
    }

    /// A peer that takes part in the signed protocol is there.
    pub(super) fn add_link(&mut self, conn: ConnId) {
        let eager = self.links.values().filter(|link| link.eager).count();
        let link = Link {
            eager: eager < EAGER_AT_FIRST,
            ..Link::default()
        };
        self.links.insert(conn, link);
    }

    pub(super) fn remove_link(&mut self, conn: ConnId) {
        self.links.remove(&conn);
        if !self.links.values().any(|link| link.eager)
            && let Some(link) = self.links.values_mut().next()
        {
            link.eager = true;
        }
    }

    /// A peer asked for something that was announced to it: it gets the next things at once.
    pub(super) fn was_asked(&mut self, conn: ConnId) {
        if let Some(link) = self.links.get_mut(&conn) {
            link.eager = true;
            link.near = false;
        }
    }

    /// A peer has what this node passes on from elsewhere.
    pub(super) fn was_told_lazy(&mut self, conn: ConnId) {
        if let Some(link) = self.links.get_mut(&conn) {
            link.near = !link.eager;
            link.eager = false;
        }
    }

    /// Takes up something that changed the store.
    pub(super) fn tell(&mut self, what: Retained, from: Option<ConnId>, reach: Reach) {
        if let Some(link) = from.and_then(|conn| self.links.get_mut(&conn)) {
            link.merit = (link.merit + NEW_MERIT).min(LAZY_AFTER);
        }
        let prefix = prefix_of(&what.id());
        self.news.push(News {
            what,
            prefix,
            from,
            reach,
        });
    }

    /// Notes that the peer at this connection has something.
    pub(super) fn note(&mut self, id: &[u8; 32], conn: ConnId) {
        self.recent.note(&prefix_of(id), conn);
    }

    /// Something came that is known. Says whether the neighbour that brought it should be lazy.
    pub(super) fn came_again(&mut self, id: &[u8; 32], from: ConnId) -> bool {
        if !self.recent.note(&prefix_of(id), from) {
            return false;
        }
        let Some(link) = self.links.get_mut(&from) else {
            return false;
        };
        link.merit -= 1;
        let lazy = link.merit <= -LAZY_AFTER;
        if lazy {
            link.merit = 0;
        }
        lazy
    }

    /// Notes what a peer announced; says which of it is not known from lately.
    pub(super) fn announced(&mut self, prefixes: Vec<Prefix>, by: ConnId) -> Vec<Prefix> {
        let mut unknown = prefixes;
        unknown.retain(|prefix| !self.recent.note(prefix, by));
        unknown
    }

    /// When something has to go out.
    pub(super) fn next_due(&self) -> Option<Millis> {
        let held = self.held.next_due();
        held.into_iter().chain(self.next_announcement()).min()
    }

    fn next_announcement(&self) -> Option<Millis> {
        self.links.values().filter_map(|link| link.due).min()
    }

    /// Sends the news, and the announcements that are due.
    pub(super) fn flush(
        &mut self,
        own_id: &NodeId,
        peers: &mut PeerManager,
        outputs: &mut Vec<Output>,
        now: Now,
    ) {
        let from = own_id.to_string();
        let news = self.take_news(peers, now.mono);
        if !news.is_empty() {
            self.flush_news(&news, &from, peers, outputs, now);
        }
        if self.next_announcement().is_some_and(|due| due <= now.mono) {
            self.flush_announcements(&from, peers, outputs, now);
        }
    }

    /// What goes out now: the news of this batch, and what was held until now.
    fn take_news(&mut self, peers: &PeerManager, now: Millis) -> Vec<News> {
        let many = self.links.len() > MANY;
        let mut ready = Vec::new();
        for news in std::mem::take(&mut self.news) {
            self.recent.insert(news.prefix, news.what.clone());
            if let Some(conn) = news.from {
                self.recent.note(&news.prefix, conn);
            }
            let may_wait = many && news.reach == Reach::Passed && !news.is_first_hand(peers);
            if may_wait && self.held.takes_next() {
                let owner = news.owner(peers);
                let copies = eager_links(&self.links, &self.recent, &news, owner).count();
                self.held.push(news, copies, now);
            } else {
                ready.push(news);
            }
        }
        let (links, recent) = (&self.links, &self.recent);
        let copies = |news: &News| eager_links(links, recent, news, news.owner(peers)).count();
        ready.extend(std::iter::from_fn(|| self.held.pop(now, copies)));
        ready
    }

    fn flush_news(
        &mut self,
        news: &[News],
        from: &str,
        peers: &mut PeerManager,
        outputs: &mut Vec<Output>,
        now: Now,
    ) {
        // For each peer what it gets whole, by its place among the news.
        let mut whole: BTreeMap<ConnId, Vec<usize>> = BTreeMap::new();
        for (place, item) in news.iter().enumerate() {
            let owner = item.owner(peers);
            let straight = item.is_straight(owner);
            let links = eager_links(&self.links, &self.recent, item, owner);
            let mut told: Vec<ConnId> = links.collect();
            if straight && item.reach == Reach::Passed {
                told.extend(self.far_links(item, peers.nodes_known()));
            }
            for conn in &told {
                whole.entry(*conn).or_default().push(place);
                self.recent.note(&item.prefix, *conn);
            }
            told.extend(item.from.into_iter().chain(owner));
            self.announce(&item.prefix, &told, straight, now.mono);
        }
        // Messages are encoded once for all peers that get the same.
        let mut encoded: HashMap<&[usize], Vec<Bytes>> = HashMap::new();
        for (conn, places) in &whole {
            let messages = encoded.entry(places).or_insert_with(|| {
                let items: Vec<&Retained> = places.iter().map(|place| &news[*place].what).collect();
                encode_items(&items, from, now.wall)
            });
            for message in messages.iter().cloned() {
                queue_bulk(*conn, message, peers, outputs);
            }
        }
    }

    /// Puts something in line for those that did not get it whole: for a few others each time as
    /// news, for the rest later. What came straight from its owner went to its other neighbours
    /// as well, and those are the first to have it: for all of them later.
    fn announce(&mut self, prefix: &Prefix, but: &[ConnId], straight: bool, now: Millis) {
        let links = self.links.iter_mut();
        let mut others: Vec<_> = links.filter(|(conn, _)| !but.contains(conn)).collect();
        let chance = chance(prefix);
        rotate(&mut others, chance);
        for (place, (conn, link)) in others.into_iter().enumerate() {
            let from = now + ANNOUNCE_AFTER;
            // Each end of a connection has another number for it, and so most often another time.
            let more = (chance ^ conn.0.wrapping_mul(0x9e37_79b9)) % ANNOUNCE_LATER.0;
            let due = match place < PROMPT && !straight {
                true => from,
                false => now + ANNOUNCE_LATER + Millis(more),
            };
            let due = Millis(due.0.next_multiple_of(STEP.0));
            let prefix = *prefix;
            link.announce(Waiting { prefix, from, due });
        }
    }

    /// The peers that get besides what came straight from its owner, each thing others. As many
    /// nodes as this one has neighbours do the same.
    fn far_links(&self, news: &News, nodes: usize) -> Vec<ConnId> {
        let far = self.links.iter().filter(|(conn, link)| {
            !link.eager && !link.near && !self.recent.is_known_to(&news.prefix, **conn)
        });
        let mut far: Vec<ConnId> = far.map(|(conn, _)| *conn).collect();
        rotate(&mut far, chance(&news.prefix));
        let share = (far.len() * STRAIGHT_OF_FIVE).div_ceil(5);
        let links = self.links.len().max(1);
        let needed = STRAIGHT_COPIES * nodes.saturating_sub(links) / links;
        far.truncate(share.min(needed));
        far
    }

    fn flush_announcements(
        &mut self,
        from: &str,
        peers: &mut PeerManager,
        outputs: &mut Vec<Output>,
        now: Now,
    ) {
        for (conn, link) in &mut self.links {
            let mut prefixes = link.take_announcements(now.mono);
            prefixes.retain(|prefix| !self.recent.is_known_to(prefix, *conn));
            for part in prefixes.chunks(MAX_PREFIXES) {
                let message = Message::Have(part.to_vec());
                if let Ok(message) = encode(&message, Dialect::Secured, from, now.wall) {
                    queue_bulk(*conn, message, peers, outputs);
                }
            }
        }
    }
}

/// The peers that get something whole.
fn eager_links<'a>(
    links: &'a BTreeMap<ConnId, Link>,
    recent: &'a Recent,
    news: &'a News,
    owner: Option<ConnId>,
) -> impl Iterator<Item = ConnId> + 'a {
    let others = links.iter().filter(move |(conn, _)| {
        Some(**conn) != owner && !recent.is_known_to(&news.prefix, **conn)
    });
    let eager = others.clone().filter(|(_, link)| link.eager);
    let lazy = others.filter(|(_, link)| !link.eager);
    let (most_lazy, most) = match news.reach {
        Reach::Own => (OWN_EAGER, OWN_EAGER),
        Reach::Passed => (0, PASSED_EAGER),
        Reach::Announced => (0, 0),
        Reach::Everybody => (usize::MAX, usize::MAX),
    };
    let conns = eager.chain(lazy.take(most_lazy)).take(most);
    conns.map(|(conn, _)| *conn)
}

/// A number that is different for each thing, and the same everywhere.
fn chance(prefix: &Prefix) -> u64 {
    prefix.iter().fold(0, |sum: u64, byte| {
        sum.wrapping_mul(31).wrapping_add(u64::from(*byte))
    })
}

/// Lets other items be the first for each number.
fn rotate<T>(items: &mut [T], number: u64) {
    let first = number.checked_rem(items.len() as u64).unwrap_or(0);
    items.rotate_left(first as usize);
}

/// The messages that carry these things, in their order as far as they are of one kind.
pub(super) fn encode_items(items: &[&Retained], from: &str, wall: Millis) -> Vec<Bytes> {
    let statements = items.iter().filter_map(|item| match item {
        Retained::Statement(statement) => Some(statement.wire()),
        _ => None,
    });
    let statements: Vec<String> = statements.collect();
    let mut messages = encode_statements(&statements, from, wall, MAX_BATCH_BYTES);
    let trades = items.iter().filter_map(|item| match item {
        Retained::Trade(trade) => Some(trade.wire()),
        _ => None,
    });
    let trades: Vec<String> = trades.collect();
    messages.extend(encode_trades(&trades, from, wall, MAX_BATCH_BYTES));
    let proofs = items.iter().filter_map(|item| match item {
        Retained::Proof(proof) => Some(proof.wire()),
        _ => None,
    });
    let proofs: Vec<String> = proofs.collect();
    messages.extend(encode_proofs(&proofs, from, wall, MAX_BATCH_BYTES));
    messages
}

/// Queues an encoded message that may be dropped, and counts it.
pub(super) fn queue_bulk(
    conn: ConnId,
    message: Bytes,
    peers: &mut PeerManager,
    outputs: &mut Vec<Output>,
) {
    peers.sent(conn, message.len());
    let class = Class::Bulk;
    outputs.push(Output::Send {
        conn,
        class,
        message,
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Identity, Inventory, Ka, Payload};
    use crate::node::tests::config;

    fn keep_alive(identity: &Identity, n: u64) -> Retained {
        let ka = Ka {
            n,
            ts: Millis(n),
            live: true,
            cnt: 0,
            root: Inventory::new(Vec::new()).root,
            addrs: Vec::new(),
        };
        let network = "local".parse().unwrap();
        Retained::Statement(identity.sign(&network, Payload::Ka(ka)).unwrap())
    }

    #[test]
    fn announcements_that_wait_for_one_peer_are_bounded() {
        let identity = Identity::from_seed([1; 32]);
        let own_id = identity.node_id();
        let now = Now {
            mono: STEP,
            wall: Millis(5),
        };
        let mut peers = PeerManager::new(own_id, &config(), [0; 32], now);
        let mut gossip = Gossip::new(NodeBounds::DEFAULT);
        gossip.add_link(ConnId(1));
        let known = keep_alive(&identity, 1);
        let mut outputs = Vec::new();
        for _ in 0..ANNOUNCED + 10 {
            gossip.tell(known.clone(), None, Reach::Announced);
        }
        gossip.flush(&own_id, &mut peers, &mut outputs, now);
        assert_eq!(gossip.links[&ConnId(1)].announce.len(), ANNOUNCED);
        assert!(outputs.is_empty());
        assert_eq!(gossip.next_due(), Some(now.mono + ANNOUNCE_AFTER));
        let later = Now {
            mono: now.mono + ANNOUNCE_AFTER,
            ..now
        };
        gossip.flush(&own_id, &mut peers, &mut outputs, later);
        assert_eq!(outputs.len(), ANNOUNCED / MAX_PREFIXES);
        assert!(gossip.links[&ConnId(1)].announce.is_empty());
        assert_eq!(gossip.next_due(), None);
    }

    #[test]
    fn there_is_always_a_neighbour_that_gets_news_whole() {
        let mut gossip = Gossip::new(NodeBounds::DEFAULT);
        for number in 0..10 {
            gossip.add_link(ConnId(number));
        }
        let eager = |gossip: &Gossip| {
            let eager = gossip.links.iter().filter(|(_, link)| link.eager);
            eager.map(|(conn, _)| conn.0).collect::<Vec<_>>()
        };
        assert_eq!(eager(&gossip).len(), EAGER_AT_FIRST);
        for number in 0..9 {
            gossip.remove_link(ConnId(number));
            assert!(!eager(&gossip).is_empty());
        }
    }
}
