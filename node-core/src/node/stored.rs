//! The entries of the store, as JSON.
//!
//! What was signed is stored as it goes over the wire. Reading checks everything but the
//! signatures: this node checked them before it wrote.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::durable::{Entry, Table, Write, share_of};
use super::io::TimeInForce;
use super::own::{OwnOrder, Stage, UnsignedFill};
use super::takes::Take;
use super::view::Trade;
use crate::ledger::Verifier;
use crate::ledger::{
    OrderState, Piece, Pieces, Proof, RawProof, RawStatement, RawTrade, Statement, TradeRank,
    TradeRecord, TradeShare,
};
use crate::types::{
    Amount, InvalidValue, Millis, NetworkId, NodeId, Now, OrderId, TakeId, TradeId,
};

/// The key of the last sequence number in [`Table::Meta`]; its value is `[n, ts]`.
pub(super) const SEQUENCE: &[u8] = b"sequence";
/// The key in [`Table::Meta`] of the network that everything is signed for; its value is its name.
pub(super) const NETWORK: &[u8] = b"network";
/// The key in [`Table::Meta`] of the time up to which answers may be forgotten.
pub(super) const FORGOTTEN: &[u8] = b"forgotten";

/// One own order.
#[derive(Serialize, Deserialize)]
struct StoredOrder {
    place: RawStatement,
    /// What its owner said of it since.
    said: Vec<RawStatement>,
    tif: StoredTif,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    market: bool,
    stage: StoredStage,
    filled: Amount,
    rejected: Vec<StoredRejection>,
    /// What unsigned orders got of it. Each trade's amount is its piece's length.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unsigned: Vec<StoredUnsigned>,
}

/// A trade with an unsigned order, and where in the own order its piece starts.
#[derive(Serialize, Deserialize)]
struct StoredUnsigned {
    at: Amount,
    #[serde(default)]
    n: u64,
    trade: Trade,
}

