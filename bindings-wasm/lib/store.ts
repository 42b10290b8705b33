import { type IDBPDatabase, type IDBPTransaction, openDB } from 'idb';
import { StartError } from './errors.js';
import { own } from './ownership.js';
import { random, toHex } from './random.js';

/** A change of a table: its name, the key, the value or nothing, and whether others know it too. @internal */
export type Write = [table: string, key: Uint8Array<ArrayBuffer>, value: Uint8Array<ArrayBuffer> | undefined, lazy: boolean];
/** @internal */
export type Entry = [table: string, key: Uint8Array, value: Uint8Array];

const TABLES = ['meta', 'orders', 'takes', 'fills', 'trades', 'proofs', 'others'];
/** Own trades that are read at a start, as many as a node remembers. Of others' it removes what it forgets. */
const TRADES = 10_000;
/** Everything that is not a table: the owner, the key and the peers. */
const SINGLE = 'node';
/** Where the tab stands that may write. */
const OWNER = 'owner';
const VERSION = 2;
/** Milliseconds that the browser has for anything. Some never answer once they have closed a database. */
const TIME_LIMIT = 5_000;

/** What is kept is gone for good, or not this tab's any more. @internal */
export class StoreLost extends Error {
  constructor(
    readonly code: 'STORAGE_LOST' | 'IN_USE',
    message: string,
  ) {
    super(message);
  }
}

/**
 * What a node keeps in IndexedDB. One tab, or worker, has it at a time; another one that takes it over leaves this
 * one unable to write. The browser may close the database at any moment: it is opened again then, and if it is not
 * what it was, everything fails with a {@link StoreLost}.
 *
 * @internal
 */
export class Store {
  /** Called when the browser has closed the database. */
  onclosed = (): void => {};
  readonly #name: string;
  readonly #release: () => void;
  readonly #owner = toHex(random());
  #db: IDBPDatabase | undefined;
  #opening: Promise<IDBPDatabase> | undefined;
  #isOver = false;

  private constructor(name: string, release: () => void) {
    this.#name = name;
    this.#release = release;
  }

  /** @throws StartError `IN_USE`, or `STORAGE_FAILED` */
  static async open(name: string): Promise<Store> {
    const release = await own(name);
    if (!release) {
      const message = `another tab runs the node ${JSON.stringify(name)}: one key is one node, in one tab at a time`;
      throw new StartError('IN_USE', message);
    }
    const store = new Store(name, release);
    try {
      store.#db = await store.#connect('create');
      await within(store.#db.put(SINGLE, store.#owner, OWNER));
      return store;
    } catch (error) {
      store.close();
      throw new StartError('STORAGE_FAILED', `the storage of this browser can't be used: ${String(error)}`, {
        cause: error,
      });
    }
  }

  async get<T>(key: string): Promise<T | undefined> {
    const db = await this.#connected();
    return (await within(db.get(SINGLE, key))) as T | undefined;
  }

  async set(key: string, value: unknown): Promise<void> {
    await this.#write([SINGLE], 'relaxed', (tx) => [tx.objectStore(SINGLE).put(value, key)]);
  }

  /** Everything that was written, but of the own trades only the newest. */
  async entries(): Promise<Entry[]> {
    const oldest = await this.#oldestTrade();
    const db = await this.#connected();
    const tx = db.transaction(TABLES);
    const tables = TABLES.map(async (table) => {
      const store = tx.objectStore(table);
      const range = table === 'trades' ? oldest : undefined;
      const [keys, values] = await Promise.all([store.getAllKeys(range), store.getAll(range)]);
      return keys.map((key, i): Entry => [table, new Uint8Array(key as ArrayBuffer), values[i] as Uint8Array]);
    });
    // Reading all of a large store takes a while.
    return (await within(Promise.all(tables), 6 * TIME_LIMIT)).flat();
  }

  /**
   * Writes all or nothing. What failed may have been written all the same, and may be written again.
   *
   * @throws StoreLost
   */
  async commit(writes: Write[]): Promise<void> {
    const tables = [...new Set(writes.map(([table]) => table))];
    const durability = writes.every(([, , , lazy]) => lazy) ? 'relaxed' : 'strict';
    await this.#write(tables, durability, (tx) =>
      writes.map(([table, key, value]) => {
        const store = tx.objectStore(table);
        return value ? store.put(value, key) : store.delete(key);
      }),
    );
  }

  /**
   * Whether the database is there, opened again if need be.
   *
   * @throws StoreLost
   */
  async check(): Promise<void> {
    const db = await this.#connected();
    this.#mustOwn(await within(db.get(SINGLE, OWNER)));
  }

