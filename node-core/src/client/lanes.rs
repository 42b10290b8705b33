//! The ways of what happens to the node: one for everybody, and one for those who send much.
//!
//! Peers that use up more than a tenth of a processor share a lane with each other, in which as
//! much is under way in all as one of them could have otherwise; and of what waits, everything
//! else comes first. So what others send takes as long as without them, however many they are.

use std::sync::Arc;
use std::vec::IntoIter;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, sleep_until};

use super::turns::Turns;
use crate::node::Input;

/// Batches from connections, and other news, that may wait for the node. Each connection fills
/// at most two places, so no peer can fill it for others.
pub const INPUTS: usize = 4096;

/// Inputs on their way to the node, all from one place.
#[derive(Debug)]
pub(super) struct Envelope {
    pub(super) inputs: Vec<Input>,
    /// The sender's shares of the lane, free again once the inputs are taken.
    pub(super) _shares: Vec<OwnedSemaphorePermit>,
}

impl From<Input> for Envelope {
    fn from(input: Input) -> Self {
        Self {
            inputs: vec![input],
            _shares: Vec::new(),
        }
    }
}

/// Where inputs are handed in.
#[derive(Debug)]
pub(super) struct Doors {
    pub(super) light: mpsc::Sender<Envelope>,
    pub(super) heavy: mpsc::Sender<Envelope>,
    /// What those who send much may have under way together.
    pub(super) heavy_shares: Arc<Semaphore>,
    /// How much of what they send is verified meanwhile.
    pub(super) heavy_turns: Turns,
}

/// Where the node takes them from.
#[derive(Debug)]
pub(super) struct Lanes {
    light: Lane,
    heavy: Lane,
}

#[derive(Debug)]
struct Lane {
    channel: mpsc::Receiver<Envelope>,
    /// The rest of the envelope that was opened last, with its sender's shares.
    open: Option<(IntoIter<Input>, Vec<OwnedSemaphorePermit>)>,
}

/// Which lane an input came by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    Light,
    Heavy,
}

/// Both ends of both lanes.
pub(super) fn lanes() -> (Doors, Lanes) {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let (light, light_end) = mpsc::channel(INPUTS);
    let (heavy, heavy_end) = mpsc::channel(INPUTS);
    let lane = |channel| Lane {
        channel,
        open: None,
    };
    let doors = Doors {
        light,
        heavy,
        heavy_shares: Arc::new(Semaphore::new(processors.max(2))),
        heavy_turns: Turns::of(processors),
    };
    let lanes = Lanes {
        light: lane(light_end),
        heavy: lane(heavy_end),
    };
    (doors, lanes)
}

impl Lanes {
    /// Waits until there is something to take, by the heavy lane not before `heavy`. Cancel safe.
    pub(super) async fn ready(&mut self, heavy: Option<Instant>) {
        if self.light.open.is_some() {
            return;
        }
        let Self { light, heavy: lane } = self;
        let heavy = async {
            if let Some(at) = heavy {
                sleep_until(at).await;
            }
            if lane.open.is_none() {
                match lane.channel.recv().await {
                    Some(envelope) => lane.open(envelope),
                    None => std::future::pending().await,
                }
            }
        };
        tokio::select! {
            Some(envelope) = light.channel.recv() => light.open(envelope),
            () = heavy => {}
        }
    }

    /// What comes next, if anything is there: by the heavy lane only if that is allowed, and only
    /// when nothing waits in the other one.
    pub(super) fn next(&mut self, heavy: bool) -> Option<(Weight, Input)> {
        if let Some(input) = self.light.next() {
            return Some((Weight::Light, input));
        }
        let input = heavy.then(|| self.heavy.next())?;
        input.map(|input| (Weight::Heavy, input))
    }
}

impl Lane {
    fn open(&mut self, envelope: Envelope) {
        self.open = Some((envelope.inputs.into_iter(), envelope._shares));
    }

    fn next(&mut self) -> Option<Input> {
        loop {
            if let Some(input) = self.open.as_mut().and_then(|(inputs, _)| inputs.next()) {
                return Some(input);
            }
            self.open = None;
            let envelope = self.channel.try_recv().ok()?;
            self.open(envelope);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(reason: &'static str) -> Input {
        Input::Refused { reason }
    }

    fn next(lanes: &mut Lanes, heavy: bool) -> Option<&'static str> {
        let (_, input) = lanes.next(heavy)?;
        match input {
            Input::Refused { reason } => Some(reason),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn what_is_light_overtakes_what_is_heavy_between_any_two_inputs() {
        let (doors, mut lanes) = lanes();
        let share = Arc::clone(&doors.heavy_shares)
            .acquire_owned()
            .await
            .unwrap();
        let all = doors.heavy_shares.available_permits();
        let heavy = Envelope {
            inputs: vec![input("h1"), input("h2")],
            _shares: vec![share],
        };
        doors.heavy.send(heavy).await.unwrap();
        lanes.ready(None).await;
        assert_eq!(next(&mut lanes, true), Some("h1"));
        doors.light.send(input("l1").into()).await.unwrap();
        doors.light.send(input("l2").into()).await.unwrap();
        assert_eq!(next(&mut lanes, true), Some("l1"));
        assert_eq!(next(&mut lanes, false), Some("l2"));
        assert_eq!(next(&mut lanes, false), None);
        assert_eq!(doors.heavy_shares.available_permits(), all);
        lanes.ready(None).await;
        assert_eq!(next(&mut lanes, true), Some("h2"));
        assert_eq!(next(&mut lanes, true), None);
        assert_eq!(doors.heavy_shares.available_permits(), all + 1);
    }
}
