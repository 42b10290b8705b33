//! Tests of proofs: each kind, and what comes close to it and is none.

use crate::types::{Millis, OrderId, Side, TakeId};

use super::testing::{Draft, amount, identity, network, ord, place, sign};
use super::{
    Fill, Ord, OrdStatus, Payload, Place, Proof, ProofError, ProofKind, RawEvidence, RawProof,
    RawStatement, Rej, Req, Statement, TradeRecord, Verifier,
};

const ORDER: OrderId = OrderId([7; 16]);

fn place_of(key: u8, n: u64, change: impl FnOnce(&mut Place)) -> Statement {
    let mut terms = place(n, Side::Buy);
    change(&mut terms);
    sign(key, Payload::Place(terms))
}

fn ord_of(key: u8, n: u64, status: OrdStatus, change: impl FnOnce(&mut Ord)) -> Statement {
    let open = match status {
        OrdStatus::Open => "1",
        OrdStatus::Closed => "0",
    };
    let mut said = ord(n, ORDER, open, status);
    change(&mut said);
    sign(key, Payload::Ord(said))
}

fn fill_of(key: u8, n: u64, change: impl FnOnce(&mut Fill)) -> Statement {
    let mut fill = Draft::new().fill;
    (fill.n, fill.id, fill.take) = (n, ORDER, TakeId([n as u8; 32]));
    change(&mut fill);
    sign(key, Payload::Fill(fill))
}

fn req_of(key: u8, n: u64, change: impl FnOnce(&mut Req)) -> Statement {
    let mut req = Draft::new().req;
    (req.n, req.order, req.ts) = (n, ORDER, Millis(2_600));
    req.maker = OrderId([9; 16]);
    change(&mut req);
    sign(key, Payload::Req(req))
}

fn rej_of(key: u8, take: TakeId) -> Statement {
    let rej = Rej {
        ts: Millis(2_100),
        take,
        why: "gone".parse().unwrap(),
        open: None,
    };
    sign(key, Payload::Rej(rej))
}

fn raw(kind: ProofKind, a: &Statement, b: &Statement) -> RawProof {
    let [a, b] = [a, b].map(|statement| RawEvidence::Statement(statement.raw()));
    RawProof { kind, a, b }
}

fn raw_trades(a: &TradeRecord, b: &TradeRecord) -> RawProof {
    let [a, b] = [a, b].map(|trade| RawEvidence::Trade(Box::new(trade.raw())));
    let kind = ProofKind::Overlap;
    RawProof { kind, a, b }
}

fn verify(raw: RawProof) -> Result<Proof, ProofError> {
    Verifier::new(network()).verify_proof(raw)
}

/// Found in either order, of this kind, against this key, and verified from its own text; only in
/// the order that the kind asks for.
fn assert_proof(proof: Option<Proof>, again: Option<&Proof>, kind: ProofKind, key: u8) {
    let proof = proof.unwrap();
    assert_eq!(Some(&proof), again);
    assert_eq!(proof.kind(), kind);
    assert_eq!(proof.owner(), identity(key).node_id());
    let raw: RawProof = serde_json::from_str(&proof.wire()).unwrap();
    assert_eq!(&raw, proof.raw());
    assert_eq!(serde_json::to_string(&raw).unwrap(), proof.wire());
    assert_eq!(verify(raw.clone()).unwrap(), proof);
    let RawProof { kind, a, b } = raw;
    let swapped = RawProof { kind, a: b, b: a };
    assert_eq!(verify(swapped), Err(ProofError::NoContradiction(kind)));
}

fn assert_between(one: &Statement, other: &Statement, kind: ProofKind) {
    let (proof, again) = (Proof::between(one, other), Proof::between(other, one));
    assert_proof(proof, again.as_ref(), kind, 1);
}

fn assert_trades(one: &TradeRecord, other: &TradeRecord, kind: ProofKind, key: u8) {
    let (proof, again) = (
        Proof::between_trades(one, other),
        Proof::between_trades(other, one),
    );
    assert_proof(proof, again.as_ref(), kind, key);
}

/// No proof of any kind, in any order, from wherever it comes.
fn assert_nothing(one: &Statement, other: &Statement) {
    assert_eq!(Proof::between(one, other), None);
    assert_eq!(Proof::between(other, one), None);
    for kind in ProofKind::ALL {
        for (a, b) in [(one, other), (other, one)] {
            assert!(verify(raw(kind, a, b)).is_err(), "{kind}");
        }
    }
}

