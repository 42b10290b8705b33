import { ExchangeClient } from 'meshbook-web';
import { DepthChart } from './charts/depth-chart.js';
import { shown } from './decimals.js';
import { byId, setText } from './dom.js';
import { Frames } from './frames.js';
import { Market } from './market.js';
import { messageOf } from './node.js';
import { addressFault, namedPeers, readSettings, usualPeers } from './settings.js';
import { LIMITS } from './validation.js';
import { askForPeers } from './views/ask.js';
import { blocked } from './views/blocked.js';
import { identity } from './views/identity.js';
import { Ladder } from './views/ladder.js';
import { OrderForm } from './views/order-form.js';
import { orders } from './views/orders.js';
import { peers } from './views/peers.js';
import { tabs, views } from './views/tabs.js';
import { theme } from './views/theme.js';
import { ticker } from './views/ticker.js';
import { Toasts } from './views/toasts.js';
import { trades } from './views/trades.js';

async function start(): Promise<void> {
  const served = document.querySelector<HTMLMetaElement>('meta[name=meshbook-node]')?.content ?? '';
  const { search, host, protocol, pathname } = location;
  const place = { search, host, protocol, pathname, node: served };
  const { name, pair, network } = readSettings(place);
  const toasts = new Toasts();
  const frames = new Frames();
  const chart: { recolour(): void }[] = [];
  theme(() => {
    for (const one of chart) one.recolour();
    frames.mark('candles');
  });
  tabs();
  const show = views();

  const named = namedPeers(search);
  for (const peer of named) {
    const fault = addressFault(peer);
    if (fault === undefined) continue;
    // Characters that can't be seen could make it look like another one.
    const text = JSON.stringify(peer.slice(0, 64)).replace(/[^ -~]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
    throw new Error(`The link names ${text} as a peer. ${fault}.`);
  }
  const usual = usualPeers(place);
  const node = new ExchangeClient({
    name,
    peers: named.length > 0 ? await askForPeers(named, usual) : usual,
    maxOrderAmount: LIMITS.maxAmount,
    maxOrderPrice: LIMITS.maxPrice,
    ...(pair === undefined ? {} : { pair }),
    ...(network === undefined ? {} : { network }),
  });
  setText(byId('pair'), node.pair);

  const market = new Market(node, frames);
  const form = new OrderForm(market, frames, node.pair);
  new Ladder(market, frames, (choice) => {
    show('trade');
    form.fill(choice);
  });
  new DepthChart(market, frames);
  ticker(market, frames);
  trades(market, frames);
  orders(market, frames, toasts);
  peers(market, frames, toasts);
  identity(market, frames, toasts, `this browser, as “${name}”`);
  market.onTrade((trade, own) => {
    if (own) toasts.say(`Traded ${shown(trade.amount)} at ${shown(trade.price)}`);
  });
  node.on('error', (error) => {
    if (ENDED.includes(error.code)) blocked(error, elsewhere());
    else toasts.say(error.message);
  });

  await node.initialize();
  market.started();
  // Peers hear at once that the tab has gone, where the browser leaves the time for it.
  addEventListener('pagehide', () => void node.destroy());
  addEventListener('pageshow', ({ persisted }) => {
    if (persisted) location.reload();
  });
  // The first screen needs no candles.
  const { TradeChart } = await import('./charts/trade-chart.js');
  chart.push(new TradeChart(market, frames));
}

/** Errors after which there is no node in this tab any more. */
const ENDED = ['STORAGE_LOST', 'IN_USE'];

/** The page's address for a node with another key. */
function elsewhere(): string {
  const url = new URL(location.href);
  const [number = 0] = crypto.getRandomValues(new Uint32Array(1));
  url.searchParams.set('node', `tab-${number.toString(16).padStart(8, '0')}`);
  return url.href;
}

start().catch((error: unknown) => blocked(error, elsewhere()));

addEventListener('unhandledrejection', ({ reason }) => {
  setText(byId('form-error'), messageOf(reason));
});
