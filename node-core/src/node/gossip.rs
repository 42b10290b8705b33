//! What must still be told to the peers: statements and trades that changed this node's store.
//!
//! They are collected while a batch of inputs is applied and leave together, so that a burst costs
//! a few frames instead of one for each statement. A node tells only what changed its own store,
//! so nothing circles.

use std::collections::BTreeSet;

use super::io::{Class, ConnId, Output};
use super::peers::PeerManager;
use crate::ledger::{Statement, TradeRecord};
use crate::protocol::{MAX_BATCH_BYTES, encode_statements, encode_trades};
use crate::types::{Millis, NodeId};

/// News, and the connection that brought it, which need not hear it again.
#[derive(Debug)]
struct News<T> {
    what: T,
    from: Option<ConnId>,
}

/// The news of the present batch.
#[derive(Debug, Default)]
pub(super) struct Gossip {
    statements: Vec<News<Statement>>,
    trades: Vec<News<String>>,
}

impl Gossip {
    pub(super) fn tell(&mut self, statement: Statement, from: Option<ConnId>) {
        self.statements.push(News {
            what: statement,
            from,
        });
    }

    pub(super) fn tell_trade(&mut self, trade: &TradeRecord, from: Option<ConnId>) {
        self.trades.push(News {
            what: trade.wire(),
            from,
        });
    }

    /// Sends the news to every peer that takes part in the signed protocol. Messages are encoded
    /// once for all peers that get the same.
    pub(super) fn flush(
        &mut self,
        own_id: &NodeId,
        wall: Millis,
        peers: &mut PeerManager,
        outputs: &mut Vec<Output>,
    ) {
        if self.statements.is_empty() && self.trades.is_empty() {
            return;
        }
        let statements = std::mem::take(&mut self.statements);
        let trades = std::mem::take(&mut self.trades);
        let from = own_id.to_string();
        let bringers: BTreeSet<ConnId> = statements
            .iter()
            .filter_map(|news| news.from)
            .chain(trades.iter().filter_map(|news| news.from))
            .collect();
        let encode = |to: Option<ConnId>| {
            let wanted = |from: Option<ConnId>| from.is_none() || from != to;
            let news = statements.iter().filter(|news| wanted(news.from));
            let texts: Vec<&str> = news.map(|news| news.what.wire()).collect();
            let mut messages = encode_statements(&texts, &from, wall, MAX_BATCH_BYTES);
            let news = trades.iter().filter(|news| wanted(news.from));
            let texts: Vec<&str> = news.map(|news| news.what.as_str()).collect();
            messages.extend(encode_trades(&texts, &from, wall, MAX_BATCH_BYTES));
            messages
        };
        let conns: Vec<ConnId> = peers.x1().map(|peer| peer.conn).collect();
        let mut for_all = None;
        for conn in conns {
            let messages = if bringers.contains(&conn) {
                encode(Some(conn))
            } else {
                for_all.get_or_insert_with(|| encode(None)).clone()
            };
            for message in messages {
                peers.sent(conn, message.len());
                outputs.push(Output::Send {
                    conn,
                    class: Class::Bulk,
                    message,
                });
            }
        }
    }
}
