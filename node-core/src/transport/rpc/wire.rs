//! The payloads of requests of a tunnel, and of their answers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::TUNNEL_BATCH;
use crate::transport::FrameSource;
use futures_util::{FutureExt, StreamExt};

/// What makes a payload one of a tunnel; original nodes have `order` and `trade` there.
pub(super) const KIND: &str = "x_tunnel";

/// The longest id of a tunnel that is taken.
const MAX_ID: usize = 64;

/// What the dialer asks.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Call {
    #[serde(rename = "type")]
    kind: String,
    /// Which tunnel: a random text of the dialer's.
    pub(super) tunnel: String,
    pub(super) ask: Ask,
}

/// What is asked of a tunnel.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Ask {
    /// Take these frames: the batch of this number, from 0 on. The first opens the tunnel.
    Push {
        /// Counts the batches.
        number: u64,
        /// In base64.
        frames: Vec<String>,
        /// Nothing more comes.
        last: bool,
    },
    /// Give the frames that are there, or that come in a while.
    Pull,
}

/// What is answered to either.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Given {
    /// In base64.
    pub(super) frames: Vec<String>,
    /// Nothing more comes.
    pub(super) last: bool,
}

impl Call {
    pub(super) fn new(tunnel: &str, ask: Ask) -> Self {
        Self {
            kind: KIND.to_owned(),
            tunnel: tunnel.to_owned(),
            ask,
        }
    }

    /// Reads a payload; none if it is not a tunnel's.
    pub(super) fn read(payload: &RawValue) -> Option<Self> {
        let call: Self = serde_json::from_str(payload.get()).ok()?;
        (call.kind == KIND && call.tunnel.len() <= MAX_ID).then_some(call)
    }
}

/// The JSON of a call or an answer.
pub(super) fn raw(value: &impl Serialize) -> Box<RawValue> {
    // Texts, numbers and lists of them always are JSON.
    to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// Unpacks frames; none if one of them is not base64.
pub(super) fn unpack(frames: &[String]) -> Option<Vec<Bytes>> {
    let unpack = |frame: &String| STANDARD.decode(frame).ok().map(Bytes::from);
    frames.iter().map(unpack).collect()
}

/// Waits for a frame, and takes those behind it that are there already, in base64. The second says
/// whether it was the last of them.
pub(super) async fn next_batch(source: &mut dyn FrameSource) -> (Vec<String>, bool) {
    let (mut frames, mut bytes) = (Vec::new(), 0);
    let mut next = source.next().await;
    while let Some(Ok(frame)) = next {
        bytes += frame.len();
        frames.push(STANDARD.encode(&frame));
        if bytes >= TUNNEL_BATCH {
            return (frames, false);
        }
        match source.next().now_or_never() {
            Some(following) => next = following,
            None => return (frames, false),
        }
    }
    (frames, true)
}
