//! What rogues do with addressed messages: they send ever new ones that lead nowhere, and keep, delay
//! or repeat what they should relay.

use meshbook::node::{ConnId, Relayed};
use meshbook::protocol::{Forward, ForwardBody, Message, TakeRequest};
use meshbook::types::NodeId;

use super::Move;
use crate::clock::truth;
use crate::network::End;
use crate::world::{Happening, World};

/// Hops that a forged message asks for.
const HOPS: u8 = 16;

impl World {
    /// Has every neighbour answer requests for orders that are not there, or has everybody look for a
    /// node that is not there.
    pub(super) fn forges_ways(&mut self, rogue: usize) {
        let Some(body) = self.nothing_of_worth(rogue) else {
            return;
        };
        let nobody = self.rogues[rogue].random.percent(40);
        let ids: Vec<NodeId> = self.hosts.iter().map(|host| host.id).collect();
        for conn in self.rogue_conns(rogue) {
            let party = self.network.party(End::of(conn).other());
            let Some(peer) = ids.get(party).copied() else {
                continue;
            };
            for _ in 1..ids.len() {
                let it = &mut self.rogues[rogue];
                let to = match nobody {
                    true => NodeId(it.random.bytes()),
                    false => peer,
                };
                let forward = Forward {
                    to,
                    id: format!("{:016x}", it.random.next()),
                    hops: HOPS,
                    body: body.clone(),
                };
                self.judge.counts.one(match nobody {
                    true => "rogues: forwards to nobody",
                    false => "rogues: forwards of nothing",
                });
                self.rogue_says(rogue, conn, &Message::Forward(forward));
            }
        }
    }

    /// A request that holds by itself, for an order that is not there.
    fn nothing_of_worth(&mut self, rogue: usize) -> Option<ForwardBody> {
        let ts = truth(self.now);
        let it = &mut self.rogues[rogue];
        let key = it.fresh_key();
        let maker = it.no_order();
        let (place, req) = it.request_of(&key, maker, ts)?;
        Some(ForwardBody::Take(TakeRequest {
            req: req.raw(),
            place: place.raw(),
        }))
    }

    /// A rogue should pass something on.
    pub(super) fn rogue_relays(&mut self, rogue: usize, from: ConnId, mut relayed: Relayed) {
        let ids: Vec<NodeId> = self.hosts.iter().map(|host| host.id).collect();
        let it = &mut self.rogues[rogue];
        let way = it.relaying.unwrap_or_else(|| it.random.below(4));
        self.judge.counts.one(match way {
            0 => "rogues: keep what they should relay",
            1 => "rogues: relay late",
            2 => "rogues: relay as another sending",
            _ => "rogues: relay",
        });
        let delay = match way {
            0 => return,
            1 => it.random.between(500, 20_000),
            _ => 1,
        };
        if way == 2 {
            relayed.id = u128::from(it.random.next());
        }
        let Some(hops) = relayed.hops.checked_sub(1) else {
            return;
        };
        relayed.hops = hops;
        let to = relayed.to;
        let message = relayed.message();
        let conns = self.rogue_conns(rogue).into_iter();
        let mut conns: Vec<ConnId> = conns.filter(|conn| *conn != from).collect();
        let leads = |conn: &ConnId| {
            let party = self.network.party(End::of(*conn).other());
            ids.get(party) == Some(&to)
        };
        if let Some(direct) = conns.iter().copied().find(leads) {
            conns = vec![direct];
        }
        for conn in conns {
            let message = Box::new(message.clone());
            let what = Move::Late { conn, message };
            self.queue
                .add(self.now + delay, Happening::Rogue { rogue, what });
        }
    }
}
