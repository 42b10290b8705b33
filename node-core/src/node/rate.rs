//! How many own orders may be placed in a second and in a minute.

use std::collections::VecDeque;

use super::config::OrderRate;
use super::io::OrderError;
use crate::types::{Millis, Now};

const SECOND: Millis = Millis::from_secs(1);
const MINUTE: Millis = Millis::from_secs(60);

/// Remembers when orders were placed, as far as the limits ask for it.
#[derive(Debug)]
pub(super) struct RateLimit {
    rate: Option<OrderRate>,
    placed: VecDeque<Millis>,
}

impl RateLimit {
    pub(super) const fn new(rate: Option<OrderRate>) -> Self {
        Self {
            rate,
            placed: VecDeque::new(),
        }
    }

    /// Counts one more order, unless that is too many.
    pub(super) fn admit(&mut self, now: Now) -> Result<(), OrderError> {
        let Some(rate) = self.rate else {
            return Ok(());
        };
        while self
            .placed
            .front()
            .is_some_and(|at| now.mono.since(*at) >= MINUTE)
        {
            self.placed.pop_front();
        }
        let lately = |at: &&Millis| now.mono.since(**at) < SECOND;
        let in_second = self.placed.iter().rev().take_while(lately).count();
        let over = [
            (in_second, rate.per_second, SECOND),
            (self.placed.len(), rate.per_minute, MINUTE),
        ];
        for (placed, limit, window) in over {
            if placed >= limit as usize {
                return Err(OrderError::RateLimited { limit, window });
            }
        }
        self.placed.push_back(now.mono);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(mono: u64) -> Now {
        Now {
            mono: Millis(mono),
            wall: Millis::ZERO,
        }
    }

    #[test]
    fn no_more_orders_than_the_limits_allow_in_any_second_or_minute() {
        let mut rate = RateLimit::new(Some(OrderRate {
            per_second: 2,
            per_minute: 3,
        }));
        assert!(rate.admit(at(0)).is_ok());
        assert!(rate.admit(at(500)).is_ok());
        assert!(rate.admit(at(999)).is_err());
        assert!(rate.admit(at(1_000)).is_ok());
        assert!(rate.admit(at(5_000)).is_err());
        assert!(rate.admit(at(60_000)).is_ok());
    }

    #[test]
    fn without_a_limit_every_order_is_admitted() {
        let mut rate = RateLimit::new(None);
        assert!((0..1_000).all(|_| rate.admit(at(0)).is_ok()));
    }
}
