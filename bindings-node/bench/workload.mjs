// The workload b10k: 10,000 orders rest, then 1,000,000 operations: 50 % rest, 40 % cross one or two
// makers, 10 % cancel. Made by a seed, so it is the same each time.

const LEVELS = 1000;
const MIDDLE = 50_000;

/** A generator of numbers below `bound` (xorshift32). */
function random(seed) {
  let state = seed;
  return (bound) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % bound;
  };
}

/**
 * Operations as `{ side, price, amount }` or `{ cancel }`, the index of an earlier operation. A cancelled
 * order may be filled by then, as it goes.
 */
export function b10k(operations = 1_000_000, resting = 10_000) {
  const below = random(0x9e3779b9);
  const ops = [];
  const rests = [];
  const rest = () => {
    const isBuy = below(2) === 0;
    const distance = 1 + below(LEVELS / 2);
    rests.push(ops.length);
    ops.push({ side: isBuy ? 'buy' : 'sell', price: String(isBuy ? MIDDLE - distance : MIDDLE + distance), amount: String(1 + below(10)) });
  };
  for (let i = 0; i < resting; i += 1) rest();
  for (let i = 0; i < operations; i += 1) {
    const kind = below(10);
    if (kind < 5) {
      rest();
    } else if (kind < 9) {
      // At any price that is there; about as much as rests, so that the book keeps its size.
      const isBuy = below(2) === 0;
      ops.push({ side: isBuy ? 'buy' : 'sell', price: String(isBuy ? MIDDLE + LEVELS : MIDDLE - LEVELS), amount: String(1 + below(10)), crosses: true });
    } else {
      ops.push({ cancel: rests[rests.length - 1 - below(Math.min(rests.length, resting))] });
    }
  }
  return { ops, resting };
}
