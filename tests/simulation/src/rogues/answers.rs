//! What a rogue answers when it is asked.

use meshbook::ledger::{Fill, Payload, Rej, RejWhy, Statement, TradeRecord};
use meshbook::node::ConnId;
use meshbook::protocol::{BookPage, Message, OwnerState, Recon, TakeAnswer};
use meshbook::types::{Amount, TakeId};

use super::{Move, order_id};
use crate::clock::truth;
use crate::world::{Happening, World};

impl World {
    /// A taker asks a rogue for a piece of its order.
    pub(super) fn rogue_is_asked(
        &mut self,
        rogue: usize,
        conn: ConnId,
        req: &Statement,
        place: &Statement,
    ) {
        let Some(asked) = req.as_req().cloned() else {
            return;
        };
        let it = &mut self.rogues[rogue];
        let mine = it
            .orders
            .iter()
            .find(|order| order_id(order) == asked.maker);
        let Some(maker) = mine.cloned() else {
            return;
        };
        let Some(terms) = maker.as_place() else {
            return;
        };
        let ts = truth(self.now);
        let take = TakeId::from(req.hash());
        // Always the same piece: whoever comes second gets what is gone.
        let choice = it.random.below(11);
        let dust = choice == 10;
        let fill = Payload::Fill(Fill {
            n: it.next(),
            ts,
            take,
            id: asked.maker,
            at: Amount::ZERO,
            qty: match dust {
                true => asked.min,
                false => asked.qty.min(terms.amt),
            },
            px: terms.px,
            open: terms.amt,
            last: false,
            freed: Vec::new(),
        });
        let rej = Payload::Rej(Rej {
            ts,
            take,
            why: RejWhy::Gone,
            open: None,
        });
        let (Some(fill), Some(rej)) = (it.sign(fill), it.sign(rej)) else {
            return;
        };
        let answer = |answer: &Statement| {
            Message::Answer(TakeAnswer {
                answer: answer.raw(),
            })
        };
        self.judge.counts.one(match choice {
            0..=2 => "rogues: answer with a piece that may be gone",
            3 => "rogues: answer with a refusal",
            4 | 5 => "rogues: refuse and trade",
            6 => "rogues: fill and refuse",
            7 | 8 => "rogues: answer late",
            10 => "rogues: fill less than a smallest piece",
            _ => "rogues: never answer",
        });
        self.trace.say(self.now, || {
            format!("rogue {rogue} answers {} by way {choice}", take.short())
        });
        match choice {
            0..=2 | 10 => self.rogue_says(rogue, conn, &answer(&fill)),
            3 => self.rogue_says(rogue, conn, &answer(&rej)),
            4 | 5 => {
                // The taker hears that it is refused, and the others that it has traded.
                self.rogue_says(rogue, conn, &answer(&rej));
                let trade = TradeRecord::new(maker, place.clone(), req.clone(), fill);
                if let Ok(trade) = trade {
                    self.rogue_tells(rogue, &Message::Trades(vec![trade.raw()]));
                }
            }
            6 => {
                self.rogue_says(rogue, conn, &answer(&fill));
                self.rogue_says(rogue, conn, &answer(&rej));
            }
            7 | 8 => {
                let late = match self.rogues[rogue].random.percent(50) {
                    true => fill,
                    false => rej,
                };
                let message = Box::new(answer(&late));
                let at = self.now + self.rogues[rogue].random.between(500, 40_000);
                let what = Move::Late { conn, message };
                self.queue.add(at, Happening::Rogue { rogue, what });
            }
            // Never.
            _ => {}
        }
    }

    /// A peer wants to know what a rogue has.
    pub(super) fn rogue_is_synced(&mut self, rogue: usize, conn: ConnId, message: &Message) {
        let it = &mut self.rogues[rogue];
        let lie = it.random.percent(50);
        let answer = match message {
            Message::Recon(asked) => Message::ReconAnswer(Recon {
                sid: asked.sid,
                count: it.random.below(1_000),
                data: match lie {
                    true => it.random.bytes().to_vec(),
                    false => Vec::new(),
                },
            }),
            Message::Book(asked) => Message::Page(BookPage {
                part: asked.part.clone(),
                last: lie,
            }),
            Message::Get(asked) => Message::State(OwnerState {
                owner: asked.owner,
                ka: None,
                list: lie.then(Vec::new),
            }),
            _ => return,
        };
        self.judge.counts.one(match lie {
            true => "rogues: lie to who compares",
            false => "rogues: tell nothing to who compares",
        });
        self.rogue_says(rogue, conn, &answer);
    }
}
