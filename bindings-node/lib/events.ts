import { MeshbookError } from './errors.js';
import type { NativeEvent } from './native.js';
import { knowsItself, refusesCopies, throughProxies } from './raw.js';
import { type Order, type Trade, toOrder, toTrade } from './values.js';

/** Something that happened at a node, as {@link ExchangeClient.events} gives it. */
export type ExchangeEvent =
  | { type: 'trade'; trade: Trade; own: boolean }
  | { type: 'order'; order: Order }
  | { type: 'book'; bid: string | null; ask: string | null }
  | { type: 'peer:connected'; peer: string; address: string }
  | { type: 'peer:disconnected'; peer: string; reason: string }
  | { type: 'error'; error: MeshbookError };

/** The events of an {@link ExchangeClient} and what its listeners get. */
export interface ExchangeEvents {
  /** A trade is confirmed, anybody's; `own` says whether an order of this node is a side of it. */
  trade: [trade: Trade, own: boolean];
  /** An own order changed. */
  order: [order: Order];
  /** The book changed; these are its best prices. */
  book: [best: { bid: string | null; ask: string | null }];
  'peer:connected': [peer: { peer: string; address: string }];
  'peer:disconnected': [peer: { peer: string; reason: string }];
  /**
   * Something went wrong in the background, and the node goes on: `EVENTS_LOST` if a listener was so slow
   * that events were dropped. Without a listener nothing happens.
   */
  error: [error: MeshbookError];
}

/** @internal */
export function toEvent(event: NativeEvent): ExchangeEvent | undefined {
  switch (event.type) {
    case 'trade':
      return { type: 'trade', trade: toTrade(event.trade!), own: event.own! };
    case 'order':
      return { type: 'order', order: toOrder(event.order!) };
    case 'book':
      return { type: 'book', bid: event.bid ?? null, ask: event.ask ?? null };
    case 'peer:connected':
      return { type: 'peer:connected', peer: event.peer!, address: event.address! };
    case 'peer:disconnected':
      return { type: 'peer:disconnected', peer: event.peer!, reason: event.reason! };
    case 'lagged':
      return lost(event.missed!);
    case 'error':
      return { type: 'error', error: new MeshbookError(event.code!, event.message!) };
    default:
      return undefined;
  }
}

function lost(count: number): ExchangeEvent {
  const message = `${count} events are lost: they were not taken in time`;
  return { type: 'error', error: new MeshbookError('EVENTS_LOST', message) };
}

/** The most events that wait in one iterator; the oldest are lost beyond that, which an `error` event tells. */
export const MAX_WAITING_EVENTS = 65536;

/** Events one after the other. Who waits for the next one keeps the process alive. @internal */
export class EventQueue implements AsyncIterableIterator<ExchangeEvent> {
  #waiting: ExchangeEvent[] = [];
  /** Where the next event stands: taking from the front of an array costs its length. */
  #next = 0;
  #lost = 0;
  #takers: {
    resolve: (result: IteratorResult<ExchangeEvent>) => void;
    reject: (reason: unknown) => void;
  }[] = [];
  #over: { reason?: unknown } | undefined;
  #alive: NodeJS.Timeout | undefined;
  readonly #ended: (queue: EventQueue) => void;

  constructor(ended: (queue: EventQueue) => void) {
    knowsItself(this);
    refusesCopies(this, 'A stream of events', 'events are taken once; ask the client for others by events()');
    this.#ended = ended;
  }

  push(event: ExchangeEvent): void {
    if (this.#over) return;
    const taker = this.#takers.shift();
    if (taker) {
      taker.resolve({ value: event, done: false });
      this.#hold();
      return;
    }
    if (this.#waiting.length - this.#next >= MAX_WAITING_EVENTS) {
      this.#next += 1;
      this.#lost += 1;
    }
    this.#waiting.push(event);
    this.#compact();
  }

  /** No more events come; those that wait are still given, unless there is a reason to throw. */
  end(reason?: unknown): void {
    if (this.#over) return;
    this.#over = reason === undefined ? {} : { reason };
    if (reason !== undefined) {
      this.#waiting = [];
      this.#next = this.#lost = 0;
    }
    for (const { resolve, reject } of this.#takers.splice(0)) {
      if (reason === undefined) resolve({ value: undefined, done: true });
      else this.#throw(reject, reason);
    }
    this.#hold();
    this.#ended(this);
  }

  next(): Promise<IteratorResult<ExchangeEvent>> {
    if (this.#lost > 0) {
      const value = lost(this.#lost);
      this.#lost = 0;
      return Promise.resolve({ value, done: false });
    }
    const value = this.#waiting[this.#next];
    if (value !== undefined) {
      this.#next += 1;
      this.#compact();
      return Promise.resolve({ value, done: false });
    }
    return new Promise((resolve, reject) => {
      if (this.#over?.reason !== undefined) {
        this.#throw(reject, this.#over.reason);
      } else if (this.#over) {
        resolve({ value: undefined, done: true });
      } else {
        this.#takers.push({ resolve, reject });
        this.#hold();
      }
    });
  }

  return(): Promise<IteratorResult<ExchangeEvent>> {
    this.#waiting = [];
    this.#next = this.#lost = 0;
    this.end();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The reason is thrown once; after it there is just nothing more. */
  #throw(reject: (reason: unknown) => void, reason: unknown): void {
    this.#over = {};
    reject(reason);
  }

  #compact(): void {
    if (this.#next > 1024 && this.#next * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#next);
      this.#next = 0;
    }
  }

  #hold(): void {
    if (this.#takers.length === 0) {
      clearInterval(this.#alive);
      this.#alive = undefined;
    } else {
      this.#alive ??= setInterval(() => {}, 2 ** 30);
    }
  }
}

throughProxies(EventQueue.prototype);
