//! Clock liars: sessions that do all that a node asks of them, with a clock that is an hour ahead.

use std::time::Duration;

use meshbook::protocol::Message;
use meshbook::types::Millis;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::lines::at_once;
use super::session::text;
use super::stranger::Stranger;

/// How far their clocks are ahead.
const AHEAD: Millis = Millis::from_secs(3_600);

/// From one of their own heartbeats to the next.
const HEARTBEAT: Duration = Duration::from_secs(1);

pub(super) async fn attack(stranger: Stranger) {
    let liars = stranger.strength().liars;
    at_once(liars, |_| line(stranger.clone())).await;
}

async fn line(stranger: Stranger) {
    loop {
        let who = stranger.key().with_clock_ahead(AHEAD);
        let (asked, mut heartbeats) = mpsc::unbounded_channel();
        let session = stranger.session_of(&who).await;
        let mut mouth = session.hearing(move |message| {
            if let Message::Heartbeat { timestamp } = message {
                let _ = asked.send(timestamp);
            }
        });
        loop {
            let said = match timeout(HEARTBEAT, heartbeats.recv()).await {
                Ok(Some(echo)) => {
                    stranger.tally().told("asked for its time");
                    Message::HeartbeatAck {
                        timestamp: who.now().wall,
                        echo: Some(echo),
                    }
                }
                Ok(None) => break,
                Err(_) => Message::Heartbeat {
                    timestamp: who.now().wall,
                },
            };
            if mouth.say(&[text(&said)]).await.is_err() {
                break;
            }
        }
        stranger.tally().told("session ended");
    }
}
