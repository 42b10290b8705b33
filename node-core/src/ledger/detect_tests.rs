//! Tests of the search for contradictions: who cheats is found whatever comes first, and who is
//! honest never is, whatever happens to its node and whoever it deals with.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::types::{Amount, Millis, NodeId, OrderId, Side};

use super::testing::{Draft, Item, amount, apply, identity, ord, place, sign};
use super::{
    Fill, Ledger, OrdStatus, Payload, Piece, Pieces, Place, Rej, Req, Statement, TradeRecord,
};

const WALL: Millis = Millis(50_000_000);

fn found_against(items: &[Item]) -> BTreeSet<NodeId> {
    let mut ledger = Ledger::new();
    for item in items {
        apply(&mut ledger, item.clone(), WALL);
    }
    let found = ledger.take_found_proofs();
    found.iter().map(super::Proof::owner).collect()
}

fn permutations(items: &[Item]) -> Vec<Vec<Item>> {
    if items.len() < 2 {
        return vec![items.to_vec()];
    }
    let at = 0..items.len();
    at.flat_map(|i| {
        let mut rest = items.to_vec();
        let first = rest.remove(i);
        permutations(&rest).into_iter().map(move |mut rest| {
            rest.insert(0, first.clone());
            rest
        })
    })
    .collect()
}

fn placed(key: u8, n: u64, change: impl FnOnce(&mut Place)) -> Item {
    let mut terms = place(n, Side::Buy);
    terms.exp = Millis(1_000_000_000);
    change(&mut terms);
    Item::Statement(sign(key, Payload::Place(terms)))
}

fn id_of(item: &Item) -> OrderId {
    match item {
        Item::Statement(statement) => statement.order_id().unwrap(),
        _ => panic!("no place"),
    }
}

fn said(n: u64, id: OrderId, status: OrdStatus, amt: Option<&str>) -> Item {
    let mut ord = ord(n, id, "0", status);
    if status == OrdStatus::Open {
        ord.open = amount("1");
    }
    ord.amt = amt.map(amount);
    Item::Statement(sign(1, Payload::Ord(ord)))
}

fn refusal(key: u8, of: &TradeRecord) -> Statement {
    let rej = Rej {
        ts: Millis(2_100),
        take: of.take_id(),
        why: "gone".parse().unwrap(),
        open: None,
    };
    sign(key, Payload::Rej(rej))
}

/// A trade like the draft's, but for its second numbers, changed.
fn traded(change: impl FnOnce(&mut Draft)) -> TradeRecord {
    let mut draft = Draft::new();
    draft.maker.exp = Millis(1_000_000_000);
    draft.taker.exp = draft.maker.exp;
    (draft.req.n, draft.fill.n) = (3, 3);
    draft.fill.at = amount("4");
    change(&mut draft);
    draft.trade().unwrap()
}

fn first_trade() -> TradeRecord {
    traded(|draft| {
        (draft.req.n, draft.fill.n) = (2, 2);
        draft.fill.at = amount("0");
    })
}

