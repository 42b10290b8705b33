//! The comparisons of two nodes' items, of which one asks or answers falsely.

use meshbook::node::ConnId;
use meshbook::protocol::{LegacyPolicy, MAX_RECON_BYTES, Message, Recon};

use crate::script::steps;
use crate::stranger::{Heard, Strange};

/// Whoever dialed this node, and whom this node dialed and asked.
const ASKS: ConnId = ConnId(1);
const ANSWERS: ConnId = ConnId(2);

/// Questions and answers of any bytes change nothing that is stored; what the node says to them is
/// within its bounds; and the comparison ends.
pub fn reconciliation(data: &[u8]) {
    let (mut strange, heard) = Strange::new(LegacyPolicy::Off);
    let mut asked = question(&heard).expect("a node asks whom it dialed");
    for step in steps(data, 24) {
        let count = u64::from(step.what >> 2);
        let data = step.content.to_vec();
        let bytes = data.len();
        let heard = match step.what & 3 {
            0 => {
                let sid = count;
                strange.says(ASKS, Message::Recon(Recon { sid, count, data }), bytes)
            }
            1 => {
                let sid = asked;
                let answer = Message::ReconAnswer(Recon { sid, count, data });
                strange.says(ANSWERS, answer, bytes)
            }
            // An answer that nobody waits for.
            2 => {
                let sid = count;
                let answer = Message::ReconAnswer(Recon { sid, count, data });
                strange.says(ASKS, answer, bytes)
            }
            _ => {
                strange.pass(count * 1_000);
                Vec::new()
            }
        };
        asked = question(&heard).unwrap_or(asked);
    }
    strange.goes_on();
}

/// The node's question to whom it dialed.
fn question(heard: &Heard) -> Option<u64> {
    heard
        .iter()
        .fold(None, |found, (conn, message)| match message {
            Message::Recon(recon) if *conn == ANSWERS => {
                assert!(recon.data.len() <= MAX_RECON_BYTES);
                Some(recon.sid)
            }
            _ => found,
        })
}
