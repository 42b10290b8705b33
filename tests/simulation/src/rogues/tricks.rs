//! What a rogue does by itself.

use meshbook::ledger::{Ord, OrdStatus, OrdWhy, Payload, Place, PlaceTif, RawStatement, Req};
use meshbook::ledger::{Signature, Statement};
use meshbook::protocol::{Message, TakeRequest};
use meshbook::types::{Amount, Millis};

use super::{any_price, order_id};
use crate::clock::truth;
use crate::scenario::Fault;
use crate::world::World;

/// Orders that a flooding rogue sends at once: more than one owner may have open.
const FLOOD: usize = 220;

impl World {
    /// Does one thing that chance decides. A rogue that behaves now and then is trusted.
    pub(super) fn trick(&mut self, rogue: usize) {
        if self.healed_at.is_some() && !self.scenario.never_rests() {
            return;
        }
        let of_rogues = self.scenario.of_rogues();
        let it = &mut self.rogues[rogue];
        let (name, trick): (_, fn(&mut Self, usize)) = match it.random.pick(&of_rogues) {
            Fault::FreeKeys => ("flood keys", Self::floods_keys),
            Fault::Forwards => ("forge ways", Self::forges_ways),
            Fault::WashTrades if it.random.percent(50) => ("wash", Self::washes),
            Fault::WashTrades => ("take dust", Self::takes_dust),
            Fault::UnknownTakes => ("ask for nothing", Self::asks_for_nothing),
            Fault::Replays => ("replay", Self::replays),
            Fault::EmptyNews => ("announce nothing", Self::announces_nothing),
            // Who lies about the time only has to be there.
            Fault::FalseClocks => return,
            _ => self.cheat(rogue),
        };
        self.judge.counts.one(format!("rogues: {name}"));
        self.trace
            .say(self.now, || format!("rogue {rogue} tries to {name}"));
        trick(self, rogue);
    }

    /// Something that contradicts what its owner has signed before, mostly.
    fn cheat(&mut self, rogue: usize) -> (&'static str, fn(&mut Self, usize)) {
        let choice = self.rogues[rogue].random.below(25);
        match choice {
            0..=6 => ("rest", Self::rests),
            7..=8 => ("equivocate", Self::equivocates),
            9..=12 => ("take twice", Self::takes_twice),
            13 => ("date back", Self::dates_back),
            14 => ("reopen", Self::reopens),
            15 => ("grow", Self::grows),
            16 => ("date ahead", Self::dates_ahead),
            17 => ("flood", Self::floods),
            18 => ("alter", Self::alters),
            19 => ("repeat", Self::repeats),
            20 => ("talk nonsense", Self::talks_nonsense),
            21 => ("forge", Self::forges),
            _ => ("cancel", Self::cancels),
        }
    }

    pub(super) fn tells(&mut self, rogue: usize, statements: &[Statement]) {
        let raw = statements.iter().map(Statement::raw).collect();
        self.rogue_tells(rogue, &Message::Statements(raw));
    }

    /// An order like any other. What its owner answers is another matter.
    fn rests(&mut self, rogue: usize) {
        let ts = truth(self.now);
        let it = &mut self.rogues[rogue];
        let n = it.next();
        if let Some(place) = it.place(n, ts, true) {
            it.orders.push(place.clone());
            self.tells(rogue, &[place]);
        }
    }

    fn cancels(&mut self, rogue: usize) {
        let ts = truth(self.now);
        let it = &mut self.rogues[rogue];
        let which = it.random.index(it.orders.len());
        let Some(place) = it.orders.get(which).cloned() else {
            return;
        };
        let n = it.next();
        let closed = state(&place, n, ts, Amount::ZERO, OrdStatus::Closed, None);
        if let Some(ord) = it.sign(closed) {
            self.tells(rogue, &[ord]);
        }
    }

    /// Two statements of one number, one for each half of its peers.
    fn equivocates(&mut self, rogue: usize) {
        let ts = truth(self.now);
        let it = &mut self.rogues[rogue];
        let n = it.next();
        let two = [(); 2].map(|()| it.place(n, ts, true));
        let conns = self.rogue_conns(rogue);
        for (index, conn) in conns.into_iter().enumerate() {
            if let Some(place) = &two[index % 2] {
                let message = Message::Statements(vec![place.raw()]);
                self.rogue_says(rogue, conn, &message);
            }
        }
    }

    /// Asks two makers for the same piece of its own order, or one maker twice.
    fn takes_twice(&mut self, rogue: usize) {
        let ts = truth(self.now);
        let it = &mut self.rogues[rogue];
        let count = it.heard.len();
        for _ in 0..it.random.between(1, 2) {
            let it = &mut self.rogues[rogue];
            let which = it.random.index(count);
            let Some(maker) = it.heard.get(which).cloned() else {
                return;
            };
            let Some(terms) = maker.as_place().cloned() else {
                return;
            };
            let n = it.next();
            let px = any_price(&terms);
            let taking = Place {
                n,
                ts,
                side: terms.side.opposite(),
                px,
                exp: ts + Millis::from_secs(3_600),
                tif: PlaceTif::Gtc,
                rest: false,
                replaces: None,
                ..terms.clone()
            };
            let Some(place) = it.sign(Payload::Place(taking)) else {
                return;
            };
            for _ in 0..it.random.between(1, 2) {
                let it = &mut self.rogues[rogue];
                let req = Req {
                    n: it.next(),
                    ts,
                    until: ts + Millis::from_secs(5),
                    order: order_id(&place),
                    at: Amount::ZERO,
                    qty: terms.amt,
                    min: Amount::from_units(1).unwrap_or(terms.amt),
                    lim: px,
                    maker: order_id(&maker),
                    freed: Vec::new(),
                };
                let Some(req) = it.sign(Payload::Req(req)) else {
                    return;
                };
                let take = TakeRequest {
                    req: req.raw(),
                    place: place.raw(),
                };
                if let Some(conn) = self.rogue_way_to(rogue, maker.owner()) {
                    self.rogue_says(rogue, conn, &Message::Take(take));
                }
            }
        }
    }