fn assert_no_trades(one: &TradeRecord, other: &TradeRecord) {
    for (a, b) in [(one, other), (other, one)] {
        assert_eq!(Proof::between_trades(a, b), None);
        assert!(verify(raw_trades(a, b)).is_err());
        for one in [a.fill(), a.req()] {
            for other in [b.fill(), b.req()] {
                assert_eq!(Proof::between(one, other), None);
            }
        }
    }
}

#[test]
fn two_statements_with_one_number_are_an_equivocation() {
    let ord = ord_of(1, 2, OrdStatus::Open, |_| {});
    let others = [
        ord_of(1, 2, OrdStatus::Open, |ord| ord.open = amount("2")),
        ord_of(1, 2, OrdStatus::Closed, |_| {}),
        place_of(1, 2, |_| {}),
        req_of(1, 2, |_| {}),
        fill_of(1, 2, |_| {}),
    ];
    for other in others {
        assert_between(&ord, &other, ProofKind::Equivocation);
    }
    assert_nothing(&ord, &ord);
    assert_nothing(&ord, &ord_of(2, 2, OrdStatus::Closed, |_| {}));
    assert_nothing(&ord, &ord_of(1, 3, OrdStatus::Open, |_| {}));
    // A refusal has no number, and there may be any number of them.
    assert_nothing(&ord, &rej_of(1, TakeId([2; 32])));
    let again = sign(
        1,
        Payload::Rej(Rej {
            ts: Millis(9_000),
            take: TakeId([2; 32]),
            why: "expired".parse().unwrap(),
            open: None,
        }),
    );
    assert_nothing(&rej_of(1, TakeId([2; 32])), &again);
}

#[test]
fn a_date_that_goes_back_while_the_number_grows_is_proven() {
    let earlier = ord_of(1, 5, OrdStatus::Open, |ord| ord.ts = Millis(3_000));
    let back = |key, n, ts| ord_of(key, n, OrdStatus::Open, |ord| ord.ts = Millis(ts));
    assert_between(&earlier, &back(1, 6, 2_999), ProofKind::Backdated);
    assert_between(&earlier, &place_of(1, 9, |_| {}), ProofKind::Backdated);
    assert_nothing(&earlier, &back(1, 6, 3_000));
    assert_nothing(&earlier, &back(1, 4, 2_999));
    assert_nothing(&earlier, &back(2, 6, 2_999));
    // A refusal may be resent long after, and is in no sequence.
    assert_nothing(&earlier, &rej_of(1, TakeId([2; 32])));
}

#[test]
fn a_take_that_is_both_filled_and_refused_is_proven() {
    let fill = fill_of(1, 2, |_| {});
    let take = TakeId([2; 32]);
    assert_between(&fill, &rej_of(1, take), ProofKind::FillAndRej);
    assert_nothing(&fill, &rej_of(1, TakeId([3; 32])));
    // Anybody can refuse what it was never asked for.
    assert_nothing(&fill, &rej_of(2, take));
}

#[test]
fn two_fills_of_one_piece_or_one_take_are_an_overlap() {
    let fill = fill_of(1, 2, |_| {});
    let at = |key, at: &str, change: fn(&mut Fill)| {
        fill_of(key, 3, |fill| {
            fill.at = amount(at);
            change(fill);
        })
    };
    assert_between(&fill, &at(1, "3.99999999", |_| {}), ProofKind::Overlap);
    let same_take = |fill: &mut Fill| fill.take = TakeId([2; 32]);
    assert_between(&fill, &at(1, "4", same_take), ProofKind::Overlap);
    assert_nothing(&fill, &at(1, "4", |_| {}));
    assert_nothing(&fill, &at(2, "3", |_| {}));
    assert_nothing(&fill, &at(2, "4", same_take));
    assert_nothing(&fill, &at(1, "3", |fill| fill.id = OrderId([8; 16])));
}

#[test]
fn a_piece_that_is_asked_for_after_it_was_filled_is_an_overlap() {
    let fill = fill_of(1, 2, |_| {});
    let asks = |key, n, at: &str| req_of(key, n, |req| req.at = amount(at));
    assert_between(&fill, &asks(1, 3, "3"), ProofKind::Overlap);
    assert_nothing(&fill, &asks(1, 3, "4"));
    assert_nothing(&fill, &asks(2, 3, "3"));
    let other_order = req_of(1, 3, |req| req.order = OrderId([8; 16]));
    assert_nothing(&fill, &other_order);
    // Asked first and refused, then filled: the refusal is the taker's to show, and not here.
    let asked = req_of(1, 1, |req| {
        req.ts = Millis(2_000);
        req.at = amount("3");
    });
    assert_nothing(&asked, &fill);
}