/// What a cheat signs, and the cheat's key.
fn patterns() -> Vec<(&'static str, Vec<Item>, u8)> {
    let order = placed(1, 1, |place| place.rest = false);
    let id = id_of(&order);
    let (open, closed) = (OrdStatus::Open, OrdStatus::Closed);
    let replaces = placed(1, 4, |place| {
        (place.ts, place.replaces) = (Millis(1_004), Some(id));
    });
    let first = first_trade();
    let trade = |trade: &TradeRecord| Item::Trade(trade.clone());
    let by_maker_3 = traded(|draft| (draft.keys[0], draft.keys[3]) = (3, 3));
    let by_taker_4 = |at: &str| {
        traded(|draft| {
            (draft.keys[1], draft.keys[2]) = (4, 4);
            draft.fill.at = amount(at);
        })
    };
    let showing = |key, taker: u8, of: &TradeRecord| {
        let rej = refusal(key, of).raw();
        traded(|draft| {
            draft.keys = [3, taker, taker, 3];
            draft.req.freed = vec![rej];
        })
    };
    let twice = traded(|draft| {
        draft.req = Draft::new().req;
        draft.fill.qty = amount("1");
    });
    let offered_again = traded(|draft| {
        // The maker's order of the first trade takes, from one of the first trade's taker.
        let mut other = Draft::new();
        std::mem::swap(&mut other.maker, &mut other.taker);
        other.maker.rest = true;
        (other.taker.rest, other.taker.n) = (true, 1);
        (other.req.n, other.req.at) = (3, amount("3"));
        other.fill.n = 9;
        other.fill.ts = Millis(2_600);
        (other.maker.exp, other.taker.exp) = (draft.maker.exp, draft.taker.exp);
        (other.req.ts, other.maker.n) = (Millis(2_550), 8);
        other.maker.ts = Millis(2_500);
        other.keys = [2, 1, 1, 2];
        *draft = other;
    });
    let fill_again = Item::Statement(sign(
        1,
        Payload::Ord(super::Ord {
            n: 2,
            ..ord(2, OrderId([5; 16]), "1", open)
        }),
    ));
    vec![
        (
            "two orders with one number",
            vec![
                placed(1, 1, |_| {}),
                placed(1, 1, |place| place.amt = amount("3")),
            ],
            1,
        ),
        (
            "an order and an ord with one number",
            vec![placed(1, 1, |_| {}), said(1, OrderId([5; 16]), open, None)],
            1,
        ),
        (
            "a fill and an ord with one number",
            vec![trade(&first), fill_again],
            1,
        ),
        (
            "a date that goes back",
            vec![said(5, id, open, None), placed(1, 6, |_| {})],
            1,
        ),
        (
            "opened after it was closed",
            vec![
                order.clone(),
                said(5, id, closed, None),
                said(6, id, open, None),
            ],
            1,
        ),
        (
            "opened after it was closed, and nobody knows the order",
            vec![said(5, id, closed, None), said(6, id, open, None)],
            1,
        ),
        (
            "opened after it was replaced",
            vec![order.clone(), replaces, said(6, id, open, None)],
            1,
        ),
        (
            "grown",
            vec![
                order.clone(),
                said(5, id, open, Some("5")),
                said(6, id, open, Some("6")),
            ],
            1,
        ),
        (
            "larger than it was placed",
            vec![order, said(5, id, open, Some("11"))],
            1,
        ),
        (
            "one piece for two takers",
            vec![trade(&first), trade(&by_taker_4("3"))],
            1,
        ),
        (
            "one take filled twice",
            vec![trade(&first), trade(&twice)],
            1,
        ),
        (
            "filled, and refused before the taker asked elsewhere",
            vec![trade(&first), trade(&showing(1, 2, &first))],
            1,
        ),
        (
            "filled, and refused as somebody else shows",
            vec![trade(&first), trade(&showing(1, 4, &first))],
            1,
        ),
        (
            "one piece of two makers",
            vec![trade(&first), trade(&by_maker_3)],
            2,
        ),
        (
            "one piece of two makers, with a refusal by somebody else",
            vec![trade(&first), trade(&showing(4, 2, &first))],
            2,
        ),
        (
            "asked for after it was filled",
            vec![trade(&first), trade(&offered_again)],
            1,
        ),
    ]
}

#[test]
fn each_way_to_cheat_is_found_whatever_comes_first() {
    for (name, items, key) in patterns() {
        let guilty = BTreeSet::from([identity(key).node_id()]);
        for mut items in permutations(&items) {
            assert_eq!(found_against(&items), guilty, "{name}");
            // Repetition neither hides nor adds anything.
            items.extend(items.clone());
            assert_eq!(found_against(&items), guilty, "{name}, twice");
        }
        for left_out in 0..items.len() {
            let mut items = items.clone();
            items.remove(left_out);
            if items.len() < 2 {
                assert_eq!(found_against(&items), BTreeSet::new(), "half of {name}");
            }
        }
    }
}

#[test]
fn what_is_found_is_handed_out_once_and_one_proof_an_owner() {
    let mut ledger = Ledger::new();
    for n in [1, 1, 1] {
        let amt = ledger.stats().orders + 1;
        let item = placed(1, n, |place| place.amt = amount(&amt.to_string()));
        apply(&mut ledger, item, WALL);
    }
    assert_eq!(ledger.take_found_proofs().len(), 1);
    assert_eq!(ledger.take_found_proofs(), []);
}

#[test]
fn what_nothing_retains_any_more_is_swept_and_what_is_retained_is_not() {
    let mut ledger = Ledger::new();
    let kept = placed(1, 1, |_| {});
    let id = id_of(&kept);
    apply(&mut ledger, kept, WALL);
    for n in 2..20_000 {
        let mut newer = ord(n, id, "1", OrdStatus::Open);
        newer.ts = Millis(1_000);
        ledger.apply(sign(1, Payload::Ord(newer)), WALL);
    }
    assert!(ledger.watch.entries() < 3 * super::limits::RECENT_KEPT);
    assert_eq!(ledger.take_found_proofs(), []);
    apply(
        &mut ledger,
        placed(1, 1, |place| place.amt = amount("1")),
        WALL,
    );
    assert_eq!(ledger.take_found_proofs().len(), 1);
}

