//! Chance, another one each time: what a node has banned or remembers of one attack is nothing to
//! the next.

use meshbook::runtime::entropy;
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

pub(super) fn chance() -> ChaCha8Rng {
    ChaCha8Rng::from_seed(entropy().expect("the system has entropy"))
}