#[test]
fn an_order_that_opens_after_it_was_closed_is_proven() {
    let closed = ord_of(1, 5, OrdStatus::Closed, |_| {});
    let replaces = place_of(1, 5, |place| {
        place.replaces = Some(ORDER);
        place.rest = false;
    });
    for closing in [closed, replaces] {
        let opens = |key, n| ord_of(key, n, OrdStatus::Open, |_| {});
        assert_between(&closing, &opens(1, 6), ProofKind::Reopened);
        assert_nothing(&closing, &opens(2, 6));
        // Of another order, or before it was closed, or closed once more.
        let other = ord_of(1, 6, OrdStatus::Open, |ord| ord.id = OrderId([8; 16]));
        assert_nothing(&closing, &other);
        assert_nothing(&closing, &ord_of(1, 6, OrdStatus::Closed, |_| {}));
        let before = ord_of(1, 4, OrdStatus::Open, |ord| ord.ts = Millis(1_000));
        assert_nothing(&before, &closing);
    }
}

#[test]
fn a_fill_after_the_last_one_is_proven() {
    let at = |n: u64, at: &'static str, last: bool| {
        fill_of(1, n, |fill| {
            (fill.at, fill.qty) = (amount(at), amount("1"));
            (fill.open, fill.last) = (amount(if last { "0" } else { "6" }), last);
        })
    };
    let opens = |n| ord_of(1, n, OrdStatus::Open, |ord| ord.ts = Millis(2_500));
    let last = at(5, "0", true);
    assert_between(&last, &at(6, "2", false), ProofKind::Reopened);
    assert_between(&last, &at(6, "2", true), ProofKind::Reopened);
    assert_between(&last, &opens(6), ProofKind::Reopened);
    for before in [at(4, "2", false), opens(4)] {
        assert_nothing(&before, &last);
    }
    assert_nothing(&at(5, "0", false), &at(6, "2", true));
}

#[test]
fn an_amount_that_grows_is_proven() {
    let stated = |key, n, amt: Option<&str>| {
        ord_of(key, n, OrdStatus::Open, |ord| ord.amt = amt.map(amount))
    };
    let six = stated(1, 5, Some("6"));
    assert_between(&six, &stated(1, 6, Some("6.1")), ProofKind::Grown);
    assert_nothing(&six, &stated(1, 6, Some("6")));
    assert_nothing(&six, &stated(1, 6, Some("5")));
    assert_nothing(&six, &stated(2, 6, Some("7")));
    // Not to say the amount again does not make it grow.
    assert_nothing(&six, &stated(1, 6, None));
    assert_nothing(&stated(1, 4, Some("7")), &six);
    let other = ord_of(1, 6, OrdStatus::Open, |ord| {
        (ord.id, ord.amt) = (OrderId([8; 16]), Some(amount("7")));
    });
    assert_nothing(&six, &other);

    let placed = place_of(1, 1, |place| place.rest = false);
    let of_placed = |key, amt: &str| {
        ord_of(key, 2, OrdStatus::Open, |ord| {
            (ord.id, ord.amt) = (placed.order_id().unwrap(), Some(amount(amt)));
        })
    };
    assert_between(&placed, &of_placed(1, "10.1"), ProofKind::Grown);
    assert_nothing(&placed, &of_placed(1, "10"));
    assert_nothing(&placed, &of_placed(2, "10.1"));
    assert_nothing(&placed, &stated(1, 2, Some("11")));
}

/// A trade of the same taker's order with maker `key`, whose fill is numbered apart.
fn second(key: u8, change: impl FnOnce(&mut Draft)) -> TradeRecord {
    let mut draft = Draft::new();
    draft.keys = [key, 2, 2, key];
    (draft.req.n, draft.fill.n) = (3, 3);
    draft.fill.at = amount("4");
    change(&mut draft);
    draft.trade().unwrap()
}

#[test]
fn a_piece_of_the_takers_order_that_two_makers_fill_is_the_takers_doing() {
    let first = Draft::new().trade().unwrap();
    for key in [1, 3] {
        assert_trades(&first, &second(key, |_| {}), ProofKind::Overlap, 2);
    }
    let apart = second(3, |draft| {
        draft.req.at = amount("5");
    });
    assert_no_trades(&first, &apart);
    let other_taker = second(3, |draft| {
        (draft.keys[1], draft.keys[2]) = (4, 4);
    });
    assert_no_trades(&first, &other_taker);
    let other_order = second(3, |draft| draft.taker.n = 0);
    assert_no_trades(&first, &other_order);
}

