//! Whether this node's clock is right enough to sign by: its peers' clocks tell, and its own
//! earlier statements.

use super::core::Node;
use super::io::{Event, OrderError};
use crate::ledger::limits::SKEW;
use crate::types::{Millis, Now};

/// A clock that is further off than this gets a warning.
const WARN_ABOVE: Millis = Millis::from_secs(5);

impl Node {
    /// # Errors
    /// [`OrderError::ClockOff`] if other nodes would set aside what this one signs now.
    pub(super) fn check_clock(&self, now: Now) -> Result<(), OrderError> {
        let back = self.sequence.last_ts().since(now.wall);
        let off = self.peers.clock_offset().unwrap_or(0);
        let worst = match back > SKEW {
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

    /// Tells the user once when the clock comes to be off, and again after it was right.
    pub(super) fn look_after_clock(&mut self) {
        let offset = self.peers.clock_offset().unwrap_or(0);
        let off = offset.unsigned_abs() > WARN_ABOVE.0;
        if off && !self.clock_warned {
            self.event(Event::Error {
                code: "CLOCK_OFF".to_owned(),
                message: format!(
                    "this node's clock is {offset} ms off its peers' clocks; beyond {} ms it \
                     places and takes nothing",
                    SKEW.0
                ),
            });
        }
        self.clock_warned = off;
    }
}
