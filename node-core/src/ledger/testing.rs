//! Builders that the ledger's tests share: small honest payloads and trades to depart from.

use proptest::prelude::*;

use crate::types::{Amount, Millis, NetworkId, OrderId, Price, Side, TakeId};

use super::{
    Applied, Fill, Identity, Inventory, Ka, Ledger, Ord, OrdStatus, Payload, Place, PlaceTif,
    Proof, Rej, Req, Statement, TradeError, TradeRecord, prefix_of,
};

pub(super) fn network() -> NetworkId {
    "local:test".parse().unwrap()
}

pub(super) fn identity(seed: u8) -> Identity {
    Identity::from_seed([seed; 32])
}

pub(super) fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}

pub(super) fn price(text: &str) -> Price {
    text.parse().unwrap()
}

pub(super) fn sign(seed: u8, payload: Payload) -> Statement {
    identity(seed).sign(&network(), payload).unwrap()
}

/// A resting order at 100 for 10, signed at 1,000 ms and good for an hour.
pub(super) fn place(n: u64, side: Side) -> Place {
    Place {
        n,
        ts: Millis(1_000),
        pair: "BTC/USD".parse().unwrap(),
        side,
        px: price("100"),
        amt: amount("10"),
        exp: Millis(3_600_000),
        tif: PlaceTif::Gtc,
        u: "alice".parse().unwrap(),
        rest: true,
        replaces: None,
    }
}

pub(super) fn ord(n: u64, id: OrderId, open: &str, status: OrdStatus) -> Ord {
    Ord {
        n,
        ts: Millis(1_000 + n),
        id,
        open: amount(open),
        status,
        why: "rest".parse().unwrap(),
        amt: None,
    }
}

/// A keep-alive that names these orders.
pub(super) fn ka(n: u64, ts: u64, live: bool, entries: &[(OrderId, u64)]) -> Ka {
    let inventory = Inventory::new(entries.to_vec());
    Ka {
        n,
        ts: Millis(ts),
        live,
        cnt: entries.len() as u64,
        root: inventory.root,
        addrs: Vec::new(),
    }
}

/// The four payloads of a trade before they are signed: maker 1 sells, taker 2 buys 4 of 10.
#[derive(Clone)]
pub(super) struct Draft {
    pub(super) maker: Place,
    pub(super) taker: Place,
    pub(super) req: Req,
    pub(super) fill: Fill,
    pub(super) keys: [u8; 4],
}

impl Draft {
    pub(super) fn new() -> Self {
        Self {
            maker: place(1, Side::Sell),
            taker: Place {
                rest: false,
                ..place(1, Side::Buy)
            },
            req: Req {
                n: 2,
                ts: Millis(2_000),
                until: Millis(7_000),
                order: OrderId([0; 16]),
                at: amount("1"),
                qty: amount("4"),
                min: amount("1"),
                lim: price("100"),
                maker: OrderId([0; 16]),
                freed: Vec::new(),
            },
            fill: Fill {
                n: 2,
                ts: Millis(2_500),
                take: TakeId([0; 32]),
                id: OrderId([0; 16]),
                at: amount("0"),
                qty: amount("4"),
                px: price("100"),
                open: amount("6"),
                last: false,
                freed: Vec::new(),
            },
            keys: [1, 2, 2, 1],
        }
    }

    /// Signs the four, with the links between them set right where they are zero.
    pub(super) fn statements(mut self) -> [Statement; 4] {
        let [maker_key, taker_key, req_key, fill_key] = self.keys;
        let maker = sign(maker_key, Payload::Place(self.maker));
        let taker = sign(taker_key, Payload::Place(self.taker));
        let unset = OrderId([0; 16]);
        if self.req.order == unset {
            self.req.order = taker.order_id().unwrap();
        }
        if self.req.maker == unset {
            self.req.maker = maker.order_id().unwrap();
        }
        let req = sign(req_key, Payload::Req(self.req));
        if self.fill.take == TakeId([0; 32]) {
            self.fill.take = req.take_id().unwrap();
        }
        if self.fill.id == unset {
            self.fill.id = maker.order_id().unwrap();
        }
        let fill = sign(fill_key, Payload::Fill(self.fill));
        [maker, taker, req, fill]
    }

    pub(super) fn trade(self) -> Result<TradeRecord, TradeError> {
        let [maker, taker, req, fill] = self.statements();
        TradeRecord::new(maker, taker, req, fill)
    }
}