  close(): void {
    this.#isOver = true;
    this.#drop();
    this.#release();
  }

  /** Once more at once if the browser had closed the database. */
  async #write(tables: string[], durability: IDBTransactionDurability, write: Writing): Promise<void> {
    try {
      await this.#writeOnce(tables, durability, write);
    } catch (error) {
      const isClosed = error instanceof DOMException && ['InvalidStateError', 'AbortError'].includes(error.name);
      if (!isClosed) throw error;
      await this.#writeOnce(tables, durability, write);
    }
  }

  async #writeOnce(tables: string[], durability: IDBTransactionDurability, write: Writing): Promise<void> {
    const db = await this.#connected();
    let tx: WriteTransaction | undefined;
    try {
      tx = db.transaction([...new Set([...tables, SINGLE])], 'readwrite', { durability });
      // If it is another one's, what follows is taken back with the transaction.
      const owned = tx.objectStore(SINGLE).get(OWNER).then((token) => this.#mustOwn(token));
      for (const promise of [owned, tx.done]) promise.catch(() => {});
      await within(Promise.all([owned, ...write(tx), tx.done]));
    } catch (error) {
      abort(tx);
      // Whatever is wrong with the connection, the next attempt has another one.
      this.#drop();
      throw error;
    }
  }

  #mustOwn(token: unknown): void {
    if (token === this.#owner) return;
    throw token === undefined ? gone() : new StoreLost('IN_USE', 'another tab has taken over this node');
  }

  async #connected(): Promise<IDBPDatabase> {
    if (this.#isOver) throw new Error('the store is closed');
    if (this.#db) return this.#db;
    this.#opening ??= this.#connect('keep').finally(() => {
      this.#opening = undefined;
    });
    const db = await this.#opening;
    if (this.#isOver) db.close();
    else this.#db = db;
    return db;
  }

  async #connect(how: 'create' | 'keep'): Promise<IDBPDatabase> {
    let isGone = false;
    const closed = (): void => {
      this.#drop();
      if (!this.#isOver) this.onclosed();
    };
    const opening = openDB(`meshbook-${this.#name}`, VERSION, {
      upgrade(db, version, _, tx) {
        isGone = how === 'keep' && version === 0;
        if (!isGone) {
          // Those that a page of an earlier version made stay as they are.
          for (const table of [...TABLES, SINGLE]) {
            if (!db.objectStoreNames.contains(table)) db.createObjectStore(table);
          }
          return;
        }
        // Nothing empty is left behind.
        tx.done.catch(() => {});
        tx.abort();
      },
      // Another tab is to change or remove it, and waits.
      blocking: closed,
      terminated: closed,
    });
    try {
      return await within(opening);
    } catch (error) {
      opening.then((late) => late.close(), () => {});
      if (isGone) throw gone();
      if (error instanceof DOMException && error.name === 'VersionError' && how === 'keep') {
        throw new StoreLost('STORAGE_LOST', 'a newer version of this page has taken over what this node keeps');
      }
      throw error;
    }
  }

  #drop(): void {
    this.#db?.close();
    this.#db = undefined;
  }

  /** From which own trade on they are read. Their keys begin with their time. */
  async #oldestTrade(): Promise<IDBKeyRange | undefined> {
    const db = await this.#connected();
    const { store } = db.transaction('trades');
    const excess = (await within(store.count())) - TRADES;
    if (excess <= 0) return undefined;
    const cursor = await within(store.openKeyCursor());
    const first = cursor && (await within(cursor.advance(excess)));
    return first ? IDBKeyRange.lowerBound(first.key) : undefined;
  }
}

/** Makes its requests at once, so that the transaction goes on. */
type Writing = (tx: WriteTransaction) => Promise<unknown>[];
type WriteTransaction = IDBPTransaction<unknown, string[], 'readwrite'>;

function gone(): StoreLost {
  const message = "this browser has removed this site's data, and with it the key and the orders of this node";
  return new StoreLost('STORAGE_LOST', message);
}

function abort(tx: WriteTransaction | undefined): void {
  try {
    tx?.abort();
  } catch {
    // It is over.
  }
}

/** The promise's outcome, or a failure if it takes too long. */
async function within<T>(promise: Promise<T>, limit: number = TIME_LIMIT): Promise<T> {
  let late: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_, reject) => {
    late = setTimeout(() => reject(new Error(`the browser's storage did not answer within ${limit / 1000} s`)), limit);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(late);
  }
}
