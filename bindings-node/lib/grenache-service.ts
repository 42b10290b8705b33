import { randomUUID } from 'node:crypto';
import { inspect, type InspectOptions } from 'node:util';
import { type Failure, InvalidValueError, MeshbookError, StartError, invalid, isFailure } from './errors.js';
import { type BreakerView, type NativeGrenache, native } from './native.js';
import { environment } from './options.js';
import { knowsItself, refusesCopies, throughProxies } from './raw.js';
import type { Distribution, VectorClock } from './types.js';

/** Called with what another node sent, and its vector clock. What it throws is answered as a failure. */
export type GrenacheHandler = (payload: any, vectorClock: VectorClock) => void;

/** `getCircuitBreakerStatus()`. */
export interface CircuitBreakerStatus {
  /** `open`: Grapes are left alone; `half-open`: the next request decides. */
  state: 'closed' | 'open' | 'half-open';
  isOpen: boolean;
  /** Failures in a row. */
  failureCount: number;
  /** Failures in a row that open it (`CIRCUIT_BREAKER_FAILURE_THRESHOLD`). */
  failureThreshold: number;
  /** Milliseconds until a request is allowed again; at most `CIRCUIT_BREAKER_RESET_TIMEOUT_MS`. */
  retryIn: number;
  /** What went wrong last. */
  lastError: string | null;
}

/** `getCircuitBreakerMetrics()`: requests to Grapes. */
export interface CircuitBreakerMetrics {
  totalRequests: number;
  successfulRequests: number;
  failedRequests: number;
  /** Not made, because the breaker was open. */
  rejectedRequests: number;
}

/** A message of the RPC. */
interface Message {
  id: string;
  type: 'order' | 'trade';
  fromNode: string;
  payload: unknown;
  vectorClock: VectorClock;
  timestamp: number;
}

/** The most nodes in a vector clock: whoever sends messages makes names up. */
const NODES = 1000;

/**
 * The peer RPC of Grenache, usable without a node: orders and trades, unsigned, to whoever announces
 * `p2p_exchange` at a Grape.
 */
export class GrenacheService {
  readonly #native: NativeGrenache;
  readonly #nodeId = randomUUID();
  readonly #handlers = { order: new Set<GrenacheHandler>(), trade: new Set<GrenacheHandler>() };
  readonly #clock = new Map<string, number>([[this.#nodeId, 0]]);
  #start: Promise<Failure | null> | undefined;
  #isInitialized = false;
  #end: Promise<void> | undefined;

  /** @throws InvalidValueError */
  constructor(grapeUrl: string = 'http://127.0.0.1:30001') {
    knowsItself(this);
    refusesCopies(this, 'GrenacheService', 'it has a port of its own; make a service where it is needed');
    if (typeof grapeUrl !== 'string') {
      throw new InvalidValueError('grapeUrl', String(grapeUrl), 'a string like http://127.0.0.1:30001');
    }
    const service = native.createGrenache(grapeUrl, environment());
    if (isFailure(service)) throw invalid(service);
    this.#native = service;
  }

  /** This service's name among others; a random UUID. */
  get nodeId(): string {
    return this.#nodeId;
  }

  /** What it announces, and looks for. */
  get serviceName(): 'p2p_exchange' {
    return 'p2p_exchange';
  }

  /** Whether it takes messages. */
  get isInitialized(): boolean {
    return this.#isInitialized;
  }

