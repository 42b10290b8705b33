//! Chance that can be repeated: the same seed gives the same plan of faults and the same orders.
//! When what happens at the same time happens is up to the machine.

use std::time::{SystemTime, UNIX_EPOCH};

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

/// The variable that sets the seed.
const SEED: &str = "MESHBOOK_TORTURE_SEED";

/// What all chance of one test follows from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seed(u64);

impl Seed {
    /// The seed of the environment or another one each time. It is printed, so that a failed
    /// test shows it.
    pub(crate) fn choose() -> Self {
        let seed = match number(SEED) {
            Some(seed) => seed,
            None => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
                since.as_micros() as u64
            }
        };
        println!("{SEED}={seed}");
        Self(seed)
    }

    /// One of the streams of chance.
    pub(crate) fn stream(self, number: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.0);
        rng.set_stream(number);
        rng
    }
}

/// The number that a variable holds, if it is set.
pub(crate) fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    match text.parse() {
        Ok(number) => Some(number),
        Err(_) => panic!("{variable}={text} is not allowed: a whole number is"),
    }
}
