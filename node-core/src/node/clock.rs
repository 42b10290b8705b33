//! Whether this node's clock is right enough to sign by: the peers that it dialed tell, and its own
//! earlier statements.
//!
//! A clock that most votes find off by more than [`SKEW`] stops the node from placing and taking: the
//! others would set aside what it signs, or refuse it as expired. With one vote or two that means all
//! of them, so that a first order is not given away where nobody shows it, and one false clock stops
//! nobody who dialed a right one. Answers, cancellations and keep-alives go on whatever the votes
//! are.

use serde::{Deserialize, Serialize};

use super::core::Node;
use super::io::{Event, OrderError};
use super::peers::ClockVotes;
use crate::ledger::limits::SKEW;
use crate::types::{Millis, Now};

/// A clock that is further off than this gets a warning.
const WARN_ABOVE: Millis = Millis::from_secs(5);
/// With fewer votes than this each one that is off gets a warning, else their median.
const VOTES_FOR_MEDIAN: usize = 3;

/// How this node's clock stands to its peers'.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClockState {
    /// No peer that this node dialed has told its time.
    #[default]
    Unmeasured,
    /// Within 5 s.
    Right,
    /// By one of one or two votes, or by the median of more, off by more than 5 s.
    Off,
    /// Off by so much that nothing is placed and taken.
    Stopped,
}

impl ClockState {
    /// Its name in figures and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unmeasured => "unmeasured",
            Self::Right => "right",
            Self::Off => "off",
            Self::Stopped => "stopped",
        }
    }
}

/// How this node's clock compares with those of the peers that it dialed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClockView {
    /// What follows.
    pub state: ClockState,
    /// The median of the peers' clocks minus this clock, in milliseconds; absent without a vote.
    pub offset_ms: Option<i64>,
    /// Peers whose clocks count: one of each /24 or /48, in private networks one a host.
    pub votes: usize,
}

impl Node {
    /// How this node's clock compares with those of the peers that it dialed.
    #[must_use]
    pub fn clock(&self) -> ClockView {
        let votes = self.peers.clock_votes();
        ClockView {
            state: state(&votes),
            offset_ms: votes.median(),
            votes: votes.count(),
        }
    }

    /// # Errors
    /// [`OrderError::ClockOff`] if other nodes would set aside what this one signs now.
    pub(super) fn check_clock(&self, now: Now) -> Result<(), OrderError> {
        let back = self.sequence.last_ts().since(now.wall);
        let off = self.peers.clock_votes().median().unwrap_or(0);
        let worst = match self.is_behind_itself(now) {
            true => i64::try_from(back.0).unwrap_or(i64::MAX),
            false => off,
        };
        if worst.unsigned_abs() > SKEW.0 {
            return Err(OrderError::ClockOff {
                offset: worst,
                limit: SKEW.0,
            });
        }
        Ok(())
    }

    /// Whether what this node signed last is dated so far ahead of its clock that even its own ledger
    /// would set aside what it signs now.
    pub(super) fn is_behind_itself(&self, now: Now) -> bool {
        self.sequence.last_ts().since(now.wall) > SKEW
    }

    /// Tells the user when the clock comes to be off, and when that stops the node; each once, and
    /// again after it was right.
    pub(super) fn look_after_clock(&mut self) {
        let votes = self.peers.clock_votes();
        let state = state(&votes);
        if state == self.clock_told || state == ClockState::Unmeasured {
            // Peers that left take nothing back.
            return;
        }
        let worse = state > self.clock_told.max(ClockState::Right);
        self.clock_told = state;
        let (median, count) = (votes.median().unwrap_or(0), votes.count());
        if !worse {
            tracing::info!(
                state = state.as_str(),
                offset_ms = median,
                votes = count,
                "this node's clock"
            );
            return;
        }
        let limit = SKEW.0;
        let message = match state {
            ClockState::Stopped => format!(
                "this node's clock is {median} ms off its peers' clocks ({count} votes), more than \
                 {limit} ms, so it places and takes nothing; set the clock"
            ),
            _ => format!(
                "this node's clock is {} ms off a peer's clock ({count} votes); beyond {limit} ms it \
                 places and takes nothing; check the clock",
                match count < VOTES_FOR_MEDIAN {
                    true => votes.furthest().unwrap_or(0),
                    false => median,
                }
            ),
        };
        self.event(Event::Error {
            code: "CLOCK_OFF".to_owned(),
            message,
        });
    }
}

fn state(votes: &ClockVotes) -> ClockState {
    let Some(median) = votes.median() else {
        return ClockState::Unmeasured;
    };
    let warned_by = match votes.count() < VOTES_FOR_MEDIAN {
        true => votes.furthest().unwrap_or(median),
        false => median,
    };
    if median.unsigned_abs() > SKEW.0 {
        ClockState::Stopped
    } else if warned_by.unsigned_abs() > WARN_ABOVE.0 {
        ClockState::Off
    } else {
        ClockState::Right
    }
}