const HONEST: u8 = 1;
const HOSTILE: u8 = 2;

/// One own order of an honest node.
#[derive(Clone)]
struct Own {
    place: Statement,
    burned: Pieces,
    held: Pieces,
    rejected: Vec<(Piece, Statement)>,
    amt: Amount,
    closed: bool,
}

impl Own {
    fn gap(&self) -> Option<Piece> {
        let mut taken = self.burned.clone();
        taken.extend(self.held.iter());
        taken.first_gap(self.amt, amount("0.00000001"))
    }

    /// The refusals that freed this piece, if they are few enough to be shown.
    fn shown_for(&self, piece: &Piece) -> Option<Vec<super::RawStatement>> {
        let freed = self.rejected.iter();
        let freed = freed.filter(|(freed, _)| freed.overlaps(piece));
        let freed: Vec<_> = freed.map(|(_, rej)| rej.raw()).collect();
        (freed.len() <= super::limits::MAX_FREED).then_some(freed)
    }

    /// The end of the last piece that is given away, or may be.
    fn least(&self) -> Amount {
        self.burned.end().max(self.held.end())
    }
}

/// What an honest node has on its disk; all that it acts by.
#[derive(Clone, Default)]
struct Disk {
    n: u64,
    ts: Millis,
    orders: Vec<Own>,
    /// Its requests that wait for an answer: the order, the piece, the `req`, the maker's order.
    takes: Vec<(usize, Piece, Statement, Statement)>,
}

/// A history of one honest node among hostile ones.
struct World {
    disk: Disk,
    wall: u64,
    sent: Vec<Item>,
    hostile_n: u64,
    /// All `req`s that the honest node ever sent, with their orders.
    asked: Vec<(Statement, Statement, Statement)>,
    refusals: Vec<Statement>,
}

impl World {
    fn new() -> Self {
        Self {
            disk: Disk::default(),
            wall: 1_000_000,
            sent: Vec::new(),
            hostile_n: 0,
            asked: Vec::new(),
            refusals: Vec::new(),
        }
    }

    fn next(&mut self) -> (u64, Millis) {
        self.disk.n += 1;
        self.disk.ts = self.disk.ts.max(Millis(self.wall));
        (self.disk.n, self.disk.ts)
    }

    fn place(&mut self, rest: bool, replaces: Option<OrderId>) -> Statement {
        let (n, ts) = self.next();
        let mut terms = place(n, Side::Buy);
        (terms.ts, terms.rest, terms.replaces) = (ts, rest, replaces);
        terms.exp = Millis(1_000_000_000);
        sign(HONEST, Payload::Place(terms))
    }

    fn hostile_place(&mut self, rest: bool) -> Statement {
        self.hostile_n += 1;
        let mut terms = place(self.hostile_n, Side::Sell);
        (terms.rest, terms.exp) = (rest, Millis(1_000_000_000));
        sign(HOSTILE, Payload::Place(terms))
    }

    fn ord(&mut self, at: usize, status: OrdStatus, amt: Option<Amount>) -> Item {
        let (n, ts) = self.next();
        let id = self.disk.orders[at].place.order_id().unwrap();
        let mut said = ord(n, id, "0", status);
        (said.ts, said.amt) = (ts, amt);
        Item::Statement(sign(HONEST, Payload::Ord(said)))
    }

    /// What a hostile maker signs to fill `qty` of a take.
    fn hostile_fill(&mut self, asked: &(Statement, Statement, Statement), qty: Amount, at: u8) {
        let (taker, req, maker) = asked;
        self.hostile_n += 1;
        let fill = Fill {
            n: self.hostile_n,
            ts: req.ts(),
            take: req.take_id().unwrap(),
            id: maker.order_id().unwrap(),
            at: units(at % 8),
            qty,
            px: maker.as_place().unwrap().px,
            open: amount("0"),
            last: false,
            freed: Vec::new(),
        };
        let fill = sign(HOSTILE, Payload::Fill(fill));
        let trade = TradeRecord::new(maker.clone(), taker.clone(), req.clone(), fill);
        self.sent.extend(trade.map(Item::Trade));
    }