/// A refusal, and the piece that it freed.
#[derive(Serialize, Deserialize)]
struct StoredRejection {
    at: Amount,
    qty: Amount,
    rej: RawStatement,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum StoredTif {
    Gtc,
    Ioc,
    Fok,
    Post,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum StoredStage {
    Placing,
    Published,
    Filled,
    Cancelled,
}

/// One request in flight, with the order that it asks for: nobody else may remember that one.
#[derive(Serialize, Deserialize)]
struct StoredTake {
    req: RawStatement,
    maker: RawStatement,
}

/// An own order of an earlier run, and what its owner said of it.
pub(super) struct RestoredOrder {
    pub(super) id: OrderId,
    pub(super) own: OwnOrder,
    pub(super) said: Vec<Statement>,
}

/// A request of an earlier run that has no answer yet.
pub(super) struct RestoredTake {
    pub(super) id: TakeId,
    pub(super) take: Take,
}

pub(super) fn write_sequence(n: u64, ts: Millis) -> Write {
    Write {
        table: Table::Meta,
        key: Bytes::from_static(SEQUENCE),
        value: Some(format!("[{n},{}]", ts.0).into()),
        lazy: false,
    }
}

pub(super) fn read_sequence(entry: &Entry) -> Result<(u64, Millis), InvalidValue> {
    let (n, ts): (u64, u64) = parse(entry)?;
    Ok((n, Millis(ts)))
}

/// The network that everything is signed for.
pub(super) fn write_network(network: &NetworkId) -> Write {
    Write {
        table: Table::Meta,
        key: Bytes::from_static(NETWORK),
        value: Some(format!("\"{network}\"").into()),
        lazy: false,
    }
}

/// The network that a store is of, where this entry says it.
///
/// # Errors
/// What it says is no network's name.
pub(crate) fn read_network(entry: &Entry) -> Option<Result<NetworkId, InvalidValue>> {
    let says_it = entry.table == Table::Meta && entry.key == NETWORK;
    says_it.then(|| {
        let name: String = parse(entry)?;
        name.parse()
            .map_err(|error: InvalidValue| damaged(entry, &error))
    })
}

/// Answers that were signed up to `ts` may be forgotten.
pub(super) fn write_forgotten(ts: Millis) -> Write {
    Write {
        table: Table::Meta,
        key: Bytes::from_static(FORGOTTEN),
        value: Some(ts.0.to_string().into()),
        lazy: false,
    }
}

pub(super) fn read_forgotten(entry: &Entry) -> Result<Millis, InvalidValue> {
    parse(entry).map(Millis)
}

pub(super) fn write_order(id: &OrderId, own: &OwnOrder, state: Option<&OrderState>) -> Write {
    let said = state
        .into_iter()
        .flat_map(|state| state.statements().skip(1));
    let rejected = own.rejected.iter().map(|(piece, rej)| StoredRejection {
        at: piece.start(),
        qty: piece.len(),
        rej: rej.raw(),
    });
    let unsigned = own.unsigned.iter().map(|fill| StoredUnsigned {
        at: fill.piece.start(),
        n: fill.n,
        trade: fill.trade.clone(),
    });
    let stored = StoredOrder {
        place: own.statement.raw(),
        said: said.map(Statement::raw).collect(),
        tif: match own.time_in_force {
            TimeInForce::Gtc => StoredTif::Gtc,
            TimeInForce::Ioc => StoredTif::Ioc,
            TimeInForce::Fok => StoredTif::Fok,
            TimeInForce::Post => StoredTif::Post,
        },
        market: own.market,
        stage: match own.stage {
            Stage::Placing => StoredStage::Placing,
            Stage::Published => StoredStage::Published,
            Stage::Filled => StoredStage::Filled,
            Stage::Cancelled => StoredStage::Cancelled,
        },
        filled: own.filled,
        rejected: rejected.collect(),
        unsigned: unsigned.collect(),
    };
    upsert(Table::Orders, &id.0, &stored)
}

pub(super) fn remove_order(id: &OrderId) -> Write {
    remove(Table::Orders, &id.0)
}

pub(super) fn read_order(
    entry: &Entry,
    verifier: &Verifier,
    now: Now,
) -> Result<RestoredOrder, InvalidValue> {
    let stored: StoredOrder = parse(entry)?;
    let recall = |raw| verifier.recall(raw);
    let statement = recall(stored.place).map_err(|error| damaged(entry, &error))?;
    let said = stored.said.into_iter().map(recall);
    let said = said.collect::<Result<Vec<_>, _>>();
    let said = said.map_err(|error| damaged(entry, &error))?;
    let mut rejected = Vec::new();
    for StoredRejection { at, qty, rej } in stored.rejected {
        let rej = recall(rej).map_err(|error| damaged(entry, &error))?;
        rejected.push((Piece::at(at, qty)?, rej));
    }
    let mut unsigned = Vec::new();
    for StoredUnsigned { at, n, trade } in stored.unsigned {
        let piece = Piece::at(at, trade.amount)?;
        unsigned.push(UnsignedFill { piece, n, trade });
    }
    let (Some(id), Some(place)) = (statement.order_id(), statement.as_place().cloned()) else {
        return Err(damaged(entry, &"its place is none"));
    };
    let stage = match stored.stage {
        StoredStage::Placing => Stage::Placing,
        StoredStage::Published => Stage::Published,
        StoredStage::Filled => Stage::Filled,
        StoredStage::Cancelled => Stage::Cancelled,
    };
    let own = OwnOrder {
        place,
        time_in_force: match stored.tif {
            StoredTif::Gtc => TimeInForce::Gtc,
            StoredTif::Ioc => TimeInForce::Ioc,
            StoredTif::Fok => TimeInForce::Fok,
            StoredTif::Post => TimeInForce::Post,
        },
        market: stored.market,
        stage,
        held: Pieces::default(),
        takes: Default::default(),
        rejected,
        trades: Vec::new(),
        unsigned,
        withdrawn: 0,
        // Whoever submitted it is gone, so nobody has to wait.
        patience: (stage == Stage::Placing).then_some(now.mono),
        act_at: None,
        asks_after: Millis::ZERO,
        settled: true,
        restored: true,
        last_fill: Millis::ZERO,
        filled: stored.filled,
        statement,
    };
    Ok(RestoredOrder { id, own, said })
}

pub(super) fn write_take(id: &TakeId, take: &Take) -> Write {
    let stored = StoredTake {
        req: take.req.raw(),
        maker: take.place.raw(),
    };
    upsert(Table::Takes, &id.0, &stored)
}

pub(super) fn remove_take(id: &TakeId) -> Write {
    remove(Table::Takes, &id.0)
}

pub(super) fn read_take(
    entry: &Entry,
    verifier: &Verifier,
    now: Now,
) -> Result<RestoredTake, InvalidValue> {
    let stored: StoredTake = parse(entry)?;
    let recall = |raw| verifier.recall(raw).map_err(|error| damaged(entry, &error));
    let (req, place) = (recall(stored.req)?, recall(stored.maker)?);
    let (Some(id), Some(asked)) = (req.take_id(), req.as_req()) else {
        return Err(damaged(entry, &"its req is none"));
    };
    let take = Take {
        order: asked.order,
        maker: asked.maker,
        owner: place.owner(),
        place,
        piece: asked.piece()?,
        attempt: 0,
        resend_at: now.mono,
        req,
    };
    Ok(RestoredTake { id, take })
}

pub(super) fn write_fill(order: &OrderId, trade: &TradeRecord, packed: &Bytes) -> Write {
    Write {
        table: Table::Fills,
        key: [order.0.as_slice(), &trade.id().0].concat().into(),
        value: Some(packed.clone()),
        lazy: false,
    }
}

pub(super) fn remove_fill(order: &OrderId, trade: &TradeId) -> Write {
    remove(Table::Fills, &[order.0.as_slice(), &trade.0].concat())
}

/// A trade of this node's key in the history.
pub(super) fn write_trade(trade: &TradeRecord, packed: Bytes) -> Write {
    Write {
        table: Table::Trades,
        key: trade.rank().key().into(),
        value: Some(packed),
        lazy: false,
    }
}

/// A trade of others in the history, which may be lost: its owners have it.
pub(super) fn write_others(trade: &TradeRecord, share: TradeShare) -> Write {
    let value = [share.0.to_le_bytes().as_slice(), &trade.pack()].concat();
    Write {
        table: Table::Others,
        key: trade.rank().key().into(),
        value: Some(value.into()),
        lazy: true,
    }
}

/// The node needs a trade of others no more.
pub(super) fn remove_others(trade: &TradeRank) -> Write {
    Write {
        table: Table::Others,
        key: trade.key().into(),
        value: None,
        lazy: true,
    }
}

/// The trade of an entry of any table that holds trades, as it was written.
pub(crate) fn raw_trade(entry: &Entry) -> Result<RawTrade, InvalidValue> {
    let packed = match entry.table {
        Table::Others => entry
            .value
            .get(size_of::<TradeShare>()..)
            .unwrap_or_default(),
        _ => &entry.value,
    };
    match RawTrade::unpack(packed) {
        Some(raw) => Ok(raw),
        // As earlier versions wrote it.
        None => parse(entry),
    }
}

/// A trade, and the party that brought it.
pub(super) fn read_trade(
    entry: &Entry,
    verifier: &Verifier,
) -> Result<(TradeRecord, TradeShare), InvalidValue> {
    let trade = verifier.recall_trade(raw_trade(entry)?);
    let trade = trade.map_err(|error| invalid(entry, error.to_string()))?;
    let share = match entry.table {
        Table::Others => TradeShare(share_of(&entry.value)),
        _ => TradeShare::OWN,
    };
    Ok((trade, share))
}

/// Other nodes have it too, so it may be lost.
pub(super) fn write_proof(proof: &Proof) -> Write {
    Write {
        table: Table::Proofs,
        key: Bytes::copy_from_slice(&proof.owner().0),
        value: Some(proof.wire().into()),
        lazy: true,
    }
}

/// A proof that made room for another.
pub(super) fn remove_proof(owner: &NodeId) -> Write {
    Write {
        lazy: true,
        ..remove(Table::Proofs, &owner.0)
    }
}

pub(super) fn read_proof(entry: &Entry, verifier: &Verifier) -> Result<Proof, InvalidValue> {
    let raw: RawProof = parse(entry)?;
    let proof = verifier.verify_proof(raw);
    proof.map_err(|error| invalid(entry, error.to_string()))
}

fn upsert(table: Table, key: &[u8], value: &impl Serialize) -> Write {
    Write {
        table,
        key: Bytes::copy_from_slice(key),
        // Cannot fail: the shapes above have text keys only.
        value: serde_json::to_vec(value).ok().map(Bytes::from),
        lazy: false,
    }
}

fn remove(table: Table, key: &[u8]) -> Write {
    Write {
        table,
        key: Bytes::copy_from_slice(key),
        value: None,
        lazy: false,
    }
}

fn parse<'a, T: Deserialize<'a>>(entry: &'a Entry) -> Result<T, InvalidValue> {
    // As text, which all other JSON is read from: each source is code of its own.
    let text = std::str::from_utf8(&entry.value);
    let text = text.map_err(|error| invalid(entry, error.to_string()))?;
    serde_json::from_str(text).map_err(|error| invalid(entry, error.to_string()))
}

fn damaged(entry: &Entry, error: &dyn std::fmt::Display) -> InvalidValue {
    invalid(entry, error.to_string())
}

fn invalid(entry: &Entry, allowed: String) -> InvalidValue {
    let field = format!("store.{}", entry.table.name());
    InvalidValue::new(field, hex::encode(&entry.key), allowed)
}