/// Any payload that passes its own check.
pub(super) fn any_payload() -> impl Strategy<Value = Payload> {
    let time = 0..1u64 << 50;
    let units = 1..=u128::from(u64::MAX);
    let id = any::<[u8; 16]>().prop_map(OrderId);
    let numbers = (time.clone(), time, units.clone(), units, id, any::<u8>());
    (numbers, any::<[u8; 32]>(), any::<[u8; 16]>(), 0..6u8).prop_map(
        |((n, ts, a, b, id, choice), take, other, kind)| {
            let ts = Millis(ts);
            let [a_px, b_px] = [a, b].map(|units| Price::from_units(units).unwrap());
            let [a, b] = [a, b].map(|units| Amount::from_units(units).unwrap());
            let (low, high) = (a.min(b), a.max(b));
            let bit = |i: u8| choice & (1 << i) != 0;
            let take = TakeId(take);
            let freed = (0..choice % 3)
                .map(|i| {
                    let mut take = take;
                    take.0[0] = i;
                    let rej = Rej {
                        ts,
                        take,
                        why: "gone".parse().unwrap(),
                        open: bit(5).then_some(low),
                    };
                    sign(i, Payload::Rej(rej)).raw()
                })
                .collect();
            match kind {
                0 => Payload::Place(Place {
                    n,
                    ts,
                    pair: "ETH/USDT".parse().unwrap(),
                    side: if bit(0) { Side::Buy } else { Side::Sell },
                    px: a_px,
                    amt: b,
                    exp: ts + Millis(1 + u64::from(choice)),
                    tif: match (bit(1), bit(2)) {
                        (false, false) => PlaceTif::Ioc,
                        (false, true) => PlaceTif::Post,
                        _ => PlaceTif::Gtc,
                    },
                    u: "some.user-1".parse().unwrap(),
                    rest: bit(3) && (bit(1) || bit(2)),
                    replaces: bit(4).then_some(id),
                }),
                1 => Payload::Ord(Ord {
                    n,
                    ts,
                    id,
                    open: if bit(0) { low } else { Amount::ZERO },
                    status: if bit(0) {
                        OrdStatus::Open
                    } else {
                        OrdStatus::Closed
                    },
                    why: if bit(1) { "cancel" } else { "new_word" }.parse().unwrap(),
                    amt: bit(2).then_some(high),
                }),
                2 => Payload::Req(Req {
                    n,
                    ts,
                    until: ts + Millis(u64::from(choice)),
                    order: id,
                    at: a,
                    qty: high,
                    min: low,
                    lim: b_px,
                    maker: OrderId(other.map(|b| b ^ 1)),
                    freed,
                }),
                3 => Payload::Fill(Fill {
                    n,
                    ts,
                    take,
                    id,
                    at: a,
                    qty: b,
                    px: a_px,
                    open: if bit(6) { Amount::ZERO } else { low },
                    last: bit(6),
                    freed,
                }),
                4 => Payload::Ka(Ka {
                    n,
                    ts,
                    live: bit(0),
                    cnt: u64::from(choice % 201),
                    root: take.0,
                    addrs: ["node-1.example.org:3000", "[::1]:1", "10.0.0.1:65535"]
                        .iter()
                        .cycle()
                        .take(usize::from(choice % 5))
                        .map(|text| text.parse().unwrap())
                        .collect(),
                }),
                _ => Payload::Rej(Rej {
                    ts,
                    take,
                    why: if bit(1) { "self" } else { "boot" }.parse().unwrap(),
                    open: bit(2).then_some(a),
                }),
            }
        },
    )
}

/// Something to apply.
#[derive(Clone, Debug)]
pub(super) enum Item {
    Statement(Statement),
    Trade(TradeRecord),
    Proof(Proof),
}

pub(super) fn apply(ledger: &mut Ledger, item: Item, wall: Millis) -> Applied {
    match item {
        Item::Statement(statement) => ledger.apply(statement, wall),
        Item::Trade(trade) => ledger.apply_trade(trade, wall),
        Item::Proof(proof) => ledger.apply_proof(proof),
    }
}

/// What is retained is what it would be if it were found anew, in order, and each thing is found by the
/// beginning of its name.
pub(super) fn check_retained(ledger: &Ledger) {
    let anew = ledger.retained_anew();
    let retained: Vec<_> = ledger.retained().iter_from(0).cloned().collect();
    assert_eq!(retained, anew);
    assert_eq!(ledger.retained().len(), anew.len());
    for item in &anew {
        assert_eq!(ledger.find_retained(&prefix_of(&item.id())), Some(item));
    }
}