  /**
   * Opens a port and announces it about once a second. A second call does nothing. A Grape that can't be
   * reached is no failure: the circuit breaker tells of it.
   *
   * @throws StartError
   */
  async initialize(): Promise<void> {
    if (this.#end) throw new StartError('SHUTTING_DOWN', 'the service was destroyed');
    this.#start ??= this.#native.initialize((text) => this.#answer(text));
    const failure = await this.#start;
    if (failure) {
      this.#start = undefined;
      throw new StartError(failure.code, failure.message);
    }
    this.#isInitialized = this.#end === undefined;
  }

  addOrderHandler(handler: GrenacheHandler): void {
    this.#handlers.order.add(handler);
  }

  removeOrderHandler(handler: GrenacheHandler): void {
    this.#handlers.order.delete(handler);
  }

  addTradeHandler(handler: GrenacheHandler): void {
    this.#handlers.trade.add(handler);
  }

  removeTradeHandler(handler: GrenacheHandler): void {
    this.#handlers.trade.delete(handler);
  }

  /**
   * Sends an order to up to ten peers, with a time limit of 5 s. `distributedTo` has the ids of those that
   * took it, `failedTo` the addresses of the others.
   */
  async distributeOrder(order: object): Promise<Distribution> {
    return this.#send('order', order);
  }

  /** Sends a trade to up to ten peers. False if none of them took it. */
  async broadcastTrade(trade: object): Promise<boolean> {
    return (await this.#send('trade', trade)).success;
  }

  /** How many messages this service knows of each one, itself included. */
  getVectorClock(): VectorClock {
    return Object.fromEntries(this.#clock);
  }

  getCircuitBreakerStatus(): CircuitBreakerStatus {
    const { state, failures, threshold, openFor, lastError }: BreakerView = this.#native.breaker();
    return {
      state,
      isOpen: state === 'open',
      failureCount: failures,
      failureThreshold: threshold,
      retryIn: openFor,
      lastError: lastError ?? null,
    };
  }

  getCircuitBreakerMetrics(): CircuitBreakerMetrics {
    const { requests, successes, failed, rejected } = this.#native.breaker();
    return {
      totalRequests: requests,
      successfulRequests: successes,
      failedRequests: failed,
      rejectedRequests: rejected,
    };
  }

  /** Closes the circuit breaker: Grapes are asked again at once. */
  resetCircuitBreaker(): void {
    this.#native.resetBreaker();
  }

  /** Closes the port and ends all that runs. A second call does nothing more. */
  destroy(): Promise<void> {
    this.#isInitialized = false;
    this.#end ??= this.#native.shutdown();
    return this.#end;
  }

  /** What JSON shows of a service. */
  toJSON(): { nodeId: string; serviceName: string; isInitialized: boolean } {
    const { nodeId, serviceName, isInitialized } = this;
    return { nodeId, serviceName, isInitialized };
  }

  /** @internal */
  [inspect.custom](_depth: number, options: InspectOptions): string {
    return `GrenacheService ${inspect(this.toJSON(), options)}`;
  }

  async #send(type: Message['type'], payload: object): Promise<Distribution> {
    if (!this.#isInitialized) throw new MeshbookError('NOT_INITIALIZED', 'Grenache service not initialized');
    this.#clock.set(this.#nodeId, (this.#clock.get(this.#nodeId) ?? 0) + 1);
    const message: Message = {
      id: randomUUID(),
      type,
      fromNode: this.#nodeId,
      payload,
      vectorClock: this.getVectorClock(),
      timestamp: Date.now(),
    };
    const sent = await this.#native.send(JSON.stringify(message));
    // Whoever sends can't help it that a Grape is away: nobody got it.
    if (isFailure(sent)) return { success: false, distributedTo: [], failedTo: [] };
    const distributedTo: string[] = [];
    const failedTo: string[] = [];
    for (const { address, answer } of sent) {
      const { success, nodeId } = read(answer) as { success?: unknown; nodeId?: unknown };
      if (nodeId === this.#nodeId) continue;
      if (success === true) distributedTo.push(typeof nodeId === 'string' ? nodeId : address);
      else failedTo.push(address);
    }
    return { success: distributedTo.length > 0, distributedTo, failedTo };
  }

  /** What is answered to a message. */
  #answer(text: string): string {
    const reply = (success: boolean, message: string): string =>
      JSON.stringify({ success, nodeId: this.#nodeId, message });
    const { type, fromNode, payload, vectorClock } = read(text) as Partial<Message>;
    if (typeof fromNode !== 'string' || typeof payload !== 'object' || payload === null) {
      return reply(false, 'no message: fromNode and payload are needed');
    }
    if (type !== 'order' && type !== 'trade') {
      return reply(false, `type ${JSON.stringify(type)} is not allowed: order or trade`);
    }
    if (fromNode === this.#nodeId) return reply(true, 'an own message');
    const clock = this.#merge(vectorClock);
    try {
      for (const handler of [...this.#handlers[type]]) handler(payload, clock);
      return reply(true, `${type} received`);
    } catch (error) {
      return reply(false, error instanceof Error ? error.message : String(error));
    }
  }

  /** Takes the greater of each; gives what of it is a clock. */
  #merge(clock: unknown): VectorClock {
    const valid: [string, number][] = [];
    if (typeof clock === 'object' && clock !== null) {
      for (const [node, n] of Object.entries(clock).slice(0, NODES)) {
        if (typeof n === 'number' && Number.isSafeInteger(n) && n >= 0) valid.push([node, n]);
      }
    }
    for (const [node, n] of valid) {
      const known = this.#clock.get(node);
      if (known === undefined ? this.#clock.size < NODES : n > known) this.#clock.set(node, n);
    }
    return Object.fromEntries(valid);
  }
}

throughProxies(GrenacheService.prototype);

/** What is in a JSON text, if that is an object. */
function read(text: string | undefined): object {
  try {
    const value: unknown = JSON.parse(text ?? '');
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

export default GrenacheService;
