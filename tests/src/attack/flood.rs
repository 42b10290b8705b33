//! Valid sessions that send as many small frames as they can: one at first, then several, and
//! each with one kind of message.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use meshbook::protocol::Message;
use tokio::time::timeout;

use super::lines::at_once;
use super::pace::Pace;
use super::session::{Mouth, text};
use super::stranger::Stranger;
use crate::secured::now;

/// So long one session floods alone.
const ALONE: Duration = Duration::from_secs(10);

/// Frames that are handed to the system together.
const TOGETHER: usize = 64;

pub(super) async fn attack(stranger: Stranger) {
    let strength = stranger.strength();
    // A brief attack has no time for this: it begins with several.
    if strength.sessions > 4 {
        let _ = timeout(ALONE, line(stranger.clone(), 0, strength.frames)).await;
    }
    let each = strength.frames / u32::try_from(strength.sessions).unwrap_or(1).max(1);
    let start = |number| line(stranger.clone(), number, each);
    at_once(strength.sessions, start).await;
}

async fn line(stranger: Stranger, number: usize, a_second: u32) {
    let mut pace = Pace::of(a_second);
    loop {
        let mut mouth = stranger.session().await.ignoring();
        let kind = match number % 4 {
            0 => text(&Message::Heartbeat {
                timestamp: now().wall,
            }),
            1 => text(&Message::PeerExchangeRequest),
            2 => Bytes::from_static(br#"{"type":"x_unheard_of","nodeId":"me","timestamp":1}"#),
            _ => Bytes::from_static(br#"{"type":"z"}"#),
        };
        let packed = number % 8 == 7;
        let kinds = vec![kind; TOGETHER];
        let ended: io::Result<()> = flood(&mut mouth, &mut pace, &kinds, packed).await;
        if ended.is_err() {
            stranger.tally().told("session ended");
        }
    }
}

async fn flood(
    mouth: &mut Mouth,
    pace: &mut Pace,
    texts: &[Bytes],
    packed: bool,
) -> io::Result<()> {
    loop {
        pace.take(texts.len()).await;
        if packed {
            mouth.say_packed(texts).await?;
        } else {
            mouth.say(texts).await?;
        }
    }
}