    /// One step; says what the honest node would send.
    fn step(&mut self, (action, which, a, b): (u8, usize, u8, u8)) -> Vec<Item> {
        let open: Vec<_> = (0..self.disk.orders.len())
            .filter(|at| !self.disk.orders[*at].closed)
            .collect();
        let at = open.get(which % open.len().max(1)).copied();
        match (action % 16, at) {
            (0, _) | (1, None) => self.placed(a & 1 == 0, None),
            (1, Some(at)) => {
                self.disk.orders[at].closed = true;
                let id = self.disk.orders[at].place.order_id();
                self.placed(a & 1 == 0, id)
            }
            (2, Some(at)) => vec![self.ord(at, OrdStatus::Open, None)],
            (3, Some(at)) => {
                self.disk.orders[at].closed = true;
                vec![self.ord(at, OrdStatus::Closed, None)]
            }
            (4, Some(at)) => {
                let own = &mut self.disk.orders[at];
                let smaller = own.amt.saturating_sub(units(a % 3));
                own.amt = smaller.max(own.least()).max(amount("0.5"));
                let amt = Some(own.amt);
                vec![self.ord(at, OrdStatus::Open, amt)]
            }
            (5 | 6 | 12 | 13, Some(at)) => self.ask(at, a, b),
            (7, Some(at)) => self.make(at, a, b),
            (8, _) => {
                // A clock that somebody sets.
                self.wall = (self.wall + u64::from(a) * 1_000)
                    .saturating_sub(u64::from(b) * 1_000)
                    .clamp(1_000_000, 9_000_000);
                Vec::new()
            }
            (9 | 14 | 15, _) if !self.disk.takes.is_empty() => {
                let (at, piece, req, maker) = self.disk.takes.remove(which % self.disk.takes.len());
                let own = &mut self.disk.orders[at];
                own.held.remove(piece);
                if a & 1 == 0 {
                    let rej = Rej {
                        ts: req.ts(),
                        take: req.take_id().unwrap(),
                        why: "gone".parse().unwrap(),
                        open: None,
                    };
                    own.rejected.push((piece, sign(HOSTILE, Payload::Rej(rej))));
                    return Vec::new();
                }
                let least = req.as_req().unwrap().min;
                let qty = piece.len().min(units(b % 4)).max(least);
                own.burned.insert(Piece::at(piece.start(), qty).unwrap());
                let asked = (own.place.clone(), req, maker);
                self.hostile_fill(&asked, qty, b);
                Vec::new()
            }
            (10 | 11, _) if !self.asked.is_empty() => {
                // The maker signs one more fill, whatever it had answered.
                let asked = self.asked[which % self.asked.len()].clone();
                let qty = asked.1.as_req().unwrap().qty;
                self.hostile_fill(&asked, qty.min(units(1 + a % 4)), b);
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn placed(&mut self, rest: bool, replaces: Option<OrderId>) -> Vec<Item> {
        let place = self.place(rest, replaces);
        self.disk.orders.push(Own {
            place: place.clone(),
            burned: Pieces::new(),
            held: Pieces::new(),
            rejected: Vec::new(),
            amt: amount("10"),
            closed: false,
        });
        // One that takes first is known from its takes, and published later.
        match rest {
            true => vec![Item::Statement(place)],
            false => Vec::new(),
        }
    }

    /// Signs a request and holds its piece. Nothing of it is seen but in a trade.
    fn ask(&mut self, at: usize, a: u8, b: u8) -> Vec<Item> {
        let own = &self.disk.orders[at];
        let Some(gap) = own.gap() else {
            return Vec::new();
        };
        let qty = gap.len().min(units(1 + a % 4));
        let piece = Piece::at(gap.start(), qty).unwrap();
        let Some(freed) = own.shown_for(&piece) else {
            return Vec::new();
        };
        let taker = own.place.clone();
        let maker = self.hostile_place(true);
        let (n, ts) = self.next();
        let min = if b & 1 == 0 {
            amount("0.00000001")
        } else {
            qty
        };
        let req = Req {
            n,
            ts,
            until: ts + Millis(5_000),
            order: taker.order_id().unwrap(),
            at: piece.start(),
            qty,
            min,
            lim: taker.as_place().unwrap().px,
            maker: maker.order_id().unwrap(),
            freed,
        };
        let req = sign(HONEST, Payload::Req(req));
        self.disk.orders[at].held.insert(piece);
        self.disk
            .takes
            .push((at, piece, req.clone(), maker.clone()));
        self.asked.push((taker, req, maker));
        Vec::new()
    }

    /// Answers a hostile taker, who may show refusals that it was given before.
    fn make(&mut self, at: usize, a: u8, b: u8) -> Vec<Item> {
        let taker = self.hostile_place(false);
        let maker = self.disk.orders[at].place.clone();
        self.hostile_n += 1;
        let ts = self.disk.ts.max(Millis(self.wall));
        let shown = self.refusals.get(usize::from(b) % 7).map(Statement::raw);
        let req = Req {
            n: self.hostile_n,
            ts,
            until: ts + Millis(5_000),
            order: taker.order_id().unwrap(),
            at: units(b % 4),
            qty: units(1 + a % 4),
            min: amount("0.00000001"),
            lim: maker.as_place().unwrap().px,
            maker: maker.order_id().unwrap(),
            freed: shown.into_iter().collect(),
        };
        let req = sign(HOSTILE, Payload::Req(req));
        let take = req.take_id().unwrap();
        let Some(gap) = self.disk.orders[at].gap().filter(|_| a & 1 == 0) else {
            let (_, ts) = (self.next(), self.disk.ts);
            let why = "gone".parse().unwrap();
            let rej = Rej {
                ts,
                take,
                why,
                open: None,
            };
            self.refusals.push(sign(HONEST, Payload::Rej(rej)));
            return Vec::new();
        };
        let qty = gap.len().min(units(1 + a % 4));
        let burned = Piece::at(gap.start(), qty).unwrap();
        let Some(freed) = self.disk.orders[at].shown_for(&burned) else {
            return Vec::new();
        };
        let (n, ts) = self.next();
        let fill = Fill {
            n,
            ts,
            take,
            id: maker.order_id().unwrap(),
            at: gap.start(),
            qty,
            px: maker.as_place().unwrap().px,
            open: amount("0"),
            last: false,
            freed,
        };
        let fill = sign(HONEST, Payload::Fill(fill));
        self.disk.orders[at].burned.insert(burned);
        let trade = TradeRecord::new(maker, taker, req, fill).unwrap();
        vec![Item::Trade(trade)]
    }
}

fn units(whole: u8) -> Amount {
    Amount::from_units(u128::from(whole) * 100_000_000).unwrap()
}

type Steps = Vec<((u8, usize, u8, u8), u8)>;

fn steps() -> impl Strategy<Value = Steps> {
    let step = (any::<u8>(), any::<usize>(), any::<u8>(), any::<u8>());
    prop::collection::vec((step, 0..8u8), 10..80)
}

/// All that an honest node and those who deal with it ever sent.
fn history(steps: Steps) -> Vec<Item> {
    let mut world = World::new();
    for (step, luck) in steps {
        // One in eight steps is lost in a crash before anything of it was sent, and what it
        // would have signed is signed anew, about something else.
        let (disk, asked, refused) = (world.disk.clone(), world.asked.len(), world.refusals.len());
        let sent = world.sent.len();
        let items = world.step(step);
        if luck == 0 && world.sent.len() == sent {
            world.disk = disk;
            world.asked.truncate(asked);
            world.refusals.truncate(refused);
        } else {
            world.sent.extend(items);
        }
    }
    world.sent
}

#[test]
fn the_generated_histories_hold_what_the_property_is_about() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let (mut trades, mut frees, mut sold, mut hostile) = (0, 0, 0, 0);
    for _ in 0..100 {
        let items = history(steps().new_tree(&mut runner).unwrap().current());
        for item in &items {
            if let Item::Trade(trade) = item {
                trades += 1;
                frees += usize::from(!trade.req().freed().is_empty());
                sold += usize::from(!trade.fill().freed().is_empty());
            }
        }
        hostile += usize::from(found_against(&items).contains(&identity(HOSTILE).node_id()));
    }
    let counts = format!("{trades} {frees} {sold} {hostile}");
    assert!(trades > 300 && frees > 20 && hostile > 20, "{counts}");
    assert!(sold > 5, "{counts}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn nobody_proves_anything_against_an_honest_node(
        (items, shuffled) in steps().prop_map(history)
            .prop_flat_map(|items| (Just(items.clone()), Just(items).prop_shuffle())),
    ) {
        let honest = identity(HONEST).node_id();
        prop_assert!(!found_against(&items).contains(&honest));
        prop_assert!(!found_against(&shuffled).contains(&honest));
        // Not by hand either, from any two things that it signed and somebody saw.
        let signed = |item: &Item| match item {
            Item::Statement(statement) => vec![statement.clone()],
            Item::Proof(_) => Vec::new(),
            Item::Trade(trade) => {
                let parts = [trade.maker(), trade.taker(), trade.req(), trade.fill()];
                let shown = trade.freed().map(|(rej, _)| rej);
                parts.into_iter().chain(shown).cloned().collect()
            }
        };
        let own = items.iter().flat_map(signed).filter(|s| s.owner() == honest);
        let own: Vec<_> = own.collect();
        for one in &own {
            for other in &own {
                prop_assert_eq!(super::Proof::between(one, other), None);
            }
        }
    }
}