#[test]
fn only_the_least_that_was_asked_for_is_the_takers_to_answer_for() {
    // A maker can fill a part, so that the rest is asked of others, and later sign a larger fill.
    let first = Draft::new().trade().unwrap();
    let rest = |at: &str| {
        second(3, |draft| {
            draft.req.at = amount(at);
        })
    };
    assert_no_trades(&first, &rest("2"));
    assert_trades(&first, &rest("1.99999999"), ProofKind::Overlap, 2);
    // With both of its fills at hand it is the maker who is proven to have cheated.
    let part = second(1, |draft| {
        draft.req = Draft::new().req;
        draft.fill.qty = amount("1");
    });
    assert_eq!(part.take_id(), first.take_id());
    assert_trades(&first, &part, ProofKind::Overlap, 1);
}

#[test]
fn a_refusal_that_the_next_req_shows_turns_the_proof_against_the_maker() {
    let first = Draft::new().trade().unwrap();
    let showing = |rej: Statement| second(3, |draft| draft.req.freed = vec![rej.raw()]);
    let honest = showing(rej_of(1, first.take_id()));
    assert_trades(&first, &honest, ProofKind::FillAndRej, 1);
    let kind = ProofKind::Overlap;
    let refused = Err(ProofError::NoContradiction(kind));
    assert_eq!(verify(raw_trades(&first, &honest)), refused);
    // Somebody else's refusal, or of another take, frees nothing.
    for rej in [rej_of(4, first.take_id()), rej_of(1, TakeId([2; 32]))] {
        assert_trades(&first, &showing(rej), kind, 2);
    }
}

#[test]
fn a_piece_of_the_makers_order_that_two_takers_get_is_the_makers_doing() {
    let first = Draft::new().trade().unwrap();
    let other_taker = |at: &str| {
        second(1, |draft| {
            (draft.keys[1], draft.keys[2]) = (4, 4);
            draft.fill.at = amount(at);
        })
    };
    assert_trades(&first, &other_taker("3"), ProofKind::Overlap, 1);
    assert_no_trades(&first, &other_taker("4"));
}

#[test]
fn a_proof_against_one_owner_is_named_alike_whatever_it_is() {
    let fill = fill_of(1, 2, |_| {});
    let one = Proof::between(&fill, &rej_of(1, TakeId([2; 32]))).unwrap();
    let two = Proof::between(&fill, &place_of(1, 2, |_| {})).unwrap();
    assert_eq!(one.hash(), two.hash());
    let fill = fill_of(3, 2, |_| {});
    let other = Proof::between(&fill, &rej_of(3, TakeId([2; 32]))).unwrap();
    assert_ne!(one.hash(), other.hash());
}

#[test]
fn what_does_not_verify_or_is_of_another_shape_is_no_proof() {
    let (fill, rej) = (fill_of(1, 2, |_| {}), rej_of(1, TakeId([2; 32])));
    let good = raw(ProofKind::FillAndRej, &fill, &rej);
    assert!(verify(good.clone()).is_ok());
    let reason = |raw| verify(raw).unwrap_err().reason();

    let forged = |raw: &RawStatement| {
        let mut raw = raw.clone();
        raw.s.0[0] ^= 1;
        RawEvidence::Statement(raw)
    };
    let mut bad = good.clone();
    bad.b = forged(&rej.raw());
    assert_eq!(reason(bad), "bad_signature");
    let stranger = raw(ProofKind::FillAndRej, &fill, &rej_of(2, TakeId([2; 32])));
    assert_eq!(reason(stranger), "proof_owners");
    let other_kind = raw(ProofKind::Grown, &fill, &rej);
    assert_eq!(reason(other_kind), "proof_no_contradiction");

    let trades = [Draft::new().trade().unwrap(), second(3, |_| {})];
    let mut mixed = good;
    mixed.a = RawEvidence::Trade(Box::new(trades[0].raw()));
    assert_eq!(reason(mixed), "proof_shape");
    let mut no_overlap = raw_trades(&trades[0], &trades[1]);
    no_overlap.kind = ProofKind::Equivocation;
    assert_eq!(reason(no_overlap), "proof_shape");
    let mut no_trade = raw_trades(&trades[0], &trades[1]);
    if let RawEvidence::Trade(trade) = &mut no_trade.b {
        trade.fill = trades[0].fill().raw();
    }
    assert_eq!(reason(no_trade), "trade_owner");

    for text in [r#"{"kind":"rude","a":{},"b":{}}"#, r#"{"kind":"grown"}"#] {
        assert!(serde_json::from_str::<RawProof>(text).is_err());
    }
}
