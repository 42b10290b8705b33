import type { NodeCore } from '../pkg/meshbook.js';
import type { Addresses } from './addresses.js';
import { random, toHex } from './random.js';
import { type Store, StoreLost, type Write } from './store.js';

/** What the core wants done. */
type Action =
  | ['dial', number, string]
  | ['send', number, Uint8Array<ArrayBuffer>]
  | ['close', number]
  | ['event', string]
  | ['settled', string, string]
  | ['peers', string];

/** Bytes that a socket may hold back before its peer is sent only what it must not miss. */
const CONGESTED = 1024 * 1024;
/** A peer that is congested for so long is let go. */
const STALL_TIME = 30_000;
/** The pause before a failed write is tried again. */
const RETRY_TIME = 1_000;
/** The store may fail for so long before who waits for it is told. */
const FAILURE_TIME = 10_000;
/** How long the last words of all sockets may take. */
const GOODBYE_TIME = 2_000;
/** A timer that fires so late slept: so did the network. */
const SLEPT = 5_000;

/** @internal */
export interface Listener {
  /** An event as JSON. */
  event(json: string): void;
  /** What became of an order, as JSON. */
  settled(orderId: string, json: string): void;
  /** Nothing could be written for long: what waits for that is not confirmed. May be told again. */
  stalled(): void;
  /** What waited is written. */
  works(): void;
  /** What the node keeps is gone, and the node has ended. */
  lost(error: StoreLost): void;
}

/**
 * Drives the core with this page's sockets, timers and storage. What the core decides is done in turns: all
 * that happened meanwhile is one turn, and nothing of it is done before what must survive is written.
 * @internal
 */
export class Driver {
  readonly #core: NodeCore;
  readonly #store: Store | null;
  readonly #listener: Listener;
  readonly #addresses: Addresses;
  readonly #sockets = new Map<number, WebSocket>();
  readonly #congested = new Map<number, number>();
  readonly #turns = new MessageChannel();
  #turn = false;
  #writing: Promise<void> | undefined;
  /** What could not be written yet, the newest of each key; it is written all at once. */
  readonly #unwritten = new Map<string, Write>();
  #failingSince: number | undefined;
  #isChecking = false;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #ended = false;

