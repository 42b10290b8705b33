import { MeshbookError } from './errors.js';
import type { Order, Trade } from './types.js';
import { knowsItself, refusesCopies, throughProxies } from './raw.js';
import { type OrderText, type TradeText, toOrder, toTrade } from './values.js';

/** What a client tells. */
export type ExchangeEvent =
  /** A trade is confirmed, anybody's; `own` if an order of this node is a side of it. */
  | { type: 'trade'; trade: Trade; own: boolean }
  /** An order of this node changed. */
  | { type: 'order'; order: Order }
  /** The book changed. Told once for many changes that come together. */
  | { type: 'book'; bid: string | null; ask: string | null }
  | { type: 'peer:connected'; peer: string; address: string }
  | { type: 'peer:disconnected'; peer: string; reason: string }
  | { type: 'error'; error: MeshbookError };

/** The same for {@link ExchangeClient.on}. */
export interface ExchangeEvents {
  trade: (trade: Trade, own: boolean) => void;
  order: (order: Order) => void;
  book: (best: { bid: string | null; ask: string | null }) => void;
  'peer:connected': (peer: { peer: string; address: string }) => void;
  'peer:disconnected': (peer: { peer: string; reason: string }) => void;
  /**
   * Something went wrong in the background, and the node goes on: `EVENTS_LOST` in an iteration that was so
   * slow that events were dropped. Without a listener nothing happens.
   */
  error: (error: MeshbookError) => void;
}

type EventText =
  | { type: 'trade'; trade: TradeText; own: boolean }
  | { type: 'order'; order: OrderText }
  | { type: 'error'; code: string; message: string }
  | { type: 'lagged'; missed: number }
  | Extract<ExchangeEvent, { type: 'book' | 'peer:connected' | 'peer:disconnected' }>;

/** @internal */
export function toEvent(json: string): ExchangeEvent {
  const event = JSON.parse(json) as EventText;
  switch (event.type) {
    case 'trade':
      return { type: 'trade', trade: toTrade(event.trade), own: event.own };
    case 'order':
      return { type: 'order', order: toOrder(event.order) };
    case 'error':
      return { type: 'error', error: new MeshbookError(event.code, event.message) };
    case 'lagged':
      return lost(event.missed);
    default:
      return event;
  }
}

function lost(count: number): ExchangeEvent {
  const message = `${count} events are lost: they were not taken in time`;
  return { type: 'error', error: new MeshbookError('EVENTS_LOST', message) };
}

/** The most events that wait in one iterator; the oldest are lost beyond that, which an `error` event tells. */
export const MAX_WAITING_EVENTS = 65_536;

/** Events for one `for await`. @internal */
export class EventQueue implements AsyncIterableIterator<ExchangeEvent> {
  #events: ExchangeEvent[] = [];
  /** Where the next event stands: taking from the front of an array costs its length. */
  #next = 0;
  #lost = 0;
  #waiting: { resolve(result: IteratorResult<ExchangeEvent>): void; reject(reason: unknown): void }[] = [];
  #ended: { reason: unknown } | undefined;
  readonly #left: (queue: EventQueue) => void;

  constructor(left: (queue: EventQueue) => void) {
    knowsItself(this);
    refusesCopies(this, 'A stream of events', 'events are taken once; ask the client for others by events()');
    this.#left = left;
  }

  push(event: ExchangeEvent): void {
    const waiting = this.#waiting.shift();
    if (waiting) {
      waiting.resolve({ value: event, done: false });
      return;
    }
    if (this.#events.length - this.#next >= MAX_WAITING_EVENTS) {
      this.#next += 1;
      this.#lost += 1;
    }
    this.#events.push(event);
    this.#compact();
  }

  /** No more events come; with a reason, that is thrown once. */
  end(reason?: unknown): void {
    this.#ended ??= { reason };
    if (reason !== undefined) this.#forget();
    for (const { resolve, reject } of this.#waiting.splice(0)) {
      if (reason === undefined) resolve({ value: undefined, done: true });
      else reject(reason);
    }
    this.#left(this);
  }

  next(): Promise<IteratorResult<ExchangeEvent>> {
    if (this.#lost > 0) {
      const value = lost(this.#lost);
      this.#lost = 0;
      return Promise.resolve({ value, done: false });
    }
    const event = this.#events[this.#next];
    if (event) {
      this.#next += 1;
      this.#compact();
      return Promise.resolve({ value: event, done: false });
    }
    if (this.#ended) {
      const { reason } = this.#ended;
      this.#ended = { reason: undefined };
      return reason === undefined ? Promise.resolve({ value: undefined, done: true }) : Promise.reject(reason);
    }
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  return(): Promise<IteratorResult<ExchangeEvent>> {
    this.#forget();
    this.end();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #forget(): void {
    this.#events = [];
    this.#next = this.#lost = 0;
  }

  #compact(): void {
    if (this.#next > 1024 && this.#next * 2 > this.#events.length) {
      this.#events = this.#events.slice(this.#next);
      this.#next = 0;
    }
  }
}

throughProxies(EventQueue.prototype);
