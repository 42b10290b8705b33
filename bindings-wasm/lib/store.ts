import { type IDBPDatabase, openDB } from 'idb';
import { StartError } from './errors.js';

/** A change of a table: its name, the key, the value or nothing, and whether others know it too. @internal */
export type Write = [table: string, key: Uint8Array<ArrayBuffer>, value: Uint8Array<ArrayBuffer> | undefined, lazy: boolean];
/** @internal */
export type Entry = [table: string, key: Uint8Array, value: Uint8Array];

const TABLES = ['meta', 'orders', 'takes', 'fills', 'trades', 'proofs'];
/** Trades that are kept: as many as a node remembers. */
const TRADES = 20_000;
/** Everything that is not a table: the key and the peers. */
const SINGLE = 'node';

/** What a node keeps in IndexedDB. One tab, or worker, has it at a time. @internal */
export class Store {
  readonly #db: IDBPDatabase;
  readonly #release: () => void;

  private constructor(db: IDBPDatabase, release: () => void) {
    this.#db = db;
    this.#release = release;
  }

  /** @throws StartError `IN_USE`, or `STORAGE_FAILED` */
  static async open(name: string): Promise<Store> {
    const release = await own(name);
    try {
      const db = await openDB(`meshbook-${name}`, 1, {
        upgrade(db) {
          for (const table of [...TABLES, SINGLE]) db.createObjectStore(table);
        },
      });
      return new Store(db, release);
    } catch (error) {
      release();
      throw new StartError('STORAGE_FAILED', `the storage of this browser can't be used: ${String(error)}`, {
        cause: error,
      });
    }
  }

  async get<T>(key: string): Promise<T | undefined> {
    return (await this.#db.get(SINGLE, key)) as T | undefined;
  }

  async set(key: string, value: unknown): Promise<void> {
    await this.#db.put(SINGLE, value, key);
  }

  /** Everything that was written, but of the trades only the newest. */
  async entries(): Promise<Entry[]> {
    await this.#forgetOldTrades();
    const tx = this.#db.transaction(TABLES);
    const tables = TABLES.map(async (table) => {
      const store = tx.objectStore(table);
      const [keys, values] = await Promise.all([store.getAllKeys(), store.getAll()]);
      return keys.map((key, i): Entry => [table, new Uint8Array(key as ArrayBuffer), values[i] as Uint8Array]);
    });
    return (await Promise.all(tables)).flat();
  }

  /** Writes all or nothing. */
  async commit(writes: Write[]): Promise<void> {
    const tables = [...new Set(writes.map(([table]) => table))];
    const durability = writes.every(([, , , lazy]) => lazy) ? 'relaxed' : 'strict';
    const tx = this.#db.transaction(tables, 'readwrite', { durability });
    const done = writes.map(([table, key, value]) => {
      const store = tx.objectStore(table);
      return value ? store.put(value, key) : store.delete(key);
    });
    await Promise.all([...done, tx.done]);
  }

  close(): void {
    this.#db.close();
    this.#release();
  }

  /** Their keys begin with their time. */
  async #forgetOldTrades(): Promise<void> {
    const tx = this.#db.transaction('trades', 'readwrite');
    const excess = (await tx.store.count()) - TRADES;
    if (excess > 0) {
      const last = (await tx.store.getAllKeys(null, excess)).at(-1);
      if (last !== undefined) await tx.store.delete(IDBKeyRange.upperBound(last));
    }
    await tx.done;
  }
}

/** Takes the name for this tab; gives how to give it back. */
async function own(name: string): Promise<() => void> {
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const got = await new Promise<boolean>((resolve, reject) => {
    const owning = navigator.locks.request(`meshbook-${name}`, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock ? held : undefined;
    });
    owning.catch(reject);
  });
  if (!got) {
    const message = `another tab runs the node ${JSON.stringify(name)}: one key is one node, in one tab at a time`;
    throw new StartError('IN_USE', message);
  }
  return release;
}