  constructor(core: NodeCore, store: Store | null, addresses: Addresses, listener: Listener) {
    this.#core = core;
    this.#store = store;
    this.#addresses = addresses;
    this.#listener = listener;
    if (store) store.onclosed = () => void this.#checkStore();
    // Unlike timers, messages are not slowed down where nobody looks.
    this.#turns.port1.onmessage = () => this.#step();
    globalThis.addEventListener?.('online', this.#awake);
    globalThis.document?.addEventListener('visibilitychange', this.#awake);
    this.wake();
  }

  /** Something happened: takes a turn soon. */
  wake(): void {
    if (this.#turn || this.#ended) return;
    this.#turn = true;
    this.#turns.port2.postMessage(null);
  }

  /** Says goodbye and closes everything. */
  async end(): Promise<void> {
    if (this.#ended) return;
    this.#stop();
    await this.#writing;
    const writes = this.#core.shutdown() as Write[];
    if (writes.length > 0 && this.#failingSince === undefined) await this.#write(writes);
    const sockets = [...this.#sockets.values()];
    this.#act();
    await drained(sockets);
    this.#store?.close();
  }

  /** Takes no more turns. */
  #stop(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#retry);
    globalThis.removeEventListener?.('online', this.#awake);
    globalThis.document?.removeEventListener('visibilitychange', this.#awake);
    this.#turns.port1.close();
  }

  /** Ends without a word: this node has no place to write down what it would say. */
  #abandon(error: StoreLost): void {
    if (this.#ended) return;
    this.#stop();
    for (const id of [...this.#sockets.keys()]) this.#close(id);
    this.#store?.close();
    this.#listener.lost(error);
  }

  readonly #awake = (): void => {
    if (globalThis.document?.visibilityState === 'hidden') return;
    this.#core.discover();
    this.wake();
  };

  #step(): void {
    this.#turn = false;
    if (this.#ended || this.#writing) return;
    this.#look();
    const writes = this.#core.step() as Write[];
    if (writes.length === 0) {
      this.#act();
      this.#plan();
      return;
    }
    this.#writing = this.#write(writes).then(() => {
      this.#writing = undefined;
      if (!this.#ended) this.#act();
      this.wake();
    });
  }

  /** Writes what a step gave; if that can't be done, it is tried until it can. */
  async #write(writes: Write[]): Promise<void> {
    if (!this.#store) {
      this.#core.committed();
      return;
    }
    if (this.#failingSince !== undefined) {
      this.#keepForLater(writes);
      this.#core.storeFailed('earlier writes are not done');
      return;
    }
    try {
      await this.#store.commit(writes);
      this.#core.committed();
    } catch (error) {
      this.#core.storeFailed(String(error));
      this.#keepForLater(writes);
      this.#failingSince = performance.now();
      this.#failed(error);
    }
  }

  #keepForLater(writes: Write[]): void {
    for (const write of writes) this.#unwritten.set(`${write[0]} ${toHex(write[1])}`, write);
  }

  /** Tries again soon, unless that is no use. */
  #failed(error: unknown): void {
    if (error instanceof StoreLost) {
      this.#abandon(error);
      return;
    }
    const since = this.#failingSince;
    if (since !== undefined && performance.now() - since >= FAILURE_TIME) this.#listener.stalled();
    if (!this.#ended) this.#retry = setTimeout(() => void this.#writeAgain(), RETRY_TIME);
  }

  async #writeAgain(): Promise<void> {
    // More may come while this is written.
    while (this.#unwritten.size > 0) {
      const batch = [...this.#unwritten];
      try {
        await this.#store?.commit(batch.map(([, write]) => write));
      } catch (error) {
        this.#failed(error);
        return;
      }
      for (const [key, write] of batch) {
        if (this.#unwritten.get(key) === write) this.#unwritten.delete(key);
      }
    }
    if (this.#ended) return;
    this.#failingSince = undefined;
    this.#core.storeWorks();
    this.#listener.works();
    this.#act();
    this.wake();
  }

  /** The browser has closed the store: looks whether it is still there, also once what may go on is done. */
  async #checkStore(): Promise<void> {
    if (this.#isChecking) return;
    this.#isChecking = true;
    for (let found = 0; found < 2 && !this.#ended; ) {
      try {
        await this.#store?.check();
        found += 1;
      } catch (error) {
        if (error instanceof StoreLost) this.#abandon(error);
        found = 0;
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_TIME));
    }
    this.#isChecking = false;
  }

  #act(): void {
    for (const action of this.#core.takeActions() as Action[]) {
      switch (action[0]) {
        case 'dial':
          this.#dial(action[1], action[2]);
          break;
        case 'send':
          this.#send(action[1], action[2]);
          break;
        case 'close':
          this.#close(action[1]);
          break;
        case 'event':
          this.#listener.event(action[1]);
          break;
        case 'settled':
          this.#listener.settled(action[1], action[2]);
          break;
        case 'peers':
          // Lost, they are found again.
          this.#store?.set('peers', action[1]).catch(() => {});
          break;
      }
    }
  }

  #plan(): void {
    clearTimeout(this.#timer);
    const due = this.#core.due();
    if (due === undefined) return;
    const planned = Date.now() + due;
    this.#timer = setTimeout(() => {
      if (Date.now() - planned > SLEPT) this.#core.discover();
      this.wake();
    }, Math.min(due, 60_000));
  }

  #dial(id: number, address: string): void {
    let socket: WebSocket;
    try {
      socket = new WebSocket(this.#addresses.url(address));
    } catch {
      // An address that no browser dials.
      this.#gone(id);
      return;
    }
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => {
      this.#core.opened(id, random());
      this.#act();
      this.wake();
    };
    socket.onmessage = ({ data }) => {
      // Text is nothing that a node says.
      if (!(data instanceof ArrayBuffer)) return this.#gone(id);
      this.#core.received(id, new Uint8Array(data));
      this.wake();
    };
    socket.onclose = () => this.#gone(id);
    this.#sockets.set(id, socket);
  }

  #send(id: number, frame: Uint8Array<ArrayBuffer>): void {
    const socket = this.#sockets.get(id);
    if (socket?.readyState === WebSocket.OPEN) socket.send(frame);
  }

  /** Closes a socket that the core has forgotten. */
  #close(id: number): void {
    const socket = this.#sockets.get(id);
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
    this.#sockets.delete(id);
    this.#congested.delete(id);
  }

  /** A socket is gone, and the core shall know. */
  #gone(id: number): void {
    this.#close(id);
    this.#core.closed(id);
    this.wake();
  }

  /** Looks which peers drain what they are sent. */
  #look(): void {
    const now = performance.now();
    for (const [id, { bufferedAmount }] of this.#sockets) {
      const since = this.#congested.get(id);
      if (bufferedAmount < CONGESTED) {
        if (since === undefined) continue;
        this.#congested.delete(id);
        this.#core.setCongested(id, false);
      } else if (since === undefined) {
        this.#congested.set(id, now);
        this.#core.setCongested(id, true);
      } else if (now - since > STALL_TIME) {
        this.#gone(id);
      }
    }
  }
}

/** Resolves when the sockets have sent everything, or have had time enough. */
async function drained(sockets: WebSocket[]): Promise<void> {
  const late = performance.now() + GOODBYE_TIME;
  const waits = (): boolean => sockets.some((socket) => socket.readyState !== WebSocket.CLOSED);
  while (waits() && performance.now() < late) await new Promise((resolve) => setTimeout(resolve, 10));
}