    fn dates_back(&mut self, rogue: usize) {
        let ts = truth(self.now);
        let it = &mut self.rogues[rogue];
        let (first, second) = (it.next(), it.next());
        let early = ts - Millis::from_secs(it.random.between(1, 60));
        let both = [it.place(first, ts, true), it.place(second, early, true)];
        let both: Vec<Statement> = both.into_iter().flatten().collect();
        self.tells(rogue, &both);
    }

    fn dates_ahead(&mut self, rogue: usize) {
        let it = &mut self.rogues[rogue];
        let ahead = it.random.between(11, 120);
        let ts = truth(self.now) + Millis::from_secs(ahead);
        let n = it.next();
        let place = it.place(n, ts, true);
        let place: Vec<Statement> = place.into_iter().collect();
        self.tells(rogue, &place);
    }

    fn reopens(&mut self, rogue: usize) {
        let ts = truth(self.now);
        let it = &mut self.rogues[rogue];
        let which = it.random.index(it.orders.len());
        let Some(place) = it.orders.get(which).cloned() else {
            return;
        };
        let amount = place.as_place().map_or(Amount::ZERO, |place| place.amt);
        let (first, second) = (it.next(), it.next());
        let both = [
            state(&place, first, ts, Amount::ZERO, OrdStatus::Closed, None),
            state(&place, second, ts, amount, OrdStatus::Open, None),
        ];
        let both = both.map(|payload| it.sign(payload));
        let mut both: Vec<Statement> = both.into_iter().flatten().collect();
        if it.random.percent(50) {
            both.reverse();
        }
        self.tells(rogue, &both);
    }

    fn grows(&mut self, rogue: usize) {
        let ts = truth(self.now);
        let it = &mut self.rogues[rogue];
        let which = it.random.index(it.orders.len());
        let Some(place) = it.orders.get(which).cloned() else {
            return;
        };
        let amount = place.as_place().map_or(Amount::ZERO, |place| place.amt);
        let less = Amount::from_units(amount.units() / 2 + 1).unwrap_or(amount);
        let (first, second) = (it.next(), it.next());
        let both = [
            state(&place, first, ts, less, OrdStatus::Open, Some(less)),
            state(&place, second, ts, amount, OrdStatus::Open, Some(amount)),
        ];
        let both = both.map(|payload| it.sign(payload));
        let both: Vec<Statement> = both.into_iter().flatten().collect();
        self.tells(rogue, &both);
    }

    fn floods(&mut self, rogue: usize) {
        let ts = truth(self.now);
        let it = &mut self.rogues[rogue];
        let mut places = Vec::new();
        for _ in 0..FLOOD {
            let n = it.next();
            places.extend(it.place(n, ts, true));
        }
        self.tells(rogue, &places);
    }

    /// Changes what somebody else has signed.
    fn alters(&mut self, rogue: usize) {
        let it = &mut self.rogues[rogue];
        let which = it.random.index(it.heard.len());
        let Some(heard) = it.heard.get(which) else {
            return;
        };
        let mut raw: RawStatement = heard.raw();
        let Signature(mut signature) = raw.s;
        signature[3] ^= 1;
        raw.s = Signature(signature);
        self.rogue_tells(rogue, &Message::Statements(vec![raw]));
    }

    /// Says something in another's name: with its own signature, or with the other's under other
    /// words.
    fn forges(&mut self, rogue: usize) {
        let ts = truth(self.now);
        let it = &mut self.rogues[rogue];
        let victim = it.random.index(self.hosts.len());
        let victim = self.hosts[victim].id;
        let n = it.next();
        let heard = it.random.index(it.heard.len());
        let signature = it.heard.get(heard).map(|heard| heard.raw().s);
        let (own, rest) = (it.random.percent(50), it.random.percent(80));
        let Some(place) = it.place(n, ts, rest) else {
            return;
        };
        let mut raw: RawStatement = place.raw();
        raw.k = victim;
        if let Some(signature) = signature.filter(|_| !own) {
            raw.s = signature;
        }
        self.rogue_tells(rogue, &Message::Statements(vec![raw]));
    }

    /// Sends again what it has heard.
    fn repeats(&mut self, rogue: usize) {
        let heard: Vec<Statement> = self.rogues[rogue].heard.iter().cloned().collect();
        self.tells(rogue, &heard);
    }

    fn talks_nonsense(&mut self, rogue: usize) {
        let conns = self.rogue_conns(rogue);
        let which = self.rogues[rogue].random.index(conns.len());
        if let Some(conn) = conns.get(which) {
            let nonsense = r#"{"type":"x_stmts","statements":7,"timestamp":1,"nodeId":"x"}"#;
            self.rogue_sends(*conn, bytes::Bytes::from_static(nonsense.as_bytes()));
        }
    }
}

/// The state of an order.
fn state(
    place: &Statement,
    n: u64,
    ts: Millis,
    open: Amount,
    status: OrdStatus,
    amt: Option<Amount>,
) -> Payload {
    Payload::Ord(Ord {
        n,
        ts,
        id: order_id(place),
        open,
        status,
        why: OrdWhy::Rest,
        amt,
    })
}
