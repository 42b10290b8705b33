import { InvalidValueError } from './errors.js';
import { type Setting, native } from './native.js';

/** How a node reaches its peers. Each option outranks its environment variable. */
export interface P2POptions {
  /** `P2P_PORT`, 3000: where peers connect; 0 is any free port. */
  port?: number | undefined;
  /** `P2P_HOST`, `0.0.0.0`: the address to listen on. */
  host?: string | undefined;
  /** `DISCOVERY_MDNS`, true: find nodes on the local network, and be found. */
  enableMDNS?: boolean | undefined;
  /** `DISCOVERY_GRENACHE`, true: find nodes at a Grape, and be found. */
  enableGrenache?: boolean | undefined;
  /** `DISCOVERY_PEER_EXCHANGE`, true: tell peers about peers, and believe them. */
  enablePeerExchange?: boolean | undefined;
  /** `BOOTSTRAP_PEERS`: addresses to dial, as `host:port`. */
  bootstrapPeers?: readonly string[] | undefined;
  /** `USE_WELL_KNOWN_NODES`, true: dial the well-known nodes of the network (`NETWORK`) too. */
  useWellKnownNodes?: boolean | undefined;
  /** `PEER_STORAGE_PATH`, `.peers.json`: the file of known peers. */
  peerStoragePath?: string | undefined;
}

/** All optional. Each outranks its environment variable, which outranks the default. */
export interface ExchangeClientOptions {
  /** Whose orders are; a random UUID if absent. */
  userId?: string | undefined;
  /** `EXCHANGE_PAIR`, `BTC/USD`: what is traded. */
  pair?: string | undefined;
  /** `GRAPE_URL`, `http://127.0.0.1:30001`: the HTTP API of a Grape, or several, comma-separated. */
  grapeUrl?: string | undefined;
  p2p?: P2POptions | undefined;
  /** The same as `pair`, which outranks it. */
  exchange?: { pair?: string | undefined } | undefined;
  /** The same as `grapeUrl`, which outranks it. */
  grenache?: { url?: string | undefined } | undefined;
  /**
   * `MESHBOOK_DATA_DIR`: where the node keeps its key, its orders and its trades, to go on from there.
   * If absent it is `.meshbook-PORT`. With `null`, or on port 0 where none is named, nothing is kept: the node
   * is another one each time, and its open orders end with it.
   */
  dataDir?: string | null | undefined;
}

type Kind = 'string' | 'boolean' | 'number' | 'list';

/** The option, its variable, what type it has, and where it stands, the first place first. */
const OPTIONS: [variable: string, kind: Kind, ...places: string[]][] = [
  ['USER_ID', 'string', 'userId'],
  ['EXCHANGE_PAIR', 'string', 'pair', 'exchange.pair'],
  ['GRAPE_URL', 'string', 'grapeUrl', 'grenache.url'],
  ['MESHBOOK_DATA_DIR', 'string', 'dataDir'],
  ['P2P_PORT', 'number', 'p2p.port'],
  ['P2P_HOST', 'string', 'p2p.host'],
  ['DISCOVERY_MDNS', 'boolean', 'p2p.enableMDNS'],
  ['DISCOVERY_GRENACHE', 'boolean', 'p2p.enableGrenache'],
  ['DISCOVERY_PEER_EXCHANGE', 'boolean', 'p2p.enablePeerExchange'],
  ['BOOTSTRAP_PEERS', 'list', 'p2p.bootstrapPeers'],
  ['USE_WELL_KNOWN_NODES', 'boolean', 'p2p.useWellKnownNodes'],
  ['PEER_STORAGE_PATH', 'string', 'p2p.peerStoragePath'],
];

/** What is allowed where the type is wrong already. Whether a text is allowed, the core says. */
const ALLOWED: Record<Kind, string> = {
  string: 'a string',
  boolean: 'true or false',
  number: 'a whole number',
  list: 'an array of strings like 192.168.1.100:3000',
};

/** What a client is to be, as the native part takes it. */
export function settings(options: ExchangeClientOptions): Setting[] {
  if (typeof options !== 'object' || options === null) {
    throw new InvalidValueError('options', String(options), 'an object');
  }
  const settings: Setting[] = [];
  for (const [name, kind, ...places] of OPTIONS) {
    for (const option of places) {
      const value = look(options, option);
      if (value === undefined || value === null) continue;
      settings.push({ name, text: text(option, kind, value), option });
      break;
    }
  }
  return settings;
}

/** The variables that a client reads, as they are now. */
export function environment(): Record<string, string> {
  const env: Record<string, string> = {};
  for (const name of native.variables()) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  return env;
}

function look(options: object, option: string): unknown {
  let value: unknown = options;
  let path = '';
  for (const name of option.split('.')) {
    if (value === undefined || value === null) return undefined;
    if (typeof value !== 'object') throw new InvalidValueError(path, shown(value), 'an object');
    path = path === '' ? name : `${path}.${name}`;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

/** Texts pass for what they spell, as they do in the environment. */
function text(option: string, kind: Kind, value: unknown): string {
  if (kind === 'list') {
    if (!Array.isArray(value)) throw new InvalidValueError(option, shown(value), ALLOWED.list);
    const odd = value.find((item) => typeof item !== 'string' || item.includes(','));
    if (odd !== undefined) throw new InvalidValueError(option, shown(odd), ALLOWED.list);
    return value.join(',');
  }
  if (typeof value !== 'string' && typeof value !== kind) {
    throw new InvalidValueError(option, shown(value), ALLOWED[kind]);
  }
  return String(value);
}

function shown(value: unknown): string {
  try {
    return typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
  } catch {
    return String(value);
  }
}
