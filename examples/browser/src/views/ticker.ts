import { Exact, shown } from '../decimals.js';
import { byId, setText } from '../dom.js';
import type { Frames } from '../frames.js';
import type { Market } from '../market.js';

/** The best prices, in the heading. */
export function ticker(market: Market, frames: Frames): void {
  frames.on('book', () => {
    const { bids, asks } = market.book();
    const [bid, ask] = [bids[0]?.price, asks[0]?.price];
    setText(byId('best-bid'), bid === undefined ? '–' : shown(bid));
    setText(byId('best-ask'), ask === undefined ? '–' : shown(ask));
    const spread = bid === undefined || ask === undefined ? undefined : new Exact(ask).minus(bid);
    setText(byId('best-spread'), spread === undefined ? '–' : shown(spread));
  }, 50);
}
