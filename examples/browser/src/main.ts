import { ExchangeClient } from 'meshbook-web';
import { DepthChart } from './charts/depth-chart.js';
import { shown } from './decimals.js';
import { byId, setText } from './dom.js';
import { Frames } from './frames.js';
import { Market } from './market.js';
import { messageOf } from './node.js';
import { readSettings } from './settings.js';
import { LIMITS } from './validation.js';
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
  const settings = readSettings({ search: location.search, host: location.host, node: served });
  const { name, pair, network } = settings;
  const toasts = new Toasts();
  const frames = new Frames();
  const chart: { recolour(): void }[] = [];
  theme(() => {
    for (const one of chart) one.recolour();
    frames.mark('candles');
  });
  tabs();
  const show = views();

  const node = new ExchangeClient({
    name,
    peers: settings.peers,
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
  node.on('error', (error) => toasts.say(error.message));

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

/** The page's address for a node with another key. */
function elsewhere(): string {
  const url = new URL(location.href);
  url.searchParams.set('node', `tab-${crypto.randomUUID().slice(0, 8)}`);
  return url.href;
}

start().catch((error: unknown) => blocked(error, elsewhere()));

addEventListener('unhandledrejection', ({ reason }) => {
  setText(byId('form-error'), messageOf(reason));
});
