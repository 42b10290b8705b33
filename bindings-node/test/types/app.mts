// An application as it is written against the contract, with `import`. It is compiled, not run.
import { Decimal } from 'decimal.js';
import DefaultClient, { ExchangeClient as Main, OrderError, type ExchangeClientOptions, type Order, type OrderResult, type Trade } from 'meshbook';
import ExchangeClient from 'meshbook/exchange-client';
import OrderBook, { OrderBook as Named } from 'meshbook/orderbook';

const options: ExchangeClientOptions = {
  userId: 'trader',
  pair: 'BTC/USD',
  grapeUrl: 'http://127.0.0.1:30001',
  exchange: { pair: 'BTC/USD' },
  grenache: { url: 'http://127.0.0.1:30001' },
  dataDir: null,
  p2p: {
    port: 3000, host: '0.0.0.0', enableMDNS: true, enableGrenache: true, enablePeerExchange: true,
    bootstrapPeers: ['127.0.0.1:3001'], useWellKnownNodes: true, peerStoragePath: '.peers.json',
  },
};

export async function trade(): Promise<void> {
  await using client = new ExchangeClient(options);
  const same: boolean = client instanceof Main && DefaultClient === Main;
  await client.initialize();
  client.on('trade', (trade, own) => {
    const volume: Decimal = trade.amount.times(trade.price);
    const mine: boolean = own;
    console.log(volume.toString(), mine, same);
  });
  client.on('order', (order) => order.status === 'filled');
  client.on('book', ({ bid, ask }) => [bid?.length, ask?.length]);
  client.on('peer:connected', ({ peer, address }) => `${peer} ${address}`);
  client.on('peer:disconnected', ({ peer, reason }) => `${peer} ${reason}`);
  client.on('error', (error) => error.code);
  // @ts-expect-error no such event
  client.on('trades', () => {});
  // @ts-expect-error amounts are texts
  void client.placeBuyOrder(1, '2');
  const result: OrderResult = await client.placeBuyOrder('0.5', '50000');
  if (!result.success) throw new Error(result.error);
  const id: string | null = result.orderId;
  if (id !== null) client.cancelOrder(id);
  const order: Order | undefined = client.getOrder('x');
  const side: 'buy' | 'sell' | undefined = order?.side;
  const trades: Trade[] = [...client.getRecentTrades(5), ...client.getTradeHistory()];
  const [best] = client.getOrderBook(1).bids;
  console.log(side, trades.length, best?.price.length, client.getUserOrders().length, client.getOrderHistory().length);
  const { nodeId, vectorClock, pendingEvents, lastProcessedClocks } = client.getVectorClockStatus();
  console.log(nodeId, vectorClock[nodeId], pendingEvents.toFixed(), lastProcessedClocks[nodeId]);
  await client.forceProcessPendingEvents();
  console.log(client.getP2PStats().discovery.strategies.peerExchange);
  const placed = await client.placeOrder({ side: 'sell', amount: '1', type: 'market', timeInForce: 'fok', signal: AbortSignal.timeout(5) });
  const sure: string = placed.orderId;
  console.log(sure, client.orderbook.getBestPrices().spread, client.userId, client.pair, client.isInitialized);
  for await (const event of client.events({ signal: AbortSignal.timeout(5) })) {
    if (event.type === 'trade') console.log(event.trade.id, event.own);
    else if (event.type === 'error') console.log(event.error.code);
  }
  await client.destroy().catch((error: unknown) => error instanceof OrderError && error.code);
}

export async function book(): Promise<void> {
  const book: Named = new OrderBook('BTC/USD', 'node');
  const { trades, remainingOrder } = await book.addOrder({ userId: 'bob', side: 'buy', amount: '1', price: '2' }, { other: 1 });
  const left: Decimal | undefined = remainingOrder?.remaining;
  console.log(trades[0]?.price.toNumber(), left, book.getMetrics().averageLatency, book.getVectorClock()['node']);
  // @ts-expect-error sides are buy and sell
  await book.addOrder({ userId: 'bob', side: 'up', amount: '1', price: '2' });
}
