import { existsSync } from 'node:fs';
import path from 'node:path';
import { type Failure, MeshbookError } from './errors.js';

/** An order in the words of the native part: decimals are texts. */
export interface NativeOrder {
  id: string;
  userId: string;
  side: 'buy' | 'sell';
  amount: string;
  filled: string;
  /** Absent for a market order. */
  price?: string;
  status: 'pending' | 'partial' | 'filled' | 'cancelled';
  timestamp: number;
  pair: string;
}

export interface NativeTrade {
  id: string;
  buyOrderId: string;
  sellOrderId: string;
  amount: string;
  price: string;
  timestamp: number;
  takerSide: 'buy' | 'sell';
  unsigned: boolean;
}

export interface NativeLevel {
  price: string;
  amount: string;
  count: number;
  unsigned?: string;
}

export interface NativeBookView {
  pair: string;
  timestamp: number;
  bids: NativeLevel[];
  asks: NativeLevel[];
}

export interface NativePlaced {
  orderId: string;
  trades: NativeTrade[];
  remainingOrder?: NativeOrder;
  distribution: { success: boolean; distributedTo: string[]; failedTo: string[] };
}

export interface NativeEvent {
  type: string;
  trade?: NativeTrade;
  own?: boolean;
  order?: NativeOrder;
  bid?: string;
  ask?: string;
  peer?: string;
  address?: string;
  reason?: string;
  missed?: number;
  code?: string;
  message?: string;
}

export interface NativeSize {
  orders: number;
  bidLevels: number;
  askLevels: number;
  trades: number;
}

/** An order for the native part. */
export interface Wish {
  side: string;
  amount: string;
  price?: string;
  type?: string;
  timeInForce?: string;
  userId?: string;
  lifetime?: number;
}

export interface NativeBest {
  bid?: string;
  ask?: string;
  spread?: string;
}

export interface NativeClient {
  initialize(): Promise<Failure | null>;
  shutdown(): Promise<void>;
  place(wish: Wish): Promise<NativePlaced | Failure>;
  cancel(orderId: string): Failure | null;
  orderBook(depth: number): NativeBookView;
  best(): NativeBest;
  userOrders(): NativeOrder[];
  orderHistory(): NativeOrder[];
  order(orderId: string): NativeOrder | null;
  trades(most: number): NativeTrade[];
  bookSize(): NativeSize;
  clocks(): Record<string, number>;
  p2pStats(): import('./types.js').P2PStats;
  follow(callback: (events: NativeEvent[]) => void): void;
  readonly nodeId: string | null;
  readonly userId: string;
  readonly pair: string;
  readonly grapeUrls: string[];
  readonly isInitialized: boolean;
}

export interface NativeBook {
  user(userId: string): number;
  forgetUsers(): void;
  add(userAndSide: number, terms: string, now: number): string;
  orderPrefix(): string;
  tradePrefix(): string;
  cancel(id: string): boolean;
  order(id: string): NativeOrder | null;
  userOrders(userId: string): NativeOrder[];
  trades(most: number): NativeTrade[];
  orderBook(depth: number, now: number): NativeBookView;
  best(): NativeBest;
  size(): NativeSize;
  latency(): { average: number; most: number; least: number };
  readonly taken: number;
  readonly pair: string;
}

export interface BreakerView {
  state: 'closed' | 'open' | 'half-open';
  failures: number;
  threshold: number;
  openFor: number;
  requests: number;
  successes: number;
  failed: number;
  rejected: number;
  lastError?: string;
}

export interface NativeGrenache {
  initialize(answer: (text: string) => string): Promise<Failure | null>;
  send(message: string): Promise<{ address: string; answer?: string; error?: string }[] | Failure>;
  breaker(): BreakerView;
  resetBreaker(): void;
  shutdown(): Promise<void>;
  readonly port: number;
}

export interface Setting {
  name: string;
  text: string;
  option: string;
}

export interface Native {
  variables(): string[];
  hasFaultSwitch(): boolean;
  createClient(settings: Setting[], env: Record<string, string>, keep: boolean): NativeClient | Failure;
  createBook(pair: string, env: Record<string, string>): NativeBook | Failure;
  createGrenache(grapeUrl: string, env: Record<string, string>): NativeGrenache | Failure;
  run(args: string[]): Promise<number>;
  envFile(): { name: string; text: string }[] | Failure;
}

/** Builds that fit this machine, as they are named. On Linux the wrong one of two fails to load. */
function builds(): string[] {
  const { platform, arch } = process;
  switch (platform) {
    case 'linux':
      return [`linux-${arch}-gnu`, `linux-${arch}-musl`];
    case 'win32':
      return [`win32-${arch}-msvc`];
    default:
      return [`${platform}-${arch}`];
  }
}

function load(): Native {
  const problems: string[] = [];
  for (const build of builds()) {
    // What was built here, then what was installed.
    const own = path.join(__dirname, '..', `meshbook.${build}.node`);
    for (const place of existsSync(own) ? [own] : [`@meshbook/${build}`]) {
      try {
        return require(place) as Native;
      } catch (error) {
        const [first] = String(error instanceof Error ? error.message : error).split('\n');
        problems.push(`${place}: ${first}`);
      }
    }
  }
  const message =
    `meshbook has no native part for ${process.platform} on ${process.arch} here. It is one of this package's ` +
    `optional dependencies: install without --omit=optional, or build it with Rust (npm run build).\n${problems.join('\n')}`;
  throw new MeshbookError('NO_NATIVE', message);
}

export const native: Native = load();
