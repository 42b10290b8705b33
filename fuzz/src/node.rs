//! Whole conversations of strangers with a node.

use meshbook::protocol::{LegacyPolicy, decode, read_rpc};

use crate::stranger::{PEERS, Strange};

/// The most that is said in one conversation.
const MOST_LINES: usize = 64;

/// Whatever strangers say, one line a message, nothing that nobody signed changes the node's ledger,
/// its answers are bounded and can be read, and it goes on for its user.
///
/// A line starts with the peer, `1` to `4`; with `5` for somebody without a session; or with `+` and
/// so many milliseconds that pass. A first line `match` lets plain peers trade.
pub fn node(data: &[u8]) {
    let mut lines = data
        .split(|byte| *byte == b'\n')
        .take(MOST_LINES)
        .peekable();
    let legacy = match lines.next_if(|line| *line == b"match") {
        Some(_) => LegacyPolicy::Match,
        None => LegacyPolicy::Observe,
    };
    if lines.peek().is_none_or(|line| line.is_empty()) {
        return;
    }
    let (mut strange, _) = Strange::new(legacy);
    for line in lines {
        let Some((first, text)) = line.split_first() else {
            continue;
        };
        match first {
            b'1'..=b'4' => {
                let (conn, dialect, _) = PEERS[usize::from(first - b'1')];
                if let Ok(message) = decode(text, dialect) {
                    strange.says(conn, message, text.len());
                }
            }
            b'5' => {
                let request = std::str::from_utf8(text).ok().map(read_rpc);
                if let Some(Ok(request)) = request {
                    strange.told(request.from, request.message);
                }
            }
            b'+' => {
                let millis = std::str::from_utf8(text).ok().map(str::parse);
                if let Some(Ok(millis)) = millis {
                    strange.pass(u64::min(millis, 100_000));
                }
            }
            _ => {}
        }
    }
    strange.goes_on();
}
