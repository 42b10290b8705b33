//! Questions that wait for their answers.

use std::collections::HashMap;
use std::net::SocketAddrV4;
use std::time::Duration;

use super::id::NodeId;
use super::io::OperationId;

/// How long a node may take to answer. Less than the 2.5 s that a Grenache client waits for its
/// Grape, so that one dead node does not make a look-up late.
pub(super) const QUERY_TIME: Duration = Duration::from_millis(1500);
/// After this long a question is sent once more.
pub(super) const RESEND_AFTER: Duration = Duration::from_millis(500);
/// The most questions that wait at a time.
pub(super) const MAX_QUERIES: usize = 1024;
/// The most of them that only see whether a node is there.
const MAX_CHECKS: usize = 64;
/// The most of them that only see whether an address receives what is sent to it.
const MAX_PROOFS: usize = 256;

/// What a question is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To find the nodes nearest to a target.
    Search(OperationId),
    /// To have something kept.
    Deliver(OperationId),
    /// To see whether a node is there.
    Check,
    /// To see whether an address receives what is sent to it.
    Prove,
}

/// A question on its way.
#[derive(Debug)]
pub(super) struct Query {
    pub(super) to: SocketAddrV4,
    /// Who should be there.
    pub(super) id: Option<NodeId>,
    pub(super) purpose: Purpose,
    pub(super) sent: Duration,
    pub(super) datagram: Vec<u8>,
    pub(super) is_repeated: bool,
}

/// The questions by their transaction ids.
#[derive(Debug, Default)]
pub(super) struct Queries(HashMap<u16, Query>);

impl Queries {
    /// A transaction id that is free, the first from `start` on; `None` where there are too many
    /// questions. Never 0, which Grapes take for none.
    pub(super) fn free(&self, start: u16) -> Option<u16> {
        if self.0.len() >= MAX_QUERIES {
            return None;
        }
        let ids = (0..=u16::MAX).map(|step| start.wrapping_add(step));
        ids.filter(|id| *id != 0)
            .find(|id| !self.0.contains_key(id))
    }

    /// Whether one more node may be checked, which is not being asked something already.
    pub(super) fn may_check(&self, to: SocketAddrV4) -> bool {
        let checks = self.0.values().filter(|q| q.purpose == Purpose::Check);
        checks.count() < MAX_CHECKS && !self.0.values().any(|query| query.to == to)
    }

    /// Whether one more address may be asked for a proof, which is not being asked something
    /// already.
    pub(super) fn may_prove(&self, to: SocketAddrV4) -> bool {
        let proofs = self.0.values().filter(|q| q.purpose == Purpose::Prove);
        proofs.count() < MAX_PROOFS && !self.0.values().any(|query| query.to == to)
    }

    /// Gives up the proof of an address that answers what it was not asked: transaction ids are
    /// short, and may not be guessed in many tries.
    pub(super) fn drop_proof(&mut self, from: SocketAddrV4) {
        self.0
            .retain(|_, query| query.purpose != Purpose::Prove || query.to.ip() != from.ip());
    }

    pub(super) fn insert(&mut self, transaction: u16, query: Query) {
        self.0.insert(transaction, query);
    }

    /// The question that this answers: it must come from whom it was put to.
    pub(super) fn take(&mut self, transaction: &[u8], from: SocketAddrV4) -> Option<Query> {
        let transaction = u16::from_be_bytes(transaction.try_into().ok()?);
        let asked = self.0.get(&transaction)?;
        if asked.to != from {
            return None;
        }
        self.0.remove(&transaction)
    }

    /// What is to be sent again now.
    pub(super) fn repeated(&mut self, now: Duration) -> Vec<(SocketAddrV4, Vec<u8>)> {
        let due = self
            .0
            .values_mut()
            // A proof is not repeated: who asked for it may have forged the address.
            .filter(|query| query.purpose != Purpose::Prove)
            .filter(|query| !query.is_repeated && now.saturating_sub(query.sent) >= RESEND_AFTER);
        let repeated = due.map(|query| {
            query.is_repeated = true;
            (query.to, query.datagram.clone())
        });
        repeated.collect()
    }

    /// Takes out what was not answered in time.
    pub(super) fn expired(&mut self, now: Duration) -> Vec<Query> {
        let late = |_: &u16, query: &mut Query| now.saturating_sub(query.sent) >= QUERY_TIME;
        self.0.extract_if(late).map(|(_, query)| query).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{MAX_QUERIES, Purpose, QUERY_TIME, Queries, Query, RESEND_AFTER};

    fn query(port: usize) -> Query {
        Query {
            to: format!("10.0.0.1:{port}").parse().unwrap(),
            id: None,
            purpose: Purpose::Check,
            sent: Duration::ZERO,
            datagram: vec![1],
            is_repeated: false,
        }
    }

    #[test]
    fn an_answer_comes_from_whom_was_asked() {
        let mut queries = Queries::default();
        queries.insert(7, query(1));
        assert!(queries.take(&[0, 7], query(2).to).is_none());
        assert!(queries.take(&[0, 8], query(1).to).is_none());
        assert!(queries.take(&[0, 0, 0, 7], query(1).to).is_none());
        assert!(queries.take(&[0, 7], query(1).to).is_some());
        assert!(queries.take(&[0, 7], query(1).to).is_none());
    }

    #[test]
    fn transaction_ids_are_free_and_never_0() {
        let mut queries = Queries::default();
        assert_eq!(queries.free(u16::MAX), Some(u16::MAX));
        queries.insert(u16::MAX, query(1));
        assert_eq!(queries.free(u16::MAX), Some(1));
        for id in 1..MAX_QUERIES {
            queries.insert(u16::try_from(id).unwrap(), query(id));
        }
        assert_eq!(queries.free(5), None);
    }

    #[test]
    fn a_question_is_repeated_once_and_given_up_in_time() {
        let mut queries = Queries::default();
        queries.insert(7, query(1));
        assert!(queries.repeated(RESEND_AFTER / 2).is_empty());
        assert_eq!(queries.repeated(RESEND_AFTER).len(), 1);
        assert!(queries.repeated(RESEND_AFTER * 2).is_empty());
        assert!(queries.expired(QUERY_TIME / 2).is_empty());
        assert_eq!(queries.expired(QUERY_TIME).len(), 1);
        assert!(queries.is_empty());
    }

    #[test]
    fn a_node_is_not_checked_twice_at_once() {
        let mut queries = Queries::default();
        assert!(queries.may_check(query(1).to));
        queries.insert(7, query(1));
        assert!(!queries.may_check(query(1).to));
        assert!(queries.may_check(query(2).to));
    }
}
