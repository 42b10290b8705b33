//! Statements about orders whose `place` has not come yet.

use sha2::{Digest, Sha256};

use crate::collections::{BTreeMap, BTreeSet};
use crate::types::{Millis, NodeId, OrderId};

use super::claims::{Claims, Joined};
use super::limits::ORPHAN_KEPT;
use super::{LedgerBounds, Refusal, Statement};

/// Claims by order and signer. Anybody can sign statements about any order, and only its `place`
/// tells who may, so each signer's are kept apart until then.
#[derive(Debug)]
pub(super) struct Orphans {
    claims: BTreeMap<(OrderId, NodeId), Claims>,
    by_age: BTreeSet<(Millis, OrderId, NodeId)>,
    per_signer: BTreeMap<NodeId, usize>,
    bounds: LedgerBounds,
    evicted: u64,
}

impl Orphans {
    pub(super) const fn new(bounds: LedgerBounds) -> Self {
        Self {
            claims: BTreeMap::new(),
            by_age: BTreeSet::new(),
            per_signer: BTreeMap::new(),
            bounds,
            evicted: 0,
        }
    }

    /// Joins a statement about an unknown order.
    ///
    /// # Errors
    /// A signer with too many already, or one older than all when there is no more room.
    pub(super) fn join(&mut self, id: OrderId, statement: &Statement) -> Result<Joined, Refusal> {
        let signer = statement.owner();
        if let Some(claims) = self.claims.get_mut(&(id, signer)) {
            let before = claims.ts();
            let joined = claims.join(statement);
            let after = claims.ts();
            if before != after {
                self.by_age.remove(&(before, id, signer));
                self.by_age.insert((after, id, signer));
            }
            return Ok(joined);
        }
        if self.per_signer.get(&signer).copied().unwrap_or(0) >= self.bounds.orphans_per_signer {
            return Err(Refusal::TooManyOrphans);
        }
        let age = (statement.ts(), id, signer);
        if self.claims.len() >= self.bounds.orphans {
            match self.by_age.first().copied() {
                Some(oldest) if oldest < age => {
                    self.remove(oldest.1, oldest.2);
                    self.evicted += 1;
                }
                _ => return Err(Refusal::TooManyOrphans),
            }
        }
        let mut claims = Claims::default();
        let joined = claims.join(statement);
        self.claims.insert((id, signer), claims);
        self.by_age.insert(age);
        *self.per_signer.entry(signer).or_default() += 1;
        Ok(joined)
    }

    /// What a signer says about an order that is not known.
    pub(super) fn get(&self, id: OrderId, signer: NodeId) -> Option<&Claims> {
        self.claims.get(&(id, signer))
    }

    /// Takes out what was said about an order, now that its owner is known: the owner's claims
    /// are returned, all others are dropped.
    pub(super) fn adopt(&mut self, id: OrderId, owner: NodeId) -> Claims {
        let range = (id, NodeId([0; 32]))..=(id, NodeId([0xff; 32]));
        let signers: Vec<_> = self.claims.range(range).map(|((_, s), _)| *s).collect();
        let mut own = Claims::default();
        for signer in signers {
            let claims = self.remove(id, signer);
            if signer == owner {
                own = claims;
            }
        }
        own
    }

    /// Drops what has waited for too long.
    pub(super) fn prune(&mut self, wall: Millis) {
        while let Some((ts, id, signer)) = self.by_age.first().copied() {
            if ts + ORPHAN_KEPT > wall {
                break;
            }
            self.remove(id, signer);
        }
    }

    fn remove(&mut self, id: OrderId, signer: NodeId) -> Claims {
        let claims = self.claims.remove(&(id, signer)).unwrap_or_default();
        self.by_age.remove(&(claims.ts(), id, signer));
        if let Some(count) = self.per_signer.get_mut(&signer) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.per_signer.remove(&signer);
            }
        }
        claims
    }

    pub(super) fn len(&self) -> usize {
        self.claims.len()
    }

    pub(super) const fn evicted(&self) -> u64 {
        self.evicted
    }

    pub(super) fn digest(&self, hash: &mut Sha256) {
        for ((id, signer), claims) in &self.claims {
            hash.update(id.0);
            hash.update(signer.0);
            for statement in claims.statements() {
                hash.update(statement.hash().0);
            }
        }
    }
}
