//! Old news, and announcements of none.

use meshbook::protocol::{GetOwner, Message};
use meshbook::types::NodeId;

use crate::world::World;

/// Names of nothing that are announced in one go.
const MOST_NAMES: u64 = 60;

impl World {
    /// Sends keep-alives and trades of others once more, long after they came.
    pub(super) fn replays(&mut self, rogue: usize) {
        let old = self.rogues[rogue].old.clone();
        let count = old.len() as u64;
        self.judge.counts.more("rogues: messages replayed", count);
        for message in old {
            self.rogue_tells(rogue, &message);
        }
    }

    /// Announces what is not there, and asks for it.
    pub(super) fn announces_nothing(&mut self, rogue: usize) {
        let it = &mut self.rogues[rogue];
        let count = it.random.between(1, MOST_NAMES);
        let names = (0..count).map(|_| it.random.next().to_be_bytes()).collect();
        let owner = NodeId(it.random.bytes());
        let have = Vec::new();
        let message = match it.random.below(4) {
            0 => Message::Want(names),
            1 => Message::Get(GetOwner { owner, have }),
            _ => Message::Have(names),
        };
        self.rogue_tells(rogue, &message);
    }
}
